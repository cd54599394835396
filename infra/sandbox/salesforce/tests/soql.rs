//! Conditions give what a plain filter over all records gives, whichever index they use.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::Door;

/// A condition as SOQL and as plain Rust.
type Condition = (String, Box<dyn Fn(&Value) -> bool>);

fn simple(random: &mut StdRng, accounts: &[String]) -> Condition {
    let amount = |row: &Value| row["Amount"].as_f64();
    let stamp = |row: &Value| row["SystemModstamp"].as_str().unwrap()[11..19].to_owned();
    match random.random_range(0..9) {
        0 => {
            let than = random.random_range(0..40) * 10;
            (
                format!("Amount >= {than}"),
                Box::new(move |row| amount(row).is_some_and(|it| it >= f64::from(than))),
            )
        }
        1 => {
            let than = random.random_range(0..40) * 10;
            (format!("Amount != {than}.00"), Box::new(move |row| amount(row) != Some(f64::from(than))))
        }
        2 => ("Amount = null".into(), Box::new(move |row| amount(row).is_none())),
        3 => {
            let account = accounts.choose(random).unwrap().clone();
            (format!("AccountId = '{}'", &account[..15]), Box::new(move |row| row["AccountId"] == account))
        }
        4 => {
            let some: Vec<String> = accounts.choose_multiple(random, 3).cloned().collect();
            let list = some.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
            (
                format!("AccountId NOT IN ({list})"),
                Box::new(move |row| !some.iter().any(|id| row["AccountId"] == *id)),
            )
        }
        5 => {
            let letter = *["a", "B", "c"].choose(random).unwrap();
            let lower = letter.to_lowercase();
            (
                format!("Name LIKE '{letter}_eal%'"),
                Box::new(move |row| {
                    let name = row["Name"].as_str().unwrap().to_lowercase();
                    name.starts_with(&lower) && name.get(2..5) == Some("eal")
                }),
            )
        }
        6 => {
            let minute = random.random_range(0..30);
            let at = format!("10:{minute:02}:00");
            (format!("SystemModstamp >= 2026-11-22T{at}Z"), Box::new(move |row| stamp(row) >= at))
        }
        7 => ("StageName = 'CLOSED won'".into(), Box::new(|row| row["StageName"] == "Closed Won")),
        _ => ("IsClosed = false".into(), Box::new(|row| row["IsClosed"] == false)),
    }
}

fn condition(random: &mut StdRng, accounts: &[String], depth: u32) -> Condition {
    if depth == 0 || random.random_range(0..3) == 0 {
        return simple(random, accounts);
    }
    let (left, right) = (condition(random, accounts, depth - 1), condition(random, accounts, depth - 1));
    match random.random_range(0..3) {
        0 => (format!("({}) AND ({})", left.0, right.0), Box::new(move |row| left.1(row) && right.1(row))),
        1 => (format!("({}) OR ({})", left.0, right.0), Box::new(move |row| left.1(row) || right.1(row))),
        _ => (format!("NOT ({})", left.0), Box::new(move |row| !left.1(row))),
    }
}

#[tokio::test]
async fn any_condition_gives_what_a_plain_filter_gives() {
    let door = Door::new();
    let mut random = StdRng::seed_from_u64(42);
    let accounts: Vec<String> =
        (0..6).map(|number| door.org().insert("Account", json!({ "Name": format!("A{number}") }))).collect();
    for number in 0..150 {
        if number % 5 == 0 {
            door.sandbox.clock.advance_seconds(60);
        }
        let amount = (random.random_range(0..4) > 0).then(|| random.random_range(0..40) * 10);
        let stage = *["Prospecting", "Closed Won", "Closed Lost"].choose(&mut random).unwrap();
        let name =
            format!("{}deal {number}", ["A ", "Bd", "c"].choose(&mut random).unwrap()).replace(' ', "");
        let account = (random.random_range(0..5) > 0).then(|| accounts.choose(&mut random).unwrap());
        door.org().insert(
            "Opportunity",
            json!({ "Name": name, "StageName": stage, "CloseDate": "2026-12-01",
            "Amount": amount, "AccountId": account }),
        );
    }
    let all = door.org().records("Opportunity");
    let mut matched = 0;
    for _ in 0..400 {
        let (text, accepts) = condition(&mut random, &accounts, 3);
        let found: Vec<Value> =
            door.org().find("Opportunity", &text).unwrap().iter().map(|row| row["Id"].clone()).collect();
        let mut wanted: Vec<Value> =
            all.iter().filter(|row| accepts(row)).map(|row| row["Id"].clone()).collect();
        wanted.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
        matched += wanted.len();
        assert_eq!(found, wanted, "{text}");
    }
    assert!(matched > 1000, "the conditions match too little to say anything: {matched}");
}

#[tokio::test]
async fn semi_joins_relative_days_nulls_and_order_work() {
    let door = Door::new();
    let org = door.org();
    let [big, small] = ["Big", "Small"].map(|name| org.insert("Account", json!({ "Name": name })));
    for (name, account, amount) in
        [("b", &big, json!(500)), ("a", &small, json!(null)), ("c", &small, json!(20))]
    {
        let fields = json!({ "Name": name, "AccountId": account, "Amount": amount, "StageName": "Prospecting", "CloseDate": "2026-11-21" });
        org.insert("Opportunity", fields);
    }
    let names = async |soql: &str| {
        let page = door.query(soql).await.json();
        page["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["Name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let joined =
        "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE Amount > 100)";
    assert_eq!(names(joined).await, ["Big"]);
    assert_eq!(names("SELECT Name FROM Opportunity ORDER BY Amount").await, ["a", "c", "b"]);
    assert_eq!(names("SELECT Name FROM Opportunity ORDER BY Amount DESC NULLS LAST").await, ["b", "c", "a"]);
    assert_eq!(
        names("SELECT Name FROM Opportunity ORDER BY Account.Name DESC, Name LIMIT 2 OFFSET 1").await,
        ["c", "b"]
    );
    assert_eq!(
        names(
            "SELECT Name FROM Opportunity WHERE CloseDate = YESTERDAY AND CreatedDate = TODAY ORDER BY Name"
        )
        .await
        .len(),
        3
    );
    assert_eq!(names("SELECT Name FROM Opportunity WHERE CloseDate > YESTERDAY").await.len(), 0);
    assert_eq!(names("SELECT FIELDS(ALL) FROM Opportunity WHERE Name = 'B' LIMIT 200").await, ["b"]);
}
