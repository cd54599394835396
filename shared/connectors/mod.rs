//! Room: connectors.
