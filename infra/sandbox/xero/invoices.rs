//! `/Invoices` over the API: lists, one, and the echo of a refused element. Writing is in `invoice_rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Found, Refusal};
use super::invoice::{FIELDS, Invoice, InvoiceRow, InvoiceView, invoice_number_key};
use super::invoice_rules::save;
use super::organisation::Organisation;
use super::request::{Request, select, single};
use super::wire::{self, read_day};
use super::writing::{Refused, Resource, given};

pub(crate) struct Invoices;

impl Resource for Invoices {
    const KEY: &'static str = "Invoices";
    const ID: &'static str = "InvoiceID";

    fn list(organisation: &Organisation, request: &Request) -> Result<Found, Refusal> {
        let ids = request.ids("IDs");
        let contacts = request.ids("ContactIDs");
        let numbers = request.list("InvoiceNumbers");
        let statuses = request.list("Statuses");
        let term = request.parameter("searchTerm").map(str::to_lowercase);
        let own = request.flag("createdByMyApp");
        let among = |wanted: &Option<Vec<&str>>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one.eq_ignore_ascii_case(text)))
        };
        let rows = organisation
            .invoices
            .since(request.modified_since)
            .filter(|invoice| {
                ids.as_ref().is_none_or(|ids| ids.contains(&invoice.id))
                    && contacts.as_ref().is_none_or(|ids| ids.contains(&invoice.contact_id))
                    && among(&numbers, &invoice.number)
                    && among(&statuses, invoice.status.as_str())
                    && (!own || invoice.created_by.as_ref() == Some(&request.client))
                    && term.as_ref().is_none_or(|term| {
                        [&invoice.number, &invoice.reference]
                            .iter()
                            .any(|text| text.to_lowercase().contains(term))
                    })
            })
            .map(|invoice| row(organisation, invoice));
        let summary = request.flag("summaryOnly");
        let paged = summary || contacts.is_some() || numbers.is_some() || statuses.is_some();
        let (rows, pagination) = select(request, rows, &|path| FIELDS.contains(&path), paged)?;
        let view = match (summary, pagination) {
            (true, _) => InvoiceView::Summary,
            (false, Some(_)) => InvoiceView::Paged,
            (false, None) => InvoiceView::Listed,
        };
        let places = request.unit_places();
        let elements =
            rows.iter().map(|row| Value::Object(row.invoice.as_json(row.contact, view, places))).collect();
        Ok(Found { key: Self::KEY, elements, pagination })
    }

    fn one(organisation: &Organisation, request: &Request, key: &str) -> Result<Found, Refusal> {
        let invoices = &organisation.invoices;
        let by_id = Uuid::parse_str(key).ok().and_then(|id| invoices.get(id));
        let invoice = by_id.or_else(|| invoices.find(&invoice_number_key(key))).ok_or(Refusal::NotFound)?;
        let InvoiceRow { invoice, contact } = row(organisation, invoice);
        let body = invoice.as_json(contact, InvoiceView::Single, request.unit_places());
        Ok(single(Self::KEY, Value::Object(body)))
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        save(organisation, request, sent)
    }

    fn written(organisation: &Organisation, request: &Request, id: Uuid) -> Map<String, Value> {
        let Some(invoice) = organisation.invoices.get(id) else { return Map::new() };
        let InvoiceRow { invoice, contact } = row(organisation, invoice);
        invoice.as_json(contact, InvoiceView::Written, request.unit_places())
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

fn row<'a>(organisation: &'a Organisation, invoice: &'a Invoice) -> InvoiceRow<'a> {
    InvoiceRow { invoice, contact: organisation.contacts.get(invoice.contact_id) }
}
