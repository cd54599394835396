//! The place of a watch: what is kept of it between two polls, how far it is read, who was told of that, and how it moves
//! on, under its lease.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::flows::FlowHead;
use super::OVERLAP;
use super::lease::{Kept, Lease};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Change, Interest};
use crate::ports::table::Key;

/// How many repeats are known without a look at the table.
const FINGERPRINTS: usize = 20_000;

/// What is kept of a watch between two polls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The newest stamp whose events are queued.
    pub(super) cursor: Option<Timestamp>,
    /// Hashes of (id, stamp), with the stamp, of what was read since the cursor less the overlap.
    seen: Vec<(u64, i64)>,
    /// Who has been told of all that (hashes of a flow and its life).
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

/// What tells the watch of a flow that reads by itself from any other: it believes nothing of another life, or of
/// another time that it had to catch up.
pub(super) fn alone(head: &FlowHead) -> String {
    let from = head.catch_up_from.map(|from| from.to_string()).unwrap_or_default();
    format!("{} {} {from}", head.id, head.life)
}

impl Kept for Place {
    fn met(&self) -> BTreeSet<u64> {
        self.seen.iter().map(|(hash, _)| *hash).collect()
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

fn listening(head: &FlowHead) -> u64 {
    fingerprint(&[&head.id.to_string(), &head.life.to_string()])
}

pub(super) fn together<'a>(heads: impl Iterator<Item = &'a FlowHead>) -> u64 {
    heads.map(listening).fold(0, |all, one| all ^ one)
}

fn versions<'a>(heads: impl Iterator<Item = &'a FlowHead>) -> u64 {
    heads
        .map(|head| fingerprint(&[&head.id.to_string(), &head.live_version.to_string()]))
        .fold(0, |all, one| all ^ one)
}

/// A hash that stands for a record in its version.
pub(in crate::flow) fn fingerprint_of(change: &Change) -> u64 {
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
