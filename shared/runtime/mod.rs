//! The only room that reads the environment and the clock, and chooses adapters.

#[cfg(feature = "aws")]
pub mod aws_stack;
pub mod catalog;
pub mod engine;
pub mod events;
#[cfg(feature = "embedded")]
pub mod fast_clock;
mod guarded_names;
pub mod handlers;
pub mod http_client;
#[cfg(feature = "aws")]
pub mod lambda;
#[cfg(feature = "embedded")]
pub mod local_machine;
#[cfg(feature = "embedded")]
pub mod local_stack;
pub mod pump;
#[cfg(feature = "aws")]
pub mod settings;
pub mod system_clock;
pub mod system_random;
