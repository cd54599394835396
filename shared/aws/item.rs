//! An item as DynamoDB's attributes, and back.
//!
//! | attribute | type | what it is |
//! |---|---|---|
//! | `pk`, `sk` | S | the key |
//! | `f_NAME` | S or N | the field NAME; no other attribute begins with `f_` |
//! | `document` | B | the document, left out when empty |
//! | `due_pk`, `due_sk`, `flow_…`, `parked_…`, `record_…` | S | the item's place in an index |
//! | `expires_at` | N | whole seconds, rounded up: what DynamoDB sweeps by |
//! | `token` | S | who wrote it: a repeated request is known by it; see `write` |
//! | `expires_us` | N | microseconds: what reads and conditions go by |

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::ports::table::{Field, Index, Item, Key, TableError};

pub(super) const PARTITION: &str = "pk";
pub(super) const SORT: &str = "sk";
pub(super) const EXPIRES: &str = "expires_us";
pub(super) const TOKEN: &str = "token";
const SWEPT: &str = "expires_at";
const DOCUMENT: &str = "document";
const FIELD: &str = "f_";

pub(super) type Attributes = HashMap<String, AttributeValue>;

pub(super) fn attribute_of(field: &str) -> String {
    format!("{FIELD}{field}")
}

/// The two attributes of an index.
pub(super) fn key_of(index: Index) -> (String, String) {
    (format!("{}_pk", index.as_str()), format!("{}_sk", index.as_str()))
}

pub(super) fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn value_of(field: &Field) -> AttributeValue {
    match field {
        Field::Text(value) => text(value),
        Field::Integer(n) => number(*n),
    }
}

pub(super) fn write_key(key: &Key) -> Attributes {
    Attributes::from([(PARTITION.to_owned(), text(&key.partition)), (SORT.to_owned(), text(&key.sort))])
}

pub(super) fn write(item: &Item) -> Attributes {
    let mut attributes = write_key(&item.key);
    for (name, field) in &item.fields {
        attributes.insert(attribute_of(name), value_of(field));
    }
    if !item.document.is_empty() {
        attributes.insert(DOCUMENT.to_owned(), AttributeValue::B(Blob::new(item.document.clone())));
    }
    for (&index, (partition, sort)) in &item.indexes {
        let (partition_name, sort_name) = key_of(index);
        attributes.insert(partition_name, text(partition));
        attributes.insert(sort_name, text(sort));
    }
    if let Some(expires_at) = item.expires_at {
        let micros = expires_at.as_microsecond();
        let seconds = micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) > 0);
        attributes.insert(EXPIRES.to_owned(), number(micros));
        attributes.insert(SWEPT.to_owned(), number(seconds));
    }
    attributes
}

pub(super) fn read(mut attributes: Attributes) -> Result<Item, TableError> {
    let partition = take_text(&mut attributes, PARTITION);
    let sort = take_text(&mut attributes, SORT);
    let (Some(partition), Some(sort)) = (partition, sort) else {
        return Err(TableError::Unavailable("an item without a key cannot be read".to_owned()));
    };
    let mut item = Item::new(Key { partition, sort });
    for index in Index::ALL {
        let (partition_name, sort_name) = key_of(index);
        let place = (take_text(&mut attributes, &partition_name), take_text(&mut attributes, &sort_name));
        if let (Some(partition), Some(sort)) = place {
            item.indexes.insert(index, (partition, sort));
        }
    }
    item.fields = read_fields(&item.key, &attributes)?;
    item.expires_at = match attributes.get(EXPIRES) {
        None => None,
        Some(value) => Some(
            read_number(value)
                .and_then(|micros| Timestamp::from_microsecond(micros).ok())
                .ok_or_else(|| unreadable(&item.key, EXPIRES))?,
        ),
    };
    if let Some(AttributeValue::B(document)) = attributes.remove(DOCUMENT) {
        item.document = document.into_inner();
    }
    Ok(item)
}

fn read_fields(key: &Key, attributes: &Attributes) -> Result<BTreeMap<String, Field>, TableError> {
    let mut fields = BTreeMap::new();
    for (attribute, value) in attributes {
        let Some(name) = attribute.strip_prefix(FIELD) else { continue };
        let field = match value {
            AttributeValue::S(text) => Field::Text(text.clone()),
            other => Field::Integer(read_number(other).ok_or_else(|| unreadable(key, attribute))?),
        };
        fields.insert(name.to_owned(), field);
    }
    Ok(fields)
}

fn take_text(attributes: &mut Attributes, name: &str) -> Option<String> {
    match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

fn read_number(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

fn unreadable(key: &Key, attribute: &str) -> TableError {
    TableError::Unavailable(format!(
        "the attribute {attribute} of {} {} cannot be read: it was changed by something else",
        key.partition, key.sort
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_back_as_it_went() -> Result<(), Box<dyn std::error::Error>> {
        let mut item = Item::new(Key::new("R#1", "run"));
        item.fields.insert("pk".to_owned(), "a field may be called like the key".into());
        item.fields.insert("flow_pk".to_owned(), i64::MIN.into());
        item.document = vec![0, 255];
        item.indexes.insert(Index::Flow, ("F#1".to_owned(), "2026".to_owned()));
        item.expires_at = Some("2026-01-01T00:00:00.000001Z".parse()?);
        let attributes = write(&item);
        assert_eq!(attributes.get(SWEPT), Some(&number(1_767_225_601)), "swept no earlier than it expires");
        assert_eq!(read(attributes)?, item);
        Ok(())
    }
}
