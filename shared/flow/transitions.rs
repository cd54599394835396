//! `changed`: which new versions of a record are transitions, and which are our own writes.
//!
//! One row per (life of a flow, record) remembers the watched values and the last transition. It is written with the
//! transition before the event is queued and marked announced after it, so a crash announces the same key again.
//! Our effects note in it what they set before they are sent ([`notes`]): our own write is no change.

mod notes;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
pub(in crate::flow) use notes::as_it_was;
pub use notes::{Note, own_writes, take_back};

use super::rows::ROW_VERSION;
use crate::domain::ids::Life;
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{Changed, FieldChange};
use crate::ports::table::{Condition, Field, Item, Key, Write};

/// What is remembered of a record in one life of a flow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Field -> canonical JSON text, as it was looked at last.
    pub values: BTreeMap<String, String>,
    /// What effects of ours set since.
    pub set: BTreeMap<String, Note>,
    /// The stamp of the last transition (its event key), and whether its event is queued for sure.
    pub transition: Option<i64>,
    pub announced: bool,
    /// The values before the last transition, as JSON text.
    pub previous: Option<String>,
    /// The newest stamp that was looked at.
    pub seen: i64,
    /// The last transition stays open until then: its run was incomplete, or not wanted by `when`.
    pub open_until: i64,
}

pub fn memory_key(life: Life, record: &RecordId) -> Key {
    Key::new(format!("M#{}#{record}", life.flow), life.its("memory"))
}

const VALUE: &str = "w.";

impl Memory {
    pub fn read(item: &Item) -> Self {
        let values = item
            .fields
            .iter()
            .filter_map(|(name, field)| match (name.strip_prefix(VALUE), field) {
                (Some(name), Field::Text(text)) => Some((name.to_owned(), text.clone())),
                _ => None,
            })
            .collect();
        Self {
            values,
            set: notes::read(item),
            transition: item.integer("transition"),
            announced: item.integer("announced") != Some(0),
            previous: item.text("previous").map(str::to_owned),
            seen: item.integer("seen").unwrap_or(0),
            open_until: item.integer("open_until").unwrap_or(0),
        }
    }

    /// The values that count: as they were looked at last, and what effects of ours set since.
    pub fn current(&self) -> BTreeMap<String, String> {
        let set = self.set.iter().map(|(field, note)| (field.clone(), note.value.clone()));
        self.values.clone().into_iter().chain(set).collect()
    }

    pub fn item(&self, key: Key) -> Item {
        let mut item = Item::new(key);
        item.fields.insert("v".into(), ROW_VERSION.into());
        item.fields.extend(self.set.iter().map(|(field, note)| note.stored(field)));
        for (name, text) in &self.values {
            item.fields.insert(format!("{VALUE}{name}"), text.clone().into());
        }
        if let Some(transition) = self.transition {
            item.fields.insert("transition".into(), transition.into());
        }
        if let Some(previous) = &self.previous {
            item.fields.insert("previous".into(), previous.clone().into());
        }
        item.fields.insert("announced".into(), i64::from(self.announced).into());
        item.fields.insert("seen".into(), self.seen.into());
        item.fields.insert("open_until".into(), self.open_until.into());
        item
    }
}

/// What a new version of a record means to a flow.
#[derive(Debug, PartialEq)]
pub struct Decision {
    /// An event with this stamp in its key, and the watched values before it.
    pub event: Option<(Timestamp, Value)>,
    /// What to remember; `None` when nothing is new.
    pub memory: Option<Memory>,
}

/// Decides without looking at anything else: the same versions in the same order give the same events.
pub fn decide(changed: &Changed, memory: Option<&Memory>, record: &Value, stamp: Timestamp) -> Decision {
    let now = stamp.as_millisecond();
    let unannounced = memory.filter(|m| !m.announced).and_then(|m| m.transition);
    let before = memory.cloned().unwrap_or_default();
    let was = before.current();
    // Somebody has looked at a newer version: this one says nothing any more.
    let is_old = now < before.seen;
    let values = if is_old { was.clone() } else { watched_values(changed, record) };
    let differs = was != values;
    let transition = differs && is_transition(changed, &was, &values);
    let reopened = !differs && before.open_until >= now && now > before.seen && satisfies(changed, &values);

    if transition || reopened {
        let previous = object_of(&was);
        let memory = Memory {
            values,
            transition: Some(now),
            announced: false,
            previous: Some(previous.to_string()),
            seen: now,
            ..Memory::default()
        };
        return Decision { event: Some((stamp, previous)), memory: Some(memory) };
    }
    // What our effects set is in what was looked at, or has been overwritten.
    let looked_at = |before: Memory| match is_old {
        true => before,
        false => Memory { values, set: BTreeMap::new(), seen: now, ..before },
    };
    if let Some(transition) = unannounced {
        // Written before a crash, and perhaps not queued: announced again under the same key.
        let previous = before.previous.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let at = Timestamp::from_millisecond(transition).unwrap_or(stamp);
        let event = Some((at, previous.unwrap_or(Value::Null)));
        return Decision { event, memory: Some(looked_at(before)) };
    }
    // A newer version of what is announced: a run that would leave its transition open must know of it.
    let worth = differs || (now > before.seen && (before.open_until >= now || before.transition.is_some()));
    let memory = worth.then(|| Memory { announced: true, ..looked_at(before) });
    Decision { event: None, memory }
}

