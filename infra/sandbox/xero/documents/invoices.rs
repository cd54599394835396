//! `/Invoices` over the API: what they are asked by, and the echo of a refused element. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>

pub(crate) mod invoice;
mod rules;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::claims;
use crate::xero::documents::head::{self, Row, number_key};
use crate::xero::filter::{Fields, Quick};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, email, history, online_invoice, paper};
use crate::xero::reading::{Parameter, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, read_day};
use crate::xero::writing::{Refused, given};
use invoice::{FIELDS, Invoice};

pub(crate) struct Invoices;

impl Resource for Invoices {
    type Document = Invoice;
    const KEY: &'static str = "Invoices";
    const ID: &'static str = "InvoiceID";
    const REFUSED_FLAG: Option<&'static str> = Some("HasErrors");
    const PARTS: &'static [Part] =
        &[history::PART, attachments::PART, email::PART, online_invoice::PART, paper::PART];
    const SUMMARISED: bool = true;
    const FIELDS: &'static [&'static str] = FIELDS;
    const SHARED_FIELDS: &'static [&'static str] = head::FIELDS;
    const QUICK: Option<Quick> = Some(Quick {
        equal: &[
            "status",
            "contact.contactid",
            "contact.name",
            "contact.contactnumber",
            "reference",
            "invoicenumber",
            "invoiceid",
            "type",
            "amountpaid",
        ],
        ranges: &["date", "duedate", "amountdue"],
        either: Some("invoiceid"),
        order: &["invoiceid", "updateddateutc", "date"],
    });
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::AnyOf("ContactIDs", "contact.contactid"),
        Parameter::AnyOf("InvoiceNumbers", "invoicenumber"),
        Parameter::AnyOf("Statuses", "status"),
        Parameter::OwnApp("createdByMyApp", "createdby"),
        Parameter::Search(&["invoicenumber", "reference"]),
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<Invoice> {
        &shelves.invoices
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a Invoice> {
        organisation.shelves.invoices.find(&number_key(key))
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        invoice: &Invoice,
        view: View,
    ) -> Map<String, Value> {
        invoice.as_json(organisation, view, request.unit_places())
    }

    fn row<'a>(organisation: &'a Organisation, _: &Request, invoice: &'a Invoice) -> Box<dyn Fields + 'a> {
        Row::boxed(organisation, invoice)
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        claims::save::<Invoice>(organisation, request, sent)
    }

    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>) {
        for field in ["Type", "InvoiceNumber", "Reference", "Url"] {
            if let Some(value) = sent.get(field) {
                body.insert(field.into(), value.clone());
            }
        }
        for empty in ["Payments", "CreditNotes", "Prepayments", "Overpayments", "InvoiceAddresses"] {
            body.insert(empty.into(), json!([]));
        }
        body.insert("InvoicePaymentServices".into(), json!([]));
        if let Some(contact) = sent.get("Contact").and_then(Value::as_object) {
            let mut contact = contact.clone();
            for empty in ["Addresses", "Phones", "ContactGroups", "ContactPersons", "ValidationErrors"] {
                contact.entry(empty).or_insert_with(|| json!([]));
            }
            body.insert("Contact".into(), Value::Object(contact));
        }
        for (field, text) in [("Date", "DateString"), ("DueDate", "DueDateString")] {
            match given(sent, field).and_then(|day| read_day(&day)) {
                Some(date) => {
                    body.insert(text.into(), wire::day_text(date));
                    body.insert(field.into(), wire::day(date));
                }
                None => body.extend(sent.get(field).map(|value| (field.to_owned(), value.clone()))),
            }
        }
        for field in
            ["Status", "LineAmountTypes", "LineItems", "SubTotal", "TotalTax", "Total", "CurrencyCode"]
        {
            if let Some(value) = sent.get(field) {
                body.insert(field.into(), value.clone());
            }
        }
    }
}
