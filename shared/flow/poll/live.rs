//! Going live, and where a flow reads on from: what a poll needs to know before its first page.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::FlowError;
use super::super::budget::Priority;
use super::super::compile::Compiled;
use super::super::flows::{FlowHead, FlowState};
use super::super::rows::document_of;
use super::super::scopes;
use super::super::stack::Stack;
use super::super::transitions::{Memory, memory_key, watched_values};
use super::lease::{Failed, Lease, Place, watch_key};
use super::{OVERLAP, feed, known, write_memories};
use crate::domain::connection::Provider;
use crate::domain::ids::FlowId;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Account, Interest, PollAsk, Trigger};
use crate::ports::table::Key;

/// How far a polled flow has been read; it reads the overlap again when it goes on from there. `None`: not polled.
pub(in crate::flow) async fn read_up_to(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    let Some(standing) = standing(stack, head, compiled).await? else { return Ok(None) };
    let began = head.catch_up_from.or(head.live_from);
    Ok(standing.read_up_to.map(|cursor| cursor - OVERLAP).max(began))
}

/// How the poll of a flow is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Standing {
    /// By the provider's clock, how far changes are known: as good as when it was last polled. `None`: not yet.
    pub read_up_to: Option<Timestamp>,
    /// Why the last poll failed, and since when they do; `None`: it did not.
    pub failed: Option<Failed>,
}

/// `None`: not polled.
pub async fn standing(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Standing>, FlowError> {
    let Some(key) = watch_of(stack, head, compiled, head.catch_up_from.is_some()).await? else {
        return Ok(None);
    };
    let item = stack.ports.table.get(&[key]).await?.into_iter().next().flatten();
    let place: Place = item.as_ref().map(document_of).transpose()?.unwrap_or_default();
    Ok(Some(Standing { read_up_to: place.cursor, failed: place.failed }))
}

/// The place that a flow had when it read on by itself before.
pub(in crate::flow) async fn forget_own_place(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<(), FlowError> {
    match watch_of(stack, head, compiled, true).await? {
        Some(key) => Lease::<Place>::forget(stack, &key).await,
        None => Ok(()),
    }
}

async fn watch_of(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
    own: bool,
) -> Result<Option<Key>, FlowError> {
    let trigger = &compiled.flow.trigger;
    let (Some(interest), Some(provider)) = (&compiled.interest, Provider::of(&trigger.id)) else {
        return Ok(None);
    };
    let interest = interest.clone()?;
    let connection = stack.connections.choose(provider, trigger.connection.as_ref()).await;
    let connection = connection.map_err(|fault| FlowError::Asked(fault.failure().clone()))?;
    let alone = if own { head.id.to_string() } else { String::new() };
    Ok(Some(watch_key(&connection.id, &trigger.id, &interest, &alone)))
}

/// From when on a flow hears of things: the provider's clock, now. With `changed`, the records that satisfy it
/// already are remembered first; they fire only after they have left it.
pub async fn go_live(stack: &Stack, head: &FlowHead, compiled: &Compiled) -> Result<FlowHead, FlowError> {
    let now = stack.now();
    let mut live = FlowHead { state: FlowState::Enabled, changed_at: now, ..head.clone() };
    let trigger_id = &compiled.flow.trigger.id;
    if let Some(source) = stack.catalog.feed(trigger_id) {
        feed::remember_all(stack, head, compiled, source.as_ref()).await?;
        live.live_from = Some(stack.now());
        return Ok(live);
    }
    let Some((_, trigger)) = stack.catalog.trigger(trigger_id) else {
        live.live_from = Some(now);
        return Ok(live);
    };
    let asked = |fault: Fault| FlowError::Asked(fault.failure().clone());
    let Some(provider) = Provider::of(trigger_id) else { return Ok(live) };
    let connection =
        stack.connections.choose(provider, compiled.flow.trigger.connection.as_ref()).await.map_err(asked)?;
    let scope = trigger.describe().scope;
    if let Some(missing) = scope.and_then(|it| scopes::lacking(&stack.catalog, &connection, it, trigger_id)) {
        return Err(missing.failure().into());
    }
    let interest = trigger.interest(&compiled.flow.trigger.options)?;
    let account =
        stack.client(connection, Priority::Bulk, now + SignedDuration::from_mins(30)).map_err(asked)?;
    // Nothing is newer than a day ahead: this asks for the provider's time, and whether the fields are right.
    let ask = PollAsk { union: &interest, from: now + SignedDuration::from_hours(24), continuation: None };
    let provider_now = trigger.poll(ask, &account).await.map_err(asked)?.provider_now;
    live.live_from = Some(provider_now);
    if interest.events.remembers_ids() {
        remember_ids(stack, head.id, trigger.as_ref(), &interest, &account, provider_now).await?;
    }
    if let Some(changed) = &interest.changed {
        let seed = trigger.settled(&interest);
        let mut continuation: Option<String> = None;
        loop {
            let from = Timestamp::UNIX_EPOCH;
            let ask = PollAsk { union: &seed, from, continuation: continuation.as_deref() };
            let page = trigger.poll(ask, &account).await.map_err(asked)?;
            let memories = page
                .changes
                .iter()
                // What changes from now on is an event, not a memory.
                .filter(|change| change.stamp < provider_now)
                .map(|change| {
                    let values = watched_values(changed, &change.record);
                    let seen = change.stamp.as_millisecond();
                    let live_from = Some(provider_now.as_millisecond());
                    let memory = Memory { values, seen, announced: true, live_from, ..Memory::default() };
                    (memory_key(head.id, &change.id), memory)
                })
                .collect();
            write_memories(stack, memories).await?;
            match page.continuation {
                Some(next) => continuation = Some(next),
                None => break,
            }
        }
    }
    Ok(live)
}

/// Every record that is there already is known from now on. One that changed while we read may be older or new: it is
/// asked when it was made, so that none is swallowed.
async fn remember_ids(
    stack: &Stack,
    flow: FlowId,
    trigger: &dyn Trigger,
    interest: &Interest,
    account: &dyn Account,
    live_from: Timestamp,
) -> Result<(), FlowError> {
    let asked = |fault: Fault| FlowError::Asked(fault.failure().clone());
    let mut continuation: Option<String> = None;
    loop {
        let from = Timestamp::UNIX_EPOCH;
        let ask = PollAsk { union: interest, from, continuation: continuation.as_deref() };
        let page = trigger.poll(ask, account).await.map_err(asked)?;
        let mut ids = Vec::with_capacity(page.changes.len());
        for change in page.changes {
            let made_at = match change.stamp < live_from {
                true => Some(change.stamp),
                false => trigger.made_at(&change.id, account).await.map_err(asked)?,
            };
            if made_at.is_some_and(|made_at| made_at < live_from) {
                ids.push((change.id, None));
            }
        }
        known::remember(stack, flow, &ids, None).await?;
        match page.continuation {
            Some(next) => continuation = Some(next),
            None => return Ok(()),
        }
    }
}
