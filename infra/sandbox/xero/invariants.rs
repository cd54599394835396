//! What must hold in an organisation whatever was done to it, as sentences about what doesn't.
//!
//! Asked for by `/_sandbox/invariants` and by tests; nothing here mends anything.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::documents::claims::{Claim, InvoiceStatus};
use super::documents::head::Head;
use super::documents::invoices::invoice::Invoice;
use super::documents::settlement::{Settled, SettledKind, Standing};
use super::journal::{self, Basis, in_base};
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
        let Invoice { head, claim, .. } = invoice;
        let gone = matches!(claim.status, InvoiceStatus::Voided | InvoiceStatus::Deleted);
        if gone || invoice.created_by.is_none() {
            continue;
        }
        let who = format!("invoice {} {}", head.number, head.id);
        match &invoice.url {
            Some(url) => meet(format!("Url {url}"), who),
            None if !head.reference.is_empty() => {
                meet(format!("{} Reference {}", invoice.type_text(), head.reference), who);
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
    let mut found = Vec::new();
    for (kind, head, claim) in organisation.claims(None) {
        let (Head { id, number, totals, .. }, Claim { status, .. }) = (head, claim);
        let Some(standing) = organisation.standing(Settled { kind, id: *id }) else { continue };
        let (open, who) = (standing.open(), format!("{} {number} {id}", kind.word()));
        let said = claim.open(head);
        if said != open {
            found.push(format!("{who} says {said} is open, its payments and allocations say {open}"));
        }
        if standing.stands() && open < Decimal::ZERO {
            found.push(format!("{who} is used beyond its total by {}", -open));
        }
        if standing.stands() && (*status == InvoiceStatus::Paid) != open.is_zero() {
            found.push(format!("{who} is {} with {open} open", status.as_str()));
        }
        if !standing.stands() && open != totals.total {
            found.push(format!("{who} is {} and has payments or allocations", status.as_str()));
        }
    }
    found
}

/// Receivable and payable must be what the open documents say: nothing else can post there. Converted parts of
/// a foreign document may miss its converted whole by a cent each.
fn strays(organisation: &Organisation) -> Vec<String> {
    let shelves = &organisation.shelves;
    let mut said = [Decimal::ZERO; 2];
    // Prepayments stand on the accounts of their lines.
    for (kind, head, claim) in organisation.claims(None).filter(|(kind, ..)| *kind != SettledKind::Prepayment)
    {
        let settled = Settled { kind, id: head.id };
        let Some(standing) = organisation.standing(settled).filter(Standing::stands) else { continue };
        let is_debit = claim.is_sale == (kind == SettledKind::Invoice);
        let open = in_base(standing.open(), head.currency_rate);
        said[usize::from(!claim.is_sale)] += if is_debit { open } else { -open };
    }
    let balances = journal::balances(organisation, Basis::Accrual);
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
