//! Up to 200 records in one call, each with its own result.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::org::{Org, Writer};
use super::query::Plan;
use super::records::{Upserted, begins_with_attributes, lookup_key, without_attributes};
use super::store::Fields;
use super::values;

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-create.html
const MOST_RECORDS: usize = 200;
/// Records of one type that follow each other are a chunk. The code of the refusal is ours.
const MOST_CHUNKS: usize = 10;
/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-retrieve.html
const MOST_RETRIEVED: usize = 2000;

/// What became of one record: its id and, for upserts, whether it is new.
type Outcome = Result<(String, Option<bool>), Refused>;

pub(crate) fn create(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (all_or_none, records) = records(asked)?;
    few_chunks(&records)?;
    Ok(each(org, all_or_none, false, &records, |org, fields| {
        let object = object_of(org, fields)?;
        Ok((org.create(&object, fields, writer)?, None))
    }))
}

pub(crate) fn update(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (all_or_none, records) = records(asked)?;
    few_chunks(&records)?;
    Ok(each(org, all_or_none, false, &records, |org, fields| {
        let object = object_of(org, fields)?;
        let (key, id) = fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("id"))
            .ok_or_else(|| Refused::record("MISSING_ARGUMENT", "Id not specified in an update call", &[]))?;
        let id = id.as_str().and_then(ids::normalise).ok_or_else(|| {
            let shown = id.as_str().unwrap_or_default();
            Refused::record(
                "MALFORMED_ID",
                format!("{} ID: id value of incorrect type: {shown}", object.name),
                &["Id"],
            )
        })?;
        let mut changes = fields.clone();
        changes.remove(key);
        org.change(&object, &id, &changes, writer)?;
        Ok((id, None))
    }))
}

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-upsert.html
pub(crate) fn upsert(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
    field: &str,
) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let known = org.lookup_field(&object, field)?;
    let (all_or_none, records) = records(asked)?;
    let given = |fields: &Fields| {
        let mut fields = fields.iter();
        let found = fields.find(|(name, value)| name.eq_ignore_ascii_case(field) && !is_empty(value));
        found.map(|(name, value)| (name.clone(), value.clone()))
    };
    let key = |value: &Value| lookup_key(known, value).map(|key| key.to_lowercase());
    let keys: Vec<Option<String>> =
        records.iter().map(|fields| given(fields).and_then(|(_, value)| key(&value))).collect();
    Ok(each(org, all_or_none, true, &records, |org, fields| {
        let typed = object_of(org, fields)?;
        if typed.name != object.name {
            let message =
                format!("Record type {} does not match the type of the request: {}", typed.name, object.name);
            return Err(Refused::record("INVALID_TYPE", message, &[]));
        }
        let (name, value) = given(fields)
            .ok_or_else(|| Refused::record("MISSING_ARGUMENT", format!("{field} not specified"), &[]))?;
        let own = key(&value);
        if own.is_some() && keys.iter().filter(|other| **other == own).count() > 1 {
            let message = format!("Duplicate external id specified: {}", values::spelled(&value));
            return Err(Refused::record("DUPLICATE_EXTERNAL_ID", message, &[field]));
        }
        let mut changes = fields.clone();
        changes.remove(&name);
        match org.upsert(&object, (known, &value), &changes, false, writer)? {
            Upserted::Created(id) => Ok((id, Some(true))),
            Upserted::Updated(id) => Ok((id, Some(false))),
            Upserted::Ambiguous(several) => {
                let message =
                    format!("{field}: more than one record found for external id field: {several:?}");
                Err(Refused::record("DUPLICATE_VALUE", message, &[]))
            }
        }
    }))
}

pub(crate) fn delete(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let all_or_none = asked.parameter("allOrNone") == Some("true");
    let ids = asked.parameter("ids").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    at_most(ids.len(), MOST_RECORDS)?;
    let records: Vec<Fields> =
        ids.iter().map(|id| Fields::from_iter([("id".to_owned(), Value::from(*id))])).collect();
    Ok(each(org, all_or_none, false, &records, |org, fields| {
        let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
        let malformed = || Refused::record("MALFORMED_ID", format!("malformed id {id}"), &[]);
        let id = ids::normalise(id).ok_or_else(malformed)?;
        let object = org.schema.by_prefix(&id).cloned().ok_or_else(malformed)?;
        org.remove(&object, &id, writer)?;
        Ok((id, None))
    }))
}

