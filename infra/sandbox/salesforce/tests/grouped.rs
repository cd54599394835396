//! Queries that sum up.

use serde_json::{Value, json};

use super::Door;

fn deals() -> Door {
    let door = Door::new();
    let org = door.org();
    let account = org.insert("Account", json!({ "Name": "Acme" }));
    for (stage, amount, close) in [
        ("Prospecting", json!("100.10"), "2026-10-01"),
        ("Prospecting", json!("200.20"), "2026-12-01"),
        ("Closed Won", json!(null), "2027-01-31"),
        ("Closed Won", json!(50), "2027-02-01"),
    ] {
        let fields = json!({ "Name": "Deal", "StageName": stage, "Amount": amount, "CloseDate": close, "AccountId": account });
        org.insert("Opportunity", fields);
    }
    door
}

async fn rows(door: &Door, soql: &str) -> Vec<Value> {
    let page = door.query(soql).await.json();
    let rows = page["records"].as_array().unwrap_or_else(|| panic!("{soql}: {page}")).clone();
    assert_eq!(page["totalSize"], rows.len(), "{soql}");
    rows
}

/// Rows without their attributes, which all say the same.
async fn values(door: &Door, soql: &str) -> Value {
    let mut rows = rows(door, soql).await;
    for row in &mut rows {
        let attributes = row.as_object_mut().unwrap().shift_remove("attributes");
        assert_eq!(attributes, Some(json!({ "type": "AggregateResult" })));
    }
    rows.into()
}

#[tokio::test]
async fn sums_without_an_alias_are_numbered_and_fields_keep_their_name() {
    let door = deals();
    let soql = "SELECT StageName, COUNT(Id), SUM(Amount) total, AVG(Amount) FROM Opportunity \
                GROUP BY StageName ORDER BY COUNT(Amount) DESC";
    let reply = door.query(soql).await;
    assert_eq!(
        reply.text,
        r#"{"totalSize":2,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"StageName":"Prospecting","expr0":2,"total":300.3,"expr1":150.15},{"attributes":{"type":"AggregateResult"},"StageName":"Closed Won","expr0":2,"total":50.0,"expr1":50.0}]}"#
    );
}

#[tokio::test]
async fn nothing_sums_up_to_one_row_of_nulls_and_noughts() {
    let door = Door::new();
    let soql = "SELECT COUNT(Id) n, SUM(Amount) s, MAX(CloseDate) d FROM Opportunity";
    assert_eq!(values(&door, soql).await, json!([{ "n": 0, "s": null, "d": null }]));
    assert!(rows(&door, "SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName").await.is_empty());
}

#[tokio::test]
async fn groups_are_made_by_parts_of_dates_and_chosen_by_their_sums() {
    let door = deals();
    let soql = "SELECT CALENDAR_YEAR(CloseDate) y, CALENDAR_QUARTER(CloseDate), MIN(CloseDate) first FROM Opportunity \
                GROUP BY CALENDAR_YEAR(CloseDate), CALENDAR_QUARTER(CloseDate) HAVING COUNT(Amount) = 2 AND MIN(CloseDate) < 2026-11-01";
    assert_eq!(values(&door, soql).await, json!([{ "y": 2026, "expr0": 4, "first": "2026-10-01" }]));
    let soql = "SELECT Account.Name, COUNT(Id) n FROM Opportunity GROUP BY Account.Name LIMIT 1";
    assert_eq!(values(&door, soql).await, json!([{ "Name": "Acme", "n": 4 }]));
}

#[tokio::test]
async fn subtotals_stand_beside_what_they_are_of() {
    let door = deals();
    let soql = "SELECT StageName, GROUPING(StageName) g, COUNT(Id) n FROM Opportunity \
                GROUP BY ROLLUP(StageName) ORDER BY GROUPING(StageName), StageName DESC";
    let expected = json!([
        { "StageName": "Closed Won", "g": 0, "n": 2 },
        { "StageName": "Prospecting", "g": 0, "n": 2 },
        { "StageName": null, "g": 1, "n": 4 },
    ]);
    assert_eq!(values(&door, soql).await, expected);
    let cube = "SELECT StageName, IsWon, COUNT(Id) n FROM Opportunity GROUP BY CUBE(StageName, IsWon)";
    assert_eq!(rows(&door, cube).await.len(), 2 + 2 + 2 + 1);
}

#[tokio::test]
async fn what_cannot_be_summed_up_is_refused() {
    let door = deals();
    for (soql, code, wanted) in [
        (
            "SELECT Name, COUNT(Id) FROM Opportunity",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        (
            "SELECT StageName FROM Opportunity GROUP BY StageName ORDER BY Name",
            "MALFORMED_QUERY",
            "Ordered field must be grouped or aggregated: Name",
        ),
        (
            "SELECT SUM(Name) FROM Opportunity",
            "MALFORMED_QUERY",
            "field Name does not support aggregate operator SUM",
        ),
        (
            "SELECT COUNT(Description) FROM Opportunity",
            "MALFORMED_QUERY",
            "field Description does not support aggregate operator COUNT",
        ),
        (
            "SELECT COUNT(Id) FROM Opportunity GROUP BY Amount",
            "INVALID_FIELD",
            "field 'Amount' can not be grouped in a query call",
        ),
        (
            "SELECT COUNT(Id) FROM Opportunity LIMIT 1",
            "MALFORMED_QUERY",
            "Non-grouped query that uses overall aggregate functions cannot also use LIMIT",
        ),
        (
            "SELECT StageName, COUNT(Id) StageName FROM Opportunity GROUP BY StageName",
            "MALFORMED_QUERY",
            "duplicate alias: StageName",
        ),
        (
            "SELECT COUNT(), Id FROM Opportunity",
            "MALFORMED_QUERY",
            "COUNT() must be the only element in the SELECT list",
        ),
    ] {
        let reply = door.query(soql).await;
        let message = reply.json()[0]["message"].as_str().unwrap().to_owned();
        assert_eq!((reply.code().as_str(), message.lines().last()), (code, Some(wanted)), "{soql}");
    }
}

#[tokio::test]
async fn more_groups_than_a_page_holds_are_refused() {
    let door = Door::new();
    for number in 0..2001 {
        door.org().insert("Account", json!({ "Name": format!("A{number}") }));
    }
    let soql = "SELECT Name, COUNT(Id) FROM Account GROUP BY Name";
    assert_eq!(door.query(soql).await.code(), "EXCEEDED_ID_LIMIT");
    assert_eq!(rows(&door, &format!("{soql} LIMIT 2000")).await.len(), 2000);
}
