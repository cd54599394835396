//! `counterfoil flow test`: one event through a flow, rehearsed or for real.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use counterfoil::domain::Value;
use counterfoil::domain::outcome::Failure;
use counterfoil::domain::run::Status;
use counterfoil::embedded::OpenError;
use counterfoil::flow::Stack;
use counterfoil::flow::compile::Compiled;
use counterfoil::flow::rehearse::{self, Became, Rehearsed};
use counterfoil::flow::{look, rerun, trial};
use counterfoil::runtime::local_stack::{self, LocalError, LocalStack};

use super::files;
use crate::output;
use crate::place::Place;

pub(super) const EXAMPLES: &str = "\
Examples:
  counterfoil flow test flows/won-opportunity-to-invoice.yaml --event flows/events/won-opportunity-to-invoice.json
  counterfoil flow test my-flow.yaml --newest
  counterfoil flow test my-flow.yaml --record 006Hs00001AbCdEIAV --live

An event is {\"record\": {...}, \"previous\": {...}, \"at\": \"2026-01-15T03:20:11Z\"}, or the record alone.
A dry run reads from the connections that there are; a step whose connection is missing shows its input only.";

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["event", "record", "newest"]))]
pub(super) struct Test {
    file: PathBuf,
    /// The event, as JSON in a file
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// A record, as it is at its provider now
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// The newest record that would start the flow
    #[arg(long)]
    newest: bool,
    /// Plan everything and perform nothing (the default)
    #[arg(long, conflicts_with = "live")]
    dry_run: bool,
    /// Perform it, as an event of its own; the file must be the flow's live version
    #[arg(long)]
    live: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(super) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let (stack, _passing) = stack(place)?;
        let written = files::read(&self.file, &stack.catalog)?;
        let Some(flow) = written.reading.flow.clone() else {
            files::say(&written.reading);
            anyhow::bail!(Failure::new("invalid_flow", "the file has problems; nothing was tried"));
        };
        let compiled = Compiled::of(flow, &stack.catalog)
            .map_err(|error| Failure::new(error.code(), error.to_string()))?;
        let event = match (&self.event, &self.record) {
            (Some(file), _) => trial::written(&stack, &compiled, event_in(file)?).await?,
            (None, Some(id)) => {
                trial::of_record(&stack, &compiled, &trial::Wanted::Record(id.clone())).await?
            }
            (None, None) => trial::of_record(&stack, &compiled, &trial::Wanted::Newest).await?,
        };
        if self.live {
            return live(&stack, &compiled, &written.text, event, self.json).await;
        }
        let rehearsed = rehearse::rehearse(&stack, Arc::new(compiled), &written.text, event).await;
        if self.json {
            output::document(&rehearsed)?;
        } else {
            show(&rehearsed);
        }
        let good = matches!(rehearsed.status, Status::Succeeded | Status::Skipped | Status::Incomplete);
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// The stack that is there; else one that is gone when the trial is over.
fn stack(place: &Place) -> Result<(Stack, Option<LocalStack>), LocalError> {
    match place.existing() {
        Err(LocalError::Open(OpenError::NothingThere { .. })) => {
            let passing = local_stack::temporary()?;
            Ok((passing.stack.clone(), Some(passing)))
        }
        existing => Ok((existing?, None)),
    }
}

pub(in crate::commands) fn event_in(file: &PathBuf) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let event = serde_json::from_str(&text)
        .map_err(|error| Failure::new("not_json", format!("{} is no JSON: {error}", file.display())))?;
    Ok(event)
}

fn show(rehearsed: &Rehearsed) {
    for step in &rehearsed.steps {
        let action = step.action.as_deref().map(|action| format!(" ({action})")).unwrap_or_default();
        let connection = step.connection.as_deref().map(|name| format!(" on {name}")).unwrap_or_default();
        output::line(format!("{}{action}{connection}: {}", step.step, step.became.as_str()));
        part("input", &step.input);
        if let Some(operation) = &step.operation {
            part(&format!("would be sent to {}", operation.endpoint), &operation.element);
        }
        if step.became == Became::Done {
            part("output", &step.output);
        }
        if let Some(failure) = &step.failure {
            output::line(format!("  {failure}"));
        }
    }
    let step = rehearsed.at_step.as_deref().map(|step| format!(" at {step}")).unwrap_or_default();
    let why = rehearsed.failure.as_ref().map(|failure| format!(": {failure}")).unwrap_or_default();
    output::line(format!("the run would end: {}{step}{why}", rehearsed.status.as_str()));
    output::note("Nothing was performed.");
}

fn part(heading: &str, value: &Value) {
    if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
        return;
    }
    output::line(format!("  {heading}:"));
    for line in serde_json::to_string_pretty(value).unwrap_or_default().lines() {
        output::line(format!("    {line}"));
    }
}

async fn live(
    stack: &Stack,
    compiled: &Compiled,
    text: &str,
    event: counterfoil::domain::event::Event,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let name = &compiled.flow.name;
    let head = stack.flows.head(name).await?;
    let version = match &head {
        Some(head) => stack.flows.version(head.id, head.live_version).await?,
        None => None,
    };
    let (Some(head), true) = (head, version.is_some_and(|version| version.text == text)) else {
        let message =
            format!("the file is not the live version of `{name}`; `counterfoil flow push` it first");
        anyhow::bail!(Failure::new("not_pushed", message));
    };
    let run = trial::perform(stack, &head, event).await?;
    let stored = rerun::stored(stack, run).await?;
    if json {
        output::document(&look::shown(&stored))?;
    } else {
        output::line(format!("{run} is {}", stored.row.status.as_str()));
        output::note(format!("`counterfoil run show {run}` shows what each step did"));
    }
    let failed = matches!(stored.row.status, Status::Failed | Status::InDoubt | Status::Cancelled);
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
