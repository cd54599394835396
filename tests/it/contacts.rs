//! Contacts: the one that is meant is found, adopted or made, and never a second one.

use counterfoil::domain::ids::EventKey;
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::keep;
use counterfoil::flow::rows::StoredRun;
use serde_json::{Value, json};

use crate::world::World;

async fn flow(world: &World, options: &str) -> FlowHead {
    let text = format!(
        "flow: customers\ntrigger: {{ type: manual }}\nsteps:\n  - id: contact\n    action: xero.upsert_contact\n{options}    \
         with: {{ ContactNumber: '{{{{ record.number }}}}', Name: '{{{{ record.name }}}}', \
         EmailAddress: '{{{{ record.email }}}}' }}\n"
    );
    world.given_flow(&text).await
}

async fn upsert(world: &World, head: &FlowHead, record: Value) -> StoredRun {
    let key = EventKey::new(record.to_string());
    let run =
        keep::start(&world.stack, head, "manual", key, world.stack.now(), record).await.expect("started");
    world.drain().await;
    world.run(run).await
}

fn id_of(run: &StoredRun) -> String {
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    run.row.steps["contact"].output["ContactID"].as_str().unwrap_or_default().to_owned()
}

fn failure(run: &StoredRun) -> (Status, &str, &str) {
    let failure = run.row.failure.as_ref().expect("a failure");
    (run.row.status, failure.code.as_str(), failure.message.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_found_by_its_number_also_after_somebody_renamed_it() {
    let world = World::new().await;
    let head = flow(&world, "    if_found: keep\n").await;
    let made = upsert(&world, &head, json!({"number": "001A", "name": "Acme Ltd"})).await;
    let id = id_of(&made);
    let contact = world.sandbox.xero.ledger().contact_numbered("001A").expect("there");
    world
        .sandbox
        .xero
        .ledger()
        .edit_contact(contact.id, json!({"Name": "Acme (old customer)"}))
        .expect("renamed");
    let found = upsert(&world, &head, json!({"number": "001A", "name": "Acme Ltd", "again": 1})).await;
    assert_eq!(id_of(&found), id);
    assert_eq!(world.contacts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_found_by_name_is_adopted_whatever_its_case() {
    let world = World::new().await;
    let theirs = world.sandbox.xero.ledger().add_contact_named("ACME ltd").expect("added");
    let head = flow(&world, "    if_found: keep\n").await;
    let run = upsert(&world, &head, json!({"number": "001A", "name": " Acme   Ltd "})).await;
    assert_eq!(id_of(&run), theirs.id.to_string());
    let adopted = &world.contacts()[0];
    assert_eq!((&adopted["ContactNumber"], &adopted["Name"]), (&json!("001A"), &json!("ACME ltd")));
    assert_eq!(world.contacts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_with_another_number_fails_and_names_both() {
    let world = World::new().await;
    world.sandbox.xero.ledger().add_contact(json!({"Name": "Acme", "ContactNumber": "001B"})).expect("added");
    let head = flow(&world, "").await;
    let run = upsert(&world, &head, json!({"number": "001A", "name": "Acme"})).await;
    let (status, code, message) = failure(&run);
    assert_eq!((status, code), (Status::Failed, "contact_number_conflict"));
    assert!(message.contains("001A") && message.contains("001B"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merged_contacts_are_followed_and_archived_ones_are_told_of() {
    let world = World::new().await;
    let ledger = world.sandbox.xero.ledger();
    let loser = ledger.add_contact(json!({"Name": "Acme (double)", "ContactNumber": "001A"})).expect("added");
    let winner = ledger.add_contact_named("Acme").expect("added");
    ledger.merge_contacts(loser.id, winner.id);
    let archived = ledger.add_contact_named("Gone Ltd").expect("added");
    ledger.archive_contact(archived.id);
    let twin = ledger.add_contact_named("Twin Ltd").expect("added");
    ledger.archive_contact(twin.id);
    let living = ledger.add_contact_named("Twin Ltd").expect("added");
    let head = flow(&world, "    if_found: keep\n").await;
    let run = upsert(&world, &head, json!({"number": "001A", "name": "Acme (double)"})).await;
    assert_eq!(id_of(&run), winner.id.to_string());
    let run = upsert(&world, &head, json!({"number": "001T", "name": "Twin Ltd"})).await;
    assert_eq!(id_of(&run), living.id.to_string(), "the archived twin is not in the way");
    let run = upsert(&world, &head, json!({"number": "001G", "name": "Gone Ltd"})).await;
    assert_eq!((failure(&run).0, failure(&run).1), (Status::Failed, "contact_archived"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes_commas_and_other_letters_in_names_find_their_contact() {
    let world = World::new().await;
    let names = ["O'Brien & \"Sons\", Ltd", "Müller GmbH; Köln", "株式会社 山田", "100% (Pty) \\ Co"];
    let head = flow(&world, "").await;
    for (n, name) in names.iter().enumerate() {
        let number = format!("N{n}");
        let made = upsert(&world, &head, json!({"number": number, "name": name})).await;
        let found = upsert(&world, &head, json!({"number": number, "name": name, "again": 1})).await;
        assert_eq!(id_of(&made), id_of(&found), "{name}");
    }
    assert_eq!(world.contacts().len(), names.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_is_kept_filled_or_updated_as_the_flow_says() {
    for (option, email, phoneless) in [
        ("keep", json!("old@acme.test"), json!(null)),
        ("fill_empty", json!("old@acme.test"), json!("new@other.test")),
        ("update", json!("new@acme.test"), json!("new@other.test")),
    ] {
        let world = World::new().await;
        let ledger = world.sandbox.xero.ledger();
        ledger.add_contact(json!({"Name": "Acme", "EmailAddress": "old@acme.test"})).expect("added");
        ledger.add_contact_named("Other").expect("added");
        let head = flow(&world, &format!("    if_found: {option}\n")).await;
        upsert(&world, &head, json!({"number": "001A", "name": "Acme", "email": "new@acme.test"})).await;
        upsert(&world, &head, json!({"number": "001B", "name": "Other", "email": "new@other.test"})).await;
        for (number, expected) in [("001A", email), ("001B", phoneless)] {
            let contact = world
                .contacts()
                .into_iter()
                .find(|contact| contact["ContactNumber"] == number)
                .expect("adopted");
            let email =
                contact.get("EmailAddress").filter(|email| *email != "").cloned().unwrap_or(Value::Null);
            assert_eq!(email, expected, "{option} {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_skipped_or_fails_as_the_flow_says() {
    let world = World::new().await;
    let head = flow(&world, "    if_missing: skip\n").await;
    let run = upsert(&world, &head, json!({"number": "001A", "name": "Acme"})).await;
    assert_eq!(run.row.status, Status::Succeeded);
    assert_eq!(run.row.steps["contact"].output["_found"], false);
    let text = "flow: strict\ntrigger: { type: manual }\nsteps:\n  - action: xero.upsert_contact\n    if_missing: fail\n    with: { Name: '{{ record.name }}' }\n";
    let head = world.given_flow(text).await;
    let run = upsert(&world, &head, json!({"name": "Acme"})).await;
    assert_eq!((failure(&run).0, failure(&run).1), (Status::Failed, "contact_not_found"));
    assert_eq!(world.contacts().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_contacts_are_an_error_or_the_oldest_or_the_newest() {
    let world = World::new().await;
    let ledger = world.sandbox.xero.ledger();
    let first =
        ledger.add_contact(json!({"Name": "Acme 1", "EmailAddress": "one@acme.test"})).expect("added");
    world.advance(std::time::Duration::from_secs(60));
    let second =
        ledger.add_contact(json!({"Name": "Acme 2", "EmailAddress": "one@acme.test"})).expect("added");
    for (option, expected) in [("fail", None), ("oldest", Some(first.id)), ("newest", Some(second.id))] {
        let text = format!(
            "flow: mail-{option}\ntrigger: {{ type: manual }}\nsteps:\n  - id: contact\n    action: xero.upsert_contact\n    \
             match: [EmailAddress]\n    if_many: {option}\n    if_found: keep\n    with: {{ Name: New, EmailAddress: '{{{{ record.email }}}}' }}\n"
        );
        let head = world.given_flow(&text).await;
        let run = upsert(&world, &head, json!({"email": "one@acme.test"})).await;
        match expected {
            None => assert_eq!((failure(&run).0, failure(&run).1), (Status::Failed, "many_contacts")),
            Some(id) => assert_eq!(id_of(&run), id.to_string()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_a_person_has_just_taken_is_adopted() {
    let world = World::new().await;
    let head = flow(&world, "    if_found: keep\n").await;
    // The directory knows the books as they are now.
    upsert(&world, &head, json!({"number": "001X", "name": "Somebody"})).await;
    let theirs = world.sandbox.xero.ledger().add_contact_named("Acme").expect("added");
    let run = upsert(&world, &head, json!({"number": "001A", "name": "Acme"})).await;
    assert_eq!(id_of(&run), theirs.id.to_string());
    let contact = world.sandbox.xero.ledger().contact(theirs.id).expect("there");
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(world.sandbox.xero.ledger().contact_numbered("001A").map(|c| c.id), Some(contact.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_flows_that_want_the_same_new_contact_at_once_make_one() {
    let world = World::new().await;
    let one = flow(&world, "").await;
    let other = world.given_flow("flow: other\ntrigger: { type: manual }\nsteps:\n  - id: contact\n    action: xero.upsert_contact\n    with: { Name: '{{ record.name }}' }\n").await;
    for n in 0..5 {
        let record = json!({"number": "001A", "name": "Acme"});
        keep::start(
            &world.stack,
            &one,
            "manual",
            EventKey::new(format!("a{n}")),
            world.stack.now(),
            record.clone(),
        )
        .await
        .expect("started");
        keep::start(
            &world.stack,
            &other,
            "manual",
            EventKey::new(format!("b{n}")),
            world.stack.now(),
            record,
        )
        .await
        .expect("started");
    }
    let second = world.another_process();
    let both = async { tokio::join!(world.drain_by(&world.stack), world.drain_by(&second)) };
    both.await;
    for _ in 0..5 {
        world.advance(std::time::Duration::from_secs(60));
        world.drain().await;
    }
    assert_eq!(world.contacts().len(), 1);
    assert_eq!(world.sandbox.xero.ledger().duplicates(), Vec::<String>::new());
    let statuses = world.statuses().await;
    assert_eq!(statuses, std::collections::BTreeMap::from([(Status::Succeeded, 10)]), "{statuses:?}");
}
