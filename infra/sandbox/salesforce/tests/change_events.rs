//! Change Data Capture: what the bus is told, and what it isn't.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::Door;

/// The payloads of all events so far.
fn told(door: &Door) -> Vec<Value> {
    door.org().change_events(0).into_iter().map(|event| event["detail"]["payload"].clone()).collect()
}

#[tokio::test]
async fn a_new_record_is_told_in_full_below_the_payload() {
    let door = Door::new();
    door.org().capture_changes(&["Contact"]);
    let body =
        json!({ "LastName": "Chen", "FirstName": "Ada", "MailingCity": "Leeds", "Birthdate": "2000-01-01" });
    let client = ("sforce-call-options", "client=counterfoil, defaultNamespace=x");
    let made = door.call_with("POST", "/sobjects/Contact", Some(body), &[client]).await.json();
    let user = door.org().integration_user();
    let events = door.org().change_events(0);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    let organization = door.org().organization_id();
    let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
    let expected = "version id detail-type source account time region resources detail";
    assert_eq!(keys, expected.split(' ').collect::<Vec<_>>());
    assert_eq!(event["detail-type"], "ContactChangeEvent");
    let source = event["source"].as_str().unwrap();
    assert!(source.starts_with(&format!("aws.partner/salesforce.com/{organization}/0YL")), "{source}");
    assert_eq!(event["detail"]["event"]["replayId"], 1);
    let payload = &event["detail"]["payload"];
    let header = &payload["ChangeEventHeader"];
    assert_eq!(
        *header,
        json!({ "entityName": "Contact", "recordIds": [made["id"]], "changeType": "CREATE",
            "changeOrigin": "com/salesforce/api/rest/67.0;client=counterfoil",
            "transactionKey": header["transactionKey"], "sequenceNumber": 1, "commitTimestamp": 1_795_341_600_000_i64,
            "commitNumber": header["commitNumber"], "commitUser": user, "nulledFields": [], "diffFields": [],
            "changedFields": [] })
    );
    assert_eq!(payload["Name"], json!({ "LastName": "Chen", "FirstName": "Ada" }));
    assert_eq!(payload["MailingAddress"], json!({ "City": "Leeds" }));
    assert_eq!(payload["CreatedDate"], 1_795_341_600_000_i64);
    assert_eq!(payload["Birthdate"], 946_684_800_000_i64);
    assert!(payload.get("Email").is_none() && payload.get("SystemModstamp").is_none());
}

#[tokio::test]
async fn a_change_tells_what_is_different_and_a_deletion_nothing() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "Acme", "Phone": "1" }));
    door.org().capture_changes(&["Account"]);
    door.org().update("Account", &id, json!({ "Name": "Acme 2", "Phone": null }));
    door.org().update("Account", &id, json!({ "Name": "Acme 2" }));
    door.org().delete("Account", &id).unwrap();
    let told = told(&door);
    assert_eq!(told.len(), 2, "an update that changes nothing is no event");
    let (changed, deleted) = (&told[0], &told[1]);
    let header = &changed["ChangeEventHeader"];
    assert_eq!(header["changedFields"], json!(["LastModifiedDate", "Name", "Phone"]));
    assert_eq!(header["nulledFields"], json!(["Phone"]));
    assert_eq!(header["changeOrigin"], "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/");
    assert_eq!((&changed["Name"], changed["LastModifiedDate"].is_number()), (&json!("Acme 2"), true));
    assert_eq!(deleted.as_object().unwrap().len(), 1);
    assert_eq!(deleted["ChangeEventHeader"]["changeType"], "DELETE");
}

