//! The ports on one machine: table, queue, vault and outbox in one SQLite file, mail by SMTP.
//!
//! [`Embedded::open`] is the way in. It locks the data directory, so that one process at a time is the stack, and
//! begins a new epoch: what the process before it was doing is free at once. All writes go through one thread
//! that commits many of them together ([`writer`]); reads have connections of their own ([`readers`]). What people
//! search by is stored in clear, everything else sealed with the key of the vault ([`seal`]).
//!
//! Named by `runtime` and by tests only.

mod failure;
mod open;
mod outbox;
mod queue;
mod readers;
mod row;
mod schema;
mod seal;
mod smtp;
mod table;
mod vault;
mod writer;

#[cfg(test)]
mod tests;

pub use open::{Embedded, OpenError, Settings};
pub use outbox::{Mail, Outbox};
pub use queue::EmbeddedQueue;
pub use smtp::{SmtpError, SmtpMailer};
pub use table::{EmbeddedTable, Swept};
pub use vault::EmbeddedVault;
