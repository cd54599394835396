//! What remains if AWS, Salesforce and Xero vanish: ids, keys, events, flows, runs, effects, outcomes.
//!
//! Nothing here is async, reads a clock, the environment or the network, or can fail for outside reasons.

pub mod connection;
pub mod effect;
pub mod event;
pub mod flow;
pub mod ids;
pub mod link;
pub mod money;
pub mod outcome;
pub mod record_id;
pub mod run;
pub mod shape;
pub mod time;

/// A record, a document, a step's result. Numbers keep the decimal text that they were written with
/// (`serde_json` with `arbitrary_precision`), so that money never passes through a float.
pub type Value = serde_json::Value;
/// An object of [`Value`]s, in the order in which it was written.
pub type Object = serde_json::Map<String, serde_json::Value>;
