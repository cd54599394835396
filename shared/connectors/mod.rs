//! A provider's manners, a room each. The two don't know each other, and only `runtime` names them.

pub mod salesforce;
pub mod xero;
