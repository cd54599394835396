//! How a walk ends: the run's row, the order row, the message, the dead-letter queue, and the owner.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use jiff::SignedDuration;

use super::claim::A_WHILE;
use super::compile::Compiled;
use super::rows::{OrderRow, order_key, order_partition};
use super::run::{NotWritten, Run, write_patiently};
use super::stack::Stack;
use super::transitions;
use super::{FlowError, rows};
use crate::domain::event::RunMessage;
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Failure, Reason};
use crate::domain::run::{Status, Wait};
use crate::ports::connector::Interest;
use crate::ports::queue::{MAX_DELAY, Outgoing, QueueName, Settle};
use crate::ports::table::{Condition, Query, Write};

/// How a walk ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Nothing more happens by itself.
    Final { status: Status, failure: Option<Failure>, step: Option<String> },
    /// To be walked again, not before `wait.until`.
    Wait { wait: Wait, step: Option<String>, parked_for: Option<ConnectionId> },
    /// Another run of the record is active: taken up anew, it will be held.
    Order,
    /// Another worker has it, or its row can't be written: nothing more is written by this one.
    HandsOff,
}

impl Ending {
    pub fn done(status: Status) -> Self {
        Self::Final { status, failure: None, step: None }
    }
}

/// Messages over this many bytes carry a reference to their event.
pub const INLINE_BYTES: usize = 24 * 1024;
/// Large events that are written at once.
const AT_ONCE: usize = 16;

/// Writes the end down, and says what becomes of the message.
pub async fn settle(stack: &Stack, run: &Run, compiled: Option<&Compiled>, ending: Ending) -> Settle {
    let written = match ending {
        Ending::HandsOff => Ok(Settle::VisibleIn(stack.times.lease.unsigned_abs())),
        Ending::Order => Ok(Settle::VisibleIn(Duration::from_secs(1))),
        Ending::Wait { wait, step, parked_for } => waits(stack, run, wait, step, parked_for).await,
        Ending::Final { status, failure, step } => ends(stack, run, compiled, status, failure, step).await,
    };
    written.unwrap_or_else(|error| {
        tracing::error!(run = %run.id, %error, "the end of the walk could not be written; the message comes back");
        Settle::VisibleIn(A_WHILE)
    })
}

async fn waits(
    stack: &Stack,
    run: &Run,
    wait: Wait,
    step: Option<String>,
    parked_for: Option<ConnectionId>,
) -> Result<Settle, FlowError> {
    let now = stack.now();
    let left = wait.until.duration_since(now).max(SignedDuration::ZERO).unsigned_abs();
    let parked = wait.reason == Reason::Parked;
    let long = left > MAX_DELAY;
    let remembered = run.claimed().await || parked || long || wait.reason == Reason::Failed;
    if !remembered {
        // Nothing has begun, so there is nothing to write: the message itself waits.
        return Ok(Settle::VisibleIn(left));
    }
    run.note(|row| {
        row.status = if parked { Status::Parked } else { Status::Waiting };
        row.failure = Some(wait.failure.clone());
        row.wait = Some(wait);
        row.at_step = step;
        row.parked_for = parked_for;
    })
    .await;
    match run.release(now, Vec::new(), run.order_row().await.held).await {
        Ok(()) if parked || long => Ok(Settle::Delete),
        Ok(()) => Ok(Settle::VisibleIn(left)),
        Err(not_written) => fallback(stack, not_written),
    }
}

async fn ends(
    stack: &Stack,
    run: &Run,
    compiled: Option<&Compiled>,
    status: Status,
    failure: Option<Failure>,
    step: Option<String>,
) -> Result<Settle, FlowError> {
    let now = stack.now();
    let was_parked_for = run.row().await.parked_for;
    run.note(|row| {
        row.status = status;
        row.failure.clone_from(&failure);
        row.at_step.clone_from(&step);
        row.wait = None;
        row.parked_for = None;
    })
    .await;
    let row = run.row().await;
    let told = matches!(status, Status::Failed | Status::InDoubt);
    if let (true, Some(failure)) = (told, &failure) {
        dead_letter(stack, run, &row, step.as_deref(), failure).await?;
    }
    let mut extra = Vec::new();
    if let Some(compiled) = compiled
        && matches!(status, Status::Incomplete | Status::Skipped)
        && let (Some(event), Some(record)) =
            (&row.message.event, row.message.event.as_ref().and_then(|event| event.record_id.as_ref()))
        && let (Some(stamp), Some(Ok(Interest { changed: Some(_), .. }))) = (event.stamp, &compiled.interest)
        && let Some(life) = stack.flows.life_of(run.flow).await?
    {
        extra.push(transitions::stays_open(life, record, stamp, compiled.flow.within));
    }
    loop {
        let held = next_held(stack, run).await?;
        let still_held = held.as_ref().is_some_and(|(_, _, more)| *more);
        let mut writes = extra.clone();
        if let Some((key, message, _)) = &held {
            // Queued before it is no longer held: twice is harmless, never is not.
            send(stack, message).await?;
            writes.push(Write::Delete { key: key.clone(), when: Condition::Always });
            if !row.holds_order {
                writes.extend(chain_goes_on(stack, run, still_held).await?);
            }
        }
        match run.release(now, writes, still_held).await {
            Ok(()) => break,
            Err(NotWritten::Order) => reread_order(stack, run).await?,
            Err(not_written) => return fallback(stack, not_written),
        }
    }
    if let (true, Some(failure), Some(compiled)) = (told, &failure, compiled)
        && compiled.flow.when_failed.email
    {
        let step = step.as_deref().unwrap_or("-");
        let record = record_of(&row);
        stack.notices.failed(&row.flow_name, &run.id.to_string(), step, &record, failure).await;
    }
    if let (Status::Succeeded, Some(connection)) = (status, was_parked_for)
        && let Some(connection) = stack.connections.get(&connection).await?
    {
        stack.notices.mended(&connection).await;
    }
    Ok(Settle::Delete)
}

