//! The fence of the generations, shown against a small Secrets Manager on this machine that takes each version's id once,
//! as the service does and its emulators don't.
//!
//! It speaks the service's wire protocol, so that the SDK is the one that is used in earnest, with its retries.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::config::Builder;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::ports::contract;
use crate::ports::contract::vault::VaultStand;

const NAME: &str = "connection/books/token";

/// What an operation meets instead of the service, or on its way back.
enum Weather {
    /// Refused with this status and code.
    Refused(u16, Refusal),
    /// Nobody answers, and nothing is done.
    Silent,
    /// Done, and nobody hears of it.
    ReplyLost,
}

/// Secrets, and what the next operations meet.
#[derive(Default)]
struct Service {
    secrets: BTreeMap<String, Secret>,
    weather: VecDeque<Weather>,
    /// The operations that came, by name.
    asked: Vec<String>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>
#[derive(Default)]
struct Secret {
    versions: BTreeMap<String, String>,
    current: String,
    is_removed: bool,
}

type Refusal = &'static str;

impl Service {
    fn answer(&mut self, operation: &str, ask: &Value) -> Result<Value, Refusal> {
        let text = |name: &str| ask[name].as_str().unwrap_or_default().to_owned();
        let id = if operation == "CreateSecret" { text("Name") } else { text("SecretId") };
        let (token, value) = (text("ClientRequestToken"), text("SecretString"));
        if operation == "CreateSecret" {
            if self.secrets.contains_key(&id) {
                return Err(EXISTS);
            }
            self.secrets.insert(id.clone(), Secret::default());
        }
        let secret = self.secrets.get_mut(&id).ok_or(NOT_FOUND)?;
        match operation {
            "RestoreSecret" => secret.is_removed = false,
            _ if secret.is_removed => return Err(REMOVED),
            "DeleteSecret" => secret.is_removed = true,
            "GetSecretValue" => return Ok(json!({ "SecretString": secret.versions[&secret.current] })),
            // A version never changes: the same once more is no news, and another value is refused.
            // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
            "CreateSecret" | "PutSecretValue" => match secret.versions.get(&token) {
                Some(known) if *known == value => {}
                Some(_) => return Err(EXISTS),
                None => {
                    secret.versions.insert(token.clone(), value);
                    secret.current = token;
                }
            },
            _ => return Err("UnknownOperationException"),
        }
        Ok(json!({ "Name": id }))
    }
}

type Shared = Arc<Mutex<Service>>;

async fn serve(State(service): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let target = headers["x-amz-target"].to_str().expect("text").to_owned();
    let operation = target.strip_prefix("secretsmanager.").expect("one of its operations");
    let ask: Value = serde_json::from_str(&body).expect("JSON");
    let answered = {
        let mut service = service.lock().expect("nobody panicked");
        service.asked.push(operation.to_owned());
        match service.weather.pop_front() {
            Some(Weather::Refused(status, code)) => Some(Err((status, code))),
            Some(Weather::Silent) => None,
            Some(Weather::ReplyLost) => {
                service.answer(operation, &ask).expect("done");
                None
            }
            None => Some(service.answer(operation, &ask).map_err(|code| (400, code))),
        }
    };
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match answered {
        Some(Ok(answer)) => (json, answer.to_string()).into_response(),
        Some(Err((status, code))) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, json, json!({ "__type": code, "message": "no" }).to_string()).into_response()
        }
        None => std::future::pending().await,
    }
}

/// The service on a port of its own, for as long as it is held.
struct Running {
    service: Shared,
    address: String,
    server: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Running {
    async fn new() -> Self {
        let service = Shared::default();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&service));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { service, address, server }
    }

    /// As in a stack, but for the waits: those are short here.
    async fn vault(&self) -> SecretsManagerVault {
        let configuration = crate::aws::client::configuration()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(&self.address)
            .no_credentials()
            .load()
            .await;
        let retries = configuration.retry_config().cloned().expect("ours");
        let attempt = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(2)).build();
        let builder = Builder::from(&configuration)
            .allow_no_auth()
            .retry_config(RetryConfig::with_initial_backoff(retries, Duration::from_millis(1)))
            .timeout_config(attempt);
        SecretsManagerVault { client: Client::from_conf(builder.build()), prefix: "stack/".to_owned() }
    }

    fn weather(&self, weather: impl IntoIterator<Item = Weather>) {
        self.service.lock().expect("nobody panicked").weather.extend(weather);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.service.lock().expect("nobody panicked").asked)
    }
}

async fn write(vault: &SecretsManagerVault, generation: u64, secret: &str) -> Result<Written, Unavailable> {
    vault.write_generation(NAME, generation, SecretString::from(secret)).await
}

