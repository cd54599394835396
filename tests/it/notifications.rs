//! Notifications: they wake a poll, and nothing in them is believed. A missed, repeated, forged or reordered one costs
//! time, never data.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use counterfoil::domain::connection::Provider;
use counterfoil::flow::{Stack, hear};
use counterfoil::ports::notification::{Notification, Reply};
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;

use crate::broken::Broken;
use crate::world::World;

/// A flow that does nothing but take notice.
const CONTACTS: &str =
    "flow: contacts\ntrigger: { type: xero.new_or_updated_contact }\nsteps:\n  - set: { seen: yes }\n";

async fn world() -> World {
    let world = World::new().await;
    for provider in [Provider::Xero, Provider::Salesforce] {
        hear::add_key(&world.stack, provider, SecretString::from("key")).await.expect("kept");
    }
    world
}

/// What Xero posts; its events are about contacts of the connected organisation.
pub(crate) async fn xero(world: &World, key: &str, sequence: u64) -> Reply {
    xero_to(&world.stack, world, key, sequence).await
}

pub(crate) async fn xero_to(stack: &Stack, world: &World, key: &str, sequence: u64) -> Reply {
    let tenant = world.sandbox.xero.ledger().tenant_id().to_string();
    let event = json!({"eventCategory": "CONTACT", "eventType": "UPDATE", "tenantId": tenant});
    let body = json!({"events": [event], "firstEventSequence": sequence, "lastEventSequence": sequence});
    signed(stack, key, &body.to_string()).await
}

/// As Xero signs what it posts.
pub(crate) async fn signed(stack: &Stack, key: &str, body: &str) -> Reply {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let headers = [("x-xero-signature".to_owned(), signature)];
    let notification = Notification { secret: "", headers: &headers, body: body.as_bytes() };
    hear::hear(stack, Provider::Xero, &notification).await
}

