//! What remains if AWS, Salesforce and Xero vanish.

pub mod money;
pub mod shape;
pub mod time;
