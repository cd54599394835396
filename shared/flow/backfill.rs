//! Backfill: the records that a flow would have met, had it been live since a day in the past.
//!
//! The same polls, the same event keys, so what ran live runs no second time; the messages go to the bulk queue, and
//! all bulk work together has its share of the day's calls. Its row says how far it came; whoever holds the row's
//! lease goes on from there: the command that starts it for its first page, then the keeper, minute by minute.

mod feed;
mod old;
mod row;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
pub(super) use row::BACKFILLS;
use row::Known;
pub use row::{Backfill, State, Waits};
use serde::Serialize;

use super::FlowError;
use super::budget::Priority;
use super::compile::Compiled;
use super::flows::{FlowHead, FlowState};
use super::lifecycle;
use super::poll::{self, Listener};
use super::stack::Stack;
use crate::domain::connection::{Connection, Provider};
use crate::domain::event::RunMessage;
use crate::domain::flow::StepKind;
use crate::domain::ids::{BackfillId, FlowId};
use crate::domain::outcome::Failure;
use crate::domain::run::Status;
use crate::ports::queue::QueueName;
use crate::ports::random::random_uuid;

/// With so many runs that have not ended, no further page is fed.
pub const AT_ONCE: u64 = 1_000;
/// Percent of an account's calls a day, unless the owner says otherwise.
pub const USUAL_SHARE: u8 = 20;
/// Nothing has ended and nothing is queued for so long: messages that were taken are visible again by then, so what
/// is missing ran as live events meanwhile.
const STILL: SignedDuration = SignedDuration::from_mins(15);
/// When the keeper looks again; it comes each minute.
const NEXT: SignedDuration = SignedDuration::from_secs(30);

/// What the owner asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    pub since: Timestamp,
    /// Up to then, not included.
    pub until: Option<Timestamp>,
    /// 1 to 100.
    pub share: u8,
}

/// Writes down that it is to be done; the keeper does it. `work` may be called for a first page at once.
pub async fn start(stack: &Stack, name: &str, wish: &Wish) -> Result<Backfill, FlowError> {
    let head = stack.flows.newest(name).await?;
    let compiled = lifecycle::live(stack, &head).await?;
    check(stack, &head, &compiled, wish)?;
    let now = stack.now();
    let lives_from = poll::read_up_to(stack, &head, &compiled).await?;
    let (listener, connection) = Listener::of(stack, head, compiled).await?;
    let id = BackfillId(random_uuid(stack.ports.random.as_ref()));
    let mut backfill = Backfill { lives_from, ..Backfill::new(id, &listener, &connection, wish, now) };
    backfill.expected = feed::expected(stack, &listener, &connection, wish).await;
    if !row::begin(stack, &backfill).await? {
        let advice = format!(
            "a backfill of `{name}` is under way; `counterfoil flow backfill {name}` shows it, with --stop it ends"
        );
        return Err(Failure::new("backfill_running", advice).into());
    }
    Ok(backfill)
}

/// What a person can do about what has happened since then and that no version of the flow has told of.
pub fn way_to(stack: &Stack, head: &FlowHead, compiled: &Compiled, since: Timestamp) -> String {
    let name = &head.name;
    let look = format!("`counterfoil flow backfill {name} --since {since:.0}`");
    match (has_a_past(stack, compiled), head.state) {
        (Ok(()), FlowState::Paused) => {
            format!("`counterfoil flow resume {name}` and then {look} looks for it")
        }
        (Ok(()), _) => format!("{look} looks for it"),
        (Err(failure), _) => {
            let one = match stack.catalog.trigger(&compiled.flow.trigger.id) {
                Some(_) => "; `counterfoil flow test FILE --record ID --live` runs the flow for one record",
                None => "",
            };
            format!("no backfill finds it: {}{one}", failure.message)
        }
    }
}

/// Whether old events of what the flow watches for can be found.
fn has_a_past(stack: &Stack, compiled: &Compiled) -> Result<(), Failure> {
    let refuse = |message: String| Err(Failure::new("no_backfill", message));
    let trigger = &compiled.flow.trigger;
    let Some((_, polled)) = stack.catalog.trigger(&trigger.id) else {
        return refuse(format!(
            "{} has no past to look through: only what a provider keeps can be backfilled",
            trigger.id
        ));
    };
    let interest = polled.interest(&trigger.options)?;
    if interest.changed.as_ref().is_some_and(|changed| changed.fields.iter().all(|field| field.to.is_none()))
    {
        return refuse(format!(
            "`{}` fires when a value changes, and what it was before is not known of old records: only `changed` with \
             `to` can be backfilled",
            compiled.flow.name
        ));
    }
    Ok(())
}

