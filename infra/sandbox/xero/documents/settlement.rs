//! What is owed and what is left: the documents that payments and allocations settle, seen alike.
//!
//! A document's own sums (`amount_paid`, `remaining_credit`, its status) follow from the payments and
//! allocations that name it; `refresh` is the only place that writes them.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::invoices::invoice::{InvoiceStatus, InvoiceType};
use super::payments::payment::Payment;
use super::postings;
use crate::xero::journal::{EntryBuilder, in_base};
use crate::xero::organisation::Organisation;
use crate::xero::parts::allocations::Allocation;
use crate::xero::settings::accounts::SystemAccount;

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Settled {
    pub(crate) kind: SettledKind,
    pub(crate) id: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum SettledKind {
    Invoice,
    CreditNote,
    Prepayment,
    Overpayment,
}

impl SettledKind {
    /// By its collection, e.g. `CreditNotes`.
    pub(crate) fn of_collection(key: &str) -> Option<Self> {
        match key {
            "Invoices" => Some(Self::Invoice),
            "CreditNotes" => Some(Self::CreditNote),
            "Prepayments" => Some(Self::Prepayment),
            "Overpayments" => Some(Self::Overpayment),
            _ => None,
        }
    }

    /// The word for one, as blocks and ids are named.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Invoice => "Invoice",
            Self::CreditNote => "CreditNote",
            Self::Prepayment => "Prepayment",
            Self::Overpayment => "Overpayment",
        }
    }
}

/// How it stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) is_sale: bool,
    pub(crate) contact: Uuid,
    pub(crate) number: String,
    pub(crate) date: Date,
    pub(crate) currency: String,
    pub(crate) rate: Decimal,
    pub(crate) total: Decimal,
    pub(crate) paid: Decimal,
    /// By allocations: to an invoice, or from a credit.
    pub(crate) allocated: Decimal,
    /// Authorised or paid: part of the books.
    pub(crate) stands: bool,
}

impl Standing {
    /// Still owed, or still to be used.
    pub(crate) fn open(&self) -> Decimal {
        self.total - self.paid - self.allocated
    }
}

impl Organisation {
    pub(crate) fn standing(&self, settled: Settled) -> Option<Standing> {
        let shelves = &self.shelves;
        let paid = self.payments_of(settled.id).map(|payment| payment.amount).sum();
        let allocated = self.allocations_of(settled.id).map(|allocation| allocation.amount).sum();
        let standing = match settled.kind {
            SettledKind::Invoice => {
                let invoice = shelves.invoices.get(settled.id)?;
                Standing {
                    is_sale: invoice.kind == InvoiceType::AccRec,
                    contact: invoice.contact_id,
                    number: invoice.number.clone(),
                    date: invoice.date,
                    currency: invoice.currency.as_str().to_owned(),
                    rate: invoice.currency_rate,
                    total: invoice.total,
                    paid,
                    allocated,
                    stands: invoice.status.stands(),
                }
            }
            SettledKind::CreditNote => {
                let note = shelves.credit_notes.get(settled.id)?;
                Standing {
                    is_sale: note.is_sale,
                    contact: note.contact_id,
                    number: note.number.clone(),
                    date: note.date,
                    currency: note.currency.clone(),
                    rate: note.currency_rate,
                    total: note.total,
                    paid,
                    allocated,
                    stands: note.status.stands(),
                }
            }
            SettledKind::Prepayment | SettledKind::Overpayment => {
                let advance = match settled.kind {
                    SettledKind::Prepayment => shelves.prepayments.get(settled.id)?,
                    _ => shelves.overpayments.get(settled.id)?,
                };
                Standing {
                    is_sale: advance.is_received,
                    contact: advance.contact_id,
                    number: advance.reference.clone(),
                    date: advance.date,
                    currency: advance.currency.clone(),
                    rate: advance.currency_rate,
                    total: advance.total,
                    paid,
                    allocated,
                    stands: advance.status.stands(),
                }
            }
        };
        Some(standing)
    }

