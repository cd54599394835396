//! What wakes a poller, and what that may cost: however much is said to have changed, an account's calls last for the day,
//! and who tells us has an answer in time.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::{hear, lifecycle, poll};
use counterfoil::ports::http::Method;
use counterfoil::ports::queue::{Outgoing, QueueName, Settle};
use counterfoil::runtime::pump;
use counterfoil_sandbox::Provider as _;
use counterfoil_sandbox::xero::Tier;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;

use crate::broken::Broken;
use crate::main_job::{FLOW, opportunity, win};
use crate::notifications::{signed, woken, xero, xero_to};
use crate::secrets::Log;
use crate::trouble::{Fatal, Life, mortal};
use crate::world::World;

const UPDATED: &str = "salesforce.updated_record";

/// What an invoice's notification wakes.
const OF_INVOICES: [&str; 3] =
    ["xero.new_or_updated_bill", "xero.new_or_updated_invoice", "xero.new_payment"];

/// A flow that does nothing but take notice.
fn noticing(trigger: &str, options: &str) -> String {
    let name = trigger.replace(['.', '_'], "-");
    format!("flow: {name}\ntrigger: {{ type: {trigger}{options} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

async fn world() -> World {
    let world = World::new().await;
    hear::add_key(&world.stack, Provider::Xero, SecretString::from("key")).await.expect("kept");
    world
}

async fn books_are(world: &World, change: impl FnOnce(&mut Connection)) {
    let connection = world.stack.connections.get(&ConnectionId::from("books")).await.expect("read");
    let mut connection = (*connection.expect("there")).clone();
    change(&mut connection);
    world.stack.connections.save(&connection).await.expect("saved");
}

/// A poller takes up what has woken it by now, if anything has.
async fn take_up(world: &World, trigger: &str) -> poll::Report {
    let polled = world.flowing(pump::wakes(&world.stack, trigger)).await;
    polled.expect("polled").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_change_events_costs_about_a_call_a_minute() {
    let world = World::new().await;
    world.given_flow(&noticing(UPDATED, ", object: Account")).await;
    world.sandbox.salesforce.counters().clear();
    for _ in 0..1_800 {
        for _ in 0..3 {
            poll::wake(&world.stack, UPDATED, "event").await.expect("woken");
        }
        take_up(&world, UPDATED).await;
        world.advance(Duration::from_secs(2));
    }
    let calls = world.sandbox.salesforce.calls();
    let queries = calls.iter().filter(|call| call.path.starts_with("/services/data/")).count();
    println!("an hour of 3 change events each 2 seconds: {queries} calls");
    assert!((55..=65).contains(&queries), "{queries} calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wake_ups_of_several_processes_for_the_same_moment_are_one_poll_also_when_they_come_one_by_one() {
    let world = world().await;
    let contact = "xero.new_or_updated_contact";
    world.given_flow(&noticing(contact, "")).await;
    let own = world.sandbox.xero.ledger().tenant_id().to_string();
    let body = json!({"events": [{"eventCategory": "CONTACT", "tenantId": own}]}).to_string();
    world.sandbox.xero.harness().counters.clear();
    let queue = QueueName::wake(contact).expect("it is polled");
    let ports = &world.stack.ports;
    for turn in 1..=2 {
        assert_eq!(signed(&world.stack, "key", &body).await.status, 200);
        world.advance(Duration::from_secs(70));
        let received = ports.queue.receive(queue, 10, pump::VISIBILITY).await.expect("received");
        let [sent] = received.try_into().expect("one");
        ports.queue.settle(queue, vec![(sent.receipt, Settle::Delete)]).await.expect("settled");
        for _ in 0..4 {
            let same = Outgoing { body: sent.body.clone(), ..Outgoing::default() };
            ports.queue.send(queue, vec![same]).await.expect("sent");
            take_up(&world, contact).await;
            world.advance(Duration::from_millis(20));
        }
        assert_eq!(world.sandbox.xero.calls_to("GET /Contacts"), turn);
    }
    // Its turn is its turn all the same.
    poll::wake(&world.stack, contact, "schedule").await.expect("woken");
    take_up(&world, contact).await;
    assert_eq!(world.sandbox.xero.calls_to("GET /Contacts"), 3);
}

/// Each overtakes the one before, so that each other one looks as if notifications were missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_notifications_out_of_order_in_half_a_minute_cost_three_polls_in_all() {
    let world = world().await;
    let contact = "xero.new_or_updated_contact";
    world.given_flow(&noticing(contact, "")).await;
    let processes = [world.another_process(), world.another_process(), world.another_process()];
    world.sandbox.xero.harness().counters.clear();
    for sequence in 1..=1_000_u64 {
        let process = &processes[usize::try_from(sequence % 3).expect("small")];
        let overtaking = if sequence % 2 == 1 { sequence + 1 } else { sequence - 1 };
        assert_eq!(xero_to(process, &world, "key", overtaking).await.status, 200);
        world.advance(Duration::from_millis(30));
        take_up(&world, contact).await;
    }
    let polls = || world.sandbox.xero.calls_to("GET /Contacts");
    assert_eq!(polls(), 2, "while it lasts");
    for _ in 0..300 {
        world.advance(Duration::from_secs(1));
        take_up(&world, contact).await;
    }
    assert_eq!(polls(), 3, "and one that looks at everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_missing_notification_told_of_is_found_in_a_minute_and_others_do_not_wait_for_that() {
    let world = world().await;
    let contact = "xero.new_or_updated_contact";
    world.given_flow(&noticing(contact, "")).await;
    world.given_flow(&noticing("xero.new_or_updated_quote", "")).await;
    world.sandbox.xero.harness().counters.clear();
    for sequence in [1, 3] {
        assert_eq!(xero(&world, "key", sequence).await.status, 200);
    }
    world.advance(Duration::from_secs(4));
    let polled = async || {
        for trigger in [contact, "xero.new_or_updated_quote"] {
            take_up(&world, trigger).await;
        }
        ["GET /Contacts", "GET /Quotes"].map(|route| world.sandbox.xero.calls_to(route))
    };
    assert_eq!(polled().await, [1, 0]);
    world.advance(Duration::from_secs(57));
    assert_eq!(polled().await, [2, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_event_brings_the_change_in_seconds() {
    let world = World::new().await;
    world.given_flow(&noticing(UPDATED, ", object: Account")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    poll::wake(&world.stack, UPDATED, "event").await.expect("woken");
    for _ in 0..2 {
        take_up(&world, UPDATED).await;
        world.advance(Duration::from_secs(4));
    }
    take_up(&world, UPDATED).await;
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_of_one_organisation_polls_no_other() {
    let world = world().await;
    let contact = "xero.new_or_updated_contact";
    world.given_flow(&noticing(contact, ", connection: books")).await;
    books_are(&world, |books| {
        (books.id, books.account) = (ConnectionId::from("others-books"), "another".to_owned());
    })
    .await;
    let own = world.sandbox.xero.ledger().tenant_id().to_string();
    for (tenant, polls) in [("another", 0), (own.as_str(), 1)] {
        world.sandbox.xero.harness().counters.clear();
        let body = json!({"events": [{"eventCategory": "CONTACT", "tenantId": tenant}]}).to_string();
        assert_eq!(signed(&world.stack, "key", &body).await.status, 200);
        assert_eq!(woken(&world, contact).await, 1, "{tenant}");
        world.advance(Duration::from_secs(4));
        let report = take_up(&world, contact).await;
        assert_eq!((report.watches, report.pages, report.failures), (polls, polls, Vec::new()), "{tenant}");
        let asked = world.sandbox.xero.calls_to("GET /Contacts");
        assert_eq!((asked, woken(&world, contact).await), (polls.into(), 0), "{tenant}");
    }
}

/// It comes while a poll is under way that then has no time for another: at each operation of the poll in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_up_that_meets_a_poll_without_time_for_another_is_followed_by_one_in_seconds() {
    let mut met = 0;
    for operations in 0.. {
        let world = World::new().await;
        let head = world.given_flow(&noticing(UPDATED, ", object: Account")).await;
        poll::wake(&world.stack, UPDATED, "schedule").await.expect("woken");
        let life = Life::that_stands_after(operations);
        let process = mortal(&world, &life);
        let polling = tokio::spawn(async move { pump::wakes(&process, UPDATED).await });
        let stands = life.stands_before_the_end(&polling).await;
        let mut is_met = false;
        if stands {
            world.advance(Duration::from_secs(70));
            poll::wake(&world.stack, UPDATED, "schedule").await.expect("woken");
            is_met = take_up(&world, UPDATED).await.busy == 1;
            life.go_on();
        }
        world.flowing(polling).await.expect("it ends").expect("polled");
        if is_met {
            met += 1;
            assert_eq!(woken(&world, UPDATED).await, 1, "at operation {operations}");
            world.advance(Duration::from_secs(4));
            let report = take_up(&world, UPDATED).await;
            assert_eq!((report.pages, report.failures), (1, Vec::new()), "at operation {operations}");
            assert_eq!(woken(&world, UPDATED).await, 0, "at operation {operations}");
            let compiled = lifecycle::live(&world.stack, &head).await.expect("a version");
            let standing = poll::standing(&world.stack, &head, &compiled).await.expect("read");
            assert_eq!(standing.expect("polled").failed, None, "at operation {operations}");
        }
        if !stands {
            break;
        }
    }
    assert!(met > 3, "{met}");
}

/// A Starter organisation has 1,000 calls a day. Three pollers look each five minutes, an invoice's notification comes each
/// half minute, and each half hour a deal is won that becomes an invoice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starter_day_of_notifications_leaves_calls_for_every_effect() {
    let world = world().await;
    world.sandbox.xero.set_tier(Tier::Starter);
    books_are(&world, |books| {
        books.daily_limit = Some(1_000);
        books.scopes.push("accounting.payments".to_owned());
    })
    .await;
    for trigger in OF_INVOICES {
        world.given_flow(&noticing(trigger, "")).await;
    }
    world.given_flow(FLOW).await;
    let tenant = world.sandbox.xero.ledger().tenant_id().to_string();
    let notification =
        json!({"events": [{"eventCategory": "INVOICE", "eventType": "UPDATE", "tenantId": tenant}]})
            .to_string();
    world.sandbox.xero.harness().counters.clear();
    let mut polls: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut pages, mut won) = (0, 0);
    let began = world.clock_now();
    for tick in 0..24 * 120 {
        if world.clock_now().duration_since(began) > SignedDuration::from_mins(24 * 60 - 5) {
            break;
        }
        if tick % 60 == 30 {
            let id = opportunity(&world, &format!("Company {tick}"));
            win(&world, &id);
            won += 1;
            world.advance(Duration::from_secs(3));
            poll::wake(&world.stack, UPDATED, "schedule").await.expect("woken");
            take_up(&world, UPDATED).await;
            world.drain().await;
            assert_eq!(world.invoices().len(), won, "made at once, at tick {tick}");
        }
        assert_eq!(signed(&world.stack, "key", &notification).await.status, 200);
        for trigger in OF_INVOICES {
            if tick % 10 == 0 {
                poll::wake(&world.stack, trigger, "schedule").await.expect("woken");
            }
            let report = take_up(&world, trigger).await;
            assert_eq!(report.failures, Vec::new(), "at tick {tick}");
            *polls.entry(trigger).or_default() += report.watches - report.put_off;
            pages += report.pages as usize;
        }
        world.advance(Duration::from_secs(30));
    }
    let calls = world.sandbox.xero.calls();
    let calls = calls.iter().filter(|call| call.path.starts_with("/api.xro/")).count();
    let effects = calls - pages;
    println!(
        "a Starter day: {calls} calls, of them {pages} by {polls:?} polls, {effects} for {won} invoices"
    );
    assert!(calls <= 1_000, "{calls} calls");
    assert!(polls.values().all(|polls| *polls >= 100), "each is polled on and on: {polls:?}");
    assert!(effects >= 2 * won, "{effects} calls for {won} invoices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_has_its_answer_in_three_seconds_when_the_table_has_none() {
    let world = world().await;
    let broken = Broken::process(&world);
    assert_eq!(xero_to(&broken.stack, &world, "key", 1).await.status, 200);
    // Neither is what this process knows of connections believed any more.
    world.advance(Duration::from_secs(30));
    broken.table_hangs.store(true, Ordering::SeqCst);
    let time_passes = async {
        broken.hangs.notified().await;
        world.advance(Duration::from_secs(3));
    };
    let (reply, ()) = tokio::join!(xero_to(&broken.stack, &world, "key", 2), time_passes);
    assert_eq!(reply.status, 503, "so that it comes again");
    broken.table_hangs.store(false, Ordering::SeqCst);
    assert_eq!(xero_to(&broken.stack, &world, "key", 2).await.status, 200);
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 2);
}

/// What is written after a wake-up is on its way only spares others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_up_that_is_durable_is_acknowledged_though_it_can_not_be_noted() {
    let world = world().await;
    let broken = Broken::process(&world);
    broken.writes_refused.store(true, Ordering::SeqCst);
    let body = json!({"events": [{"eventCategory": "CONTACT",
        "tenantId": world.sandbox.xero.ledger().tenant_id()}]});
    assert_eq!(signed(&broken.stack, "key", &body.to_string()).await.status, 200);
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_made_anew_counts_from_one_and_its_gaps_are_noticed() {
    let world = world().await;
    for sequence in [4_999, 5_000] {
        xero(&world, "key", sequence).await;
    }
    let depth = async || woken(&world, "xero.new_payment").await;
    assert_eq!(depth().await, 0);
    xero(&world, "key", 1).await;
    assert_eq!(depth().await, 1, "what came between is not known");
    world.advance(Duration::from_mins(10));
    xero(&world, "key", 2).await;
    assert_eq!(depth().await, 1, "the next");
    xero(&world, "key", 4).await;
    assert_eq!(depth().await, 2, "a gap");

    // Its first numbers were not heard either.
    world.advance(Duration::from_hours(25));
    xero(&world, "key", 3).await;
    assert_eq!(depth().await, 3, "a day later it is none of the old ones");
}

/// What a poll that ended with its process has begun is no answer to who woke it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_up_whose_poller_died_is_taken_up_again_when_it_comes_again() {
    let world = world().await;
    let contact = "xero.new_or_updated_contact";
    world.given_flow(&noticing(contact, "")).await;
    world.sandbox.xero.harness().counters.clear();
    assert_eq!(xero(&world, "key", 1).await.status, 200);
    world.advance(Duration::from_secs(4));
    let life = Life::until(Fatal::Before(Method::Get, "/Contacts"));
    assert!(world.flowing(life.live(pump::wakes(&mortal(&world, &life), contact))).await.is_none());
    world.advance(pump::VISIBILITY + Duration::from_secs(1));
    assert_eq!(take_up(&world, contact).await.pages, 1);
    assert_eq!(world.sandbox.xero.calls_to("GET /Contacts"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_begin_anew_in_one_process_are_no_gap_in_another_that_remembers_the_old_ones() {
    let world = world().await;
    let other = world.another_process();
    assert_eq!(xero(&world, "key", 1_000).await.status, 200);
    assert_eq!(xero_to(&other, &world, "key", 1).await.status, 200);
    let depth = async || woken(&world, "xero.new_payment").await;
    assert_eq!(depth().await, 1);
    for sequence in 2..=5 {
        world.advance(Duration::from_mins(2));
        assert_eq!(xero(&world, "key", sequence).await.status, 200);
    }
    assert_eq!(depth().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_apps_have_numbers_of_their_own_and_each_can_change_its_key() {
    let world = world().await;
    let add = async |key: &str| {
        hear::add_key(&world.stack, Provider::Xero, SecretString::from(key.to_owned())).await.expect("kept");
    };
    add("other-key").await;
    for (key, sequence) in [("key", 70), ("other-key", 7), ("key", 71), ("other-key", 8)] {
        assert_eq!(xero(&world, key, sequence).await.status, 200);
    }
    assert_eq!(woken(&world, "xero.new_payment").await, 0);
    for (new, sequence) in [("key-2", 72), ("other-key-2", 9)] {
        add(new).await;
        assert_eq!(xero(&world, new, sequence).await.status, 200);
    }
    for (old, sequence) in [("key", 71), ("other-key", 8)] {
        assert_eq!(
            xero(&world, old, sequence).await.status,
            200,
            "what was sent before comes with the old one"
        );
    }
    assert_eq!(woken(&world, "xero.new_payment").await, 0);
    xero(&world, "other-key-2", 11).await;
    assert_eq!(woken(&world, "xero.new_payment").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_of_an_account_that_nobody_has_connected_is_in_the_log() {
    let log = Log::start();
    let world = world().await;
    let body = json!({"events": [{"eventCategory": "CONTACT", "tenantId": "mistyped"}]}).to_string();
    assert_eq!(signed(&world.stack, "key", &body).await.status, 200);
    let text = log.text();
    assert!(text.contains("WARN") && text.contains("mistyped"), "{text}");
    assert_eq!(world.stack.ports.queue.depth(QueueName::WakeDead).await.expect("counted"), 0);
}
