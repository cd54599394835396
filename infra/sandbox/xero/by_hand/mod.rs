//! What people do inside Xero, and what tests look at: no HTTP, no limits, no app.
//!
//! `Ledger` is one organisation's handle. Documents made here carry no `created_by`.

mod contacts;
mod documents;
mod ledger;
mod settings;

pub use ledger::{Ledger, NotTaken};
