//! The program as a machine treats it that loses its power, again and again: SIGKILL, and started anew.
//!
//! The stand-ins and the program run twenty times as fast as the clock on the wall, so that limits, leases and waits
//! pass in seconds.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop at what it didn't expect; the pace begins at the machine's time"
)]

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::{Running, code, counterfoil, get, post};
use serde_json::{Value, json};

const KILLS: usize = 50;
const ACCOUNTS: usize = 100;
const OPPORTUNITIES: usize = 500;
/// Won before the first start; the others while it is killed and started, so that each life finds something to do.
const WON_AT_FIRST: usize = 150;
/// In real time, after the last kill.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn killed_at_fifty_random_moments_it_makes_each_of_five_hundred_invoices_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { data: directory.path().join("data"), pace: pace() };
    let mut sandbox = Running::start(place.counterfoil("sandbox --seed 11"));
    let salesforce = address(&sandbox.said("stand-in Salesforce"));
    let xero = address(&sandbox.said("stand-in Xero"));
    let opportunities = deals(&salesforce);
    place.connect(&salesforce, &xero);

    for opportunity in &opportunities[..WON_AT_FIRST] {
        win(&salesforce, opportunity);
    }
    let mut later = opportunities[WON_AT_FIRST..].chunks((OPPORTUNITIES - WON_AT_FIRST).div_ceil(KILLS));
    let mut lives = Vec::new();
    for _ in 0..KILLS {
        later.next().into_iter().flatten().for_each(|opportunity| win(&salesforce, opportunity));
        let life = Duration::from_millis(150 + random() % 1_200);
        let mut up = place.up();
        std::thread::sleep(life);
        up.kill().unwrap();
        let status = up.wait().unwrap();
        assert_eq!(status.code(), None, "it was killed, it did not end by itself: {}", place.log());
        lives.push(life.as_millis());
    }
    println!("lives in milliseconds: {lives:?}");
    println!("invoices after the last kill: {}", invoices(&xero).len());

    let mut up = place.up();
    let began = Instant::now();
    while began.elapsed() < PATIENCE && numbers(&salesforce).len() < OPPORTUNITIES {
        std::thread::sleep(Duration::from_millis(500));
    }
    up.kill().unwrap();
    up.wait().unwrap();

    let numbers = numbers(&salesforce);
    let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for invoice in invoices(&xero) {
        let url = invoice["Url"].as_str().unwrap_or_default();
        // Where the mark has "xero" in it, by chance, there is no link: then the number says whose it is.
        let is_of = |id: &&String| match url {
            "" => numbers.get(*id).map(String::as_str) == invoice["InvoiceNumber"].as_str(),
            url => url.contains(&id[..15]),
        };
        let of = opportunities.iter().find(is_of).cloned();
        made.entry(of.unwrap_or_else(|| invoice.to_string())).or_default().push(invoice);
    }
    let missing: BTreeSet<_> = opportunities.iter().filter(|id| !made.contains_key(*id)).collect();
    assert!(missing.is_empty(), "no invoice for {missing:?}: {}\n{}", place.runs_of(&missing), place.log());
    let twice: BTreeSet<_> = made.iter().filter(|(_, made)| made.len() != 1).map(|(id, _)| id).collect();
    assert!(twice.is_empty(), "more than one for {twice:?}: {}\n{}", place.runs_of(&twice), place.log());
    assert_eq!(made.len(), OPPORTUNITIES, "an invoice of no Opportunity: {:?}", made.keys());
    for (opportunity, invoices) in &made {
        let number = invoices[0]["InvoiceNumber"].as_str();
        assert_eq!(numbers.get(opportunity).map(String::as_str), number, "{opportunity}");
    }
    assert_eq!(body(&get(&xero, "/_sandbox/invariants"))["ok"], true);
    let counters = body(&get(&xero, "/_sandbox/counters"));
    println!("Xero: {} calls, {}", counters["total"], counters["statuses"]);
    drop(sandbox);
}

/// Where everything is kept, and how fast time goes by there.
struct Place {
    data: std::path::PathBuf,
    pace: String,
}

impl Place {
    fn counterfoil(&self, words: &str) -> Command {
        let mut command = counterfoil(&self.data, words);
        command.env("COUNTERFOIL_FAST_CLOCK", &self.pace);
        command
    }

    fn up(&self) -> std::process::Child {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.counterfoil("up --port 0");
        command.env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().unwrap()
    }

