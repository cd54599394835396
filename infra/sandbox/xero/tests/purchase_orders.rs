//! Purchase orders: whose number updates whom, what a deleted one refuses, and the contact's odd stamp.

use serde_json::{Value, json};

use super::{Client, digits};

async fn ready() -> (Client, Value) {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap();
    let order = json!({
        "Contact": { "ContactID": contact.id.to_string() }, "Date": "2026-11-20", "Status": "SUBMITTED",
        "LineItems": [{ "Description": "steel", "Quantity": 1, "UnitAmount": 100, "AccountCode": "300" }],
    });
    (client, order)
}

fn with(order: &Value, changes: Value) -> Value {
    let mut order = order.clone();
    for (field, value) in changes.as_object().unwrap() {
        order[field] = value.clone();
    }
    order
}

async fn posted(client: &Client, order: Value) -> Value {
    let reply = client.post("PurchaseOrders", json!({ "PurchaseOrders": [order] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["PurchaseOrders"][0].clone()
}

#[tokio::test]
async fn a_created_order_looks_as_recorded() {
    let (client, order) = ready().await;
    let body = posted(&client, order).await;
    assert_eq!((&body["PurchaseOrderNumber"], &body["Type"]), (&json!("PO-0001"), &json!("PURCHASEORDER")));
    let amounts = ["TotalDiscount", "SubTotal", "TotalTax", "Total"].map(|field| digits(&body[field]));
    assert_eq!(amounts, ["0.00", "100.00", "15.00", "115.00"]);
    let line = &body["LineItems"][0];
    assert_eq!((&line["TaxType"], line.get("ValidationErrors")), (&json!("INPUT2"), None));
    assert!(line["AccountID"].is_string());
    assert_eq!((&body["Contact"]["Phones"], &body["Contact"]["Addresses"]), (&json!([]), &json!([])));
    assert_eq!((&body["Contact"]["IsSupplier"], &body["SentToContact"]), (&json!(false), &json!(false)));
    for absent in ["HasAttachments", "Attachments", "Reference", "BrandingThemeID", "DeliveryDate"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn the_contacts_stamp_is_shifted_in_the_answer_to_a_write_alone() {
    let (client, order) = ready().await;
    let stamp = client.get("Contacts").await.json()["Contacts"][0]["UpdatedDateUTC"].clone();
    assert_eq!(stamp, "/Date(1795341600000+0000)/");
    let body = posted(&client, order).await;
    // Thirteen hours: New Zealand in summer.
    assert_eq!(body["Contact"]["UpdatedDateUTC"], "/Date(1795388400000+0000)/");
    assert_eq!(body["UpdatedDateUTC"], stamp);
    let listed = client.get("PurchaseOrders").await.json()["PurchaseOrders"][0].clone();
    assert_eq!(listed["Contact"]["UpdatedDateUTC"], stamp);
}

#[tokio::test]
async fn posting_a_number_that_an_order_holds_updates_that_order_and_putting_it_is_refused() {
    let (client, order) = ready().await;
    let numbered = with(&order, json!({ "PurchaseOrderNumber": "P-1" }));
    let first = posted(&client, numbered.clone()).await;
    let second = posted(&client, with(&numbered, json!({ "Reference": "new" }))).await;
    assert_eq!(
        (&second["PurchaseOrderID"], &second["Reference"]),
        (&first["PurchaseOrderID"], &json!("new"))
    );
    assert_eq!(client.put("PurchaseOrders", numbered).await.messages(), ["Order number must be unique"]);
    let renumbered = json!({ "PurchaseOrderID": first["PurchaseOrderID"], "PurchaseOrderNumber": "P-2" });
    assert_eq!(posted(&client, renumbered).await["PurchaseOrderNumber"], "P-2");
    let other = posted(&client, order).await;
    let taken = json!({ "PurchaseOrderID": other["PurchaseOrderID"], "PurchaseOrderNumber": "P-2" });
    assert_eq!(client.post("PurchaseOrders", taken).await.messages(), ["Order number must be unique"]);
}

#[tokio::test]
async fn the_number_of_a_deleted_order_is_refused_with_the_zero_id_and_both_messages() {
    let (client, order) = ready().await;
    let numbered = with(&order, json!({ "PurchaseOrderNumber": "P-1" }));
    let first = posted(&client, numbered.clone()).await;
    let delete = json!({ "PurchaseOrderID": first["PurchaseOrderID"], "Status": "DELETED" });
    let deleted = posted(&client, delete).await;
    assert_eq!((&deleted["Status"], &deleted["PurchaseOrderNumber"]), (&json!("DELETED"), &json!("P-1")));
    assert_eq!(deleted["LineItems"], first["LineItems"]);
    let reply = client.post("PurchaseOrders?summarizeErrors=false", numbered).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.messages(),
        ["PurchaseOrder status change is invalid", "Deleted PurchaseOrders cannot be updated"]
    );
    let refused = &reply.json()["PurchaseOrders"][0];
    assert_eq!(refused["PurchaseOrderID"], "00000000-0000-0000-0000-000000000000");
    assert_eq!(
        (&refused["HasErrors"], &refused["DateString"]),
        (&json!(true), &json!("2026-11-20T00:00:00"))
    );
    assert_eq!(
        (&refused["Status"], &refused["StatusAttributeString"]),
        (&json!("SUBMITTED"), &json!("ERROR"))
    );
}

#[tokio::test]
async fn a_billed_order_can_only_be_deleted() {
    let (client, order) = ready().await;
    let billed = posted(&client, with(&order, json!({ "Status": "BILLED" }))).await;
    let back = json!({ "PurchaseOrderID": billed["PurchaseOrderID"], "Status": "DRAFT" });
    assert_eq!(
        client.post("PurchaseOrders", back).await.messages(),
        ["PurchaseOrder status change is invalid"]
    );
    let path = format!("PurchaseOrders/{}", billed["PurchaseOrderID"].as_str().unwrap());
    let deleted = client.post(&path, json!({ "Status": "DELETED" })).await.json();
    assert_eq!(deleted["PurchaseOrders"][0]["Status"], "DELETED");
    let dead = client.put("PurchaseOrders", with(&order, json!({ "Status": "DELETED" }))).await;
    assert_eq!(dead.messages(), ["PurchaseOrder status change is invalid"]);
}

#[tokio::test]
async fn the_contact_must_exist_and_is_never_edited() {
    let (client, order) = ready().await;
    let unknown = with(&order, json!({ "Contact": { "Name": "Nobody" } }));
    assert_eq!(
        client.post("PurchaseOrders", unknown).await.messages(),
        ["The Contact of a purchase order must already exist"]
    );
    let edited = with(&order, json!({ "Contact": { "Name": "acme", "AccountNumber": "7" } }));
    assert_eq!(posted(&client, edited).await["Contact"]["Name"], "Acme");
    assert_eq!(client.ledger().contact_named("Acme").unwrap().text("AccountNumber"), None);
    let mut without = order.clone();
    without.as_object_mut().unwrap().remove("Contact");
    assert_eq!(
        client.post("PurchaseOrders", without).await.messages(),
        ["A Contact must be specified for this type of transaction"]
    );
}

#[tokio::test]
async fn lines_need_a_description_and_no_account_but_one_that_is_named_must_be_in_use() {
    let (client, order) = ready().await;
    let line = |line: Value| with(&order, json!({ "LineItems": [line] }));
    let bare = posted(&client, line(json!({ "Description": "table", "UnitAmount": 5 }))).await;
    assert_eq!(bare["LineItems"][0].get("AccountCode"), None);
    client.ledger().archive_account("453");
    for code in ["453", "nope", "090"] {
        let sent = line(json!({ "Description": "table", "UnitAmount": 5, "AccountCode": code }));
        let expected = format!("Account code '{code}' is not a valid code for this document.");
        assert_eq!(client.post("PurchaseOrders", sent).await.messages(), [expected]);
    }
    for (sent, message) in [
        (line(json!({ "UnitAmount": 5 })), "Description must be specified for each line item"),
        (with(&order, json!({ "LineItems": [] })), "One or more line items must be specified"),
    ] {
        assert_eq!(client.post("PurchaseOrders", sent).await.messages(), [message]);
    }
    let discounted =
        line(json!({ "Description": "guitar", "UnitAmount": 2500, "DiscountRate": 10, "TaxType": "INPUT2" }));
    let body = posted(&client, discounted).await;
    assert_eq!((&body["IsDiscounted"], digits(&body["TotalDiscount"])), (&json!(true), "250.00".to_owned()));
}

#[tokio::test]
async fn how_it_is_delivered_is_kept_and_sent_to_contact_only_once_approved() {
    let (client, order) = ready().await;
    let delivered = json!({
        "DeliveryDate": "2026-12-01", "ExpectedArrivalDate": "2026-12-02", "DeliveryAddress": "1 Main St",
        "AttentionTo": "Ann", "Telephone": "555", "DeliveryInstructions": "Ring twice", "SentToContact": true,
    });
    let body = posted(&client, with(&order, delivered)).await;
    let path = format!("PurchaseOrders/{}", body["PurchaseOrderNumber"].as_str().unwrap());
    let single = client.get(&path).await.json()["PurchaseOrders"][0].clone();
    assert_eq!(single["DeliveryDateString"], "2026-12-01T00:00:00");
    assert_eq!(single["ExpectedArrivalDate"], "/Date(1796169600000+0000)/");
    assert_eq!(
        (&single["AttentionTo"], &single["DeliveryInstructions"]),
        (&json!("Ann"), &json!("Ring twice"))
    );
    assert_eq!((&single["SentToContact"], &single["Attachments"]), (&json!(false), &json!([])));
    let approved =
        json!({ "PurchaseOrderID": body["PurchaseOrderID"], "Status": "AUTHORISED", "SentToContact": true });
    assert_eq!(posted(&client, approved).await["SentToContact"], true);
}

#[tokio::test]
async fn an_order_that_cannot_be_marked_as_sent_is_written_with_a_warning() {
    let (client, order) = ready().await;
    let drafts = [true, false].map(|flag| with(&order, json!({ "SentToContact": flag })));
    let approved = with(&order, json!({ "Status": "AUTHORISED", "SentToContact": true }));
    let [marked, plain] = drafts;
    let orders = json!({ "PurchaseOrders": [marked, plain, approved, { "Status": "DRAFT" }] });
    let reply = client.put("PurchaseOrders?summarizeErrors=false", orders).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let told = reply.json()["PurchaseOrders"].clone();
    let statuses = [0, 1, 2, 3].map(|place| told[place]["StatusAttributeString"].clone());
    assert_eq!(statuses, ["WARNING", "OK", "OK", "ERROR"]);
    let warning = "Only AUTHORISED and BILLED purchase orders may have SentToContact updated.";
    assert_eq!(told[0]["Warnings"], json!([{ "Message": warning }]));
    assert_eq!(told[0].get("ValidationErrors"), None);
    assert!(told[0]["PurchaseOrderNumber"].is_string() && told[0]["SentToContact"] == false, "{}", told[0]);
    assert!([1, 2, 3].iter().all(|place| told[*place].get("Warnings").is_none()));
    let summarized = posted(&client, with(&order, json!({ "SentToContact": true }))).await;
    assert_eq!(summarized.get("StatusAttributeString"), None);
}

#[tokio::test]
async fn orders_are_always_paged_and_asked_by_parameters_never_by_where() {
    let (client, order) = ready().await;
    for (number, date, status) in
        [("P-1", "2026-10-01", "DRAFT"), ("P-2", "2026-11-01", "SUBMITTED"), ("P-3", "2026-12-01", "DRAFT")]
    {
        posted(
            &client,
            with(&order, json!({ "PurchaseOrderNumber": number, "Date": date, "Status": status })),
        )
        .await;
        client.advance(10);
    }
    let body = client.get("PurchaseOrders").await.json();
    assert_eq!(body["pagination"], json!({ "page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 3 }));
    assert_eq!(body["PurchaseOrders"][0]["LineItems"].as_array().unwrap().len(), 1);
    for (query, expected) in [
        ("Status=DRAFT", "P-1 P-3"),
        ("DateFrom=2026-10-15&DateTo=2026-11-15", "P-2"),
        ("order=PurchaseOrderNumber%20DESC", "P-3 P-2 P-1"),
        ("where=Status%3D%3D%22DRAFT%22", "P-1 P-2 P-3"),
        ("page=2&pageSize=2", "P-3"),
    ] {
        let body = client.get(&format!("PurchaseOrders?{query}")).await.json();
        let orders = body["PurchaseOrders"].as_array().unwrap().iter();
        let numbers: Vec<&str> = orders.map(|one| one["PurchaseOrderNumber"].as_str().unwrap()).collect();
        assert_eq!(numbers.join(" "), expected, "{query}");
    }
    let since = [("if-modified-since", "2026-11-22T10:00:20")];
    let fresh = client.call("GET", "PurchaseOrders", &since, "").await.json();
    assert_eq!(fresh["PurchaseOrders"].as_array().unwrap().len(), 1);
}
