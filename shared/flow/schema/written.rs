//! An input's schema as it may be written in a flow file: what `flow/file/fit` takes, said in JSON Schema.
//!
//! A template stands for any type, a text takes any scalar as written, a number may stand in quotes, a null leaves
//! its field out, `{clear: true}` empties it, and `each` makes a list.

use serde_json::{Value, json};

use crate::domain::Object;
use crate::flow::kinds::types;

/// Where a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a step: templates, `each` and `clear` work.
    With,
    /// In a trigger's options, which are fixed when the flow is saved.
    Fixed,
}

/// Words that describe and don't constrain: they are kept as they are.
const WORDS: [&str; 5] = ["title", "description", "default", "examples", "deprecated"];

/// The `$defs` of an input, each under its owner's name.
pub(super) fn definitions_of(owner: &str, schema: &Value, place: Place) -> Vec<(String, Value)> {
    let definitions = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    definitions
        .map(|(name, schema)| (definition_name(&format!("{owner}:{name}")), written(schema, owner, place)))
        .collect()
}

/// A name as it can stand in a reference without being encoded.
pub(super) fn definition_name(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-') { c } else { '-' };
    name.chars().map(plain).collect()
}

pub(super) fn written(schema: &Value, owner: &str, place: Place) -> Value {
    let mut made = Object::new();
    for word in WORDS {
        if let Some(value) = schema.get(word) {
            made.insert(word.into(), value.clone());
        }
    }
    if let Some(name) =
        schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"))
    {
        made.insert("$ref".into(), json!(format!("#/$defs/{}", definition_name(&format!("{owner}:{name}")))));
        return Value::Object(made);
    }
    let mut ways = ways(schema, owner, place);
    if ways.is_empty() {
        return Value::Object(made);
    }
    ways.push(json!({ "type": "null" }));
    if place == Place::With {
        ways.push(json!({ "$ref": "#/$defs/template" }));
        ways.push(json!({ "$ref": "#/$defs/clear" }));
    }
    made.insert("anyOf".into(), Value::Array(ways));
    Value::Object(made)
}

/// The ways to write a value; none where anything goes.
fn ways(schema: &Value, owner: &str, place: Place) -> Vec<Value> {
    if let Some(choices) = schema.get("enum") {
        return vec![json!({ "enum": choices })];
    }
    if let Some(only) = schema.get("const") {
        return vec![json!({ "const": only })];
    }
    if let Some(alternatives) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema.get(key)?.as_array())
    {
        return alternatives.iter().map(|schema| written(schema, owner, place)).collect();
    }
    types(schema).into_iter().flat_map(|kind| ways_of_type(kind, schema, owner, place)).collect()
}

fn ways_of_type(kind: &str, schema: &Value, owner: &str, place: Place) -> Vec<Value> {
    match kind {
        "string" => {
            let mut text = json!({ "type": ["string", "number", "boolean"] });
            if let Some(longest) = schema.get("maxLength") {
                text["maxLength"] = longest.clone();
            }
            vec![text]
        }
        "number" => vec![
            json!({ "type": "number" }),
            json!({ "type": "string", "pattern": "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$" }),
        ],
        "integer" => {
            vec![json!({ "type": "integer" }), json!({ "type": "string", "pattern": "^-?(0|[1-9][0-9]*)$" })]
        }
        "array" => {
            let items = schema.get("items").map(|items| written(items, owner, place)).unwrap_or(json!({}));
            let mut ways = vec![json!({ "type": "array", "items": items })];
            if place == Place::With {
                ways.push(each(&items));
            }
            ways
        }
        "object" => vec![object(schema, owner, place)],
        other => vec![json!({ "type": other })],
    }
}

fn object(schema: &Value, owner: &str, place: Place) -> Value {
    let mut properties = Object::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        properties.insert(name.clone(), written(property, owner, place));
    }
    if place == Place::With && !properties.contains_key("clear") {
        properties.insert("clear".into(), json!({ "$ref": "#/$defs/cleared" }));
    }
    let further = match schema.get("additionalProperties") {
        Some(Value::Bool(further)) => Value::Bool(*further),
        Some(schema) => written(schema, owner, place),
        None => Value::Bool(true),
    };
    let mut made = json!({ "type": "object", "properties": properties, "additionalProperties": further });
    if let Some(required) = schema.get("required") {
        made["required"] = required.clone();
    }
    made
}

/// A list made of a list.
fn each(items: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["each", "with"],
        "description": "A list made of a list: one entry for each item.",
        "properties": {
            "each": { "type": "string", "description": "The list: record.OpportunityLineItems" },
            "as": { "type": "string", "pattern": super::IDENTIFIER, "description": "The item's name; else `item`." },
            "when": { "$ref": "#/$defs/text", "description": "Which items, as a condition." },
            "with": items,
            "plus": { "type": "array", "items": items, "description": "Entries to add at the end." },
        },
    })
}
