//! What may still be changed of an invoice or a credit note once something was paid or credited, and what is only
//! taken of one that is approved.

use serde_json::{Value, json};

use super::{Client, digits};

const WRONG_STATUS: &str = "Invoice not of valid status for modification";

async fn ready() -> Client {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    client.ledger().add_contact_named("Other").unwrap();
    client
}

fn document(kind: &str) -> Value {
    let account = if kind.contains("REC") { "200" } else { "400" };
    json!({
        "Type": kind, "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
        "DueDate": "2026-12-20",
        "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 100, "AccountCode": account }],
    })
}

async fn made(client: &Client, collection: &str, document: Value) -> Value {
    let reply = client.put(collection, document).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()[collection][0].clone()
}

async fn paid(client: &Client, kind: &str, amount: u32) -> Value {
    let invoice = made(client, "Invoices", document(kind)).await;
    let payment = json!({
        "Invoice": { "InvoiceID": invoice["InvoiceID"] }, "Account": { "Code": "090" }, "Amount": amount,
    });
    assert_eq!(client.put("Payments", payment).await.status, 200);
    invoice
}

fn url_of(number: &str) -> String {
    format!("https://crm.example/{number}")
}

/// What an invoice is after this was sent for it, or the messages.
async fn edited(client: &Client, invoice: &Value, mut fields: Value) -> Result<Value, Vec<String>> {
    fields["InvoiceID"] = invoice["InvoiceID"].clone();
    let reply = client.post("Invoices", fields).await;
    if reply.status == 200 { Ok(reply.json()["Invoices"][0].clone()) } else { Err(reply.messages()) }
}

#[tokio::test]
async fn after_a_payment_labels_can_be_changed_and_the_books_stay() {
    let client = ready().await;
    for (kind, amount) in [("ACCREC", 40), ("ACCREC", 115), ("ACCPAY", 40), ("ACCPAY", 115)] {
        let invoice = paid(&client, kind, amount).await;
        let line = &invoice["LineItems"][0]["LineItemID"];
        let theme = client.get("BrandingThemes").await.json()["BrandingThemes"][0]["BrandingThemeID"].clone();
        let number = format!("N-{kind}-{amount}");
        let account = if kind == "ACCREC" { "260" } else { "453" };
        let changed = edited(
            &client,
            &invoice,
            json!({
                "Reference": number, "DueDate": "2027-01-31", "InvoiceNumber": number, "BrandingThemeID": theme,
                "Url": url_of(&number), "Contact": { "Name": "Other" }, "LineItems": [{
                    "LineItemID": line, "Description": "Labour", "AccountCode": account,
                    "Tracking": [{ "Name": "Region", "Option": "North" }],
                }],
            }),
        );
        let changed = changed.await.unwrap();
        let [reference, number_now, url, due] = ["Reference", "InvoiceNumber", "Url", "DueDateString"]
            .map(|field| changed[field].as_str().unwrap_or_default());
        assert_eq!([reference, number_now, url], [&number, &number, &url_of(&number)]);
        assert_eq!((due, &changed["BrandingThemeID"]), ("2027-01-31T00:00:00", &theme));
        assert_eq!((&changed["Contact"]["Name"], &changed["Total"]), (&json!("Other"), &invoice["Total"]));
        let now = &changed["LineItems"][0];
        assert_eq!((&now["LineItemID"], &now["Description"]), (line, &json!("Labour")));
        assert_eq!((&now["AccountCode"], &now["Tracking"][0]["Option"]), (&json!(account), &json!("North")));
        client.assert_books_hold().await;
    }
    assert_eq!(client.ledger().balance("200"), 0.into(), "what was sold is on the other account now");
}

