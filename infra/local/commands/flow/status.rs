//! `counterfoil flow status`: how a flow is doing, and when it does something next.

use counterfoil::domain::Value;
use counterfoil::domain::run::Status;
use counterfoil::flow::backfill::{self, State};
use counterfoil::flow::flows::FlowState;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::poll::going_live;
use counterfoil::flow::{keep, lifecycle, poll};
use counterfoil::ports::queue::QueueName;
use serde_json::json;

use super::live::webhook;
use super::switch::on_its_way;
use crate::output;
use crate::place::Place;

pub(super) async fn status(place: &Place, name: &str, json: bool) -> anyhow::Result<()> {
    let stack = place.existing()?;
    let head = stack.flows.named(name).await?;
    let compiled = lifecycle::live(&stack, &head).await?;
    let trigger = &compiled.flow.trigger;
    let counts = look::counts(&stack, &head).await?;
    let unfinished = Search {
        flow: Some(name.to_owned()),
        statuses: vec![Status::Waiting, Status::Parked],
        limit: 100_000,
        ..Search::default()
    };
    let oldest = look::runs(&stack, &unfinished).await?.pop();
    let webhook = webhook(&head, &compiled);
    let going_live = going_live::progress(&stack, &head).await?;
    // A connection that is gone is said where it matters; the rest is shown all the same.
    let standing = poll::standing(&stack, &head, &compiled).await.ok().flatten();
    let of_feed = poll::feed_trouble(&stack, head.life()).await?;
    let of_watch = standing.as_ref().and_then(|standing| standing.failed.clone());
    let trouble = of_feed.or(of_watch.map(|failed| (failed.failure, failed.since)));
    let every = stack.catalog.trigger(&trigger.id).map(|(about, _)| about.minutes);
    let is_enabled = head.state == FlowState::Enabled;
    let next = match trigger.id.as_str() {
        "schedule" if is_enabled => Some(keep::planned_after(&trigger.options, stack.now())?),
        _ => None,
    };
    let queued = stack.ports.queue.depth(QueueName::Runs).await?;
    let queued_in_bulk = stack.ports.queue.depth(QueueName::RunsBulk).await?;
    let backfill = backfill::progress(&stack, name).await?;
    if json {
        let runs: serde_json::Map<String, Value> =
            counts.iter().map(|(status, count)| (status.as_str().to_owned(), (*count).into())).collect();
        return output::document(&json!({
            "flow": head.name,
            "state": head.state,
            "trigger": trigger.id,
            "live_version": head.live_version,
            "newest_version": head.newest_version,
            "live_from": head.live_from,
            "passed_over": head.passed_over,
            "going_live": going_live,
            "paused_at": head.catch_up_from.filter(|_| head.state == FlowState::Paused),
            "webhook": webhook,
            "read_up_to": standing.as_ref().and_then(|standing| standing.read_up_to),
            "trouble": trouble.as_ref().map(|(failure, since)| json!({
                "code": failure.code, "message": failure.message, "since": since,
            })),
            "every_minutes": every,
            "next_tick": next,
            "queued_of_all_flows": { "live": queued, "bulk": queued_in_bulk },
            "backfill": backfill,
            "runs": runs,
            "oldest_waiting": oldest.as_ref().map(look::shown),
        }));
    }
    output::line(format!("{}: {} (trigger {})", head.name, head.state.as_str(), trigger.id));
    output::line(format!("version {} is live, {} is the newest", head.live_version, head.newest_version));
    match (head.state, head.live_from) {
        (FlowState::Enabled, Some(from)) => output::line(format!("live from {from} on")),
        (FlowState::Paused, _) => {
            let from = head.catch_up_from.map(|from| format!(" at {from}")).unwrap_or_default();
            output::line(format!("paused{from}; `counterfoil flow resume {name}` reads on from there"));
        }
        _ => {}
    }
    let is_looked_for = |since| backfill.as_ref().is_some_and(|backfill| backfill.since <= since);
    if let (Some(since), Some(from)) = (head.passed_over, head.live_from)
        && !is_looked_for(since)
    {
        let way = backfill::way_to(&stack, &head, &compiled, since);
        output::line(format!(
            "what the version before had not told of between {since:.0} and {from:.0} is told of by none; {way}"
        ));
    }
    if let Some(progress) = &going_live {
        output::line(on_its_way(progress));
    }
    if let (Some(standing), Some(minutes), true) = (&standing, every, is_enabled) {
        let ago = |at| output::age(stack.now(), at);
        let read = match standing.read_up_to {
            Some(at) => format!("changes are read up to {at:.0}, {} ago", ago(at)),
            None => "nothing has been read yet; it is while `counterfoil up` runs, or on AWS".to_owned(),
        };
        output::line(format!("{read}; looked for every {minutes} min and when the provider says so"));
    }
    if let Some((failure, since)) = &trouble {
        output::line(format!("can't be read since {since:.0}: {failure}"));
    }
    if let Some(next) = next {
        output::line(format!("fires next at {next:.0}"));
    }
    if let Some(path) = webhook {
        output::line(format!("webhook: POST {path}"));
    }
    output::line(format!("queued, of all flows: {queued} live, {queued_in_bulk} of backfills and reruns"));
    if let Some(backfill) = backfill.filter(|backfill| backfill.state == State::Running) {
        output::line(super::backfill::told(&backfill));
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
