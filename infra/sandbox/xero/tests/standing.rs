//! What an organisation pays for, and until when its books are closed, as people set it.

use serde_json::{Value, json};

use super::Client;

fn invoice(contact: Value) -> Value {
    json!({
        "Type": "ACCREC", "Contact": contact, "Date": "2026-11-20", "DueDate": "2026-12-10", "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200" }],
    })
}

#[tokio::test]
async fn an_organisation_takes_its_plan_and_its_locks_over_http_and_keeps_the_others() {
    let client = Client::unlimited().await;
    let invoice = invoice(json!({ "Name": "Acme" }));
    let path = format!("organisations/{}", client.ledger().tenant_id());
    let open = json!({ "plan": "premium", "period_lock": null, "end_of_year_lock": null });
    assert_eq!(client.control("GET", &path, Value::Null).await, open);
    client.control("PATCH", &path, json!({ "end_of_year_lock": "2026-11-20" })).await;
    let changed = client.control("PATCH", &path, json!({ "plan": "early" })).await;
    assert_eq!(changed, json!({ "plan": "early", "period_lock": null, "end_of_year_lock": "2026-11-20" }));
    assert_eq!(
        client.put("Invoices", invoice.clone()).await.messages(),
        ["The document date cannot be before the end of year lock date, currently set at 20-Nov-2026"]
    );
    let shown = client.get("Organisation").await.json()["Organisations"][0].clone();
    assert_eq!(shown["EndOfYearLockDate"], "/Date(1795132800000+0000)/");
    client.control("PATCH", &path, json!({ "end_of_year_lock": null })).await;
    assert_eq!(client.put("Invoices", invoice).await.status, 200);
    let kind = [("content-type", "application/json")];
    let nobody = "organisations/00000000-0000-0000-0000-000000000001";
    for (path, body, status) in [
        (path.as_str(), json!({ "plan": "free" }), 400),
        (&path, json!({ "period_lock": "soon" }), 400),
        (&path, json!({ "emails": 5 }), 400),
        (nobody, json!({}), 404),
    ] {
        let reply = client.send("PATCH", &format!("/_sandbox/{path}"), &kind, &body.to_string()).await;
        assert_eq!(reply.status.as_u16(), status, "{path} {body} {}", reply.text);
    }
}

#[tokio::test]
async fn a_demo_company_says_that_it_is_one_and_sends_no_email() {
    let client = Client::unlimited().await;
    let contact = json!({ "Name": "Acme", "EmailAddress": "a@acme.test" });
    let invoice = client.put("Invoices", invoice(contact)).await.json()["Invoices"][0].clone();
    let email = format!("Invoices/{}/Email", invoice["InvoiceID"].as_str().unwrap());
    let organisation = async || client.get("Organisation").await.json()["Organisations"][0].clone();
    let told = |body: &Value| (body["IsDemoCompany"].clone(), body["Class"].clone());
    assert_eq!(told(&organisation().await), (json!(false), json!("PREMIUM")));
    assert_eq!(client.post(&email, json!({})).await.status, 204);
    let standing = format!("organisations/{}", client.ledger().tenant_id());
    client.control("PATCH", &standing, json!({ "plan": "demo" })).await;
    assert_eq!(told(&organisation().await), (json!(true), json!("DEMO")));
    assert_eq!(
        client.post(&email, json!({})).await.messages(),
        ["The daily limit of emails has been reached"]
    );
}
