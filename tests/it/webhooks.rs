//! Webhooks: who is let in, what is an event, and that nothing is acknowledged before it is durable.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use counterfoil::domain::run::Status;
use counterfoil::flow::Stack;
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::receive::{WebhookRequest, webhook, webhook_secret_name};
use counterfoil::ports::notification::Reply;
use counterfoil::ports::queue::QueueName;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use crate::broken::Broken;
use crate::world::World;

const SECRET: &str = "shared between two";

fn flow(options: &str) -> String {
    format!(
        "flow: enquiry\ntrigger:\n  type: http.webhook\n{options}\nsteps:\n  - set: {{ company: '{{{{ record.company }}}}' }}\n"
    )
}

fn signed(options: &str) -> String {
    flow(&format!("  secret_path: false\n  signature: {{ header: X-Signature, secret: partner, {options} }}"))
}

fn hmac_sha256(text: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> WebhookRequest {
    WebhookRequest {
        path: path.to_owned(),
        query: String::new(),
        headers: headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect(),
        body: body.to_vec(),
    }
}

fn url(head: &FlowHead) -> String {
    format!("/webhook/{}/{}", head.name, head.webhook_path.as_deref().expect("a secret path"))
}

async fn post(stack: &Stack, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    webhook(stack, request(path, headers, body)).await
}

fn said(answer: &Reply) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

async fn queued(world: &World) -> u64 {
    world.stack.ports.queue.depth(QueueName::Runs).await.expect("a depth")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_secret_path_is_a_way_in() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    world.given_flow("flow: by-hand\ntrigger: { type: manual }\nsteps:\n  - set: { a: b }\n").await;
    let body = br#"{"company": "Acme"}"#;
    for path in [
        "/webhook/enquiry",
        "/webhook/enquiry/",
        "/webhook/enquiry/guessed",
        "/webhook/nobody/x",
        "/webhook/by-hand",
        "",
        "/",
    ] {
        let answer = post(&world.stack, path, &[], body).await;
        assert_eq!((answer.status, said(&answer)["code"].clone()), (404, json!("not_found")), "{path}");
    }
    assert_eq!(queued(&world).await, 0);
    let answer = post(&world.stack, &url(&head), &[], body).await;
    assert_eq!((answer.status, said(&answer)["duplicate"].clone()), (202, json!(false)));
    let short = url(&head).replace("/webhook/", "");
    assert_eq!(post(&world.stack, &short, &[], br#"{"company": "Other"}"#).await.status, 202);
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
    let run = said(&answer)["run"].as_str().expect("a run").parse().expect("a run id");
    let event = world.run(run).await.row.message.event.expect("an event");
    assert_eq!(event.record, json!({"company": "Acme"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_must_fit_the_body_to_the_byte() {
    let body = br#"{"company":  "Acme"}"#;
    let sha512 = {
        let mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).expect("any key");
        mac.chain_update(body).finalize().into_bytes().to_vec()
    };
    let right = hmac_sha256(body);
    for (options, signature) in [
        ("encoding: hex", hex(&right)),
        ("encoding: hex", hex(&right).to_uppercase()),
        ("encoding: base64", base64(&right)),
        ("encoding: hex, prefix: 'sha256='", format!("sha256={}", hex(&right))),
        ("encoding: hex, prefix: 'v1='", format!("v1={},v1={}", "00".repeat(32), hex(&right))),
        ("algorithm: sha512, encoding: hex", hex(&sha512)),
    ] {
        let world = World::new().await;
        world.given_flow(&signed(options)).await;
        let name = webhook_secret_name("partner");
        let path = "/webhook/enquiry";
        let answer = post(&world.stack, path, &[("X-Signature", &signature)], body).await;
        assert_eq!(answer.status, 503, "the vault has no secret yet, so the sender comes back: {options}");
        world.stack.ports.vault.write(&name, SecretString::from(SECRET)).await.expect("the vault");
        let answer = post(&world.stack, path, &[("X-Signature", &signature)], body).await;
        assert_eq!(answer.status, 202, "{options}: {}", answer.body);
        let other: &[u8] = br#"{"company": "Acme"}"#;
        let bare = hex(&right).replace('a', "b");
        for (given, body) in [
            (signature.as_str(), other),
            ("", body),
            ("nonsense", body),
            (&bare, body),
            (&signature[..8], body),
        ] {
            let answer = post(&world.stack, path, &[("X-Signature", given)], body).await;
            assert_eq!(
                (answer.status, said(&answer)["code"].clone()),
                (401, json!("wrong_signature")),
                "{options}: {given}"
            );
        }
        assert_eq!(post(&world.stack, path, &[], body).await.status, 401, "without a signature");
        assert_eq!(queued(&world).await, 1, "{options}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_time_may_be_five_minutes_off() {
    let world = World::new().await;
    world.given_flow(&signed("timestamp_header: X-Time")).await;
    let name = webhook_secret_name("partner");
    world.stack.ports.vault.write(&name, SecretString::from(SECRET)).await.expect("the vault");
    let now = world.stack.now().as_second();
    for (second, status) in
        [(now, 202), (now - 299, 202), (now - 301, 401), (now + 299, 202), (now + 301, 401)]
    {
        let body = format!("{{\"n\": {second}}}");
        let signature = hex(&hmac_sha256(format!("{second}.{body}").as_bytes()));
        let time = second.to_string();
        let headers = [("X-Signature", signature.as_str()), ("X-Time", time.as_str())];
        let answer = post(&world.stack, "/webhook/enquiry", &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{}", second - now);
        // The time is signed too: another one beside the same signature is refused.
        let other = (second + 1).to_string();
        let headers = [("X-Signature", signature.as_str()), ("X-Time", other.as_str())];
        assert_eq!(post(&world.stack, "/webhook/enquiry", &headers, body.as_bytes()).await.status, 401);
    }
    for time in ["", "noon", "99999999999999999999", "-9223372036854775808"] {
        let headers = [("X-Signature", "00"), ("X-Time", time)];
        assert_eq!(post(&world.stack, "/webhook/enquiry", &headers, b"{}").await.status, 401, "{time}");
    }
    assert_eq!(post(&world.stack, "/webhook/enquiry", &[("X-Signature", "00")], b"{}").await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_json_or_forms_of_at_most_a_megabyte() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    let url = url(&head);
    let mut large = vec![b' '; 1024 * 1024];
    large[0] = b'1';
    assert_eq!(post(&world.stack, &url, &[], &large).await.status, 202);
    large.push(b' ');
    let answer = post(&world.stack, &url, &[], &large).await;
    assert_eq!((answer.status, said(&answer)["code"].clone()), (413, json!("too_large")));
    for body in [&b"company=Acme"[..], b"", b"{", b"{} {}", b"\xff\xfe"] {
        let answer = post(&world.stack, &url, &[], body).await;
        assert_eq!((answer.status, said(&answer)["code"].clone()), (400, json!("not_json")), "{body:?}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
    let answer = post(&world.stack, &url, &form, b"company=M%C3%BCller+%26+Co&company_size=5").await;
    assert_eq!(answer.status, 202);
    world.drain().await;
    let run = said(&answer)["run"].as_str().expect("a run").parse().expect("a run id");
    let event = world.run(run).await.row.message.event.expect("an event");
    assert_eq!(event.record, json!({"company": "Müller & Co", "company_size": "5"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_is_the_same_run_wherever_the_id_stands() {
    let world = World::new().await;
    let head = world.given_flow(&flow("  event_id: record.event.id")).await;
    let path = url(&head);
    let first = post(&world.stack, &path, &[], br#"{"event": {"id": 7}, "n": 1}"#).await;
    let again = post(&world.stack, &path, &[], br#"{"event": {"id": 7}, "n": 2}"#).await;
    assert_eq!(said(&first)["run"], said(&again)["run"]);
    assert_eq!(
        (said(&first)["duplicate"].clone(), said(&again)["duplicate"].clone()),
        (json!(false), json!(true))
    );
    for body in
        [&br#"{"event": {}}"#[..], br#"{"event": {"id": " "}}"#, br#"{"event": {"id": null}}"#, b"[]", b"5"]
    {
        let answer = post(&world.stack, &path, &[], body).await;
        assert_eq!((answer.status, said(&answer)["code"].clone()), (422, json!("missing_event_id")));
    }
    // A day later it is still the same run.
    world.drain().await;
    world.advance(Duration::from_hours(48));
    let late = post(&world.stack, &path, &[], br#"{"event": {"id": 7}, "n": 3}"#).await;
    assert_eq!(said(&late)["run"], said(&first)["run"]);
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1);

    let head = world.given_flow(&flow("").replace("enquiry", "other")).await;
    let path = url(&head);
    for header in ["webhook-id", "svix-id", "Idempotency-Key"] {
        let id = format!("msg_{header}");
        let first = post(&world.stack, &path, &[(header, &id)], b"{}").await;
        let again = post(&world.stack, &path, &[(header, &id)], br#"{"other": 1}"#).await;
        assert_eq!(said(&first)["run"], said(&again)["run"], "{header}");
        assert_eq!(said(&again)["duplicate"], json!(true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_webhook_twice_at_once_is_one_run() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    let path = url(&head);
    let other = world.another_process();
    let (one, two) = tokio::join!(
        post(&world.stack, &path, &[], br#"{"company": "Acme"}"#),
        post(&other, &path, &[], br#"{"company": "Acme"}"#)
    );
    assert_eq!((one.status, two.status), (202, 202));
    assert_eq!(said(&one)["run"], said(&two)["run"]);
    let duplicates = [&one, &two].iter().filter(|answer| said(answer)["duplicate"] == json!(true)).count();
    assert_eq!(duplicates, 1);
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_body_is_the_same_event_for_ten_minutes() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    let path = url(&head);
    let body = br#"{"company": "Acme"}"#;
    let first = post(&world.stack, &path, &[], body).await;
    world.advance(Duration::from_secs(9 * 60));
    let again = post(&world.stack, &path, &[], body).await;
    assert_eq!(
        (said(&again)["run"].clone(), said(&again)["duplicate"].clone()),
        (said(&first)["run"].clone(), json!(true))
    );
    world.advance(Duration::from_secs(2 * 60));
    let later = post(&world.stack, &path, &[], body).await;
    assert_ne!(said(&later)["run"], said(&first)["run"]);
    assert_eq!(said(&later)["duplicate"], json!(false));
    world.drain().await;
    assert_eq!(world.runs().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_flow_refuses_and_a_paused_one_asks_to_come_back() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    for (state, status, code) in
        [(FlowState::Disabled, 409, "flow_disabled"), (FlowState::Paused, 503, "flow_paused")]
    {
        let changed = |head| Some(FlowHead { state, ..head });
        world.stack.flows.change(&head.name, changed).await.expect("changed");
        let answer = post(&world.stack, &url(&head), &[], b"{}").await;
        assert_eq!((answer.status, said(&answer)["code"].clone()), (status, json!(code)));
        assert_eq!(
            post(&world.stack, "/webhook/enquiry/wrong", &[], b"{}").await.status,
            404,
            "nobody learns of it"
        );
    }
    assert_eq!(queued(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_the_table_or_the_queue_is_down() {
    let world = World::new().await;
    let head = world.given_flow(&flow("")).await;
    let broken = Broken::process(&world);
    for switch in [&broken.table_down, &broken.queue_down] {
        switch.store(true, Ordering::SeqCst);
        let answer = post(&broken.stack, &url(&head), &[], br#"{"company": "Acme"}"#).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!(queued(&world).await, 0);
        switch.store(false, Ordering::SeqCst);
    }
    // The sender comes back.
    assert_eq!(post(&broken.stack, &url(&head), &[], br#"{"company": "Acme"}"#).await.status, 202);
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_hundred_kilobytes_go_through_by_reference() {
    let world = World::new().await;
    let task = "\
flow: enquiry
trigger: { type: http.webhook, event_id: record.id }
steps:
  - action: salesforce.create_task
    with: { Subject: '{{ record.company }} {{ record.text.length }}' }
";
    let head = world.given_flow(task).await;
    let body = json!({"id": 1, "company": "Acme", "text": "x".repeat(800_000)}).to_string();
    let answer = post(&world.stack, &url(&head), &[], body.as_bytes()).await;
    assert_eq!(answer.status, 202);
    let waiting =
        world.stack.ports.queue.receive(QueueName::Runs, 1, Duration::ZERO).await.expect("a message");
    assert!(waiting[0].body.len() < 1_000, "the queue carries a reference");
    world.advance(Duration::from_secs(1));
    world.drain().await;
    assert_eq!(world.tasks()[0]["Subject"], "Acme 800000");
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
}