/// Many records by their ids; null for each that isn't there.
pub(crate) fn retrieve(org: &mut Org, asked: &Asked<'_>, object: &str) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let listed = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let split = |name: &str| {
        asked.parameter(name).unwrap_or_default().split(',').map(|it| it.trim().to_owned()).collect()
    };
    let (ids, fields): (Vec<String>, Vec<String>) = if asked.method == axum::http::Method::GET {
        (split("ids"), split("fields"))
    } else {
        let body = asked.json()?;
        (listed(&body["ids"]), listed(&body["fields"]))
    };
    at_most(ids.len(), MOST_RETRIEVED)?;
    let plan = Plan::fields(org, &object, &fields.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut rows = Vec::new();
    for id in ids {
        let record = ids::normalise(&id).and_then(|id| org.store.table(&object.name).get(&id).cloned());
        rows.push(match record.filter(|record| !record.is("IsDeleted")) {
            Some(record) => plan.row(org, &record, &asked.writing(org, false)),
            None => Value::Null,
        });
    }
    Ok(Answer::ok(rows.into()))
}

fn records(asked: &Asked<'_>) -> Result<(bool, Vec<Fields>), Refused> {
    let mut body = asked.fields()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Array(records)) = body.remove("records") else {
        return Err(Refused::new(400, "JSON_PARSER_ERROR", "The request body must have a list of records"));
    };
    at_most(records.len(), MOST_RECORDS)?;
    let records = records.into_iter().map(|record| match record {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refused::new(400, "JSON_PARSER_ERROR", "Each record must be an object")),
    });
    Ok((all_or_none, records.collect::<Result<_, _>>()?))
}

fn few_chunks(records: &[Fields]) -> Result<(), Refused> {
    let types = records.iter().map(|fields| type_of(fields).map(str::to_lowercase));
    let chunks = types.collect::<Vec<_>>().chunk_by(|one, next| one == next).count();
    if chunks > MOST_CHUNKS {
        let message =
            format!("The records are in {chunks} chunks of one type each, but may be in {MOST_CHUNKS}");
        return Err(Refused::new(400, "LIMIT_EXCEEDED", message));
    }
    Ok(())
}

fn type_of(fields: &Fields) -> Option<&str> {
    fields.get("attributes")?.get("type")?.as_str()
}

fn at_most(count: usize, most: usize) -> Result<(), Refused> {
    if count > most {
        let message = format!("record limit reached. cannot submit more than {most} records in this call");
        return Err(Refused::new(400, "EXCEEDED_ID_LIMIT", message));
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// What a record is, if it and the records inside it say so.
fn object_of(org: &Org, fields: &Fields) -> Result<std::sync::Arc<super::objects::Object>, Refused> {
    let named = type_of(fields).ok_or_else(|| {
        Refused::record("INVALID_TYPE", "Record is missing its attributes: type must be specified", &[])
    })?;
    let unknown =
        || Refused::record("INVALID_TYPE", format!("sObject type '{named}' is not supported."), &[]);
    let object = org.schema.object(named).cloned().ok_or_else(unknown)?;
    // In collections every record inside another must, whichever kind it could be.
    let is_nameless = |(name, value): (&String, &Value)| {
        object.parent(name).is_some() && value.as_object().is_some_and(|it| !begins_with_attributes(it))
    };
    if fields.iter().any(is_nameless) { Err(without_attributes()) } else { Ok(object) }
}

/// Each record by itself; with `all_or_none` one refusal takes back the rest.
fn each(
    org: &mut Org,
    all_or_none: bool,
    tells_created: bool,
    records: &[Fields],
    mut act: impl FnMut(&mut Org, &Fields) -> Outcome,
) -> Answer {
    if all_or_none {
        org.open();
    }
    let mut outcomes: Vec<Outcome> = records.iter().map(|fields| act(org, fields)).collect();
    if all_or_none && outcomes.iter().all(Result::is_ok) {
        org.keep();
    } else if all_or_none {
        org.undo();
        let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            *outcome = Err(Refused::record("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]));
        }
    }
    let results = outcomes.into_iter().map(|outcome| {
        let (mut result, created) = match outcome {
            Ok((id, created)) => (json!({ "id": id, "success": true, "errors": [] }), created),
            Err(refused) => (json!({ "success": false, "errors": [refused.entry()] }), Some(false)),
        };
        if tells_created {
            result["created"] = created.unwrap_or(false).into();
        }
        result
    });
    Answer::ok(results.collect())
}
