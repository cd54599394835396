//! Money in the bank, and entries by hand: kinds, accounts, states, and what they do to the books.

use serde_json::{Value, json};

use super::{Client, digits, encoded};
use crate::Provider;

/// A client with one contact, and money received from it.
async fn ready() -> (Client, Value) {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap();
    let received = json!({
        "Type": "RECEIVE", "Contact": { "ContactID": contact.id.to_string() }, "Date": "2026-11-20",
        "BankAccount": { "Code": "090" }, "Reference": "R-1",
        "LineItems": [{ "Description": "Work", "UnitAmount": 23, "AccountCode": "200" }],
    });
    (client, received)
}

fn with(document: &Value, changes: Value) -> Value {
    let mut document = document.clone();
    for (field, value) in changes.as_object().unwrap() {
        document[field] = value.clone();
    }
    document
}

async fn created(client: &Client, kind: &str, document: Value) -> Value {
    let reply = client.put(kind, document).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()[kind][0].clone()
}

async fn refused(client: &Client, kind: &str, document: Value) -> Vec<String> {
    let reply = client.put(kind, document).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    reply.messages()
}

/// What stands on these accounts; the books as a whole must balance.
fn balances(client: &Client, codes: &[&str]) -> Vec<String> {
    assert_eq!(client.xero().invariants(), Vec::<String>::new());
    codes.iter().map(|code| client.ledger().balance(code).to_string()).collect()
}

#[tokio::test]
async fn received_money_is_inclusive_and_goes_from_the_lines_to_the_bank() {
    let (client, received) = ready().await;
    let body = created(&client, "BankTransactions", received).await;
    assert_eq!((&body["Status"], &body["LineAmountTypes"]), (&json!("AUTHORISED"), &json!("Inclusive")));
    assert_eq!(["SubTotal", "TotalTax", "Total"].map(|f| digits(&body[f])), ["20.00", "3.00", "23.00"]);
    assert_eq!((&body["BankAccount"]["Code"], &body["IsReconciled"]), (&json!("090"), &json!(false)));
    assert_eq!(balances(&client, &["090", "200", "820"]), ["23.00", "-20.00", "-3.00"]);
    let listed = client.get("BankTransactions").await.json()["BankTransactions"][0].clone();
    assert_eq!((&listed["LineItems"], &listed["Contact"]["Name"]), (&json!([]), &json!("Acme")));
    let wanted = encoded("Type==\"RECEIVE\" AND Date>=DateTime(2026,11,20) AND BankAccount.Code==\"090\"");
    let paged = client.get(&format!("BankTransactions?page=1&where={wanted}")).await.json();
    assert_eq!(paged["pagination"]["itemCount"], 1);
    assert_eq!(paged["BankTransactions"][0]["LineItems"][0]["TaxType"], "OUTPUT2");
}

#[tokio::test]
async fn spent_money_is_edited_until_it_is_reconciled_and_deleted_for_good() {
    let (client, received) = ready().await;
    let lines = json!([{ "Description": "Ads", "UnitAmount": 11.5, "AccountCode": "400" }]);
    let spent = with(&received, json!({ "Type": "SPEND", "LineItems": lines }));
    let id = created(&client, "BankTransactions", spent).await["BankTransactionID"].clone();
    assert_eq!(balances(&client, &["090", "400", "820"]), ["-11.50", "10.00", "1.50"]);
    let path = format!("BankTransactions/{}", id.as_str().unwrap());
    let edited = client.post(&path, json!({ "LineAmountTypes": "NoTax", "IsReconciled": true })).await.json();
    assert_eq!(digits(&edited["BankTransactions"][0]["TotalTax"]), "0.00");
    assert_eq!(balances(&client, &["090", "400"]), ["-11.50", "11.50"]);
    let delete = json!({ "BankTransactionID": id, "Status": "DELETED" });
    let reconciled = "This Bank Transaction cannot be edited as it is currently reconciled.";
    assert_eq!(client.post("BankTransactions", delete.clone()).await.messages(), [reconciled]);
    assert_eq!(client.post(&path, json!({ "IsReconciled": false })).await.status, 200);
    let deleted = client.post("BankTransactions", delete.clone()).await.json();
    assert_eq!(deleted["BankTransactions"][0]["Status"], "DELETED");
    assert_eq!(balances(&client, &["090", "400"]), ["0", "0"]);
    assert_eq!(client.post("BankTransactions", delete).await.status, 400);
}

