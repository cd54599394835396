//! An event: one thing that happened; and the message that carries it to a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Value;
use super::ids::{BackfillId, ConnectionId, EventKey, FlowId, RunId};
use super::record_id::RecordId;

/// One thing that happened, as a flow sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The account that it happened in; none for `http.webhook`, `schedule` and `manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// The trigger's id: `salesforce.updated_record`.
    pub kind: String,
    pub key: EventKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_id: Option<RecordId>,
    /// The provider's version of the record: what decides which of two events is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Timestamp>,
    /// When it happened, by the provider's clock; for a webhook, when it arrived.
    pub at: Timestamp,
    pub record: Value,
    /// The watched values before a transition (`changed`), else null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub previous: Value,
    /// Where a person finds the record: the document's `Url` points there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// It is told to a flow with `each`: it starts a run for each item found, and is no item itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finds: bool,
}

impl Event {
    /// An event that happened in no account and to no record: a webhook, a schedule's tick, a person's word.
    pub fn of_itself(kind: &str, key: EventKey, at: Timestamp, record: Value) -> Self {
        Self {
            connection: None,
            kind: kind.to_owned(),
            key,
            record_id: None,
            stamp: None,
            at,
            record,
            previous: Value::Null,
            url: None,
            finds: false,
        }
    }
}

/// The version of [`RunMessage`] that this code writes. It reads every version up to it.
pub const MESSAGE_VERSION: u32 = 1;

/// What the queue carries: one (event, flow) pair. The event rides along, or stays in the table when it is large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunMessage {
    #[serde(rename = "v")]
    pub version: u32,
    pub run: RunId,
    pub flow: FlowId,
    /// The flow's version is pinned here: a run is walked as it began.
    pub flow_version: u32,
    /// When it was first put on a queue: `today(zone)` is the day of this instant.
    pub enqueued_at: Timestamp,
    /// Backfills and mass reruns: they leave the minute and a fifth of the day to live events.
    #[serde(default)]
    pub bulk: bool,
    /// The backfill that found the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<OfBackfill>,
    /// `None`: the event is in the run's row, or in the row that the sender put there for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// A person or the dead-letter queue asked for another attempt; the number keeps two requests apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<u64>,
}

/// What a run of a backfill must know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfBackfill {
    pub id: BackfillId,
    /// Percent of an account's calls a day that all backfills together may use while this one is at work.
    pub share: u8,
}

impl RunMessage {
    /// The first message of an event for a flow.
    pub fn first(flow: FlowId, flow_version: u32, event: Event, enqueued_at: Timestamp) -> Self {
        Self {
            version: MESSAGE_VERSION,
            run: RunId::of(flow, event.connection.as_ref(), &event.key),
            flow,
            flow_version,
            enqueued_at,
            bulk: false,
            backfill: None,
            event: Some(event),
            rerun: None,
        }
    }
}
