//! What goes back: a status, headers and a body; and refusals in Salesforce's two shapes of error.
//!
//! Error codes: https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

pub(crate) const JSON: &str = "application/json;charset=UTF-8";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Nothing,
    Json(Value),
    Text(&'static str, String),
    Bytes(&'static str, Vec<u8>),
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(body) }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::Nothing }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: &str) -> Self {
        Self { status, headers: Vec::new(), content: Content::Text(content_type, body.to_owned()) }
    }

    pub(crate) fn bytes(content_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), content: Content::Bytes(content_type, bytes) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let (content_type, body) = match self.content {
            Content::Nothing => (None, Body::empty()),
            Content::Json(value) => (Some(JSON), Body::from(value.to_string())),
            Content::Text(content_type, text) => (Some(content_type), Body::from(text)),
            Content::Bytes(content_type, bytes) => (Some(content_type), Body::from(bytes)),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(content_type) = content_type {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        add_headers(&mut response, self.headers);
        response
    }
}

pub(crate) fn add_headers(
    response: &mut Response,
    headers: impl IntoIterator<Item = (&'static str, String)>,
) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}

/// Why a request, or one record of a request, was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Errors about a record always name its fields, be it none.
    pub fields: Option<Vec<String>>,
    /// A further member of the error, such as the matches of a duplicate rule.
    pub extra: Option<Box<(String, Value)>>,
}

impl Refused {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), fields: None, extra: None }
    }

    /// An error about a record: 400.
    pub fn record(code: &str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { fields: Some(fields), ..Self::new(400, code, message) }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The array that a whole request is refused with.
    pub(crate) fn answer(&self) -> Answer {
        let mut members =
            vec![("message", Value::from(&*self.message)), ("errorCode", Value::from(&*self.code))];
        if let Some((name, value)) = self.extra.as_deref() {
            // With a further member, recorded answers have another order.
            members.reverse();
            members.insert(0, (name, value.clone()));
        }
        members.extend(self.fields.iter().map(|fields| ("fields", json!(fields))));
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Answer::json(self.status, Value::Array(vec![Value::Object(members.collect())]))
    }

    /// One entry of `errors` in a result of a collection: `statusCode`, not `errorCode`.
    pub(crate) fn entry(&self) -> Value {
        let mut error = serde_json::Map::new();
        if let Some((name, value)) = self.extra.as_deref() {
            error.insert(name.clone(), value.clone());
        }
        error.insert("statusCode".into(), self.code.clone().into());
        error.insert("message".into(), self.message.clone().into());
        error.insert("fields".into(), json!(self.fields.clone().unwrap_or_default()));
        Value::Object(error)
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        refused.answer()
    }
}
