//! What an answer of Salesforce means: one table for calls as a whole, one for the items of a collection.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::refusal::{Refusal, is_html};
use crate::domain::Value;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::{LimitKind, MemberOutcome, Verdict};
use crate::ports::http::{HttpError, Method, Response};

/// The day's allowance is a rolling one and Salesforce doesn't say when it is open again: look once an hour.
const DAY_LIMIT_RECHECK: Duration = Duration::from_secs(60 * 60);

/// Only requests of 20 s and more count as concurrent: by then some of them have ended.
const CONCURRENCY_RECHECK: Duration = Duration::from_secs(20);

/// Two 401s that a new token won't mend.
const NOT_ABOUT_THE_TOKEN: [&str; 2] =
    ["Connected app is not attached to Agent", "This session is not valid for use with the REST API"];

/// The table for calls.
pub(super) fn classify(method: Method, exchange: &Result<Response, HttpError>) -> Verdict {
    let response = match exchange {
        Ok(response) => response,
        Err(HttpError::NotSent(why)) => {
            return Verdict::NotApplied(Failure::new(
                "not_sent",
                format!("Salesforce could not be reached ({why}). It is tried again."),
            ));
        }
        Err(HttpError::NoAnswer(why)) => {
            return Verdict::InDoubt {
                answered: false,
                failure: Failure::new("no_answer", format!("Salesforce's answer was lost ({why}).")),
            };
        }
    };
    let refusal = Refusal::of(response);
    if refusal.is("UNABLE_TO_LOCK_ROW") {
        return Verdict::NotApplied(refusal.failure());
    }
    match response.status {
        200..=299 if is_html(response) => doubt_unless_reading(method, refusal.failure_as("not_json")),
        200..=299 | 304 => Verdict::Answered,
        300 => Verdict::Refused(Failure::new(
            "several_matches",
            "Several records have this external id, so nothing was written: make its values unique in Salesforce",
        )),
        301 | 302 | 307 | 308 => Verdict::Refused(refusal.failure_as("redirected")),
        401 if NOT_ABOUT_THE_TOKEN.iter().any(|text| refusal.message.contains(text)) => {
            Verdict::Forbidden(refusal.failure())
        }
        401 => Verdict::Unauthorised(refusal.failure_as("unauthorised")),
        // The userinfo endpoint says so in plain text.
        403 if refusal.message.contains("Bad_OAuth_Token") => {
            Verdict::Unauthorised(refusal.failure_as("unauthorised"))
        }
        403 if refusal.is("REQUEST_LIMIT_EXCEEDED") => limited(&refusal),
        403 if refusal.is("API_CURRENTLY_DISABLED") => Verdict::NotApplied(refusal.failure()),
        403 if refusal.is("API_DISABLED_FOR_ORG") || refusal.code.is_none() => {
            Verdict::Forbidden(refusal.failure_as("forbidden"))
        }
        404 => Verdict::Refused(refusal.failure_as("not_found")),
        409 | 412 | 428 => Verdict::Refused(refusal.failure_as("changed_meanwhile")),
        414 | 431 => Verdict::Refused(refusal.failure_as("address_too_long")),
        // Salesforce's edge has no route to the org: the request went nowhere.
        420 => Verdict::NotApplied(refusal.failure_as("no_route")),
        429 => Verdict::Limited {
            limit: LimitKind::InFlight,
            retry_after: Some(retry_after(response).unwrap_or(CONCURRENCY_RECHECK)),
            failure: refusal.failure_as("request_limit_exceeded"),
        },
        408 => doubt_unless_reading(method, refusal.failure_as("timed_out")),
        400..=499 => Verdict::Refused(refusal.failure_as("refused")),
        // 500 UNKNOWN_EXCEPTION, 502 from the edge, 503 SERVER_UNAVAILABLE: none proves that nothing was written.
        _ => doubt_unless_reading(method, refusal.failure_as("server_error")),
    }
}

