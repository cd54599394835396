//! Which run of a (flow, record) goes first, and the newest version that had an effect.

use jiff::Timestamp;

use super::{ROW_VERSION, sortable};
use crate::domain::ids::{FlowId, RunId};
use crate::domain::record_id::RecordId;
use crate::ports::table::{Condition, Item, Key};

/// Which run of a (flow, record) is active, and the newest stamp that had an effect. Never expires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderRow {
    pub active: Option<RunId>,
    /// Milliseconds; the stamp of the newest run whose first effect was written.
    pub applied: Option<i64>,
    /// Runs are held under this row.
    pub held: bool,
}

pub fn order_partition(flow: FlowId, record: &RecordId) -> String {
    format!("O#{flow}#{record}")
}

pub fn order_key(flow: FlowId, record: &RecordId) -> Key {
    Key::new(order_partition(flow, record), "order")
}

/// The oldest first.
pub fn held_key(flow: FlowId, record: &RecordId, stamp: Timestamp, run: RunId) -> Key {
    Key::new(order_partition(flow, record), format!("held#{}#{run}", sortable(stamp)))
}

impl OrderRow {
    pub fn read(item: Option<&Item>) -> Self {
        let Some(item) = item else { return Self::default() };
        Self {
            active: item.text("active").and_then(|text| text.parse().ok()),
            applied: item.integer("applied"),
            held: item.integer("held") == Some(1),
        }
    }

    pub fn item(&self, key: Key) -> Item {
        let mut item = Item::new(key);
        item.fields.insert("v".into(), ROW_VERSION.into());
        item.fields
            .insert("active".into(), self.active.map(|run| run.to_string()).unwrap_or_default().into());
        if let Some(applied) = self.applied {
            item.fields.insert("applied".into(), applied.into());
        }
        item.fields.insert("held".into(), i64::from(self.held).into());
        item
    }

    /// Nobody is active, or `run` is; and `held` is as it was read.
    pub fn unchanged(&self, absent: bool, run: RunId) -> Condition {
        if absent {
            return Condition::Absent;
        }
        Condition::All(vec![
            Condition::Any(vec![
                Condition::equals("active", ""),
                Condition::equals("active", run.to_string()),
            ]),
            Condition::equals("held", i64::from(self.held)),
            match self.applied {
                Some(applied) => Condition::equals("applied", applied),
                None => Condition::Missing("applied".into()),
            },
        ])
    }
}
