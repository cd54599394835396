//! The lines of a document, shared by every document that has some.

mod line;
mod packed;
mod rules;

pub use line::{Line, Tracking};
pub use packed::PackedLines;

pub(crate) use line::{as_json, discount, relabelled, with_ids_of};
pub(crate) use rules::{Terms, check_order, read_lines, read_tracking, settle, unusable};
