//! The shipped template, deployed on the emulator, between a Salesforce org and Xero's books of the sandbox.
//!
//! Nothing of the product runs in the test: functions do the work, as processes of their own. The test is the person
//! at the command line (through the adapters, by the stack's name) and the world outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use base64::Engine as _;
use counterfoil::domain::Value;
use counterfoil::domain::connection::{Connection, ConnectionState, GrantId, GrantKind, Provider};
use counterfoil::domain::ids::{ConnectionId, RunId};
use counterfoil::domain::run::Status;
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{Stack, file, hear, lifecycle, poll};
use counterfoil::ports::clock::Clock;
use counterfoil::ports::http::{Http, Method, Request, Response};
use counterfoil::ports::queue::{Delivery, QueueName};
use counterfoil::ports::random::random_uuid;
use counterfoil::runtime::aws_stack;
use counterfoil::runtime::http_client::HttpClient;
use counterfoil::runtime::settings::Settings;
use counterfoil::runtime::system_clock::SystemClock;
use counterfoil::runtime::system_random::SystemRandom;
use counterfoil_sandbox::Sandbox;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::aws::{emulator, variable};

/// The emulator's functions start cold, its schedules tick each minute, and both wait for a processor.
const PATIENCE: Duration = Duration::from_secs(150);

const SIGNING_KEY: &str = "signing-key";
/// What stands in the address of Salesforce's outbound messages.
const ADDRESS_SECRET: &str = "address-secret-of-the-tests";

pub(crate) struct Deployed {
    pub(crate) sandbox: Sandbox,
    pub(crate) stack: Stack,
    /// In every name, so that tests can use one stack at a time.
    scope: String,
}

impl Deployed {
    pub(crate) async fn new() -> Self {
        let configuration = emulator().await;
        // As the stack was deployed with.
        let networks = variable("COUNTERFOIL_TEST_PRIVATE_NETWORKS").parse().expect("networks");
        let settings = Settings::of_stack(&configuration, &variable("COUNTERFOIL_TEST_STACK"), networks)
            .await
            .expect("a deployed stack");
        // A function that fails gives its messages back after twelve minutes; here they come back sooner.
        let sqs = aws_sdk_sqs::Client::new(&configuration);
        for queue in QueueName::all() {
            let request = sqs.set_queue_attributes().queue_url(&settings.queues[&queue]);
            request
                .attributes(QueueAttributeName::VisibilityTimeout, "20")
                .send()
                .await
                .expect("the queue's visibility");
        }
        let stack = aws_stack::stack(&configuration, settings).expect("a stack");
        let id = random_uuid(&SystemRandom);
        let scope = id.simple().to_string()[..8].to_owned();
        let sandbox = Sandbox::new(counterfoil_sandbox::Settings {
            time: Arc::new(|| SystemClock.now()),
            // An organisation of its own: those of several tests would share one's limits.
            seed: id.as_u64_pair().0,
            ..counterfoil_sandbox::Settings::default()
        });
        sandbox.salesforce.add_field("Opportunity", "Xero_Invoice__c: string(50)").expect("a field");
        let deployed = Self { sandbox, stack, scope };
        deployed.connect().await;
        deployed
    }

    async fn connect(&self) {
        let salesforce = serve(self.sandbox.salesforce_router()).await;
        let xero = serve(self.sandbox.xero_router()).await;
        let us = self.sandbox.salesforce.integration_user();
        let tenant = self.sandbox.xero.ledger().tenant_id().to_string();
        let scopes = [
            "accounting.contacts",
            "accounting.invoices",
            "accounting.settings",
            "accounting.payments",
            "accounting.banktransactions",
        ];
        let connections = [
            (self.crm(), Provider::Salesforce, salesforce, format!("00D{}", self.scope), us, Vec::new()),
            (
                self.books(),
                Provider::Xero,
                xero,
                tenant,
                "sandbox-client".to_owned(),
                scopes.map(str::to_owned).to_vec(),
            ),
        ];
        for (id, provider, url, account, own_user, scopes) in connections {
            let id = ConnectionId::new(id);
            let secret = SecretString::from("sandbox-secret");
            let name = client_secret_name(&GrantId::Own(id.clone()));
            self.stack.ports.vault.write(&name, secret).await.expect("the vault");
            let connection = Connection {
                title: id.to_string(),
                id,
                provider,
                grant: GrantKind::ClientCredentials,
                consent: None,
                credentials: None,
                client_id: "sandbox-client".to_owned(),
                login_url: url.clone(),
                api_url: url,
                account,
                own_user,
                username: None,
                scopes,
                daily_limit: None,
                granted_scopes: Vec::new(),
                connected_at: None,
                remote_id: None,
                state: ConnectionState::Active,
            };
            self.stack.connections.save(&connection).await.expect("the table");
        }
    }