#[tokio::test]
async fn after_a_payment_everything_else_is_refused() {
    let client = ready().await;
    client.ledger().add_currency("USD");
    for amount in [40, 115] {
        let invoice = paid(&client, "ACCREC", amount).await;
        let line = invoice["LineItems"][0]["LineItemID"].clone();
        let with = |field: &str, value: Value| {
            let mut line = json!({ "LineItemID": line });
            line[field] = value;
            json!({ "LineItems": [line] })
        };
        let added = json!({ "LineItems": [
            { "LineItemID": line }, { "Description": "More", "UnitAmount": 0, "AccountCode": "200" },
        ] });
        for edit in [
            json!({ "Date": "2026-11-21" }),
            json!({ "CurrencyCode": "USD" }),
            json!({ "LineAmountTypes": "Inclusive" }),
            json!({ "ExpectedPaymentDate": "2027-01-31" }),
            json!({ "PlannedPaymentDate": "2027-01-31" }),
            with("Quantity", json!(2)),
            with("UnitAmount", json!(99)),
            with("TaxType", json!("NONE")),
            with("TaxAmount", json!("14.99")),
            with("DiscountRate", json!(10)),
            json!({ "LineItems": [{ "Description": "Work", "UnitAmount": 100, "AccountCode": "200" }] }),
            json!({ "LineItems": [] }),
            added,
        ] {
            assert_eq!(
                edited(&client, &invoice, edit.clone()).await,
                Err(vec![WRONG_STATUS.into()]),
                "{edit}"
            );
        }
        // The same again is no change.
        let mut same = document("ACCREC");
        same.as_object_mut().unwrap().retain(|field, _| field != "LineItems" && field != "Status");
        assert!(edited(&client, &invoice, same).await.is_ok());
        let line = json!({ "LineItems": [{ "LineItemID": line, "Quantity": 1, "UnitAmount": "100.00" }] });
        assert!(edited(&client, &invoice, line).await.is_ok());
    }
    let bill = paid(&client, "ACCPAY", 40).await;
    assert!(edited(&client, &bill, json!({ "PlannedPaymentDate": "2027-01-31" })).await.is_ok());
}

#[tokio::test]
async fn a_tax_amount_that_was_sent_stays_until_what_it_is_the_tax_of_changes() {
    let client = ready().await;
    let mut sent = document("ACCREC");
    sent["LineItems"][0]["TaxAmount"] = "14.99".into();
    for part_paid in [true, false] {
        let invoice = made(&client, "Invoices", sent.clone()).await;
        if part_paid {
            let payment = json!({
                "Invoice": { "InvoiceID": invoice["InvoiceID"] }, "Account": { "Code": "090" }, "Amount": 40,
            });
            assert_eq!(client.put("Payments", payment).await.status, 200);
        }
        let line = |fields: Value| {
            let mut line = json!({ "LineItemID": invoice["LineItems"][0]["LineItemID"] });
            line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!({ "LineItems": [line] })
        };
        for same in [
            json!({ "Description": "Labour" }),
            json!({ "AccountCode": "260", "Quantity": 2, "UnitAmount": 50 }),
            json!({ "Quantity": 1, "UnitAmount": 100, "TaxType": "OUTPUT2" }),
        ] {
            let edit = edited(&client, &invoice, line(same.clone())).await;
            if part_paid && same.get("Quantity") == Some(&json!(2)) {
                assert_eq!(edit, Err(vec![WRONG_STATUS.into()]));
            } else {
                assert_eq!(digits(&edit.unwrap()["Total"]), "114.99", "{same}");
            }
        }
        if !part_paid {
            let dearer = edited(&client, &invoice, line(json!({ "UnitAmount": 200 }))).await.unwrap();
            assert_eq!(digits(&dearer["Total"]), "230.00");
            let own = edited(&client, &invoice, line(json!({ "TaxAmount": "29.98" }))).await.unwrap();
            assert_eq!(digits(&own["Total"]), "229.98");
            let free = edited(&client, &invoice, line(json!({ "TaxType": "NONE" }))).await.unwrap();
            assert_eq!(digits(&free["Total"]), "200.00");
        }
    }
    client.assert_books_hold().await;
}

