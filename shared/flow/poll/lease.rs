//! The lease of a watch: one worker polls it at a time, and its place moves on only under the lease.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::FlowError;
use super::super::flows::FlowHead;
use super::super::rows::{document_of, item_of};
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::OVERLAP;
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Change, Interest};
use crate::ports::table::{Condition, Field, Index, Item, Key, MAX_TRANSACTION, TableError, Write};

/// How many repeats are known without a look at the table.
const FINGERPRINTS: usize = 20_000;

/// What is kept of a watch between two polls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The newest stamp whose events are queued.
    pub(super) cursor: Option<Timestamp>,
    /// Hashes of (id, stamp), with the stamp, of what was read since the cursor less the overlap.
    seen: Vec<(u64, i64)>,
    /// Who has been told of all that (hashes of a flow and since when it is live).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    listeners: Vec<u64>,
    /// The read that is under way, where it takes more than one poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reading: Option<Reading>,
    /// When the last two days were read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    looked_back_at: Option<Timestamp>,
    /// Why the last poll failed, until one goes well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<Failed>,
    /// Which listeners (a hash of them and their versions) were all refused, and when each was asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<(u64, Timestamp)>,
    /// Until when its polls have used up their part of the account's day ([`super::pace`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) paced_until: Option<Timestamp>,
}

/// One read, from its oldest stamp to the newest there is, by as many workers as that takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// For whom (a hash of the listeners). Others begin anew.
    pub(super) of: u64,
    pub(super) oldest: Timestamp,
    /// What was there then, by the provider's clock, has been told of when it comes to its end. What was committed since
    /// may stand behind where it is, and no further back than the overlap: the next read begins that long before.
    pub(super) up_to: Timestamp,
    /// Where it goes on, in the provider's words.
    pub(super) resume: String,
    /// What is older was told of, to those who were told of anything, before it began; `None`: nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) final_before: Option<Timestamp>,
    /// It is the daily one.
    pub(super) looks_back: bool,
}

/// Polls that come to nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The first of them.
    pub since: Timestamp,
    pub failure: Failure,
    /// Only a person can mend it.
    #[serde(default)]
    pub parked: bool,
}

/// Once a day…
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// …the last two are read again: for what no overlap caught.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(48);
/// Flows that are all refused are asked for one by one again after this: one of them may have been mended elsewhere.
const REFUSED_TOGETHER_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Who joins a watch began no further back: what took longer than an hour to go live catches up by itself first.
const LONGEST_START: SignedDuration = SignedDuration::from_hours(2);

pub(in crate::flow) fn watch_key(
    connection: &ConnectionId,
    trigger: &str,
    interest: &Interest,
    alone: &str,
) -> Key {
    let filter = interest.asked().unwrap_or_default();
    let hash = fingerprint(&[trigger, &interest.object, filter, alone]);
    Key::new(format!("W#{connection}#{}#{hash:016x}", interest.object), "watch")
}

/// What is kept of a watch, read without its lease.
pub(super) async fn read<P: Kept + Default>(stack: &Stack, key: &Key) -> Result<P, FlowError> {
    let item = stack.ports.table.get(std::slice::from_ref(key)).await?.into_iter().next().flatten();
    Ok(item.as_ref().map(document_of).transpose()?.unwrap_or_default())
}

/// `P`: what is kept of the watch.
pub(super) struct Lease<P = Place> {
    key: Key,
    generation: i64,
    pub(super) place: P,
    known: BTreeSet<u64>,
    /// A wake-up is known to have come meanwhile.
    again: bool,
}

/// What a lease keeps for the next one.
pub(super) trait Kept: Serialize + DeserializeOwned {
    /// Fingerprints of what was met last.
    fn met(&self) -> BTreeSet<u64> {
        BTreeSet::new()
    }

    /// Where and when the keeper finds it: when its lease lapses, or (0: let go) when it is to go on.
    fn due(&self, _lease_until: i64) -> Option<(String, String)> {
        None
    }
}

