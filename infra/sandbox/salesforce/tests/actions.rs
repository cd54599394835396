//! E-mails, flows, posts, reports: what isn't a record but makes or shows some.

use serde_json::{Value, json};

use super::{Door, Reply};
use crate::salesforce::{Flow, Report};

async fn email(door: &Door, version: u32, input: Value) -> Reply {
    let body = json!({ "inputs": [input] }).to_string();
    let mut request = door.request("POST", "/actions/standard/emailSimple", body.into(), &[]);
    *request.uri_mut() =
        format!("http://acme.example/services/data/v{version}.0/actions/standard/emailSimple")
            .parse()
            .unwrap();
    door.send(request).await
}

fn with(field: &str, value: Value) -> Value {
    let mut input = json!({ "emailSubject": "Hello", "emailBody": "There" });
    input[field] = value;
    input
}

#[tokio::test]
async fn an_email_is_kept_and_its_addresses_are_named_as_the_version_does() {
    let door = Door::new();
    let sent = email(&door, 64, with("emailAddresses", json!("a@x.com, b@x.com"))).await;
    let expected =
        json!([{ "actionName": "emailSimple", "errors": null, "isSuccess": true, "outputValues": null }]);
    assert_eq!((sent.status, sent.json()), (200, expected.clone()));
    let newer = email(&door, 65, with("recipientAddresses", json!("c@x.com"))).await;
    assert_eq!((newer.status, newer.json()), (200, expected));
    let kept = door.org().emails();
    assert_eq!(
        (kept[0].to.as_slice(), kept[1].to.as_slice()),
        (&["a@x.com".to_owned(), "b@x.com".into()][..], &["c@x.com".to_owned()][..])
    );
    assert_eq!((kept[0].from.as_str(), kept[0].subject.as_str()), ("integration@sandbox.example", "Hello"));
    let limits = door.call("GET", "/limits", None).await.json();
    assert_eq!(
        (&limits["DailyWorkflowEmails"]["Remaining"], &limits["SingleEmail"]["Remaining"]),
        (&json!(387), &json!(15))
    );
    let about = door.call("GET", "/actions/standard/emailSimple", None).await.json();
    assert_eq!(about["inputs"][0]["name"], "recipientAddresses");
}

#[tokio::test]
async fn an_email_that_cant_go_says_why_in_the_result() {
    let door = Door::new();
    for (version, input, code) in [
        (65, with("emailAddresses", json!("a@x.com")), "INVALID_API_INPUT"),
        (64, with("recipientAddresses", json!("a@x.com")), "INVALID_API_INPUT"),
        (64, json!({ "emailAddresses": "a@x.com", "emailBody": "x" }), "REQUIRED_FIELD_MISSING"),
        (64, with("emailBody", json!("x")), "REQUIRED_FIELD_MISSING"),
        (64, with("emailAddresses", json!("nobody")), "INVALID_EMAIL_ADDRESS"),
        (
            64,
            with("emailAddresses", json!("a@x.com,b@x.com,c@x.com,d@x.com,e@x.com,f@x.com")),
            "LIMIT_EXCEEDED",
        ),
    ] {
        let reply = email(&door, version, input.clone()).await;
        let result = reply.json()[0].clone();
        assert_eq!(
            (reply.status, &result["isSuccess"], &result["outputValues"]),
            (400, &json!(false), &json!(null))
        );
        assert_eq!(result["errors"][0]["statusCode"], code, "{input}");
    }
    assert_eq!(door.org().emails().len(), 0);
}

#[tokio::test]
async fn a_logged_email_is_a_task_and_counts_against_the_smaller_limit() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let contact = door.org().insert("Contact", json!({ "LastName": "Chen", "Email": "c@x.com" }));
    door.org().configure(|options| {
        options.allowances.insert("SingleEmail".into(), 1);
    });
    let mut input = with("recipientId", json!(contact));
    (input["relatedRecordId"], input["logEmailOnSend"]) = (json!(account), json!(true));
    assert_eq!(email(&door, 67, input.clone()).await.status, 200);
    let task = door.org().records("Task")[0].clone();
    assert_eq!(
        (&task["Subject"], &task["WhatId"], &task["WhoId"]),
        (&json!("Email: Hello"), &json!(account), &json!(contact))
    );
    assert_eq!(door.org().emails()[0].to, ["c@x.com"]);
    let over = email(&door, 67, input).await.json();
    assert_eq!(over[0]["errors"][0]["statusCode"], "SINGLE_EMAIL_LIMIT_EXCEEDED");
    door.sandbox.clock.advance_seconds(24 * 3600);
}

