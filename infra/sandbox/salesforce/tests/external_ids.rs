//! Records named by a key of the caller's: upserts, lookups, parents; keys that are numbers; keys that several have.

use axum::body::Body;
use serde_json::{Value, json};

use super::Door;

#[tokio::test]
async fn an_upsert_creates_then_updates_and_writes_nothing_where_several_match() {
    let door = Door::new();
    door.org().add_field("Account", "Xero_Contact_Id__c: string(50) external").unwrap();
    let path = "/sobjects/Account/Xero_Contact_Id__c/a%2Fb%40c";
    let made = door.call("PATCH", path, Some(json!({ "Name": "Acme" }))).await;
    let id = made.json()["id"].clone();
    assert_eq!(
        (made.status, made.json()),
        (201, json!({ "id": id, "success": true, "errors": [], "created": true }))
    );
    assert!(made.header("location").ends_with(id.as_str().unwrap()));
    let again = door.call("PATCH", path, Some(json!({ "Name": "Acme 2" }))).await;
    assert_eq!((again.status, again.json()["created"].clone()), (200, json!(false)));
    let read = door.call("GET", path, None).await.json();
    assert_eq!((&read["Name"], &read["Xero_Contact_Id__c"]), (&json!("Acme 2"), &json!("a/b@c")));
    let twin = door.org().insert("Account", json!({ "Name": "Twin", "Xero_Contact_Id__c": "A/B@C" }));
    let several = door.call("PATCH", path, Some(json!({ "Name": "Acme 3" }))).await;
    assert_eq!(several.status, 300);
    let urls = several.json();
    assert!(
        urls.as_array()
            .unwrap()
            .iter()
            .any(|url| *url == json!(format!("/services/data/v67.0/sobjects/Account/{twin}")))
    );
    assert!(door.org().records("Account").iter().all(|account| account["Name"] != "Acme 3"));
    let repeated = door.call("PATCH", path, Some(json!({ "Xero_Contact_Id__c": "a/b@c" }))).await;
    assert_eq!(repeated.code(), "INVALID_FIELD");
    let unknown = door.call("PATCH", "/sobjects/Account/Name/x", Some(json!({}))).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "NOT_FOUND"));
    let only = door
        .call(
            "PATCH",
            "/sobjects/Account/Xero_Contact_Id__c/new?updateOnly=true",
            Some(json!({ "Name": "N" })),
        )
        .await;
    assert_eq!(only.status, 404);
}

#[tokio::test]
async fn a_parent_may_be_named_by_its_external_id() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(50) external unique").unwrap();
    let account = door.org().insert("Account", json!({ "Name": "Acme", "Ext__c": "A-1" }));
    let body = json!({ "LastName": "Chen", "Account": { "Ext__c": "a-1" } });
    let made = door.call("POST", "/sobjects/Contact", Some(body)).await.json();
    let contact = door.org().get("Contact", made["id"].as_str().unwrap()).unwrap();
    assert_eq!(contact["AccountId"], account);
    let twin = door.call("POST", "/sobjects/Account", Some(json!({ "Name": "B", "Ext__c": "A-1" }))).await;
    assert_eq!(twin.code(), "DUPLICATE_VALUE");
    let body = json!({ "LastName": "Chen", "Account": { "Ext__c": "zz" } });
    let lost = door.call("POST", "/sobjects/Contact", Some(body)).await;
    assert_eq!(
        lost.json()[0]["message"],
        "Foreign key external ID: zz not found for field Ext__c in entity Account"
    );
    let bare = json!({ "Subject": "x", "What": { "Ext__c": "A-1" } });
    assert_eq!(door.call("POST", "/sobjects/Task", Some(bare)).await.code(), "JSON_PARSER_ERROR");
}

