//! Writing quotes. What is written is the whole quote: a text that is left out is blanked, a number that is left
//! out is given anew, and lines without their ids are other lines. Only contact, currency and lines may be left
//! out and stay.
//!
//! <https://developer.xero.com/documentation/api/accounting/quotes>. Where a sentence of Xero's is known it is
//! that of the other documents.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Quotes;
use super::quote::{Quote, QuoteStatus};
use crate::xero::documents::head::{self, Head, NO_CONTACT, day};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
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
    let number = given(sent, "QuoteNumber");
    let taken = || Refused::because(None, NUMBER_TAKEN);
    let meant = head::sent_id(sent, Quotes::ID)?;
    let before = head::find(&organisation.shelves.quotes, request, meant, number, taken)?;
    let id = before.as_ref().map(|held| held.head.id);
    let was = before.as_ref().map(|held| held.status);
    let status = next_status(was, sent).map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut quote = replacement(organisation, request, sent, before.as_ref(), &mut messages);
    quote.status = status;
    quote.head.read_contact(organisation, request, sent, NO_CONTACT, &mut messages);
    let held = before.as_ref().map(|held| &held.head);
    quote.head.read_currency(organisation, sent, held, &mut messages);
    read_lines(organisation, request, sent, &mut quote.head, &mut messages);
    if before.as_ref().is_some_and(|held| is_settled(held) && differs(held, &quote)) {
        messages.push(WRONG_STATUS.to_owned());
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    quote.head.take_number(organisation, "QU-", Quotes::shelf);
    let id = quote.head.id;
    let changes = match (was, status) {
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

/// <https://developer.xero.com/documentation/api/accounting/types#quote-status-codes>
fn next_status(before: Option<QuoteStatus>, sent: &Map<String, Value>) -> Result<QuoteStatus, String> {
    use QuoteStatus::{Accepted, Declined, Deleted, Draft, Invoiced, Sent};
    let wanted = head::wanted(sent, QuoteStatus::read, before.unwrap_or(Draft))?;
    let follows: &[QuoteStatus] = match before {
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

/// A new quote in the place of the one before, with nothing of it but its contact and its lines.
fn replacement(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    before: Option<&Quote>,
    messages: &mut Messages,
) -> Quote {
    let id = before.map_or_else(|| organisation.ids.next(), |held| held.head.id);
    let mut head = Head::blank(id, organisation, request.now);
    if let Some(held) = before {
        head.contact_id = held.head.contact_id;
        head.lines = held.head.lines.clone();
    }
    let [number, reference, terms, title, summary] =
        LONGEST.map(|(field, longest)| text_within(sent, field, longest, messages).unwrap_or_default());
    (head.number, head.reference) = (number.into(), reference.into());
    if head.is_number_taken(&organisation.shelves.quotes) {
        messages.push(NUMBER_TAKEN.to_owned());
    }
    let date = day(sent, "Date", messages);
    if date.is_none() && given(sent, "Date").is_none() {
        messages.push("Date must be specified".to_owned());
    }
    head.date = date.unwrap_or(head.date);
    let expiry = day(sent, "ExpiryDate", messages);
    head.read_line_amount_types(sent, messages);
    head.branding_theme = organisation.default_theme();
    head.read_theme(organisation, sent, messages);
    Quote { head, status: QuoteStatus::Draft, expiry, terms, title, summary }
}

fn read_lines(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    head: &mut Head,
    messages: &mut Messages,
) {
    let terms = Terms {
        discounted: true,
        taxed_by_account: false,
        ..Terms::of(true, head.line_amount_types, request.unit_places())
    };
    let tracking = sent.get("LineItems").and_then(Value::as_array).into_iter().flatten();
    let mut tracking = tracking.filter_map(|line| line.get("Tracking")?.as_array()).flatten();
    if tracking.any(|tracking| tracking.get("TrackingOptionID").is_none()) {
        messages.push("A TrackingOptionID must be specified for the tracking of a quote".to_owned());
    }
    head.read_lines(organisation, sent, terms, messages);
    lines::check_order(organisation, &head.lines.read(), messages);
}

/// Everything can be edited in a draft and in a sent quote only.
fn is_settled(quote: &Quote) -> bool {
    matches!(quote.status, QuoteStatus::Accepted | QuoteStatus::Declined | QuoteStatus::Invoiced)
}

/// In anything but number and terms, which were seen to change with the status. Sending it again opens it, and nobody
/// looks at what is deleted.
fn differs(held: &Quote, quote: &Quote) -> bool {
    let mut as_it_was = held.clone();
    as_it_was.status = quote.status;
    as_it_was.terms.clone_from(&quote.terms);
    as_it_was.head.number.clone_from(&quote.head.number);
    as_it_was.head.updated = quote.head.updated;
    as_it_was.head.lines = lines::with_ids_of(&held.head.lines, &quote.head.lines);
    !matches!(quote.status, QuoteStatus::Sent | QuoteStatus::Deleted) && as_it_was != *quote
}
