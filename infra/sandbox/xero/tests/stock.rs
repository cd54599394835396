//! Tracked items: what is bought, sold, taken back, and what there isn't enough of.

use serde_json::{Value, json};

use super::reports::{amounts, report};
use super::{Client, digits};

const INSUFFICIENT: &str = "Insufficient stock. Items are eligible for backorder.";

async fn ready() -> Client {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    client.ledger().add_account("630", "Inventory", "INVENTORY", "ASSET", "NONE");
    client.ledger().add_account("310", "Cost of Goods Sold", "DIRECTCOSTS", "EXPENSE", "NONE");
    let item = json!({
        "Code": "BOX", "Name": "A box", "Description": "A box", "InventoryAssetAccountCode": "630",
        "SalesDetails": { "UnitPrice": 50, "AccountCode": "200" },
        "PurchaseDetails": { "UnitPrice": 10, "COGSAccountCode": "310" },
    });
    assert_eq!(client.put("Items", item).await.status, 200);
    client
}

fn boxes(kind: &str, quantity: u32, price: u32) -> Value {
    json!({
        "Type": kind, "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
        "DueDate": "2026-12-20", "LineItems": [{
            "ItemCode": "BOX", "Description": "A box", "Quantity": quantity, "UnitAmount": price,
            "TaxType": "NONE",
        }],
    })
}

async fn made(client: &Client, path: &str, document: Value) -> Value {
    let reply = client.put(path, document).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let collection = path.split('?').next().unwrap();
    reply.json()[collection][0].clone()
}

/// How many there are, what they are worth, and what the books say of stock and of what it cost to sell.
async fn stock(client: &Client) -> [String; 4] {
    let item = client.get("Items/BOX").await.json()["Items"][0].clone();
    let books = ["630", "310"].map(|code| client.ledger().balance(code).to_string());
    let [inventory, cost] = books;
    client.assert_books_hold().await;
    [digits(&item["QuantityOnHand"]), digits(&item["TotalCostPool"]), inventory, cost]
}

#[tokio::test]
async fn stock_is_bought_sold_at_its_average_cost_and_taken_back() {
    let client = ready().await;
    assert_eq!(stock(&client).await, ["0.0000", "0.00", "0", "0"]);
    let bill = made(&client, "Invoices", boxes("ACCPAY", 10, 10)).await;
    assert_eq!(bill["LineItems"][0]["AccountCode"], "630");
    made(&client, "Invoices", boxes("ACCPAY", 5, 13)).await;
    assert_eq!(stock(&client).await, ["15.0000", "165.00", "165.00", "0"]);
    let sale = made(&client, "Invoices", boxes("ACCREC", 4, 50)).await;
    assert_eq!(stock(&client).await, ["11.0000", "121.00", "121.00", "44.00"]);
    made(&client, "CreditNotes", boxes("ACCRECCREDIT", 1, 50)).await;
    assert_eq!(stock(&client).await, ["12.0000", "132.00", "132.00", "33.00"]);
    made(&client, "CreditNotes", boxes("ACCPAYCREDIT", 2, 13)).await;
    assert_eq!(stock(&client).await, ["10.0000", "106.00", "106.00", "33.00"]);
    let void = json!({ "InvoiceID": sale["InvoiceID"], "Status": "VOIDED" });
    assert_eq!(client.post("Invoices", void).await.status, 200);
    assert_eq!(stock(&client).await, ["14.0000", "150.00", "150.00", "-11.00"]);
}

