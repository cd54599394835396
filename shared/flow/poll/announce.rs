//! What a flow is told of: new versions of records become messages.
//!
//! What is remembered of a record is written under the watch's lease, so that a worker that wakes after it has lost the
//! lease changes nothing; and only over what was read, so that what our own effects note meanwhile isn't undone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::FlowError;
use super::super::flows::FlowHead;
use super::super::settle::send_all;
use super::super::stack::Stack;
use super::super::transitions::{Memory, as_it_was, decide, memory_key};
use super::lease::{Lease, lease_lost};
use super::{Listener, PollError, known};
use crate::domain::Value;
use crate::domain::connection::Connection;
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::EventKey;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Account, Change, Changed, Events, Trigger};
use crate::ports::table::{Condition, Field, Key, TableError, Write};

/// How often what is remembered may have changed under our hands.
pub(super) const TRIES: u32 = 5;

/// Where messages go out from: one flow at one watch.
pub(super) struct Announcing<'a> {
    pub(super) stack: &'a Stack,
    pub(super) account: &'a dyn Account,
    pub(super) trigger: &'a dyn Trigger,
    pub(super) listener: &'a Listener,
    pub(super) lease: &'a Lease,
}

impl Announcing<'_> {
    /// Queues what these versions mean to the flow. Returns how many messages that were.
    pub(super) async fn announce(&self, changes: &[&Change]) -> Result<u32, PollError> {
        let sent = match &self.listener.interest.changed {
            Some(changed) => self.transitions(changed, changes).await?,
            None => self.versions(changes).await?,
        };
        Ok(u32::try_from(sent).unwrap_or(u32::MAX))
    }

    /// Of triggers without `changed`: by what the flow has met before.
    async fn versions(&self, changes: &[&Change]) -> Result<usize, PollError> {
        let Listener { head, interest, .. } = self.listener;
        let mut known = known::of(self.stack, self.listener, changes).await?;
        let mut events = Vec::new();
        for &change in changes {
            let met = known.meet(change);
            let key = match interest.events {
                Events::First if met.before() => continue,
                // What we made and somebody has edited since is an update, though we meet it for the first time.
                Events::AfterTheFirst if met.as_first() && (change.own || !change.made) => continue,
                Events::EachRecord | Events::First => EventKey::new(change.id.as_str()),
                Events::EachVersion | Events::AfterTheFirst | Events::EachDeletion => {
                    versioned(change, change.stamp)
                }
            };
            if !interest.leaves_out(change) {
                events.push((change, key));
            }
        }
        let events = self.meant(events).await?;
        let message = |(change, key)| self.message(change, key, Value::Null);
        let messages: Vec<RunMessage> = events.into_iter().map(message).collect();
        if !messages.is_empty() {
            lives_still(self.stack, head).await?;
        }
        send_all(self.stack, &messages).await?;
        // Only then: after a crash they are met, and queued, again.
        known::remember(self.stack, head.life(), &known.met, self.lease).await?;
        Ok(messages.len())
    }

    /// What was read without the flow's filter, so that each record is met, is told of as the filter says.
    async fn meant<'c>(
        &self,
        mut events: Vec<(&'c Change, EventKey)>,
    ) -> Result<Vec<(&'c Change, EventKey)>, PollError> {
        let interest = &self.listener.interest;
        if interest.reads_more() && !events.is_empty() {
            let changes: Vec<&Change> = events.iter().map(|(change, _)| *change).collect();
            let meant = self.trigger.meant(interest, &changes, self.account).await;
            let mut meant = meant.map_err(PollError::Fault)?.into_iter();
            events.retain(|_| meant.next().unwrap_or(false));
        }
        Ok(events)
    }

    /// Remembered before they are queued: after a crash the same keys are announced again.
    async fn transitions(&self, changed: &Changed, changes: &[&Change]) -> Result<usize, FlowError> {
        for _ in 0..TRIES {
            let decided = self.decided(changed, changes).await?;
            if !decided.messages.is_empty() {
                lives_still(self.stack, &self.listener.head).await?;
            }
            match self.lease.write(self.stack, decided.memories).await? {
                true => {
                    send_all(self.stack, &decided.messages).await?;
                    // Another field may have changed since, so no more than this one is written.
                    if !self.lease.write(self.stack, decided.announced).await? {
                        return Err(lease_lost());
                    }
                    return Ok(decided.messages.len());
                }
                // An effect of ours, or the end of a run, has noted something: that counts as well.
                false => continue,
            }
        }
        Err(TableError::Busy("what is remembered of the records keeps changing".into()).into())
    }

    async fn decided(&self, changed: &Changed, changes: &[&Change]) -> Result<Decided, FlowError> {
        let keys: Vec<Key> =
            changes.iter().map(|change| memory_key(self.listener.head.life(), &change.id)).collect();
        let items = self.stack.ports.table.get(&keys).await?;
        let mut decided = Decided::default();
        for ((change, key), item) in changes.iter().zip(keys).zip(items) {
            let memory = item.as_ref().map(Memory::read);
            let decision = decide(changed, memory.as_ref(), &change.record, change.stamp);
            // That we wrote something else to it needn't be remembered.
            let ours = change.own
                && decision.event.is_none()
                && memory.map(|was| was.current()) == decision.memory.as_ref().map(Memory::current);
            if let Some(memory) = decision.memory.filter(|_| !ours) {
                decided
                    .memories
                    .push(Write::put(memory.item(key.clone()), as_it_was(item.as_ref(), changed)));
            }
            if let Some((stamp, previous)) = decision.event {
                decided.messages.push(self.message(change, versioned(change, stamp), previous));
                decided.announced.push(Write::Update {
                    key,
                    set: BTreeMap::from([("announced".to_owned(), Field::Integer(1))]),
                    when: Condition::equals("transition", stamp.as_millisecond()),
                });
            }
        }
        Ok(decided)
    }

    fn message(&self, change: &Change, key: EventKey, previous: Value) -> RunMessage {
        message(self.stack, self.account.connection(), self.trigger, self.listener, change, key, previous)
    }
}

