//! The records in memory, with the indexes that queries need, and a journal so that a request can be undone.

mod indexes;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use indexes::{ByStamp, ByText};
use serde_json::{Map, Value};

use super::objects::Object;
use super::packed::Slots;

pub(crate) type Fields = Map<String, Value>;

/// One version of a record. `fields` has Id and the audit fields too; a missing key is null.
#[derive(Debug, Clone, Default)]
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
    slots: Slots,
    by_id: ByText,
    by_stamp: ByStamp,
    /// For each indexed field.
    by_value: HashMap<String, ByText>,
}

impl Table {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Record>> {
        self.find(id).map(|(_, record)| record)
    }

    fn find(&self, id: &str) -> Option<(u32, &Arc<Record>)> {
        let mut found = self.by_id.get(id).filter_map(|slot| Some((slot, self.slots.get(slot)?)));
        found.find(|(_, record)| record.id == id)
    }

    pub(crate) fn newest(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.by_stamp.between(EVER.0, EVER.1).rev().filter_map(|slot| self.slots.get(slot))
    }

    /// Oldest stamp first, from this stamp on.
    pub(crate) fn since(&self, stamp: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.by_stamp.between(stamp, EVER.1).filter_map(|slot| self.slots.get(slot))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.since("")
    }

    /// The same as `since`, of which only those that `wanted` accepts are kept at hand: for looking through many.
    pub(crate) fn sift<'a>(
        &'a self,
        first: &str,
        wanted: impl FnMut(&Record) -> bool,
    ) -> Vec<&'a Arc<Record>> {
        self.sift_between((first, EVER.1), wanted)
    }

    /// The same, up to and with another stamp.
    pub(crate) fn sift_between<'a>(
        &'a self,
        (first, last): (&str, &str),
        mut wanted: impl FnMut(&Record) -> bool,
    ) -> Vec<&'a Arc<Record>> {
        let slots = self.by_stamp.between(first, last);
        slots.filter_map(|slot| self.slots.get_if(slot, &mut wanted)).collect()
    }

    /// How many `sift_between` would look at.
    pub(crate) fn count_between(&self, (first, last): (&str, &str)) -> usize {
        self.by_stamp.count_between(first, last)
    }

    /// How many `with` would look at.
    pub(crate) fn count_with(&self, field: &str, value: &str) -> usize {
        self.by_value.get(field).map_or(0, |values| values.get(&key(value)).count())
    }

    /// The records whose indexed field has this value, deleted ones too.
    pub(crate) fn with<'a>(&'a self, field: &str, value: &str) -> impl Iterator<Item = &'a Arc<Record>> {
        let (field, wanted) = (field.to_owned(), key(value));
        let slots = self.by_value.get(&field).map(|values| values.get(&wanted));
        let records = slots.into_iter().flatten().filter_map(|slot| self.slots.get(slot));
        records.filter(move |record| index_key(record.get(&field)).is_some_and(|found| found == wanted))
    }

    /// Puts a version of a record in the place of the one before, or takes it away; returns the one before.
    fn replace(&mut self, object: &Object, id: &str, record: Option<Arc<Record>>) -> Option<Arc<Record>> {
        let before = self.find(id).map(|(slot, before)| (slot, before.clone()));
        if let Some((slot, before)) = &before {
            self.by_stamp.remove(before.text("SystemModstamp"), *slot);
            for (field, value) in indexed(object, before) {
                if let Some(values) = self.by_value.get_mut(field) {
                    values.remove(&value, *slot);
                }
            }
        }
        let slot = before.as_ref().map(|(slot, _)| *slot);
        match (record, slot) {
            (Some(record), _) => {
                let slot = slot.unwrap_or(self.slots.next());
                self.by_id.insert(id, slot);
                self.by_stamp.insert(record.text("SystemModstamp"), slot);
                for (field, value) in indexed(object, &record) {
                    match self.by_value.get_mut(field) {
                        Some(values) => values.insert(&value, slot),
                        None => self.by_value.entry(field.to_owned()).or_default().insert(&value, slot),
                    }
                }
                self.slots.put(slot, record);
            }
            (None, Some(slot)) => {
                self.by_id.remove(id, slot);
                self.slots.clear(slot);
            }
            (None, None) => {}
        }
        before.map(|(_, before)| before)
    }
}

fn indexed<'a>(object: &'a Object, record: &Record) -> Vec<(&'a str, String)> {
    let fields = object.fields.iter().filter(|field| field.indexed());
    fields.filter_map(|field| Some((field.name.as_str(), index_key(record.get(&field.name))?))).collect()
}

fn index_key(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(key(text)),
        other => Some(other.to_string()),
    }
}

/// Text is looked up without case. Ids differ in their last three letters where they differ in case.
fn key(value: &str) -> String {
    value.to_lowercase()
}

/// All stamps: those of the earliest time and what sorts after every digit.
pub(crate) const EVER: (&str, &str) = ("", "~");

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

    /// Gone for good, and not into the recycle bin.
    pub(crate) fn purge(&mut self, object: &Object, id: &str) {
        self.replace(object, id, None);
    }

    pub(crate) fn put(&mut self, object: &Object, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        self.replace(object, &record.id.clone(), Some(record.clone()));
        record
    }

    fn replace(&mut self, object: &Object, id: &str, record: Option<Arc<Record>>) {
        let table = match self.tables.get_mut(&object.name) {
            Some(table) => table,
            None => self.tables.entry(object.name.clone()).or_default(),
        };
        let before = table.replace(object, id, record);
        if !self.marks.is_empty() {
            self.journal.push((object.name.clone(), id.to_owned(), before));
        }
    }

    /// Between requests nobody looks at a record: what was unpacked for many may be packed again.
    pub(crate) fn tidy(&mut self) {
        self.tables.values_mut().for_each(|table| table.slots.tidy());
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