/// The table for the items of a collection, whose errors have `statusCode` where others have `errorCode`.
pub(super) fn refused_item(item: &Value) -> MemberOutcome {
    let refusal = Refusal::in_errors(item.get("errors").unwrap_or(&Value::Null));
    let Some(code) = refusal.code.as_deref() else { return MemberOutcome::Unclear };
    let locked = code == "UNABLE_TO_LOCK_ROW" || refusal.message.contains("UNABLE_TO_LOCK_ROW");
    match code {
        _ if locked => MemberOutcome::Retry(refusal.failure()),
        "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        | "PROCESSING_HALTED"
        | "REQUEST_LIMIT_EXCEEDED"
        | "SERVER_UNAVAILABLE"
        | "UNKNOWN_EXCEPTION" => MemberOutcome::Retry(refusal.failure()),
        _ => MemberOutcome::Failed(refusal.failure()),
    }
}

/// For reads that are judged here and not by the account: the answers within a composite one.
pub(super) fn fault_of(verdict: Verdict, now: Timestamp) -> Option<Fault> {
    let again = |after: Duration, reason, failure| {
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::ZERO);
        Fault::Retry(Again { at: now.checked_add(after).unwrap_or(now), reason, failure })
    };
    match verdict {
        Verdict::Answered => None,
        Verdict::Refused(failure) | Verdict::Forbidden(failure) => Some(Fault::Terminal(failure)),
        Verdict::Limited { retry_after, failure, .. } => {
            Some(again(retry_after.unwrap_or(DAY_LIMIT_RECHECK), Reason::Limit, failure))
        }
        Verdict::Unauthorised(failure) | Verdict::NotApplied(failure) | Verdict::InDoubt { failure, .. } => {
            Some(again(Duration::ZERO, Reason::Failed, failure))
        }
    }
}

/// Nothing can have been written by a request that only reads.
fn doubt_unless_reading(method: Method, failure: Failure) -> Verdict {
    match method {
        Method::Get => Verdict::NotApplied(failure),
        Method::Post | Method::Put | Method::Patch | Method::Delete => {
            Verdict::InDoubt { answered: true, failure }
        }
    }
}

