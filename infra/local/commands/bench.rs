//! `counterfoil bench`: how many runs a second this machine makes, and what they cost.
//!
//! The work is the real one (sockets, a file that waits for the disk, JavaScript); only the account's limits are
//! taken away, since they, not the machine, are what a real account waits for.

mod timed;
mod unlimited;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::domain::connection::Provider;
use counterfoil::domain::ids::EventKey;
use counterfoil::domain::run::Status;
use counterfoil::domain::time::Stamp;
use counterfoil::expression::{Scope, Script};
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::stack::Times;
use counterfoil::flow::unpolled::unpolled_triggers;
use counterfoil::flow::{Stack, file, keep, lifecycle};
use counterfoil::ports::Ports;
use counterfoil::ports::clock::Clock as _;
use counterfoil::ports::connector::{Catalog, Connector};
use counterfoil::ports::http::Http;
use counterfoil::ports::random::random_uuid;
use counterfoil::ports::table::Table;
use counterfoil::runtime::engine;
use counterfoil::runtime::local_machine::Machine;
use counterfoil::runtime::local_stack::{self, LocalStack};
use counterfoil::runtime::system_clock::SystemClock;
use counterfoil::runtime::system_random::SystemRandom;
use counterfoil_sandbox::Provider as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::{Value, json};

use self::timed::Timed;
use self::unlimited::Unlimited;
use crate::output;
use crate::stand_ins::{Shape, StandIns};
use crate::watch::until_quiet;

const FLOW: &str = include_str!("bench/bench.yaml");
const FLOW_FILE: &str = "bench.yaml";
/// What the flow's JavaScript step does, for measuring it alone.
const JAVASCRIPT: &str = "return { due: date(record.date).plus({ days: 20 }).toString(), \
                          lines: record.lines.map((line) => ({ ...line, text: line.text.toUpperCase() })) }";
const JAVASCRIPT_TIMES: u32 = 200;
/// Put on the queue at once.
const AT_ONCE: usize = 64;
/// A run that takes longer than this has failed.
const LONGEST: Duration = Duration::from_millis(250);
/// A third of what two cores make; an optimized build that falls below it has become slow.
const FEWEST_RUNS_PER_SECOND: f64 = 300.0;
/// Two bulk calls for each batch of 200 runs, and what their recovery or a straggler may cost.
const MOST_CALLS_PER_RUN: f64 = 0.1;
/// A run without link, order and memory: its effects and its end, and its share of the calls' four.
const MOST_WRITES_PER_RUN: f64 = 4.0;

/// Measure runs a second, calls and writes, against a stand-in without limits
///
/// Each run has one JavaScript step, one contact and one invoice. Exits 1 where a ceiling or a floor is not kept; what a
/// debug build does in a second is no measure.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  counterfoil bench\n  counterfoil bench --runs 10000 --json")]
pub(crate) struct Bench {
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 1000)]
    runs: usize,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What was measured: the document of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    /// What isn't as it should be.
    problems: Vec<String>,
    runs: usize,
    succeeded: usize,
    seconds: f64,
    runs_per_second: f64,
    xero_calls: u64,
    calls_per_run: f64,
    table_writes: u64,
    writes_per_run: f64,
    profile: Profile,
    /// `release`, or `debug`, which is no measure.
    build: &'static str,
}

/// Where the time went. HTTP and table overlap with everything else: their sum may be more than the whole.
#[derive(Debug, Serialize)]
struct Profile {
    http_calls: u64,
    http_milliseconds: f64,
    table_reads: u64,
    table_transactions: u64,
    table_milliseconds: f64,
    /// Of the JavaScript step alone, for all runs, measured apart.
    javascript_milliseconds: f64,
}

impl Bench {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        let stand_ins = StandIns::start(Shape { seed: 1, without_limits: true, ..Shape::default() }).await?;
        let directory = Directory::new();
        let report = self.measure(&stand_ins, &directory).await?;
        match self.json {
            true => output::document(&report)?,
            false => show(&report),
        }
        if report.build == "debug" {
            output::note("this is a debug build: its figures are no measure");
        }
        Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn measure(&self, stand_ins: &StandIns, directory: &Directory) -> anyhow::Result<Report> {
        let opened = local_stack::open(&directory.0)?;
        let (http, table) =
            (Timed::new(opened.stack.ports.http.clone()), Timed::new(opened.stack.ports.table.clone()));
        let local = LocalStack { stack: without_limits(&opened.stack, &http, &table), ..opened };
        stand_ins.connect(&local.stack).await?;
        enqueue(&local.stack, self.runs).await?;

        let bar = output::progress(self.runs as u64, "runs");
        let counts = local.counted.counts();
        let calls = stand_ins.sandbox.xero.harness().counters.total();
        let (http_before, table_before) = (http.spent(), table.spent());
        let began = SystemClock.now();
        let machine = Machine::start(&local);
        let at_most =
            Duration::from_secs(60) + LONGEST.saturating_mul(u32::try_from(self.runs).unwrap_or(u32::MAX));
        let ledger = stand_ins.sandbox.xero.ledger();
        let position = || bar.set_position(ledger.count_invoices() as u64);
        let quiet = until_quiet(&local, at_most, position).await?;
        let seconds = SystemClock.now().duration_since(began).as_secs_f64();
        machine.stop().await;
        bar.finish_and_clear();

        let counted = local.counted.counts().since(&counts);
        let xero_calls = stand_ins.sandbox.xero.harness().counters.total() - calls;
        let search =
            Search { statuses: vec![Status::Succeeded], limit: self.runs.max(1), ..Search::default() };
        let succeeded = look::runs(&local.stack, &search).await?.len();
        let per_run = |count: u64| rounded(count as f64 / self.runs.max(1) as f64);
        let mut problems = ledger.duplicates();
        if !quiet || succeeded != self.runs {
            problems.push(format!("{succeeded} of {} runs succeeded in {at_most:?}", self.runs));
        }
        let pace = succeeded as f64 / seconds;
        if pace < FEWEST_RUNS_PER_SECOND && !cfg!(debug_assertions) {
            problems.push(format!("fewer than {FEWEST_RUNS_PER_SECOND} runs a second"));
        }
        if per_run(xero_calls) > MOST_CALLS_PER_RUN {
            problems.push(format!("more than {MOST_CALLS_PER_RUN} calls a run"));
        }
        if per_run(counted.writes) > MOST_WRITES_PER_RUN {
            problems.push(format!("more than {MOST_WRITES_PER_RUN} table writes a run"));
        }
        Ok(Report {
            ok: problems.is_empty(),
            problems,
            runs: self.runs,
            succeeded,
            seconds: rounded(seconds),
            runs_per_second: rounded(pace),
            xero_calls,
            calls_per_run: per_run(xero_calls),
            table_writes: counted.writes,
            writes_per_run: per_run(counted.writes),
            profile: Profile {
                http_calls: http.spent().0 - http_before.0,
                http_milliseconds: rounded(http.spent().1 - http_before.1),
                table_reads: counted.gets + counted.queries,
                table_transactions: counted.transactions,
                table_milliseconds: rounded(table.spent().1 - table_before.1),
                javascript_milliseconds: rounded(javascript(&local.stack)? * self.runs as f64),
            },
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
        })
    }
}

