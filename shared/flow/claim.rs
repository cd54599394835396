//! Taking up a message: what is known of its run, whether it is its turn, and with what it starts.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::FlowError;
use super::backfill;
use super::compile::Compiled;
use super::flows::FlowState;
use super::rows::{OrderRow, RunRow, StoredRun, document_of, held_key, item_of, order_key, run_key};
use super::run::{OrderOf, Run, write_patiently};
use super::stack::Stack;
use crate::domain::event::{Event, MESSAGE_VERSION, RunMessage};
use crate::domain::flow::Order;
use crate::domain::ids::RunId;
use crate::domain::outcome::Failure;
use crate::domain::run::{Status, StepState};
use crate::ports::queue::{MAX_DELAY, Settle};
use crate::ports::table::{Condition, Field, Item, Key, TableError, Write};

/// What is to be done with a message.
#[derive(Debug)]
pub enum Taken {
    /// Nothing to walk: the message is settled so.
    Settled(Settle),
    Walk(Box<Start>),
    /// Can't be walked at all: fails with this reason.
    Impossible(Box<Run>, Failure),
}

/// A run that may be walked now.
#[derive(Debug)]
pub struct Start {
    pub run: Run,
    pub message: RunMessage,
    pub event: Event,
    pub compiled: Arc<Compiled>,
    /// Workers that ended while they had it. With any: walked after the others, in a small company, claimed before
    /// anything.
    pub crashes: u32,
    /// It was delivered before and has left no trace. Claimed before anything, so that it leaves one; still walked
    /// with the others, for most that come again have only waited for a limit or for the table.
    pub leaves_a_trace: bool,
    /// A newer event of the record has had an effect: nothing is to be done.
    pub newer_applied: bool,
}

/// How many runs are walked together that have one crash behind them, and two; with more, a run is alone. Most crashes
/// are no run's fault, and then a company costs no more calls than the crowd did; where one run is to blame, the
/// companies close in on it.
const COMPANIES: [usize; 2] = [50, 7];
/// A run that ended its worker this often while it was walked alone is given up… A program that is killed again and
/// again, whatever it does, meets some of them in the middle of their walk: after fifty kills up to ten of a hundred
/// that were alone had one such crash, so that three were within an innocent run's reach.
const LONELY_CRASHES: u32 = 6;
/// …after the crash in the crowd and those in the companies.
const GIVEN_UP: u32 = 1 + COMPANIES.len() as u32 + LONELY_CRASHES;
/// Deliveries of a message whose run left no trace, after which it is claimed before anything.
const UNSEEN_DELIVERIES: u32 = 3;

/// The rows that `take_up` looks at, for reading those of many messages in one go.
pub fn keys_of(message: &RunMessage) -> Vec<Key> {
    let mut keys = vec![run_key(message.run)];
    if let Some(record) = message.event.as_ref().and_then(|event| event.record_id.as_ref()) {
        keys.push(order_key(message.flow, record));
    }
    keys
}

/// Where the event of a message waits that was too large for the queue.
pub fn event_key(run: RunId) -> Key {
    Key::new(format!("E#{run}"), "event")
}

/// The order row of a run's record.
pub fn order_key_of(row: &RunRow) -> Option<Key> {
    let record = row.message.event.as_ref()?.record_id.as_ref()?;
    Some(order_key(row.message.flow, record))
}

