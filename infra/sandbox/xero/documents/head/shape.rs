//! A head as it is kept, what of it an answer shows and a query sees, and what it does to the books.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::body::Put;
use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::lines::PackedLines;
use crate::xero::documents::tax::{LineAmountTypes, Totals};
use crate::xero::documents::{postings, stock};
use crate::xero::filter::{Field, Fields};
use crate::xero::journal::{Basis, Entry};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::settings::currencies::CurrencyCode;
use crate::xero::shelf::Document;
use crate::xero::webhooks::News;
use crate::xero::wire;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub id: Uuid,
    /// Empty for kinds that have none, and for bills and suppliers' credit notes that came without.
    pub number: Box<str>,
    pub reference: Box<str>,
    /// The zero id for money that is moved between two accounts of one's own.
    pub contact_id: Uuid,
    pub date: Date,
    pub line_amount_types: LineAmountTypes,
    pub lines: PackedLines,
    pub currency: CurrencyCode,
    /// Units of it for one of the organisation's.
    pub currency_rate: Decimal,
    pub branding_theme: Option<Uuid>,
    pub totals: Totals,
    pub updated: Timestamp,
}

/// A document that has a head. The rest of what `Document` asks follows from the head.
pub(crate) trait Headed: Clone + Serialize + DeserializeOwned {
    /// Whether its stamp moves when a file is hung on it.
    const IS_TOUCHED: bool = true;

    fn head(&self) -> &Head;

    fn head_mut(&mut self) -> &mut Head;

    /// As `Document::keys`.
    fn keys(&self) -> Vec<String>;

    /// As `Document::entries`.
    fn entries(&self, _organisation: &Organisation, _basis: Basis) -> Vec<Entry> {
        Vec::new()
    }

    /// As `Document::news`.
    fn news(&self, _before: Option<&Self>) -> Option<News> {
        None
    }

    /// A field for `where` and `order` that only this kind has.
    fn field<'a>(&'a self, _organisation: &'a Organisation, _path: &str) -> Option<Field<'a>> {
        None
    }
}

impl<D: Headed> Document for D {
    fn id(&self) -> Uuid {
        self.head().id
    }

    fn updated(&self) -> Timestamp {
        self.head().updated
    }

    fn touch(&mut self, at: Timestamp) {
        if D::IS_TOUCHED {
            self.head_mut().updated = at;
        }
    }

    fn keys(&self) -> Vec<String> {
        Headed::keys(self)
    }

    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        Headed::entries(self, organisation, basis)
    }

    fn news(&self, before: Option<&Self>) -> Option<News> {
        Headed::news(self, before)
    }
}

/// The key of what is a contact's.
pub(crate) fn contact_key(id: Uuid) -> String {
    format!("contact:{id}")
}

/// The key of the document with this number.
pub(crate) fn number_key(number: &str) -> String {
    format!("number:{}", number.to_lowercase())
}

impl Head {
    /// Of today, in the organisation's own currency, with nothing on it.
    pub(crate) fn blank(id: Uuid, organisation: &Organisation, now: Timestamp) -> Self {
        Self {
            id,
            number: Box::default(),
            reference: Box::default(),
            contact_id: Uuid::nil(),
            date: organisation.today(now),
            line_amount_types: LineAmountTypes::default(),
            lines: PackedLines::default(),
            currency: CurrencyCode::read(&organisation.base_currency),
            currency_rate: Decimal::ONE,
            branding_theme: None,
            totals: Totals::default(),
            updated: now,
        }
    }

