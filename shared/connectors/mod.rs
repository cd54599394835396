//! Room: connectors.

pub mod salesforce;
