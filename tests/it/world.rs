//! A world: an org, a set of books, and Counterfoil between them; with a clock that the test moves, a seeded random
//! source, and faults on request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use counterfoil::domain::Value;
use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::{ConnectionId, RunId};
use counterfoil::domain::run::Status;
use counterfoil::embedded::{Embedded, Settings};
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::stack::Times;
use counterfoil::flow::{Stack, keep, lifecycle, poll};
use counterfoil::ports::Ports;
use counterfoil::ports::chunks::Chunked;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::counted::Counted;
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::ports::queue::{Delivery, QueueName};
use counterfoil::ports::random::SeededRandom;
use counterfoil::ports::table::Table;
use counterfoil::runtime::{catalog, engine, local_machine, pump};
use counterfoil_sandbox::{ConnectionLost, Sandbox};
use jiff::Timestamp;
use secrecy::SecretString;
use tower::ServiceExt as _;

use crate::passing;
use crate::web::Web;

pub(crate) const SALESFORCE: &str = "https://salesforce.example";
pub(crate) const XERO: &str = "https://xero.example";

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) stack: Stack,
    pub(crate) counted: Counted<Arc<dyn Table>>,
    pub(crate) embedded: Embedded,
    /// Whatever else there is on the web.
    pub(crate) web: Web,
    ports: Ports,
}

/// The sandbox's routers behind the Http port: no sockets, the same bytes.
pub(crate) struct InProcess {
    salesforce: axum::Router,
    xero: axum::Router,
    clock: Arc<ManualClock>,
}

impl InProcess {
    pub(crate) fn of(sandbox: &Sandbox, clock: &Arc<ManualClock>) -> Arc<dyn Http> {
        Arc::new(Self {
            salesforce: sandbox.salesforce_router(),
            xero: sandbox.xero_router(),
            clock: Arc::clone(clock),
        })
    }
}

#[async_trait]
impl Http for InProcess {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let router = if request.url.starts_with(SALESFORCE) {
            self.salesforce.clone()
        } else if request.url.starts_with(XERO) {
            self.xero.clone()
        } else {
            return Err(HttpError::NotSent(format!("{} has no address", request.url)));
        };
        let mut builder = axum::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        if let Some(host) = request.url.strip_prefix("https://").and_then(|rest| rest.split('/').next()) {
            builder = builder.header("host", host);
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let call = builder.body(Body::from(request.body.clone())).expect("a request");
        let answered = async {
            let Ok(response) = router.oneshot(call).await;
            if response.extensions().get::<ConnectionLost>().is_some() {
                return Err(HttpError::NoAnswer("connection reset".into()));
            }
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX)
                .await
                .map_err(|error| HttpError::NoAnswer(error.to_string()))?;
            let headers = parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect();
            Ok(Response { status: parts.status.as_u16(), headers, body: body.to_vec() })
        };
        tokio::select! {
            answered = answered => answered,
            () = self.clock.sleep(request.timeout) => Err(HttpError::NoAnswer("timed out".into())),
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose sandbox is set up before anyone connects to it.
    pub(crate) async fn with(set_up: impl FnOnce(&mut counterfoil_sandbox::Settings)) -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::at(start));
        let time = Arc::clone(&clock);
        let mut settings = counterfoil_sandbox::Settings::new(Arc::new(move || time.now()));
        set_up(&mut settings);
        let sandbox = Arc::new(Sandbox::new(settings));
        sandbox.salesforce.add_field("Opportunity", "Xero_Invoice__c: string(50)").expect("a field");
        let random = Arc::new(SeededRandom::new(7));
        let embedded = Embedded::temporary(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::clone(&random) as _,
            Settings { max_receives: BTreeMap::new(), look_again: None },
        )
        .expect("a temporary stack");
        let counted = Counted::new(embedded.table() as Arc<dyn Table>);
        let web = Web::default();
        let ports = Ports {
            table: Arc::new(Chunked::new(counted.clone(), Arc::clone(&random) as _)),
            queue: embedded.queue(),
            vault: embedded.vault(),
            http: InProcess::of(&sandbox, &clock),
            web: Arc::new(web.clone()),
            public_web: Arc::new(web.public()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random,
            mailer: embedded.outbox(),
        };
        let stack = new_stack(&ports);
        let world = Self { sandbox, clock, stack, counted, embedded, web, ports };
        connect(&world.sandbox, &world.stack).await;
        world
    }

    /// Another process over the same table, queue and sandbox: nothing that the first one remembers.
    pub(crate) fn another_process(&self) -> Stack {
        new_stack(&self.ports)
    }

    /// The ports with something in between: crashes, counters.
    pub(crate) fn ports(&self) -> Ports {
        self.ports.clone()
    }

    // ------------------------------------------------------------ given

