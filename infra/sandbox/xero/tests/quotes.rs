//! Quotes: the other envelope, the whole replace, states, and what they are found by.

use serde_json::{Value, json};

use super::{Client, digits};

async fn ready() -> (Client, Value) {
    let client = Client::unlimited().await;
    let contact =
        client.ledger().add_contact(json!({ "Name": "Acme", "EmailAddress": "a@acme.test" })).unwrap();
    let quote = json!({
        "Contact": { "ContactID": contact.id.to_string() }, "Date": "2026-11-20", "Terms": "Pay soon",
        "LineAmountTypes": "Exclusive", "Status": "DRAFT",
        "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 703.02, "AccountCode": "200" }],
    });
    (client, quote)
}

fn with(quote: &Value, changes: Value) -> Value {
    let mut quote = quote.clone();
    for (field, value) in changes.as_object().unwrap() {
        quote[field] = value.clone();
    }
    quote
}

async fn created(client: &Client, quote: Value) -> Value {
    let reply = client.put("Quotes", json!({ "Quotes": [quote] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["Quotes"][0].clone()
}

/// The quote with another status, sent whole.
async fn moved(client: &Client, quote: &Value, held: &Value, status: &str) -> super::Reply {
    let sent = with(quote, json!({ "QuoteID": held["QuoteID"], "Status": status }));
    client.post("Quotes", json!({ "Quotes": [sent] })).await
}

#[tokio::test]
async fn a_quote_comes_in_an_envelope_of_its_own_as_recorded() {
    let (client, quote) = ready().await;
    let reply = client.put("Quotes?summarizeErrors=false", json!({ "Quotes": [quote] })).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.text.starts_with("{\"SummarizeErrors\":false,\"Id\":"), "{}", reply.text);
    let mut body = reply.json()["Quotes"][0].clone();
    let ids = ["QuoteID", "BrandingThemeID"].map(|id| body[id].take());
    assert!(ids.iter().all(Value::is_string));
    let contact = body["Contact"].take();
    assert_eq!((&contact["Name"], &contact["EmailAddress"]), (&json!("Acme"), &json!("a@acme.test")));
    assert_eq!(contact.as_object().unwrap().len(), 3);
    let mut line = body["LineItems"][0].take();
    assert!(line["LineItemID"].take().is_string());
    let expected: Value = serde_json::from_str(
        r#"{ "LineItemID": null, "AccountCode": "200", "Description": "Work", "UnitAmount": 703.02,
             "LineAmount": 703.02, "ItemCode": "", "Quantity": 1.0000, "TaxAmount": 0.00, "Tracking": [] }"#,
    )
    .unwrap();
    assert_eq!(line, expected);
    let expected: Value = serde_json::from_str(
        r#"{ "QuoteID": null, "QuoteNumber": "QU-0001", "Terms": "Pay soon", "Contact": null, "LineItems": [null],
             "Date": "/Date(1795132800000)/", "DateString": "2026-11-20T00:00:00", "Status": "DRAFT",
             "CurrencyRate": 1.0, "CurrencyCode": "NZD", "SubTotal": 703.02, "TotalTax": 0.00, "Total": 703.02,
             "BrandingThemeID": null, "UpdatedDateUTC": "/Date(1795341600000)/",
             "LineAmountTypes": "EXCLUSIVE", "StatusAttributeString": "OK" }"#,
    )
    .unwrap();
    assert_eq!(body, expected);
    let list = client.get("Quotes?page=1").await;
    assert!(list.text.starts_with("{\"SummarizeErrors\":true,"), "{}", list.text);
    let listed = list.json();
    assert!(listed.get("pagination").is_none());
    assert_eq!(digits(&listed["Quotes"][0]["TotalDiscount"]), "0.00");
    assert!(listed["Quotes"][0]["LineItems"][0].get("ItemCode").is_none());
}