/// The oldest run that is held behind this one: its key, its message, and whether more are held.
async fn next_held(
    stack: &Stack,
    run: &Run,
) -> Result<Option<(crate::ports::table::Key, RunMessage, bool)>, FlowError> {
    let Some(of) = &run.order else { return Ok(None) };
    let order = run.order_row().await;
    let mine = order.active.is_none_or(|active| active == run.id);
    if !order.held || !mine {
        return Ok(None);
    }
    let mut query = Query::new(order_partition(run.flow, &of.record));
    query.from = "held#".to_owned();
    query.before = Some("held$".to_owned());
    query.limit = 2;
    let page = stack.ports.table.query(query).await?;
    let Some(item) = page.items.first() else { return Ok(None) };
    let message: RunMessage = rows::document_of(item)?;
    Ok(Some((item.key.clone(), message, page.items.len() > 1)))
}

/// A run that never took the order row passes the turn on all the same.
async fn chain_goes_on(stack: &Stack, run: &Run, still_held: bool) -> Result<Vec<Write>, FlowError> {
    let Some(of) = &run.order else { return Ok(Vec::new()) };
    let key = order_key(run.flow, &of.record);
    let item = stack.ports.table.get_one(&key).await?;
    let order = OrderRow::read(item.as_ref());
    let when = order.unchanged(item.is_none(), run.id);
    Ok(vec![Write::put(OrderRow { held: still_held, ..order }.item(key), when)])
}

async fn reread_order(stack: &Stack, run: &Run) -> Result<(), FlowError> {
    if let Some(key) = run.order_key() {
        let item = stack.ports.table.get_one(&key).await?;
        run.learn_order(OrderRow::read(item.as_ref())).await;
    }
    Ok(())
}

/// The walk's end could not be written.
fn fallback(stack: &Stack, not_written: NotWritten) -> Result<Settle, FlowError> {
    match not_written {
        NotWritten::Fenced => Ok(Settle::VisibleIn(stack.times.lease.unsigned_abs())),
        NotWritten::Order | NotWritten::Extra(_) => Ok(Settle::VisibleIn(A_WHILE)),
        NotWritten::Table(error) => Err(error.into()),
    }
}

/// What goes to the dead-letter queue is itself a run message that asks for a rerun, with the reason beside it: a
/// redrive into the runs queue means *rerun*.
async fn dead_letter(
    stack: &Stack,
    run: &Run,
    row: &rows::RunRow,
    step: Option<&str>,
    failure: &Failure,
) -> Result<(), FlowError> {
    let generation = run.generation_at_end().await;
    let message = RunMessage { event: None, rerun: u64::try_from(generation).ok(), ..row.message.clone() };
    let attributes = [
        ("run", run.id.to_string()),
        ("flow", row.flow_name.clone()),
        ("step", step.unwrap_or("-").to_owned()),
        ("code", failure.code.clone()),
        ("message", failure.message.chars().take(500).collect()),
        ("record", record_of(row)),
        ("rerun", format!("{} run rerun {}", stack.command, run.id)),
    ];
    let outgoing = Outgoing {
        body: serde_json::to_string(&message).unwrap_or_default(),
        delay: Duration::ZERO,
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let queue = if row.message.bulk { QueueName::RunsBulkDead } else { QueueName::RunsDead };
    Ok(stack.ports.queue.send(queue, vec![outgoing]).await?)
}

/// The id of the record that a run is about, for people.
fn record_of(row: &rows::RunRow) -> String {
    row.record().map_or_else(|| "-".to_owned(), |(_, record)| record.to_string())
}

/// Puts a run's message on its queue; a large event stays in the table.
pub async fn send(stack: &Stack, message: &RunMessage) -> Result<(), FlowError> {
    send_all(stack, std::slice::from_ref(message)).await
}

/// Puts the messages on their queues. Those whose event is large refer to a row that is written first.
pub async fn send_all(stack: &Stack, messages: &[RunMessage]) -> Result<(), FlowError> {
    let mut by_queue: BTreeMap<QueueName, Vec<Outgoing>> = BTreeMap::new();
    let mut events = Vec::new();
    for message in messages {
        let mut body = serde_json::to_string(message).unwrap_or_default();
        if body.len() > INLINE_BYTES
            && let Some(event) = &message.event
        {
            let mut item = rows::item_of(super::claim::event_key(message.run), event);
            item.expires_at = Some(stack.now() + SignedDuration::from_hours(24 * 20));
            events.push(write_patiently(&stack.ports, vec![Write::put(item, Condition::Always)]).boxed());
            let reference = RunMessage { event: None, ..message.clone() };
            body = serde_json::to_string(&reference).unwrap_or_default();
        }
        let queue = if message.bulk { QueueName::RunsBulk } else { QueueName::Runs };
        by_queue.entry(queue).or_default().push(Outgoing { body, ..Outgoing::default() });
    }
    let mut written = futures::stream::iter(events).buffer_unordered(AT_ONCE);
    while let Some(event) = written.next().await {
        event?;
    }
    for (queue, outgoing) in by_queue {
        stack.ports.queue.send(queue, outgoing).await?;
    }
    Ok(())
}