#[tokio::test]
async fn a_bank_transaction_needs_a_contact_a_bank_account_and_a_kind_that_can_be_made() {
    let (client, received) = ready().await;
    for (changes, message) in [
        (
            json!({ "Contact": {} }),
            "The Contact must contain at least 1 of the following elements to identify the contact: Name, \
             ContactID, ContactNumber",
        ),
        (json!({ "BankAccount": {} }), "A BankAccount must be specified"),
        (json!({ "BankAccount": { "Code": "999" } }), "The BankAccount could not be found"),
        (
            json!({ "BankAccount": { "Code": "200" } }),
            "The BankAccount 'Sales' is not an active bank account",
        ),
        (
            json!({ "Type": "SPEND-TRANSFER" }),
            "The Type 'SPEND-TRANSFER' is not valid for a new Bank Transaction",
        ),
        (json!({ "Status": "VOIDED" }), "The Status 'VOIDED' is not valid"),
        (json!({ "LineItems": [] }), "One or more line items must be specified"),
        (json!({ "CurrencyCode": "EUR" }), "Organisation is not subscribed to currency EUR"),
        (json!({ "Url": "https://xero.com" }), "The Url must not contain 'xero'"),
    ] {
        assert_eq!(refused(&client, "BankTransactions", with(&received, changes)).await, [message]);
    }
    client.ledger().set_period_lock(Some(jiff::civil::date(2026, 11, 20)));
    assert_eq!(
        refused(&client, "BankTransactions", received).await,
        ["The document date cannot be before the period lock date, currently set at 20-Nov-2026"]
    );
    assert_eq!(balances(&client, &["090"]), ["0"]);
}

#[tokio::test]
async fn an_overpayment_is_owed_and_a_prepayment_is_on_the_accounts_of_its_lines() {
    let (client, received) = ready().await;
    let lines = json!([{ "Description": "Too much", "LineAmount": 10 }]);
    let over = with(&received, json!({ "Type": "RECEIVE-OVERPAYMENT", "LineItems": lines }));
    let body = created(&client, "BankTransactions", over.clone()).await;
    assert_eq!((&body["LineAmountTypes"], digits(&body["Total"])), (&json!("NoTax"), "10.00".to_owned()));
    assert_eq!(balances(&client, &["090", "610"]), ["10.00", "-10.00"]);
    let wrong = json!([{ "Description": "Too much", "LineAmount": 10, "AccountCode": "200" }]);
    assert_eq!(
        refused(&client, "BankTransactions", with(&over, json!({ "LineItems": wrong }))).await,
        ["An overpayment must be on account '610'"]
    );
    let pre = with(&received, json!({ "Type": "RECEIVE-PREPAYMENT" }));
    created(&client, "BankTransactions", pre).await;
    assert_eq!(balances(&client, &["090", "200", "820"]), ["33.00", "-20.00", "-3.00"]);
}

