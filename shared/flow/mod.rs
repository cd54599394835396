//! The product, one file per arrow: receive, wake, poll, claim, walk, gate, settle, recover, rerun, keep, notify.
//!
//! It knows ports and the catalog; it names no provider, no AWS and no SQLite.

pub mod account;
pub mod answers;
pub mod backfill;
pub mod budget;
mod care;
pub mod claim;
pub mod compile;
pub mod connect;
pub mod connections;
pub mod consent;
pub mod disconnect;
pub mod dispatch;
mod error;
pub mod file;
pub mod flows;
mod fresh;
pub mod gate;
pub mod grant;
pub mod health;
pub mod hear;
pub mod keep;
mod kinds;
pub mod lifecycle;
pub mod links;
pub mod look;
pub mod notify;
pub mod page;
pub mod poll;
pub mod preview;
pub mod receive;
pub mod recover;
pub mod refresh;
pub mod rehearse;
pub mod rerun;
mod retire;
pub mod rows;
pub mod run;
pub mod schema;
pub mod scopes;
pub mod settle;
pub mod stack;
pub mod transitions;
pub mod trial;
pub mod unpolled;
pub mod wake;
pub mod walk;

#[cfg(test)]
mod made_up;

pub use error::{FlowError, fault_of};
pub use stack::Stack;
