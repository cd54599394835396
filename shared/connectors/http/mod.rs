//! Any server that speaks HTTP: `http.poll`, the way from one page to the next, and which addresses may be called.

pub mod guard;
mod link;
pub mod networks;
mod options;
mod poll;

pub use poll::HttpPoll;
