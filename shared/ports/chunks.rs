//! Large documents, kept in rows of their own: a DynamoDB item may have 400 KB, an event 1 MB.
//!
//! [`Chunked`] stands between the product and a table. A document over [`CHUNK_BYTES`] leaves its item and goes
//! into chunk rows, under a partition that no query of the product ever names (`C#generation`); the item says
//! which generation is its own. Chunks go in the same transaction as their item, so that neither is there without
//! the other. Only where a transaction would grow past the table's limits are they written just before; what a
//! crash leaves behind then expires with the item it was for. A replaced generation is deleted afterwards.
//!
//! To know what it replaces without a read for every write, it remembers what it saw last under a key; only a
//! write to a key that it has not seen costs a read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::random::{Random, random_uuid};
use super::table::{
    CHUNK_BYTES, Condition, Field, Item, Key, MAX_TRANSACTION, Page, Query, Table, TableError, Write,
};

/// The kind of row that chunks are.
const PARTITION: &str = "C#";
/// Fields of an item whose document is elsewhere; they are taken off before anyone sees it.
const GENERATION: &str = "~generation";
const COUNT: &str = "~chunks";
/// A transaction of DynamoDB may have 4 MB, keys and fields included; here with room for the third by which bytes grow
/// on their way as base64, which emulators count and the documentation doesn't rule out.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const TRANSACTION_BYTES: usize = 2_900_000;
/// How many keys are remembered.
const MEMORY: usize = 20_000;
/// A reader between an item and its chunks may be overtaken by a writer: it reads again, this often.
const READS: usize = 5;

pub struct Chunked<T> {
    table: T,
    random: Arc<dyn Random>,
    seen: Mutex<Seen>,
}

/// The chunks of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunks {
    generation: String,
    count: usize,
}

impl<T: Table> Chunked<T> {
    pub fn new(table: T, random: Arc<dyn Random>) -> Self {
        Self { table, random, seen: Mutex::default() }
    }

    /// Takes the large documents out of the writes. Returns the chunk rows, in order.
    fn split(&self, writes: &mut [Write]) -> Vec<Write> {
        let mut rows = Vec::new();
        for write in writes {
            let Write::Put { item, .. } = write else { continue };
            if item.document.len() <= CHUNK_BYTES {
                continue;
            }
            let document = std::mem::take(&mut item.document);
            let chunks = Chunks {
                generation: random_uuid(&*self.random).simple().to_string(),
                count: document.len().div_ceil(CHUNK_BYTES),
            };
            for (key, part) in chunks.keys().zip(document.chunks(CHUNK_BYTES)) {
                let mut row = Item::new(key);
                row.fields
                    .insert("of".to_owned(), format!("{} {}", item.key.partition, item.key.sort).into());
                row.document = part.to_vec();
                row.expires_at = item.expires_at;
                rows.push(Write::put(row, Condition::Always));
            }
            chunks.put_into(&mut item.fields);
        }
        rows
    }

    /// The chunks that these writes will leave without an item.
    async fn replaced(&self, writes: &[Write]) -> Result<Vec<(Key, Chunks)>, TableError> {
        let mut replaced = Vec::new();
        let mut unseen = Vec::new();
        {
            let seen = self.seen();
            for write in writes.iter().filter(|write| replaces(write)) {
                match seen.chunks.get(write.key()) {
                    Some(Some(chunks)) => replaced.push((write.key().clone(), chunks.clone())),
                    Some(None) => {}
                    None => unseen.push(write.key().clone()),
                }
            }
        }
        if !unseen.is_empty() {
            let items = self.table.get(&unseen).await?;
            for (key, item) in unseen.into_iter().zip(items) {
                if let Some(chunks) = item.as_ref().and_then(Chunks::of) {
                    replaced.push((key, chunks));
                }
            }
        }
        Ok(replaced)
    }

    async fn delete(&self, rows: impl Iterator<Item = Key>) -> Result<(), TableError> {
        let deletes: Vec<Write> = rows.map(|key| Write::Delete { key, when: Condition::Always }).collect();
        for batch in deletes.chunks(MAX_TRANSACTION) {
            self.table.write(batch.to_vec()).await?;
        }
        Ok(())
    }