    /// By its contact, and by the items whose stock it moves.
    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        let contact = Some(self.contact_id).filter(|id| !id.is_nil()).map(contact_key);
        contact.into_iter().chain(stock::keys(&self.lines.read()))
    }

    /// The total on an account, against what the lines name. `sign` is 1 where the account is debited.
    pub(crate) fn post(&self, organisation: &Organisation, account: Uuid, sign: Decimal) -> Vec<Entry> {
        let entry = Entry::on(self.date, self.currency_rate).debit(account, sign * self.totals.total);
        vec![postings::post(entry, organisation, &self.lines.read(), self.line_amount_types, -sign)]
    }

    /// As much of it as the document is shown of.
    pub(crate) fn put_contact(&self, body: &mut Map<String, Value>, organisation: &Organisation, view: View) {
        let view = if matches!(view, View::Written | View::Single) { View::Written } else { View::Embedded };
        let contact = organisation.shelves.contacts.get(self.contact_id);
        body.put_some("Contact", contact.map(|contact| contact.as_json(view)));
    }

    /// From the status on, with the lines in the middle: all kinds but quotes agree in these.
    pub(crate) fn put_sums(&self, body: &mut Map<String, Value>, status: &str, lines: Option<Value>) {
        let Totals { sub_total, total_tax, total } = self.totals;
        body.put_some("BrandingThemeID", self.branding_theme.map(|theme| theme.to_string()));
        body.put("Status", status);
        body.put("LineAmountTypes", self.line_amount_types.as_str());
        body.put_some("LineItems", lines);
        body.put("SubTotal", wire::money(sub_total));
        body.put("TotalTax", wire::money(total_tax));
        let rounding = self.totals.rounding();
        body.put_some("RoundingAmount", (!rounding.is_zero()).then(|| wire::money(rounding)));
        body.put("Total", wire::money(total));
    }

    fn field<'a>(&'a self, path: &str, contact: Option<&'a Contact>) -> Option<Field<'a>> {
        Some(match path {
            "reference" => Field::text(&self.reference),
            "date" => Field::day(Some(self.date)),
            "subtotal" => Field::Number(self.totals.sub_total),
            "totaltax" => Field::Number(self.totals.total_tax),
            "total" => Field::Number(self.totals.total),
            "currencycode" => Field::text(self.currency.as_str()),
            "currencyrate" => Field::Number(self.currency_rate),
            "brandingthemeid" => self.branding_theme.map_or(Field::Null, Field::Id),
            "lineamounttypes" => Field::text(self.line_amount_types.as_str()),
            "updateddateutc" => Field::Moment(self.updated),
            "contact.contactid" if self.contact_id.is_nil() => Field::Null,
            "contact.contactid" => Field::Id(self.contact_id),
            "contact.name" => Field::maybe(contact.map(Contact::name)),
            "contact.contactnumber" => Field::maybe(contact.and_then(Contact::number)),
            "contact.contactstatus" => Field::maybe(contact.map(|contact| contact.status.as_str())),
            "contact.emailaddress" => Field::maybe(contact.and_then(|contact| contact.text("EmailAddress"))),
            _ => return None,
        })
    }
}

/// What `where` and `order` may name of every document that [`Row`] shows: the head's, and what is found by its id.
pub(crate) const FIELDS: &[&str] = &[
    "reference",
    "date",
    "subtotal",
    "totaltax",
    "total",
    "currencycode",
    "currencyrate",
    "lineamounttypes",
    "updateddateutc",
    "hasattachments",
    "contact.contactid",
    "contact.name",
    "contact.contactnumber",
    "contact.contactstatus",
    "contact.emailaddress",
];

/// A document beside its contact, as a query sees it.
pub(crate) struct Row<'a, D> {
    document: &'a D,
    contact: Option<&'a Contact>,
    organisation: &'a Organisation,
}

impl<'a, D: Headed> Row<'a, D> {
    pub(crate) fn boxed(organisation: &'a Organisation, document: &'a D) -> Box<dyn Fields + 'a> {
        let contact = organisation.shelves.contacts.get(document.head().contact_id);
        Box::new(Self { document, contact, organisation })
    }
}

impl<D: Headed> Fields for Row<'_, D> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let (document, organisation) = (self.document, self.organisation);
        if path == "hasattachments" {
            return Some(Field::Flag(organisation.has_attachments(document.head().id)));
        }
        document.field(organisation, path).or_else(|| document.head().field(path, self.contact))
    }
}