#[tokio::test]
async fn a_line_without_a_tax_type_has_no_tax_whatever_its_account_says() {
    let (client, quote) = ready().await;
    assert_eq!(digits(&created(&client, quote.clone()).await["TotalTax"]), "0.00");
    let line = with(&quote["LineItems"][0], json!({ "TaxType": "OUTPUT2", "DiscountRate": 10 }));
    let taxed = created(&client, with(&quote, json!({ "LineItems": [line] }))).await;
    assert_eq!(taxed["LineItems"][0]["TaxType"], "OUTPUT2");
    assert_eq!(
        ["SubTotal", "TotalTax", "TotalDiscount"].map(|one| digits(&taxed[one])),
        ["632.72", "94.91", "70.30"]
    );
}

#[tokio::test]
async fn an_update_replaces_the_whole_quote() {
    let (client, quote) = ready().await;
    let full = with(
        &quote,
        json!({ "Title": "Offer", "Summary": "All", "Reference": "R", "ExpiryDate": "2026-12-01" }),
    );
    let first = created(&client, full).await;
    let sent = moved(&client, &quote, &first, "SENT").await.json()["Quotes"][0].clone();
    assert_eq!((&sent["QuoteNumber"], &sent["Terms"]), (&json!("QU-0002"), &json!("Pay soon")));
    assert_ne!(sent["LineItems"][0]["LineItemID"], first["LineItems"][0]["LineItemID"]);
    for blanked in ["Title", "Summary", "Reference", "ExpiryDate"] {
        assert!(sent.get(blanked).is_none(), "{blanked}");
    }
    let kept = with(&quote, json!({ "QuoteNumber": "QU-0002", "LineItems": sent["LineItems"] }));
    let accepted = moved(&client, &kept, &first, "ACCEPTED").await.json()["Quotes"][0].clone();
    assert_eq!((&accepted["QuoteNumber"], &accepted["LineItems"]), (&json!("QU-0002"), &sent["LineItems"]));
    let bare = json!({ "QuoteID": first["QuoteID"], "Status": "DELETED", "Date": "2026-11-20" });
    let deleted = client.post("Quotes", bare).await.json()["Quotes"][0].clone();
    assert_eq!((&deleted["Status"], &deleted["Terms"]), (&json!("DELETED"), &json!("")));
    assert_ne!(deleted["QuoteNumber"], "QU-0002");
    assert_eq!(deleted["LineItems"], sent["LineItems"]);
    assert_eq!(deleted["Contact"], first["Contact"]);
}

