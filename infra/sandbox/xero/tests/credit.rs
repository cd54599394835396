//! Credit notes and advances: their numbers and states, and setting them against invoices.

use serde_json::{Value, json};
use uuid::Uuid;

use super::payments::{nothing_is_broken, one, ready};
use super::{Client, digits};

fn credit_note(contact: &str) -> Value {
    json!({
        "Type": "ACCRECCREDIT", "Contact": { "ContactID": contact }, "Date": "2026-11-21",
        "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Returned", "Quantity": 1, "UnitAmount": 40, "AccountCode": "200" }],
    })
}

async fn created(client: &Client, note: Value) -> Value {
    let reply = client.put("CreditNotes", json!({ "CreditNotes": [note] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["CreditNotes"][0].clone()
}

#[tokio::test]
async fn a_credit_note_has_its_id_twice_its_own_numbers_and_credit_that_remains() {
    let (client, contact, _) = ready().await;
    let note = created(&client, credit_note(&contact)).await;
    assert_eq!(note["CreditNoteID"], note["ID"]);
    assert_eq!((&note["CreditNoteNumber"], &note["Type"]), (&json!("CN-0001"), &json!("ACCRECCREDIT")));
    assert_eq!(["Total", "RemainingCredit"].map(|field| digits(&note[field])), ["46.00", "46.00"]);
    let twice = json!({ "CreditNoteNumber": "cn-0001", "Type": "ACCRECCREDIT" });
    assert_eq!(client.put("CreditNotes", twice).await.messages(), ["Credit note # must be unique."]);
    assert_eq!(one(&client, "CreditNotes/CN-0001").await["ID"], note["ID"]);
    let listed = client.get("CreditNotes?where=RemainingCredit%3E1&page=1").await.json();
    assert_eq!(listed["CreditNotes"][0]["LineItems"].as_array().unwrap().len(), 1);
    let void = json!({ "CreditNoteID": note["ID"], "Status": "VOIDED" });
    assert_eq!(client.post("CreditNotes", void).await.json()["CreditNotes"][0]["Status"], "VOIDED");
    nothing_is_broken(&client);
}

#[tokio::test]
async fn allocated_credit_lowers_what_is_due_and_comes_back_when_it_is_deleted() {
    let (client, contact, invoice) = ready().await;
    let note = created(&client, credit_note(&contact)).await;
    let id = note["ID"].as_str().unwrap();
    let path = format!("CreditNotes/{id}/Allocations");
    let allocation = |amount: Value| {
        json!({ "Allocations":
            [{ "Amount": amount, "Invoice": { "InvoiceID": invoice }, "Date": "2026-11-21" }] })
    };
    let made = client.put(&path, allocation(json!(30.5))).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let made = made.json()["Allocations"][0].clone();
    assert_eq!((&made["CreditNote"]["ID"], digits(&made["Amount"])), (&note["ID"], "30.50".into()));
    let shown = one(&client, &format!("Invoices/{invoice}")).await;
    assert_eq!(["AmountDue", "AmountCredited"].map(|field| digits(&shown[field])), ["84.50", "30.50"]);
    assert_eq!(digits(&shown["CreditNotes"][0]["AppliedAmount"]), "30.50");
    let shown = one(&client, &format!("CreditNotes/{id}")).await;
    assert_eq!(digits(&shown["RemainingCredit"]), "15.50");
    assert_eq!(shown["Allocations"][0]["Invoice"]["InvoiceID"], json!(invoice));
    let too_much = client.put(&path, allocation(json!(15.51))).await;
    assert_eq!(too_much.messages(), ["The amount to allocate exceeds the remaining credit"]);
    let void = json!({ "CreditNoteID": id, "Status": "VOIDED" });
    assert_eq!(
        client.post("CreditNotes", void).await.messages(),
        ["Credit note not of valid status for modification"]
    );
    nothing_is_broken(&client);

    client.put(&path, allocation(json!(15.5))).await;
    assert_eq!(one(&client, &format!("CreditNotes/{id}")).await["Status"], "PAID");
    let allocation_id = made["AllocationID"].as_str().unwrap();
    let gone = client.call("DELETE", &format!("{path}/{allocation_id}"), &[], "").await;
    assert_eq!((gone.status.as_u16(), &gone.json()["IsDeleted"]), (200, &json!(true)));
    assert_eq!(client.call("DELETE", &format!("{path}/{allocation_id}"), &[], "").await.status, 404);
    let shown = one(&client, &format!("CreditNotes/{id}")).await;
    assert_eq!(
        (shown["Status"].as_str(), digits(&shown["RemainingCredit"])),
        (Some("AUTHORISED"), "30.50".into())
    );
    let shown = one(&client, &format!("Invoices/{invoice}")).await;
    assert_eq!(digits(&shown["AmountDue"]), "99.50");
    nothing_is_broken(&client);
}

#[tokio::test]
async fn credit_goes_to_the_same_contact_and_side_only_once_it_is_approved() {
    let (client, contact, invoice) = ready().await;
    let other = client.ledger().add_contact_named("Other").unwrap().id.to_string();
    let foreign = created(&client, credit_note(&other)).await;
    let mut draft = credit_note(&contact);
    draft["Status"] = "DRAFT".into();
    let draft = created(&client, draft).await;
    let mut from_supplier = credit_note(&contact);
    from_supplier["Type"] = "ACCPAYCREDIT".into();
    from_supplier["LineItems"][0]["AccountCode"] = "400".into();
    let from_supplier = created(&client, from_supplier).await;
    for (note, reason) in [(foreign, "same contact"), (draft, "Authorised"), (from_supplier, "same side")] {
        let path = format!("CreditNotes/{}/Allocations", note["ID"].as_str().unwrap());
        let reply = client.put(&path, json!({ "Amount": 1, "Invoice": { "InvoiceID": invoice } })).await;
        assert!(reply.messages()[0].contains(reason), "{reason}: {}", reply.text);
    }
    assert_eq!(client.put("CreditNotes/nope/Allocations", json!({})).await.status, 404);
    nothing_is_broken(&client);
}

#[tokio::test]
async fn what_remains_of_a_credit_note_can_be_paid_back() {
    let (client, contact, _) = ready().await;
    let note = created(&client, credit_note(&contact)).await;
    let refund = json!({
        "CreditNote": { "CreditNoteID": note["ID"] }, "Account": { "Code": "090" }, "Amount": 46,
        "Date": "2026-11-22",
    });
    let paid = client.put("Payments", refund).await.json()["Payments"][0].clone();
    assert_eq!(
        (&paid["PaymentType"], &paid["Invoice"]["Type"]),
        (&json!("ARCREDITPAYMENT"), &json!("ACCRECCREDIT"))
    );
    let shown = one(&client, &format!("CreditNotes/{}", note["ID"].as_str().unwrap())).await;
    assert_eq!((&shown["Status"], digits(&shown["RemainingCredit"])), (&json!("PAID"), "0.00".into()));
    assert_eq!(shown["Payments"][0]["PaymentID"], paid["PaymentID"]);
    nothing_is_broken(&client);
}

#[tokio::test]
async fn unknown_ids_are_not_found() {
    let client = Client::unlimited().await;
    let id = Uuid::from_u128(7);
    for path in ["CreditNotes", "Payments", "BatchPayments", "Prepayments", "Overpayments"] {
        assert_eq!(client.get(&format!("{path}/{id}")).await.status, 404, "{path}");
    }
    assert_eq!(client.put("Prepayments", json!({ "Prepayments": [{}] })).await.status, 501);
}

#[tokio::test]
async fn allocations_are_taken_one_by_one_where_errors_are_not_summarized() {
    let (client, contact, invoice) = ready().await;
    let note = created(&client, credit_note(&contact)).await;
    let id = note["ID"].as_str().unwrap();
    let path = format!("CreditNotes/{id}/Allocations");
    let sent: Vec<Value> =
        [10, 999, 20].map(|amount| json!({ "Amount": amount, "Invoice": { "InvoiceID": invoice } })).into();
    let together = client.put(&path, json!({ "Allocations": sent })).await;
    assert_eq!((together.status.as_u16(), together.json()["Elements"].as_array().unwrap().len()), (400, 1));
    assert_eq!(digits(&one(&client, &format!("CreditNotes/{id}")).await["RemainingCredit"]), "46.00");
    let each = client.put(&format!("{path}?summarizeErrors=false"), json!({ "Allocations": sent })).await;
    assert_eq!(each.status, 200, "{}", each.text);
    let elements = each.json()["Allocations"].clone();
    let status = |place: usize| elements[place]["StatusAttributeString"].clone();
    assert_eq!([0, 1, 2].map(status), ["OK", "ERROR", "OK"]);
    assert_eq!(
        each.messages(),
        [
            "The amount to allocate exceeds the remaining credit",
            "The amount to allocate exceeds the amount outstanding on this document"
        ]
    );
    assert_eq!(digits(&elements[1]["Amount"]), "999");
    assert_eq!(digits(&one(&client, &format!("CreditNotes/{id}")).await["RemainingCredit"]), "16.00");
    nothing_is_broken(&client);
}
