//! Opportunities: what a stage says of a deal, its lines, and the price book that they are of.

use serde_json::{Value, json};

use super::Door;
use crate::{Settings, salesforce::Options};

fn deal(door: &Door, more: Value) -> String {
    let mut fields = json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-01" });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    door.org().insert("Opportunity", fields)
}

/// A product in the standard price book: its id, the book's, the entry's.
fn product(door: &Door) -> (String, Value, String) {
    let org = door.org();
    let product = org.insert("Product2", json!({ "Name": "Day", "ProductCode": "DAY", "IsActive": true }));
    let book = org.find("Pricebook2", "IsStandard = true").unwrap()[0]["Id"].clone();
    let fields = json!({ "Pricebook2Id": book, "Product2Id": product, "UnitPrice": 780, "IsActive": true });
    let entry = org.insert("PricebookEntry", fields);
    (product, book, entry)
}

async fn line(door: &Door, deal: &str, entry: &str) -> super::Reply {
    let body = json!({ "OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 100 });
    door.call("POST", "/sobjects/OpportunityLineItem", Some(body)).await
}

#[tokio::test]
async fn a_stage_says_how_likely_a_deal_is_unless_somebody_knows_better() {
    let door = Door::new();
    let kept = |id: &str| {
        let deal = door.org().get("Opportunity", id).unwrap();
        let text = |name: &str| deal[name].to_string().replace('"', "");
        ["Probability", "ForecastCategory", "ForecastCategoryName", "ExpectedRevenue"].map(text)
    };
    let change = async |id: &str, fields: Value| {
        door.call("PATCH", &format!("/sobjects/Opportunity/{id}"), Some(fields)).await.status
    };
    let known =
        deal(&door, json!({ "Amount": 1000, "Probability": 35, "ForecastCategoryName": "Best Case" }));
    assert_eq!(kept(&known), ["35.0", "BestCase", "Best Case", "350.0"]);
    let usual = deal(&door, json!({ "Amount": 1000, "Probability": null }));
    assert_eq!(kept(&usual), ["10.0", "Pipeline", "Pipeline", "100.0"]);
    assert_eq!(change(&usual, json!({ "StageName": "Needs Analysis", "Probability": 10 })).await, 204);
    assert_eq!(kept(&usual), ["10.0", "Pipeline", "Pipeline", "100.0"]);
    let commit = json!({ "StageName": "Negotiation/Review", "ForecastCategoryName": "Commit" });
    assert_eq!(change(&usual, commit).await, 204);
    assert_eq!(kept(&usual), ["90.0", "Forecast", "Commit", "900.0"]);
    assert_eq!(change(&usual, json!({ "NextStep": "Ring" })).await, 204);
    assert_eq!(kept(&usual), ["90.0", "Forecast", "Commit", "900.0"]);
    assert_eq!(change(&usual, json!({ "StageName": "Closed Won" })).await, 204);
    assert_eq!(kept(&usual), ["100.0", "Closed", "Closed", "1000.0"]);
    assert_eq!(change(&known, json!({ "ForecastCategoryName": "Omitted" })).await, 204);
    assert_eq!(kept(&known), ["35.0", "Omitted", "Omitted", "350.0"]);
}

#[tokio::test]
async fn lines_make_the_amount_of_their_opportunity() {
    let door = Door::new();
    let org = door.org();
    let (product, _, entry) = product(&door);
    let deal = deal(&door, json!({ "Amount": 1 }));
    let body = json!({ "OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 3, "UnitPrice": "780.55", "Discount": 10 });
    let line = door.call("POST", "/sobjects/OpportunityLineItem", Some(body)).await.json()["id"].clone();
    let kept = org.get("OpportunityLineItem", line.as_str().unwrap()).unwrap();
    assert_eq!((kept["TotalPrice"].to_string(), &kept["Product2Id"]), ("2107.49".into(), &json!(product)));
    assert_eq!(org.get("Opportunity", &deal).unwrap()["Amount"].to_string(), "2107.49");
    door.call(
        "PATCH",
        &format!("/sobjects/Opportunity/{deal}"),
        Some(json!({ "Amount": 5, "StageName": "Closed Won" })),
    )
    .await;
    let won = org.get("Opportunity", &deal).unwrap();
    assert_eq!(
        (won["Amount"].to_string().as_str(), &won["IsWon"], won["Probability"].to_string().as_str()),
        ("2107.49", &json!(true), "100.0")
    );
    org.delete("Opportunity", &deal).unwrap();
    assert_eq!(org.records("OpportunityLineItem"), Vec::<serde_json::Value>::new());
    assert_eq!(org.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_expected_of_a_deal_follows_its_lines() {
    let door = Door::new();
    let (_, _, entry) = product(&door);
    let deal = deal(&door, json!({ "Probability": 25 }));
    let expected = || door.org().get("Opportunity", &deal).unwrap()["ExpectedRevenue"].to_string();
    assert_eq!(expected(), "null");
    let line = line(&door, &deal, &entry).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(expected(), "50.0");
    door.org().update("OpportunityLineItem", &line, json!({ "Quantity": 3 }));
    assert_eq!(expected(), "75.0");
}

#[tokio::test]
async fn the_first_line_brings_its_price_book_and_the_others_are_of_the_same() {
    let salesforce = Options { multi_currency: true, ..Options::default() };
    let door = Door::with(Settings { salesforce, ..Settings::default() });
    let org = door.org();
    let (product, standard, entry) = product(&door);
    let partners = org.insert("Pricebook2", json!({ "Name": "Partners", "IsActive": true }));
    let other =
        json!({ "Pricebook2Id": partners, "Product2Id": product, "UnitPrice": 700, "IsActive": true });
    let other = org.insert("PricebookEntry", other);
    let deal = deal(&door, json!({}));
    let book = || org.get("Opportunity", &deal).unwrap()["Pricebook2Id"].clone();
    assert_eq!(
        (book(), line(&door, &deal, &entry).await.status, book()),
        (Value::Null, 201, standard.clone())
    );
    let foreign = line(&door, &deal, &other).await;
    let message = "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than the \
                   one assigned to the opportunity)";
    let expected = json!([{ "message": message, "errorCode": "FIELD_INTEGRITY_EXCEPTION",
        "fields": ["PricebookEntryId"] }]);
    assert_eq!((foreign.status, foreign.json()), (400, expected));
    let path = format!("/sobjects/Opportunity/{deal}");
    for moved in [
        json!({ "Pricebook2Id": partners }),
        json!({ "Pricebook2Id": null }),
        json!({ "CurrencyIsoCode": "EUR" }),
    ] {
        let refused = door.call("PATCH", &path, Some(moved)).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "FIELD_INTEGRITY_EXCEPTION"));
    }
    assert_eq!(door.call("PATCH", &path, Some(json!({ "Pricebook2Id": standard }))).await.status, 204);
    org.records("OpportunityLineItem").iter().for_each(|line| {
        org.delete("OpportunityLineItem", line["Id"].as_str().unwrap()).unwrap();
    });
    assert_eq!(door.call("PATCH", &path, Some(json!({ "Pricebook2Id": partners }))).await.status, 204);
    assert_eq!(
        (line(&door, &deal, &entry).await.status, line(&door, &deal, &other).await.status),
        (400, 201)
    );
}
