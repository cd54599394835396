//! What `where`, `order` and the kinds' own parameters may name, whether there is anything to look at or not.

use serde_json::{Value, json};

use super::{Client, encoded};

/// The documented fields, kind by kind.
const FIELDS: &[(&str, &str)] = &[
    (
        "Invoices",
        "HasAttachments CurrencyRate BrandingThemeID PlannedPaymentDate ExpectedPaymentDate IsDiscounted \
         RepeatingInvoiceID Contact.ContactStatus Contact.EmailAddress",
    ),
    (
        "CreditNotes",
        "BrandingThemeID SentToContact HasAttachments CurrencyRate LineAmountTypes AppliedAmount \
         Contact.EmailAddress",
    ),
    ("Payments", "BankAmount Invoice.Type Invoice.Contact.Name CreditNote.CreditNoteID"),
    ("BankTransactions", "PrepaymentID OverpaymentID CurrencyRate HasAttachments Contact.ContactStatus"),
    ("Contacts", "HasAttachments"),
    ("ManualJournals", "ManualJournalID Narration Date Status Url HasAttachments UpdatedDateUTC"),
    ("BatchPayments", "BatchPaymentID Type Status Date TotalAmount Reference Details Account.AccountID"),
    ("BankTransfers", "BankTransferID Date Amount Reference FromBankAccount.Code ToBankTransactionID"),
    ("Prepayments", "PrepaymentID Type Status Date Total RemainingCredit InvoiceNumber Contact.Name"),
    ("Overpayments", "OverpaymentID Type Status Date Total RemainingCredit Reference Contact.EmailAddress"),
];

/// One of each kind, and what it is called by its id.
async fn books() -> Client {
    let client = Client::unlimited().await;
    let acme = json!({ "Name": "Acme", "EmailAddress": "books@acme.test" });
    client.ledger().add_contact(acme).unwrap();
    let document = |kind: &str, account: &str| {
        json!({
            "Type": kind, "Contact": { "Name": "Acme" }, "Date": "2026-11-20", "LineAmountTypes": "NoTax",
            "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 100, "AccountCode": account }],
        })
    };
    let with = |mut document: Value, field: &str, value: Value| {
        document[field] = value;
        document
    };
    let approved = |kind: &str| with(document(kind, "200"), "Status", json!("AUTHORISED"));
    let bank = json!({ "Code": "090" });
    let invoice = made(&client, "Invoices", approved("ACCREC")).await["InvoiceID"].clone();
    let note = made(&client, "CreditNotes", approved("ACCRECCREDIT")).await["CreditNoteID"].clone();
    let pay = |whom: Value| with(with(whom, "Account", bank.clone()), "Date", json!("2026-11-21"));
    let pay_note = json!({ "CreditNote": { "CreditNoteID": note }, "Amount": 5 });
    made(&client, "Payments", pay(pay_note)).await;
    let batch = json!({ "Payments": [{ "Invoice": { "InvoiceID": invoice }, "Amount": 10 }] });
    made(&client, "BatchPayments", pay(batch)).await;
    for kind in ["RECEIVE-PREPAYMENT", "RECEIVE-OVERPAYMENT"] {
        let account = if kind == "RECEIVE-PREPAYMENT" { "200" } else { "610" };
        made(&client, "BankTransactions", with(document(kind, account), "BankAccount", bank.clone())).await;
    }
    let transfer = json!({ "FromBankAccount": bank, "ToBankAccount": { "Code": "091" }, "Amount": 1 });
    made(&client, "BankTransfers", with(transfer, "Date", json!("2026-11-21"))).await;
    let lines = json!([
        { "LineAmount": 5, "AccountCode": "400" }, { "LineAmount": -5, "AccountCode": "900" },
    ]);
    made(&client, "ManualJournals", json!({ "Narration": "Moved", "JournalLines": lines })).await;
    client
}

async fn made(client: &Client, collection: &str, document: Value) -> Value {
    let reply = client.put(collection, document).await;
    assert_eq!(reply.status, 200, "{collection}: {}", reply.text);
    reply.json()[collection][0].clone()
}

async fn found(client: &Client, collection: &str, wanted: &str) -> usize {
    let reply = client.get(&format!("{collection}?where={}", encoded(wanted))).await;
    assert_eq!(reply.status, 200, "{collection} {wanted}: {}", reply.text);
    reply.json()[collection].as_array().unwrap().len()
}

#[tokio::test]
async fn documented_fields_are_known_whether_there_are_documents_or_none() {
    for client in [Client::unlimited().await, books().await] {
        for (collection, fields) in FIELDS {
            for field in fields.split_whitespace() {
                found(&client, collection, &format!("{field}!=null")).await;
                let ordered = client.get(&format!("{collection}?order={field}%20DESC")).await;
                assert_eq!(ordered.status, 200, "{collection} by {field}: {}", ordered.text);
            }
            for query in ["where=Nope==1", "order=Nope", "where=Payments==1"] {
                let refused = client.get(&format!("{collection}?{query}")).await;
                assert_eq!(refused.status, 400, "{collection}?{query}: {}", refused.text);
            }
        }
    }
}

