//! A run's row, from its first effect (or its end) on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RowError, document_of, due_entry, item_of, record_partition, sortable};
use crate::domain::event::RunMessage;
use crate::domain::ids::{ConnectionId, FlowId, RunId};
use crate::domain::outcome::Failure;
use crate::domain::record_id::RecordId;
use crate::domain::run::{Status, StepRecord, Wait};
use crate::ports::queue::MAX_DELAY;
use crate::ports::table::{Index, Item, Key};

/// A run's row, from its first effect (or its end) on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub message: RunMessage,
    pub flow_name: String,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By effect id: the step's id, and the item's key in a loop.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The step that the failure, the wait or the doubt is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_step: Option<String>,
    /// What `require` did not find.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Claims that their owner did not release since the run last got further.
    #[serde(default)]
    pub crashes: u32,
    /// The connection that it is parked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_for: Option<ConnectionId>,
    /// What a person wrote: `run ignore --note`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Holds the order row of its record.
    #[serde(default)]
    pub holds_order: bool,
}

/// A run's row as it is stored, with what conditions look at.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    pub row: RunRow,
    pub generation: i64,
    pub lease_until: i64,
    /// Claimed and not released: with a lease that has ended, its owner crashed.
    pub claimed: bool,
}

impl StoredRun {
    pub fn read(item: &Item) -> Result<Self, RowError> {
        Ok(Self {
            row: document_of(item)?,
            generation: item.integer("generation").unwrap_or(0),
            lease_until: item.integer("lease_until").unwrap_or(0),
            claimed: item.integer("claimed") == Some(1),
        })
    }

    pub fn leased(&self, now: Timestamp) -> bool {
        self.claimed && self.lease_until > now.as_millisecond()
    }
}

pub fn run_key(run: RunId) -> Key {
    Key::new(format!("R#{run}"), "run")
}

/// Run tombstones stay at least 400 days.
const RUN_DAYS: i64 = 400;

impl RunRow {
    /// A run of which nothing is known but its message.
    pub fn fresh(message: RunMessage, flow_name: &str, now: Timestamp) -> Self {
        Self {
            message,
            flow_name: flow_name.to_owned(),
            status: Status::Running,
            created_at: now,
            updated_at: now,
            steps: BTreeMap::new(),
            wait: None,
            failure: None,
            at_step: None,
            missing: Vec::new(),
            crashes: 0,
            parked_for: None,
            note: None,
            holds_order: false,
        }
    }

    pub fn record(&self) -> Option<(&ConnectionId, &RecordId)> {
        let event = self.message.event.as_ref()?;
        Some((event.connection.as_ref()?, event.record_id.as_ref()?))
    }

    /// The item, claimed until `lease` or released (`None`).
    pub fn item(&self, generation: i64, lease: Option<Timestamp>) -> Item {
        let run = self.message.run;
        let mut item = item_of(run_key(run), self);
        item.fields.insert("generation".into(), generation.into());
        item.fields.insert("lease_until".into(), lease.map_or(0, Timestamp::as_millisecond).into());
        item.fields.insert("claimed".into(), i64::from(lease.is_some()).into());
        item.fields.insert("status".into(), self.status.as_str().into());
        let time = format!("{}#{run}", sortable(self.created_at));
        let partition = flow_partition(self.message.flow, self.status);
        item.indexes.insert(Index::Flow, (partition, time.clone()));
        if let Some((connection, record)) = self.record() {
            item.indexes.insert(Index::Record, (record_partition(connection, record.as_str()), time));
        }
        let due = match (lease, &self.wait, self.status) {
            // A lease that lapses is found by the keeper.
            (Some(until), ..) => Some(until),
            // A short wait is the message's own; a long one has no message.
            (None, Some(wait), Status::Waiting) => {
                let long = wait.until.duration_since(self.updated_at).unsigned_abs() > MAX_DELAY;
                (long && wait.until > self.updated_at).then_some(wait.until)
            }
            _ => None,
        };
        if let Some(due) = due {
            item.indexes.insert(Index::Due, due_entry(run.0, due));
        }
        if let (Status::Parked, Some(connection)) = (self.status, &self.parked_for) {
            item.indexes.insert(Index::Parked, (parked_partition(connection), sortable(self.updated_at)));
        }
        item.expires_at =
            self.status.is_final().then(|| self.updated_at + SignedDuration::from_hours(24 * RUN_DAYS));
        item
    }
}

pub fn flow_partition(flow: FlowId, status: Status) -> String {
    format!("{flow}#{}", status.as_str())
}

pub fn parked_partition(connection: &ConnectionId) -> String {
    format!("parked#{connection}")
}