#[tokio::test]
async fn a_credited_invoice_and_a_used_credit_note_keep_their_contact() {
    let client = ready().await;
    let invoice = made(&client, "Invoices", document("ACCREC")).await;
    let note = made(&client, "CreditNotes", document("ACCRECCREDIT")).await;
    let id = note["CreditNoteID"].as_str().unwrap();
    let allocation = json!({ "Amount": 40, "Invoice": { "InvoiceID": invoice["InvoiceID"] } });
    assert_eq!(client.put(&format!("CreditNotes/{id}/Allocations"), allocation).await.status, 200);
    let other = json!({ "Contact": { "Name": "Other" } });
    assert_eq!(edited(&client, &invoice, other.clone()).await, Err(vec![WRONG_STATUS.into()]));
    assert!(edited(&client, &invoice, json!({ "Reference": "R" })).await.is_ok());
    let path = format!("CreditNotes/{id}");
    let wrong = "Credit note not of valid status for modification";
    let line = &note["LineItems"][0]["LineItemID"];
    let cheaper = json!({ "LineItems": [{ "LineItemID": line, "UnitAmount": 99 }] });
    for edit in [other, cheaper, json!({ "Date": "2026-11-21" })] {
        assert_eq!(client.post(&path, edit).await.messages(), [wrong]);
    }
    let relabelled =
        json!({ "Reference": "R", "LineItems": [{ "LineItemID": line, "Description": "Labour" }] });
    let relabelled = client.post(&path, relabelled).await.json()["CreditNotes"][0].clone();
    assert_eq!(
        (&relabelled["Reference"], digits(&relabelled["RemainingCredit"])),
        (&json!("R"), "75.00".into())
    );
    assert_eq!(relabelled["LineItems"][0]["Description"], "Labour");
}

#[tokio::test]
async fn a_new_due_date_leaves_the_stamp_of_a_part_paid_invoice() {
    let client = ready().await;
    let [part_paid, open] =
        [paid(&client, "ACCREC", 40).await, made(&client, "Invoices", document("ACCREC")).await];
    client.advance(60);
    let stamp = async |invoice: &Value, edit: Value| {
        edited(&client, invoice, edit).await.unwrap()["UpdatedDateUTCString"].clone()
    };
    let due = json!({ "DueDate": "2027-01-31", "SentToContact": true });
    assert_eq!(stamp(&part_paid, due.clone()).await, "2026-11-22T10:00:00Z");
    assert_eq!(stamp(&open, due).await, "2026-11-22T10:01:00Z");
    assert_eq!(stamp(&part_paid, json!({ "Reference": "R" })).await, "2026-11-22T10:01:00Z");
}

#[tokio::test]
async fn only_what_is_approved_can_be_marked_as_sent() {
    let client = ready().await;
    for (collection, kind) in [("Invoices", "ACCREC"), ("CreditNotes", "ACCRECCREDIT")] {
        for (status, expected) in [("DRAFT", false), ("SUBMITTED", false), ("AUTHORISED", true)] {
            let mut sent = document(kind);
            sent["Status"] = status.into();
            sent["SentToContact"] = true.into();
            let document = made(&client, collection, sent).await;
            assert_eq!(document["SentToContact"], expected, "{collection} {status}");
        }
    }
    let paid = paid(&client, "ACCREC", 115).await;
    assert_eq!(
        edited(&client, &paid, json!({ "SentToContact": true })).await.unwrap()["SentToContact"],
        true
    );
}

/// With the totals that belong to it.
fn rounded(status: &str, rounding: &str, total: &str) -> Value {
    let mut sent = document("ACCREC");
    sent["Status"] = status.into();
    for (field, amount) in
        [("RoundingAmount", rounding), ("SubTotal", "100"), ("TotalTax", "15.00"), ("Total", total)]
    {
        sent[field] = amount.into();
    }
    sent
}

#[tokio::test]
async fn a_rounding_amount_is_part_of_the_total_and_of_the_books() {
    let client = ready().await;
    for (status, rounding, total) in
        [("AUTHORISED", "0.10", "115.10"), ("AUTHORISED", "-0.03", "114.97"), ("SUBMITTED", "0.01", "115.01")]
    {
        let invoice = made(&client, "Invoices", rounded(status, rounding, total)).await;
        let shown = ["SubTotal", "TotalTax", "RoundingAmount", "Total", "AmountDue"];
        assert_eq!(shown.map(|field| digits(&invoice[field])), ["100.00", "15.00", rounding, total, total]);
        let same = edited(&client, &invoice, json!({ "Reference": rounding })).await.unwrap();
        assert_eq!(digits(&same["Total"]), total, "it stays with the lines");
    }
    assert_eq!(client.ledger().balance("860").to_string(), "-0.07");
    assert_eq!(client.ledger().balance("610").to_string(), "230.07");
    client.assert_books_hold().await;
}

