//! Change Data Capture: what was changed in selected objects, as the events that a relay puts on EventBridge.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm
//! Changes are noted while a request is served, become events when its transaction is over, and are kept for
//! three days. What follows by itself (totals of lines) makes no event. Written to by `records.rs`.

mod control;
mod delivery;
mod envelope;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) use control::router;
pub use delivery::EventDelivery;
use envelope::Header;

use super::objects::{FieldType, Object};
use super::org::{Org, Writer};
use super::store::{Fields, Record};
use delivery::Subscriber;

/// Events are kept, and can be had again, for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Of the events of a very busy org only the last so many are, or they would fill the memory.
const MOST_KEPT: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kind {
    Create,
    Update,
    Delete,
    Undelete,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
        }
    }
}

/// One record's change, until its transaction is over.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Change {
    object: String,
    record: String,
    kind: Kind,
    /// The new values of what the event tells; null where one was taken away.
    fields: Fields,
    user: String,
    origin: String,
    transaction: u64,
    at: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Event {
    pub(crate) replay: u64,
    pub(crate) made: Timestamp,
    pub(crate) body: Value,
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Feed {
    selected: BTreeSet<String>,
    noted: Vec<Change>,
    /// Of transactions that are seen late. Not kept, since what they wrote isn't.
    #[serde(skip)]
    held: Vec<(Timestamp, Vec<Change>)>,
    events: VecDeque<Event>,
    last_replay: u64,
    transaction: u64,
    /// So many of the next events are gaps, or come twice.
    gaps: u32,
    twice: u32,
    subscribers: Vec<Subscriber>,
    deliveries: u64,
}

impl Feed {
    /// How many changes the running transaction has noted.
    pub(crate) fn noted(&self) -> usize {
        self.noted.len()
    }

    /// Those noted since then were undone.
    pub(crate) fn forget(&mut self, since: usize) {
        self.noted.truncate(since);
    }

    /// Those noted since then are seen late.
    pub(crate) fn hold(&mut self, since: usize, until: Timestamp) {
        let late = self.noted.split_off(since.min(self.noted.len()));
        if !late.is_empty() {
            self.held.push((until, late));
            self.transaction += 1;
        }
    }
}

impl Org {
    /// Notes what a write changed, where somebody wants to know.
    pub(crate) fn note(
        &mut self,
        object: &Arc<Object>,
        kind: Kind,
        before: Option<&Record>,
        after: &Record,
        writer: &Writer,
    ) {
        if !self.feed.selected.contains(&object.name) {
            return;
        }
        let fields = match kind {
            Kind::Delete => Fields::new(),
            _ => told(object, before, after),
        };
        if kind == Kind::Update && fields.keys().all(|name| name.starts_with("LastModified")) {
            return;
        }
        self.feed.noted.push(Change {
            object: object.name.clone(),
            record: after.id.clone(),
            kind,
            fields,
            user: writer.user.clone(),
            origin: writer.origin.clone(),
            transaction: self.feed.transaction,
            at: self.now,
        });
    }

    /// Between two requests: what the last one noted becomes events, and so does what was held until now.
    pub(crate) fn publish(&mut self) {
        let now = self.now;
        self.feed.transaction += u64::from(!self.feed.noted.is_empty());
        let (due, held) =
            std::mem::take(&mut self.feed.held).into_iter().partition(|(until, _)| *until <= now);
        self.feed.held = held;
        let due: Vec<(Timestamp, Vec<Change>)> = due;
        let mut changes = std::mem::take(&mut self.feed.noted);
        changes.extend(due.into_iter().flat_map(|(_, changes)| changes));
        if changes.is_empty() {
            return;
        }
        let old = |event: &mut Event| now.duration_since(event.made) >= KEPT;
        while self.feed.events.pop_front_if(old).is_some() {}
        let mut sequence = (0, 0);
        for (change, records) in together(changes) {
            let number = if sequence.0 == change.transaction { sequence.1 + 1 } else { 1 };
            sequence = (change.transaction, number);
            let gap = self.feed.gaps > 0;
            self.feed.gaps -= u32::from(gap);
            let header = Header { records, sequence: number, gap };
            let body = envelope::change(self, &change, &header);
            self.enter(body);
        }
    }

    /// An event of its own making: what couldn't be told, for whatever reason.
    fn gap(&mut self, object: &str, kind: &str, records: Vec<String>) {
        let body = envelope::gap(self, object, kind, records);
        self.enter(body);
    }

    fn enter(&mut self, mut body: Value) {
        let twice = self.feed.twice > 0;
        self.feed.twice -= u32::from(twice);
        self.feed.last_replay += 1;
        let (replay, made) = (self.feed.last_replay, self.now);
        body["detail"]["event"]["replayId"] = replay.into();
        for _ in 0..=usize::from(twice) {
            self.feed.events.push_back(Event { replay, made, body: body.clone() });
            self.address(&body);
        }
        let surplus = self.feed.events.len().saturating_sub(MOST_KEPT);
        self.feed.events.drain(..surplus);
    }
}

/// The changes, those that are the same but for the record as one: same transaction, same values.
fn together(changes: Vec<Change>) -> Vec<(Change, Vec<String>)> {
    let mut together: Vec<(Change, Vec<String>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for change in changes {
        let values = Value::Object(change.fields.clone());
        let same = format!("{} {} {:?} {values}", change.transaction, change.object, change.kind);
        let record = change.record.clone();
        match places.get(&same).and_then(|place| together.get_mut(*place)) {
            Some((_, records)) if records.contains(&record) => {}
            Some((_, records)) => records.push(record),
            None => {
                places.insert(same, together.len());
                together.push((change, vec![record]));
            }
        }
    }
    together
}

/// All that isn't null of a new record; of a changed one, what is different.
fn told(object: &Object, before: Option<&Record>, after: &Record) -> Fields {
    let quiet = ["Id", "IsDeleted", "SystemModstamp"];
    let composed = object.field("LastName").is_some();
    let mut told = Fields::new();
    for field in &object.fields {
        let name = field.name.as_str();
        if quiet.contains(&name)
            || matches!(field.kind, FieldType::Address | FieldType::Base64)
            || (composed && name == "Name")
        {
            continue;
        }
        let value = after.get(name);
        let tells = match before {
            None => !value.is_null(),
            Some(before) => before.get(name) != value || name == "LastModifiedDate",
        };
        if tells {
            told.insert(field.name.clone(), value.clone());
        }
    }
    told
}
