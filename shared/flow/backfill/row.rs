//! A backfill's row: what is asked for, how far it came, and who is at work on it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::poll::{Listener, fingerprint_of, watch_key};
use super::super::rows::{document_of, due_entry, item_of};
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::Wish;
use super::tally::Tally;
use crate::domain::connection::Connection;
use crate::domain::ids::{BackfillId, ConnectionId, FlowId};
use crate::domain::outcome::Failure;
use crate::ports::connector::{Change, Resume};
use crate::ports::table::{Condition, Field, Index, Item, Key, TableError, Write};

/// The newest backfill of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    pub id: BackfillId,
    pub flow: FlowId,
    pub flow_name: String,
    pub connection: ConnectionId,
    /// What the flow watched when it began: another watch is another past.
    pub(super) watch: String,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    /// What changed from then on is the live flow's to tell of. `None`: begun by a version that didn't ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lives_from: Option<Timestamp>,
    pub share: u8,
    pub state: State,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    pub expected: Option<u64>,
    pub looked_at: u64,
    pub found: u64,
    pub ran_before: u64,
    pub queued: u64,
    /// Of these, what ran as a live event meanwhile: its run doesn't bear this backfill's mark.
    #[serde(default)]
    pub(super) ended_elsewhere: u64,
    /// Every page is read.
    pub read: bool,
    pub(super) place: Place,
    pub(super) tally: Tally,
    pub waits: Option<Waits>,
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Running,
    /// Every run has ended.
    Done,
    Stopped,
    Failed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Why no page is read, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub until: Timestamp,
    pub failure: Failure,
}

/// Where reading goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Everything older is queued.
    pub(super) from: Timestamp,
    /// The next page, where the provider still knows it.
    pub(super) continuation: Option<String>,
    /// Where to go on if it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resume: Option<String>,
    /// What of the second of `from` is queued, hashed: it may be met again.
    pub(super) met: BTreeSet<u64>,
    /// What is newer and queued, with its second: it was edited while it was read, or its page isn't through.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) ahead: BTreeMap<u64, i64>,
}

impl Place {
    fn since(from: Timestamp) -> Self {
        Self { from, continuation: None, resume: None, met: BTreeSet::new(), ahead: BTreeMap::new() }
    }

    pub(super) fn has_met(&self, change: &Change) -> bool {
        let hash = fingerprint_of(change);
        self.met.contains(&hash) || self.ahead.contains_key(&hash)
    }

    /// These are queued.
    pub(super) fn passes(&mut self, changes: &[Change]) {
        self.ahead.extend(changes.iter().map(|change| (fingerprint_of(change), change.stamp.as_second())));
    }

    /// A page is through: what follows is no older than where reading may be gone on with, and what is older need not be
    /// known any more.
    pub(super) fn moves_on(&mut self, page: Option<Resume>, continuation: Option<String>) {
        self.continuation = continuation;
        let Some(Resume { place, from }) = page else { return };
        self.resume = Some(place);
        let second = from.as_second();
        if second > self.from.as_second() {
            self.from = Timestamp::from_second(second).unwrap_or(self.from);
            self.met.clear();
        }
        let from = self.from.as_second();
        self.met.extend(self.ahead.iter().filter(|(_, second)| **second == from).map(|(hash, _)| *hash));
        self.ahead.retain(|_, second| *second > from);
    }
}

impl Backfill {
    pub(super) fn new(
        id: BackfillId,
        listener: &Listener,
        connection: &Connection,
        wish: &Wish,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            flow: listener.head.id,
            flow_name: listener.head.name.clone(),
            connection: connection.id.clone(),
            watch: watch_of(listener, connection),
            since: wish.since,
            until: wish.until,
            lives_from: None,
            share: wish.share,
            state: State::Running,
            started_at: now,
            updated_at: now,
            expected: None,
            looked_at: 0,
            found: 0,
            ran_before: 0,
            queued: 0,
            ended_elsewhere: 0,
            read: false,
            place: Place::since(wish.since),
            tally: Tally::since(now),
            waits: None,
            failure: None,
        }
    }

    /// Queued, and not ended as far as is known.
    pub(super) fn remaining(&self, ended: u64) -> u64 {
        self.queued.saturating_sub(ended.saturating_add(self.ended_elsewhere))
    }

    fn item(&self, generation: i64, lease_until: i64, due: Option<Timestamp>) -> Item {
        let mut item = item_of(key(self.flow), self);
        item.fields.insert("generation".into(), generation.into());
        item.fields.insert("lease_until".into(), lease_until.into());
        item.fields.insert("stop".into(), 0.into());
        item.fields.insert("state".into(), self.state.as_str().into());
        if let Some(due) = due {
            item.indexes.insert(Index::Due, due_entry(self.flow.0, due));
        }
        item
    }
}

