//! Our own writes, seen again: a version that one of our calls has written, where the provider doesn't say who did.
//!
//! Calls note the versions that they wrote in their group's row, which is in an index by account and time. A poll reads
//! those that are about as old as what it found.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::super::FlowError;
use super::super::rows::{GroupRow, own_partition, sortable};
use super::super::stack::Stack;
use crate::domain::connection::Connection;
use crate::domain::record_id::RecordId;
use crate::ports::connector::Change;
use crate::ports::table::{Index, Query, all_pages};

/// A call's group is older than what the call wrote, by its waits and its longest run.
const GROUP_IS_OLDER: SignedDuration = SignedDuration::from_mins(30);

/// Marks the versions that our calls wrote, and the records that they made since `from`: what was made before that was
/// told of before.
pub(in crate::flow) async fn mark(
    stack: &Stack,
    connection: &Connection,
    changes: &mut [Change],
    from: Timestamp,
) -> Result<(), FlowError> {
    let told = stack.catalog.connector(connection.provider).is_none_or(|connector| connector.tells_authors());
    let Some(oldest) = changes.iter().map(|change| change.stamp).min().filter(|_| !told) else {
        return Ok(());
    };
    let mut query = Query::on(Index::Record, own_partition(&connection.id));
    query.from = sortable(oldest.min(from) - GROUP_IS_OLDER);
    let mut written: BTreeSet<(RecordId, Timestamp)> = BTreeSet::new();
    let mut made: BTreeSet<RecordId> = BTreeSet::new();
    for item in all_pages(stack.ports.table.as_ref(), query).await? {
        for version in GroupRow::read(&item)?.versions {
            if version.made {
                made.insert(version.record.clone());
            }
            written.insert((version.record, version.stamp));
        }
    }
    for change in changes {
        change.own |= written.contains(&(change.id.clone(), change.stamp));
        change.made |= made.contains(&change.id);
    }
    Ok(())
}
