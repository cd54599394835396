//! What goes wrong on request: limits, locks, duplicates, rules, lost replies; and the control routes.

use serde_json::{Value, json};

use super::Door;
use crate::salesforce::{Amounts, Options, Refusal};
use crate::{Fault, FaultKind, Settings};

#[tokio::test]
async fn a_used_up_day_is_403_without_retry_after_until_it_has_rolled_on() {
    let door = Door::new();
    door.org().use_up_calls(14_999);
    door.org().configure(|options| options.session_seconds = 10 * 24 * 3600);
    let mut door = door;
    door.token = door.org().token();
    let last = door.call("GET", "/limits", None).await;
    assert_eq!(last.json()["DailyApiRequests"], json!({ "Max": 15_000, "Remaining": 0 }));
    assert_eq!(last.header("sforce-limit-info"), "api-usage=15000/15000");
    let reply = door.call("GET", "/limits", None).await;
    let expected =
        json!([{ "message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED" }]);
    assert_eq!((reply.status, reply.json()), (403, expected));
    assert!(reply.headers.get("retry-after").is_none());
    assert_eq!(door.org().count_403(), 1);
    door.sandbox.clock.advance_seconds(24 * 3600);
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
}

#[tokio::test]
async fn without_limits_the_day_never_ends() {
    let salesforce = Options { daily_api_requests: 1, ..Options::default() };
    let door = Door::with(Settings { limits: false, salesforce, ..Settings::default() });
    for _ in 0..3 {
        assert_eq!(door.call("GET", "/limits", None).await.status, 200);
    }
}