async fn current(vault: &SecretsManagerVault) -> Option<String> {
    vault.read(NAME).await.expect("reads").map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_vault_whose_service_takes_each_version_once_keeps_the_whole_contract() {
    let running = Running::new().await;
    let vault: Arc<dyn Vault> = Arc::new(running.vault().await);
    let stand = |case: &str| VaultStand { vault: Arc::clone(&vault), scope: format!("{case}/") };
    contract::run_all(contract::vault::cases(), async |case| stand(case)).await;
    contract::vault::a_generation_is_written_once_and_never_over_a_later_one(stand("generations")).await;
}

#[tokio::test]
async fn the_same_generation_with_the_same_secret_is_written_and_with_another_it_is_dropped() {
    let running = Running::new().await;
    let vault = running.vault().await;
    for _ in 0..2 {
        assert_eq!(write(&vault, 1, "first").await.expect("answered"), Written::Done);
    }
    assert_eq!(write(&vault, 1, "another's first").await.expect("answered"), Written::Overtaken);
    assert_eq!(current(&vault).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_newer_generation_is_written_and_who_comes_late_with_an_older_one_is_dropped() {
    let running = Running::new().await;
    let vault = running.vault().await;
    for (generation, secret) in [(1, "first"), (2, "second"), (3, "third")] {
        assert_eq!(write(&vault, generation, secret).await.expect("answered"), Written::Done);
    }
    assert_eq!(write(&vault, 2, "a late one").await.expect("answered"), Written::Overtaken);
    // Its own answer was lost a while ago.
    write(&vault, 2, "second").await.expect("answered");
    assert_eq!(current(&vault).await.as_deref(), Some("third"), "the newest stays the current one");
}

#[tokio::test]
async fn of_two_who_make_the_secret_at_once_one_is_dropped() {
    let running = Running::new().await;
    let (one, other) = (running.vault().await, running.vault().await);
    let both = tokio::join!(write(&one, 1, "one's"), write(&other, 1, "the other's"));
    let mut written = [both.0.expect("answered"), both.1.expect("answered")];
    written.sort_by_key(|written| *written == Written::Overtaken);
    assert_eq!(written, [Written::Done, Written::Overtaken]);
}

#[tokio::test]
async fn a_limit_and_a_silence_are_tried_again_and_the_same_version_is_written_once() {
    let running = Running::new().await;
    let vault = running.vault().await;
    write(&vault, 1, "first").await.expect("answered");
    running.asked();
    let bad = [
        Weather::Refused(400, "ThrottlingException"),
        Weather::Refused(500, "InternalServiceError"),
        Weather::Silent,
        Weather::ReplyLost,
    ];
    for (generation, weather) in (2..).zip(bad) {
        running.weather([weather]);
        let secret = format!("number {generation}");
        assert_eq!(write(&vault, generation, &secret).await.expect("answered"), Written::Done);
        assert_eq!(running.asked(), ["PutSecretValue", "PutSecretValue"], "{secret}");
        assert_eq!(current(&vault).await, Some(secret));
        running.asked();
    }
}

#[tokio::test]
async fn what_does_not_end_is_unavailable_and_nothing_is_said_to_be_written_or_dropped() {
    let running = Running::new().await;
    let vault = running.vault().await;
    write(&vault, 1, "first").await.expect("answered");
    running.asked();
    running.weather((0..4).map(|_| Weather::Refused(400, "ThrottlingException")));
    let error = write(&vault, 2, "second").await.expect_err("refused");
    assert!(error.to_string().contains("ThrottlingException"), "{error}");
    assert!(!error.to_string().contains("second"), "{error}");
    assert_eq!(running.asked().len(), 4);
    running.weather([Weather::Refused(400, "AccessDeniedException")]);
    let error = write(&vault, 2, "second").await.expect_err("refused");
    assert!(error.to_string().contains("AccessDeniedException"), "{error}");
    assert_eq!(running.asked().len(), 1, "what won't help isn't tried again");
    assert_eq!(current(&vault).await.as_deref(), Some("first"));
    assert_eq!(write(&vault, 2, "second").await.expect("answered"), Written::Done);
}

#[tokio::test]
async fn a_removed_secret_comes_back_with_a_newer_generation_only() {
    let running = Running::new().await;
    let vault = running.vault().await;
    write(&vault, 1, "first").await.expect("answered");
    vault.remove(NAME).await.expect("removed");
    assert_eq!(write(&vault, 1, "late").await.expect("answered"), Written::Overtaken);
    assert_eq!(current(&vault).await, None, "who comes late brings nothing back");
    assert_eq!(write(&vault, 2, "second").await.expect("answered"), Written::Done);
    assert_eq!(current(&vault).await.as_deref(), Some("second"));
}
