//! Webhooks: a receiver that plays the app, given what is due. What goes wrong is in `webhook_trouble.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::Client;
use crate::xero::{CLIENT_ID, Category, WebhookState};
use crate::{Letter, Outbox, Reply};

const URL: &str = "http://127.0.0.1:9/hook";
const KEY: &str = "signing key";

/// A receiver that checks signatures, as it should.
pub(super) struct App<'a> {
    client: &'a Client,
    webhook: Uuid,
}

pub(super) fn is_signed(letter: &Letter) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(letter.body.as_bytes());
    let (name, signature) = letter.headers.iter().find(|(name, _)| *name == "x-xero-signature").unwrap();
    assert_eq!(*name, "x-xero-signature");
    *signature == STANDARD.encode(mac.finalize().into_bytes())
}

pub(super) fn status(status: u16) -> Option<Reply> {
    Some(Reply { status, ..Reply::default() })
}

pub(super) fn rightly(letter: &Letter) -> Option<Reply> {
    status(if is_signed(letter) { 200 } else { 401 })
}

pub(super) fn events(letter: &Letter) -> Vec<Value> {
    let body: Value = serde_json::from_str(&letter.body).unwrap();
    body["events"].as_array().unwrap().clone()
}

impl<'a> App<'a> {
    pub(super) fn new(client: &'a Client, categories: &[Category]) -> Self {
        let webhook = client.xero().subscribe(CLIENT_ID, URL, KEY, categories).unwrap();
        Self { client, webhook }
    }

    /// That has proven itself.
    pub(super) fn healthy(client: &'a Client) -> Self {
        let app = Self::new(client, &[Category::Contact, Category::Invoice]);
        assert_eq!(app.take(rightly).len(), 4);
        assert_eq!(app.state(), WebhookState::Ok);
        app
    }

    pub(super) fn state(&self) -> WebhookState {
        self.client.xero().webhook_state(self.webhook).unwrap()
    }

    /// Answers whatever is due until nothing is.
    pub(super) fn take(&self, reply: impl Fn(&Letter) -> Option<Reply>) -> Vec<Letter> {
        let mut taken = Vec::new();
        loop {
            let due = self.client.xero().due();
            if due.is_empty() {
                return taken;
            }
            for letter in due {
                self.client.xero().answered(&letter, reply(&letter).as_ref());
                taken.push(letter);
            }
            assert!(taken.len() < 50, "it goes on and on");
        }
    }

    /// The names of the contacts that were told of, in order.
    pub(super) fn told(&self, letters: &[Letter]) -> Vec<String> {
        let name = |event: Value| {
            let id = Uuid::parse_str(event["resourceId"].as_str().unwrap()).unwrap();
            self.client.ledger().contact(id).unwrap().name().to_owned()
        };
        letters.iter().flat_map(events).map(name).collect()
    }

    pub(super) fn add(&self, names: &[&str]) {
        for name in names {
            self.client.ledger().add_contact_named(name).unwrap();
        }
    }

    pub(super) async fn steer(&self, what: &str, body: Value) {
        self.client.control("POST", &format!("webhooks/{}/{what}", self.webhook), body).await;
    }
}

#[tokio::test]
async fn probes_with_right_and_wrong_signatures_come_before_any_event() {
    let client = Client::new().await;
    let app = App::new(&client, &[Category::Contact]);
    assert_eq!(app.state(), WebhookState::IntentToReceiveInProgress);
    app.add(&["Too early"]);
    let probes = app.take(rightly);
    assert_eq!(probes.iter().map(is_signed).collect::<Vec<_>>(), [true, false, true, false]);
    for probe in &probes {
        let body: Value = serde_json::from_str(&probe.body).unwrap();
        let entropy = body["entropy"].as_str().unwrap();
        let shape = json!({
            "events": [], "lastEventSequence": 0, "firstEventSequence": 0, "entropy": entropy,
        });
        assert_eq!(probe.body, shape.to_string());
    }
    assert_ne!(probes[0].body, probes[1].body);
    assert_eq!(app.state(), WebhookState::Ok);
}

#[tokio::test]
async fn a_receiver_that_is_careless_or_slow_has_to_try_again() {
    let client = Client::new().await;
    let app = App::new(&client, &[Category::Contact]);
    let ok = Reply { status: 200, ..Reply::default() };
    for (reply, letters) in [
        (Some(ok.clone()), 2),
        (status(401), 1),
        (None, 1),
        (Some(Reply { body: "OK".into(), ..ok.clone() }), 1),
        (Some(Reply { sets_cookie: true, ..ok }), 1),
    ] {
        assert_eq!(app.take(|_| reply.clone()).len(), letters, "{reply:?}");
        assert_eq!(app.state(), WebhookState::IntentToReceiveRequired, "{reply:?}");
        app.steer("probe", json!({})).await;
    }
    let first = client.xero().due().remove(0);
    client.advance(31);
    client.xero().answered(&first, status(200).as_ref());
    assert_eq!(app.state(), WebhookState::IntentToReceiveRequired, "it took more than half a minute");
    app.steer("probe", json!({})).await;
    app.take(rightly);
    assert_eq!(app.state(), WebhookState::Ok);
}