#[tokio::test]
async fn an_org_wide_address_must_be_known() {
    let door = Door::new();
    let mut input = with("recipientAddresses", json!("a@x.com"));
    (input["senderType"], input["senderAddress"]) =
        (json!("OrgWideEmailAddress"), json!("billing@acme.example"));
    assert_eq!(email(&door, 67, input.clone()).await.status, 400);
    door.org().insert(
        "OrgWideEmailAddress",
        json!({ "Address": "billing@acme.example", "DisplayName": "Billing" }),
    );
    assert_eq!(email(&door, 67, input).await.status, 200);
    assert_eq!(door.org().emails()[0].from, "billing@acme.example");
}

fn onboarding() -> Flow {
    serde_json::from_value(json!({
        "name": "Onboard_Customer", "label": "Onboard customer",
        "inputs": [{ "name": "account", "type": "STRING", "required": true }, { "name": "note", "type": "STRING" }],
        "writes": [
            { "object": "Task", "fields": { "Subject": "Welcome {note}", "WhatId": "{account}" }, "output": "task" },
            { "object": "Account", "id": "{account}", "fields": { "Phone": "{note}" } },
        ],
    }))
    .unwrap()
}

#[tokio::test]
async fn a_flow_writes_what_it_is_made_of_or_nothing() {
    let door = Door::new();
    door.org().add_flow(onboarding());
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let run = async |inputs: Value| {
        door.call("POST", "/actions/custom/flow/Onboard_Customer", Some(json!({ "inputs": inputs }))).await
    };
    let done = run(json!([{ "account": account, "note": "Ada" }])).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let outputs = &done.json()[0]["outputValues"];
    assert_eq!(outputs["Flow__InterviewStatus"], "Finished");
    let task = door.org().get("Task", outputs["task"].as_str().unwrap()).unwrap();
    assert_eq!((&task["Subject"], &task["WhatId"]), (&json!("Welcome Ada"), &json!(account)));
    assert_eq!(door.org().get("Account", &account).unwrap()["Phone"], "Ada");
    let bare = run(json!([{ "account": account }])).await.json();
    let task = door.org().get("Task", bare[0]["outputValues"]["task"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&task["Subject"], &door.org().get("Account", &account).unwrap()["Phone"]),
        (&json!("Welcome"), &json!(null))
    );
    let missing = run(json!([{ "note": "x" }])).await;
    assert_eq!(
        (missing.status, &missing.json()[0]["errors"][0]["statusCode"]),
        (400, &json!("REQUIRED_FIELD_MISSING"))
    );
    door.org().refuse_where("Account", "Phone = 'no'", "Never").unwrap();
    let failed = run(json!([{ "account": account, "note": "no" }])).await;
    let error = failed.json()[0]["errors"][0].clone();
    assert_eq!(error["statusCode"], "UNKNOWN_EXCEPTION");
    assert!(
        error["message"].as_str().unwrap().starts_with("An unhandled fault has occurred in this flow<br>")
    );
    assert_eq!(door.org().records("Task").len(), 2);
    assert_eq!(
        door.call("POST", "/actions/custom/flow/Nothing", Some(json!({ "inputs": [] }))).await.status,
        404
    );
    let about = door.call("GET", "/actions/custom/flow/Onboard_Customer", None).await.json();
    assert_eq!((&about["inputs"][0]["required"], &about["type"]), (&json!(true), &json!("FLOW")));
    let list = door.call("GET", "/actions/custom/flow", None).await.json();
    assert_eq!(list["actions"][0]["name"], "Onboard_Customer");
}

#[tokio::test]
async fn a_post_mentions_people_and_is_a_feed_item_with_comments() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let segments =
        json!([{ "type": "Text", "text": "Paid, " }, { "type": "Mention", "id": door.org().person() }]);
    let body = json!({ "feedElementType": "FeedItem", "subjectId": account, "body": { "messageSegments": segments } });
    let made = door.call("POST", "/chatter/feed-elements", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let element = made.json();
    assert_eq!(
        (&element["body"]["text"], &element["parent"]["name"]),
        (&json!("Paid, @Sam Sales"), &json!("Acme"))
    );
    assert_eq!(element["actor"]["displayName"], "Integration User");
    let id = element["id"].as_str().unwrap();
    let kept = door.org().get("FeedItem", id).unwrap();
    assert_eq!((&kept["ParentId"], &kept["Body"]), (&json!(account), &json!("Paid, @Sam Sales")));
    let comment = json!({ "body": { "messageSegments": [{ "type": "Text", "text": "Thanks" }] } });
    let path = format!("/chatter/feed-elements/{id}/capabilities/comments/items");
    assert_eq!(door.call("POST", &path, Some(comment)).await.status, 201);
    door.org().insert("FeedItem", json!({ "ParentId": account, "Body": "By hand" }));
    let feed = door.call("GET", &format!("/chatter/feeds/record/{account}/feed-elements"), None).await.json();
    let elements = feed["elements"].as_array().unwrap();
    assert_eq!(elements.len(), 2);
    let page =
        &elements.iter().find(|element| element["id"] == id).unwrap()["capabilities"]["comments"]["page"];
    assert_eq!((&page["total"], &page["items"][0]["body"]["text"]), (&json!(1), &json!("Thanks")));
    for (body, code) in [
        (
            json!({ "feedElementType": "FeedItem", "subjectId": account, "body": { "messageSegments": [] } }),
            "POST_BODY_EMPTY",
        ),
        (
            json!({ "feedElementType": "FeedItem", "subjectId": "001000000000000AAA", "body": { "text": "x" } }),
            "INVALID_CROSS_REFERENCE_KEY",
        ),
    ] {
        assert_eq!(door.call("POST", "/chatter/feed-elements", Some(body)).await.code(), code);
    }
}

