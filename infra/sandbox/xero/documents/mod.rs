//! What is written in the books: a file or a folder for each kind, its row is in `endpoints.rs`.
//!
//! The kind's file has how it is read over the API, its folder the shape and the rules of writing. What
//! several kinds share: `head` (contact, day, currency, sums), `lines`, `tax`, `claims` (what is owed until it is
//! paid), `settlement` (by what it is).

pub(crate) mod advance;
pub(crate) mod bank_transactions;
pub(crate) mod bank_transfers;
pub(crate) mod batch_payments;
pub(crate) mod claims;
pub(crate) mod contacts;
pub(crate) mod credit_notes;
pub(crate) mod head;
pub(crate) mod invoices;
pub(crate) mod lines;
pub(crate) mod manual_journals;
pub(crate) mod overpayments;
pub(crate) mod payments;
pub(crate) mod postings;
pub(crate) mod prepayments;
pub(crate) mod purchase_orders;
pub(crate) mod quotes;
pub(crate) mod repeating_invoices;
pub(crate) mod settlement;
pub(crate) mod stock;
pub(crate) mod tax;