pub(super) fn key(flow: FlowId) -> Key {
    Key::new(format!("{BACKFILLS}{flow}"), "backfill")
}

/// How the partitions of backfills begin.
pub(in crate::flow) const BACKFILLS: &str = "BF#";

pub(super) fn watch_of(listener: &Listener, connection: &Connection) -> String {
    let trigger = &listener.compiled.flow.trigger.id;
    let key = watch_key(&connection.id, trigger, &listener.interest, "");
    let changed = serde_json::to_string(&listener.interest.changed).unwrap_or_default();
    // What the provider isn't asked is what a backfill looks for all the same.
    let filter = listener.interest.filter.as_deref().filter(|_| listener.interest.reads_more());
    [key.partition.as_str(), &changed, filter.unwrap_or_default()].join(" ").trim_end().to_owned()
}

/// False: another one is under way.
pub(super) async fn begin(stack: &Stack, backfill: &Backfill) -> Result<bool, FlowError> {
    let ended = |state: State| Condition::equals("state", state.as_str());
    let free = Condition::Any(vec![
        Condition::Absent,
        ended(State::Done),
        ended(State::Stopped),
        ended(State::Failed),
    ]);
    let put = Write::put(backfill.item(0, 0, Some(stack.now())), free);
    written(write_patiently(&stack.ports, vec![put]).await)
}

/// Its worker sees it before it writes again.
pub(super) async fn ask_to_stop(stack: &Stack, flow: FlowId) -> Result<(), FlowError> {
    let set = BTreeMap::from([("stop".to_owned(), Field::Integer(1))]);
    let update =
        Write::Update { key: key(flow), set, when: Condition::equals("state", State::Running.as_str()) };
    written(write_patiently(&stack.ports, vec![update]).await).map(drop)
}

fn written(result: Result<(), TableError>) -> Result<bool, FlowError> {
    match result {
        Ok(()) => Ok(true),
        Err(TableError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A backfill as it is stored.
pub(super) struct Known {
    pub(super) backfill: Backfill,
    pub(super) generation: i64,
    /// Its owner wants it to stop.
    pub(super) stop: bool,
    lease_until: i64,
}

impl Known {
    pub(super) async fn read(stack: &Stack, flow: FlowId) -> Result<Option<Self>, FlowError> {
        let item = stack.ports.table.get_one(&key(flow)).await?;
        let Some(item) = item else { return Ok(None) };
        Ok(Some(Self {
            backfill: document_of(&item)?,
            generation: item.integer("generation").unwrap_or(0),
            stop: item.integer("stop") == Some(1),
            lease_until: item.integer("lease_until").unwrap_or(0),
        }))
    }

    /// To work on it. `None`: there is nothing to do, or another worker does it.
    pub(super) async fn take(stack: &Stack, flow: FlowId) -> Result<Option<Self>, FlowError> {
        let Some(mut known) = Self::read(stack, flow).await? else { return Ok(None) };
        let now = stack.now();
        if known.backfill.state != State::Running || known.lease_until > now.as_millisecond() {
            return Ok(None);
        }
        let was = Condition::All(vec![
            Condition::equals("generation", known.generation),
            Condition::equals("lease_until", known.lease_until),
            Condition::equals("stop", i64::from(known.stop)),
        ]);
        known.generation += 1;
        let put = Write::put(known.leased(stack), was);
        Ok(written(write_patiently(&stack.ports, vec![put]).await)?.then_some(known))
    }

    fn leased(&self, stack: &Stack) -> Item {
        let until = stack.now() + stack.times.lease;
        self.backfill.item(self.generation, until.as_millisecond(), Some(until))
    }

    /// Saves how far it came: with `due` the lease is let go until then, else it is renewed. False: asked to stop
    /// meanwhile, or the lease is lost.
    pub(super) async fn save(&self, stack: &Stack, due: Option<Timestamp>) -> Result<bool, FlowError> {
        let item = match due {
            None => self.leased(stack),
            Some(_) if self.backfill.state != State::Running => self.backfill.item(self.generation, 0, None),
            Some(due) => self.backfill.item(self.generation, 0, Some(due)),
        };
        let mut when = vec![Condition::equals("generation", self.generation)];
        if !self.stop {
            when.push(Condition::equals("stop", 0));
        }
        written(write_patiently(&stack.ports, vec![Write::put(item, Condition::All(when))]).await)
    }
}
