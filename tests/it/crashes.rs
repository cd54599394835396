//! A process that dies at any operation loses nothing, doubles nothing, and is not held against its runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::run::Status;
use counterfoil::flow::{poll, receive};
use counterfoil::ports::Ports;
use counterfoil::ports::http::{Http, HttpError, Method, Request, Response};
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use tokio::sync::Notify;

use crate::trouble::{Fatal, Life, a_process_dies_at_work, each_is_invoiced_once, mortal, time_goes_on, won};
use crate::world::{World, new_stack};

/// Polls and works off the queue in a process of so many operations. Returns whether it lived to the end.
async fn a_process_of(world: &World, operations: i64) -> bool {
    let life = Life::of(operations);
    let stack = mortal(world, &life);
    let work = async {
        poll::wake(&stack, "salesforce.updated_record", "test").await.expect("woken");
        pump::wakes(&stack, "salesforce.updated_record").await.expect("polled");
        while pump::runs(&stack, QueueName::Runs).await.expect("dispatched") > 0 {}
    };
    world.flowing(life.live(work)).await.is_some()
}

/// Everything that was under way is taken up by another process when leases and visibility have passed.
async fn the_next_process_takes_over(world: &World) {
    let stack = world.another_process();
    for _ in 0..2 {
        world.advance(Duration::from_secs(155));
        poll::wake(&stack, "salesforce.updated_record", "test").await.expect("woken");
        world.flowing(pump::wakes(&stack, "salesforce.updated_record")).await.expect("polled");
        world.drain_by(&stack).await;
    }
    // What was received and not settled is hidden for twelve minutes.
    world.advance(pump::VISIBILITY);
    time_goes_on(world, &stack, 40).await;
}