#[tokio::test]
async fn a_locked_row_fails_once_and_only_it() {
    let door = Door::new();
    let [one, two] = ["A", "B"].map(|name| door.org().insert("Account", json!({ "Name": name })));
    door.org().refuse(Refusal::row_lock(&one));
    let records: Vec<Value> = [&one, &two]
        .iter()
        .map(|id| json!({ "attributes": { "type": "Account" }, "Id": id, "Phone": "1" }))
        .collect();
    let body = json!({ "records": records });
    let results = door.call("PATCH", "/composite/sobjects", Some(body.clone())).await.json();
    assert_eq!(results[0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(results[1]["success"], true);
    let again = door.call("PATCH", "/composite/sobjects", Some(body)).await.json();
    assert_eq!(again[0]["success"], true);
}

#[tokio::test]
async fn a_duplicate_is_refused_with_the_misspelled_member_and_passes_where_saving_is_allowed() {
    let door = Door::new();
    let twin = door.org().insert("Contact", json!({ "LastName": "Chen" }));
    let body = Some(json!({ "LastName": "Chen" }));
    door.org().refuse(Refusal { times: 9, ..Refusal::duplicates("Contact", &twin, true) });
    let refused = door.call("POST", "/sobjects/Contact", body.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "DUPLICATES_DETECTED"));
    let error = &refused.json()[0];
    assert_eq!(error["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"], twin);
    let header = [("sforce-duplicate-rule-header", "allowSave=true; runAsCurrentUser=true")];
    assert_eq!(door.call_with("POST", "/sobjects/Contact", body, &header).await.status, 201);
}

#[tokio::test]
async fn validation_rules_hold_for_the_api_and_for_people() {
    let door = Door::new();
    let rule = json!({ "object": "Opportunity", "where": "StageName = 'Closed Won' AND AccountId = null", "message": "No account" });
    assert_eq!(door.control("POST", "rules", rule).await.status, 204);
    let fields = json!({ "Name": "D", "StageName": "Closed Won", "CloseDate": "2026-12-01" });
    let refused = door.call("POST", "/sobjects/Opportunity", Some(fields.clone())).await;
    let expected =
        json!([{ "message": "No account", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": [] }]);
    assert_eq!((refused.status, refused.json()), (400, expected));
    assert!(door.org().try_insert("Opportunity", fields).is_err());
}

#[tokio::test]
async fn a_lost_reply_has_been_applied_and_a_reset_has_not() {
    let door = Door::new();
    let body = json!({ "Name": "Acme" });
    door.org().faults().add(Fault::on("POST", "/sobjects/Account", FaultKind::ReplyLost));
    door.org().faults().add(Fault::on("POST", "/sobjects/Account", FaultKind::Reset).skip(1));
    assert!(door.call("POST", "/sobjects/Account", Some(body.clone())).await.lost);
    assert_eq!(door.org().records("Account").len(), 1);
    assert!(!door.call("POST", "/sobjects/Account", Some(body.clone())).await.lost);
    assert!(door.call("POST", "/sobjects/Account", Some(body)).await.lost);
    assert_eq!(door.org().records("Account").len(), 2);
    assert_eq!(door.org().calls_to("POST /sobjects/Account"), 3);
}

#[tokio::test]
async fn faults_answer_in_the_words_they_are_given() {
    let door = Door::new();
    let unavailable = json!([{ "message": "Server Unavailable", "errorCode": "SERVER_UNAVAILABLE" }]);
    let fault = json!([{ "path": "/limits", "kind": { "status": { "code": 503, "body": unavailable } } }, { "path": "/limits", "kind": "html" },
        { "path": "/limits", "kind": "truncate" }, { "path": "/limits", "kind": "internal_error_after_apply" }]);
    assert_eq!(door.control("POST", "faults", fault).await.status, 201);
    let reply = door.call("GET", "/limits", None).await;
    assert_eq!((reply.status, reply.json()), (503, unavailable));
    let page = door.call("GET", "/limits", None).await;
    assert_eq!((page.status, page.header("content-type")), (502, "text/html"));
    let cut = door.call("GET", "/limits", None).await;
    assert!(cut.status == 200 && serde_json::from_str::<Value>(&cut.text).is_err());
    assert_eq!(door.call("GET", "/limits", None).await.status, 500);
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
}

#[tokio::test]
async fn people_steer_it_over_http() {
    let door = Door::new();
    let field = json!({ "object": "Account", "field": "Ext__c: string(10) external" });
    assert_eq!(door.control("POST", "fields", field).await.status, 204);
    let made = door.control("POST", "records/Account", json!({ "Name": "Acme", "Ext__c": "1" })).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        door.control("PATCH", &format!("records/Account/{id}"), json!({ "Ext__c": "2" })).await.status,
        204
    );
    assert_eq!(
        door.control("GET", &format!("records/Account/{id}"), Value::Null).await.json()["Ext__c"],
        "2"
    );
    let moved = door.control("POST", "clock", json!({ "advance_seconds": 30 })).await.json();
    assert_eq!(moved["now"], "2026-11-22T10:00:30Z");
    assert_eq!(door.control("PATCH", "options", json!({ "page_size": 10 })).await.status, 204);
    assert_eq!(door.org().options().page_size, 10);
    let watch = json!({ "object": "Account", "fields": ["Name"] });
    assert_eq!(door.control("POST", "outbound", watch).await.status, 204);
    door.control("PATCH", &format!("records/Account/{id}"), json!({ "Phone": "1" })).await;
    let mut due = door.control("GET", "outbound", Value::Null).await.json()[0].clone();
    assert!(due["body"].as_str().unwrap().contains("<sf:Name>Acme</sf:Name>"));
    (due["status"], due["body"]) = (json!(200), json!("<x:Ack>true</x:Ack>"));
    let answered = door.control("POST", "outbound/answers", due).await.json();
    assert_eq!(answered, json!({ "acknowledged": true }));
    assert_eq!(door.control("GET", "counters", Value::Null).await.json()["total"], 0);
    let seeded = door.control("POST", "seed", json!({ "opportunities": 3, "won": 1 })).await.json();
    assert_eq!(seeded["opportunities"].as_array().unwrap().len(), 3);
    assert_eq!(
        door.control("GET", "invariants", Value::Null).await.json(),
        json!({ "ok": true, "broken": [] })
    );
    assert_eq!(door.control("POST", "reset", Value::Null).await.status, 204);
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn the_same_seed_makes_the_same_org() {
    let make = |seed| {
        let door = Door::new();
        door.org().fill(&Amounts { seed: Some(seed), ..Amounts::default() });
        door.org().everything()
    };
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
    let door = Door::new();
    let made = door.org().fill(&Amounts { accounts: 10, opportunities: 30, won: 7, ..Amounts::default() });
    assert_eq!(made.opportunities.len(), 30);
    assert_eq!(
        door.org().find("Opportunity", "IsWon = true AND HasOpportunityLineItem = true").unwrap().len(),
        7
    );
}

#[tokio::test]
async fn a_late_call_lands_when_its_time_comes_though_its_caller_is_gone() {
    let door = Door::new();
    let fault = json!({ "method": "POST", "path": "/sobjects/Account", "kind": { "late": 120 } });
    assert_eq!(door.control("POST", "faults", fault).await.status, 201);
    abandon(&door, "/sobjects/Account", json!({ "Name": "Late" })).await;
    assert_eq!(door.control("GET", "held", Value::Null).await.json(), json!({ "held": 1 }));
    door.sandbox.clock.advance_seconds(119);
    assert!(door.org().records("Account").is_empty());
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(door.org().records("Account")[0]["CreatedDate"], "2026-11-22T10:02:00.000+0000");
    assert_eq!(door.control("GET", "held", Value::Null).await.json(), json!({ "held": 0 }));
}

#[tokio::test]
async fn who_waits_for_a_late_call_is_answered_when_the_clock_runs_faster() {
    let door = Door::new();
    door.org().faults().add(Fault::new(FaultKind::Late(3_600)));
    let call = door.call("GET", "/limits", None);
    let advance = async {
        tokio::task::yield_now().await;
        assert_eq!(door.control("POST", "clock", json!({ "advance_seconds": 3_600 })).await.status, 200);
    };
    let (answer, ()) = tokio::join!(call, advance);
    assert_eq!(answer.status, 200);
    assert_eq!(door.control("POST", "clock", json!({ "speed": 20 })).await.json()["speed"], 20.0);
    assert_eq!(door.control("POST", "clock", json!({ "speed": -1 })).await.status, 400);
    assert_eq!(door.control("POST", "clock", json!({})).await.status, 400);
}

#[tokio::test]
async fn calls_are_seen_with_their_outcome_and_their_bodies() {
    let door = Door::new();
    door.call("POST", "/sobjects/Account", Some(json!({ "Nme": "x" }))).await;
    door.call("GET", "/limits", None).await;
    let calls = door.control("GET", "calls?after=1", Value::Null).await.json();
    assert_eq!((calls["total"].as_u64(), calls["calls"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!((&calls["calls"][0]["route"], &calls["calls"][0]["error"]), (&json!("/limits"), &Value::Null));
    let first = door.control("GET", "calls/1", Value::Null).await.json();
    assert_eq!((&first["call"]["status"], &first["call"]["error"]), (&json!(400), &json!("INVALID_FIELD")));
    assert_eq!(first["bodies"]["request"], r#"{"Nme":"x"}"#);
    assert!(first["bodies"]["answer"].as_str().unwrap().starts_with("[{\"message\""));
    assert_eq!(door.control("GET", "calls/3", Value::Null).await.status, 404);
    let left = door.control("GET", "limits", Value::Null).await.json();
    assert_eq!(left[0]["left"], 14_998);
}

/// Takes up a call and leaves before it is answered.
async fn abandon(door: &Door, path: &str, body: Value) {
    let mut call = std::pin::pin!(door.call("POST", path, Some(body)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
}

#[tokio::test]
async fn a_late_call_is_let_in_by_the_token_of_its_beginning_and_lands_though_that_has_ended() {
    let door = Door::new();
    door.org().faults().add(Fault::new(FaultKind::Late(120)));
    door.sandbox.clock.advance_seconds(2 * 3600 - 60);
    abandon(&door, "/sobjects/Account", json!({ "Name": "Late" })).await;
    door.sandbox.clock.advance_seconds(120);
    assert_eq!(door.org().records("Account")[0]["CreatedDate"], "2026-11-22T12:01:00.000+0000");
    assert_eq!(door.org().records("Account")[0]["CreatedById"], door.org().integration_user());
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_refused_at_once_also_where_calls_run_late() {
    let mut door = Door::new();
    door.org().faults().add(Fault::new(FaultKind::Late(120)).always());
    let plain = [("content-type", "text/plain")];
    let refused = door.call_with("POST", "/sobjects/Account", Some(json!({})), &plain).await;
    assert_eq!((refused.status, refused.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    door.org().use_up_calls(15_000);
    assert_eq!(door.call("GET", "/limits", None).await.code(), "REQUEST_LIMIT_EXCEEDED");
    door.token = "00D!no".into();
    assert_eq!(door.call("GET", "/limits", None).await.code(), "INVALID_SESSION_ID");
    assert_eq!(door.control("GET", "held", Value::Null).await.json(), json!({ "held": 0 }));
}

#[tokio::test]
async fn half_an_answer_is_whole_to_the_transport_and_a_truncated_one_is_not() {
    let door = Door::new();
    let whole = door.call("GET", "/sobjects/User/describe", None).await.bytes;
    door.org().faults().add(Fault::new(FaultKind::Half));
    assert_eq!(door.call("GET", "/sobjects/User/describe", None).await.bytes, whole[..whole.len() / 2]);
    door.org().faults().add(Fault::new(FaultKind::Truncate));
    let cut = tower::ServiceExt::oneshot(
        door.sandbox.salesforce_router(),
        door.request("GET", "/sobjects/User/describe", axum::body::Body::empty(), &[]),
    );
    let (head, body) = cut.await.unwrap().into_parts();
    assert_eq!(head.headers["content-length"], whole.len().to_string());
    assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
}
