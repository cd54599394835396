//! What goes on in another run beside the records: jobs, events, messages, e-mails, rules, flows and reports.

use serde_json::json;

use super::Door;
use crate::salesforce::{Flow, Report};

#[tokio::test]
async fn what_an_org_had_under_way_goes_on_where_it_was_kept() {
    let one = Door::new();
    let org = one.org();
    let flow = json!({ "name": "Tag", "inputs": [], "writes": [] });
    org.add_flow(serde_json::from_value::<Flow>(flow).unwrap());
    let report = json!({ "name": "All", "object": "Account", "columns": ["Name"] });
    let report = org.add_report(serde_json::from_value::<Report>(report).unwrap());
    org.capture_changes(&["Account"]);
    org.refuse_where("Account", "Phone = 'no'", "Never").unwrap();
    let rule = json!({ "object": "Lead", "fields": { "Email": "Email" } });
    assert_eq!(one.control("POST", "duplicate-rules", rule).await.status, 204);
    org.notify_of("Account", Some("Name LIKE 'A%'"), &["Name"]).unwrap();
    org.insert("Account", json!({ "Name": "Acme" }));
    let sent = org.outbound_due();
    let email =
        json!({ "inputs": [{ "recipientAddresses": "a@x.com", "emailSubject": "x", "emailBody": "y" }] });
    assert_eq!(one.call("POST", "/actions/standard/emailSimple", Some(email)).await.status, 200);
    let wanted = json!({ "object": "Account", "operation": "insert" });
    let job = one.call("POST", "/jobs/ingest", Some(wanted)).await.json();
    let job = format!("/jobs/ingest/{}", job["id"].as_str().unwrap());
    let csv = ("content-type", "text/csv");
    one.send(one.request("PUT", &format!("{job}/batches"), "Name\nBulky\n".into(), &[csv])).await;
    one.call("PATCH", &job, Some(json!({ "state": "UploadComplete" }))).await;

    let mut two = Door::new();
    two.sandbox.restore(&one.sandbox.keep().unwrap()).unwrap();
    two.token.clone_from(&one.token);
    two.sandbox.clock.advance_seconds(1);
    let ended = two.call("GET", &job, None).await.json();
    assert_eq!(ended["state"], "JobComplete", "{ended}");
    assert_eq!(two.org().find("Account", "Name = 'Bulky'").unwrap().len(), 1);
    assert_eq!(two.org().emails(), org.emails());
    let events = two.org().change_events(0);
    let replays: Vec<_> =
        events.iter().map(|event| event["detail"]["event"]["replayId"].to_string()).collect();
    assert_eq!((&events[..1], replays), (&org.change_events(0)[..], vec!["1".to_owned(), "2".into()]));
    two.sandbox.clock.advance_seconds(15);
    two.org().insert("Account", json!({ "Name": "Boxwood" }));
    two.org().insert("Account", json!({ "Name": "Alder" }));
    let again = two.org().outbound_due();
    assert_eq!((again.len(), again[0].notifications.len()), (1, 2), "of Acme once more, and of Alder");
    assert_eq!(again[0].notifications[0], sent[0].notifications[0]);
    let refused = two.org().try_insert("Account", json!({ "Name": "C", "Phone": "no" }));
    assert_eq!(refused.unwrap_err().message, "Never");
    let lead = json!({ "LastName": "Chen", "Company": "Ivy", "Email": "c@x.com" });
    two.org().insert("Lead", lead.clone());
    assert_eq!(two.org().try_insert("Lead", lead).unwrap_err().code, "DUPLICATES_DETECTED");
    assert_eq!(two.call("GET", "/actions/custom/flow/Tag", None).await.status, 200);
    assert_eq!(two.call("GET", &format!("/analytics/reports/{report}"), None).await.status, 200);
}
