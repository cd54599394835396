//! Every row of the table of errors, whole: its status, all of its headers and each byte of its body. Those that no
//! caller can bring about are in `errors`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Door, Reply};
use crate::salesforce::{DuplicateRule, Refusal};

const JSON: &str = "application/json;charset=UTF-8";
const BASE: &str = "/services/data/v67.0/sobjects";
const LOST: &str = "001000000000000AAA";

/// All headers but those that any server adds, which are looked at.
pub(super) fn headers(reply: &Reply) -> BTreeMap<&str, &str> {
    let mut headers: BTreeMap<&str, &str> =
        reply.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let date = headers.remove("date").unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    let length = headers.remove("content-length").unwrap_or("0");
    assert_eq!(length, reply.bytes.len().to_string());
    headers
}

/// The same of a data call, without what each has an own value of.
fn headers_of_a_call(reply: &Reply, is_counted: bool) -> BTreeMap<&str, &str> {
    let mut headers = headers(reply);
    let request = headers.remove("x-sfdc-request-id").unwrap();
    assert!(request.len() == 32 && request.bytes().all(|byte| byte.is_ascii_hexdigit()), "{request}");
    if is_counted {
        let usage = headers.remove("sforce-limit-info").unwrap();
        let used = usage.strip_prefix("api-usage=").and_then(|usage| usage.strip_suffix("/15000")).unwrap();
        assert!(used.parse::<u32>().is_ok(), "{usage}");
    }
    headers
}

/// The answer is these errors and nothing else.
pub(super) fn whole(reply: &Reply, status: u16, body: &str) {
    assert_eq!((reply.status, reply.text.as_str()), (status, body));
    let headers = headers_of_a_call(reply, status != 401);
    assert_eq!(headers, BTreeMap::from([("content-type", JSON)]), "{body}");
}

/// The answer is this page, of what stands in front of the org.
pub(super) fn in_front(reply: &Reply, status: u16, kind: &str, page: &str) {
    assert_eq!((reply.status, reply.text.as_str()), (status, page));
    assert_eq!(headers(reply), BTreeMap::from([("content-type", kind)]));
}

pub(super) fn error(code: &str, message: &str) -> String {
    format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#)
}

pub(super) fn error_of(code: &str, message: &str, fields: &str) -> String {
    format!(r#"[{{"message":"{message}","errorCode":"{code}","fields":[{fields}]}}]"#)
}

#[tokio::test]
async fn several_records_of_one_external_id_are_a_list_of_their_addresses() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(50) external").unwrap();
    let [one, two] =
        ["A", "B"].map(|name| door.org().insert("Account", json!({ "Name": name, "Ext__c": "x" })));
    let body = format!(r#"["{BASE}/Account/{one}","{BASE}/Account/{two}"]"#);
    whole(&door.call("GET", "/sobjects/Account/Ext__c/x", None).await, 300, &body);
    let change = Some(json!({ "Name": "C" }));
    whole(&door.call("PATCH", "/sobjects/Account/Ext__c/x", change).await, 300, &body);
}

#[tokio::test]
async fn what_is_unchanged_has_no_body_and_what_was_changed_meanwhile_is_not_written() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let path = format!("/sobjects/Account/{id}");
    let read = door.call("GET", &path, None).await;
    let (tag, date) = (read.header("etag").to_owned(), read.header("last-modified").to_owned());
    let unchanged = door.call_with("GET", &path, None, &[("if-modified-since", &date)]).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(
        headers_of_a_call(&unchanged, true),
        BTreeMap::from([("etag", &*tag), ("last-modified", &*date)])
    );
    door.sandbox.clock.advance_seconds(1);
    door.org().update("Account", &id, json!({ "Phone": "1" }));
    let late = door.call_with("PATCH", &path, Some(json!({ "Phone": "2" })), &[("if-match", &tag)]).await;
    whole(&late, 412, &error("PRECONDITION_FAILED", "One or more conditional headers do not match"));
}