#[tokio::test]
async fn what_several_records_match_is_deleted_by_nobody() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(20) external").unwrap();
    let [one, two] =
        ["One", "Two"].map(|name| door.org().insert("Account", json!({ "Name": name, "Ext__c": "A-1" })));
    let path = "/sobjects/Account/Ext__c/A-1";
    let several = door.call("DELETE", path, None).await;
    let mut urls: Vec<String> = serde_json::from_value(several.json()).unwrap();
    urls.sort();
    let url = |id: &str| format!("/services/data/v67.0/sobjects/Account/{id}");
    assert_eq!((several.status, urls), (300, vec![url(&one), url(&two)]));
    assert_eq!(door.org().records("Account").len(), 2);
    door.org().delete("Account", &one).unwrap();
    assert_eq!(door.call("DELETE", path, None).await.status, 204);
    let none = door.call("DELETE", path, None).await;
    assert_eq!((none.status, none.code().as_str()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_key_that_is_a_number_is_the_same_however_it_is_written() {
    let door = Door::new();
    door.org().add_field("Account", "Num__c: double(5,2) external unique").unwrap();
    let upsert = async |key: &str| {
        let path = format!("/sobjects/Account/Num__c/{key}");
        door.call("PATCH", &path, Some(json!({ "Name": "Acme" }))).await.status
    };
    assert_eq!([upsert("7").await, upsert("7").await, upsert("7.0").await], [201, 200, 200]);
    assert_eq!([upsert("1.5").await, upsert("1.50").await], [201, 200]);
    let read = door.call("GET", "/sobjects/Account/Num__c/7", None).await;
    assert_eq!((read.status, read.json()["Num__c"].to_string().as_str()), (200, "7.0"));
    assert_eq!(door.call("GET", "/sobjects/Account/Num__c/seven", None).await.status, 404);
    assert_eq!(upsert("seven").await, 400);
    let account = read.json()["Id"].clone();
    for key in [json!(7), json!("7.00")] {
        let body = json!({ "LastName": "Chen", "Account": { "Num__c": key } });
        let made = door.call("POST", "/sobjects/Contact", Some(body)).await.json();
        let contact = door.org().get("Contact", made["id"].as_str().unwrap()).unwrap();
        assert_eq!(contact["AccountId"], account, "{key}");
    }
    let record = |key: Value| json!({ "attributes": { "type": "Account" }, "Name": "B", "Num__c": key });
    let many = async |keys: [Value; 2]| {
        let body = json!({ "records": keys.map(record) });
        door.call("PATCH", "/composite/sobjects/Account/Num__c", Some(body)).await.json()
    };
    let results = many([json!(7), json!(8)]).await;
    assert_eq!((&results[0]["created"], &results[1]["created"]), (&json!(false), &json!(true)));
    let twice = many([json!(8), json!("8.0")]).await;
    assert_eq!(twice[0]["errors"][0]["statusCode"], "DUPLICATE_EXTERNAL_ID");
    let twin = door.call("POST", "/sobjects/Account", Some(json!({ "Name": "C", "Num__c": 8 }))).await;
    assert_eq!(twin.code(), "DUPLICATE_VALUE");
    assert_eq!(door.call("DELETE", "/sobjects/Account/Num__c/8", None).await.status, 204);
    assert_eq!(door.org().records("Account").len(), 2);
}

#[tokio::test]
async fn older_versions_tell_nothing_of_an_update_and_have_no_upsert_of_many() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(20) external unique").unwrap();
    let ask = async |method: &str, path: &str, body: Value| {
        let mut request = door.request(method, "", Body::from(body.to_string()), &[]);
        *request.uri_mut() = format!("http://acme.example/services/data/{path}").parse().unwrap();
        let reply = door.send(request).await;
        (reply.status, reply.text.is_empty())
    };
    let name = json!({ "Name": "Acme" });
    let by_key = |version: u32| format!("v{version}.0/sobjects/Account/Ext__c/A1");
    assert_eq!(ask("PATCH", &by_key(45), name.clone()).await, (201, false));
    assert_eq!(ask("PATCH", &by_key(45), name.clone()).await, (204, true));
    assert_eq!(ask("PATCH", &by_key(46), name.clone()).await, (200, false));
    let many = json!({ "records": [{ "attributes": { "type": "Account" }, "Ext__c": "A1", "Name": "B" }] });
    let of_many = |version: u32| format!("v{version}.0/composite/sobjects/Account/Ext__c");
    assert_eq!(ask("PATCH", &of_many(45), many.clone()).await.0, 404);
    assert_eq!(ask("PATCH", &of_many(46), many).await.0, 200);
    assert_eq!(ask("POST", "v36.0/sobjects/Account/Id", name.clone()).await.0, 405);
    assert_eq!(ask("POST", "v37.0/sobjects/Account/Id", name.clone()).await.0, 201);
    let inner = |version: u32| {
        json!({ "compositeRequest": [{ "method": "PATCH", "referenceId": "a",
        "url": format!("/services/data/{}", by_key(version)), "body": name }] })
    };
    let reply = door.call("POST", "/composite", Some(inner(45))).await.json();
    assert_eq!(reply["compositeResponse"][0]["httpStatusCode"], 204);
}
