//! Reading a flow file: YAML or JSON text becomes a [`Flow`](crate::domain::flow::Flow), or a list of everything
//! that is wrong with it, each with its line, its column and what was probably meant.
//!
//! It works offline: it knows the catalog, not the connections. Fields of the user's org and accounts of the
//! user's books are checked later, against the connection. It reads no file by itself: the caller gives the text,
//! and a loader for the CSV tables beside it. Called by `flow check`, `flow push`, `flow test` and the console.
//!
//! text -> [`tree`] (located nodes) -> [`read`](read()) (the grammar) -> [`fit`] (inputs against the action's
//! schema) -> [`expressions`] (syntax, and what they refer to).

mod action;
mod advice;
mod changed;
mod expressions;
mod fields;
mod fit;
mod problem;
mod read;
mod scalar;
mod step;
mod table;
mod tree;
mod trigger;

pub use problem::Problem;
pub use read::{MAX_BYTES, Reading, check, read};

#[cfg(test)]
mod tests;
