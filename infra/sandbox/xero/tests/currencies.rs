//! Money in other currencies: the day's rate, bank accounts, payments and transfers.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Client, Reply, digits};

/// With US dollars, euros, and a bank account in each: `092` and `093`.
async fn ready() -> Client {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    for (currency, code) in [("USD", "092"), ("EUR", "093")] {
        client.ledger().add_currency(currency);
        let account = json!({
            "Code": code, "Name": format!("{currency} Account"), "Type": "BANK", "CurrencyCode": currency,
            "BankAccountNumber": format!("12010203456{code}"),
        });
        assert_eq!(client.put("Accounts", account).await.status, 200);
    }
    client
}

fn invoice(currency: &str) -> Value {
    json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
        "DueDate": "2026-12-20", "CurrencyCode": currency, "LineAmountTypes": "NoTax",
        "LineItems": [{ "Description": "Work", "UnitAmount": 100, "AccountCode": "200" }],
    })
}

async fn made(client: &Client, collection: &str, document: Value) -> Value {
    first(client.put(collection, document).await, collection)
}

fn first(reply: Reply, collection: &str) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()[collection][0].clone()
}

fn number(value: &Value) -> Decimal {
    digits(value).parse().unwrap()
}

#[tokio::test]
async fn a_rate_that_is_left_out_is_that_of_the_document_s_day() {
    let client = ready().await;
    let rate = async |currency: &str, date: &str| {
        let mut sent = invoice(currency);
        sent["Date"] = date.into();
        number(&made(&client, "Invoices", sent).await["CurrencyRate"])
    };
    let one = rate("USD", "2026-11-20").await;
    assert_eq!(rate("USD", "2026-11-20").await, one, "the same day, the same rate");
    assert_ne!(rate("USD", "2026-11-21").await, one);
    assert_ne!(rate("EUR", "2026-11-20").await, one);
    assert!(one > Decimal::new(55, 2) && one < Decimal::new(66, 2), "{one}");
    assert_eq!(rate("NZD", "2026-11-20").await, Decimal::ONE);
    let mut sent = invoice("USD");
    sent["CurrencyRate"] = json!(0.7);
    let kept = made(&client, "Invoices", sent).await;
    assert_eq!(digits(&kept["CurrencyRate"]), "0.7");
    let edit = json!({ "InvoiceID": kept["InvoiceID"], "Reference": "R" });
    let kept = first(client.post("Invoices", edit).await, "Invoices");
    assert_eq!(digits(&kept["CurrencyRate"]), "0.7", "it stays");
}

#[tokio::test]
async fn a_bank_account_keeps_its_currency() {
    let client = ready().await;
    let account = client.get("Accounts").await.json()["Accounts"].as_array().unwrap().clone();
    let account = account.into_iter().find(|account| account["Code"] == "092").unwrap();
    assert_eq!(account["CurrencyCode"], "USD");
    let path = format!("Accounts/{}", account["AccountID"].as_str().unwrap());
    let refused = client.post(&path, json!({ "CurrencyCode": "NZD" })).await;
    assert_eq!(refused.messages(), ["The CurrencyCode of a bank account cannot be changed"]);
    let unknown = json!({
        "Code": "094", "Name": "Pounds", "Type": "BANK", "CurrencyCode": "GBP", "BankAccountNumber": "1",
    });
    let refused = client.put("Accounts", unknown).await;
    assert_eq!(refused.messages(), ["Organisation is not subscribed to currency GBP"]);
}

#[tokio::test]
async fn money_is_received_in_the_currency_of_the_account() {
    let client = ready().await;
    let money = |code: &str| {
        json!({
            "Type": "RECEIVE", "Contact": { "Name": "Acme" }, "BankAccount": { "Code": code },
            "Date": "2026-11-20", "LineAmountTypes": "NoTax", "CurrencyRate": 0.5,
            "LineItems": [{ "Description": "Interest", "UnitAmount": 10, "AccountCode": "270" }],
        })
    };
    let dollars = made(&client, "BankTransactions", money("092")).await;
    assert_eq!((&dollars["CurrencyCode"], digits(&dollars["CurrencyRate"])), (&json!("USD"), "0.5".into()));
    assert_eq!(client.ledger().balance("092").to_string(), "20.00");
    let own = made(&client, "BankTransactions", money("090")).await;
    assert_eq!((&own["CurrencyCode"], own.get("CurrencyRate")), (&json!("NZD"), None));
    let mut wrong = money("090");
    wrong["CurrencyCode"] = "USD".into();
    let message = "The CurrencyCode 'USD' is not the currency of the bank account";
    assert_eq!(client.put("BankTransactions", wrong).await.messages(), [message]);
    let overpaid = json!({
        "Type": "RECEIVE-OVERPAYMENT", "Contact": { "Name": "Acme" }, "BankAccount": { "Code": "090" },
        "CurrencyCode": "USD", "CurrencyRate": 0.5, "LineItems": [{ "Description": "Too much", "UnitAmount": 5 }],
    });
    let overpaid = made(&client, "BankTransactions", overpaid).await;
    assert_eq!(overpaid["CurrencyCode"], "USD");
    client.assert_books_hold().await;
}

