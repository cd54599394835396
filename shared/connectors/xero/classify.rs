//! What an exchange with Xero means as a whole: one table of status, headers and body.
//!
//! Status alone misleads here: a missing scope is a 401 that no refresh mends, a 404 has no body and refuses a
//! whole call for one unknown id, and a 200 may hold a page of HTML.
//! <https://developer.xero.com/documentation/api/http-response-codes>

use std::time::Duration;

use serde::de::IgnoredAny;

use super::refusals;
use crate::domain::Value;
use crate::domain::outcome::Failure;
use crate::ports::connector::{LimitKind, Verdict};
use crate::ports::http::{HttpError, Method, Response};

/// The code of a refusal that may be about the organisation as a whole.
pub(super) const NOT_AUTHORISED: &str = "tenant_not_authorised";

pub(super) fn classify(method: Method, exchange: &Result<Response, HttpError>) -> Verdict {
    let verdict = match exchange {
        Err(HttpError::NotSent(why)) => {
            Verdict::NotApplied(Failure::new("not_sent", format!("Xero could not be reached: {why}")))
        }
        Err(HttpError::NoAnswer(why)) => {
            in_doubt(false, "no_answer", &format!("Xero's answer was lost: {why}"))
        }
        Ok(response) => answered(response),
    };
    match verdict {
        // A read changes nothing, so that nothing about it can be in doubt.
        Verdict::InDoubt { failure, .. } if method == Method::Get => Verdict::NotApplied(failure),
        verdict => verdict,
    }
}

fn answered(response: &Response) -> Verdict {
    match response.status {
        204 | 304 => Verdict::Answered,
        200..=299 if serde_json::from_slice::<IgnoredAny>(&response.body).is_ok() => Verdict::Answered,
        200..=299 => in_doubt(true, "unreadable_answer", "Xero's answer is not whole, or not JSON"),
        400 => bad_request(response),
        401 => unauthorised(response),
        403 => forbidden(response),
        404 => refused("not_found", "Xero knows no record of that id"),
        // Our own call under this key is still being worked on: it may yet be applied.
        409 => in_doubt(false, "still_running", "Xero is still working on an earlier try of the call"),
        412 => refused("precondition_failed", "Xero refused the call's conditions"),
        413 | 414 | 431 => refused("too_large", "the call is larger than Xero takes"),
        405 | 501 => refused("not_implemented", "Xero has no such call"),
        429 => limited(response),
        503 => {
            in_doubt(true, "organisation_offline", "Xero is under maintenance or the organisation is offline")
        }
        status @ 500.. => in_doubt(true, "xero_error", &format!("Xero failed with HTTP {status}")),
        status => refused("xero_refused", &format!("Xero refused the call with HTTP {status}")),
    }
}

fn bad_request(response: &Response) -> Verdict {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| member(&body, name).and_then(Value::as_str).unwrap_or_default();
    let said = [text("Detail"), text("Message"), text("Title")]
        .into_iter()
        .find(|said| !said.is_empty())
        .unwrap_or_default();
    if said.contains("is used with a different request") {
        // The key went out with other bytes, ours or somebody else's: what those did must be looked up.
        return in_doubt(
            true,
            "idempotency_mismatch",
            "the call's Idempotency-Key was used for another call",
        );
    }
    match text("Type") {
        "ValidationException" => {
            let messages = member(&body, "Elements").map(refusals::messages).unwrap_or_default();
            Verdict::Refused(refusals::failure(&messages))
        }
        "HighVolumeException" => refused("high_volume", &format!("Xero says: {said}")),
        "PostDataInvalidException" => {
            refused("post_data_invalid", &format!("Xero can't read the call: {said}"))
        }
        "QueryParseException" => refused("query_invalid", &format!("Xero can't read the search: {said}")),
        _ => refused("xero_refused", &format!("Xero refused the call: {said}")),
    }
}

/// Missing scopes are known by this header alone, which Xero's own page spells with one *i* too few.
fn unauthorised(response: &Response) -> Verdict {
    let challenge = response.header("www-authenticate").unwrap_or_default().to_lowercase();
    if challenge.contains("insufficent_scope") || challenge.contains("insufficient_scope") {
        return Verdict::Forbidden(Failure::new(
            "missing_scope",
            "the connection lacks a scope that this call needs: add it to the app and to the connection",
        ));
    }
    Verdict::Unauthorised(Failure::new("unauthorised", "Xero no longer takes the token"))
}

/// A body that says so is about the organisation, or so it seems; any other one, or none, about what the user may do.
fn forbidden(response: &Response) -> Verdict {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = member(&body, "Detail").and_then(Value::as_str).unwrap_or_default();
    Verdict::Forbidden(if said.starts_with("AuthenticationUnsuccessful") {
        Failure::new(
            NOT_AUTHORISED,
            "Xero doesn't let this connection into the organisation: it was disconnected, its user was removed or may not do this, or a demo company was reset. Connect it again",
        )
    } else {
        Failure::new(
            "forbidden",
            "Xero doesn't let this connection's user do this: give the user a role in Xero that may, or connect as another",
        )
    })
}