/// The same ports, with a watch on two of them, and the same connectors without their ceilings.
fn without_limits(stack: &Stack, http: &Timed<dyn Http>, table: &Timed<dyn Table>) -> Stack {
    let ports = Ports { http: Arc::new(http.clone()), table: Arc::new(table.clone()), ..stack.ports.clone() };
    let connectors = [Provider::Salesforce, Provider::Xero].into_iter();
    let connectors = connectors.filter_map(|provider| stack.catalog.connector(provider).cloned());
    let unlimited = connectors.map(|connector| Arc::new(Unlimited(connector)) as Arc<dyn Connector>);
    let catalog = Catalog::new(unlimited.collect(), unpolled_triggers());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Stack::new(ports, catalog, engine::engine(), cores, Times::default(), "counterfoil")
}

async fn enqueue(stack: &Stack, runs: usize) -> anyhow::Result<()> {
    let none = |name: &str| Err(format!("{name} is not part of the benchmark"));
    let flow = file::read(FLOW, FLOW_FILE, &stack.catalog, &none).map_err(|problems| {
        anyhow::anyhow!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    lifecycle::push(stack, &flow.name, FLOW_FILE, FLOW, BTreeMap::new()).await?;
    let head = lifecycle::enable(stack, &flow.name).await?;
    let now = stack.now();
    let starts = (0..runs).map(|number| {
        keep::start(stack, &head, "manual", EventKey::new(number.to_string()), now, record(number))
    });
    let started: Result<Vec<_>, _> =
        futures::stream::iter(starts).buffer_unordered(AT_ONCE).try_collect().await;
    started?;
    Ok(())
}

fn record(number: usize) -> Value {
    let line = |place: usize| json!({"text": format!("Line {place} as quoted"), "quantity": place + 1, "price": "19.95"});
    json!({"customer": format!("C-{number:06}"), "name": format!("Customer {number}"), "date": "2026-11-22",
        "lines": (0..3).map(line).collect::<Vec<_>>()})
}

/// Milliseconds of the JavaScript step, once.
fn javascript(stack: &Stack) -> anyhow::Result<f64> {
    let script = Script::compile(JAVASCRIPT)?;
    let scope = Scope::new(Stamp::parse("2026-11-22T10:00:00Z")?).with("record", record(1));
    script.run(&scope, &stack.engine)?;
    let began = SystemClock.now();
    for _ in 0..JAVASCRIPT_TIMES {
        script.run(&scope, &stack.engine)?;
    }
    Ok(SystemClock.now().duration_since(began).as_secs_f64() * 1000.0 / f64::from(JAVASCRIPT_TIMES))
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

fn show(report: &Report) {
    let profile = &report.profile;
    for line in [
        format!("{} of {} runs succeeded in {} s", report.succeeded, report.runs, report.seconds),
        format!("{} runs a second", report.runs_per_second),
        format!("{} calls to Xero, {} a run", report.xero_calls, report.calls_per_run),
        format!("{} table writes, {} a run", report.table_writes, report.writes_per_run),
        format!("HTTP        {:>10} ms in {} calls", profile.http_milliseconds, profile.http_calls),
        format!(
            "table       {:>10} ms in {} reads and {} transactions",
            profile.table_milliseconds, profile.table_reads, profile.table_transactions
        ),
        format!("JavaScript  {:>10} ms", profile.javascript_milliseconds),
        "(what is done at once is counted at once: the sum may be more than the whole)".to_owned(),
    ] {
        output::line(line);
    }
    for problem in &report.problems {
        output::note(format!("not as it should be: {problem}"));
    }
}

/// A directory of our own, gone at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("counterfoil-bench-{}", random_uuid(&SystemRandom).simple())))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, directory = %self.0.display(), "the benchmark's directory was left behind");
        }
    }
}
