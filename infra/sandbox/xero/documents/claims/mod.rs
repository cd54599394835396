//! Invoices, bills and credit notes are claims: one side owes the other a sum until it is settled. So is what was
//! paid ahead, which is born in bank transactions (`advance.rs`). What they all have besides a head is here, and how
//! those are written that people write.

mod claim;
mod rules;

pub use claim::{Claim, InvoiceStatus};

pub(crate) use claim::Claimed;
pub(crate) use rules::{Manner, Written, is_sale, save};