#[tokio::test]
async fn whoever_changes_something_the_app_is_told_thinly() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    let made = client.put("Contacts", json!({ "Name": "By the app" })).await.json();
    let id = made["Contacts"][0]["ContactID"].as_str().unwrap().to_owned();
    client.advance(1);
    let by_hand = client.ledger().add_contact_named("By a person").unwrap().id;
    client.ledger().archive_contact(by_hand);
    let letters = app.take(rightly);
    assert_eq!(letters.len(), 1, "one batch");
    let tenant = client.ledger().tenant_id().to_string();
    let event = |id: &str, kind: &str, second: u8| {
        json!({
            "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Contacts/{id}"), "resourceId": id,
            "eventDateUtc": format!("2026-11-22T10:00:0{second}.000"), "eventType": kind,
            "eventCategory": "CONTACT", "tenantId": tenant, "tenantType": "ORGANISATION",
        })
    };
    let by_hand = by_hand.to_string();
    let body: Value = serde_json::from_str(&letters[0].body).unwrap();
    let shape = json!({
        "events": [event(&id, "CREATE", 0), event(&by_hand, "CREATE", 1), event(&by_hand, "UPDATE", 1)],
        "lastEventSequence": 3, "firstEventSequence": 1, "entropy": body["entropy"],
    });
    assert_eq!(letters[0].body, shape.to_string());
}

#[tokio::test]
async fn the_type_of_an_event_is_written_as_either_source_has_it() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    client.control("PATCH", "options", json!({ "event_types": "mixed" })).await;
    let contact = client.ledger().add_contact_named("Acme").unwrap().id;
    client.ledger().archive_contact(contact);
    let told: Vec<Value> = app.take(rightly).iter().flat_map(events).collect();
    let types: Vec<&Value> = told.iter().map(|event| &event["eventType"]).collect();
    assert_eq!(types, ["Create", "Update"]);
}

