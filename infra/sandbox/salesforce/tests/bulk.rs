//! Bulk API 2.0: jobs from their opening to their results.

use axum::body::Body;
use serde_json::{Value, json};

use super::{Door, Reply};
use crate::salesforce::Refusal;

async fn job(door: &Door, kind: &str, fields: Value) -> Value {
    let reply = door.call("POST", &format!("/jobs/{kind}"), Some(fields)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn upload(door: &Door, id: &str, csv: &str) -> Reply {
    let path = format!("/jobs/ingest/{id}/batches");
    let kind = ("content-type", "text/csv; charset=UTF-8");
    door.send(door.request("PUT", &path, Body::from(csv.to_owned()), &[kind])).await
}

/// Opens, fills and closes a job, waits for its end, and gives its last word and its results.
async fn ingest(door: &Door, fields: Value, csv: &str) -> (Value, [String; 3]) {
    let id = job(door, "ingest", fields).await["id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/ingest/{id}");
    assert_eq!(upload(door, &id, csv).await.status, 201);
    let closed = door.call("PATCH", &path, Some(json!({ "state": "UploadComplete" }))).await;
    assert_eq!((closed.status, closed.json()["state"].clone()), (200, json!("UploadComplete")));
    door.sandbox.clock.advance_seconds(1);
    let ended = door.call("GET", &path, None).await.json();
    let mut results = Vec::new();
    for which in ["successfulResults", "failedResults", "unprocessedrecords"] {
        let reply = door.call("GET", &format!("{path}/{which}/"), None).await;
        assert_eq!(reply.header("content-type"), "text/csv");
        results.push(reply.text);
    }
    (ended, results.try_into().unwrap())
}

#[tokio::test]
async fn rows_are_written_when_the_jobs_time_has_come_and_each_has_its_result() {
    let door = Door::new();
    door.org().refuse(Refusal::named("trigger", None).unwrap());
    let fields =
        json!({ "object": "Contact", "operation": "insert", "contentType": "CSV", "lineEnding": "LF" });
    let opened = job(&door, "ingest", fields.clone()).await;
    let id = opened["id"].as_str().unwrap();
    let expected = format!("services/data/v67.0/jobs/ingest/{id}/batches");
    assert_eq!((&opened["state"], &opened["contentUrl"]), (&json!("Open"), &json!(expected)));
    assert_eq!(opened["apiVersion"].to_string(), "67.0");
    let csv = "LastName,Email,Phone\nChen,c@x.com,\n,d@x.com,1\n\"Ng, jr\",,#N/A\n";
    let (ended, [done, failed, left]) = ingest(&door, fields, csv).await;
    assert_eq!(
        (&ended["state"], &ended["numberRecordsProcessed"], &ended["numberRecordsFailed"]),
        (&json!("JobComplete"), &json!(3), &json!(2))
    );
    let made =
        door.org().find("Contact", "LastName = 'Ng, jr'").unwrap()[0]["Id"].as_str().unwrap().to_owned();
    assert_eq!(
        done,
        format!(
            "\"sf__Id\",\"sf__Created\",\"LastName\",\"Email\",\"Phone\"\n\"{made}\",\"true\",\"Ng, jr\",\"\",\"#N/A\"\n"
        )
    );
    let required = "\"REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --\",\"\",\"d@x.com\",\"1\"\n";
    assert!(
        failed.ends_with(required) && failed.contains("\"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:"),
        "{failed}"
    );
    assert_eq!(left, "\"LastName\",\"Email\",\"Phone\"\n");
}

#[tokio::test]
async fn nothing_is_seen_of_a_job_before_its_time() {
    let door = Door::new();
    let opened = job(&door, "ingest", json!({ "object": "Account", "operation": "insert" })).await;
    let path = format!("/jobs/ingest/{}", opened["id"].as_str().unwrap());
    upload(&door, opened["id"].as_str().unwrap(), "Name\nAcme\n").await;
    let twice = upload(&door, opened["id"].as_str().unwrap(), "Name\nAcme\n").await;
    assert!(
        twice.status == 400
            && twice.json()[0]["message"].as_str().unwrap().starts_with("Found multiple contents")
    );
    door.org().configure(|options| options.bulk_seconds = 60);
    door.call("PATCH", &path, Some(json!({ "state": "UploadComplete" }))).await;
    door.sandbox.clock.advance_seconds(59);
    assert_eq!(door.call("GET", &path, None).await.json()["state"], "InProgress");
    assert_eq!(door.call("DELETE", &path, None).await.code(), "INVALIDJOBSTATE");
    assert_eq!(door.org().records("Account").len(), 0);
    door.sandbox.clock.advance_seconds(1);
    assert_eq!(door.org().records("Account").len(), 1);
    assert_eq!(
        door.call("PATCH", &path, Some(json!({ "state": "Aborted" }))).await.code(),
        "INVALIDJOBSTATE"
    );
    assert_eq!(door.call("GET", "/jobs/ingest", None).await.json()["records"].as_array().unwrap().len(), 1);
    assert_eq!(door.call("DELETE", &path, None).await.status, 204);
    assert_eq!(door.call("GET", &path, None).await.status, 404);
}

#[tokio::test]
async fn upsert_update_and_delete_go_by_key_and_parents_by_theirs() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(20) external unique").unwrap();
    let acme = door.org().insert("Account", json!({ "Name": "Acme", "Ext__c": "A1", "Phone": "1" }));
    let upsert = json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "Ext__c" });
    let (_, [done, ..]) = ingest(&door, upsert, "Ext__c,Name,Phone\na1,Acme 2,#N/A\nB1,Boxwood,\n").await;
    assert!(done.contains(&format!("\"{acme}\",\"false\"")) && done.contains("\"true\",\"B1\""), "{done}");
    let kept = door.org().get("Account", &acme).unwrap();
    assert_eq!((&kept["Name"], &kept["Phone"]), (&json!("Acme 2"), &json!(null)));
    door.org().add_field("Account", "Num__c: double(5,0) external").unwrap();
    for _ in 0..2 {
        let by_number =
            json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "Num__c" });
        ingest(&door, by_number, "Num__c,Name\n7,Seven\n").await;
    }
    assert_eq!(door.org().find("Account", "Num__c = 7").unwrap().len(), 1);
    let insert = json!({ "object": "Contact", "operation": "insert" });
    ingest(&door, insert, "LastName,Account.Ext__c\nChen,A1\n").await;
    assert_eq!(door.org().records("Contact")[0]["AccountId"], acme);
    let delete = json!({ "object": "Account", "operation": "delete" });
    let (_, [_, failed, _]) = ingest(&door, delete, "Id\n001000000000000AAA\n").await;
    assert!(
        failed.contains(
            "\"001000000000000AAA\",\"INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --\""
        ),
        "{failed}"
    );
}

