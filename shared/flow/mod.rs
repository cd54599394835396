//! Room: flow.

pub mod file;