#[tokio::test]
async fn queries_that_say_nothing_are_refused_with_their_place() {
    let door = Door::new();
    for (soql, code, message) in [
        (
            "SELECT FROM Account",
            "MALFORMED_QUERY",
            r"\nSELECT FROM Account\n       ^\nERROR at Row:1:Column:8\nunexpected token: 'FROM'",
        ),
        (
            "SELECT Nope FROM Account",
            "INVALID_FIELD",
            r"\nSELECT Nope FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        ),
        (
            "SELECT Id FROM Nope",
            "INVALID_TYPE",
            r"\nSELECT Id FROM Nope\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nope' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
        ),
    ] {
        whole(&door.query(soql).await, 400, &error(code, message));
    }
    let unknown = door.call("GET", "/query/0r8000000000000AAA-2000", None).await;
    whole(&unknown, 400, &error("INVALID_QUERY_LOCATOR", "invalid query locator"));
}

#[tokio::test]
async fn records_that_cannot_be_written_are_refused_with_their_fields() {
    let door = Door::new();
    let org = door.org();
    org.add_field("Account", "Ext__c: string(50) external unique").unwrap();
    org.refuse_where("Account", "Name = 'Never'", "Not this one").unwrap();
    let account = org.insert("Account", json!({ "Name": "A", "Ext__c": "x" }));
    let long = "x".repeat(256);
    let too_long = format!("Name: data value too large: {} (max length=255)", &long[1..]);
    let twin =
        format!("duplicate value found: Ext__c duplicates value on record with id: {}", &account[..15]);
    let wrong_kind = format!("Account ID: id value of incorrect type: {}", org.person());
    let read_only = "Unable to create/update fields: CreatedDate. Please check the security settings of this field \
                     and verify that it is read/write for your profile or permission set.";
    for (object, body, expected) in [
        (
            "Contact",
            json!({}),
            error_of("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", r#""LastName""#),
        ),
        (
            "Account",
            json!({ "Name": "Never" }),
            error_of("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Not this one", ""),
        ),
        ("Account", json!({ "Name": long }), error_of("STRING_TOO_LONG", &too_long, r#""Name""#)),
        (
            "Account",
            json!({ "Name": "A", "CreatedDate": "2026-01-01T00:00:00Z" }),
            error_of("INVALID_FIELD_FOR_INSERT_UPDATE", read_only, r#""CreatedDate""#),
        ),
        ("Account", json!({ "Name": "B", "Ext__c": "X" }), error_of("DUPLICATE_VALUE", &twin, "")),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": org.person() }),
            error_of("FIELD_INTEGRITY_EXCEPTION", &wrong_kind, r#""AccountId""#),
        ),
        (
            "Account",
            json!({ "Name": "A", "Nope": 1 }),
            error("INVALID_FIELD", "No such column 'Nope' on sobject of type Account"),
        ),
        (
            "Contact",
            json!({ "LastName": "A", "AccountId": LOST }),
            error_of("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ""),
        ),
    ] {
        whole(&door.call("POST", &format!("/sobjects/{object}"), Some(body)).await, 400, &expected);
    }
    let cut = door.send(door.request("POST", "/sobjects/Account", "{\"Name\":".into(), &[])).await;
    let message = "Unexpected character or end of input at [line:1, column:8]";
    whole(&cut, 400, &error("JSON_PARSER_ERROR", message));
}

#[tokio::test]
async fn a_duplicate_is_shown_under_the_misspelled_name() {
    let door = Door::new();
    door.org().add_duplicate_rule(DuplicateRule {
        name: "Standard_Contact_Duplicate_Rule".into(),
        object: "Contact".into(),
        against: "Contact".into(),
        fields: vec![("Email".into(), "Email".into())],
        allow_save: true,
    });
    let contact = json!({ "LastName": "Chen", "Email": "c@x.com" });
    let twin = door.org().insert("Contact", contact.clone());
    let message = "You're creating a duplicate record. We recommend you use an existing record instead.";
    let body = format!(
        r#"[{{"duplicateResut":{{"allowSave":true,"duplicateRule":"Standard_Contact_Duplicate_Rule","duplicateRuleEntityType":"Contact","errorMessage":"{message}","matchResults":[{{"entityType":"Contact","errors":[],"matchEngine":"FuzzyMatchEngine","matchRecords":[{{"additionalInformation":[],"fieldDiffs":[],"matchConfidence":100.0,"record":{{"attributes":{{"type":"Contact","url":"/services/data/v67.0/sobjects/Contact/{twin}"}},"Id":"{twin}"}}}}],"rule":"Standard_Contact_Match_Rule_v1_1","size":1,"success":true}}]}},"errorCode":"DUPLICATES_DETECTED","message":"{message}"}}]"#
    );
    whole(&door.call("POST", "/sobjects/Contact", Some(contact)).await, 400, &body);
}

#[tokio::test]
async fn what_befalls_a_record_is_400_with_an_empty_list_of_fields() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let path = format!("/sobjects/Account/{id}");
    let locked = format!("unable to obtain exclusive access to this record or 1 records: {id}");
    let broken = format!(
        "AccountTrigger: execution of BeforeUpdate caused by: System.LimitException: Apex CPU time limit exceeded: {id}"
    );
    let forbidden = format!("insufficient access rights on object id: {id}");
    for (name, code, message) in [
        ("row_lock", "UNABLE_TO_LOCK_ROW", &locked),
        ("trigger", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", &broken),
        ("no_access", "INSUFFICIENT_ACCESS_OR_READONLY", &forbidden),
    ] {
        door.org().refuse(Refusal::named(name, Some(&id)).unwrap());
        let reply = door.call("PATCH", &path, Some(json!({ "Name": "B" }))).await;
        whole(&reply, 400, &error_of(code, message, ""));
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_four_ways() {
    let door = Door::new();
    let gone = door.org().insert("Account", json!({ "Name": "A" }));
    door.org().delete("Account", &gone).unwrap();
    let missing = error("NOT_FOUND", "The requested resource does not exist");
    let no_field =
        error("NOT_FOUND", "Provided external ID field does not exist or is not accessible: Nope__c");
    let no_record = error_of("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "");
    let deleted = error("ENTITY_IS_DELETED", "entity is deleted");
    let deleted_write = error_of("ENTITY_IS_DELETED", "entity is deleted", "");
    let change = || Some(json!({ "Name": "B" }));
    for (method, path, body, expected) in [
        ("GET", format!("/sobjects/Account/{LOST}"), None, &missing),
        ("GET", "/nothing".to_owned(), None, &missing),
        ("GET", "/sobjects/Nothing/describe".to_owned(), None, &missing),
        ("GET", "/sobjects/Account/Nope__c/1".to_owned(), None, &no_field),
        ("PATCH", "/sobjects/Account/Nope__c/1".to_owned(), change(), &no_field),
        ("PATCH", format!("/sobjects/Account/{LOST}"), change(), &no_record),
        ("DELETE", format!("/sobjects/Account/{LOST}"), None, &no_record),
        ("GET", format!("/sobjects/Account/{gone}"), None, &deleted),
        ("PATCH", format!("/sobjects/Account/{gone}"), change(), &deleted_write),
        ("DELETE", format!("/sobjects/Account/{gone}"), None, &deleted_write),
    ] {
        whole(&door.call(method, &path, body).await, 404, expected);
    }
}

#[tokio::test]
async fn a_session_that_has_ended_is_401_and_no_longer_counts() {
    let mut door = Door::new();
    door.token = "00D!AQ".into();
    whole(
        &door.call("GET", "/limits", None).await,
        401,
        &error("INVALID_SESSION_ID", "Session expired or invalid"),
    );
}

#[tokio::test]
async fn requests_that_are_wrong_in_themselves_have_a_status_of_their_own() {
    let door = Door::new();
    for (method, path, allowed) in [
        ("PUT", "/limits", "GET,HEAD"),
        ("POST", "/query", "GET,HEAD"),
        ("PATCH", "/sobjects/Account", "GET,HEAD,POST"),
        ("POST", "/sobjects/Account/001000000000000AAA", "DELETE,GET,HEAD,PATCH"),
        ("GET", "/composite/batch", "POST"),
        ("GET", "/composite/sobjects", "DELETE,PATCH,POST"),
    ] {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
        whole(&door.call(method, path, None).await, 405, &error("METHOD_NOT_ALLOWED", &message));
    }
    let text = [("content-type", "text/plain")];
    let text = door.call_with("POST", "/sobjects/Account", Some(json!({})), &text).await;
    let message = "Content-Type header specified in HTTP request is not supported: text/plain";
    whole(&text, 415, &error("UNSUPPORTED_MEDIA_TYPE", message));
    let long = door.call("GET", &format!("/query?q={}", "x".repeat(16_400)), None).await;
    let heavy = "x".repeat(16_300);
    let heavy = door.call_with("GET", "/limits", None, &[("x-heavy", &heavy)]).await;
    for (reply, status, reason) in
        [(long, 414, "URI Too Long"), (heavy, 431, "Request Header Fields Too Large")]
    {
        let page = format!("<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>");
        in_front(&reply, status, "text/html;charset=iso-8859-1", &page);
    }
}

#[tokio::test]
async fn a_day_that_is_used_up_is_403_and_says_so_in_its_header() {
    let door = Door::new();
    door.org().use_up_calls(15_000);
    let over = door.call("GET", "/limits", None).await;
    whole(&over, 403, &error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    assert_eq!(over.header("sforce-limit-info"), "api-usage=15000/15000");
}

#[tokio::test]
async fn an_item_of_a_collection_has_a_status_code() {
    let door = Door::new();
    door.org().add_field("Account", "Ext__c: string(50) external unique").unwrap();
    let of = |kind: &str, mut fields: Value| {
        fields["attributes"] = json!({ "type": kind });
        fields
    };
    let records = [of("Contact", json!({})), of("Contact", json!({ "LastName": "A", "AccountId": LOST }))];
    let reply = door.call("POST", "/composite/sobjects", Some(json!({ "records": records }))).await;
    let missing = r#"{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [LastName]","fields":["LastName"]}]}"#;
    let lost = r#"{"success":false,"errors":[{"statusCode":"INVALID_CROSS_REFERENCE_KEY","message":"invalid cross reference id","fields":[]}]}"#;
    whole(&reply, 200, &format!("[{missing},{lost}]"));
    let records = [of("Account", json!({ "Ext__c": "1" }))];
    let path = "/composite/sobjects/Account/Ext__c";
    let reply = door.call("PATCH", path, Some(json!({ "records": records }))).await;
    let nameless = r#"{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [Name]","fields":["Name"]}],"created":false}"#;
    whole(&reply, 200, &format!("[{nameless}]"));
}
