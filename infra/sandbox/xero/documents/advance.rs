//! Money that came or went before there was an invoice (prepayment), or beyond one (overpayment).
//!
//! They are born in bank transactions of the types `RECEIVE-PREPAYMENT`, `SPEND-OVERPAYMENT` and so on, which
//! call `open` and `void`; the money itself is posted by the transaction. Over the API they can be read,
//! allocated and paid back: `prepayments.rs`, `overpayments.rs`.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::claims::{Claim, Claimed, InvoiceStatus};
use super::head::{Head, Headed};
use super::lines;
use super::settlement::{Settled, SettledKind};
use crate::xero::body::Put;
use crate::xero::filter::Field;
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

/// A claim on what was received, against a supplier on what was spent.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Advance {
    pub(crate) head: Head,
    /// Authorised, paid (used up) or voided.
    pub(crate) claim: Claim,
    /// `Prepayment` or `Overpayment`.
    pub(crate) kind: SettledKind,
}

impl Claimed for Advance {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}

impl Headed for Advance {
    const IS_TOUCHED: bool = false;

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    fn keys(&self) -> Vec<String> {
        self.head.keys().collect()
    }

    fn news(&self, _before: Option<&Self>) -> Option<News> {
        let category = match self.kind {
            SettledKind::Prepayment => Category::Prepayment,
            _ => Category::Overpayment,
        };
        Some(News::with_data(category, &self.type_text(), self.claim.status.as_str()))
    }

    fn field<'a>(&'a self, _: &'a Organisation, path: &str) -> Option<Field<'a>> {
        Some(match path {
            "prepaymentid" | "overpaymentid" => Field::Id(self.head.id),
            "type" => Field::Text(self.type_text().into()),
            "invoicenumber" => Field::maybe(self.invoice_number()),
            "remainingcredit" => Field::Number(self.open()),
            "appliedamount" => Field::Number(self.claim.allocated),
            _ => return self.claim.field(path),
        })
    }
}

fn shelf(shelves: &mut Shelves, kind: SettledKind) -> &mut Shelf<Advance> {
    if kind == SettledKind::Prepayment { &mut shelves.prepayments } else { &mut shelves.overpayments }
}

/// With the head of the bank transaction that makes it. The id is the advance's own; the transaction keeps it.
pub(crate) fn open(
    organisation: &mut Organisation,
    kind: SettledKind,
    is_received: bool,
    transaction: &Head,
) -> Uuid {
    let head = Head { id: organisation.ids.next(), ..transaction.clone() };
    let (id, made) = (head.id, head.updated);
    let claim = Claim::new(is_received, InvoiceStatus::Authorised);
    shelf(&mut organisation.shelves, kind).put(Advance { head, claim, kind });
    organisation.record(id, "Created", made);
    id
}

/// With its bank transaction, unless something was done with it.
pub(crate) fn void(organisation: &mut Organisation, settled: Settled, now: Timestamp) -> Result<(), String> {
    let standing = organisation.standing(settled).ok_or("There is no such advance")?;
    if standing.open() != standing.head.totals.total {
        return Err(format!("The {} has been used and cannot be removed", settled.kind.word()));
    }
    let shelf = shelf(&mut organisation.shelves, settled.kind);
    if let Some(mut advance) = shelf.get(settled.id).cloned() {
        advance.claim.status = InvoiceStatus::Voided;
        advance.head.updated = now;
        shelf.put(advance);
    }
    organisation.record(settled.id, "Voided", now);
    Ok(())
}

impl Advance {
    fn type_text(&self) -> String {
        let direction = if self.claim.is_sale { "RECEIVE" } else { "SPEND" };
        format!("{direction}-{}", self.kind.word().to_uppercase())
    }

    /// What was received ahead says its reference under this name too. Nothing else has one.
    fn invoice_number(&self) -> Option<&str> {
        let has_one = self.kind == SettledKind::Prepayment && self.claim.is_sale;
        has_one.then_some(&*self.head.reference).filter(|number| !number.is_empty())
    }

    /// With the id under both of its names.
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let Self { head, claim, kind } = self;
        let mut body = Map::new();
        body.put(format!("{}ID", kind.word()), head.id.to_string());
        body.put("ID", head.id.to_string());
        body.put("Type", self.type_text());
        body.put("Reference", &*head.reference);
        body.put_some("InvoiceNumber", self.invoice_number());
        body.put("RemainingCredit", wire::money(self.open()));
        let allocations = organisation.allocations_of(head.id);
        body.put("Allocations", allocations.map(|one| one.as_json(organisation)).collect::<Value>());
        let payments = organisation.payments_of(head.id);
        body.put("Payments", payments.map(|payment| payment.inside()).collect::<Value>());
        body.put("HasAttachments", false);
        head.put_contact(&mut body, organisation, View::Embedded);
        body.put_day("Date", Some(head.date));
        let lines = lines::as_json(&head.lines.read(), view, unit_places);
        head.put_sums(&mut body, claim.status.as_str(), Some(lines));
        body.put("UpdatedDateUTC", wire::stamp(head.updated));
        body.put("UpdatedDateUTCString", wire::stamp_text(head.updated));
        body.put("CurrencyRate", wire::number(head.currency_rate));
        body.put("CurrencyCode", head.currency.as_str());
        body
    }

    /// Inside an invoice that it was allocated to.
    pub(crate) fn inside(&self, applied: Decimal) -> Value {
        let head = &self.head;
        let mut body = json!({
            "ID": head.id.to_string(), "AppliedAmount": wire::money(applied),
            "DateString": wire::day_text(head.date), "Date": wire::day(head.date), "LineItems": [],
            "Total": wire::money(head.totals.total), "CurrencyRate": wire::number(head.currency_rate),
        });
        body[format!("{}ID", self.kind.word())] = head.id.to_string().into();
        body
    }
}