fn is_transition(
    changed: &Changed,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> bool {
    let differs = |field: &str| before.get(field).is_some_and(|before| now.get(field) != Some(before));
    // Not seen since the flow went live, so it did not satisfy `to` then.
    let is_new = |field: &str| !before.contains_key(field) || differs(field);
    let from_holds =
        |change: &FieldChange| change.from.as_ref().is_none_or(|from| among(from, before.get(&change.field)));
    let fields = !changed.fields.is_empty()
        && changed.fields.iter().any(|change| is_new(&change.field))
        && changed.fields.iter().all(from_holds)
        && satisfies(changed, now);
    fields || changed.any.iter().any(|field| differs(field))
}

/// Whether the watched values are such as the transition leads to.
pub fn satisfies(changed: &Changed, now: &BTreeMap<String, String>) -> bool {
    changed.fields.iter().all(|change| change.to.as_ref().is_none_or(|to| among(to, now.get(&change.field))))
}

fn among(wanted: &[Value], text: Option<&String>) -> bool {
    wanted.iter().any(|value| Some(&canonical(value)) == text)
}

/// The watched values of a record, by path.
pub fn watched_values(changed: &Changed, record: &Value) -> BTreeMap<String, String> {
    changed.watched().map(|field| (field.to_owned(), canonical(at_path(record, field)))).collect()
}

fn at_path<'a>(record: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(record, |value, name| value.get(name).unwrap_or(&Value::Null))
}

fn object_of(values: &BTreeMap<String, String>) -> Value {
    let object: Object = values
        .iter()
        .map(|(name, text)| (name.clone(), serde_json::from_str(text).unwrap_or(Value::Null)))
        .collect();
    if object.is_empty() { Value::Null } else { Value::Object(object) }
}

/// One spelling for equal values: `1`, `1.0` and `1.00` are one number.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.to_string().parse::<rust_decimal::Decimal>() {
            Ok(decimal) => decimal.normalize().to_string(),
            Err(_) => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// The write that keeps a transition open: each newer version of the record tries again.
