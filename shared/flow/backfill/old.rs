//! Which old records are events, and under which keys: those that a live flow would have given them.
//!
//! With `changed`, a record is an event when it satisfies `to` now: once, at the transition that is remembered, else
//! at the version that is there. What it was before is known of nobody's past, so `from` is not asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::FlowError;
use super::super::account::Client;
use super::super::poll::{self, Listener};
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::super::transitions::{Memory, as_it_was, memory_key, satisfies, watched_values};
use super::Backfill;
use crate::domain::Value;
use crate::domain::event::RunMessage;
use crate::domain::ids::EventKey;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Account as _, Change, Changed, Events, Trigger};
use crate::ports::table::{Key, MAX_TRANSACTION, TableError, Write};

/// What some versions come to.
pub(super) struct Decided {
    pub(super) messages: Vec<RunMessage>,
    /// How many of the versions, from the first on, are decided.
    pub(super) changes: usize,
    /// Why the next one couldn't be.
    pub(super) fault: Option<Fault>,
}

pub(super) async fn events(
    stack: &Stack,
    trigger: &dyn Trigger,
    account: &Client,
    listener: &Listener,
    backfill: &Backfill,
    changes: &[Change],
    settled_before: Timestamp,
) -> Result<Decided, FlowError> {
    let connection = account.connection();
    let message =
        |change: &Change, key| poll::message(stack, connection, trigger, listener, change, key, Value::Null);
    if let Some(changed) = &listener.interest.changed {
        let transitions = remembered(stack, listener, changed, backfill.lives_from, changes).await?;
        let transitions = transitions.into_iter();
        let messages = transitions.map(|(change, stamp)| message(change, poll::versioned(change, stamp)));
        return Ok(Decided { messages: messages.collect(), changes: changes.len(), fault: None });
    }
    let mut messages = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        // What may still get company in its second is the live poll's.
        if listener.interest.leaves_out(change) || change.stamp > settled_before {
            continue;
        }
        let later = |messages, fault| Ok(Decided { messages, changes: number, fault: Some(fault) });
        let key = match listener.interest.events {
            Events::EachVersion | Events::EachDeletion => poll::versioned(change, change.stamp),
            Events::EachRecord => EventKey::new(change.id.as_str()),
            Events::First => match trigger.is_new_since(change, backfill.since, account).await {
                Ok(true) => EventKey::new(change.id.as_str()),
                Ok(false) => continue,
                Err(fault) => return later(messages, fault),
            },
            Events::AfterTheFirst => match trigger.made_at(&change.id, account).await {
                Ok(made_at) if made_at.is_none_or(|at| at < change.stamp) => {
                    poll::versioned(change, change.stamp)
                }
                Ok(_) => continue,
                Err(fault) => return later(messages, fault),
            },
        };
        messages.push(message(change, key));
    }
    Ok(Decided { messages, changes: changes.len(), fault: None })
}

