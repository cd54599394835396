//! Order: which run of a record goes first, which one waits as a row, and which one is told that it is too late.

use std::collections::BTreeMap;

use counterfoil::domain::event::{Event, MESSAGE_VERSION, RunMessage};
use counterfoil::domain::flow::Order;
use counterfoil::domain::ids::{EventKey, GroupId, RunId};
use counterfoil::domain::record_id::RecordId;
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::rerun;
use counterfoil::flow::rows::{OrderRow, RunRow, order_key};
use counterfoil::flow::run::{OrderOf, Run};
use counterfoil::flow::settle::send;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use counterfoil_sandbox::salesforce::Refusal;
use counterfoil_sandbox::{Fault, FaultKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::World;

/// Copies the event's text into the Account's description.
fn describing(order: &str, when: &str) -> String {
    format!(
        "flow: describing\ntrigger: {{ type: salesforce.updated_record, object: Account, fields: [Id, Name] }}\n\
         order: {order}\n{when}\nsteps:\n  - action: salesforce.update_record\n    with: \
         {{ object: Account, id: '{{{{ record.Id }}}}', fields: {{ Description: '{{{{ record.Name }}}}' }} }}\n"
    )
}

fn at(second: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().expect("an instant") + jiff::SignedDuration::from_secs(second)
}

/// Puts a version of the record on the queue: second so many, with that text.
async fn version(world: &World, head: &FlowHead, account: &str, second: i64, text: &str) -> RunId {
    let message = message_of(world, head, account, second, text);
    send(&world.stack, &message).await.expect("queued");
    message.run
}

fn message_of(world: &World, head: &FlowHead, account: &str, second: i64, text: &str) -> RunMessage {
    let key = EventKey::new(format!("{account}@{second}"));
    let connection = Some("crm".into());
    let run = RunId::of(head.id, connection.as_ref(), &key);
    let event = Event {
        connection,
        kind: "salesforce.updated_record".into(),
        key,
        record_id: RecordId::salesforce(account),
        stamp: Some(at(second)),
        at: at(second),
        record: json!({"Id": account, "Name": text}),
        previous: Value::Null,
        url: None,
        finds: false,
    };
    RunMessage {
        version: MESSAGE_VERSION,
        run,
        flow: head.id,
        flow_version: head.live_version,
        enqueued_at: world.stack.now(),
        bulk: false,
        backfill: None,
        event: Some(event),
        rerun: None,
    }
}

fn account(world: &World) -> String {
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}))
}

fn description(world: &World, account: &str) -> Value {
    world.sandbox.salesforce.get("Account", account).expect("there")["Description"].clone()
}

