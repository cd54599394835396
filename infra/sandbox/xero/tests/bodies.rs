//! Envelopes, headers and limits, as recorded; refusals are in `errors.rs`.

use serde_json::{Value, json};

use super::{Client, encoded};
use crate::Settings;

#[tokio::test]
async fn the_envelope_has_its_fields_in_order_and_pagination_only_when_paged() {
    let client = Client::new().await;
    client.ledger().seed_contacts(3);
    let body = client.get("Contacts").await.json();
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&body), ["Id", "Status", "ProviderName", "DateTimeUTC", "Contacts"]);
    assert_eq!(body["DateTimeUTC"], "/Date(1795341600000)/");
    let paged = client.get("Contacts?page=2&pageSize=2").await.json();
    assert_eq!(keys(&paged), ["Id", "Status", "ProviderName", "DateTimeUTC", "pagination", "Contacts"]);
    assert_eq!(paged["pagination"], json!({ "page": 2, "pageSize": 2, "pageCount": 2, "itemCount": 3 }));
    assert_eq!(paged["Contacts"].as_array().unwrap().len(), 1);
    let past = client.get("Contacts?page=9&pageSize=5000").await.json();
    assert_eq!(past["pagination"], json!({ "page": 9, "pageSize": 1000, "pageCount": 1, "itemCount": 3 }));
    assert_eq!(past["Contacts"], json!([]));
}

#[tokio::test]
async fn every_answer_is_dated_by_the_clock_and_says_what_is_left() {
    let client = Client::new().await;
    let reply = client.get("Organisation").await;
    assert_eq!(reply.header("date"), Some("Sun, 22 Nov 2026 10:00:00 GMT"));
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(reply.header("x-minlimit-remaining"), Some("59"));
    assert_eq!(reply.header("x-daylimit-remaining"), Some("4999"));
    assert_eq!(reply.header("x-appminlimit-remaining"), Some("9999"));
}

#[tokio::test]
async fn the_sixty_first_call_gets_an_empty_429_that_names_the_problem() {
    let client = Client::new().await;
    for _ in 0..60 {
        assert_eq!(client.get("Organisation").await.status, 200);
    }
    let refused = client.get("Organisation").await;
    assert_eq!((refused.status.as_u16(), refused.text.as_str()), (429, ""));
    assert_eq!(refused.header("content-type"), None);
    assert_eq!(refused.header("x-rate-limit-problem"), Some("minute"));
    assert_eq!(refused.header("x-minlimit-remaining"), Some("0"));
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    client.advance(wait);
    assert_eq!(client.get("Organisation").await.status, 200);
    assert_eq!(client.xero().count_429(), 1);
}

#[tokio::test]
async fn settings_are_listed_filtered_and_found() {
    let client = Client::new().await;
    client.ledger().add_currency("EUR");
    let organisation = client.get("Organisation").await.json();
    assert_eq!(organisation["Organisations"][0]["Name"], "Demo Company");
    assert!(organisation["Organisations"][0].get("PeriodLockDate").is_none());
    let banks = client.get(&format!("Accounts?where={}", encoded("Type==\"BANK\""))).await.json();
    assert_eq!(banks["Accounts"].as_array().unwrap().len(), 2);
    let rate = client.get("TaxRates/OUTPUT2").await.json();
    assert_eq!(rate["TaxRates"][0]["EffectiveRate"].to_string(), "15.0");
    assert_eq!(client.get("Currencies").await.json()["Currencies"].as_array().unwrap().len(), 2);
    let tracking = client.get("TrackingCategories").await.json();
    assert_eq!(tracking["TrackingCategories"][0]["Options"][1]["Name"], "North");
}

#[tokio::test]
async fn calls_are_counted_by_route() {
    let client = Client::with(Settings { limits: false, ..Settings::default() }).await;
    client.get("Invoices/INV-0001").await;
    client.put("Contacts", json!({ "Name": "A" })).await;
    assert_eq!(client.xero().calls_to("GET /Invoices/{id}"), 1);
    assert_eq!(client.xero().calls_to("PUT /Contacts"), 1);
    assert_eq!(client.xero().calls_to("POST /connect/token"), 1);
}
