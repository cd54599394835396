//! The indexes of a table. They name a record by its slot, so that an entry is a few bytes: a million records
//! have some seven million of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Slots by the hash of a text: who has that hash is looked at before it is believed.
#[derive(Debug, Default)]
pub(super) struct ByText(BTreeSet<(u32, u32)>);

impl ByText {
    pub(super) fn insert(&mut self, text: &str, slot: u32) {
        self.0.insert((hash(text), slot));
    }

    pub(super) fn remove(&mut self, text: &str, slot: u32) {
        self.0.remove(&(hash(text), slot));
    }

    /// The slots of all that may have this text, in order.
    pub(super) fn get(&self, text: &str) -> impl Iterator<Item = u32> + use<'_> {
        let hash = hash(text);
        self.0.range((hash, 0)..=(hash, u32::MAX)).map(|(_, slot)| *slot)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The same in every run, so that the order of what is found is too.
fn hash(text: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // The upper half of a good hash is as good as the whole.
    u32::try_from(hasher.finish() >> 32).unwrap_or_default()
}

/// Slots by stamp. Stamps have whole seconds and are written so that their text sorts like their time; many
/// records share one, so each is kept once.
#[derive(Debug, Default)]
pub(super) struct ByStamp(BTreeMap<[u8; 28], BTreeSet<u32>>);

impl ByStamp {
    pub(super) fn insert(&mut self, stamp: &str, slot: u32) {
        self.0.entry(padded(stamp)).or_default().insert(slot);
    }

    pub(super) fn remove(&mut self, stamp: &str, slot: u32) {
        let stamp = padded(stamp);
        if let Some(slots) = self.0.get_mut(&stamp) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.0.remove(&stamp);
            }
        }
    }

    /// Oldest first, up to and with the last stamp.
    pub(super) fn between(&self, first: &str, last: &str) -> impl DoubleEndedIterator<Item = u32> + use<'_> {
        let range = padded(first)..=padded(last.max(first));
        self.0.range(range).flat_map(|(_, slots)| slots.iter().copied())
    }

    pub(super) fn count_between(&self, first: &str, last: &str) -> usize {
        self.0.range(padded(first)..=padded(last.max(first))).map(|(_, slots)| slots.len()).sum()
    }
}

/// A short text that sorts as it did; what is longer than a stamp can be is cut.
fn padded(text: &str) -> [u8; 28] {
    let mut bytes = [0; 28];
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    bytes
}
