//! A quote as it is kept besides its head, and the shapes it is shown in. It does nothing to the books.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::xero::body::Put;
use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::head::{Head, Headed, number_key};
use crate::xero::documents::lines::{self, Line};
use crate::xero::reading::View;
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

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Quote {
    pub(crate) head: Head,
    pub(crate) status: QuoteStatus,
    pub(crate) expiry: Option<Date>,
    pub(crate) terms: String,
    pub(crate) title: String,
    pub(crate) summary: String,
}

impl Headed for Quote {
    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Deleted quotes go on holding their number.
    fn keys(&self) -> Vec<String> {
        self.head.keys().chain([number_key(&self.head.number)]).collect()
    }
}

impl Quote {
    /// Another stack of Xero's servers writes them: in an order, with days and words of its own. A list leaves out empty
    /// terms and item codes, and has discounts of nothing; a single quote the reverse.
    pub(crate) fn as_json(
        &self,
        contact: Option<&Contact>,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let Self { head, .. } = self;
        let listed = view == View::Paged;
        let mut body = Map::new();
        body.put("QuoteID", head.id.to_string());
        body.put("QuoteNumber", &*head.number);
        body.put_text("Reference", &head.reference);
        if !listed || !self.terms.is_empty() {
            body.put("Terms", self.terms.as_str());
        }
        let contact = contact.map(|contact| {
            json!({
                "ContactID": contact.id.to_string(), "Name": contact.name(),
                "EmailAddress": contact.email().unwrap_or_default(),
            })
        });
        body.put_some("Contact", contact);
        let lines = head.lines.read();
        let items = lines.iter().map(|line| line_as_json(line, listed, unit_places));
        body.put("LineItems", items.collect::<Value>());
        for (field, date) in [("Date", Some(head.date)), ("ExpiryDate", self.expiry)] {
            body.put_some(field, date.map(wire::bare_day));
            body.put_some(format!("{field}String"), date.map(wire::day_text));
        }
        body.put("Status", self.status.as_str());
        body.put("CurrencyRate", wire::number(head.currency_rate));
        body.put("CurrencyCode", head.currency.as_str());
        body.put("SubTotal", wire::money(head.totals.sub_total));
        body.put("TotalTax", wire::money(head.totals.total_tax));
        body.put("Total", wire::money(head.totals.total));
        let discount = lines::discount(&lines);
        body.put_some("TotalDiscount", (listed || !discount.is_zero()).then(|| wire::money(discount)));
        body.put_text("Title", &self.title);
        body.put_text("Summary", &self.summary);
        body.put_some("BrandingThemeID", head.branding_theme.map(|theme| theme.to_string()));
        body.put("UpdatedDateUTC", wire::bare_stamp(head.updated));
        body.put("LineAmountTypes", head.line_amount_types.as_str().to_uppercase());
        body
    }
}

fn line_as_json(line: &Line, listed: bool, unit_places: u32) -> Value {
    let mut body = Map::new();
    body.put("LineItemID", line.id.to_string());
    body.put_some("AccountCode", line.account_code.as_deref());
    body.put_some("Description", line.description.as_deref());
    body.put_some("UnitAmount", line.unit_amount.map(|unit| wire::number(places(unit, unit_places))));
    match (line.discount_rate, line.discount_amount) {
        (Some(rate), _) => body.put("DiscountRate", wire::number(rate)),
        (None, None) if !listed => {}
        (None, amount) => body.put("DiscountAmount", wire::money(amount.unwrap_or_default())),
    }
    body.put("LineAmount", wire::money(line.line_amount));
    let item_code = line.item.as_ref().map(|(_, code, _)| code.as_str());
    body.put_some("ItemCode", item_code.or((!listed).then_some("")));
    body.put_some("Quantity", line.quantity.map(|quantity| wire::number(places(quantity, 4))));
    body.put("TaxAmount", wire::money(line.tax_amount));
    body.put_some("TaxType", line.tax_type.as_deref());
    body.put("Tracking", line.tracking.iter().map(|tracking| tracking.as_json(false)).collect::<Value>());
    Value::Object(body)
}
