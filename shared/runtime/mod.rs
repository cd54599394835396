//! The only room that reads the environment and the clock, and chooses adapters.

pub mod catalog;
pub mod engine;
pub mod http_client;
#[cfg(feature = "embedded")]
pub mod local_machine;
#[cfg(feature = "embedded")]
pub mod local_stack;
pub mod pump;
pub mod system_clock;
pub mod system_random;
