//! Idempotency keys, and calls that end other than their caller thinks.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use serde_json::json;

use super::{Client, Reply};
use crate::xero::Hold;
use crate::{ConnectionLost, Fault, FaultKind};

async fn keyed(client: &Client, key: &str, name: &str) -> Reply {
    client.call("PUT", "Contacts", &[("Idempotency-Key", key)], &json!({ "Name": name }).to_string()).await
}

#[tokio::test]
async fn the_same_call_with_the_same_key_is_answered_again_and_costs_quota() {
    let client = Client::new().await;
    let first = keyed(&client, "k", "Acme").await;
    let second = keyed(&client, "k", "Acme").await;
    assert_eq!((first.status.as_u16(), &first.text), (200, &second.text));
    assert_eq!(client.ledger().count_contacts(), 1);
    assert_eq!(second.header("x-minlimit-remaining"), Some("58"));
    client.advance(360);
    assert_eq!(keyed(&client, "k", "Acme").await.status, 400, "forgotten after six minutes: a new call");
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_in_xeros_words() {
    let client = Client::new().await;
    keyed(&client, "k", "Acme").await;
    let other = keyed(&client, "k", "Bolt").await;
    assert_eq!(other.status, 400);
    assert_eq!(other.json()["Detail"], "Idempotency Key: k is used with a different request.");
    assert_eq!(keyed(&client, &"k".repeat(128), "Bolt").await.status, 200);
    assert_eq!(keyed(&client, &"k".repeat(129), "Coal").await.status, 400);
    assert_eq!(keyed(&client, "", "Coal").await.status, 400);
}

#[tokio::test]
async fn refusals_are_kept_under_their_key_too() {
    let client = Client::new().await;
    let held = client.ledger().add_contact_named("Acme").unwrap();
    assert_eq!(keyed(&client, "k", "Acme").await.status, 400);
    client.ledger().archive_contact(held.id);
    assert_eq!(keyed(&client, "k", "Acme").await.status, 400, "the cause is gone, the answer stays");
    assert_eq!(keyed(&client, "fresh", "Acme").await.status, 200);
}

#[tokio::test]
async fn an_internal_error_stays_under_its_key_whether_it_was_applied_or_not() {
    let client = Client::new().await;
    client.xero().harness.faults.add(Fault::on("PUT", "/Contacts", FaultKind::InternalErrorAfterApply));
    assert_eq!(keyed(&client, "one", "Acme").await.status, 500);
    assert_eq!(client.ledger().count_contacts(), 1);
    assert_eq!(keyed(&client, "one", "Acme").await.status, 500);
    client.xero().harness.faults.add(Fault::on(
        "PUT",
        "/Contacts",
        Fault::status(500, json!({ "Type": "oops" })),
    ));
    assert_eq!(keyed(&client, "two", "Bolt").await.json()["Type"], "oops");
    let again = keyed(&client, "two", "Bolt").await;
    assert_eq!((again.status.as_u16(), client.ledger().count_contacts()), (500, 1));
    assert_eq!(keyed(&client, "three", "Bolt").await.status, 200);
}

#[tokio::test]
async fn an_internal_error_takes_the_place_of_no_answer_that_was_kept_before() {
    let client = Client::new().await;
    let fail = || async { client.control("POST", "failures", json!({ "name": "internal_error" })).await };
    let first = keyed(&client, "k", "Acme").await;
    assert_eq!(first.status, 200);
    for name in ["Acme", "Bolt"] {
        fail().await;
        assert_eq!(keyed(&client, "k", name).await.status, 500, "{name}");
    }
    let again = keyed(&client, "k", "Acme").await;
    assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
    let other = keyed(&client, "k", "Bolt").await;
    assert_eq!(other.json()["Detail"], "Idempotency Key: k is used with a different request.");
    client.advance(360);
    fail().await;
    assert_eq!(keyed(&client, "k", "Bolt").await.status, 500);
    assert_eq!(
        keyed(&client, "k", "Bolt").await.status,
        500,
        "the key was free again: it is the first answer"
    );
    let other = keyed(&client, "k", "Coal").await;
    assert_eq!((other.status.as_u16(), client.ledger().count_contacts()), (400, 1));
}

#[tokio::test]
async fn a_lost_answer_is_had_again_by_its_key() {
    let client = Client::new().await;
    client.xero().harness.faults.add(Fault::on("PUT", "/Contacts", FaultKind::ReplyLost));
    let lost = keyed(&client, "k", "Acme").await;
    assert_eq!(lost.text, "");
    assert_eq!(client.ledger().count_contacts(), 1);
    let again = keyed(&client, "k", "Acme").await;
    assert_eq!((again.status.as_u16(), client.ledger().count_contacts()), (200, 1));
    assert_eq!(client.xero().calls().iter().filter(|call| call.status == 0).count(), 1, "{ConnectionLost:?}");
}

#[tokio::test]
async fn a_held_call_lands_when_its_time_comes_though_its_caller_is_gone() {
    let client = Client::new().await;
    client.xero().hold(Hold { method: "PUT".into(), path: "/Contacts".into(), seconds: 300, times: 1 });
    {
        let mut call = std::pin::pin!(keyed(&client, "k", "Late"));
        let waiting = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(waiting, Poll::Pending));
    }
    assert_eq!((client.xero().held(), client.ledger().count_contacts()), (1, 0));
    assert_eq!(keyed(&client, "k", "Late").await.status, 409, "its twin is still in progress");
    client.advance(299);
    assert_eq!(client.ledger().count_contacts(), 0);
    client.advance(1);
    assert_eq!(client.ledger().count_contacts(), 1);
    assert_eq!(client.ledger().contact_named("Late").unwrap().updated.to_string(), "2026-11-22T10:05:00Z");
    assert_eq!(keyed(&client, "k", "Late").await.status, 200);
    assert_eq!(client.ledger().count_contacts(), 1);
}

#[tokio::test]
async fn five_calls_in_progress_leave_no_room_for_a_sixth() {
    let client = Client::new().await;
    client.xero().hold(Hold { method: "GET".into(), path: "/Contacts".into(), seconds: 60, times: 5 });
    let mut calls: Vec<_> = (0..5).map(|_| Box::pin(client.get("Contacts"))).collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let refused = client.get("Contacts").await;
    assert_eq!((refused.status.as_u16(), refused.text.as_str()), (429, ""));
    assert_eq!(refused.header("x-rate-limit-problem"), Some("concurrent"));
    assert_eq!(refused.header("retry-after"), None);
    client.advance(60);
    for call in calls {
        assert_eq!(call.await.status, 200);
    }
    assert_eq!(client.get("Contacts").await.status, 200);
}
