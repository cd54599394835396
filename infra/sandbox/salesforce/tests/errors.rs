//! What goes wrong at Salesforce alone, and what it says of its limits.

use axum::http::Method;
use serde_json::json;

use super::Door;
use super::error_table::{error, error_of, in_front, whole};
use crate::salesforce::Options;
use crate::{Fault, FaultKind, Settings};

fn one(reply: &super::Reply, status: u16, code: &str, message: &str) {
    whole(reply, status, &error(code, message));
}

#[tokio::test]
async fn every_data_call_has_an_id_and_says_what_is_left_of_the_day() {
    let door = Door::new();
    let [first, second] = [door.call("GET", "/limits", None).await, door.call("GET", "/nothing", None).await];
    assert_eq!((first.header("x-sfdc-request-id").len(), second.status), (32, 404));
    assert_ne!(first.header("x-sfdc-request-id"), second.header("x-sfdc-request-id"));
    assert_eq!(second.header("sforce-limit-info"), "api-usage=2/15000");
}

#[tokio::test]
async fn an_app_with_a_share_of_its_own_is_told_of_it_and_held_to_it() {
    let salesforce = Options { daily_requests_of_an_app: Some(2), ..Options::default() };
    let door = Door::with(Settings { salesforce, ..Settings::default() });
    door.call("GET", "/limits", None).await;
    let second = door.call("GET", "/limits", None).await;
    let info = "api-usage=2/15000; per-app-api-usage=2/2(appName=Sandbox client)";
    assert_eq!(second.header("sforce-limit-info"), info);
    let third = door.call("GET", "/limits", None).await;
    let refused = error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    assert_eq!(
        (third.status, third.text.as_str(), third.header("sforce-limit-info")),
        (403, &*refused, info)
    );
}

#[tokio::test]
async fn the_sixth_long_request_is_one_too_many() {
    let door = std::sync::Arc::new(Door::new());
    door.org().faults().add(Fault::new(FaultKind::Delay(400)).times(5));
    let slow = || {
        let door = door.clone();
        tokio::spawn(async move { door.call("GET", "/limits", None).await.status })
    };
    let slow: Vec<_> = (0..5).map(|_| slow()).collect();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    door.sandbox.clock.advance_seconds(20);
    let sixth = door.call("GET", "/limits", None).await;
    let message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
    one(&sixth, 403, "REQUEST_LIMIT_EXCEEDED", message);
    for request in slow {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
}

#[tokio::test]
async fn a_client_without_patch_sends_post_and_says_so() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let path = format!("/sobjects/Account/{id}?_HttpMethod=PATCH");
    assert_eq!(door.call("POST", &path, Some(json!({ "Name": "B" }))).await.status, 204);
    assert_eq!(door.org().get("Account", &id).unwrap()["Name"], "B");
    assert_eq!(door.call("HEAD", "/limits", None).await.status, 200);
}

#[tokio::test]
async fn what_happens_at_salesforce_alone_is_arranged_by_name() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let path = format!("/sobjects/Account/{id}");
    for (name, status, code, message) in [
        ("session_expired", 401, "INVALID_SESSION_ID", "Session expired or invalid"),
        ("not_attached_to_agent", 401, "INVALID_SESSION_ID", "Connected app is not attached to Agent"),
        (
            "not_valid_for_rest",
            401,
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
        ),
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
    ] {
        door.org().fail(name, &Method::PATCH, &path).unwrap();
        one(&door.call("PATCH", &path, Some(json!({ "Name": name }))).await, status, code, message);
        assert_eq!(door.org().get("Account", &id).unwrap()["Name"], "A", "{name} changes nothing");
    }
    door.org().fail("row_lock_500", &Method::PATCH, &path).unwrap();
    let locked = "unable to obtain exclusive access to this record or 1 records";
    let reply = door.call("PATCH", &path, Some(json!({ "Name": "B" }))).await;
    whole(&reply, 500, &error_of("UNABLE_TO_LOCK_ROW", locked, ""));
    let closed =
        "<html><head><title>Down For Maintenance</title></head><body>Down for maintenance</body></html>";
    for (name, status, page) in [
        ("no_route", 420, "<html><body><h1>420 No route for the host</h1></body></html>"),
        ("unreachable", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        ("maintenance", 503, closed),
    ] {
        door.org().fail(name, &Method::GET, &path).unwrap();
        in_front(&door.call("GET", &path, None).await, status, "text/html;charset=UTF-8", page);
    }
    assert!(door.org().fail("nonsense", &Method::GET, "").unwrap_err().contains("apex_error"));
}

#[tokio::test]
async fn people_arrange_failures_over_http() {
    let door = Door::new();
    let names = door.control("GET", "failures", json!(null)).await.json();
    assert!(names["names"].as_array().unwrap().contains(&json!("unavailable")));
    let made = door
        .control("POST", "failures", json!({ "name": "unavailable", "path": "/limits", "times": 2 }))
        .await;
    assert_eq!(made.status, 201);
    let statuses = [
        door.call("GET", "/limits", None).await.status,
        door.call("GET", "/limits", None).await.status,
        door.call("GET", "/limits", None).await.status,
    ];
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(door.control("POST", "failures", json!({ "name": "what" })).await.status, 400);
    assert_eq!(
        door.control("POST", "refusals", json!({ "name": "row_lock", "object": "Lead" })).await.status,
        204
    );
    let lead = door.call("POST", "/sobjects/Lead", Some(json!({ "LastName": "A", "Company": "B" }))).await;
    assert_eq!(lead.code(), "UNABLE_TO_LOCK_ROW");
}
