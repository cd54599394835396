//! A record as flows see it: without the wire's wrappings, times in the spellings that both sides share.

use super::soql;
use crate::domain::outcome::Failure;
use crate::domain::record_id::RecordId;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};

/// `attributes` go, sub-queries become plain lists, `2026-05-06T11:56:44.000+0000` becomes RFC 3339. Numbers keep
/// their text, days stay days, an empty relationship stays null.
pub(super) fn shaped(wire: Value) -> Value {
    match wire {
        Value::Object(mut object) => {
            if object.contains_key("records") && object.contains_key("totalSize") {
                return shaped(object.remove("records").unwrap_or_default());
            }
            let kept = object.into_iter().filter(|(name, _)| name != "attributes");
            Value::Object(kept.map(|(name, value)| (name, shaped(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(shaped).collect()),
        Value::String(text) => Value::String(instant(&text).unwrap_or(text)),
        other => other,
    }
}

/// A record without children says null for them; flows count them, so it is an empty list.
pub(super) fn with_empty_children<'a>(mut record: Value, children: impl Iterator<Item = &'a str>) -> Value {
    if let Value::Object(object) = &mut record {
        for child in children {
            match key_of(object, child) {
                Some(key) if object[&key].is_null() => object.insert(key, Value::Array(Vec::new())),
                Some(_) => None,
                None => object.insert(child.to_owned(), Value::Array(Vec::new())),
            };
        }
    }
    record
}

/// A value by its path, whatever the capitals: Salesforce answers in the names' own spelling.
pub(super) fn at_path<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(record, |value, name| {
        let object = value.as_object()?;
        object.get(&key_of(object, name)?)
    })
}

/// Copies what stands at a path, with the objects on the way. A null on the way is copied as null.
pub(super) fn copy_path(from: &Object, into: &mut Object, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(key) = key_of(from, name) else { return };
    let value = &from[&key];
    match (rest, value) {
        (Some(rest), Value::Object(inner)) => {
            let target = into.entry(key).or_insert_with(|| Value::Object(Object::new()));
            if let Value::Object(target) = target {
                copy_path(inner, target, rest);
            }
        }
        _ => {
            into.insert(key, value.clone());
        }
    }
}

/// The id of a record that Salesforce gave.
pub(super) fn id_of(record: &Value) -> Option<RecordId> {
    RecordId::salesforce(at_path(record, "Id")?.as_str()?)
}

/// An id that a flow gave.
pub(super) fn given_id(text: &str, what: &str) -> Result<RecordId, Failure> {
    RecordId::salesforce(text.trim()).ok_or_else(|| {
        Failure::new(
            "bad_id",
            format!(
                "`{what}` must be a Salesforce id of 15 or 18 letters and digits, such as 006dM000001aBcDQAU"
            ),
        )
    })
}

/// A record that is to be written: names checked, and nothing that belongs to the wire.
pub(super) fn checked_fields(fields: &Object) -> Result<(), Failure> {
    for name in fields.keys() {
        soql::single_name(name)?;
        if name.eq_ignore_ascii_case("attributes") || name.eq_ignore_ascii_case("Id") {
            return Err(Failure::new(
                "bad_field",
                format!("`{name}` is no field that can be written: take it out of the step's fields"),
            ));
        }
    }
    Ok(())
}

fn key_of(object: &Object, name: &str) -> Option<String> {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

/// Only in the one spelling of Salesforce's DateTime fields: a text that merely resembles a time is left alone.
fn instant(text: &str) -> Option<String> {
    let shape = text.len() == 28 && text.as_bytes()[10] == b'T' && text.ends_with("+0000");
    let stamp = if shape { Stamp::parse(text).ok()? } else { return None };
    (stamp.to_salesforce() == text).then(|| stamp.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_loses_its_wrappings_and_keeps_its_values() {
        let wire: Value = serde_json::from_str(
            r#"{"attributes":{"type":"Opportunity","url":"/x"},"Id":"006","Amount":15000.10,"Close":"2026-05-24",
                "SystemModstamp":"2026-05-06T11:56:44.000+0000","Opened":"10:00:00.000Z","Owner":null,
                "Account":{"attributes":{"type":"Account"},"Name":"Acme"},
                "Lines":{"totalSize":1,"done":true,"records":[{"attributes":{},"Quantity":1.00}]}}"#,
        )
        .unwrap();
        assert_eq!(
            shaped(wire).to_string(),
            r#"{"Id":"006","Amount":15000.10,"Close":"2026-05-24","SystemModstamp":"2026-05-06T11:56:44Z","Opened":"10:00:00.000Z","Owner":null,"Account":{"Name":"Acme"},"Lines":[{"Quantity":1.00}]}"#
        );
    }

    #[test]
    fn milliseconds_that_say_something_are_kept() {
        assert_eq!(shaped(json!("2026-05-06T11:56:44.120+0000")), json!("2026-05-06T11:56:44.12Z"));
    }

    #[test]
    fn a_text_that_resembles_a_time_stays_as_it_is() {
        for text in [
            "2026-05-06T11:56:44Z",
            "2026-05-06",
            "2026-13-06T11:56:44.000+0000",
            "at 2026-05-06T11:56 .000+0000",
        ] {
            assert_eq!(shaped(json!(text)), json!(text));
        }
    }

    #[test]
    fn no_children_are_an_empty_list() {
        let record = with_empty_children(json!({"Id": "1", "Lines": null}), ["lines", "Notes"].into_iter());
        assert_eq!(record, json!({"Id": "1", "Lines": [], "Notes": []}));
    }

    #[test]
    fn paths_are_found_whatever_the_capitals_and_copied_in_their_own_spelling() {
        let record = json!({"Account": {"Name": "Acme", "Owner": null}, "Name": "Deal"});
        assert_eq!(at_path(&record, "account.NAME"), Some(&json!("Acme")));
        assert_eq!(at_path(&record, "account.owner.name"), None);
        let mut copy = Object::new();
        for path in ["account.name", "account.owner.name", "missing"] {
            copy_path(record.as_object().unwrap(), &mut copy, path);
        }
        assert_eq!(Value::Object(copy), json!({"Account": {"Name": "Acme", "Owner": null}}));
    }

    #[test]
    fn the_wires_own_names_are_no_fields() {
        for (fields, code) in [
            (json!({"Id": "006"}), "bad_field"),
            (json!({"attributes": {}}), "bad_field"),
            (json!({"Na me": 1}), "bad_name"),
        ] {
            assert_eq!(checked_fields(fields.as_object().unwrap()).unwrap_err().code, code);
        }
        assert!(checked_fields(json!({"Xero_Invoice__c": null}).as_object().unwrap()).is_ok());
    }
}