#[tokio::test]
async fn a_prepayment_is_allocated_and_its_transaction_is_deleted_only_once_it_is_free_again() {
    let (client, received) = ready().await;
    let pre =
        created(&client, "BankTransactions", with(&received, json!({ "Type": "RECEIVE-PREPAYMENT" }))).await;
    let prepayment = format!("Prepayments/{}", pre["PrepaymentID"].as_str().unwrap());
    let shown = client.get(&prepayment).await.json()["Prepayments"][0].clone();
    assert_eq!(
        (&shown["Type"], digits(&shown["RemainingCredit"])),
        (&json!("RECEIVE-PREPAYMENT"), "23.00".into())
    );
    let invoice = json!({
        "Type": "ACCREC", "Contact": received["Contact"], "Date": "2026-11-20", "Status": "AUTHORISED",
        "LineItems": received["LineItems"],
    });
    let invoice = created(&client, "Invoices", invoice).await;
    let allocation = json!({ "Amount": 23, "Invoice": { "InvoiceID": invoice["InvoiceID"] } });
    let path = format!("{prepayment}/Allocations");
    let made = client.put(&path, json!({ "Allocations": [allocation] })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(balances(&client, &["090", "200", "610"]), ["23.00", "-23.00", "3.45"]);
    let delete = json!({ "BankTransactionID": pre["BankTransactionID"], "Status": "DELETED" });
    let used = "The Prepayment has been used and cannot be removed";
    assert_eq!(client.post("BankTransactions", delete.clone()).await.messages(), [used]);
    let allocation = made.json()["Allocations"][0]["AllocationID"].as_str().unwrap().to_owned();
    assert_eq!(client.call("DELETE", &format!("{path}/{allocation}"), &[], "").await.status, 200);
    assert_eq!(client.post("BankTransactions", delete).await.status, 200);
    assert_eq!(client.get(&prepayment).await.json()["Prepayments"][0]["Status"], "VOIDED");
    assert_eq!(balances(&client, &["090", "200"]), ["0", "-23.00"]);
}

#[tokio::test]
async fn a_transfer_makes_two_transactions_and_is_deleted_with_them() {
    let (client, _) = ready().await;
    let transfer = json!({
        "FromBankAccount": { "Code": "090" }, "ToBankAccount": { "Code": "091" }, "Amount": 50,
        "Date": "2026-11-20", "Reference": "Save", "FromTracking": [{ "Name": "Region", "Option": "North" }],
    });
    let body = created(&client, "BankTransfers", transfer.clone()).await;
    assert_eq!((digits(&body["Amount"]), &body["Status"]), ("50.00".to_owned(), &json!("AUTHORISED")));
    assert_eq!(body["FromTracking"][0]["Option"], "North");
    assert_eq!(balances(&client, &["090", "091"]), ["-50.00", "50.00"]);
    let end = format!("BankTransactions/{}", body["ToBankTransactionID"].as_str().unwrap());
    let transaction = client.get(&end).await.json()["BankTransactions"][0].clone();
    assert_eq!(
        (&transaction["Type"], digits(&transaction["Total"])),
        (&json!("RECEIVE-TRANSFER"), "50.00".into())
    );
    assert_eq!(client.post(&end, json!({ "Reference": "no" })).await.status, 400);
    let id = &body["BankTransferID"];
    let edit = json!({ "BankTransferID": id, "Reference": "no" });
    assert_eq!(
        client.post("BankTransfers", edit).await.messages(),
        ["A BankTransfer cannot be edited; its Status can be set to DELETED"]
    );
    let delete = json!({ "BankTransfers": [{ "BankTransferID": id, "Status": "DELETED" }] });
    assert_eq!(client.post("BankTransfers", delete).await.json()["BankTransfers"][0]["Status"], "DELETED");
    assert_eq!(client.get(&end).await.json()["BankTransactions"][0]["Status"], "DELETED");
    assert_eq!(balances(&client, &["090", "091"]), ["0", "0"]);
    assert_eq!(client.get("BankTransfers").await.json()["BankTransfers"], json!([]));
    let all = client.get("BankTransfers?includeDeleted=true").await.json();
    assert_eq!(all["BankTransfers"].as_array().unwrap().len(), 1);
    for (changes, message) in [
        (
            json!({ "ToBankAccount": { "Code": "090" } }),
            "The FromBankAccount and the ToBankAccount must not be the same",
        ),
        (json!({ "Amount": -1 }), "The Amount must be greater than zero"),
    ] {
        assert_eq!(refused(&client, "BankTransfers", with(&transfer, changes)).await, [message]);
    }
}

#[tokio::test]
async fn a_manual_journal_sums_to_nothing_with_its_tax() {
    let (client, _) = ready().await;
    let journal = json!({
        "Narration": "Accrual", "Date": "2026-11-20", "Status": "POSTED",
        "JournalLines": [
            { "LineAmount": 100, "AccountCode": "400", "Description": "Ads" },
            { "LineAmount": -100, "AccountCode": "900" },
        ],
    });
    let body = created(&client, "ManualJournals", journal.clone()).await;
    assert_eq!((&body["LineAmountTypes"], &body["Status"]), (&json!("NoTax"), &json!("POSTED")));
    assert_eq!(["LineAmount", "TaxAmount"].map(|f| digits(&body["JournalLines"][1][f])), ["-100.00", "0.00"]);
    assert_eq!(balances(&client, &["400", "900", "820"]), ["100.00", "-100.00", "0"]);
    let taxed = with(
        &journal,
        json!({ "LineAmountTypes": "Exclusive", "JournalLines": [
            { "LineAmount": 100, "AccountCode": "400" },
            { "LineAmount": -115, "AccountCode": "900" },
        ] }),
    );
    created(&client, "ManualJournals", taxed).await;
    assert_eq!(balances(&client, &["400", "900", "820"]), ["200.00", "-215.00", "15.00"]);
    let line = |amount: i64, code: &str| json!({ "LineAmount": amount, "AccountCode": code });
    for (changes, message) in [
        (
            json!({ "JournalLines": [line(100, "400"), line(-10, "900")] }),
            "The total debits (100.00) must equal total credits (-10.00)",
        ),
        (json!({ "JournalLines": [line(0, "400")] }), "A manual journal must have at least 2 journal lines"),
        (json!({ "Narration": "" }), "The Narration must be specified"),
        (json!({ "Status": "VOIDED" }), "The manual journal is not of a valid status for this change"),
        (
            json!({ "JournalLines": [line(1, "090"), line(-1, "900")] }),
            "Account code '090' is not a valid code for this document.",
        ),
    ] {
        assert_eq!(refused(&client, "ManualJournals", with(&journal, changes)).await, [message]);
    }
}

#[tokio::test]
async fn a_draft_journal_is_posted_and_then_voided() {
    let (client, _) = ready().await;
    let lines =
        json!([{ "LineAmount": 5, "AccountCode": "400" }, { "LineAmount": -5, "AccountCode": "900" }]);
    let draft = json!({ "Narration": "Later", "JournalLines": lines });
    let body = created(&client, "ManualJournals", draft).await;
    assert_eq!((&body["Status"], balances(&client, &["400"])), (&json!("DRAFT"), vec!["0".to_owned()]));
    let path = format!("ManualJournals/{}", body["ManualJournalID"].as_str().unwrap());
    assert_eq!(client.post(&path, json!({ "Status": "POSTED" })).await.status, 200);
    assert_eq!(balances(&client, &["400", "900"]), ["5.00", "-5.00"]);
    assert_eq!(client.get("ManualJournals").await.json()["ManualJournals"][0]["JournalLines"], json!([]));
    assert_eq!(client.post(&path, json!({ "Status": "VOIDED" })).await.status, 200);
    assert_eq!(balances(&client, &["400", "900"]), ["0", "0"]);
    assert_eq!(client.post(&path, json!({ "Narration": "no" })).await.status, 400);
    let history = client.get(&format!("{path}/History")).await.json();
    let changes = history["HistoryRecords"].as_array().unwrap().iter().map(|one| one["Changes"].clone());
    assert_eq!(changes.collect::<Vec<_>>(), ["Voided", "Posted", "Created"]);
}
