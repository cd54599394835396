//! Invoices and bills: numbers, states, lines, tax, and what is refused.

use serde_json::{Value, json};

use super::{Client, digits, encoded};
use crate::xero::InvoiceStatus;

/// A client with one contact, and a sales invoice for it.
async fn ready() -> (Client, Value) {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap();
    let invoice = json!({
        "Type": "ACCREC", "Contact": { "ContactID": contact.id.to_string() }, "Date": "2026-11-20",
        "DueDate": "2026-12-10", "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Work", "Quantity": 2, "UnitAmount": 10.5, "AccountCode": "200" }],
    });
    (client, invoice)
}

fn with(invoice: &Value, changes: Value) -> Value {
    let mut invoice = invoice.clone();
    for (field, value) in changes.as_object().unwrap() {
        invoice[field] = value.clone();
    }
    invoice
}

/// The invoice with its line changed.
fn line(invoice: &Value, changes: Value) -> Value {
    let line = with(&invoice["LineItems"][0], changes);
    with(invoice, json!({ "LineItems": [line] }))
}

async fn created(client: &Client, invoice: Value) -> Value {
    let reply = client.put("Invoices", json!({ "Invoices": [invoice] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["Invoices"][0].clone()
}

async fn refused(client: &Client, invoice: Value) -> Vec<String> {
    let reply = client.put("Invoices", json!({ "Invoices": [invoice] })).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    reply.messages()
}

#[tokio::test]
async fn a_created_invoice_looks_as_recorded() {
    let (client, invoice) = ready().await;
    let body = created(&client, invoice).await;
    assert_eq!((&body["InvoiceNumber"], &body["Status"]), (&json!("INV-0001"), &json!("AUTHORISED")));
    let amounts =
        ["AmountDue", "AmountPaid", "SubTotal", "TotalTax", "Total"].map(|field| digits(&body[field]));
    assert_eq!(amounts, ["24.15", "0.00", "21.00", "3.15", "24.15"]);
    assert_eq!(
        (&body["Date"], &body["DateString"]),
        (&json!("/Date(1795132800000+0000)/"), &json!("2026-11-20T00:00:00"))
    );
    assert_eq!(body["UpdatedDateUTC"], "/Date(1795341600000+0000)/");
    assert_eq!(body["UpdatedDateUTCString"], "2026-11-22T10:00:00Z");
    let line = &body["LineItems"][0];
    assert_eq!((&line["TaxType"], &line["ValidationErrors"]), (&json!("OUTPUT2"), &json!([])));
    assert_eq!(["TaxAmount", "LineAmount"].map(|field| digits(&line[field])), ["3.15", "21.00"]);
    assert_eq!(body["Contact"]["IsCustomer"], true);
    assert_eq!(body["Contact"]["Phones"].as_array().unwrap().len(), 4);
    for absent in ["Payments", "CreditNotes", "AmountCredited", "HasAttachments", "StatusAttributeString"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn pages_have_lines_and_plain_lists_have_none() {
    let (client, invoice) = ready().await;
    let region = json!({ "Tracking": [{ "Name": "region", "Option": "north" }] });
    let written = created(&client, line(&invoice, region)).await;
    assert!(written["LineItems"][0]["Tracking"][0]["TrackingOptionID"].is_string());
    let plain = client.get("Invoices").await.json();
    assert_eq!(plain["Invoices"][0]["LineItems"], json!([]));
    let paged = client.get("Invoices?page=1").await.json()["Invoices"][0].clone();
    let tracking = &paged["LineItems"][0]["Tracking"][0];
    assert_eq!((&tracking["Name"], &tracking["Option"]), (&json!("Region"), &json!("North")));
    assert_eq!((&tracking["Options"], tracking.get("TrackingOptionID")), (&json!([]), None));
    assert_eq!(paged["Contact"].as_object().unwrap().len(), 7);
    let single = client.get("Invoices/INV-0001").await.json()["Invoices"][0].clone();
    assert_eq!((&single["Attachments"], &single["Contact"]["ContactStatus"]), (&json!([]), &json!("ACTIVE")));
}

#[tokio::test]
async fn sales_numbers_are_unique_even_against_the_voided_and_bills_numbers_are_not() {
    let (client, invoice) = ready().await;
    let numbered = with(&invoice, json!({ "InvoiceNumber": "INV-0002" }));
    let first = created(&client, numbered.clone()).await;
    let void = json!({ "InvoiceID": first["InvoiceID"], "Status": "VOIDED" });
    assert_eq!(client.post("Invoices", void).await.status, 200);
    assert_eq!(refused(&client, numbered.clone()).await, ["Invoice # must be unique."]);
    let numbers = [created(&client, invoice.clone()).await, created(&client, invoice.clone()).await];
    assert_eq!(numbers.map(|one| one["InvoiceNumber"].clone()), ["INV-0001", "INV-0003"]);
    let bill = line(&with(&numbered, json!({ "Type": "ACCPAY" })), json!({ "AccountCode": "400" }));
    let bills = [created(&client, bill.clone()).await, created(&client, bill).await];
    assert_eq!(bills.map(|one| one["LineItems"][0]["TaxType"].clone()), ["INPUT2", "INPUT2"]);
}

#[tokio::test]
async fn posting_a_number_that_exists_overwrites_that_invoice() {
    let (client, invoice) = ready().await;
    let numbered = with(&invoice, json!({ "InvoiceNumber": "A-1" }));
    let first = created(&client, numbered.clone()).await;
    let reply = client.post("Invoices", with(&numbered, json!({ "Reference": "new" }))).await.json();
    assert_eq!(reply["Invoices"][0]["InvoiceID"], first["InvoiceID"]);
    assert_eq!(client.ledger().count_invoices(), 1);
}

#[tokio::test]
async fn an_authorised_invoice_is_voided_never_deleted_and_keeps_what_is_due() {
    let (client, invoice) = ready().await;
    let id = created(&client, invoice).await["InvoiceID"].clone();
    let delete = json!({ "InvoiceID": id, "Status": "DELETED" });
    let body = client.post("Invoices?summarizeErrors=false", delete).await.json()["Invoices"][0].clone();
    assert_eq!(
        body["ValidationErrors"],
        json!([{ "Message": "Invoice not of valid status for modification" }])
    );
    assert_eq!((&body["Status"], &body["InvoiceID"]), (&json!("DELETED"), &id), "the echo is what was asked");
    assert_eq!((&body["HasErrors"], &body["StatusAttributeString"]), (&json!(true), &json!("ERROR")));
    let void = json!({ "InvoiceID": id, "Status": "VOIDED" });
    let body =
        client.post("Invoices?summarizeErrors=false", void.clone()).await.json()["Invoices"][0].clone();
    assert_eq!((digits(&body["AmountDue"]), &body["StatusAttributeString"]), ("24.15".into(), &json!("OK")));
    assert_eq!(
        client.post("Invoices", void).await.messages(),
        ["Invoice not of valid status for modification"]
    );
}

#[tokio::test]
async fn a_draft_may_lack_what_an_approved_invoice_needs() {
    let (client, invoice) = ready().await;
    let bare =
        with(&invoice, json!({ "Status": "DRAFT", "LineItems": [{ "Description": "A", "UnitAmount": 1 }] }));
    let draft = created(&client, bare.clone()).await;
    let approve = json!({ "InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED" });
    assert_eq!(client.post("Invoices", approve).await.messages(), ["Account code must be specified"]);
    assert_eq!(
        refused(&client, with(&bare, json!({ "Status": "PAID" }))).await,
        ["Invoice not of valid status for creation"]
    );
    client.ledger().archive_account("210");
    for code in ["999", "210", "090"] {
        let message = format!("Account code '{code}' is not a valid code for this document.");
        assert_eq!(refused(&client, line(&invoice, json!({ "AccountCode": code }))).await, [message]);
    }
}

#[tokio::test]
async fn tax_follows_the_kind_of_amounts() {
    let (client, invoice) = ready().await;
    let inclusive = line(
        &with(&invoice, json!({ "LineAmountTypes": "Inclusive" })),
        json!({ "Quantity": 1, "UnitAmount": 541.25 }),
    );
    let body = created(&client, inclusive).await;
    assert_eq!(["SubTotal", "TotalTax", "Total"].map(|f| digits(&body[f])), ["470.65", "70.60", "541.25"]);
    let body = created(&client, with(&invoice, json!({ "LineAmountTypes": "NoTax" }))).await;
    assert_eq!(["SubTotal", "TotalTax", "Total"].map(|f| digits(&body[f])), ["21.00", "0.00", "21.00"]);
    let own_tax = line(&invoice, json!({ "TaxAmount": "3.16" }));
    assert_eq!(digits(&created(&client, own_tax).await["Total"]), "24.16");
    for (tax, message) in [
        ("NOPE", "The TaxType code NOPE does not exist or cannot be used for this type of transaction."),
        ("INPUT2", "The TaxType code 'INPUT2' cannot be used with account code '200'."),
    ] {
        assert_eq!(refused(&client, line(&invoice, json!({ "TaxType": tax }))).await, [message]);
    }
}

#[tokio::test]
async fn unit_amounts_have_two_places_unless_four_are_asked_for() {
    let (client, invoice) = ready().await;
    let fine = line(&invoice, json!({ "Quantity": 1000, "UnitAmount": 0.1234 }));
    assert_eq!(digits(&created(&client, fine.clone()).await["SubTotal"]), "120.00");
    let reply = client.put("Invoices?unitdp=4", fine).await.json()["Invoices"][0].clone();
    assert_eq!(digits(&reply["SubTotal"]), "123.40");
    assert_eq!(digits(&reply["LineItems"][0]["UnitAmount"]), "0.1234");
}

#[tokio::test]
async fn discounts_are_for_sales_only_and_totals_must_agree() {
    let (client, invoice) = ready().await;
    let body = created(&client, line(&invoice, json!({ "DiscountRate": 10 }))).await;
    assert_eq!((digits(&body["SubTotal"]), &body["IsDiscounted"]), ("18.90".into(), &json!(true)));
    let bill = with(
        &line(&invoice, json!({ "DiscountRate": 10, "AccountCode": "400" })),
        json!({ "Type": "ACCPAY" }),
    );
    assert_eq!(refused(&client, bill).await.len(), 1);
    let wrong = line(&invoice, json!({ "LineAmount": 25 }));
    assert_eq!(
        refused(&client, wrong).await,
        ["The line total 25.00 does not match the expected line total 21.00"]
    );
}

#[tokio::test]
async fn items_fill_in_what_a_line_leaves_out() {
    let (client, invoice) = ready().await;
    client.ledger().add_item("HW-1", "A box", "99.95".parse().unwrap(), "210");
    let bare = with(&invoice, json!({ "LineItems": [{ "ItemCode": "HW-1" }] }));
    let body = created(&client, bare).await;
    let found = &body["LineItems"][0];
    assert_eq!((&found["Description"], &found["AccountCode"]), (&json!("A box"), &json!("210")));
    assert_eq!((digits(&found["UnitAmount"]), digits(&body["SubTotal"])), ("99.95".into(), "99.95".into()));
    let unknown = line(&invoice, json!({ "ItemCode": "NOPE" }));
    assert_eq!(refused(&client, unknown).await, ["Item code 'NOPE' is not valid"]);
}

#[tokio::test]
async fn lines_are_replaced_by_id_and_left_alone_when_not_sent() {
    let (client, invoice) = ready().await;
    let two = with(
        &invoice,
        json!({ "LineItems": [
        { "Description": "A", "UnitAmount": 1, "AccountCode": "200" },
        { "Description": "B", "UnitAmount": 2, "AccountCode": "200" },
    ] }),
    );
    let first = created(&client, two).await;
    let id = &first["InvoiceID"];
    let same = client.post("Invoices", json!({ "InvoiceID": id, "Reference": "R" })).await.json();
    assert_eq!(same["Invoices"][0]["LineItems"].as_array().unwrap().len(), 2);
    let kept = &first["LineItems"][1]["LineItemID"];
    let sent = json!({ "InvoiceID": id, "LineItems": [
        { "LineItemID": kept, "UnitAmount": 5 },
        { "Description": "C", "UnitAmount": 7, "AccountCode": "200" },
    ] });
    let lines = client.post("Invoices", sent).await.json()["Invoices"][0]["LineItems"].clone();
    assert_eq!((&lines[0]["LineItemID"], &lines[0]["Description"]), (kept, &json!("B")));
    assert_eq!(digits(&lines[0]["TaxAmount"]), "0.75");
    assert_eq!((lines.as_array().unwrap().len(), &lines[1]["Description"]), (2, &json!("C")));
}

#[tokio::test]
async fn locked_periods_currencies_urls_and_tracking_are_refused_in_xeros_words() {
    let (client, invoice) = ready().await;
    let ledger = client.ledger();
    let euro = with(&invoice, json!({ "CurrencyCode": "EUR" }));
    assert_eq!(refused(&client, euro.clone()).await, ["Organisation is not subscribed to currency EUR"]);
    ledger.add_currency("EUR");
    assert_eq!(created(&client, euro).await["CurrencyCode"], "EUR");
    let url = with(&invoice, json!({ "Url": "https://go.xero.com/x" }));
    assert_eq!(refused(&client, url).await.len(), 1);
    let unknown = line(&invoice, json!({ "Tracking": [{ "Name": "Region", "Option": "Mars" }] }));
    assert_eq!(refused(&client, unknown).await.len(), 1);
    ledger.set_period_lock(Some(jiff::civil::date(2026, 11, 20)));
    assert_eq!(
        refused(&client, invoice.clone()).await,
        ["The document date cannot be before the period lock date, currently set at 20-Nov-2026"]
    );
    ledger.set_year_end_lock(Some(jiff::civil::date(2026, 11, 30)));
    assert_eq!(
        refused(&client, invoice.clone()).await,
        ["The document date cannot be before the end of year lock date, currently set at 30-Nov-2026"]
    );
    assert_eq!(refused(&client, with(&invoice, json!({ "Date": "2026-11-30" }))).await.len(), 1);
    created(&client, with(&invoice, json!({ "Date": "2026-12-01" }))).await;
}

#[tokio::test]
async fn contacts_are_referred_to_made_or_edited_by_their_block() {
    let (client, invoice) = ready().await;
    let by_name = created(&client, with(&invoice, json!({ "Contact": { "Name": "ACME" } }))).await;
    assert_eq!(by_name["Contact"]["Name"], "Acme");
    let fresh = created(&client, with(&invoice, json!({ "Contact": { "Name": "Fresh" } }))).await;
    assert_eq!(client.ledger().contact_named("fresh").unwrap().id.to_string(), fresh["Contact"]["ContactID"]);
    assert_eq!(
        refused(&client, with(&invoice, json!({ "Contact": null }))).await,
        ["A Contact must be specified for this type of transaction"]
    );
    let bad =
        with(&line(&invoice, json!({ "AccountCode": "999" })), json!({ "Contact": { "Name": "Ghost" } }));
    refused(&client, bad).await;
    assert!(client.ledger().contact_named("Ghost").is_none(), "a refused invoice makes no contact");
    let id = client.ledger().contact_named("Acme").unwrap().id;
    client.ledger().archive_contact(id);
    assert_eq!(refused(&client, invoice.clone()).await.len(), 1);
}

#[tokio::test]
async fn invoices_are_found_by_number_status_contact_app_and_where() {
    let (client, invoice) = ready().await;
    created(&client, with(&invoice, json!({ "Reference": "one" }))).await;
    created(&client, with(&invoice, json!({ "Status": "DRAFT", "Reference": "two" }))).await;
    client.advance(60);
    client.ledger().add_invoice(with(&invoice, json!({ "Reference": "by hand" }))).unwrap();
    let references = async |query: &str| {
        let body = client.get(&format!("Invoices?{query}")).await.json();
        let rows = body["Invoices"].as_array().unwrap().clone();
        rows.iter().map(|one| one["Reference"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(references("createdByMyApp=true").await.len(), 2);
    assert_eq!(references("Statuses=DRAFT").await, ["two"]);
    assert_eq!(references("InvoiceNumbers=INV-0001,INV-0003").await.len(), 2);
    assert_eq!(references("searchTerm=HAND").await, ["by hand"]);
    assert_eq!(references("order=Reference%20DESC").await, ["two", "one", "by hand"]);
    let filter = encoded("Status==\"AUTHORISED\" AND Contact.Name==\"acme\" AND Date>=DateTime(2026,11,20)");
    assert_eq!(references(&format!("where={filter}")).await.len(), 2);
    let filter = encoded("Type==\"ACCPAY\" OR AmountDue<24.15");
    assert_eq!(references(&format!("where={filter}")).await.len(), 0);
    let since = [("if-modified-since", "2026-11-22T10:01:00")];
    let fresh = client.call("GET", "Invoices?page=1", &since, "").await.json();
    assert_eq!(fresh["pagination"]["itemCount"], 1);
}

#[tokio::test]
async fn a_paid_invoice_takes_a_reference_but_no_new_lines() {
    let (client, invoice) = ready().await;
    let made = created(&client, invoice.clone()).await;
    let id = made["InvoiceID"].as_str().unwrap().parse().unwrap();
    client.ledger().pay_invoice(id).unwrap();
    let reply = client.post("Invoices", json!({ "InvoiceID": id.to_string(), "Reference": "R" })).await;
    assert_eq!(reply.json()["Invoices"][0]["Status"], "PAID");
    let lines = json!({ "InvoiceID": id.to_string(), "LineItems": invoice["LineItems"] });
    assert_eq!(client.post("Invoices", lines).await.status, 400);
    for status in ["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"] {
        let sent = json!({ "InvoiceID": id.to_string(), "Reference": "S", "Status": status });
        let refused = client.post("Invoices", sent).await;
        assert_eq!(refused.status, 400, "{status}");
        assert_eq!(refused.messages(), ["Invoice not of valid status for modification"], "{status}");
    }
    assert_eq!(client.ledger().invoice(id).unwrap().claim.status, InvoiceStatus::Paid);
}

#[tokio::test]
async fn two_documents_with_one_marker_are_reported_as_doubles() {
    let (client, invoice) = ready().await;
    let marked = with(&invoice, json!({ "Url": "https://crm.example/006?cf=abc" }));
    let first = created(&client, marked.clone()).await["InvoiceID"].as_str().unwrap().parse().unwrap();
    assert_eq!(client.ledger().duplicates(), Vec::<String>::new());
    created(&client, marked).await;
    assert_eq!(client.ledger().duplicates().len(), 1);
    client.ledger().void_invoice(first).unwrap();
    assert_eq!(client.ledger().duplicates(), Vec::<String>::new());
}

#[tokio::test]
async fn fifty_invoices_go_in_one_call_and_none_when_one_is_wrong() {
    let (client, invoice) = ready().await;
    let mut invoices = vec![invoice.clone(); 50];
    let reply = client.put("Invoices", json!({ "Invoices": invoices })).await.json();
    assert_eq!(reply["Invoices"].as_array().unwrap().len(), 50);
    assert_eq!(reply["Invoices"][49]["InvoiceNumber"], "INV-0050");
    invoices[30] = line(&invoice, json!({ "AccountCode": "999" }));
    let reply = client.put("Invoices", json!({ "Invoices": invoices })).await;
    assert_eq!((reply.status.as_u16(), reply.json()["Elements"].as_array().unwrap().len()), (400, 1));
    assert_eq!(client.ledger().count_invoices(), 50);
    assert_eq!(created(&client, invoice).await["InvoiceNumber"], "INV-0051");
}

#[tokio::test]
async fn the_history_tells_what_was_saved_and_not_what_was_refused() {
    let (client, invoice) = ready().await;
    let id = created(&client, with(&invoice, json!({ "Status": "DRAFT" }))).await["InvoiceID"].clone();
    let path = format!("Invoices/{}/History", id.as_str().unwrap());
    client.advance(60);
    let edits =
        json!({ "Invoices": [{ "InvoiceID": id, "Reference": "R" }, { "InvoiceID": id, "Status": "PAID" }] });
    assert_eq!(client.post("Invoices", edits).await.status, 400);
    client.post("Invoices", json!({ "InvoiceID": id, "Status": "AUTHORISED" })).await;
    let note = client.put(&path, json!({ "HistoryRecords": [{ "Details": "Looked at" }] })).await.json();
    assert_eq!(note["HistoryRecords"][0].as_object().unwrap().len(), 4);
    let records = client.get(&path).await.json()["HistoryRecords"].clone();
    let changes: Vec<_> = records.as_array().unwrap().iter().map(|one| &one["Changes"]).collect();
    assert_eq!(changes, ["Note", "Approved", "Created"]);
    assert_eq!(
        (&records[1]["User"], &records[1]["DateUTCString"]),
        (&json!("Sandbox App"), &json!("2026-11-22T10:01:00"))
    );
    assert_eq!(records[2]["DateUTC"], "/Date(1795341600000+0000)/");
}

#[tokio::test]
async fn a_list_of_statuses_is_one_parameter_with_commas_or_several() {
    let client = Client::new().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap().id.to_string();
    for status in ["DRAFT", "SUBMITTED", "AUTHORISED"] {
        let line = json!([{ "Description": "Work", "UnitAmount": 1, "AccountCode": "200" }]);
        let sent = json!({ "Type": "ACCREC", "Status": status, "Contact": { "ContactID": contact },
            "Date": "2026-11-22", "DueDate": "2026-12-22", "LineItems": line });
        assert_eq!(client.put("Invoices", sent).await.status, 200, "{status}");
    }
    for query in
        ["Statuses=DRAFT,SUBMITTED", "Statuses=DRAFT&Statuses=SUBMITTED", "Statuses=draft&statuses=submitted"]
    {
        let listed = client.get(&format!("Invoices?{query}")).await.json()["Invoices"].clone();
        let listed = listed.as_array().unwrap().iter();
        let mut statuses: Vec<&str> = listed.map(|one| one["Status"].as_str().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, ["DRAFT", "SUBMITTED"], "{query}");
    }
}
