//! A record in few bytes. Records of one object mostly have the same fields, and mostly the same values in many
//! of them; so the first one is kept as it is, and of each further one what is different. Called by `packed.rs`.

use serde_json::Value;

use crate::bytes::{Bytes, put_counted, put_number};
use crate::salesforce::store::Record;

/// The field names that records have in common, and the values of the first of them; before all stands its id.
#[derive(Debug)]
pub(super) struct Shape {
    names: Vec<String>,
    first: Vec<Value>,
}

/// What stands before each value: it is the first record's, or the same as one before it in its own record …
const SAME: u8 = 0;
const AGAIN: u8 = 1;
/// … or a text that begins and ends as the first record's, or any other value, as JSON.
const TEXT: u8 = 2;
const OTHER: u8 = 3;

impl Shape {
    pub(super) fn of(record: &Record) -> Self {
        let names = record.fields.keys().cloned().collect();
        let id = Value::from(record.id.as_str());
        Self { names, first: std::iter::once(id).chain(record.fields.values().cloned()).collect() }
    }

    /// Appends the values of a record that has these fields.
    pub(super) fn pack(&self, record: &Record, bytes: &mut Vec<u8>) {
        let id = Value::from(record.id.as_str());
        let values: Vec<&Value> = std::iter::once(&id).chain(record.fields.values()).collect();
        for (place, (value, first)) in values.iter().copied().zip(&self.first).enumerate() {
            let again = || values[..place].iter().position(|earlier| *earlier == value);
            match value {
                Value::Object(_) | Value::Array(_) => put_other(bytes, value),
                _ if value == first => bytes.push(SAME),
                Value::String(text) => match again() {
                    Some(earlier) => {
                        bytes.push(AGAIN);
                        put_number(bytes, earlier);
                    }
                    None => put_text(bytes, text, first.as_str().unwrap_or_default()),
                },
                _ => put_other(bytes, value),
            }
        }
    }

    pub(super) fn unpack(&self, mut bytes: Bytes<'_>) -> Record {
        let mut values: Vec<Value> = Vec::with_capacity(self.first.len());
        for first in &self.first {
            let value = match bytes.byte() {
                SAME => first.clone(),
                AGAIN => values.get(bytes.number()).cloned().unwrap_or_default(),
                TEXT => Value::String(bytes.text_like(first.as_str().unwrap_or_default())),
                _ => serde_json::from_slice(bytes.counted()).unwrap_or_default(),
            };
            values.push(value);
        }
        let mut values = values.into_iter();
        let id = values.next().and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
        Record { id, fields: self.names.iter().cloned().zip(values).collect() }
    }
}

fn put_other(bytes: &mut Vec<u8>, value: &Value) {
    let text = value.to_string();
    bytes.push(OTHER);
    put_counted(bytes, text.as_bytes());
}

/// Compared byte by byte: a letter may be parted, and is whole again when the parts are put together.
fn put_text(bytes: &mut Vec<u8>, text: &str, first: &str) {
    let (text, first) = (text.as_bytes(), first.as_bytes());
    let start = text.iter().zip(first).take_while(|(one, other)| one == other).count();
    let rests = text[start..].iter().rev().zip(first[start..].iter().rev());
    let end = rests.take_while(|(one, other)| one == other).count();
    let middle = &text[start..text.len() - end];
    bytes.push(TEXT);
    put_number(bytes, start);
    put_number(bytes, end);
    put_counted(bytes, middle);
}

impl Bytes<'_> {
    /// What `put_text` wrote.
    fn text_like(&mut self, first: &str) -> String {
        let (first, start, end) = (first.as_bytes(), self.number(), self.number());
        let middle = self.counted();
        let start = first.get(..start).unwrap_or_default();
        let end = first.get(first.len().saturating_sub(end)..).unwrap_or_default();
        String::from_utf8([start, middle, end].concat()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(id: &str, fields: &Value) -> Record {
        Record { id: id.to_owned(), fields: fields.as_object().cloned().unwrap() }
    }

    fn packed(shape: &Shape, record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        shape.pack(record, &mut bytes);
        bytes
    }

    #[test]
    fn only_what_is_different_is_kept() {
        let made = |id: &str, stamp: &str, stage: &str| {
            record(id, &json!({ "Id": id, "Made": stamp, "Changed": stamp, "Stage": stage, "Open": true }))
        };
        let shape = Shape::of(&made("0065f00000000aAQAQ", "2026-11-25T22:28:35.000+0000", "Won"));
        let record = made("0065f00000000bBQAQ", "2026-11-25T22:29:00.000+0000", "Won");
        let bytes = packed(&shape, &record);
        assert_eq!(bytes.len(), 6 + 2 + 8 + 2 + 1 + 1, "{bytes:?}");
        assert_eq!(shape.unpack(Bytes(&bytes)).fields, record.fields);
    }

    fn value() -> impl Strategy<Value = Value> {
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4}0)?";
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number.prop_map(|text| serde_json::from_str(&text).unwrap()),
            "[aä€\u{1f600}]{0,6}".prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
            Just(json!({ "b": [1, "a"], "a": null })),
            Just(json!({ "a": null, "b": [1, "a"] })),
        ]
    }

    proptest! {
        #[test]
        fn every_record_comes_back_to_the_letter(
            one in prop::collection::vec(value(), 9),
            other in prop::collection::vec(value(), 9),
        ) {
            let fields = |values: Vec<Value>| values.into_iter().enumerate().map(|(place, value)| (place.to_string(), value));
            let shape = Shape::of(&Record { id: "001A".into(), fields: fields(one).collect() });
            let record = Record { id: "001B".into(), fields: fields(other).collect() };
            let back = shape.unpack(Bytes(&packed(&shape, &record)));
            let text = |record: &Record| serde_json::to_string(&record.fields).unwrap();
            prop_assert_eq!((&back.id, text(&back)), (&record.id, text(&record)));
        }
    }
}
