//! The published JSON Schema of flow files: what editors complete and check while somebody writes.
//!
//! It says what `flow/file` says, as far as a schema can: names that must exist elsewhere in the file, and
//! expressions, are for the reader alone. It is built from the catalog, so an action that is added is in it.
//! Called by `flow schema` and by the console.

mod written;

use serde_json::{Value, json};

use self::written::{Place, definition_name, definitions_of, written};
use crate::domain::Object;
use crate::ports::connector::{ActionDescription, Catalog, TriggerDescription};

/// <https://json-schema.org/draft/2020-12>
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Names that expressions use.
const IDENTIFIER: &str = "^[A-Za-z][A-Za-z0-9_]*$";

/// The schema of a flow file for this build's actions and triggers.
pub fn flow_schema(catalog: &Catalog) -> Value {
    let mut definitions = shared_definitions();
    let mut steps: Vec<Value> =
        ["javascript", "branch", "set", "stop"].map(|kind| refer(&format!("step.{kind}"))).into();
    for (action, _) in catalog.actions() {
        definitions.insert(action.id.to_owned(), action_step(action));
        definitions.extend(definitions_of(action.id, &action.input, Place::With));
        definitions.extend(definitions_of(action.id, &action.options, Place::With));
        steps.push(refer(action.id));
    }
    let mut triggers = Vec::new();
    for trigger in catalog.trigger_descriptions() {
        let name = format!("trigger.{}", trigger.id);
        definitions.insert(name.clone(), trigger_options(trigger));
        definitions.extend(definitions_of(trigger.id, &trigger.options, Place::Fixed));
        triggers.push(refer(&name));
    }
    definitions.insert("step".into(), json!({ "type": "object", "anyOf": steps }));
    definitions
        .insert("trigger".into(), json!({ "type": "object", "required": ["type"], "anyOf": triggers }));
    json!({
        "$schema": DIALECT,
        "title": "Counterfoil flow",
        "description": "When this happens there, do that here.",
        "type": "object",
        "additionalProperties": false,
        "required": ["flow", "trigger", "steps"],
        "dependentRequired": { "if_missing_fields": ["require"] },
        "properties": top_level(),
        "$defs": definitions,
    })
}

fn top_level() -> Value {
    json!({
        "flow": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$",
            "description": "The flow's name: lower case letters, digits and hyphens.",
        },
        "title": about("text", "What people call it."),
        "trigger": about("trigger", "What starts it."),
        "when": about("text", "A condition; where it doesn't hold, the run is skipped."),
        "require": {
            "type": "array",
            "items": { "type": "string" },
            "description": "Paths that must not be empty, such as record.Account.Name. If one is, the run ends \
                            incomplete and if_missing_fields runs.",
        },
        "if_missing_fields": about("steps", "Runs once for each set of missing fields; their names are in `missing`."),
        "within": {
            "type": "string",
            "pattern": "^[0-9]*[1-9][0-9]*[smhd]$",
            "default": "30d",
            "description": "How long a transition stays open whose run was incomplete or not wanted by `when`: 12h, 30d.",
        },
        "tables": {
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/table" },
            "description": "Codes by key, for table('NAME', key).",
        },
        "settings": {
            "type": "object",
            "description": "Values that differ from stack to stack, for settings.NAME.",
        },
        "connections": {
            "type": "array",
            "items": { "type": "string" },
            "description": "The connections that a template of a step may yield.",
        },
        "order": {
            "enum": ["newest", "every"],
            "description": "newest: an older event of the same record is skipped once a newer one had an effect. \
                            every: oldest first, none skipped.",
        },
        "steps": about("steps", "What is done, in this order."),
        "when_failed": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "email": { "type": "boolean", "description": "Tell the flow's owner by e-mail." } },
        },
    })
}

fn shared_definitions() -> Object {
    let definitions = json!({
        "text": { "type": ["string", "number", "boolean"] },
        "template": { "type": "string", "pattern": "\\{\\{" },
        "identifier": { "type": "string", "pattern": IDENTIFIER },
        "clear": {
            "type": "object",
            "additionalProperties": false,
            "required": ["clear"],
            "properties": { "clear": { "const": true } },
            "description": "Empties the field at the provider.",
        },
        "cleared": {
            "type": "array",
            "items": { "type": "string" },
            "description": "Fields to empty at the provider.",
        },
        "cell": {
            "type": ["string", "number", "boolean", "null", "object"],
            "additionalProperties": { "$ref": "#/$defs/cell" },
        },
        "table": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": { "$ref": "#/$defs/cell" },
            "properties": {
                "csv": { "description": "A CSV file beside this one: its first column holds the keys." },
                "connections": { "description": "The table of each connection, by the connection's name." },
                "default": { "description": "For every key that isn't there; without it, an unknown key fails." },
            },
        },
        "changed": {
            "type": "object",
            "minProperties": 1,
            "description": "The transition that is meant: { StageName: { to: Closed Won } }, or { any: [Amount] }.",
            "properties": { "any": { "type": "array", "items": { "$ref": "#/$defs/text" } } },
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "from": { "not": { "type": "object" }, "description": "A value, or a list of any of them." },
                    "to": { "not": { "type": "object" }, "description": "A value, or a list of any of them." },
                },
            },
        },
        "on_error": {
            "anyOf": [
                { "enum": ["fail", "continue"] },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["steps"],
                    "properties": { "steps": { "$ref": "#/$defs/steps" }, "in_doubt": { "type": "boolean" } },
                },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["then"],
                    "properties": { "then": { "enum": ["fail", "continue"] }, "in_doubt": { "type": "boolean" } },
                },
            ],
            "description": "When the step can't be done: fail the run, continue, or run other steps and continue. \
                            in_doubt: also when nobody knows whether it was done.",
        },
        "if_exists": {
            "enum": ["use", "update", "skip", "fail"],
            "default": "use",
            "description": "When the link remembers a document already.",
        },
        "link": {
            "anyOf": [
                { "$ref": "#/$defs/identifier" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name"],
                    "properties": {
                        "name": { "$ref": "#/$defs/identifier" },
                        "key": about("text", "Else the source record's id."),
                        "if_exists": { "$ref": "#/$defs/if_exists" },
                    },
                },
            ],
            "description": "Remembers the document, so that there is one for each source record.",
        },
        "steps": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/step" } },
        "step.javascript": step("javascript", &about("text", "A function body; what it returns is the result."), &json!({}), &[]),
        "step.branch": step(
            "branch",
            &json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["when", "steps"],
                "properties": {
                    "when": { "$ref": "#/$defs/text" },
                    "steps": { "$ref": "#/$defs/steps" },
                    "else": { "$ref": "#/$defs/steps" },
                },
            }),
            &json!({}),
            &[],
        ),
        "step.set": step(
            "set",
            &json!({ "type": "object", "minProperties": 1, "description": "Names for values: steps.ID.NAME." }),
            &json!({}),
            &[],
        ),
        "step.stop": step(
            "stop",
            &json!({
                "anyOf": [
                    { "const": true },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "error": { "$ref": "#/$defs/text" } },
                    },
                ],
                "description": "Ends the run: well, or failed with the error's text.",
            }),
            &json!({}),
            &[],
        ),
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Object::new(),
    }
}

