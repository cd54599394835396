//! The records in memory, with the indexes that queries need, and a journal so that a request can be undone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::objects::Object;

pub(crate) type Fields = Map<String, Value>;

/// One version of a record. `fields` has Id and the audit fields too; a missing key is null.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) fields: Fields,
}

impl Record {
    pub(crate) fn get(&self, field: &str) -> &Value {
        self.fields.get(field).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.get(field).as_str().unwrap_or_default()
    }

    pub(crate) fn is(&self, field: &str) -> bool {
        self.get(field).as_bool().unwrap_or(false)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    records: HashMap<String, Arc<Record>>,
    /// (SystemModstamp, id): stamps are written so that their text sorts like their time.
    by_stamp: BTreeSet<(String, String)>,
    by_value: HashMap<String, HashMap<String, BTreeSet<String>>>,
}

impl Table {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Record>> {
        self.records.get(id)
    }

    /// Oldest stamp first, from this stamp on.
    pub(crate) fn since<'a>(&'a self, stamp: &str) -> impl Iterator<Item = &'a Arc<Record>> {
        let from = (stamp.to_owned(), String::new());
        self.by_stamp.range(from..).filter_map(|(_, id)| self.records.get(id))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.since("")
    }

    /// The records whose indexed field has this value, deleted ones too.
    pub(crate) fn with<'a>(&'a self, field: &str, value: &str) -> impl Iterator<Item = &'a Arc<Record>> {
        let ids = self.by_value.get(field).and_then(|values| values.get(&key(value)));
        ids.into_iter().flatten().filter_map(|id| self.records.get(id))
    }

    fn enter(&mut self, object: &Object, record: Arc<Record>) {
        self.by_stamp.insert((record.text("SystemModstamp").to_owned(), record.id.clone()));
        for (field, value) in indexed(object, &record) {
            let values = self.by_value.entry(field.to_owned()).or_default();
            values.entry(value).or_default().insert(record.id.clone());
        }
        self.records.insert(record.id.clone(), record);
    }

    fn leave(&mut self, object: &Object, id: &str) -> Option<Arc<Record>> {
        let record = self.records.remove(id)?;
        self.by_stamp.remove(&(record.text("SystemModstamp").to_owned(), record.id.clone()));
        for (field, value) in indexed(object, &record) {
            if let Some(values) = self.by_value.get_mut(field)
                && let Some(ids) = values.get_mut(&value)
            {
                ids.remove(&record.id);
                if ids.is_empty() {
                    values.remove(&value);
                }
            }
        }
        Some(record)
    }
}

fn indexed<'a>(object: &'a Object, record: &Record) -> Vec<(&'a str, String)> {
    let fields = object.fields.iter().filter(|field| field.indexed());
    fields
        .filter_map(|field| match record.get(&field.name) {
            Value::Null => None,
            Value::String(text) => Some((field.name.as_str(), key(text))),
            other => Some((field.name.as_str(), other.to_string())),
        })
        .collect()
}

/// Text is looked up without case. Ids differ in their last three letters where they differ in case.
fn key(value: &str) -> String {
    value.to_lowercase()
}

/// All tables of an org.
#[derive(Debug, Default)]
pub(crate) struct Store {
    tables: HashMap<String, Table>,
    empty: Table,
    /// What to put back, newest last; kept only while somebody may want to undo.
    journal: Vec<(String, String, Option<Arc<Record>>)>,
    /// Where in the journal each `begin` stands that is not over yet.
    marks: Vec<usize>,
}

impl Store {
    pub(crate) fn table(&self, object: &str) -> &Table {
        self.tables.get(object).unwrap_or(&self.empty)
    }

    pub(crate) fn put(&mut self, object: &Object, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        self.replace(object, &record.id.clone(), Some(record.clone()));
        record
    }

    fn replace(&mut self, object: &Object, id: &str, record: Option<Arc<Record>>) {
        let table = self.tables.entry(object.name.clone()).or_default();
        let before = table.leave(object, id);
        if let Some(record) = record {
            table.enter(object, record);
        }
        if !self.marks.is_empty() {
            self.journal.push((object.name.clone(), id.to_owned(), before));
        }
    }

    /// From here on, what is written can be undone: each `begin` ends with `commit` or `roll_back`.
    pub(crate) fn begin(&mut self) {
        self.marks.push(self.journal.len());
    }

    pub(crate) fn commit(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.journal.clear();
        }
    }

    /// What was written since the last `begin`, each record once.
    pub(crate) fn touched(&self) -> BTreeSet<(String, String)> {
        let start = self.marks.last().copied().unwrap_or_default();
        self.journal[start..].iter().map(|(object, id, _)| (object.clone(), id.clone())).collect()
    }

    pub(crate) fn roll_back(&mut self, schema: &super::objects::Schema) {
        let start = self.marks.pop().unwrap_or_default();
        let undone = self.journal.split_off(start);
        let marks = std::mem::take(&mut self.marks);
        for (object, id, before) in undone.into_iter().rev() {
            if let Some(object) = schema.object(&object) {
                self.replace(object, &id, before);
            }
        }
        self.marks = marks;
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::Schema;
    use super::*;
    use serde_json::json;

    fn contact(id: &str, stamp: &str, email: &str) -> Record {
        let fields = json!({ "Id": id, "SystemModstamp": stamp, "Email": email });
        let Value::Object(fields) = fields else { unreachable!("written as an object") };
        Record { id: id.to_owned(), fields }
    }

    #[test]
    fn records_are_found_by_stamp_and_by_value_and_changes_can_be_undone() {
        let schema = Schema::standard(false);
        let object = schema.object("Contact").unwrap();
        let mut store = Store::default();
        store.put(object, contact("003A", "2026-01-02", "A@x.com"));
        store.put(object, contact("003B", "2026-01-01", "b@x.com"));
        store.begin();
        store.put(object, contact("003B", "2026-01-03", "a@x.com"));
        store.put(object, contact("003C", "2026-01-04", "c@x.com"));
        let found = |store: &Store| {
            let table = store.table("Contact");
            let all: Vec<String> = table.since("2026-01-02").map(|record| record.id.clone()).collect();
            (all, table.with("Email", "a@X.com").count())
        };
        assert_eq!(found(&store), (vec!["003A".to_owned(), "003B".into(), "003C".into()], 2));
        store.roll_back(&schema);
        assert_eq!(found(&store), (vec!["003A".to_owned()], 1));
        assert_eq!(store.table("Contact").all().next().unwrap().id, "003B");
    }
}
