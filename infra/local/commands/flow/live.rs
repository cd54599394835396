//! Flows that were pushed: which there are, their versions, their secrets, and firing one by hand.

use counterfoil::domain::Value;
use counterfoil::domain::ids::{EventKey, RunId};
use counterfoil::domain::outcome::Failure;
use counterfoil::flow::compile::Compiled;
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::lifecycle::Pushed;
use counterfoil::flow::poll::going_live::{self, Progress};
use counterfoil::flow::receive::webhook_secret_name;
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{FlowError, Stack, backfill, dispatch, keep, lifecycle, look, rerun};
use counterfoil::ports::random::random_uuid;
use serde_json::json;

use super::switch::{all_were_reached, goes_on, on_its_way, shown};
use crate::output;
use crate::place::Place;
use crate::secret::SecretFrom;

pub(super) async fn list(place: &Place, json: bool) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let (mut flows, mut states) = (Vec::new(), Vec::new());
    for head in stack.flows.heads().await? {
        let (compiled, unreadable) = match lifecycle::live(&stack, &head).await {
            Ok(compiled) => (Some(compiled), None),
            Err(FlowError::Asked(failure)) => (None, Some(failure)),
            Err(error) => return Err(error.into()),
        };
        let going_live = going_live::progress(&stack, &head).await?;
        let state = state(&head, going_live.as_ref());
        states.push(if unreadable.is_some() {
            format!("{state}; can't be read, push it again")
        } else {
            state
        });
        flows.push(json!({
            "flow": head.name,
            "title": compiled.as_ref().map(|compiled| &compiled.flow.title),
            "state": head.state,
            "live_version": head.live_version,
            "trigger": compiled.as_ref().map(|compiled| &compiled.flow.trigger.id),
            "webhook": compiled.as_ref().and_then(|compiled| webhook(&head, compiled)),
            "live_from": head.live_from,
            "going_live": going_live,
            "unreadable": unreadable,
        }));
    }
    if json {
        return output::document(&flows);
    }
    let row = |(flow, state): (&Value, String)| {
        let mut cells =
            ["flow", "live_version", "trigger", "title", "webhook"].map(|name| text(&flow[name])).to_vec();
        cells.insert(1, state);
        cells
    };
    let rows: Vec<Vec<String>> = flows.iter().zip(states).map(row).collect();
    output::table(&["FLOW", "STATE", "VERSION", "TRIGGER", "TITLE", "WEBHOOK"], &rows);
    Ok(())
}

/// `enabled`, `going live, 1200 read`, or both: a version is live, and another one on its way.
fn state(head: &FlowHead, going_live: Option<&Progress>) -> String {
    let state = head.state.as_str();
    match (going_live, head.state) {
        (None, _) => state.to_owned(),
        (Some(progress), FlowState::Disabled) => format!("going live, {} read", progress.read),
        (Some(progress), _) => {
            format!("{state}; version {} is going live, {} read", progress.version, progress.read)
        }
    }
}

/// Where an event of an `http.webhook` flow is posted.
pub(super) fn webhook(head: &FlowHead, compiled: &Compiled) -> Option<String> {
    let trigger = &compiled.flow.trigger;
    if trigger.id != "http.webhook" {
        return None;
    }
    let open = trigger.options.get("secret_path") == Some(&Value::Bool(false));
    let secret = head.webhook_path.as_ref().filter(|_| !open).map(|path| format!("/{path}"));
    Some(format!("/webhook/{}{}", head.name, secret.unwrap_or_default()))
}

pub(super) async fn versions(place: &Place, name: &str, json: bool) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let head = stack.flows.named(name).await?;
    let versions = stack.flows.versions(head.id).await?;
    if json {
        let versions: Vec<Value> = versions
            .iter()
            .map(|version| {
                json!({
                    "version": version.version,
                    "live": version.version == head.live_version,
                    "file": version.file_name,
                    "pushed_at": version.pushed_at,
                    "text": version.text,
                    "files": version.files,
                })
            })
            .collect();
        return output::document(&versions);
    }
    let rows: Vec<Vec<String>> = versions
        .iter()
        .rev()
        .map(|version| {
            let live = if version.version == head.live_version { "live" } else { "" };
            vec![
                version.version.to_string(),
                live.to_owned(),
                format!("{:.0}", version.pushed_at),
                version.file_name.clone(),
            ]
        })
        .collect();
    output::table(&["VERSION", "", "PUSHED", "FILE"], &rows);
    Ok(())
}

