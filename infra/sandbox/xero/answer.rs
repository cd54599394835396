//! What a resource gives back, and how it goes over the wire: envelopes, refusals, empty bodies.
//!
//! The bodies of errors are the recorded ones. <https://developer.xero.com/documentation/api/http-response-codes>

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::disputed::{AppLimit, ProblemKeys};
use super::limits::Problem;
use super::wire::{self, Pagination};

/// A whole answer, kept as bytes so that an idempotent replay is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<Cow<'static, str>>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    /// No body, no Content-Type.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = Bytes::from(serde_json::to_vec(body).unwrap_or_default());
        Self { status, content_type: Some(JSON.into()), headers: Vec::new(), body }
    }

    /// As the newer stack has it: no charset.
    pub(crate) fn without_charset(self) -> Self {
        let content_type = self.content_type.map(|kind| match kind.split_once(';') {
            Some((kind, _)) => kind.to_owned().into(),
            None => kind,
        });
        Self { content_type, ..self }
    }

    /// JSON, or XML for who didn't ask for JSON.
    pub(crate) fn readable(status: u16, body: &Value, wants_json: bool, root: &str) -> Self {
        if wants_json {
            return Self::json(status, body);
        }
        let body = Bytes::from(wire::xml(root, body));
        Self { status, content_type: Some("text/xml; charset=utf-8".into()), headers: Vec::new(), body }
    }

    /// Somebody's file, as it is.
    pub(crate) fn file(content_type: String, body: Bytes) -> Self {
        Self { status: 200, content_type: Some(content_type.into()), headers: Vec::new(), body }
    }

    /// An unknown id or path: an empty page of HTML.
    pub(crate) fn not_found() -> Self {
        Self { content_type: Some("text/html; charset=utf-8".into()), ..Self::empty(404) }
    }

    pub(crate) fn unauthorized(detail: &str, instance: Uuid, keys: ProblemKeys) -> Self {
        let instance = instance.to_string();
        let body = match keys {
            ProblemKeys::Lower => {
                json!({ "title": "Unauthorized", "status": 401, "detail": detail, "instance": instance })
            }
            ProblemKeys::Capitals => json!({
                "Type": null, "Title": "Unauthorized", "Status": 401, "Detail": detail, "Instance": instance,
            }),
        };
        let mut answer = Self::json(401, &body);
        answer.headers.push(("www-authenticate", "OAuth Realm=\"api.xero.com\"".to_owned()));
        answer
    }

    /// Xero's own spelling; refreshing the token never helps.
    pub(crate) fn missing_scope(instance: Uuid, keys: ProblemKeys) -> Self {
        let mut answer = Self::unauthorized("AuthorizationUnsuccessful", instance, keys);
        answer.headers = vec![(
            "www-authenticate",
            "OAuth Realm=\"api.xero.com\", error=\"insufficent_scope\"".to_owned(),
        )];
        answer
    }

    pub(crate) fn forbidden(instance: Uuid) -> Self {
        let body = json!({
            "title": "Forbidden", "status": 403, "detail": "AuthenticationUnsuccessful",
            "instance": instance.to_string(),
        });
        Self::json(403, &body)
    }

    /// The user behind the token has no permission for this. Empty where it was seen.
    pub(crate) fn not_permitted() -> Self {
        Self::empty(403)
    }

    /// The outer wrapper is not documented; the sentence is.
    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::json(400, &json!({ "Title": "Bad Request", "Status": 400, "Detail": detail }))
    }

    pub(crate) fn too_many(problem: Problem, app_limit: AppLimit) -> Self {
        let (name, retry_after) = match problem {
            Problem::Concurrent => ("concurrent", None),
            Problem::Minute { retry_after } => ("minute", Some(retry_after)),
            Problem::Day { retry_after } => ("day", Some(retry_after)),
            Problem::AppMinute => (app_limit.word(), None),
        };
        let mut answer = Self::empty(429);
        answer.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        answer.headers.push(("x-rate-limit-problem", name.to_owned()));
        answer
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(kind) = self.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// What a resource found or wrote.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: &'static str,
    pub(crate) elements: Vec<Value>,
    pub(crate) pagination: Option<Pagination>,
}

/// What a call gives back when it isn't refused.
#[derive(Debug)]
pub(crate) enum Reply {
    /// In the usual envelope.
    Found(Found),
    /// In the envelope of a newer stack of Xero's servers, which says first whether errors are summarized.
    Newer { found: Found, summarizes: bool },
    /// 204.
    Nothing,
    /// Anything else: a file, an envelope of its own.
    Whole(Answer),
}

impl From<Found> for Reply {
    fn from(found: Found) -> Self {
        Self::Found(found)
    }
}

/// Why a whole call is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotFound,
    /// Every refused element, as it was sent, with its messages.
    Validation(Vec<Value>),
    /// The body isn't the JSON that is expected.
    Malformed(String),
    /// `where` or `order` can't be read.
    Query(String),
    /// So many documents of this kind would be looked at.
    HighVolume(&'static str),
    /// A conditional header that can't be read.
    Precondition,
    NotImplemented,
    /// In the words of another stack.
    Whole(Answer),
}

impl Refusal {
    pub(crate) fn answer(self, wants_json: bool) -> Answer {
        let exception = |number: u32, kind: &str, message: &str| {
            let body = json!({ "ErrorNumber": number, "Type": kind, "Message": message });
            Answer::readable(400, &body, wants_json, "ApiException")
        };
        match self {
            Self::NotFound => Answer::not_found(),
            Self::Validation(elements) => {
                let body = json!({
                    "ErrorNumber": 10, "Type": "ValidationException",
                    "Message": "A validation exception occurred", "Elements": elements,
                });
                Answer::readable(400, &body, wants_json, "ApiException")
            }
            Self::Malformed(message) => exception(14, "PostDataInvalidException", &message),
            Self::Query(message) => exception(16, "QueryParseException", &message),
            Self::HighVolume(kind) => {
                let message = format!(
                    "Your request is not filtering {kind} efficiently, given the extremely high volume for this \
                     organisation. Please check https://developer.xero.com/documentation/api/efficient-data-retrieval"
                );
                exception(51, "HighVolumeException", &message)
            }
            Self::Precondition => Answer::empty(412),
            Self::NotImplemented => Answer::empty(501),
            Self::Whole(answer) => answer,
        }
    }
}
