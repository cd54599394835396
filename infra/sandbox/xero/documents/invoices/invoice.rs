//! A sales invoice or bill as it is kept, and the shapes it is shown in. Rules are in `rules.rs`.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::lines::{self, Line, PackedLines};
use crate::xero::documents::postings;
use crate::xero::documents::settlement::{SettledKind, contact_key, control_account};
use crate::xero::documents::stock;
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::filter::{Field, Fields};
use crate::xero::journal::Entry;
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::settings::currencies::CurrencyCode;
use crate::xero::shelf::Document;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum InvoiceType {
    /// A sale.
    AccRec,
    /// A bill.
    AccPay,
}

impl InvoiceType {
    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::AccRec, Self::AccPay].into_iter().find(|kind| kind.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccRec => "ACCREC",
            Self::AccPay => "ACCPAY",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum InvoiceStatus {
    Draft,
    Submitted,
    Authorised,
    Paid,
    Voided,
    Deleted,
}

impl InvoiceStatus {
    const ALL: [Self; 6] =
        [Self::Draft, Self::Submitted, Self::Authorised, Self::Paid, Self::Voided, Self::Deleted];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Submitted => "SUBMITTED",
            Self::Authorised => "AUTHORISED",
            Self::Paid => "PAID",
            Self::Voided => "VOIDED",
            Self::Deleted => "DELETED",
        }
    }
}

impl InvoiceStatus {
    /// Part of the books.
    pub(crate) fn stands(self) -> bool {
        matches!(self, Self::Authorised | Self::Paid)
    }

    /// Complete, or said to be.
    pub(crate) fn is_approved(self) -> bool {
        self.stands() || self == Self::Submitted
    }
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Invoice {
    pub id: Uuid,
    pub kind: InvoiceType,
    pub number: String,
    pub reference: String,
    pub contact_id: Uuid,
    pub date: Date,
    pub due_date: Option<Date>,
    pub expected_payment_date: Option<Date>,
    pub planned_payment_date: Option<Date>,
    pub status: InvoiceStatus,
    pub line_amount_types: LineAmountTypes,
    pub lines: PackedLines,
    pub currency: CurrencyCode,
    pub currency_rate: Decimal,
    pub url: Option<Box<str>>,
    pub branding_theme: Option<Uuid>,
    pub sent_to_contact: bool,
    pub sub_total: Decimal,
    pub total_tax: Decimal,
    pub total: Decimal,
    pub amount_paid: Decimal,
    pub amount_credited: Decimal,
    pub fully_paid_on: Option<Date>,
    pub updated: Timestamp,
    /// The app that made it; none for one made by hand.
    pub created_by: Option<Box<str>>,
}

impl Invoice {
    /// What the sender's own books have lost or won by rounding; part of the total.
    pub(crate) fn rounding(&self) -> Decimal {
        self.total - self.sub_total - self.total_tax
    }

    /// A voided invoice keeps it.
    pub fn amount_due(&self) -> Decimal {
        self.total - self.amount_paid - self.amount_credited
    }

    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        use View::{Listed, Paged, Single, Summary, Written};
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        let is_sale = self.kind == InvoiceType::AccRec;
        put("Type", self.kind.as_str().into());
        put("InvoiceID", self.id.to_string().into());
        put("InvoiceNumber", self.number.as_str().into());
        put("Reference", self.reference.as_str().into());
        // After a write none of them is shown; alone, payments only if there are any.
        let payments = || organisation.payments_of(self.id).map(|payment| payment.inside());
        if matches!(view, Paged | Listed) || (view == Single && payments().next().is_some()) {
            put("Payments", payments().collect());
        }
        if matches!(view, Paged | Listed | Single) {
            put("CreditNotes", self.credits(organisation, SettledKind::CreditNote));
        }
        if view != Summary {
            put("Prepayments", self.credits(organisation, SettledKind::Prepayment));
            put("Overpayments", self.credits(organisation, SettledKind::Overpayment));
        }
        put("AmountDue", wire::money(self.amount_due()));
        put("AmountPaid", wire::money(self.amount_paid));
        if view != Written {
            put("AmountCredited", wire::money(self.amount_credited));
        }
        if let Some(url) = &self.url {
            put("Url", (**url).into());
        }
        if is_sale {
            put("SentToContact", self.sent_to_contact.into());
        }
        put("CurrencyRate", wire::number(self.currency_rate));
        let lines = self.lines.read();
        let discount: Decimal = lines.iter().map(Line::discount).sum();
        put("IsDiscounted", (!discount.is_zero()).into());
        if !discount.is_zero() {
            put("TotalDiscount", wire::money(discount));
        }
        if view != Written {
            put("HasAttachments", false.into());
        }
        if matches!(view, Paged | Listed) {
            put("InvoiceAddresses", json!([]));
        }
        put("HasErrors", false.into());
        if view == Single {
            put("Attachments", json!([]));
        }
        put("InvoicePaymentServices", json!([]));
        put("UpdatedDateUTCString", wire::stamp_text(self.updated));
        if let Some(contact) = organisation.shelves.contacts.get(self.contact_id) {
            let inner = if matches!(view, Written | Single) { View::Written } else { View::Embedded };
            put("Contact", Value::Object(contact.as_json(inner)));
        }
        put("DateString", wire::day_text(self.date));
        put("Date", wire::day(self.date));
        if let Some(due) = self.due_date {
            put("DueDateString", wire::day_text(due));
            put("DueDate", wire::day(due));
        }
        if let Some(expected) = self.expected_payment_date {
            put("ExpectedPaymentDate", wire::day(expected));
        }
        if let Some(planned) = self.planned_payment_date {
            put("PlannedPaymentDate", wire::day(planned));
        }
        if let Some(theme) = self.branding_theme {
            put("BrandingThemeID", theme.to_string().into());
        }
        put("Status", self.status.as_str().into());
        put("LineAmountTypes", self.line_amount_types.as_str().into());
        if view != Summary {
            put("LineItems", lines::as_json(&lines, view, unit_places));
        }
        put("SubTotal", wire::money(self.sub_total));
        put("TotalTax", wire::money(self.total_tax));
        if !self.rounding().is_zero() {
            put("RoundingAmount", wire::money(self.rounding()));
        }
        put("Total", wire::money(self.total));
        put("UpdatedDateUTC", wire::stamp(self.updated));
        put("CurrencyCode", self.currency.as_str().into());
        if let Some(paid) = self.fully_paid_on {
            put("FullyPaidOnDate", wire::day(paid));
        }
        body
    }

