//! What sources dispute and no other story tells: either side can be had, at the start and later.

use serde_json::{Value, json};

use super::Client;
use crate::xero::{Disputed, KnownName, Options, Windows};
use crate::{Sandbox, Settings};

#[tokio::test]
async fn files_have_ten_megabytes_or_twenty_five_and_requests_three_and_a_half_or_ten() {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap().id;
    let attach = async |megabytes: usize| {
        let path = format!("Contacts/{contact}/Attachments/a.txt");
        client.call("PUT", &path, &[], &"x".repeat(megabytes << 20)).await.status.as_u16()
    };
    let write = async |bytes: usize| {
        let body = json!({ "Name": "Big", "Website": "x".repeat(bytes) });
        client.post("Contacts", body).await.status.as_u16()
    };
    assert_eq!((attach(10).await, attach(11).await), (200, 413));
    // The small one is read, and then refused for its long text.
    assert_eq!((write(3_400_000).await, write(3_600_000).await), (400, 413));
    let larger = json!({ "largest_file": 25 << 20, "largest_request": 10_000_000 });
    client.control("PATCH", "options", larger).await;
    assert_eq!((attach(25).await, attach(26).await), (200, 413));
    assert_eq!(write(3_600_000).await, 400);
}

#[tokio::test]
async fn windows_that_roll_give_back_each_call_a_minute_after_it() {
    let disputed = Disputed { windows: Windows::Rolling, ..Disputed::default() };
    let xero = Options { disputed, ..Options::default() };
    let client = Client::with(Settings { xero, ..Settings::default() }).await;
    client.control("POST", "calls", json!({ "minute": 30 })).await;
    client.advance(20);
    client.control("POST", "calls", json!({ "minute": 30 })).await;
    let refused = client.get("Organisation").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("40")));
    client.advance(40);
    assert_eq!(client.get("Organisation").await.header("x-minlimit-remaining"), Some("29"));
}

#[tokio::test]
async fn a_token_error_is_its_word_alone_or_is_described() {
    let client = Client::unlimited().await;
    let form =
        "grant_type=refresh_token&refresh_token=gone&client_id=sandbox-client&client_secret=sandbox-secret";
    let refused = async || client.send("POST", "/connect/token", &[], form).await.json();
    assert_eq!(refused().await, json!({ "error": "invalid_grant" }));
    client.control("PATCH", "options", json!({ "token_errors": "described" })).await;
    let described = refused().await;
    assert_eq!(described["error"], "invalid_grant");
    assert!(described["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{described}");
}

#[tokio::test]
async fn the_side_that_was_taken_is_kept_until_a_reset_and_no_other_can_be_taken() {
    let client = Client::unlimited().await;
    client.control("PATCH", "options", json!({ "known_name": "updates" })).await;
    let again = Sandbox::new(Settings::default());
    again.restore(&client.sandbox.keep().unwrap()).unwrap();
    assert_eq!(again.xero.disputed().known_name, KnownName::Updates);
    assert_eq!(client.control("GET", "options", Value::Null).await["windows"], "fixed");
    for wrong in [json!({ "known_name": "asks" }), json!({ "known_names": "updates" }), json!([])] {
        let kind = [("content-type", "application/json")];
        let refused = client.send("PATCH", "/_sandbox/options", &kind, &wrong.to_string()).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    client.control("POST", "reset", Value::Null).await;
    assert_eq!(client.xero().disputed(), Disputed::default());
}
