//! What happened to a document, by whom: `GET` and `PUT /{endpoint}/{id}/History`.
//!
//! <https://developer.xero.com/documentation/api/accounting/historyandnotes>. Newest first. A note can be
//! added and never changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
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

/// Everything that happened in an organisation, in its order. There are more records than documents, so that a word
/// (`Created`, who did it) is kept once and each record has its place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct History {
    records: Vec<HistoryRecord>,
    words: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct HistoryRecord {
    document: Uuid,
    second: i64,
    /// `Created`, `Edited`, `Approved`, `Voided`, …
    changes: u32,
    user: u32,
    details: Option<Box<str>>,
}

impl History {
    /// Where it stands; `truncate` returns to it.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.records.truncate(length);
    }

    fn push(&mut self, document: Uuid, changes: &str, user: &str, details: Option<Box<str>>, at: Timestamp) {
        let (changes, user) = (self.place(changes), self.place(user));
        self.records.push(HistoryRecord { document, second: at.as_second(), changes, user, details });
    }

    fn place(&mut self, word: &str) -> u32 {
        let place = self.words.iter().position(|known| known == word).unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn word(&self, place: u32) -> &str {
        self.words.get(place as usize).map(String::as_str).unwrap_or_default()
    }

    fn as_json(&self, record: &HistoryRecord) -> Value {
        let (changes, user) = (self.word(record.changes), self.word(record.user));
        // Of what was made they follow from who made it.
        let made = || format!("Received through the Xero API from {user}");
        let details = record.details.as_deref().map(str::to_owned);
        let details = details.or_else(|| (changes == CREATED).then(made)).unwrap_or_default();
        let at = Timestamp::from_second(record.second).unwrap_or_default();
        json!({
            "Changes": changes, "DateUTCString": date_text(at), "DateUTC": wire::stamp(at), "User": user,
            "Details": details,
        })
    }
}

const CREATED: &str = "Created";

impl Organisation {
    /// Said of whoever acts now; undone with the change itself.
    pub(crate) fn record(&mut self, document: Uuid, changes: &'static str, at: Timestamp) {
        self.history.push(document, changes, &self.actor, None, at);
    }

    /// With a sentence of its own.
    pub(crate) fn record_more(
        &mut self,
        document: Uuid,
        changes: &'static str,
        details: String,
        at: Timestamp,
    ) {
        self.history.push(document, changes, &self.actor, Some(details.into()), at);
    }

    /// How often something happened from this moment on.
    pub(crate) fn recorded_since(&self, changes: &str, since: Timestamp) -> usize {
        let records = self.history.records.iter().rev();
        let recent = records.take_while(|record| record.second >= since.as_second());
        recent.filter(|record| self.history.word(record.changes) == changes).count()
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
    let history = &organisation.history;
    let records = history.records.iter().rev().filter(|record| record.document == document);
    let elements = records.map(|record| history.as_json(record));
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
        organisation.record_more(document, "Note", details, request.now);
    }
    Ok(Found { key: KEY, elements, pagination: None })
}

fn date_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