    /// The credit of one kind that was allocated to it.
    fn credits(&self, organisation: &Organisation, kind: SettledKind) -> Value {
        let shelves = &organisation.shelves;
        let allocations = organisation.allocations_of(self.id).filter(|one| one.credit.kind == kind);
        let credits = allocations.filter_map(|allocation| {
            let (id, amount) = (allocation.credit.id, allocation.amount);
            match kind {
                SettledKind::Invoice => None,
                SettledKind::CreditNote => shelves.credit_notes.get(id).map(|note| note.inside(amount)),
                SettledKind::Prepayment => shelves.prepayments.get(id).map(|one| one.inside(kind, amount)),
                SettledKind::Overpayment => shelves.overpayments.get(id).map(|one| one.inside(kind, amount)),
            }
        });
        credits.collect()
    }
}

/// Sales numbers are found; a bill's number is a mere reference.
pub(crate) fn invoice_number_key(number: &str) -> String {
    format!("number:{}", number.to_lowercase())
}

impl Document for Invoice {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    /// Voided and deleted invoices go on holding their number.
    fn keys(&self) -> Vec<String> {
        let prefix = if self.kind == InvoiceType::AccRec { "" } else { "bill " };
        let number = format!("{prefix}{}", invoice_number_key(&self.number));
        [number, contact_key(self.contact_id)].into_iter().chain(stock::keys(&self.lines.read())).collect()
    }

    /// From the day it is approved: what is owed, against what was sold or bought and its tax.
    fn entries(&self, organisation: &Organisation) -> Vec<Entry> {
        if !self.status.stands() {
            return Vec::new();
        }
        let is_sale = self.kind == InvoiceType::AccRec;
        let sign = if is_sale { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let entry = Entry::on(self.date, self.currency_rate)
            .debit(control_account(organisation, is_sale), sign * self.total);
        vec![postings::post(entry, organisation, &self.lines.read(), self.line_amount_types, -sign)]
    }

    fn news(&self, before: Option<&Self>) -> Option<News> {
        let paid = |one: &Self| one.amount_paid + one.amount_credited;
        let is_settlement = before.is_some_and(|before| paid(before) != paid(self));
        Some(News::thin(Category::Invoice).settlement(is_settlement))
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "invoiceid",
    "invoicenumber",
    "reference",
    "type",
    "status",
    "date",
    "duedate",
    "amountdue",
    "amountpaid",
    "amountcredited",
    "subtotal",
    "totaltax",
    "total",
    "currencycode",
    "lineamounttypes",
    "updateddateutc",
    "url",
    "senttocontact",
    "fullypaidondate",
    "contact.contactid",
    "contact.name",
    "contact.contactnumber",
];

/// An invoice beside its contact, as a query sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvoiceRow<'a> {
    pub(crate) invoice: &'a Invoice,
    pub(crate) contact: Option<&'a Contact>,
}

impl Fields for InvoiceRow<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let Self { invoice, contact } = self;
        Some(match path {
            "invoiceid" => Field::Id(invoice.id),
            "invoicenumber" => Field::text(&invoice.number),
            "reference" => Field::text(&invoice.reference),
            "type" => Field::text(invoice.kind.as_str()),
            "status" => Field::text(invoice.status.as_str()),
            "date" => Field::day(Some(invoice.date)),
            "duedate" => Field::day(invoice.due_date),
            "fullypaidondate" => Field::day(invoice.fully_paid_on),
            "amountdue" => Field::Number(invoice.amount_due()),
            "amountpaid" => Field::Number(invoice.amount_paid),
            "amountcredited" => Field::Number(invoice.amount_credited),
            "subtotal" => Field::Number(invoice.sub_total),
            "totaltax" => Field::Number(invoice.total_tax),
            "total" => Field::Number(invoice.total),
            "currencycode" => Field::text(invoice.currency.as_str()),
            "lineamounttypes" => Field::text(invoice.line_amount_types.as_str()),
            "updateddateutc" => Field::Moment(invoice.updated),
            "url" => Field::maybe(invoice.url.as_deref()),
            "senttocontact" => Field::Flag(invoice.sent_to_contact),
            "contact.contactid" => Field::Id(invoice.contact_id),
            "contact.name" => Field::maybe(contact.map(Contact::name)),
            "contact.contactnumber" => Field::maybe(contact.and_then(Contact::number)),
            "createdby" => Field::maybe(invoice.created_by.as_deref()),
            _ => return None,
        })
    }
}
