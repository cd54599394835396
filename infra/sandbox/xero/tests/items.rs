//! Items: found and updated by code, what a line takes from them, and their limits.

use serde_json::{Value, json};

use super::{Client, digits, encoded};

fn fender() -> Value {
    json!({
        "Code": "FEN", "Name": "Fender", "Description": "Guitar", "PurchaseDescription": "Guitar, bought",
        "SalesDetails": { "UnitPrice": 128.19, "AccountCode": "200" },
        "PurchaseDetails": { "UnitPrice": 98.61, "AccountCode": "300" },
    })
}

#[tokio::test]
async fn a_written_item_takes_the_tax_of_its_accounts_and_shows_a_bare_stamp_as_recorded() {
    let client = Client::new().await;
    let item = client.post("Items", fender()).await.json()["Items"][0].clone();
    let details = |field: &str| (digits(&item[field]["UnitPrice"]), item[field]["TaxType"].clone());
    assert_eq!(details("SalesDetails"), ("128.19".to_owned(), json!("OUTPUT2")));
    assert_eq!(details("PurchaseDetails"), ("98.61".to_owned(), json!("INPUT2")));
    assert_eq!((&item["IsSold"], &item["IsTrackedAsInventory"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&item["UpdatedDateUTC"], &item["ValidationErrors"]),
        (&json!("/Date(1795341600000)/"), &json!([]))
    );
    let listed = client.get("Items").await.json()["Items"][0].clone();
    assert_eq!(listed["UpdatedDateUTC"], "/Date(1795341600000+0000)/");
    assert!(listed.get("ValidationErrors").is_none());
}

#[tokio::test]
async fn posting_a_code_updates_what_is_sent_and_putting_it_is_refused() {
    let client = Client::new().await;
    let first = client.put("Items", fender()).await.json()["Items"][0].clone();
    let second =
        client.post("Items", json!({ "Code": "fen", "Name": "Strat" })).await.json()["Items"][0].clone();
    assert_eq!(second["ItemID"], first["ItemID"]);
    assert_eq!((&second["Name"], &second["SalesDetails"]), (&json!("Strat"), &first["SalesDetails"]));
    let reply = client.put("Items", fender()).await;
    assert_eq!(reply.messages(), ["Price List Item with Code 'FEN' already exists"]);
    assert_eq!(reply.json()["Elements"][0]["ItemID"], "00000000-0000-0000-0000-000000000000");
    let other = client.put("Items", json!({ "Code": "OTHER" })).await.json()["Items"][0].clone();
    let path = format!("Items/{}", other["ItemID"].as_str().unwrap());
    let taken = client.post(&path, json!({ "Code": "FEN" })).await;
    assert_eq!(taken.messages(), ["Price List Item with Code 'FEN' already exists"]);
}

/// <https://developer.xero.com/documentation/api/accounting/items>
#[tokio::test]
async fn of_more_than_five_hundred_items_in_a_request_none_is_written() {
    let client = Client::new().await;
    let items = |count: usize| -> Value {
        json!({ "Items": (0..count).map(|number| json!({ "Code": format!("I{number}") })).collect::<Vec<_>>() })
    };
    let refused = client.put("Items", items(501)).await;
    assert_eq!(refused.messages(), ["Only 500 of the Items may be written in a request"]);
    assert_eq!(client.get("Items").await.json()["Items"], json!([]));
    assert_eq!(client.put("Items", items(500)).await.json()["Items"].as_array().unwrap().len(), 500);
}

#[tokio::test]
async fn lines_take_what_is_sold_or_what_is_bought() {
    let client = Client::new().await;
    client.put("Items", fender()).await;
    client.ledger().add_contact_named("Acme").unwrap();
    let line = async |kind: &str| {
        let sent =
            json!({ "Type": kind, "Contact": { "Name": "Acme" }, "LineItems": [{ "ItemCode": "FEN" }] });
        client.put("Invoices", sent).await.json()["Invoices"][0]["LineItems"][0].clone()
    };
    let (sold, bought) = (line("ACCREC").await, line("ACCPAY").await);
    let shown = |line: &Value| ["Description", "AccountCode", "TaxType"].map(|field| line[field].clone());
    assert_eq!(shown(&sold), ["Guitar", "200", "OUTPUT2"]);
    assert_eq!(shown(&bought), ["Guitar, bought", "300", "INPUT2"]);
    assert_eq!([&sold, &bought].map(|line| digits(&line["UnitAmount"])), ["128.19", "98.61"]);
}

#[tokio::test]
async fn a_deleted_item_is_unknown_to_new_lines_and_stays_in_old_ones() {
    let client = Client::new().await;
    client.put("Items", fender()).await;
    client.ledger().add_contact_named("Acme").unwrap();
    let sent =
        json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" }, "LineItems": [{ "ItemCode": "FEN" }] });
    client.put("Invoices", sent.clone()).await;
    let reply = client.call("DELETE", "Items/FEN", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    assert_eq!(client.get("Items/FEN").await.status, 404);
    assert_eq!(client.put("Invoices", sent).await.messages(), ["Item code 'FEN' is not valid"]);
    let kept = client.get("Invoices/INV-0001").await.json()["Invoices"][0]["LineItems"][0].clone();
    assert_eq!(kept["ItemCode"], "FEN");
}

#[tokio::test]
async fn codes_names_accounts_and_taxes_of_items_are_checked() {
    let client = Client::unlimited().await;
    for (sent, message) in [
        (json!({ "Name": "No code" }), "Code must be specified"),
        (json!({ "Code": "x".repeat(31) }), "The Code field must not exceed 30 characters"),
        (json!({ "Code": "A", "Name": "x".repeat(51) }), "The Name field must not exceed 50 characters"),
        (
            json!({ "Code": "A", "SalesDetails": { "AccountCode": "nope" } }),
            "The AccountCode 'nope' is not a valid code for this item",
        ),
        (
            json!({ "Code": "A", "SalesDetails": { "TaxType": "NOPE" } }),
            "The TaxType code 'NOPE' does not exist",
        ),
        (
            json!({ "Code": "A", "InventoryAssetAccountCode": "200",
                    "PurchaseDetails": { "COGSAccountCode": "300" } }),
            "The InventoryAssetAccountCode '200' is not an inventory account",
        ),
    ] {
        assert_eq!(client.put("Items", sent).await.messages(), [message]);
    }
}

#[tokio::test]
async fn a_tracked_item_has_an_inventory_account_and_an_empty_stock() {
    let client = Client::new().await;
    client.ledger().add_account("630", "Inventory", "INVENTORY", "ASSET", "NONE");
    let sent = json!({ "Code": "T", "InventoryAssetAccountCode": "630", "PurchaseDetails": { "COGSAccountCode": "300" } });
    let item = client.put("Items", sent).await.json()["Items"][0].clone();
    assert_eq!(
        (&item["IsTrackedAsInventory"], &item["InventoryAssetAccountCode"]),
        (&json!(true), &json!("630"))
    );
    assert_eq!(["QuantityOnHand", "TotalCostPool"].map(|field| digits(&item[field])), ["0.0000", "0.00"]);
}

#[tokio::test]
async fn items_are_filtered_and_ordered_also_by_what_some_of_them_lack() {
    let client = Client::unlimited().await;
    client.put("Items", fender()).await;
    client.advance(10);
    client.put("Items", json!({ "Items": [{ "Code": "BARE" }] })).await;
    let codes = async |query: &str| {
        let body = client.get(&format!("Items?{query}")).await.json();
        let items = body["Items"].as_array().unwrap().iter();
        items.map(|item| item["Code"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(codes("order=Code").await, "BARE FEN");
    let where_ = |text: &str| format!("where={}", encoded(text));
    assert_eq!(codes(&where_("SalesDetails.UnitPrice > 100")).await, "FEN");
    assert_eq!(codes(&where_("Name == null")).await, "BARE");
    assert_eq!(client.get(&format!("Items?{}", where_("Nope == 1"))).await.status, 400);
    let since = [("if-modified-since", "2026-11-22T10:00:05")];
    let fresh = client.call("GET", "Items", &since, "").await.json();
    assert_eq!(fresh["Items"].as_array().unwrap().len(), 1);
}
