//! `counterfoil demo`: stand-ins and a local stack in one process; deals are won, and each becomes an invoice.
//!
//! Nothing here is only the demo's: it connects, pushes, enables and looks as people do, over real sockets, with the
//! machine of `counterfoil up`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use counterfoil::domain::Value;
use counterfoil::domain::run::Status;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{Stack, file, lifecycle};
use counterfoil::ports::clock::Clock as _;
use counterfoil::runtime::local_machine;
use counterfoil::runtime::local_stack::{self, LocalStack};
use counterfoil::runtime::system_clock::SystemClock;
use counterfoil_sandbox::Provider as _;
use counterfoil_sandbox::salesforce::Amounts;
use serde::Serialize;
use serde_json::json;

use crate::output;
use crate::stand_ins::{Shape, StandIns};
use crate::watch::until_quiet;
use crate::whole::Whole;

const FLOW: &str = include_str!("../../../flows/won-opportunity-to-invoice.yaml");
const FLOW_FILE: &str = "won-opportunity-to-invoice.yaml";
/// So many runs are looked at.
const ALL: usize = 1_000_000;
/// So long the demo waits at the most, and so much longer for each run.
const PATIENCE: Duration = Duration::from_secs(90);
const A_RUN: Duration = Duration::from_millis(250);

const EXAMPLES: &str = "\
Examples:
  counterfoil demo
  counterfoil demo --opportunities 1000 --won 1000
  counterfoil demo --json

One more Opportunity is won whose product the books don't know: Xero refuses its invoice, and the demo shows where that
is seen. Exits 0 only if all is as it should be. Everything is made in a temporary directory and gone at the end.";

/// Try everything without an account: Opportunities are won, invoices appear
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// How many Opportunities there are
    #[arg(long, value_name = "N", default_value_t = 40)]
    opportunities: usize,
    /// How many of them are won
    #[arg(long, value_name = "N", default_value_t = 25)]
    won: usize,
    /// The same number makes the same org and the same books
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What came of it: the document of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    /// What isn't as it should be.
    problems: Vec<String>,
    invoices_created: usize,
    contacts_created: usize,
    duplicates: usize,
    xero_calls: u64,
    salesforce_calls: u64,
    http_429: u64,
    runs: BTreeMap<Status, usize>,
    failures: Vec<Refused>,
    outcomes: Vec<Outcome>,
    seconds: f64,
}

/// A run that failed, where its owner would find it.
#[derive(Debug, Serialize)]
struct Refused {
    run: String,
    flow: String,
    record: String,
    step: String,
    code: String,
    message: String,
    rerun: String,
}

/// What became of a deal that was won.
#[derive(Debug, Serialize)]
struct Outcome {
    opportunity: String,
    name: String,
    account: String,
    status: Option<Status>,
    invoice: Option<String>,
    total: Option<String>,
}

/// A deal that was won.
struct Won {
    id: String,
    account: String,
}

impl Demo {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        if self.won > self.opportunities {
            let error = clap::Error::raw(
                clap::error::ErrorKind::ValueValidation,
                format!("--won {} is more than --opportunities {}\n", self.won, self.opportunities),
            );
            error.with_cmd(&crate::cli::Cli::command()).exit();
        }
        let began = SystemClock.now();
        let stand_ins = StandIns::start(Shape { seed: self.seed, ..Shape::default() }).await?;
        let amounts = Amounts {
            seed: Some(self.seed),
            accounts: self.opportunities.div_ceil(2),
            opportunities: self.opportunities,
            won: 0,
            ..Amounts::default()
        };
        let seeded = stand_ins.fill(&amounts)?;
        let refused = unknown_product(&stand_ins);
        let local = local_stack::temporary()?;
        stand_ins.connect(&local.stack).await?;
        go_live(&local.stack).await?;
        let whole = Whole::start(&local, 0).await?;
        output::note(format!(
            "an org with {} Opportunities and an empty set of books; {} are won, and one that Xero will refuse",
            self.opportunities + 1,
            self.won,
        ));

        // Stamps have whole seconds, and the flow is live from a second on: what happens next is later.
        stand_ins.sandbox.clock.advance_seconds(3);
        let won = win(&stand_ins, seeded.opportunities.iter().take(self.won), &refused);
        stand_ins.sandbox.clock.advance_seconds(3);
        local_machine::wake_all(&local.stack, "demo").await?;
        let runs = ended(&local, &stand_ins, won.len()).await?;
        whole.stop().await?;

