//! Ids that a flow has met, for providers that don't say when a record was made: a record is new when its id isn't
//! among them; of a feed's items the versions as well. They don't expire, and belong to one life of the flow.
//!
//! Going live remembers all that is there ([`super::seed`]); a poll adds what it tells of, after the queue has it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::super::FlowError;
use super::super::rows::ROW_VERSION;
use super::super::stack::Stack;
use super::Listener;
use super::lease::{Kept, Lease};
use crate::domain::ids::Life;
use crate::domain::record_id::RecordId;
use crate::ports::connector::Change;
use crate::ports::table::{Condition, Item, Key, Write};

/// The field that says by which version a record was met, in milliseconds.
const STAMP: &str = "stamp";

/// What is known of the records of one page.
#[derive(Default)]
pub(super) struct Known {
    /// By which version each was met; none of those that were there when the flow went live.
    ids: BTreeMap<RecordId, Option<Timestamp>>,
    /// Met just now, and to be remembered.
    pub(super) met: Vec<(RecordId, Option<Timestamp>)>,
}

/// How a version stands to what was met before.
pub(super) enum Met {
    ForTheFirstTime,
    /// By this very version, or by a newer one: a poll that didn't come to its end, one that looks back, or one that
    /// slept for too long has read it.
    NotSince,
    Since,
}

impl Met {
    pub(super) fn before(&self) -> bool {
        !matches!(self, Self::ForTheFirstTime)
    }

    pub(super) fn as_first(&self) -> bool {
        !matches!(self, Self::Since)
    }
}

fn key(life: Life, record: &RecordId) -> Key {
    Key::new(format!("N#{}#{record}", life.flow), life.its("known"))
}

/// Reads which of these the flow has met before; nothing where it doesn't matter.
pub(super) async fn of(stack: &Stack, listener: &Listener, changes: &[&Change]) -> Result<Known, FlowError> {
    if !listener.interest.events.remembers_ids() {
        return Ok(Known::default());
    }
    let ids: BTreeSet<&RecordId> = changes.iter().map(|change| &change.id).collect();
    let keys: Vec<Key> = ids.iter().map(|id| key(listener.head.life(), id)).collect();
    let items = stack.ports.table.get(&keys).await?;
    let stamp = |item: Item| item.integer(STAMP).and_then(|stamp| Timestamp::from_millisecond(stamp).ok());
    let there = ids.into_iter().zip(items).filter_map(|(id, item)| Some((id.clone(), stamp(item?))));
    Ok(Known { ids: there.collect(), met: Vec::new() })
}

impl Known {
    pub(super) fn meet(&mut self, change: &Change) -> Met {
        match self.ids.get(&change.id) {
            Some(Some(stamp)) if change.stamp <= *stamp => Met::NotSince,
            Some(_) => Met::Since,
            None => {
                self.ids.insert(change.id.clone(), Some(change.stamp));
                self.met.push((change.id.clone(), Some(change.stamp)));
                Met::ForTheFirstTime
            }
        }
    }
}

/// From now on these are known; under the lease of who has met them.
pub(super) async fn remember<P: Kept>(
    stack: &Stack,
    life: Life,
    met: &[(RecordId, Option<Timestamp>)],
    lease: &Lease<P>,
) -> Result<(), FlowError> {
    let put = |(id, stamp): &(RecordId, Option<Timestamp>)| {
        let mut item = Item::new(key(life, id));
        item.fields.insert("v".into(), ROW_VERSION.into());
        if let Some(stamp) = stamp {
            item.fields.insert(STAMP.into(), stamp.as_millisecond().into());
        }
        Write::put(item, Condition::Always)
    };
    lease.write(stack, met.iter().map(put).collect()).await.map(drop)
}

/// Versions of one item that are remembered: one comes back only where several servers answer, soon.
const VERSIONS: usize = 8;

/// An item of a feed in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    id: RecordId,
    /// Hashed; empty where versions don't count.
    version: String,
}

impl Pair {
    pub(super) fn of(id: &str, version: Option<&str>) -> Self {
        use base64::Engine as _;
        let hash = |version: &str| {
            let digest = Sha256::digest(version.as_bytes());
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..12])
        };
        Self { id: RecordId::new(id), version: version.map(hash).unwrap_or_default() }
    }

    pub(super) fn id(&self) -> &RecordId {
        &self.id
    }
}

/// Those of the pairs that the flow has not met.
pub(super) async fn unknown_pairs(
    stack: &Stack,
    life: Life,
    pairs: &[Pair],
) -> Result<BTreeSet<Pair>, FlowError> {
    let known = versions(stack, life, pairs).await?;
    let is_known = |pair: &Pair| known.get(&pair.id).is_some_and(|versions| versions.contains(&pair.version));
    Ok(pairs.iter().filter(|pair| !is_known(pair)).cloned().collect())
}

/// Those of the pairs whose item the flow has met in no version.
pub(super) async fn strangers(
    stack: &Stack,
    life: Life,
    pairs: &[Pair],
) -> Result<BTreeSet<Pair>, FlowError> {
    let known = versions(stack, life, pairs).await?;
    Ok(pairs.iter().filter(|pair| !known.contains_key(&pair.id)).cloned().collect())
}

/// What is to be written so that the items of these pairs are known no more.
pub(super) fn forget<'a>(life: Life, pairs: impl IntoIterator<Item = &'a Pair>) -> Vec<Write> {
    let ids: BTreeSet<&RecordId> = pairs.into_iter().map(Pair::id).collect();
    ids.into_iter().map(|id| Write::Delete { key: key(life, id), when: Condition::Always }).collect()
}

/// What is to be written so that all of these pairs are known from now on: nothing where they are.
pub(super) async fn meet_pairs(stack: &Stack, life: Life, pairs: &[Pair]) -> Result<Vec<Write>, FlowError> {
    let mut known = versions(stack, life, pairs).await?;
    let mut changed = BTreeSet::new();
    for pair in pairs {
        let versions = known.entry(pair.id.clone()).or_default();
        if !versions.contains(&pair.version) {
            versions.push(pair.version.clone());
            changed.insert(&pair.id);
        }
    }
    let put = |id: &RecordId| {
        let mut item = Item::new(key(life, id));
        item.fields.insert("v".into(), ROW_VERSION.into());
        let versions = known.get(id).map(Vec::as_slice).unwrap_or_default();
        let kept = &versions[versions.len().saturating_sub(VERSIONS)..];
        item.fields.insert("versions".into(), kept.join(" ").into());
        Write::put(item, Condition::Always)
    };
    Ok(changed.into_iter().map(put).collect())
}

async fn versions(
    stack: &Stack,
    life: Life,
    pairs: &[Pair],
) -> Result<BTreeMap<RecordId, Vec<String>>, FlowError> {
    let ids: BTreeSet<&RecordId> = pairs.iter().map(|pair| &pair.id).collect();
    let keys: Vec<Key> = ids.iter().map(|id| key(life, id)).collect();
    let items = stack.ports.table.get(&keys).await?;
    let there = ids.into_iter().zip(items).filter_map(|(id, item)| Some((id.clone(), item?)));
    Ok(there
        .map(|(id, item)| {
            let versions = item.text("versions").unwrap_or_default();
            (id, versions.split(' ').map(str::to_owned).collect())
        })
        .collect())
}
