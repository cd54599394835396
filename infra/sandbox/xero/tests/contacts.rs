//! Contacts: matching, uniqueness, what a write keeps and what it shows.

use serde_json::{Value, json};

use super::{Client, encoded};

fn names(body: &Value) -> Vec<&str> {
    body["Contacts"].as_array().unwrap().iter().map(|contact| contact["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_new_contact_shows_four_phones_and_two_addresses() {
    let client = Client::new().await;
    let sent = json!({ "Contacts": [{ "Name": "Acme", "EmailAddress": "a@acme.test",
        "Phones": [{ "PhoneType": "MOBILE", "PhoneNumber": "555" }] }] });
    let contact = client.put("Contacts", sent).await.json()["Contacts"][0].clone();
    let types: Vec<_> =
        contact["Phones"].as_array().unwrap().iter().map(|phone| &phone["PhoneType"]).collect();
    assert_eq!(types, ["DEFAULT", "DDI", "FAX", "MOBILE"]);
    assert_eq!(contact["Phones"][0]["PhoneNumber"], "");
    assert_eq!(contact["Phones"][3]["PhoneNumber"], "555");
    assert_eq!(
        contact["Addresses"][0],
        json!({
            "AddressType": "STREET", "City": "", "Region": "", "PostalCode": "", "Country": "",
        })
    );
    assert_eq!(contact["HasValidationErrors"], false);
    assert!(contact.get("StatusAttributeString").is_none());
    let listed = client.get("Contacts?page=1").await.json()["Contacts"][0].clone();
    assert_eq!(listed["Addresses"], json!([{ "AddressType": "POBOX" }, { "AddressType": "STREET" }]));
}

#[tokio::test]
async fn a_second_active_contact_of_one_name_is_refused_as_recorded() {
    let client = Client::new().await;
    client.ledger().add_contact_named("Acme").unwrap();
    for (method, name) in [("PUT", "Acme"), ("POST", "ACME")] {
        let body = json!({ "Contacts": [{ "Name": name }] }).to_string();
        let reply = client.call(method, "Contacts", &[], &body).await;
        assert_eq!(reply.status, 400);
        let body = reply.json();
        assert_eq!(body["ErrorNumber"], 10);
        assert_eq!(body["Type"], "ValidationException");
        assert_eq!(body["Message"], "A validation exception occurred");
        let element = &body["Elements"][0];
        assert_eq!(element["ContactID"], "00000000-0000-0000-0000-000000000000");
        assert_eq!((&element["Name"], &element["HasValidationErrors"]), (&json!(name), &json!(true)));
        assert!(element.get("StatusAttributeString").is_none());
        if method == "PUT" {
            assert_eq!(
                reply.messages(),
                [
                    "The contact name Acme is already assigned to another contact. The contact name must be unique \
                  across all active contacts."
                ]
            );
        }
    }
    assert_eq!(client.ledger().count_contacts(), 1);
}

#[tokio::test]
async fn an_archived_contact_frees_its_name_but_not_its_number() {
    let client = Client::new().await;
    let first = client.ledger().add_contact(json!({ "Name": "Acme", "ContactNumber": "C1" })).unwrap();
    client.ledger().archive_contact(first.id);
    assert_eq!(client.put("Contacts", json!({ "Name": "Acme" })).await.status, 200);
    let reply = client.post("Contacts", json!({ "Name": "Other", "ContactNumber": "C1" })).await;
    assert_eq!(
        reply.messages(),
        ["The specified contact details matched an archived contact. Archived contacts cannot currently be \
          edited via the API."]
    );
}

#[tokio::test]
async fn posting_a_known_number_updates_and_putting_it_is_refused() {
    let client = Client::new().await;
    let sent = json!({ "Name": "Acme", "ContactNumber": "C1", "EmailAddress": "a@acme.test" });
    let first = client.post("Contacts", sent).await.json()["Contacts"][0].clone();
    client.advance(5);
    let renamed = json!({ "ContactNumber": "C1", "Name": "Acme Ltd" });
    let second = client.post("Contacts", renamed.clone()).await.json()["Contacts"][0].clone();
    assert_eq!(first["ContactID"], second["ContactID"]);
    assert_eq!((&second["Name"], &second["EmailAddress"]), (&json!("Acme Ltd"), &json!("a@acme.test")));
    assert_ne!(first["UpdatedDateUTC"], second["UpdatedDateUTC"]);
    assert_eq!(client.put("Contacts", renamed).await.status, 400);
    assert_eq!(client.get("Contacts/C1").await.json()["Contacts"][0]["Name"], "Acme Ltd");
}

#[tokio::test]
async fn one_bad_element_fails_the_call_unless_errors_are_not_summarized() {
    let client = Client::new().await;
    client.ledger().add_contact_named("Taken").unwrap();
    let sent = json!({ "Contacts": [{ "Name": "One" }, { "Name": "Taken" }, { "Name": "one" }, {}] });
    assert_eq!(client.put("Contacts", sent.clone()).await.status, 400);
    assert_eq!(client.ledger().count_contacts(), 1);
    let reply = client.put("Contacts?summarizeErrors=false", sent).await;
    assert_eq!(reply.status, 200);
    let body = reply.json();
    let states: Vec<_> =
        body["Contacts"].as_array().unwrap().iter().map(|one| &one["StatusAttributeString"]).collect();
    assert_eq!(states, ["OK", "ERROR", "ERROR", "ERROR"]);
    assert_eq!(
        body["Contacts"][3]["ValidationErrors"][0]["Message"],
        "The Contact must contain at least 1 of the following elements to identify the contact: Name, ContactID, \
         ContactNumber"
    );
    assert_eq!(client.ledger().count_contacts(), 2);
}

#[tokio::test]
async fn leaving_out_the_persons_removes_them() {
    let client = Client::new().await;
    let sent = json!({ "Name": "Acme", "ContactPersons": [{ "FirstName": "Ann" }] });
    let id = client.put("Contacts", sent).await.json()["Contacts"][0]["ContactID"].clone();
    let path = format!("Contacts/{}", id.as_str().unwrap());
    assert_eq!(client.get(&path).await.json()["Contacts"][0]["ContactPersons"][0]["FirstName"], "Ann");
    client.post(&path, json!({ "Contacts": [{ "AccountNumber": "7" }] })).await;
    let contact = client.get(&path).await.json()["Contacts"][0].clone();
    assert_eq!((&contact["ContactPersons"], &contact["AccountNumber"]), (&json!([]), &json!("7")));
}

#[tokio::test]
async fn names_lengths_and_addresses_are_checked() {
    let client = Client::unlimited().await;
    for sent in [
        json!({ "Name": " Acme" }),
        json!({ "Name": "Acme  Ltd" }),
        json!({ "Name": "<Acme>" }),
        json!({ "Name": "x".repeat(256) }),
        json!({ "Name": "Acme", "ContactNumber": "x".repeat(51) }),
        json!({ "Name": "Acme", "EmailAddress": "ärger@acme.test" }),
        json!({ "Name": "Acme", "Phones": [{ "PhoneType": "PAGER", "PhoneNumber": "1" }] }),
        json!({ "Name": "Acme", "Phones": [{ "PhoneType": "DDI", "PhoneAreaCode": "12345678901" }] }),
        json!({ "Name": "Acme", "Addresses": [{ "AddressType": "STREET", "Country": "N2" }] }),
        json!({ "Name": "Acme", "DefaultCurrency": "EUR" }),
    ] {
        let reply = client.put("Contacts", sent.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.messages().len()), (400, 1), "{sent}");
    }
}

#[tokio::test]
async fn listings_hide_the_archived_and_filter_by_where_term_ids_and_time() {
    let client = Client::unlimited().await;
    let ledger = client.ledger();
    let people = ledger.seed_contacts_named(&["Acme", "Bolt", "Café", "Dune"]);
    client.advance(10);
    ledger.archive_contact(people[1].id);
    let list = async |query: &str| client.get(&format!("Contacts?{query}")).await.json();
    assert_eq!(names(&list("order=Name").await), ["Acme", "Café", "Dune"]);
    assert_eq!(
        names(&list("order=Name%20DESC&includeArchived=true").await),
        ["Dune", "Café", "Bolt", "Acme"]
    );
    let filter = format!("where={}", encoded("Name==\"aCME\" OR Name.StartsWith(\"caf\")"));
    assert_eq!(names(&list(&filter).await).len(), 2);
    assert_eq!(names(&list("searchTerm=UN").await), ["Dune"]);
    assert_eq!(names(&list(&format!("IDs={},{}", people[3].id, people[0].id)).await).len(), 2);
    let since = [("if-modified-since", "2026-11-22T10:00:10")];
    let fresh = client.call("GET", "Contacts?includeArchived=true", &since, "").await.json();
    assert_eq!(names(&fresh), ["Bolt"]);
    let since = [("if-modified-since", "2026-11-22T10:00:11")];
    assert_eq!(names(&client.call("GET", "Contacts?includeArchived=true", &since, "").await.json()).len(), 0);
    assert!(list("summaryOnly=true").await["Contacts"][0].get("Addresses").is_none());
}

#[tokio::test]
async fn a_merged_contact_says_who_won() {
    let client = Client::new().await;
    let people = client.ledger().seed_contacts_named(&["Acme", "Acme Ltd"]);
    client.ledger().merge_contacts(people[0].id, people[1].id);
    let loser = client.get(&format!("Contacts/{}", people[0].id)).await.json()["Contacts"][0].clone();
    assert_eq!(loser["ContactStatus"], "ARCHIVED");
    assert_eq!(loser["MergedToContactID"], people[1].id.to_string());
}

#[tokio::test]
async fn a_restored_contact_needs_its_name_to_be_free() {
    let client = Client::new().await;
    let id = client.ledger().add_contact_named("Acme").unwrap().id;
    client.ledger().archive_contact(id);
    let other = client.ledger().add_contact_named("Acme").unwrap();
    let restored = json!({ "ContactStatus": "ACTIVE" });
    assert!(client.ledger().edit_contact(id, restored.clone()).is_err());
    assert!(!client.ledger().contact(id).unwrap().is_active());
    client.ledger().archive_contact(other.id);
    assert!(client.ledger().edit_contact(id, restored).unwrap().is_active());
    assert_eq!(client.ledger().duplicates(), Vec::<String>::new());
}

#[tokio::test]
async fn a_posted_name_that_is_known_is_refused_or_updates_as_either_source_has_it() {
    let client = Client::new().await;
    let held = client.ledger().add_contact_named("Acme").unwrap().id;
    let sent = json!({ "Name": "ACME", "EmailAddress": "a@acme.test" });
    assert_eq!(client.post("Contacts", sent.clone()).await.status, 400);
    client.control("PATCH", "options", json!({ "known_name": "updates" })).await;
    let updated = client.post("Contacts", sent.clone()).await.json()["Contacts"][0].clone();
    assert_eq!((&updated["ContactID"], &updated["Name"]), (&json!(held.to_string()), &json!("ACME")));
    assert_eq!(client.put("Contacts", sent.clone()).await.status, 400);
    let numbered = json!({ "Name": "Acme", "ContactNumber": "C9" });
    assert_eq!(
        client.post("Contacts", numbered).await.status,
        400,
        "a number of its own names another contact"
    );
    assert_eq!(client.ledger().count_contacts(), 1);
}

#[tokio::test]
async fn what_contacts_are_quickly_found_by_is_found_without_its_accents() {
    let client = Client::new().await;
    let sent = json!({ "Name": "Café Ōtaki", "FirstName": "Zoë", "AccountNumber": "Á1" });
    assert_eq!(client.put("Contacts", sent).await.status, 200);
    for (filter, found) in [
        ("Name==\"cafe otaki\"", 1),
        ("Name=\"CAFÉ OTAKI\"", 1),
        ("AccountNumber==\"a1\"", 1),
        ("Name==\"cafe otago\"", 0),
        ("FirstName==\"zoe\"", 0),
        ("FirstName==\"ZOË\"", 1),
        ("Name.Contains(\"cafe\")", 0),
    ] {
        let path = format!("Contacts?where={}", encoded(filter));
        let listed = client.get(&path).await.json()["Contacts"].as_array().unwrap().len();
        assert_eq!(listed, found, "{filter}");
    }
}
