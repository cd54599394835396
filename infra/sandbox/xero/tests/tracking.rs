//! Tracking categories and their options: at most two in use, and what documents keep.

use serde_json::{Value, json};

use super::Client;

async fn category(client: &Client, name: &str) -> Value {
    let reply = client.put("TrackingCategories", json!({ "Name": name })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["TrackingCategories"][0].clone()
}

fn path(category: &Value) -> String {
    format!("TrackingCategories/{}", category["TrackingCategoryID"].as_str().unwrap())
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let body = client.get(&format!("TrackingCategories{query}")).await.json();
    let categories = body["TrackingCategories"].as_array().unwrap().iter();
    categories.map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn two_categories_can_be_active_and_archived_ones_are_asked_for() {
    let client = Client::unlimited().await;
    let jobs = category(&client, "Jobs").await;
    assert_eq!((&jobs["Status"], &jobs["Options"]), (&json!("ACTIVE"), &json!([])));
    let third = client.put("TrackingCategories", json!({ "Name": "Third" })).await;
    assert_eq!(third.messages(), ["There can be at most 2 active Tracking Categories"]);
    let twin = client.post(&path(&jobs), json!({ "Name": "region" })).await;
    assert_eq!(twin.messages(), ["A Tracking Category named 'region' already exists"]);
    client.post(&path(&jobs), json!({ "Status": "ARCHIVED" })).await;
    category(&client, "Third").await;
    assert_eq!(names(&client, "").await, ["Region", "Third"]);
    assert_eq!(names(&client, "?includeArchived=true").await, ["Jobs", "Region", "Third"]);
    let back = client.post(&path(&jobs), json!({ "Status": "ACTIVE" })).await;
    assert_eq!(back.messages(), ["There can be at most 2 active Tracking Categories"]);
}

#[tokio::test]
async fn options_are_added_renamed_archived_and_deleted() {
    let client = Client::unlimited().await;
    let jobs = category(&client, "Jobs").await;
    let options = format!("{}/Options", path(&jobs));
    let sent = json!({ "Options": [{ "Name": "One" }, { "Name": "Two" }] });
    let added = client.put(&options, sent).await.json()["Options"].clone();
    assert_eq!((added.as_array().unwrap().len(), &added[0]["IsActive"]), (2, &json!(true)));
    assert_eq!(
        client.put(&options, json!({ "Name": "one" })).await.messages(),
        ["A Tracking Option named 'one' already exists"]
    );
    let option = |place: usize| format!("{options}/{}", added[place]["TrackingOptionID"].as_str().unwrap());
    let renamed = client.post(&option(0), json!({ "Name": "Uno" })).await.json();
    assert_eq!(renamed["Options"][0]["Name"], "Uno");
    let archived = client.post(&option(0), json!({ "Status": "ARCHIVED" })).await.json();
    assert_eq!(
        (&archived["Options"][0]["IsArchived"], &archived["Options"][0]["Name"]),
        (&json!(true), &json!("Uno"))
    );
    let shown = async |query: &str| {
        let body = client.get(&format!("TrackingCategories{query}")).await.json();
        body["TrackingCategories"][0]["Options"].as_array().unwrap().len()
    };
    assert_eq!((shown("").await, shown("?includeArchived=true").await), (1, 2));
    let deleted = client.call("DELETE", &option(1), &[], "").await.json();
    assert_eq!(
        (&deleted["Options"][0]["Status"], &deleted["Options"][0]["IsDeleted"]),
        (&json!("DELETED"), &json!(true))
    );
    assert_eq!(client.call("DELETE", &option(1), &[], "").await.status, 404);
    assert_eq!(shown("?includeArchived=true").await, 1);
}

#[tokio::test]
async fn documents_keep_a_category_that_is_gone_and_new_lines_cannot_have_it() {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    let invoice = json!({
        "Type": "ACCREC", "Contact": { "Name": "Acme" },
        "LineItems": [{ "Description": "Work", "UnitAmount": 5, "Tracking": [{ "Name": "Region", "Option": "North" }] }],
    });
    assert_eq!(client.put("Invoices", invoice.clone()).await.status, 200);
    let region = client.get("TrackingCategories").await.json()["TrackingCategories"][0].clone();
    let north =
        region["Options"].as_array().unwrap().iter().find(|option| option["Name"] == "North").unwrap();
    let north = format!("{}/Options/{}", path(&region), north["TrackingOptionID"].as_str().unwrap());
    client.post(&north, json!({ "Status": "ARCHIVED" })).await;
    assert_eq!(
        client.put("Invoices", invoice.clone()).await.messages(),
        ["The Tracking Option 'North' does not exist in Tracking Category 'Region'"]
    );
    let deleted = client.call("DELETE", &path(&region), &[], "").await.json();
    assert_eq!(deleted["TrackingCategories"][0]["Status"], "DELETED");
    assert_eq!(client.get(&path(&region)).await.status, 404);
    assert_eq!(
        client.put("Invoices", invoice).await.messages(),
        ["The Tracking Category 'Region' does not exist"]
    );
    let kept = client.get("Invoices/INV-0001").await.json()["Invoices"][0]["LineItems"][0].clone();
    assert_eq!(kept["Tracking"][0]["Option"], "North");
}

#[tokio::test]
async fn names_of_categories_and_options_are_needed_and_have_their_longest_length() {
    let client = Client::unlimited().await;
    let jobs = category(&client, "Jobs").await;
    let options = format!("{}/Options", path(&jobs));
    for target in [path(&jobs), options.clone()] {
        let method = if target == options { "PUT" } else { "POST" };
        let long = json!({ "Name": "x".repeat(101) }).to_string();
        let reply = client.call(method, &target, &[], &long).await;
        assert_eq!(reply.messages(), ["The Name field must not exceed 100 characters"]);
    }
    assert_eq!(client.put(&options, json!({})).await.messages(), ["Name must be specified"]);
    assert_eq!(client.put("TrackingCategories/nope/Options", json!({ "Name": "A" })).await.status, 404);
}
