//! What hangs on documents: files, notes, e-mail, the customer's link, and the sheet of paper.

use serde_json::{Value, json};

use super::{Client, Reply};
use crate::Settings;
use crate::xero::{Options, Plan};

/// A client with a sales invoice for a contact with an address; the path of the invoice.
async fn ready() -> (Client, String) {
    with_plan(Plan::default()).await
}

async fn with_plan(plan: Plan) -> (Client, String) {
    let xero = Options { plan, ..Options::default() };
    let client = Client::with(Settings { limits: false, xero, ..Settings::default() }).await;
    let contact =
        client.ledger().add_contact(json!({ "Name": "Acme", "EmailAddress": "a@acme.test" })).unwrap();
    let path = invoice(&client, json!({ "ContactID": contact.id.to_string() }), "AUTHORISED").await;
    (client, path)
}

async fn invoice(client: &Client, contact: Value, status: &str) -> String {
    let invoice = json!({
        "Type": "ACCREC", "Contact": contact, "Date": "2026-11-20", "Status": status,
        "LineItems": [{ "Description": "Work (two days)", "Quantity": 2, "UnitAmount": 10.5, "AccountCode": "200" }],
    });
    let made = client.put("Invoices", invoice).await;
    assert_eq!(made.status, 200, "{}", made.text);
    format!("Invoices/{}", made.json()["Invoices"][0]["InvoiceID"].as_str().unwrap())
}

async fn attach(client: &Client, path: &str, name: &str, content: &str) -> Reply {
    client
        .call(
            "PUT",
            &format!("{path}/Attachments/{name}"),
            &[("content-type", "application/octet-stream")],
            content,
        )
        .await
}

#[tokio::test]
async fn a_file_is_had_back_by_its_name_and_its_id() {
    let (client, path) = ready().await;
    assert_eq!(client.get(&path).await.json()["Invoices"][0]["HasAttachments"], false);
    client.advance(60);
    let made = attach(&client, &path, "order%201.pdf", "%PDF-1.4 the order").await;
    assert_eq!(made.status, 200, "{}", made.text);
    let file = made.json()["Attachments"][0].clone();
    let fields: Vec<_> = file.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["AttachmentID", "FileName", "Url", "MimeType", "ContentLength"]);
    assert_eq!(
        (&file["FileName"], &file["MimeType"], &file["ContentLength"]),
        (&json!("order 1.pdf"), &json!("application/pdf"), &json!(18))
    );
    for key in ["order%201.pdf", file["AttachmentID"].as_str().unwrap()] {
        let read = client.get(&format!("{path}/Attachments/{key}")).await;
        assert_eq!(read.header("content-type"), Some("application/pdf"));
        assert_eq!(read.text, "%PDF-1.4 the order");
    }
    let invoice = client.get(&path).await.json()["Invoices"][0].clone();
    assert_eq!((&invoice["HasAttachments"], &invoice["Attachments"][0]), (&json!(true), &file));
    assert_eq!(invoice["UpdatedDateUTC"], "/Date(1795341660000+0000)/");
    let history = client.get(&format!("{path}/History")).await.json();
    assert_eq!(history["HistoryRecords"][0]["Changes"], "Attached a file");
    assert_eq!(client.get(&format!("{path}/Attachments/none.pdf")).await.status, 404);
}

