//! What a contact owes and is owed: open invoices less open credit, in the documents' own currencies.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::xero::documents::invoices::invoice::InvoiceType;
use crate::xero::documents::settlement::contact_key;
use crate::xero::organisation::Organisation;
use crate::xero::wire;

#[derive(Debug, Default, Clone, Copy)]
struct Side {
    outstanding: Decimal,
    overdue: Decimal,
}

/// Only for contacts with whom there is business.
pub(super) fn as_json(organisation: &Organisation, contact: Uuid, today: Date) -> Option<(String, Value)> {
    let key = contact_key(contact);
    let shelves = &organisation.shelves;
    let (mut receivable, mut payable) = (Side::default(), Side::default());
    let mut has_business = false;
    for invoice in shelves.invoices.find_all(&key).filter(|invoice| invoice.status.stands()) {
        has_business = true;
        let side = if invoice.kind == InvoiceType::AccRec { &mut receivable } else { &mut payable };
        side.outstanding += invoice.amount_due();
        if invoice.due_date.is_some_and(|due| due < today) {
            side.overdue += invoice.amount_due();
        }
    }
    let notes = shelves.credit_notes.find_all(&key).filter(|note| note.status.stands());
    let advances = shelves.prepayments.find_all(&key).chain(shelves.overpayments.find_all(&key));
    let credit = notes
        .map(|note| (note.is_sale, note.remaining_credit))
        .chain(advances.filter(|one| one.status.stands()).map(|one| (one.is_received, one.remaining_credit)));
    for (is_sale, open) in credit {
        has_business = true;
        let side = if is_sale { &mut receivable } else { &mut payable };
        side.outstanding -= open;
    }
    let shown = |side: Side| json!({ "Outstanding": wire::money(side.outstanding), "Overdue": wire::money(side.overdue) });
    let balances = json!({ "AccountsReceivable": shown(receivable), "AccountsPayable": shown(payable) });
    has_business.then(|| ("Balances".to_owned(), balances))
}
