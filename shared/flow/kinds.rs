//! What an input's JSON Schema means by its types, as the reader and the published schema both understand it.

use serde_json::Value;

pub(super) fn alternatives(schema: &Value) -> Option<Vec<&Value>> {
    let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    Some(alternatives.iter().filter(|schema| !is_null(schema)).collect())
}

pub(super) fn constant(schema: &Value) -> Option<&Value> {
    schema.get("const").or_else(|| match schema.get("enum")?.as_array()?.as_slice() {
        [only] => Some(only),
        _ => None,
    })
}

pub(super) fn knows(schema: &Value, name: &str) -> bool {
    schema.pointer(&format!("/properties/{name}")).is_some()
}

/// The types that are meant. A text that lists the scalars it takes (`string, number, boolean`) is a text; a number
/// that may also be text is an amount, whose text is what a template yields. None: anything.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null").collect();
            match kinds[..] {
                ["number", "string"] | ["string", "number"] => vec!["number"],
                _ if kinds.contains(&"string") && kinds.contains(&"boolean") => vec!["string"],
                _ => kinds,
            }
        }
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => Vec::new(),
    }
}

pub(super) fn accepts(schema: &Value, kind: &str) -> bool {
    let types = types(schema);
    let fixed = schema.get("enum").is_some() || schema.get("const").is_some();
    types.contains(&kind) || (types.is_empty() && !fixed)
}

pub(super) fn expected(types: &[&str]) -> String {
    let words = types.iter().map(|kind| match *kind {
        "string" => "a text",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a map of fields",
        _ => "one of a few values",
    });
    let words: Vec<&str> = words.collect();
    if words.is_empty() { "one of a few values".to_owned() } else { words.join(" or ") }
}
