//! Room: flow.

pub mod file;
pub mod unpolled;

#[cfg(test)]
mod made_up;
