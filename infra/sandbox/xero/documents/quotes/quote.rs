//! A quote as it is kept, and the shapes it is shown in. It does nothing to the books.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::lines::Line;
use crate::xero::documents::tax::{LineAmountTypes, Totals};
use crate::xero::reading::View;
use crate::xero::shelf::Document;
use crate::xero::wire::{self, places};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum QuoteStatus {
    Draft,
    Sent,
    Accepted,
    Declined,
    Invoiced,
    Deleted,
}

impl QuoteStatus {
    const ALL: [Self; 6] =
        [Self::Draft, Self::Sent, Self::Accepted, Self::Declined, Self::Invoiced, Self::Deleted];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Sent => "SENT",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Invoiced => "INVOICED",
            Self::Deleted => "DELETED",
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Quote {
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) terms: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) contact_id: Uuid,
    pub(crate) date: Date,
    pub(crate) expiry: Option<Date>,
    pub(crate) status: QuoteStatus,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
    pub(crate) branding_theme: Option<Uuid>,
    pub(crate) totals: Totals,
    pub(crate) updated: Timestamp,
}

pub(crate) fn quote_number_key(number: &str) -> String {
    format!("number:{}", number.to_lowercase())
}

impl Document for Quote {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    /// Deleted quotes go on holding their number.
    fn keys(&self) -> Vec<String> {
        vec![quote_number_key(&self.number)]
    }
}

impl Quote {
    /// A list leaves out empty terms and item codes, and has discounts of nothing; a single quote the reverse.
    pub(crate) fn as_json(
        &self,
        contact: Option<&Contact>,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let listed = view == View::Paged;
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("QuoteID", self.id.to_string().into());
        put("QuoteNumber", self.number.as_str().into());
        if !self.reference.is_empty() {
            put("Reference", self.reference.as_str().into());
        }
        if !listed || !self.terms.is_empty() {
            put("Terms", self.terms.as_str().into());
        }
        if let Some(contact) = contact {
            let contact = json!({
                "ContactID": contact.id.to_string(), "Name": contact.name(),
                "EmailAddress": contact.email().unwrap_or_default(),
            });
            put("Contact", contact);
        }
        put("LineItems", self.lines.iter().map(|line| line_as_json(line, listed, unit_places)).collect());
        put("Date", wire::bare_day(self.date));
        put("DateString", wire::day_text(self.date));
        if let Some(expiry) = self.expiry {
            put("ExpiryDate", wire::bare_day(expiry));
            put("ExpiryDateString", wire::day_text(expiry));
        }
        put("Status", self.status.as_str().into());
        put("CurrencyRate", wire::number(self.currency_rate));
        put("CurrencyCode", self.currency.as_str().into());
        put("SubTotal", wire::money(self.totals.sub_total));
        put("TotalTax", wire::money(self.totals.total_tax));
        put("Total", wire::money(self.totals.total));
        let discount: Decimal = self.lines.iter().map(Line::discount).sum();
        if listed || !discount.is_zero() {
            put("TotalDiscount", wire::money(discount));
        }
        for (field, text) in [("Title", &self.title), ("Summary", &self.summary)] {
            if !text.is_empty() {
                put(field, text.as_str().into());
            }
        }
        if let Some(theme) = self.branding_theme {
            put("BrandingThemeID", theme.to_string().into());
        }
        put("UpdatedDateUTC", wire::bare_stamp(self.updated));
        put("LineAmountTypes", self.line_amount_types.as_str().to_uppercase().into());
        body
    }
}

fn line_as_json(line: &Line, listed: bool, unit_places: u32) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("LineItemID", line.id.to_string().into());
    if let Some(code) = &line.account_code {
        put("AccountCode", code.as_str().into());
    }
    if let Some(description) = &line.description {
        put("Description", description.as_str().into());
    }
    if let Some(unit) = line.unit_amount {
        put("UnitAmount", wire::number(places(unit, unit_places)));
    }
    match (line.discount_rate, line.discount_amount) {
        (Some(rate), _) => put("DiscountRate", wire::number(rate)),
        (None, None) if !listed => None,
        (None, amount) => put("DiscountAmount", wire::money(amount.unwrap_or_default())),
    };
    put("LineAmount", wire::money(line.line_amount));
    let item_code = line.item.as_ref().map(|(_, code, _)| code.as_str());
    if !listed || item_code.is_some() {
        put("ItemCode", item_code.unwrap_or_default().into());
    }
    if let Some(quantity) = line.quantity {
        put("Quantity", wire::number(places(quantity, 4)));
    }
    put("TaxAmount", wire::money(line.tax_amount));
    if let Some(code) = &line.tax_type {
        put("TaxType", code.as_str().into());
    }
    put("Tracking", line.tracking.iter().map(|tracking| tracking.as_json(false)).collect());
    Value::Object(body)
}