    /// Pushes a flow and goes live with it.
    pub(crate) async fn given_flow(&self, text: &str) -> FlowHead {
        let live = go_live(&self.stack, text).await;
        // The provider's stamps have whole seconds: what happens next is later.
        self.advance(Duration::from_secs(5));
        live
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    // ------------------------------------------------------------ when

    /// Time passes so that stamps settle, every poller polls, and the queues are worked off as far as they are due.
    pub(crate) async fn settle(&self) {
        self.settle_later().await;
        self.drain().await;
    }

    /// Stamps settle and every poller polls; the queues are left for later.
    pub(crate) async fn settle_later(&self) {
        self.advance(Duration::from_secs(10));
        self.poll().await;
    }

    pub(crate) async fn poll(&self) -> Vec<poll::Report> {
        let mut reports = Vec::new();
        for trigger in local_machine::polled(&self.stack) {
            poll::wake(&self.stack, trigger, "manual").await.expect("woken");
            let polled = self.flowing(pump::wakes(&self.stack, trigger)).await;
            reports.extend(polled.expect("polled"));
        }
        reports
    }

    /// Works off both queues until nothing is due. Returns how many messages were handled.
    pub(crate) async fn drain(&self) -> usize {
        self.drain_by(&self.stack).await
    }

    pub(crate) async fn drain_by(&self, stack: &Stack) -> usize {
        let mut handled = 0;
        loop {
            let mut some = 0;
            for queue in [QueueName::Runs, QueueName::RunsBulk] {
                some += self.flowing(pump::runs(stack, queue)).await.expect("dispatched");
            }
            handled += some;
            if some == 0 {
                return handled;
            }
        }
    }

    /// Every event that became a run is put on the queue once more.
    pub(crate) async fn redeliver_everything(&self) -> usize {
        let messages: Vec<_> = self.runs().await.into_iter().map(|run| run.row.message).collect();
        counterfoil::flow::settle::send_all(&self.stack, &messages).await.expect("queued");
        self.drain().await
    }

    pub(crate) async fn keep(&self) -> keep::Report {
        let deadline = self.clock.now() + Times::default().function;
        self.flowing(keep::keep(&self.stack, deadline)).await.expect("kept")
    }

    /// Time flows while work is under way, slower than outside: whoever waits a moment is served, and a loaded machine
    /// doesn't make the gate lose its patience.
    pub(crate) fn flowing<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let (tick, step) = (Duration::from_millis(20), Duration::from_millis(4));
        passing::by_ticks(&self.clock, tick, step, work)
    }

    // ------------------------------------------------------------ then

    pub(crate) async fn runs(&self) -> Vec<StoredRun> {
        let search = Search { limit: 100_000, ..Search::default() };
        look::runs(&self.stack, &search).await.expect("runs")
    }

    pub(crate) async fn statuses(&self) -> BTreeMap<Status, usize> {
        let mut statuses = BTreeMap::new();
        for run in self.runs().await {
            *statuses.entry(run.row.status).or_default() += 1;
        }
        statuses
    }

    pub(crate) async fn run(&self, id: RunId) -> StoredRun {
        counterfoil::flow::rerun::stored(&self.stack, id).await.expect("a run")
    }

    pub(crate) async fn dead_letters(&self) -> Vec<Delivery> {
        let queue = &self.stack.ports.queue;
        queue.receive(QueueName::RunsDead, 100, Duration::from_secs(1)).await.expect("dead letters")
    }

    pub(crate) fn invoices(&self) -> Vec<Value> {
        as_list(self.sandbox.xero.ledger().invoices_as_json())
    }

    pub(crate) fn contacts(&self) -> Vec<Value> {
        as_list(self.sandbox.xero.ledger().contacts_as_json())
    }

    pub(crate) fn tasks(&self) -> Vec<Value> {
        self.sandbox.salesforce.records("Task")
    }
}

/// Connects the org and the first organisation, as `crm` and `books`.
pub(crate) async fn connect(sandbox: &Sandbox, stack: &Stack) {
    let organisation = sandbox.xero.ledger().tenant_id().to_string();
    let connection = |id: &str, provider, url: &str, account: String, own_user: String| Connection {
        id: ConnectionId::from(id),
        provider,
        grant: GrantKind::ClientCredentials,
        consent: None,
        credentials: None,
        client_id: "sandbox-client".into(),
        login_url: url.into(),
        api_url: url.into(),
        account,
        title: id.into(),
        own_user,
        username: None,
        scopes: match provider {
            Provider::Salesforce => Vec::new(),
            Provider::Xero => ["accounting.contacts", "accounting.invoices", "accounting.settings"]
                .map(str::to_owned)
                .to_vec(),
        },
        daily_limit: None,
        granted_scopes: Vec::new(),
        connected_at: None,
        remote_id: None,
        state: ConnectionState::Active,
    };
    let us = sandbox.salesforce.integration_user();
    for connection in [
        connection("crm", Provider::Salesforce, SALESFORCE, "00D".into(), us),
        connection("books", Provider::Xero, XERO, organisation, "sandbox-client".into()),
    ] {
        let name = client_secret_name(&connection.grant_id());
        stack.ports.vault.write(&name, SecretString::from("sandbox-secret")).await.expect("the vault");
        stack.connections.save(&connection).await.expect("the table");
    }
}

/// Pushes a flow and goes live with it.
pub(crate) async fn go_live(stack: &Stack, text: &str) -> FlowHead {
    let no_file = |name: &str| Err(format!("no file {name}"));
    let flow = counterfoil::flow::file::read(text, "flow.yaml", &stack.catalog, &no_file).unwrap_or_else(
        |problems| panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    );
    stack.flows.push(&flow.name, "flow.yaml", text, BTreeMap::new()).await.expect("pushed");
    lifecycle::enable(stack, &flow.name).await.expect("live")
}

fn as_list(value: impl Into<Value>) -> Vec<Value> {
    value.into().as_array().cloned().unwrap_or_default()
}

pub(crate) fn new_stack(ports: &Ports) -> Stack {
    Stack::new(ports.clone(), catalog::catalog(), engine::engine(), 2, Times::default(), "counterfoil")
}
