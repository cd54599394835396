//! What the invoices' endpoints share: the call, and how an answer's elements become results.

use super::{agrees, echoes, matched};
use crate::connectors::xero::marker::carries;
use crate::connectors::xero::refusals;
use crate::connectors::xero::wire::{
    ACCOUNTING, Became, body_of, deep_link, document, envelope, result, text,
};
use crate::domain::Value;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Call, Element, MemberOutcome};
use crate::ports::http::{Method, Response};

/// `unitdp=4` keeps four decimals of a UnitAmount, which Xero otherwise rounds to two.
/// <https://developer.xero.com/documentation/api/accounting/invoices>
pub(super) fn write(method: Method, elements: &[Element]) -> Call {
    Call {
        method,
        body: Some(body_of("Invoices", elements.iter().map(|element| element.value.clone()))),
        ..Call::get(format!("{ACCOUNTING}/Invoices"))
            .with_query("summarizeErrors", "false")
            .with_query("unitdp", "4")
    }
}

/// A document as a step's result; `shape` is the organisation's short code.
pub(super) fn finish(short_code: &str, invoice: &Value, became: Became) -> Value {
    let page = match text(invoice, "Type") {
        Some("ACCPAY") => "/AccountsPayable/View.aspx?InvoiceID=",
        _ => "/AccountsReceivable/View.aspx?InvoiceID=",
    };
    let url = deep_link(short_code, &format!("{page}{}", text(invoice, "InvoiceID").unwrap_or_default()));
    result(document(invoice.clone()), "InvoiceID", became, url)
}

pub(super) fn settle(
    short_code: &str,
    elements: &[Element],
    response: &Response,
    became: Became,
    refusal: impl Fn(Failure) -> MemberOutcome,
) -> Vec<MemberOutcome> {
    let results = envelope(response, "Invoices").map(|envelope| envelope.elements).unwrap_or_default();
    let matched = matched(elements, &results, proves, has_same_number, is_echo);
    let outcome = |back: Option<&Value>| match back {
        None => MemberOutcome::Unclear,
        Some(back) if refusals::is_refused(back) => refusal(refusals::failure(&refusals::messages(back))),
        Some(back) if text(back, "InvoiceID").is_none() => MemberOutcome::Unclear,
        Some(back) => MemberOutcome::Done(finish(short_code, back, became)),
    };
    matched.into_iter().map(outcome).collect()
}

fn proves(element: &Element, back: &Value) -> bool {
    match text(&element.value, "InvoiceID") {
        Some(id) => text(back, "InvoiceID").is_some_and(|other| other.eq_ignore_ascii_case(id)),
        None => carries(back, &element.marker),
    }
}

/// A number names one invoice, unless the answer's own mark says that it is another's.
fn has_same_number(element: &Element, back: &Value) -> bool {
    let same = text(&element.value, "InvoiceNumber")
        .is_some_and(|number| text(back, "InvoiceNumber") == Some(number));
    let undisputed = |name| match (element.value.get(name), back.get(name)) {
        (Some(sent), Some(echo)) => agrees(sent, echo),
        _ => true,
    };
    same && undisputed("Url") && undisputed("Reference") && undisputed("InvoiceID")
}

fn is_echo(element: &Element, back: &Value) -> bool {
    echoes(&element.value, back, &["Contact", "LineItems"])
}
