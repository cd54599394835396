//! Flows that were pushed: what state they are in, and changes of it. The words; what is done is `lifecycle`'s.

use counterfoil::domain::Value;
use counterfoil::domain::ids::{EventKey, RunId};
use counterfoil::domain::outcome::Failure;
use counterfoil::domain::run::Status;
use counterfoil::flow::compile::Compiled;
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::receive::webhook_secret_name;
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{dispatch, keep, lifecycle, poll, rerun};
use counterfoil::ports::queue::QueueName;
use counterfoil::ports::random::random_uuid;
use serde_json::json;

use crate::output;
use crate::place::Place;
use crate::secret::SecretFrom;

pub(super) async fn list(place: &Place, json: bool) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let mut flows = Vec::new();
    for head in stack.flows.heads().await? {
        let compiled = lifecycle::live(&stack, &head).await?;
        flows.push(json!({
            "flow": head.name,
            "title": compiled.flow.title,
            "state": head.state,
            "live_version": head.live_version,
            "trigger": compiled.flow.trigger.id,
            "webhook": webhook(&head, &compiled),
            "live_from": head.live_from,
        }));
    }
    if json {
        return output::document(&flows);
    }
    let columns = ["flow", "state", "live_version", "trigger", "title", "webhook"];
    let rows: Vec<Vec<String>> =
        flows.iter().map(|flow| columns.iter().map(|column| text(&flow[*column])).collect()).collect();
    output::table(&["FLOW", "STATE", "VERSION", "TRIGGER", "TITLE", "WEBHOOK"], &rows);
    Ok(())
}

pub(super) async fn status(place: &Place, name: &str, json: bool) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let head = stack.flows.named(name).await?;
    let compiled = lifecycle::live(&stack, &head).await?;
    let counts = look::counts(&stack, &head).await?;
    let unfinished = Search {
        flow: Some(name.to_owned()),
        statuses: vec![Status::Waiting, Status::Parked],
        limit: 100_000,
        ..Search::default()
    };
    let oldest = look::runs(&stack, &unfinished).await?.pop();
    let webhook = webhook(&head, &compiled);
    let trouble = poll::feed_trouble(&stack, head.id).await?;
    if json {
        let runs: serde_json::Map<String, Value> =
            counts.iter().map(|(status, count)| (status.as_str().to_owned(), (*count).into())).collect();
        return output::document(&json!({
            "flow": head.name,
            "state": head.state,
            "trigger": compiled.flow.trigger.id,
            "live_version": head.live_version,
            "newest_version": head.newest_version,
            "live_from": head.live_from,
            "paused_at": head.catch_up_from.filter(|_| head.state == FlowState::Paused),
            "webhook": webhook,
            "trouble": trouble.as_ref().map(|(failure, since)| json!({
                "code": failure.code, "message": failure.message, "since": since,
            })),
            "runs": runs,
            "oldest_waiting": oldest.as_ref().map(look::shown),
        }));
    }
    output::line(format!("{}: {} (trigger {})", head.name, head.state.as_str(), compiled.flow.trigger.id));
    output::line(format!("version {} is live, {} is the newest", head.live_version, head.newest_version));
    match (head.state, head.live_from) {
        (FlowState::Enabled, Some(from)) => output::line(format!("live from {from} on")),
        (FlowState::Paused, _) => {
            output::line("paused; `counterfoil flow resume` reads on from where it stopped")
        }
        _ => {}
    }
    if let Some(path) = webhook {
        output::line(format!("webhook: POST {path}"));
    }
    if let Some((failure, since)) = trouble {
        output::line(format!("can't be read since {since:.0}: {failure}"));
    }
    if counts.is_empty() {
        output::line("no runs yet");
    }
    for (status, count) in &counts {
        output::line(format!("{count:>8} {}", status.as_str()));
    }
    if let Some(run) = oldest {
        let row = &run.row;
        let why = row.wait.as_ref().map(|wait| format!(" until {}: {}", wait.until, wait.failure));
        output::line(format!("the oldest that waits: {}{}", row.message.run, why.unwrap_or_default()));
    }
    Ok(())
}

/// Where an event of an `http.webhook` flow is posted.
fn webhook(head: &FlowHead, compiled: &Compiled) -> Option<String> {
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
    let done = lifecycle::roll_back(&place.existing()?, name, to).await?;
    let what = if done.unchanged { "is live already" } else { "is live" };
    output::line(format!("{name}: version {} {what}", done.head.live_version));
    if let Some(from) = done.live_again {
        output::note(format!("{name}: it watches for something else now, and does so from {from} on"));
    }
    Ok(())
}

pub(super) async fn enable(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        let head = lifecycle::enable(&stack, name).await?;
        let compiled = lifecycle::live(&stack, &head).await?;
        output::line(format!("{name} is enabled{}", watched(&head, &compiled)));
    }
    Ok(())
}

/// What happens next, and to what.
fn watched(head: &FlowHead, compiled: &Compiled) -> String {
    let from = head.live_from.map(|from| format!(", live from {from} on")).unwrap_or_default();
    let trigger = compiled.flow.trigger.id.as_str();
    let watches = match (&compiled.interest, trigger) {
        (Some(Ok(interest)), _) => {
            let filter =
                interest.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
            let already = if interest.changed.is_some() {
                "; records that satisfy `changed` already fire only after having left it"
            } else {
                ""
            };
            format!("; it watches {}{filter}{already}", interest.object)
        }
        (_, "http.webhook") => {
            let path = webhook(head, compiled).unwrap_or_default();
            format!("; events are posted to {path}")
        }
        (_, "http.poll") => {
            let url = compiled.flow.trigger.options.get("url").map(text).unwrap_or_default();
            format!("; it reads {url}, and what is there already starts nothing")
        }
        (_, "manual") => format!("; `counterfoil flow run {}` fires it", head.name),
        _ => format!("; it is fired by {trigger}"),
    };
    format!("{from}{watches}")
}

pub(super) async fn disable(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        lifecycle::disable(&stack, name).await?;
        let queued = stack.ports.queue.depth(QueueName::Runs).await?
            + stack.ports.queue.depth(QueueName::RunsBulk).await?;
        let drops = match queued {
            0 => "nothing is queued, so nothing is dropped".to_owned(),
            some => format!(
                "of the {some} events of all flows that are queued, its own are dropped when their turn comes"
            ),
        };
        output::line(format!(
            "{name} is disabled and its place given up; {drops}; runs that have begun go on"
        ));
    }
    Ok(())
}

pub(super) async fn pause(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        let head = lifecycle::pause(&stack, name).await?;
        let place = head.catch_up_from.map(|from| format!(" at {from}")).unwrap_or_default();
        output::line(format!(
            "{name} is paused{place}; `counterfoil flow resume {name}` reads on from there"
        ));
    }
    Ok(())
}

pub(super) async fn resume(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        let head = lifecycle::resume(&stack, name).await?;
        let from = head.catch_up_from.map(|from| format!(", and reads on from {from}")).unwrap_or_default();
        output::line(format!("{name} is enabled again{from}"));
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
        "queued; `counterfoil run show {run}` says what became of it, once `counterfoil up` has taken it"
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
            "{items} items were found; each has a run of its own, once `counterfoil up` has taken it"
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
