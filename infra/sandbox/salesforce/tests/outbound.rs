//! Outbound messages: batches, repetition, acknowledgement.

use serde_json::json;

use super::Door;
use crate::{Outbox, Reply};

const ACK: &str = "<soapenv:Envelope><soapenv:Body><notificationsResponse \
    xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>";

#[tokio::test]
async fn a_notification_comes_again_with_its_id_until_it_is_acknowledged() {
    let door = Door::new();
    let org = door.org();
    org.notify_of("Opportunity", Some("IsWon = true"), &["Name", "Amount", "NextStep", "SystemModstamp"])
        .unwrap();
    org.insert(
        "Opportunity",
        json!({ "Name": "Open", "StageName": "Prospecting", "CloseDate": "2026-12-01" }),
    );
    let fields =
        json!({ "Name": "A & B", "StageName": "Closed Won", "CloseDate": "2026-12-01", "Amount": 5 });
    let deal = org.insert("Opportunity", fields);
    let first = org.outbound_due();
    assert_eq!(first.len(), 1);
    for part in [
        format!("<OrganizationId>{}</OrganizationId>", org.organization_id()),
        format!(
            "<sf:Id>{deal}</sf:Id>\n     <sf:Name>A &amp; B</sf:Name>\n     <sf:Amount>5.0</sf:Amount>\n"
        ),
        "<sf:SystemModstamp>2026-11-22T10:00:00.000Z</sf:SystemModstamp>".to_owned(),
    ] {
        assert!(first[0].body.contains(&part), "{part} is not in {}", first[0].body);
    }
    assert!(!first[0].body.contains("NextStep") && !first[0].body.contains("Open"));
    assert!(!org.outbound_answered(&first[0], 200, ""));
    assert!(org.outbound_due().is_empty());
    door.sandbox.clock.advance_seconds(15);
    let again = org.outbound_due();
    assert_eq!(again[0].notifications, first[0].notifications);
    assert!(org.outbound_answered(&again[0], 200, ACK));
    door.sandbox.clock.advance_seconds(3600);
    assert!(org.outbound_due().is_empty());
}

#[tokio::test]
async fn a_message_carries_a_hundred_notifications_and_a_day_later_they_are_dropped() {
    let door = Door::new();
    door.org().notify_of("Account", None, &["Name"]).unwrap();
    for number in 0..150 {
        door.org().insert("Account", json!({ "Name": format!("A{number}") }));
    }
    let sizes: Vec<usize> =
        door.org().outbound_due().iter().map(|message| message.notifications.len()).collect();
    assert_eq!(sizes, [100, 50]);
    door.sandbox.clock.advance_seconds(24 * 3600);
    assert!(door.org().outbound_due().is_empty());
}

#[tokio::test]
async fn tries_are_further_and_further_apart_up_to_two_hours() {
    let door = Door::new();
    door.org().notify_of("Account", None, &["Name"]).unwrap();
    door.org().insert("Account", json!({ "Name": "A" }));
    let mut tries = Vec::new();
    for second in 0..24 * 3600 {
        if !door.org().outbound_due().is_empty() {
            tries.push(second);
        }
        door.sandbox.clock.advance_seconds(1);
    }
    let gaps: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..10], [15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7200]);
    assert!(gaps[10..].iter().all(|gap| *gap == 7200));
}

#[tokio::test]
async fn a_message_carries_the_record_as_it_is_when_it_is_sent() {
    let door = Door::new();
    door.org().notify_of("Account", None, &["Name"]).unwrap();
    let id = door.org().insert("Account", json!({ "Name": "Before" }));
    door.org().update("Account", &id, json!({ "Name": "After" }));
    let due = door.org().outbound_due();
    assert_eq!((due.len(), due[0].notifications.len()), (1, 2));
    assert_eq!(due[0].body.matches("<sf:Name>After</sf:Name>").count(), 2);
    assert!(!due[0].body.contains("Before"));
}