#[tokio::test]
async fn an_invoice_is_paid_from_an_account_in_its_currency_or_in_one_s_own() {
    let client = ready().await;
    let pay = async |currency: &str, code: &str, rate: Value| {
        let invoice = made(&client, "Invoices", invoice(currency)).await;
        let payment = json!({
            "Invoice": { "InvoiceID": invoice["InvoiceID"] }, "Account": { "Code": code },
            "Date": "2026-11-21", "Amount": 100, "CurrencyRate": rate,
        });
        client.put("Payments", payment).await
    };
    let from_dollars = first(pay("USD", "092", json!(0.5)).await, "Payments");
    assert_eq!(["Amount", "BankAmount"].map(|field| digits(&from_dollars[field])), ["100.00", "100.00"]);
    assert_eq!(client.ledger().balance("092").to_string(), "200.00");
    let from_own = first(pay("USD", "090", json!(0.5)).await, "Payments");
    assert_eq!(["Amount", "BankAmount"].map(|field| digits(&from_own[field])), ["100.00", "200.00"]);
    let at_day_rate = first(pay("USD", "090", Value::Null).await, "Payments");
    let paid = number(&at_day_rate["BankAmount"]) * number(&at_day_rate["CurrencyRate"]);
    assert!((paid - Decimal::ONE_HUNDRED).abs() < Decimal::new(1, 2), "{paid}");
    assert_ne!(client.ledger().balance("499"), Decimal::ZERO, "the rate moved, which is a gain or a loss");
    let message = "The Account must be in the currency of the document or in that of the organisation";
    for (currency, code) in [("USD", "093"), ("NZD", "092")] {
        assert_eq!(pay(currency, code, Value::Null).await.messages(), [message], "{currency} from {code}");
    }
    client.assert_books_hold().await;
}

#[tokio::test]
async fn a_batch_is_in_the_currency_of_its_account() {
    let client = ready().await;
    let invoice = made(&client, "Invoices", invoice("USD")).await;
    let batch = json!({
        "Account": { "Code": "092" }, "Date": "2026-11-21",
        "Payments": [{ "Invoice": { "InvoiceID": invoice["InvoiceID"] }, "Amount": 100 }],
    });
    let batch = made(&client, "BatchPayments", batch).await;
    let shown = (&batch["Account"]["CurrencyCode"], digits(&batch["TotalAmount"]));
    assert_eq!(shown, (&json!("USD"), "100.00".into()));
    client.assert_books_hold().await;
}

#[tokio::test]
async fn money_changes_its_currency_on_the_way() {
    let client = ready().await;
    let transfer = async |from: &str, to: &str| {
        let sent = json!({
            "FromBankAccount": { "Code": from }, "ToBankAccount": { "Code": to }, "Amount": 100,
            "Date": "2026-11-20",
        });
        client.put("BankTransfers", sent).await
    };
    let out = first(transfer("090", "092").await, "BankTransfers");
    let rate = number(&out["CurrencyRate"]);
    assert_ne!(rate, Decimal::ONE);
    let end = async |transfer: &Value, side: &str| {
        let id = transfer[format!("{side}BankTransactionID")].as_str().unwrap();
        client.get(&format!("BankTransactions/{id}")).await.json()["BankTransactions"][0].clone()
    };
    let (spent, received) = (end(&out, "From").await, end(&out, "To").await);
    assert_eq!((&spent["CurrencyCode"], digits(&spent["Total"])), (&json!("NZD"), "100.00".into()));
    let arrived = (rate * Decimal::ONE_HUNDRED).round_dp(2);
    assert_eq!((&received["CurrencyCode"], number(&received["Total"])), (&json!("USD"), arrived));
    let back = first(transfer("092", "090").await, "BankTransfers");
    let home = number(&end(&back, "To").await["Total"]);
    assert!((home * rate - Decimal::ONE_HUNDRED).abs() < Decimal::new(1, 2), "{home}");
    let message = "One of the accounts must be in NZD to move money between currencies";
    assert_eq!(transfer("092", "093").await.messages(), [message]);
    let plain = first(transfer("090", "091").await, "BankTransfers");
    assert_eq!(digits(&plain["CurrencyRate"]), "1.0");
    client.assert_books_hold().await;
}
