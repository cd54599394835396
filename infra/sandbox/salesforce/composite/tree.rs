//! Trees: records with their children, all of them or none.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobject-tree.html

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::answer::{Answer, Refused};
use super::super::asked::Asked;
use super::super::org::{Org, Writer};
use super::super::store::Fields;
use super::list;

/// All records, those below too.
const MOST_RECORDS: usize = 200;
const MOST_LEVELS: usize = 5;
const MOST_TYPES: usize = 5;

pub(crate) fn tree(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let records = list(&body, "records", MOST_RECORDS)?;
    let mut size = Size::default();
    records.iter().for_each(|record| size.add(record, 1));
    size.check()?;
    if let Some(reference) = size.repeated {
        let message = "Duplicate ReferenceId provided in the request.";
        return Ok(refused(reference, &Refused::record("INVALID_INPUT", message, &[])));
    }
    org.open();
    let mut results = Vec::new();
    let mut planted = Ok(());
    for record in records {
        planted = planted.and_then(|()| plant(org, writer, object, record, None, &mut results));
    }
    if let Err((reference, why)) = planted {
        org.undo();
        return Ok(refused(&reference, &why));
    }
    org.keep();
    Ok(Answer::json(201, json!({ "hasErrors": false, "results": results })))
}

fn refused(reference: &str, why: &Refused) -> Answer {
    let error = json!({ "referenceId": reference, "errors": [why.entry()] });
    Answer::json(400, json!({ "hasErrors": true, "results": [error] }))
}

#[derive(Default)]
struct Size<'a> {
    records: usize,
    levels: usize,
    types: HashSet<&'a str>,
    names: HashSet<&'a str>,
    /// A name that two have.
    repeated: Option<&'a str>,
    unnamed: bool,
}

impl<'a> Size<'a> {
    fn add(&mut self, record: &'a Value, level: usize) {
        self.records += 1;
        self.levels = self.levels.max(level);
        self.types.extend(record["attributes"]["type"].as_str());
        match record["attributes"]["referenceId"].as_str() {
            Some(name) if !self.names.insert(name) => self.repeated = Some(name),
            Some(_) => {}
            None => self.unnamed = true,
        }
        for below in record.as_object().into_iter().flatten().filter_map(|(_, value)| value.get("records")) {
            below.as_array().into_iter().flatten().for_each(|child| self.add(child, level + 1));
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let refused = |message: String| Err(Refused::new(400, "INVALID_INPUT", message));
        if self.records > MOST_RECORDS {
            return refused(format!("The request has {} records, but may have {MOST_RECORDS}", self.records));
        }
        if self.levels > MOST_LEVELS {
            return refused(format!(
                "The records are nested {} levels deep, but may be {MOST_LEVELS}",
                self.levels
            ));
        }
        if self.types.len() > MOST_TYPES {
            return refused(format!(
                "The records are of {} types, but may be of {MOST_TYPES}",
                self.types.len()
            ));
        }
        if self.unnamed {
            return refused("Include a reference ID for each record in the request.".into());
        }
        Ok(())
    }
}

/// A record, then what hangs on it. The error says which record it was.
fn plant(
    org: &mut Org,
    writer: &Writer,
    object: &str,
    record: &Value,
    parent: Option<(&str, &str)>,
    results: &mut Vec<Value>,
) -> Result<(), (String, Refused)> {
    let reference = record["attributes"]["referenceId"].as_str().unwrap_or_default().to_owned();
    let fail = |refused: Refused| (reference.clone(), refused);
    let object = org.object(object).map_err(fail)?;
    let nested = |value: &Value| value.get("records").is_some();
    let mut fields: Fields = record.as_object().cloned().unwrap_or_default();
    let children: Vec<(String, Value)> = fields
        .iter()
        .filter(|(_, value)| nested(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    fields.retain(|_, value| !nested(value));
    if let Some((field, id)) = parent {
        fields.insert(field.to_owned(), id.into());
    }
    let id = org.create(&object, &fields, writer).map_err(fail)?;
    results.push(json!({ "referenceId": reference, "id": id }));
    for (name, value) in children {
        let known = org.schema.children(&object.name).find(|(known, _, _)| known.eq_ignore_ascii_case(&name));
        let Some((_, child, field)) = known else {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            return Err(fail(Refused::record("INVALID_FIELD", message, &[])));
        };
        let (child, field) = (child.name.clone(), field.name.clone());
        for record in value["records"].as_array().into_iter().flatten() {
            plant(org, writer, &child, record, Some((&field, &id)), results)?;
        }
    }
    Ok(())
}
