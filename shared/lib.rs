//! Counterfoil.

pub mod domain;
pub mod expression;
