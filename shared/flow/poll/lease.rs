//! The lease of a watch, and of what else is read page by page: one worker at a time, and its place moves on only under
//! the lease.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::FlowError;
use super::super::rows::{document_of, item_of};
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::place::Place;
use crate::domain::outcome::Failure;
use crate::ports::table::{Condition, Field, Index, Item, Key, MAX_TRANSACTION, TableError, Write};

/// The field of a row that says when its lease was taken last, in milliseconds.
const BEGUN_AT: &str = "begun_at";

/// What is kept of a watch, read without its lease.
pub(super) async fn read<P: Kept + Default>(stack: &Stack, key: &Key) -> Result<P, FlowError> {
    let item = stack.ports.table.get_one(key).await?;
    Ok(item.as_ref().map(document_of).transpose()?.unwrap_or_default())
}

/// Whether a poll that has gone well, or is under way, has begun since then. One whose lease has lapsed is neither.
pub(super) async fn is_met(stack: &Stack, watch: &Key, since: Option<Timestamp>) -> Result<bool, FlowError> {
    let Some(since) = since else { return Ok(false) };
    let Some(item) = stack.ports.table.get_one(watch).await? else { return Ok(false) };
    let integer = |field| item.integer(field).unwrap_or(0);
    let has_lapsed = (1..=stack.now().as_millisecond()).contains(&integer("lease_until"));
    Ok(!has_lapsed && since.as_millisecond() < integer(BEGUN_AT))
}

/// `P`: what is kept of the watch.
pub(super) struct Lease<P = Place> {
    key: Key,
    generation: i64,
    pub(super) place: P,
    pub(super) known: BTreeSet<u64>,
    /// When it was taken; 0: what was done under it failed, or was no poll.
    begun_at: i64,
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

impl<P: Kept + Default> Lease<P> {
    /// `None`: another worker polls; it was told to poll once more.
    pub(super) async fn take(stack: &Stack, key: &Key) -> Result<Option<Self>, FlowError> {
        Self::take_or(stack, key, || Some(P::default())).await
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
            let item = stack.ports.table.get_one(key).await?;
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
                begun_at: now.as_millisecond(),
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
        Self { key, generation, known: BTreeSet::new(), place, begun_at: 0, again: false }
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
        item.fields.insert(BEGUN_AT.into(), self.begun_at.into());
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

    /// It was taken for something else than a poll.
    pub(super) fn polls_nothing(&mut self) {
        self.begun_at = 0;
    }

    /// Saves and lets go. True: a wake-up came meanwhile, the lease is still ours, poll once more.
    pub(super) async fn release(&mut self, stack: &Stack, failed: bool) -> Result<bool, FlowError> {
        let asked = std::mem::take(&mut self.again);
        if failed {
            self.begun_at = 0;
        }
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

pub(super) const LEASE_LOST: &str = "lease_lost";

pub(super) fn lease_lost() -> FlowError {
    let message = "another worker has taken over the poll; what this one queued is known by its run ids";
    FlowError::Asked(Failure::new(LEASE_LOST, message))
}