fn check(stack: &Stack, head: &FlowHead, compiled: &Compiled, wish: &Wish) -> Result<(), FlowError> {
    let name = &head.name;
    let refuse = |code: &str, message: String| Err(Failure::new(code, message).into());
    has_a_past(stack, compiled)?;
    match head.state {
        FlowState::Enabled => {}
        FlowState::Paused => {
            return refuse(
                "flow_paused",
                format!("`{name}` is paused: `counterfoil flow resume {name}` first"),
            );
        }
        FlowState::Disabled => {
            return refuse(
                "flow_disabled",
                format!("`{name}` is disabled: `counterfoil flow enable {name}` first"),
            );
        }
    }
    let until = wish.until.unwrap_or_else(|| stack.now());
    if wish.since >= until {
        return refuse("bad_dates", format!("--since {} is not before {until:.0}", wish.since));
    }
    if !(1..=100).contains(&wish.share) {
        return refuse("bad_share", "--share is a percentage from 1 to 100".to_owned());
    }
    Ok(())
}

/// Begins nothing more: what is queued and has not begun is dropped when its turn comes, what has begun goes on.
pub async fn stop(stack: &Stack, name: &str) -> Result<Backfill, FlowError> {
    let head = stack.flows.named(name).await?;
    if let Some(known) =
        Known::read(stack, head.id).await?.filter(|known| known.backfill.state == State::Running)
    {
        row::ask_to_stop(stack, head.id).await?;
        work(stack, head.id, stack.now() + stack.times.function).await?;
        // Another worker may hold it: it sees the wish before its next page.
        let now = Known::read(stack, head.id).await?.unwrap_or(known);
        return Ok(now.backfill);
    }
    Err(Failure::new("no_backfill_running", format!("no backfill of `{name}` is under way")).into())
}

/// Goes on with a flow's backfill as far as time and its limits allow. Called by the keeper when its row is due.
pub async fn work(stack: &Stack, flow: FlowId, deadline: Timestamp) -> Result<(), FlowError> {
    let Some(mut known) = Known::take(stack, flow).await? else { return Ok(()) };
    loop {
        let due = match step(stack, &mut known, deadline).await? {
            Next::Page if stack.now() < deadline => None,
            Next::Page => Some(stack.now()),
            Next::Later(due) => Some(due),
        };
        known.backfill.updated_at = stack.now();
        if !known.save(stack, due).await? {
            // Asked to stop, or another worker has taken over.
            match Known::read(stack, flow).await? {
                Some(newer) if newer.generation == known.generation && newer.stop => known.stop = true,
                _ => return Ok(()),
            }
            continue;
        }
        if due.is_some() {
            return Ok(());
        }
    }
}

enum Next {
    Page,
    /// Nothing more now; a backfill that has ended is not due again.
    Later(Timestamp),
}

/// One page, or why there is none now.
async fn step(stack: &Stack, known: &mut Known, deadline: Timestamp) -> Result<Next, FlowError> {
    let now = stack.now();
    let stop = known.stop;
    let backfill = &mut known.backfill;
    backfill.waits = None;
    let head = stack.flows.newest_of(backfill.flow).await?;
    let Some(head) = head.filter(|head| !stop && head.state != FlowState::Disabled) else {
        backfill.state = State::Stopped;
        return Ok(Next::Later(now));
    };
    let ended = tally::bring_up_to_date(stack, backfill).await?;
    if ended.open == 0
        && now.duration_since(ended.last_change) >= STILL
        && stack.ports.queue.depth(QueueName::RunsBulk).await? == 0
    {
        backfill.ended_elsewhere = backfill.queued.saturating_sub(ended.count);
    }
    let remaining = backfill.remaining(ended.count);
    if backfill.read {
        if remaining == 0 {
            backfill.state = State::Done;
        }
        return Ok(Next::Later(now + NEXT));
    }
    let later = |backfill: &mut Backfill, until: Timestamp, failure: Failure| {
        backfill.waits = Some(Waits { until, failure });
        Ok(Next::Later(until.max(now + NEXT)))
    };
    if head.state == FlowState::Paused {
        return later(backfill, now + NEXT, Failure::new("flow_paused", "the flow is paused"));
    }
    if remaining >= AT_ONCE {
        return later(backfill, now + NEXT, Failure::new("enough_queued", "what is queued goes first"));
    }
    let (listener, connection) = match listener(stack, head).await {
        Ok(found) => found,
        // Which account is meant, say: its owner mends that, and it goes on.
        Err(FlowError::Asked(failure)) => return later(backfill, now + NEXT, failure),
        Err(error) => return Err(error),
    };
    if backfill.watch != row::watch_of(&listener, &connection) {
        backfill.state = State::Failed;
        backfill.failure =
            Some(Failure::new("flow_changed", "the flow watches for something else now; begin anew"));
        return Ok(Next::Later(now));
    }
    match feed::page(stack, &listener, connection, backfill, deadline).await? {
        feed::Fed::Page => Ok(Next::Page),
        feed::Fed::Waits(waits) => later(backfill, waits.until, waits.failure),
        feed::Fed::Refused(failure) => {
            backfill.state = State::Failed;
            backfill.failure = Some(failure);
            Ok(Next::Later(now))
        }
    }
}