#[tokio::test]
async fn a_report_shows_the_rows_of_its_query_in_groups() {
    let door = Door::new();
    for (name, stage, amount) in [("A", "Prospecting", 5), ("B", "Closed Won", 7), ("C", "Prospecting", 9)] {
        let fields = json!({ "Name": name, "StageName": stage, "CloseDate": "2026-12-01", "Amount": amount });
        door.org().insert("Opportunity", fields);
    }
    let report: Report = serde_json::from_value(json!({ "name": "Pipeline", "object": "Opportunity",
        "columns": ["Name", "Amount", "StageName"], "where": "Amount > 5", "group_by": "StageName" }))
    .unwrap();
    let id = door.org().add_report(report);
    let list = door.call("GET", "/analytics/reports", None).await.json();
    assert_eq!((&list[0]["id"], &list[0]["name"]), (&json!(id), &json!("Pipeline")));
    let path = format!("/analytics/reports/{id}");
    let about = door.call("GET", &format!("{path}/describe"), None).await.json();
    assert_eq!(about["reportMetadata"]["detailColumns"], json!(["Name", "Amount", "StageName"]));
    assert_eq!(about["reportExtendedMetadata"]["detailColumnInfo"]["Amount"]["dataType"], "currency");
    let run = door.call("GET", &format!("{path}?includeDetails=true"), None).await.json();
    let labels: Vec<&Value> =
        run["groupingsDown"]["groupings"].as_array().unwrap().iter().map(|it| &it["label"]).collect();
    assert_eq!(labels, ["Prospecting", "Closed Won"], "in the order of the picklist");
    let cells = &run["factMap"]["1!T"]["rows"][0]["dataCells"];
    assert_eq!(
        (&cells[0], cells[1]["value"]["amount"].to_string()),
        (&json!({ "label": "B", "value": "B" }), "7.0".to_owned())
    );
    assert_eq!(
        (&run["factMap"]["T!T"]["aggregates"][0]["value"], &run["allData"]),
        (&json!(2), &json!(true))
    );
    let bare = door.call("GET", &format!("{path}?includeDetails=false"), None).await.json();
    assert!(bare["factMap"]["0!T"].get("rows").is_none());
    let found = door.query("SELECT Name, Format FROM Report").await.json();
    assert_eq!(found["records"][0]["Format"], "Summary");
    assert_eq!(door.call("GET", "/analytics/reports/00O000000000000AAA", None).await.status, 404);
}

#[tokio::test]
async fn what_was_looked_at_is_recent_unless_it_shouldnt_be() {
    let door = Door::new();
    let ids = ["A", "B", "C"].map(|name| door.org().insert("Account", json!({ "Name": name })));
    let path = |id: &String| format!("/sobjects/Account/{id}");
    door.call("GET", &path(&ids[0]), None).await;
    door.call("GET", &path(&ids[1]), None).await;
    door.call_with("GET", &path(&ids[2]), None, &[("sforce-mru", "updateMru=false")]).await;
    door.call("GET", &path(&ids[0]), None).await;
    let recent = door.call("GET", "/recent", None).await.json();
    let names: Vec<&Value> = recent.as_array().unwrap().iter().map(|item| &item["Name"]).collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(door.call("GET", "/recent?limit=1", None).await.json().as_array().unwrap().len(), 1);
    let basic = door.call("GET", "/sobjects/Account", None).await.json();
    assert_eq!(basic["recentItems"][0]["Id"], ids[0]);
}

#[tokio::test]
async fn a_record_leads_to_its_parent_and_its_children() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let contact = door.org().insert("Contact", json!({ "LastName": "Chen", "AccountId": account }));
    let parent =
        door.call("GET", &format!("/sobjects/Contact/{contact}/Account?fields=Name"), None).await.json();
    assert_eq!((&parent["Name"], parent.get("Phone")), (&json!("Acme"), None));
    let children = door.call("GET", &format!("/sobjects/Account/{account}/Contacts"), None).await.json();
    assert_eq!((&children["totalSize"], &children["records"][0]["LastName"]), (&json!(1), &json!("Chen")));
    let none = door.call("GET", &format!("/sobjects/Contact/{contact}/ReportsTo"), None).await;
    assert_eq!((none.status, none.code().as_str()), (404, "NOT_FOUND"));
}
