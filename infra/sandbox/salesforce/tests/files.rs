//! Files and notes: uploaded, attached, versioned, fetched.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Door;

async fn upload(door: &Door, fields: Value) -> String {
    let reply = door.call("POST", "/sobjects/ContentVersion", Some(fields)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_uploaded_found_attached_and_fetched() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let data = [0_u8, 159, 146, 150, 13, 10];
    let fields = json!({ "PathOnClient": "C:\\x\\Quote 7.pdf", "VersionData": STANDARD.encode(data),
        "FirstPublishLocationId": account });
    let version = upload(&door, fields).await;
    assert!(version.starts_with("068"));
    let row = door.call("GET", &format!("/sobjects/ContentVersion/{version}"), None).await.json();
    let path = format!("/sobjects/ContentVersion/{version}/VersionData");
    assert_eq!(row["VersionData"], format!("/services/data/v67.0{path}"));
    assert_eq!(
        (&row["Title"], &row["FileType"], &row["FileExtension"], &row["ContentSize"], &row["VersionNumber"]),
        (&json!("Quote 7"), &json!("PDF"), &json!("pdf"), &json!(6), &json!("1"))
    );
    let fetched = door.call("GET", &path, None).await;
    assert_eq!(
        (fetched.bytes.as_slice(), fetched.header("content-type")),
        (&data[..], "application/octetstream")
    );
    let document = row["ContentDocumentId"].as_str().unwrap();
    let soql = format!(
        "SELECT ContentDocument.Title, ShareType FROM ContentDocumentLink WHERE LinkedEntityId = '{account}'"
    );
    let links = door.query(&soql).await.json();
    assert_eq!(links["records"][0]["ContentDocument"]["Title"], "Quote 7");
    let again = json!({ "ContentDocumentId": document, "LinkedEntityId": account, "ShareType": "V" });
    let twice = door.call("POST", "/sobjects/ContentDocumentLink", Some(again)).await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "DUPLICATE_VALUE"));
    assert_eq!(door.org().calls_to("GET /sobjects/ContentVersion/{id}/VersionData"), 1);
    assert_eq!(door.call("DELETE", &format!("/sobjects/ContentDocument/{document}"), None).await.status, 204);
    assert_eq!(door.call("GET", &path, None).await.status, 404);
    assert_eq!(door.org().broken(), Vec::<String>::new());
}

#[tokio::test]
async fn links_are_only_told_of_a_document_or_of_a_record() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let fields = json!({ "PathOnClient": "a.txt", "VersionData": "YQ==", "FirstPublishLocationId": account });
    upload(&door, fields).await;
    let at = format!("LinkedEntityId = '{account}'");
    for condition in [
        "".to_owned(),
        "WHERE ShareType = 'V'".into(),
        "WHERE LinkedEntityId != null".into(),
        "WHERE LinkedEntityId = null".into(),
        format!("WHERE LinkedEntityId NOT IN ('{account}')"),
        format!("WHERE {at} OR ShareType = 'V'"),
        format!("WHERE NOT({at})"),
    ] {
        for items in ["Id", "COUNT()", "ShareType, COUNT(Id)"] {
            let grouping = if items.contains(',') { "GROUP BY ShareType" } else { "" };
            let soql = format!("SELECT {items} FROM ContentDocumentLink {condition} {grouping}");
            let refused = door.query(&soql).await;
            let message = "Implementation restriction: ContentDocumentLink requires a filter by a single Id on \
                           ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN \
                           operator.";
            let expected = json!([{ "message": message, "errorCode": "MALFORMED_QUERY" }]);
            assert_eq!((refused.status, refused.json()), (400, expected), "{soql}");
        }
    }
    for condition in [
        at.clone(),
        format!("ShareType = 'V' AND ContentDocumentLink.LinkedEntityId IN ('{account}')"),
        "LinkedEntityId IN (SELECT Id FROM Account)".into(),
    ] {
        let soql = format!("SELECT ShareType FROM ContentDocumentLink WHERE {condition}");
        assert_eq!(door.query(&soql).await.json()["totalSize"], 1, "{soql}");
    }
    let nested = door.query("SELECT (SELECT ShareType FROM ContentDocumentLinks) FROM Account").await.json();
    assert_eq!(nested["records"][0]["ContentDocumentLinks"]["totalSize"], 1);
    let path = format!("/sobjects/Account/{account}/ContentDocumentLinks");
    assert_eq!(door.call("GET", &path, None).await.json()["totalSize"], 1);
}