/// The texts that were written to Salesforce, in order.
fn written(world: &World) -> Vec<String> {
    let mut texts = Vec::new();
    for call in world.sandbox.salesforce.calls() {
        if call.method == "PATCH" {
            let body: Value = serde_json::from_slice(&call.request).expect("JSON");
            for record in body["records"].as_array().into_iter().flatten() {
                texts.push(record["Description"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    texts
}

/// Another transaction holds the record while it is written so many times: the run waits.
fn busy(world: &World, account: &str, times: u32) {
    world.sandbox.salesforce.refuse(Refusal { times, ..Refusal::row_lock(account) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_wins_and_an_older_one_says_why_it_did_nothing() {
    let world = World::new().await;
    let head = world.given_flow(&describing("newest", "")).await;
    let id = account(&world);
    version(&world, &head, &id, 20, "newer").await;
    world.drain().await;
    let older = version(&world, &head, &id, 10, "older").await;
    world.drain().await;
    assert_eq!(description(&world, &id), "newer");
    let run = world.run(older).await;
    assert_eq!(run.row.status, Status::Skipped);
    assert_eq!(run.row.failure.expect("a reason").code, "newer_applied");
    // Another newer one goes through.
    version(&world, &head, &id, 30, "newest").await;
    world.drain().await;
    assert_eq!(description(&world, &id), "newest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_only_claimed_counts_for_nothing_until_its_first_effect() {
    let world = World::new().await;
    let head = world.given_flow(&describing("newest", "")).await;
    let id = account(&world);
    let message = message_of(&world, &head, &id, 20, "newer");
    let record = RecordId::salesforce(&id).expect("an id");
    let of = OrderOf { record: record.clone(), stamp: at(20), order: Order::Newest };
    let row = RunRow::fresh(message, "describing", world.stack.now());
    let (ports, lease) = (world.ports(), world.stack.times.lease);
    let run = Run::take_up(ports, lease, row, 0, false, Some(of), OrderRow::default(), false);
    let order = async || {
        let key = order_key(head.id, &record);
        OrderRow::read(world.stack.ports.table.get(&[key]).await.expect("the table")[0].as_ref())
    };
    run.claim(world.stack.now()).await.expect("claimed");
    assert_eq!((order().await.active, order().await.applied), (Some(run.id), None));
    let group = GroupId(uuid::Uuid::from_u128(1));
    run.point(world.stack.now(), "salesforce.update_record", group, String::new(), Vec::new())
        .await
        .expect("pointed");
    assert_eq!(order().await.applied, Some(at(20).as_millisecond()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_is_applied_the_oldest_first() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "")).await;
    let id = account(&world);
    for (second, text) in [(30, "three"), (10, "one"), (20, "two")] {
        version(&world, &head, &id, second, text).await;
    }
    world.drain().await;
    assert_eq!(written(&world), ["one", "two", "three"]);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 3)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_run_holds_its_successors_as_rows_and_they_go_on_in_order() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "")).await;
    let id = account(&world);
    busy(&world, &id, 3);
    version(&world, &head, &id, 10, "one").await;
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Waiting, 1)]));
    for (second, text) in [(40, "four"), (20, "two"), (30, "three")] {
        version(&world, &head, &id, second, text).await;
        world.drain().await;
    }
    // Their messages are gone (that of the first is hidden until it is its time): they are rows.
    assert_eq!(world.stack.ports.queue.depth(QueueName::Runs).await.expect("a depth"), 0);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Waiting, 1)]));
    for _ in 0..4 {
        world.advance(std::time::Duration::from_mins(15));
        world.drain().await;
    }
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 4)]));
    let mut texts = written(&world);
    // The refused writes and their repeat carry the same text.
    texts.dedup();
    assert_eq!(texts, ["one", "two", "three", "four"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_lets_its_successors_go_on() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "")).await;
    let id = account(&world);
    busy(&world, &id, 1_000);
    let first = version(&world, &head, &id, 10, "one").await;
    world.drain().await;
    for (second, text) in [(20, "two"), (30, "three")] {
        version(&world, &head, &id, second, text).await;
        world.drain().await;
    }
    let failed = async || world.run(first).await.row.status == Status::Failed;
    for _ in 0..60 {
        if failed().await {
            break;
        }
        world.advance(std::time::Duration::from_mins(15));
        world.keep().await;
        world.flowing(pump::runs(&world.stack, QueueName::Runs)).await.expect("dispatched");
    }
    assert!(failed().await, "{:?}", world.statuses().await);
    world.sandbox.salesforce.clear_refusals();
    for _ in 0..6 {
        world.drain().await;
        world.advance(std::time::Duration::from_mins(15));
        world.keep().await;
    }
    let after: BTreeMap<_, _> = BTreeMap::from([(Status::Succeeded, 2), (Status::Failed, 1)]);
    assert_eq!(world.statuses().await, after);
    assert_eq!(description(&world, &id), "three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_goes_on_over_a_held_run_that_is_skipped() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "when: record.Name != 'two'")).await;
    let id = account(&world);
    busy(&world, &id, 3);
    version(&world, &head, &id, 10, "one").await;
    world.drain().await;
    for (second, text) in [(20, "two"), (30, "three")] {
        version(&world, &head, &id, second, text).await;
        world.drain().await;
    }
    for _ in 0..4 {
        world.advance(std::time::Duration::from_mins(15));
        world.drain().await;
    }
    let all = BTreeMap::from([(Status::Succeeded, 2), (Status::Skipped, 1)]);
    assert_eq!(world.statuses().await, all);
    assert_eq!(description(&world, &id), "three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_waiting_run_lets_its_successors_go_on() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "")).await;
    let id = account(&world);
    busy(&world, &id, 3);
    let first = version(&world, &head, &id, 10, "one").await;
    world.drain().await;
    version(&world, &head, &id, 20, "two").await;
    version(&world, &head, &id, 30, "three").await;
    world.drain().await;
    world.sandbox.salesforce.clear_refusals();
    rerun::cancel(&world.stack, first).await.expect("cancelled");
    world.drain().await;
    assert_eq!(world.run(first).await.row.status, Status::Cancelled);
    assert_eq!(description(&world, &id), "three");
    // Its own message finds that it has ended.
    world.advance(std::time::Duration::from_mins(15));
    world.drain().await;
    assert_eq!(world.run(first).await.row.status, Status::Cancelled);
    assert_eq!(world.stack.ports.queue.depth(QueueName::Runs).await.expect("a depth"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_walk_one_run_of_a_record_at_a_time() {
    let world = World::new().await;
    let head = world.given_flow(&describing("every", "")).await;
    let id = account(&world);
    // The first one's write takes a while.
    world.sandbox.salesforce.faults().add(Fault::on("PATCH", "", FaultKind::Delay(200)).times(1));
    let other = world.another_process();
    version(&world, &head, &id, 10, "one").await;
    let both = world.flowing(async {
        let first = pump::runs(&world.stack, QueueName::Runs);
        let second = async {
            while !world.sandbox.salesforce.calls().iter().any(|call| call.method == "POST") {
                tokio::task::yield_now().await;
            }
            // The first process has claimed the record and is about to write, or is writing.
            while world.runs().await.is_empty() {
                tokio::task::yield_now().await;
            }
            version(&world, &head, &id, 20, "two").await;
            pump::runs(&other, QueueName::Runs).await
        };
        tokio::join!(first, second)
    });
    let (first, second) = both.await;
    assert_eq!((first.expect("dispatched"), second.expect("dispatched")), (1, 1));
    assert_eq!(written(&world), ["one"], "the second is held");
    world.drain().await;
    assert_eq!(written(&world), ["one", "two"]);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
}
