//! Webhooks that fail: tries by a clock that the test moves, the end after a day, what is kept, and mischief.

use serde_json::{Value, json};

use super::Client;
use super::webhooks::{App, events, is_signed, rightly, status};
use crate::Outbox;
use crate::xero::WebhookState;

const MINUTE: i64 = 60;

#[tokio::test]
async fn a_failed_delivery_is_repeated_at_once_then_ever_later_and_disabled_after_a_day() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    app.add(&["Waiting"]);
    assert_eq!(app.take(|_| status(500)).len(), 2, "the second try is at once");
    assert_eq!(app.state(), WebhookState::Retry);
    let mut minutes = 0;
    let mut tries = Vec::new();
    while app.state() == WebhookState::Retry {
        client.advance(MINUTE);
        minutes += 1;
        if !app.take(|_| None).is_empty() {
            tries.push(minutes);
        }
    }
    assert_eq!(tries, [15, 45, 105, 225, 465, 705, 945, 1185, 1425, 1440]);
    assert_eq!(app.state(), WebhookState::Disabled);
    client.advance(60 * MINUTE);
    assert!(app.take(rightly).is_empty(), "nothing is sent any more");
}

#[tokio::test]
async fn what_happened_meanwhile_is_kept_for_a_month_and_delivered_in_order() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    app.add(&["Lost by age"]);
    while app.state() != WebhookState::Disabled {
        app.take(|_| status(503));
        client.advance(15 * MINUTE);
    }
    client.advance(20 * 24 * 60 * MINUTE);
    app.add(&["First", "Second"]);
    client.advance(15 * 24 * 60 * MINUTE);
    app.add(&["Third"]);
    assert!(app.take(rightly).is_empty());
    app.steer("probe", json!({})).await;
    let letters = app.take(rightly);
    assert_eq!(app.told(&letters[4..]), ["First", "Second", "Third"]);
    let body: Value = serde_json::from_str(&letters[4].body).unwrap();
    assert_eq!((&body["firstEventSequence"], &body["lastEventSequence"]), (&json!(2), &json!(4)));
    assert_eq!(app.state(), WebhookState::Ok);
}

#[tokio::test]
async fn one_good_answer_ends_the_retries() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    app.add(&["One"]);
    app.take(|_| status(500));
    app.add(&["Two"]);
    assert!(app.take(rightly).is_empty(), "it waits for its quarter of an hour");
    client.advance(15 * MINUTE);
    assert_eq!(app.told(&app.take(rightly)), ["One", "Two"]);
    assert_eq!(app.state(), WebhookState::Ok);
    app.add(&["Three"]);
    assert_eq!(app.told(&app.take(rightly)), ["Three"]);
}

#[tokio::test]
async fn a_hundred_events_go_into_a_letter_and_one_letter_is_under_way_at_a_time() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    client.ledger().seed_contacts(150);
    let first = client.xero().due();
    assert_eq!((first.len(), events(&first[0]).len()), (1, 100));
    assert!(client.xero().due().is_empty());
    client.xero().answered(&first[0], status(200).as_ref());
    let second = app.take(rightly);
    assert_eq!(second.iter().map(|letter| events(letter).len()).collect::<Vec<_>>(), [50]);
}

#[tokio::test]
async fn events_come_twice_out_of_order_forged_and_again_on_request() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    app.steer("mischief", json!({ "duplicate": true })).await;
    app.add(&["A"]);
    let letters = app.take(rightly);
    assert_eq!(letters.len(), 2);
    assert_eq!(events(&letters[0]), events(&letters[1]), "the same event, to be known by its fields");

    app.steer("mischief", json!({ "reorder": true })).await;
    app.add(&["B", "C", "D"]);
    let letters = app.take(rightly);
    assert_eq!(app.told(&letters), ["D", "B", "C"]);

    app.steer("mischief", json!({ "wrong_signature": true })).await;
    app.add(&["E"]);
    let letters = app.take(rightly);
    assert_eq!(letters.iter().map(is_signed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(app.told(&letters), ["E", "E"]);
    assert_eq!(app.state(), WebhookState::Ok, "401 is the right answer");

    app.steer("replay", json!({ "from": 3 })).await;
    assert_eq!(app.told(&app.take(rightly)), ["C", "D", "E"]);
}