pub fn stays_open(life: Life, record: &RecordId, transition: Timestamp, within: Duration) -> Write {
    let until =
        transition.as_millisecond().saturating_add(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
    let set = BTreeMap::from([("open_until".to_owned(), Field::Integer(until))]);
    Write::Update { key: memory_key(life, record), set, when: Condition::Always }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn to_won() -> Changed {
        let to = Some(vec![json!("Closed Won")]);
        Changed { fields: vec![FieldChange { field: "StageName".into(), from: None, to }], any: Vec::new() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Shows the versions in turn and gives the stamps of the events.
    fn events(changed: &Changed, versions: &[(i64, &str)]) -> Vec<i64> {
        let mut memory: Option<Memory> = None;
        let mut events = Vec::new();
        for (second, stage) in versions {
            let decision = decide(changed, memory.as_ref(), &json!({"StageName": stage}), at(*second));
            if let Some(mut next) = decision.memory {
                if decision.event.is_some() {
                    next.announced = true;
                }
                memory = Some(next);
            }
            events.extend(decision.event.map(|(stamp, _)| stamp.as_second()));
        }
        events
    }

    #[test]
    fn a_record_that_is_won_fires_once_however_often_it_is_edited() {
        assert_eq!(events(&to_won(), &[(1, "New"), (2, "Closed Won"), (3, "Closed Won")]), vec![2]);
    }

    #[test]
    fn won_reopened_and_won_again_fires_twice() {
        let versions = [(1, "Closed Won"), (2, "New"), (3, "Closed Won")];
        assert_eq!(events(&to_won(), &versions), vec![1, 3]);
    }

    #[test]
    fn from_must_hold_of_the_value_before() {
        let mut changed = to_won();
        changed.fields[0].from = Some(vec![json!("Negotiation")]);
        assert_eq!(events(&changed, &[(1, "New"), (2, "Closed Won")]), Vec::<i64>::new());
        assert_eq!(events(&changed, &[(1, "Negotiation"), (2, "Closed Won")]), vec![2]);
        assert_eq!(events(&changed, &[(2, "Closed Won")]), Vec::<i64>::new(), "before isn't known");
    }

    #[test]
    fn any_fires_at_each_change_after_the_first_sight() {
        let changed = Changed { fields: Vec::new(), any: vec!["StageName".into()] };
        assert_eq!(events(&changed, &[(1, "A"), (2, "A"), (3, "B"), (4, "A")]), vec![3, 4]);
    }

    #[test]
    fn what_our_own_write_set_of_a_record_that_nobody_has_looked_at_says_nothing_of_its_other_fields() {
        let changed = Changed { fields: Vec::new(), any: vec!["StageName".into(), "Amount".into()] };
        let values = BTreeMap::from([("StageName".to_owned(), "\"A\"".to_owned())]);
        let ours = Memory { values, announced: true, ..Memory::default() };
        let record = json!({"StageName": "A", "Amount": 5});
        let decision = decide(&changed, Some(&ours), &record, at(5));
        assert_eq!(decision.event, None);
        let edited = json!({"StageName": "A", "Amount": 6});
        assert!(decide(&changed, decision.memory.as_ref(), &edited, at(6)).event.is_some());
    }

    #[test]
    fn a_crash_before_the_queue_announces_the_same_key_again() {
        let won = json!({"StageName": "Closed Won"});
        let first = decide(&to_won(), None, &won, at(5));
        let memory = first.memory.unwrap();
        assert!(!memory.announced);
        let again = decide(&to_won(), Some(&memory), &won, at(5));
        assert_eq!(again.event.map(|(stamp, _)| stamp), Some(at(5)));
        let later = decide(&to_won(), Some(&memory), &won, at(9));
        assert_eq!(later.event.map(|(stamp, _)| stamp), Some(at(5)), "the transition was at 5");
    }

    #[test]
    fn what_our_own_write_set_is_no_transition() {
        let mut memory = Memory { announced: true, ..Memory::default() };
        memory.values.insert("StageName".into(), "\"Closed Won\"".into());
        let decision = decide(&to_won(), Some(&memory), &json!({"StageName": "Closed Won"}), at(5));
        assert_eq!(decision.event, None);
    }

    #[test]
    fn an_open_transition_tries_again_at_each_newer_version_until_it_closes() {
        let won = json!({"StageName": "Closed Won"});
        let mut memory = decide(&to_won(), None, &won, at(5)).memory.unwrap();
        memory.announced = true;
        assert_eq!(decide(&to_won(), Some(&memory), &won, at(6)).event, None, "not open");
        memory.open_until = 100_000;
        assert_eq!(decide(&to_won(), Some(&memory), &won, at(5)).event, None, "no newer version");
        let again = decide(&to_won(), Some(&memory), &won, at(6));
        assert_eq!(again.event.map(|(stamp, _)| stamp), Some(at(6)));
        assert_eq!(decide(&to_won(), Some(&memory), &won, at(101)).event, None, "too late");
        let lost = json!({"StageName": "Closed Lost"});
        assert_eq!(decide(&to_won(), Some(&memory), &lost, at(6)).event, None);
    }

    #[test]
    fn a_version_that_comes_after_a_newer_one_changes_nothing() {
        let mut memory = decide(&to_won(), None, &json!({"StageName": "New"}), at(9)).memory.unwrap();
        let won = json!({"StageName": "Closed Won"});
        assert_eq!(decide(&to_won(), Some(&memory), &won, at(5)), Decision { event: None, memory: None });
        (memory.transition, memory.announced) = (Some(7_000), false);
        let again = decide(&to_won(), Some(&memory), &won, at(5));
        assert_eq!(again.event.map(|(stamp, _)| stamp), Some(at(7)), "what was left is still announced");
        assert_eq!(again.memory.unwrap().values, memory.values);
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        let changed = Changed { fields: Vec::new(), any: vec!["Amount".into()] };
        let one: Value = serde_json::from_str("{\"Amount\": 100.0}").unwrap();
        let two: Value = serde_json::from_str("{\"Amount\": 100}").unwrap();
        let memory = decide(&changed, None, &one, at(1)).memory.unwrap();
        assert_eq!(decide(&changed, Some(&memory), &two, at(2)), Decision { event: None, memory: None });
    }
}