#[tokio::test]
async fn contact_date_and_lines_are_needed_and_the_date_on_every_write() {
    let (client, quote) = ready().await;
    let mut without = quote.clone();
    for field in ["Contact", "Date", "LineItems"] {
        without.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(
        client.put("Quotes", without).await.messages(),
        [
            "Date must be specified",
            "A Contact must be specified for this type of transaction",
            "One or more line items must be specified",
        ]
    );
    let held = created(&client, quote).await;
    let reply = client.post("Quotes", json!({ "QuoteID": held["QuoteID"], "Status": "SENT" })).await;
    assert_eq!((reply.status.as_u16(), reply.messages()), (400, vec!["Date must be specified".to_owned()]));
}

#[tokio::test]
async fn a_quote_goes_from_state_to_state_as_documented() {
    let (client, quote) = ready().await;
    for (steps, refused) in [
        (vec![], vec!["ACCEPTED", "DECLINED", "INVOICED"]),
        (vec!["SENT"], vec!["DRAFT", "INVOICED"]),
        (vec!["SENT", "DECLINED"], vec!["ACCEPTED", "INVOICED", "DRAFT"]),
        (vec!["SENT", "ACCEPTED"], vec!["DECLINED", "DRAFT"]),
        (vec!["SENT", "ACCEPTED", "INVOICED"], vec!["ACCEPTED", "DECLINED"]),
        (vec!["SENT", "ACCEPTED", "DELETED"], vec!["SENT", "DELETED"]),
    ] {
        let held = created(&client, quote.clone()).await;
        for step in &steps {
            let reply = moved(&client, &quote, &held, step).await;
            assert_eq!(reply.status, 200, "{steps:?}: {}", reply.text);
        }
        for status in refused {
            let reply = moved(&client, &quote, &held, status).await;
            assert_eq!(reply.messages(), ["Quote status change is invalid"], "{steps:?} to {status}");
        }
    }
    let reply = client.put("Quotes", with(&quote, json!({ "Status": "INVOICED" }))).await;
    assert_eq!(reply.messages(), ["Quote status change is invalid"]);
}

#[tokio::test]
async fn what_the_customer_accepted_cannot_be_changed_until_it_is_sent_again() {
    let (client, quote) = ready().await;
    let held = created(&client, quote.clone()).await;
    moved(&client, &quote, &held, "SENT").await;
    moved(&client, &quote, &held, "ACCEPTED").await;
    let line = with(&quote["LineItems"][0], json!({ "UnitAmount": 1 }));
    let cheaper = with(&quote, json!({ "LineItems": [line] }));
    let on_line =
        |change: Value| with(&quote, json!({ "LineItems": [with(&quote["LineItems"][0], change)] }));
    for edit in [
        cheaper.clone(),
        on_line(json!({ "Description": "Labour" })),
        on_line(json!({ "AccountCode": "260" })),
        on_line(json!({ "Quantity": 2, "UnitAmount": 351.51 })),
        with(&quote, json!({ "Title": "Offer" })),
        with(&quote, json!({ "Summary": "All" })),
        with(&quote, json!({ "Reference": "R" })),
        with(&quote, json!({ "Date": "2026-11-21" })),
        with(&quote, json!({ "ExpiryDate": "2026-12-01" })),
    ] {
        for status in ["ACCEPTED", "INVOICED"] {
            let reply = moved(&client, &edit, &held, status).await;
            assert_eq!(reply.messages(), ["Quote not of valid status for modification"], "{status}: {edit}");
        }
    }
    let renumbered = with(&quote, json!({ "QuoteNumber": "Q-9", "Terms": "Pay later" }));
    assert_eq!(moved(&client, &renumbered, &held, "ACCEPTED").await.status, 200);
    assert_eq!(moved(&client, &cheaper, &held, "SENT").await.status, 200);
    let bare =
        json!({ "QuoteID": held["QuoteID"], "Date": "2026-11-22", "Status": "DELETED", "Title": "Other" });
    moved(&client, &quote, &held, "ACCEPTED").await;
    assert_eq!(
        client.post("Quotes", bare).await.status,
        200,
        "an accepted quote is deleted without complaint"
    );
}

#[tokio::test]
async fn numbers_are_unique_and_texts_have_their_longest_lengths() {
    let (client, quote) = ready().await;
    let numbered = with(&quote, json!({ "QuoteNumber": "Q-1" }));
    let first = created(&client, numbered.clone()).await;
    let reply = client.put("Quotes", numbered.clone()).await;
    assert_eq!(reply.messages(), ["Quote number must be unique"]);
    assert_eq!(reply.json()["Elements"][0]["QuoteID"], "00000000-0000-0000-0000-000000000000");
    let upserted = client.post("Quotes", numbered).await.json()["Quotes"][0].clone();
    assert_eq!(upserted["QuoteID"], first["QuoteID"]);
    for (field, longest) in [("QuoteNumber", 255), ("Title", 100), ("Summary", 3_000), ("Terms", 4_000)] {
        let sent = with(&quote, json!({ field: "x".repeat(longest + 1) }));
        let expected = format!("The {field} field must not exceed {longest} characters");
        assert_eq!(client.put("Quotes", sent).await.messages(), [expected]);
    }
}

#[tokio::test]
async fn tracking_is_named_by_the_id_of_its_option_alone() {
    let (client, quote) = ready().await;
    let category = client.get("TrackingCategories").await.json()["TrackingCategories"][0].clone();
    let tracked = |tracking: Value| {
        let line = with(&quote["LineItems"][0], json!({ "Tracking": [tracking] }));
        with(&quote, json!({ "LineItems": [line] }))
    };
    let option = &category["Options"][1];
    let body = created(&client, tracked(json!({ "TrackingOptionID": option["TrackingOptionID"] }))).await;
    let tracking = &body["LineItems"][0]["Tracking"][0];
    assert_eq!((&tracking["Name"], &tracking["Option"]), (&category["Name"], &option["Name"]));
    let named = tracked(json!({ "Name": category["Name"], "Option": option["Name"] }));
    assert_eq!(client.put("Quotes", named).await.status, 400);
}

#[tokio::test]
async fn lists_are_cut_into_pages_and_asked_by_parameters_never_by_where() {
    let (client, quote) = ready().await;
    let other = client.ledger().add_contact_named("Bolt").unwrap().id.to_string();
    for (number, date, expiry, status) in [
        ("QA-1", "2026-10-01", json!("2026-10-31"), "DRAFT"),
        ("QA-2", "2026-11-01", Value::Null, "SENT"),
        ("QB-3", "2026-12-01", json!("2026-12-31"), "DRAFT"),
    ] {
        let mut sent = with(
            &quote,
            json!({ "QuoteNumber": number, "Date": date, "ExpiryDate": expiry, "Status": status }),
        );
        if number == "QB-3" {
            sent["Contact"] = json!({ "ContactID": other });
        }
        created(&client, sent).await;
        client.advance(10);
    }
    for (query, expected) in [
        ("".to_owned(), "QA-1 QA-2 QB-3"),
        ("?Status=DRAFT".to_owned(), "QA-1 QB-3"),
        ("?QuoteNumber=a-".to_owned(), "QA-1 QA-2"),
        (format!("?ContactID={other}"), "QB-3"),
        ("?DateFrom=2026-11-01&DateTo=2026-11-30".to_owned(), "QA-2"),
        ("?ExpiryDateFrom=2026-11-01".to_owned(), "QB-3"),
        ("?ExpiryDateTo=2026-11-01".to_owned(), "QA-1"),
        ("?order=Date%20DESC".to_owned(), "QB-3 QA-2 QA-1"),
        ("?order=ExpiryDate".to_owned(), "QA-2 QA-1 QB-3"),
        ("?where=Status%3D%3D%22SENT%22".to_owned(), "QA-1 QA-2 QB-3"),
        ("?page=2".to_owned(), ""),
    ] {
        let body = client.get(&format!("Quotes{query}")).await.json();
        let numbers: Vec<&str> = body["Quotes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["QuoteNumber"].as_str().unwrap())
            .collect();
        assert_eq!(numbers.join(" "), expected, "{query}");
    }
    let since = [("if-modified-since", "2026-11-22T10:00:20")];
    let fresh = client.call("GET", "Quotes", &since, "").await.json();
    assert_eq!(fresh["Quotes"].as_array().unwrap().len(), 1);
    assert_eq!(client.get("Quotes?order=Nope").await.status, 400);
}

#[tokio::test]
async fn a_quote_has_its_history_and_does_nothing_to_the_books() {
    let (client, quote) = ready().await;
    let held = created(&client, quote.clone()).await;
    moved(&client, &quote, &held, "SENT").await;
    let path = format!("Quotes/{}/History", held["QuoteID"].as_str().unwrap());
    let body = client.get(&path).await.json();
    let changes: Vec<_> =
        body["HistoryRecords"].as_array().unwrap().iter().map(|record| record["Changes"].clone()).collect();
    assert_eq!(changes, ["Sent", "Created"]);
    let contact = client.get("Contacts").await.json()["Contacts"][0].clone();
    assert_eq!(contact["IsCustomer"], false);
}
