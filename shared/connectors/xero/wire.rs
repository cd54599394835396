//! Xero's envelope and its documents, turned into what a flow sees: days as `yyyy-MM-dd`, instants as RFC 3339.

use jiff::Timestamp;

use crate::domain::time::{Day, Stamp};
use crate::domain::{Object, Value};
use crate::ports::http::Response;

/// The base of the accounting API, from the connection's API URL on.
/// <https://developer.xero.com/documentation/api/accounting/overview>
pub(super) const ACCOUNTING: &str = "/api.xro/2.0";

/// The id that Xero puts on an element that it did not make.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// How a list answer looks, apart from its elements.
pub(super) struct Envelope {
    pub(super) elements: Vec<Value>,
    pub(super) pages: Option<u64>,
    pub(super) items: Option<u64>,
    /// The provider's clock when it answered.
    pub(super) at: Option<Timestamp>,
}

/// Reads `{"DateTimeUTC":…,"pagination":{…},"Contacts":[…]}`; `None` when the collection isn't there.
pub(super) fn envelope(response: &Response, collection: &str) -> Option<Envelope> {
    let mut body: Value = serde_json::from_slice(&response.body).ok()?;
    let Value::Array(elements) = body.get_mut(collection)?.take() else { return None };
    let stamp = |text: &str| Stamp::parse(text).ok();
    let at = body["DateTimeUTC"].as_str().and_then(stamp);
    let at = at.or_else(|| response.header("date").and_then(|text| Stamp::parse_http_date(text).ok()));
    Some(Envelope {
        elements,
        pages: body["pagination"]["pageCount"].as_u64(),
        items: body["pagination"]["itemCount"].as_u64(),
        at: at.map(|stamp| stamp.0),
    })
}

/// The body of a write: `{"Invoices":[…]}`.
pub(super) fn body_of(collection: &str, elements: impl Iterator<Item = Value>) -> String {
    let mut body = Object::new();
    body.insert(collection.to_owned(), elements.collect());
    Value::Object(body).to_string()
}

/// A text member that is there and not empty; the id of nobody counts as empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.trim().is_empty() && *text != NOBODY)
}

/// When Xero says that a record was last changed.
pub(super) fn updated_at(value: &Value) -> Option<Timestamp> {
    Stamp::parse(text(value, "UpdatedDateUTC")?).ok().map(|stamp| stamp.0)
}

/// A document as a flow sees it. What only repeats another member (`DateString`) or speaks of the call
/// (`StatusAttributeString`) is left out.
pub(super) fn document(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .filter(|(name, _)| !is_noise(name))
                .map(|(name, inner)| {
                    let inner = member(&name, inner);
                    (name, inner)
                })
                .collect(),
        ),
        Value::Array(list) => list.into_iter().map(document).collect(),
        other => other,
    }
}

fn is_noise(name: &str) -> bool {
    matches!(name, "StatusAttributeString" | "HasErrors" | "HasValidationErrors" | "ValidationErrors")
        || name.ends_with("DateString")
        || name.ends_with("DateUTCString")
}

fn member(name: &str, value: Value) -> Value {
    let Value::String(text) = &value else { return document(value) };
    if !text.starts_with("/Date(") {
        return value;
    }
    if !name.ends_with("UTC")
        && let Ok(day) = Day::parse(text)
    {
        return Value::String(day.to_string());
    }
    Stamp::parse(text).map_or(value, |stamp| Value::String(stamp.to_string()))
}

/// Where a person sees the record. The organisation's short code opens it in the right organisation.
/// <https://developer.xero.com/documentation/guides/how-to-guides/deep-link-xero/>
pub(super) fn deep_link(short_code: &str, page: &str) -> String {
    match short_code {
        "" => format!("https://go.xero.com{page}"),
        code => {
            format!("https://go.xero.com/organisationlogin/default.aspx?shortcode={code}&redirecturl={page}")
        }
    }
}

/// What became of a record, as its step's result says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Created,
    Updated,
    /// Found, with nothing to write.
    Found,
}

/// The provider's document with what a step's result carries beside it. `id`: the field that names the record.
pub(super) fn result(document: Value, id: &str, became: Became, url: String) -> Value {
    let mut object = match document {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    let status = match became {
        Became::Created => "created",
        Became::Updated => "updated",
        Became::Found => "found",
    };
    object.insert("_id".into(), object.get(id).cloned().unwrap_or_default());
    object.insert("_created".into(), (became == Became::Created).into());
    object.insert("_found".into(), (became != Became::Created).into());
    object.insert("_status".into(), status.into());
    object.insert("_url".into(), url.into());
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn days_and_instants_are_told_apart_wherever_they_stand() {
        let document = document(json!({
            "Date": "/Date(1789344000000+0000)/", "DateString": "2026-09-14T00:00:00",
            "UpdatedDateUTC": "/Date(1789378199160+0000)/",
            "Contact": {"UpdatedDateUTC": "/Date(1789344000000+0000)/"},
            "Payments": [{"Date": "/Date(1789344000000+0000)/"}],
            "StatusAttributeString": "OK", "Total": 24.15,
        }));
        assert_eq!(
            document,
            json!({
                "Date": "2026-09-14", "UpdatedDateUTC": "2026-09-14T09:29:59.16Z",
                "Contact": {"UpdatedDateUTC": "2026-09-14T00:00:00Z"},
                "Payments": [{"Date": "2026-09-14"}], "Total": 24.15,
            })
        );
    }

    #[test]
    fn an_amount_keeps_the_text_that_xero_wrote() {
        let value: Value = serde_json::from_str(r#"{"UnitAmount":0.16480}"#).unwrap();
        assert_eq!(document(value).to_string(), r#"{"UnitAmount":0.16480}"#);
    }
}
