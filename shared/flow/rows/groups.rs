//! The row of a provider call, from before it is sent.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RowError, due_entry, item_of, sortable};
use crate::domain::Value;
use crate::domain::ids::{ConnectionId, EffectKey, GroupId, RunId};
use crate::domain::outcome::Failure;
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Call, Connector, Element, MemberOutcome, Sets};
use crate::ports::table::{Index, Item, Key};

/// One provider call, from before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    pub group: GroupId,
    pub connection: ConnectionId,
    pub endpoint: String,
    pub shape: String,
    /// The exact call; sent again under the same key only with the same bytes.
    pub call: Call,
    pub members: Vec<GroupMember>,
    pub created_at: Timestamp,
    /// When it was first sent under the key that it has now.
    pub sent_at: Timestamp,
    /// When it was last sent again under that key: until the provider's longest call after that it may still land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_at: Option<Timestamp>,
    /// How often it was sent under a new key, because an answer (5xx) came under the old one.
    #[serde(default)]
    pub rekeyed: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Per member, when known: a fact about the world, accepted from any worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<MemberOutcome>>,
    /// Which versions of which records the call wrote, where the provider doesn't say who wrote a version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Written>,
}

/// A version of a record that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub record: RecordId,
    pub stamp: Timestamp,
    /// Whether it is the first: the call didn't name the record that it wrote.
    #[serde(default)]
    pub made: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupMember {
    pub run: RunId,
    pub effect: EffectKey,
    pub element: Element,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<Sets>,
    /// The place of its element in the call; equal operations share one.
    pub place: usize,
}

/// Why it isn't known what became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// An answer came, and it was no use (5xx): the key is burnt.
    pub answered: bool,
    pub failure: Failure,
}

/// A group's row is of no use once its members have settled.
const GROUP_DAYS: i64 = 30;

/// Where calls are found that wrote to an account.
pub fn own_partition(connection: &ConnectionId) -> String {
    format!("own#{connection}")
}

pub fn group_key(group: GroupId) -> Key {
    Key::new(format!("G#{group}"), "group")
}

impl GroupRow {
    /// The item: leased until the call must have ended, or done.
    pub fn item(&self, lease: Option<Timestamp>) -> Item {
        let mut item = item_of(group_key(self.group), self);
        item.document = compressed(&item.document);
        item.fields.insert("lease_until".into(), lease.map_or(0, Timestamp::as_millisecond).into());
        item.fields.insert("done".into(), i64::from(self.results.is_some()).into());
        if let (Some(until), None) = (lease, &self.results) {
            item.indexes.insert(Index::Due, due_entry(self.group.0, until));
        }
        if !self.versions.is_empty() {
            let time = format!("{}#{}", sortable(self.created_at), self.group);
            item.indexes.insert(Index::Record, (own_partition(&self.connection), time));
        }
        item.expires_at = Some(self.created_at + SignedDuration::from_hours(24 * GROUP_DAYS));
        item
    }

    pub fn read(item: &Item) -> Result<Self, RowError> {
        let bytes = expanded(&item.document).map_err(|e| RowError::of(item, e))?;
        serde_json::from_slice(&bytes).map_err(|e| RowError::of(item, e))
    }

    /// Notes the versions that the call wrote. Of its own answer only: what is looked up later may have been edited by
    /// a person since.
    pub fn wrote(&mut self, outcomes: &[MemberOutcome], connector: &dyn Connector) {
        let written = |(outcome, element): (&MemberOutcome, Element)| {
            let MemberOutcome::Done(document) = outcome else { return None };
            let (record, stamp) = connector.version_of(document)?;
            let names = |value: &Value| value.as_str() == Some(record.as_str());
            let made = !element.value.as_object().is_some_and(|members| members.values().any(names));
            Some(Written { record, stamp, made })
        };
        self.versions = outcomes.iter().zip(self.elements()).filter_map(written).collect();
    }

    /// The Idempotency-Key of the next send.
    pub fn key(&self) -> String {
        if self.rekeyed == 0 { self.group.to_string() } else { format!("{}.{}", self.group, self.rekeyed) }
    }

    pub fn elements(&self) -> Vec<Element> {
        let mut elements: Vec<(usize, &Element)> =
            self.members.iter().map(|member| (member.place, &member.element)).collect();
        elements.sort_by_key(|(place, _)| *place);
        elements.dedup_by_key(|(place, _)| *place);
        elements.into_iter().map(|(_, element)| element.clone()).collect()
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into a Vec can't fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn expanded(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out)?;
    Ok(out)
}