#[tokio::test]
async fn a_second_version_takes_the_place_of_the_first() {
    let door = Door::new();
    let first = upload(&door, json!({ "PathOnClient": "a.txt", "VersionData": "YQ==" })).await;
    let document = door.org().get("ContentVersion", &first).unwrap()["ContentDocumentId"].clone();
    let fields = json!({ "PathOnClient": "b.txt", "VersionData": "YmI=", "ContentDocumentId": document });
    let second = upload(&door, fields).await;
    let kept = |id: &str| door.org().get("ContentVersion", id).unwrap();
    assert_eq!((&kept(&first)["IsLatest"], &kept(&second)["IsLatest"]), (&json!(false), &json!(true)));
    assert_eq!((&kept(&second)["VersionNumber"], &kept(&second)["ContentSize"]), (&json!("2"), &json!(2)));
    let document = door.org().get("ContentDocument", document.as_str().unwrap()).unwrap();
    assert_eq!((&document["LatestPublishedVersionId"], &document["Title"]), (&json!(second), &json!("b")));
}

#[tokio::test]
async fn a_file_may_come_in_parts() {
    let door = Door::new();
    let mut body = b"--b0\r\nContent-Disposition: form-data; name=\"entity_content\"\r\n\
        Content-Type: application/json\r\n\r\n{\"Title\":\"Raw\",\"PathOnClient\":\"raw.bin\"}\r\n--b0\r\n\
        Content-Disposition: form-data; name=\"VersionData\"; filename=\"raw.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
        .to_vec();
    body.extend_from_slice(&[1, 2, 255, 13, 10, 0]);
    body.extend_from_slice(b"\r\n--b0--\r\n");
    let kind = ("content-type", "multipart/form-data; boundary=b0");
    let made = door.send(door.request("POST", "/sobjects/ContentVersion", Body::from(body), &[kind])).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let fetched = door.call("GET", &format!("/sobjects/ContentVersion/{id}/VersionData"), None).await;
    assert_eq!(fetched.bytes, [1, 2, 255, 13, 10, 0]);
}

#[tokio::test]
async fn a_file_without_a_name_or_data_is_refused_and_data_must_be_base64() {
    let door = Door::new();
    let none = door.call("POST", "/sobjects/ContentVersion", Some(json!({ "Title": "A" }))).await;
    let message = "Required fields are missing: [PathOnClient, VersionData]";
    let expected = json!([{ "message": message, "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["PathOnClient", "VersionData"] }]);
    assert_eq!((none.status, none.json()), (400, expected));
    let fields = json!({ "PathOnClient": "a", "VersionData": "%%" });
    assert_eq!(door.call("POST", "/sobjects/ContentVersion", Some(fields)).await.code(), "JSON_PARSER_ERROR");
}

#[tokio::test]
async fn a_note_is_a_document_that_can_be_linked_and_rewritten() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let body = json!({ "Title": "Call", "Content": STANDARD.encode("<p>Rang &amp; agreed</p>") });
    let note = door.call("POST", "/sobjects/ContentNote", Some(body)).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(note.starts_with("069"));
    let link = json!({ "ContentDocumentId": note, "LinkedEntityId": account, "ShareType": "V" });
    assert_eq!(door.call("POST", "/sobjects/ContentDocumentLink", Some(link)).await.status, 201);
    let kept = door.org().get("ContentNote", &note).unwrap();
    assert_eq!((&kept["TextPreview"], &kept["FileType"]), (&json!("Rang &amp; agreed"), &json!("SNOTE")));
    let path = format!("/sobjects/ContentNote/{note}");
    let body = json!({ "Content": STANDARD.encode("<p>Twice</p>") });
    assert_eq!(door.call("PATCH", &path, Some(body)).await.status, 204);
    let read = door.call("GET", &format!("{path}/Content"), None).await;
    assert_eq!(read.text, "<p>Twice</p>");
    let soql = format!(
        "SELECT VersionNumber FROM ContentVersion WHERE ContentDocumentId = '{note}' AND IsLatest = true"
    );
    assert_eq!(door.query(&soql).await.json()["records"][0]["VersionNumber"], "2");
    assert_eq!(door.call("DELETE", &path, None).await.status, 204);
    assert_eq!(door.org().records("ContentDocumentLink"), Vec::<Value>::new());
    assert_eq!(door.org().broken(), Vec::<String>::new());
}