pub(crate) async fn woken(world: &World, trigger: &str) -> u64 {
    let queue = QueueName::wake(trigger).expect("is polled");
    world.stack.ports.queue.depth(queue).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_notifications_at_once_wake_one_poll() {
    let world = world().await;
    for sequence in 1..=1_000 {
        assert_eq!(xero(&world, "key", sequence).await, Reply::empty(200));
    }
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 1);
    assert_eq!(woken(&world, "xero.new_or_updated_invoice").await, 0);
    // What comes after that poll has begun wakes another.
    world.advance(Duration::from_secs(4));
    xero(&world, "key", 1_001).await;
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_a_notification_a_second_wakes_about_one_poll_a_minute() {
    let world = world().await;
    for sequence in 1..=3_600 {
        xero(&world, "key", sequence).await;
        world.advance(Duration::from_secs(1));
    }
    let wakes = woken(&world, "xero.new_or_updated_contact").await;
    assert!((55..=65).contains(&wakes), "{wakes} polls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_another_process_was_given_is_taken_within_seconds() {
    let world = world().await;
    assert_eq!(xero(&world, "key", 1).await.status, 200);
    let other = world.another_process();
    hear::add_key(&other, Provider::Xero, SecretString::from("new")).await.expect("kept");
    world.advance(Duration::from_secs(6));
    assert_eq!(xero(&world, "new", 2).await.status, 200);
    assert_eq!(xero(&world, "key", 3).await.status, 200, "what was sent before comes with the old one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_young_to_be_told_of_has_another_poll_follow_in_seconds() {
    let world = world().await;
    world.given_flow(CONTACTS).await;
    world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    world.poll().await;
    world.drain().await;
    assert!(world.runs().await.is_empty(), "it is of this very second");
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 1);
    world.advance(Duration::from_secs(4));
    world.flowing(pump::wakes(&world.stack, "xero.new_or_updated_contact")).await.expect("polled");
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 0, "and then it is quiet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_notification_has_everything_looked_at_and_a_late_or_repeated_one_has_not() {
    let world = world().await;
    for sequence in [5, 6, 6, 4] {
        xero(&world, "key", sequence).await;
    }
    assert_eq!(woken(&world, "xero.new_payment").await, 0);
    xero(&world, "key", 9).await;
    for trigger in ["xero.new_payment", "xero.new_or_updated_quote", "xero.new_or_updated_invoice"] {
        assert_eq!(woken(&world, trigger).await, 1, "{trigger}");
    }
    assert_eq!(woken(&world, "salesforce.updated_record").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_can_not_be_read_has_everything_looked_at_that_it_may_be_about() {
    let world = world().await;
    let tenant = world.sandbox.xero.ledger().tenant_id().to_string();
    let readable = json!({"eventCategory": "CONTACT", "tenantId": tenant});
    let depth = async |trigger: &str| woken(&world, trigger).await;
    for (event, of_others) in [
        (json!({"eventCategory": "CREDITNOTE", "tenantId": null}), 1),
        (json!({"eventCategory": null, "tenantId": tenant}), 1),
        (json!({"eventCategory": null, "tenantId": "another"}), 0),
    ] {
        let (contacts, quotes) =
            (depth("xero.new_or_updated_contact").await, depth("xero.new_or_updated_quote").await);
        let body = json!({"events": [event, readable]}).to_string();
        assert_eq!(signed(&world.stack, "key", &body).await, Reply::empty(200));
        assert_eq!(depth("xero.new_or_updated_contact").await, contacts + 1, "{event}");
        assert_eq!(depth("xero.new_or_updated_quote").await, quotes + of_others, "{event}");
        world.advance(Duration::from_mins(10));
    }
    assert_eq!(signed(&world.stack, "key", "?").await, Reply::empty(200));
    assert_eq!(depth("xero.new_or_updated_quote").await, 3);
    assert_eq!(depth("salesforce.updated_record").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intent_to_receive_is_answered_with_200_or_401_and_an_empty_body_and_wakes_nobody() {
    let world = world().await;
    let body =
        json!({"events": [], "firstEventSequence": 0, "lastEventSequence": 0, "entropy": "S0m3"}).to_string();
    for (key, status) in [("key", 200), ("another", 401), ("key", 200)] {
        assert_eq!(signed(&world.stack, key, &body).await, Reply::empty(status));
    }
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 0);
    assert_eq!(xero(&world, "key", 40).await.status, 200);
    assert_eq!(woken(&world, "xero.new_payment").await, 0, "the first number that is heard is no gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nobody_can_be_woken_nothing_is_acknowledged_and_no_gap_is_forgotten() {
    let world = world().await;
    let broken = Broken::process(&world);
    assert_eq!(xero_to(&broken.stack, &world, "key", 1).await.status, 200);
    world.advance(Duration::from_secs(10));
    for switch in [&broken.queue_down, &broken.table_down] {
        switch.store(true, Ordering::SeqCst);
        assert_eq!(xero_to(&broken.stack, &world, "key", 9).await.status, 503);
        switch.store(false, Ordering::SeqCst);
    }
    assert_eq!(woken(&world, "xero.new_payment").await, 0);
    assert_eq!(xero_to(&broken.stack, &world, "key", 9).await.status, 200);
    assert_eq!(woken(&world, "xero.new_payment").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_notification_wakes_nobody_and_a_key_stays_good_while_it_is_changed() {
    let world = world().await;
    assert_eq!(xero(&world, "another", 1).await, Reply::empty(401));
    assert_eq!(woken(&world, "xero.new_or_updated_contact").await, 0);
    hear::add_key(&world.stack, Provider::Xero, SecretString::from("new")).await.expect("kept");
    for (key, status) in [("new", 200), ("key", 200), ("another", 401)] {
        assert_eq!(xero(&world, key, 1).await.status, status, "{key}");
    }
    for newer in ["newer", "still-newer", "newest"] {
        assert_eq!(xero(&world, "key", 1).await.status, 200, "before {newer}");
        hear::add_key(&world.stack, Provider::Xero, SecretString::from(newer)).await.expect("kept");
    }
    assert_eq!(xero(&world, "key", 1).await.status, 401, "four changes later it is forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbound_message_is_acknowledged_when_its_wake_up_is_durable() {
    let world = world().await;
    let salesforce = &world.sandbox.salesforce;
    salesforce.notify_of("Account", None, &["Id", "Name"]).expect("a rule");
    salesforce.insert("Account", json!({"Name": "Acme"}));
    let message = salesforce.outbound_due().remove(0);
    let hear = async |secret: &str| {
        let notification = Notification { secret, headers: &[], body: message.body.as_bytes() };
        hear::hear(&world.stack, Provider::Salesforce, &notification).await
    };
    assert_eq!(hear("wrong").await.status, 404);
    // The connection of this world doesn't know its organisation's real id: nothing is woken for strangers.
    assert_eq!(hear("key").await.status, 200);
    assert_eq!(woken(&world, "salesforce.updated_record").await, 0);

    let crm = "crm".into();
    let connection = world.stack.connections.get(&crm).await.expect("read").expect("there");
    let mut known = (*connection).clone();
    known.account = salesforce.organization_id();
    world.stack.connections.save(&known).await.expect("saved");
    let reply = hear("key").await;
    assert!(salesforce.outbound_answered(&message, reply.status, &reply.body), "acknowledged");
    for trigger in ["salesforce.deleted_record", "salesforce.new_record", "salesforce.updated_record"] {
        assert_eq!(woken(&world, trigger).await, 1, "{trigger}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_brings_the_change_in_seconds() {
    let world = world().await;
    world.given_flow(CONTACTS).await;
    world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    xero(&world, "key", 1).await;
    world.advance(Duration::from_secs(4));
    let polled = pump::wakes(&world.stack, "xero.new_or_updated_contact");
    world.flowing(polled).await.expect("polled");
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_change_by_notification_and_poll_and_the_daily_look_back_has_one_effect() {
    let world = world().await;
    world
        .given_flow(
            "flow: contacts\ntrigger: { type: xero.new_or_updated_contact }\nsteps:\n  - action: \
             salesforce.create_task\n    with: { Subject: '{{ record.Name }}' }\n",
        )
        .await;
    world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    for _ in 0..2 {
        xero(&world, "key", 1).await;
    }
    world.advance(Duration::from_secs(4));
    let notified = world.flowing(pump::wakes(&world.stack, "xero.new_or_updated_contact")).await;
    assert_eq!(notified.expect("polled").expect("woken").events, 1, "by the notification");
    world.drain().await;
    assert_eq!(world.tasks().len(), 1);
    world.settle().await;
    let mut told_again = 0;
    for _ in 0..3 {
        world.advance(Duration::from_hours(12));
        told_again += world.poll().await.iter().map(|report| report.events).sum::<u32>();
        world.drain().await;
    }
    assert_eq!(told_again, 1, "by the look back of the day");
    assert_eq!((world.tasks().len(), world.runs().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_no_notification_comes_for_25_hours_nothing_is_lost() {
    let world = world().await;
    world.given_flow(CONTACTS).await;
    for hour in 0..25 {
        world.sandbox.xero.ledger().add_contact_named(&format!("Contact {hour}")).expect("a contact");
        world.advance(Duration::from_hours(1));
    }
    world.settle().await;
    assert_eq!(world.runs().await.len(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_answer_has_left_out_is_found_by_the_look_back_though_the_place_has_passed_it() {
    let world = world().await;
    world.given_flow(CONTACTS).await;
    world.sandbox.xero.ledger().add_contact_named("Left out").expect("a contact");
    let nobody = FaultKind::Status { code: 200, body: json!({"Contacts": []}), headers: Vec::new() };
    let faults = &world.sandbox.xero.harness().faults;
    let hidden = faults.add(Fault::on("GET", "/Contacts", nobody).always());
    for _ in 0..6 {
        world.advance(Duration::from_mins(5));
        world.settle().await;
    }
    faults.remove(hidden);
    for n in 0..12 {
        world.sandbox.xero.ledger().add_contact_named(&format!("Another {n}")).expect("a contact");
        world.advance(Duration::from_mins(5));
        world.settle().await;
    }
    let left_out = async || {
        let runs = world.runs().await.into_iter();
        runs.filter(|run| {
            run.row.message.event.as_ref().is_some_and(|event| event.record["Name"] == "Left out")
        })
        .count()
    };
    assert_eq!(left_out().await, 0, "it lies before the place");
    world.advance(Duration::from_hours(24));
    world.settle().await;
    assert_eq!(left_out().await, 1);
}
