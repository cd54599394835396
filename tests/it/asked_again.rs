//! Connections that only a person can mend: their owner is asked once a day until it is done, whatever became of the first
//! word, and what a look at an account finds is told and shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::connection::{Connection, ConnectionState};
use counterfoil::flow::answers::{self, Answer};
use counterfoil::flow::{Stack, health};
use counterfoil::ports::mailer::Mailer;
use counterfoil::ports::{Ports, Unavailable};
use tokio::sync::Notify;

use crate::connecting::connection;
use crate::consents::{forget_calls, mails, spent, state, token, with_books, with_crm};
use crate::refused::{noticing, scheduled};
use crate::world::{World, new_stack};

const CONTACT: &str = "xero.new_or_updated_contact";
const CLOSED: &str = "[Counterfoil] books needs you: tenant_not_authorised";
const ENDED: &str = "[Counterfoil] books needs you: invalid_grant";

/// The keeper comes by each hour.
async fn hours_pass(world: &World, hours: u64) {
    for _ in 0..hours {
        world.advance(Duration::from_hours(1));
        world.keep().await;
    }
}

fn disconnect(world: &World, books: &Connection) {
    world.sandbox.xero.disconnect(books.account.parse().expect("a tenant"));
}

/// Xero takes the organisation away, or ends the whole consent, and a poll of this process meets it.
async fn lost(world: &World, stack: &Stack, books: &Connection, whole: bool) {
    if whole {
        world.sandbox.xero.revoke_refresh_tokens();
        world.advance(Duration::from_mins(31));
    } else {
        disconnect(world, books);
    }
    assert_eq!(scheduled(stack, world, CONTACT).await.failures.len(), 1);
}

async fn why(world: &World, name: &str) -> Option<String> {
    let connection = connection(world, name).await.expect("there");
    let health = health::health(&world.stack, &[connection]).await.expect("health");
    health[0].why().map(|(why, _)| why.code.clone())
}

/// A mailer that doesn't take a mail, or during whose answer the process ends.
struct Down {
    hangs: bool,
    asked: Notify,
    was_asked: AtomicBool,
}

#[async_trait]
impl Mailer for Down {
    async fn send(&self, _subject: &str, _body: &str) -> Result<(), Unavailable> {
        self.was_asked.store(true, Ordering::SeqCst);
        self.asked.notify_one();
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(Unavailable::new("mailer", "it is down"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_is_asked_once_a_day_until_the_connection_is_connected_again() {
    for (whole, told) in [(false, CLOSED), (true, ENDED)] {
        let world = World::new().await;
        let books = with_books(&world).await;
        world.given_flow(&noticing("contacts", CONTACT, "")).await;
        lost(&world, &world.stack, &books, whole).await;
        assert_eq!(state(&world, "books").await, ConnectionState::NeedsReconnect);
        assert_eq!(mails(&world), [told]);
        forget_calls(&world);
        hours_pass(&world, 77).await;
        assert_eq!(mails(&world), [told; 4], "and on each of three days");
        assert_eq!(spent(&world), Vec::<String>::new(), "what has ended is asked for nothing");

        with_books(&world).await;
        hours_pass(&world, 60).await;
        assert_eq!(mails(&world).len(), 4);
        assert_eq!(
            (state(&world, "books").await, why(&world, "books").await),
            (ConnectionState::Active, None)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_could_not_be_told_at_first_is_told_by_the_keeper() {
    for (whole, told) in [(false, CLOSED), (true, ENDED)] {
        for hangs in [false, true] {
            let world = World::new().await;
            let books = with_books(&world).await;
            world.given_flow(&noticing("contacts", CONTACT, "")).await;
            let mailer = Arc::new(Down { hangs, asked: Notify::new(), was_asked: AtomicBool::new(false) });
            let stack = new_stack(&Ports { mailer: Arc::clone(&mailer) as _, ..world.ports() });
            tokio::select! {
                () = lost(&world, &stack, &books, whole) => {}
                () = mailer.asked.notified(), if hangs => {}
            }
            assert!(mailer.was_asked.load(Ordering::SeqCst) && mails(&world).is_empty());
            // A process that ended while it told may have told: that is believed for a day.
            hours_pass(&world, if hangs { 27 } else { 2 }).await;
            assert_eq!(mails(&world), [told]);
            assert_eq!(state(&world, "books").await, ConnectionState::NeedsReconnect);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_finds_an_organisation_disconnected_asks_for_a_person_before_a_run_meets_it() {
    // The keeper's, or a person's.
    for asks in [false, true] {
        let world = World::new().await;
        let books = with_books(&world).await;
        disconnect(&world, &books);
        if asks {
            let answer = answers::ask(&world.stack, &Arc::new(books)).await.expect("an answer");
            assert!(matches!(&answer, Answer::Closed(why) if why.code == "no_organisation"), "{answer:?}");
        } else {
            hours_pass(&world, 28).await;
        }
        assert_eq!(state(&world, "books").await, ConnectionState::NeedsReconnect);
        assert_eq!(mails(&world), ["[Counterfoil] books needs you: no_organisation"]);
        assert_eq!(why(&world, "books").await.as_deref(), Some("no_organisation"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_finds_another_account_is_told_of_once_a_day_and_shown_until_it_is_so_no_more() {
    let world = World::new().await;
    let crm = with_crm(&world, false).await;
    let refreshed = Connection { account: "00Dbm00000AAAAAEA4".to_owned(), ..crm.clone() };
    world.stack.connections.save(&refreshed).await.expect("saved");
    hours_pass(&world, 28).await;
    let told = "[Counterfoil] crm doesn't answer as it should: other_account";
    assert_eq!(mails(&world), [told]);
    assert_eq!(why(&world, "crm").await.as_deref(), Some("other_account"));
    assert_eq!(state(&world, "crm").await, ConnectionState::Active, "what that means, a person decides");
    hours_pass(&world, 28).await;
    assert_eq!(mails(&world), [told; 2]);

    world.stack.connections.save(&crm).await.expect("saved");
    assert!(token(&world.another_process(), "crm", None).await.is_ok());
    hours_pass(&world, 28).await;
    assert_eq!((mails(&world).len(), why(&world, "crm").await), (2, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_keeper_brings_back_with_a_consent_is_what_the_consent_opens() {
    for is_disconnected in [false, true] {
        let world = World::new().await;
        let xero = &world.sandbox.xero;
        let shop = xero.add_organisation("Shop Ltd");
        let organisations = [("books", xero.ledger().tenant_id()), ("shop", shop)];
        world.given_xero_consent(&organisations).await;
        xero.revoke_refresh_tokens();
        world.advance(Duration::from_mins(31));
        world.flowing(token(&world.stack, "books", None)).await.expect_err("it has ended");
        if is_disconnected {
            xero.disconnect(shop);
        }
        // Given anew by a process that ended before it had marked the other connection.
        with_books(&world).await;
        assert_eq!(state(&world, "shop").await, ConnectionState::NeedsReconnect);
        hours_pass(&world, 2).await;
        let (is, mails_of_it) =
            if is_disconnected { (ConnectionState::NeedsReconnect, 1) } else { (ConnectionState::Active, 2) };
        assert_eq!(
            (state(&world, "shop").await, mails(&world).len()),
            (is, mails_of_it),
            "{:?}",
            mails(&world)
        );
    }
}
