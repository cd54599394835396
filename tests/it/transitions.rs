//! `changed`: what is a transition, what only looks like one, and what is tried again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use counterfoil::domain::ids::EventKey;
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::{keep, poll};
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use counterfoil_sandbox::salesforce::Refusal;
use serde_json::json;

use crate::broken::Broken;
use crate::main_job::{FLOW, opportunity, win};
use crate::trouble::{Life, mortal, time_goes_on};
use crate::world::World;

fn reopen(world: &World, opportunity: &str) {
    let stage = json!({"StageName": "Negotiation/Review"});
    world.sandbox.salesforce.update("Opportunity", opportunity, stage);
}

fn account_of(world: &World, opportunity: &str) -> String {
    let record = world.sandbox.salesforce.get("Opportunity", opportunity).expect("there");
    record["AccountId"].as_str().expect("an account").to_owned()
}

/// Notices wins and does nothing.
const NOTICING: &str = "\
flow: wins
trigger:
  type: salesforce.updated_record
  object: Opportunity
  fields: [Id, Name]
  changed: { StageName: { to: Closed Won } }
steps:
  - set: { name: '{{ record.Name }}' }
";

/// Wins what it is told of.
const CLOSING: &str = "\
flow: closing
trigger: { type: http.webhook }
steps:
  - action: salesforce.update_record
    with: { object: Opportunity, id: '{{ record.id }}', fields: { StageName: Closed Won } }
";

async fn told_to_close(world: &World, head: &FlowHead, opportunity: &str) {
    let (key, now) = (EventKey::new(opportunity), world.stack.now());
    let started = keep::start(&world.stack, head, "http.webhook", key, now, json!({"id": opportunity})).await;
    started.expect("started");
}

