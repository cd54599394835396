//! The rows of the table, typed: what is stored under which key, and how it is read back.
//!
//! Every row carries a version; new code reads old rows. What conditions must see is a field, the rest is JSON
//! in the item's document. Each hot row belongs to an account, a flow or a record, never to the stack.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::Value;
use crate::domain::event::RunMessage;
use crate::domain::ids::{ConnectionId, EffectKey, FlowId, GroupId, Life, LinkName, RunId};
use crate::domain::link::{Link, LinkState};
use crate::domain::outcome::Failure;
use crate::domain::record_id::RecordId;
use crate::domain::run::{Status, StepRecord, Wait};
use crate::ports::connector::{Call, Connector, Element, MemberOutcome, Sets};
use crate::ports::queue::MAX_DELAY;
use crate::ports::table::{Condition, Index, Item, Key};

/// The version that rows are written with.
pub const ROW_VERSION: i64 = 1;

/// A row that can't be read: written by newer code, or damaged. Nothing is done with it.
#[derive(Debug, thiserror::Error)]
#[error("row {partition} / {sort} can't be read: {message}")]
pub struct RowError {
    partition: String,
    sort: String,
    message: String,
}

impl RowError {
    fn of(item: &Item, message: impl std::fmt::Display) -> Self {
        Self {
            partition: item.key.partition.clone(),
            sort: item.key.sort.clone(),
            message: message.to_string(),
        }
    }
}

pub fn item_of<T: Serialize>(key: Key, document: &T) -> Item {
    let mut item = Item::new(key);
    item.document = serde_json::to_vec(document).unwrap_or_default();
    item.fields.insert("v".to_owned(), ROW_VERSION.into());
    item
}

pub fn document_of<T: for<'a> Deserialize<'a>>(item: &Item) -> Result<T, RowError> {
    serde_json::from_slice(&item.document).map_err(|e| RowError::of(item, e))
}

/// Text of an instant that sorts as the instant does.
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

// ---------------------------------------------------------------- due

/// The due index is spread over this many partitions.
pub const DUE_SHARDS: u8 = 16;

pub fn due_partition(shard: u8) -> String {
    format!("due#{shard:x}")
}

pub(super) fn due_entry(id: uuid::Uuid, at: Timestamp) -> (String, String) {
    (due_partition(id.as_bytes()[15] % DUE_SHARDS), sortable(at))
}

// ---------------------------------------------------------------- runs

/// A run's row, from its first effect (or its end) on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub message: RunMessage,
    pub flow_name: String,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By effect id: the step's id, and the item's key in a loop.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The step that the failure, the wait or the doubt is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_step: Option<String>,
    /// What `require` did not find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Claims that their owner did not release since the run last got further.
    #[serde(default)]
    pub crashes: u32,
    /// The connection that it is parked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_for: Option<ConnectionId>,
    /// What a person wrote: `run ignore --note`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Holds the order row of its record.
    #[serde(default)]
    pub holds_order: bool,
}

/// A run's row as it is stored, with what conditions look at.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    pub row: RunRow,
    pub generation: i64,
    pub lease_until: i64,
    /// Claimed and not released: with a lease that has ended, its owner crashed.
    pub claimed: bool,
}

impl StoredRun {
    pub fn read(item: &Item) -> Result<Self, RowError> {
        Ok(Self {
            row: document_of(item)?,
            generation: item.integer("generation").unwrap_or(0),
            lease_until: item.integer("lease_until").unwrap_or(0),
            claimed: item.integer("claimed") == Some(1),
        })
    }

    pub fn leased(&self, now: Timestamp) -> bool {
        self.claimed && self.lease_until > now.as_millisecond()
    }
}

pub fn run_key(run: RunId) -> Key {
    Key::new(format!("R#{run}"), "run")
}

/// Run tombstones stay at least 400 days.
const RUN_DAYS: i64 = 400;

impl RunRow {
    /// A run of which nothing is known but its message.
    pub fn fresh(message: RunMessage, flow_name: &str, now: Timestamp) -> Self {
        Self {
            message,
            flow_name: flow_name.to_owned(),
            status: Status::Running,
            created_at: now,
            updated_at: now,
            steps: BTreeMap::new(),
            wait: None,
            failure: None,
            at_step: None,
            missing: Vec::new(),
            crashes: 0,
            parked_for: None,
            note: None,
            holds_order: false,
        }
    }

    pub fn record(&self) -> Option<(&ConnectionId, &RecordId)> {
        let event = self.message.event.as_ref()?;
        Some((event.connection.as_ref()?, event.record_id.as_ref()?))
    }

