//! One record at a time: `/sobjects/{type}/…`.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-retrieve.html

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::conditional::{Version, known_already, may_write};
use super::ids;
use super::objects::Object;
use super::org::{Org, Writer};
use super::query::Plan;
use super::records::Upserted;
use super::store::Record;
use super::values;

pub(crate) fn create(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let id = org.create(&object, &asked.fields()?, writer)?;
    let body = json!({ "id": id, "success": true, "errors": [] });
    Ok(Answer::json(201, body).with("location", location(asked, &object, &id)))
}

pub(crate) fn get(
    org: &mut Org,
    asked: &Asked<'_>,
    object: &str,
    (field, value): (&str, &str),
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let record = match found(org, &object, field, value)? {
        Ok(record) => record,
        Err(several) => return Ok(choices(asked, &object, &several)),
    };
    let plan = match asked.parameter("fields") {
        Some(names) => Plan::fields(org, &object, &names.split(',').map(str::trim).collect::<Vec<_>>())?,
        None => Plan::whole(&object),
    };
    let version = version(org, &object, &record);
    if known_already(asked, &version)? {
        return Ok(version.on(Answer::empty(304)));
    }
    let writing = asked.writing(org, false);
    Ok(version.on(Answer::ok(plan.row(org, &record, &writing))))
}

pub(crate) fn update(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
    id: &str,
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let id = ids::normalise(id).unwrap_or_else(|| id.to_owned());
    unchanged(org, asked, &object, &id)?;
    org.change(&object, &id, &asked.fields()?, writer)?;
    Ok(Answer::empty(204))
}

pub(crate) fn delete(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
    (field, value): (&str, &str),
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let id = if field == "Id" {
        ids::normalise(value).unwrap_or_else(|| value.to_owned())
    } else {
        match found(org, &object, field, value)? {
            Ok(record) => record.id.clone(),
            Err(several) => return Ok(choices(asked, &object, &several)),
        }
    };
    org.remove(&object, &id, writer)?;
    Ok(Answer::empty(204))
}

/// Since this version an upsert says of a record that was there what it says of a new one; before, nothing (204).
const TELLS_OF_UPDATES: u32 = 46;

/// https://developer.salesforce.com/docs/platform/api-rest/guide/dome-upsert.html
pub(crate) fn upsert(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
    (field, value): (&str, &str),
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let fields = asked.fields()?;
    if field != "Id" && fields.keys().any(|name| name.eq_ignore_ascii_case(field)) {
        let message = format!("The {field} field should not be specified in the sobject data.");
        return Err(Refused::new(400, "INVALID_FIELD", message));
    }
    let (known, value) = (org.lookup_field(&object, field)?, Value::from(value));
    if let [only] = org.with_value(&object, known, &value).as_slice() {
        unchanged(org, asked, &object, only)?;
    }
    let update_only = asked.parameter("updateOnly") == Some("true");
    let (id, created) = match org.upsert(&object, (known, &value), &fields, update_only, writer)? {
        Upserted::Created(id) => (id, true),
        Upserted::Updated(id) => (id, false),
        Upserted::Ambiguous(several) => return Ok(choices(asked, &object, &several)),
    };
    if !created && !asked.is_since(TELLS_OF_UPDATES) {
        return Ok(Answer::empty(204));
    }
    let body = json!({ "id": id, "success": true, "errors": [], "created": created });
    let status = if created { 201 } else { 200 };
    Ok(Answer::json(status, body).with("location", location(asked, &object, &id)))
}

/// The one record; or the ids of several; or why there is none.
fn found(
    org: &Org,
    object: &Arc<Object>,
    field: &str,
    value: &str,
) -> Result<Result<Arc<Record>, Vec<String>>, Refused> {
    let table = org.store.table(&object.name);
    if field == "Id" {
        let record =
            ids::normalise(value).and_then(|id| table.get(&id).cloned()).ok_or_else(Refused::not_found)?;
        if record.is("IsDeleted") {
            return Err(Refused::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        return Ok(Ok(record));
    }
    let known = org.lookup_field(object, field)?;
    let several = org.with_value(object, known, &value.into());
    match several.as_slice() {
        [] => Err(Refused::not_found()),
        [id] => table.get(id).cloned().map(Ok).ok_or_else(Refused::not_found),
        _ => Ok(Err(several)),
    }
}

/// 300: the URLs of the records that match.
fn choices(asked: &Asked<'_>, object: &Object, several: &[String]) -> Answer {
    Answer::json(300, several.iter().map(|id| Value::from(location(asked, object, id))).collect())
}

fn location(asked: &Asked<'_>, object: &Object, id: &str) -> String {
    format!("/services/data/{}/sobjects/{}/{id}", asked.version, object.name)
}

/// How the record is now, for conditional requests. Only Accounts have a tag.
fn version(org: &Org, object: &Object, record: &Record) -> Version {
    let modified = values::instant(record.text("LastModifiedDate")).unwrap_or(org.now);
    let tag = (object.name == "Account").then(|| {
        let digest = Sha256::digest(format!("{}{}", record.id, Value::Object(record.fields.clone())));
        format!("\"{}\"", STANDARD.encode(&digest[..24]))
    });
    Version { modified, tag }
}

/// Before a write: nobody was faster, as far as the caller wants to know.
fn unchanged(org: &Org, asked: &Asked<'_>, object: &Object, id: &str) -> Result<(), Refused> {
    match org.store.table(&object.name).get(id) {
        Some(record) => may_write(asked, &version(org, object, record)),
        None => Ok(()),
    }
}
