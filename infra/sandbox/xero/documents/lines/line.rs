//! A line of a document: what it has, and how it is shown. How it is read and checked is in `rules.rs`.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::packed::PackedLines;
use crate::xero::body::Put;
use crate::xero::documents::stock::Moved;
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::journal::{Place, Tag};
use crate::xero::reading::View;
use crate::xero::wire::{self, places};

#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    pub id: Uuid,
    pub description: Option<String>,
    pub quantity: Option<Decimal>,
    pub unit_amount: Option<Decimal>,
    pub item: Option<(Uuid, String, String)>,
    pub account_code: Option<String>,
    pub account_id: Option<Uuid>,
    pub tax_type: Option<String>,
    pub tax_amount: Decimal,
    pub line_amount: Decimal,
    pub discount_rate: Option<Decimal>,
    pub discount_amount: Option<Decimal>,
    pub tracking: Vec<Tracking>,
    /// A tax amount that was sent overrides ours.
    pub(super) tax_sent: Option<Decimal>,
    /// What an approved line of a tracked item takes from the stock, or brings.
    pub(crate) moved: Option<Box<Moved>>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tracking {
    pub category_id: Uuid,
    pub option_id: Uuid,
    pub category: String,
    pub option: String,
}

/// Lists without pages have no lines.
pub(crate) fn as_json(lines: &[Line], view: View, unit_places: u32) -> Value {
    match view {
        View::Listed | View::Summary | View::Embedded => json!([]),
        _ => lines.iter().map(|line| line.as_json(view == View::Paged, unit_places)).collect(),
    }
}

/// What the discounts take off.
pub(crate) fn discount(lines: &[Line]) -> Decimal {
    lines.iter().map(Line::discount).sum()
}

impl Line {
    /// Where it is posted; one without an account, on `otherwise`.
    pub(crate) fn place(&self, otherwise: Uuid) -> Place {
        self.tracked_on(self.account_id.unwrap_or(otherwise))
    }

    /// An account, with what the line is tracked under.
    pub(crate) fn tracked_on(&self, account: Uuid) -> Place {
        let mut tags =
            self.tracking.iter().map(|one| Tag { category: one.category_id, option: one.option_id });
        Place { account, tracking: [tags.next(), tags.next()] }
    }

    /// Without its tax.
    pub(crate) fn net(&self, amounts: LineAmountTypes) -> Decimal {
        match amounts {
            LineAmountTypes::Inclusive => self.line_amount - self.tax_amount,
            _ => self.line_amount,
        }
    }

    /// What the discount takes off.
    fn discount(&self) -> Decimal {
        if self.discount_rate.is_none() && self.discount_amount.is_none() {
            return Decimal::ZERO;
        }
        let full = self.quantity.unwrap_or_default() * self.unit_amount.unwrap_or_default();
        places(full, 2) - self.line_amount
    }

    /// In a page the tracking lacks the option's id, and there is no list of errors.
    pub(crate) fn as_json(&self, paged: bool, unit_places: u32) -> Value {
        let mut body = Map::new();
        body.put_some("ItemCode", self.item.as_ref().map(|(_, code, _)| code.as_str()));
        body.put_some("Description", self.description.as_deref());
        body.put_some("UnitAmount", self.unit_amount.map(|unit| wire::number(places(unit, unit_places))));
        body.put_some("TaxType", self.tax_type.as_deref());
        body.put("TaxAmount", wire::money(self.tax_amount));
        body.put("LineAmount", wire::money(self.line_amount));
        body.put_some("AccountCode", self.account_code.as_deref());
        let item = self.item.as_ref();
        let item =
            item.map(|(id, code, name)| json!({ "ItemID": id.to_string(), "Name": name, "Code": code }));
        body.put_some("Item", item);
        body.put("Tracking", self.tracking.iter().map(|tracking| tracking.as_json(paged)).collect::<Value>());
        body.put_some("Quantity", self.quantity.map(|quantity| wire::number(places(quantity, 4))));
        body.put_some("DiscountRate", self.discount_rate.map(wire::number));
        body.put_some("DiscountAmount", self.discount_amount.map(wire::money));
        body.put("LineItemID", self.id.to_string());
        body.put_some("AccountID", self.account_id.map(|id| id.to_string()));
        if !paged {
            body.put("ValidationErrors", json!([]));
        }
        Value::Object(body)
    }
}

impl Tracking {
    pub(crate) fn as_json(&self, paged: bool) -> Value {
        let mut body = json!({
            "Name": self.category, "Option": self.option,
            "TrackingCategoryID": self.category_id.to_string(),
        });
        if paged {
            body["Options"] = json!([]);
        } else {
            body["TrackingOptionID"] = self.option_id.to_string().into();
        }
        body
    }
}

/// Lines with others' texts, accounts and tracking, as far as they are the same lines: what may be changed of them once
/// something was paid.
pub(crate) fn relabelled(held: &PackedLines, wanted: &PackedLines) -> PackedLines {
    let (mut lines, wanted) = (held.read(), wanted.read());
    if lines.len() == wanted.len() {
        for (line, wanted) in lines.iter_mut().zip(wanted) {
            *line = Line {
                description: wanted.description,
                account_code: wanted.account_code,
                account_id: wanted.account_id,
                tracking: wanted.tracking,
                tax_sent: wanted.tax_sent,
                ..std::mem::take(line)
            };
        }
    }
    PackedLines::of(&lines)
}

/// Lines with the others' ids, one by one, and as far as their taxes were sent: neither changes what they say.
pub(crate) fn with_ids_of(held: &PackedLines, others: &PackedLines) -> PackedLines {
    let mut lines = held.read();
    for (line, other) in lines.iter_mut().zip(others.read()) {
        (line.id, line.tax_sent) = (other.id, other.tax_sent);
    }
    PackedLines::of(&lines)
}
