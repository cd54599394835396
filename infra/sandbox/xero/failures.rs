//! Failures by name: what goes wrong at Xero without any fault of the caller. A request that meets one has changed
//! nothing. Arranged by `POST /_sandbox/failures`.
//!
//! <https://developer.xero.com/documentation/api/http-response-codes>. Of the bodies only the first is recorded.

use serde_json::Value;

use crate::{Fault, FaultKind};

/// Name, status, content type, body.
const FAILURES: [(&str, u16, &str, &str); 5] = [
    ("offline", 503, "text/plain; charset=utf-8", "The Organisation is offline"),
    (
        "maintenance",
        503,
        "text/plain; charset=utf-8",
        "Xero is currently undergoing scheduled maintenance. Please try again later.",
    ),
    ("internal_error", 500, "", ""),
    (
        "internal_error_html",
        500,
        "text/html; charset=utf-8",
        "<!DOCTYPE html><html><head><title>Xero | Error</title></head><body><h1>An error occurred</h1></body></html>",
    ),
    (
        "internal_error_json",
        500,
        "application/json",
        "{\"Title\":\"An error occurred\",\"Status\":500,\"Detail\":\"An error occurred in Xero. Check the API Status \
         page for current service status.\",\"Instance\":\"00000000-0000-0000-0000-000000000000\"}",
    ),
];

pub(crate) fn names() -> Vec<&'static str> {
    FAILURES.iter().map(|(name, ..)| *name).collect()
}

pub(crate) fn kind(name: &str) -> Option<FaultKind> {
    let (_, code, content_type, body) = FAILURES.iter().find(|(known, ..)| *known == name)?;
    if body.is_empty() {
        return Some(Fault::status(*code, Value::Null));
    }
    Some(Fault::typed(*code, content_type, (*body).into()))
}
