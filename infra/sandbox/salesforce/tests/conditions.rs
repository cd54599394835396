//! WHERE and ORDER BY in the cases that a random query doesn't come by.

use serde_json::{Value, json};

use super::Door;

async fn names(door: &Door, soql: &str) -> Vec<String> {
    let reply = door.query(soql).await;
    assert_eq!(reply.status, 200, "{soql}: {}", reply.text);
    let page = reply.json();
    let rows = page["records"].as_array().unwrap().iter();
    rows.map(|row| row["Name"].as_str().unwrap().to_owned()).collect()
}

async fn refusal(door: &Door, soql: &str) -> (String, String) {
    let reply = door.query(soql).await;
    assert_eq!(reply.status, 400, "{soql}");
    let message = reply.json()[0]["message"].as_str().unwrap().to_owned();
    (reply.code(), message.lines().last().unwrap_or_default().to_owned())
}

/// Three deals of two accounts, closing yesterday.
fn deals() -> Door {
    let door = Door::new();
    let org = door.org();
    let [big, small] = ["Big", "Small"].map(|name| org.insert("Account", json!({ "Name": name })));
    for (name, account, amount) in
        [("b", &big, json!(500)), ("a", &small, json!(null)), ("c", &small, json!(20))]
    {
        let fields = json!({ "Name": name, "AccountId": account, "Amount": amount, "StageName": "Prospecting", "CloseDate": "2026-11-21" });
        org.insert("Opportunity", fields);
    }
    door
}

#[tokio::test]
async fn semi_joins_relative_days_nulls_and_order_work() {
    let door = deals();
    let joined =
        "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE Amount > 100)";
    assert_eq!(names(&door, joined).await, ["Big"]);
    let apart =
        "SELECT Name FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE Amount > 100)";
    assert_eq!(names(&door, apart).await, ["Small"]);
    assert_eq!(names(&door, "SELECT Name FROM Opportunity ORDER BY Amount").await, ["a", "c", "b"]);
    assert_eq!(
        names(&door, "SELECT Name FROM Opportunity ORDER BY Amount DESC NULLS LAST").await,
        ["b", "c", "a"]
    );
    let sorted =
        "SELECT o.Name FROM Opportunity o ORDER BY o.Account.Name DESC, Name LIMIT 2 OFFSET 1 FOR VIEW";
    assert_eq!(names(&door, sorted).await, ["c", "b"]);
    let days = "SELECT Name FROM Opportunity WHERE CloseDate = YESTERDAY AND CreatedDate = TODAY";
    assert_eq!(names(&door, days).await.len(), 3);
    assert_eq!(names(&door, "SELECT Name FROM Opportunity WHERE CloseDate > YESTERDAY").await.len(), 0);
    assert_eq!(names(&door, "SELECT FIELDS(ALL) FROM Opportunity WHERE Name = 'B' LIMIT 200").await, ["b"]);
    let mine = names(&door, "SELECT Name FROM Opportunity USING SCOPE mine").await;
    assert_eq!(mine.len(), 0, "the integration user owns none of them");
}

#[tokio::test]
async fn sub_queries_stand_only_where_salesforce_allows_them() {
    let door = deals();
    let inner = "AccountId IN (SELECT Id FROM Account)";
    for (condition, wanted) in [
        (format!("Amount > 1 OR {inner}"), "Semi join sub-selects are not allowed with the 'OR' operator"),
        (
            format!("NOT {inner}"),
            "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.",
        ),
        (format!("{inner} AND {inner} AND {inner}"), "Maximum 2 semi join sub-selects are allowed"),
        (
            "AccountId IN (SELECT Id FROM Account WHERE OwnerId IN (SELECT Id FROM User))".to_owned(),
            "Nesting of semi join sub-selects is not supported",
        ),
    ] {
        let (code, message) = refusal(&door, &format!("SELECT Id FROM Opportunity WHERE {condition}")).await;
        assert_eq!((code.as_str(), message.as_str()), ("MALFORMED_QUERY", wanted));
    }
}

#[tokio::test]
async fn days_begin_at_midnight_where_the_asker_is() {
    let door = Door::new();
    let org = door.org();
    // In Auckland it is the 22nd from 11 o'clock of the 21st on, in universal time.
    org.update("User", &org.integration_user(), json!({ "TimeZoneSidKey": "Pacific/Auckland" }));
    let id = org.insert("Account", json!({ "Name": "A" }));
    let count = async |condition: &str| {
        let page = door.query(&format!("SELECT COUNT() FROM Account WHERE {condition}")).await.json();
        page["totalSize"].as_u64().unwrap()
    };
    assert_eq!(org.get("Account", &id).unwrap()["CreatedDate"], "2026-11-22T10:00:00.000+0000");
    assert_eq!(count("CreatedDate = TODAY").await, 1);
    door.sandbox.clock.advance_seconds(3600);
    assert_eq!(count("CreatedDate = TODAY").await, 0);
    assert_eq!(count("CreatedDate = YESTERDAY").await, 1);
    assert_eq!(count("HOUR_IN_DAY(CreatedDate) = 10").await, 1);
    assert_eq!(count("HOUR_IN_DAY(convertTimezone(CreatedDate)) = 23").await, 1);
}