impl Kept for Place {
    fn met(&self) -> BTreeSet<u64> {
        self.seen.iter().map(|(hash, _)| *hash).collect()
    }
}

impl<P: Kept + Default> Lease<P> {
    /// `None`: another worker polls; it was told to poll once more.
    pub(super) async fn take(stack: &Stack, key: &Key) -> Result<Option<Self>, FlowError> {
        Self::take_or(stack, key, || Some(P::default())).await
    }

    /// Begins anew. The generation goes on, so that who still has the lease has lost it.
    pub(super) async fn forget(stack: &Stack, key: &Key) -> Result<(), FlowError> {
        loop {
            let item = stack.ports.table.get(std::slice::from_ref(key)).await?.into_iter().next().flatten();
            let Some(generation) = item.and_then(|item| item.integer("generation")) else { return Ok(()) };
            let anew = Self::begun(key.clone(), generation + 1, P::default());
            let put = Write::put(anew.item(0), Condition::equals("generation", generation));
            match write_patiently(&stack.ports, vec![put]).await {
                Err(TableError::Refused(_)) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl<P: Kept> Lease<P> {
    /// The same, of what was begun; `None` also when it is given up.
    pub(super) async fn take_begun(stack: &Stack, key: &Key) -> Result<Option<Self>, FlowError> {
        Self::take_or(stack, key, || None).await
    }

    async fn take_or(
        stack: &Stack,
        key: &Key,
        absent: impl Fn() -> Option<P>,
    ) -> Result<Option<Self>, FlowError> {
        for _ in 0..3 {
            let now = stack.now();
            let item = stack.ports.table.get(std::slice::from_ref(key)).await?.into_iter().next().flatten();
            let place = item.as_ref().map(document_of).transpose()?.or_else(&absent);
            let Some(place) = place else { return Ok(None) };
            let generation = item.as_ref().and_then(|item| item.integer("generation")).unwrap_or(0);
            let leased = item.as_ref().and_then(|item| item.integer("lease_until")).unwrap_or(0);
            if leased > now.as_millisecond() {
                let set = BTreeMap::from([("again".to_owned(), Field::Integer(1))]);
                let when = Condition::equals("lease_until", leased);
                let update = Write::Update { key: key.clone(), set, when };
                match write_patiently(&stack.ports, vec![update]).await {
                    Ok(()) => return Ok(None),
                    // It has just ended: our turn.
                    Err(TableError::Refused(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            let lease = Self {
                key: key.clone(),
                generation: generation + 1,
                known: place.met(),
                place,
                again: false,
            };
            let when = match item {
                None => Condition::Absent,
                Some(_) => Condition::All(vec![
                    Condition::equals("generation", generation),
                    Condition::equals("lease_until", leased),
                ]),
            };
            let until = now + stack.times.lease;
            match write_patiently(&stack.ports, vec![Write::put(lease.item(until.as_millisecond()), when)])
                .await
            {
                Ok(()) => return Ok(Some(lease)),
                Err(TableError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn begun(key: Key, generation: i64, place: P) -> Self {
        Self { key, generation, known: BTreeSet::new(), place, again: false }
    }

    /// The row of something that nobody has worked on yet.
    pub(super) fn first(key: Key, place: P) -> Item {
        Self::begun(key, 0, place).item(0)
    }

    fn item(&self, lease_until: i64) -> Item {
        let mut item = item_of(self.key.clone(), &self.place);
        item.fields.insert("generation".into(), self.generation.into());
        item.fields.insert("lease_until".into(), lease_until.into());
        item.fields.insert("again".into(), i64::from(self.again).into());
        if let Some(due) = self.place.due(lease_until) {
            item.indexes.insert(Index::Due, due);
        }
        item
    }

    /// Saves the place under the lease, and renews it. A wake-up that came meanwhile stays noted.
    pub(super) async fn save(&mut self, stack: &Stack) -> Result<(), FlowError> {
        let until = (stack.now() + stack.times.lease).as_millisecond();
        if self.put(stack, until, true).await? {
            return Ok(());
        }
        if !self.again {
            self.again = true;
            if self.put(stack, until, true).await? {
                return Ok(());
            }
        }
        Err(lease_lost())
    }

    /// Saves and lets go. True: a wake-up came meanwhile, the lease is still ours, poll once more.
    pub(super) async fn release(&mut self, stack: &Stack, failed: bool) -> Result<bool, FlowError> {
        let asked = std::mem::take(&mut self.again);
        if (failed || !asked) && self.put(stack, 0, !failed).await? {
            return Ok(false);
        }
        // Either someone asked for another poll, or the lease is lost.
        let until = (stack.now() + stack.times.lease).as_millisecond();
        if self.put(stack, until, false).await? { Ok(true) } else { Err(lease_lost()) }
    }

    /// False: the lease is lost, or (`noted`) a wake-up came that isn't noted in `again`.
    pub(super) async fn put(&self, stack: &Stack, lease_until: i64, noted: bool) -> Result<bool, FlowError> {
        let mut when = vec![self.ours()];
        if noted {
            when.push(Condition::equals("again", i64::from(self.again)));
        }
        let put = Write::put(self.item(lease_until), Condition::All(when));
        match write_patiently(&stack.ports, vec![put]).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as long as the lease is ours; one that has lost it writes nothing. False: one of the writes' own
    /// conditions doesn't hold, and what was to be written with it isn't.
    pub(super) async fn write(&self, stack: &Stack, writes: Vec<Write>) -> Result<bool, FlowError> {
        let ours = Write::Check { key: self.key.clone(), when: self.ours() };
        for some in writes.chunks(MAX_TRANSACTION - 1) {
            let fenced = std::iter::once(ours.clone()).chain(some.iter().cloned()).collect();
            match write_patiently(&stack.ports, fenced).await {
                Ok(()) => {}
                Err(TableError::Refused(0)) => return Err(lease_lost()),
                Err(TableError::Refused(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// That the lease is ours, as a condition of what is written elsewhere.
    pub(super) fn ours(&self) -> Condition {
        Condition::equals("generation", self.generation)
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

impl Place {
    /// Where a read begins, before its overlap: at the cursor, or earlier for a flow that went live since, whose going
    /// live took a while.
    pub(super) fn start<'a>(&self, heads: impl Iterator<Item = &'a FlowHead>) -> Option<Timestamp> {
        let Some(cursor) = self.cursor else { return heads.filter_map(FlowHead::begins).min() };
        let joined = heads.filter(|head| !self.tells(head)).filter_map(FlowHead::begins);
        Some(joined.filter(|live_from| *live_from >= cursor - LONGEST_START).fold(cursor, Timestamp::min))
    }

    /// Whether a flow was told of what is known. One that has just begun to listen here was not: it may have come from a
    /// watch of its own, and a process that hadn't heard of it yet may have polled meanwhile.
    pub(super) fn tells(&self, head: &FlowHead) -> bool {
        self.listeners.contains(&listening(head))
    }

    /// Whether others than these were told of what is known.
    pub(super) fn tells_others<'a>(&self, heads: impl Iterator<Item = &'a FlowHead>) -> bool {
        let these: BTreeSet<u64> = heads.map(listening).collect();
        self.listeners.iter().any(|listener| !these.contains(listener))
    }
}

/// How a place moves on that goes by stamps.
impl Lease {
    /// How far before its place a poll reads now, and whether that is the daily look back.
    pub(super) fn overlap(&mut self, now: Timestamp) -> (SignedDuration, bool) {
        let last = *self.place.looked_back_at.get_or_insert(now);
        if now.duration_since(last) < A_DAY { (OVERLAP, false) } else { (LOOK_BACK, true) }
    }

    /// The read of the same listeners that an earlier worker had no time to finish.
    pub(super) fn unfinished<'a>(&self, heads: impl Iterator<Item = &'a FlowHead>) -> Option<Reading> {
        let listeners = together(heads);
        self.place.reading.clone().filter(|reading| reading.of == listeners)
    }

    /// There is more, and nothing of it is older than this: the cursor moves on as far as the read goes for good.
    pub(super) fn comes_to(&mut self, from: Timestamp, reading: Reading) {
        self.place.cursor = self.place.cursor.max(Some(from.min(reading.up_to)));
        self.place.reading = Some(reading);
    }

    /// Each of these was refused when it was asked for by itself, a moment ago.
    pub(super) fn are_refused<'a>(&self, heads: impl Iterator<Item = &'a FlowHead>, now: Timestamp) -> bool {
        let listeners = versions(heads);
        self.place
            .refused
            .is_some_and(|(of, at)| of == listeners && now.duration_since(at) < REFUSED_TOGETHER_FOR)
    }

    /// `at`: each of these was refused then; `None`: they are not.
    pub(super) fn refuses<'a>(&mut self, heads: impl Iterator<Item = &'a FlowHead>, at: Option<Timestamp>) {
        self.place.refused = at.map(|at| (versions(heads), at));
    }

    pub(super) fn looked_back(&mut self, now: Timestamp) {
        self.place.looked_back_at = Some(now);
    }

    pub(super) fn knows(&self, change: &Change) -> bool {
        self.known.contains(&fingerprint_of(change))
    }

    /// These flows have been told of everything up to the cursor.
    pub(super) fn told<'a>(&mut self, heads: impl Iterator<Item = &'a FlowHead>) {
        self.place.listeners = heads.map(listening).collect();
    }

    /// These are queued.
    pub(super) fn passed(&mut self, fresh: &[Change], from: Timestamp) {
        for change in fresh {
            let hash = fingerprint_of(change);
            if self.known.insert(hash) {
                self.place.seen.push((hash, change.stamp.as_millisecond()));
            }
        }
        // What lies before the new overlap may stand on a later page of the same read.
        self.forget_before(from);
    }

    /// All rows that were there at that time are queued; those that commit late are in the overlap.
    pub(super) fn read_up_to(&mut self, time: Timestamp) {
        self.place.reading = None;
        let cursor = self.place.cursor.map_or(time, |cursor| cursor.max(time));
        self.place.cursor = Some(cursor);
        self.forget_before(cursor - OVERLAP);
    }

    pub(super) fn forget_before(&mut self, time: Timestamp) {
        let keep_from = time.as_millisecond();
        let excess = self.place.seen.len().saturating_sub(FINGERPRINTS);
        if excess > 0 || self.place.seen.first().is_some_and(|(_, stamp)| *stamp < keep_from) {
            self.place.seen.sort_by_key(|(_, stamp)| *stamp);
            self.place.seen.drain(..excess);
            self.place.seen.retain(|(_, stamp)| *stamp >= keep_from);
            self.known = self.place.met();
        }
    }
}

pub(super) const LEASE_LOST: &str = "lease_lost";

pub(super) fn lease_lost() -> FlowError {
    let message = "another worker has taken over the poll; what this one queued is known by its run ids";
    FlowError::Asked(Failure::new(LEASE_LOST, message))
}

fn listening(head: &FlowHead) -> u64 {
    fingerprint(&[&head.id.to_string(), &head.live_from.unwrap_or_default().to_string()])
}

pub(super) fn together<'a>(heads: impl Iterator<Item = &'a FlowHead>) -> u64 {
    heads.map(listening).fold(0, |all, one| all ^ one)
}

fn versions<'a>(heads: impl Iterator<Item = &'a FlowHead>) -> u64 {
    heads
        .map(|head| fingerprint(&[&head.id.to_string(), &head.live_version.to_string()]))
        .fold(0, |all, one| all ^ one)
}

fn fingerprint_of(change: &Change) -> u64 {
    fingerprint(&[change.id.as_str(), &change.stamp.to_string()])
}

/// A hash that stands for the parts.
pub(in crate::flow) fn fingerprint(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    u64::from_be_bytes(std::array::from_fn(|n| digest[n]))
}
