//! Money that came or went before there was an invoice (prepayment), or beyond one (overpayment).
//!
//! They are born in bank transactions of the types `RECEIVE-PREPAYMENT`, `SPEND-OVERPAYMENT` and so on, which
//! call `open` and `void`; the money itself is posted by the transaction. Over the API they can be read,
//! allocated and paid back: `prepayments.rs`, `overpayments.rs`.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::invoices::invoice::InvoiceStatus;
use super::lines::{self, Line};
use super::settlement::{Settled, SettledKind, contact_key};
use super::tax::{LineAmountTypes, Totals};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Advance {
    pub(crate) id: Uuid,
    /// `Prepayment` or `Overpayment`.
    pub(crate) kind: SettledKind,
    /// From a customer; otherwise it was spent to a supplier.
    pub(crate) is_received: bool,
    pub(crate) contact_id: Uuid,
    pub(crate) date: Date,
    pub(crate) reference: String,
    /// Authorised, paid (used up) or voided.
    pub(crate) status: InvoiceStatus,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
    pub(crate) sub_total: Decimal,
    pub(crate) total_tax: Decimal,
    pub(crate) total: Decimal,
    pub(crate) remaining_credit: Decimal,
    pub(crate) updated: Timestamp,
}

impl Document for Advance {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        vec![contact_key(self.contact_id)]
    }

    fn news(&self, _before: Option<&Self>) -> Option<News> {
        let category = match self.kind {
            SettledKind::Prepayment => Category::Prepayment,
            _ => Category::Overpayment,
        };
        Some(News::with_data(category, &self.type_text(), self.status.as_str()))
    }
}

/// What a bank transaction says of the advance it makes.
#[derive(Debug, Clone)]
pub(crate) struct NewAdvance {
    /// `Prepayment` or `Overpayment`.
    pub(crate) kind: SettledKind,
    pub(crate) is_received: bool,
    pub(crate) contact_id: Uuid,
    pub(crate) date: Date,
    pub(crate) reference: String,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) totals: Totals,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
}

fn shelf(shelves: &mut Shelves, kind: SettledKind) -> &mut Shelf<Advance> {
    if kind == SettledKind::Prepayment { &mut shelves.prepayments } else { &mut shelves.overpayments }
}

/// The id is the advance's own; the bank transaction keeps it.
pub(crate) fn open(organisation: &mut Organisation, new: NewAdvance, now: Timestamp) -> Uuid {
    let id = organisation.ids.next();
    let advance = Advance {
        id,
        kind: new.kind,
        is_received: new.is_received,
        contact_id: new.contact_id,
        date: new.date,
        reference: new.reference,
        status: InvoiceStatus::Authorised,
        line_amount_types: new.line_amount_types,
        lines: new.lines,
        currency: new.currency,
        currency_rate: new.currency_rate,
        sub_total: new.totals.sub_total,
        total_tax: new.totals.total_tax,
        total: new.totals.total,
        remaining_credit: new.totals.total,
        updated: now,
    };
    shelf(&mut organisation.shelves, new.kind).put(advance);
    organisation.record(id, "Created", now);
    id
}

/// With its bank transaction, unless something was done with it.
pub(crate) fn void(organisation: &mut Organisation, settled: Settled, now: Timestamp) -> Result<(), String> {
    let standing = organisation.standing(settled).ok_or("There is no such advance")?;
    if standing.open() != standing.total {
        return Err(format!("The {} has been used and cannot be removed", settled.kind.word()));
    }
    let shelf = shelf(&mut organisation.shelves, settled.kind);
    if let Some(mut advance) = shelf.get(settled.id).cloned() {
        advance.status = InvoiceStatus::Voided;
        advance.updated = now;
        shelf.put(advance);
    }
    organisation.record(settled.id, "Voided", now);
    Ok(())
}

impl Advance {
    fn type_text(&self) -> String {
        let direction = if self.is_received { "RECEIVE" } else { "SPEND" };
        format!("{direction}-{}", self.kind.word().to_uppercase())
    }

    /// With the id under both of its names.
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        let word = self.kind.word();
        put(&format!("{word}ID"), self.id.to_string().into());
        put("ID", self.id.to_string().into());
        put("Type", self.type_text().into());
        put("Reference", self.reference.as_str().into());
        put("RemainingCredit", wire::money(self.remaining_credit));
        let allocations = organisation.allocations_of(self.id);
        put("Allocations", allocations.map(|one| one.as_json(organisation)).collect());
        put("Payments", organisation.payments_of(self.id).map(|payment| payment.inside()).collect());
        put("HasAttachments", false.into());
        if let Some(contact) = organisation.shelves.contacts.get(self.contact_id) {
            put("Contact", Value::Object(contact.as_json(View::Embedded)));
        }
        put("DateString", wire::day_text(self.date));
        put("Date", wire::day(self.date));
        put("Status", self.status.as_str().into());
        put("LineAmountTypes", self.line_amount_types.as_str().into());
        put("LineItems", lines::as_json(&self.lines, view, unit_places));
        put("SubTotal", wire::money(self.sub_total));
        put("TotalTax", wire::money(self.total_tax));
        put("Total", wire::money(self.total));
        put("UpdatedDateUTC", wire::stamp(self.updated));
        put("UpdatedDateUTCString", wire::stamp_text(self.updated));
        put("CurrencyRate", wire::number(self.currency_rate));
        put("CurrencyCode", self.currency.as_str().into());
        body
    }

    /// Inside an invoice that it was allocated to.
    pub(crate) fn inside(&self, kind: SettledKind, applied: Decimal) -> Value {
        let mut body = json!({
            "ID": self.id.to_string(), "AppliedAmount": wire::money(applied),
            "DateString": wire::day_text(self.date), "Date": wire::day(self.date), "LineItems": [],
            "Total": wire::money(self.total), "CurrencyRate": wire::number(self.currency_rate),
        });
        body[format!("{}ID", kind.word())] = self.id.to_string().into();
        body
    }
}