/// Each shard dies at every fourth operation.
#[expect(clippy::print_stdout, reason = "says where it died when what follows fails")]
async fn every_fourth_from(first: i64) {
    let mut operations = first;
    loop {
        let world = World::new().await;
        let ids = won(&world, 3).await;
        world.advance(Duration::from_secs(10));
        let lived = a_process_of(&world, operations).await;
        the_next_process_takes_over(&world).await;
        println!("died after {operations}");
        each_is_invoiced_once(&world, &ids).await;
        for run in world.runs().await {
            assert!(run.row.crashes <= 1, "died after {operations}: one crash counts once");
        }
        if lived {
            return;
        }
        operations += 4;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_0_4_8_operations_loses_and_doubles_nothing() {
    every_fourth_from(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_1_5_9_operations_loses_and_doubles_nothing() {
    every_fourth_from(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_2_6_10_operations_loses_and_doubles_nothing() {
    every_fourth_from(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_3_7_11_operations_loses_and_doubles_nothing() {
    every_fourth_from(3).await;
}

/// The calls that made invoices.
fn made(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.method == "PUT").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_process_died_is_recovered_once_though_its_members_come_back_to_two_processes() {
    let world = World::new().await;
    let ids = won(&world, 6).await;
    world.settle_later().await;
    a_process_dies_at_work(&world, Fatal::After(Method::Put, "/Invoices")).await;
    assert_eq!((made(&world), world.invoices().len()), (1, 6));

    world.advance(Duration::from_secs(155));
    // The keeper of one puts the runs back; the other works at the same time.
    let (one, other) = (world.another_process(), world.another_process());
    world.keep().await;
    tokio::join!(world.drain_by(&one), world.drain_by(&other));
    world.advance(pump::VISIBILITY);
    time_goes_on(&world, &one, 30).await;
    each_is_invoiced_once(&world, &ids).await;
    assert_eq!(made(&world), 2, "asked for once more, for all of them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_no_call_for_each_run_of_its_batch() {
    let world = World::new().await;
    let ids = won(&world, 40).await;
    world.settle_later().await;
    a_process_dies_at_work(&world, Fatal::After(Method::Post, "/Contacts")).await;
    assert_eq!(world.contacts().len(), 40);

    world.advance(pump::VISIBILITY + Duration::from_secs(1));
    let next = world.another_process();
    time_goes_on(&world, &next, 3).await;
    each_is_invoiced_once(&world, &ids).await;
    let written = world.sandbox.salesforce.calls_to("PATCH /composite/sobjects");
    // Who is told first what became of the contacts may go ahead of the rest.
    assert!(made(&world) <= 4 && written <= 4, "{} and {written} calls for forty runs", made(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_its_worker_six_times_alone_fails_and_the_others_go_on() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    world.settle_later().await;
    let mut deaths = 0;
    for _ in 0..13 {
        let life = Life::until(Fatal::LinkOf(ids[1].clone()));
        let stack = mortal(&world, &life);
        let work = async { while pump::runs(&stack, QueueName::Runs).await.expect("dispatched") > 0 {} };
        deaths += u32::from(world.flowing(life.live(work)).await.is_none());
        world.advance(pump::VISIBILITY + Duration::from_secs(1));
    }
    assert_eq!(deaths, 9, "once in the crowd, once in each of two companies, six times alone");
    assert_eq!(
        world.statuses().await,
        BTreeMap::from([(Status::Succeeded, 2), (Status::Failed, 1)]),
        "{:#?}",
        world.runs().await
    );
    let runs = world.runs().await;
    let failed = runs.iter().find(|run| run.row.status == Status::Failed).expect("one");
    assert_eq!(failed.row.failure.as_ref().expect("a reason").code, "killed_worker");
    assert_eq!(world.dead_letters().await.len(), 1);
    assert_eq!(world.invoices().len(), 2);
}

/// Falls asleep before it makes invoices.
struct Sleeper {
    inner: Arc<dyn Http>,
    asleep: AtomicBool,
    wake: Notify,
}

#[async_trait]
impl Http for Sleeper {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if request.method == Method::Put {
            self.asleep.store(true, Ordering::SeqCst);
            self.wake.notified().await;
        }
        self.inner.send(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_after_its_lease_changes_nothing() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    world.settle_later().await;
    let sleeper =
        Arc::new(Sleeper { inner: world.ports().http, asleep: AtomicBool::new(false), wake: Notify::new() });
    let zombie = new_stack(&Ports { http: Arc::clone(&sleeper) as Arc<dyn Http>, ..world.ports() });
    let mut sleeping = Box::pin(world.flowing(pump::runs(&zombie, QueueName::Runs)));
    tokio::select! {
        _ = &mut sleeping => unreachable!("it sleeps"),
        () = async { while !sleeper.asleep.load(Ordering::SeqCst) { tokio::task::yield_now().await; } } => {}
    }
    world.advance(Duration::from_secs(155));
    let next = world.another_process();
    time_goes_on(&world, &next, 30).await;
    each_is_invoiced_once(&world, &ids).await;
    let before: Vec<_> = world.runs().await;
    sleeper.wake.notify_one();
    sleeping.await.expect("it ends");
    assert_eq!(world.runs().await, before, "nothing was written over");
    world.advance(pump::VISIBILITY);
    time_goes_on(&world, &next, 30).await;
    each_is_invoiced_once(&world, &ids).await;
}

const ENQUIRY: &str = r#"
flow: enquiry
trigger: { type: http.webhook, event_id: id }
steps:
  - action: salesforce.create_task
    with: { Subject: "Enquiry {{ record.id }}" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_whose_receiver_dies_anywhere_is_one_run_when_its_sender_tries_again() {
    for operations in 0.. {
        let world = World::new().await;
        let head = world.given_flow(ENQUIRY).await;
        let request = receive::WebhookRequest {
            path: format!("enquiry/{}", head.webhook_path.clone().unwrap_or_default()),
            query: String::new(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: br#"{"id": "e-1"}"#.to_vec(),
        };
        let life = Life::of(operations);
        let stack = mortal(&world, &life);
        let answer = life.live(receive::webhook(&stack, request.clone())).await;
        if answer.is_none() {
            let answer = receive::webhook(&world.another_process(), request).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        time_goes_on(&world, &world.stack, 5).await;
        assert_eq!(
            world.statuses().await,
            BTreeMap::from([(Status::Succeeded, 1)]),
            "died after {operations}"
        );
        assert_eq!(world.tasks().len(), 1);
        if answer.is_some() {
            assert!(operations > 2, "it has some operations to die at");
            return;
        }
    }
}