/// A step of one kind: the field that names the kind, its own fields, and those of every step.
fn step(kind: &str, value: &Value, own: &Value, required: &[&str]) -> Value {
    let common = json!({
        "id": about("identifier", "The step's name: steps.ID is its result."),
        "was": about("identifier", "The id that it had before, so that what it did stays its own."),
        "when": about("text", "A condition; where it doesn't hold, the step isn't taken."),
        "retry": {
            "type": "object",
            "additionalProperties": false,
            "required": ["attempts"],
            "properties": { "attempts": { "type": "integer", "minimum": 1, "maximum": 50 } },
        },
        "on_error": { "$ref": "#/$defs/on_error" },
    });
    let mut properties = Object::from_iter([(kind.to_owned(), value.clone())]);
    for fields in [own, &common] {
        properties.extend(fields.as_object().cloned().unwrap_or_default());
    }
    let required: Vec<&str> = [kind].into_iter().chain(required.iter().copied()).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn action_step(action: &ActionDescription) -> Value {
    let mut own = json!({
        "connection": about("text", "A connection's name, or a template that yields one of the flow's `connections`."),
        "with": { "anyOf": [written(&action.input, action.id, Place::With), { "$ref": "#/$defs/template" }] },
    });
    if action.links {
        own["link"] = refer("link");
        own["if_exists"] = refer("if_exists");
    }
    if !action.matches.is_empty() {
        let field = json!({ "enum": action.matches });
        own["match"] = json!({
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [field, {
                "type": "object",
                "additionalProperties": false,
                "required": ["all"],
                "properties": { "all": { "type": "array", "items": field } },
            }] },
            "description": "How it is found: alternatives in order; all the fields of one must agree.",
        });
        own["if_found"] = json!({ "enum": ["update", "fill_empty", "keep"], "default": "update" });
        own["if_missing"] = json!({ "enum": ["create", "skip", "fail"], "default": "create" });
        own["if_many"] = json!({ "enum": ["fail", "oldest", "newest"], "default": "fail" });
    }
    let options = match action.options.get("properties") {
        Some(properties) if action.options.get("type").is_some() => properties,
        _ => &action.options,
    };
    for (name, option) in options.as_object().into_iter().flatten() {
        own[name] = written(option, action.id, Place::With);
    }
    let needs_input =
        action.input.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let required: &[&str] = if needs_input { &["with"] } else { &[] };
    let mut schema = step("action", &json!({ "const": action.id, "title": action.title }), &own, required);
    if action.links {
        schema["dependentRequired"] = json!({ "if_exists": ["link"] });
    }
    schema["title"] = json!(action.title);
    schema["description"] = json!(format!("{} {}", action.about, action.documentation));
    schema
}

fn trigger_options(trigger: &TriggerDescription) -> Value {
    let mut properties = Object::from_iter([(
        "type".to_owned(),
        json!({ "const": trigger.id, "title": trigger.title, "description": trigger.about }),
    )]);
    if crate::domain::connection::Provider::of(trigger.id).is_some() {
        properties.insert("connection".into(), about("text", "Else the only connection of its kind."));
    }
    let options = trigger.options.get("properties").and_then(Value::as_object);
    for (name, option) in options.into_iter().flatten() {
        let schema = match name.as_str() {
            "changed" => refer("changed"),
            _ => written(option, trigger.id, Place::Fixed),
        };
        properties.insert(name.clone(), schema);
    }
    let own = trigger.options.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<Value> = std::iter::once(json!("type")).chain(own.cloned()).collect();
    json!({
        "title": trigger.title,
        "description": format!("{} {}", trigger.about, trigger.documentation),
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{}", definition_name(name)) })
}

fn about(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{}", definition_name(name)), "description": description })
}

#[cfg(test)]
mod tests;
