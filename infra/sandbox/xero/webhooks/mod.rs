//! Webhooks: apps are told, thinly, that something changed in an organisation that they are connected to.
//!
//! The way of an event: a document says of itself whether it is news (`news`), the change that stands is noticed
//! (`Webhooks::notice`, from the door and from people's entries), each app's `subscription` keeps it and says what
//! is due, `letter` writes and signs it, and the sandbox's sender posts it.
//! <https://developer.xero.com/documentation/webhooks/overview>

mod control;
mod letter;
mod news;
mod subscription;
mod switchboard;

pub(crate) use control::router as controls;
pub use news::Category;
pub(crate) use news::{Change, News};
pub use subscription::State;
pub(crate) use switchboard::{Kept, Webhooks};
