//! Tokens and grants: fetched once, never in a loop, and a grant that ends parks what needs it and loses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState, GrantId};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::run::Status;
use counterfoil::flow::connections::{client_secret_name, token_name};
use counterfoil::flow::keep;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::trouble::{each_is_invoiced_once, time_goes_on, won};
use crate::world::World;

const TOKEN: &str = "/connect/token";

fn token_calls(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.path == TOKEN).count()
}

fn fault(world: &World, fault: Fault) {
    world.sandbox.xero.harness().faults.add(fault);
}

fn own(name: &str) -> GrantId {
    GrantId::Own(ConnectionId::from(name))
}

async fn books(world: &World) -> Connection {
    let list = world.another_process().connections;
    (*list.get(&ConnectionId::from("books")).await.expect("read").expect("there")).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_no_longer_taken_is_replaced_by_one_call_of_two_processes() {
    let world = World::new().await;
    let first = won(&world, 1).await;
    world.settle().await;
    each_is_invoiced_once(&world, &first).await;
    for n in 0..60 {
        let id = crate::main_job::opportunity(&world, &format!("Another {n}"));
        crate::main_job::win(&world, &id);
    }
    world.sandbox.xero.expire_access_tokens();
    world.sandbox.xero.harness().counters.clear();
    world.settle_later().await;
    let other = world.another_process();
    tokio::join!(world.drain(), world.drain_by(&other));
    world.advance(Duration::from_mins(13));
    time_goes_on(&world, &other, 10).await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 61)]));
    assert_eq!(token_calls(&world), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_parks_with_its_reason_and_goes_on_after_a_reconnect() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let headers = vec![("www-authenticate".to_owned(), "Bearer error=\"insufficent_scope\"".to_owned())];
    fault(
        &world,
        Fault::on("PUT", "/Invoices", FaultKind::Status { code: 401, body: Value::Null, headers }).always(),
    );
    world.settle().await;
    for _ in 0..4 {
        world.advance(Duration::from_mins(16));
        world.keep().await;
        world.drain().await;
    }
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 3)]));
    for run in world.runs().await {
        assert_eq!(run.row.parked_for.as_ref().map(ToString::to_string), Some("books".into()));
        let failure = run.row.failure.expect("a reason");
        assert_eq!(failure.code, "missing_scope");
        assert!(failure.message.contains("scope"), "{failure}");
    }
    let spent = world.sandbox.xero.calls().iter().filter(|call| call.method == "PUT").count();
    assert!(spent <= 5, "{spent} calls in an hour");
    world.sandbox.xero.harness().faults.clear();
    assert_eq!(keep::unpark(&world.stack, true).await.expect("unparked"), 3);
    world.drain().await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_has_ended_parks_everything_tells_once_and_goes_on_when_it_is_given_again() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    world.settle_later().await;
    world.sandbox.xero.expire_access_tokens();
    world.sandbox.xero.harness().counters.clear();
    fault(&world, Fault::on("POST", TOKEN, Fault::status(400, json!({"error": "invalid_grant"}))).always());
    world.drain().await;
    for _ in 0..20 {
        world.advance(Duration::from_mins(16));
        world.keep().await;
        world.drain().await;
    }
    assert_eq!(books(&world).await.state, ConnectionState::NeedsReconnect);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 3)]));
    assert!(token_calls(&world) <= 3, "{} calls", token_calls(&world));
    let mails = world.embedded.outbox().mails(10).expect("mails");
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let secret = client_secret_name(&own("books"));
    assert!(world.stack.ports.vault.read(&secret).await.expect("the vault").is_some(), "nothing is deleted");

    world.sandbox.xero.harness().faults.clear();
    let again = Connection { state: ConnectionState::Active, ..books(&world).await };
    world.stack.connections.save(&again).await.expect("saved");
    assert_eq!(keep::unpark(&world.stack, true).await.expect("unparked"), 3);
    world.drain().await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_persists_never_loops() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    fault(&world, Fault::on("PUT", "/Invoices", Fault::status(401, Value::Null)).always());
    world.settle().await;
    for _ in 0..12 {
        world.advance(Duration::from_mins(5));
        world.keep().await;
        world.drain().await;
    }
    let spent = world.sandbox.xero.calls().iter().filter(|call| call.method == "PUT").count();
    assert!(spent <= 12, "{spent} calls in an hour");
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 3)]));
    world.sandbox.xero.harness().faults.clear();
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_token_endpoint_keeps_the_stored_token_and_fails_no_run() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    let stored = || async {
        let name = token_name(&own("books"));
        let secret = world.stack.ports.vault.read(&name).await.expect("the vault");
        secret.map(|secret| secret.expose_secret().to_owned())
    };
    world.settle_later().await;
    let before = stored().await;
    world.sandbox.xero.expire_access_tokens();
    fault(&world, Fault::on("POST", TOKEN, Fault::status(503, Value::Null)).always());
    world.drain().await;
    for _ in 0..30 {
        world.advance(Duration::from_mins(1));
        world.keep().await;
        world.drain().await;
    }
    assert_eq!(stored().await, before);
    assert_eq!(books(&world).await.state, ConnectionState::Active);
    assert!(world.dead_letters().await.is_empty(), "{:#?}", world.runs().await);
    world.sandbox.xero.harness().faults.clear();
    for _ in 0..4 {
        world.advance(Duration::from_hours(1));
        time_goes_on(&world, &world.stack, 2).await;
    }
    each_is_invoiced_once(&world, &ids).await;
}