#[tokio::test]
async fn a_file_of_the_same_name_replaces_and_an_eleventh_is_refused() {
    let (client, path) = ready().await;
    for number in 0..10 {
        assert_eq!(attach(&client, &path, &format!("{number}.txt"), "one").await.status, 200);
    }
    assert_eq!(attach(&client, &path, "9.txt", "other").await.status, 200);
    assert_eq!(client.get(&format!("{path}/Attachments/9.txt")).await.text, "other");
    let refused = attach(&client, &path, "10.txt", "one").await;
    assert_eq!(refused.messages(), ["A document can have at most 10 attachments"]);
    let listed = client.get(&format!("{path}/Attachments")).await.json();
    assert_eq!(listed["Attachments"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn names_sizes_and_documents_of_files_are_checked() {
    let (client, path) = ready().await;
    for name in ["a%3Cb.pdf", "a%2Fb.pdf", "a%5Cb.pdf", "a%3Fb.pdf", "a%2Bb.pdf", "a%00b.pdf"] {
        assert_eq!(attach(&client, &path, name, "x").await.status, 400, "{name}");
    }
    let (three, ten) = ("x".repeat((3 << 20) + 1), "x".repeat((10 << 20) + 1));
    assert_eq!(attach(&client, &path, "big.txt", &three).await.status, 200);
    assert_eq!(attach(&client, &path, "bigger.txt", &ten).await.status, 413);
    let lines =
        json!([{ "LineAmount": 5, "AccountCode": "400" }, { "LineAmount": -5, "AccountCode": "900" }]);
    let journal =
        client.put("ManualJournals", json!({ "Narration": "N", "JournalLines": lines })).await.json();
    let journal =
        format!("ManualJournals/{}", journal["ManualJournals"][0]["ManualJournalID"].as_str().unwrap());
    assert_eq!(attach(&client, &journal, "big.txt", &three).await.status, 400);
    assert_eq!(attach(&client, &journal, "small.txt", "x").await.status, 200);
    let stranger = "Invoices/00000000-0000-0000-0000-000000000001";
    assert_eq!(
        attach(&client, stranger, "a.txt", "x").await.messages(),
        ["The document with the supplied id was not found for this endpoint."]
    );
    assert_eq!(client.get(&format!("{stranger}/Attachments")).await.status, 404);
    assert_eq!(client.get("TaxRates/OUTPUT2/Attachments").await.status, 404, "rates have no files");
}

#[tokio::test]
async fn only_what_customers_see_takes_files_along_online() {
    let (client, path) = ready().await;
    let online = attach(&client, &path, "a.txt?IncludeOnline=true", "x").await.json();
    assert_eq!(online["Attachments"][0]["IncludeOnline"], true);
    let contact = client.get("Contacts").await.json()["Contacts"][0]["ContactID"].clone();
    let contact = format!("Contacts/{}", contact.as_str().unwrap());
    let hidden = attach(&client, &contact, "a.txt?IncludeOnline=true", "x").await.json();
    assert_eq!(hidden["Attachments"][0].get("IncludeOnline"), None);
    assert_eq!(client.get("Contacts").await.json()["Contacts"][0]["HasAttachments"], true);
}

#[tokio::test]
async fn an_approved_sales_invoice_is_emailed_up_to_the_days_limit() {
    let (mut client, path) = with_plan(Plan::Trial).await;
    let email = format!("{path}/Email");
    let sent = client.post(&email, json!({})).await;
    assert_eq!((sent.status.as_u16(), sent.text.as_str()), (204, ""));
    assert_eq!(client.get(&path).await.json()["Invoices"][0]["SentToContact"], true);
    for _ in 1..20 {
        assert_eq!(client.post(&email, json!({})).await.status, 204);
    }
    let refused = client.post(&email, json!({})).await;
    assert_eq!(refused.messages(), ["The daily limit of emails has been reached"]);
    client.advance(14 * 3600);
    client.sign_in("").await;
    assert_eq!(client.post(&email, json!({})).await.status, 204, "a new day");
    let draft = invoice(&client, json!({ "Name": "Acme" }), "DRAFT").await;
    let refused = client.post(&format!("{draft}/Email"), json!({})).await;
    assert_eq!(
        refused.messages(),
        ["Only invoices that are SUBMITTED, AUTHORISED or PAID can be sent by email"]
    );
    let silent = invoice(&client, json!({ "Name": "No address" }), "AUTHORISED").await;
    let refused = client.post(&format!("{silent}/Email"), json!({})).await;
    assert_eq!(refused.messages(), ["The contact has no email address"]);
}

#[tokio::test]
async fn the_customers_link_is_always_the_same_and_drafts_have_none() {
    let (client, path) = ready().await;
    let link = client.get(&format!("{path}/OnlineInvoice")).await.json()["OnlineInvoices"][0].clone();
    let url = link["OnlineInvoiceUrl"].as_str().unwrap();
    assert!(url.starts_with("https://in.xero.com/") && url.len() == 60, "{url}");
    assert_eq!(client.get(&format!("{path}/OnlineInvoice")).await.json()["OnlineInvoices"][0], link);
    let draft = invoice(&client, json!({ "Name": "Acme" }), "DRAFT").await;
    assert_eq!(client.get(&format!("{draft}/OnlineInvoice")).await.status, 404);
}

#[tokio::test]
async fn a_document_is_a_sheet_of_paper_by_its_own_path_and_by_accept() {
    let (client, path) = ready().await;
    let by_path = client.get(&format!("{path}/pdf")).await;
    assert_eq!(by_path.header("content-type"), Some("application/pdf"));
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "application/pdf")];
    let by_accept = client.send("GET", &format!("/api.xro/2.0/{path}"), &headers, "").await;
    assert_eq!(by_accept.text, by_path.text);
    assert!(by_path.text.starts_with("%PDF-1.4") && by_path.text.ends_with("%%EOF\n"));
    for word in ["(TAX INVOICE)", "INV-0001", "Acme", "Work \\(two days\\)", "10.50", "NZD 24.15"] {
        assert!(by_path.text.contains(word), "{word}");
    }
    let quote = json!({
        "Contact": { "Name": "Acme" }, "Date": "2026-11-20", "Title": "Plan",
        "LineItems": [{ "Description": "Idea", "Quantity": 1, "UnitAmount": 5 }],
    });
    let quote = client.put("Quotes", quote).await.json()["Quotes"][0]["QuoteID"].clone();
    let quote = client.get(&format!("Quotes/{}/pdf", quote.as_str().unwrap())).await;
    assert!(quote.text.contains("(QUOTE)") && quote.text.contains("Idea"), "{}", quote.text);
    assert_eq!(client.get("Contacts/none/pdf").await.status, 404);
}

#[tokio::test]
async fn notes_are_added_to_every_kind_and_for_nothing_else() {
    let (client, path) = ready().await;
    let accounts = client.get("Accounts").await.json();
    let account = format!("Accounts/{}", accounts["Accounts"][0]["AccountID"].as_str().unwrap());
    for path in [&path, &account] {
        let note = json!({ "HistoryRecords": [{ "Details": "Called them" }] });
        let made = client.put(&format!("{path}/History"), note).await;
        let fields = made.json()["HistoryRecords"][0].clone();
        let fields: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["DateUTCString", "DateUTC", "Details", "ValidationErrors"]);
        let told = client.get(&format!("{path}/History")).await.json()["HistoryRecords"][0].clone();
        assert_eq!((&told["Changes"], &told["Details"]), (&json!("Note"), &json!("Called them")));
    }
    let long = json!({ "HistoryRecords": [{ "Details": "x".repeat(2_501) }] });
    assert_eq!(client.put(&format!("{path}/History"), long).await.status, 400);
    let stranger = "Invoices/00000000-0000-0000-0000-000000000001/History";
    let note = json!({ "HistoryRecords": [{ "Details": "Called them" }] });
    assert_eq!(
        client.put(stranger, note).await.messages(),
        ["The document with the supplied id was not found for this endpoint."]
    );
}

#[tokio::test]
async fn the_smallest_plan_approves_twenty_sales_a_month() {
    let (client, _) = with_plan(Plan::Early).await;
    for _ in 0..19 {
        invoice(&client, json!({ "Name": "Acme" }), "AUTHORISED").await;
    }
    let draft = invoice(&client, json!({ "Name": "Acme" }), "DRAFT").await;
    let refused = client.post(&draft, json!({ "Status": "AUTHORISED" })).await;
    assert_eq!(refused.messages(), ["You have reached the limit of invoices you can approve"]);
    let next_month = json!({ "Status": "AUTHORISED", "Date": "2026-12-01" });
    assert_eq!(client.post(&draft, next_month).await.status, 200);
}
