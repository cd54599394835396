//! Writing quotes. What is written is the whole quote: a text that is left out is blanked, a number that is left
//! out is given anew, and lines without their ids are other lines. Only contact, currency and lines may be left
//! out and stay.
//!
//! <https://developer.xero.com/documentation/api/accounting/quotes>. Where a sentence of Xero's is known it is
//! that of the other documents.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::quote::{Quote, QuoteStatus, quote_number_key};
use crate::xero::documents::head::{self, day};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::documents::tax::Totals;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::writing::{Refused, given, text_within};

const WRONG_STATUS: &str = "Quote not of valid status for modification";
const NUMBER_TAKEN: &str = "Quote number must be unique";

/// <https://developer.xero.com/documentation/api/accounting/quotes>
const LONGEST: [(&str, usize); 5] =
    [("QuoteNumber", 255), ("Reference", 4_000), ("Terms", 4_000), ("Title", 100), ("Summary", 3_000)];

pub(super) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before = find(organisation, sent, request.method == "PUT")?;
    let id = before.as_ref().map(|held| held.id);
    let status = next_status(before.as_ref(), sent).map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut quote = replacement(organisation, request, sent, before.as_ref(), &mut messages);
    quote.status = status;
    quote.contact_id = head::contact_of(
        organisation,
        request,
        sent,
        before.as_ref().map(|held| held.contact_id),
        &mut messages,
    );
    let held = before.as_ref().map(|held| (held.currency.as_str(), held.currency_rate));
    (quote.currency, quote.currency_rate) =
        head::currency(organisation, sent, quote.contact_id, quote.date, held, &mut messages);
    read_lines(organisation, request, sent, &mut quote, &mut messages);
    if before.as_ref().is_some_and(|held| is_settled(held) && differs(held, &quote)) {
        messages.push(WRONG_STATUS.to_owned());
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    if quote.number.is_empty() {
        quote.number = organisation
            .next_number("QU-", |shelves, number| shelves.quotes.find(&quote_number_key(number)).is_none());
    }
    let id = quote.id;
    let changes = match (before.map(|held| held.status), status) {
        (None, _) => "Created",
        (Some(was), is) if was == is => "Edited",
        (_, QuoteStatus::Sent) => "Sent",
        (_, QuoteStatus::Accepted) => "Accepted",
        (_, QuoteStatus::Declined) => "Declined",
        (_, QuoteStatus::Invoiced) => "Invoiced",
        (_, QuoteStatus::Deleted) => "Deleted",
        (_, QuoteStatus::Draft) => "Edited",
    };
    organisation.shelves.quotes.put(quote);
    organisation.record(id, changes, request.now);
    Ok(id)
}

/// By id, then by number.
fn find(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    creates_only: bool,
) -> Result<Option<Quote>, Refused> {
    let quotes = &organisation.shelves.quotes;
    let held = match head::sent_id(sent, "QuoteID")? {
        Some(id) => Some(quotes.get(id).ok_or(Refused::NotFound)?),
        None => given(sent, "QuoteNumber").and_then(|number| quotes.find(&quote_number_key(&number))),
    };
    match held {
        Some(_) if creates_only => Err(Refused::because(None, NUMBER_TAKEN)),
        held => Ok(held.cloned()),
    }
}

/// <https://developer.xero.com/documentation/api/accounting/types#quote-status-codes>
fn next_status(before: Option<&Quote>, sent: &Map<String, Value>) -> Result<QuoteStatus, String> {
    use QuoteStatus::{Accepted, Declined, Deleted, Draft, Invoiced, Sent};
    let wanted = match given(sent, "Status") {
        None => before.map_or(Draft, |held| held.status),
        Some(text) => QuoteStatus::read(&text).ok_or_else(|| format!("The Status '{text}' is not valid"))?,
    };
    let follows: &[QuoteStatus] = match before.map(|held| held.status) {
        None => &[Draft, Sent],
        Some(Draft) => &[Draft, Sent, Deleted],
        Some(Sent) => &[Sent, Accepted, Declined, Deleted],
        Some(Declined) => &[Declined, Sent, Deleted],
        Some(Accepted) => &[Accepted, Invoiced, Sent, Deleted],
        Some(Invoiced) => &[Invoiced, Sent, Deleted],
        Some(Deleted) => &[],
    };
    if follows.contains(&wanted) { Ok(wanted) } else { Err("Quote status change is invalid".to_owned()) }
}

/// A new quote in the place of the one before, with nothing of it but its lines.
fn replacement(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    before: Option<&Quote>,
    messages: &mut Messages,
) -> Quote {
    let [number, reference, terms, title, summary] =
        LONGEST.map(|(field, longest)| text_within(sent, field, longest, messages).unwrap_or_default());
    let holder = organisation.shelves.quotes.find(&quote_number_key(&number)).map(|holder| holder.id);
    if holder.is_some_and(|holder| Some(holder) != before.map(|held| held.id)) {
        messages.push(NUMBER_TAKEN.to_owned());
    }
    let date = day(sent, "Date", messages);
    if date.is_none() && given(sent, "Date").is_none() {
        messages.push("Date must be specified".to_owned());
    }
    let theme = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok());
    Quote {
        id: before.map_or_else(|| organisation.ids.next(), |held| held.id),
        number,
        reference,
        terms,
        title,
        summary,
        contact_id: Uuid::nil(),
        date: date.unwrap_or_else(|| organisation.today(request.now)),
        expiry: day(sent, "ExpiryDate", messages),
        status: QuoteStatus::Draft,
        line_amount_types: head::line_amount_types(sent, messages).unwrap_or_default(),
        lines: before.map(|held| held.lines.clone()).unwrap_or_default(),
        currency: String::new(),
        currency_rate: Decimal::ONE,
        branding_theme: theme.or_else(|| organisation.default_theme()),
        totals: Totals::default(),
        updated: request.now,
    }
}

fn read_lines(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    quote: &mut Quote,
    messages: &mut Messages,
) {
    let terms = Terms {
        is_sale: true,
        amounts: quote.line_amount_types,
        approved: false,
        discounted: true,
        taxed_by_account: false,
        unit_places: request.unit_places(),
    };
    let tracking = sent.get("LineItems").and_then(Value::as_array).into_iter().flatten();
    let mut tracking = tracking.filter_map(|line| line.get("Tracking")?.as_array()).flatten();
    if tracking.any(|tracking| tracking.get("TrackingOptionID").is_none()) {
        messages.push("A TrackingOptionID must be specified for the tracking of a quote".to_owned());
    }
    quote.totals = head::amounts(organisation, sent, &mut quote.lines, terms, messages);
    lines::check_order(organisation, &quote.lines, messages);
}

/// Everything can be edited in a draft and in a sent quote only.
fn is_settled(quote: &Quote) -> bool {
    matches!(quote.status, QuoteStatus::Accepted | QuoteStatus::Declined | QuoteStatus::Invoiced)
}

/// In what the customer agreed to. Sending it again opens it.
fn differs(held: &Quote, quote: &Quote) -> bool {
    quote.status != QuoteStatus::Sent
        && (held.totals != quote.totals
            || held.contact_id != quote.contact_id
            || held.currency != quote.currency)
}
