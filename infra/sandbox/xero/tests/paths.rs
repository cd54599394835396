//! `POST /{Endpoint}/{id}`: the path says which document is meant, whatever the body says.

use serde_json::{Value, json};

use super::Client;

/// Two contacts by their ids.
async fn ready() -> (Client, [String; 2]) {
    let client = Client::unlimited().await;
    let ids = ["Acme", "Bolt"].map(|name| client.ledger().add_contact_named(name).unwrap().id.to_string());
    (client, ids)
}

async fn names(client: &Client) -> Vec<String> {
    let body = client.get("Contacts?order=Name").await.json();
    let contacts = body["Contacts"].as_array().unwrap().iter();
    contacts.map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_body_that_names_another_document_than_the_path_changes_neither() {
    let (client, [acme, bolt]) = ready().await;
    let path = format!("Contacts/{acme}");
    let other = client.post(&path, json!({ "ContactID": bolt, "Name": "Changed" })).await;
    assert_eq!(
        (other.status.as_u16(), other.messages()),
        (400, vec![format!("The ContactID '{bolt}' is not the one in the path, '{acme}'")])
    );
    let mixed =
        json!({ "Contacts": [{ "ContactID": acme, "Name": "One" }, { "ContactID": bolt, "Name": "Two" }] });
    assert_eq!(
        client.post(&path, mixed).await.messages(),
        ["Only one of the Contacts may be written by the id in the path"]
    );
    let nameless = json!({ "Contacts": [{ "Name": "One" }, { "Name": "Two" }] });
    assert_eq!(client.post(&format!("{path}?summarizeErrors=false"), nameless).await.status, 400);
    assert_eq!(names(&client).await, ["Acme", "Bolt"]);
}

#[tokio::test]
async fn the_path_names_the_document_of_a_body_that_names_none_or_the_same() {
    let (client, [acme, _]) = ready().await;
    let path = format!("Contacts/{acme}");
    let zero = "00000000-0000-0000-0000-000000000000";
    for (id, name) in [
        (Value::Null, "One"),
        (json!(""), "Two"),
        (json!(zero), "Three"),
        (json!(acme.to_uppercase()), "Four"),
    ] {
        let reply = client.post(&path, json!({ "ContactID": id, "Name": name })).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        assert_eq!(reply.json()["Contacts"][0]["ContactID"], acme);
        assert_eq!(names(&client).await, ["Bolt", name].map(str::to_owned));
    }
    assert_eq!(client.post("Contacts/nobody", json!({ "Name": "Five" })).await.status, 404);
}

/// A credit note says its id twice.
#[tokio::test]
async fn the_second_name_of_an_id_must_be_that_of_the_path_too() {
    let (client, [acme, _]) = ready().await;
    let note = json!({ "Type": "ACCRECCREDIT", "Contact": { "ContactID": acme } });
    let made = async || {
        let body = client.put("CreditNotes", note.clone()).await.json();
        body["CreditNotes"][0]["ID"].as_str().unwrap().to_owned()
    };
    let (one, other) = (made().await, made().await);
    let path = format!("CreditNotes/{one}");
    let refused = client.post(&path, json!({ "ID": other, "Reference": "R" })).await;
    assert_eq!(refused.messages(), [format!("The ID '{other}' is not the one in the path, '{one}'")]);
    assert_eq!(client.post(&path, json!({ "ID": one, "Reference": "R" })).await.status, 200);
}

/// Tax rates are known by their type.
#[tokio::test]
async fn a_tax_rate_is_written_by_the_type_in_its_path() {
    let client = Client::unlimited().await;
    let other = client.post("TaxRates/INPUT2", json!({ "TaxType": "OUTPUT2", "Name": "Renamed" })).await;
    assert_eq!(
        (other.status.as_u16(), other.messages()),
        (400, vec!["The TaxType 'OUTPUT2' is not the one in the path, 'INPUT2'".to_owned()])
    );
    let renamed = client.post("TaxRates/INPUT2", json!({ "Name": "15% GST on Purchases" })).await.json();
    assert_eq!(
        (&renamed["TaxRates"][0]["TaxType"], &renamed["TaxRates"][0]["Name"]),
        (&json!("INPUT2"), &json!("15% GST on Purchases"))
    );
}
