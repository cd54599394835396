//! Room: connectors.

pub mod salesforce;
pub mod xero;
