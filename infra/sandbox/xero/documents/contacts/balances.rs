//! What a contact owes and is owed: open invoices less open credit, in the documents' own currencies.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::xero::documents::settlement::SettledKind;
use crate::xero::organisation::Organisation;
use crate::xero::wire;

#[derive(Debug, Default, Clone, Copy)]
struct Side {
    outstanding: Decimal,
    overdue: Decimal,
}

/// Only for contacts with whom there is business.
pub(super) fn as_json(organisation: &Organisation, contact: Uuid, today: Date) -> Option<(String, Value)> {
    let (mut receivable, mut payable) = (Side::default(), Side::default());
    let mut has_business = false;
    for (kind, head, claim) in organisation.claims(Some(contact)).filter(|(.., claim)| claim.status.stands())
    {
        has_business = true;
        let side = if claim.is_sale { &mut receivable } else { &mut payable };
        let open = claim.open(head);
        if kind != SettledKind::Invoice {
            side.outstanding -= open;
            continue;
        }
        side.outstanding += open;
        if claim.due_date.is_some_and(|due| due < today) {
            side.overdue += open;
        }
    }
    let shown = |side: Side| json!({ "Outstanding": wire::money(side.outstanding), "Overdue": wire::money(side.overdue) });
    let balances = json!({ "AccountsReceivable": shown(receivable), "AccountsPayable": shown(payable) });
    has_business.then(|| ("Balances".to_owned(), balances))
}
