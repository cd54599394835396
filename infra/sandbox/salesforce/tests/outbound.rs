//! Outbound messages: batches, repetition, acknowledgement.

use serde_json::json;

use super::Door;

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
