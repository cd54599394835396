//! An event whose record is read anew: for a rerun that asks for it, and for a run that would give up although the
//! record has moved on since.
//!
//! Which event it is doesn't change: key and run stay.

use jiff::Timestamp;

use super::budget::Priority;
use super::compile::Compiled;
use super::stack::Stack;
use super::transitions::{Memory, memory_key, satisfies};
use super::{FlowError, fault_of};
use crate::domain::connection::Provider;
use crate::domain::event::Event;
use crate::domain::ids::FlowId;
use crate::domain::outcome::{Failure, Fault};

/// The event with its record as the provider has it now.
pub(super) async fn fresh(
    stack: &Stack,
    compiled: &Compiled,
    event: &Event,
    deadline: Timestamp,
) -> Result<Event, Fault> {
    let (Some(provider), Some(id), Some((_, trigger))) =
        (Provider::of(&event.kind), &event.record_id, stack.catalog.trigger(&event.kind))
    else {
        let message = format!("an event of {} has no record to read again", event.kind);
        return Err(Fault::terminal("not_refreshable", message));
    };
    let interest = trigger.interest(&compiled.flow.trigger.options).map_err(Fault::Terminal)?;
    let connection = stack.connections.choose(provider, event.connection.as_ref()).await?;
    let account = stack.client(connection, Priority::Live, deadline)?;
    let change = trigger.fetch(&interest, id, &account).await?;
    let change = change.ok_or_else(|| Fault::terminal("record_gone", format!("{id} is no longer there")))?;
    Ok(Event {
        record: trigger.project(&interest, &change.record),
        stamp: Some(change.stamp),
        ..event.clone()
    })
}

/// The event of a transition that the run is about to leave open, with the record as it is now; `None` when nobody
/// has changed it since. The poll has read such a version already, and won't read it again.
pub(super) async fn moved_on(
    stack: &Stack,
    flow: FlowId,
    compiled: &Compiled,
    event: &Event,
    deadline: Timestamp,
) -> Result<Option<Event>, Fault> {
    let changed = match &compiled.interest {
        Some(Ok(interest)) => interest.changed.as_ref(),
        _ => None,
    };
    let (Some(changed), Some(record), Some(stamp)) = (changed, &event.record_id, event.stamp) else {
        return Ok(None);
    };
    let ground = |error: FlowError| fault_of(&error, stack.now());
    let Some(life) = stack.flows.life_of(flow).await.map_err(ground)? else { return Ok(None) };
    let item = stack.ports.table.get(&[memory_key(life, record)]).await;
    let item = item.map_err(|error| ground(error.into()))?.into_iter().next().flatten();
    let newer = item
        .as_ref()
        .map(Memory::read)
        .is_some_and(|memory| memory.seen > stamp.as_millisecond() && satisfies(changed, &memory.current()));
    if !newer {
        return Ok(None);
    }
    match fresh(stack, compiled, event, deadline).await {
        // Its own stamp stays the transition's: that is what is kept open.
        Ok(fresh) => Ok(Some(Event { stamp: event.stamp, ..fresh })),
        Err(Fault::Terminal(Failure { code, .. })) if code == "record_gone" => Ok(None),
        Err(fault) => Err(fault),
    }
}
