//! One record at a time: create, read, change, delete; and what is refused.

use serde_json::json;

use super::Door;
use crate::{Settings, salesforce::Options};

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted() {
    let door = Door::new();
    let made = door
        .call("POST", "/sobjects/Account/", Some(json!({ "Name": "Acme", "BillingCity": "Leeds" })))
        .await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, made.json()), (201, json!({ "id": id, "success": true, "errors": [] })));
    let path = format!("/sobjects/Account/{id}");
    assert_eq!(made.header("location"), format!("/services/data/v67.0{path}"));
    let read = door.call("GET", &path, None).await;
    assert!(read.text.starts_with("{\"attributes\":{\"type\":\"Account\",\"url\":"), "{}", read.text);
    let row = read.json();
    assert_eq!((&row["Phone"], &row["IsDeleted"]), (&json!(null), &json!(false)));
    assert_eq!(row["BillingAddress"]["city"], "Leeds");
    assert_eq!(row["CreatedById"], door.org().integration_user());
    let changed = door.call("PATCH", &path, Some(json!({ "Phone": "1", "BillingCity": null }))).await;
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));
    let some = door
        .call("GET", &format!("/sobjects/Account/{}?fields=Phone,BillingCity", &id[..15]), None)
        .await
        .json();
    assert_eq!((&some["Phone"], &some["BillingCity"]), (&json!("1"), &json!(null)));
    assert_eq!(door.call("DELETE", &path, None).await.status, 204);
    let gone = door.call("GET", &path, None).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ENTITY_IS_DELETED"));
    let missing = door.call("PATCH", "/sobjects/Account/001000000000000AAA", Some(json!({}))).await;
    let expected = json!([{ "message": "invalid cross reference id", "errorCode": "INVALID_CROSS_REFERENCE_KEY", "fields": [] }]);
    assert_eq!((missing.status, missing.json()), (404, expected));
    let never = door.call("GET", "/sobjects/Account/001000000000000AAA", None).await;
    let expected = json!([{ "message": "The requested resource does not exist", "errorCode": "NOT_FOUND" }]);
    assert_eq!((never.status, never.json()), (404, expected));
}

#[tokio::test]
async fn what_a_record_lacks_or_must_not_have_is_named() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    door.org().add_field("Account", "Tier__c: picklist restricted = Gold | Silver").unwrap();
    let lost = "001000000000000AAA";
    for (object, body, code, message, fields) in [
        (
            "Contact",
            json!({ "FirstName": "A" }),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            json!(["LastName"]),
        ),
        (
            "Account",
            json!({ "Name": "A", "Nope": 1 }),
            "INVALID_FIELD",
            "No such column 'Nope' on sobject of type Account",
            json!(null),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": lost }),
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            json!([]),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "Email": "nobody" }),
            "INVALID_EMAIL_ADDRESS",
            "Email: invalid email address: nobody",
            json!(["Email"]),
        ),
        (
            "Account",
            json!({ "Name": "A", "Tier__c": "Tin" }),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Tier: bad value for restricted picklist field: Tin",
            json!(["Tier__c"]),
        ),
        (
            "Opportunity",
            json!({ "Name": "A", "AccountId": account }),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [StageName, CloseDate]",
            json!(["StageName", "CloseDate"]),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": door.org().person() }),
            "FIELD_INTEGRITY_EXCEPTION",
            "Account ID: id value of incorrect type: ",
            json!(["AccountId"]),
        ),
    ] {
        let reply = door.call("POST", &format!("/sobjects/{object}"), Some(body)).await;
        let error = reply.json()[0].clone();
        assert_eq!((reply.status, error["errorCode"].as_str()), (400, Some(code)));
        assert!(error["message"].as_str().unwrap().starts_with(message), "{error}");
        assert_eq!(error.get("fields").cloned().unwrap_or_default(), fields);
    }
    let long = door.call("POST", "/sobjects/Account", Some(json!({ "Name": "x".repeat(256) }))).await;
    assert_eq!(long.code(), "STRING_TOO_LONG");
    let fixed = door
        .call("PATCH", &format!("/sobjects/Account/{account}"), Some(json!({ "CreatedDate": null })))
        .await;
    assert_eq!(fixed.code(), "INVALID_FIELD_FOR_INSERT_UPDATE");
}

#[tokio::test]
async fn a_campaign_has_each_member_once() {
    let door = Door::new();
    let campaign = door.org().insert("Campaign", json!({ "Name": "Fair" }));
    let lead = door.org().insert("Lead", json!({ "LastName": "Chen", "Company": "Ivy" }));
    let body = json!({ "CampaignId": campaign, "LeadId": lead, "Status": "Responded" });
    assert_eq!(door.call("POST", "/sobjects/CampaignMember", Some(body.clone())).await.status, 201);
    let again = door.call("POST", "/sobjects/CampaignMember", Some(body)).await;
    assert_eq!(
        (again.code().as_str(), &again.json()[0]["message"]),
        ("DUPLICATE_VALUE", &json!("Already a campaign member."))
    );
}

#[tokio::test]
async fn a_changed_record_fails_a_conditional_write_and_an_unchanged_one_is_not_sent_again() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "Acme" }));
    let path = format!("/sobjects/Account/{id}");
    let read = door.call("GET", &path, None).await;
    let (modified, tag) = (read.header("last-modified").to_owned(), read.header("etag").to_owned());
    assert_eq!(modified, "Sun, 22 Nov 2026 10:00:00 GMT");
    assert_eq!(door.call_with("GET", &path, None, &[("if-modified-since", &modified)]).await.status, 304);
    door.sandbox.clock.advance_seconds(5);
    door.org().update("Account", &id, json!({ "Phone": "2" }));
    let write = async |name: &str, value: &str| {
        door.call_with("PATCH", &path, Some(json!({ "Phone": "3" })), &[(name, value)]).await.status
    };
    assert_eq!(write("if-unmodified-since", &modified).await, 412);
    assert_eq!(write("if-match", &tag).await, 412);
}

#[tokio::test]
async fn describe_tells_fields_picklists_and_children() {
    let door = Door::new();
    door.org().add_field("Opportunity", "Xero_Invoice__c: string(50) external unique").unwrap();
    let about = door.call("GET", "/sobjects/Opportunity/describe", None).await.json();
    let field = |name: &str| {
        about["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (&field("Xero_Invoice__c")["externalId"], &field("Xero_Invoice__c")["length"]),
        (&json!(true), &json!(50))
    );
    assert_eq!(field("Amount")["type"], "currency");
    assert_eq!((&field("Amount")["precision"], &field("Amount")["scale"]), (&json!(18), &json!(2)));
    assert_eq!(field("StageName")["picklistValues"][8]["value"], "Closed Won");
    assert_eq!(field("AccountId")["relationshipName"], "Account");
    assert_eq!(about["childRelationships"][0]["relationshipName"], "OpportunityLineItems");
    let all = door.call("GET", "/sobjects", None).await.json();
    assert_eq!(all["sobjects"].as_array().unwrap().len(), 32);
    assert_eq!(door.call("GET", "/sobjects/Nothing/describe", None).await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn an_org_with_several_currencies_has_the_field_and_its_default() {
    let salesforce = Options { multi_currency: true, currency: "EUR".into(), ..Options::default() };
    let door = Door::with(Settings { salesforce, ..Settings::default() });
    let id = door.org().insert("Account", json!({ "Name": "Acme" }));
    assert_eq!(door.org().get("Account", &id).unwrap()["CurrencyIsoCode"], "EUR");
}
