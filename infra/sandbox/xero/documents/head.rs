//! What the documents share that have a contact, dates, a currency and lines: read from what was sent.
//!
//! Messages are collected, so that one answer says all that is wrong.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::contacts::contact::{name_key, number_key};
use super::contacts::rules::{self as contact_rules, ARCHIVED};
use super::lines::{Line, Terms, read_lines, settle};
use super::tax::{LineAmountTypes, Totals, totals};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::currencies::day_rate;
use crate::xero::wire::{read_day, read_number};
use crate::xero::writing::{Refused, given};

/// Numbers and references.
pub(crate) const LONGEST_TEXT: usize = 255;
pub(crate) const NO_CONTACT: &str = "A Contact must be specified for this type of transaction";

/// The id of the document that is meant, if one is named; 404 for what is no id.
pub(crate) fn sent_id(sent: &Map<String, Value>, field: &str) -> Result<Option<Uuid>, Refused> {
    match given(sent, field) {
        None => Ok(None),
        Some(id) => {
            let id = Uuid::parse_str(&id).map_err(|_| Refused::NotFound)?;
            Ok(Some(id).filter(|id| !id.is_nil()))
        }
    }
}

/// The contact that is sent, or else the one that the document has; one of them must be.
pub(crate) fn contact_of(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    held: Option<Uuid>,
    messages: &mut Messages,
) -> Uuid {
    let contact = contact(organisation, request, sent.get("Contact")).unwrap_or_else(|refused| {
        messages.about(About::Contact, |messages| messages.extend(refused));
        Some(Uuid::nil())
    });
    contact.or(held).unwrap_or_else(|| {
        messages.push(NO_CONTACT);
        Uuid::nil()
    })
}

/// A block with nothing but an id refers; with more it edits that contact, or makes one.
pub(crate) fn contact(
    organisation: &mut Organisation,
    request: &Request,
    sent: Option<&Value>,
) -> Result<Option<Uuid>, Vec<String>> {
    let Some(block) = sent.and_then(Value::as_object).filter(|block| !block.is_empty()) else {
        return Ok(None);
    };
    let held = known_contact(organisation, block)?;
    let identifies = ["ContactID", "ContactNumber", "Name"];
    match held {
        Some(id) if block.len() == 1 && block.keys().all(|field| identifies.contains(&field.as_str())) => {
            Ok(Some(id))
        }
        held => {
            let mut block = block.clone();
            block.extend(held.map(|id| ("ContactID".to_owned(), id.to_string().into())));
            match contact_rules::save(organisation, request.now, false, &block) {
                Ok(id) => Ok(Some(id)),
                Err(Refused::Element { messages, .. }) => Err(messages.sentences()),
                Err(_) => Err(vec!["The contact could not be found".to_owned()]),
            }
        }
    }
}

/// The contact that a block names: by id, by number, or by name. An archived one takes no documents.
pub(crate) fn known_contact(
    organisation: &Organisation,
    block: &Map<String, Value>,
) -> Result<Option<Uuid>, Vec<String>> {
    let contacts = &organisation.shelves.contacts;
    let held = match given(block, "ContactID").map(|id| Uuid::parse_str(&id).ok()) {
        Some(id) => {
            let held = id.and_then(|id| contacts.get(id));
            Some(held.ok_or_else(|| {
                vec!["The contact with the specified ContactID could not be found".to_owned()]
            })?)
        }
        None => {
            let by_number =
                given(block, "ContactNumber").and_then(|number| contacts.find(&number_key(&number)));
            by_number.or_else(|| given(block, "Name").and_then(|name| contacts.find(&name_key(&name))))
        }
    };
    match held {
        Some(held) if !held.is_active() => Err(vec![ARCHIVED.to_owned()]),
        held => Ok(held.map(|held| held.id)),
    }
}

/// The first document makes a customer or supplier; the contact's own stamp stays.
pub(crate) fn mark_contact(organisation: &mut Organisation, contact: Uuid, is_sale: bool) {
    let Some(contact) = organisation.shelves.contacts.get(contact) else { return };
    if (is_sale && contact.is_customer) || (!is_sale && contact.is_supplier) {
        return;
    }
    let mut contact = contact.clone();
    contact.is_customer |= is_sale;
    contact.is_supplier |= !is_sale;
    organisation.shelves.contacts.put(contact);
}

