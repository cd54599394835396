//! Many records in one call, and several calls in one.

use serde_json::{Value, json};

use super::Door;

fn of(object: &str, mut fields: Value) -> Value {
    let mut record = json!({ "attributes": { "type": object } });
    record.as_object_mut().unwrap().append(fields.as_object_mut().unwrap());
    record
}

#[tokio::test]
async fn each_record_has_its_own_result_and_failures_have_a_status_code() {
    let door = Door::new();
    let records = [
        of("Account", json!({ "Name": "A" })),
        of("Contact", json!({})),
        of("Account", json!({ "Name": "B" })),
    ];
    let reply = door.call("POST", "/composite/sobjects", Some(json!({ "records": records }))).await;
    let results = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(results[0]["success"], true);
    let error = json!({ "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": ["LastName"] });
    assert_eq!(results[1], json!({ "success": false, "errors": [error] }));
    assert_eq!(door.org().records("Account").len(), 2);
    let ids: Vec<&str> = [0, 2].into_iter().map(|at| results[at]["id"].as_str().unwrap()).collect();
    let changes = [
        of("Account", json!({ "id": ids[0], "Phone": "1" })),
        of("Account", json!({ "Id": ids[1], "Phone": "2" })),
    ];
    let changed = door.call("PATCH", "/composite/sobjects", Some(json!({ "records": changes }))).await.json();
    assert_eq!(changed[1], json!({ "id": ids[1], "success": true, "errors": [] }));
    let read = door
        .call(
            "POST",
            "/composite/sobjects/Account",
            Some(json!({ "ids": [ids[1], "001000000000000AAA"], "fields": ["Phone"] })),
        )
        .await
        .json();
    assert_eq!((&read[0]["Phone"], &read[1]), (&json!("2"), &Value::Null));
    let path = format!("/composite/sobjects?ids={},{}&allOrNone=false", ids[0], "001000000000000AAA");
    let deleted = door.call("DELETE", &path, None).await.json();
    assert_eq!(
        (&deleted[0]["success"], &deleted[1]["errors"][0]["statusCode"]),
        (&json!(true), &json!("INVALID_CROSS_REFERENCE_KEY"))
    );
}

#[tokio::test]
async fn all_or_none_takes_back_what_was_written() {
    let door = Door::new();
    let records = [of("Account", json!({ "Name": "A" })), of("Contact", json!({}))];
    let body = json!({ "allOrNone": true, "records": records });
    let results = door.call("POST", "/composite/sobjects", Some(body)).await.json();
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn an_upsert_of_many_creates_updates_and_refuses_a_key_given_twice() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(50) external unique").unwrap();
    let known = door.org().insert("Account", json!({ "Name": "Old", "Ext__c": "1" }));
    let keys = ["1", "2", "3", "3"];
    let records: Vec<Value> =
        keys.iter().map(|key| of("Account", json!({ "Ext__c": key, "Name": format!("N{key}") }))).collect();
    let path = "/composite/sobjects/Account/Ext__c";
    let results = door.call("PATCH", path, Some(json!({ "records": records }))).await.json();
    assert_eq!(results[0], json!({ "id": known, "success": true, "errors": [], "created": false }));
    assert_eq!((&results[1]["success"], &results[1]["created"]), (&json!(true), &json!(true)));
    for at in [2, 3] {
        assert_eq!(
            (&results[at]["errors"][0]["statusCode"], &results[at]["created"]),
            (&json!("DUPLICATE_EXTERNAL_ID"), &json!(false))
        );
    }
    let many: Vec<Value> =
        (0..201).map(|key| of("Account", json!({ "Ext__c": key.to_string(), "Name": "N" }))).collect();
    assert_eq!(door.call("PATCH", path, Some(json!({ "records": many }))).await.status, 400);
}