    /// Puts the documents back into the items. Says which items' chunks were gone.
    async fn join(&self, items: &mut [Option<Item>]) -> Result<Vec<usize>, TableError> {
        let mut wanted = Vec::new();
        let mut keys = Vec::new();
        for (place, item) in items.iter_mut().enumerate() {
            let Some(item) = item else { continue };
            let chunks = Chunks::of(item);
            self.seen().put(item.key.clone(), chunks.clone());
            item.fields.remove(GENERATION);
            item.fields.remove(COUNT);
            if let Some(chunks) = chunks {
                keys.extend(chunks.keys());
                wanted.push((place, chunks.count));
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.table.get(&keys).await?.into_iter();
        let mut gone = Vec::new();
        for (place, count) in wanted {
            let parts: Vec<Option<Item>> = rows.by_ref().take(count).collect();
            match (&mut items[place], parts.into_iter().collect::<Option<Vec<Item>>>()) {
                (Some(item), Some(parts)) => {
                    item.document = parts.into_iter().flat_map(|part| part.document).collect();
                }
                _ => gone.push(place),
            }
        }
        Ok(gone)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<T: Table> Table for Chunked<T> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let mut items = self.table.get(keys).await?;
        let mut gone = self.join(&mut items).await?;
        for _ in 1..READS {
            if gone.is_empty() {
                return Ok(items);
            }
            let again: Vec<Key> = gone.iter().map(|&place| keys[place].clone()).collect();
            let mut newer = self.table.get(&again).await?;
            let still = self.join(&mut newer).await?;
            for (&place, item) in gone.iter().zip(newer) {
                items[place] = item;
            }
            gone = still.into_iter().map(|n| gone[n]).collect();
        }
        match gone.first() {
            None => Ok(items),
            Some(&place) => Err(TableError::Unavailable(format!(
                "the document of {} {} is not complete: some of its chunks are missing",
                keys[place].partition, keys[place].sort
            ))),
        }
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let page = self.table.query(query).await?;
        let mut items: Vec<Option<Item>> = page.items.into_iter().map(Some).collect();
        let gone = self.join(&mut items).await?;
        // They have changed under the query's hands: as they are now, or no longer there.
        let again: Vec<Key> =
            gone.iter().filter_map(|&place| items[place].as_ref()).map(|item| item.key.clone()).collect();
        if !again.is_empty() {
            for (place, item) in gone.into_iter().zip(self.get(&again).await?) {
                items[place] = item;
            }
        }
        Ok(Page { items: items.into_iter().flatten().collect(), after: page.after })
    }

    async fn write(&self, mut writes: Vec<Write>) -> Result<(), TableError> {
        let replaced = self.replaced(&writes).await?;
        let mut rows = self.split(&mut writes);
        let chunks: Vec<Key> = rows.iter().map(|row| row.key().clone()).collect();
        let learned: Vec<(Key, Option<Chunks>)> = writes.iter().filter_map(learned).collect();

        let together = writes.len() + rows.len() <= MAX_TRANSACTION
            && size(writes.iter().chain(&rows)) <= TRANSACTION_BYTES;
        if together {
            // Behind the others, so that the place of a refused write stays what the caller knows.
            writes.append(&mut rows);
        }
        for batch in rows.chunks(TRANSACTION_BYTES / CHUNK_BYTES) {
            self.table.write(batch.to_vec()).await?;
        }
        let outcome = self.table.write(writes).await;
        match &outcome {
            Ok(()) => {
                let mut seen = self.seen();
                learned.into_iter().for_each(|(key, chunks)| seen.put(key, chunks));
            }
            // What we knew of them may be out of date.
            Err(_) => {
                let mut seen = self.seen();
                learned.iter().for_each(|(key, _)| seen.forget(key));
            }
        }
        match &outcome {
            // Failing here leaves garbage, not harm: the write itself has happened.
            Ok(()) => {
                let old = replaced.iter().flat_map(|(_, chunks)| chunks.keys());
                if let Err(error) = self.delete(old).await {
                    tracing::warn!(%error, "replaced chunks were left behind");
                }
            }
            Err(TableError::Unavailable(_)) => {}
            Err(_) if together => {}
            Err(_) => {
                if let Err(error) = self.delete(chunks.into_iter()).await {
                    tracing::warn!(%error, "chunks of a refused write were left behind");
                }
            }
        }
        outcome
    }
}

impl Chunks {
    fn of(item: &Item) -> Option<Self> {
        let count = usize::try_from(item.integer(COUNT)?).ok()?;
        Some(Self { generation: item.text(GENERATION)?.to_owned(), count })
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        (0..self.count).map(|n| Key::new(format!("{PARTITION}{}", self.generation), format!("{n:05}")))
    }

    fn put_into(&self, fields: &mut BTreeMap<String, Field>) {
        fields.insert(GENERATION.to_owned(), self.generation.clone().into());
        fields.insert(COUNT.to_owned(), i64::try_from(self.count).unwrap_or(i64::MAX).into());
    }
}

/// Whether a document that was there is gone after this write.
fn replaces(write: &Write) -> bool {
    match write {
        Write::Put { when, .. } => *when != Condition::Absent,
        Write::Delete { .. } => true,
        Write::Update { .. } | Write::Check { .. } => false,
    }
}

/// What a write, once done, says about its item's chunks.
fn learned(write: &Write) -> Option<(Key, Option<Chunks>)> {
    match write {
        Write::Put { item, .. } => Some((item.key.clone(), Chunks::of(item))),
        Write::Delete { key, .. } => Some((key.clone(), None)),
        Write::Update { .. } | Write::Check { .. } => None,
    }
}

fn size<'a>(writes: impl Iterator<Item = &'a Write>) -> usize {
    writes
        .map(|write| match write {
            // 1 KB for keys, fields and indexes is more than they have.
            Write::Put { item, .. } => item.document.len() + 1024,
            _ => 1024,
        })
        .sum()
}

/// What was last seen under which key; the oldest are forgotten first.
#[derive(Default)]
struct Seen {
    chunks: HashMap<Key, Option<Chunks>>,
    order: VecDeque<Key>,
}

impl Seen {
    fn put(&mut self, key: Key, chunks: Option<Chunks>) {
        if self.chunks.insert(key.clone(), chunks).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MEMORY {
            if let Some(oldest) = self.order.pop_front() {
                self.chunks.remove(&oldest);
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        // Its place in the order stays and is passed over when its time comes.
        self.chunks.remove(key);
    }
}