#[tokio::test]
async fn a_hard_deletion_leaves_nothing_in_the_recycle_bin() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "Acme" }));
    let contact = door.org().insert("Contact", json!({ "LastName": "Chen", "AccountId": id }));
    let csv = format!("Id\n{id}\n");
    ingest(&door, json!({ "object": "Account", "operation": "hardDelete" }), &csv).await;
    assert!(door.org().get("Account", &id).is_none() && door.org().get("Contact", &contact).is_none());
    assert_eq!(door.org().undelete("Account", &id).unwrap_err().code, "UNDELETE_FAILED");
}

#[tokio::test]
async fn a_job_that_cant_be_read_fails_as_a_whole() {
    let door = Door::new();
    let insert = json!({ "object": "Account", "operation": "insert" });
    let (ended, [_, _, left]) = ingest(&door, insert.clone(), "Name,Nope\nAcme,1\n").await;
    assert_eq!(
        (&ended["state"], &ended["errorMessage"]),
        (&json!("Failed"), &json!("InvalidBatch : Field name not found : Nope"))
    );
    assert_eq!(left, "\"Name\",\"Nope\"\n\"Acme\",\"1\"\n");
    let (ended, _) = ingest(&door, insert, "Name\r\nAcme\r\n").await;
    assert!(ended["errorMessage"].as_str().unwrap().starts_with("ClientInputError : LineEnding is invalid"));
    for (fields, code) in [
        (json!({ "object": "Nothing", "operation": "insert" }), "INVALIDENTITY"),
        (json!({ "object": "Account", "operation": "merge" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "upsert" }), "INVALIDJOB"),
        (json!({ "object": "Account", "operation": "upsert", "externalIdFieldName": "Phone" }), "INVALIDJOB"),
    ] {
        let refused = door.call("POST", "/jobs/ingest", Some(fields)).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code));
    }
}

