//! Where documents of one kind stand: by id, by their own keys (number, name) and by when they changed.
//!
//! A journal lets one refused element, or a whole refused call, be undone. It must stay cheap: a call of
//! fifty elements touches nothing but these fifty.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::journal::{Basis, Entry};
use super::organisation::Organisation;
use super::webhooks::{Change, News};

/// What is kept outlives the program (`kept.rs`), and so every document can be written and read.
pub(crate) trait Document: Clone + Serialize + DeserializeOwned {
    fn id(&self) -> Uuid;

    fn updated(&self) -> Timestamp;

    /// Something that hangs on it changed. Kinds on which nothing hangs that tells keep their stamp.
    fn touch(&mut self, _at: Timestamp) {}

    /// What it is found by besides its id, e.g. `name:acme`. Equal keys of two documents are allowed.
    fn keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it does to the books as it stands now, on this basis. Most kinds, and drafts, do nothing.
    fn entries(&self, _organisation: &Organisation, _basis: Basis) -> Vec<Entry> {
        Vec::new()
    }

    /// What apps are told when it was stored; `before` is how it was. Most kinds are nobody's business.
    fn news(&self, _before: Option<&Self>) -> Option<News> {
        None
    }
}

/// A key's hash, and then which put it was, in their order: a key itself would be three times as long.
type Place = ([u64; 2], u64);

#[derive(Debug, Clone)]
pub(crate) struct Shelf<T> {
    /// Each in a box: the map is up to half empty, and they are large.
    documents: HashMap<Uuid, Box<T>>,
    keys: BTreeMap<Place, Uuid>,
    /// How many keys were put there.
    puts: u64,
    /// By the second of the stamp; none has less.
    by_stamp: BTreeSet<(i64, Uuid)>,
    journal: Vec<(Uuid, Option<T>)>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            documents: HashMap::new(),
            keys: BTreeMap::new(),
            puts: 0,
            by_stamp: BTreeSet::new(),
            journal: Vec::new(),
        }
    }
}

impl<T: Document> Shelf<T> {
    pub(crate) fn get(&self, id: Uuid) -> Option<&T> {
        self.documents.get(&id).map(Box::as_ref)
    }

    pub(crate) fn find(&self, key: &str) -> Option<&T> {
        self.find_all(key).next()
    }

    /// Everything with this key, in the order it was put there.
    pub(crate) fn find_all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.keys.range(whole(key)).filter_map(|(_, id)| self.get(*id))
    }

    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Oldest change first, then by id: Xero's default order.
    pub(crate) fn since(&self, since: Option<Timestamp>) -> impl DoubleEndedIterator<Item = &T> {
        let from = (since.unwrap_or(Timestamp::MIN).as_second(), Uuid::nil());
        self.by_stamp.range(from..).filter_map(|(_, id)| self.get(*id))
    }

    pub(crate) fn put(&mut self, document: T) {
        let id = document.id();
        let before = self.place(document);
        self.journal.push((id, before));
    }

    /// Everything with this key, at once.
    pub(crate) fn edit_all(&mut self, key: &str, edit: impl Fn(&mut T)) {
        let found: Vec<T> = self.find_all(key).cloned().collect();
        for mut document in found {
            edit(&mut document);
            self.put(document);
        }
    }

    pub(crate) fn remove(&mut self, id: Uuid) {
        if let Some(before) = self.take(id) {
            self.journal.push((id, Some(before)));
        }
    }

    /// Where the journal stands; `roll_back` returns to it.
    pub(crate) fn mark(&self) -> usize {
        self.journal.len()
    }

    pub(crate) fn roll_back(&mut self, mark: usize) {
        while self.journal.len() > mark {
            match self.journal.pop() {
                Some((_, Some(before))) => {
                    self.place(before);
                }
                Some((id, None)) => {
                    self.take(id);
                }
                None => return,
            }
        }
    }

    /// What was stored since the journal was forgotten and is worth telling, each document once.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut seen = HashSet::new();
        let firsts = self.journal.iter().filter(|(id, _)| seen.insert(*id));
        let changes = firsts.filter_map(|(id, before)| {
            let news = self.get(*id)?.news(before.as_ref())?;
            Some(Change { id: *id, is_new: before.is_none(), news })
        });
        changes.collect()
    }

    pub(crate) fn forget_journal(&mut self) {
        self.journal.clear();
    }

    /// In their order, for `kept.rs`; the journal isn't kept.
    pub(crate) fn filled(documents: Vec<T>) -> Self {
        let mut shelf = Self::default();
        for document in documents {
            shelf.place(document);
        }
        shelf
    }

    fn place(&mut self, document: T) -> Option<T> {
        let before = self.take(document.id());
        for key in document.keys() {
            self.puts += 1;
            self.keys.insert((hash(&key), self.puts), document.id());
        }
        self.by_stamp.insert((document.updated().as_second(), document.id()));
        self.documents.insert(document.id(), Box::new(document));
        before
    }

    fn take(&mut self, id: Uuid) -> Option<T> {
        let document = self.documents.remove(&id)?;
        self.by_stamp.remove(&(document.updated().as_second(), id));
        for key in document.keys() {
            let place = self.keys.range(whole(&key)).find(|(_, other)| **other == id);
            if let Some(place) = place.map(|(place, _)| *place) {
                self.keys.remove(&place);
            }
        }
        Some(*document)
    }
}

/// Where everything with this key stands.
fn whole(key: &str) -> RangeInclusive<Place> {
    let hash = hash(key);
    (hash, 0)..=(hash, u64::MAX)
}

/// So long that two keys never have the same.
fn hash(key: &str) -> [u64; 2] {
    [0_u8, 1].map(|salt| {
        let mut hasher = DefaultHasher::new();
        (salt, key).hash(&mut hasher);
        hasher.finish()
    })
}

impl<T: Document> Serialize for Shelf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.since(None))
    }
}

impl<'de, T: Document> Deserialize<'de> for Shelf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Card(Uuid, i64, String);

    impl Document for Card {
        fn id(&self) -> Uuid {
            self.0
        }
        fn updated(&self) -> Timestamp {
            Timestamp::from_second(self.1).unwrap()
        }
        fn keys(&self) -> Vec<String> {
            vec![self.2.clone()]
        }
    }

    #[test]
    fn a_roll_back_restores_documents_keys_and_order() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut shelf = Shelf::default();
        shelf.put(Card(one, 10, "a".into()));
        let mark = shelf.mark();
        shelf.put(Card(one, 20, "b".into()));
        shelf.put(Card(two, 30, "c".into()));
        assert_eq!(shelf.find("b"), shelf.get(one));
        shelf.roll_back(mark);
        assert_eq!((shelf.len(), shelf.find("b"), shelf.find("c")), (1, None, None));
        assert_eq!(shelf.find("a"), Some(&Card(one, 10, "a".into())));
        assert_eq!(shelf.since(None).count(), 1);
    }

    #[test]
    fn since_includes_the_second_itself() {
        let mut shelf = Shelf::default();
        shelf.put(Card(Uuid::from_u128(1), 10, "a".into()));
        shelf.put(Card(Uuid::from_u128(2), 11, "b".into()));
        let count = |second| shelf.since(Some(Timestamp::from_second(second).unwrap())).count();
        assert_eq!([count(10), count(11), count(12)], [2, 1, 0]);
    }
}
