//! Counts what a table is asked for: "table writes per run" is a promise, and this is its measure.
//!
//! A decorator for benchmarks and tests; it changes nothing. Only writes that happened count as writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::table::{Item, Key, Page, Query, Table, TableError, Write};

/// What was asked of the table. `Check`s are counted apart: they write nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub transactions: u64,
    /// Transactions that a condition refused.
    pub refused: u64,
    /// Items written or deleted.
    pub writes: u64,
    pub checks: u64,
    /// Written items by the kind of row: the partition key up to its first `#`.
    pub writes_by_kind: BTreeMap<String, u64>,
    /// Calls of `get`, and the items that they asked for.
    pub gets: u64,
    pub items_got: u64,
    pub queries: u64,
}

impl Counts {
    /// What was added after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut writes_by_kind = self.writes_by_kind.clone();
        for (kind, n) in &earlier.writes_by_kind {
            if let Some(now) = writes_by_kind.get_mut(kind) {
                *now = now.saturating_sub(*n);
            }
        }
        writes_by_kind.retain(|_, n| *n > 0);
        Self {
            transactions: self.transactions.saturating_sub(earlier.transactions),
            refused: self.refused.saturating_sub(earlier.refused),
            writes: self.writes.saturating_sub(earlier.writes),
            checks: self.checks.saturating_sub(earlier.checks),
            writes_by_kind,
            gets: self.gets.saturating_sub(earlier.gets),
            items_got: self.items_got.saturating_sub(earlier.items_got),
            queries: self.queries.saturating_sub(earlier.queries),
        }
    }
}

/// A table whose use is counted. Clones count together.
#[derive(Clone)]
pub struct Counted<T> {
    table: T,
    counts: Arc<Mutex<Counts>>,
}

impl<T: Table> Counted<T> {
    pub fn new(table: T) -> Self {
        Self { table, counts: Arc::default() }
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl<T: Table> Table for Counted<T> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.count(|counts| {
            counts.gets += 1;
            counts.items_got += keys.len() as u64;
        });
        self.table.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.count(|counts| counts.queries += 1);
        self.table.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let kinds: Vec<Option<String>> = writes.iter().map(kind).collect();
        let outcome = self.table.write(writes).await;
        self.count(|counts| match &outcome {
            Ok(()) => {
                counts.transactions += 1;
                for kind in kinds {
                    match kind {
                        Some(kind) => {
                            counts.writes += 1;
                            *counts.writes_by_kind.entry(kind).or_default() += 1;
                        }
                        None => counts.checks += 1,
                    }
                }
            }
            Err(TableError::Refused(_)) => counts.refused += 1,
            Err(_) => {}
        });
        outcome
    }
}

/// None for what writes nothing.
fn kind(write: &Write) -> Option<String> {
    let partition = &write.key().partition;
    let kind = partition.split_once('#').map_or(partition.as_str(), |(kind, _)| kind);
    (!matches!(write, Write::Check { .. })).then(|| kind.to_owned())
}
