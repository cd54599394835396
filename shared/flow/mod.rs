//! Room: flow.

pub mod file;
pub mod schema;
pub mod unpolled;

#[cfg(test)]
mod made_up;