#[tokio::test]
async fn a_refused_call_tells_nothing_and_a_document_written_twice_in_one_call_once() {
    let client = Client::new().await;
    let app = App::healthy(&client);
    let both = json!({ "Contacts": [{ "Name": "Good" }, { "EmailAddress": "no name" }] });
    assert_eq!(client.put("Contacts", both).await.status, 400);
    assert!(app.take(rightly).is_empty());
    let invoice = json!({
        "Type": "ACCREC", "Contact": { "Name": "New with the invoice" }, "Date": "2026-11-22",
        "LineItems": [{ "Description": "Desk", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200" }],
    });
    assert_eq!(client.put("Invoices", invoice).await.status, 200);
    let told: Vec<Value> = app.take(rightly).iter().flat_map(events).collect();
    let kinds: Vec<(&str, &str)> = told
        .iter()
        .map(|event| (event["eventCategory"].as_str().unwrap(), event["eventType"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("CONTACT", "CREATE"), ("INVOICE", "CREATE")]);
}

#[tokio::test]
async fn only_what_is_subscribed_to_and_connected_is_told() {
    let client = Client::new().await;
    let app = App::new(&client, &[Category::Invoice]);
    app.take(rightly);
    app.add(&["A contact"]);
    let elsewhere = client.xero().add_organisation("Not connected");
    client.xero().ledger_of(elsewhere).add_contact_named("A contact").unwrap();
    assert!(app.take(rightly).is_empty());
    client.xero().disconnect(client.ledger().tenant_id());
    let categories = json!({ "categories": ["CONTACT"] });
    client.control("PATCH", &format!("webhooks/{}", app.webhook), categories).await;
    app.add(&["Nobody is connected"]);
    assert!(app.take(rightly).is_empty());
    client.control("POST", "app-store", json!({ "client_id": CLIENT_ID })).await;
    assert!(app.take(rightly).is_empty(), "the category is not subscribed to");
}

#[tokio::test]
async fn the_apps_own_subscription_is_told_under_the_app() {
    let client = Client::new().await;
    let app = App::new(&client, &[Category::Subscription]);
    app.take(rightly);
    client.control("POST", "app-store", json!({ "client_id": CLIENT_ID, "is_new": true })).await;
    let told: Vec<Value> = app.take(rightly).iter().flat_map(events).collect();
    assert_eq!((told.len(), &told[0]["tenantType"]), (1, &json!("APPLICATION")));
    assert_eq!(told[0]["eventCategory"], "SUBSCRIPTION");
}

#[tokio::test]
async fn payments_are_told_of_or_not_as_the_webhook_is_set() {
    let client = Client::new().await;
    let invoice = json!({
        "Type": "ACCREC", "Contact": { "Name": "Acme" }, "Date": "2026-11-22", "DueDate": "2026-12-22",
        "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Desk", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200" }],
    });
    let told = async |tells: bool| {
        let wanted = json!({
            "url": URL, "key": KEY, "categories": ["INVOICE"], "tells_payments": tells,
        });
        let made = client.control("POST", "webhooks", wanted).await;
        let webhook = Uuid::parse_str(made["id"].as_str().unwrap()).unwrap();
        let app = App { client: &client, webhook };
        app.take(rightly);
        let id = client.ledger().add_invoice(invoice.clone()).unwrap().head.id;
        app.take(rightly);
        client.ledger().pay_invoice(id).unwrap();
        let told = app.take(rightly).len();
        client.control("DELETE", &format!("webhooks/{webhook}"), json!({})).await;
        told
    };
    assert_eq!([told(true).await, told(false).await], [1, 0]);
}

#[tokio::test]
async fn a_webhook_is_made_shown_and_changed_through_the_control_routes() {
    let client = Client::new().await;
    let elsewhere = json!({ "url": "https://app.example/hook", "key": KEY, "categories": ["CONTACT"] });
    let kind = [("content-type", "application/json")];
    let refused = client.send("POST", "/_sandbox/webhooks", &kind, &elsewhere.to_string()).await;
    assert_eq!(refused.status, 400);
    let wanted =
        json!({ "url": URL, "key": KEY, "categories": ["CONTACT"], "base": "http://127.0.0.1:4010" });
    let made = client.control("POST", "webhooks", wanted).await;
    let webhook = Uuid::parse_str(made["id"].as_str().unwrap()).unwrap();
    assert_eq!(made["state"], "INTENT_TO_RECEIVE_IN_PROGRESS");
    let app = App { client: &client, webhook };
    app.take(rightly);
    app.add(&["A"]);
    let letters = app.take(rightly);
    let url = events(&letters[0])[0]["resourceUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:4010/api.xro/2.0/Contacts/"), "{url}");
    let path = format!("webhooks/{webhook}");
    let moved = client.control("PATCH", &path, json!({ "url": "http://localhost:9/other" })).await;
    assert_eq!(moved["state"], "INTENT_TO_RECEIVE_IN_PROGRESS", "a new address has to prove itself");
    let probes = app.take(|_| status(404));
    assert_eq!((probes.len(), probes[0].url.as_str()), (1, "http://localhost:9/other"));
    let shown = client.control("GET", &path, json!({})).await;
    assert_eq!(shown["state"], "INTENT_TO_RECEIVE_REQUIRED");
    let last = shown["deliveries"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["problem"]), (&json!(404), &json!("not answered with 200")));
}

#[tokio::test]
async fn credit_notes_and_advances_say_their_type_and_status() {
    let client = Client::new().await;
    let app = App::new(&client, &[Category::CreditNote, Category::Prepayment, Category::Overpayment]);
    app.take(rightly);
    let line = json!([{ "Description": "Desk", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200" }]);
    let contact = json!({ "Name": "Acme" });
    let note = json!({
        "Type": "ACCRECCREDIT", "Contact": contact, "Date": "2026-11-22", "LineItems": line,
    });
    assert_eq!(client.put("CreditNotes", note).await.status, 200);
    let received = json!({
        "Type": "RECEIVE-PREPAYMENT", "Contact": contact, "Date": "2026-11-22", "LineItems": line,
        "BankAccount": { "Code": "090" }, "LineAmountTypes": "Inclusive",
    });
    assert_eq!(client.put("BankTransactions", received).await.status, 200);
    let told: Vec<Value> = app.take(rightly).iter().flat_map(events).collect();
    let said: Vec<(&str, &Value)> =
        told.iter().map(|event| (event["eventCategory"].as_str().unwrap(), &event["data"])).collect();
    assert_eq!(
        said,
        [
            ("CREDITNOTE", &json!({ "Type": "ACCRECCREDIT", "Status": "DRAFT" })),
            ("PREPAYMENT", &json!({ "Type": "RECEIVE-PREPAYMENT", "Status": "AUTHORISED" })),
        ]
    );
    let url = told[1]["resourceUrl"].as_str().unwrap();
    assert!(url.starts_with("https://api.xero.com/api.xro/2.0/Prepayments/"), "{url}");
}