/// A day that was sent, if any.
pub(crate) fn day(sent: &Map<String, Value>, field: &str, messages: &mut Messages) -> Option<Date> {
    let text = given(sent, field)?;
    let date = read_day(&text);
    if date.is_none() {
        messages.push(format!("The {field} '{text}' is not a valid date"));
    }
    date
}

/// Why a link back to where a document comes from isn't taken.
pub(crate) fn url_problem(url: &str) -> Option<String> {
    if url.to_lowercase().contains("xero") {
        Some("The Url must not contain 'xero'".to_owned())
    } else if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        Some("The Url must be a valid URL".to_owned())
    } else {
        None
    }
}

/// How the lines' amounts are meant, if it is said.
pub(crate) fn line_amount_types(
    sent: &Map<String, Value>,
    messages: &mut Messages,
) -> Option<LineAmountTypes> {
    let text = given(sent, "LineAmountTypes")?;
    let kind = LineAmountTypes::read(&text);
    if kind.is_none() {
        messages.push(format!("The LineAmountTypes '{text}' is not valid"));
    }
    kind
}

/// Currency and rate (`rate`): as sent, as the document has it (`held`), as the contact has it, or the organisation's.
pub(crate) fn currency(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    contact: Uuid,
    date: Date,
    held: Option<(&str, Decimal)>,
    messages: &mut Messages,
) -> (String, Decimal) {
    let of_contact = || {
        let contact = organisation.shelves.contacts.get(contact);
        contact.and_then(|contact| contact.text("DefaultCurrency").map(str::to_owned))
    };
    let named = given(sent, "CurrencyCode");
    let currency = match held {
        Some((held, _)) => named.unwrap_or_else(|| held.to_owned()),
        None => named.or_else(of_contact).unwrap_or_else(|| organisation.base_currency.clone()),
    };
    if !organisation.has_currency(&currency) {
        messages.push(format!("Organisation is not subscribed to currency {currency}"));
    }
    let rate = rate(organisation, sent, &currency, date, held);
    (currency, rate)
}

/// Units of the currency for one of the organisation's: as sent, as the document has it, or the day's.
pub(crate) fn rate(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    currency: &str,
    date: Date,
    held: Option<(&str, Decimal)>,
) -> Decimal {
    let rate = sent.get("CurrencyRate").and_then(read_number).filter(|rate| *rate > Decimal::ZERO);
    match (rate, held) {
        _ if currency == organisation.base_currency => Decimal::new(10, 1),
        (Some(rate), _) => rate,
        (None, Some((held, rate))) if held == currency => rate,
        _ => day_rate(currency, &organisation.base_currency, date),
    }
}

/// Lines that are sent replace the ones that were; without `LineItems` they stay. Totals are ours.
pub(crate) fn amounts(
    organisation: &mut Organisation,
    sent: &Map<String, Value>,
    lines: &mut Vec<Line>,
    terms: Terms,
    messages: &mut Messages,
) -> Totals {
    if let Some(sent) = sent.get("LineItems").and_then(Value::as_array) {
        *lines = read_lines(organisation, sent, lines, terms, messages);
    }
    if lines.is_empty() && terms.approved {
        messages.push("One or more line items must be specified".to_owned());
    }
    settle(organisation, lines, terms, messages);
    let totals = totals(lines.iter().map(|line| (line.line_amount, line.tax_amount)), terms.amounts);
    if terms.approved && totals.total < Decimal::ZERO {
        messages.push("The document total must not be less than zero".to_owned());
    }
    for (field, ours) in
        [("SubTotal", totals.sub_total), ("TotalTax", totals.total_tax), ("Total", totals.total)]
    {
        let theirs = sent.get(field).and_then(read_number).filter(|theirs| *theirs != ours);
        if let Some(theirs) = theirs.filter(|theirs| (theirs - ours).abs() > Decimal::new(10, 2)) {
            messages.push(format!("The {field} {theirs} does not match the expected {field} {ours}"));
        }
    }
    totals
}
