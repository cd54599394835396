//! Contacts: matching, uniqueness, what a write keeps and what it shows.

use serde_json::{Value, json};

use super::projects::call;
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

/// Of each kind, the contact that its only document is of.
async fn owners(client: &Client) -> Vec<(&'static str, Value)> {
    let mut owners = Vec::new();
    for collection in ["Invoices", "CreditNotes", "Quotes", "PurchaseOrders", "RepeatingInvoices"] {
        let listed = client.get(&format!("{collection}?page=1")).await.json()[collection].clone();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{collection}");
        owners.push((collection, listed[0]["Contact"]["ContactID"].clone()));
    }
    let projects = call(client, "GET", "projects", Value::Null).await.json();
    owners.push(("projects", projects["items"][0]["contactId"].clone()));
    owners
}

#[tokio::test]
async fn all_that_was_the_losers_is_the_winners_after_a_merge() {
    let client = Client::unlimited().await;
    let people = client.ledger().seed_contacts_named(&["Acme", "Acme Ltd"]);
    let [loser, winner] = [0, 1].map(|place: usize| json!(people[place].id.to_string()));
    let document = json!({
        "Contact": { "ContactID": loser }, "Date": "2026-11-20",
        "LineItems": [{ "Description": "Work", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200" }],
        "Schedule": { "Period": 1, "Unit": "MONTHLY", "DueDate": 20, "DueDateType": "OFFOLLOWINGMONTH",
                      "StartDate": "2026-11-30" },
    });
    for (collection, kind) in [
        ("Invoices", "ACCREC"),
        ("CreditNotes", "ACCRECCREDIT"),
        ("Quotes", ""),
        ("PurchaseOrders", ""),
        ("RepeatingInvoices", "ACCREC"),
    ] {
        let mut sent = document.clone();
        sent["Type"] = kind.into();
        let made = client.put(collection, sent).await;
        assert_eq!(made.status, 200, "{collection}: {}", made.text);
    }
    call(&client, "POST", "projects", json!({ "contactId": loser, "name": "Kitchen" })).await;
    let group = client.put("ContactGroups", json!({ "Name": "VIP" })).await.json();
    let group = format!("ContactGroups/{}", group["ContactGroups"][0]["ContactGroupID"].as_str().unwrap());
    let both = json!({ "Contacts": [{ "ContactID": loser }, { "ContactID": winner }] });
    assert_eq!(client.put(&format!("{group}/Contacts"), both).await.status, 200);
    assert!(owners(&client).await.iter().all(|(_, owner)| *owner == loser));
    client.advance(60);
    let path = format!("contacts/{}/merge", people[1].id);
    client.control("POST", &path, json!({ "loser": loser })).await;
    for (kind, owner) in owners(&client).await {
        assert_eq!(owner, winner, "{kind}");
    }
    let members = client.get(&group).await.json()["ContactGroups"][0]["Contacts"].clone();
    assert_eq!((members.as_array().unwrap().len(), &members[0]["ContactID"]), (1, &winner));
    let winner = client.get(&format!("Contacts/{}", people[1].id)).await.json()["Contacts"][0].clone();
    assert_eq!(winner["IsCustomer"], true);
    client.assert_books_hold().await;
}

#[tokio::test]
async fn what_people_do_with_contacts_can_be_done_over_http() {
    let client = Client::unlimited().await;
    let people = client.ledger().seed_contacts_named(&["Acme", "Bolt"]);
    let id = people[0].id;
    let shown = async || client.get(&format!("Contacts/{id}")).await.json()["Contacts"][0].clone();
    client.control("PATCH", &format!("contacts/{id}"), json!({ "ContactStatus": "ARCHIVED" })).await;
    assert_eq!(shown().await["ContactStatus"], "ARCHIVED");
    let restored = json!({ "ContactStatus": "ACTIVE", "FirstName": "Ann" });
    client.control("PATCH", &format!("contacts/{id}"), restored).await;
    assert_eq!(
        (&shown().await["ContactStatus"], &shown().await["FirstName"]),
        (&json!("ACTIVE"), &json!("Ann"))
    );
    client.control("POST", &format!("contacts/{id}/request-erasure"), Value::Null).await;
    assert_eq!(shown().await["ContactStatus"], "GDPRREQUEST");
    let listed = client.get("Contacts").await.json();
    assert_eq!(names(&listed), ["Bolt"], "only who asks for all of them sees it");
    let filter = encoded("ContactStatus==\"GDPRREQUEST\"");
    let listed = client.get(&format!("Contacts?includeArchived=true&where={filter}")).await.json();
    assert_eq!(names(&listed), ["Acme"]);
    let edit = json!({ "ContactID": id.to_string(), "FirstName": "Bea" });
    assert_eq!(client.post("Contacts", edit).await.status, 400);
    client.control("DELETE", &format!("contacts/{id}"), Value::Null).await;
    assert_eq!(client.get(&format!("Contacts/{id}")).await.status, 404);
    let kind = [("content-type", "application/json")];
    let winner = people[1].id;
    for (path, body, status) in [
        (format!("contacts/{id}"), json!({ "ContactStatus": "ACTIVE" }), 404),
        (format!("contacts/{winner}"), json!({ "Name": "" }), 400),
    ] {
        let refused = client.send("PATCH", &format!("/_sandbox/{path}"), &kind, &body.to_string()).await;
        assert_eq!(refused.status.as_u16(), status, "{path} {}", refused.text);
    }
    for loser in [id, winner] {
        let body = json!({ "loser": loser }).to_string();
        let refused = client.send("POST", &format!("/_sandbox/contacts/{winner}/merge"), &kind, &body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
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
