//! The keeper: each minute it moves what would otherwise stand still.
//!
//! Schedules fire; waits that are due go back to the queue; runs and groups whose worker's lease has lapsed are put back
//! or recovered; what was parked goes on when its connection is well; backfills go on, and flows with what they remember
//! before they are live; grants are looked after. What can't be kept is told in the log, and stops nothing else.

use std::str::FromStr as _;

use croner::Cron;
use croner::errors::CronError;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::Serialize;

use super::FlowError;
use super::backfill::{self, BACKFILLS};
use super::budget::Priority;
use super::care::care;
use super::flows::{FlowHead, FlowState};
use super::grant::{Stored, grant_of};
use super::rows::{DUE_SHARDS, GOING_LIVE, GroupRow, StoredRun, due_partition, parked_partition, sortable};
use super::run::write_patiently;
use super::settle::send;
use super::stack::Stack;
use super::{lifecycle, poll, recover};
use crate::domain::Value;
use crate::domain::connection::ConnectionState;
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::{EventKey, RunId};
use crate::domain::outcome::Failure;
use crate::domain::run::{Status, Wait};
use crate::ports::table::{Condition, Index, Item, Query, TableError, Write};

/// What a minute of keeping did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Runs whose wait is over.
    pub due: u32,
    /// Runs and groups whose worker has not come back.
    pub stopped: u32,
    pub recovered: u32,
    pub unparked: u32,
    pub fired: u32,
    /// Backfills that were gone on with.
    pub backfilled: u32,
    /// Flows on their way to become live that were gone on with.
    pub going_live: u32,
    /// Grants that were looked after.
    pub cared: u32,
    /// What could not be kept; the log says why.
    pub failed: u32,
}

/// A run that was put back is not put back again before this.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

pub async fn keep(stack: &Stack, deadline: Timestamp) -> Result<Report, FlowError> {
    let mut report = Report::default();
    // First: of the ticks that are missed only the last one fires.
    let mut ground = fire(stack, &mut report).await;
    // Then each in its turn: what is due may fill every minute of an hour, and none is always the last.
    let places = DUE_SHARDS + 1;
    let turn = u8::try_from((stack.now().as_second() / 60).rem_euclid(places.into())).unwrap_or(0);
    for place in (0..places).map(|n| (turn + n) % places) {
        if stack.now() >= deadline {
            break;
        }
        let kept = match place {
            DUE_SHARDS => put_forward(stack, false, deadline, &mut report).await,
            shard => all_due(stack, shard, deadline, &mut report).await,
        };
        ground = ground.and(kept);
    }
    stack.tokens.keep_late(deadline).await;
    ground.map(|()| report)
}

/// What is due of one shard. An item that can't be kept stays, and is met again in a minute.
async fn all_due(
    stack: &Stack,
    shard: u8,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), FlowError> {
    let mut query = Query::on(Index::Due, due_partition(shard));
    query.before = Some(sortable(stack.now() + SignedDuration::from_millis(1)));
    // What is handled leaves the range, so the first page is asked for until it is empty; what can't be handled
    // now stays, and ends the round.
    loop {
        let page = stack.ports.table.query(query.clone()).await?;
        let mut handled = 0;
        for item in &page.items {
            if stack.now() >= deadline {
                return Ok(());
            }
            match Box::pin(due(stack, item, deadline, report)).await {
                Ok(done) => handled += u32::from(done),
                Err(error) => cannot_be_kept(&item.key.partition, &error, report),
            }
        }
        match page.after {
            Some(after) if handled == 0 => query.after = Some(after),
            Some(_) => query.after = None,
            None => return Ok(()),
        }
    }
}

fn cannot_be_kept(what: &str, error: &FlowError, report: &mut Report) {
    report.failed += 1;
    tracing::error!(what, %error, "this could not be kept; it is tried again in a minute, and the rest goes on");
}

