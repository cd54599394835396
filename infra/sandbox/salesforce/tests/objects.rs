//! What the standard objects work out: orders, quotes, prices, campaigns, activities.

use serde_json::{Value, json};

use super::Door;

/// A product's standard price; the ids of the product and the entry.
fn product(door: &Door, price: u32) -> (String, String) {
    let org = door.org();
    let product = org.insert("Product2", json!({ "Name": "Day", "ProductCode": "DAY", "IsActive": true }));
    let book = org.find("Pricebook2", "IsStandard = true").unwrap()[0]["Id"].clone();
    let fields = json!({ "Pricebook2Id": book, "Product2Id": product, "UnitPrice": price, "IsActive": true });
    let entry = org.insert("PricebookEntry", fields);
    (product, entry)
}

async fn made(door: &Door, object: &str, fields: Value) -> String {
    let reply = door.call("POST", &format!("/sobjects/{object}"), Some(fields)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn refused(door: &Door, object: &str, fields: Value) -> String {
    door.call("POST", &format!("/sobjects/{object}"), Some(fields)).await.code()
}

#[tokio::test]
async fn an_order_adds_up_its_items_and_is_activated_with_at_least_one() {
    let door = Door::new();
    let (product, entry) = product(&door, 20);
    let account = made(&door, "Account", json!({ "Name": "Acme" })).await;
    let order = made(&door, "Order", json!({ "AccountId": account, "EffectiveDate": "2026-12-01" })).await;
    let path = format!("/sobjects/Order/{order}");
    let activate = json!({ "Status": "Activated" });
    assert_eq!(door.call("PATCH", &path, Some(activate.clone())).await.code(), "FAILED_ACTIVATION");
    let item = json!({ "OrderId": order, "PricebookEntryId": entry, "Quantity": 3 });
    let item = made(&door, "OrderItem", item).await;
    made(
        &door,
        "OrderItem",
        json!({ "OrderId": order, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": "0.5" }),
    )
    .await;
    assert_eq!(door.call("PATCH", &path, Some(activate)).await.status, 204);
    let kept = door.org().get("Order", &order).unwrap();
    assert_eq!(
        (kept["TotalAmount"].to_string().as_str(), &kept["OrderNumber"]),
        ("60.5", &json!("00000001"))
    );
    assert_eq!((&kept["StatusCode"], kept["ActivatedDate"].is_string()), (&json!("Activated"), true));
    assert_eq!(door.org().get("OrderItem", &item).unwrap()["Product2Id"], product);
}

#[tokio::test]
async fn an_order_that_doesnt_come_to_what_its_items_do_is_named() {
    let door = Door::new();
    let (_, entry) = product(&door, 20);
    let account = made(&door, "Account", json!({ "Name": "Acme" })).await;
    let order = made(&door, "Order", json!({ "AccountId": account, "EffectiveDate": "2026-12-01" })).await;
    made(&door, "OrderItem", json!({ "OrderId": order, "PricebookEntryId": entry, "Quantity": 3 })).await;
    assert_eq!(door.org().broken(), Vec::<String>::new());
    let mut org = door.org().org();
    let object = org.object("Order").unwrap();
    let mut wrong = (**org.store.table("Order").get(&order).unwrap()).clone();
    wrong.fields.insert("TotalAmount".into(), json!(61));
    org.store.put(&object, wrong);
    drop(org);
    let broken = format!("Order {order}: TotalAmount is 61, but its lines come to 60.0");
    assert_eq!(door.org().broken(), [broken]);
}

#[tokio::test]
async fn a_quote_has_its_deals_account_and_a_total_with_tax() {
    let door = Door::new();
    let (_, entry) = product(&door, 100);
    let account = made(&door, "Account", json!({ "Name": "Acme" })).await;
    let deal =
        json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-01", "AccountId": account });
    let deal = made(&door, "Opportunity", deal).await;
    let quote = made(&door, "Quote", json!({ "Name": "Q", "OpportunityId": deal, "Tax": 20 })).await;
    let line = json!({ "QuoteId": quote, "PricebookEntryId": entry, "Quantity": 2, "Discount": 10 });
    let line = made(&door, "QuoteLineItem", line).await;
    let total = |field: &str| door.org().get("Quote", &quote).unwrap()[field].to_string();
    assert_eq!([total("Subtotal"), total("TotalPrice"), total("GrandTotal")], ["200.0", "180.0", "200.0"]);
    assert_eq!(door.org().get("Quote", &quote).unwrap()["AccountId"], account);
    let path = format!("/sobjects/Quote/{quote}");
    door.call("PATCH", &path, Some(json!({ "ShippingHandling": "5.25" }))).await;
    assert_eq!(total("GrandTotal"), "205.25");
    door.call("DELETE", &format!("/sobjects/QuoteLineItem/{line}"), None).await;
    assert_eq!([total("LineItemCount"), total("GrandTotal")], ["0", "25.25"]);
}

#[tokio::test]
async fn a_product_has_a_standard_price_before_any_other_and_one_in_each_book() {
    let door = Door::new();
    let product2 = made(&door, "Product2", json!({ "Name": "Hour" })).await;
    let book = made(&door, "Pricebook2", json!({ "Name": "Partners", "IsActive": true })).await;
    let standard = door.org().find("Pricebook2", "IsStandard = true").unwrap()[0]["Id"].clone();
    let entry = |book: &Value, price: u32| json!({ "Pricebook2Id": book, "Product2Id": product2, "UnitPrice": price });
    let book = json!(book);
    assert_eq!(refused(&door, "PricebookEntry", entry(&book, 5)).await, "STANDARD_PRICE_NOT_DEFINED");
    made(&door, "PricebookEntry", entry(&standard, 9)).await;
    assert_eq!(refused(&door, "PricebookEntry", entry(&standard, 9)).await, "DUPLICATE_VALUE");
    let mut usual = entry(&book, 5);
    usual["UseStandardPrice"] = true.into();
    let usual = made(&door, "PricebookEntry", usual).await;
    assert_eq!(door.org().get("PricebookEntry", &usual).unwrap()["UnitPrice"].to_string(), "9.0");
}

#[tokio::test]
async fn a_members_status_is_one_of_its_campaigns() {
    let door = Door::new();
    let campaign = made(&door, "Campaign", json!({ "Name": "Fair" })).await;
    let soql = format!(
        "SELECT Label, IsDefault FROM CampaignMemberStatus WHERE CampaignId = '{campaign}' ORDER BY SortOrder"
    );
    let labels = door.query(&soql).await.json();
    assert_eq!(
        (&labels["records"][0]["Label"], &labels["records"][1]["Label"]),
        (&json!("Sent"), &json!("Responded"))
    );
    made(
        &door,
        "CampaignMemberStatus",
        json!({ "CampaignId": campaign, "Label": "Came", "HasResponded": true }),
    )
    .await;
    let lead = async |name: &str| made(&door, "Lead", json!({ "LastName": name, "Company": "Ivy" })).await;
    let (one, two, three) = (lead("A").await, lead("B").await, lead("C").await);
    let member =
        |lead: &str, status: Value| json!({ "CampaignId": campaign, "LeadId": lead, "Status": status });
    let usual = made(&door, "CampaignMember", member(&one, json!(null))).await;
    let came = made(&door, "CampaignMember", member(&two, json!("came"))).await;
    let kept = |id: &str, field: &str| door.org().get("CampaignMember", id).unwrap()[field].clone();
    assert_eq!((kept(&usual, "Status"), kept(&usual, "HasResponded")), (json!("Sent"), json!(false)));
    assert_eq!(
        (kept(&came, "HasResponded"), kept(&came, "FirstRespondedDate")),
        (json!(true), json!("2026-11-22"))
    );
    let unknown = refused(&door, "CampaignMember", member(&three, json!("Ignored"))).await;
    assert_eq!(unknown, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
}

#[tokio::test]
async fn tasks_know_their_account_and_when_they_were_done() {
    let door = Door::new();
    let account = made(&door, "Account", json!({ "Name": "Acme" })).await;
    let contact = made(&door, "Contact", json!({ "LastName": "Chen", "AccountId": account })).await;
    let task = made(&door, "Task", json!({ "Subject": "Ring", "WhoId": contact, "Priority": "High" })).await;
    door.call("PATCH", &format!("/sobjects/Task/{task}"), Some(json!({ "Status": "Completed" }))).await;
    let kept = door.org().get("Task", &task).unwrap();
    assert_eq!((&kept["AccountId"], &kept["IsHighPriority"]), (&json!(account), &json!(true)));
    assert_eq!(
        (&kept["IsClosed"], &kept["CompletedDateTime"]),
        (&json!(true), &json!("2026-11-22T10:00:00.000+0000"))
    );
}

#[tokio::test]
async fn an_activity_with_a_lead_is_about_nothing_else() {
    let door = Door::new();
    let account = made(&door, "Account", json!({ "Name": "Acme" })).await;
    let contact = made(&door, "Contact", json!({ "LastName": "Chen", "AccountId": account })).await;
    let lead = made(&door, "Lead", json!({ "LastName": "Ng", "Company": "Ivy" })).await;
    let at = "2026-12-01T09:00:00Z";
    for (object, mut fields) in [
        ("Task", json!({ "Subject": "Ring" })),
        ("Event", json!({ "Subject": "Visit", "StartDateTime": at, "DurationInMinutes": 30 })),
    ] {
        fields["WhoId"] = lead.clone().into();
        let of_lead = made(&door, object, fields.clone()).await;
        let path = format!("/sobjects/{object}/{of_lead}");
        let moved = door.call("PATCH", &path, Some(json!({ "WhatId": account }))).await;
        assert_eq!((moved.status, moved.code().as_str()), (400, "FIELD_INTEGRITY_EXCEPTION"));
        fields["WhatId"] = account.clone().into();
        assert_eq!(refused(&door, object, fields.clone()).await, "FIELD_INTEGRITY_EXCEPTION");
        fields["WhoId"] = contact.clone().into();
        made(&door, object, fields).await;
    }
}

#[tokio::test]
async fn a_case_has_the_account_of_its_contact_unless_it_has_another() {
    let door = Door::new();
    let [account, other] = ["Acme", "Ivy"].map(|name| door.org().insert("Account", json!({ "Name": name })));
    let contact = made(&door, "Contact", json!({ "LastName": "Chen", "AccountId": account })).await;
    let kept = |id: &str| door.org().get("Case", id).unwrap()["AccountId"].clone();
    let case = made(&door, "Case", json!({ "ContactId": contact })).await;
    assert_eq!(kept(&case), json!(account));
    let own = made(&door, "Case", json!({ "ContactId": contact, "AccountId": other })).await;
    assert_eq!(kept(&own), json!(other));
    let nobodys = made(&door, "Case", json!({ "Subject": "Noise" })).await;
    assert_eq!(kept(&nobodys), Value::Null);
}

#[tokio::test]
async fn an_event_ends_when_its_length_says() {
    let door = Door::new();
    let event =
        json!({ "Subject": "Visit", "StartDateTime": "2026-12-01T09:00:00Z", "DurationInMinutes": 90 });
    let event = made(&door, "Event", event).await;
    assert_eq!(door.org().get("Event", &event).unwrap()["EndDateTime"], "2026-12-01T10:30:00.000+0000");
    let until = json!({ "Subject": "Visit", "StartDateTime": "2026-12-01T09:00:00Z", "EndDateTime": "2026-12-01T09:45:00Z" });
    let until = made(&door, "Event", until).await;
    assert_eq!(door.org().get("Event", &until).unwrap()["DurationInMinutes"], 45);
    let back = json!({ "Subject": "Visit", "StartDateTime": "2026-12-01T09:00:00Z", "EndDateTime": "2026-12-01T08:00:00Z" });
    assert_eq!(refused(&door, "Event", back).await, "FIELD_INTEGRITY_EXCEPTION");
    let both = |minutes: i64| {
        json!({ "Subject": "Visit", "StartDateTime": "2026-12-01T09:00:00Z", "EndDateTime": "2026-12-01T09:45:00Z",
            "DurationInMinutes": minutes })
    };
    made(&door, "Event", both(45)).await;
    for minutes in [30, -45] {
        assert_eq!(refused(&door, "Event", both(minutes)).await, "FIELD_INTEGRITY_EXCEPTION", "{minutes}");
    }
}

#[tokio::test]
async fn a_change_moves_the_end_or_the_length_of_an_event_and_nobody_is_held_to_the_old_ones() {
    let door = Door::new();
    let at = |time: &str| format!("2026-12-01T{time}:00.000+0000");
    for (change, start, end, minutes) in [
        (json!({ "EndDateTime": at("11:00") }), "09:00", "11:00", 120),
        (json!({ "DurationInMinutes": 30 }), "09:00", "09:30", 30),
        (json!({ "StartDateTime": at("10:00") }), "10:00", "10:45", 45),
        (json!({ "ActivityDateTime": at("13:00") }), "13:00", "13:45", 45),
        (json!({ "StartDateTime": at("09:15"), "EndDateTime": at("09:45") }), "09:15", "09:45", 30),
        (json!({ "StartDateTime": at("12:00"), "EndDateTime": at("14:00") }), "12:00", "14:00", 120),
        (json!({ "StartDateTime": at("12:00"), "DurationInMinutes": 30 }), "12:00", "12:30", 30),
        (json!({ "EndDateTime": at("10:00"), "DurationInMinutes": 60 }), "09:00", "10:00", 60),
        (json!({ "Subject": "Call" }), "09:00", "09:45", 45),
    ] {
        let event = json!({ "Subject": "Visit", "StartDateTime": at("09:00"), "EndDateTime": at("09:45") });
        let event = made(&door, "Event", event).await;
        let path = format!("/sobjects/Event/{event}");
        let reply = door.call("PATCH", &path, Some(change.clone())).await;
        assert_eq!(reply.status, 204, "{change}: {}", reply.text);
        let kept = door.org().get("Event", &event).unwrap();
        for field in ["StartDateTime", "ActivityDateTime"] {
            assert_eq!(kept[field], at(start), "{field}: {change}");
        }
        assert_eq!(
            (&kept["EndDateTime"], &kept["DurationInMinutes"]),
            (&json!(at(end)), &json!(minutes)),
            "{change}"
        );
        for wrong in [
            json!({ "EndDateTime": at("08:00") }),
            json!({ "StartDateTime": at("12:00"), "EndDateTime": at("11:00") }),
            json!({ "EndDateTime": at("16:00"), "DurationInMinutes": 5 }),
        ] {
            let refused = door.call("PATCH", &path, Some(wrong.clone())).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (400, "FIELD_INTEGRITY_EXCEPTION"),
                "{wrong}"
            );
        }
    }
}
