//! How Xero writes things: dates, amounts, the envelope, and XML for who forgets to ask for JSON.
//!
//! Shapes follow recorded answers of the demo company. Nothing here knows a resource.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};

pub(crate) const ZERO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// `/Date(1789344000000+0000)/`: milliseconds, always with the offset.
pub(crate) fn stamp(at: Timestamp) -> Value {
    format!("/Date({}+0000)/", at.as_millisecond()).into()
}

/// The envelope's own time and `Organisation.CreatedDateUTC` carry no offset.
pub(crate) fn bare_stamp(at: Timestamp) -> Value {
    format!("/Date({})/", at.as_millisecond()).into()
}

/// `2026-09-14T09:29:59Z`, the readable twin of `UpdatedDateUTC`.
pub(crate) fn stamp_text(at: Timestamp) -> Value {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

/// A document date is a calendar day, written as UTC midnight.
pub(crate) fn day(date: Date) -> Value {
    stamp(midnight(date))
}

/// A day as the newer stack has it.
pub(crate) fn bare_day(date: Date) -> Value {
    bare_stamp(midnight(date))
}

pub(crate) fn day_text(date: Date) -> Value {
    format!("{date}T00:00:00").into()
}

/// A day that no stamp reaches isn't taken from anyone (`read_day`); one that was counted from others is the last.
pub(crate) fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// A JSON number with just these digits.
pub(crate) fn number(amount: Decimal) -> Value {
    amount.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
}

/// The fields of an object that was written with `json!`.
pub(crate) fn fields(body: Value) -> Map<String, Value> {
    match body {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A total: always two decimal places, half away from zero.
pub(crate) fn money(amount: Decimal) -> Value {
    number(places(amount, 2))
}

/// Rounded half away from zero, and written with all its places.
pub(crate) fn places(amount: Decimal, places: u32) -> Decimal {
    let mut rounded =
        amount.round_dp_with_strategy(places, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(places);
    // Nothing owed is not less than nothing.
    if rounded.is_zero() {
        rounded.set_sign_positive(true);
    }
    rounded
}

/// An amount as people send it: a JSON number or the same in quotes.
pub(crate) fn read_number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `2026-09-14`, `2026-09-14T00:00:00` or `/Date(1789344000000+0000)/`. Days whose midnight can't be written, as
/// `9999-12-31`, are none.
pub(crate) fn read_day(text: &str) -> Option<Date> {
    if let Some(at) = read_stamp(text) {
        return Some(at.to_zoned(TimeZone::UTC).date());
    }
    let date: Date = text.get(..10)?.parse().ok()?;
    date.to_zoned(TimeZone::UTC).is_ok().then_some(date)
}

/// `/Date(1789344000000+0000)/`: the milliseconds count from 1970 in UTC, whatever the offset behind them is.
pub(crate) fn read_stamp(text: &str) -> Option<Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let offset = inner.rfind(['+', '-']).filter(|place| *place > 0);
    let (milliseconds, offset) = inner.split_at(offset.unwrap_or(inner.len()));
    let is_offset =
        offset.is_empty() || (offset.len() == 5 && offset[1..].bytes().all(|digit| digit.is_ascii_digit()));
    Timestamp::from_millisecond(milliseconds.parse().ok().filter(|_| is_offset)?).ok()
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pagination {
    pub(crate) page: usize,
    pub(crate) page_size: usize,
    pub(crate) items: usize,
}

impl Pagination {
    pub(crate) fn as_json(self) -> Value {
        let Self { page, page_size, items } = self;
        serde_json::json!({
            "page": page, "pageSize": page_size,
            "pageCount": items.div_ceil(page_size), "itemCount": items,
        })
    }
}

/// The success envelope: `pagination` stands before the array, and only when the call was paged.
pub(crate) fn envelope(
    id: uuid::Uuid,
    provider: &str,
    now: Timestamp,
    pagination: Option<Pagination>,
    key: &str,
    elements: Vec<Value>,
) -> Value {
    let mut body = Map::new();
    body.insert("Id".into(), id.to_string().into());
    body.insert("Status".into(), "OK".into());
    body.insert("ProviderName".into(), provider.into());
    body.insert("DateTimeUTC".into(), bare_stamp(now));
    if let Some(pagination) = pagination {
        body.insert("pagination".into(), pagination.as_json());
    }
    body.insert(key.into(), Value::Array(elements));
    Value::Object(body)
}

/// The newer stack's envelope: no pagination, and whether errors are summarized before everything else.
pub(crate) fn newer_envelope(usual: Value, summarizes: bool) -> Value {
    let mut body = Map::new();
    body.insert("SummarizeErrors".into(), summarizes.into());
    body.extend(fields(usual));
    Value::Object(body)
}

/// What a caller gets who didn't send `Accept: application/json`: the same data, unreadable to a JSON client.
pub(crate) fn xml(root: &str, body: &Value) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    write_xml(&mut text, root, body);
    text
}

fn write_xml(text: &mut String, name: &str, value: &Value) {
    text.push('<');
    text.push_str(name);
    text.push('>');
    match value {
        Value::Object(fields) => {
            let said = fields.iter().filter(|(name, _)| is_xml_name(name));
            said.for_each(|(name, value)| write_xml(text, name, value));
        }
        Value::Array(items) => {
            let singular = singular(name);
            items.iter().for_each(|item| write_xml(text, &singular, item));
        }
        Value::Null => {}
        Value::String(words) => {
            let words: String = words.chars().filter(|letter| is_in_xml(*letter)).collect();
            text.push_str(&words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
        }
        plain => text.push_str(&plain.to_string()),
    }
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

/// What comes back as it was sent may have any name.
fn is_xml_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// What no XML can say, however it is written, is left out: request bodies can't bring it (`Request::read_body`).
/// <https://www.w3.org/TR/xml/#charsets>
pub(crate) fn is_in_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// What one of a collection is called.
fn singular(collection: &str) -> Cow<'_, str> {
    if let Some(stem) = collection.strip_suffix("ies") {
        return format!("{stem}y").into();
    }
    collection
        .strip_suffix("es")
        .filter(|stem| stem.ends_with('s'))
        .map_or_else(|| collection.strip_suffix('s').unwrap_or(collection).into(), Cow::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_utc_midnight_and_read_back_from_every_form() {
        let date = jiff::civil::date(2026, 9, 14);
        assert_eq!(day(date), "/Date(1789344000000+0000)/");
        for text in
            ["2026-09-14", "2026-09-14T00:00:00", "/Date(1789344000000+0000)/", "/Date(1789344000000)/"]
        {
            assert_eq!(read_day(text), Some(date), "{text}");
        }
        for stamp in ["/Date(1789344000000-0500)/", "/Date(1789344000000+1300)/"] {
            assert_eq!(read_day(stamp), Some(date), "{stamp}");
        }
        assert_eq!(read_day("/Date(-86400000)/"), Some(jiff::civil::date(1969, 12, 31)));
        for text in ["14/09/2026", "9999-12-31", "/Date(1789344000000-05)/", "/Date(1789344000000+ab00)/"] {
            assert_eq!(read_day(text), None, "{text}");
        }
        assert_eq!(read_day("9999-12-30"), Some(jiff::civil::date(9999, 12, 30)));
    }

    #[test]
    fn amounts_keep_their_digits_and_round_half_away_from_zero() {
        assert_eq!(money("24.145".parse().unwrap()).to_string(), "24.15");
        assert_eq!(money("-0.005".parse().unwrap()).to_string(), "-0.01");
        assert_eq!(money(Decimal::from(21)).to_string(), "21.00");
        assert_eq!(money("-0.004".parse().unwrap()).to_string(), "0.00");
        assert_eq!(read_number(&serde_json::from_str("0.10").unwrap()), Some("0.10".parse().unwrap()));
    }

    #[test]
    fn the_xml_answer_is_no_json() {
        let text = xml("Response", &serde_json::json!({"Contacts": [{"Name": "A & B"}]}));
        assert!(text.contains("<Contacts><Contact><Name>A &amp; B</Name></Contact></Contacts>"));
        assert!(serde_json::from_str::<Value>(&text).is_err());
        let singulars = ["TaxRates", "Addresses", "Currencies", "TrackingCategories"].map(singular);
        assert_eq!(singulars, ["TaxRate", "Address", "Currency", "TrackingCategory"]);
    }
}