/// The day's allowance, or too many long requests at once: only the text tells them apart.
fn limited(refusal: &Refusal) -> Verdict {
    let (limit, after) = if refusal.message.contains("Concurrent") {
        (LimitKind::InFlight, CONCURRENCY_RECHECK)
    } else {
        (LimitKind::Day, DAY_LIMIT_RECHECK)
    };
    Verdict::Limited { limit, retry_after: Some(after), failure: refusal.failure() }
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<Response, HttpError> {
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }

    fn error(code: &str, message: &str) -> String {
        json!([{"message": message, "errorCode": code}]).to_string()
    }

    /// Verdict and code in short.
    fn seen(verdict: &Verdict) -> (String, String) {
        let (name, failure) = match verdict {
            Verdict::Answered => return ("answered".into(), String::new()),
            Verdict::Refused(failure) => ("refused".to_owned(), failure),
            Verdict::Limited { limit, retry_after, failure } => {
                (format!("{limit:?} {retry_after:?}"), failure)
            }
            Verdict::Unauthorised(failure) => ("unauthorised".to_owned(), failure),
            Verdict::Forbidden(failure) => ("forbidden".to_owned(), failure),
            Verdict::NotApplied(failure) => ("not applied".to_owned(), failure),
            Verdict::InDoubt { answered, failure } => (format!("in doubt {answered}"), failure),
        };
        (name, failure.code.clone())
    }

    #[test]
    fn an_expired_session_is_known_at_userinfo_though_it_calls_its_words_a_web_page() {
        let headers = vec![("content-type".to_owned(), "text/html;charset=UTF-8".to_owned())];
        let response = Response { status: 403, headers, body: b"Bad_OAuth_Token".to_vec() };
        assert!(matches!(classify(Method::Get, &Ok(response)), Verdict::Unauthorised(_)));
    }

    #[test]
    fn every_row_of_the_error_table_means_what_it_should() {
        let day = "Day Some(3600s)";
        let many = "InFlight Some(20s)";
        let html = "<html><body>Down for maintenance</body></html>";
        let rows: Vec<(u16, String, &str, &str)> = vec![
            (200, "[]".into(), "answered", ""),
            (201, "{}".into(), "answered", ""),
            (204, String::new(), "answered", ""),
            (304, String::new(), "answered", ""),
            (200, html.into(), "in doubt true", "not_json"),
            (300, r#"["/services/data/v67.0/sobjects/Account/001"]"#.into(), "refused", "several_matches"),
            (302, String::new(), "refused", "redirected"),
            (400, error("MALFORMED_QUERY", "unexpected token: FRM"), "refused", "malformed_query"),
            (400, error("INVALID_FIELD", "No such column 'X'"), "refused", "invalid_field"),
            (400, error("INVALID_TYPE", "sObject type 'X'"), "refused", "invalid_type"),
            (400, error("JSON_PARSER_ERROR", "Cannot deserialize"), "refused", "json_parser_error"),
            (400, error("REQUIRED_FIELD_MISSING", "missing: [Name]"), "refused", "required_field_missing"),
            (
                400,
                error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No!"),
                "refused",
                "field_custom_validation_exception",
            ),
            (400, error("STRING_TOO_LONG", "Name"), "refused", "string_too_long"),
            (
                400,
                error("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields"),
                "refused",
                "invalid_field_for_insert_update",
            ),
            (400, error("DUPLICATE_VALUE", "duplicate value found"), "refused", "duplicate_value"),
            (
                400,
                error("FIELD_INTEGRITY_EXCEPTION", "Related To ID"),
                "refused",
                "field_integrity_exception",
            ),
            (
                400,
                error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Apex"),
                "refused",
                "cannot_insert_update_activate_entity",
            ),
            (400, error("ENTITY_IS_DELETED", "entity is deleted"), "refused", "entity_is_deleted"),
            (404, error("ENTITY_IS_DELETED", "entity is deleted"), "refused", "entity_is_deleted"),
            (400, error("DUPLICATES_DETECTED", "You're creating"), "refused", "duplicates_detected"),
            (400, error("UNABLE_TO_LOCK_ROW", "unable to obtain"), "not applied", "unable_to_lock_row"),
            (500, error("UNABLE_TO_LOCK_ROW", "unable to obtain"), "not applied", "unable_to_lock_row"),
            (400, error("INVALID_QUERY_LOCATOR", "invalid locator"), "refused", "invalid_query_locator"),
            (400, String::new(), "refused", "refused"),
            (401, error("INVALID_SESSION_ID", "Session expired"), "unauthorised", "invalid_session_id"),
            (401, String::new(), "unauthorised", "unauthorised"),
            (
                401,
                error("INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
                "forbidden",
                "invalid_session_id",
            ),
            (
                401,
                error("INVALID_SESSION_ID", "Connected app is not attached to Agent"),
                "forbidden",
                "invalid_session_id",
            ),
            (
                403,
                error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
                day,
                "request_limit_exceeded",
            ),
            (
                403,
                error(
                    "REQUEST_LIMIT_EXCEEDED",
                    "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                ),
                many,
                "request_limit_exceeded",
            ),
            (
                403,
                error("API_DISABLED_FOR_ORG", "The REST API is not enabled"),
                "forbidden",
                "api_disabled_for_org",
            ),
            (403, error("API_CURRENTLY_DISABLED", "disabled"), "not applied", "api_currently_disabled"),
            (
                403,
                error("INSUFFICIENT_ACCESS", "insufficient access rights"),
                "refused",
                "insufficient_access",
            ),
            (
                400,
                error("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights"),
                "refused",
                "insufficient_access_or_readonly",
            ),
            (403, "Bad_OAuth_Token".into(), "unauthorised", "unauthorised"),
            (403, html.into(), "forbidden", "forbidden"),
            (404, error("NOT_FOUND", "The requested resource does not exist"), "refused", "not_found"),
            (404, String::new(), "refused", "not_found"),
            (
                404,
                error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
                "refused",
                "invalid_cross_reference_key",
            ),
            (405, error("METHOD_NOT_ALLOWED", "HTTP Method not allowed"), "refused", "method_not_allowed"),
            (408, String::new(), "in doubt true", "timed_out"),
            (409, String::new(), "refused", "changed_meanwhile"),
            (412, String::new(), "refused", "changed_meanwhile"),
            (414, String::new(), "refused", "address_too_long"),
            (415, String::new(), "refused", "refused"),
            (420, html.into(), "not applied", "no_route"),
            (428, String::new(), "refused", "changed_meanwhile"),
            (429, String::new(), many, "request_limit_exceeded"),
            (431, String::new(), "refused", "address_too_long"),
            (500, error("UNKNOWN_EXCEPTION", "An unexpected error"), "in doubt true", "unknown_exception"),
            (500, error("APEX_ERROR", "System.NullPointer"), "in doubt true", "apex_error"),
            (502, html.into(), "in doubt true", "server_error"),
            (503, error("SERVER_UNAVAILABLE", "Server Unavailable"), "in doubt true", "server_unavailable"),
            (504, String::new(), "in doubt true", "server_error"),
        ];
        for (status, body, verdict, code) in rows {
            let got = seen(&classify(Method::Post, &answer(status, &body)));
            assert_eq!(got, (verdict.to_owned(), code.to_owned()), "{status} {body}");
        }
    }

    #[test]
    fn what_was_never_sent_was_not_applied_and_a_lost_answer_is_in_doubt() {
        let not_sent = classify(Method::Patch, &Err(HttpError::NotSent("refused".into())));
        assert_eq!(seen(&not_sent), ("not applied".into(), "not_sent".into()));
        let lost = classify(Method::Patch, &Err(HttpError::NoAnswer("reset".into())));
        assert_eq!(seen(&lost), ("in doubt false".into(), "no_answer".into()));
    }

    #[test]
    fn a_read_that_fails_over_there_changed_nothing() {
        for (status, body) in [(500, ""), (503, ""), (200, "<!DOCTYPE html>")] {
            let verdict = classify(Method::Get, &answer(status, body));
            assert!(matches!(verdict, Verdict::NotApplied(_)), "{status}");
        }
    }

    #[test]
    fn a_wait_that_salesforce_names_is_kept() {
        let mut answer = answer(429, "").unwrap();
        answer.headers.push(("retry-after".into(), "7".into()));
        let Verdict::Limited { retry_after, .. } = classify(Method::Post, &Ok(answer)) else {
            panic!("not limited")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn an_items_error_is_final_unless_it_is_a_lock_or_a_passing_trouble() {
        let item = |code: &str, message: &str| {
            refused_item(
                &json!({"success": false, "errors": [{"statusCode": code, "message": message, "fields": []}]}),
            )
        };
        let code = |outcome: MemberOutcome| match outcome {
            MemberOutcome::Failed(failure) => format!("failed {}", failure.code),
            MemberOutcome::Retry(failure) => format!("retry {}", failure.code),
            other => format!("{other:?}"),
        };
        assert_eq!(code(item("DUPLICATE_VALUE", "")), "failed duplicate_value");
        assert_eq!(
            code(item("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")),
            "failed invalid_cross_reference_key"
        );
        assert_eq!(code(item("UNABLE_TO_LOCK_ROW", "")), "retry unable_to_lock_row");
        assert_eq!(
            code(item(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "first error: UNABLE_TO_LOCK_ROW, unable to obtain"
            )),
            "retry cannot_insert_update_activate_entity"
        );
        assert_eq!(
            code(item("ALL_OR_NONE_OPERATION_ROLLED_BACK", "")),
            "retry all_or_none_operation_rolled_back"
        );
        assert_eq!(code(refused_item(&json!({"success": false, "errors": []}))), "Unclear");
    }

    #[test]
    fn a_refused_read_ends_and_a_limited_one_waits() {
        let now: Timestamp = "2026-05-06T11:00:00Z".parse().unwrap();
        let fault = |status, body: &str| fault_of(classify(Method::Get, &answer(status, body)), now);
        assert!(fault(200, "{}").is_none());
        assert!(matches!(fault(400, ""), Some(Fault::Terminal(_))));
        let limited = fault(403, &error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
        let Some(Fault::Retry(again)) = limited else { panic!("no wait") };
        assert_eq!((again.at.to_string().as_str(), again.reason), ("2026-05-06T12:00:00Z", Reason::Limit));
    }
}
