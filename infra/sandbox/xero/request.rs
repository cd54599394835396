//! One call to the accounting API, read: its parameters, its elements, what it may see.
//!
//! Parameter names are matched as the documentation writes them, ignoring case.

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Refusal;
use super::filter::moment;
use super::wire::is_in_xml;

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `PUT` creates only, `POST` creates or updates.
    pub(crate) method: String,
    /// After `/api.xro/2.0/`, decoded.
    pub(crate) path: Vec<String>,
    parameters: Vec<(String, String)>,
    pub(crate) modified_since: Option<Timestamp>,
    /// The app that asks.
    pub(crate) client: String,
    pub(crate) now: Timestamp,
    /// In lower case.
    pub(crate) accept: String,
    pub(crate) content_type: String,
    /// As it was sent; an attachment is nothing else.
    pub(crate) bytes: Bytes,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str, query: &str, client: &str, now: Timestamp) -> Self {
        Self {
            method: method.to_owned(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
            parameters: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (decode(name).to_lowercase(), decode(&value.replace('+', " "))))
                .collect(),
            modified_since: None,
            client: client.to_owned(),
            now,
            accept: String::new(),
            content_type: String::new(),
            bytes: Bytes::new(),
            body: Value::Null,
        }
    }

    pub(crate) fn read_headers(&mut self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(header) = headers.get("if-modified-since") {
            let text = header.to_str().map_err(|_| Refusal::Precondition)?;
            self.modified_since = Some(http_moment(text).ok_or(Refusal::Precondition)?);
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.accept = text("accept").to_lowercase();
        self.content_type = text("content-type").to_owned();
        Ok(())
    }

    /// JSON, but for attachments, and for what is deleted or read.
    pub(crate) fn read_body(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let is_file = self.path.get(2).is_some_and(|part| part == "Attachments");
        if matches!(self.method.as_str(), "PUT" | "POST" | "PATCH") && !is_file {
            let invalid =
                |what: String| Refusal::Malformed(format!("JSON for post data was invalid: {what}"));
            self.body = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
            if let Some(letter) = unwritable(&self.body) {
                return Err(invalid(format!("the character U+{:04X} is not allowed", u32::from(letter))));
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    /// A document can be had as the sheet of paper that it is.
    pub(crate) fn wants_pdf(&self) -> bool {
        self.accept.contains("application/pdf")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| *key == name.to_lowercase());
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A comma list, or the parameter several times, as the official clients write some; `None` when not given.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<&str>> {
        let given =
            self.parameters.iter().filter(|(key, value)| *key == name.to_lowercase() && !value.is_empty());
        let values: Vec<&str> = given.flat_map(|(_, value)| value.split(',').map(str::trim)).collect();
        Some(values).filter(|values| !values.is_empty())
    }

    pub(crate) fn ids(&self, name: &str) -> Option<Vec<Uuid>> {
        self.list(name).map(|ids| ids.iter().filter_map(|id| Uuid::parse_str(id).ok()).collect())
    }

    /// The documentation's default is false; the recorded behaviour is true.
    pub(crate) fn summarizes_errors(&self) -> bool {
        self.parameter("summarizeErrors").is_none_or(|value| !value.eq_ignore_ascii_case("false"))
    }

    pub(crate) fn unit_places(&self) -> u32 {
        if self.parameter("unitdp") == Some("4") { 4 } else { 2 }
    }

    /// `{"Contacts": […]}` with the key in any case, a bare list, or one bare element.
    pub(crate) fn elements(&self, key: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
        let wrapped = match &self.body {
            Value::Object(fields) => fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)),
            _ => None,
        };
        let elements = match (wrapped, &self.body) {
            (Some((_, Value::Array(elements))), _) | (None, Value::Array(elements)) => elements.clone(),
            (Some((_, one)), _) | (None, one) => vec![one.clone()],
        };
        elements
            .into_iter()
            .map(|element| match element {
                Value::Object(fields) => Ok(fields),
                other => Err(Refusal::Malformed(format!("Expected an object in {key}, found {other}"))),
            })
            .collect()
    }
}

/// A letter that couldn't be answered in XML.
fn unwritable(body: &Value) -> Option<char> {
    match body {
        Value::String(text) => text.chars().find(|letter| !is_in_xml(*letter)),
        Value::Array(elements) => elements.iter().find_map(unwritable),
        Value::Object(fields) => fields.values().find_map(unwritable),
        _ => None,
    }
}

/// ISO with or without a zone, or RFC 1123; whole seconds.
fn http_moment(text: &str) -> Option<Timestamp> {
    let at = moment(text)
        .or_else(|| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok())?;
    Timestamp::from_second(at.as_second()).ok()
}

pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_found_in_any_case() {
        let query = "where=Name%3D%3D%22A+%26+B%22&PAGE=2&summarizeErrors=False&IDs=a,b&ids=c";
        let request = Request::new("GET", "Contacts/INV%2F1", query, "app", Timestamp::UNIX_EPOCH);
        assert_eq!(request.parameter("where"), Some("Name==\"A & B\""));
        assert_eq!(request.parameter("page"), Some("2"));
        assert!(!request.summarizes_errors());
        assert_eq!(request.path, ["Contacts", "INV/1"]);
        assert_eq!(request.list("IDs"), Some(vec!["a", "b", "c"]));
    }

    #[test]
    fn modified_since_takes_iso_and_rfc_1123_and_refuses_the_rest() {
        let expected = "2026-09-01T00:00:00Z".parse().ok();
        for text in ["2026-09-01T00:00:00", "2026-09-01T00:00:00.900Z", "Tue, 01 Sep 2026 00:00:00 GMT"] {
            assert_eq!(http_moment(text), expected, "{text}");
        }
        assert_eq!(http_moment("yesterday"), None);
    }

    #[test]
    fn elements_come_wrapped_in_any_case_as_a_list_or_bare() {
        let mut request = Request::new("PUT", "Contacts", "", "app", Timestamp::UNIX_EPOCH);
        for body in [r#"{"contacts":[{"Name":"A"}]}"#, r#"[{"Name":"A"}]"#, r#"{"Name":"A"}"#] {
            request.body = serde_json::from_str(body).unwrap();
            let elements = request.elements("Contacts").unwrap();
            assert_eq!(elements.len(), 1, "{body}");
            assert_eq!(elements[0]["Name"], "A");
        }
        request.body = serde_json::json!({ "Contacts": [1] });
        assert!(matches!(request.elements("Contacts"), Err(Refusal::Malformed(_))));
    }
}
