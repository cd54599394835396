//! What the steps of a flow do with one event: values, conditions, errors, limits, connections, links.

use std::collections::BTreeMap;

use counterfoil::domain::connection::Connection;
use counterfoil::domain::ids::{ConnectionId, EventKey};
use counterfoil::domain::run::Status;
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::keep;
use counterfoil::flow::rows::StoredRun;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::world::World;

async fn start(world: &World, head: &FlowHead, key: &str, record: Value) -> counterfoil::domain::ids::RunId {
    keep::start(&world.stack, head, "manual", EventKey::new(key), world.stack.now(), record)
        .await
        .expect("started")
}

/// One event through a flow of these steps (and what stands before them).
async fn through(world: &World, before: &str, steps: &str, record: Value) -> StoredRun {
    let text =
        format!("flow: story\ntrigger: {{ type: manual }}\n{before}\nsteps:\n  {}", steps.trim_start());
    let head = world.given_flow(&text).await;
    let run = start(world, &head, "one", record).await;
    world.drain().await;
    world.run(run).await
}

fn subjects(world: &World) -> Vec<String> {
    world.tasks().iter().map(|task| task["Subject"].as_str().unwrap_or_default().to_owned()).collect()
}

fn code(run: &StoredRun) -> &str {
    run.row.failure.as_ref().map_or("-", |failure| failure.code.as_str())
}