#[tokio::test]
async fn the_same_change_of_several_records_in_one_call_is_one_event() {
    let door = Door::new();
    let ids = ["A", "B", "C"].map(|name| door.org().insert("Account", json!({ "Name": name })));
    door.org().capture_changes(&["Account"]);
    let records: Vec<Value> = ids
        .iter()
        .zip(["9", "9", "8"])
        .map(|(id, phone)| json!({ "attributes": { "type": "Account" }, "Id": id, "Phone": phone }))
        .collect();
    door.call("PATCH", "/composite/sobjects", Some(json!({ "records": records }))).await;
    let told = told(&door);
    let header = |place: usize| told[place]["ChangeEventHeader"].clone();
    assert_eq!(
        (header(0)["recordIds"].clone(), header(1)["recordIds"].clone()),
        (json!(ids[..2]), json!(ids[2..]))
    );
    assert_eq!(header(0)["transactionKey"], header(1)["transactionKey"]);
    assert_eq!((&header(0)["sequenceNumber"], &header(1)["sequenceNumber"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn nobody_is_told_of_what_was_undone_and_of_a_late_commit_only_when_it_is_seen() {
    let door = Door::new();
    door.org().capture_changes(&["Account"]);
    door.org().notify_of("Account", None, &["Name"]).unwrap();
    let record = |name: Value| json!({ "attributes": { "type": "Account" }, "Name": name });
    let body = json!({ "allOrNone": true, "records": [record(json!("A")), record(json!(null))] });
    door.call("POST", "/composite/sobjects", Some(body)).await;
    assert_eq!((told(&door).len(), door.org().outbound_due().len()), (0, 0));
    door.org().insert_late("Account", json!({ "Name": "Late" }), 60).unwrap();
    assert_eq!(told(&door).len(), 0);
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(told(&door)[0]["ChangeEventHeader"]["commitTimestamp"], 1_795_341_600_000_i64);
}

#[tokio::test]
async fn gaps_and_repetitions_are_arranged_and_events_end_after_three_days() {
    let door = Door::new();
    door.org().capture_changes(&["Account"]);
    door.org().tell_gaps(1);
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let gap = told(&door)[0].clone();
    assert_eq!(
        (&gap["ChangeEventHeader"]["changeType"], gap.as_object().unwrap().len()),
        (&json!("GAP_CREATE"), 1)
    );
    assert_eq!(gap["ChangeEventHeader"]["recordIds"], json!([id]));
    door.org().tell_gap("Account", "GAP_OVERFLOW", &[]);
    door.org().tell_twice(1);
    door.org().update("Account", &id, json!({ "Phone": "1" }));
    let replays: Vec<Value> = door
        .org()
        .change_events(1)
        .iter()
        .map(|event| event["detail"]["event"]["replayId"].clone())
        .collect();
    assert_eq!(replays, [2, 3, 3]);
    door.sandbox.clock.advance_seconds(72 * 3600);
    door.org().update("Account", &id, json!({ "Phone": "2" }));
    assert_eq!(door.org().change_events(0).len(), 1);
}

#[tokio::test]
async fn a_subscriber_is_sent_each_event_until_it_takes_it() {
    let door = Door::new();
    let control = async |method: &str, path: &str, body: Value| {
        let request = Request::builder().method(method).uri(format!("http://acme.example/_sandbox/{path}"));
        let request = request.header("content-type", "application/json");
        door.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    assert_eq!(control("POST", "events/objects", json!({ "objects": ["Account"] })).await.status, 204);
    let url = json!({ "url": "http://127.0.0.1:9/bus" });
    assert_eq!(control("POST", "events/subscribers", url).await.status, 204);
    let elsewhere = control("POST", "events/subscribers", json!({ "url": "https://example.com" })).await;
    assert_eq!(elsewhere.status, 400);
    door.org().insert("Account", json!({ "Name": "A" }));
    let first = door.org().events_due();
    assert_eq!((first.len(), first[0].url.as_str()), (1, "http://127.0.0.1:9/bus"));
    assert!(door.org().events_due().is_empty());
    door.org().event_answered(first[0].number, 500);
    door.sandbox.clock.advance_seconds(5);
    let again = door.org().events_due();
    assert_eq!(again[0].body, first[0].body);
    door.org().event_answered(again[0].number, 202);
    door.sandbox.clock.advance_seconds(3600);
    assert!(door.org().events_due().is_empty());
    let events = control("GET", "events?since=0", json!(null)).await.json();
    assert_eq!(events["events"][0]["detail-type"], "AccountChangeEvent");
}

#[test]
fn only_the_last_events_of_a_busy_org_are_kept() {
    let door = Door::new();
    (0..10_003).for_each(|_| door.org().tell_gap("Account", "GAP_UPDATE", &[]));
    let events = door.org().change_events(0);
    assert_eq!((events.len(), &events[0]["detail"]["event"]["replayId"]), (10_000, &json!(4)));
}
