//! Where reading goes on: at the next page of a query that is under way, or in a query of its own.

use jiff::{SignedDuration, Timestamp};

use super::By;
use crate::connectors::salesforce::soql;
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Change, Resume};

/// Where a query of its own begins: at a stamp, or behind a record in the order of (stamp, id).
pub(super) struct Begin {
    stamp: Timestamp,
    /// Of the records with this very stamp only those with a greater id.
    after: Option<RecordId>,
}

impl Begin {
    pub(super) fn at(stamp: Timestamp) -> Self {
        Self { stamp, after: None }
    }

    pub(super) fn resume(self) -> Resume {
        let after = self.after.map(|id| format!(" {id}"));
        Resume { place: format!("{}{}", self.stamp, after.unwrap_or_default()), from: self.stamp }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (stamp, id) = text.split_once(' ')?;
        Some(Self { stamp: stamp.parse().ok()?, after: Some(RecordId::salesforce(id)?) })
    }

    pub(super) fn condition(&self, by: By) -> String {
        let (field, stamp) = (by.field(), soql::instant(self.stamp));
        match &self.after {
            None => format!("{field} >= {stamp}"),
            Some(id) => {
                format!("{field} >= {stamp} AND ({field} > {stamp} OR Id > {})", soql::quoted(id.as_str()))
            }
        }
    }
}

/// The next page of a query that is under way: good for minutes, and for what was there when it was asked.
pub(super) struct Cursor {
    pub(super) address: String,
    /// By Salesforce's clock: when the query's first page was answered.
    pub(super) began: Timestamp,
}

impl Cursor {
    pub(super) fn text(self) -> String {
        format!("{} {}", self.address, self.began)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, began) = text.split_once(' ')?;
        Some(Self {
            address: address.starts_with('/').then(|| address.to_owned())?,
            began: began.parse().ok()?,
        })
    }

    /// Where a later query goes on. A record that is edited while the query is read may come in its new version at its
    /// old place, so only one whose stamp is older than the query tells how far it is.
    pub(super) fn passed(&self, changes: &[Change]) -> Option<Begin> {
        let is_in_place = |change: &&Change| change.stamp < self.began - LONGEST_ANSWER;
        let last = changes.iter().rfind(is_in_place)?;
        Some(Begin { stamp: last.stamp, after: Some(last.id.clone()) })
    }
}

/// An answer's date is that of its end.
pub(super) const LONGEST_ANSWER: SignedDuration = SignedDuration::from_secs(10);
