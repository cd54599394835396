//! Waits: short ones stay with their message, long ones are rows, and what is given up says so.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState};
use counterfoil::domain::ids::{ConnectionId, EventKey, RunId};
use counterfoil::domain::run::Status;
use counterfoil::flow::keep;
use counterfoil::flow::rows::StoredRun;
use counterfoil::ports::queue::QueueName;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use serde_json::json;

use crate::world::World;

/// A contact in Xero, told of by a task.
const FLOW: &str = "\
flow: customer
trigger: { type: manual }
steps:
  - id: task
    action: salesforce.create_task
    with: { Subject: 'Make {{ record.name }}' }
  - id: contact
    action: xero.upsert_contact
    with: { Name: '{{ record.name }}' }
when_failed: { email: true }
";

async fn started(world: &World) -> RunId {
    let head = world.given_flow(FLOW).await;
    let now = world.stack.now();
    keep::start(&world.stack, &head, "manual", EventKey::new("one"), now, json!({"name": "Acme"}))
        .await
        .expect("started")
}

/// Xero refuses the next calls for so many seconds.
fn limited(world: &World, seconds: u64, times: u32) {
    let headers = [("retry-after", seconds.to_string()), ("x-rate-limit-problem", "day".to_owned())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let kind = FaultKind::Status { code: 429, body: json!({"Title": "rate limit exceeded"}), headers };
    world
        .sandbox
        .xero
        .harness()
        .faults
        .add(Fault { path: "/api.xro/".into(), ..Fault::new(kind) }.times(times));
}

async fn messages(world: &World) -> usize {
    // All of them: also those that are hidden for a while.
    let queue = &world.stack.ports.queue;
    queue.receive(QueueName::Runs, 100, Duration::ZERO).await.expect("messages").len()
}

async fn waiting(world: &World, run: RunId) -> StoredRun {
    let stored = world.run(run).await;
    assert_eq!(stored.row.status, Status::Waiting, "{:?}", stored.row.failure);
    stored
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_of_hours_is_a_row_that_the_keeper_brings_back_in_time() {
    let world = World::new().await;
    let run = started(&world).await;
    limited(&world, 3 * 3600, 1);
    world.drain().await;
    let stored = waiting(&world, run).await;
    let until = stored.row.wait.expect("a wait").until;
    assert!(until.duration_since(world.stack.now()) > jiff::SignedDuration::from_mins(175), "{until}");
    // Its message is gone: nothing comes back by itself, however long one waits.
    world.advance(Duration::from_mins(100));
    assert_eq!((messages(&world).await, world.keep().await.due), (0, 0));
    assert_eq!(world.drain().await, 0);
    world.advance(Duration::from_mins(90));
    assert_eq!(world.keep().await.due, 1);
    assert_eq!(world.keep().await.due, 0, "brought back once");
    world.drain().await;
    assert_eq!(world.run(run).await.row.status, Status::Succeeded);
    assert_eq!((world.contacts().len(), world.tasks().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_of_minutes_stays_with_its_message() {
    let world = World::new().await;
    let run = started(&world).await;
    limited(&world, 600, 1);
    world.drain().await;
    waiting(&world, run).await;
    assert_eq!((messages(&world).await, world.keep().await.due), (0, 0), "hidden");
    world.advance(Duration::from_secs(640));
    assert_eq!(world.keep().await.due, 0, "it needs no keeper");
    world.drain().await;
    assert_eq!(world.run(run).await.row.status, Status::Succeeded);
    assert_eq!((world.contacts().len(), world.tasks().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_message_of_a_waiting_run_waits_with_it() {
    let world = World::new().await;
    let run = started(&world).await;
    limited(&world, 3 * 3600, 1);
    world.drain().await;
    waiting(&world, run).await;
    world.redeliver_everything().await;
    waiting(&world, run).await;
    assert_eq!(messages(&world).await, 0, "the row will bring one back, and one is enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_are_spent_end_the_run_with_a_letter_and_a_mail() {
    let world = World::new().await;
    let run = started(&world).await;
    let body = json!({"Title": "An error occurred"});
    world.sandbox.xero.harness().faults.add(Fault::on("GET", "/api.xro/", Fault::status(500, body)).always());
    for _ in 0..100 {
        world.drain().await;
        if world.runs().await.iter().any(|run| run.row.status.is_final()) {
            break;
        }
        world.advance(Duration::from_mins(15));
        world.keep().await;
    }
    let stored = world.run(run).await;
    assert_eq!((stored.row.status, stored.row.at_step.as_deref()), (Status::Failed, Some("contact")));
    let failure = stored.row.failure.expect("a failure");
    assert!(failure.message.contains("given up after 8 attempts"), "{failure}");
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (&letters[0].attributes["code"], &letters[0].attributes["record"]),
        (&failure.code, &"-".to_owned())
    );
    let mails = world.embedded.outbox().mails(10).expect("the outbox");
    assert_eq!(mails.iter().filter(|mail| mail.subject.contains(&failure.code)).count(), 1, "{mails:?}");
    assert_eq!(world.tasks().len(), 1, "what was done stays done");
    assert_eq!(world.stack.ports.queue.depth(QueueName::Runs).await.expect("a depth"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_connection_that_needs_a_person_are_parked_and_go_on_by_themselves() {
    let world = World::new().await;
    let books =
        world.stack.connections.get(&ConnectionId::from("books")).await.expect("read").expect("there");
    let broken = Connection { state: ConnectionState::NeedsReconnect, ..(*books).clone() };
    let run = started(&world).await;
    world.stack.connections.save(&broken).await.expect("saved");
    world.drain().await;
    let stored = world.run(run).await;
    assert_eq!(
        (stored.row.status, stored.row.parked_for),
        (Status::Parked, Some(ConnectionId::from("books")))
    );
    assert_eq!(world.tasks().len(), 1, "the other account goes on");
    world.advance(Duration::from_hours(30));
    assert_eq!(world.keep().await.unparked, 0, "nobody has reconnected");
    assert_eq!(world.drain().await, 0);
    world.stack.connections.save(&books).await.expect("saved");
    assert_eq!(keep::unpark(&world.stack, true).await.expect("unparked"), 1);
    assert_eq!(keep::unpark(&world.stack, true).await.expect("unparked"), 0, "once");
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
    assert_eq!((world.contacts().len(), world.tasks().len()), (1, 1));
}