/// 429 has no body; which limit it was is in a header, spelled in several ways over the years.
/// <https://developer.xero.com/documentation/guides/oauth2/limits/>
fn limited(response: &Response) -> Verdict {
    let problem = response.header("x-rate-limit-problem").unwrap_or_default().to_lowercase();
    let problem: String = problem.chars().filter(char::is_ascii_alphanumeric).collect();
    let spent = |name| response.header(name).is_some_and(|left| left.trim() == "0");
    let retry_after = response
        .header("retry-after")
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    let limit = match problem.as_str() {
        "day" | "daily" => LimitKind::Day,
        "appminute" | "appmin" => LimitKind::AppMinute,
        "minute" => LimitKind::Minute,
        "concurrent" => LimitKind::InFlight,
        _ if spent("x-daylimit-remaining") => LimitKind::Day,
        _ if spent("x-appminlimit-remaining") => LimitKind::AppMinute,
        _ if spent("x-minlimit-remaining") || retry_after.is_some() => LimitKind::Minute,
        _ => LimitKind::InFlight,
    };
    let (code, which) = match limit {
        LimitKind::Minute => ("minute_limit", "calls a minute"),
        LimitKind::Day => ("day_limit", "calls a day"),
        LimitKind::InFlight => ("in_flight_limit", "calls at once"),
        LimitKind::AppMinute => ("app_minute_limit", "calls a minute of the whole app"),
    };
    Verdict::Limited {
        limit,
        retry_after,
        failure: Failure::new(code, format!("Xero's limit of {which} is reached")),
    }
}

fn refused(code: &str, message: &str) -> Verdict {
    Verdict::Refused(Failure::new(code, message))
}

fn in_doubt(answered: bool, code: &str, message: &str) -> Verdict {
    Verdict::InDoubt { answered, failure: Failure::new(code, message) }
}

