//! Ingest jobs: rows of CSV become writes, each with its own result.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/walkthrough_bulk_insert.htm

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::answer::{Answer, Refused};
use super::super::asked::Asked;
use super::super::ids;
use super::super::objects::Object;
use super::super::org::{Org, Writer};
use super::super::records::Upserted;
use super::super::store::Fields;
use super::{Job, State, found, new_job, wrong_state};

/// Worked off in batches of so many rows, which a day has only so many of.
const BATCH: usize = 10_000;
/// What sets a value to null; an empty one leaves it as it is.
const NULL: &str = "#N/A";

pub(super) fn create(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let job = new_job(org, writer, asked, "ingest")?;
    let invalid = |message: String| Refused::new(400, "INVALIDJOB", message);
    let Some(object) = org.schema.object(&job.object).cloned() else {
        let message = format!("InvalidEntity : Entity '{}' is not supported by Bulk API", job.object);
        return Err(Refused::new(400, "INVALIDENTITY", message));
    };
    match (job.operation.as_str(), &job.key) {
        ("upsert", None) => {
            return Err(invalid(format!(
                "InvalidJob : External ID was blank for {}. An External ID must be specified for upsert.",
                object.name
            )));
        }
        ("upsert", Some(key)) if org.lookup_field(&object, key).is_err() => {
            return Err(invalid(format!(
                "InvalidJob : Field name provided, {key} does not match an External ID"
            )));
        }
        _ => {}
    }
    let shown = job.shown(org.now);
    org.bulk.jobs.insert(job.id.clone(), job);
    Ok(Answer::ok(shown))
}

pub(super) fn upload(org: &mut Org, asked: &Asked<'_>, id: &str) -> Result<Answer, Refused> {
    let job = found(org, "ingest", id)?;
    if job.state != State::Open {
        return Err(wrong_state("The job is closed: no data can be added to it"));
    }
    if job.upload.is_some() {
        return Err(wrong_state(&format!(
            "Found multiple contents for job: <{}>, please 'Close' / 'Abort' / 'Delete' the current Job then create \
             a new Job and make sure you only do 'PUT' once on a given Job.",
            job.id
        )));
    }
    let id = job.id.clone();
    if let Some(job) = org.bulk.jobs.get_mut(&id) {
        job.upload = Some(asked.body.to_vec());
    }
    Ok(Answer::empty(201))
}

/// Successful, failed or unprocessed rows, with what became of them in front.
pub(super) fn results(org: &Org, id: &str, which: &str) -> Result<Answer, Refused> {
    let job = found(org, "ingest", id)?;
    let table = match which.to_ascii_lowercase().as_str() {
        "successfulresults" => &job.done,
        "failedresults" => &job.failed,
        "unprocessedrecords" => &job.left,
        _ => return Err(Refused::not_found()),
    };
    Ok(Answer::bytes("text/csv", job.layout.write(&table.header, &table.rows)))
}

/// Writes every row. What is wrong with the whole is the job's error, and nothing of it is written.
pub(super) fn work(org: &mut Org, job: &mut Job) -> Result<(), String> {
    let table = job.layout.read(&job.upload.take().unwrap_or_default())?;
    let in_front = |first: &str, second: &str| {
        [first, second].into_iter().map(str::to_owned).chain(table.header.iter().cloned()).collect()
    };
    job.done.header = in_front("sf__Id", "sf__Created");
    job.failed.header = in_front("sf__Id", "sf__Error");
    job.left.header.clone_from(&table.header);
    let object = org.schema.object(&job.object).cloned().ok_or("InvalidEntity : the object is gone")?;
    let unknown = table.header.iter().find(|name| !known(&object, name));
    let enough = org.spend("DailyBulkApiBatches", table.rows.len().div_ceil(BATCH) as u64);
    if unknown.is_some() || !enough {
        job.left.rows = table.rows;
        return Err(match unknown {
            Some(name) => format!("InvalidBatch : Field name not found : {name}"),
            None => "ExceededQuota : The day's batches are used up".into(),
        });
    }
    for row in table.rows {
        let fields = fields(&table.header, &row);
        let (front, list) = match write(org, job, &object, &fields) {
            Ok((id, created)) => ([id, created.to_string()], &mut job.done.rows),
            Err(refused) => {
                let id = text(&fields, "Id").unwrap_or_default();
                let fields = refused.fields.unwrap_or_default().join(", ");
                let error = format!("{}:{}:{fields} --", refused.code, refused.message);
                ([id, error], &mut job.failed.rows)
            }
        };
        list.push(front.into_iter().chain(row).collect());
    }
    Ok(())
}

fn known(object: &Object, column: &str) -> bool {
    match column.split_once('.') {
        Some((relationship, _)) => {
            let relationship = relationship.rsplit(':').next().unwrap_or_default();
            object.parent(relationship).is_some()
        }
        None => object.field(column).is_some(),
    }
}

/// `Account.Ext__c` names a parent by its key; `Lead:Who.Email` says of which type it is, too.
fn fields(header: &[String], row: &[String]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in header.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
        let value = if value == NULL { Value::Null } else { value.clone().into() };
        match name.split_once('.') {
            Some((relationship, key)) => {
                let mut parent = Fields::new();
                let (kind, relationship) = relationship.split_once(':').unwrap_or(("", relationship));
                if !kind.is_empty() {
                    parent.insert("attributes".into(), json!({ "type": kind }));
                }
                parent.insert(key.to_owned(), value);
                fields.insert(relationship.to_owned(), parent.into());
            }
            None => {
                fields.insert(name.clone(), value);
            }
        }
    }
    fields
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    let (_, value) = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    value.as_str().map(str::to_owned)
}

/// The record's id, and whether it is new.
fn write(org: &mut Org, job: &Job, object: &Arc<Object>, fields: &Fields) -> Result<(String, bool), Refused> {
    let without = |name: &str| -> Fields {
        fields
            .iter()
            .filter(|(known, _)| !known.eq_ignore_ascii_case(name))
            .map(|(known, value)| (known.clone(), value.clone()))
            .collect()
    };
    let missing = |name: &str| Refused::record("MISSING_ARGUMENT", format!("{name} not specified"), &[]);
    let id = || {
        let given = text(fields, "Id").ok_or_else(|| missing("Id"))?;
        ids::normalise(&given)
            .ok_or_else(|| Refused::record("MALFORMED_ID", format!("malformed id {given}"), &["Id"]))
    };
    match job.operation.as_str() {
        "insert" => Ok((org.create(object, fields, &job.writer)?, true)),
        "update" => {
            let id = id()?;
            org.change(object, &id, &without("Id"), &job.writer)?;
            Ok((id, false))
        }
        "upsert" => {
            let key = job.key.as_deref().unwrap_or("Id");
            let value = text(fields, key).ok_or_else(|| missing(key))?.into();
            let known = org.lookup_field(object, key)?;
            match org.upsert(object, (known, &value), &without(key), false, &job.writer)? {
                Upserted::Created(id) => Ok((id, true)),
                Upserted::Updated(id) => Ok((id, false)),
                Upserted::Ambiguous(_) => {
                    let message = format!("{key}: more than one record found for external id field");
                    Err(Refused::record("DUPLICATE_VALUE", message, &[]))
                }
            }
        }
        _ => {
            let id = id()?;
            let gone = org.remove(object, &id, &job.writer)?;
            if job.operation == "hardDelete" {
                gone.iter().for_each(|(object, id)| org.store.purge(object, id));
            }
            Ok((id, false))
        }
    }
}