#[tokio::test]
async fn several_choices_and_escaped_wildcards_are_told_apart() {
    let door = Door::new();
    let org = door.org();
    org.add_field("Account", "Likes__c: multipicklist = Tea | Coffee | Milk").unwrap();
    for (name, likes) in [("both", "Tea;Coffee"), ("tea", "Tea"), ("100%", "Milk"), ("100", "")] {
        org.insert("Account", json!({ "Name": name, "Likes__c": likes }));
    }
    let of = async |condition: &str| {
        names(&door, &format!("SELECT Name FROM Account WHERE {condition} ORDER BY Name")).await
    };
    assert_eq!(of("Likes__c INCLUDES ('tea;coffee', 'Milk')").await, ["100%", "both"]);
    assert_eq!(of("Likes__c EXCLUDES ('Tea')").await, ["100", "100%"]);
    assert_eq!(of(r"Name LIKE '100\%'").await, ["100%"]);
    assert_eq!(of("Name LIKE '100%'").await, ["100", "100%"]);
    assert_eq!(of("Likes__c = ''").await, ["100"]);
}

#[tokio::test]
async fn what_a_field_cannot_be_asked_is_refused_in_salesforces_words() {
    let door = Door::new();
    for (soql, code, message) in [
        (
            "SELECT Id FROM Account WHERE Id LIKE '001%'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on id field",
        ),
        (
            "SELECT Id FROM Account WHERE Description LIKE 'a%'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Account WHERE BillingAddress = 'a'",
            "INVALID_FIELD",
            "Address fields can only be filtered using Distance expressions",
        ),
        (
            "SELECT Id FROM Account ORDER BY Description",
            "MALFORMED_QUERY",
            "field 'Description' can not be sorted in a query call",
        ),
        ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        (
            "SELECT FIELDS(ALL) FROM Account",
            "MALFORMED_QUERY",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        ("SELECT Id, FIELDS(STANDARD) FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        (
            "SELECT Id FROM Account OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT ReportsTo.ReportsTo.ReportsTo.ReportsTo.ReportsTo.ReportsTo.Name FROM Contact",
            "MALFORMED_QUERY",
            "A relationship path can't go over more than 5 parents",
        ),
        (
            "SELECT TYPEOF What WHEN Account THEN Parent.Parent.Parent.Parent.Parent.Name END FROM Task",
            "MALFORMED_QUERY",
            "A relationship path can't go over more than 5 parents",
        ),
        (
            "SELECT Id, (SELECT COUNT() FROM Contacts) FROM Account",
            "MALFORMED_QUERY",
            "Aggregate functions and GROUP BY are not allowed here",
        ),
    ] {
        assert_eq!(refusal(&door, soql).await, (code.to_owned(), message.to_owned()), "{soql}");
    }
}

#[tokio::test]
async fn a_parent_of_several_kinds_shows_the_fields_of_what_it_is() {
    let door = Door::new();
    let org = door.org();
    let account = org.insert("Account", json!({ "Name": "Acme", "Phone": "1", "Type": "Prospect" }));
    let lead = org.insert("Lead", json!({ "LastName": "Chen", "Company": "Ivy" }));
    org.insert("Task", json!({ "Subject": "with", "WhatId": account }));
    org.insert("Task", json!({ "Subject": "without", "WhoId": lead }));
    let soql = "SELECT Subject, TYPEOF What WHEN Account THEN Phone ELSE Name END, What.Type FROM Task \
                WHERE What.Type = 'account'";
    let page = door.query(soql).await.json();
    assert_eq!(page["totalSize"], 1);
    assert_eq!(page["records"][0]["What"]["Type"], "Account", "not the account's own type");
    let soql = "SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task ORDER BY Subject";
    let page = door.query(soql).await.json();
    let url = format!("/services/data/v67.0/sobjects/Account/{account}");
    let what = json!({ "attributes": { "type": "Account", "url": url }, "Phone": "1" });
    assert_eq!((&page["records"][0]["What"], &page["records"][1]["What"]), (&what, &Value::Null));
}