pub async fn take_up(
    stack: &Stack,
    message: RunMessage,
    receive_count: u32,
    items: Option<Vec<Option<Item>>>,
) -> Result<Taken, FlowError> {
    let now = stack.now();
    let items = match items {
        Some(items) => items,
        None => stack.ports.table.get(&keys_of(&message)).await?,
    };
    let mut items = items.into_iter();
    let stored = items.next().flatten().map(|item| StoredRun::read(&item)).transpose()?;
    let order_item = items.next().flatten();
    if let Some(settle) = stored.as_ref().and_then(|stored| not_now(&message, stored, now)) {
        return Ok(Taken::Settled(settle));
    }

    let event = match (&message.event, stored.as_ref().and_then(|s| s.row.message.event.as_ref())) {
        // A rerun may bring a fresher record; what is stored is what the run began with.
        (Some(event), Some(_)) if message.rerun.is_some() => event.clone(),
        (_, Some(stored)) => stored.clone(),
        (Some(event), None) => event.clone(),
        (None, None) => match stack.ports.table.get_one(&event_key(message.run)).await? {
            Some(item) => document_of::<Event>(&item)?,
            None => {
                tracing::error!(run = %message.run, "a message without an event; its row is gone");
                return Ok(Taken::Settled(Settle::Delete));
            }
        },
    };
    // The same event delivered again is of the day of the first: `today` doesn't change under a run.
    let enqueued_at = stored.as_ref().map_or(message.enqueued_at, |stored| stored.row.message.enqueued_at);
    let message = RunMessage { event: Some(event.clone()), enqueued_at, ..message };
    // The event of a large message was elsewhere, so its order row has not been read yet.
    let order_item = match (&order_item, &event.record_id) {
        (None, Some(record)) => stack.ports.table.get_one(&order_key(message.flow, record)).await?,
        _ => order_item,
    };

    let head = stack.flows.head_at(message.flow, message.enqueued_at).await?;
    let version = stored.as_ref().map_or(message.flow_version, |stored| stored.row.message.flow_version);
    // A rerun goes by the flow as it is now, also one that comes from the dead letters.
    let live = head.as_ref().map_or(message.flow_version, |head| head.live_version);
    let version = if message.rerun.is_some() { live } else { version };
    let message = RunMessage { flow_version: version, ..message };
    let (compiled, unusable) = match stack.flows.compiled(message.flow, version).await {
        Ok(compiled) => (compiled, None),
        // Stored by other code, and this one can't read it.
        Err(FlowError::Asked(failure)) => (None, Some(failure)),
        Err(error) => return Err(error),
    };
    let row = row_of(stored.as_ref(), &message, head.as_ref().map(|h| h.name.as_str()), now);
    let order = OrderRow::read(order_item.as_ref());
    let order_of = compiled.as_ref().and_then(|compiled| order_of(compiled, &event));
    let run = Run::take_up(
        stack.ports.clone(),
        stack.times.lease,
        row.clone(),
        stored.as_ref().map_or(0, |stored| stored.generation),
        stored.is_some(),
        order_of.clone(),
        order.clone(),
        order_item.is_some(),
    );

    let Some(compiled) = compiled else {
        let failure = unusable.unwrap_or_else(|| {
            let gone =
                format!("the flow {} (version {version}) is gone; push it again and rerun", message.flow);
            Failure::new("unknown_flow", gone)
        });
        return Ok(Taken::Impossible(Box::new(run), failure));
    };
    if head.is_some_and(|head| head.state == FlowState::Disabled)
        && stored.is_none()
        && message.rerun.is_none()
    {
        let failure = Failure::new("flow_disabled", "the flow was disabled before this event had its turn");
        run.note(|row| row.status = Status::Cancelled).await;
        return Ok(Taken::Impossible(Box::new(run), failure));
    }
    if row.steps.is_empty() && message.rerun.is_none() && backfill::is_stopped(stack, &message).await? {
        if stored.is_none() {
            return Ok(Taken::Settled(Settle::Delete));
        }
        let failure =
            Failure::new("backfill_stopped", "the backfill was stopped before this run had its turn");
        run.note(|row| row.status = Status::Cancelled).await;
        return Ok(Taken::Impossible(Box::new(run), failure));
    }
    if row.crashes >= GIVEN_UP {
        let failure = Failure::new(
            "killed_worker",
            format!(
                "the run ended its worker {LONELY_CRASHES} times while it ran alone; look at its JavaScript and the size of its record"
            ),
        );
        return Ok(Taken::Impossible(Box::new(run), failure));
    }

    let newer_applied = match &order_of {
        Some(of) => {
            if order.active.is_some_and(|active| active != run.id)
                && hold(stack, &message, of, &order).await?
            {
                return Ok(Taken::Settled(Settle::Delete));
            }
            of.order == Order::Newest
                && order.applied.is_some_and(|applied| applied > of.stamp.as_millisecond())
        }
        None => false,
    };
    let leaves_a_trace = stored.is_none() && receive_count >= UNSEEN_DELIVERIES;
    Ok(Taken::Walk(Box::new(Start {
        crashes: row.crashes,
        leaves_a_trace,
        run,
        message,
        event,
        compiled,
        newer_applied,
    })))
}

