//! A schedule's tick, or a person's word, finds items, and each of them is a run of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::Value;
use counterfoil::domain::ids::{EventKey, RunId};
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{dispatch, keep, look, rerun};
use counterfoil::ports::Ports;
use counterfoil::ports::clock::ManualClock;
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use serde_json::json;

use crate::main_job;
use crate::trouble::{Life, mortal, time_goes_on};
use crate::world::{World, new_stack};

/// Each evening a task for every account in New Zealand.
const EVENINGS: &str = "\
flow: evenings
trigger:
  type: schedule
  cron: '0 18 * * *'
  each:
    action: salesforce.find_records
    with: { object: Account, fields: [Name], match: { BillingCountry: '{{ settings.country }}' } }
    as: account
    key: account.Id
settings: { country: NZ }
require: [account.Name]
steps:
  - action: salesforce.create_task
    with: { WhatId: '{{ account.Id }}', Subject: '{{ record.Name }} {{ item.Name }} on {{ today(\"UTC\") }}' }
";

fn account(world: &World, name: &str) -> String {
    world.sandbox.salesforce.insert("Account", json!({"Name": name, "BillingCountry": "NZ"}))
}

/// The evening comes, and the keeper fires it.
async fn evening(world: &World) {
    let until = world.clock_now().duration_until("2026-11-22T18:00:00Z".parse().expect("an instant"));
    world.advance(until.unsigned_abs());
    assert_eq!(world.keep().await.fired, 1);
}

fn subjects(world: &World) -> Vec<String> {
    let tasks = world.tasks().into_iter();
    let mut subjects: Vec<String> =
        tasks.map(|task| task["Subject"].as_str().unwrap_or_default().to_owned()).collect();
    subjects.sort();
    subjects
}

/// A person fires it, and waits to hear how many there are.
async fn by_hand(world: &World, head: &FlowHead, key: &str, record: Value) -> RunId {
    let now = world.stack.now();
    let message = keep::beginning(&world.stack, head, "manual", EventKey::new(key), now, record).await;
    let message = message.expect("begins");
    world.flowing(dispatch::at_once(&world.stack, &message)).await.expect("walked");
    message.run
}