        let seconds = SystemClock.now().duration_since(began).as_secs_f64();
        let report = report(&stand_ins, &won, &refused, &runs, seconds);
        match self.json {
            true => output::document(&report)?,
            false => show(&report),
        }
        for problem in &report.problems {
            output::note(format!("not as it should be: {problem}"));
        }
        Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One more deal, not yet won, whose product has no item in the books.
fn unknown_product(stand_ins: &StandIns) -> String {
    let salesforce = &stand_ins.sandbox.salesforce;
    let account =
        salesforce.insert("Account", json!({"Name": "Refused & Sons", "BillingCountry": "New Zealand"}));
    let product = salesforce.insert(
        "Product2",
        json!({"Name": "Time machine", "ProductCode": "TIME-MACHINE", "Family": "Hardware", "IsActive": true}),
    );
    let deal = json!({"Name": "Deal that Xero refuses", "AccountId": account, "StageName": "Prospecting",
        "CloseDate": SystemClock.now().strftime("%Y-%m-%d").to_string()});
    let deal = salesforce.insert("Opportunity", deal);
    let line = json!({"OpportunityId": deal, "Product2Id": product, "Quantity": 1, "UnitPrice": "88.88",
        "Description": "One time machine"});
    salesforce.insert("OpportunityLineItem", line);
    deal
}

/// `counterfoil flow push` and `flow enable`.
async fn go_live(stack: &Stack) -> anyhow::Result<()> {
    let none = |name: &str| Err(format!("{name} is not part of the demo"));
    let flow = file::read(FLOW, FLOW_FILE, &stack.catalog, &none).map_err(|problems| {
        anyhow::anyhow!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    lifecycle::push(stack, &flow.name, FLOW_FILE, FLOW, BTreeMap::new()).await?;
    lifecycle::enable(stack, &flow.name).await?;
    Ok(())
}

/// A person at the stand-in drags the deals to *Closed Won*.
fn win<'a>(stand_ins: &StandIns, deals: impl Iterator<Item = &'a String>, refused: &'a String) -> Vec<Won> {
    let salesforce = &stand_ins.sandbox.salesforce;
    let deals = deals.chain([refused]).map(|id| {
        salesforce.update("Opportunity", id, json!({"StageName": "Closed Won"}));
        let deal = salesforce.get("Opportunity", id).unwrap_or_default();
        Won { id: id.clone(), account: text(&deal, "AccountId") }
    });
    deals.collect()
}

/// Waits until the polls and runs have come to an end, and gives all runs.
async fn ended(local: &LocalStack, stand_ins: &StandIns, expected: usize) -> anyhow::Result<Vec<StoredRun>> {
    let bar = output::progress(expected as u64, "invoices");
    let ledger = stand_ins.sandbox.xero.ledger();
    let at_most = PATIENCE + A_RUN.saturating_mul(u32::try_from(expected).unwrap_or(u32::MAX));
    // Not in time: the report says which runs haven't ended.
    until_quiet(local, at_most, || bar.set_position(ledger.count_invoices() as u64)).await?;
    bar.finish_and_clear();
    Ok(look::runs(&local.stack, &Search { limit: ALL, ..Search::default() }).await?)
}

fn report(stand_ins: &StandIns, won: &[Won], refused: &str, runs: &[StoredRun], seconds: f64) -> Report {
    let (salesforce, xero) = (&stand_ins.sandbox.salesforce, &stand_ins.sandbox.xero);
    let ledger = xero.ledger();
    let mut by_status = BTreeMap::new();
    for run in runs {
        *by_status.entry(run.row.status).or_default() += 1;
    }
    let calls =
        |harness: &counterfoil_sandbox::Harness| (harness.counters.total(), harness.counters.count_429());
    let ((salesforce_calls, salesforce_429), (xero_calls, xero_429)) =
        (calls(salesforce.harness()), calls(xero.harness()));
    let mut report = Report {
        ok: true,
        problems: Vec::new(),
        invoices_created: ledger.count_invoices(),
        contacts_created: ledger.count_contacts(),
        duplicates: ledger.duplicates().len(),
        xero_calls,
        salesforce_calls,
        http_429: salesforce_429 + xero_429,
        runs: by_status,
        failures: runs.iter().filter(|run| run.row.status == Status::Failed).map(failure).collect(),
        outcomes: outcomes(stand_ins, won, runs),
        seconds,
    };
    report.problems = problems(stand_ins, &report, won, refused);
    report.ok = report.problems.is_empty();
    report
}

fn failure(run: &StoredRun) -> Refused {
    let row = &run.row;
    let failure = row.failure.clone();
    let (code, message) = failure.map(|failure| (failure.code, failure.message)).unwrap_or_default();
    Refused {
        run: row.message.run.to_string(),
        flow: row.flow_name.clone(),
        record: row.record().map(|(_, record)| record.to_string()).unwrap_or_default(),
        step: row.at_step.clone().unwrap_or_default(),
        code,
        message,
        rerun: format!("counterfoil run rerun {}", row.message.run),
    }
}

fn outcomes(stand_ins: &StandIns, won: &[Won], runs: &[StoredRun]) -> Vec<Outcome> {
    let salesforce = &stand_ins.sandbox.salesforce;
    let invoices = stand_ins.sandbox.xero.ledger().invoices_as_json();
    let by_number: BTreeMap<String, &Value> =
        invoices.iter().map(|invoice| (text(invoice, "InvoiceNumber"), invoice)).collect();
    let by_record: BTreeMap<&str, &StoredRun> =
        runs.iter().filter_map(|run| Some((run.row.record()?.1.as_str(), run))).collect();
    let outcome = |deal: &Won| {
        let record = salesforce.get("Opportunity", &deal.id).unwrap_or_default();
        let account = salesforce.get("Account", &deal.account).unwrap_or_default();
        let number = Some(text(&record, "Xero_Invoice__c")).filter(|number| !number.is_empty());
        let invoice = number.as_ref().and_then(|number| by_number.get(number));
        Outcome {
            opportunity: deal.id.clone(),
            name: text(&record, "Name"),
            account: text(&account, "Name"),
            status: by_record.get(deal.id.as_str()).map(|run| run.row.status),
            total: invoice.map(|invoice| text(invoice, "Total")),
            invoice: number,
        }
    };
    won.iter().map(outcome).collect()
}

/// All that should be, and isn't.
fn problems(stand_ins: &StandIns, report: &Report, won: &[Won], refused: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |what: &str, is: usize, should: usize| {
        if is != should {
            problems.push(format!("{what}: {is} instead of {should}"));
        }
    };
    let accounts: BTreeSet<_> = won.iter().map(|deal| &deal.account).collect();
    let taken = won.len() - 1;
    check("invoices created", report.invoices_created, taken);
    check("contacts created", report.contacts_created, accounts.len());
    check("duplicates", report.duplicates, 0);
    check("answers with status 429", usize::try_from(report.http_429).unwrap_or(usize::MAX), 0);
    check("runs that succeeded", report.runs.get(&Status::Succeeded).copied().unwrap_or(0), taken);
    check("runs that failed", report.failures.len(), 1);
    check("runs", report.runs.values().sum(), won.len());
    let written = report.outcomes.iter().filter(|outcome| outcome.invoice.is_some()).count();
    check("invoice numbers written back", written, taken);
    if let Some(failure) =
        report.failures.iter().find(|failure| failure.record != refused || failure.step != "invoice")
    {
        problems
            .push(format!("the run of {} failed at `{}`: {}", failure.record, failure.step, failure.message));
    }
    problems.extend(stand_ins.sandbox.salesforce.invariants());
    problems.extend(stand_ins.sandbox.xero.invariants());
    problems
}

fn show(report: &Report) {
    let rows: Vec<Vec<String>> = report.outcomes.iter().map(row).collect();
    output::table(&["Opportunity", "Account", "Run", "Invoice", "Total"], &rows);
    output::line("");
    for failure in &report.failures {
        output::line(format!(
            "{} failed at `{}` ({}): {}\n  again, when it is mended: {}",
            failure.record, failure.step, failure.code, failure.message, failure.rerun
        ));
    }
    output::line(format!(
        "{} invoices, {} contacts, {} duplicates; {} calls to Xero, {} to Salesforce, {} refused for a limit; {:.1} s",
        report.invoices_created,
        report.contacts_created,
        report.duplicates,
        report.xero_calls,
        report.salesforce_calls,
        report.http_429,
        report.seconds,
    ));
}

fn row(outcome: &Outcome) -> Vec<String> {
    vec![
        outcome.name.clone(),
        outcome.account.clone(),
        outcome.status.map_or("no run", Status::as_str).to_owned(),
        outcome.invoice.clone().unwrap_or_default(),
        outcome.total.clone().unwrap_or_default(),
    ]
}

/// A field's text; a number's digits.
fn text(record: &Value, field: &str) -> String {
    match &record[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
