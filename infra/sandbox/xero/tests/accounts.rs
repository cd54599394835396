//! The chart of accounts: one a request, unique codes and names, and what can't be taken away.

use serde_json::{Value, json};

use super::{Client, encoded};

fn travel() -> Value {
    json!({ "Code": "493", "Name": "Travel", "Type": "EXPENSE", "Description": "Trains" })
}

async fn created(client: &Client, account: Value) -> Value {
    let reply = client.put("Accounts", account).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["Accounts"][0].clone()
}

fn path(account: &Value) -> String {
    format!("Accounts/{}", account["AccountID"].as_str().unwrap())
}

#[tokio::test]
async fn an_account_gets_class_and_tax_from_its_type() {
    let client = Client::new().await;
    let account = created(&client, travel()).await;
    let shown =
        ["Status", "Class", "TaxType", "ReportingCode", "Description"].map(|field| account[field].clone());
    assert_eq!(shown, ["ACTIVE", "EXPENSE", "INPUT2", "EXP", "Trains"]);
    let income =
        created(&client, json!({ "Code": "280", "Name": "Fees", "Type": "SALES", "TaxType": "NONE" })).await;
    assert_eq!((&income["Class"], &income["TaxType"]), (&json!("REVENUE"), &json!("NONE")));
}

#[tokio::test]
async fn one_account_is_written_a_request_with_a_code_and_a_name_of_its_own() {
    let client = Client::unlimited().await;
    created(&client, travel()).await;
    let two = json!({ "Accounts": [{ "Code": "1", "Name": "A", "Type": "EXPENSE" }, { "Code": "2", "Name": "B", "Type": "EXPENSE" }] });
    let reply = client.put("Accounts", two).await;
    assert_eq!(reply.messages(), ["Only one of the Accounts may be written in a request"]);
    for (sent, messages) in [
        (travel(), vec!["Please enter a unique Code.", "Please enter a unique Name."]),
        (json!({ "Code": "494", "Name": "travel", "Type": "EXPENSE" }), vec!["Please enter a unique Name."]),
        (json!({}), vec!["Please enter a Type.", "Please enter a Code.", "Please enter a Name."]),
        (json!({ "Code": "494", "Name": "X", "Type": "NOPE" }), vec!["The Type 'NOPE' is not valid"]),
        (
            json!({ "Code": "x".repeat(11), "Name": "X", "Type": "EXPENSE" }),
            vec!["The Code field must not exceed 10 characters"],
        ),
        (
            json!({ "Code": "494", "Name": "X", "Type": "EXPENSE", "TaxType": "NOPE" }),
            vec!["The TaxType code 'NOPE' does not exist"],
        ),
        (json!({ "Name": "Till", "Type": "BANK" }), vec!["Please enter a BankAccountNumber."]),
    ] {
        let reply = client.put("Accounts", sent).await;
        assert_eq!(reply.messages(), messages);
        assert_eq!(reply.json()["Elements"][0]["AccountID"], "00000000-0000-0000-0000-000000000000");
    }
}

#[tokio::test]
async fn a_bank_account_needs_no_code() {
    let client = Client::new().await;
    let sent = json!({ "Name": "Card", "Type": "BANK", "BankAccountNumber": "123", "BankAccountType": "CREDITCARD" });
    let account = created(&client, sent).await;
    let shown =
        ["BankAccountNumber", "BankAccountType", "CurrencyCode", "Code"].map(|field| account[field].clone());
    assert_eq!(shown, ["123", "CREDITCARD", "NZD", ""]);
    let second = json!({ "Name": "Euros", "Type": "BANK", "BankAccountNumber": "9", "CurrencyCode": "EUR" });
    assert_eq!(
        client.put("Accounts", second).await.messages(),
        ["Organisation is not subscribed to currency EUR"]
    );
}

#[tokio::test]
async fn an_archived_account_takes_no_lines_until_it_is_active_again() {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    let account = created(&client, travel()).await;
    let bill = json!({
        "Type": "ACCPAY", "Contact": { "Name": "Acme" }, "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Train", "UnitAmount": 5, "AccountCode": "493" }],
    });
    for (status, expected) in [("ARCHIVED", 400), ("ACTIVE", 200)] {
        let changed = client.post(&path(&account), json!({ "Status": status })).await.json();
        assert_eq!(
            (&changed["Accounts"][0]["Status"], &changed["Accounts"][0]["Name"]),
            (&json!(status), &json!("Travel"))
        );
        let reply = client.put("Invoices", bill.clone()).await;
        assert_eq!(reply.status, expected);
        if expected == 400 {
            assert_eq!(reply.messages(), ["Account code '493' is not a valid code for this document."]);
        }
    }
    let reply = client.call("DELETE", &path(&account), &[], "").await;
    assert_eq!(reply.messages(), ["The account 'Travel' has transactions and can only be archived"]);
}