/// The records that satisfy `to`, each with the stamp of its transition, which is remembered from here on: the next
/// backfill finds the same one, and the live flow none until the record has left it. A poll may remember at the same
/// time, and an effect of ours note what it sets: what has changed since it was read is looked at anew.
async fn remembered<'a>(
    stack: &Stack,
    listener: &Listener,
    changed: &Changed,
    lives_from: Option<Timestamp>,
    changes: &'a [Change],
) -> Result<Vec<(&'a Change, Timestamp)>, FlowError> {
    let satisfying: Vec<&Change> = changes
        .iter()
        .filter(|change| satisfies(changed, &watched_values(changed, &change.record)))
        .collect();
    let keys: Vec<Key> =
        satisfying.iter().map(|change| memory_key(listener.head.life(), &change.id)).collect();
    loop {
        let items = stack.ports.table.get(&keys).await?;
        let mut transitions = Vec::new();
        // A record may be there twice, in two versions: the newer one decides.
        let mut writes: BTreeMap<Key, Write> = BTreeMap::new();
        for ((change, key), item) in satisfying.iter().zip(&keys).zip(items) {
            let memory = item.as_ref().map(Memory::read);
            let Some(decided) = decide(changed, lives_from, memory.as_ref(), change) else { continue };
            transitions.push((*change, decided.stamp));
            if let Some(next) = decided.memory {
                let when = as_it_was(item.as_ref(), changed);
                writes.insert(key.clone(), Write::put(next.item(key.clone()), when));
            }
        }
        let writes: Vec<Write> = writes.into_values().collect();
        let mut all_written = true;
        for some in writes.chunks(MAX_TRANSACTION) {
            match write_patiently(&stack.ports, some.to_vec()).await {
                Ok(()) => {}
                Err(TableError::Refused(_)) => all_written = false,
                Err(error) => return Err(error.into()),
            }
        }
        if all_written {
            return Ok(transitions);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Transition {
    stamp: Timestamp,
    /// What to remember; `None`: it is remembered.
    memory: Option<Memory>,
}

/// `None`: a newer version, which a poll has seen, satisfies it no more; or it is the live flow's to tell that the
/// record has come to satisfy it.
fn decide(
    changed: &Changed,
    lives_from: Option<Timestamp>,
    memory: Option<&Memory>,
    change: &Change,
) -> Option<Transition> {
    let now = change.stamp.as_millisecond();
    let values = watched_values(changed, &change.record);
    let known = memory.cloned().unwrap_or_default();
    let current = known.current();
    let is_newer = known.seen > now;
    if is_newer && !satisfies(changed, &current) {
        return None;
    }
    let is_live = lives_from.is_some_and(|from| change.stamp >= from);
    if is_live && !is_newer && current != values {
        return None;
    }
    if (is_newer || current == values)
        && let Some(transition) = known.transition
    {
        let stamp = Timestamp::from_millisecond(transition).unwrap_or(change.stamp);
        return Some(Transition { stamp, memory: None });
    }
    // Queued before the place is saved, and once more if it couldn't be: so it is as good as announced.
    let (values, set) = if is_newer { (known.values, known.set) } else { (values, BTreeMap::new()) };
    let seen = known.seen.max(now);
    let memory = Memory { values, set, transition: Some(now), announced: true, seen, ..Memory::default() };
    Some(Transition { stamp: change.stamp, memory: Some(memory) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::record_id::RecordId;
    use crate::ports::connector::FieldChange;

    fn to_won() -> Changed {
        let to = Some(vec![json!("Closed Won")]);
        Changed { fields: vec![FieldChange { field: "StageName".into(), from: None, to }], any: Vec::new() }
    }

    fn won_at(second: i64) -> Change {
        Change {
            id: RecordId::new("006"),
            stamp: Timestamp::from_second(second).unwrap(),
            own: false,
            made: false,
            record: json!({"StageName": "Closed Won"}),
            url: None,
        }
    }

    fn remembers(stage: &str, transition: Option<i64>, seen: i64) -> Memory {
        let values = BTreeMap::from([("StageName".to_owned(), json!(stage).to_string())]);
        Memory {
            values,
            transition: transition.map(|at| at * 1_000),
            seen: seen * 1_000,
            ..Memory::default()
        }
    }

    fn stamp(memory: Option<&Memory>, second: i64) -> Option<i64> {
        decide(&to_won(), None, memory, &won_at(second)).map(|decided| decided.stamp.as_second())
    }

    #[test]
    fn a_record_whose_past_nobody_knows_is_an_event_at_its_version_and_the_same_the_next_time() {
        let first = decide(&to_won(), None, None, &won_at(5)).unwrap();
        assert_eq!(first.stamp.as_second(), 5);
        assert_eq!(stamp(first.memory.as_ref(), 9), Some(5), "edited since, and still won");
    }

    #[test]
    fn what_was_won_before_the_flow_went_live_is_an_event_and_what_fired_keeps_its_transition() {
        assert_eq!(stamp(Some(&remembers("Closed Won", None, 3)), 3), Some(3));
        assert_eq!(stamp(Some(&remembers("Closed Won", Some(3), 3)), 8), Some(3));
        assert_eq!(stamp(Some(&remembers("New", Some(3), 4)), 8), Some(8), "won again since");
    }

    #[test]
    fn what_is_won_while_the_flow_is_live_is_the_live_flows_and_what_was_won_before_is_not() {
        let live =
            |memory: Option<&Memory>| decide(&to_won(), won_at(7).stamp.into(), memory, &won_at(8)).is_some();
        assert!(!live(None));
        assert!(!live(Some(&remembers("New", None, 3))));
        assert!(live(Some(&remembers("Closed Won", None, 3))), "edited since: the live flow says nothing");
        assert!(live(Some(&remembers("Closed Won", Some(8), 8))), "told of, and known as such");
    }

    #[test]
    fn a_newer_version_that_a_poll_has_seen_counts() {
        assert_eq!(stamp(Some(&remembers("Lost", None, 9)), 8), None);
        assert_eq!(stamp(Some(&remembers("Closed Won", Some(9), 9)), 8), Some(9));
        let known = remembers("Closed Won", None, 9);
        let decided = decide(&to_won(), None, Some(&known), &won_at(8)).unwrap();
        assert_eq!(decided.memory.unwrap().seen, 9_000, "the place of the poll is kept");
    }
}
