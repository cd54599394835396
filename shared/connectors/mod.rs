//! Room: connectors.

pub mod xero;
