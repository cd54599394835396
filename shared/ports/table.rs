//! One table: items by (partition, sort) key, conditional writes, transactions, four indexes, time to live.
//!
//! DynamoDB and its small twin on SQLite. An item whose `expires_at` has passed is as good as absent, in
//! reads and in conditions alike, whether or not the store has swept it away.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub partition: String,
    pub sort: String,
}

impl Key {
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// The indexes; each item may stand in any of them, once, under a (partition, sort) of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// What has a due time: waits, leases. Partition: a shard; sort: the instant.
    Due,
    /// Flow and status; sort: time.
    Flow,
    /// What waits for a connection; sort: time.
    Parked,
    /// Connection and record id; sort: time.
    Record,
}

impl Index {
    pub const ALL: [Self; 4] = [Self::Due, Self::Flow, Self::Parked, Self::Record];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Flow => "flow",
            Self::Parked => "parked",
            Self::Record => "record",
        }
    }
}

/// A value that conditions can look at. Everything else of an item is in its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Text(String),
    Integer(i64),
}

impl From<i64> for Field {
    fn from(n: i64) -> Self {
        Self::Integer(n)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub key: Key,
    /// In clear, also locally: what conditions look at.
    pub fields: BTreeMap<String, Field>,
    /// Any bytes; sealed at rest. Over [`CHUNK_BYTES`] it is kept in chunk rows of its own.
    pub document: Vec<u8>,
    pub indexes: BTreeMap<Index, (String, String)>,
    pub expires_at: Option<Timestamp>,
}

impl Item {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            fields: BTreeMap::new(),
            document: Vec::new(),
            indexes: BTreeMap::new(),
            expires_at: None,
        }
    }

    pub fn integer(&self, field: &str) -> Option<i64> {
        match self.fields.get(field) {
            Some(Field::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    pub fn text(&self, field: &str) -> Option<&str> {
        match self.fields.get(field) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// Documents over this many bytes are kept in chunks: a DynamoDB item may have 400 KB, and small ones are cheap.
pub const CHUNK_BYTES: usize = 100 * 1024;

/// What must hold of the item as it is for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Always,
    Absent,
    Exists,
    /// The field is there and has this value.
    Equals(String, Field),
    /// The integer field is there and less than this.
    Below(String, i64),
    /// The field isn't there (nor is it when the item isn't).
    Missing(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub fn equals(field: &str, value: impl Into<Field>) -> Self {
        Self::Equals(field.to_owned(), value.into())
    }

    pub fn below(field: &str, bound: i64) -> Self {
        Self::Below(field.to_owned(), bound)
    }

    /// What every adapter must agree with; the embedded one uses it as it is.
    pub fn holds(&self, item: Option<&Item>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => item.is_none(),
            Self::Exists => item.is_some(),
            Self::Equals(field, value) => item.and_then(|i| i.fields.get(field)) == Some(value),
            Self::Below(field, bound) => item.and_then(|i| i.integer(field)).is_some_and(|n| n < *bound),
            Self::Missing(field) => item.is_none_or(|i| !i.fields.contains_key(field)),
            Self::All(all) => all.iter().all(|c| c.holds(item)),
            Self::Any(any) => any.iter().any(|c| c.holds(item)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Replaces the whole item.
    Put {
        item: Item,
        when: Condition,
    },
    /// Sets fields of an item and leaves the rest; makes the item where it is absent and `when` allows it.
    Update {
        key: Key,
        set: BTreeMap<String, Field>,
        when: Condition,
    },
    Delete {
        key: Key,
        when: Condition,
    },
    /// Writes nothing, but must hold for the others to be written.
    Check {
        key: Key,
        when: Condition,
    },
}

impl Write {
    pub fn put(item: Item, when: Condition) -> Self {
        Self::Put { item, when }
    }

    pub fn key(&self) -> &Key {
        match self {
            Self::Put { item, .. } => &item.key,
            Self::Update { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    pub fn when(&self) -> &Condition {
        match self {
            Self::Put { when, .. }
            | Self::Update { when, .. }
            | Self::Delete { when, .. }
            | Self::Check { when, .. } => when,
        }
    }
}

/// The most items of one transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const MAX_TRANSACTION: usize = 100;

/// Why a read or a write didn't go through. No transaction is ever done by halves.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The condition of the write at this place did not hold; nothing was written.
    #[error("the condition of write {0} does not hold")]
    Refused(usize),
    /// Throttled, in conflict with another transaction, locked: nothing was written, try again.
    #[error("the table is busy: {0}")]
    Busy(String),
    /// The disk is full: nothing was written, and nothing new may be accepted.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Whether it was written isn't known.
    #[error("the table is unavailable: {0}")]
    Unavailable(String),
}

/// Items of one partition, of the table or of an index, in order of their sort key there.
#[derive(Debug, Clone)]
pub struct Query {
    /// None: the table itself.
    pub index: Option<Index>,
    pub partition: String,
    /// Sort keys from here, included; empty: from the first.
    pub from: String,
    /// Sort keys up to here, excluded; None: to the last.
    pub before: Option<String>,
    pub descending: bool,
    pub limit: usize,
    /// What the page before returned.
    pub after: Option<String>,
}

impl Query {
    pub fn new(partition: impl Into<String>) -> Self {
        Self {
            index: None,
            partition: partition.into(),
            from: String::new(),
            before: None,
            descending: false,
            limit: 100,
            after: None,
        }
    }

    pub fn on(index: Index, partition: impl Into<String>) -> Self {
        Self { index: Some(index), ..Self::new(partition) }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Page {
    pub items: Vec<Item>,
    /// Give it to the next query; None at the end.
    pub after: Option<String>,
}

/// Refuses what no table takes: more than [`MAX_TRANSACTION`] writes, or two to the same item.
pub fn check_transaction(writes: &[Write]) -> Result<(), TableError> {
    let distinct: HashSet<&Key> = writes.iter().map(Write::key).collect();
    if writes.len() <= MAX_TRANSACTION && distinct.len() == writes.len() {
        return Ok(());
    }
    Err(TableError::Unavailable(format!(
        "a transaction may write {MAX_TRANSACTION} items, each once; this one has {} writes to {} items",
        writes.len(),
        distinct.len()
    )))
}

/// Everything that a query finds, page after page.
pub async fn all_pages(table: &dyn Table, mut query: Query) -> Result<Vec<Item>, TableError> {
    let mut items = Vec::new();
    loop {
        let page = table.query(query.clone()).await?;
        items.extend(page.items);
        match page.after {
            Some(after) => query.after = Some(after),
            None => return Ok(items),
        }
    }
}

/// Where rows are kept: DynamoDB, or SQLite on one machine. What fails is [`TableError`].
#[async_trait]
pub trait Table: Send + Sync {
    /// In the order asked for; each read is consistent with writes that returned before it.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError>;
    /// The same, of one key.
    async fn get_one(&self, key: &Key) -> Result<Option<Item>, TableError> {
        Ok(self.get(std::slice::from_ref(key)).await?.into_iter().next().flatten())
    }
    /// Consistent on the table itself; an index may lag behind.
    async fn query(&self, query: Query) -> Result<Page, TableError>;
    /// All or none; up to [`MAX_TRANSACTION`], each of another item.
    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError>;
}

#[async_trait]
impl<T: Table + ?Sized> Table for std::sync::Arc<T> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        (**self).get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        (**self).query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        (**self).write(writes).await
    }
}
