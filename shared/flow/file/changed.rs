//! `changed:`: which transition of a record is meant. The same words on every *updated* trigger.
//!
//! `{StageName: {from: Negotiation, to: [Closed Won, Closed Lost]}}`, or `{any: [Amount, CloseDate]}`, or both.

use serde_json::Value;

use super::fields::Fields;
use super::fit::Fit;
use super::problem::Finding;
use super::read::Reader;
use super::tree::{Kind, Node};
use crate::domain::Object;

pub(super) fn read<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Value {
    let Kind::Map(entries) = &node.kind else {
        reader.wrong_shape(node, "changed", "a map of fields: { StageName: { to: Closed Won } }");
        return Value::Null;
    };
    if entries.is_empty() {
        let finding = Finding::new(node.place, "missing_field", "changed names no field");
        reader.finding(finding.advise("{ StageName: { to: Closed Won } }, or { any: [Amount] }".to_owned()));
    }
    let mut changed = Object::new();
    for entry in entries {
        let what = format!("changed.{}", entry.name);
        let value = match entry.name.as_str() {
            "any" => reader.texts(&entry.value, &what).into(),
            _ => field(&entry.value, &what, reader),
        };
        changed.insert(entry.name.clone(), value);
    }
    Value::Object(changed)
}

fn field<'n>(node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Value {
    if let Kind::Scalar(scalar) = &node.kind {
        let finding =
            Finding::new(node.place, "wrong_shape", format!("{what} is a map with `from` and `to`"));
        reader.finding(finding.advise(format!("{{ to: {} }}", scalar.text)));
        return Value::Null;
    }
    let Some(mut fields) = Fields::of(node, what, reader) else { return Value::Null };
    let mut change = Object::new();
    for name in ["from", "to"] {
        if let Some(node) = fields.take(name) {
            let what = format!("{what}.{name}");
            // A list is any of its values.
            let values = match &node.kind {
                Kind::Map(_) => {
                    reader.wrong_shape(node, &what, "a value or a list of values");
                    Value::Null
                }
                _ => Fit::FIXED.value(node, &what, reader),
            };
            change.insert(name.to_owned(), values);
        }
    }
    if change.is_empty() && fields.unknown().next().is_none() {
        let finding = Finding::new(fields.place, "missing_field", format!("{what} needs `to` or `from`"));
        reader.finding(finding.advise("for any change: { any: [FieldName] }".to_owned()));
    }
    fields.finish(reader);
    Value::Object(change)
}
