//! A value of the file against the JSON Schema of the place that it is written in: what is missing, unknown or of
//! another shape, and the value that it becomes.
//!
//! It reads the schema as people mean it, not as a validator would: a template stands for any type; a text field
//! takes its scalar as written; `null` empties a field; a list may be made by `{each, as, when, with, plus}`.
//! `flow/schema.rs` publishes the same understanding to editors.

use serde_json::Value;

use super::advice::{did_you_mean, listed};
use super::expressions::Written;
use super::fields::Fields;
use super::problem::Finding;
use super::read::Reader;
use super::scalar::{is_null, is_template, number, value_of};
use super::tree::{Entry, Kind, Node, Place, Scalar, Style};
use crate::domain::Object;
use crate::flow::kinds::{accepts, alternatives, constant, expected, knows, types};

/// References followed before a schema is taken to allow anything.
const MAX_REFERENCES: usize = 16;

/// A schema, and the rules of the place.
#[derive(Clone, Copy)]
pub(super) struct Fit<'s> {
    /// What `#/$defs/…` refers into.
    pub(super) root: &'s Value,
    /// Whether templates, and with them `each`, work here.
    pub(super) templates: bool,
}

static ANYTHING: Value = Value::Bool(true);

impl Fit<'_> {
    /// A value of no known shape, with templates: `set`, and a salesforce record's fields.
    pub(super) const FREE: Fit<'static> = Fit { root: &ANYTHING, templates: true };
    /// A value of no known shape, as it stands: `settings`.
    pub(super) const FIXED: Fit<'static> = Fit { root: &ANYTHING, templates: false };
}