    /// The living ones, oldest first.
    pub(crate) fn payments_of(&self, id: Uuid) -> impl Iterator<Item = &Payment> {
        let mut payments: Vec<_> = self.shelves.payments.find_all(&settles_key(id)).collect();
        payments.sort_by_key(|payment| (payment.date, payment.id));
        payments.into_iter().filter(|payment| !payment.deleted)
    }

    /// To an invoice, or from a credit; oldest first.
    pub(crate) fn allocations_of(&self, id: Uuid) -> impl Iterator<Item = &Allocation> {
        let mut allocations: Vec<_> = self.shelves.allocations.find_all(&settles_key(id)).collect();
        allocations.sort_by_key(|allocation| (allocation.date, allocation.id));
        allocations.into_iter()
    }
}

/// The key of payments and allocations of a document.
pub(crate) fn settles_key(id: Uuid) -> String {
    format!("settles:{id}")
}

/// The key of everything that is a contact's.
pub(crate) fn contact_key(id: Uuid) -> String {
    format!("contact:{id}")
}

/// After a payment or allocation came or went: sums, status, and the day it was settled.
pub(crate) fn refresh(organisation: &mut Organisation, settled: Settled, now: Timestamp) {
    let Some(standing) = organisation.standing(settled).filter(|standing| standing.stands) else { return };
    let last_payment = organisation.payments_of(settled.id).map(|payment| payment.date).max();
    let last_allocation = organisation.allocations_of(settled.id).map(|allocation| allocation.date).max();
    let open = standing.open();
    let status = if open.is_zero() { InvoiceStatus::Paid } else { InvoiceStatus::Authorised };
    let settled_on = last_payment.max(last_allocation).unwrap_or(standing.date);
    let settled_on = open.is_zero().then_some(settled_on);
    let shelves = &mut organisation.shelves;
    match settled.kind {
        SettledKind::Invoice => {
            let Some(mut invoice) = shelves.invoices.get(settled.id).cloned() else { return };
            invoice.amount_paid = standing.paid;
            invoice.amount_credited = standing.allocated;
            invoice.status = status;
            invoice.fully_paid_on = settled_on;
            invoice.updated = now;
            shelves.invoices.put(invoice);
        }
        SettledKind::CreditNote => {
            let Some(mut note) = shelves.credit_notes.get(settled.id).cloned() else { return };
            note.remaining_credit = open;
            note.status = status;
            note.fully_paid_on = settled_on;
            note.updated = now;
            shelves.credit_notes.put(note);
        }
        SettledKind::Prepayment | SettledKind::Overpayment => {
            let shelf = match settled.kind {
                SettledKind::Prepayment => &mut shelves.prepayments,
                _ => &mut shelves.overpayments,
            };
            let Some(mut advance) = shelf.get(settled.id).cloned() else { return };
            advance.remaining_credit = open;
            advance.status = status;
            advance.updated = now;
            shelf.put(advance);
        }
    }
}

/// Takes an amount of a document off the account where it stands, at the document's own rate: receivable or
/// payable, or for a prepayment the accounts of its lines.
pub(crate) fn clear(
    organisation: &Organisation,
    entry: EntryBuilder,
    settled: Settled,
    amount: Decimal,
) -> EntryBuilder {
    let Some(standing) = organisation.standing(settled) else { return entry };
    let is_debit = standing.is_sale != (settled.kind == SettledKind::Invoice);
    let base = in_base(if is_debit { amount } else { -amount }, standing.rate);
    let advance = organisation.shelves.prepayments.get(settled.id);
    match advance.filter(|_| settled.kind == SettledKind::Prepayment) {
        Some(advance) => {
            postings::share(entry, organisation, &advance.lines, advance.line_amount_types, base)
        }
        None => entry.debit_base(control_account(organisation, standing.is_sale), base),
    }
}

/// Where what customers owe stands, or what we owe suppliers.
pub(crate) fn control_account(organisation: &Organisation, is_sale: bool) -> Uuid {
    let control = if is_sale { SystemAccount::Debtors } else { SystemAccount::Creditors };
    organisation.system_account(control)
}
