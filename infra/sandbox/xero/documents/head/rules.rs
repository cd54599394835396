//! How a head is read from what was sent, and how the document that is meant is found.
//!
//! Messages are collected, so that one answer says all that is wrong. A kind calls what it has, in its own order.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::shape::{Head, Headed, number_key};
use crate::xero::documents::lines::{PackedLines, Terms, read_lines, settle};
use crate::xero::documents::stock;
use crate::xero::documents::tax::{LineAmountTypes, totals};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::currencies::{CurrencyCode, day_rate};
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire::{read_day, read_number};
use crate::xero::writing::{Refused, given};

/// Numbers and references.
pub(crate) const LONGEST_TEXT: usize = 255;

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

/// By id, or else by number where the kind is found by it. `PUT` makes new ones only; `taken` says so.
pub(crate) fn find<D: Document>(
    shelf: &Shelf<D>,
    request: &Request,
    id: Option<Uuid>,
    number: Option<String>,
    taken: impl FnOnce() -> Refused,
) -> Result<Option<D>, Refused> {
    let held = match id {
        Some(id) => Some(shelf.get(id).ok_or(Refused::NotFound)?),
        None => number.and_then(|number| shelf.find(&number_key(&number))),
    };
    match held {
        Some(_) if request.method == "PUT" => Err(taken()),
        held => Ok(held.cloned()),
    }
}

/// The status that is sent, or else the one that it has.
pub(crate) fn wanted<S>(
    sent: &Map<String, Value>,
    read: impl FnOnce(&str) -> Option<S>,
    held: S,
) -> Result<S, String> {
    match given(sent, "Status") {
        None => Ok(held),
        Some(text) => read(&text).ok_or_else(|| format!("The Status '{text}' is not valid")),
    }
}

/// What a document is stays as it was made. The wording is ours.
pub(crate) fn other_type(noun: &str, held: &str, sent: &Map<String, Value>) -> Option<String> {
    let wanted = given(sent, "Type").filter(|wanted| wanted != held)?;
    Some(format!("The Type of the {noun} is {held} and cannot be changed to '{wanted}'"))
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

/// Units of the currency for one of the organisation's: as sent, as the document has it, or the day's. The wording is
/// ours.
pub(crate) fn rate(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    currency: &str,
    date: Date,
    held: Option<&Head>,
    messages: &mut Messages,
) -> Decimal {
    let said = given(sent, "CurrencyRate");
    let rate = sent.get("CurrencyRate").and_then(read_number).filter(|rate| *rate > Decimal::ZERO);
    if let Some(said) = said.filter(|_| rate.is_none()) {
        messages.push(format!("The CurrencyRate '{said}' must be a number greater than zero"));
    }
    match (rate, held) {
        _ if currency == organisation.base_currency => Decimal::new(10, 1),
        (Some(rate), _) => rate,
        (None, Some(held)) if held.currency.as_str() == currency => held.currency_rate,
        _ => day_rate(currency, &organisation.base_currency, date),
    }
}

impl Head {
    /// Another one has the number.
    pub(crate) fn is_number_taken<D: Headed>(&self, shelf: &Shelf<D>) -> bool {
        let holder = shelf.find(&number_key(&self.number));
        holder.is_some_and(|holder| holder.head().id != self.id)
    }

    /// The next one that is free, for a document that came without.
    pub(crate) fn take_number<D: Headed>(
        &mut self,
        organisation: &mut Organisation,
        prefix: &'static str,
        shelf: fn(&Shelves) -> &Shelf<D>,
    ) {
        if self.number.is_empty() {
            let is_free =
                |shelves: &Shelves, number: &str| shelf(shelves).find(&number_key(number)).is_none();
            self.number = organisation.next_number(prefix, is_free).into();
        }
    }

    /// Currency and rate: as sent, as the document had it, as the contact has it, or the organisation's.
    pub(crate) fn read_currency(
        &mut self,
        organisation: &Organisation,
        sent: &Map<String, Value>,
        before: Option<&Self>,
        messages: &mut Messages,
    ) {
        let of_contact = || {
            let contact = organisation.shelves.contacts.get(self.contact_id);
            contact.and_then(|contact| contact.text("DefaultCurrency").map(str::to_owned))
        };
        let currency = given(sent, "CurrencyCode").unwrap_or_else(|| match before {
            Some(held) => held.currency.as_str().to_owned(),
            None => of_contact().unwrap_or_else(|| organisation.base_currency.clone()),
        });
        if !organisation.has_currency(&currency) {
            messages.push(format!("Organisation is not subscribed to currency {currency}"));
        }
        self.currency_rate = rate(organisation, sent, &currency, self.date, before, messages);
        self.currency = CurrencyCode::read(&currency);
    }

    pub(crate) fn read_line_amount_types(&mut self, sent: &Map<String, Value>, messages: &mut Messages) {
        self.line_amount_types = line_amount_types(sent, messages).unwrap_or(self.line_amount_types);
    }

    /// One of the organisation's. The wording is ours.
    pub(crate) fn read_theme(
        &mut self,
        organisation: &Organisation,
        sent: &Map<String, Value>,
        messages: &mut Messages,
    ) {
        let Some(id) = given(sent, "BrandingThemeID") else { return };
        let themes = &organisation.shelves.branding_themes;
        match Uuid::parse_str(&id).ok().and_then(|id| themes.get(id)) {
            Some(theme) => self.branding_theme = Some(theme.id),
            None => messages.push(format!("The BrandingThemeID '{id}' could not be found")),
        }
    }

    /// Lines that are sent replace the ones that were; without `LineItems` they stay. Totals are ours.
    pub(crate) fn read_lines(
        &mut self,
        organisation: &mut Organisation,
        sent: &Map<String, Value>,
        terms: Terms,
        messages: &mut Messages,
    ) {
        let mut lines = self.lines.read();
        if let Some(sent) = sent.get("LineItems").and_then(Value::as_array) {
            lines = read_lines(organisation, sent, &lines, terms, messages);
        }
        if lines.is_empty() && terms.approved {
            messages.push("One or more line items must be specified".to_owned());
        }
        settle(organisation, &mut lines, terms, messages);
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
        if let Some(moves) = terms.moves {
            stock::take(organisation, self, &mut lines, terms.is_sale, moves, messages);
        }
        self.lines = PackedLines::of(&lines);
        self.totals = totals;
    }
}