    pub(crate) fn crm(&self) -> String {
        format!("crm-{}", self.scope)
    }

    fn books(&self) -> String {
        format!("books-{}", self.scope)
    }

    // ------------------------------------------------------------ given

    /// Pushes a flow under a name of its own, with this test's connections in its trigger and steps, and enables it.
    pub(crate) async fn given_flow(&self, text: &str) -> FlowHead {
        let text = self.connected(text);
        let no_files = |name: &str| Err(format!("no file {name}"));
        let flow =
            file::read(&text, "flow.yaml", &self.stack.catalog, &no_files).unwrap_or_else(|problems| {
                panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            });
        self.stack.flows.push(&flow.name, "flow.yaml", &text, BTreeMap::new()).await.expect("pushed");
        lifecycle::enable(&self.stack, &flow.name).await.expect("live")
    }

    fn connected(&self, text: &str) -> String {
        let mut connected = String::new();
        for line in text.lines() {
            let line = line.split(" # ").next().unwrap_or_default();
            let words = line.trim_start().trim_start_matches("- ");
            let indent = " ".repeat(line.len() - words.len());
            if let Some(name) = line.strip_prefix("flow: ") {
                let _ = writeln!(connected, "flow: {name}-{}", self.scope);
                continue;
            }
            let _ = writeln!(connected, "{line}");
            if words.starts_with("action: xero.") || words.starts_with("type: xero.") {
                let _ = writeln!(connected, "{indent}connection: {}", self.books());
            }
            if words.starts_with("action: salesforce.") || words.starts_with("type: salesforce.") {
                let _ = writeln!(connected, "{indent}connection: {}", self.crm());
            }
        }
        connected
    }

    // ------------------------------------------------------------ when

    /// What a notification does: the poll would have come anyway, within the minute.
    pub(crate) async fn wake(&self, trigger: &str) {
        poll::wake(&self.stack, trigger, "manual").await.expect("woken");
    }

    /// A POST to the flow's address, through the API Gateway.
    pub(crate) async fn post(&self, head: &FlowHead, body: &str) -> Response {
        let path = head.webhook_path.as_deref().expect("a webhook has a secret");
        self.post_to(&format!("/webhook/{}/{path}", head.name), &[], body).await
    }

    /// Notifications are known by [`SIGNING_KEY`].
    pub(crate) async fn given_xero_signs_with_our_key(&self) {
        hear::add_key(&self.stack, Provider::Xero, SecretString::from(SIGNING_KEY)).await.expect("kept");
    }

