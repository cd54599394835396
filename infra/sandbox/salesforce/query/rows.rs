//! A record as a row: its attributes, its fields, its parents inside it, its children in pages of their own.

use serde_json::{Map, Value, json};

use super::columns::Column;
use super::{Plan, Writing, pages};
use crate::salesforce::files;
use crate::salesforce::filter::parent;
use crate::salesforce::objects::{FieldType, Object};
use crate::salesforce::org::Org;
use crate::salesforce::rules;
use crate::salesforce::store::Record;

impl Plan {
    pub(crate) fn row(&self, org: &mut Org, record: &Record, writing: &Writing<'_>) -> Value {
        let mut row = Map::new();
        row.insert("attributes".into(), attributes(&self.object.name, record, writing));
        write(org, &self.columns, &self.object, record, writing, &mut row);
        Value::Object(row)
    }
}

fn write(
    org: &mut Org,
    columns: &[Column],
    object: &Object,
    record: &Record,
    writing: &Writing<'_>,
    row: &mut Map<String, Value>,
) {
    for column in columns {
        let (name, value) = match column {
            Column::Type => ("Type", object.name.clone().into()),
            Column::Field { name, kind: FieldType::Address } => {
                (name.as_str(), rules::address(object, record, name))
            }
            Column::Field { name, kind: FieldType::Base64 } => {
                (name.as_str(), files::path(object, record, name, writing.version))
            }
            Column::Field { name, kind } => (name.as_str(), org.shown(*kind, record.get(name))),
            Column::Parent { name, reference, polymorphic, columns } => {
                let kind = polymorphic.then_some("Name");
                (name.as_str(), related(org, record.text(reference), kind, &|_| columns.as_slice(), writing))
            }
            Column::TypeOf { name, reference, when, otherwise } => {
                let columns = |target: &Object| {
                    let found = when.iter().find(|(object, _)| object.name == target.name);
                    found.map_or(otherwise.as_slice(), |(_, columns)| columns.as_slice())
                };
                (name.as_str(), related(org, record.text(reference), None, &columns, writing))
            }
            Column::Children { name, reference, plan } => {
                let children = org.store.table(&plan.object.name).with(reference, &record.id);
                let ids = plan.run_over(org, writing.deleted, children);
                let (page, long_page) = (writing.child_page, writing.child_page);
                let inner = Writing { page, long_page, ..writing.clone() };
                let page = (!ids.is_empty()).then(|| pages::first(org, plan, ids, &inner));
                (name.as_str(), page.unwrap_or_default())
            }
        };
        row.insert(name.to_owned(), value);
    }
}

/// A parent's row, or null; `kind` is what its attributes say instead of its object.
fn related<'a>(
    org: &mut Org,
    id: &str,
    kind: Option<&str>,
    columns: &dyn Fn(&Object) -> &'a [Column],
    writing: &Writing<'_>,
) -> Value {
    let target = org.schema.by_prefix(id).cloned();
    let (Some(parent), Some(target)) = (parent(org, id).cloned(), target) else { return Value::Null };
    let mut row = Map::new();
    let mut about = attributes(&target.name, &parent, writing);
    if let Some(kind) = kind {
        about["type"] = kind.into();
    }
    row.insert("attributes".into(), about);
    write(org, columns(&target), &target, &parent, writing, &mut row);
    Value::Object(row)
}

impl Org {
    /// A kept value as it is shown. An org may be set to show large numbers the way floats are written.
    fn shown(&self, kind: FieldType, value: &Value) -> Value {
        if self.options.scientific_numbers && kind.is_number() && kind != FieldType::Int {
            let text = value.to_string();
            let digits = text.trim_end_matches(".0");
            if digits.len() > 7 && !digits.contains('.') && !digits.starts_with('-') {
                let (first, rest) = digits.split_at(1);
                let rest = rest.trim_end_matches('0');
                let mantissa = if rest.is_empty() { "0" } else { rest };
                let written = format!("{first}.{mantissa}E{}", digits.len() - 1);
                return serde_json::from_str(&written).unwrap_or_else(|_| value.clone());
            }
        }
        value.clone()
    }
}

fn attributes(object: &str, record: &Record, writing: &Writing<'_>) -> Value {
    let url = format!("/services/data/{}/sobjects/{object}/{}", writing.version, record.id);
    json!({ "type": object, "url": url })
}
