//! What happened to a document, by whom: `GET` and `PUT /{endpoint}/{id}/History`.
//!
//! <https://developer.xero.com/documentation/api/accounting/historyandnotes>. Newest first. A note can be
//! added and never changed.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Owner, Part};
use crate::xero::answer::{Found, Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::wire;
use crate::xero::writing::given;

const KEY: &str = "HistoryRecords";
const LONGEST_NOTE: usize = 2_500;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct HistoryRecord {
    document: Uuid,
    /// `Created`, `Edited`, `Approved`, `Voided`, …
    changes: Cow<'static, str>,
    at: Timestamp,
    user: String,
    details: String,
}

impl HistoryRecord {
    /// Of what was made they follow from who made it, and aren't kept: there are as many as documents.
    fn details(&self) -> Cow<'_, str> {
        if self.changes == "Created" {
            format!("Received through the Xero API from {}", self.user).into()
        } else {
            self.details.as_str().into()
        }
    }
}

impl Organisation {
    /// Said of whoever acts now; undone with the change itself.
    pub(crate) fn record(&mut self, document: Uuid, changes: &'static str, at: Timestamp) {
        self.record_more(document, changes, String::new(), at);
    }

    /// With a sentence of its own.
    pub(crate) fn record_more(
        &mut self,
        document: Uuid,
        changes: &'static str,
        details: String,
        at: Timestamp,
    ) {
        self.history.push(HistoryRecord {
            document,
            changes: changes.into(),
            at,
            user: self.actor.clone(),
            details,
        });
    }

    /// How often something happened from this moment on.
    pub(crate) fn recorded_since(&self, changes: &str, since: Timestamp) -> usize {
        let recent = self.history.iter().rev().take_while(|record| record.at >= since);
        recent.filter(|record| record.changes == changes).count()
    }
}

pub(crate) const PART: Part = Part { name: "History", scopes: &[], serve };

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    match request.method.as_str() {
        "GET" => Ok(list(organisation, owner.id).into()),
        "PUT" => add(organisation, request, owner.id).map(Reply::from),
        _ => Err(Refusal::NotImplemented),
    }
}

fn list(organisation: &Organisation, document: Uuid) -> Found {
    let records = organisation.history.iter().rev().filter(|record| record.document == document);
    let elements = records.map(|record| {
        json!({
            "Changes": record.changes, "DateUTCString": date_text(record.at),
            "DateUTC": wire::stamp(record.at), "User": record.user, "Details": record.details(),
        })
    });
    Found { key: KEY, elements: elements.collect(), pagination: None }
}

/// The echo of a new note has neither `Changes` nor `User`.
fn add(organisation: &mut Organisation, request: &Request, document: Uuid) -> Result<Found, Refusal> {
    let mut elements = Vec::new();
    for note in request.elements(KEY)? {
        let details = given(&note, "Details").unwrap_or_default();
        if details.is_empty() || details.chars().count() > LONGEST_NOTE {
            let message = format!("Details must have 1 to {LONGEST_NOTE} characters");
            let mut refused = Value::Object(note);
            refused["ValidationErrors"] = json!([{ "Message": message }]);
            return Err(Refusal::Validation(vec![refused]));
        }
        elements.push(json!({
            "DateUTCString": date_text(request.now), "DateUTC": wire::bare_stamp(request.now),
            "Details": details, "ValidationErrors": [],
        }));
        let user = organisation.actor.clone();
        organisation.history.push(HistoryRecord {
            document,
            changes: "Note".into(),
            at: request.now,
            user,
            details,
        });
    }
    Ok(Found { key: KEY, elements, pagination: None })
}

fn date_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
