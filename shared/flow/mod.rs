//! Room: flow.

pub mod file;
mod kinds;
pub mod schema;
pub mod unpolled;

#[cfg(test)]
mod made_up;
