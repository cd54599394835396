//! Trying a flow by hand: where the event of a trial comes from, and a trial for real. Called by `flow test`; what
//! performs nothing is `rehearse`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::FlowError;
use super::budget::Priority;
use super::compile::Compiled;
use super::dispatch::at_once;
use super::flows::FlowHead;
use super::stack::Stack;
use super::transitions::decide;
use crate::domain::Value;
use crate::domain::connection::Provider;
use crate::domain::event::{Event, MESSAGE_VERSION, RunMessage};
use crate::domain::ids::{EventKey, RunId};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Account as _, Change, Interest, PollAsk, Trigger};
use crate::ports::random::random_uuid;

/// An event as a person wrote it: `{record, previous, at, record_id, url}`, or the record alone.
pub async fn written(stack: &Stack, compiled: &Compiled, written: Value) -> Result<Event, FlowError> {
    let whole = written.get("record").is_some();
    let part = |name: &str| written.get(name).filter(|_| whole).cloned();
    let record = part("record").unwrap_or_else(|| written.clone());
    let at = match part("at").as_ref().and_then(Value::as_str) {
        None => stack.now(),
        Some(text) => text.parse().map_err(|_| {
            Failure::new(
                "not_an_instant",
                format!("`at` is `{text}`; write RFC 3339, such as 2026-01-15T03:20:11Z"),
            )
        })?,
    };
    let id = part("record_id").or_else(|| record.get("Id").cloned());
    let id = id
        .as_ref()
        .and_then(Value::as_str)
        .map(|id| RecordId::salesforce(id).unwrap_or_else(|| RecordId::new(id)));
    let trigger = &compiled.flow.trigger;
    let connection = match Provider::of(&trigger.id) {
        // Without one, the steps that need none can still be tried.
        Some(provider) => stack.connections.choose(provider, trigger.connection.as_ref()).await.ok(),
        None => None,
    };
    Ok(Event {
        connection: connection.map(|connection| connection.id.clone()),
        kind: trigger.id.clone(),
        key: EventKey::new("trial"),
        stamp: id.is_some().then_some(at),
        record_id: id,
        at,
        record,
        previous: part("previous").unwrap_or(Value::Null),
        url: part("url").as_ref().and_then(Value::as_str).map(str::to_owned),
        finds: false,
    })
}

/// Which record of the trigger's a trial takes.
#[derive(Debug, Clone)]
pub enum Wanted {
    Record(String),
    /// The newest one that would start the flow, else the newest of all.
    Newest,
}

/// The event of a record as it is now.
pub async fn of_record(stack: &Stack, compiled: &Compiled, wanted: &Wanted) -> Result<Event, FlowError> {
    let trigger = &compiled.flow.trigger;
    let (Some((_, polled)), Some(provider)) = (stack.catalog.trigger(&trigger.id), Provider::of(&trigger.id))
    else {
        let message =
            format!("{} has no records to take one of; give an event with --event FILE", trigger.id);
        return Err(Failure::new("not_polled", message).into());
    };
    let asked = |fault: Fault| FlowError::Asked(fault.failure().clone());
    let connection = stack.connections.choose(provider, trigger.connection.as_ref()).await.map_err(asked)?;
    let interest = polled.interest(&trigger.options)?;
    let deadline = stack.now() + stack.times.function;
    let account = stack.client(Arc::clone(&connection), Priority::Live, deadline).map_err(asked)?;
    let change = match wanted {
        Wanted::Record(id) => {
            let record = RecordId::salesforce(id).unwrap_or_else(|| RecordId::new(id.as_str()));
            polled.fetch(&interest, &record, &account).await.map_err(asked)?
        }
        Wanted::Newest => newest(stack, polled.as_ref(), &interest, &account).await.map_err(asked)?,
    };
    let change = change.ok_or_else(|| {
        let what = match wanted {
            Wanted::Record(id) => format!("there is no {} {id} that the trigger would see", interest.object),
            Wanted::Newest => format!("there is no {} that the trigger would see", interest.object),
        };
        Failure::new("record_not_found", format!("{what} in {}", account.connection().id))
    })?;
    Ok(Event {
        connection: Some(connection.id.clone()),
        kind: trigger.id.clone(),
        key: EventKey::new(format!("{}@{}", change.id, change.stamp)),
        record: polled.project(&interest, &change.record),
        record_id: Some(change.id),
        stamp: Some(change.stamp),
        at: change.stamp,
        previous: Value::Null,
        url: change.url,
        finds: false,
    })
}

/// Looks back further and further: a busy object is not read from its beginning.
async fn newest(
    stack: &Stack,
    trigger: &dyn Trigger,
    interest: &Interest,
    account: &super::account::Client,
) -> Result<Option<Change>, Fault> {
    let now = stack.now();
    let back = [1, 24, 24 * 30].map(|hours| now - SignedDuration::from_hours(hours));
    let mut newest_of_all = None;
    for from in back.into_iter().chain([Timestamp::UNIX_EPOCH]) {
        let mut continuation: Option<String> = None;
        let mut wanted = None;
        loop {
            let ask = PollAsk { union: interest, from, continuation: continuation.as_deref() };
            let page = trigger.poll(ask, account).await?;
            for change in page.changes {
                let starts = interest.changed.as_ref().is_none_or(|changed| {
                    decide(changed, None, &change.record, change.stamp).event.is_some()
                });
                if starts {
                    wanted = Some(change.clone());
                }
                newest_of_all = Some(change);
            }
            match page.continuation {
                Some(next) => continuation = Some(next),
                None => break,
            }
        }
        if wanted.is_some() {
            return Ok(wanted);
        }
    }
    Ok(newest_of_all)
}

/// Runs the event for real, under a key of its own, with the live version, whether the flow is enabled or not.
/// What it can't finish now goes on as every run does.
pub async fn perform(stack: &Stack, head: &FlowHead, event: Event) -> Result<RunId, FlowError> {
    let now = stack.now();
    let key = EventKey::new(format!("trial#{}", random_uuid(stack.ports.random.as_ref())));
    let event = Event { key, ..event };
    let message = RunMessage {
        version: MESSAGE_VERSION,
        run: RunId::of(head.id, event.connection.as_ref(), &event.key),
        flow: head.id,
        flow_version: head.live_version,
        enqueued_at: now,
        bulk: false,
        backfill: None,
        event: Some(event),
        // A person asked for it: a disabled flow can be tried.
        rerun: Some(0),
    };
    at_once(stack, &message).await?;
    Ok(message.run)
}
