//! What is owed and what is left: the documents that payments and allocations settle, seen alike.
//!
//! What a claim says of itself (`paid`, `allocated`, its status) follows from the payments and allocations that
//! name it; `refresh` is the only place that writes it.

use jiff::Timestamp;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::claims::{Claim, Claimed, InvoiceStatus};
use super::head::{Head, contact_key};
use super::payments::payment::Payment;
use super::postings;
use crate::xero::journal::{Basis, EntryBuilder, in_base};
use crate::xero::organisation::Organisation;
use crate::xero::parts::allocations::Allocation;
use crate::xero::settings::accounts::SystemAccount;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;

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

/// How it stands by the payments and allocations that name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) head: &'a Head,
    pub(crate) claim: &'a Claim,
    pub(crate) paid: Decimal,
    /// By allocations: to an invoice, or from a credit.
    pub(crate) allocated: Decimal,
}

impl Standing<'_> {
    /// Still owed, or still to be used.
    pub(crate) fn open(&self) -> Decimal {
        self.head.totals.total - self.paid - self.allocated
    }

    /// Part of the books.
    pub(crate) fn stands(&self) -> bool {
        self.claim.status.stands()
    }
}

impl Organisation {
    pub(crate) fn standing(&self, settled: Settled) -> Option<Standing<'_>> {
        let (shelves, id) = (&self.shelves, settled.id);
        let (head, claim) = match settled.kind {
            SettledKind::Invoice => shelves.invoices.get(id).map(parts),
            SettledKind::CreditNote => shelves.credit_notes.get(id).map(parts),
            SettledKind::Prepayment => shelves.prepayments.get(id).map(parts),
            SettledKind::Overpayment => shelves.overpayments.get(id).map(parts),
        }?;
        let paid = self.payments_of(id).map(|payment| payment.amount).sum();
        let allocated = self.allocations_of(id).map(|allocation| allocation.amount).sum();
        Some(Standing { head, claim, paid, allocated })
    }

    /// Everything that can be settled: of a contact, or of all.
    pub(crate) fn claims(&self, contact: Option<Uuid>) -> impl Iterator<Item = (SettledKind, &Head, &Claim)> {
        let Shelves { invoices, credit_notes, prepayments, overpayments, .. } = &self.shelves;
        let of = |kind: SettledKind| move |(head, claim)| (kind, head, claim);
        let key = contact.map(contact_key);
        let invoices = on(invoices, key.as_deref()).map(of(SettledKind::Invoice));
        let credit_notes = on(credit_notes, key.as_deref()).map(of(SettledKind::CreditNote));
        let prepayments = on(prepayments, key.as_deref()).map(of(SettledKind::Prepayment));
        let overpayments = on(overpayments, key.as_deref()).map(of(SettledKind::Overpayment));
        invoices.chain(credit_notes).chain(prepayments).chain(overpayments)
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

fn parts<D: Claimed>(document: &D) -> (&Head, &Claim) {
    (document.head(), document.claim())
}

fn on<'a, D: Claimed + 'a>(
    shelf: &'a Shelf<D>,
    key: Option<&str>,
) -> Box<dyn Iterator<Item = (&'a Head, &'a Claim)> + 'a> {
    match key {
        Some(key) => Box::new(shelf.find_all(key).map(parts)),
        None => Box::new(shelf.since(None).map(parts)),
    }
}

/// The key of payments and allocations of a document.
pub(crate) fn settles_key(id: Uuid) -> String {
    format!("settles:{id}")
}

/// After a payment or allocation came or went: sums, status, and the day it was settled.
pub(crate) fn refresh(organisation: &mut Organisation, settled: Settled, now: Timestamp) {
    let Some(standing) = organisation.standing(settled).filter(Standing::stands) else { return };
    let last_payment = organisation.payments_of(settled.id).map(|payment| payment.date).max();
    let last_allocation = organisation.allocations_of(settled.id).map(|allocation| allocation.date).max();
    let is_settled = standing.open().is_zero();
    let settled_on = last_payment.max(last_allocation).unwrap_or(standing.head.date);
    let claim = Claim {
        status: if is_settled { InvoiceStatus::Paid } else { InvoiceStatus::Authorised },
        paid: standing.paid,
        allocated: standing.allocated,
        fully_paid_on: is_settled.then_some(settled_on),
        ..*standing.claim
    };
    let (shelves, id) = (&mut organisation.shelves, settled.id);
    match settled.kind {
        SettledKind::Invoice => replace_claim(&mut shelves.invoices, id, claim, now),
        SettledKind::CreditNote => replace_claim(&mut shelves.credit_notes, id, claim, now),
        SettledKind::Prepayment => replace_claim(&mut shelves.prepayments, id, claim, now),
        SettledKind::Overpayment => replace_claim(&mut shelves.overpayments, id, claim, now),
    }
}

fn replace_claim<D: Claimed>(shelf: &mut Shelf<D>, id: Uuid, claim: Claim, now: Timestamp) {
    if let Some(mut document) = shelf.get(id).cloned() {
        *document.claim_mut() = claim;
        document.head_mut().updated = now;
        shelf.put(document);
    }
}

/// Takes an amount of a document off the account where it stands, at the document's own rate: receivable or
/// payable, or the accounts of its lines: of a prepayment, and on a cash basis, where it stood nowhere before.
pub(crate) fn clear(
    organisation: &Organisation,
    entry: EntryBuilder,
    settled: Settled,
    amount: Decimal,
    basis: Basis,
) -> EntryBuilder {
    let Some(standing) = organisation.standing(settled) else { return entry };
    let Standing { head, claim, .. } = standing;
    let is_debit = claim.is_sale != (settled.kind == SettledKind::Invoice);
    let amount = if is_debit { amount } else { -amount };
    let is_on_its_lines = match settled.kind {
        SettledKind::Invoice | SettledKind::CreditNote => basis == Basis::Cash,
        SettledKind::Prepayment => true,
        SettledKind::Overpayment => false,
    };
    if is_on_its_lines {
        postings::share(entry, organisation, head, amount)
    } else {
        entry.debit_base(control_account(organisation, claim.is_sale), in_base(amount, head.currency_rate))
    }
}

/// Where what customers owe stands, or what we owe suppliers.
pub(crate) fn control_account(organisation: &Organisation, is_sale: bool) -> Uuid {
    let control = if is_sale { SystemAccount::Debtors } else { SystemAccount::Creditors };
    organisation.system_account(control)
}