/// Before anybody is told of anything: whether the flow is in the life that this worker believes it to be in. Otherwise
/// the others tell it, by what that life remembers, and this worker knows no better than to stop.
pub(super) async fn lives_still(stack: &Stack, head: &FlowHead) -> Result<(), FlowError> {
    stack.flows.forget_heads();
    if stack.flows.life_of(head.id).await? == Some(head.life()) {
        return Ok(());
    }
    let message = format!("`{}` was changed while it was polled; the next poll goes by that", head.name);
    Err(FlowError::Asked(Failure::new("flow_changed", message)))
}

pub(in crate::flow) fn message(
    stack: &Stack,
    connection: &Connection,
    trigger: &dyn Trigger,
    listener: &Listener,
    change: &Change,
    key: EventKey,
    previous: Value,
) -> RunMessage {
    let event = Event {
        connection: Some(connection.id.clone()),
        kind: listener.compiled.flow.trigger.id.clone(),
        key,
        record_id: Some(change.id.clone()),
        stamp: Some(change.stamp),
        at: change.stamp,
        record: trigger.project(&listener.interest, &change.record),
        previous,
        url: change.url.clone(),
        finds: false,
    };
    RunMessage::first(listener.head.id, listener.head.live_version, event, stack.now())
}

/// What the versions of one page come to.
#[derive(Default)]
struct Decided {
    memories: Vec<Write>,
    messages: Vec<RunMessage>,
    announced: Vec<Write>,
}

/// The key of a version, or of a transition, of a record.
pub(in crate::flow) fn versioned(change: &Change, stamp: Timestamp) -> EventKey {
    EventKey::new(format!("{}@{stamp}", change.id))
}