#[tokio::test]
async fn a_query_gives_its_rows_in_parts() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "A \"quoted\"" }));
    for name in ["One", "Two", "Three"] {
        door.org()
            .insert("Contact", json!({ "LastName": name, "AccountId": (name != "Two").then_some(&account) }));
    }
    let query = "SELECT LastName, Account.Name, CreatedDate FROM Contact ORDER BY LastName";
    let made = job(&door, "query", json!({ "operation": "query", "query": query })).await;
    let path = format!("/jobs/query/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["object"], &made["state"]), (&json!("Contact"), &json!("UploadComplete")));
    assert_eq!(door.call("GET", &format!("{path}/results"), None).await.code(), "INVALIDJOBSTATE");
    door.sandbox.clock.advance_seconds(1);
    assert_eq!(door.call("GET", &path, None).await.json()["numberRecordsProcessed"], 3);
    let first = door.call("GET", &format!("{path}/results?maxRecords=2"), None).await;
    assert_eq!(
        first.text,
        "\"LastName\",\"Account.Name\",\"CreatedDate\"\n\"One\",\"A \"\"quoted\"\"\",\"2026-11-22T10:00:00.000Z\"\n\
         \"Three\",\"A \"\"quoted\"\"\",\"2026-11-22T10:00:00.000Z\"\n"
    );
    assert_eq!(first.header("sforce-numberofrecords"), "2");
    let next = format!("{path}/results?maxRecords=2&locator={}", first.header("sforce-locator"));
    let second = door.call("GET", &next, None).await;
    assert!(second.text.ends_with("\"Two\",\"\",\"2026-11-22T10:00:00.000Z\"\n"));
    assert_eq!((second.header("sforce-locator"), second.header("sforce-numberofrecords")), ("null", "1"));
    let left = door.call("GET", "/limits", None).await.json();
    assert_eq!(left["DailyBulkV2QueryJobs"]["Remaining"], 9_999);
    for (query, code) in [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT COUNT() FROM Account", "INVALIDJOB"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "INVALIDJOB"),
        ("SELECT Id, BillingAddress FROM Account", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Id, Account.BillingAddress FROM Contact", "FUNCTIONALITY_NOT_ENABLED"),
    ] {
        let refused =
            door.call("POST", "/jobs/query", Some(json!({ "operation": "query", "query": query }))).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code));
    }
}

#[tokio::test]
async fn an_upload_has_at_most_a_hundred_megabytes() {
    let door = Door::new();
    let insert = json!({ "object": "Account", "operation": "insert" });
    let made = job(&door, "ingest", insert).await;
    let path = format!("/jobs/ingest/{}/batches", made["id"].as_str().unwrap());
    let send = async |size: usize| {
        let body = axum::body::Body::from(vec![b'a'; size]);
        door.send(door.request("PUT", &path, body, &[("content-type", "text/csv")])).await.status
    };
    assert_eq!((send((100 << 20) + 1).await, send(65 << 20).await), (413, 201));
}
