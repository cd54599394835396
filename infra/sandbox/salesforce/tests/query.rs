//! Queries over HTTP: rows, parents, children, pages, errors.

use serde_json::{Value, json};

use super::Door;
use crate::salesforce::Amounts;

fn ids(page: &Value) -> Vec<String> {
    page["records"].as_array().unwrap().iter().map(|row| row["Id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_row_has_its_attributes_first_its_parents_nested_and_its_nulls_written() {
    let door = Door::new();
    let account =
        door.org().insert("Account", json!({ "Name": "O'Brien & Sons", "Phone": " 0113 496 0123 " }));
    let fields = json!({ "Name": "Deal", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-12-01", "Amount": 1500 });
    let deal = door.org().insert("Opportunity", fields);
    let soql = "SELECT Id, Name, Amount, NextStep, CloseDate, Account.Name, Account.Owner.Username, Account.Parent.Name, \
                IsWon, SystemModstamp FROM Opportunity WHERE Account.Name = 'o\\'brien & sons'";
    let reply = door.query(soql).await;
    let expected = format!(
        "{{\"totalSize\":1,\"done\":true,\"records\":[{{\"attributes\":{{\"type\":\"Opportunity\",\
         \"url\":\"/services/data/v67.0/sobjects/Opportunity/{deal}\"}},\"Id\":\"{deal}\",\"Name\":\"Deal\",\
         \"Amount\":1500.0,\"NextStep\":null,\"CloseDate\":\"2026-12-01\",\"Account\":{{\"attributes\":\
         {{\"type\":\"Account\",\"url\":\"/services/data/v67.0/sobjects/Account/{account}\"}},\
         \"Name\":\"O'Brien & Sons\",\"Owner\":{{\"attributes\":{{\"type\":\"User\",\"url\":\
         \"/services/data/v67.0/sobjects/User/{sam}\"}},\"Username\":\"sam@sandbox.example\"}},\"Parent\":null}},\
         \"IsWon\":true,\"SystemModstamp\":\"2026-11-22T10:00:00.000+0000\"}}]}}",
        sam = door.org().person()
    );
    assert_eq!(reply.text, expected);
    assert_eq!(reply.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(reply.header("date"), "Sun, 22 Nov 2026 10:00:00 GMT");
    assert_eq!(reply.header("sforce-limit-info"), "api-usage=1/15000");
}

#[tokio::test]
async fn every_row_of_a_long_query_comes_once_over_its_pages() {
    let door = Door::new();
    let made = door.org().fill(&Amounts { accounts: 45, opportunities: 0, ..Amounts::default() });
    door.org().configure(|options| options.page_size = 20);
    let mut page = door.query("SELECT Id FROM Account ORDER BY Name DESC").await.json();
    let mut seen = ids(&page);
    while let Some(next) = page["nextRecordsUrl"].as_str() {
        assert!(next.starts_with("/services/data/v67.0/query/0r8"));
        assert_eq!((&page["done"], &page["totalSize"]), (&json!(false), &json!(45)));
        let path = next.trim_start_matches("/services/data/v67.0");
        page = door.call("GET", path, None).await.json();
        seen.extend(ids(&page));
    }
    assert_eq!(page["done"], true);
    assert_eq!(seen.len(), 45);
    let mut wanted = made.accounts;
    wanted.sort();
    seen.sort();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn a_query_that_nobody_continues_is_forgotten() {
    let door = Door::new();
    door.org().fill(&Amounts { accounts: 5, opportunities: 0, ..Amounts::default() });
    door.org().configure(|options| {
        (options.page_size, options.locator_seconds, options.session_seconds) = (2, 900, 9000)
    });
    let page = door.query("SELECT Id FROM Account").await.json();
    let next = page["nextRecordsUrl"].as_str().unwrap().trim_start_matches("/services/data/v67.0").to_owned();
    assert_eq!(door.call("GET", &next, None).await.status, 200);
    door.sandbox.clock.advance_seconds(901);
    let reply = door.call("GET", &next, None).await;
    let gone = json!([{ "message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR" }]);
    assert_eq!((reply.status, reply.json()), (400, gone));
}

#[tokio::test]
async fn children_come_nested_with_pages_of_their_own() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    door.org().insert("Account", json!({ "Name": "Empty" }));
    for number in 0..5 {
        let fields = json!({ "AccountId": account, "LastName": format!("N{number}") });
        door.org().insert("Contact", fields);
    }
    door.org().configure(|options| options.child_page_size = 3);
    let soql = "SELECT Name, (SELECT LastName, Account.Name FROM Contacts WHERE LastName != 'N0' ORDER BY LastName DESC) \
                FROM Account ORDER BY Name";
    let page = door.query(soql).await.json();
    let contacts = &page["records"][0]["Contacts"];
    assert_eq!((&contacts["totalSize"], &contacts["done"]), (&json!(4), &json!(false)));
    assert_eq!(contacts["records"][0]["LastName"], "N4");
    assert_eq!(contacts["records"][0]["Account"]["Name"], "Acme");
    assert_eq!(page["records"][1]["Contacts"], Value::Null);
    let next =
        contacts["nextRecordsUrl"].as_str().unwrap().trim_start_matches("/services/data/v67.0").to_owned();
    let rest = door.call("GET", &next, None).await.json();
    assert_eq!(rest["records"][0]["LastName"], "N1");
    assert_eq!(rest["done"], true);
}

#[tokio::test]
async fn deleted_records_are_seen_only_by_query_all() {
    let door = Door::new();
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    assert_eq!(door.call("DELETE", &format!("/sobjects/Account/{account}"), None).await.status, 204);
    assert_eq!(
        door.query("SELECT COUNT() FROM Account").await.json(),
        json!({ "totalSize": 0, "done": true, "records": [] })
    );
    let text =
        serde_urlencoded::to_string([("q", "SELECT Id, IsDeleted FROM Account WHERE IsDeleted = true")])
            .unwrap();
    let all = door.call("GET", &format!("/queryAll?{text}"), None).await.json();
    assert_eq!(all["records"][0]["IsDeleted"], true);
}

#[tokio::test]
async fn errors_name_the_field_the_type_or_the_relationship_in_salesforces_words() {
    let door = Door::new();
    let refused = async |soql: &str| {
        let reply = door.query(soql).await;
        assert_eq!(reply.status, 400);
        (reply.code(), reply.json()[0]["message"].as_str().unwrap().to_owned())
    };
    let (code, message) = refused("SELECT Id, Bogus FROM Account").await;
    assert_eq!(code, "INVALID_FIELD");
    assert_eq!(
        message,
        "\nSELECT Id, Bogus FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Bogus' on \
        entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom \
        field name. Please reference your WSDL or the describe call for the appropriate names."
    );
    let (code, message) = refused("SELECT Id FROM Acount").await;
    assert_eq!(code, "INVALID_TYPE");
    assert!(message.contains("sObject type 'Acount' is not supported."));
    let (code, message) = refused("SELECT Foo.Name FROM Account").await;
    assert_eq!(code, "INVALID_FIELD");
    assert!(message.contains("Didn't understand relationship 'Foo' in field path."));
    assert_eq!(refused("SELECT Id, (SELECT Id FROM Deals) FROM Account").await.0, "INVALID_TYPE");
    let (code, message) =
        refused("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'").await;
    assert_eq!(code, "INVALID_FIELD");
    assert!(message.ends_with("must be of type dateTime and should not be enclosed in quotes"), "{message}");
    assert_eq!(refused("SELECT Id FROM Account WHERE Description = 'x'").await.0, "INVALID_FIELD");
    assert_eq!(refused("SELECT Id FROM Account WHERE Id = 'x'").await.0, "INVALID_QUERY_FILTER_OPERATOR");
    assert_eq!(refused("SELECT CurrencyIsoCode FROM Account").await.0, "INVALID_FIELD");
}

#[tokio::test]
async fn a_url_over_sixteen_kilobytes_is_too_long() {
    let door = Door::new();
    let list = vec!["'001000000000000AAA'"; 800].join(",");
    let reply = door.query(&format!("SELECT Id FROM Account WHERE Id IN ({list})")).await;
    assert_eq!(reply.status, 414);
}

#[tokio::test]
async fn a_who_or_what_of_several_types_says_which_it_is() {
    let door = Door::new();
    let lead = door.org().insert("Lead", json!({ "LastName": "Chen", "Company": "Ivy" }));
    let account = door.org().insert("Account", json!({ "Name": "Acme" }));
    let contact = door.org().insert("Contact", json!({ "LastName": "Ng" }));
    door.org().insert("Task", json!({ "Subject": "Call", "WhoId": lead }));
    door.org().insert("Task", json!({ "Subject": "Meet", "WhoId": contact, "WhatId": account }));
    let soql = "SELECT Who.Type, Who.Name, What.Name, What.Type FROM Task ORDER BY Subject";
    let page = door.query(soql).await.json();
    let (call, meet) = (&page["records"][0], &page["records"][1]);
    assert_eq!((&call["Who"]["Type"], &call["Who"]["Name"]), (&json!("Lead"), &json!("Chen")));
    assert_eq!((&meet["Who"]["Type"], &meet["What"]["Type"]), (&json!("Contact"), &json!("Account")));
    assert_eq!(meet["What"]["Name"], "Acme");
    assert_eq!(call["Who"]["attributes"]["type"], "Name");
}

#[tokio::test]
async fn long_texts_make_shorter_pages_and_old_queries_give_way() {
    let door = Door::new();
    door.org().fill(&Amounts { accounts: 5, opportunities: 0, ..Amounts::default() });
    door.org().configure(|options| (options.long_text_page_size, options.open_cursors) = (2, 1));
    let next = async |soql: &str| {
        let page = door.query(soql).await.json();
        page["nextRecordsUrl"].as_str().map(|url| url.trim_start_matches("/services/data/v67.0").to_owned())
    };
    assert_eq!(next("SELECT Id, Name FROM Account").await, None);
    let first = next("SELECT Id, Description FROM Account").await.unwrap();
    assert!(first.ends_with("-2"), "{first}");
    let second = next("SELECT Description FROM Account").await.unwrap();
    assert_eq!(door.call("GET", &first, None).await.code(), "INVALID_QUERY_LOCATOR");
    assert_eq!(door.call("GET", &second, None).await.status, 200);
}

#[tokio::test]
async fn the_next_page_of_everything_has_deleted_records_too() {
    let door = Door::new();
    let made = door.org().fill(&Amounts { accounts: 5, opportunities: 0, ..Amounts::default() });
    door.org().configure(|options| options.page_size = 3);
    made.accounts.iter().for_each(|id| door.org().delete("Account", id).unwrap());
    let page = door.call("GET", "/queryAll?q=SELECT+Id+FROM+Account", None).await.json();
    let next = page["nextRecordsUrl"].as_str().unwrap().trim_start_matches("/services/data/v67.0").to_owned();
    assert!(next.starts_with("/query/"));
    assert_eq!(ids(&door.call("GET", &next, None).await.json()).len(), 2);
}
