//! The command line of flows, runs and links, as scripts use it: the built program, its exit codes, its JSON.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop at what it didn't expect; the clock is the sandbox's"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connections::client_secret_name;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::{local_stack, pump};
use counterfoil_sandbox::{Fault, FaultKind, Sandbox, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};

/// A data directory, and the program that looks into it.
struct CommandLine {
    directory: tempfile::TempDir,
}

impl CommandLine {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command.args(words).current_dir(self.directory.path());
        command.env("COUNTERFOIL_DATA", self.data()).env("RUST_LOG", "error");
        command
    }

    fn says(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What it says when all went well.
    fn text(&self, words: &[&str]) -> String {
        let output = self.says(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", both(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let text = self.text(words);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
    }

    /// What it says when it failed.
    fn refusal(&self, words: &[&str]) -> String {
        let output = self.says(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", both(&output));
        both(&output)
    }
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows").join(name)
}

/// A stand-in org and stand-in books on loopback, connected as `crm` and `books`.
async fn connected(line: &CommandLine) -> Arc<Sandbox> {
    let sandbox = Arc::new(Sandbox::new(Settings::new(Arc::new(jiff::Timestamp::now))));
    sandbox.salesforce.add_field("Opportunity", "Xero_Invoice__c: string(50)").unwrap();
    let local = local_stack::open(&line.data()).unwrap();
    let tenant = sandbox.xero.ledger().tenant_id().to_string();
    let user = sandbox.salesforce.integration_user();
    for (id, provider, router, account, own_user, client) in [
        ("crm", Provider::Salesforce, sandbox.salesforce_router(), "00D".to_owned(), user, "sandbox-client"),
        (
            "books",
            Provider::Xero,
            sandbox.xero_router(),
            tenant,
            "sandbox-client".to_owned(),
            "sandbox-client",
        ),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let scopes = ["accounting.contacts", "accounting.invoices", "accounting.settings"];
        let connection = Connection {
            id: ConnectionId::from(id),
            provider,
            grant: GrantKind::ClientCredentials,
            consent: None,
            credentials: None,
            client_id: client.into(),
            login_url: url.clone(),
            api_url: url,
            account,
            title: id.into(),
            own_user,
            username: None,
            scopes: if id == "books" { scopes.map(str::to_owned).to_vec() } else { Vec::new() },
            daily_limit: None,
            granted_scopes: Vec::new(),
            connected_at: None,
            remote_id: None,
            state: ConnectionState::Active,
        };
        let secret = SecretString::from("sandbox-secret");
        local.stack.ports.vault.write(&client_secret_name(&connection.grant_id()), secret).await.unwrap();
        local.stack.connections.save(&connection).await.unwrap();
    }
    sandbox
}

/// A won Opportunity with one line.
fn won(sandbox: &Sandbox) -> String {
    let org = &sandbox.salesforce;
    sandbox.xero.ledger().add_item("DESK", "Desk", rust_decimal::Decimal::ONE_HUNDRED, "200");
    let account =
        org.insert("Account", json!({"Name": "Acme Ltd", "BillingCountry": "NZ", "Phone": "09 555 0123"}));
    let product =
        org.insert("Product2", json!({"Name": "Desk", "ProductCode": "DESK", "Family": "Hardware"}));
    let deal =
        json!({"Name": "Desks", "StageName": "Closed Won", "CloseDate": "2026-11-20", "AccountId": account});
    let deal = org.insert("Opportunity", deal);
    org.insert(
        "OpportunityLineItem",
        json!({"OpportunityId": deal, "Product2Id": product, "Quantity": 2, "UnitPrice": 100.50, "Description": "Desk"}),
    );
    deal
}

const MANUAL: &str = "flow: month-end\ntrigger: { type: manual }\nsteps:\n  - id: words\n    set: { month: '{{ record.month }}' }\n";

#[test]
fn a_good_file_is_good_and_a_slip_is_named_with_its_line_and_what_was_meant() {
    let line = CommandLine::new();
    for name in ["won-opportunity-to-invoice.yaml", "account-to-contact.yaml", "webhook-to-task.yaml"] {
        let file = shipped(name).display().to_string();
        assert_eq!(line.json(&["flow", "check", &file, "--json"])["good"], true);
    }
    let text = std::fs::read_to_string(shipped("won-opportunity-to-invoice.yaml")).unwrap();
    let at = text.lines().position(|line| line.contains("xero.create_invoice")).unwrap() + 1;
    let file = line.file("slip.yaml", &text.replace("xero.create_invoice", "xero.create_invoyce"));
    let said = line.refusal(&["flow", "check", &file]);
    assert!(said.contains(&format!("slip.yaml:{at}:")), "{said}");
    assert!(
        said.contains("unknown_action") && said.contains("(did you mean xero.create_invoice?)"),
        "{said}"
    );
    assert!(line.refusal(&["flow", "push", &file]).contains("nothing was pushed"));
    assert!(!line.data().exists(), "nothing was made for a file that isn't good");
}

#[test]
fn the_schema_is_a_schema_and_takes_a_flow_that_ships() {
    let line = CommandLine::new();
    let schema = line.json(&["flow", "schema"]);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    assert!(schema.is_valid(&json!({"flow": "x", "trigger": {"type": "manual"}, "steps": [{"stop": true}]})));
    assert!(!schema.is_valid(
        &json!({"flow": "x", "trigger": {"type": "manual"}, "steps": [{"action": "xero.create_invoyce"}]})
    ));
}

#[test]
fn the_catalog_has_an_input_schema_an_effect_and_an_example_for_everything() {
    let line = CommandLine::new();
    let catalog = line.json(&["catalog", "--json"]);
    let actions = catalog["actions"].as_array().unwrap();
    assert!(
        actions.iter().any(|action| action["id"] == "xero.create_invoice" && action["effect"] == "create")
    );
    for action in actions {
        jsonschema::draft202012::meta::validate(&action["input"]).unwrap();
        assert!(action["example"].as_str().unwrap().contains(action["id"].as_str().unwrap()));
    }
    let triggers = catalog["triggers"].as_array().unwrap();
    assert!(triggers.len() >= 14 && triggers.iter().all(|trigger| trigger["options"].is_object()));
    for id in ["http.webhook", "http.poll", "schedule", "manual", "salesforce.deleted_record"] {
        assert!(triggers.iter().any(|trigger| trigger["id"] == id), "{id}");
    }
    assert!(line.text(&["catalog"]).contains("salesforce.updated_record"));
}

#[test]
fn a_flow_is_made_from_an_example_tried_without_an_account_and_never_overwritten() {
    let line = CommandLine::new();
    line.text(&["flow", "new", "mine"]);
    line.text(&["flow", "check", "mine.yaml"]);
    assert!(line.refusal(&["flow", "new", "mine"]).contains("cannot_write"));
    let event = shipped("events/won-opportunity-to-invoice.json").display().to_string();
    let tried = line.json(&["flow", "test", "mine.yaml", "--event", &event, "--dry-run", "--json"]);
    assert_eq!(tried["status"], "succeeded");
    let invoice = tried["steps"].as_array().unwrap().iter().find(|step| step["step"] == "invoice").unwrap();
    assert_eq!(invoice["became"], "not_planned");
    assert_eq!(invoice["input"]["LineItems"][0]["UnitAmount"].to_string(), "349.95");
    assert!(!line.data().exists(), "a trial leaves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manual_flow_is_pushed_enabled_fired_and_its_run_shown() {
    let line = CommandLine::new();
    let file = line.file("month-end.yaml", MANUAL);
    assert_eq!(line.json(&["flow", "push", &file, "--json"])["pushed"][0]["version"], 1);
    assert_eq!(line.json(&["flow", "push", &file, "--json"])["pushed"][0]["unchanged"], true);
    assert!(line.refusal(&["flow", "run", "month-end"]).starts_with("flow_disabled: "));
    line.text(&["flow", "enable", "month-end"]);
    let key = "6f0d8f0e-9f0a-4b57-8f2e-0a52c1f6f001";
    let fire = ["flow", "run", "month-end", "--with", "{\"month\": \"2026-01\"}", "--key", key, "--json"];
    let run = line.json(&fire)["run"].as_str().unwrap().to_owned();
    assert_eq!(line.json(&fire)["run"], run.as_str(), "the same key is the same run");
    let stack = local_stack::join(&line.data()).unwrap().stack;
    while pump::runs(&stack, QueueName::Runs).await.unwrap() > 0 {}
    let shown = line.json(&["run", "show", &run, "--json"]);
    assert_eq!(shown["status"], "succeeded");
    assert_eq!(shown["event"]["record"]["month"], "2026-01");
    assert_eq!(line.json(&["run", "list", "--since", "1h", "--json"]).as_array().unwrap().len(), 1);
    assert_eq!(line.json(&["failures", "--json"]), json!([]));
    assert_eq!(line.json(&["flow", "status", "month-end", "--json"])["runs"]["succeeded"], 1);
}

#[test]
fn versions_are_kept_and_an_earlier_one_can_be_made_live() {
    let line = CommandLine::new();
    let file = line.file("month-end.yaml", MANUAL);
    line.text(&["flow", "push", &file]);
    line.file("month-end.yaml", &MANUAL.replace("month:", "months:"));
    line.text(&["flow", "push", &file]);
    line.text(&["flow", "rollback", "month-end"]);
    let status = line.json(&["flow", "status", "month-end", "--json"]);
    assert_eq!((&status["live_version"], &status["newest_version"]), (&json!(1), &json!(2)));
    let versions = line.json(&["flow", "versions", "month-end", "--json"]);
    assert_eq!(versions[0]["live"], true);
    assert_eq!(versions[1]["live"], false);
    assert!(line.refusal(&["flow", "rollback", "month-end", "--to", "7"]).starts_with("unknown_version: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polled_flow_goes_live_is_paused_reads_on_and_is_disabled() {
    let line = CommandLine::new();
    let _sandbox = connected(&line).await;
    let file = shipped("won-opportunity-to-invoice.yaml").display().to_string();
    let name = "won-opportunity-to-invoice";
    line.text(&["flow", "push", &file]);
    let state = |of: &str| line.json(&["flow", "status", name, "--json"])[of].clone();
    assert_eq!(state("state"), "disabled");
    assert!(line.refusal(&["flow", "pause", name]).starts_with("flow_disabled: "));
    assert!(
        line.text(&["flow", "enable", name])
            .contains("each Opportunity whose StageName becomes Closed Won of crm, from now on")
    );
    let live_from = state("live_from");
    assert!(live_from.is_string());
    line.text(&["flow", "pause", name]);
    assert_eq!((state("state"), state("paused_at")), (json!("paused"), live_from));
    assert!(line.refusal(&["flow", "enable", name]).starts_with("flow_paused: "));
    line.text(&["flow", "resume", name]);
    assert_eq!(state("state"), "enabled");
    line.text(&["flow", "disable", name]);
    assert_eq!((state("state"), state("live_from")), (json!("disabled"), Value::Null));
    assert_eq!(line.json(&["flow", "list", "--json"])[0]["state"], "disabled");
    assert!(line.refusal(&["flow", "enable", "nobody"]).starts_with("unknown_flow: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enabling_says_first_what_it_comes_to_and_a_dry_run_only_says_it() {
    let line = CommandLine::new();
    let sandbox = connected(&line).await;
    won(&sandbox);
    let name = "won-opportunity-to-invoice";
    line.text(&["flow", "push", &shipped("won-opportunity-to-invoice.yaml").display().to_string()]);
    let said = line.json(&["flow", "enable", name, "--dry-run", "--json"]);
    let flow = &said["flows"][0];
    assert_eq!((&flow["state"], &flow["live_from"]), (&json!("disabled"), &Value::Null));
    let preview = &flow["preview"];
    assert_eq!(preview["fires"], "each Opportunity whose StageName becomes Closed Won");
    assert_eq!((&preview["already"]["count"], &preview["already"]["names"]), (&json!(1), &json!(["Desks"])));
    assert_eq!((&preview["polls"]["a_day"], &preview["missing"]), (&json!(1440), &json!([])));
    assert_eq!(line.json(&["flow", "status", name, "--json"])["state"], "disabled");

    let text = line.text(&["flow", "enable", name]);
    assert!(text.contains("1 (Desks) are so already, and fire only after they have left it"), "{text}");
    assert!(text.contains("looking costs 1440 calls a day"), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("won-opportunity-to-invoice is enabled, live from "), "{last}");
    let status = line.text(&["flow", "status", name]);
    assert!(status.contains("nothing has been read yet"), "{status}");
    assert!(line.text(&["flow", "disable", name]).contains("nothing is queued"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_leaves_a_flow_on_its_way_to_go_on_and_names_those_that_were_not_reached() {
    let line = CommandLine::new();
    let sandbox = connected(&line).await;
    let (name, later) = ("won-opportunity-to-invoice", "by-hand");
    let manual = "flow: by-hand\ntrigger: { type: manual }\nsteps: [{ set: { done: 'yes' } }]\n";
    line.text(&["flow", "push", &shipped("won-opportunity-to-invoice.yaml").display().to_string()]);
    line.text(&["flow", "push", &line.file("by-hand.yaml", manual)]);
    line.text(&["flow", "enable", name, "--dry-run"]);
    let looks = u32::try_from(sandbox.salesforce.calls_to("GET /query")).unwrap();
    // What is read to go live takes a minute, after what is read to say what that comes to and after what time it is.
    let reads = Fault::on("GET", "/query", FaultKind::Delay(60_000)).skip(looks + 1).always();
    sandbox.salesforce.faults().add(reads);

    let mut enable = line.command(&["flow", "enable", name, later, "--json"]);
    let mut child = enable.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = || line.json(&["flow", "status", name, "--json"]);
    while status()["going_live"].is_null() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was on its way");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", both(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["flows"].as_array().unwrap().len(), 1);
    assert_eq!(document["flows"][0]["going_live"]["read"], json!(0));
    let words = both(&output);
    assert!(
        words.contains("stopped: ") && words.contains("`by-hand`") && !words.contains("`won-"),
        "{words}"
    );
    assert_eq!(line.json(&["flow", "status", later, "--json"])["state"], "disabled");
    assert_eq!(status()["going_live"]["read"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_is_started_looked_at_and_stopped_and_the_keeper_does_its_work() {
    let line = CommandLine::new();
    let sandbox = connected(&line).await;
    won(&sandbox);
    // Of an hour ago: stamps have whole seconds, and what is won in the second of going live is the live flow's.
    sandbox.clock.advance_seconds(3_600);
    let name = "won-opportunity-to-invoice";
    line.text(&["flow", "push", &shipped("won-opportunity-to-invoice.yaml").display().to_string()]);
    fn backfill<'a>(words: &[&'a str]) -> Vec<&'a str> {
        [&["flow", "backfill", "won-opportunity-to-invoice"][..], words].concat()
    }
    assert!(line.refusal(&backfill(&["--since", "30d"])).starts_with("flow_disabled: "));
    line.text(&["flow", "enable", name]);
    assert!(line.refusal(&backfill(&[])).starts_with("no_backfill_yet: "));
    assert!(line.refusal(&backfill(&["--stop"])).starts_with("no_backfill_running: "));
    for wrong in [&["--since", "yesterday-ish"][..], &["--since", "30d", "--share", "0"], &["--until", "1d"]]
    {
        assert_eq!(line.says(&backfill(wrong)).status.code(), Some(2), "{wrong:?}");
    }

    let begun = line.json(&backfill(&["--since", "30d", "--json"]));
    assert_eq!(
        (&begun["state"], &begun["queued"], &begun["remaining"]),
        (&json!("running"), &json!(1), &json!(1))
    );
    assert!(line.refusal(&backfill(&["--since", "30d"])).starts_with("backfill_running: "));
    let said = line.says(&backfill(&[]));
    assert!(both(&said).contains("goes on by itself"), "{}", both(&said));
    assert_eq!(line.json(&backfill(&["--stop", "--json"]))["state"], "stopped");
    let stack = local_stack::join(&line.data()).unwrap().stack;
    while pump::runs(&stack, QueueName::RunsBulk).await.unwrap() > 0 {}
    assert_eq!(line.json(&["run", "list", "--json"]), json!([]), "what was queued is dropped");

    line.text(&backfill(&["--since", "30d", "--share", "50"]));
    while pump::runs(&stack, QueueName::RunsBulk).await.unwrap() > 0 {}
    let done = line.json(&backfill(&["--json"]));
    assert_eq!((&done["ended"], &done["remaining"]), (&json!({"succeeded": 1}), &json!(0)));
    assert_eq!(Value::from(sandbox.xero.ledger().invoices_as_json()).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_plans_everything_and_makes_nothing_and_a_live_one_makes_it() {
    let line = CommandLine::new();
    let sandbox = connected(&line).await;
    let deal = won(&sandbox);
    let file = shipped("won-opportunity-to-invoice.yaml").display().to_string();
    let invoices = || Value::from(sandbox.xero.ledger().invoices_as_json()).as_array().unwrap().len();

    let tried = line.json(&["flow", "test", &file, "--record", &deal, "--json"]);
    assert_eq!(tried["status"], "succeeded", "{tried:#}");
    let steps = tried["steps"].as_array().unwrap();
    let invoice = steps.iter().find(|step| step["step"] == "invoice").unwrap();
    assert_eq!((&invoice["became"], &invoice["connection"]), (&json!("planned"), &json!("books")));
    assert_eq!(invoice["operation"]["endpoint"], "xero/invoices.create");
    assert_eq!(invoices(), 0);
    assert_eq!(sandbox.salesforce.get("Opportunity", &deal).unwrap()["Xero_Invoice__c"], Value::Null);
    let newest = line.json(&["flow", "test", &file, "--newest", "--json"]);
    assert_eq!(newest["status"], "succeeded", "{newest:#}");

    assert!(line.refusal(&["flow", "test", &file, "--record", &deal, "--live"]).contains("not_pushed: "));
    line.text(&["flow", "push", &file]);
    let performed = line.json(&["flow", "test", &file, "--record", &deal, "--live", "--json"]);
    assert_eq!(performed["status"], "succeeded", "{performed:#}");
    assert_eq!(invoices(), 1);
    let run = performed["run"].as_str().unwrap();
    let shown = line.json(&["run", "show", run, "--json"]);
    let number = shown["steps"]["invoice"]["output"]["InvoiceNumber"].as_str().unwrap();
    assert_eq!(line.json(&["run", "list", "--document", number, "--json"])[0]["run"], run);

    // Once more, for real: the link knows the invoice.
    line.text(&["flow", "test", &file, "--record", &deal, "--live", "--json"]);
    assert_eq!(invoices(), 1);
    let links = line.json(&["link", "list", "--name", "invoice", "--json"]);
    assert_eq!(links.as_array().unwrap().len(), 1);
    assert_eq!(links[0]["key"], deal.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_come_back_as_they_were_exported_and_a_different_one_is_refused() {
    let line = CommandLine::new();
    let _sandbox = connected(&line).await;
    let rows = "connection,name,key,id\nbooks,invoice,006A,0de5e2a5-0000-4000-8000-000000000001\nbooks,invoice,006B,0de5e2a5-0000-4000-8000-000000000002\n";
    let file = line.file("links.csv", rows);
    assert_eq!(
        line.json(&["link", "import", &file, "--json"]),
        json!({"added": 2, "replaced": 0, "unchanged": 0})
    );
    assert_eq!(line.text(&["link", "export"]), rows);
    assert_eq!(
        line.json(&["link", "import", &file, "--json"]),
        json!({"added": 0, "replaced": 0, "unchanged": 2})
    );
    let lines = line.file("links.jsonl", &line.text(&["link", "export", "--format", "jsonl"]));
    assert_eq!(line.json(&["link", "import", &lines, "--json"])["unchanged"], 2);

    let other = line.file(
        "other.csv",
        "connection,name,key,id\nbooks,invoice,006C,3\nbooks,invoice,006A,9\nnobody,invoice,x,1\n",
    );
    let said = line.refusal(&["link", "import", &other]);
    assert!(
        said.starts_with("links_refused: ") && said.contains("006A is") && said.contains("nobody"),
        "{said}"
    );
    assert_eq!(line.text(&["link", "export"]), rows, "nothing was written");
    let other = line.file("other.csv", "connection,name,key,id\nbooks,invoice,006A,9\n");
    assert_eq!(line.json(&["link", "import", &other, "--replace", "--json"])["replaced"], 1);
    assert!(line.text(&["link", "export"]).contains("books,invoice,006A,9\n"));
}

#[test]
fn what_is_not_there_fails_with_its_code_and_wrong_usage_with_two() {
    let line = CommandLine::new();
    line.text(&["flow", "push", &line.file("month-end.yaml", MANUAL)]);
    let unknown = "6f0d8f0e-9f0a-5b57-8f2e-0a52c1f6f001";
    assert!(line.refusal(&["run", "show", unknown]).starts_with("unknown_run: "));
    assert!(line.refusal(&["run", "show", "INV-0055"]).starts_with("unknown_run: "));
    assert!(line.refusal(&["run", "rerun", unknown]).contains("unknown_run: "));
    assert!(line.refusal(&["flow", "status", "nobody"]).starts_with("unknown_flow: "));
    for wrong in [
        &["run", "list", "--status", "sleeping"][..],
        &["run", "list", "--since", "yesterday-ish"],
        &["run", "resolve", unknown, "--step", "invoice"],
        &["flow", "test", "month-end.yaml"],
        &["flow", "frobnicate"],
    ] {
        assert_eq!(line.says(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
