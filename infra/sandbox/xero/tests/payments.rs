//! Payments and batches: what they do to a document and to the books, and what is refused.

use serde_json::{Value, json};

use super::{Client, digits};

/// A client with one contact, and an approved sales invoice of 115.00 for it.
pub(super) async fn ready() -> (Client, String, String) {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap().id.to_string();
    let invoice = invoice(&client, &contact, "ACCREC").await;
    (client, contact, invoice)
}

pub(super) async fn invoice(client: &Client, contact: &str, kind: &str) -> String {
    let account = if kind == "ACCREC" { "200" } else { "400" };
    let invoice = json!({
        "Type": kind, "Contact": { "ContactID": contact }, "Date": "2026-11-20", "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 100, "AccountCode": account }],
    });
    let reply = client.put("Invoices", invoice).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["Invoices"][0]["InvoiceID"].as_str().unwrap().to_owned()
}

fn payment(invoice: &str, amount: Value) -> Value {
    json!({
        "Invoice": { "InvoiceID": invoice }, "Account": { "Code": "090" }, "Date": "2026-11-21",
        "Amount": amount,
    })
}

pub(super) async fn one(client: &Client, path: &str) -> Value {
    let reply = client.get(path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body = reply.json();
    let key = path.split('/').next().unwrap();
    body[key][0].clone()
}

pub(super) fn nothing_is_broken(client: &Client) {
    use crate::Provider;
    assert_eq!(client.xero().invariants(), Vec::<String>::new());
}

#[tokio::test]
async fn a_payment_in_parts_makes_an_invoice_paid_and_deleting_one_makes_it_due_again() {
    let (client, _, invoice) = ready().await;
    let first = client.put("Payments", json!({ "Payments": [payment(&invoice, json!(15))] })).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let first = first.json()["Payments"][0].clone();
    assert_eq!(
        ["PaymentType", "Status", "HasAccount", "IsReconciled"].map(|field| first[field].clone()),
        [json!("ACCRECPAYMENT"), json!("AUTHORISED"), json!(true), json!(false)]
    );
    assert_eq!((digits(&first["Amount"]), digits(&first["BankAmount"])), ("15.00".into(), "15.00".into()));
    assert_eq!(first["Invoice"]["InvoiceNumber"], "INV-0001");
    let shown = one(&client, &format!("Invoices/{invoice}")).await;
    assert_eq!(
        (shown["Status"].as_str(), digits(&shown["AmountDue"])),
        (Some("AUTHORISED"), "100.00".into())
    );
    assert_eq!(client.post("Payments", payment(&invoice, json!("100.00"))).await.status, 200);
    let shown = one(&client, &format!("Invoices/{invoice}")).await;
    assert_eq!((shown["Status"].as_str(), digits(&shown["AmountPaid"])), (Some("PAID"), "115.00".into()));
    assert_eq!(shown["FullyPaidOnDate"], "/Date(1795219200000+0000)/");
    assert_eq!(shown["Payments"].as_array().unwrap().len(), 2);
    nothing_is_broken(&client);

    let id = first["PaymentID"].as_str().unwrap();
    let deleted = client.post(&format!("Payments/{id}"), json!({ "Status": "DELETED" })).await;
    assert_eq!(deleted.json()["Payments"][0]["Status"], "DELETED");
    let shown = one(&client, &format!("Invoices/{invoice}")).await;
    assert_eq!((shown["Status"].as_str(), digits(&shown["AmountDue"])), (Some("AUTHORISED"), "15.00".into()));
    assert_eq!(shown.get("FullyPaidOnDate"), None);
    let again = client.post(&format!("Payments/{id}"), json!({ "Status": "DELETED" })).await;
    assert_eq!(again.status, 400);
    let living = client.get("Payments?where=Status%3D%3D%22AUTHORISED%22&page=1").await.json();
    assert_eq!(living["pagination"]["itemCount"], 1);
    nothing_is_broken(&client);
}

#[tokio::test]
async fn payments_are_refused_beyond_what_is_due_on_drafts_into_wrong_accounts_and_into_locked_periods() {
    let (client, contact, invoice) = ready().await;
    let refused = async |payment: Value| {
        let reply = client.put("Payments", payment).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        reply.messages()
    };
    let too_much = "Payment amount exceeds the amount outstanding on this document";
    assert_eq!(refused(payment(&invoice, json!(115.01))).await, [too_much]);
    assert_eq!(refused(payment(&invoice, json!(0))).await, ["Amount must be greater than zero"]);
    let mut wrong = payment(&invoice, json!(1));
    wrong["Account"]["Code"] = "200".into();
    assert!(refused(wrong).await[0].contains("EnablePaymentsToAccount"));
    let draft = json!({ "Type": "ACCREC", "Contact": { "ContactID": contact } });
    let draft = client.put("Invoices", draft).await.json()["Invoices"][0]["InvoiceID"].clone();
    assert_eq!(
        refused(payment(draft.as_str().unwrap(), json!(1))).await,
        ["Payments can only be made against Authorised documents"]
    );
    client.ledger().set_period_lock(Some(jiff::civil::date(2026, 11, 21)));
    assert!(refused(payment(&invoice, json!(1))).await[0].contains("period lock date"));
    assert_eq!(client.get("Payments").await.json()["Payments"], json!([]));
    let not_one = client.put("Payments", json!({ "Amount": 1, "Account": { "Code": "090" } })).await;
    assert_eq!(not_one.status, 400);
    nothing_is_broken(&client);
}

#[tokio::test]
async fn an_invoice_with_payments_keeps_its_amounts_and_cannot_be_voided() {
    let (client, _, invoice) = ready().await;
    assert_eq!(client.put("Payments", payment(&invoice, json!(10))).await.status, 200);
    let changes = [
        json!({ "InvoiceID": invoice, "Status": "VOIDED" }),
        json!({ "InvoiceID": invoice, "LineItems": [{ "Description": "More", "UnitAmount": 200 }] }),
        json!({ "InvoiceID": invoice, "LineItems": [{ "Description": "Instead" }] }),
        json!({ "InvoiceID": invoice, "LineAmountTypes": "NoTax" }),
        json!({ "InvoiceID": invoice, "Date": "2026-11-19" }),
    ];
    for change in changes {
        let messages = client.post("Invoices", change).await.messages();
        assert_eq!(messages, ["Invoice not of valid status for modification"]);
    }
    let reference = client.post("Invoices", json!({ "InvoiceID": invoice, "Reference": "R" })).await;
    assert_eq!(reference.json()["Invoices"][0]["Reference"], "R");
    let line = &reference.json()["Invoices"][0]["LineItems"][0]["LineItemID"];
    let moved = json!({ "InvoiceID": invoice, "LineItems": [{ "LineItemID": line, "AccountCode": "260" }] });
    let moved = client.post("Invoices", moved).await.json()["Invoices"][0].clone();
    assert_eq!(moved["LineItems"][0]["AccountCode"], "260");
    assert_eq!(digits(&moved["AmountDue"]), "105.00");
    nothing_is_broken(&client);
}

#[tokio::test]
async fn a_batch_pays_several_invoices_and_its_members_go_only_with_it() {
    let (client, contact, first) = ready().await;
    let second = invoice(&client, &contact, "ACCREC").await;
    let member = |invoice: &str| json!({ "Invoice": { "InvoiceID": invoice }, "Amount": 115 });
    let batch = json!({
        "Account": { "Code": "090" }, "Date": "2026-11-21", "Reference": "November",
        "Payments": [member(&first), member(&second)],
    });
    let batch = client.put("BatchPayments", json!({ "BatchPayments": [batch] })).await;
    assert_eq!(batch.status, 200, "{}", batch.text);
    let batch = batch.json()["BatchPayments"][0].clone();
    assert_eq!((batch["Type"].as_str(), digits(&batch["TotalAmount"])), (Some("RECBATCH"), "230.00".into()));
    assert_eq!(one(&client, &format!("Invoices/{second}")).await["Status"], "PAID");
    let member = batch["Payments"][0]["PaymentID"].as_str().unwrap();
    let alone = client.post(&format!("Payments/{member}"), json!({ "Status": "DELETED" })).await;
    assert!(alone.messages()[0].contains("part of a batch payment"));
    let shown = one(&client, &format!("Payments/{member}")).await;
    assert_eq!(shown["BatchPayment"]["Reference"], "November");
    let id = batch["BatchPaymentID"].as_str().unwrap();
    let gone = client.post(&format!("BatchPayments/{id}"), json!({ "Status": "DELETED" })).await;
    assert_eq!(gone.json()["BatchPayments"][0]["Status"], "DELETED");
    for invoice in [first, second] {
        assert_eq!(one(&client, &format!("Invoices/{invoice}")).await["Status"], "AUTHORISED");
    }
    nothing_is_broken(&client);
}

#[tokio::test]
async fn a_batch_with_one_wrong_member_pays_nothing() {
    let (client, contact, sale) = ready().await;
    let bill = invoice(&client, &contact, "ACCPAY").await;
    let batch = |amount: i32, invoice: &str| {
        json!({
            "Account": { "Code": "090" }, "Date": "2026-11-21",
            "Payments": [
                { "Invoice": { "InvoiceID": sale }, "Amount": 115 },
                { "Invoice": { "InvoiceID": invoice }, "Amount": amount },
            ],
        })
    };
    for wrong in [batch(1, &sale), batch(1, &bill)] {
        assert_eq!(client.put("BatchPayments", wrong).await.status, 400);
    }
    assert_eq!(client.get("Payments").await.json()["Payments"], json!([]));
    assert_eq!(one(&client, &format!("Invoices/{sale}")).await["Status"], "AUTHORISED");
}

#[tokio::test]
async fn a_contact_shows_what_it_owes_alone_and_in_pages() {
    let (client, contact, invoice) = ready().await;
    client.put("Payments", payment(&invoice, json!(15))).await;
    for path in [format!("Contacts/{contact}"), "Contacts?page=1".to_owned()] {
        let shown = client.get(&path).await.json()["Contacts"][0].clone();
        let owed = &shown["Balances"]["AccountsReceivable"];
        assert_eq!([digits(&owed["Outstanding"]), digits(&owed["Overdue"])], ["100.00", "100.00"], "{path}");
        assert_eq!((&shown["IsCustomer"], &shown["IsSupplier"]), (&json!(true), &json!(false)));
    }
    assert_eq!(client.get("Contacts").await.json()["Contacts"][0].get("Balances"), None);
}
