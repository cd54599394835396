//! Bulk API 2.0: jobs that take or give CSV, and are worked off by the stand-in's clock.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm. A job that
//! is closed is applied as a whole when its time has come, by the first request after that. Called by `rest.rs`
//! for `/jobs/*`.

mod ingest;
mod queries;
mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::org::{Org, Writer};
use super::values::{decimal, stamp, written};
use table::{Layout, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum State {
    Open,
    /// Closed, or asked for; work begins a moment later.
    UploadComplete,
    JobComplete,
    Failed,
    Aborted,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Job {
    id: String,
    /// `ingest` or `query`, as in its path.
    kind: Cow<'static, str>,
    operation: String,
    object: String,
    key: Option<String>,
    layout: Layout,
    state: State,
    writer: Writer,
    version: String,
    made: Timestamp,
    changed: Timestamp,
    due: Timestamp,
    error: Option<String>,
    query: String,
    upload: Option<Vec<u8>>,
    done: Table,
    failed: Table,
    left: Table,
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Jobs {
    jobs: BTreeMap<String, Job>,
    made: u64,
    /// Nothing is due before; none when nothing waits.
    next: Option<Timestamp>,
}

/// `/jobs/{kind}/…`
pub(crate) fn answer(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    kind: &str,
    rest: &[&str],
) -> Result<Answer, Refused> {
    let kind = if kind == "ingest" { "ingest" } else { "query" };
    match (asked.method.as_str(), rest, kind) {
        ("POST", [], "ingest") => ingest::create(org, writer, asked),
        ("POST", [], _) => queries::create(org, writer, asked),
        ("GET", [], _) => {
            let jobs = org.bulk.jobs.values().filter(|job| job.kind == kind);
            let jobs: Vec<Value> = jobs.map(|job| job.shown(org.now)).collect();
            Ok(Answer::ok(json!({ "done": true, "records": jobs, "nextRecordsUrl": null })))
        }
        ("PUT", [id, "batches"], "ingest") => ingest::upload(org, asked, id),
        ("GET", [id, "results"], "query") => queries::results(org, asked, id),
        ("GET", [id, which], "ingest") => ingest::results(org, id, which),
        ("GET", [id], _) => Ok(Answer::ok(found(org, kind, id)?.shown(org.now))),
        ("PATCH", [id], _) => {
            let wanted = asked.fields()?.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
            turn(org, kind, id, &wanted)
        }
        ("DELETE", [id], _) => {
            let job = found(org, kind, id)?;
            if job.state == State::Open || job.waits() {
                return Err(wrong_state("Deleting a job that is open or being worked on is not allowed"));
            }
            let id = job.id.clone();
            org.bulk.jobs.remove(&id);
            Ok(Answer::empty(204))
        }
        _ => Err(Refused::not_found()),
    }
}

fn found<'a>(org: &'a Org, kind: &str, id: &str) -> Result<&'a Job, Refused> {
    let id = ids::normalise(id).unwrap_or_default();
    org.bulk.jobs.get(&id).filter(|job| job.kind == kind).ok_or_else(Refused::not_found)
}

fn wrong_state(message: &str) -> Refused {
    Refused::new(400, "INVALIDJOBSTATE", message)
}

/// `PATCH` closes a job, or gives it up.
fn turn(org: &mut Org, kind: &str, id: &str, wanted: &str) -> Result<Answer, Refused> {
    let state = found(org, kind, id)?.state;
    let (now, due) = (org.now, org.now + SignedDuration::from_secs(org.options.bulk_seconds));
    let id = ids::normalise(id).unwrap_or_default();
    let Some(job) = org.bulk.jobs.get_mut(&id) else { return Err(Refused::not_found()) };
    match (state, wanted) {
        (State::Open, "UploadComplete") => {
            (job.state, job.due) = (State::UploadComplete, due);
            org.bulk.next = Some(org.bulk.next.map_or(due, |next| next.min(due)));
        }
        (State::Open | State::UploadComplete, "Aborted") => job.state = State::Aborted,
        (State::JobComplete | State::Failed | State::Aborted, "UploadComplete" | "Aborted") => {
            let doing = if wanted == "Aborted" { "Aborting" } else { "Closing" };
            return Err(wrong_state(&format!("{doing} already Completed Job not allowed")));
        }
        (State::UploadComplete, "UploadComplete") => {
            return Err(wrong_state("Closing already closed Job not allowed"));
        }
        _ => {
            let message = format!("The state `{wanted}` can't be set");
            return Err(Refused::new(400, "INVALIDJOB", message));
        }
    }
    job.changed = now;
    let shown = job.shown(now);
    Ok(Answer::ok(shown))
}

/// At the start of every request: the jobs whose time has come are worked off, oldest first.
pub(crate) fn work(org: &mut Org) {
    if org.bulk.next.is_none_or(|next| next > org.now) {
        return;
    }
    let now = org.now;
    let due: Vec<String> = org
        .bulk
        .jobs
        .values()
        .filter(|job| job.waits() && job.due <= now)
        .map(|job| job.id.clone())
        .collect();
    for id in due {
        let Some(mut job) = org.bulk.jobs.remove(&id) else { continue };
        let worked =
            if job.kind == "ingest" { ingest::work(org, &mut job) } else { queries::work(org, &mut job) };
        job.state = if worked.is_ok() { State::JobComplete } else { State::Failed };
        job.error = worked.err();
        job.changed = now;
        org.bulk.jobs.insert(id, job);
    }
    org.bulk.next = org.bulk.jobs.values().filter(|job| job.waits()).map(|job| job.due).min();
}

/// What a job is asked for with, whatever it is.
fn new_job(org: &mut Org, writer: &Writer, asked: &Asked<'_>, kind: &'static str) -> Result<Job, Refused> {
    let wanted = asked.fields()?;
    let text = |name: &str| wanted.get(name).and_then(Value::as_str).map(str::to_owned);
    let invalid = |message: String| Refused::new(400, "INVALIDJOB", message);
    let operation = text("operation").unwrap_or_default();
    let known: &[&str] = match kind {
        "ingest" => &["insert", "update", "upsert", "delete", "hardDelete"],
        _ => &["query", "queryAll"],
    };
    if !known.contains(&operation.as_str()) {
        return Err(invalid(format!("InvalidJob : Invalid operation: {operation}")));
    }
    let delimiter = text("columnDelimiter").unwrap_or_else(|| "COMMA".into());
    let ending = text("lineEnding").unwrap_or_else(|| "LF".into());
    let layout = Layout::named(&delimiter, &ending)
        .ok_or_else(|| invalid(format!("InvalidJob : {delimiter} with {ending} is no way to write CSV")))?;
    org.bulk.made += 1;
    Ok(Job {
        id: ids::make("750", org.bulk.made),
        kind: kind.into(),
        operation,
        object: text("object").unwrap_or_default(),
        key: text("externalIdFieldName"),
        layout,
        state: State::Open,
        writer: writer.clone(),
        version: asked.version.clone(),
        made: org.now,
        changed: org.now,
        due: org.now,
        error: None,
        query: text("query").unwrap_or_default(),
        upload: None,
        done: Table::default(),
        failed: Table::default(),
        left: Table::default(),
    })
}

impl Job {
    fn waits(&self) -> bool {
        self.state == State::UploadComplete
    }

    fn shown(&self, now: Timestamp) -> Value {
        let state = match self.state {
            State::Open => "Open",
            State::UploadComplete if now <= self.changed => "UploadComplete",
            State::UploadComplete => "InProgress",
            State::JobComplete => "JobComplete",
            State::Failed => "Failed",
            State::Aborted => "Aborted",
        };
        let mut shown = Map::new();
        let mut tell = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        tell("id", self.id.clone().into());
        tell("operation", self.operation.clone().into());
        tell("object", self.object.clone().into());
        tell("createdById", self.writer.user.clone().into());
        tell("createdDate", stamp(self.made).into());
        tell("systemModstamp", stamp(self.changed).into());
        tell("state", state.into());
        if let Some(key) = &self.key {
            tell("externalIdFieldName", key.clone().into());
        }
        tell("concurrencyMode", "Parallel".into());
        tell("contentType", "CSV".into());
        let version = self.version.trim_start_matches('v');
        tell("apiVersion", decimal(version).map(|version| written(version, false)).unwrap_or_default());
        if self.kind == "ingest" {
            let url = format!("services/data/{}/jobs/ingest/{}/batches", self.version, self.id);
            tell("contentUrl", url.into());
        }
        tell("lineEnding", self.layout.ending().into());
        tell("columnDelimiter", self.layout.delimiter().into());
        tell("jobType", if self.kind == "ingest" { "V2Ingest" } else { "V2Query" }.into());
        if self.state != State::Open {
            let took = self.changed.duration_since(self.made).as_millis();
            tell("retries", 0.into());
            tell("totalProcessingTime", i64::try_from(took).unwrap_or_default().into());
            tell("numberRecordsProcessed", (self.done.rows.len() + self.failed.rows.len()).into());
        }
        if self.kind == "ingest" && self.state != State::Open {
            tell("numberRecordsFailed", self.failed.rows.len().into());
        }
        if let Some(error) = &self.error {
            tell("errorMessage", error.clone().into());
        }
        Value::Object(shown)
    }
}
