//! An item as a row, and back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Row;

use super::failure::Failure;
use super::seal::Seal;
use crate::ports::table::{Field, Index, Item, Key};

/// The field with a column of its own.
pub(super) const LEASE: &str = "lease_until";

/// In the order in which [`read`] takes them.
pub(super) const COLUMNS: &str = "id, partition, sort, expires_at, lease_until, due_partition, due_sort, \
     flow_partition, flow_sort, parked_partition, parked_sort, record_partition, record_sort, fields, document";

/// What an item's document is sealed to.
pub(super) fn place(key: &Key) -> String {
    format!("item {}\u{0}{}", key.partition, key.sort)
}

/// An item that is ready to be stored.
pub(super) struct Stored {
    pub(super) key: Key,
    pub(super) expires_at: Option<i64>,
    pub(super) lease_until: Option<i64>,
    /// In the order of [`Index::ALL`].
    pub(super) indexes: [Option<(String, String)>; 4],
    pub(super) fields: String,
    pub(super) document: Vec<u8>,
}

impl Stored {
    pub(super) fn of(item: Item, seal: &Seal) -> Result<Self, Failure> {
        let document = if item.document.is_empty() {
            Vec::new()
        } else {
            seal.close(&place(&item.key), &item.document)?
        };
        let mut indexes = item.indexes;
        let (lease_until, fields) = write_fields(item.fields);
        Ok(Self {
            key: item.key,
            expires_at: item.expires_at.map(Timestamp::as_microsecond),
            lease_until,
            indexes: Index::ALL.map(|index| indexes.remove(&index)),
            fields,
            document,
        })
    }
}

/// A row and its number, by which pages of an index go on.
pub(super) fn read(row: &Row<'_>, seal: &Seal) -> Result<(i64, Item), Failure> {
    let key = Key::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?);
    let fields = read_fields(&key, row.get(4)?, row.get_ref(13)?.as_str().map_err(rusqlite::Error::from)?)?;
    let sealed = row.get_ref(14)?.as_blob().map_err(rusqlite::Error::from)?;
    let document = if sealed.is_empty() { Vec::new() } else { seal.open(&place(&key), sealed)? };
    let mut indexes = BTreeMap::new();
    for (n, index) in Index::ALL.into_iter().enumerate() {
        if let Some(partition) = row.get::<_, Option<String>>(5 + 2 * n)? {
            indexes.insert(index, (partition, row.get(6 + 2 * n)?));
        }
    }
    let expires_at = row.get::<_, Option<i64>>(3)?.map(|micros| instant(&key, micros)).transpose()?;
    Ok((row.get(0)?, Item { key, fields, document, indexes, expires_at }))
}

/// The lease, and the other fields as JSON.
pub(super) fn write_fields(mut fields: BTreeMap<String, Field>) -> (Option<i64>, String) {
    let lease_until = match fields.get(LEASE) {
        Some(Field::Integer(lease_until)) => Some(*lease_until),
        _ => None,
    };
    if lease_until.is_some() {
        fields.remove(LEASE);
    }
    let object: serde_json::Map<String, serde_json::Value> = fields
        .into_iter()
        .map(|(name, field)| match field {
            Field::Text(text) => (name, text.into()),
            Field::Integer(n) => (name, n.into()),
        })
        .collect();
    (lease_until, serde_json::Value::Object(object).to_string())
}

pub(super) fn read_fields(
    key: &Key,
    lease_until: Option<i64>,
    json: &str,
) -> Result<BTreeMap<String, Field>, Failure> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).map_err(|_| damaged(key))?;
    let mut fields = BTreeMap::new();
    for (name, value) in object {
        let field = match value {
            serde_json::Value::String(text) => Field::Text(text),
            other => Field::Integer(other.as_i64().ok_or_else(|| damaged(key))?),
        };
        fields.insert(name, field);
    }
    if let Some(lease_until) = lease_until {
        fields.insert(LEASE.to_owned(), Field::Integer(lease_until));
    }
    Ok(fields)
}

fn instant(key: &Key, micros: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged(key))
}

fn damaged(key: &Key) -> Failure {
    Failure::Damaged(format!("the row of {} {} cannot be read: it was changed", key.partition, key.sort))
}