#[tokio::test]
async fn what_is_asked_by_a_documented_field_is_what_has_it() {
    let client = books().await;
    let theme = client.get("BrandingThemes").await.json()["BrandingThemes"][0]["BrandingThemeID"].clone();
    let theme = format!("BrandingThemeID==Guid(\"{}\")", theme.as_str().unwrap());
    let advance = client.get("Prepayments").await.json()["Prepayments"][0]["PrepaymentID"].clone();
    let advance = format!("PrepaymentID==Guid(\"{}\")", advance.as_str().unwrap());
    for (collection, wanted, count) in [
        ("Invoices", "Contact.EmailAddress==\"books@acme.test\" AND Contact.ContactStatus==\"ACTIVE\"", 1),
        ("Invoices", "HasAttachments==true", 0),
        ("Invoices", "CurrencyRate==1 AND IsDiscounted==false AND RepeatingInvoiceID==null", 1),
        ("Invoices", theme.as_str(), 1),
        ("CreditNotes", "SentToContact==false AND AppliedAmount==0 AND LineAmountTypes==\"NoTax\"", 1),
        ("Payments", "BankAmount==10 AND Invoice.Type==\"ACCREC\" AND Invoice.Contact.Name==\"Acme\"", 1),
        ("Payments", "CreditNote.CreditNoteID!=null", 1),
        ("BankTransactions", advance.as_str(), 1),
        ("Prepayments", advance.as_str(), 1),
        ("Prepayments", "Type==\"SPEND-PREPAYMENT\"", 0),
        ("Overpayments", "RemainingCredit==100 AND Contact.EmailAddress==\"books@acme.test\"", 1),
        ("ManualJournals", "Narration.Contains(\"move\") AND Url==null", 1),
        ("BatchPayments", "TotalAmount>=10 AND Type==\"RECBATCH\"", 1),
        ("BankTransfers", "FromBankAccount.Code==\"090\" AND Date>=DateTime(2026,11,21)", 1),
    ] {
        assert_eq!(found(&client, collection, wanted).await, count, "{collection} {wanted}");
    }
    let id = client.get("Invoices").await.json()["Invoices"][0]["InvoiceID"].clone();
    let file = format!("Invoices/{}/Attachments/a.txt", id.as_str().unwrap());
    assert_eq!(client.call("PUT", &file, &[("content-type", "text/plain")], "text").await.status, 200);
    assert_eq!(found(&client, "Invoices", "HasAttachments").await, 1);
}

/// Over the API neither can be given one; people can, when they match the bank's lines.
#[tokio::test]
async fn advances_are_listed_by_invoice_number_or_reference() {
    let client = books().await;
    let listed = async |query: &str| {
        let reply = client.get(query).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let body = reply.json();
        let kind = query.split('?').next().unwrap();
        (body[kind].as_array().unwrap().len(), body["pagination"]["itemCount"].as_u64())
    };
    assert_eq!(listed("Prepayments?InvoiceNumbers=INV-7").await, (0, Some(0)));
    assert_eq!(listed("Overpayments?References=R-7").await, (0, Some(0)));
    matched_by_hand(&client);
    assert_eq!(listed("Prepayments?InvoiceNumbers=INV-6,inv-7").await, (1, Some(1)));
    assert_eq!(listed("Overpayments?References=R-7").await, (1, Some(1)));
    assert_eq!(listed("Overpayments?References=R").await, (0, Some(0)));
}

fn matched_by_hand(client: &Client) {
    let mut state = client.xero().state();
    let shelves = &mut state.organisations[0].shelves;
    for (shelf, reference) in [(&mut shelves.prepayments, "INV-7"), (&mut shelves.overpayments, "R-7")] {
        let mut advance = shelf.since(None).next().unwrap().clone();
        advance.head.reference = reference.into();
        shelf.put(advance);
    }
}

#[tokio::test]
async fn a_page_size_out_of_range_is_the_nearest_in_it() {
    let client = Client::unlimited().await;
    for (asked, size) in
        [("0", 1), ("-5", 1), ("7", 7), ("5000", 1000), ("99999999999999999999", 1000), ("many", 100)]
    {
        let body = client.get(&format!("Contacts?page=1&pageSize={asked}")).await.json();
        assert_eq!(body["pagination"]["pageSize"], size, "{asked}");
    }
    assert_eq!(client.get("Contacts?page=-3").await.json()["pagination"]["page"], 1);
}