impl<'s> Fit<'s> {
    pub(super) fn value<'n>(self, node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Value {
        self.fit(node, self.root, what, reader)
    }

    pub(super) fn fit<'n>(
        self,
        node: &'n Node,
        schema: &'s Value,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        let schema = self.resolve(schema);
        if let Kind::Scalar(scalar) = &node.kind {
            if scalar.style == Style::Absent {
                let finding = Finding::new(node.place, "empty_value", format!("{what} has no value"));
                reader.finding(
                    finding
                        .advise("leave the field out; to empty it there, write { clear: true }".to_owned()),
                );
                return Value::Null;
            }
            if is_template(scalar) {
                return self.template(node, scalar, what, reader);
            }
            if is_null(scalar) {
                if self.templates {
                    let finding = Finding::new(node.place, "null_is_left_out", format!("{what} is left out"));
                    reader
                        .warnings
                        .push(finding.advise("to empty it there, write { clear: true }".to_owned()));
                }
                return Value::Null;
            }
        }
        if self.templates && is_clear(node) {
            return serde_json::json!({ "clear": true });
        }
        if let Some(alternatives) = alternatives(schema) {
            return self.any_of(node, alternatives, what, reader);
        }
        match &node.kind {
            Kind::Scalar(scalar) => self.scalar(node, scalar, schema, what, reader),
            Kind::List(nodes) => self.list(node, nodes, schema, what, reader),
            Kind::Map(_) if self.templates && node.get("each").is_some() && !knows(schema, "each") => {
                self.each(node, schema, what, reader)
            }
            Kind::Map(entries) => self.map(node, entries, schema, what, reader),
        }
    }

    fn template<'n>(
        self,
        node: &'n Node,
        scalar: &'n Scalar,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        if self.templates {
            reader.writes(Written::Template, scalar);
        } else {
            let message = format!("{what} can't hold a template: it is fixed when the flow is saved");
            reader.finding(Finding::new(node.place, "template_not_here", message));
        }
        Value::String(scalar.text.clone())
    }

    /// The first alternative that fits; where none does, what the nearest one says.
    fn any_of<'n>(
        self,
        node: &'n Node,
        alternatives: Vec<&'s Value>,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        let constants = alternatives.iter().filter_map(|schema| constant(self.resolve(schema)));
        let constants: Vec<Value> = constants.cloned().collect();
        if let (Kind::Scalar(scalar), true) = (&node.kind, constants.len() == alternatives.len()) {
            return choose(node, scalar, &constants, what, reader);
        }
        if let [only] = alternatives[..] {
            return self.fit(node, only, what, reader);
        }
        let mut nearest: Option<(usize, &Value)> = None;
        for schema in alternatives {
            let mark = reader.mark();
            let value = self.fit(node, schema, what, reader);
            let wrong = reader.findings_since(mark);
            if wrong == 0 {
                return value;
            }
            reader.back_to(mark);
            if is_possible(node, self.resolve(schema)) && nearest.is_none_or(|(least, _)| wrong < least) {
                nearest = Some((wrong, schema));
            }
        }
        match nearest {
            Some((_, schema)) => self.fit(node, schema, what, reader),
            None => {
                reader.wrong_shape(node, what, "of another shape");
                Value::Null
            }
        }
    }

    fn scalar<'n>(
        self,
        node: &'n Node,
        scalar: &'n Scalar,
        schema: &'s Value,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return choose(node, scalar, choices, what, reader);
        }
        if let Some(only) = schema.get("const") {
            return choose(node, scalar, std::slice::from_ref(only), what, reader);
        }
        let types = types(schema);
        if types.is_empty() {
            return value_of(scalar);
        }
        let allows = |kind: &str| types.contains(&kind);
        let written = value_of(scalar);
        if (written.is_number() && (allows("number") || allows("integer")))
            || (written.is_boolean() && allows("boolean"))
        {
            return self.numeric(node, written, &types, what, reader);
        }
        if allows("string") {
            too_long(node, scalar, schema, what, reader);
            return Value::String(scalar.text.clone());
        }
        if (allows("number") || allows("integer"))
            && let Some(value) = number(&scalar.text)
        {
            return self.numeric(node, value, &types, what, reader);
        }
        let expected = expected(&types);
        let mut finding = Finding::new(
            node.place,
            "wrong_shape",
            format!("{what} is {expected}, but this is `{}`", scalar.text),
        );
        if allows("boolean") && matches!(scalar.text.to_lowercase().as_str(), "yes" | "no" | "on" | "off") {
            finding = finding.advise("write true or false".to_owned());
        }
        reader.finding(finding);
        written
    }

    fn numeric<'n>(
        self,
        node: &'n Node,
        value: Value,
        types: &[&str],
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        if value.is_number() && !types.contains(&"number") && value.to_string().contains(['.', 'e', 'E']) {
            let message = format!("{what} is a whole number, but this is `{value}`");
            reader.finding(Finding::new(node.place, "wrong_shape", message));
        }
        value
    }

    fn list<'n>(
        self,
        node: &'n Node,
        nodes: &'n [Node],
        schema: &'s Value,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        if !accepts(schema, "array") {
            reader.wrong_shape(node, what, &expected(&types(schema)));
            return Value::Null;
        }
        let items = schema.get("items").unwrap_or(&ANYTHING);
        let fitted = nodes.iter().enumerate();
        fitted.map(|(index, node)| self.fit(node, items, &format!("{what}[{index}]"), reader)).collect()
    }

    fn map<'n>(
        self,
        node: &'n Node,
        entries: &'n [Entry],
        schema: &'s Value,
        what: &str,
        reader: &mut Reader<'n, '_>,
    ) -> Value {
        if !accepts(schema, "object") {
            reader.wrong_shape(node, what, &expected(&types(schema)));
            return Value::Null;
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let further = schema.get("additionalProperties");
        let mut object = Object::new();
        let mut misspelled = Vec::new();
        for entry in entries {
            let path = format!("{what}.{}", entry.name);
            if entry.name == "clear" && self.templates && !knows(schema, "clear") {
                object.insert(entry.name.clone(), clear(&entry.value, schema, &path, reader));
                continue;
            }
            let known = properties.and_then(|properties| properties.get(&entry.name));
            let schema = match (known, further) {
                (Some(schema), _) => schema,
                (None, Some(Value::Bool(false))) => {
                    misspelled.extend(unknown(entry, what, properties, reader));
                    &ANYTHING
                }
                (None, further) => further.unwrap_or(&ANYTHING),
            };
            object.insert(entry.name.clone(), self.fit(&entry.value, schema, &path, reader));
        }
        missing(node.place, &object, schema, &misspelled, what, reader);
        Value::Object(object)
    }

    /// `{each: record.Lines, as: line, when: …, with: {…}, plus: [{…}]}`: a list made of a list.
    fn each<'n>(self, node: &'n Node, schema: &'s Value, what: &str, reader: &mut Reader<'n, '_>) -> Value {
        if !accepts(schema, "array") {
            let message = format!("{what} is {}, but `each` makes a list", expected(&types(schema)));
            reader.finding(Finding::new(node.place, "wrong_shape", message));
            return Value::Null;
        }
        let items = schema.get("items").unwrap_or(&ANYTHING);
        let mut made = Object::new();
        let Some(mut fields) = Fields::of(node, format!("{what} (each)"), reader) else { return Value::Null };
        if let Some(each) = fields.take("each").and_then(|node| reader.scalar(node, &format!("{what}.each")))
        {
            reader.writes(Written::Expression, each);
            made.insert("each".into(), Value::String(each.text.clone()));
        }
        let name = fields.take("as").and_then(|node| reader.identifier(node, &format!("{what}.as")));
        if let Some(name) = &name {
            made.insert("as".into(), Value::String(name.clone()));
        }
        reader.within(name.unwrap_or_else(|| "item".to_owned()), |reader| {
            if let Some(when) =
                fields.take("when").and_then(|node| reader.scalar(node, &format!("{what}.when")))
            {
                reader.writes(Written::Condition, when);
                made.insert("when".into(), Value::String(when.text.clone()));
            }
            if let Some(with) = fields.require("with", reader) {
                made.insert("with".into(), self.fit(with, items, &format!("{what}[]"), reader));
            }
        });
        if let Some(plus) = fields.take("plus") {
            let path = format!("{what}.plus");
            let further: Vec<Value> =
                reader.list(plus, &path).iter().map(|node| self.fit(node, items, &path, reader)).collect();
            made.insert("plus".into(), Value::Array(further));
        }
        fields.finish(reader);
        Value::Object(made)
    }

    fn resolve(self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_REFERENCES {
            let target = match (schema.get("$ref").and_then(Value::as_str), schema.get("allOf")) {
                (Some(reference), _) => {
                    reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer))
                }
                (None, Some(Value::Array(all))) if all.len() == 1 => all.first(),
                _ => return schema,
            };
            schema = target.unwrap_or(&ANYTHING);
        }
        &ANYTHING
    }
}