async fn due(
    stack: &Stack,
    item: &Item,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<bool, FlowError> {
    if item.key.partition.starts_with("R#") {
        let run = StoredRun::read(item)?;
        if run.claimed {
            report.stopped += 1;
            return put_back(stack, item, &run).await;
        }
        report.due += 1;
        return requeue(stack, &run).await;
    }
    if item.key.partition.starts_with("G#") {
        let row = GroupRow::read(item)?;
        report.stopped += 1;
        let connection = stack.connections.get(&row.connection).await?;
        let Some(connection) = connection.filter(|c| c.state == ConnectionState::Active) else {
            return Ok(false);
        };
        let Ok(client) = stack.client(connection, Priority::Live, deadline) else { return Ok(false) };
        match recover::join(stack, &client, row.group).await {
            Ok(_) => report.recovered += 1,
            Err(fault) => {
                tracing::info!(group = %row.group, code = %fault.failure().code, "not recovered yet");
            }
        }
        return Ok(true);
    }
    if let Some(flow) = item.key.partition.strip_prefix(BACKFILLS).and_then(|flow| flow.parse().ok()) {
        backfill::work(stack, flow, deadline).await?;
        report.backfilled += 1;
        return Ok(true);
    }
    if let Some(flow) = item.key.partition.strip_prefix(GOING_LIVE).and_then(|flow| flow.parse().ok()) {
        let went = poll::going_live::keep_on(stack, flow, &item.key, deadline).await?;
        report.going_live += u32::from(went);
        return Ok(went);
    }
    if let Some(grant) = grant_of(&item.key) {
        let cared = care(stack, Stored::of(&grant, Some(item))?, deadline).await?;
        report.cared += u32::from(cared);
        return Ok(cared);
    }
    Ok(false)
}

/// A wait is over: the message first, then the row leaves the index.
async fn requeue(stack: &Stack, run: &StoredRun) -> Result<bool, FlowError> {
    let now = stack.now();
    let mut row = run.row.clone();
    send(stack, &RunMessage { event: None, ..row.message.clone() }).await?;
    row.status = Status::Waiting;
    row.updated_at = now;
    if let Some(wait) = &row.wait {
        row.wait = Some(Wait { until: now, ..wait.clone() });
    }
    let put = Write::put(row.item(run.generation, None), Condition::equals("generation", run.generation));
    changed(write_patiently(&stack.ports, vec![put]).await)
}

/// A worker has not come back: the run's message again, and the crash stays to be seen by who claims it.
async fn put_back(stack: &Stack, item: &Item, run: &StoredRun) -> Result<bool, FlowError> {
    send(stack, &RunMessage { event: None, ..run.row.message.clone() }).await?;
    let mut later = item.clone();
    if let Some((_, at)) = later.indexes.get_mut(&Index::Due) {
        *at = sortable(stack.now() + PATIENCE);
    }
    let same = Condition::All(vec![
        Condition::equals("generation", run.generation),
        Condition::equals("lease_until", run.lease_until),
    ]);
    changed(write_patiently(&stack.ports, vec![Write::put(later, same)]).await)
}

/// A refused write means that somebody else has moved it.
fn changed(written: Result<(), TableError>) -> Result<bool, FlowError> {
    match written {
        Ok(()) | Err(TableError::Refused(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What was parked goes on when its connection is well and it is time to try; `all`: at once, after a reconnect.
pub async fn unpark(stack: &Stack, all: bool) -> Result<u32, FlowError> {
    let mut report = Report::default();
    put_forward(stack, all, Timestamp::MAX, &mut report).await?;
    Ok(report.unparked)
}

async fn put_forward(
    stack: &Stack,
    all: bool,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), FlowError> {
    let now = stack.now();
    for connection in stack.connections.list().await? {
        if connection.state != ConnectionState::Active {
            continue;
        }
        let mut query = Query::on(Index::Parked, parked_partition(&connection.id));
        loop {
            let page = stack.ports.table.query(query.clone()).await?;
            for item in &page.items {
                if stack.now() >= deadline {
                    return Ok(());
                }
                let forward = async {
                    let run = StoredRun::read(item)?;
                    let time = run.row.wait.as_ref().is_none_or(|wait| wait.until <= now);
                    Ok::<_, FlowError>((all || time) && requeue(stack, &run).await?)
                };
                match forward.await {
                    Ok(forward) => report.unparked += u32::from(forward),
                    Err(error) => cannot_be_kept(&item.key.partition, &error, report),
                }
            }
            match page.after {
                Some(after) => query.after = Some(after),
                None => break,
            }
        }
    }
    Ok(())
}

/// Fires the schedules whose time has come; a tick that was missed fires once.
async fn fire(stack: &Stack, report: &mut Report) -> Result<(), FlowError> {
    let now = stack.now();
    for (head, compiled) in stack.flows.enabled().await? {
        if compiled.flow.trigger.id != "schedule" {
            continue;
        }
        let name = head.name.clone();
        match tick(stack, head, &compiled.flow.trigger.options, now).await {
            Ok(fired) => report.fired += u32::from(fired),
            Err(error) => cannot_be_kept(&name, &error, report),
        }
    }
    Ok(())
}

async fn tick(
    stack: &Stack,
    head: FlowHead,
    schedule: &crate::domain::Object,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let planned = planned_before(schedule, now)?;
    let is_due = |head: &FlowHead| {
        head.state == FlowState::Enabled && planned > head.fired.or(head.live_from).unwrap_or(now)
    };
    if !is_due(&head) {
        return Ok(false);
    }
    // It may be a moment since this process looked: the flow may be disabled, or its tick fired.
    let newest = stack.flows.newest_of(head.id).await?;
    let Some(head) = newest.filter(|newest| newest.life() == head.life() && is_due(newest)) else {
        return Ok(false);
    };
    let record = serde_json::json!({ "at": planned });
    start(stack, &head, "schedule", EventKey::new(planned.to_string()), planned, record).await?;
    let fired = |now: FlowHead| {
        (now.life() == head.life() && is_due(&now)).then_some(FlowHead { fired: Some(planned), ..now })
    };
    stack.flows.change(&head.name, fired).await?;
    Ok(true)
}

/// The last planned instant that is not after `now`.
pub fn planned_before(options: &crate::domain::Object, now: Timestamp) -> Result<Timestamp, Failure> {
    let (cron, zone) = schedule_of(options)?;
    planned(cron.find_previous_occurrence(&now.to_zoned(zone), true))
}

/// The next planned instant after `now`.
pub fn planned_after(options: &crate::domain::Object, now: Timestamp) -> Result<Timestamp, Failure> {
    let (cron, zone) = schedule_of(options)?;
    planned(cron.find_next_occurrence(&now.to_zoned(zone), false))
}

/// When a schedule ticks, by the clock of which zone.
pub(super) fn schedule_of(options: &crate::domain::Object) -> Result<(Cron, TimeZone), Failure> {
    let text = |name: &str| options.get(name).and_then(Value::as_str);
    let cron = text("cron").unwrap_or_default();
    let bad = |message: String| Failure::new("bad_schedule", message);
    let parsed =
        Cron::from_str(cron).map_err(|error| bad(format!("`{cron}` is no cron expression: {error}")))?;
    let zone = text("zone").unwrap_or("UTC");
    Ok((parsed, crate::domain::time::zone(zone).map_err(|error| bad(error.to_string()))?))
}

fn planned(occurrence: Result<Zoned, CronError>) -> Result<Timestamp, Failure> {
    let never = |error| Failure::new("bad_schedule", format!("the schedule never comes: {error}"));
    Ok(occurrence.map_err(never)?.timestamp())
}

/// Starts a run of a flow that isn't triggered by a provider: a schedule's tick, or a person. With `each`, it is the run
/// that starts the others.
pub async fn start(
    stack: &Stack,
    head: &FlowHead,
    kind: &str,
    key: EventKey,
    at: Timestamp,
    record: Value,
) -> Result<RunId, FlowError> {
    let message = beginning(stack, head, kind, key, at, record).await?;
    send(stack, &message).await?;
    Ok(message.run)
}

/// The message of such a run. Who waits to hear what an `each` finds has it walked at once.
pub async fn beginning(
    stack: &Stack,
    head: &FlowHead,
    kind: &str,
    key: EventKey,
    at: Timestamp,
    record: Value,
) -> Result<RunMessage, FlowError> {
    if head.state == FlowState::Disabled {
        return Err(Failure::new(
            "flow_disabled",
            format!("`{0}` is disabled; `counterfoil flow enable {0}`", head.name),
        )
        .into());
    }
    let finds = match lifecycle::live(stack, head).await {
        Ok(compiled) => compiled.each.is_some(),
        // A flow that can't be read any more fails its runs, where its owner looks.
        Err(FlowError::Asked(_)) => false,
        Err(error) => return Err(error),
    };
    let event = Event { finds, ..Event::of_itself(kind, key, at, record) };
    Ok(RunMessage::first(head.id, head.live_version, event, stack.now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(cron: &str, zone: &str) -> crate::domain::Object {
        let value = serde_json::json!({"cron": cron, "zone": zone});
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_tick_is_planned_by_the_clock_of_its_zone() {
        let now: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        let planned = planned_before(&options("0 7 * * *", "Pacific/Auckland"), now).unwrap();
        assert_eq!(planned.to_string(), "2026-11-22T18:00:00Z");
        let before: Timestamp = "2026-11-22T17:59:59Z".parse().unwrap();
        let planned = planned_before(&options("0 7 * * *", "Pacific/Auckland"), before).unwrap();
        assert_eq!(planned.to_string(), "2026-11-21T18:00:00Z");
    }

    #[test]
    fn a_tick_at_this_very_instant_counts() {
        let now: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        assert_eq!(planned_before(&options("0 18 * * *", "UTC"), now).unwrap(), now);
    }

    #[test]
    fn what_is_no_schedule_says_so() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(planned_before(&options("seven", "UTC"), now).unwrap_err().code, "bad_schedule");
        assert_eq!(planned_before(&options("0 7 * * *", "Mars/Base"), now).unwrap_err().code, "bad_schedule");
    }
}