#[tokio::test]
async fn notifications_come_in_any_order_and_again_with_their_ids_when_that_is_arranged() {
    let door = Door::new();
    door.org().notify_of("Account", None, &["Name"]).unwrap();
    for number in 0..20 {
        door.org().insert("Account", json!({ "Name": format!("A{number}") }));
    }
    door.org().shuffle_notifications(true);
    let first = door.org().outbound_due();
    let mut sorted = first[0].notifications.clone();
    sorted.sort();
    assert_ne!(first[0].notifications, sorted);
    assert!(!door.org().outbound_answered(&first[0], 200, &ACK.replace("true", "false")));
    assert!(door.org().outbound_answered(&first[0], 200, ACK));
    door.org().resend_notifications(2);
    let again = door.org().outbound_due();
    assert_eq!(again[0].notifications.len(), 2);
    assert!(again[0].notifications.iter().all(|id| sorted.contains(id)));
}

#[tokio::test]
async fn the_sender_is_given_messages_and_change_events_alike() {
    let door = Door::new();
    let org = door.org();
    org.notify_at(Some("http://127.0.0.1:9/soap"), "Account", None, &["Name"]).unwrap();
    org.capture_changes(&["Account"]);
    org.subscribe_to_changes("http://127.0.0.1:9/bus").unwrap();
    assert!(org.subscribe_to_changes("https://elsewhere.example/bus").is_err());
    org.insert("Account", json!({ "Name": "A" }));
    let letters = org.due();
    let urls: Vec<&str> = letters.iter().map(|letter| letter.url.as_str()).collect();
    assert_eq!(urls, ["http://127.0.0.1:9/soap", "http://127.0.0.1:9/bus"]);
    org.answered(&letters[0], Some(&Reply { status: 200, body: ACK.into(), sets_cookie: false }));
    org.answered(&letters[1], None);
    door.sandbox.clock.advance_seconds(15);
    let again = org.due();
    assert_eq!((again.len(), &again[0].body), (1, &letters[1].body));
    org.answered(&again[0], Some(&Reply { status: 202, body: String::new(), sets_cookie: false }));
    door.sandbox.clock.advance_seconds(3600);
    assert_eq!(org.due(), Vec::new());
}

#[tokio::test]
async fn people_see_what_was_sent_and_what_came_of_it() {
    let door = Door::new();
    let org = door.org();
    org.notify_at(Some("http://127.0.0.1:9/soap"), "Account", None, &["Name"]).unwrap();
    org.capture_changes(&["Account"]);
    org.subscribe_to_changes("http://127.0.0.1:9/bus").unwrap();
    org.insert("Account", json!({ "Name": "A" }));
    let look = async || door.control("GET", "deliveries", json!(null)).await.json();
    assert_eq!(look().await, json!({ "total": 0, "waiting": 2, "deliveries": [] }));
    let letters = org.due();
    let reply = |status: u16, body: &str| Reply { status, body: body.into(), sets_cookie: false };
    org.answered(&letters[0], Some(&reply(200, "")));
    org.answered(&letters[1], Some(&reply(503, "")));
    door.sandbox.clock.advance_seconds(15);
    for (letter, answer) in org.due().iter().zip([Some(reply(200, ACK)), None]) {
        org.answered(letter, answer.as_ref());
    }
    let shown = |number: u64, second: u64, bus: bool, status: u16, problem: serde_json::Value| {
        let (about, path) = if bus {
            ("AccountChangeEvent: CREATE", "bus")
        } else {
            ("outbound message: 1 of Account", "soap")
        };
        json!({ "number": number, "at": format!("2026-11-22T10:00:{second:02}Z"), "about": about,
            "url": format!("http://127.0.0.1:9/{path}"), "status": status, "problem": problem })
    };
    let seen = [
        shown(1, 0, false, 200, json!("not acknowledged")),
        shown(2, 0, true, 503, json!("not answered with 2xx")),
        shown(3, 15, false, 200, json!(null)),
        shown(4, 15, true, 0, json!("no answer")),
    ];
    assert_eq!(look().await, json!({ "total": 4, "waiting": 1, "deliveries": seen }));
    let newer = door.control("GET", "deliveries?after=2&most=1", json!(null)).await.json();
    assert_eq!(newer["deliveries"], json!([seen[3]]));
    let whole = door.control("GET", "deliveries/3", json!(null)).await.json();
    assert_eq!((&whole["delivery"], &whole["bodies"]["answer"]), (&seen[2], &json!(ACK)));
    assert!(whole["bodies"]["request"].as_str().unwrap().contains("<sf:Name>A</sf:Name>"));
    assert_eq!(door.control("GET", "deliveries/5", json!(null)).await.status, 404);
}