/// `text` as JSON, to the digit.
fn exact(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_branches_and_values_lead_to_the_step_that_is_meant() {
    let steps = "\
  - id: size
    javascript: 'return record.amount > 100 ? \"large\" : \"small\"'
  - id: words
    set: { greeting: 'A {{ steps.size }} order', region: \"{{ table('region', record.country) }}\", owner: '{{ settings.owner }}' }
  - branch:
      when: steps.size == 'large'
      steps:
        - id: large
          action: salesforce.create_task
          with: { Subject: '{{ steps.words.greeting }} from {{ steps.words.region }} for {{ settings.owner }}' }
      else:
        - id: small
          action: salesforce.create_task
          with: { Subject: 'Small' }
  - id: never
    when: record.nothing.at.all
    action: salesforce.create_task
    with: { Subject: 'Never' }
  - id: after
    when: '!steps.never._id && !steps.small._id'
    action: salesforce.create_task
    with: { Subject: 'After' }
  - when: record.amount > 100
    stop: true
  - id: last
    action: salesforce.create_task
    with: { Subject: 'Last' }
";
    let before = "tables: { region: { NZ: Pacific, default: Elsewhere } }\nsettings: { owner: Ada }";
    let world = World::new().await;
    let run = through(&world, before, steps, json!({"amount": 120, "country": "NZ"})).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    assert_eq!(subjects(&world), ["A large order from Pacific for Ada", "After"]);

    let world = World::new().await;
    let run = through(&world, before, steps, json!({"amount": 20, "country": "FR"})).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    assert_eq!(subjects(&world), ["Small", "Last"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_in_a_step_ends_the_run_with_its_code() {
    for (before, step, expected) in [
        ("", "  - set: { a: '{{ record.no.such() }}' }\n", "javascript_threw"),
        ("", "  - javascript: 'throw new Error(\"no\")'\n", "javascript_threw"),
        ("", "  - stop: { error: 'No {{ record.name }}' }\n", "stopped"),
        ("tables: { t: { a: '1' } }", "  - set: { a: \"{{ table('t', record.name) }}\" }\n", "unknown_key"),
        ("", "  - set: { a: '{{ 1 + record.long }}' }\n", "number_too_long"),
        (
            "connections: [books, else]",
            "  - action: xero.find_invoice\n    connection: '{{ record.name }}'\n    with: { InvoiceNumber: x }\n",
            "unknown_connection",
        ),
        (
            "",
            "  - action: xero.find_invoice\n    connection: nowhere\n    with: { InvoiceNumber: x }\n",
            "unknown_connection",
        ),
    ] {
        let world = World::new().await;
        let record = exact(r#"{"name": "Acme", "long": 12345678901234567890.1234567}"#);
        let run = through(&world, before, step, record).await;
        assert_eq!((run.row.status, code(&run)), (Status::Failed, expected), "{step}: {:?}", run.row.failure);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_javascript_would_round_passes_through_where_nobody_reads_it() {
    let world = World::new().await;
    let steps = "\
  - javascript: 'return record.name.length'
  - action: salesforce.create_task
    with: { Subject: '{{ record.name }} {{ record.long }}' }
";
    let run =
        through(&world, "", steps, exact(r#"{"name": "Acme", "long": 12345678901234567890.1234567}"#)).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    assert_eq!(subjects(&world), ["Acme 12345678901234567890.1234567"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_may_be_passed_over_or_answered_with_steps() {
    let steps = "\
  - id: broken
    javascript: 'throw new Error(\"no\")'
    on_error: continue
  - id: refused
    action: salesforce.create_task
    with: { Subject: 'x', WhatId: '001000000000000AAA' }
    on_error:
      steps:
        - id: told
          action: salesforce.create_task
          with: { Subject: 'Refused: {{ steps.refused._error.code }}' }
  - id: last
    action: salesforce.create_task
    with: { Subject: '{{ steps.broken._error.code }}' }
";
    let world = World::new().await;
    let run = through(&world, "", steps, json!({})).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    let subjects = subjects(&world);
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[0].starts_with("Refused: ") && subjects[0].len() > 12, "{subjects:?}");
    assert_eq!(subjects[1], "javascript_threw");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_and_greedy_scripts_fail_alone_and_the_rest_of_the_batch_goes_on() {
    let world = World::new().await;
    let text = "\
flow: story
trigger: { type: manual }
steps:
  - javascript: |
      if (record.n == 0) while (true) {}
      if (record.n == 1) { const all = []; while (true) all.push(new Array(10000).fill('x')); }
      return record.n
  - action: salesforce.create_task
    with: { Subject: 'Number {{ record.n }}' }
";
    let head = world.given_flow(text).await;
    for n in 0..12 {
        start(&world, &head, &n.to_string(), json!({"n": n})).await;
    }
    world.drain().await;
    let statuses = world.statuses().await;
    assert_eq!(statuses, BTreeMap::from([(Status::Succeeded, 10), (Status::Failed, 2)]), "{statuses:?}");
    let mut codes: Vec<String> =
        world.runs().await.iter().filter_map(|run| Some(run.row.failure.as_ref()?.code.clone())).collect();
    codes.sort();
    assert_eq!(codes, ["javascript_memory", "javascript_timeout"]);
}

/// A second way into the same org.
async fn connect_crm_eu(world: &World) {
    let crm = world.stack.connections.list().await.expect("connections");
    let crm = crm.iter().find(|connection| connection.id.as_str() == "crm").expect("there");
    let second = Connection { id: ConnectionId::from("crm-eu"), ..(**crm).clone() };
    world
        .stack
        .ports
        .vault
        .write(&client_secret_name(&second.grant_id()), SecretString::from("sandbox-secret"))
        .await
        .expect("the vault");
    world.stack.connections.save(&second).await.expect("saved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_kept_for_each_connection_is_that_of_the_steps_connection() {
    let world = World::new().await;
    connect_crm_eu(&world).await;
    let text = "
flow: by-region
trigger: { type: manual }
connections: [crm, crm-eu]
tables:
  queue: { connections: { crm: { default: Home desk }, crm-eu: { default: Europe desk } } }
  plain: { default: everywhere }
steps:
  - action: salesforce.create_task
    connection: '{{ record.connection }}'
    with: { Subject: \"{{ table('queue', record.name) }} {{ tables.plain.default }}\" }
";
    let head = world.given_flow(text).await;
    for connection in ["crm-eu", "crm"] {
        start(&world, &head, connection, json!({ "connection": connection, "name": "Acme" })).await;
        world.drain().await;
    }
    assert_eq!(subjects(&world), ["Europe desk everywhere", "Home desk everywhere"]);

    let elsewhere = "tables: { t: { connections: { crm: { default: '1' } } } }";
    for step in [
        "  - action: salesforce.create_task\n    connection: crm-eu\n    with: { Subject: \"{{ table('t', 'x') }}\" }\n",
        "  - set: { a: \"{{ table('t', 'x') }}\" }\n",
    ] {
        let run = through(&world, elsewhere, step, json!({})).await;
        assert_eq!(code(&run), "no_table_for_connection", "{step}");
        let failure = run.row.failure.expect("a failure");
        assert!(failure.message.contains("it has `crm`"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_connections_one_must_be_named_and_a_template_may_choose_among_those_listed() {
    let world = World::new().await;
    connect_crm_eu(&world).await;
    let task = "  - action: salesforce.create_task\n    with: { Subject: 'Hello' }\n";
    let run = through(&world, "", task, json!({})).await;
    assert_eq!((run.row.status, code(&run)), (Status::Failed, "ambiguous_connection"));
    let failure = run.row.failure.expect("a failure");
    assert!(failure.message.contains("crm, crm-eu"), "{failure}");

    let by_record = "  - action: salesforce.create_task\n    connection: 'crm-{{ record.region }}'\n    with: { Subject: 'Hello' }\n";
    let text =
        format!("flow: by-region\ntrigger: {{ type: manual }}\nconnections: [crm-eu]\nsteps:\n{by_record}");
    let head = world.given_flow(&text).await;
    for (region, status) in [("eu", Status::Succeeded), ("us", Status::Failed)] {
        let run = start(&world, &head, region, json!({"region": region})).await;
        world.drain().await;
        assert_eq!(world.run(run).await.row.status, status, "{region}");
    }
    assert_eq!(subjects(&world), ["Hello"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_exact_from_end_to_end() {
    let world = World::new().await;
    let steps = "\
  - id: contact
    action: xero.upsert_contact
    with: { Name: Acme }
  - id: invoice
    action: xero.create_invoice
    link: { name: invoice, key: '{{ record.number }}' }
    with:
      Contact: { ContactID: '{{ steps.contact.ContactID }}' }
      LineAmountTypes: NoTax
      Reference: '{{ record.number }}'
      LineItems:
        each: record.lines
        as: line
        when: line.quantity > 0
        with:
          Description: '{{ line.text }}'
          Quantity: '{{ line.quantity }}'
          UnitAmount: '{{ line.price }}'
          AccountCode: '200'
        plus:
          - { Description: Freight, Quantity: 1, UnitAmount: '{{ record.freight }}', AccountCode: '200' }
  - id: task
    action: salesforce.create_task
    with: { Subject: \"{{ links.invoice(record.number) == steps.invoice.InvoiceID }} {{ links.invoice.all('B-').length }} {{ links.invoice.source(steps.invoice.InvoiceID) }} {{ steps.invoice.Total }}\" }
";
    let record = r#"{"number": "B-1", "freight": 1234567890.12, "lines": [
        {"text": "Cable", "quantity": 1000, "price": 0.1648}, {"text": "Nothing", "quantity": 0, "price": 1},
        {"text": "Lamp", "quantity": 0.5, "price": 19.90}]}"#;
    let run = through(&world, "", steps, exact(record)).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    let invoices = world.invoices();
    let lines = invoices[0]["LineItems"].as_array().expect("lines");
    let unit = |line: &Value| line["UnitAmount"].to_string().trim_end_matches('0').to_owned();
    assert_eq!(lines.iter().map(unit).collect::<Vec<_>>(), ["0.1648", "19.9", "1234567890.12"]);
    assert_eq!(subjects(&world), ["true 1 B-1 1234568064.87"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_value_leaves_a_field_alone_and_clear_empties_it() {
    let world = World::new().await;
    world.sandbox.salesforce.add_field("Account", "Credit__c: currency(18,2)").expect("a field");
    let fields = json!({"Name": "Acme", "Phone": "1", "Website": "acme.test", "Description": "old"});
    let id = world.sandbox.salesforce.insert("Account", fields);
    let steps = "\
  - action: salesforce.update_record
    with:
      object: Account
      id: '{{ record.id }}'
      fields: { Phone: '{{ record.phone }}', Website: { clear: true }, Description: '{{ record.text }}', Credit__c: '{{ record.revenue }}' }
";
    let record = format!("{{\"id\": \"{id}\", \"text\": \"new\", \"revenue\": 12345678901.23}}");
    let run = through(&world, "", steps, exact(&record)).await;
    assert_eq!(run.row.status, Status::Succeeded, "{:?}", run.row.failure);
    let account = world.sandbox.salesforce.get("Account", &id).expect("there");
    assert_eq!(account["Credit__c"].to_string(), "12345678901.23");
    assert_eq!(
        (&account["Phone"], &account["Website"], &account["Description"]),
        (&json!("1"), &json!(null), &json!("new"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn today_stays_the_day_of_the_event_however_often_the_run_is_walked() {
    let world = World::new().await;
    let id = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    let text = "\
flow: story
trigger: { type: manual }
steps:
  - id: lock
    action: salesforce.update_record
    with: { object: Account, id: '{{ record.id }}', fields: { Description: x } }
  - id: task
    action: salesforce.create_task
    with: { Subject: '{{ today(\"UTC\") }}' }
";
    let head = world.given_flow(text).await;
    let refusal = counterfoil_sandbox::salesforce::Refusal::row_lock(&id);
    world.sandbox.salesforce.refuse(counterfoil_sandbox::salesforce::Refusal { times: 2, ..refusal });
    start(&world, &head, "one", json!({"id": id})).await;
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Waiting, 1)]));
    world.advance(std::time::Duration::from_hours(24));
    // The same event again, a day later: still the first one's day.
    start(&world, &head, "one", json!({"id": id})).await;
    for _ in 0..3 {
        world.drain().await;
        world.advance(std::time::Duration::from_mins(15));
    }
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
    assert_eq!(subjects(&world), ["2026-11-22"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_flow_that_this_build_cant_read_fails_its_own_runs_and_stops_nobody() {
    let world = World::new().await;
    let good = world.given_flow("flow: good\ntrigger: { type: salesforce.updated_record, object: Account, fields: [Id] }\nsteps:\n  - set: { a: b }\n").await;
    let bad = world.given_flow("flow: bad\ntrigger: { type: manual }\nsteps:\n  - set: { a: b }\n").await;
    let unknown = "flow: bad\ntrigger: { type: manual }\nsteps:\n  - action: xero.paint_invoice\n    with: { colour: red }\n";
    let bad = world.stack.flows.push(&bad.name, "flow.yaml", unknown, BTreeMap::new()).await.expect("stored");
    let run = start(&world, &bad, "one", json!({})).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    world.settle().await;
    world.keep().await;
    let run = world.run(run).await;
    assert_eq!((run.row.status, code(&run)), (Status::Failed, "invalid_flow"));
    let of_good = world.runs().await.into_iter().filter(|run| run.row.message.flow == good.id).count();
    assert_eq!(of_good, 1);
}