async fn listener(stack: &Stack, head: FlowHead) -> Result<(Listener, Arc<Connection>), FlowError> {
    let compiled = lifecycle::live(stack, &head).await?;
    Listener::of(stack, head, compiled).await
}

/// Whether a message's backfill was stopped before its run began.
pub(super) async fn is_stopped(stack: &Stack, message: &RunMessage) -> Result<bool, FlowError> {
    let Some(of) = message.backfill else { return Ok(false) };
    let known = Known::read(stack, message.flow).await?;
    Ok(known.is_some_and(|known| {
        known.backfill.id != of.id || known.stop || known.backfill.state == State::Stopped
    }))
}

/// How far a backfill is, as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    pub flow: String,
    pub state: State,
    pub since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub started_at: Timestamp,
    pub share: u8,
    /// How many records there were to look at when it began, where the provider can say so.
    pub expected: Option<u64>,
    pub looked_at: u64,
    /// Records that are events to the flow.
    pub found: u64,
    /// Of these, what had run already.
    pub ran_before: u64,
    pub queued: u64,
    /// Runs of this backfill that have ended, by how they ended.
    pub ended: BTreeMap<Status, u64>,
    pub remaining: u64,
    pub waits: Option<Waits>,
    pub failure: Option<Failure>,
    pub calls: Vec<Calls>,
}

/// Calls today that were not for live events.
#[derive(Debug, Clone, Serialize)]
pub struct Calls {
    pub connection: String,
    pub used: u32,
    /// What the share allows; `None`: the day's limit isn't known yet.
    pub allowed: Option<u32>,
}

/// The newest backfill of a flow.
pub async fn progress(stack: &Stack, name: &str) -> Result<Option<Progress>, FlowError> {
    let head = stack.flows.named(name).await?;
    let Some(known) = Known::read(stack, head.id).await? else { return Ok(None) };
    let mut backfill = known.backfill;
    if backfill.state == State::Running {
        tally::bring_up_to_date(stack, &mut backfill).await?;
    }
    let ended = backfill.tally.shown();
    let ended_count: u64 = ended.values().sum();
    let remaining = match backfill.state {
        State::Running => backfill.remaining(ended_count),
        _ => 0,
    };
    let compiled = lifecycle::live(stack, &head).await?;
    Ok(Some(Progress {
        flow: backfill.flow_name,
        state: backfill.state,
        since: backfill.since,
        until: backfill.until,
        started_at: backfill.started_at,
        share: backfill.share,
        expected: backfill.expected,
        looked_at: backfill.looked_at,
        found: backfill.found,
        ran_before: backfill.ran_before,
        queued: backfill.queued,
        ended,
        remaining,
        waits: backfill.waits,
        failure: backfill.failure,
        calls: calls(stack, &compiled, backfill.share).await?,
    }))
}

/// Of every account that the flow names or that is the only one of its kind.
async fn calls(stack: &Stack, compiled: &Compiled, share: u8) -> Result<Vec<Calls>, FlowError> {
    let trigger = &compiled.flow.trigger;
    let steps = compiled.flow.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Action(action) => Some((Provider::of(&action.action)?, None)),
        _ => None,
    });
    let source = Provider::of(&trigger.id).map(|provider| (provider, trigger.connection.as_ref()));
    let mut found: Vec<Calls> = Vec::new();
    for (provider, named) in source.into_iter().chain(steps) {
        let Ok(connection) = stack.connections.choose(provider, named).await else { continue };
        let id = connection.id.to_string();
        if found.iter().any(|calls| calls.connection == id) {
            continue;
        }
        found.extend(calls_of(stack, &connection, share).await?);
    }
    Ok(found)
}

async fn calls_of(stack: &Stack, connection: &Connection, share: u8) -> Result<Option<Calls>, FlowError> {
    let Some(connector) = stack.catalog.connector(connection.provider) else { return Ok(None) };
    let budget = stack.budgets.look(connection).await?;
    let allowed = budget.share_of(&connector.limits(connection), Priority::Share(share));
    Ok(Some(Calls { connection: connection.id.to_string(), used: budget.bulk_count(stack.now()), allowed }))
}
