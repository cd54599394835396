//! What must hold in an organisation whatever was done to it, as sentences about what doesn't.
//!
//! Asked for by `/_sandbox/invariants` and by tests; nothing here mends anything.

use std::collections::HashMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::documents::invoices::invoice::InvoiceStatus;
use super::documents::settlement::{Settled, SettledKind};
use super::journal::{self, in_base};
use super::organisation::Organisation;
use super::settings::accounts::SystemAccount;

pub(crate) fn broken(organisation: &Organisation) -> Vec<String> {
    let mut broken = duplicates(organisation);
    broken.extend(journal::imbalances(organisation));
    broken.extend(disagreements(organisation));
    broken.extend(strays(organisation));
    broken
}

/// Two living documents of an app with one marker, or two active contacts with one name or number.
pub(crate) fn duplicates(organisation: &Organisation) -> Vec<String> {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    let mut meet = |what: String, who: String| {
        if let Some(other) = seen.insert(what.clone(), who.clone()) {
            found.push(format!("{other} and {who} have the same {what}"));
        }
    };
    for invoice in organisation.shelves.invoices.since(None) {
        let gone = matches!(invoice.status, InvoiceStatus::Voided | InvoiceStatus::Deleted);
        if gone || invoice.created_by.is_none() {
            continue;
        }
        let who = format!("invoice {} {}", invoice.number, invoice.id);
        match &invoice.url {
            Some(url) => meet(format!("Url {url}"), who),
            None if !invoice.reference.is_empty() => {
                meet(format!("{} Reference {}", invoice.kind.as_str(), invoice.reference), who);
            }
            None => {}
        }
    }
    for contact in organisation.shelves.contacts.since(None).filter(|contact| contact.is_active()) {
        let who = format!("contact {}", contact.id);
        meet(format!("contact name {}", contact.name().to_lowercase()), who.clone());
        if let Some(number) = contact.number() {
            meet(format!("contact number {number}"), who);
        }
    }
    found
}

/// Documents whose own sums aren't those of the payments and allocations that name them, or are impossible.
fn disagreements(organisation: &Organisation) -> Vec<String> {
    let shelves = &organisation.shelves;
    let invoices = shelves.invoices.since(None).map(|invoice| {
        (SettledKind::Invoice, invoice.id, invoice.amount_due(), invoice.status, &invoice.number)
    });
    let notes = shelves
        .credit_notes
        .since(None)
        .map(|note| (SettledKind::CreditNote, note.id, note.remaining_credit, note.status, &note.number));
    let prepayments = shelves.prepayments.since(None).map(|one| (SettledKind::Prepayment, one));
    let overpayments = shelves.overpayments.since(None).map(|one| (SettledKind::Overpayment, one));
    let advances = prepayments
        .chain(overpayments)
        .map(|(kind, one)| (kind, one.id, one.remaining_credit, one.status, &one.reference));
    let mut found = Vec::new();
    for (kind, id, said, status, number) in invoices.chain(notes).chain(advances) {
        let Some(standing) = organisation.standing(Settled { kind, id }) else { continue };
        let (open, who) = (standing.open(), format!("{} {number} {id}", kind.word()));
        if said != open {
            found.push(format!("{who} says {said} is open, its payments and allocations say {open}"));
        }
        if standing.stands && open < Decimal::ZERO {
            found.push(format!("{who} is used beyond its total by {}", -open));
        }
        if standing.stands && (status == InvoiceStatus::Paid) != open.is_zero() {
            found.push(format!("{who} is {} with {open} open", status.as_str()));
        }
        if !standing.stands && open != standing.total {
            found.push(format!("{who} is {} and has payments or allocations", status.as_str()));
        }
    }
    found
}

/// Receivable and payable must be what the open documents say: nothing else can post there. Converted parts of
/// a foreign document may miss its converted whole by a cent each.
fn strays(organisation: &Organisation) -> Vec<String> {
    let shelves = &organisation.shelves;
    let ids = |kind: SettledKind| -> Vec<Settled> {
        let ids: Vec<Uuid> = match kind {
            SettledKind::Invoice => shelves.invoices.since(None).map(|one| one.id).collect(),
            SettledKind::CreditNote => shelves.credit_notes.since(None).map(|one| one.id).collect(),
            // Prepayments stand on the accounts of their lines.
            SettledKind::Prepayment => Vec::new(),
            SettledKind::Overpayment => shelves.overpayments.since(None).map(|one| one.id).collect(),
        };
        ids.into_iter().map(|id| Settled { kind, id }).collect()
    };
    let mut said = [Decimal::ZERO; 2];
    for settled in [SettledKind::Invoice, SettledKind::CreditNote, SettledKind::Overpayment].map(ids).concat()
    {
        let Some(standing) = organisation.standing(settled).filter(|standing| standing.stands) else {
            continue;
        };
        let is_debit = standing.is_sale == (settled.kind == SettledKind::Invoice);
        let open = in_base(standing.open(), standing.rate);
        said[usize::from(!standing.is_sale)] += if is_debit { open } else { -open };
    }
    let balances = journal::balances(organisation, |_| true);
    let cents = shelves.payments.len() + shelves.allocations.len();
    let allowed = match shelves.currencies.len() {
        1 => Decimal::ZERO,
        _ => Decimal::new(i64::try_from(cents).unwrap_or(i64::MAX), 2),
    };
    let mut found = Vec::new();
    for (system, said) in [SystemAccount::Debtors, SystemAccount::Creditors].into_iter().zip(said) {
        let posted = balances.get(&organisation.system_account(system)).copied().unwrap_or_default();
        if (posted - said).abs() > allowed {
            found.push(format!("{} stands at {posted}, the open documents at {said}", system.as_str()));
        }
    }
    found
}
