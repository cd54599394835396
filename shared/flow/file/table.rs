//! `tables:`: codes by key, written in the file or kept in a CSV beside it, alike for all connections or for each.
//!
//! Keys and values are texts as written, so that the account `090` is the same in YAML and in CSV.

use serde_json::Value;

use super::problem::Finding;
use super::read::Reader;
use super::scalar::value_of;
use super::tree::{Entry, Kind, Node, Style};
use crate::domain::Object;

pub(super) fn read<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Object {
    let Some(entries) = entries(node, "tables", reader) else { return Object::new() };
    let read = |entry: &'n Entry| {
        let what = format!("tables.{}", entry.name);
        (entry.name.clone(), Value::Object(table(&entry.value, &what, reader)))
    };
    entries.iter().map(read).collect()
}

fn table<'n>(node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Object {
    let Some(entries) = entries(node, what, reader) else { return Object::new() };
    match entries {
        [only] if only.name == "connections" && matches!(only.value.kind, Kind::Map(_)) => {
            let Some(tables) = self::entries(&only.value, what, reader) else { return Object::new() };
            let tables: Object = tables
                .iter()
                .map(|entry| {
                    let what = format!("{what}.connections.{}", entry.name);
                    (entry.name.clone(), Value::Object(rows(&entry.value, &what, reader)))
                })
                .collect();
            Object::from_iter([("connections".to_owned(), Value::Object(tables))])
        }
        _ => rows(node, what, reader),
    }
}

fn rows<'n>(node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Object {
    let Some(entries) = entries(node, what, reader) else { return Object::new() };
    if let [only] = entries
        && only.name == "csv"
    {
        let Some(path) = reader.literal(&only.value, &format!("{what}.csv")) else { return Object::new() };
        return match (reader.load)(&path).and_then(|text| from_csv(&text)) {
            Ok(rows) => rows,
            Err(reason) => {
                let message = format!("the table in {path} can't be read: {reason}");
                reader.finding(Finding::new(only.value.place, "bad_table", message));
                Object::new()
            }
        };
    }
    if entries.is_empty() {
        reader.finding(Finding::new(node.place, "bad_table", format!("{what} has no rows")));
    }
    let mut rows = Object::new();
    for entry in entries {
        let what = format!("{what}.{}", entry.name);
        rows.insert(entry.name.clone(), cell(&entry.value, &what, reader));
    }
    rows
}

/// A text, or a map of texts for tables of several columns.
fn cell(node: &Node, what: &str, reader: &mut Reader<'_, '_>) -> Value {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.style == Style::Absent => {
            reader.wrong_shape(node, what, "a text");
            Value::Null
        }
        Kind::Scalar(scalar) => match value_of(scalar) {
            value @ (Value::Bool(_) | Value::Null) => value,
            _ => Value::String(scalar.text.clone()),
        },
        Kind::Map(entries) => {
            let mut columns = Object::new();
            for entry in entries {
                let what = format!("{what}.{}", entry.name);
                columns.insert(entry.name.clone(), cell(&entry.value, &what, reader));
            }
            Value::Object(columns)
        }
        Kind::List(_) => {
            reader.wrong_shape(node, what, "a text or a map of texts");
            Value::Null
        }
    }
}

/// The first line names the columns, the first column holds the keys. Two columns: key and value. More: key and a
/// map of the other columns by name.
fn from_csv(text: &str) -> Result<Object, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    if headers.len() < 2 {
        return Err("it needs at least two columns, key and value, named in its first line".to_owned());
    }
    let mut rows = Object::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let (key, mut cells) = (record[0].to_owned(), record.iter().skip(1));
        let value = match headers.len() {
            2 => Value::from(cells.next().unwrap_or_default()),
            _ => headers.iter().skip(1).map(str::to_owned).zip(cells.map(Value::from)).collect(),
        };
        if rows.insert(key.clone(), value).is_some() {
            return Err(format!("the key `{key}` is there twice"));
        }
    }
    if rows.is_empty() { Err("it has no rows".to_owned()) } else { Ok(rows) }
}

fn entries<'n>(node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Option<&'n [Entry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => {
            reader.wrong_shape(node, what, "a map");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_csv_of_two_columns_gives_texts_and_one_of_more_gives_maps() {
        let two = from_csv("\u{feff}family, account\r\nHardware, 090\r\n\"Services, other\",\"2\"\"10\"\r\n")
            .unwrap();
        assert_eq!(Value::Object(two), json!({ "Hardware": "090", "Services, other": "2\"10" }));
        let three = from_csv("family,account,tax\nHardware,200,OUTPUT2\n").unwrap();
        assert_eq!(Value::Object(three), json!({ "Hardware": { "account": "200", "tax": "OUTPUT2" } }));
    }

    #[test]
    fn a_csv_that_would_mislead_is_refused() {
        assert!(from_csv("a,b\nx,1\nx,2\n").unwrap_err().contains("twice"));
        assert!(from_csv("a\nx\n").unwrap_err().contains("two columns"));
        assert!(from_csv("a,b\n").unwrap_err().contains("no rows"));
        assert!(from_csv("a,b\nx,1,2\n").is_err());
    }
}
