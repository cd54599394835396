//! Answers that are lost, late or no use: each effect still lands once.

use std::collections::BTreeSet;
use std::time::Duration;

use counterfoil::domain::run::Status;
use counterfoil::flow::keep;
use counterfoil::flow::stack::Times;
use counterfoil::ports::http::Method;
use counterfoil_sandbox::xero::Hold;
use counterfoil_sandbox::{Call, Fault, FaultKind, Provider as _};
use serde_json::json;

use crate::main_job::{opportunity, win};
use crate::trouble::{
    Fatal, Life, a_process_dies_at_work, each_is_invoiced_once, mortal, nobody_waits_for_what_is_late,
    time_goes_on, won,
};
use crate::world::World;

/// The keys of the calls that made invoices, in order.
fn keys(world: &World) -> Vec<String> {
    made(world).into_iter().map(|call| call.idempotency_key.expect("a key")).collect()
}

fn made(world: &World) -> Vec<Call> {
    world.sandbox.xero.calls().into_iter().filter(|call| call.method == "PUT").collect()
}

fn look_ups(world: &World) -> usize {
    let calls = world.sandbox.xero.calls();
    calls.iter().filter(|call| call.method == "GET" && call.route == "/Invoices").count()
}

fn fault(world: &World, method: &str, path: &str, kind: FaultKind) {
    world.sandbox.xero.harness().faults.add(Fault::on(method, path, kind));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_asked_for_again_with_the_same_bytes_under_the_same_key() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "PUT", "/Invoices", FaultKind::ReplyLost);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
    let calls = made(&world);
    assert_eq!(calls.len(), 2, "once, and once for the answer");
    assert_eq!(calls[0].idempotency_key, calls[1].idempotency_key);
    assert_eq!(calls[0].request, calls[1].request, "to the byte");
    assert_eq!(look_ups(&world), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_after_the_invoices_were_made_is_looked_up_and_its_key_never_used_again() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "PUT", "/Invoices", FaultKind::InternalErrorAfterApply);
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    each_is_invoiced_once(&world, &ids).await;
    assert_eq!(keys(&world).len(), 1, "found by their markers: nothing was sent again");
    assert_eq!(look_ups(&world), 1, "one look-up for the whole group");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_that_made_nothing_is_made_again_under_a_new_key_once_the_first_call_must_have_ended() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "PUT", "/Invoices", Fault::status(500, json!(null)));
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    each_is_invoiced_once(&world, &ids).await;
    let calls = made(&world);
    let keys: BTreeSet<_> = keys(&world).into_iter().collect();
    assert_eq!((calls.len(), keys.len()), (2, 2), "a burnt key is never used again");
    let apart = calls[1].at.duration_since(calls[0].at);
    assert!(apart.as_secs() > 6 * 60, "made again after only {apart:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_was_lost_with_its_process_is_looked_up_when_the_key_is_forgotten() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "PUT", "/Invoices", FaultKind::ReplyLost);
    // No answer to the second try either, and then the process is gone for ten minutes.
    fault(&world, "PUT", "/Invoices", FaultKind::Reset);
    world.settle().await;
    world.advance(Duration::from_mins(10));
    time_goes_on(&world, &world.another_process(), 30).await;
    each_is_invoiced_once(&world, &ids).await;
    assert!(look_ups(&world) >= 1);
    assert_eq!(keys(&world).into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_lands_minutes_late_makes_each_invoice_once() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let hold = Hold { method: "PUT".into(), path: "/Invoices".into(), seconds: 200, times: 1 };
    world.sandbox.xero.hold(hold);
    tokio::select! {
        () = world.settle() => {}
        () = nobody_waits_for_what_is_late(&world) => {}
    }
    assert_eq!(world.invoices().len(), 0, "not landed yet");
    time_goes_on(&world, &world.stack, 40).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_that_lands_late_is_waited_for_before_anything_is_made_again() {
    let world = World::new().await;
    let ids = won(&world, 2).await;
    // The first call never arrives, for its process dies; its repetition, almost five minutes later, runs for long.
    world.settle_later().await;
    a_process_dies_at_work(&world, Fatal::Before(Method::Put, "/Invoices")).await;
    world.advance(Duration::from_secs(270));
    world.sandbox.xero.hold(Hold { method: "PUT".into(), path: "/Invoices".into(), seconds: 350, times: 1 });
    tokio::select! {
        _ = world.keep() => {}
        () = nobody_waits_for_what_is_late(&world) => {}
    }
    time_goes_on(&world, &world.stack, 40).await;
    // Whatever is still on its way lands.
    world.advance(Duration::from_mins(20));
    assert_eq!(world.sandbox.xero.held(), 0);
    each_is_invoiced_once(&world, &ids).await;
}

/// A process that takes its time for all that it does recovers what another one left so long ago; then time goes on.
async fn recovered_after(world: &World, age: u64, takes: Duration, ids: &[String]) {
    world.advance(Duration::from_secs(age));
    let slow = mortal(world, &Life::slow(world, i64::MAX, takes));
    let deadline = world.clock_now() + Times::default().function;
    world.flowing(keep::keep(&slow, deadline)).await.expect("kept");
    world.drain_by(&slow).await;
    time_goes_on(world, &world.another_process(), 40).await;
    world.advance(Duration::from_mins(20));
    assert_eq!(world.sandbox.xero.held(), 0, "whatever was on its way has landed");
    each_is_invoiced_once(world, ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_for_again_under_a_key_that_is_forgotten_before_the_call_can_leave() {
    for age in (200..=300).step_by(2) {
        let world = World::new().await;
        let ids = won(&world, 2).await;
        world.settle_later().await;
        a_process_dies_at_work(&world, Fatal::After(Method::Put, "/Invoices")).await;
        recovered_after(&world, age, Duration::from_millis(1_500), &ids).await;
        assert_eq!(keys(&world).into_iter().collect::<BTreeSet<_>>().len(), 1, "after {age} seconds");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lands_while_it_is_looked_for_is_not_made_again() {
    for age in (310..=420).step_by(2) {
        let world = World::new().await;
        let ids = won(&world, 2).await;
        world.settle_later().await;
        // It leaves as late as its lease allows, and lands in the last second in which it may; who made it is gone by then.
        let seconds = Times::default().lease.as_secs() + 359;
        world.sandbox.xero.hold(Hold { method: "PUT".into(), path: "/Invoices".into(), seconds, times: 1 });
        let ends = async {
            while world.sandbox.xero.held() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = world.drain() => panic!("it was not held"),
            () = ends => {}
        }
        recovered_after(&world, age, Duration::from_secs(3), &ids).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_to_the_contacts_leaves_one_contact_each() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "POST", "/Contacts", FaultKind::ReplyLost);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_to_the_contacts_leaves_one_contact_each() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, "POST", "/Contacts", FaultKind::InternalErrorAfterApply);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_stops_in_the_middle_is_looked_up() {
    for kind in [FaultKind::Truncate, FaultKind::Half] {
        let world = World::new().await;
        let ids = won(&world, 3).await;
        fault(&world, "PUT", "/Invoices", kind);
        world.settle().await;
        time_goes_on(&world, &world.stack, 30).await;
        each_is_invoiced_once(&world, &ids).await;
    }
}

const TASKS: &str = r#"
flow: task-for-a-won-opportunity
trigger:
  type: salesforce.updated_record
  object: Opportunity
  fields: [Id, Name, StageName]
  changed: { StageName: { to: Closed Won } }
steps:
  - id: task
    action: salesforce.create_task
    with: { WhatId: "{{ record.Id }}", Subject: "Call {{ record.Name }}" }
"#;

async fn tasks_after(kind: FaultKind) -> (World, usize) {
    let world = World::new().await;
    world.given_flow(TASKS).await;
    let ids: Vec<_> = (0..3).map(|n| opportunity(&world, &format!("Company {n}"))).collect();
    world.settle().await;
    for id in &ids {
        win(&world, id);
    }
    let id = world.sandbox.salesforce.faults().add(Fault::on("POST", "/composite/sobjects", kind));
    world.settle().await;
    assert_eq!(world.sandbox.salesforce.faults().hits(id), 1, "the fault met a call");
    time_goes_on(&world, &world.stack, 60).await;
    assert_eq!(world.statuses().await.get(&Status::Succeeded), Some(&3), "{:#?}", world.runs().await);
    let tasks = world.tasks().len();
    (world, tasks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_to_new_tasks_is_looked_up_and_each_is_made_once() {
    let (_, tasks) = tasks_after(FaultKind::ReplyLost).await;
    assert_eq!(tasks, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_were_never_made_are_made_once_after_the_look_up() {
    let (_, tasks) = tasks_after(FaultKind::Reset).await;
    assert_eq!(tasks, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_to_an_update_is_simply_repeated() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let lost = Fault::on("PATCH", "/composite/sobjects", FaultKind::ReplyLost);
    let id = world.sandbox.salesforce.faults().add(lost);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    assert_eq!(world.sandbox.salesforce.faults().hits(id), 1, "the fault met a call");
    each_is_invoiced_once(&world, &ids).await;
}