#[tokio::test]
async fn an_unused_account_is_deleted_and_its_code_is_free_again() {
    let client = Client::new().await;
    let account = created(&client, travel()).await;
    let deleted = client.call("DELETE", &path(&account), &[], "").await.json();
    assert_eq!(deleted["Accounts"][0]["Status"], "DELETED");
    assert_eq!(client.get(&path(&account)).await.status, 404);
    assert_ne!(created(&client, travel()).await["AccountID"], account["AccountID"]);
}

#[tokio::test]
async fn what_the_books_lean_on_is_renamed_and_nothing_else() {
    let client = Client::unlimited().await;
    let filter = encoded("SystemAccount==\"DEBTORS\"");
    let debtors = client.get(&format!("Accounts?where={filter}")).await.json()["Accounts"][0].clone();
    let renamed = client.post(&path(&debtors), json!({ "Name": "Debtors" })).await.json();
    assert_eq!(renamed["Accounts"][0]["Name"], "Debtors");
    let message = "The account 'Debtors' is a system account and cannot be changed, archived or deleted";
    for change in [json!({ "Status": "ARCHIVED" }), json!({ "Type": "EXPENSE" })] {
        assert_eq!(client.post(&path(&debtors), change).await.messages(), [message]);
    }
    assert_eq!(client.call("DELETE", &path(&debtors), &[], "").await.messages(), [message]);
}

#[tokio::test]
async fn accounts_are_filtered_ordered_and_never_paged() {
    let client = Client::unlimited().await;
    client.advance(10);
    created(&client, travel()).await;
    let codes = async |query: &str| {
        let body = client.get(&format!("Accounts?{query}")).await.json();
        assert!(body.get("pagination").is_none());
        let accounts = body["Accounts"].as_array().unwrap().iter();
        accounts.map(|account| account["Code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let filter = format!("where={}", encoded("Type==\"BANK\" AND Status==\"ACTIVE\""));
    assert_eq!(codes(&format!("{filter}&order=Code%20DESC&page=2")).await, ["091", "090"]);
    let since = [("if-modified-since", "2026-11-22T10:00:10")];
    let fresh = client.call("GET", "Accounts", &since, "").await.json();
    assert_eq!(fresh["Accounts"].as_array().unwrap().len(), 1);
}

/// Receivable and payable are what open documents say. Nothing but those can post there.
#[tokio::test]
async fn no_line_and_no_payment_is_on_what_is_owed() {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    let document = |kind: &str, code: &str| {
        json!({
            "Type": kind, "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
            "LineItems": [{ "Description": "Work", "UnitAmount": 10, "AccountCode": code }],
        })
    };
    for (collection, kind) in [
        ("Invoices", "ACCREC"),
        ("Invoices", "ACCPAY"),
        ("CreditNotes", "ACCRECCREDIT"),
        ("CreditNotes", "ACCPAYCREDIT"),
        ("BankTransactions", "RECEIVE"),
        ("BankTransactions", "SPEND"),
        ("BankTransactions", "RECEIVE-PREPAYMENT"),
    ] {
        for code in ["610", "800"] {
            let mut sent = document(kind, code);
            if collection == "BankTransactions" {
                sent["Status"] = Value::Null;
                sent["BankAccount"] = json!({ "Code": "090" });
            }
            let reply = client.put(collection, sent).await;
            assert_eq!(reply.status, 400, "{kind} on {code}: {}", reply.text);
            assert_eq!(
                reply.messages(),
                [format!("Account code '{code}' is not a valid code for this document.")],
                "{kind}"
            );
        }
    }
    let mut draft = document("ACCREC", "610");
    draft["Status"] = "DRAFT".into();
    let draft = client.put("Invoices", draft).await.json()["Invoices"][0]["InvoiceID"].clone();
    let approved = client.post("Invoices", json!({ "InvoiceID": draft, "Status": "AUTHORISED" })).await;
    assert_eq!(approved.messages(), ["Account code '610' is not a valid code for this document."]);
    let receivable = client.get("Accounts?where=Code%3D%3D%22610%22").await.json()["Accounts"][0].clone();
    let opened = client.post(&path(&receivable), json!({ "EnablePaymentsToAccount": true })).await;
    assert_eq!(
        opened.messages(),
        ["The account 'Accounts Receivable' is a system account and cannot be changed, archived or deleted"]
    );
    client.assert_books_hold().await;
}
