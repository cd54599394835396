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
mod each;
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

pub(super) use expressions::is_path;
pub use problem::Problem;
pub use read::{MAX_BYTES, Reading, check, read};

/// The file as an editor's YAML reads it, for comparing the reader with the published schema.
#[cfg(test)]
pub(super) fn json_of(text: &str) -> Option<crate::domain::Value> {
    fn plain(node: &tree::Node) -> crate::domain::Value {
        match &node.kind {
            tree::Kind::Scalar(scalar) if scalar.style == tree::Style::Absent => crate::domain::Value::Null,
            tree::Kind::Scalar(scalar) => scalar::value_of(scalar),
            tree::Kind::List(nodes) => nodes.iter().map(plain).collect(),
            tree::Kind::Map(entries) => {
                entries.iter().map(|entry| (entry.name.clone(), plain(&entry.value))).collect()
            }
        }
    }
    tree::parse(text).ok().map(|(root, _)| plain(&root))
}

#[cfg(test)]
mod tests;
