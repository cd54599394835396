//! What people do inside Xero, and what tests look at: no limits, no app.
//!
//! `Ledger` is one organisation's handle. Documents made here carry no `created_by`. Some of it can be done over
//! `/_sandbox/` too (`control.rs`).

mod contacts;
mod control;
mod documents;
mod ledger;
mod settings;

pub use ledger::{Ledger, NotTaken};
pub use settings::Standing;

pub(crate) use control::router as controls;