pub(super) async fn roll_back(place: &Place, name: &str, to: Option<u32>) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let went = shown(&stack, name, None, lifecycle::roll_back(&stack, name, to)).await?;
    let Some((done, _)) = went.pushed() else { return all_were_reached([name].into_iter()) };
    let what = if done.unchanged { "is live already" } else { "is live" };
    output::line(format!("{name}: version {} {what}", done.head.live_version));
    live_anew(&stack, &done).await
}

/// What is to be said of a version that watches for something else than the one before.
pub(super) async fn live_anew(stack: &Stack, done: &Pushed) -> anyhow::Result<()> {
    let name = &done.head.name;
    if let Some(from) = done.live_again {
        output::note(format!("{name}: it watches for something else now, and does so from {from} on"));
    }
    if let Some(since) = done.passed_over {
        let compiled = lifecycle::live(stack, &done.head).await?;
        let way = backfill::way_to(stack, &done.head, &compiled, since);
        output::note(format!(
            "{name}: what happened since {since:.0} and the version before had not told of yet is told of by neither; {way}"
        ));
    }
    if let Some(progress) = going_live::progress(stack, &done.head).await? {
        output::note(format!("{name} is {}", on_its_way(&progress)));
        output::note(goes_on(&done.head));
    }
    Ok(())
}

pub(super) async fn secret(place: &Place, name: &str, from: &SecretFrom) -> anyhow::Result<()> {
    let stack = place.stack()?;
    stack.ports.vault.write(&webhook_secret_name(name), from.read("Shared secret")?).await?;
    output::line(format!("flows know it by `{{ secret: {name} }}`"));
    Ok(())
}

pub(super) async fn run(
    place: &Place,
    name: &str,
    with: &str,
    key: Option<uuid::Uuid>,
    json: bool,
) -> anyhow::Result<()> {
    let record: Value = serde_json::from_str(with)
        .map_err(|error| Failure::new("not_json", format!("--with is no JSON: {error}")))?;
    let stack = place.existing()?;
    let head = stack.flows.named(name).await?;
    let compiled = lifecycle::live(&stack, &head).await?;
    let kind = compiled.flow.trigger.id.as_str();
    if stack.catalog.trigger(kind).is_some() || stack.catalog.feed(kind).is_some() {
        let message = format!(
            "{kind} is fired by its provider; `counterfoil flow test FILE --record ID --live` runs it for one record"
        );
        anyhow::bail!(Failure::new("not_manual", message));
    }
    let key = key.unwrap_or_else(|| random_uuid(stack.ports.random.as_ref()));
    let event = EventKey::new(key.to_string());
    if compiled.each.is_some() {
        let message = keep::beginning(&stack, &head, kind, event, stack.now(), record).await?;
        dispatch::at_once(&stack, &message).await?;
        return match rerun::stored(&stack, message.run).await {
            Ok(stored) => started_each(&stored, json),
            // It waits for a limit before anything was found, and has no row yet.
            Err(_) => queued(message.run, name, key, json),
        };
    }
    let run = keep::start(&stack, &head, kind, event, stack.now(), record).await?;
    queued(run, name, key, json)
}

fn queued(run: RunId, name: &str, key: uuid::Uuid, json: bool) -> anyhow::Result<()> {
    if json {
        return output::document(&json!({ "run": run, "flow": name, "key": key }));
    }
    output::line(run.to_string());
    output::note(format!(
        "queued; `counterfoil run show {run}` says what became of it, once `counterfoil up`, or AWS, has taken it"
    ));
    Ok(())
}

/// How many items were found and started, or why there are no more.
fn started_each(run: &StoredRun, json: bool) -> anyhow::Result<()> {
    let row = &run.row;
    if json {
        output::document(&look::shown(run))?;
    } else {
        output::line(row.message.run.to_string());
        let items = look::items(row).unwrap_or_default();
        output::note(format!(
            "{items} items were found; each has a run of its own, once `counterfoil up`, or AWS, has taken it"
        ));
    }
    match (&row.failure, row.status.is_final()) {
        (Some(failure), true) => anyhow::bail!(failure.clone()),
        (Some(failure), false) => {
            output::note(format!("it goes on by itself: {failure}"));
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
