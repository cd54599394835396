//! A provider's manners, a room each; `http` is any server's. They don't know each other, and only `runtime` names them.

pub mod http;
pub mod salesforce;
pub mod xero;
