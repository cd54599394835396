//! Failures by name: what goes wrong at Salesforce without any fault of the caller, in its words.
//!
//! Arranged by `POST /_sandbox/failures` (whole requests) and `POST /_sandbox/refusals` (single records).
//! https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html

use axum::http::Method;
use serde_json::json;

use super::answer::{JSON, Refused};
use super::refusals::Refusal;
use crate::{Fault, FaultKind, faults};

/// Name, status, code, message; a request that meets it has changed nothing.
const REQUESTS: [(&str, u16, &str, &str); 15] = [
    (
        "row_lock_500",
        500,
        "UNABLE_TO_LOCK_ROW",
        "unable to obtain exclusive access to this record or 1 records",
    ),
    ("session_expired", 401, "INVALID_SESSION_ID", "Session expired or invalid"),
    ("not_attached_to_agent", 401, "INVALID_SESSION_ID", "Connected app is not attached to Agent"),
    ("not_valid_for_rest", 401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
    ("request_limit", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    (
        "concurrent_limit",
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    ),
    ("api_disabled", 403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
    ("api_currently_disabled", 403, "API_CURRENTLY_DISABLED", "API is currently disabled for this User"),
    ("insufficient_access", 403, "INSUFFICIENT_ACCESS", "Insufficient access rights on the resource"),
    ("version_conflict", 409, "CONFLICT", "The request conflicts with the current state of the resource"),
    ("precondition_required", 428, "PRECONDITION_REQUIRED", "The request must be conditional"),
    (
        "unknown_exception",
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId",
    ),
    ("apex_error", 500, "APEX_ERROR", "System.LimitException: Apex CPU time limit exceeded"),
    ("unavailable", 503, "SERVER_UNAVAILABLE", "Server Unavailable"),
    ("query_timeout", 400, "QUERY_TIMEOUT", "Your query request was running for too long."),
];

/// Name, status, page: what stands in front of Salesforce says.
const PAGES: [(&str, u16, &str); 3] = [
    ("no_route", 420, "<html><body><h1>420 No route for the host</h1></body></html>"),
    ("unreachable", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
    (
        "maintenance",
        503,
        "<html><head><title>Down For Maintenance</title></head><body>Down for maintenance</body></html>",
    ),
];

/// Name, code, message: what befalls one record.
const RECORDS: [(&str, &str, &str); 3] = [
    ("row_lock", "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records"),
    (
        "trigger",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "AccountTrigger: execution of BeforeUpdate caused by: System.LimitException: Apex CPU time limit exceeded",
    ),
    ("no_access", "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
];

pub(crate) fn kind(name: &str) -> Option<FaultKind> {
    if let Some((_, code, page)) = PAGES.iter().find(|(known, _, _)| *known == name) {
        return Some(Fault::typed(*code, "text/html;charset=UTF-8", (*page).into()));
    }
    let (_, status, code, message) = REQUESTS.iter().find(|(known, ..)| *known == name)?;
    let mut error = json!({ "message": message, "errorCode": code });
    if name == "row_lock_500" {
        error["fields"] = json!([]);
    }
    Some(Fault::typed(*status, JSON, json!([error])))
}

pub(crate) fn names() -> Vec<&'static str> {
    REQUESTS.iter().map(|(name, ..)| *name).chain(PAGES.iter().map(|(name, ..)| *name)).collect()
}

impl Refusal {
    /// The named thing befalls the next write of a record, or of one record.
    pub fn named(name: &str, record: Option<&str>) -> Option<Self> {
        let (_, code, message) = RECORDS.iter().find(|(known, ..)| *known == name)?;
        let message = match record {
            Some(record) => format!("{message}: {record}"),
            None => (*message).to_owned(),
        };
        let error = Refused::record(code, message, &[]);
        Some(Self { object: None, record: record.map(str::to_owned), times: 1, error, allow_save: false })
    }
}

impl super::Salesforce {
    /// The next request to this part of a path meets the named failure.
    pub fn fail(&self, name: &str, method: &Method, path: &str) -> Result<(), String> {
        let wanted = json!({ "name": name, "method": method.as_str(), "path": path });
        self.faults().add(faults::named(&wanted, &names(), kind)?);
        Ok(())
    }
}
