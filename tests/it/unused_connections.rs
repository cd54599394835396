//! Connections that nobody uses, that somebody else uses too, and that are taken away.

use std::sync::Arc;
use std::time::Duration;

use counterfoil::domain::connection::ConnectionState;
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::budget::Priority;
use counterfoil::flow::connections::token_name;
use counterfoil::flow::stack::Times;
use counterfoil::flow::{disconnect, health};
use counterfoil::ports::http::Method;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use serde_json::Value;

use crate::connecting::identified;
use crate::consents::{SALESFORCE_TOKEN, mails, spent, state, token, with_books, with_crm, xero_fault};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keeper_keeps_connections_that_nobody_uses_for_a_season() {
    let world = World::new().await;
    let crm = with_crm(&world, true).await;
    let books = with_books(&world).await;
    for _ in 0..90 * 4 {
        world.advance(Duration::from_hours(6));
        world.keep().await;
    }
    let looks = world.sandbox.xero.calls_to("GET /Organisation");
    assert!((60..=90).contains(&looks), "{looks} looks in 90 days");
    let refreshes = spent(&world).len();
    assert!(refreshes <= 180, "{refreshes} refreshes of two grants in 90 days");
    for health in health::health(&world.stack, &[crm, books]).await.expect("health") {
        assert_eq!((health.state, &health.trouble), (ConnectionState::Active, &None), "{health:?}");
        let days = health.days_until_unused_end.expect("days");
        assert!(days >= 24, "{days} days of {}", health.name);
        assert!(health.checked.is_some_and(|check| check.problem.is_none()));
    }
    assert_eq!(mails(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_was_lost_while_nothing_was_needed_is_told_and_the_access_token_goes_on() {
    let world = World::new().await;
    with_crm(&world, true).await;
    world.sandbox.salesforce.faults().add(Fault::on("POST", SALESFORCE_TOKEN, FaultKind::ReplyLost));
    let stack = world.another_process();
    let crm = stack.connections.get(&ConnectionId::from("crm")).await.expect("read").expect("there");
    let connector = stack.catalog.connector(crm.provider).expect("a connector");
    let deadline = stack.now() + Times::default().function;
    world.flowing(stack.tokens.renew_unused(&crm, connector.as_ref(), deadline)).await.expect("told");
    assert_eq!(mails(&world), ["[Counterfoil] crm will need you soon: refresh_unanswered"]);
    assert!(token(&world.another_process(), "crm", None).await.is_ok());
    assert_eq!((spent(&world).len(), state(&world, "crm").await), (1, ConnectionState::Active));
}

/// The keeper comes by each minute.
async fn minutes_pass(world: &World, minutes: u64) {
    for _ in 0..minutes {
        world.advance(Duration::from_mins(1));
        world.keep().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_xeros_is_asked_for_again_in_time_while_nobody_uses_the_connection() {
    // The keeper's own refresh, after days; and one of a person's look, after an hour.
    for idle in [Duration::from_hours(3 * 24 + 4), Duration::from_hours(1)] {
        let world = World::new().await;
        let books = with_books(&world).await;
        world.advance(idle);
        xero_fault(&world, Fault::on("POST", "/connect/token", FaultKind::ReplyLost));
        if idle < Duration::from_hours(24) {
            let looked = world.flowing(identified(&world.another_process(), &books)).await;
            looked.expect_err("the answer is lost");
        }
        // An outage in between tells nothing of what was lost.
        let outage = Fault::on("POST", "/connect/token", Fault::status(503, Value::Null));
        xero_fault(&world, outage);
        minutes_pass(&world, 15).await;
        let sent = spent(&world);
        assert!(sent.len() == 3 && sent.iter().all(|one| *one == sent[0]), "{sent:?}");
        // The grace of the one before is over.
        minutes_pass(&world, 60).await;
        world.flowing(token(&world.stack, "books", None)).await.expect("a token");
        assert_eq!((state(&world, "books").await, mails(&world).len()), (ConnectionState::Active, 0));
    }
}

// ------------------------------------------------------------ others, and the end

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_that_share_an_organisation_are_noticed_by_the_headers_and_told_once() {
    let world = World::new().await;
    let books = with_books(&world).await;
    let foreign = token(&world.stack, "books", None).await.expect("a token");
    let used_here = async |calls: usize| {
        for _ in 0..calls {
            let stack = &world.stack;
            let connection = Arc::new(books.clone());
            let deadline = stack.now() + Times::default().function;
            let client = stack.client(connection, Priority::Live, deadline).expect("a client");
            world.flowing(client.connector.identify(&client)).await.expect("an answer");
            world.advance(Duration::from_mins(2));
        }
    };
    used_here(10).await;
    let others = async || {
        let health = health::health(&world.stack, std::slice::from_ref(&books)).await.expect("health");
        health[0].foreign_calls_today
    };
    assert_eq!((others().await, mails(&world).len()), (None, 0));
    for _ in 0..15 {
        world.bearing(&foreign, Method::Get, "/api.xro/2.0/Organisation").await;
    }
    used_here(3).await;
    let foreign = others().await;
    assert!(matches!(foreign, Some(10..=15)), "at least so many, and never more: {foreign:?}");
    assert_eq!(mails(&world), ["[Counterfoil] books is used by somebody else too"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_removed_is_ended_at_xero_and_the_last_one_ends_the_consent() {
    let world = World::new().await;
    let xero = &world.sandbox.xero;
    let organisations = [("books", xero.ledger().tenant_id()), ("shop", xero.add_organisation("Shop Ltd"))];
    let connections = world.given_xero_consent(&organisations).await;
    let [books, shop] = [&connections[0], &connections[1]].map(|one| Arc::new(one.clone()));
    let count = |method: &str, path: &str| {
        xero.calls().iter().filter(|call| call.method == method && call.path.starts_with(path)).count()
    };
    let done = world.flowing(disconnect::disconnect(&world.stack, &books)).await.expect("removed");
    assert_eq!((done.shared_with, done.left_there.len()), (1, 0));
    assert_eq!((count("DELETE", "/connections/"), count("POST", "/connect/revocation")), (1, 0));
    world.flowing(token(&world.stack, "shop", None)).await.expect("the other goes on");
    let pair = token_name(&shop.grant_id());
    xero.harness().faults.add(Fault::on("DELETE", "/connections", Fault::status(500, Value::Null)));
    let done = world.flowing(disconnect::disconnect(&world.stack, &shop)).await.expect("removed");
    assert_eq!((done.shared_with, done.left_there.len()), (0, 1), "what failed is told: {done:?}");
    assert_eq!(count("POST", "/connect/revocation"), 1);
    assert!(world.ports().vault.read(&pair).await.expect("the vault").is_none());
    assert!(world.stack.connections.get(&shop.id).await.expect("read").is_none());
    // Whoever is late with a token of before writes nothing, and the next consent is kept all the same.
    with_books(&world).await;
    world.flowing(token(&world.stack, "books", None)).await.expect("a token");
}