/// The runs that found, and those of items.
async fn runs(world: &World) -> (Vec<StoredRun>, Vec<StoredRun>) {
    let finds = |run: &StoredRun| run.row.message.event.as_ref().is_some_and(|event| event.finds);
    world.runs().await.into_iter().partition(finds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_item_that_a_tick_finds_is_a_run_of_its_own() {
    let world = World::new().await;
    let (acme, _) = (account(&world, "Acme"), account(&world, "Beta"));
    world.sandbox.salesforce.insert("Account", json!({"Name": "Gamma", "BillingCountry": "AU"}));
    world.given_flow(EVENINGS).await;
    evening(&world).await;
    world.drain().await;
    assert_eq!(subjects(&world), ["Acme Acme on 2026-11-22", "Beta Beta on 2026-11-22"]);
    let (ticks, items) = runs(&world).await;
    assert_eq!((ticks.len(), look::items(&ticks[0].row)), (1, Some(2)));
    assert_eq!(ticks[0].row.status, Status::Succeeded);
    let events: Vec<_> = items.iter().filter_map(|run| run.row.message.event.clone()).collect();
    let of_acme = events.iter().find(|event| event.record["Name"] == "Acme").expect("there");
    assert_eq!(of_acme.key.as_str(), format!("2026-11-22T18:00:00Z#{acme}"));
    assert_eq!(of_acme.record_id.as_ref().map(ToString::to_string), Some(acme));
    assert_eq!(of_acme.connection.as_ref().map(|id| id.as_str()), Some("crm"));
    // The next evening is another one.
    world.advance(Duration::from_hours(24));
    world.keep().await;
    world.drain().await;
    assert_eq!(world.tasks().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_find_of_thousands_is_read_page_by_page_and_each_is_started_once() {
    let world = World::new().await;
    for number in 0..4_100 {
        account(&world, &format!("Account {number}"));
    }
    let flow = EVENINGS.split("steps:").next().expect("a head").to_owned() + "steps:\n  - stop: true\n";
    world.given_flow(&flow).await;
    evening(&world).await;
    world.flowing(pump::runs(&world.stack, QueueName::Runs)).await.expect("dispatched");
    let (ticks, _) = runs(&world).await;
    assert_eq!(look::items(&ticks[0].row), Some(4_100));
    assert_eq!(world.stack.ports.queue.depth(QueueName::Runs).await.expect("counted"), 4_100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_find_that_runs_out_of_time_goes_on_where_it_was() {
    let world = World::new().await;
    for number in 0..2_500 {
        account(&world, &format!("Account {number}"));
    }
    let flow = EVENINGS.split("steps:").next().expect("a head").to_owned() + "steps:\n  - stop: true\n";
    world.given_flow(&flow).await;
    evening(&world).await;
    // The first page takes up most of the time that the function has.
    let ports = world.ports();
    let slow = Slow { http: Arc::clone(&ports.http), clock: Arc::clone(&world.clock) };
    let stack = new_stack(&Ports { http: Arc::new(slow), ..ports });
    world.flowing(pump::runs(&stack, QueueName::Runs)).await.expect("dispatched");
    let (ticks, _) = runs(&world).await;
    assert_eq!((ticks[0].row.status, look::items(&ticks[0].row)), (Status::Waiting, Some(2_000)));
    world.drain().await;
    let (ticks, items) = runs(&world).await;
    assert_eq!((ticks[0].row.status, look::items(&ticks[0].row)), (Status::Succeeded, Some(2_500)));
    assert_eq!(items.len(), 2_500);
}

/// Answers come late.
struct Slow {
    http: Arc<dyn Http>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Http for Slow {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let answer = self.http.send(request).await;
        self.clock.advance(Duration::from_secs(30));
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_find_that_cant_be_made_is_a_failed_run_with_code_and_advice_and_can_be_run_again() {
    let world = World::new().await;
    account(&world, "Acme");
    world.given_flow(&EVENINGS.replace("fields: [Name]", "fields: [Name, Nonsense__c]")).await;
    evening(&world).await;
    world.drain().await;
    let (ticks, items) = runs(&world).await;
    assert_eq!((ticks.len(), items.len()), (1, 0));
    let row = &ticks[0].row;
    assert_eq!((row.status, row.at_step.as_deref()), (Status::Failed, Some("each")));
    let failure = row.failure.clone().expect("a reason");
    assert!(failure.message.contains("Nonsense__c"), "{failure}");
    assert_eq!(world.dead_letters().await.len(), 1);
    world.sandbox.salesforce.add_field("Account", "Nonsense__c: string(10)").expect("a field");
    rerun::rerun(&world.stack, row.message.run, rerun::Again::default()).await.expect("asked for");
    world.drain().await;
    assert_eq!(subjects(&world).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_connection_a_tick_waits_or_fails_where_its_owner_looks() {
    let world = World::new().await;
    world
        .given_flow(&EVENINGS.replace("    as: account", "    connection: elsewhere\n    as: account"))
        .await;
    evening(&world).await;
    world.drain().await;
    let (ticks, _) = runs(&world).await;
    let row = &ticks[0].row;
    assert_eq!(row.status, Status::Failed);
    assert!(row.failure.as_ref().is_some_and(|failure| failure.message.contains("elsewhere")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_without_a_key_fails_the_tick_and_the_others_go_on() {
    let world = World::new().await;
    world
        .sandbox
        .salesforce
        .insert("Account", json!({"Name": "Acme", "BillingCountry": "NZ", "Phone": "09 1"}));
    account(&world, "No phone");
    let flow = EVENINGS
        .replace("fields: [Name]", "fields: [Name, Phone]")
        .replace("account.Id\nsettings", "account.Phone\nsettings");
    world.given_flow(&flow).await;
    evening(&world).await;
    world.drain().await;
    let (ticks, items) = runs(&world).await;
    assert_eq!(ticks[0].row.failure.as_ref().map(|failure| failure.code.as_str()), Some("item_without_key"));
    assert_eq!(items.len(), 1);
    assert_eq!(subjects(&world), ["Acme Acme on 2026-11-22"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_that_dies_at_any_operation_starts_each_item_once() {
    let mut operations = 0;
    loop {
        let world = World::new().await;
        for name in ["Acme", "Beta", "Gamma"] {
            account(&world, name);
        }
        world.given_flow(EVENINGS).await;
        let until = world.clock_now().duration_until("2026-11-22T18:00:00Z".parse().expect("an instant"));
        world.advance(until.unsigned_abs());
        let life = Life::of(operations);
        let stack = mortal(&world, &life);
        let work = async {
            let deadline = stack.now() + stack.times.function;
            keep::keep(&stack, deadline).await.expect("kept");
            while pump::runs(&stack, QueueName::Runs).await.expect("dispatched") > 0 {}
        };
        let lived = world.flowing(life.live(work)).await.is_some();
        let next = world.another_process();
        world.advance(pump::VISIBILITY);
        time_goes_on(&world, &next, 40).await;
        assert_eq!(
            subjects(&world),
            ["Acme", "Beta", "Gamma"].map(|name| format!("{name} {name} on 2026-11-22")),
            "died after {operations}"
        );
        if lived {
            return;
        }
        operations += 3;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_word_finds_what_it_was_told_to_and_says_how_many() {
    let world = World::new().await;
    for (name, country) in [("Acme", "NZ"), ("Beta", "AU"), ("Gamma", "AU")] {
        world.sandbox.salesforce.insert("Account", json!({"Name": name, "BillingCountry": country}));
    }
    let flow = EVENINGS
        .replace("  type: schedule\n  cron: '0 18 * * *'", "  type: manual")
        .replace("settings.country", "record.country");
    let head = world.given_flow(&flow).await;
    let start = async |key: &str| by_hand(&world, &head, key, json!({"country": "AU"})).await;
    let run = start("7f3c1c0e-1111-4222-8333-944455556666").await;
    assert_eq!(look::items(&world.run(run).await.row), Some(2));
    assert_eq!(start("7f3c1c0e-1111-4222-8333-944455556666").await, run);
    world.drain().await;
    assert_eq!(subjects(&world).len(), 2);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 3)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoices_that_are_found_are_runs_too() {
    let world = World::new().await;
    let flow = "\
flow: chase
trigger: { type: manual, each: { action: xero.find_invoice, with: { Status: DRAFT }, key: item.InvoiceID } }
steps:
  - action: salesforce.create_task
    with: { Subject: 'Chase {{ record.InvoiceNumber }}' }
";
    let id = main_job::opportunity(&world, "Acme");
    world.given_flow(main_job::FLOW).await;
    main_job::win(&world, &id);
    world.settle().await;
    let head = world.given_flow(flow).await;
    by_hand(&world, &head, "k", json!({})).await;
    world.drain().await;
    assert_eq!(subjects(&world).len(), 1);
}

#[test]
fn what_an_each_cant_do_is_said_before_the_flow_is_saved() {
    let catalog = counterfoil::runtime::catalog::catalog();
    for (from, to, code) in [
        ("salesforce.find_records", "salesforce.find_record", "unknown_action"),
        ("action: salesforce.find_records", "action: salesforce.create_task", "not_a_find"),
        ("object: Account, ", "objekt: Account, ", "unknown_field"),
        ("    key: account.Id\n", "", "missing_field"),
        ("key: account.Id", "key: acount.Id", "unknown_name"),
        ("key: account.Id", "key: record.Id", "unknown_name"),
        ("key: account.Id", "key: account.", "bad_expression"),
        ("as: account", "as: steps", "bad_name"),
        ("settings.country }}", "setings.country }}", "unknown_name"),
        ("{{ account.Id }}", "{{ acount.Id }}", "unknown_name"),
        ("type: schedule", "type: http.webhook", "unknown_field"),
    ] {
        let text = EVENINGS.replace(from, to);
        assert_ne!(text, EVENINGS, "{from}");
        let read = counterfoil::flow::file::read(&text, "f.yaml", &catalog, &|_| Err(String::new()));
        let problems = read.expect_err(to);
        assert!(problems.iter().any(|problem| problem.code == code), "{to}: {problems:#?}");
    }
}

/// Somebody deletes drafts between two pages.
struct Deleting {
    http: Arc<dyn Http>,
    sandbox: Arc<counterfoil_sandbox::Sandbox>,
    drafts: Vec<uuid::Uuid>,
    pages: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl Http for Deleting {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_page = request.url.contains("/Invoices?");
        let answer = self.http.send(request).await;
        if is_page {
            let page = self.pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            for draft in self.drafts.iter().skip(page * 10).take(10) {
                self.sandbox.xero.ledger().void_invoice(*draft).expect("deleted");
            }
        }
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_that_are_deleted_while_all_are_found_push_none_over_the_border_of_a_page() {
    let world = World::new().await;
    let ledger = world.sandbox.xero.ledger();
    let contact = ledger.add_contact_named("Acme").expect("a contact");
    let fields = json!({"Type": "ACCREC", "Contact": {"ContactID": contact.id}, "LineItems": []});
    let mut drafts = Vec::new();
    for n in 0..2_600 {
        // A second of more than a page, and others.
        if n % 1_300 == 0 || n > 1_300 && n % 300 == 0 {
            world.advance(Duration::from_secs(1));
        }
        drafts.push(ledger.add_invoice(fields.clone()).expect("a draft").head.id);
    }
    let flow = "\
flow: chase
trigger: { type: manual, each: { action: xero.find_invoice, with: { Status: DRAFT }, key: item.InvoiceID } }
steps:
  - stop: true
";
    let head = world.given_flow(flow).await;
    let ports = world.ports();
    let deleting = Deleting {
        http: Arc::clone(&ports.http),
        sandbox: Arc::clone(&world.sandbox),
        drafts: drafts.clone(),
        pages: Default::default(),
    };
    let stack = new_stack(&Ports { http: Arc::new(deleting), ..ports });
    let (key, now) = (EventKey::new("k"), stack.now());
    let message = keep::beginning(&stack, &head, "manual", key, now, json!({})).await.expect("begins");
    world.flowing(dispatch::at_once(&stack, &message)).await.expect("walked");
    world.drain().await;
    let (ticks, items) = runs(&world).await;
    assert_eq!(ticks[0].row.status, Status::Succeeded);
    let record =
        |run: &StoredRun| run.row.message.event.as_ref()?.record_id.as_ref().map(ToString::to_string);
    let found: std::collections::BTreeSet<String> = items.iter().filter_map(record).collect();
    let left = ledger.invoices().into_iter().filter(|invoice| invoice.claim.status.as_str() == "DRAFT");
    let missed: Vec<String> =
        left.map(|invoice| invoice.head.id.to_string()).filter(|id| !found.contains(id)).collect();
    assert_eq!(missed, Vec::<String>::new());
}
