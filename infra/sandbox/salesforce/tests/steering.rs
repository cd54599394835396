//! The control routes, each used once over HTTP: what it does is in the stories of the other files.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::Door;

impl Door {
    /// A control route that does something and has nothing to say.
    async fn steer(&self, method: &str, path: &str, body: Value) {
        let reply = self.control(method, path, body).await;
        assert_eq!((reply.status, reply.text.as_str()), (204, ""), "{path}");
    }

    /// A control route that makes something; its id.
    async fn make(&self, path: &str, body: Value) -> String {
        let reply = self.control("POST", path, body).await;
        assert_eq!(reply.status, 201, "{path}: {}", reply.text);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    async fn look(&self, path: &str) -> Value {
        self.control("GET", path, Value::Null).await.json()
    }
}

#[tokio::test]
async fn records_are_made_late_thrown_away_fetched_back_and_merged() {
    let door = Door::new();
    let late = door.make("records/Account?late=60", json!({ "Name": "Late" })).await;
    let one = door.make("records/Account", json!({ "Name": "One" })).await;
    let two = door.make("records/Account", json!({ "Name": "Two" })).await;
    assert_eq!(door.control("GET", &format!("records/Account/{late}"), Value::Null).await.status, 404);
    door.steer("PATCH", &format!("records/Account/{one}?late=60"), json!({ "Phone": "7" })).await;
    assert_eq!(door.look(&format!("records/Account/{one}")).await["Phone"], Value::Null);
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(door.look(&format!("records/Account/{one}")).await["Phone"], "7");
    door.steer("DELETE", &format!("records/Account/{two}"), Value::Null).await;
    door.steer("POST", &format!("records/Account/{two}/undelete"), Value::Null).await;
    door.steer("POST", &format!("records/Account/{one}/merge"), json!({ "loser": two })).await;
    door.steer("POST", &format!("records/Account/{one}/touch"), Value::Null).await;
    door.steer("DELETE", "deletions", Value::Null).await;
    let left = door.look("records/Account").await;
    let names: Vec<&Value> = left.as_array().unwrap().iter().map(|account| &account["Name"]).collect();
    assert_eq!(names, ["Late", "One"]);
}

#[tokio::test]
async fn an_admin_sets_up_objects_types_flows_and_reports() {
    let door = Door::new();
    let words = "object Van__c a00 Vans owned\nName: string(80) required\n";
    let request = Request::post("http://acme.example/_sandbox/objects").body(Body::from(words)).unwrap();
    assert_eq!(door.send(request).await.status, 204);
    assert!(door.make("records/Van__c", json!({ "Name": "Blue" })).await.starts_with("a00"));
    let wanted = json!({ "object": "Account", "developer_name": "Partner", "name": "Partner account" });
    assert!(door.make("record-types", wanted).await.starts_with("012"));
    let report = json!({ "name": "All", "object": "Account", "columns": ["Name"] });
    let report = door.make("reports", report).await;
    assert_eq!(door.call("GET", &format!("/analytics/reports/{report}"), None).await.status, 200);
    door.steer("POST", "flows", json!({ "name": "Tag", "inputs": [], "writes": [] })).await;
    assert_eq!(door.call("GET", "/actions/custom/flow/Tag", None).await.status, 200);
    let rule = json!({ "object": "Account", "where": "Name = 'No'", "message": "Never" });
    door.steer("POST", "rules", rule).await;
    door.steer("DELETE", "rules", Value::Null).await;
    door.make("records/Account", json!({ "Name": "No" })).await;
    let input = json!({ "recipientAddresses": "a@x.com", "emailSubject": "Hi", "emailBody": "You" });
    door.call("POST", "/actions/standard/emailSimple", Some(json!({ "inputs": [input] }))).await;
    assert_eq!(door.look("emails").await[0]["subject"], "Hi");
}

#[tokio::test]
async fn an_org_takes_on_currencies_and_never_loses_them() {
    let door = Door::new();
    let before = door.make("records/Account", json!({ "Name": "Old" })).await;
    let currency = async |id: &str| {
        let read = door.call("GET", &format!("/sobjects/Account/{id}"), None).await.json();
        read.get("CurrencyIsoCode").cloned()
    };
    assert_eq!(currency(&before).await, None);
    door.steer("PATCH", "options", json!({ "multi_currency": true, "currency": "EUR" })).await;
    assert_eq!(currency(&before).await, Some(json!("EUR")));
    let after = door.make("records/Account", json!({ "Name": "New", "CurrencyIsoCode": "USD" })).await;
    let found = door.query("SELECT Id FROM Account WHERE CurrencyIsoCode = 'USD'").await.json();
    assert_eq!(found["records"][0]["Id"], json!(after));
    let back = door.control("PATCH", "options", json!({ "multi_currency": false })).await;
    let why = "multi_currency: an org that has taken on currencies can't go back to one; reset it instead";
    assert_eq!((back.status, back.json()), (400, json!({ "error": why })));
    door.steer("PATCH", "options", json!({ "page_size": 5 })).await;
    assert_eq!(currency(&before).await, Some(json!("EUR")));
}

#[tokio::test]
async fn who_is_in_is_thrown_out_and_calls_of_others_are_counted() {
    let mut door = Door::new();
    door.steer("POST", "clients", json!({ "id": "other", "secret": "s" })).await;
    let grant = door.control("POST", "grants", json!({ "client": "other" })).await.json();
    let token = grant["refresh_token"].as_str().unwrap();
    let client = [("client_id", "other"), ("client_secret", "s")];
    let form = [&client[..], &[("grant_type", "refresh_token"), ("refresh_token", token)]].concat();
    door.token =
        door.form("/services/oauth2/token", &form).await.json()["access_token"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        door.make("records/Account", json!({ "Name": "A" })).await;
    }
    door.steer("PATCH", "options", json!({ "page_size": 2 })).await;
    let next =
        door.query("SELECT Id FROM Account").await.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
    door.steer("DELETE", "queries", Value::Null).await;
    let next = door.call("GET", next.trim_start_matches("/services/data/v67.0"), None).await;
    assert_eq!(next.code(), "INVALID_QUERY_LOCATOR");
    door.steer("POST", "calls", json!({ "used": 1_000 })).await;
    assert_eq!(door.call("GET", "/limits", None).await.header("sforce-limit-info"), "api-usage=1003/15000");
    door.steer("DELETE", "sessions", Value::Null).await;
    assert_eq!(door.call("GET", "/limits", None).await.status, 401);
}

#[tokio::test]
async fn messages_and_events_are_shuffled_told_again_and_lost() {
    let door = Door::new();
    door.steer("POST", "outbound", json!({ "object": "Account", "fields": ["Name"] })).await;
    door.steer("POST", "events/objects", json!({ "objects": ["Account"] })).await;
    door.steer("POST", "events/twice", json!({ "count": 1 })).await;
    door.steer("POST", "events/gaps", json!({ "count": 1 })).await;
    let id = door.make("records/Account", json!({ "Name": "A" })).await;
    let gap = json!({ "object": "Account", "type": "GAP_UPDATE", "records": [id] });
    door.steer("POST", "events/gaps", gap).await;
    let kinds = |events: &Value| -> Vec<String> {
        let events = events["events"].as_array().unwrap().iter();
        let kind = |event: &Value| event["detail"]["payload"]["ChangeEventHeader"]["changeType"].clone();
        events.map(|event| kind(event).as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&door.look("events").await), ["GAP_CREATE", "GAP_CREATE", "GAP_UPDATE"]);
    assert_eq!(kinds(&door.look("events?since=1").await), ["GAP_UPDATE"]);
    let mut first = door.look("outbound").await[0].clone();
    (first["status"], first["body"]) = (json!(200), json!("<Ack>true</Ack>"));
    let answered = door.control("POST", "outbound/answers", first.clone()).await.json();
    assert_eq!(answered, json!({ "acknowledged": true }));
    assert_eq!(door.look("outbound").await, json!([]));
    door.steer("POST", "outbound/mischief", json!({ "shuffle": true, "resend": 1 })).await;
    assert_eq!(door.look("outbound").await[0]["notifications"], first["notifications"]);
}

#[tokio::test]
async fn faults_come_and_go_and_what_was_counted_is_forgotten() {
    let door = Door::new();
    let faults = json!([{ "path": "/limits", "kind": "empty" }, { "path": "/limits", "kind": { "delay": 1 } },
        { "path": "/limits", "kind": "reset", "times": null, "probability": 0.0 },
        { "method": "POST", "path": "^/services/data", "kind": "reset", "times": null }]);
    let ids = door.control("POST", "faults", faults).await.json()["ids"].clone();
    assert_eq!(ids, json!([1, 2, 3, 4]));
    let empty = door.call("GET", "/limits", None).await;
    assert_eq!((empty.status, empty.text.as_str(), empty.header("content-type")), (200, "", ""));
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
    assert!(door.call("POST", "/sobjects/Account", Some(json!({ "Name": "A" }))).await.lost);
    let met: Vec<Value> =
        door.look("faults").await.as_array().unwrap().iter().map(|fault| fault["hits"].clone()).collect();
    assert_eq!(met, [1, 1, 0, 1]);
    door.steer("DELETE", "faults/4", Value::Null).await;
    assert_eq!(door.call("POST", "/sobjects/Account", Some(json!({ "Name": "A" }))).await.status, 201);
    door.steer("DELETE", "faults", Value::Null).await;
    assert_eq!(door.look("faults").await, json!([]));
    let counted = door.look("counters").await;
    let organization = door.org().organization_id();
    assert_eq!(counted["routes"]["POST /sobjects/Account"], 2);
    assert_eq!(counted["accounts"][organization.as_str()]["GET /limits"], 2);
    assert_eq!(counted["statuses"], json!({ "0": 1, "200": 2, "201": 1 }));
    door.steer("DELETE", "counters", Value::Null).await;
    assert_eq!(door.look("counters").await["total"], 0);
    assert_eq!(door.look("about").await, json!({ "name": "Stand-in Salesforce" }));
    let kinds = door.look("kinds").await;
    let accounts = kinds.as_array().unwrap().iter().find(|kind| kind["kind"] == "Account").unwrap();
    assert_eq!(*accounts, json!({ "account": accounts["account"], "kind": "Account", "count": 1 }));
    let path = "browse?account=&kind=Account&most=5&text=A";
    assert_eq!(door.look(path).await[0]["Name"], "A");
}