    /// The item, claimed until `lease` or released (`None`).
    pub fn item(&self, generation: i64, lease: Option<Timestamp>) -> Item {
        let run = self.message.run;
        let mut item = item_of(run_key(run), self);
        item.fields.insert("generation".into(), generation.into());
        item.fields.insert("lease_until".into(), lease.map_or(0, Timestamp::as_millisecond).into());
        item.fields.insert("claimed".into(), i64::from(lease.is_some()).into());
        item.fields.insert("status".into(), self.status.as_str().into());
        let time = format!("{}#{run}", sortable(self.created_at));
        let partition = flow_partition(self.message.flow, self.status);
        item.indexes.insert(Index::Flow, (partition, time.clone()));
        if let Some((connection, record)) = self.record() {
            item.indexes.insert(Index::Record, (record_partition(connection, record.as_str()), time));
        }
        let due = match (lease, &self.wait, self.status) {
            // A lease that lapses is found by the keeper.
            (Some(until), ..) => Some(until),
            // A short wait is the message's own; a long one has no message.
            (None, Some(wait), Status::Waiting) => {
                let long = wait.until.duration_since(self.updated_at).unsigned_abs() > MAX_DELAY;
                (long && wait.until > self.updated_at).then_some(wait.until)
            }
            _ => None,
        };
        if let Some(due) = due {
            item.indexes.insert(Index::Due, due_entry(run.0, due));
        }
        if let (Status::Parked, Some(connection)) = (self.status, &self.parked_for) {
            item.indexes.insert(Index::Parked, (parked_partition(connection), sortable(self.updated_at)));
        }
        item.expires_at =
            self.status.is_final().then(|| self.updated_at + jiff::SignedDuration::from_hours(24 * RUN_DAYS));
        item
    }
}

pub fn flow_partition(flow: FlowId, status: Status) -> String {
    format!("{flow}#{}", status.as_str())
}

pub fn record_partition(connection: &ConnectionId, record: &str) -> String {
    format!("{connection}#{record}")
}

pub fn parked_partition(connection: &ConnectionId) -> String {
    format!("parked#{connection}")
}

// ---------------------------------------------------------------- groups

/// One provider call, from before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    pub group: GroupId,
    pub connection: ConnectionId,
    pub endpoint: String,
    pub shape: String,
    /// The exact call; sent again under the same key only with the same bytes.
    pub call: Call,
    pub members: Vec<GroupMember>,
    pub created_at: Timestamp,
    /// When it was first sent under the key that it has now.
    pub sent_at: Timestamp,
    /// When it was last sent again under that key: until the provider's longest call after that it may still land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_at: Option<Timestamp>,
    /// How often it was sent under a new key, because an answer (5xx) came under the old one.
    #[serde(default)]
    pub rekeyed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Per member, when known: a fact about the world, accepted from any worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<MemberOutcome>>,
    /// Which versions of which records the call wrote, where the provider doesn't say who wrote a version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Written>,
}

/// A version of a record that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub record: RecordId,
    pub stamp: Timestamp,
    /// Whether it is the first: the call didn't name the record that it wrote.
    #[serde(default)]
    pub made: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupMember {
    pub run: RunId,
    pub effect: EffectKey,
    pub element: Element,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<Sets>,
    /// The place of its element in the call; equal operations share one.
    pub place: usize,
}

/// Why it isn't known what became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// An answer came, and it was no use (5xx): the key is burnt.
    pub answered: bool,
    pub failure: Failure,
}

/// A group's row is of no use once its members have settled.
const GROUP_DAYS: i64 = 30;

/// Where calls are found that wrote to an account.
pub fn own_partition(connection: &ConnectionId) -> String {
    format!("own#{connection}")
}

pub fn group_key(group: GroupId) -> Key {
    Key::new(format!("G#{group}"), "group")
}

impl GroupRow {
    /// The item: leased until the call must have ended, or done.
    pub fn item(&self, lease: Option<Timestamp>) -> Item {
        let mut item = item_of(group_key(self.group), self);
        item.document = compressed(&item.document);
        item.fields.insert("lease_until".into(), lease.map_or(0, Timestamp::as_millisecond).into());
        item.fields.insert("done".into(), i64::from(self.results.is_some()).into());
        if let (Some(until), None) = (lease, &self.results) {
            item.indexes.insert(Index::Due, due_entry(self.group.0, until));
        }
        if !self.versions.is_empty() {
            let time = format!("{}#{}", sortable(self.created_at), self.group);
            item.indexes.insert(Index::Record, (own_partition(&self.connection), time));
        }
        item.expires_at = Some(self.created_at + jiff::SignedDuration::from_hours(24 * GROUP_DAYS));
        item
    }

    pub fn read(item: &Item) -> Result<Self, RowError> {
        let bytes = expanded(&item.document).map_err(|e| RowError::of(item, e))?;
        serde_json::from_slice(&bytes).map_err(|e| RowError::of(item, e))
    }

