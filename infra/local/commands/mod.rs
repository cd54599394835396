//! One file for each command: what can be said, and what is done for it.

pub(crate) mod bench;
pub(crate) mod catalog;
pub(crate) mod connection;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod flow;
pub(crate) mod link;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod up;
