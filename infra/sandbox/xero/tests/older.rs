//! What an older program kept is gone on with.

use serde_json::{Value, json};

use super::Client;

/// One document of each kind, as it was kept when none had a head: an invoice that is paid and credited in part, a
/// bill that is a draft, the credit note, money paid ahead on both sides, and a transfer.
const OLDER: &str = include_str!("older_organisation.json");

#[tokio::test]
async fn documents_that_were_kept_before_they_had_heads_are_as_they_were() {
    let mut client = Client::new().await;
    let mut kept: Value = serde_json::from_slice(&client.xero().kept().unwrap()).unwrap();
    let mut older: Value = serde_json::from_str(OLDER).unwrap();
    older["tenant_id"] = kept["organisations"][0]["tenant_id"].take();
    kept["organisations"] = json!([older]);
    kept.as_object_mut().unwrap().remove("form");
    client.xero().restore(kept.to_string().as_bytes()).unwrap();
    client.sign_in("").await;
    for (collection, field, expected) in [
        ("Invoices", "/AmountDue", r#"130.00 22.98"#),
        ("Invoices", "/AmountCredited", "0.00 40.00"),
        ("Invoices", "/Type", r#""ACCPAY" "ACCREC""#),
        ("CreditNotes", "/RemainingCredit", "75.00"),
        ("CreditNotes", "/Allocations/0/Amount", "40.00"),
        ("Prepayments", "/RemainingCredit", "23.00"),
        ("Prepayments", "/Type", r#""RECEIVE-PREPAYMENT""#),
        ("Overpayments", "/Total", "5.00"),
        ("Overpayments", "/Type", r#""SPEND-OVERPAYMENT""#),
        ("BankTransactions", "/Total", "20.00 20.00 23.00 5.00"),
        ("BankTransactions", "/Contact/Name", r#""Acme" "Acme""#),
        ("PurchaseOrders", "/Total", "6.90"),
        ("PurchaseOrders", "/DeliveryDateString", r#""2026-12-01T00:00:00""#),
        ("Quotes", "/Title", r#""Ours""#),
        ("Quotes", "/LineItems/0/LineAmount", "8.00"),
        ("RepeatingInvoices", "/Type", r#""ACCPAY""#),
        ("RepeatingInvoices", "/Total", "69.00"),
        ("RepeatingInvoices", "/CurrencyCode", r#""NZD""#),
    ] {
        let listed = client.get(&format!("{collection}?page=1")).await.json();
        let documents = listed[collection].as_array().unwrap().iter();
        let mut shown: Vec<String> =
            documents.filter_map(|one| one.pointer(field)).map(Value::to_string).collect();
        shown.sort();
        assert_eq!(shown.join(" "), expected, "{collection}{field}");
    }
    client.assert_books_hold().await;
    let ledger = client.ledger();
    let sale = ledger.invoice_numbered("INV-0001").unwrap();
    assert!(ledger.pay_invoice(sale.head.id).unwrap().amount_due().is_zero());
    client.assert_books_hold().await;
}

#[tokio::test]
async fn what_a_newer_program_kept_is_refused() {
    let client = Client::new().await;
    let mut kept: Value = serde_json::from_slice(&client.xero().kept().unwrap()).unwrap();
    kept["form"] = 99.into();
    let refused = client.xero().restore(kept.to_string().as_bytes()).unwrap_err();
    assert_eq!(refused, "this was kept by a newer program: use that one, or begin anew");
}
