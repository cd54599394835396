//! A purchase order as it is kept, and the shapes it is shown in. It does nothing to the books.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::lines::Line;
use crate::xero::documents::tax::{LineAmountTypes, Totals};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::shelf::Document;
use crate::xero::wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum PurchaseOrderStatus {
    Draft,
    Submitted,
    Authorised,
    Billed,
    Deleted,
}

impl PurchaseOrderStatus {
    const ALL: [Self; 5] = [Self::Draft, Self::Submitted, Self::Authorised, Self::Billed, Self::Deleted];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Submitted => "SUBMITTED",
            Self::Authorised => "AUTHORISED",
            Self::Billed => "BILLED",
            Self::Deleted => "DELETED",
        }
    }
}

/// Where and how it is delivered, with their longest lengths.
/// <https://developer.xero.com/documentation/api/accounting/purchaseorders>
pub(crate) const DELIVERY_TEXTS: [(&str, usize); 4] =
    [("DeliveryAddress", 500), ("AttentionTo", 255), ("Telephone", 50), ("DeliveryInstructions", 500)];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct PurchaseOrder {
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) contact_id: Uuid,
    pub(crate) date: Date,
    pub(crate) delivery_date: Option<Date>,
    pub(crate) expected_arrival: Option<Date>,
    pub(crate) delivery: BTreeMap<Cow<'static, str>, String>,
    pub(crate) status: PurchaseOrderStatus,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
    pub(crate) branding_theme: Option<Uuid>,
    pub(crate) sent_to_contact: bool,
    pub(crate) totals: Totals,
    pub(crate) updated: Timestamp,
}

pub(crate) fn order_number_key(number: &str) -> String {
    format!("number:{}", number.to_lowercase())
}

impl Document for PurchaseOrder {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    /// Deleted orders go on holding their number.
    fn keys(&self) -> Vec<String> {
        vec![order_number_key(&self.number)]
    }
}

impl PurchaseOrder {
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("PurchaseOrderID", self.id.to_string().into());
        put("PurchaseOrderNumber", self.number.as_str().into());
        put("DateString", wire::day_text(self.date));
        put("Date", wire::day(self.date));
        for (field, date) in
            [("DeliveryDate", self.delivery_date), ("ExpectedArrivalDate", self.expected_arrival)]
        {
            if let Some(date) = date {
                put(&format!("{field}String"), wire::day_text(date));
                put(field, wire::day(date));
            }
        }
        for (field, _) in DELIVERY_TEXTS {
            if let Some(text) = self.delivery.get(field).filter(|text| !text.is_empty()) {
                put(field, text.as_str().into());
            }
        }
        put("HasErrors", false.into());
        let discount: Decimal = self.lines.iter().map(Line::discount).sum();
        put("IsDiscounted", (!discount.is_zero()).into());
        if view == View::Written || !discount.is_zero() {
            put("TotalDiscount", wire::money(discount));
        }
        if view != View::Paged {
            put("SentToContact", self.sent_to_contact.into());
        }
        if !self.reference.is_empty() {
            put("Reference", self.reference.as_str().into());
        }
        put("Type", "PURCHASEORDER".into());
        put("CurrencyRate", wire::number(self.currency_rate));
        put("CurrencyCode", self.currency.as_str().into());
        if let Some(contact) = organisation.shelves.contacts.get(self.contact_id) {
            put("Contact", contact_as_json(organisation, contact, view));
        }
        if let Some(theme) = self.branding_theme {
            put("BrandingThemeID", theme.to_string().into());
        }
        put("Status", self.status.as_str().into());
        put("LineAmountTypes", self.line_amount_types.as_str().into());
        put("LineItems", self.lines.iter().map(|line| line_as_json(line, unit_places)).collect());
        put("SubTotal", wire::money(self.totals.sub_total));
        put("TotalTax", wire::money(self.totals.total_tax));
        put("Total", wire::money(self.totals.total));
        put("UpdatedDateUTC", wire::stamp(self.updated));
        if view != View::Written {
            put("HasAttachments", false.into());
        }
        if view == View::Single {
            put("Attachments", json!([]));
        }
        body
    }
}

/// Never a list of errors, and tracking with the option's id in every view.
fn line_as_json(line: &Line, unit_places: u32) -> Value {
    let mut body = wire::fields(line.as_json(false, unit_places));
    body.shift_remove("ValidationErrors");
    Value::Object(body)
}

/// Only slots that are filled. After a write the contact's stamp is the organisation's wall clock, labelled as if
/// it were UTC: as recorded, half a day ahead in New Zealand.
fn contact_as_json(organisation: &Organisation, contact: &Contact, view: View) -> Value {
    let mut body = contact.as_json(View::Written);
    for (list, kind) in [("Addresses", "AddressType"), ("Phones", "PhoneType")] {
        let is_filled = |slot: &Value| {
            let texts = slot.as_object().into_iter().flatten();
            texts.into_iter().any(|(name, text)| name != kind && text != "")
        };
        if let Some(slots) = body.get_mut(list).and_then(Value::as_array_mut) {
            slots.retain(is_filled);
        }
    }
    if view == View::Written {
        body.insert("UpdatedDateUTC".into(), wire::stamp(wall_clock(organisation, contact.updated)));
    }
    Value::Object(body)
}

fn wall_clock(organisation: &Organisation, at: Timestamp) -> Timestamp {
    let offset = at.in_tz(&organisation.time_zone).map_or(0, |zoned| i64::from(zoned.offset().seconds()));
    at.checked_add(SignedDuration::from_secs(offset)).unwrap_or(at)
}