    /// Notes the versions that the call wrote. Of its own answer only: what is looked up later may have been edited by
    /// a person since.
    pub fn wrote(&mut self, outcomes: &[MemberOutcome], connector: &dyn Connector) {
        let written = |(outcome, element): (&MemberOutcome, Element)| {
            let MemberOutcome::Done(document) = outcome else { return None };
            let (record, stamp) = connector.version_of(document)?;
            let names = |value: &Value| value.as_str() == Some(record.as_str());
            let made = !element.value.as_object().is_some_and(|members| members.values().any(names));
            Some(Written { record, stamp, made })
        };
        self.versions = outcomes.iter().zip(self.elements()).filter_map(written).collect();
    }

    /// The Idempotency-Key of the next send.
    pub fn key(&self) -> String {
        if self.rekeyed == 0 { self.group.to_string() } else { format!("{}.{}", self.group, self.rekeyed) }
    }

    pub fn elements(&self) -> Vec<Element> {
        let mut elements: Vec<(usize, &Element)> =
            self.members.iter().map(|member| (member.place, &member.element)).collect();
        elements.sort_by_key(|(place, _)| *place);
        elements.dedup_by_key(|(place, _)| *place);
        elements.into_iter().map(|(_, element)| element.clone()).collect()
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into a Vec can't fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn expanded(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out)?;
    Ok(out)
}

// ---------------------------------------------------------------- order

/// Which run of a (flow, record) is active, and the newest stamp that had an effect. Never expires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderRow {
    pub active: Option<RunId>,
    /// Milliseconds; the stamp of the newest run whose first effect was written.
    pub applied: Option<i64>,
    /// Runs are held under this row.
    pub held: bool,
}

pub fn order_partition(flow: FlowId, record: &RecordId) -> String {
    format!("O#{flow}#{record}")
}

pub fn order_key(flow: FlowId, record: &RecordId) -> Key {
    Key::new(order_partition(flow, record), "order")
}

/// The oldest first.
pub fn held_key(flow: FlowId, record: &RecordId, stamp: Timestamp, run: RunId) -> Key {
    Key::new(order_partition(flow, record), format!("held#{}#{run}", sortable(stamp)))
}

impl OrderRow {
    pub fn read(item: Option<&Item>) -> Self {
        let Some(item) = item else { return Self::default() };
        Self {
            active: item.text("active").and_then(|text| text.parse().ok()),
            applied: item.integer("applied"),
            held: item.integer("held") == Some(1),
        }
    }

    pub fn item(&self, key: Key) -> Item {
        let mut item = Item::new(key);
        item.fields.insert("v".into(), ROW_VERSION.into());
        item.fields
            .insert("active".into(), self.active.map(|run| run.to_string()).unwrap_or_default().into());
        if let Some(applied) = self.applied {
            item.fields.insert("applied".into(), applied.into());
        }
        item.fields.insert("held".into(), i64::from(self.held).into());
        item
    }

    /// Nobody is active, or `run` is; and `held` is as it was read.
    pub fn unchanged(&self, absent: bool, run: RunId) -> Condition {
        if absent {
            return Condition::Absent;
        }
        Condition::All(vec![
            Condition::Any(vec![
                Condition::equals("active", ""),
                Condition::equals("active", run.to_string()),
            ]),
            Condition::equals("held", i64::from(self.held)),
            match self.applied {
                Some(applied) => Condition::equals("applied", applied),
                None => Condition::Missing("applied".into()),
            },
        ])
    }
}

// ---------------------------------------------------------------- going live

/// How the partitions of flows that go live begin.
pub(super) const GOING_LIVE: &str = "GL#";

/// How far a flow is that goes live, until it does.
pub(super) fn going_live_key(life: Life) -> Key {
    Key::new(format!("{GOING_LIVE}{}", life.flow), life.its("going_live"))
}

// ---------------------------------------------------------------- links

pub fn link_key(connection: &ConnectionId, name: &LinkName, key: &str) -> Key {
    Key::new(format!("L#{connection}#{name}"), key)
}

/// A link never expires. Its entry in the record index is how it is found by the provider's id.
pub fn link_item(link: &Link) -> Item {
    let mut item = item_of(link_key(&link.connection, &link.name, &link.key), link);
    let (state, id) = match &link.state {
        LinkState::Making => ("making", None),
        LinkState::Made { id, .. } => ("made", Some(id)),
    };
    item.fields.insert("state".into(), state.into());
    if let Some(effect) = &link.effect {
        item.fields.insert("effect".into(), effect.as_str().into());
    }
    if let Some(id) = id {
        let entry = (record_partition(&link.connection, id), format!("link#{}#{}", link.name, link.key));
        item.indexes.insert(Index::Record, entry);
    }
    item
}

pub fn link_of(item: &Item) -> Result<Link, RowError> {
    document_of(item)
}
