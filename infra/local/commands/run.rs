//! `counterfoil run` and `counterfoil failures`: what became of each event, and what a person does about it.

use std::path::PathBuf;
use std::process::ExitCode;

use counterfoil::domain::Value;
use counterfoil::domain::ids::RunId;
use counterfoil::domain::outcome::Failure;
use counterfoil::domain::run::{Status, StepState};
use counterfoil::flow::Stack;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::rerun::{self, Again};
use counterfoil::flow::rows::StoredRun;
use serde_json::json;

use super::flow::event_in;
use crate::output;
use crate::place::Place;
use crate::since::{Since, when};

const EXAMPLES: &str = "\
Examples:
  counterfoil run list --flow won-opportunity-to-invoice --since 2h
  counterfoil run list --document INV-0055
  counterfoil run list --text Acme --since 2026-01-15
  counterfoil run show 6f0d8f0e-9f0a-5b57-8f2e-0a52c1f6f001
  counterfoil run rerun 6f0d8f0e-9f0a-5b57-8f2e-0a52c1f6f001 --refresh
  counterfoil run rerun --code needs_reconnect
  counterfoil run resolve 6f0d8f0e-9f0a-5b57-8f2e-0a52c1f6f001 --step invoice --made INV-0055";

/// Runs: what became of each event
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Shows runs, the newest first
    List {
        /// Only of these statuses: running, waiting, parked, succeeded, skipped, incomplete, failed, in_doubt, cancelled
        #[arg(long, value_name = "STATUS", value_delimiter = ',')]
        status: Vec<Status>,
        #[command(flatten)]
        which: Which,
    },
    /// Shows one run: its event, what each step did, and what to do next
    Show {
        id: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Runs again, with the flow as it is live now; documents that were made are not made again
    Rerun(Rerun),
    /// Decides a doubt: the document was made, or it was not; the run goes on
    #[command(group = clap::ArgGroup::new("decision").required(true).args(["made", "not_made"]))]
    Resolve {
        id: String,
        /// The step that is in doubt
        #[arg(long)]
        step: String,
        /// It was made: the document's id or number
        #[arg(long, value_name = "DOC")]
        made: Option<String>,
        /// It was not made, and is made now
        #[arg(long)]
        not_made: bool,
    },
    /// Ends a run that waits
    Cancel { id: String },
    /// Takes a run that needs nothing more off the failures
    Ignore {
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Only of this flow
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only of this record, by its id at its provider
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Only those that made this document, by its id or number
    #[arg(long, value_name = "NO")]
    document: Option<String>,
    /// Only those with this text in the record or the results
    #[arg(long)]
    text: Option<String>,
    /// Only those that began after: 2h, 3d, 2026-01-15, 2026-01-15T03:20:11Z
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<Since>,
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Rerun {
    #[arg(required_unless_present = "code")]
    ids: Vec<String>,
    /// All failed runs with this code
    #[arg(long, conflicts_with = "ids")]
    code: Option<String>,
    /// From this step on
    #[arg(long, value_name = "STEP", conflicts_with = "whole")]
    from: Option<String>,
    /// From the top
    #[arg(long)]
    whole: bool,
    /// With the record as it is now
    #[arg(long)]
    refresh: bool,
    /// With this event's record
    #[arg(long, value_name = "FILE", conflicts_with = "refresh")]
    event: Option<PathBuf>,
    /// Make documents again that were made already
    #[arg(long)]
    force_effects: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// The runs that failed or are in doubt
#[derive(Debug, clap::Args)]
pub(crate) struct Failures {
    #[command(flatten)]
    which: Which,
}

impl Run {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let stack = place.existing()?;
        match self.command {
            Command::List { status, which } => list(&stack, status, which).await?,
            Command::Show { id, json } => show(&stack, id_of(&id)?, json).await?,
            Command::Rerun(asked) => return asked.perform(&stack).await,
            Command::Resolve { id, step, made, not_made: _ } => {
                rerun::resolve(&stack, id_of(&id)?, &step, made.as_deref()).await?;
                output::line(format!("{id} goes on"));
            }
            Command::Cancel { id } => {
                rerun::cancel(&stack, id_of(&id)?).await?;
                output::line(format!("{id} is cancelled"));
            }
            Command::Ignore { id, note } => {
                rerun::ignore(&stack, id_of(&id)?, &note).await?;
                output::line(format!("{id} is off the failures"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Failures {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        list(&place.existing()?, vec![Status::Failed, Status::InDoubt], self.which).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What is no run's id is the id of no run.
fn id_of(text: &str) -> Result<RunId, Failure> {
    text.parse().map_err(|_| {
        Failure::new("unknown_run", format!("`{text}` is no run's id; see `counterfoil run list`"))
    })
}

// ---------------------------------------------------------------- looking

async fn list(stack: &Stack, statuses: Vec<Status>, which: Which) -> anyhow::Result<()> {
    let search = Search {
        flow: which.flow,
        statuses,
        record: which.record,
        document: which.document,
        text: which.text,
        since: which.since.map(|since| since.from(stack.now())).transpose()?,
        limit: which.limit,
    };
    let runs = look::runs(stack, &search).await?;
    if which.json {
        let runs: Vec<Value> = runs.iter().map(look::shown).collect();
        return output::document(&runs);
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let row = &run.row;
            let failure = row.failure.as_ref().or(row.wait.as_ref().map(|wait| &wait.failure));
            let why = failure.map(|failure| short(&failure.to_string())).unwrap_or_default();
            let step = row.at_step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
            vec![
                row.message.run.to_string(),
                format!("{:.0}", row.created_at),
                row.flow_name.clone(),
                row.status.as_str().to_owned(),
                row.record().map(|(_, record)| record.to_string()).unwrap_or_default(),
                format!("{step}{why}"),
            ]
        })
        .collect();
    output::table(&["RUN", "BEGAN", "FLOW", "STATUS", "RECORD", "WHY"], &rows);
    if rows.len() >= search.limit {
        output::note(format!("There may be more than {}; --limit shows them.", search.limit));
    }
    Ok(())
}

/// One line of a table; `run show` has all of it.
fn short(text: &str) -> String {
    const SHOWN: usize = 100;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= SHOWN {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(SHOWN).collect::<String>())
}

async fn show(stack: &Stack, id: RunId, json: bool) -> anyhow::Result<()> {
    let run = rerun::stored(stack, id).await?;
    let row = &run.row;
    let next = next(&run);
    if json {
        let mut shown = look::shown(&run);
        shown["event"] = serde_json::to_value(&row.message.event)?;
        shown["steps"] = serde_json::to_value(&row.steps)?;
        shown["wait"] = serde_json::to_value(&row.wait)?;
        shown["next"] = json!(next);
        return output::document(&shown);
    }
    output::line(format!("run {id}: {}", row.status.as_str()));
    output::line(format!("flow {}, version {}", row.flow_name, row.message.flow_version));
    output::line(format!("began {:.0}, changed {:.0}", row.created_at, row.updated_at));
    if let Some(event) = &row.message.event {
        let record = event.record_id.as_ref().map(|record| format!(" of {record}")).unwrap_or_default();
        let connection = event.connection.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
        output::line(format!("event {}{record}{connection}, at {}", event.kind, event.at));
        if let Some(url) = &event.url {
            output::line(format!("  {url}"));
        }
        indented(&event.record, "  ");
    }
    for (step, record) in &row.steps {
        let state = match record.state {
            StepState::Pending => "pending",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::InDoubt => "in doubt",
        };
        let attempts = if record.attempts > 0 {
            format!(", {} attempts failed", record.attempts)
        } else {
            String::new()
        };
        let group = record.group.map(|group| format!(", call {group}")).unwrap_or_default();
        output::line(format!("step {step}: {state}{attempts}{group}"));
        if let Some(failure) = &record.failure {
            output::line(format!("  {failure}"));
        }
        indented(&record.output, "  ");
    }
    if !row.missing.is_empty() {
        output::line(format!("missing: {}", row.missing.join(", ")));
    }
    if let Some(wait) = row.wait.as_ref().filter(|_| !row.status.is_final()) {
        output::line(format!("waits until {}: {}", wait.until, wait.failure));
    }
    if let Some(failure) = &row.failure {
        let step = row.at_step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
        output::line(format!("{}{step}: {failure}", row.status.as_str()));
    }
    if let Some(note) = &row.note {
        output::line(format!("note: {note}"));
    }
    for command in &next {
        output::line(format!("next: {command}"));
    }
    Ok(())
}

fn indented(value: &Value, by: &str) {
    if !value.is_null() {
        for line in serde_json::to_string_pretty(value).unwrap_or_default().lines() {
            output::line(format!("{by}{line}"));
        }
    }
}

/// The commands that a person would give next.
fn next(run: &StoredRun) -> Vec<String> {
    let row = &run.row;
    let id = row.message.run;
    match row.status {
        Status::Failed => vec![format!("counterfoil run rerun {id}")],
        Status::Incomplete => vec![format!("counterfoil run rerun {id} --refresh")],
        Status::InDoubt => {
            let doubtful = row
                .steps
                .iter()
                .filter(|(_, step)| matches!(step.state, StepState::InDoubt | StepState::Pending));
            let decisions = doubtful.flat_map(|(step, _)| {
                ["--made DOCUMENT", "--not-made"]
                    .map(|how| format!("counterfoil run resolve {id} --step {step} {how}"))
            });
            decisions.collect()
        }
        Status::Waiting | Status::Parked => vec![format!("counterfoil run cancel {id}")],
        _ => Vec::new(),
    }
}

// ---------------------------------------------------------------- again

impl Rerun {
    async fn perform(self, stack: &Stack) -> anyhow::Result<ExitCode> {
        let record = match &self.event {
            None => None,
            Some(file) => {
                let event = event_in(file)?;
                Some(event.get("record").cloned().unwrap_or(event))
            }
        };
        let again = Again {
            from: self.from,
            whole: self.whole,
            refresh: self.refresh,
            record,
            force_effects: self.force_effects,
        };
        let runs: Vec<RunId> = match &self.code {
            None => self.ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?,
            Some(code) => with_code(stack, code).await?,
        };
        let mut queued = Vec::new();
        let mut refused = Vec::new();
        for run in runs {
            match rerun::rerun(stack, run, again.clone()).await {
                Ok(()) => queued.push(run),
                Err(error) => {
                    let failure = error.failure();
                    output::note(format!("{}: {run}: {}", failure.code, failure.message));
                    refused.push(json!({ "run": run, "code": failure.code, "message": failure.message }));
                }
            }
        }
        if self.json {
            output::document(&json!({ "queued": queued, "refused": refused }))?;
        } else {
            output::line(format!("{} runs are queued again", queued.len()));
        }
        Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

async fn with_code(stack: &Stack, code: &str) -> anyhow::Result<Vec<RunId>> {
    let search = Search { statuses: vec![Status::Failed], limit: 1_000_000, ..Search::default() };
    let failed = look::runs(stack, &search).await?;
    let with_code =
        failed.iter().filter(|run| run.row.failure.as_ref().is_some_and(|failure| failure.code == code));
    Ok(with_code.map(|run| run.row.message.run).collect())
}
