//! The rows of the table, typed: what is stored under which key, and how it is read back.
//!
//! Every row carries a version; new code reads old rows. What conditions must see is a field, the rest is JSON
//! in the item's document. Each hot row belongs to an account, a flow or a record, never to the stack.

mod groups;
mod links;
mod order;
mod runs;

pub use groups::{Doubt, GroupMember, GroupRow, Written, group_key, own_partition};
pub use links::{link_item, link_key, link_of};
pub use order::{OrderRow, held_key, order_key, order_partition};
pub use runs::{RunRow, StoredRun, flow_partition, parked_partition, run_key};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{ConnectionId, Life};
use crate::ports::table::{Item, Key};

/// The version that rows are written with.
pub const ROW_VERSION: i64 = 1;

/// A row that can't be read: written by newer code, or damaged. Nothing is done with it.
#[derive(Debug, thiserror::Error)]
#[error("row {partition} / {sort} can't be read: {message}")]
pub struct RowError {
    partition: String,
    sort: String,
    message: String,
}

impl RowError {
    fn of(item: &Item, message: impl std::fmt::Display) -> Self {
        Self {
            partition: item.key.partition.clone(),
            sort: item.key.sort.clone(),
            message: message.to_string(),
        }
    }
}

pub fn item_of<T: Serialize>(key: Key, document: &T) -> Item {
    let mut item = Item::new(key);
    item.document = serde_json::to_vec(document).unwrap_or_default();
    item.fields.insert("v".to_owned(), ROW_VERSION.into());
    item
}

pub fn document_of<T: for<'a> Deserialize<'a>>(item: &Item) -> Result<T, RowError> {
    serde_json::from_slice(&item.document).map_err(|e| RowError::of(item, e))
}

/// Text of an instant that sorts as the instant does.
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The due index is spread over this many partitions.
pub const DUE_SHARDS: u8 = 16;

pub fn due_partition(shard: u8) -> String {
    format!("due#{shard:x}")
}

pub(super) fn due_entry(id: uuid::Uuid, at: Timestamp) -> (String, String) {
    (due_partition(id.as_bytes()[15] % DUE_SHARDS), sortable(at))
}

/// Where the record index has what is about a provider's record.
pub fn record_partition(connection: &ConnectionId, record: &str) -> String {
    format!("{connection}#{record}")
}

/// How the partitions of flows that go live begin.
pub(super) const GOING_LIVE: &str = "GL#";

/// How far a flow is that goes live, until it does.
pub(super) fn going_live_key(life: Life) -> Key {
    Key::new(format!("{GOING_LIVE}{}", life.flow), life.its("going_live"))
}
