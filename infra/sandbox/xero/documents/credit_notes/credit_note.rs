//! A credit note as it is kept, and the shapes it is shown in. Rules are in `rules.rs`.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::invoices::invoice::InvoiceStatus;
use crate::xero::documents::lines::{self, Line};
use crate::xero::documents::postings;
use crate::xero::documents::settlement::{contact_key, control_account};
use crate::xero::documents::stock;
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::filter::{Field, Fields};
use crate::xero::journal::Entry;
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::shelf::Document;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct CreditNote {
    pub(crate) id: Uuid,
    /// Given to a customer; otherwise it comes from a supplier.
    pub(crate) is_sale: bool,
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) contact_id: Uuid,
    pub(crate) date: Date,
    pub(crate) due_date: Option<Date>,
    /// The same words as an invoice's.
    pub(crate) status: InvoiceStatus,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
    pub(crate) branding_theme: Option<Uuid>,
    pub(crate) sent_to_contact: bool,
    pub(crate) sub_total: Decimal,
    pub(crate) total_tax: Decimal,
    pub(crate) total: Decimal,
    pub(crate) remaining_credit: Decimal,
    pub(crate) fully_paid_on: Option<Date>,
    pub(crate) updated: Timestamp,
}

/// Only those to customers are found by number.
pub(crate) fn credit_note_key(number: &str) -> String {
    format!("number:{}", number.to_lowercase())
}

impl Document for CreditNote {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    fn keys(&self) -> Vec<String> {
        let number = self.is_sale.then(|| credit_note_key(&self.number));
        [contact_key(self.contact_id)].into_iter().chain(number).chain(stock::keys(&self.lines)).collect()
    }

    /// An invoice turned round.
    fn entries(&self, organisation: &Organisation) -> Vec<Entry> {
        if !self.status.stands() {
            return Vec::new();
        }
        let sign = if self.is_sale { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let entry = Entry::on(self.date, self.currency_rate)
            .debit(control_account(organisation, self.is_sale), -sign * self.total);
        vec![postings::post(entry, organisation, &self.lines, self.line_amount_types, sign)]
    }

    fn news(&self, _before: Option<&Self>) -> Option<News> {
        Some(News::with_data(Category::CreditNote, self.kind(), self.status.as_str()))
    }
}

impl CreditNote {
    pub(crate) fn kind(&self) -> &'static str {
        if self.is_sale { "ACCRECCREDIT" } else { "ACCPAYCREDIT" }
    }

    /// The id stands there twice, as Xero has it.
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("CreditNoteID", self.id.to_string().into());
        put("CreditNoteNumber", self.number.as_str().into());
        if view != View::Summary {
            put("Payments", organisation.payments_of(self.id).map(|payment| payment.inside()).collect());
        }
        put("ID", self.id.to_string().into());
        put("CurrencyRate", wire::number(self.currency_rate));
        put("Type", self.kind().into());
        put("Reference", self.reference.as_str().into());
        put("SentToContact", self.sent_to_contact.into());
        put("RemainingCredit", wire::money(self.remaining_credit));
        if view != View::Summary {
            let allocations = organisation.allocations_of(self.id);
            put("Allocations", allocations.map(|one| one.as_json(organisation)).collect());
        }
        put("HasAttachments", false.into());
        put("HasErrors", false.into());
        if let Some(contact) = organisation.shelves.contacts.get(self.contact_id) {
            let inner =
                if matches!(view, View::Written | View::Single) { View::Written } else { View::Embedded };
            put("Contact", Value::Object(contact.as_json(inner)));
        }
        put("DateString", wire::day_text(self.date));
        put("Date", wire::day(self.date));
        if let Some(due) = self.due_date {
            put("DueDateString", wire::day_text(due));
            put("DueDate", wire::day(due));
        }
        if let Some(theme) = self.branding_theme {
            put("BrandingThemeID", theme.to_string().into());
        }
        put("Status", self.status.as_str().into());
        put("LineAmountTypes", self.line_amount_types.as_str().into());
        put("LineItems", lines::as_json(&self.lines, view, unit_places));
        put("SubTotal", wire::money(self.sub_total));
        put("TotalTax", wire::money(self.total_tax));
        put("Total", wire::money(self.total));
        put("UpdatedDateUTC", wire::stamp(self.updated));
        put("UpdatedDateUTCString", wire::stamp_text(self.updated));
        put("CurrencyCode", self.currency.as_str().into());
        if let Some(paid) = self.fully_paid_on {
            put("FullyPaidOnDate", wire::day(paid));
        }
        body
    }

    /// Inside an invoice that it was allocated to.
    pub(crate) fn inside(&self, applied: Decimal) -> Value {
        json!({
            "CreditNoteID": self.id.to_string(), "CreditNoteNumber": self.number, "ID": self.id.to_string(),
            "HasErrors": false, "AppliedAmount": wire::money(applied), "DateString": wire::day_text(self.date),
            "Date": wire::day(self.date), "LineItems": [], "Total": wire::money(self.total),
        })
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "creditnoteid",
    "creditnotenumber",
    "reference",
    "type",
    "status",
    "date",
    "duedate",
    "subtotal",
    "totaltax",
    "total",
    "remainingcredit",
    "currencycode",
    "updateddateutc",
    "fullypaidondate",
    "contact.contactid",
    "contact.name",
    "contact.contactnumber",
];

/// A credit note beside its contact, as a query sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CreditNoteRow<'a> {
    pub(crate) note: &'a CreditNote,
    pub(crate) contact: Option<&'a Contact>,
}

impl Fields for CreditNoteRow<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let Self { note, contact } = self;
        Some(match path {
            "creditnoteid" => Field::Id(note.id),
            "creditnotenumber" => Field::text(&note.number),
            "reference" => Field::text(&note.reference),
            "type" => Field::text(note.kind()),
            "status" => Field::text(note.status.as_str()),
            "date" => Field::day(Some(note.date)),
            "duedate" => Field::day(note.due_date),
            "fullypaidondate" => Field::day(note.fully_paid_on),
            "subtotal" => Field::Number(note.sub_total),
            "totaltax" => Field::Number(note.total_tax),
            "total" => Field::Number(note.total),
            "remainingcredit" => Field::Number(note.remaining_credit),
            "currencycode" => Field::text(&note.currency),
            "updateddateutc" => Field::Moment(note.updated),
            "contact.contactid" => Field::Id(note.contact_id),
            "contact.name" => Field::maybe(contact.map(Contact::name)),
            "contact.contactnumber" => Field::maybe(contact.and_then(Contact::number)),
            _ => return None,
        })
    }
}
