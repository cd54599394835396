//! What a flow must remember when it goes live, read page by page: the ids of all records where it tells new ones from
//! old ones, and the watched values of those that `changed` would take for news.
//!
//! Known is what is there, whatever the flow's filter says: a record that the filter takes later is no news for that.
//! What changes from the provider's time at the beginning on is an event, not a memory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::account::Client;
use super::super::stack::Stack;
use super::super::transitions::{Memory, as_it_was, memory_key, watched_values};
use super::announce::TRIES;
use super::going_live::GoingLive;
use super::lease::Lease;
use super::place::fingerprint;
use super::{PollError, known, lost_its_place};
use crate::domain::ids::Life;
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Change, Changed, Interest, PollAsk, Trigger};
use crate::ports::table::{Item, Key, TableError, Write};

/// Where reading goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Where reading began.
    from: Timestamp,
    /// The next page, where the provider still knows it.
    continuation: Option<String>,
    /// Where to go on if it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    /// Records that changed meanwhile and were asked when they were made, hashed: nobody is asked twice.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    asked: BTreeSet<u64>,
}

/// What is read before a flow notices; `None`: it needs to remember nothing.
pub(in crate::flow) fn wanted(trigger: &dyn Trigger, interest: &Interest) -> Option<Interest> {
    match &interest.changed {
        Some(changed) if changed.takes_strangers() => Some(trigger.settled(&interest.unfiltered())),
        // Who asks for the value before takes no stranger for news, so what the filter leaves out may be one.
        Some(_) => Some(trigger.settled(interest)),
        None => interest.events.remembers_ids().then(|| interest.unfiltered()),
    }
}

/// For one life of a flow.
pub(super) struct Seed<'a> {
    pub(super) stack: &'a Stack,
    pub(super) trigger: &'a dyn Trigger,
    pub(super) account: &'a Client,
    pub(super) interest: &'a Interest,
    pub(super) life: Life,
}

impl Seed<'_> {
    /// The next page is remembered, and the place is behind it; true: it was the last one. The place is the caller's to
    /// save.
    pub(super) async fn page(&self, lease: &mut Lease<GoingLive>) -> Result<bool, PollError> {
        let Some(wanted) = wanted(self.trigger, self.interest) else { return Ok(true) };
        let place = &mut lease.place.place;
        let ask = PollAsk { union: &wanted, from: place.from, continuation: place.continuation.as_deref() };
        let page = match self.trigger.poll(ask, self.account).await {
            Err(fault) if place.continuation.is_some() && lost_its_place(&fault) => {
                place.continuation = place.resume.clone();
                return Ok(false);
            }
            page => page.map_err(PollError::Fault)?,
        };
        match &self.interest.changed {
            Some(changed) => self.remember_values(changed, &page.changes, lease).await?,
            None => self.remember_ids(&page.changes, lease).await?,
        }
        let going = &mut lease.place;
        going.read += page.changes.len() as u64;
        going.place.resume = page.resume.map(|resume| resume.place).or(going.place.resume.take());
        going.place.continuation = page.continuation;
        // Not before the last page: what is edited meanwhile stands, with its new stamp, where it stood before.
        Ok(going.place.continuation.is_none())
    }

    /// Every record that is there is known from now on. One that changed while we read may be older or new: it is asked
    /// when it was made, so that none is swallowed.
    async fn remember_ids(&self, changes: &[Change], lease: &mut Lease<GoingLive>) -> Result<(), PollError> {
        let live_from = lease.place.live_from;
        let mut there: BTreeSet<RecordId> = BTreeSet::new();
        let mut fault = None;
        for change in changes {
            if change.stamp < live_from {
                there.insert(change.id.clone());
                continue;
            }
            let hash = fingerprint(&[change.id.as_str()]);
            if lease.place.place.asked.contains(&hash) {
                continue;
            }
            match self.trigger.made_at(&change.id, self.account).await {
                Ok(made_at) => {
                    if made_at.is_some_and(|made_at| made_at < live_from) {
                        there.insert(change.id.clone());
                    }
                    lease.place.place.asked.insert(hash);
                }
                // What is known by now needn't be asked again.
                Err(again) => {
                    fault = Some(again);
                    break;
                }
            }
        }
        let there: Vec<_> = there.into_iter().map(|id| (id, None)).collect();
        known::remember(self.stack, self.life, &there, lease).await?;
        fault.map_or(Ok(()), |fault| Err(PollError::Fault(fault)))
    }

    async fn remember_values(
        &self,
        changed: &Changed,
        changes: &[Change],
        lease: &Lease<GoingLive>,
    ) -> Result<(), FlowError> {
        let there: BTreeMap<Key, &Change> = changes
            .iter()
            .filter(|change| change.stamp < lease.place.live_from)
            .map(|change| (memory_key(self.life, &change.id), change))
            .collect();
        let keys: Vec<Key> = there.keys().cloned().collect();
        // Nobody but our own effects writes to a life that has not begun, so it is written before it is read.
        let mut items: Vec<Option<Item>> = vec![None; keys.len()];
        for _ in 0..TRIES {
            let memories = there.iter().zip(&items).filter_map(|((key, change), item)| {
                let memory = remembered(changed, change, item.as_ref().map(Memory::read))?;
                Some(Write::put(memory.item(key.clone()), as_it_was(item.as_ref(), changed)))
            });
            if lease.write(self.stack, memories.collect()).await? {
                return Ok(());
            }
            items = self.stack.ports.table.get(&keys).await?;
        }
        Err(TableError::Busy("what is remembered of the records keeps changing".into()).into())
    }
}

/// What is remembered of a record with this version; `None`: all of it is.
fn remembered(changed: &Changed, change: &Change, known: Option<Memory>) -> Option<Memory> {
    let values = watched_values(changed, &change.record);
    let seen = change.stamp.as_millisecond();
    match known {
        None => Some(Memory { values, seen, announced: true, ..Memory::default() }),
        // Read before, by a worker that didn't come back.
        Some(known) if known.seen >= seen => None,
        // What an effect of ours has set meanwhile, or is about to, is newer.
        Some(known) => Some(Memory { values, seen, ..known }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_our_own_effects_note_meanwhile_is_newer_than_what_is_read() {
        let wish = json!({"any": ["Amount", "StageName"]});
        let changed = Changed::read(wish.as_object().unwrap(), |name| Ok(name.to_owned())).unwrap();
        let change = Change {
            id: RecordId::new("006"),
            stamp: Timestamp::from_second(5).unwrap(),
            own: false,
            made: false,
            record: json!({"Amount": 1, "StageName": "New"}),
            url: None,
        };
        let mut noted = Item::new(Key::new("M", "memory"));
        noted.fields.insert("s.StageName".into(), "a-call \"Won\"".into());
        let memory = remembered(&changed, &change, Some(Memory::read(&noted))).unwrap();
        assert_eq!(
            (memory.current()["StageName"].as_str(), memory.values["StageName"].as_str()),
            ("\"Won\"", "\"New\"")
        );
        assert_eq!((memory.values["Amount"].as_str(), memory.seen), ("1", 5_000));
        assert_eq!(remembered(&changed, &change, Some(memory)), None, "a page that is read again");
    }
}
