//! Consents: one refresh at a time, whose answer may be late, lost or meet a killed process; refresh tokens that are good
//! once are sent once; a consent that has ended parks what needs it, says so once a day, and loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::outcome::{Fault as Outcome, Reason};
use counterfoil::domain::run::Status;
use counterfoil::flow::connections::{client_secret_name, token_name};
use counterfoil::flow::stack::Times;
use counterfoil::flow::{Stack, keep};
use counterfoil::ports::connector::{Token, TokenAsk};
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use futures::future::join_all;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::broken::Broken;
use crate::passing;
use crate::refused::scheduled;
use crate::trouble::{each_is_invoiced_once, time_goes_on, won};
use crate::vaults::{Down, Stopping};
use crate::world::World;

const XERO_TOKEN: &str = "/connect/token";
pub(crate) const SALESFORCE_TOKEN: &str = "/services/oauth2/token";

/// The refresh tokens that were sent, in their order.
pub(crate) fn spent(world: &World) -> Vec<String> {
    let calls = world.sandbox.xero.calls().into_iter().chain(world.sandbox.salesforce.calls());
    calls
        .filter(|call| call.path == XERO_TOKEN || call.path == SALESFORCE_TOKEN)
        .filter_map(|call| {
            let form = String::from_utf8(call.request.to_vec()).expect("a form");
            form.split('&').find_map(|part| part.strip_prefix("refresh_token=").map(str::to_owned))
        })
        .collect()
}

pub(crate) fn forget_calls(world: &World) {
    world.sandbox.xero.harness().counters.clear();
    world.sandbox.salesforce.counters().clear();
}

pub(crate) fn xero_fault(world: &World, fault: Fault) {
    world.sandbox.xero.harness().faults.add(fault);
}

pub(crate) async fn with_books(world: &World) -> Connection {
    let tenant = world.sandbox.xero.ledger().tenant_id();
    let books = world.given_xero_consent(&[("books", tenant)]).await.remove(0);
    forget_calls(world);
    books
}

pub(crate) async fn with_crm(world: &World, rotating: bool) -> Connection {
    let crm = world.given_salesforce_consent("crm", rotating).await;
    forget_calls(world);
    crm
}

/// A token as this process would use it; `refused`: the one that is no longer taken.
pub(crate) async fn token(stack: &Stack, name: &str, refused: Option<&Token>) -> Result<Token, Outcome> {
    let connections = stack.connections.list().await.expect("connections");
    let connection = connections.iter().find(|one| one.id.as_str() == name).expect("there");
    let connector = stack.catalog.connector(connection.provider).expect("a connector");
    let deadline = stack.now() + Times::default().function;
    stack.tokens.token(connection, connector.as_ref(), refused, deadline).await
}

pub(crate) async fn state(world: &World, name: &str) -> ConnectionState {
    let connections = world.another_process().connections;
    connections.get(&ConnectionId::from(name)).await.expect("read").expect("there").state
}

pub(crate) async fn kept(world: &World, connection: &Connection) -> String {
    let secret = world.ports().vault.read(&token_name(&connection.grant_id())).await.expect("the vault");
    secret.expect("a pair").expose_secret().to_owned()
}

pub(crate) fn mails(world: &World) -> Vec<String> {
    let mails = world.embedded.outbox().mails(100).expect("mails");
    mails.into_iter().map(|mail| mail.subject).collect()
}

/// Seconds go by while work is under way.
pub(crate) fn seconds_pass<T>(world: &World, work: impl Future<Output = T>) -> impl Future<Output = T> {
    passing::by_ticks(&world.clock, Duration::from_millis(10), Duration::from_millis(500), work)
}

