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

#[tokio::test]
async fn json_is_asked_for_in_any_case() {
    let client = Client::new().await;
    let bearer = format!("Bearer {}", client.token);
    for accept in ["APPLICATION/JSON", "Application/Json; q=0.9, */*"] {
        let headers = [("authorization", bearer.as_str()), ("accept", accept)];
        let reply = client.send("GET", "/api.xro/2.0/Currencies", &headers, "").await;
        assert_eq!(reply.json()["Currencies"][0]["Code"], "NZD", "{accept}");
    }
}

/// XML has no place for most control characters, so that nothing may bring one in.
#[tokio::test]
async fn characters_that_xml_cannot_say_are_refused_and_never_sent() {
    let client = Client::unlimited().await;
    for (text, code) in [("\u{0}", "U+0000"), ("a\u{1b}b", "U+001B"), ("\u{ffff}", "U+FFFF")] {
        let refused =
            client.put("Contacts", json!({ "Contacts": [{ "Name": "Acme", "FirstName": text }] })).await;
        let body = refused.json();
        assert_eq!(
            (refused.status.as_u16(), &body["Type"]),
            (400, &json!("PostDataInvalidException")),
            "{code}"
        );
        assert!(body["Message"].as_str().unwrap().contains(code), "{}", refused.text);
    }
    let kept = client.put("Contacts", json!({ "Name": "Acme", "FirstName": "tab\tline\nend\r" })).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    let asked = "/api.xro/2.0/Contacts?where=Name%3D%3D%1B";
    let refused = client.send("GET", asked, &headers, "").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("<Message>") && !refused.text.contains('\u{1b}'), "{}", refused.text);
    let odd = client.send("PUT", "/api.xro/2.0/Currencies", &headers, r#"{"a<b":1,"Code":"X","9":2}"#).await;
    assert!(odd.text.contains("<Code>X</Code>") && !odd.text.contains("a<b"), "{}", odd.text);
    assert!(!odd.text.contains("<9>"), "{}", odd.text);
}

#[tokio::test]
async fn a_day_that_no_answer_could_say_is_refused_by_the_name_of_its_field() {
    let client = Client::unlimited().await;
    let invoice = json!({
        "Type": "ACCREC", "Contact": { "Name": "Acme" }, "Date": "2026-11-20", "DueDate": "9999-12-31",
    });
    let refused = client.put("Invoices", invoice.clone()).await;
    assert_eq!(refused.messages(), ["The DueDate '9999-12-31' is not a valid date"]);
    let mut last = invoice;
    last["DueDate"] = "9999-12-30".into();
    let shown = client.put("Invoices", last).await.json()["Invoices"][0].clone();
    assert_eq!(shown["DueDate"], "/Date(253402128000000+0000)/");
    let offset =
        json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" }, "Date": "/Date(1793491200000-0500)/" });
    let shown = client.put("Invoices", offset).await.json()["Invoices"][0].clone();
    assert_eq!(shown["Date"], "/Date(1793491200000+0000)/");
}
