//! Repeating invoices: what a template must have, what it becomes, and how it ends.

use serde_json::{Value, json};

use super::{Client, digits, encoded};

async fn ready() -> (Client, Value) {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap();
    let template = json!({
        "Type": "ACCREC", "Contact": { "ContactID": contact.id.to_string() }, "Status": "AUTHORISED",
        "Reference": "Rent [Month]",
        "Schedule": { "Period": 1, "Unit": "MONTHLY", "DueDate": 20, "DueDateType": "OFFOLLOWINGMONTH",
                      "StartDate": "2026-11-30" },
        "LineItems": [{ "Description": "Rent", "UnitAmount": 100, "AccountCode": "200" }],
    });
    (client, template)
}

async fn created(client: &Client, template: Value) -> Value {
    let reply = client.put("RepeatingInvoices", json!({ "RepeatingInvoices": [template] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["RepeatingInvoices"][0].clone()
}

fn changed(template: &Value, field: &str, value: Value) -> Value {
    let mut template = template.clone();
    template[field] = value;
    template
}

/// No token lives that long.
async fn forty_days_pass(client: &mut Client) {
    client.advance(40 * 24 * 3600);
    client.sign_in("").await;
}

#[tokio::test]
async fn a_template_shows_its_schedule_and_totals_and_does_nothing_to_the_books() {
    let (client, template) = ready().await;
    let body = created(&client, template).await;
    assert_eq!(body["ID"], body["RepeatingInvoiceID"]);
    assert_eq!(
        body["Schedule"],
        json!({
            "Period": 1, "Unit": "MONTHLY", "DueDate": 20, "DueDateType": "OFFOLLOWINGMONTH",
            "StartDate": "/Date(1795996800000+0000)/", "NextScheduledDate": "/Date(1795996800000+0000)/",
        })
    );
    assert_eq!(
        ["SubTotal", "TotalTax", "Total"].map(|one| digits(&body[one])),
        ["100.00", "15.00", "115.00"]
    );
    assert_eq!((&body["Contact"]["Name"], &body["ApprovedForSending"]), (&json!("Acme"), &json!(false)));
    assert_eq!(client.ledger().count_invoices(), 0);
}

#[tokio::test]
async fn on_its_days_a_template_becomes_invoices() {
    let (mut client, template) = ready().await;
    let made = created(&client, template).await;
    forty_days_pass(&mut client).await;
    let invoices = client.get("Invoices?page=1&order=Date").await.json()["Invoices"].clone();
    let shown = |place: usize| {
        ["DateString", "DueDateString", "Reference", "Status"].map(|field| invoices[place][field].clone())
    };
    assert_eq!(invoices.as_array().unwrap().len(), 2);
    assert_eq!(shown(0), ["2026-11-30T00:00:00", "2026-12-20T00:00:00", "Rent November", "AUTHORISED"]);
    assert_eq!(shown(1), ["2026-12-30T00:00:00", "2027-01-20T00:00:00", "Rent December", "AUTHORISED"]);
    assert_eq!(digits(&invoices[0]["AmountDue"]), "115.00");
    assert_eq!(invoices[0]["RepeatingInvoiceID"], made["ID"]);
    let theirs =
        format!("Invoices?where=RepeatingInvoiceID%3D%3DGuid(%22{}%22)", made["ID"].as_str().unwrap());
    assert_eq!(client.get(&theirs).await.json()["Invoices"].as_array().unwrap().len(), 2);
    let path = format!("RepeatingInvoices/{}", made["ID"].as_str().unwrap());
    let next =
        client.get(&path).await.json()["RepeatingInvoices"][0]["Schedule"]["NextScheduledDate"].clone();
    assert_eq!(next, "/Date(1801267200000+0000)/");
    assert_eq!(client.get("Invoices").await.json()["Invoices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_invoice_that_cannot_be_made_stays_due_until_it_can() {
    let (mut client, template) = ready().await;
    let made = created(&client, template).await;
    let path = format!("RepeatingInvoices/{}", made["ID"].as_str().unwrap());
    let contact: uuid::Uuid = made["Contact"]["ContactID"].as_str().unwrap().parse().unwrap();
    client.ledger().archive_contact(contact);
    forty_days_pass(&mut client).await;
    let next = async || {
        client.get(&path).await.json()["RepeatingInvoices"][0]["Schedule"]["NextScheduledDate"].clone()
    };
    assert_eq!(next().await, "/Date(1795996800000+0000)/", "the first of them is still to come");
    assert_eq!(client.ledger().count_invoices(), 0);
    client.ledger().edit_contact(contact, json!({ "ContactStatus": "ACTIVE" })).unwrap();
    assert_eq!(next().await, "/Date(1801267200000+0000)/");
    let invoices = client.get("Invoices?page=1&order=Date").await.json()["Invoices"].clone();
    let days: Vec<&Value> = invoices.as_array().unwrap().iter().map(|one| &one["DateString"]).collect();
    assert_eq!(days, ["2026-11-30T00:00:00", "2026-12-30T00:00:00"]);
}

#[tokio::test]
async fn a_template_is_only_ever_deleted_and_becomes_nothing_any_more() {
    let (mut client, template) = ready().await;
    let made = created(&client, changed(&template, "Status", json!("DRAFT"))).await;
    let path = format!("RepeatingInvoices/{}", made["ID"].as_str().unwrap());
    let message = "A repeating invoice can only be deleted, by its Status";
    assert_eq!(client.post(&path, json!({ "Reference": "Other" })).await.messages(), [message]);
    let deleted = client.post(&path, json!({ "Status": "DELETED" })).await.json();
    assert_eq!(deleted["RepeatingInvoices"][0]["Status"], "DELETED");
    assert_eq!(client.post(&path, json!({ "Status": "DELETED" })).await.messages(), [message]);
    assert_eq!(client.get("RepeatingInvoices").await.json()["RepeatingInvoices"], json!([]));
    forty_days_pass(&mut client).await;
    assert_eq!(client.get("Invoices").await.json()["Invoices"], json!([]));
}

#[tokio::test]
async fn type_contact_schedule_and_lines_are_needed() {
    let (client, template) = ready().await;
    let schedule = "The Schedule must have a valid Period, Unit, DueDate, DueDateType and StartDate";
    for (sent, message) in [
        (changed(&template, "Type", json!("OTHER")), "The Type 'OTHER' is not valid: ACCREC or ACCPAY"),
        (
            changed(&template, "Contact", json!({})),
            "A Contact must be specified for this type of transaction",
        ),
        (changed(&template, "Schedule", Value::Null), "A Schedule must be specified"),
        (changed(&template, "Schedule", json!({ "Period": 0 })), schedule),
        (changed(&template, "LineItems", json!([])), "One or more line items must be specified"),
        (
            changed(&template, "Status", json!("DELETED")),
            "The Status 'DELETED' is not valid for a new repeating invoice",
        ),
    ] {
        assert_eq!(client.post("RepeatingInvoices", sent).await.messages(), [message]);
    }
}

#[tokio::test]
async fn templates_are_filtered_and_ordered() {
    let (client, template) = ready().await;
    created(&client, template.clone()).await;
    created(&client, changed(&template, "Status", json!("DRAFT"))).await;
    let filter = encoded("Status==\"DRAFT\" AND Schedule.EndDate == null");
    let body = client.get(&format!("RepeatingInvoices?where={filter}&order=Total")).await.json();
    assert_eq!(body["RepeatingInvoices"].as_array().unwrap().len(), 1);
}