/// How a flow's runs stand.
async fn stand(world: &World, flow: &str) -> Vec<Status> {
    let runs = world.runs().await.into_iter();
    runs.filter(|run| run.row.flow_name == flow).map(|run| run.row.status).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn won_reopened_and_won_again_is_two_events_and_one_invoice() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    world.settle().await;
    reopen(&world, &id);
    world.settle().await;
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
    assert_eq!(world.invoices().len(), 1);
    let number = &world.invoices()[0]["InvoiceNumber"];
    assert_eq!(&world.sandbox.salesforce.get("Opportunity", &id).expect("there")["Xero_Invoice__c"], number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_field_is_asked_for_once_and_filling_it_in_makes_the_invoice() {
    let world = World::new().await;
    let flow = FLOW.replace("record.CloseDate]", "record.Account.Phone, record.Account.BillingCountry]");
    world.given_flow(&flow).await;
    let id = opportunity(&world, "Acme Ltd");
    let account = account_of(&world, &id);
    world.sandbox.salesforce.update("Account", &account, json!({"Phone": null}));
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Incomplete, 1)]));
    let run = &world.runs().await[0];
    assert_eq!(run.row.missing, ["Account.Phone"]);
    assert_eq!(world.tasks().len(), 1);

    // Another edit that doesn't help: tried again, but nobody is asked twice.
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "More desks"}));
    world.settle().await;
    assert_eq!((world.tasks().len(), world.invoices().len()), (1, 0));

    // More is missing, which is told, and then as much as at first, which was told already.
    for (country, tasks) in [(json!(null), 2), (json!("NZ"), 2)] {
        world.sandbox.salesforce.update("Account", &account, json!({"BillingCountry": country}));
        world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Desks again"}));
        world.settle().await;
        assert_eq!((world.tasks().len(), world.invoices().len()), (tasks, 0), "{country}");
    }

    world.sandbox.salesforce.update("Account", &account, json!({"Phone": "09 379 1234"}));
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Many desks"}));
    world.settle().await;
    assert_eq!((world.tasks().len(), world.invoices().len()), (2, 1));
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Incomplete, 4), (Status::Succeeded, 1)]));

    // Invoiced: further edits are nothing to it.
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Desks again"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_filled_in_before_the_run_had_its_turn_is_not_missed() {
    let world = World::new().await;
    let flow = FLOW.replace("record.CloseDate]", "record.Account.Phone]");
    world.given_flow(&flow).await;
    let id = opportunity(&world, "Acme Ltd");
    let account = account_of(&world, &id);
    world.sandbox.salesforce.update("Account", &account, json!({"Phone": null}));
    win(&world, &id);
    world.advance(std::time::Duration::from_secs(10));
    world.poll().await;
    // The message waits; meanwhile the phone number is entered, and the next poll reads the newer version.
    world.sandbox.salesforce.update("Account", &account, json!({"Phone": "09 379 1234"}));
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Many desks"}));
    world.advance(std::time::Duration::from_secs(10));
    world.poll().await;
    world.drain().await;
    world.settle().await;
    assert_eq!(world.invoices().len(), 1, "{:?}", world.statuses().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_added_after_the_win_are_invoiced_then() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let id = opportunity(&world, "Acme Ltd");
    let line = world.sandbox.salesforce.records("OpportunityLineItem")[0].clone();
    world
        .sandbox
        .salesforce
        .delete("OpportunityLineItem", line["Id"].as_str().expect("an id"))
        .expect("deleted");
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Skipped, 1)]));
    world.sandbox.salesforce.insert(
        "OpportunityLineItem",
        json!({"OpportunityId": id, "Product2Id": line["Product2Id"], "Quantity": 1, "UnitPrice": 7, "Description": "Lamp"}),
    );
    // A line changes the Opportunity's amount, and with it its stamp.
    world.sandbox.salesforce.update("Opportunity", &id, json!({"NextStep": "Invoice it"}));
    world.settle().await;
    assert_eq!(world.invoices().len(), 1, "{:?}", world.statuses().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_won_before_going_live_fires_only_after_it_has_left() {
    let world = World::new().await;
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    world.advance(std::time::Duration::from_secs(5));
    world.given_flow(FLOW).await;
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Desks, edited"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 0);
    reopen(&world, &id);
    world.settle().await;
    win(&world, &id);
    world.settle().await;
    assert_eq!((world.runs().await.len(), world.invoices().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_field_that_we_set_ourselves_is_no_change() {
    let world = World::new().await;
    world.given_flow(NOTICING).await;
    let head = world.given_flow(CLOSING).await;
    let ours = opportunity(&world, "Ours");
    let theirs = opportunity(&world, "Theirs");
    told_to_close(&world, &head, &ours).await;
    world.drain().await;
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &ours).expect("there")["StageName"], "Closed Won");
    win(&world, &theirs);
    world.settle().await;
    let wins: Vec<_> = world.runs().await.into_iter().filter(|run| run.row.flow_name == "wins").collect();
    assert_eq!(wins.len(), 1);
    assert_eq!(wins[0].row.record().map(|(_, id)| id.to_string()), Some(theirs));

    // After it has left, a person's win is news again.
    reopen(&world, &ours);
    world.settle().await;
    win(&world, &ours);
    world.settle().await;
    assert_eq!(world.runs().await.len(), 3);
}

/// The org wants to know what is next before a deal is won.
fn winning_needs_a_next_step(world: &World) {
    let condition = "StageName = 'Closed Won' AND NextStep = null";
    world.sandbox.salesforce.refuse_where("Opportunity", condition, "What is next?").expect("a rule");
}

fn win_with_a_next_step(world: &World, opportunity: &str) {
    let won = json!({"StageName": "Closed Won", "NextStep": "Invoice it"});
    world.sandbox.salesforce.update("Opportunity", opportunity, won);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_effect_of_ours_was_refused_is_news_when_a_person_sets_it() {
    for is_known in [true, false] {
        let world = World::new().await;
        world.given_flow(NOTICING).await;
        let closing = world.given_flow(CLOSING).await;
        winning_needs_a_next_step(&world);
        let id = opportunity(&world, "Acme Ltd");
        if is_known {
            world.settle().await;
        }
        told_to_close(&world, &closing, &id).await;
        world.drain().await;
        assert_eq!(stand(&world, "closing").await, [Status::Failed]);
        world.settle().await;
        assert_eq!(stand(&world, "wins").await, [], "nobody has won it");
        win_with_a_next_step(&world, &id);
        world.settle().await;
        assert_eq!(stand(&world, "wins").await, [Status::Succeeded], "known before: {is_known}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_effect_of_ours_waits_to_set_is_news_when_a_person_sets_it_first_and_only_then() {
    let world = World::new().await;
    world.given_flow(NOTICING).await;
    let closing = world.given_flow(CLOSING).await;
    let (theirs, ours) = (opportunity(&world, "Theirs"), opportunity(&world, "Ours"));
    world.settle().await;
    for id in [&theirs, &ours] {
        world.sandbox.salesforce.refuse(Refusal::row_lock(id));
        told_to_close(&world, &closing, id).await;
    }
    world.drain().await;
    assert_eq!(stand(&world, "closing").await, [Status::Waiting; 2]);
    win(&world, &theirs);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    world.settle().await;
    assert_eq!(stand(&world, "closing").await, [Status::Succeeded; 2]);
    let runs = world.runs().await;
    let won: Vec<_> = runs.iter().filter(|run| run.row.flow_name == "wins").collect();
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].row.record().map(|(_, id)| id.to_string()), Some(theirs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_at_any_operation_of_a_refused_effect_leaves_a_persons_win_news() {
    for operations in 0.. {
        let world = World::new().await;
        world.given_flow(NOTICING).await;
        let closing = world.given_flow(CLOSING).await;
        winning_needs_a_next_step(&world);
        let id = opportunity(&world, "Acme Ltd");
        world.settle().await;
        told_to_close(&world, &closing, &id).await;
        let life = Life::of(operations);
        let process = mortal(&world, &life);
        let lived = world.flowing(life.live(pump::runs(&process, QueueName::Runs))).await.is_some();
        world.advance(pump::VISIBILITY);
        time_goes_on(&world, &world.another_process(), 40).await;
        assert_eq!(stand(&world, "closing").await, [Status::Failed], "died after {operations}");
        win_with_a_next_step(&world, &id);
        world.settle().await;
        assert_eq!(stand(&world, "wins").await, [Status::Succeeded], "died after {operations}");
        if lived {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_memory_and_the_queue_announces_once() {
    let world = World::new().await;
    world.given_flow(NOTICING).await;
    let broken = Broken::process(&world);
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    world.advance(std::time::Duration::from_secs(10));
    broken.queue_down.store(true, Ordering::SeqCst);
    let deadline = world.stack.now() + broken.stack.times.function;
    let trigger = "salesforce.updated_record";
    world.flowing(poll::poll(&broken.stack, trigger, deadline)).await.expect_err("the queue is down");
    world.advance(std::time::Duration::from_secs(200));
    // Edited meanwhile: still the same win.
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Desks, edited"}));
    world.settle().await;
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1);
    let event = world.runs().await[0].row.message.event.clone().expect("an event");
    assert_eq!(event.previous, json!(null), "it was not known before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_value_before_reaches_the_flow() {
    let world = World::new().await;
    world.given_flow(NOTICING).await;
    let id = opportunity(&world, "Acme Ltd");
    world.settle().await;
    win(&world, &id);
    world.settle().await;
    let event = world.runs().await[0].row.message.event.clone().expect("an event");
    assert_eq!(event.previous, json!({"StageName": "Negotiation/Review"}));
}