    /// Outbound messages are known by what stands in their address, and say which org they come from.
    pub(crate) async fn given_salesforce_knows_our_address(&self) -> &'static str {
        let (crm, secret) = (ConnectionId::new(self.crm()), SecretString::from(ADDRESS_SECRET));
        hear::add_key(&self.stack, Provider::Salesforce, secret).await.expect("kept");
        let connection = self.stack.connections.get(&crm).await.expect("read").expect("there");
        let account = self.sandbox.salesforce.organization_id();
        let connection = Connection { account, ..(*connection).clone() };
        self.stack.connections.save(&connection).await.expect("the table");
        ADDRESS_SECRET
    }

    /// What Xero posts of a new contact, and how it signs that.
    pub(crate) fn notification(&self, sequence: u64) -> (String, String) {
        let tenant = self.sandbox.xero.ledger().tenant_id();
        let event = json!({"eventCategory": "CONTACT", "eventType": "CREATE", "tenantId": tenant});
        let body = json!({"events": [event], "firstEventSequence": sequence, "lastEventSequence": sequence})
            .to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes()).expect("any length");
        mac.update(body.as_bytes());
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        (body, signature)
    }

    /// What a person makes in Xero, by an app of their own.
    pub(crate) async fn in_books(&self, kind: &str, document: Value) -> Value {
        let books = ConnectionId::new(self.books());
        let connection = self.stack.connections.get(&books).await.expect("read").expect("there");
        let http = HttpClient::new("a person").expect("a client");
        let asked = async |method, path: &str, headers: &[(&str, &str)], body: String| {
            let request = Request {
                method,
                url: format!("{}{path}", connection.api_url),
                headers: headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                body: body.into_bytes(),
                timeout: Duration::from_secs(20),
            };
            let answer = http.send(request).await.expect("an answer");
            let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
            assert_eq!(answer.status, 200, "{path}: {body}");
            body
        };
        let scope = "accounting.invoices accounting.payments accounting.banktransactions accounting.contacts";
        let form = format!(
            "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret&scope={}",
            scope.replace(' ', "+")
        );
        let as_form = [("content-type", "application/x-www-form-urlencoded")];
        let token = asked(Method::Post, "/connect/token", &as_form, form).await;
        let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
        let headers = [
            ("authorization", bearer.as_str()),
            ("xero-tenant-id", &connection.account),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        let made = asked(
            Method::Put,
            &format!("/api.xro/2.0/{kind}"),
            &headers,
            json!({kind: [document]}).to_string(),
        )
        .await;
        made[kind][0].clone()
    }

    /// Whether no wake-up of a poller is on its way.
    pub(crate) async fn is_quiet(&self, trigger: &str) -> bool {
        let queue = QueueName::wake(trigger).expect("is polled");
        self.stack.ports.queue.depth(queue).await.expect("a depth") == 0
    }

    pub(crate) async fn post_to(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let public = variable("COUNTERFOIL_TEST_WEBHOOK_URL");
        let host = public.trim_start_matches("http://").to_owned();
        let usual = [("host", host.as_str()), ("content-type", "application/json")];
        let usual = usual.iter().filter(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        let headers = usual.chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        // The emulator knows an API by its host name, which only it can resolve.
        let request = Request {
            method: Method::Post,
            url: format!("{}{path}", variable("COUNTERFOIL_TEST_AWS_ENDPOINT")),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
            timeout: Duration::from_secs(60),
        };
        HttpClient::new("a form").expect("a client").send(request).await.expect("an answer")
    }

    /// A GET of an AWS service that the product itself needs no client of.
    pub(crate) async fn asked_of_aws(&self, service: &str, path: &str) -> Value {
        // The emulator reads of it which service is meant, and checks no signature.
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = Request {
            method: Method::Get,
            url: format!("{}{path}", variable("COUNTERFOIL_TEST_AWS_ENDPOINT")),
            headers: vec![("authorization".to_owned(), credential)],
            body: Vec::new(),
            timeout: Duration::from_secs(60),
        };
        let answer =
            HttpClient::new("an operator").expect("a client").send(request).await.expect("an answer");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    // ------------------------------------------------------------ then

    /// What becomes true within a while; the emulator's time can't be moved.
    pub(crate) async fn eventually<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let found = tokio::time::timeout(PATIENCE, async {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            loop {
                ticks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("{what}: not within {PATIENCE:?}; the runs: {:#?}", self.runs_of_all().await),
        }
    }

    async fn runs_of_all(&self) -> Vec<(String, Status, Value)> {
        let search = Search { limit: 20, ..Search::default() };
        let runs = look::runs(&self.stack, &search).await.unwrap_or_default();
        let mine = runs.into_iter().filter(|run| run.row.flow_name.ends_with(&self.scope));
        mine.map(|run| (run.row.flow_name.clone(), run.row.status, look::shown(&run))).collect()
    }

    /// The flow's newest run, once it has that status.
    pub(crate) async fn run(&self, head: &FlowHead, status: Status) -> StoredRun {
        let search = Search { flow: Some(head.name.clone()), limit: 1, ..Search::default() };
        self.eventually(&format!("a run of {} that is {}", head.name, status.as_str()), async || {
            self.stack.flows.forget_heads();
            let run = look::runs(&self.stack, &search).await.expect("runs").into_iter().next()?;
            (run.row.status == status).then_some(run)
        })
        .await
    }

    /// The dead letter of a run, from the real queue.
    pub(crate) async fn dead_letter(&self, run: RunId) -> Delivery {
        let queue = &self.stack.ports.queue;
        self.eventually("a dead letter", async || {
            let letters =
                queue.receive(QueueName::RunsDead, 10, Duration::from_secs(1)).await.expect("letters");
            letters.into_iter().find(|letter| letter.attributes.get("run") == Some(&run.to_string()))
        })
        .await
    }

    pub(crate) fn invoices(&self) -> Vec<Value> {
        self.sandbox.xero.ledger().invoices_as_json()
    }

    pub(crate) fn tasks(&self) -> Vec<Value> {
        self.sandbox.salesforce.records("Task")
    }
}

/// On a loopback port, until the test ends.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
