//! How many records a query looks at: what is indexed doesn't look at all.

use serde_json::{Value, json};

use super::Door;

async fn explained(door: &Door, condition: &str) -> (Value, Value, u64) {
    let soql = format!("SELECT Id FROM Contact WHERE {condition}");
    let query = serde_urlencoded::to_string([("explain", &soql)]).unwrap();
    let page = door.call("GET", &format!("/query?{query}"), None).await.json();
    assert_eq!(page["sourceQuery"], soql);
    let plan = &page["plans"][0];
    (plan["leadingOperationType"].clone(), plan["fields"].clone(), plan["cardinality"].as_u64().unwrap())
}

#[tokio::test]
async fn ids_references_lookups_and_stamps_are_found_without_looking_at_all() {
    let door = Door::new();
    let org = door.org();
    org.add_field("Contact", "Key__c: string(20) external").unwrap();
    let accounts: Vec<String> =
        (0..10).map(|number| org.insert("Account", json!({ "Name": format!("A{number}") }))).collect();
    let mut ids = Vec::new();
    for number in 0..300 {
        if number % 100 == 0 {
            door.sandbox.clock.advance_seconds(60);
        }
        let account = &accounts[number % 10];
        let fields = json!({ "LastName": "B", "AccountId": account, "Key__c": format!("K{number}"), "Email": "a@b.example" });
        ids.push(org.insert("Contact", fields));
    }
    let (id, other, account) = (&ids[0], &ids[1], &accounts[0]);
    for (condition, field, looked_at) in [
        (format!("Id = '{id}'"), "Id", 1),
        (format!("LastName = 'B' AND Id IN ('{id}', '{other}')"), "Id", 2),
        (format!("AccountId = '{account}'"), "AccountId", 30),
        ("Key__c = 'k7' AND Email = 'a@b.example'".to_owned(), "Key__c", 1),
        ("SystemModstamp >= 2026-11-22T10:03:00Z".to_owned(), "SystemModstamp", 100),
        (
            "SystemModstamp > 2026-11-22T10:00:00Z AND SystemModstamp <= 2026-11-22T10:01:00Z".to_owned(),
            "SystemModstamp",
            100,
        ),
        ("LastModifiedDate > 2026-11-22T10:02:30Z AND LastName LIKE 'B%'".to_owned(), "SystemModstamp", 100),
    ] {
        assert_eq!(
            explained(&door, &condition).await,
            ("Index".into(), json!([field]), looked_at),
            "{condition}"
        );
    }
    let either = format!("Id = '{id}' OR Key__c = 'K5'");
    assert_eq!(explained(&door, &either).await, ("Index".into(), json!(["Id", "Key__c"]), 2));
    assert_eq!(explained(&door, "LastName = 'B'").await, ("TableScan".into(), json!([]), 300));
    assert_eq!(explained(&door, &format!("Id = '{id}' OR LastName = 'C'")).await.2, 300);
}