// ------------------------------------------------------------ one refresh

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_workers_meet_an_expired_token_and_one_asks_for_all() {
    let world = World::new().await;
    with_books(&world).await;
    world.advance(Duration::from_mins(31));
    let workers: Vec<Stack> = (0..50).map(|_| world.another_process()).collect();
    let tokens = world.flowing(join_all(workers.iter().map(|stack| token(stack, "books", None)))).await;
    let tokens: BTreeSet<String> =
        tokens.into_iter().map(|token| token.expect("a token").access.expose_secret().to_owned()).collect();
    assert_eq!((tokens.len(), spent(&world).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_takes_forty_seconds_is_waited_for_and_not_repeated() {
    for name in ["books", "crm"] {
        let world = World::new().await;
        let late = |path| Fault::on("POST", path, FaultKind::Late(40));
        // Xero says when a token ends; that Salesforce's has ended shows when it is refused.
        let mut refused = None;
        if name == "books" {
            with_books(&world).await;
            world.advance(Duration::from_mins(31));
            xero_fault(&world, late(XERO_TOKEN));
        } else {
            with_crm(&world, true).await;
            refused = Some(token(&world.stack, name, None).await.expect("a token"));
            world.sandbox.salesforce.end_sessions();
            world.sandbox.salesforce.faults().add(late(SALESFORCE_TOKEN));
        }
        let refused = refused.as_ref();
        let workers: Vec<Stack> = (0..4).map(|_| world.another_process()).collect();
        let tokens =
            seconds_pass(&world, join_all(workers.iter().map(|stack| token(stack, name, refused)))).await;
        assert!(tokens.iter().all(Result::is_ok), "{tokens:?}");
        assert_eq!(spent(&world).len(), 1, "{name}");
        assert_eq!(state(&world, name).await, ConnectionState::Active);
    }
}

// ------------------------------------------------------------ lost answers

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xero_stays_connected_when_the_answer_to_a_refresh_is_lost() {
    let world = World::new().await;
    with_books(&world).await;
    let ids = won(&world, 2).await;
    world.settle_later().await;
    world.advance(Duration::from_mins(31));
    xero_fault(&world, Fault::on("POST", XERO_TOKEN, FaultKind::ReplyLost));
    world.drain().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
    let spent = spent(&world);
    assert_eq!(spent.len(), 2, "{spent:?}");
    assert_eq!(spent[0], spent[1], "the same once more, within its half hour of grace");
    assert_eq!(mails(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_is_good_once_is_never_sent_twice() {
    let world = World::new().await;
    with_crm(&world, true).await;
    let ids = won(&world, 2).await;
    world.settle_later().await;
    world.sandbox.salesforce.end_sessions();
    forget_calls(&world);
    world.sandbox.salesforce.faults().add(Fault::on("POST", SALESFORCE_TOKEN, FaultKind::ReplyLost));
    world.drain().await;
    for _ in 0..6 {
        world.advance(Duration::from_mins(16));
        world.keep().await;
        world.poll().await;
        world.drain().await;
    }
    assert_eq!(spent(&world).len(), 1, "sent again, it would end what the lost answer gave");
    assert_eq!(state(&world, "crm").await, ConnectionState::NeedsReconnect);
    assert_eq!(mails(&world), ["[Counterfoil] crm needs you: refresh_unanswered"]);
    for run in world.runs().await {
        let failure = run.row.failure.expect("a reason");
        assert!(failure.message.contains("the answer to a refresh was lost"), "{failure}");
    }

    with_crm(&world, true).await;
    keep::unpark(&world.stack, true).await.expect("unparked");
    world.drain().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_does_not_rotate_is_sent_again() {
    let world = World::new().await;
    with_crm(&world, false).await;
    let old = token(&world.stack, "crm", None).await.expect("a token");
    world.sandbox.salesforce.faults().add(Fault::on("POST", SALESFORCE_TOKEN, FaultKind::ReplyLost));
    world.flowing(token(&world.stack, "crm", Some(&old))).await.expect_err("the answer is lost");
    world.advance(Duration::from_mins(1));
    let new = world.flowing(token(&world.stack, "crm", Some(&old))).await.expect("a token");
    assert_ne!(new.access.expose_secret(), old.access.expose_secret());
    assert_eq!((spent(&world).len(), state(&world, "crm").await), (2, ConnectionState::Active));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_refresh_tokens_rotate_is_found_out_while_the_person_is_there() {
    for rotating in [true, false] {
        let world = World::new().await;
        let crm = world.given_salesforce_consent("crm", rotating).await;
        let row = world.stack.tokens.rows(&[crm.grant_id()]).await.expect("rows").remove(0);
        assert_eq!((row.rotates, row.refreshes), (Some(rotating), true));
        assert_eq!(spent(&world).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_token_endpoint_spends_no_refresh_token() {
    let world = World::new().await;
    with_crm(&world, true).await;
    let old = token(&world.stack, "crm", None).await.expect("a token");
    let outage = Fault::on("POST", SALESFORCE_TOKEN, Fault::status(503, Value::Null)).always();
    let outage = world.sandbox.salesforce.faults().add(outage);
    for _ in 0..5 {
        world.flowing(token(&world.stack, "crm", Some(&old))).await.expect_err("an outage");
        world.advance(Duration::from_mins(5));
    }
    world.sandbox.salesforce.faults().remove(outage);
    world.flowing(token(&world.stack, "crm", Some(&old))).await.expect("a token");
    assert_eq!(state(&world, "crm").await, ConnectionState::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateways_error_may_hide_a_refresh_that_was_made_and_a_token_that_is_good_once_is_not_sent_again() {
    let world = World::new().await;
    with_crm(&world, true).await;
    let old = token(&world.stack, "crm", None).await.expect("a token");
    let after = Fault::on("POST", SALESFORCE_TOKEN, FaultKind::InternalErrorAfterApply);
    world.sandbox.salesforce.faults().add(after);
    for _ in 0..3 {
        world.flowing(token(&world.stack, "crm", Some(&old))).await.expect_err("no answer");
        world.advance(Duration::from_mins(1));
    }
    assert_eq!(spent(&world).len(), 1, "sent again, it would end what was given");
    assert!(token(&world.another_process(), "crm", None).await.is_err(), "a person is asked");
    assert_eq!(mails(&world), ["[Counterfoil] crm needs you: refresh_unanswered"]);
}

// ------------------------------------------------------------ two at once

/// As Salesforce answers to the second of two requests with the same refresh token.
fn overlapping() -> FaultKind {
    let said = "token request is already being processed";
    Fault::status(400, json!({"error": "invalid_grant", "error_description": said}))
}

fn overlap(world: &World) {
    world.sandbox.salesforce.faults().add(Fault::on("POST", SALESFORCE_TOKEN, overlapping()));
}

fn is_tried_again(got: Result<Token, Outcome>) -> bool {
    matches!(got, Err(Outcome::Retry(again)) if again.reason == Reason::Failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_meets_another_of_the_same_token_waits_for_its_pair_and_sends_nothing_twice() {
    for arrives in [true, false] {
        let world = World::new().await;
        let crm = with_crm(&world, true).await;
        let old = token(&world.stack, "crm", None).await.expect("a token");
        overlap(&world);
        for _ in 0..3 {
            let asked = world.another_process();
            assert!(is_tried_again(world.flowing(token(&asked, "crm", Some(&old))).await));
            world.advance(Duration::from_secs(35));
        }
        assert_eq!(spent(&world).len(), 1, "sent again, it might end what the other gave");
        assert_eq!((state(&world, "crm").await, mails(&world).len()), (ConnectionState::Active, 0));
        if arrives {
            let new = pair_of_another(&world, &crm).await;
            let got = world.flowing(token(&world.another_process(), "crm", Some(&old))).await;
            assert_eq!(got.expect("a token").access.expose_secret(), new);
        } else {
            world.advance(Duration::from_mins(2));
            world.flowing(token(&world.another_process(), "crm", Some(&old))).await.expect_err("none came");
            assert_eq!(state(&world, "crm").await, ConnectionState::NeedsReconnect);
            assert_eq!(mails(&world), ["[Counterfoil] crm needs you: refresh_unanswered"]);
            assert_eq!(spent(&world).len(), 1);
        }
    }
}

/// The other request is through, and its process keeps what it brought. Returns the access token.
async fn pair_of_another(world: &World, crm: &Connection) -> String {
    let mut pair: Value = serde_json::from_str(&kept(world, crm).await).expect("JSON");
    let refresh = SecretString::from(pair["refresh"].as_str().expect("a refresh token"));
    let secret = world.ports().vault.read(&client_secret_name(&crm.grant_id())).await.expect("the vault");
    let connector = world.stack.catalog.connector(crm.provider).expect("a connector");
    let deadline = world.clock_now() + Times::default().function;
    let ask = TokenAsk::Refresh(&refresh);
    let exchange = world.stack.tokens.exchange(crm, connector.as_ref(), &ask, secret.as_ref(), deadline);
    let new = world.flowing(exchange).await.expect("a token");
    let access = new.access.expose_secret().to_owned();
    let generation = pair["generation"].as_u64().expect("a number") + 1;
    pair["access"] = access.clone().into();
    pair["refresh"] = new.refresh.expect("they rotate").expose_secret().into();
    pair["generation"] = generation.into();
    let pair = SecretString::from(pair.to_string());
    let name = token_name(&crm.grant_id());
    world.ports().vault.write_generation(&name, generation, pair).await.expect("the vault");
    access
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_for_tokens_that_overlap_end_no_grant_and_are_made_again_where_nothing_can_be_spent() {
    for machine in [true, false] {
        let world = World::new().await;
        if !machine {
            with_crm(&world, false).await;
        }
        let old = world.flowing(token(&world.stack, "crm", None)).await.expect("a token");
        overlap(&world);
        assert!(is_tried_again(world.flowing(token(&world.stack, "crm", Some(&old))).await));
        assert_eq!((state(&world, "crm").await, mails(&world).len()), (ConnectionState::Active, 0));
        world.advance(Duration::from_mins(1));
        let new = world.flowing(token(&world.stack, "crm", Some(&old))).await.expect("a token");
        assert_ne!(new.access.expose_secret(), old.access.expose_secret());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_refresh_that_meets_another_has_the_person_consent_once_more() {
    let world = World::new().await;
    let crm = with_crm(&world, true).await;
    let pair = token(&world.stack, "crm", None).await.expect("a token");
    overlap(&world);
    let connector = world.stack.catalog.connector(crm.provider).expect("a connector");
    let deadline = world.clock_now() + Times::default().function;
    let keeping = world.stack.tokens.keep_first(&crm, connector.as_ref(), &pair, None, deadline);
    let not_kept = world.flowing(keeping).await.expect_err("its refresh token may be spent");
    assert_eq!(not_kept.failure().code, "refresh_unanswered");
}

// ------------------------------------------------------------ a vault that is full

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_the_vault_did_not_take_is_told_of_and_kept_by_whatever_its_process_does_next() {
    // Another process needs the token before it is kept, or none does.
    for declared_dead in [false, true] {
        let world = World::new().await;
        let crm = with_crm(&world, true).await;
        let old = token(&world.stack, "crm", None).await.expect("a token");
        let pair = kept(&world, &crm).await;
        let broken = Broken::process(&world);
        broken.vault_room.0.store(0, Ordering::SeqCst);
        let new = seconds_pass(&world, token(&broken.stack, "crm", Some(&old))).await.expect("it is used");
        assert_ne!(new.access.expose_secret(), old.access.expose_secret());
        assert_eq!(mails(&world), ["[Counterfoil] crm will need you soon: refresh_unanswered"]);
        world.advance(Duration::from_mins(1));
        let again = seconds_pass(&world, token(&broken.stack, "crm", None)).await.expect("it is held");
        assert_eq!(
            (again.access.expose_secret(), kept(&world, &crm).await),
            (new.access.expose_secret(), pair)
        );
        if declared_dead {
            let other = world.another_process();
            world.flowing(token(&other, "crm", Some(&old))).await.expect_err("it may be spent");
            assert_eq!(state(&world, "crm").await, ConnectionState::NeedsReconnect);
        }

        broken.vault_room.0.store(i64::MAX, Ordering::SeqCst);
        world.advance(Duration::from_mins(1));
        // Whatever it is: another's poll, or a turn of the keeper.
        if declared_dead {
            scheduled(&broken.stack, &world, "xero.new_or_updated_contact").await;
        } else {
            let deadline = world.clock_now() + Times::default().function;
            world.flowing(keep::keep(&broken.stack, deadline)).await.expect("kept");
        }
        let row = world.stack.tokens.rows(&[crm.grant_id()]).await.expect("rows").remove(0);
        assert_eq!((row.generation, row.spending), (3, None));
        assert!(mails(&world).contains(&"[Counterfoil] crm works again".to_owned()), "{:?}", mails(&world));
        world.keep().await;
        assert_eq!(state(&world, "crm").await, ConnectionState::Active);
        let other = world.another_process();
        let next =
            world.flowing(token(&other, "crm", Some(&new))).await.expect("another process goes on with it");
        assert_ne!(next.access.expose_secret(), new.access.expose_secret());
        assert_eq!(spent(&world).len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_the_vault_does_not_take_slows_no_other_account() {
    let world = World::new().await;
    with_crm(&world, true).await;
    let (vault, stack) = Down::process(&world, i64::MAX);
    let old = token(&stack, "crm", None).await.expect("a token");
    world.flowing(token(&stack, "books", None)).await.expect("a token");
    // The refresh is made, and what it brings isn't kept.
    vault.after.store(3, Ordering::SeqCst);
    let new = seconds_pass(&world, token(&stack, "crm", Some(&old))).await.expect("it is used");
    world.advance(Duration::from_mins(1));
    for (name, held) in [("books", None), ("crm", Some(&new))] {
        let began = world.clock_now();
        let got = seconds_pass(&world, token(&stack, name, None)).await.expect("it is held");
        assert!(held.is_none_or(|held| held.access.expose_secret() == got.access.expose_secret()));
        let took = world.clock_now().duration_since(began);
        assert!(took < SignedDuration::from_secs(5), "{name} waited for {took}");
    }
    // What else the process does is over before it tries, and soon after.
    let began = world.clock_now();
    seconds_pass(&world, keep::keep(&stack, began + Times::default().function)).await.expect("kept");
    let took = world.clock_now().duration_since(began);
    assert!(took < SignedDuration::from_secs(10), "the keeper waited for {took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_never_reaches_the_vault_costs_no_connection_to_xero() {
    let world = World::new().await;
    with_books(&world).await;
    world.advance(Duration::from_mins(31));
    let broken = Broken::process(&world);
    broken.vault_room.0.store(0, Ordering::SeqCst);
    seconds_pass(&world, token(&broken.stack, "books", None)).await.expect("it is used");
    drop(broken);
    for _ in 0..45 {
        world.advance(Duration::from_mins(1));
        world.keep().await;
    }
    world.flowing(token(&world.another_process(), "books", None)).await.expect("a token");
    assert_eq!((state(&world, "books").await, mails(&world).len()), (ConnectionState::Active, 0));
}

// ------------------------------------------------------------ killed, and asleep

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_slept_for_five_minutes_overwrites_no_newer_pair() {
    let world = World::new().await;
    let books = with_books(&world).await;
    world.advance(Duration::from_mins(31));
    let (vault, sleeper) = Stopping::process(&world, false);
    let sleeping = tokio::spawn(async move { token(&sleeper, "books", None).await });
    vault.stopped.notified().await;
    world.advance(Duration::from_mins(5));
    let other = world.another_process();
    let newer = world.flowing(token(&other, "books", None)).await.expect("a token");
    let pair = kept(&world, &books).await;
    let row = world.stack.tokens.rows(&[books.grant_id()]).await.expect("rows");
    vault.go_on.notify_one();
    let late = world.flowing(sleeping).await.expect("it ends").expect("a token");
    assert_eq!(late.access.expose_secret(), newer.access.expose_secret(), "it uses the newer one");
    assert_eq!(kept(&world, &books).await, pair);
    assert_eq!(world.stack.tokens.rows(&[books.grant_id()]).await.expect("rows"), row);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_keeps_a_token_costs_no_connection_to_xero() {
    for after in [false, true] {
        let world = World::new().await;
        with_books(&world).await;
        world.advance(Duration::from_mins(31));
        let (vault, doomed) = Stopping::process(&world, after);
        let doomed = tokio::spawn(async move { token(&doomed, "books", None).await });
        vault.stopped.notified().await;
        doomed.abort();
        let other = world.another_process();
        seconds_pass(&world, token(&other, "books", None)).await.map(drop).unwrap_or_default();
        world.advance(Duration::from_mins(3));
        world.flowing(token(&other, "books", None)).await.expect("a token");
        let calls = if after { 1 } else { 2 };
        assert_eq!((spent(&world).len(), state(&world, "books").await), (calls, ConnectionState::Active));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_before_it_keeps_the_only_pair_asks_for_a_person_and_sends_nothing_again() {
    let world = World::new().await;
    let crm = with_crm(&world, true).await;
    let old = token(&world.stack, "crm", None).await.expect("a token");
    let pair = kept(&world, &crm).await;
    let (vault, doomed) = Stopping::process(&world, false);
    let refused = old.clone();
    let doomed = tokio::spawn(async move { token(&doomed, "crm", Some(&refused)).await });
    vault.stopped.notified().await;
    doomed.abort();
    world.advance(Duration::from_mins(3));
    assert!(token(&world.another_process(), "crm", None).await.is_ok(), "what the old one allows goes on");
    let other = world.another_process();
    world.flowing(token(&other, "crm", Some(&old))).await.expect_err("it is refused");
    assert_eq!((spent(&world).len(), state(&world, "crm").await), (1, ConnectionState::NeedsReconnect));
    assert_eq!(kept(&world, &crm).await, pair, "nothing is deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_lands_after_its_consent_was_declared_dead_brings_the_connection_and_its_runs_back() {
    // The process says so, or ends before it can and the keeper finds the pair.
    for ends in [false, true] {
        let world = World::new().await;
        let crm = with_crm(&world, true).await;
        let ids = won(&world, 2).await;
        world.settle_later().await;
        let old = token(&world.another_process(), "crm", None).await.expect("a token");
        world.sandbox.salesforce.end_sessions();
        forget_calls(&world);
        let (vault, sleeper) = Stopping::twice(&world);
        let sleeping = tokio::spawn(async move { token(&sleeper, "crm", Some(&old)).await });
        vault.stopped.notified().await;
        world.advance(Duration::from_mins(5));
        world.drain().await;
        assert_eq!(state(&world, "crm").await, ConnectionState::NeedsReconnect);
        assert_eq!(mails(&world), ["[Counterfoil] crm needs you: refresh_unanswered"]);
        vault.go_on.notify_one();
        vault.stopped.notified().await;
        if ends {
            sleeping.abort();
            world.advance(Duration::from_mins(61));
        } else {
            vault.go_on.notify_one();
            world.flowing(sleeping).await.expect("it ends").expect("a token");
        }
        world.keep().await;
        assert_eq!(state(&world, "crm").await, ConnectionState::Active);
        assert!(mails(&world).contains(&"[Counterfoil] crm works again".to_owned()), "{:?}", mails(&world));
        assert_eq!(spent(&world).len(), 1, "nothing was sent twice");
        let row = world.stack.tokens.rows(&[crm.grant_id()]).await.expect("rows").remove(0);
        assert_eq!((row.dead, row.trouble, row.generation), (None, None, 3));
        world.drain().await;
        time_goes_on(&world, &world.stack, 40).await;
        each_is_invoiced_once(&world, &ids).await;
    }
}

// ------------------------------------------------------------ the end of a consent

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_has_ended_parks_all_its_connections_tells_once_a_day_and_goes_on_after_another() {
    let world = World::new().await;
    let xero = &world.sandbox.xero;
    let organisations = [("books", xero.ledger().tenant_id()), ("shop", xero.add_organisation("Shop Ltd"))];
    let books = world.given_xero_consent(&organisations).await.remove(0);
    let pair = kept(&world, &books).await;
    xero.revoke_refresh_tokens();
    world.advance(Duration::from_mins(31));
    forget_calls(&world);
    let workers: Vec<Stack> = (0..20).map(|_| world.another_process()).collect();
    let names = ["books", "shop"].into_iter().cycle();
    let tokens = join_all(workers.iter().zip(names).map(|(stack, name)| token(stack, name, None)));
    assert!(world.flowing(tokens).await.iter().all(Result::is_err));
    let told = "[Counterfoil] books and 1 more needs you: invalid_grant";
    assert_eq!(mails(&world), [told]);
    for _ in 0..8 {
        world.advance(Duration::from_hours(12));
        world.keep().await;
    }
    assert!(spent(&world).len() <= 3, "{:?}", spent(&world));
    for name in ["books", "shop"] {
        assert_eq!(state(&world, name).await, ConnectionState::NeedsReconnect);
    }
    assert_eq!(mails(&world), [told; 5], "in one mail for both");
    assert_eq!(kept(&world, &books).await, pair, "nothing is deleted");

    world.given_xero_consent(&organisations).await;
    world.advance(Duration::from_secs(31));
    for name in ["books", "shop"] {
        world.flowing(token(&world.another_process(), name, None)).await.expect("a token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_consent_that_has_ended_are_parked_and_go_on_after_another() {
    let world = World::new().await;
    with_books(&world).await;
    let ids = won(&world, 3).await;
    world.settle_later().await;
    world.sandbox.xero.revoke_refresh_tokens();
    world.advance(Duration::from_mins(31));
    world.drain().await;
    world.advance(Duration::from_mins(16));
    world.keep().await;
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 3)]));
    with_books(&world).await;
    assert_eq!(keep::unpark(&world.stack, true).await.expect("unparked"), 3);
    world.drain().await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_marks_no_connection_dead_and_is_asked_for_seldom() {
    let world = World::new().await;
    with_books(&world).await;
    world.advance(Duration::from_mins(31));
    let wrong = Fault::status(400, json!({"error": "invalid_client"}));
    xero_fault(&world, Fault::on("POST", XERO_TOKEN, wrong).always());
    for _ in 0..10 {
        let stack = world.another_process();
        let fault = world.flowing(token(&stack, "books", None)).await.expect_err("refused");
        assert!(fault.failure().message.contains("client id or secret is wrong"), "{:?}", fault.failure());
    }
    assert_eq!((spent(&world).len(), state(&world, "books").await), (1, ConnectionState::Active));
    assert_eq!(mails(&world), ["[Counterfoil] books needs you: invalid_client"]);
    world.sandbox.xero.harness().faults.clear();
    world.advance(Duration::from_mins(1));
    world.flowing(token(&world.stack, "books", None)).await.expect("a token");
}
