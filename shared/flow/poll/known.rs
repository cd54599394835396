//! Ids that a flow has met, for providers that don't say when a record was made: a record is new when its id isn't
//! among them. They don't expire.
//!
//! Going live remembers all that is there ([`super::live`]); a poll adds what it tells of, after the queue has it.

use std::collections::BTreeSet;

use super::super::FlowError;
use super::super::rows::ROW_VERSION;
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::Listener;
use crate::domain::ids::FlowId;
use crate::domain::record_id::RecordId;
use crate::ports::connector::Change;
use crate::ports::table::{Condition, Item, Key, MAX_TRANSACTION, Write};

/// What is known of the records of one page.
#[derive(Default)]
pub(super) struct Known {
    ids: BTreeSet<RecordId>,
    /// Met just now, and to be remembered.
    pub(super) met: Vec<RecordId>,
}

fn key(flow: FlowId, record: &RecordId) -> Key {
    Key::new(format!("N#{flow}#{record}"), "known")
}

/// Reads which of these the flow has met before; nothing where it doesn't matter.
pub(super) async fn of(stack: &Stack, listener: &Listener, changes: &[&Change]) -> Result<Known, FlowError> {
    if !listener.interest.events.remembers_ids() {
        return Ok(Known::default());
    }
    let ids: BTreeSet<&RecordId> = changes.iter().map(|change| &change.id).collect();
    let keys: Vec<Key> = ids.iter().map(|id| key(listener.head.id, id)).collect();
    let items = stack.ports.table.get(&keys).await?;
    let there = ids.into_iter().zip(items).filter(|(_, item)| item.is_some());
    Ok(Known { ids: there.map(|(id, _)| id.clone()).collect(), met: Vec::new() })
}

impl Known {
    /// Whether it is met for the first time.
    pub(super) fn meet(&mut self, id: &RecordId) -> bool {
        let first = self.ids.insert(id.clone());
        if first {
            self.met.push(id.clone());
        }
        first
    }
}

pub(super) async fn remember(stack: &Stack, flow: FlowId, ids: &[RecordId]) -> Result<(), FlowError> {
    for some in ids.chunks(MAX_TRANSACTION) {
        let writes = some.iter().map(|id| {
            let mut item = Item::new(key(flow, id));
            item.fields.insert("v".into(), ROW_VERSION.into());
            Write::put(item, Condition::Always)
        });
        write_patiently(&stack.ports, writes.collect()).await?;
    }
    Ok(())
}
