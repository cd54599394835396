//! The table: each transaction is checked as a whole, then written as a whole, by the one writer.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::failure::Failure;
use super::open::Store;
use super::row::{self, COLUMNS, LEASE, Stored};
use crate::ports::table::{
    Condition, Field, Index, Item, Key, Page, Query, Table, TableError, Write, check_transaction,
};

#[derive(Clone)]
pub struct EmbeddedTable {
    store: Arc<Store>,
}

impl EmbeddedTable {
    pub(super) fn on(store: Arc<Store>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Table for EmbeddedTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let now = self.store.now();
        let items = self.store.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM items WHERE partition = ?1 AND sort = ?2 AND {LIVE_AT_3}"
            ))?;
            keys.iter()
                .map(|key| {
                    let mut rows = statement.query(params![key.partition, key.sort, now])?;
                    rows.next()?.map(|row| row::read(row, &self.store.seal).map(|(_, item)| item)).transpose()
                })
                .collect::<Result<Vec<_>, Failure>>()
        })?;
        Ok(items)
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let now = self.store.now();
        Ok(self.store.readers.read(|connection| run_query(connection, &self.store, &query, now))?)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        check_transaction(&writes)?;
        if writes.is_empty() {
            return Ok(());
        }
        let prepared = writes
            .into_iter()
            .map(|write| Prepared::of(write, &self.store))
            .collect::<Result<Vec<_>, _>>()?;
        let clock = self.store.clock.clone();
        let refused = self
            .store
            .writer
            .write(move |connection| {
                let now = clock.now().as_microsecond();
                for (place, write) in prepared.iter().enumerate() {
                    if !write.may_happen(connection, now)? {
                        return Ok(Some(place));
                    }
                }
                prepared.iter().try_for_each(|write| write.apply(connection, now))?;
                Ok(None)
            })
            .await?;
        refused.map_or(Ok(()), |place| Err(TableError::Refused(place)))
    }
}

/// The third parameter is now.
const LIVE_AT_3: &str = "(expires_at IS NULL OR expires_at > ?3)";

// ---------------------------------------------------------------- writing

/// A write, with everything done that needn't be done by the writer.
struct Prepared {
    key: Key,
    when: Condition,
    change: Change,
}

enum Change {
    Put(Box<Stored>),
    Update(Vec<(String, Field)>),
    Delete,
    Nothing,
}

impl Prepared {
    fn of(write: Write, store: &Store) -> Result<Self, Failure> {
        Ok(match write {
            Write::Put { item, when } => Self {
                key: item.key.clone(),
                when,
                change: Change::Put(Box::new(Stored::of(item, &store.seal)?)),
            },
            Write::Update { key, set, when } => {
                Self { key, when, change: Change::Update(set.into_iter().collect()) }
            }
            Write::Delete { key, when } => Self { key, when, change: Change::Delete },
            Write::Check { key, when } => Self { key, when, change: Change::Nothing },
        })
    }

    fn may_happen(&self, connection: &Connection, now: i64) -> Result<bool, Failure> {
        if self.when == Condition::Always {
            return Ok(true);
        }
        Ok(self.when.holds(fields_of(connection, &self.key, now)?.as_ref()))
    }

    fn apply(&self, connection: &Connection, now: i64) -> Result<(), Failure> {
        match &self.change {
            Change::Put(stored) => put(connection, stored),
            Change::Update(set) => update(connection, &self.key, set, now),
            Change::Delete => delete(connection, &self.key),
            Change::Nothing => Ok(()),
        }
    }
}