/// One of a few fixed values, as written.
fn choose(node: &Node, scalar: &Scalar, choices: &[Value], what: &str, reader: &mut Reader<'_, '_>) -> Value {
    let as_text = |choice: &Value| choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
    if let Some(choice) = choices.iter().find(|choice| as_text(choice) == scalar.text) {
        return choice.clone();
    }
    let names: Vec<String> = choices.iter().filter(|choice| !choice.is_null()).map(as_text).collect();
    let names = || names.iter().map(String::as_str);
    let advice =
        did_you_mean(&scalar.text, names()).unwrap_or_else(|| format!("choose from {}", listed(names())));
    let message = format!("{what} can't be `{}`", scalar.text);
    reader.finding(Finding::new(node.place, "unknown_value", message).advise(advice));
    Value::String(scalar.text.clone())
}

/// Says that a field is unknown; gives the name that was probably meant.
fn unknown(
    entry: &Entry,
    what: &str,
    properties: Option<&Object>,
    reader: &mut Reader<'_, '_>,
) -> Option<String> {
    let names = || properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str));
    let advice =
        did_you_mean(&entry.name, names()).unwrap_or_else(|| format!("known here: {}", listed(names())));
    let message = format!("{what} has no field `{}`", entry.name);
    reader.finding(Finding::new(entry.place, "unknown_field", message).advise(advice));
    super::advice::nearest(&entry.name, names()).map(str::to_owned)
}

/// `{clear: true}`: the field is emptied at the provider.
fn is_clear(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) if entries.len() == 1 && entries[0].name == "clear" => {
            matches!(&entries[0].value.kind, Kind::Scalar(scalar) if value_of(scalar) == Value::Bool(true))
        }
        _ => false,
    }
}

/// `clear: [Phone, Fax]` beside the fields, or beside the map that holds the fields.
fn clear<'n>(node: &'n Node, schema: &Value, what: &str, reader: &mut Reader<'n, '_>) -> Value {
    let strict = schema.get("additionalProperties") == Some(&Value::Bool(false)) && !knows(schema, "fields");
    let names = || schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::keys);
    let mut cleared = Vec::new();
    for node in reader.list(node, what) {
        let Some(name) = reader.literal(node, what) else { continue };
        if strict && !names().any(|known| *known == name) {
            let finding =
                Finding::new(node.place, "unknown_field", format!("{what} names no field: `{name}`"));
            reader.finding(finding.advise(did_you_mean(&name, names().map(String::as_str))));
        }
        cleared.push(Value::String(name));
    }
    Value::Array(cleared)
}

/// Required fields that aren't there. One that is there misspelled has been said.
fn missing(
    place: Place,
    object: &Object,
    schema: &Value,
    misspelled: &[String],
    what: &str,
    reader: &mut Reader<'_, '_>,
) {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !object.contains_key(name) && !misspelled.iter().any(|meant| meant == name) {
            reader.finding(Finding::new(place, "missing_input", format!("{what} needs `{name}`")));
        }
    }
}

/// <https://json-schema.org/draft/2020-12/json-schema-validation#section-6.3.1>
fn too_long(node: &Node, scalar: &Scalar, schema: &Value, what: &str, reader: &mut Reader<'_, '_>) {
    let length = scalar.text.chars().count() as u64;
    if let Some(most) = schema.get("maxLength").and_then(Value::as_u64).filter(|most| length > *most) {
        let message = format!("{what} has {length} characters, at most {most} are taken");
        reader.finding(Finding::new(node.place, "too_long", message));
    }
}

/// Whether an alternative is worth quoting from: a list for a list, a map for a map.
fn is_possible(node: &Node, schema: &Value) -> bool {
    match &node.kind {
        Kind::Scalar(_) => {
            let types = types(schema);
            types.is_empty() || types.iter().any(|kind| !matches!(*kind, "array" | "object"))
        }
        Kind::List(_) => accepts(schema, "array"),
        Kind::Map(_) => accepts(schema, "object"),
    }
}