#[tokio::test]
async fn a_record_inside_another_has_its_attributes_first_or_fails_alone() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(50) external unique").unwrap();
    door.org().add_field("Contact", "Ext__c: string(50) external unique").unwrap();
    let account = door.org().insert("Account", json!({ "Name": "Acme", "Ext__c": "1" }));
    let nested: Vec<Value> = [
        r#"{ "attributes": { "type": "Account" }, "Ext__c": "1" }"#,
        r#"{ "Ext__c": "1" }"#,
        r#"{ "Ext__c": "1", "attributes": { "type": "Account" } }"#,
    ]
    .iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    let contact = |place: usize| {
        of("Contact", json!({ "LastName": "Chen", "Ext__c": place.to_string(), "Account": nested[place] }))
    };
    let records = json!({ "records": [contact(0), contact(1), contact(2)] });
    for (method, path) in [("POST", "/composite/sobjects"), ("PATCH", "/composite/sobjects/Contact/Ext__c")] {
        let results = door.call(method, path, Some(records.clone())).await.json();
        assert_eq!(results[0]["success"], true, "{path}: {results}");
        let message = "Nested object for polymorphic foreign key must have an attributes field before any other fields.";
        let error = json!({ "statusCode": "JSON_PARSER_ERROR", "message": message, "fields": [] });
        for place in [1, 2] {
            assert_eq!(results[place]["errors"], json!([error]), "{path} {place}");
        }
    }
    let made = door.org().records("Contact");
    assert_eq!((made.len(), &made[0]["AccountId"]), (1, &json!(account)));
    let alone = json!({ "LastName": "Ng", "Account": { "Ext__c": "1" } });
    assert_eq!(door.call("POST", "/sobjects/Contact", Some(alone)).await.status, 201);
}

#[tokio::test]
async fn records_of_many_types_come_in_ten_chunks_at_most() {
    let door = Door::new();
    let mixed = |chunks: usize| -> Vec<Value> {
        (0..chunks * 2)
            .map(|place| match place / 2 % 2 {
                0 => of("Account", json!({ "Name": "A" })),
                _ => of("Contact", json!({ "LastName": "C" })),
            })
            .collect()
    };
    for method in ["POST", "PATCH"] {
        let call = async |chunks: usize| {
            door.call(method, "/composite/sobjects", Some(json!({ "records": mixed(chunks) }))).await
        };
        assert_eq!(call(10).await.status, 200, "{method}");
        let refused = call(11).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "LIMIT_EXCEEDED"), "{method}");
    }
    assert_eq!(door.org().records("Account").len(), 10);
}

#[tokio::test]
async fn a_composite_refers_to_what_came_before_and_can_be_taken_back_whole() {
    let door = Door::new();
    let base = "/services/data/v67.0";
    let requests = |contact: Value| {
        json!({ "allOrNone": true, "compositeRequest": [
        { "method": "POST", "url": format!("{base}/sobjects/Account"), "referenceId": "a", "body": { "Name": "Acme" } },
        { "method": "POST", "url": format!("{base}/sobjects/Contact"), "referenceId": "c", "body": contact },
        { "method": "GET", "url": format!("{base}/query?q=SELECT Account.Name FROM Contact WHERE AccountId = '@{{a.id}}'"), "referenceId": "q" },
    ] })
    };
    let bad = door.call("POST", "/composite", Some(requests(json!({ "AccountId": "@{a.id}" })))).await.json();
    assert_eq!(bad["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(bad["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(door.org().records("Account").len(), 0);
    let good = door
        .call("POST", "/composite", Some(requests(json!({ "AccountId": "@{a.id}", "LastName": "Chen" }))))
        .await
        .json();
    let found = &good["compositeResponse"][2];
    assert_eq!(
        (&found["httpStatusCode"], &found["body"]["records"][0]["Account"]["Name"]),
        (&json!(200), &json!("Acme"))
    );
    assert_eq!(door.call("GET", "/limits", None).await.header("sforce-limit-info"), "api-usage=3/15000");
}

#[tokio::test]
async fn a_tree_is_planted_whole_or_not_at_all() {
    let door = Door::new();
    let tree = |last: Value| {
        json!({ "records": [{ "attributes": { "type": "Account", "referenceId": "r1" }, "Name": "Acme",
        "Contacts": { "records": [{ "attributes": { "type": "Contact", "referenceId": "r2" }, "LastName": last }] } }] })
    };
    let bad = door.call("POST", "/composite/tree/Account", Some(tree(Value::Null))).await;
    assert_eq!((bad.status, &bad.json()["results"][0]["referenceId"]), (400, &json!("r2")));
    assert_eq!(door.org().records("Account").len(), 0);
    let good = door.call("POST", "/composite/tree/Account", Some(tree(json!("Chen")))).await;
    assert_eq!((good.status, good.json()["results"].as_array().unwrap().len()), (201, 2));
    assert_eq!(door.org().records("Contact")[0]["AccountId"], door.org().records("Account")[0]["Id"]);
}
