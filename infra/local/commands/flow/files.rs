//! Flow files: new, checked, pushed. The tables that a file names are read beside it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use counterfoil::domain::outcome::Failure;
use counterfoil::flow::file::{self, Reading};
use counterfoil::flow::flows::FlowState;
use counterfoil::flow::poll::going_live;
use counterfoil::flow::schema::flow_schema;
use counterfoil::flow::{lifecycle, scopes};
use counterfoil::ports::connector::Catalog;
use counterfoil::runtime::catalog::catalog;
use serde_json::json;

use super::live::live_anew;
use super::switch::{all_were_reached, shown};
use crate::output;
use crate::place::Place;

/// The flows that ship, by name, with their texts.
const SHIPPED: [(&str, &str); 3] = [
    ("won-opportunity-to-invoice", include_str!("../../../../flows/won-opportunity-to-invoice.yaml")),
    ("account-to-contact", include_str!("../../../../flows/account-to-contact.yaml")),
    ("webhook-to-task", include_str!("../../../../flows/webhook-to-task.yaml")),
];

/// A flow file with everything that was read for it.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) text: String,
    /// CSV tables by the path that the file names them with.
    pub(super) tables: BTreeMap<String, String>,
    pub(super) reading: Reading,
}

pub(super) fn read(path: &Path, catalog: &Catalog) -> Result<Written, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new("unreadable_file", format!("{name} can't be read: {error}")))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let tables = RefCell::new(BTreeMap::new());
    let load = |table: &str| {
        let text = std::fs::read_to_string(beside.join(table)).map_err(|error| error.to_string())?;
        tables.borrow_mut().insert(table.to_owned(), text.clone());
        Ok(text)
    };
    let reading = file::check(&text, &name, catalog, &load);
    Ok(Written { name, text, tables: tables.into_inner(), reading })
}

pub(super) fn new(name: &str, from: &str) -> anyhow::Result<()> {
    let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == from) else {
        let known: Vec<_> = SHIPPED.iter().map(|(shipped, _)| *shipped).collect();
        let message = format!("no flow that ships is called `{from}`; there are {}", known.join(", "));
        anyhow::bail!(Failure::new("unknown_example", message));
    };
    let path = PathBuf::from(format!("{name}.yaml"));
    let text = text.replacen(&format!("flow: {from}\n"), &format!("flow: {name}\n"), 1);
    // A name that no flow may have is said before anything is written.
    let reading = file::check(&text, &path.display().to_string(), &catalog(), &|_| Err("none".to_owned()));
    if !reading.problems.is_empty() {
        let all: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
        anyhow::bail!(Failure::new("invalid_flow", all.join("\n")));
    }
    let mut file = std::fs::File::create_new(&path).map_err(|error| {
        Failure::new("cannot_write", format!("{} can't be made: {error}", path.display()))
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    output::line(format!("{} is written; next: counterfoil flow check {0}", path.display()));
    Ok(())
}

pub(super) fn check(paths: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let catalog = catalog();
    let mut reports = Vec::new();
    let mut good = true;
    for path in paths {
        let Written { name, reading, .. } = read(path, &catalog)?;
        good &= reading.problems.is_empty();
        if !json {
            say(&reading);
            if reading.problems.is_empty() {
                output::line(format!("{name}: good"));
            }
        }
        reports.push(json!({
            "file": name,
            "flow": reading.flow.as_ref().map(|flow| &flow.name),
            "problems": reading.problems,
            "warnings": reading.warnings,
        }));
    }
    if json {
        output::document(&json!({ "good": good, "files": reports }))?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Everything that is wrong is an answer; what is only odd is a word beside it.
pub(super) fn say(reading: &Reading) {
    for warning in &reading.warnings {
        output::note(format!("{warning} [warning]"));
    }
    for problem in &reading.problems {
        output::line(problem.to_string());
    }
}

pub(super) fn schema() -> anyhow::Result<()> {
    output::document(&flow_schema(&catalog()))
}

/// All files are good, or none is pushed.
pub(super) async fn push(place: &Place, paths: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let catalog = catalog();
    let read: Vec<Written> = paths.iter().map(|path| read(path, &catalog)).collect::<Result<_, _>>()?;
    if read.iter().any(|written| written.reading.flow.is_none()) {
        if json {
            let problems: Vec<_> = read.iter().flat_map(|written| &written.reading.problems).collect();
            output::document(&json!({ "pushed": [], "problems": problems }))?;
        } else {
            read.iter().for_each(|written| say(&written.reading));
        }
        output::note("invalid_flow: nothing was pushed");
        return Ok(ExitCode::from(1));
    }
    let stack = place.stack()?;
    let mut pushed = Vec::new();
    let flows: Vec<_> = read.iter().filter_map(|file| Some((file, file.reading.flow.as_ref()?))).collect();
    let mut left = flows.as_slice();
    while let [(file, flow), others @ ..] = left {
        let push = lifecycle::push(&stack, &flow.name, &file.name, &file.text, file.tables.clone());
        let Some((done, stopped)) = shown(&stack, &flow.name, None, push).await?.pushed() else { break };
        left = others;
        let head = &done.head;
        let missing = scopes::missing(&stack, flow).await?;
        missing.iter().for_each(|missing| output::note(missing.failure().to_string()));
        if !json {
            let what = if done.unchanged { "is live already, unchanged" } else { "is live" };
            output::line(format!(
                "{}: version {} {what}; the flow is {}",
                head.name,
                head.live_version,
                head.state.as_str()
            ));
            live_anew(&stack, &done).await?;
            if head.state == FlowState::Disabled && head.going_live.is_none() {
                output::note(format!("Next: counterfoil flow enable {}", head.name));
            }
        }
        pushed.push(json!({
            "flow": head.name,
            "version": head.live_version,
            "unchanged": done.unchanged,
            "state": head.state,
            "live_from": head.live_from,
            "passed_over": done.passed_over,
            "going_live": going_live::progress(&stack, head).await?,
            "missing_scopes": missing,
        }));
        if stopped {
            break;
        }
    }
    if json {
        output::document(&json!({ "pushed": pushed, "problems": [] }))?;
    }
    all_were_reached(left.iter().map(|(_, flow)| flow.name.as_str()))?;
    Ok(ExitCode::SUCCESS)
}
