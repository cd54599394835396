//! Triggers: how one page of what changed is read, and what a flow wants of it.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::domain::flow::Order;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::changed::Changed;

/// What a trigger is, for the catalog, the schema and the help texts.
#[derive(Debug, Clone, Serialize)]
pub struct TriggerDescription {
    /// `salesforce.updated_record`
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub documentation: &'static str,
    /// JSON Schema of the trigger's options.
    pub options: Value,
    #[serde(skip)]
    pub order: Order,
    /// How often it is polled when nothing wakes it; 0 where it isn't polled.
    pub minutes: u32,
    /// The most records that a call reads; 0 where it isn't polled.
    #[serde(skip)]
    pub page: u32,
    /// What the connection must be allowed, where the provider gives out leave piece by piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// A trigger in YAML that passes `flow check`.
    pub example: &'static str,
    /// An event's `record` as this trigger gives it.
    pub sample: Value,
}

/// A polled trigger: how one page of what changed is read.
#[async_trait]
pub trait Trigger: Send + Sync {
    fn describe(&self) -> TriggerDescription;

    /// The options, parsed: what is watched and what this flow wants of it.
    fn interest(&self, options: &Object) -> Result<Interest, Failure>;

    /// Records whose stamp is at or after `from`, in order of (stamp, id): one page.
    async fn poll(&self, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault>;

    /// One record as it is now, shaped as `poll` would: for reruns with `--refresh` and for tests of a flow.
    async fn fetch(
        &self,
        interest: &Interest,
        record: &RecordId,
        account: &dyn Account,
    ) -> Result<Option<Change>, Fault>;

    /// Which of these the interest means, that were read without its filter ([`Interest::reads_more`]).
    async fn meant(
        &self,
        _interest: &Interest,
        changes: &[&Change],
        _account: &dyn Account,
    ) -> Result<Vec<bool>, Fault> {
        Ok(vec![true; changes.len()])
    }

    /// When a record was made, for triggers that remember ids: asked only of records that changed while a flow went
    /// live. `None`: the provider doesn't say.
    async fn made_at(&self, _record: &RecordId, _account: &dyn Account) -> Result<Option<Timestamp>, Fault> {
        Ok(None)
    }

    /// Whether a record counts as new since then, for a backfill of a trigger that remembers ids.
    async fn is_new_since(
        &self,
        _change: &Change,
        _since: Timestamp,
        _account: &dyn Account,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    /// How many records are watched, or have a stamp at or after `from`: one call. `None`: the provider can't say.
    async fn count(
        &self,
        _interest: &Interest,
        _from: Option<Timestamp>,
        _account: &dyn Account,
    ) -> Result<Option<Counted>, Fault> {
        Ok(None)
    }

    /// What satisfies `changed` already, with the watched fields of these records; all records that the filter takes
    /// where the transition asks for the value before.
    fn settled(&self, interest: &Interest) -> Interest;

    /// The record with no more than the flow asked for: flows that share a poll don't see each other's fields.
    fn project(&self, interest: &Interest, record: &Value) -> Value;
}

/// What one flow wants of a watch. Interests with the same `object` and the same filter that is asked share a poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interest {
    pub object: String,
    /// The user's `where`, as the provider understands it.
    pub filter: Option<String>,
    pub fields: Vec<String>,
    /// Asked for only where the account has them.
    pub optional_fields: Vec<String>,
    /// Child relationship -> fields.
    pub children: Vec<(String, Vec<String>)>,
    pub changed: Option<Changed>,
    pub ignore_own: bool,
    pub events: Events,
}

impl Interest {
    /// Whether a version is none of the flow's business, being ours. A new record is its maker's, whoever has written
    /// to it since.
    pub fn leaves_out(&self, change: &Change) -> bool {
        self.ignore_own && if self.events == Events::First { change.made } else { change.own }
    }

    /// What of its filter the provider is asked. Who tells new versions of records that are not new must have met each
    /// record, also as one that the filter leaves out: then everything is read, and the filter holds of what is told.
    pub fn asked(&self) -> Option<&str> {
        self.filter.as_deref().filter(|_| self.events != Events::AfterTheFirst)
    }

    /// Whether what is read for it is more than it wants.
    pub fn reads_more(&self) -> bool {
        self.filter.is_some() && self.asked().is_none()
    }

    /// The same without its filter.
    pub fn unfiltered(&self) -> Self {
        Self { filter: None, ..self.clone() }
    }
}

/// Which versions of a record are events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Events {
    /// Each one that is seen.
    EachVersion,
    /// One for each record: the trigger goes by when a record was made.
    EachRecord,
    /// The first of each record. The provider doesn't say when records were made, so their ids are remembered.
    First,
    /// Each one but the first.
    AfterTheFirst,
    /// Each one, and each is a deletion.
    EachDeletion,
}

impl Events {
    /// Whether the ids of records must be remembered.
    pub fn remembers_ids(self) -> bool {
        matches!(self, Self::First | Self::AfterTheFirst)
    }
}

pub struct PollAsk<'a> {
    /// What the flows that share the poll want together: the union of their fields and children.
    pub union: &'a Interest,
    /// Stamps from here on, included.
    pub from: Timestamp,
    /// What the page before said: its continuation, or where an earlier poll had to stop its `resume`. None: from the
    /// beginning.
    pub continuation: Option<&'a str>,
}

#[derive(Debug, Clone)]
pub struct PollPage {
    pub changes: Vec<Change>,
    /// The next page; None with the last one.
    pub continuation: Option<String>,
    /// The same place, or one before it, that lasts: a later poll goes on there. None: this page offers none, or it is
    /// the last.
    pub resume: Option<Resume>,
    /// The provider's clock (the answer's `Date`).
    pub provider_now: Timestamp,
}

/// Where a read can be gone on with, whenever that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// In the provider's words.
    pub place: String,
    /// Nothing that follows has an older stamp. What was read may have a newer one: a record that is edited meanwhile may
    /// come with its new stamp where it stood before.
    pub from: Timestamp,
}

/// How many records there are, and what a few of them are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    pub count: u64,
    pub bound: Bound,
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Exact,
    AtLeast,
    /// A condition is left out that the provider can't be asked.
    AtMost,
}

/// One record in one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub id: RecordId,
    /// What the trigger goes by: `SystemModstamp`, or `CreatedDate` for *new* triggers.
    pub stamp: Timestamp,
    /// This version was written by the connection's own user, or by a call of ours.
    pub own: bool,
    /// The record was made by a call of ours, where the provider doesn't say who made it.
    pub made: bool,
    pub record: Value,
    /// Where a person finds it.
    pub url: Option<String>,
}
