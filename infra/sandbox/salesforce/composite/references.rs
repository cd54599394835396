//! References from one request to the answer of an earlier one: `@{refA.id}`, `@{refA.records[0].Id}`.

use serde_json::{Map, Value};

use super::super::answer::Refused;

pub(super) fn filled(text: &str, results: &Map<String, Value>) -> Result<String, Refused> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, next)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(&found(path, results)?);
        rest = next;
    }
    filled.push_str(rest);
    Ok(filled)
}

pub(super) fn fill(value: &mut Value, results: &Map<String, Value>) -> Result<(), Refused> {
    match value {
        Value::String(text) if text.contains("@{") => *text = filled(text, results)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, results))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|field| fill(field, results))?,
        _ => {}
    }
    Ok(())
}

/// The first names in references, those of other requests.
pub(super) fn names(text: &str) -> Vec<&str> {
    let pieces = text.split("@{").skip(1);
    pieces.filter_map(|piece| piece.split(['.', '[', '}']).next()).collect()
}

fn found(path: &str, results: &Map<String, Value>) -> Result<String, Refused> {
    let plain = path.replace('[', ".").replace(']', "");
    let mut parts = plain.split('.').filter(|part| !part.is_empty());
    let reference = parts.next().unwrap_or_default();
    let mut found = results.get(reference);
    for part in parts {
        found = found.and_then(|value| match part.parse::<usize>() {
            Ok(place) => value.get(place),
            Err(_) => value.get(part),
        });
    }
    match found {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) if !other.is_null() => Ok(other.to_string()),
        _ => {
            let message = format!("Invalid reference specified. No value for {path} found in {reference}");
            Err(Refused::new(400, "PROCESSING_HALTED", message))
        }
    }
}