    fn log_file(&self) -> std::path::PathBuf {
        self.data.with_extension("log")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What became of the runs of these records.
    fn runs_of(&self, records: &BTreeSet<&String>) -> String {
        let said = self.said("run list --json --limit 1000");
        let runs: Vec<Value> = serde_json::from_str(&said).unwrap();
        let theirs = |run: &&Value| records.iter().any(|record| run["record"] == **record);
        format!("{:#?} of {} runs", runs.iter().filter(theirs).collect::<Vec<_>>(), runs.len())
    }

    fn said(&self, words: &str) -> String {
        let output = self.counterfoil(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Connects both accounts and goes live with the shipped flow.
    fn connect(&self, salesforce: &str, xero: &str) {
        let secret = self.data.with_extension("secret");
        std::fs::write(&secret, "sandbox-secret").unwrap();
        let secret = secret.display();
        let flow = concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/won-opportunity-to-invoice.yaml");
        for words in [
            format!(
                "connection add salesforce --provider salesforce --client-id sandbox-client --login-url http://{salesforce} --api-url http://{salesforce} --secret-file {secret}"
            ),
            format!(
                "connection add xero --provider xero --client-id sandbox-client --login-url http://{xero} --api-url http://{xero} --secret-file {secret}"
            ),
            format!("flow push {flow}"),
            "flow enable won-opportunity-to-invoice".to_owned(),
        ] {
            let output = self.counterfoil(&words).output().unwrap();
            assert_eq!(code(&output), 0, "{words}: {}", program::words(&output));
        }
    }
}

/// Twenty times as fast, from now on.
fn pace() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("20@{}", jiff::Timestamp::from_second(now.as_secs().try_into().unwrap()).unwrap())
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn address(said: &str) -> String {
    said.split_whitespace().next().unwrap_or_default().trim_start_matches("http://").to_owned()
}

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn insert(salesforce: &str, object: &str, fields: &Value) -> String {
    let answer = post(salesforce, &format!("/_sandbox/records/{object}"), &fields.to_string());
    body(&answer)["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Open deals of companies, each with two lines.
fn deals(salesforce: &str) -> Vec<String> {
    let entries = body(&get(salesforce, "/_sandbox/records/PricebookEntry"));
    let entries: Vec<&Value> = entries.as_array().expect("a list").iter().collect();
    let accounts: Vec<String> = (0..ACCOUNTS)
        .map(|n| insert(salesforce, "Account", &json!({ "Name": format!("Company {n:03}") })))
        .collect();
    let deal = |n: usize| {
        let fields = json!({ "Name": format!("Deal {n:03}"), "AccountId": accounts[n % ACCOUNTS],
            "StageName": "Prospecting", "CloseDate": "2026-11-30" });
        let opportunity = insert(salesforce, "Opportunity", &fields);
        for line in 0..2 {
            let entry = entries[(n + line) % entries.len()];
            let fields = json!({ "OpportunityId": opportunity, "PricebookEntryId": entry["Id"],
                "Quantity": 1 + line, "UnitPrice": entry["UnitPrice"], "Description": "As agreed" });
            insert(salesforce, "OpportunityLineItem", &fields);
        }
        opportunity
    };
    (0..OPPORTUNITIES).map(deal).collect()
}

fn win(salesforce: &str, opportunity: &str) {
    let fields = r#"{"StageName":"Closed Won"}"#;
    let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", fields.len());
    let path = format!("PATCH /_sandbox/records/Opportunity/{opportunity}");
    let answer = program::ask(salesforce, &path, &head, fields);
    assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
}

/// The invoices that the program made.
fn invoices(xero: &str) -> Vec<Value> {
    let state = body(&get(xero, "/_sandbox/state"));
    let all = state[0]["invoices"].as_array().expect("a list").clone();
    let is_marked = |invoice: &Value| {
        invoice.get("Url").is_some()
            || invoice["Reference"].as_str().is_some_and(|reference| reference.contains("cf:"))
    };
    all.into_iter().filter(is_marked).collect()
}

/// What came back: the invoice's number by Opportunity.
fn numbers(salesforce: &str) -> BTreeMap<String, String> {
    let opportunities = body(&get(salesforce, "/_sandbox/records/Opportunity"));
    let opportunities = opportunities.as_array().expect("a list").iter();
    let number = |one: &Value| {
        let number = one["Xero_Invoice__c"].as_str().filter(|number| !number.is_empty())?.to_owned();
        Some((one["Id"].as_str()?.to_owned(), number))
    };
    opportunities.filter_map(number).collect()
}
