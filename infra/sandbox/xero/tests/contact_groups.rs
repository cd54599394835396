//! Contact groups: their names, their limit, and who is in them.

use serde_json::{Value, json};

use super::Client;

async fn created(client: &Client, name: &str) -> Value {
    let reply = client.put("ContactGroups", json!({ "ContactGroups": [{ "Name": name }] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["ContactGroups"][0].clone()
}

fn path(group: &Value) -> String {
    format!("ContactGroups/{}", group["ContactGroupID"].as_str().unwrap())
}

#[tokio::test]
async fn contacts_are_put_into_a_group_and_say_so() {
    let client = Client::unlimited().await;
    let people = client.ledger().seed_contacts_named(&["Acme", "Bolt"]);
    let group = created(&client, "Oasis").await;
    let contacts = format!("{}/Contacts", path(&group));
    let sent: Vec<Value> = people.iter().map(|one| json!({ "ContactID": one.id.to_string() })).collect();
    let added = client.put(&contacts, json!({ "Contacts": sent })).await.json();
    assert_eq!(added["Contacts"][1]["ContactID"], people[1].id.to_string());
    assert_eq!(added["Contacts"][0]["ValidationErrors"], json!([]));
    client.put(&contacts, json!({ "Contacts": sent })).await;
    let members = async || {
        let body = client.get(&path(&group)).await.json();
        let members = body["ContactGroups"][0]["Contacts"].as_array().unwrap().clone();
        members.iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(members().await, ["Acme", "Bolt"]);
    assert_eq!(client.get("ContactGroups").await.json()["ContactGroups"][0]["Contacts"], json!([]));
    let groups = async |contact: &str| {
        client.get(&format!("Contacts/{contact}")).await.json()["Contacts"][0]["ContactGroups"].clone()
    };
    let acme = people[0].id.to_string();
    assert_eq!(groups(&acme).await[0]["Name"], "Oasis");
    let out = client.call("DELETE", &format!("{contacts}/{acme}"), &[], "").await;
    assert_eq!((out.status.as_u16(), members().await), (204, vec!["Bolt".to_owned()]));
    assert_eq!(groups(&acme).await, json!([]));
    assert_eq!(client.call("DELETE", &format!("{contacts}/{acme}"), &[], "").await.status, 404);
    assert_eq!(client.call("DELETE", &contacts, &[], "").await.status, 204);
    assert!(members().await.is_empty());
}

#[tokio::test]
async fn an_unknown_or_archived_contact_keeps_the_others_out_too() {
    let client = Client::new().await;
    let people = client.ledger().seed_contacts_named(&["Acme", "Bolt"]);
    client.ledger().archive_contact(people[1].id);
    let group = created(&client, "Oasis").await;
    let contacts = format!("{}/Contacts", path(&group));
    for stranger in [people[1].id.to_string(), "00000000-0000-0000-0000-000000000001".to_owned()] {
        let sent =
            json!({ "Contacts": [{ "ContactID": people[0].id.to_string() }, { "ContactID": stranger }] });
        assert_eq!(client.put(&contacts, sent).await.status, 400);
    }
    assert_eq!(client.get(&path(&group)).await.json()["ContactGroups"][0]["Contacts"], json!([]));
}

#[tokio::test]
async fn a_group_is_renamed_and_deleted_by_its_status() {
    let client = Client::unlimited().await;
    let group = created(&client, "Oasis").await;
    let renamed = client.post(&path(&group), json!({ "Name": "Blur" })).await.json();
    assert_eq!(renamed["ContactGroups"][0]["Name"], "Blur");
    let twin = client.put("ContactGroups", json!({ "Name": "blur" })).await;
    assert_eq!(twin.messages(), ["A contact group named 'blur' already exists"]);
    let deleted = client.post(&path(&group), json!({ "Status": "DELETED" })).await.json();
    assert_eq!(deleted["ContactGroups"][0]["Status"], "DELETED");
    assert_eq!(client.get("ContactGroups").await.json()["ContactGroups"], json!([]));
    created(&client, "Blur").await;
    assert_eq!(client.put("ContactGroups", json!({})).await.messages(), ["Name must be specified"]);
}

#[tokio::test]
async fn the_hundred_and_first_group_is_refused_in_xeros_words() {
    let client = Client::unlimited().await;
    let groups: Vec<Value> = (0..100).map(|number| json!({ "Name": format!("Group {number}") })).collect();
    assert_eq!(client.put("ContactGroups", json!({ "ContactGroups": groups })).await.status, 200);
    let reply = client.put("ContactGroups", json!({ "Name": "Suppliers" })).await;
    assert_eq!(reply.messages(), ["You’ve reached the limit of 100 contact groups."]);
    let element = reply.json()["Elements"][0].clone();
    assert_eq!((&element["Name"], &element["Contacts"]), (&json!("Suppliers"), &json!([])));
    assert_eq!(element["HasValidationErrors"], true);
}