/// How many runs may be walked together that have so many crashes behind them.
pub fn company(crashes: u32) -> usize {
    let place = usize::try_from(crashes).unwrap_or(usize::MAX).saturating_sub(1);
    COMPANIES.get(place).copied().unwrap_or(1)
}

/// A message that has nothing to say now: its run has ended, is with another worker, or waits.
fn not_now(message: &RunMessage, stored: &StoredRun, now: Timestamp) -> Option<Settle> {
    let status = stored.row.status;
    if status.is_final() {
        let asked = message.rerun.and_then(|rerun| i64::try_from(rerun).ok());
        return (asked != Some(stored.generation)).then_some(Settle::Delete);
    }
    if stored.leased(now) {
        let left = Timestamp::from_millisecond(stored.lease_until).unwrap_or(now).duration_since(now);
        return Some(Settle::VisibleIn((left + SignedDuration::from_secs(1)).unsigned_abs()));
    }
    let wait = stored.row.wait.as_ref().filter(|_| status == Status::Waiting)?;
    let left = wait.until.duration_since(now);
    if left <= SignedDuration::from_secs(1) {
        return None;
    }
    // A longer wait is in the due index: the keeper brings it back.
    Some(if left.unsigned_abs() > MAX_DELAY {
        Settle::Delete
    } else {
        Settle::VisibleIn(left.unsigned_abs())
    })
}

fn row_of(stored: Option<&StoredRun>, message: &RunMessage, flow: Option<&str>, now: Timestamp) -> RunRow {
    let Some(stored) = stored else {
        let message = RunMessage { version: MESSAGE_VERSION, rerun: None, ..message.clone() };
        return RunRow::fresh(message, flow.unwrap_or_default(), now);
    };
    let mut row = stored.row.clone();
    if stored.claimed {
        // Its owner did not release it: a crash.
        row.crashes += 1;
        tracing::warn!(run = %message.run, crashes = row.crashes, "its last worker did not finish");
    }
    if message.rerun.is_some() {
        row.message = RunMessage { rerun: None, ..message.clone() };
        row.crashes = 0;
        // Asked for by a redrive, nobody has cleared the way: what failed is tried again.
        row.steps.retain(|_, step| step.state != StepState::Failed);
        for step in row.steps.values_mut() {
            step.attempts = 0;
        }
    }
    row.status = Status::Running;
    row.failure = None;
    row
}

fn order_of(compiled: &Compiled, event: &Event) -> Option<OrderOf> {
    Some(OrderOf { record: event.record_id.clone()?, stamp: event.stamp?, order: compiled.flow.order })
}

/// Another run of the record is active: this one is held as a row, and re-queued when that one has ended. Returns
/// false when that one has ended meanwhile.
async fn hold(
    stack: &Stack,
    message: &RunMessage,
    of: &OrderOf,
    order: &OrderRow,
) -> Result<bool, FlowError> {
    let Some(active) = order.active else { return Ok(false) };
    let item = item_of(held_key(message.flow, &of.record, of.stamp, message.run), message);
    let set = std::collections::BTreeMap::from([("held".to_owned(), Field::Integer(1))]);
    let still = Condition::equals("active", active.to_string());
    let writes = vec![
        Write::put(item, Condition::Always),
        Write::Update { key: order_key(message.flow, &of.record), set, when: still },
    ];
    match write_patiently(&stack.ports, writes).await {
        Ok(()) => {
            tracing::debug!(run = %message.run, active = %active, "held until the active run of the record has ended");
            Ok(true)
        }
        Err(TableError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// How long a message is hidden when nothing better is known.
pub const A_WHILE: Duration = Duration::from_secs(10);
