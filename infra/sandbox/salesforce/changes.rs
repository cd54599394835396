//! What changed and what was deleted in a window of time: `GET /sobjects/{type}/updated` and `…/deleted`.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getupdated.html
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.html

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::objects::Object;
use super::org::Org;
use super::store::Record;
use super::values;

/// `updated` looks back so many days.
const UPDATED_DAYS: i64 = 30;
/// `deleted` looks back so many days.
const DELETED_DAYS: i64 = 15;

pub(crate) fn updated(org: &Org, asked: &Asked<'_>, object: &str) -> Result<Answer, Refused> {
    let window = Window::read(org, asked, org.object(object)?, UPDATED_DAYS)?;
    let records = window.records(org, false)?;
    let ids: Vec<Value> = records.into_iter().map(|record| record.id.clone().into()).collect();
    Ok(Answer::ok(json!({ "ids": ids, "latestDateCovered": window.covered(org) })))
}

pub(crate) fn deleted(org: &Org, asked: &Asked<'_>, object: &str) -> Result<Answer, Refused> {
    let window = Window::read(org, asked, org.object(object)?, DELETED_DAYS)?;
    let earliest = (org.now - SignedDuration::from_hours(DELETED_DAYS * 24)).max(org.deletions_told_since);
    let window = Window { start: window.start.max(earliest), ..window };
    let records = window.records(org, true)?.into_iter();
    let records: Vec<Value> = records
        .map(|record| json!({ "id": record.id, "deletedDate": record.get("SystemModstamp") }))
        .collect();
    Ok(Answer::ok(json!({ "deletedRecords": records, "earliestDateAvailable": values::stamp(earliest),
        "latestDateCovered": window.covered(org) })))
}

struct Window {
    object: Arc<Object>,
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    fn read(org: &Org, asked: &Asked<'_>, object: Arc<Object>, days: i64) -> Result<Self, Refused> {
        let read =
            |name: &str| asked.parameter(name).and_then(|text| values::instant(&text.replace(' ', "+")));
        let wrong = |what: &str| Refused::new(400, "INVALID_REPLICATION_DATE", what);
        let (Some(start), Some(end)) = (read("start"), read("end")) else {
            return Err(Refused::new(400, "INVALID_DATE_FORMAT", "start and end must be date-times"));
        };
        if start >= end {
            return Err(wrong("startDate before org replication enabled date, or not before endDate"));
        }
        if start > org.now {
            return Err(wrong("startDate cannot be in the future"));
        }
        if start < org.now - SignedDuration::from_hours(days * 24) {
            return Err(wrong(&format!("startDate cannot be more than {days} days ago")));
        }
        Ok(Self { object, start, end: end.min(org.now) })
    }

    fn records<'a>(&self, org: &'a Org, deleted: bool) -> Result<Vec<&'a Arc<Record>>, Refused> {
        let end = values::stamp(self.end);
        let records: Vec<_> = org
            .store
            .table(&self.object.name)
            .since(&values::stamp(self.start))
            .take_while(|record| *record.text("SystemModstamp") <= *end)
            .filter(|record| record.is("IsDeleted") == deleted)
            .collect();
        if records.len() > org.options.replication_ids {
            let message = format!("number of ids exceeds the limit of {}", org.options.replication_ids);
            return Err(Refused::new(400, "EXCEEDED_ID_LIMIT", message));
        }
        Ok(records)
    }

    /// Where the next window must start: a commit that isn't seen yet may have an older stamp than the end.
    fn covered(&self, org: &Org) -> String {
        let end = values::stamp(self.end);
        match org.oldest_late(&self.object) {
            Some(late) if late < end.as_str() => late.max(values::stamp(self.start).as_str()).to_owned(),
            _ => end,
        }
    }
}
