//! Invoices that are looked for: up to 40 numbers or ids in one read; other criteria one read each.
//!
//! The shape says how: `InvoiceNumber`, `InvoiceID`, or `where` and the whole condition, with the type of invoice and
//! the organisation's short code before it. So only equal conditions share a call, and equal ones are one element.
//!
//! A find of all goes by `all:` and a [`Place`]: in the order of changes, since in any other what leaves the condition would
//! push others over the border of a page.

use async_trait::async_trait;

use super::INVOICES_FIND;
use super::invoices::finish;
use crate::connectors::xero::pages::Place;
use crate::connectors::xero::wire::{ACCOUNTING, Became, envelope, text, updated_at};
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::ports::connector::{Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::Response;
use serde_json::json;

pub(super) struct InvoicesFind;

/// Invoices on a page, the most that Xero gives. <https://developer.xero.com/documentation/api/accounting/invoices>
pub(in crate::connectors::xero) const PAGE: usize = 1000;

/// About 50 ids fit into a URL. <https://github.com/XeroAPI/Xero-Java/pull/331>
const CAPACITY: Capacity = Capacity { elements: 40, bytes: 1_700 };

/// Shape and element of a search. Lists of numbers are joined by commas, so that a number with one is asked by `where`.
pub(in crate::connectors::xero) fn criterion(
    short_code: &str,
    kind: &str,
    by: &str,
    value: &str,
) -> (String, Value) {
    match by {
        "InvoiceNumber" if value.contains(',') => {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            criterion(short_code, kind, "where", &format!("InvoiceNumber==\"{escaped}\""))
        }
        by if is_condition(by) => (format!("{short_code}|{kind}|{by}|{value}"), value.into()),
        by => (format!("{short_code}|{kind}|{by}|"), value.into()),
    }
}

/// `where`, `where:2` for its second page, or `all:` and a place.
fn is_condition(by: &str) -> bool {
    by.starts_with("where") || by.starts_with(ALL)
}

/// Before the place of a find of all.
pub(in crate::connectors::xero) const ALL: &str = "all:";

struct Shape<'a> {
    short_code: &'a str,
    kind: &'a str,
    by: &'a str,
}

impl<'a> Shape<'a> {
    fn of(shape: &'a str) -> Self {
        let mut parts = shape.splitn(4, '|');
        let mut next = || parts.next().unwrap_or_default();
        Self { short_code: next(), kind: next(), by: next() }
    }
}

#[async_trait]
impl Endpoint for InvoicesFind {
    fn id(&self) -> &'static str {
        INVOICES_FIND
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Read
    }

    fn capacity(&self) -> Capacity {
        CAPACITY
    }

    /// <https://developer.xero.com/documentation/api/accounting/invoices#get-invoices>
    fn compose(&self, shape: &str, elements: &[Element]) -> Call {
        let values: Vec<&str> = elements.iter().filter_map(|element| element.value.as_str()).collect();
        let call = Call::get(format!("{ACCOUNTING}/Invoices"));
        let by = Shape::of(shape).by;
        let call = match by {
            "InvoiceNumber" => call.with_query("InvoiceNumbers", values.join(",")),
            "InvoiceID" => call.with_query("IDs", values.join(",")),
            _ => call.with_query("where", values.first().copied().unwrap_or_default()),
        };
        let call = match (place(by), by.strip_prefix("where:")) {
            (Some(place), _) => place.asked(call),
            (None, Some(page)) => call.with_query("order", "InvoiceID").with_query("page", page),
            (None, None) => call.with_query("page", "1"),
        };
        call.with_query("pageSize", PAGE.to_string()).with_query("unitdp", "4")
    }

    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        let shape = Shape::of(shape);
        let Some(answer) = envelope(response, "Invoices") else {
            return vec![MemberOutcome::Unclear; elements.len()];
        };
        if let Some(place) = place(shape.by) {
            return vec![
                MemberOutcome::Done(found_at(place, shape.short_code, &answer.elements));
                elements.len()
            ];
        }
        let wanted = |invoice: &&Value| shape.kind.is_empty() || text(invoice, "Type") == Some(shape.kind);
        let invoices: Vec<&Value> = answer.elements.iter().filter(wanted).collect();
        elements
            .iter()
            .map(|element| {
                let value = element.value.as_str().unwrap_or_default();
                let is_it = |invoice: &&&Value| match shape.by {
                    by if is_condition(by) => true,
                    by => text(invoice, by).is_some_and(|found| found.eq_ignore_ascii_case(value)),
                };
                let found = invoices.iter().filter(is_it).copied().collect();
                let whole =
                    answer.items.filter(|items| shape.by == "where" && *items > answer.elements.len() as u64);
                MemberOutcome::Done(found_records(shape.short_code, found, whole))
            })
            .collect()
    }
}

fn place(by: &str) -> Option<Place> {
    Place::read(by.strip_prefix(ALL)?)
}

/// One page of all, and the place of the `next`.
fn found_at(place: Place, short_code: &str, invoices: &[Value]) -> Value {
    let (is_full, last) = (invoices.len() >= PAGE, invoices.last().and_then(updated_at));
    let counts = place.counts(is_full, last);
    let here = invoices.iter().filter(|invoice| updated_at(invoice).is_none_or(&counts)).collect();
    let mut found = found_records(short_code, here, None);
    if let Some(next) = place.next_of_all(is_full, last) {
        found["next"] = next.text().into();
    }
    found
}

/// Live invoices come before voided and deleted ones, so that `first` is the one that counts.
fn found_records(short_code: &str, mut invoices: Vec<&Value>, whole: Option<u64>) -> Value {
    invoices.sort_by_key(|invoice| matches!(text(invoice, "Status"), Some("VOIDED" | "DELETED")));
    let records: Vec<Value> =
        invoices.iter().map(|invoice| finish(short_code, invoice, Became::Found)).collect();
    let count = whole.unwrap_or(records.len() as u64);
    json!({
        "found": !records.is_empty(),
        "count": count,
        "first": records.first(),
        "records": records,
    })
}