/// The item as conditions see it: its fields.
fn fields_of(connection: &Connection, key: &Key, now: i64) -> Result<Option<Item>, Failure> {
    let found = connection
        .prepare_cached(
            "SELECT lease_until, fields FROM items
             WHERE partition = ?1 AND sort = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
        )?
        .query_row(params![key.partition, key.sort, now], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let Some((lease_until, json)) = found else { return Ok(None) };
    let mut item = Item::new(key.clone());
    item.fields = row::read_fields(key, lease_until, &json)?;
    Ok(Some(item))
}

fn put(connection: &Connection, stored: &Stored) -> Result<(), Failure> {
    let [due, flow, parked, record] = stored
        .indexes
        .each_ref()
        .map(|entry| entry.as_ref().map(|(partition, sort)| (partition, sort)).unzip());
    connection
        .prepare_cached(
            "INSERT INTO items (partition, sort, expires_at, lease_until, due_partition, due_sort, flow_partition,
               flow_sort, parked_partition, parked_sort, record_partition, record_sort, fields, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (partition, sort) DO UPDATE SET expires_at = ?3, lease_until = ?4, due_partition = ?5,
               due_sort = ?6, flow_partition = ?7, flow_sort = ?8, parked_partition = ?9, parked_sort = ?10,
               record_partition = ?11, record_sort = ?12, fields = ?13, document = ?14",
        )?
        .execute(params![
            stored.key.partition,
            stored.key.sort,
            stored.expires_at,
            stored.lease_until,
            due.0,
            due.1,
            flow.0,
            flow.1,
            parked.0,
            parked.1,
            record.0,
            record.1,
            stored.fields,
            stored.document,
        ])?;
    Ok(())
}

fn update(connection: &Connection, key: &Key, set: &[(String, Field)], now: i64) -> Result<(), Failure> {
    let known = fields_of(connection, key, now)?;
    let absent = known.is_none();
    let mut fields = known.map(|item| item.fields).unwrap_or_default();
    fields.extend(set.iter().cloned());
    let (lease_until, json) = row::write_fields(fields);
    if absent {
        // What may be there has expired: nothing of it comes back.
        return put(
            connection,
            &Stored {
                key: key.clone(),
                expires_at: None,
                lease_until,
                indexes: [const { None }; 4],
                fields: json,
                document: Vec::new(),
            },
        );
    }
    if set.iter().any(|(name, _)| name == LEASE) {
        connection
            .prepare_cached(
                "UPDATE items SET fields = ?3, lease_until = ?4 WHERE partition = ?1 AND sort = ?2",
            )?
            .execute(params![key.partition, key.sort, json, lease_until])?;
    } else {
        connection
            .prepare_cached("UPDATE items SET fields = ?3 WHERE partition = ?1 AND sort = ?2")?
            .execute(params![key.partition, key.sort, json])?;
    }
    Ok(())
}

fn delete(connection: &Connection, key: &Key) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM items WHERE partition = ?1 AND sort = ?2")?
        .execute(params![key.partition, key.sort])?;
    Ok(())
}

// ---------------------------------------------------------------- queries

fn run_query(connection: &Connection, store: &Store, query: &Query, now: i64) -> Result<Page, Failure> {
    let (partition, sort) = match query.index {
        None => ("partition", "sort"),
        Some(Index::Due) => ("due_partition", "due_sort"),
        Some(Index::Flow) => ("flow_partition", "flow_sort"),
        Some(Index::Parked) => ("parked_partition", "parked_sort"),
        Some(Index::Record) => ("record_partition", "record_sort"),
    };
    let mut values: Vec<Value> =
        vec![query.partition.clone().into(), query.from.clone().into(), now.into(), limit_of(query).into()];
    let mut conditions = format!("{partition} = ?1 AND {sort} >= ?2 AND {LIVE_AT_3}");
    if let Some(before) = &query.before {
        values.push(before.clone().into());
        conditions += &format!(" AND {sort} < ?{}", values.len());
    }
    if let Some(after) = &query.after {
        // Several items of an index may share a sort key: the row's number tells them apart.
        let (id, key) = position(after)?;
        values.push(key.to_owned().into());
        values.push(id.into());
        let (further, n) = (if query.descending { "<" } else { ">" }, values.len());
        conditions +=
            &format!(" AND {sort} {further}= ?{m} AND ({sort}, id) {further} (?{m}, ?{n})", m = n - 1);
    }
    let way = if query.descending { "DESC" } else { "ASC" };
    let sql =
        format!("SELECT {COLUMNS} FROM items WHERE {conditions} ORDER BY {sort} {way}, id {way} LIMIT ?4");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = Page::default();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.items.len() == query.limit {
            page.after = last;
            break;
        }
        let (id, item) = row::read(row, &store.seal)?;
        let sort = match query.index {
            None => Some(&item.key.sort),
            Some(index) => item.indexes.get(&index).map(|(_, sort)| sort),
        };
        last = sort.map(|sort| format!("{id}:{sort}"));
        page.items.push(item);
    }
    Ok(page)
}

/// One more than asked for, to know whether there is more.
fn limit_of(query: &Query) -> i64 {
    i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1)
}

fn position(after: &str) -> Result<(i64, &str), Failure> {
    let (id, sort) = after.split_once(':').unwrap_or_default();
    let id = id.parse().map_err(|_| {
        Failure::Failed("a query's `after` is not what the page before it returned".to_owned())
    })?;
    Ok((id, sort))
}

// ---------------------------------------------------------------- sweeping

/// What a sweep has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub items: usize,
    /// Dead letters that nobody fetched.
    pub messages: usize,
}

/// So many rows at a time: other writers wait for no longer than that takes.
const SWEEP: i64 = 500;

impl EmbeddedTable {
    /// Deletes what has expired. Nobody sees it any more, so nothing depends on when this is done.
    pub(super) async fn sweep(&self) -> Result<usize, TableError> {
        let mut swept = 0;
        loop {
            let now = self.store.now();
            let deleted = self
                .store
                .writer
                .write(move |connection| {
                    let sql = "DELETE FROM items WHERE id IN
                        (SELECT id FROM items WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
                    Ok(connection.prepare_cached(sql)?.execute(params![now, SWEEP])?)
                })
                .await?;
            swept += deleted;
            if deleted == 0 {
                return Ok(swept);
            }
        }
    }
}