#[tokio::test]
async fn a_rounding_amount_is_small_and_comes_with_its_totals() {
    let client = ready().await;
    let range = "The RoundingAmount must be between -0.10 and 0.10";
    let status = "A RoundingAmount can only be set on SUBMITTED and AUTHORISED invoices";
    let bare = "SubTotal, TotalTax and Total must be specified with a RoundingAmount";
    let mismatch = "The Total 115.02 does not match the expected Total 115.01";
    for (sent, message) in [
        (rounded("AUTHORISED", "0.11", "115.11"), range),
        (rounded("AUTHORISED", "0.01", "115.02"), mismatch),
        (rounded("DRAFT", "0.01", "115.01"), status),
    ] {
        let messages = client.put("Invoices", sent).await.messages();
        assert!(messages.contains(&message.to_owned()), "{messages:?}");
    }
    for field in ["SubTotal", "TotalTax", "Total"] {
        let mut sent = rounded("AUTHORISED", "0.01", "115.01");
        sent.as_object_mut().unwrap().remove(field);
        assert_eq!(client.put("Invoices", sent).await.messages(), [bare], "{field}");
    }
}

#[tokio::test]
async fn a_line_has_at_most_two_tracking_categories() {
    let client = ready().await;
    client.ledger().add_tracking_category("Team", &["Red", "Blue"]);
    let mut sent = document("ACCREC");
    let tracking = [("Region", "North"), ("Team", "Red"), ("Team", "Blue")]
        .map(|(name, option)| json!({ "Name": name, "Option": option }));
    sent["LineItems"][0]["Tracking"] = json!(tracking[..2]);
    let invoice = made(&client, "Invoices", sent.clone()).await;
    assert_eq!(invoice["LineItems"][0]["Tracking"].as_array().unwrap().len(), 2);
    sent["LineItems"][0]["Tracking"] = json!(tracking);
    let message = "A line item can have at most 2 tracking categories";
    assert_eq!(client.put("Invoices", sent).await.messages(), [message]);
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_refused_and_not_left_out() {
    let client = ready().await;
    client.ledger().add_currency("USD");
    let stranger = "3a1c0cd6-2c0a-4cf3-9d55-0b6f0a4f7a11";
    let new = json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" }, "CurrencyCode": "USD" });
    for (field, value, message) in [
        ("CurrencyRate", json!(0), "The CurrencyRate '0' must be a number greater than zero".to_owned()),
        ("CurrencyRate", json!(-1), "The CurrencyRate '-1' must be a number greater than zero".to_owned()),
        ("CurrencyRate", json!("x"), "The CurrencyRate 'x' must be a number greater than zero".to_owned()),
        ("BrandingThemeID", json!(stranger), format!("The BrandingThemeID '{stranger}' could not be found")),
        ("BrandingThemeID", json!("x"), "The BrandingThemeID 'x' could not be found".to_owned()),
    ] {
        let mut sent = new.clone();
        sent[field] = value;
        for collection in ["Invoices", "PurchaseOrders"] {
            let mut sent = sent.clone();
            if collection == "PurchaseOrders" {
                sent["LineItems"] = json!([{ "Description": "Work", "UnitAmount": 1 }]);
            }
            assert_eq!(client.put(collection, sent).await.messages(), [message.as_str()], "{collection}");
        }
    }
    let draft = made(&client, "Invoices", new).await;
    let edit = |kind: &str| json!({ "InvoiceID": draft["InvoiceID"], "Type": kind, "Reference": "R" });
    assert_eq!(
        client.post("Invoices", edit("ACCPAY")).await.messages(),
        ["The Type of the Invoice is ACCREC and cannot be changed to 'ACCPAY'"]
    );
    assert_eq!(client.post("Invoices", edit("ACCREC")).await.status, 200);
    let spent = json!({
        "Type": "SPEND", "Contact": { "Name": "Acme" }, "BankAccount": { "Code": "090" },
        "LineItems": [{ "Description": "Ads", "UnitAmount": 10, "AccountCode": "400" }],
    });
    let spent = made(&client, "BankTransactions", spent).await;
    let edit = json!({ "BankTransactionID": spent["BankTransactionID"], "Type": "RECEIVE" });
    assert_eq!(
        client.post("BankTransactions", edit).await.messages(),
        ["The Type of the Bank Transaction is SPEND and cannot be changed to 'RECEIVE'"]
    );
}
