//! What an org's own rules make of a record: duplicates, record types, cut texts, conditions of the caller.

use serde_json::json;

use super::Door;
use crate::salesforce::DuplicateRule;

fn rule(object: &str, against: &str, allow_save: bool) -> DuplicateRule {
    DuplicateRule {
        name: format!("Standard_{object}_Duplicate_Rule"),
        object: object.into(),
        against: against.into(),
        fields: vec![("Email".into(), "Email".into()), ("LastName".into(), "LastName".into())],
        allow_save,
    }
}

const SAVE: (&str, &str) = ("sforce-duplicate-rule-header", "allowSave=true; runAsCurrentUser=true");

#[tokio::test]
async fn a_warning_rule_names_the_twin_and_is_passed_where_saving_is_allowed() {
    let door = Door::new();
    door.org().add_duplicate_rule(rule("Contact", "Contact", true));
    let twin = door.org().insert("Contact", json!({ "LastName": "Chen", "Email": "c@x.com" }));
    let body = Some(json!({ "LastName": "CHEN", "Email": "C@x.com" }));
    let refused = door.call("POST", "/sobjects/Contact", body.clone()).await;
    let message = "You're creating a duplicate record. We recommend you use an existing record instead.";
    let expected = json!([{ "duplicateResut": { "allowSave": true,
        "duplicateRule": "Standard_Contact_Duplicate_Rule", "duplicateRuleEntityType": "Contact",
        "errorMessage": message,
        "matchResults": [{ "entityType": "Contact", "errors": [], "matchEngine": "FuzzyMatchEngine",
            "matchRecords": [{ "additionalInformation": [], "fieldDiffs": [],
                "matchConfidence": serde_json::from_str::<serde_json::Value>("100.0").unwrap(),
                "record": { "attributes": { "type": "Contact",
                    "url": format!("/services/data/v67.0/sobjects/Contact/{twin}") }, "Id": twin } }],
            "rule": "Standard_Contact_Match_Rule_v1_1", "size": 1, "success": true }] },
        "message": message, "errorCode": "DUPLICATES_DETECTED" }]);
    assert_eq!((refused.status, refused.json()), (400, expected));
    let details = ("sforce-duplicate-rule-header", "includeRecordDetails=true");
    let detailed = door.call_with("POST", "/sobjects/Contact", body.clone(), &[details]).await.json();
    let record = &detailed[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"];
    assert_eq!(record["Email"], "c@x.com");
    door.org().configure(|options| options.duplicate_key_spelled_right = true);
    let spelled = door.call("POST", "/sobjects/Contact", body.clone()).await;
    assert!(spelled.json()[0]["duplicateResult"].is_object());
    let saved = door.call_with("POST", "/sobjects/Contact", body, &[SAVE]).await;
    assert_eq!(saved.status, 201);
    let path = format!("/sobjects/Contact/{}", saved.json()["id"].as_str().unwrap());
    assert_eq!(door.call("PATCH", &path, Some(json!({ "Phone": "1" }))).await.status, 204);
    let again = door.call("PATCH", &path, Some(json!({ "Email": "C@X.com" }))).await;
    assert_eq!(again.code(), "DUPLICATES_DETECTED");
    assert!(door.org().try_insert("Contact", json!({ "LastName": "Chen", "Email": "c@x.com" })).is_ok());
}

#[tokio::test]
async fn a_blocking_rule_is_passed_by_nobody_and_looks_at_leads_too() {
    let door = Door::new();
    door.org().add_duplicate_rule(rule("Contact", "Lead", false));
    let lead = json!({ "LastName": "Chen", "Company": "Ivy", "Email": "c@x.com" });
    let lead = door.org().insert("Lead", lead);
    let record = json!({ "attributes": { "type": "Contact" }, "LastName": "Chen", "Email": "c@x.com" });
    let body = json!({ "records": [record, { "attributes": { "type": "Contact" }, "LastName": "Ng" }] });
    let results = door.call_with("POST", "/composite/sobjects", Some(body), &[SAVE]).await.json();
    let error = &results[0]["errors"][0];
    assert_eq!((&error["statusCode"], &results[1]["success"]), (&json!("DUPLICATES_DETECTED"), &json!(true)));
    let matched = &error["duplicateResut"]["matchResults"][0];
    assert_eq!(
        (&matched["entityType"], &matched["matchRecords"][0]["record"]["Id"]),
        (&json!("Lead"), &json!(lead))
    );
    let person = door.org().try_insert("Contact", json!({ "LastName": "Chen", "Email": "c@x.com" }));
    assert_eq!(person.unwrap_err().code, "DUPLICATES_DETECTED");
}

#[tokio::test]
async fn an_object_has_record_types_once_it_is_given_one() {
    let door = Door::new();
    let field = json!({ "Name": "A", "RecordTypeId": null });
    assert_eq!(door.call("POST", "/sobjects/Account", Some(field)).await.code(), "INVALID_FIELD");
    let partner = door.org().add_record_type("Account", "Partner", "Partner account").unwrap();
    let customer = door.org().add_record_type("Account", "Customer", "Customer account").unwrap();
    let made = door.call("POST", "/sobjects/Account", Some(json!({ "Name": "A" }))).await.json();
    assert_eq!(door.org().get("Account", made["id"].as_str().unwrap()).unwrap()["RecordTypeId"], partner);
    let body = json!({ "Name": "B", "RecordTypeId": customer });
    assert_eq!(door.call("POST", "/sobjects/Account", Some(body)).await.status, 201);
    let found =
        door.query("SELECT Name FROM Account WHERE RecordType.DeveloperName = 'Customer'").await.json();
    assert_eq!(found["records"][0]["Name"], "B");
    let foreign = door.org().add_record_type("Case", "Bug", "Bug").unwrap();
    let refused =
        door.call("POST", "/sobjects/Account", Some(json!({ "Name": "C", "RecordTypeId": foreign }))).await;
    let expected = json!([{ "message": format!("Record Type ID: this ID value isn't valid for the user: {foreign}"),
        "errorCode": "INVALID_CROSS_REFERENCE_KEY", "fields": ["RecordTypeId"] }]);
    assert_eq!((refused.status, refused.json()), (400, expected));
    let infos = door.call("GET", "/sobjects/Account/describe", None).await.json()["recordTypeInfos"].clone();
    let names: Vec<&str> =
        infos.as_array().unwrap().iter().map(|it| it["developerName"].as_str().unwrap()).collect();
    assert_eq!(names, ["Partner", "Customer", "Master"]);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut_only_where_that_is_allowed() {
    let door = Door::new();
    let body = Some(json!({ "Name": "A", "AccountNumber": "9".repeat(41) }));
    let refused = door.call("POST", "/sobjects/Account", body.clone()).await;
    let message = format!("Account Number: data value too large: {} (max length=40)", "9".repeat(41));
    let expected =
        json!([{ "message": message, "errorCode": "STRING_TOO_LONG", "fields": ["AccountNumber"] }]);
    assert_eq!((refused.status, refused.json()), (400, expected));
    let cut = ("sforce-allow-field-truncation-header", "allowFieldTruncation=true");
    let made = door.call_with("POST", "/sobjects/Account", body, &[cut]).await.json();
    let account = door.org().get("Account", made["id"].as_str().unwrap()).unwrap();
    assert_eq!(account["AccountNumber"], "9".repeat(40));
}

#[tokio::test]
async fn an_account_has_a_tag_and_everything_has_a_date_to_condition_on() {
    let door = Door::new();
    let account = format!("/sobjects/Account/{}", door.org().insert("Account", json!({ "Name": "A" })));
    let contact = format!("/sobjects/Contact/{}", door.org().insert("Contact", json!({ "LastName": "B" })));
    let read = door.call("GET", &account, None).await;
    let (tag, date) = (read.header("etag").to_owned(), read.header("last-modified").to_owned());
    assert!(tag.starts_with('"') && door.call("GET", &contact, None).await.header("etag").is_empty());
    let phone = Some(json!({ "Phone": "1" }));
    let get = async |path: &str, name: &str, value: &str| {
        let reply = door.call_with("GET", path, None, &[(name, value)]).await;
        assert!(reply.status != 304 || reply.text.is_empty());
        reply.status
    };
    let patch = async |path: &str, name: &str, value: &str| {
        door.call_with("PATCH", path, phone.clone(), &[(name, value)]).await.status
    };
    assert_eq!(get(&account, "if-none-match", &tag).await, 304);
    assert_eq!(get(&account, "if-none-match", "\"other\"").await, 200);
    assert_eq!(get(&account, "if-match", "\"other\"").await, 412);
    assert_eq!(get(&contact, "if-modified-since", &date).await, 304);
    assert_eq!(get(&contact, "if-modified-since", "nonsense").await, 200);
    assert_eq!(get("/sobjects/Account/describe", "if-modified-since", &date).await, 304);
    assert_eq!(get("/sobjects", "if-modified-since", &date).await, 304);
    assert_eq!(patch(&account, "if-match", "\"other\"").await, 412);
    assert_eq!(patch(&account, "if-none-match", &tag).await, 412);
    assert_eq!(patch(&contact, "if-unmodified-since", "nonsense").await, 400);
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(patch(&account, "if-match", &tag).await, 204);
    assert_eq!(get(&account, "if-none-match", &tag).await, 200);
    assert_eq!(get(&account, "if-unmodified-since", &date).await, 412);
    assert_eq!(get(&account, "if-modified-since", &date).await, 200);
    let late = door.call_with("PATCH", &account, phone.clone(), &[("if-unmodified-since", &date)]).await;
    assert_eq!((late.status, late.code().as_str()), (412, "PRECONDITION_FAILED"));
    assert_eq!(patch(&contact, "if-unmodified-since", &date).await, 204);
}
