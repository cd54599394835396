//! Limits: never passed by us; when one is hit anyway, that account waits as long as it is told, and only it.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::connection::ConnectionState;
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::run::Status;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::main_job::{opportunity, win};
use crate::trouble::{each_is_invoiced_once, time_goes_on, won};
use crate::world::World;

fn too_many(headers: &[(&str, &str)]) -> FaultKind {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FaultKind::Status { code: 429, body: Value::Null, headers }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_that_is_used_up_pauses_its_account_until_the_time_given() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let fault = too_many(&[("retry-after", "47"), ("x-rate-limit-problem", "minute")]);
    world.sandbox.xero.harness().faults.add(Fault::on("PUT", "/Invoices", fault));
    world.settle().await;
    // Salesforce isn't paused: another flow's work goes on at once.
    world.given_flow(
        "flow: tasks\ntrigger: { type: salesforce.new_record, object: Account, fields: [Id] }\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: Hello, WhatId: \"{{ record.Id }}\" }\n",
    )
    .await;
    opportunity(&world, "Somebody else");
    world.settle().await;
    assert_eq!((world.tasks().len(), world.invoices().len()), (1, 0));
    time_goes_on(&world, &world.stack, 10).await;
    assert_eq!(world.invoices().len(), ids.len());
    let calls = world.sandbox.xero.calls();
    let hit = calls.iter().position(|call| call.status == 429).expect("the fault");
    let waited = calls[hit + 1].at.duration_since(calls[hit].at);
    assert!(waited >= SignedDuration::from_secs(47), "asked again after {waited:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_limit_is_waited_for_as_long_as_it_says_and_costs_no_attempt() {
    for (problem, seconds) in [("concurrent", 2), ("appminute", 26), ("app-minute", 26)] {
        let world = World::new().await;
        let ids = won(&world, 3).await;
        let fault = too_many(&[("retry-after", &seconds.to_string()), ("x-rate-limit-problem", problem)]);
        world.sandbox.xero.harness().faults.add(Fault::on("PUT", "/Invoices", fault));
        world.settle().await;
        assert_eq!(world.invoices().len(), 0, "{problem}");
        time_goes_on(&world, &world.stack, 10).await;
        each_is_invoiced_once(&world, &ids).await;
        let calls = world.sandbox.xero.calls();
        let hit = calls.iter().position(|call| call.status == 429).expect("the fault");
        let waited = calls[hit + 1].at.duration_since(calls[hit].at);
        assert!(waited >= SignedDuration::from_secs(seconds), "{problem}: asked again after {waited:#}");
        let steps = world.runs().await.into_iter().flat_map(|run| run.row.steps.into_values());
        assert!(steps.into_iter().all(|step| step.attempts == 0), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_without_body_or_headers_is_waited_out_without_a_hot_loop() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    world.sandbox.xero.harness().faults.add(Fault::on("PUT", "/Invoices", too_many(&[])).times(3));
    world.settle().await;
    time_goes_on(&world, &world.stack, 10).await;
    each_is_invoiced_once(&world, &ids).await;
    let hits: Vec<_> = world.sandbox.xero.calls().into_iter().filter(|call| call.status == 429).collect();
    assert_eq!(hits.len(), 3);
    for pair in hits.windows(2) {
        assert!(
            pair[1].at.duration_since(pair[0].at) >= SignedDuration::from_secs(1),
            "one try a second at most"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_used_up_is_waited_for_and_its_owner_told_once() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let fault = too_many(&[("retry-after", "20000"), ("x-rate-limit-problem", "day")]);
    world.sandbox.xero.harness().faults.add(Fault::on("PUT", "/Invoices", fault));
    world.settle().await;
    for _ in 0..5 {
        world.advance(Duration::from_secs(3_600));
        world.keep().await;
        world.drain().await;
        assert_eq!(world.statuses().await, BTreeMap::from([(Status::Waiting, 3)]));
    }
    world.advance(Duration::from_secs(3_600));
    time_goes_on(&world, &world.stack, 10).await;
    each_is_invoiced_once(&world, &ids).await;
    let mails = world.embedded.outbox().mails(10).expect("mails");
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert!(mails[0].subject.contains("books"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_we_have_counted_to_its_end_is_never_overdrawn_and_its_owner_hears_of_it() {
    let world = World::new().await;
    let books = ConnectionId::from("books");
    let connection = world.stack.connections.get(&books).await.expect("read").expect("there");
    let small = counterfoil::domain::connection::Connection { daily_limit: Some(3), ..(*connection).clone() };
    world.stack.connections.save(&small).await.expect("saved");
    let ids = won(&world, 3).await;
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    let spent = |world: &World| {
        world.sandbox.xero.calls().iter().filter(|call| call.path.starts_with("/api.xro/")).count()
    };
    assert_eq!(spent(&world), 3, "no more than the day has");
    assert_eq!(world.embedded.outbox().mails(10).expect("mails").len(), 1);
    for _ in 0..4 {
        world.advance(Duration::from_hours(24));
        time_goes_on(&world, &world.stack, 5).await;
    }
    each_is_invoiced_once(&world, &ids).await;
}

/// Each run comes in a batch of its own, with its own calls: far more than a minute has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_runs_one_by_one_never_get_a_429() {
    let world = World::new().await;
    let ids = won(&world, 110).await;
    world.settle_later().await;
    let stack = &world.stack;
    for _ in 0..100 {
        world.advance(Duration::from_secs(5));
        loop {
            let one =
                stack.ports.queue.receive(QueueName::Runs, 1, pump::VISIBILITY).await.expect("received");
            if one.is_empty() {
                break;
            }
            world.flowing(pump::work(stack, QueueName::Runs, one)).await.expect("worked on");
        }
    }
    each_is_invoiced_once(&world, &ids).await;
    let calls = world.sandbox.xero.calls_to("PUT /Invoices");
    assert!(calls > 60, "{calls} calls");
    assert_eq!(world.sandbox.xero.count_429(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_runs_in_two_processes_never_get_a_429() {
    let world = World::new().await;
    let ids = won(&world, 300).await;
    world.settle_later().await;
    let other = world.another_process();
    tokio::join!(world.drain(), world.drain_by(&other));
    world.advance(pump::VISIBILITY);
    time_goes_on(&world, &other, 30).await;
    each_is_invoiced_once(&world, &ids).await;
    assert_eq!(world.sandbox.xero.count_429(), 0, "neither by the minute nor by calls at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn salesforce_s_request_limit_is_no_fault_of_the_login() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let body = json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]);
    world.sandbox.salesforce.faults().add(Fault::on(
        "PATCH",
        "/composite/sobjects",
        Fault::status(403, body),
    ));
    let tokens = world.sandbox.salesforce.calls_to("POST /services/oauth2/token");
    world.settle().await;
    for _ in 0..30 {
        world.advance(Duration::from_mins(10));
        world.keep().await;
        world.drain().await;
    }
    each_is_invoiced_once(&world, &ids).await;
    let crm = world.stack.connections.get(&ConnectionId::from("crm")).await.expect("read").expect("there");
    assert_eq!(crm.state, ConnectionState::Active);
    let fetched = world.sandbox.salesforce.calls_to("POST /services/oauth2/token") - tokens;
    assert!(fetched <= 10, "{fetched} tokens in five hours: those that ran out");
    win(&world, &ids[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_have_waited_for_a_limit_more_than_once_still_share_their_calls() {
    let world = World::new().await;
    let ids = won(&world, 10).await;
    let fault = too_many(&[("retry-after", "20"), ("x-rate-limit-problem", "minute")]);
    world.sandbox.xero.harness().faults.add(Fault::on("GET", "/Contacts", fault).always());
    world.settle().await;
    world.advance(Duration::from_secs(60));
    world.drain().await;
    assert!(world.sandbox.xero.count_429() >= 2, "asked again");
    world.sandbox.xero.harness().faults.clear();
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
    assert_eq!(world.sandbox.xero.calls_to("PUT /Invoices"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_the_poll_of_one_flow_meets_is_waited_for_by_the_polls_of_all_others_of_the_account() {
    let world = World::new().await;
    for (name, trigger) in
        [("contacts", "xero.new_or_updated_contact"), ("invoices", "xero.new_or_updated_invoice")]
    {
        let text =
            format!("flow: {name}\ntrigger: {{ type: {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n");
        world.given_flow(&text).await;
    }
    world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    let fault = too_many(&[("retry-after", "47"), ("x-rate-limit-problem", "minute")]);
    world.sandbox.xero.harness().faults.add(Fault::new(fault));
    world.settle_later().await;
    let after_the_hit = world.sandbox.xero.calls().len();
    for _ in 0..3 {
        world.settle_later().await;
    }
    assert_eq!(world.sandbox.xero.calls().len(), after_the_hit, "nobody asks until then");
    world.advance(Duration::from_secs(30));
    world.settle().await;
    assert!(world.sandbox.xero.calls_to("GET /Invoices") > 0);
    assert_eq!(world.runs().await.len(), 1, "and nothing is lost over it");
}
