//! The only room that reads the environment and the clock, and chooses adapters.

pub mod http_client;
pub mod system_clock;
pub mod system_random;
