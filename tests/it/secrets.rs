//! Secrets stay secret: nothing that opens a door or names a person is in a log line, a debug print, a reason or a
//! dead letter.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counterfoil::domain::connection::GrantId;
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connections::token_name;
use counterfoil::runtime::pump;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::main_job::{FLOW, opportunity, win};
use crate::trouble::{Fatal, a_process_dies_at_work, time_goes_on};
use crate::world::World;

/// What the product writes to its log, from the first line to the last.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// From here on; the test must have its process to itself.
    pub(crate) fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_env_filter("counterfoil=trace,counterfoil_sandbox=off")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .try_init()
            .expect("the only subscriber of this process");
        log
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_person_is_in_a_log_line_a_debug_print_a_reason_or_a_dead_letter() {
    let log = Log::start();
    let world = World::new().await;
    let flow = FLOW.replace("      Phones: [", "      EmailAddress: \"{{ record.Name }}\"\n      Phones: [");
    assert_ne!(flow, FLOW);
    world.given_flow(&flow).await;
    let ids: Vec<_> = ["Jane Hush Ltd", "John Hush Ltd", "Joan Hush Ltd", "Jean Hush Ltd"]
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let id = opportunity(&world, name);
            // One address is no address, so that its element is refused.
            let mail = if n == 3 { "jane.hush(at)private.example" } else { "jane.hush@private.example" };
            world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": mail}));
            id
        })
        .collect();
    world.settle().await;
    let mut needles: Vec<String> = ["sandbox-secret", "jane.hush", "private.example", "Hush Ltd", "379 1234"]
        .map(str::to_owned)
        .to_vec();
    let token = |world: &World, name: &str| {
        let (vault, name) =
            (Arc::clone(&world.stack.ports.vault), token_name(&GrantId::Own(ConnectionId::from(name))));
        async move { vault.read(&name).await.expect("the vault") }
    };
    needles.extend(access(token(&world, "crm").await));

    // Lost, spoilt and refused answers, a login that fails, and a process that dies.
    let faults = &world.sandbox.xero.harness().faults;
    faults.add(Fault::on("POST", "/Contacts", FaultKind::ReplyLost));
    faults.add(Fault::on("POST", "/Contacts", Fault::status(401, Value::Null)).skip(2));
    faults.add(Fault::on("PUT", "/Invoices", FaultKind::InternalErrorAfterApply));
    faults
        .add(Fault::on("POST", "/connect/token", Fault::status(503, json!("secret=sandbox-secret"))).skip(1));
    world.sandbox.salesforce.faults().add(Fault::on("PATCH", "/composite", FaultKind::Reset));
    for id in &ids {
        win(&world, id);
    }
    world.settle_later().await;
    a_process_dies_at_work(&world, Fatal::After(counterfoil::ports::http::Method::Put, "/Invoices")).await;
    world.advance(pump::VISIBILITY);
    for _ in 0..4 {
        time_goes_on(&world, &world.stack, 20).await;
        world.advance(Duration::from_hours(1));
    }
    needles.extend(access(token(&world, "books").await));
    faults.clear();
    faults.add(
        Fault::on("POST", "/connect/token", Fault::status(400, json!({"error": "invalid_grant"}))).always(),
    );
    world.sandbox.xero.expire_access_tokens();
    let last = opportunity(&world, "June Hush Ltd");
    world.settle().await;
    win(&world, &last);
    world.settle().await;

    let runs = world.runs().await;
    assert_eq!(runs.len(), 5);
    assert!(needles.len() > 6, "the tokens are among them");
    let lines = log.text();
    assert!(lines.lines().count() > 5, "there is a log:\n{lines}");
    let reasons: String = runs.iter().map(|run| format!("{:?}\n", run.row.failure)).collect();
    let dead = world.dead_letters().await;
    assert!(!dead.is_empty(), "{reasons}");
    let dead: String =
        dead.iter().map(|letter| format!("{} {:?}\n", letter.body, letter.attributes)).collect();
    let mails: String = world
        .embedded
        .outbox()
        .mails(50)
        .expect("mails")
        .iter()
        .map(|m| format!("{} {}\n", m.subject, m.body))
        .collect();
    assert!(!mails.is_empty());
    let connections = world.stack.connections.list().await.expect("read");
    let debug = format!("{:?} {:?} {connections:?}", world.stack, world.stack.ports);
    for needle in &needles {
        for (place, text) in [
            ("log", &lines),
            ("reasons", &reasons),
            ("dead letters", &dead),
            ("mails", &mails),
            ("debug", &debug),
        ] {
            let line = text.lines().find(|line| line.contains(needle.as_str()));
            assert_eq!(line, None, "{needle} is in the {place}");
        }
    }
}

fn access(secret: Option<secrecy::SecretString>) -> Option<String> {
    let kept: Value = serde_json::from_str(secret?.expose_secret()).ok()?;
    kept["access"].as_str().map(str::to_owned)
}
