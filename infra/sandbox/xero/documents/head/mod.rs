//! The head of a document: contact, day, currency, lines, sums. Quotes, purchase orders, invoices, credit notes, bank
//! transactions, what these pay ahead, and repeating invoices all have one, and say themselves only in what they
//! differ.

mod contact;
mod rules;
mod shape;

pub use shape::Head;

pub(crate) use contact::{NO_CONTACT, known_contact, mark_contact};
pub(crate) use rules::{
    LONGEST_TEXT, day, find, line_amount_types, other_type, rate, sent_id, url_problem, wanted,
};
pub(crate) use shape::{FIELDS, Headed, Row, contact_key, number_key};
