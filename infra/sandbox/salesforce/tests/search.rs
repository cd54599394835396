//! Searches over HTTP, by SOSL and by parameters.

use serde_json::{Value, json};

use super::Door;

fn people() -> Door {
    let door = Door::new();
    let org = door.org();
    let acme = org.insert(
        "Account",
        json!({ "Name": "Acme Foods", "Phone": "(0113) 496-0123", "Website": "acme.example" }),
    );
    org.insert("Account", json!({ "Name": "Boxwood", "Description": "Sells to Acme" }));
    org.insert(
        "Contact",
        json!({ "LastName": "O'Brien", "FirstName": "Ana", "Email": "ana@acme.example", "AccountId": acme }),
    );
    org.insert("Lead", json!({ "LastName": "Chen", "Company": "Acme" }));
    door
}

async fn sosl(door: &Door, text: &str) -> Vec<Value> {
    let text = serde_urlencoded::to_string([("q", text)]).unwrap();
    let reply = door.call("GET", &format!("/search?{text}"), None).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["searchRecords"].as_array().unwrap().clone()
}

fn of(rows: &[Value], field: &str) -> Vec<String> {
    rows.iter().map(|row| row[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn sosl_looks_where_it_is_told_and_gives_what_is_wanted() {
    let door = people();
    let found = sosl(&door, "FIND {acme} IN NAME FIELDS RETURNING Account(Id, Name), Lead").await;
    assert_eq!(of(&found, "Name"), ["Acme Foods"]);
    assert_eq!(found[0]["attributes"]["type"], "Account");
    let everywhere = sosl(&door, "FIND {acme}").await;
    let kinds: Vec<&str> = everywhere.iter().map(|row| row["attributes"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Account", "Account", "Contact", "Lead"]);
    let ordered =
        "FIND {acme} RETURNING Account(Name WHERE Name != null ORDER BY Name DESC LIMIT 1) LIMIT 10";
    assert_eq!(of(&sosl(&door, ordered).await, "Name"), ["Boxwood"]);
    assert_eq!(sosl(&door, "FIND {acme} LIMIT 2").await.len(), 2);
    assert_eq!(sosl(&door, r"FIND {01134960123} IN PHONE FIELDS RETURNING Account").await.len(), 1);
    let email = r"FIND {ana\@acme.example} IN EMAIL FIELDS RETURNING Contact(Email)";
    assert_eq!(of(&sosl(&door, email).await, "Email"), ["ana@acme.example"]);
}

#[tokio::test]
async fn parameters_search_the_same_in_a_body_and_in_the_url() {
    let door = people();
    let body = json!({ "q": "Acme", "in": "NAME", "fields": ["Id"], "overallLimit": 5, "defaultLimit": 1,
        "sobjects": [{ "name": "Account", "fields": ["Id", "Name"], "limit": 20 }] });
    let posted = door.call("POST", "/parameterizedSearch", Some(body)).await.json();
    assert_eq!(of(posted["searchRecords"].as_array().unwrap(), "Name"), ["Acme Foods"]);
    let url = "/parameterizedSearch?q=Acme&in=NAME&sobject=Account&Account.fields=Id,Name&Account.limit=20";
    assert_eq!(door.call("GET", url, None).await.json(), posted);
    let limited = door.call("GET", "/parameterizedSearch?q=Acme&overallLimit=3", None).await.json();
    assert_eq!(limited["searchRecords"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn searches_that_say_nothing_are_refused() {
    let door = people();
    for (text, code) in [
        ("FIND {a}", "INVALID_SEARCH"),
        ("FIND acme", "MALFORMED_SEARCH"),
        ("FIND {acme} IN BAD FIELDS", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Acount", "INVALID_TYPE"),
        ("FIND {acme} RETURNING Account(Bogus)", "INVALID_FIELD"),
    ] {
        let query = serde_urlencoded::to_string([("q", text)]).unwrap();
        let reply = door.call("GET", &format!("/search?{query}"), None).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{text}");
    }
    assert_eq!(door.call("GET", "/parameterizedSearch?q=", None).await.code(), "MALFORMED_SEARCH");
    assert_eq!(
        door.call("GET", "/parameterizedSearch?q=acme&in=X", None).await.code(),
        "INVALID_SEARCH_SCOPE"
    );
}

#[tokio::test]
async fn an_index_that_lags_finds_nothing_that_is_new() {
    let door = people();
    door.org().configure(|options| options.search_lag_seconds = 30);
    assert_eq!(sosl(&door, "FIND {acme}").await.len(), 0);
    door.sandbox.clock.advance_seconds(30);
    assert_eq!(sosl(&door, "FIND {acme}").await.len(), 4);
}
