//! Counterfoil moves work between Salesforce and Xero: when this happens there, do that here.
//!
//! The rooms, and the one direction in which they may name each other:
//! `runtime -> flow -> ports, expression -> domain`; `aws`, `embedded` and `connectors` implement ports
//! and are named only by `runtime`. A test reads the sources and fails on an arrow that points back.

#[cfg(feature = "aws")]
pub mod aws;
pub mod connectors;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod expression;
pub mod flow;
pub mod ports;
pub mod runtime;