/// Problem bodies come with lower-case keys and with capital ones.
fn member<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(method: Method, status: u16, headers: &[(&str, &str)], body: &str) -> Verdict {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        classify(method, &Ok(Response { status, headers, body: body.as_bytes().to_vec() }))
    }

    /// `refused not_found`: the verdict's name and its code.
    fn name_of(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Answered => "answered".into(),
            Verdict::Refused(f) => format!("refused {}", f.code),
            Verdict::Limited { limit, retry_after, .. } => {
                format!("limited {limit:?} {:?}", retry_after.map(|after| after.as_secs()))
            }
            Verdict::Unauthorised(f) => format!("unauthorised {}", f.code),
            Verdict::Forbidden(f) => format!("forbidden {}", f.code),
            Verdict::NotApplied(f) => format!("not applied {}", f.code),
            Verdict::InDoubt { answered, failure } => format!("in doubt {answered} {}", failure.code),
        }
    }

    const DUPLICATE_NAME: &str = r#"{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred","Elements":[{"ContactID":"00000000-0000-0000-0000-000000000000","Name":"X","HasValidationErrors":true,"ValidationErrors":[{"Message":"The contact name X is already assigned to another contact. The contact name must be unique across all active contacts."}]}]}"#;

    /// Status, headers, body, and the verdict's name.
    type Row = (u16, Vec<(&'static str, &'static str)>, &'static str, &'static str);

    #[test]
    fn every_row_of_the_error_table_has_its_verdict() {
        let limit = |problem: &'static str| [("x-rate-limit-problem", problem)];
        let rows: Vec<Row> = vec![
            (200, vec![], r#"{"Status":"OK"}"#, "answered"),
            (204, vec![], "", "answered"),
            (304, vec![], "", "answered"),
            (200, vec![], "<html>", "in doubt true unreadable_answer"),
            (200, vec![], r#"{"Status":"OK","Invo"#, "in doubt true unreadable_answer"),
            (200, vec![], "", "in doubt true unreadable_answer"),
            (400, vec![], DUPLICATE_NAME, "refused contact_name_taken"),
            (
                400,
                vec![],
                r#"{"Type":"ValidationException","Elements":[{"LineItems":[{"ValidationErrors":[{"Message":"odd"}]}]}]}"#,
                "refused xero_validation",
            ),
            (
                400,
                vec![],
                r#"{"ErrorNumber":14,"Type":"PostDataInvalidException","Message":"x"}"#,
                "refused post_data_invalid",
            ),
            (
                400,
                vec![],
                r#"{"ErrorNumber":16,"Type":"QueryParseException","Message":"x"}"#,
                "refused query_invalid",
            ),
            (
                400,
                vec![],
                r#"{"ErrorNumber":51,"Type":"HighVolumeException","Message":"x"}"#,
                "refused high_volume",
            ),
            (
                400,
                vec![],
                r#"{"Title":"Bad Request","Status":400,"Detail":"Idempotency Key: k is used with a different request."}"#,
                "in doubt true idempotency_mismatch",
            ),
            (
                400,
                vec![],
                r#"{"message":"Idempotency Key: k is used with a different request."}"#,
                "in doubt true idempotency_mismatch",
            ),
            (400, vec![], "", "refused xero_refused"),
            (
                401,
                vec![],
                r#"{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"AuthenticationUnsuccessful"}"#,
                "unauthorised unauthorised",
            ),
            (
                401,
                vec![],
                r#"{"title":"Unauthorized","status":401,"detail":"TokenExpired: token expired"}"#,
                "unauthorised unauthorised",
            ),
            (
                401,
                vec![("www-authenticate", "Bearer error=\"insufficent_scope\"")],
                "",
                "forbidden missing_scope",
            ),
            (
                401,
                vec![("www-authenticate", "Bearer error=\"insufficient_scope\"")],
                "",
                "forbidden missing_scope",
            ),
            (
                403,
                vec![],
                r#"{"title":"Forbidden","status":403,"detail":"AuthenticationUnsuccessful"}"#,
                "forbidden tenant_not_authorised",
            ),
            (
                403,
                vec![],
                r#"{"Type":null,"Title":"Forbidden","Status":403,"Detail":"AuthenticationUnsuccessful"}"#,
                "forbidden tenant_not_authorised",
            ),
            (403, vec![], "", "forbidden forbidden"),
            (403, vec![], "<html>", "forbidden forbidden"),
            (403, vec![], r#"{"title":"Forbidden","status":403,"detail":"x"}"#, "forbidden forbidden"),
            (404, vec![("content-type", "text/html; charset=utf-8")], "", "refused not_found"),
            (405, vec![], "", "refused not_implemented"),
            (501, vec![], "", "refused not_implemented"),
            (412, vec![], "", "refused precondition_failed"),
            (413, vec![], "", "refused too_large"),
            (418, vec![], "", "refused xero_refused"),
            (
                429,
                vec![("x-rate-limit-problem", "minute"), ("retry-after", "26")],
                "",
                "limited Minute Some(26)",
            ),
            (
                429,
                vec![("x-rate-limit-problem", "Day"), ("retry-after", "66975")],
                "",
                "limited Day Some(66975)",
            ),
            (429, limit("Daily").to_vec(), "", "limited Day None"),
            (429, limit("concurrent").to_vec(), "", "limited InFlight None"),
            (429, limit("appminute").to_vec(), "", "limited AppMinute None"),
            (429, limit("app-minute").to_vec(), "", "limited AppMinute None"),
            (429, vec![("x-daylimit-remaining", "0")], "", "limited Day None"),
            (429, vec![("retry-after", "3")], "", "limited Minute Some(3)"),
            (429, vec![], "", "limited InFlight None"),
            (500, vec![], r#"{"Type":"Internal"}"#, "in doubt true xero_error"),
            (502, vec![], "<html>", "in doubt true xero_error"),
            (503, vec![], "The Organisation is offline", "in doubt true organisation_offline"),
        ];
        for (status, headers, body, expected) in rows {
            assert_eq!(
                name_of(&verdict_of(Method::Put, status, &headers, body)),
                expected,
                "{status} {headers:?} {body}"
            );
        }
    }

    #[test]
    fn what_was_never_sent_is_not_applied_and_what_was_never_answered_is_in_doubt() {
        let not_sent = Err(HttpError::NotSent("refused".into()));
        assert_eq!(name_of(&classify(Method::Put, &not_sent)), "not applied not_sent");
        let no_answer = Err(HttpError::NoAnswer("timed out".into()));
        assert_eq!(name_of(&classify(Method::Post, &no_answer)), "in doubt false no_answer");
    }

    #[test]
    fn a_read_is_never_in_doubt() {
        assert_eq!(name_of(&verdict_of(Method::Get, 500, &[], "")), "not applied xero_error");
        assert_eq!(
            name_of(&classify(Method::Get, &Err(HttpError::NoAnswer("reset".into())))),
            "not applied no_answer"
        );
    }

    #[test]
    fn the_messages_of_every_element_are_kept() {
        let body = r#"{"Type":"ValidationException","Elements":[{"ValidationErrors":[{"Message":"one"}]},{"ValidationErrors":[{"Message":"two"}]}]}"#;
        let Verdict::Refused(failure) = verdict_of(Method::Post, 400, &[], body) else { panic!("refused") };
        assert!(failure.message.contains("one | two"), "{failure}");
    }
}