#[tokio::test]
async fn drafts_move_nothing_and_a_later_edit_keeps_the_cost_of_the_sale() {
    let client = ready().await;
    made(&client, "Invoices", boxes("ACCPAY", 10, 10)).await;
    let mut draft = boxes("ACCREC", 4, 50);
    draft["Status"] = "DRAFT".into();
    let sale = made(&client, "Invoices", draft).await;
    assert_eq!(stock(&client).await[0], "10.0000");
    let id = &sale["InvoiceID"];
    assert_eq!(client.post("Invoices", json!({ "InvoiceID": id, "Status": "AUTHORISED" })).await.status, 200);
    assert_eq!(stock(&client).await, ["6.0000", "60.00", "60.00", "40.00"]);
    made(&client, "Invoices", boxes("ACCPAY", 6, 20)).await;
    assert_eq!(client.post("Invoices", json!({ "InvoiceID": id, "Reference": "R" })).await.status, 200);
    assert_eq!(stock(&client).await, ["12.0000", "180.00", "180.00", "40.00"]);
}

#[tokio::test]
async fn what_is_not_there_is_sold_only_as_a_backorder() {
    let client = ready().await;
    made(&client, "Invoices", boxes("ACCPAY", 3, 10)).await;
    let refused = client.put("Invoices", boxes("ACCREC", 4, 50)).await;
    assert_eq!((refused.status.as_u16(), refused.messages()), (400, vec![INSUFFICIENT.to_owned()]));
    let line = &refused.json()["Elements"][0]["LineItems"][0];
    assert_eq!(line["ValidationErrors"], json!([{ "Message": INSUFFICIENT }]));
    let mut twice = boxes("ACCREC", 2, 50);
    twice["LineItems"] = json!([twice["LineItems"][0], twice["LineItems"][0]]);
    assert_eq!(client.put("Invoices", twice).await.messages(), [INSUFFICIENT], "both lines together");
    let mut draft = boxes("ACCREC", 4, 50);
    draft["Status"] = "DRAFT".into();
    made(&client, "Invoices", draft).await;
    made(&client, "Invoices?allowBackorders=true", boxes("ACCREC", 4, 50)).await;
    assert_eq!(stock(&client).await, ["-1.0000", "0.00", "0.00", "30.00"]);
    assert_eq!(client.put("Invoices", boxes("ACCREC", 1, 50)).await.messages(), [INSUFFICIENT]);
}

#[tokio::test]
async fn a_tracked_item_is_bought_on_the_account_of_its_stock() {
    let client = ready().await;
    let mut bill = boxes("ACCPAY", 1, 10);
    bill["LineItems"][0]["AccountCode"] = "300".into();
    let message = "Account code '300' cannot be used for a tracked item, only '630'";
    assert_eq!(client.put("Invoices", bill).await.messages(), [message]);
    let mut spent = boxes("SPEND", 2, 10);
    spent["BankAccount"] = json!({ "Code": "090" });
    spent["Status"] = "AUTHORISED".into();
    let spent = made(&client, "BankTransactions", spent).await;
    assert_eq!(stock(&client).await, ["2.0000", "20.00", "20.00", "0"]);
    let path = format!("BankTransactions/{}", spent["BankTransactionID"].as_str().unwrap());
    assert_eq!(client.post(&path, json!({ "Status": "DELETED" })).await.status, 200);
    assert_eq!(stock(&client).await, ["0.0000", "0.00", "0", "0"]);
}

#[tokio::test]
async fn on_a_cash_basis_what_was_sold_costs_as_far_as_it_is_paid() {
    let client = ready().await;
    made(&client, "Invoices", boxes("ACCPAY", 10, 10)).await;
    let sale = made(&client, "Invoices", boxes("ACCREC", 4, 50)).await;
    let payment = json!({
        "Invoice": { "InvoiceID": sale["InvoiceID"] }, "Account": { "Code": "090" }, "Date": "2026-11-21",
        "Amount": 100,
    });
    made(&client, "Payments", payment).await;
    for (basis, sold, cost) in [("false", "200.00", "40.00"), ("true", "100.00", "20.00")] {
        let profit = report(&client, &format!("ProfitAndLoss?paymentsOnly={basis}")).await;
        assert_eq!(amounts(&profit, "Sales"), [sold]);
        assert_eq!(amounts(&profit, "Cost of Goods Sold"), [cost]);
    }
    client.assert_books_hold().await;
}
