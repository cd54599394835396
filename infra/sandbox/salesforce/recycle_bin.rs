//! Into the recycle bin with what hangs on a record; out of it again, and two records made one, which people do in the
//! org and no REST call does.
//!
//! https://help.salesforce.com/s/articleView?id=sales.account_delete.htm
//! https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_undelete.htm
//! https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm

use std::collections::HashSet;
use std::sync::Arc;

use super::Salesforce;
use super::answer::Refused;
use super::change_events::Kind;
use super::ids;
use super::objects::{Field, Object};
use super::org::{Org, Writer};
use super::rules;
use super::store::Record;
use super::values;

impl Org {
    /// To the recycle bin, with all that goes along; or nothing goes, where something of it has to stay. What went.
    pub(crate) fn remove(
        &mut self,
        object: &Arc<Object>,
        id: &str,
        writer: &Writer,
    ) -> Result<Vec<(Arc<Object>, String)>, Refused> {
        let record = self.alive(object, id)?;
        self.refusals.meet(object, Some(&record.id), writer)?;
        let mut leaving = Leaving::default();
        leaving.add(self, object, &record)?;
        let mut gone = Vec::new();
        for (object, before) in leaving.records {
            let mut after = (*before).clone();
            self.sign(&mut after.fields, &before.id, &writer.user, false);
            after.fields.insert("IsDeleted".into(), true.into());
            let after = self.store.put(&object, after);
            self.note(&object, Kind::Delete, Some(&before), &after, writer);
            gone.push((object, before, after));
        }
        for (object, before, after) in gone.iter().rev() {
            rules::settle(self, object, after, Some(before));
        }
        Ok(gone.into_iter().map(|(object, record, _)| (object, record.id.clone())).collect())
    }
}

/// What goes in one go: a record, then what hangs on it.
#[derive(Default)]
struct Leaving {
    records: Vec<(Arc<Object>, Arc<Record>)>,
    ids: HashSet<String>,
}

impl Leaving {
    fn add(&mut self, org: &Org, object: &Arc<Object>, record: &Arc<Record>) -> Result<(), Refused> {
        if !self.ids.insert(record.id.clone()) {
            return Ok(());
        }
        if let Some(why) = held_by(org, object, record).or_else(|| rules::kept(org, object, record)) {
            let name = [record.text("Salutation"), name(record)].join(" ");
            let message =
                format!("Your attempt to delete {} could not be completed because {why}\n", name.trim());
            return Err(Refused::record("DELETE_FAILED", message, &[]));
        }
        self.records.push((object.clone(), record.clone()));
        for (child, record) in hanging(org, object, &record.id, Field::goes_along, false) {
            self.add(org, &child, &record)?;
        }
        Ok(())
    }
}

/// Why a record can't go that others hold on to.
fn held_by(org: &Org, object: &Object, record: &Record) -> Option<String> {
    let held = hanging(org, object, &record.id, |field| field.restrict, false);
    let (child, _) = held.first()?;
    let names: Vec<&str> =
        held.iter().filter(|(of, _)| of.name == child.name).map(|(_, it)| name(it)).collect();
    let plural = values::label(&child.plural).to_lowercase();
    Some(format!("it is associated with the following {plural}.: {}", names.join(", ")))
}

fn name(record: &Record) -> &str {
    ["Name", "CaseNumber"]
        .into_iter()
        .map(|field| record.text(field))
        .find(|it| !it.is_empty())
        .unwrap_or("record")
}

/// The records below another by references of one kind, those in the recycle bin or the others.
fn hanging(
    org: &Org,
    object: &Object,
    id: &str,
    by: impl Fn(&Field) -> bool,
    deleted: bool,
) -> Vec<(Arc<Object>, Arc<Record>)> {
    let references = org.schema.children(&object.name).filter(|(_, _, field)| by(field));
    let children = references.flat_map(|(_, child, field)| {
        let records = org.store.table(&child.name).with(&field.name, id);
        let records = records.filter(move |record| record.is("IsDeleted") == deleted);
        records.map(move |record| (child.clone(), record.clone()))
    });
    children.collect()
}

impl Salesforce {
    /// Takes a record out of the recycle bin, with what was deleted along with it.
    pub fn undelete(&self, object: &str, id: &str) -> Result<(), Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        let id = ids::normalise(id).unwrap_or_default();
        let deleted = org.store.table(&object.name).get(&id).filter(|record| record.is("IsDeleted"));
        let deleted = deleted
            .cloned()
            .ok_or_else(|| Refused::record("UNDELETE_FAILED", "Entity is not in the recycle bin", &[]))?;
        restore(&mut org, &object, &deleted, &writer);
        Ok(())
    }

    /// Two records become the first one: what hung on the other hangs on it, and the other is deleted with
    /// the first one's id in `MasterRecordId`.
    pub fn merge(&self, object: &str, winner: &str, loser: &str) -> Result<(), Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        let [winner, loser] = [winner, loser].map(|id| ids::normalise(id).unwrap_or_default());
        if object.field("MasterRecordId").is_none() || winner == loser {
            let message = "Only two different accounts, contacts or leads can be merged";
            return Err(Refused::record("INVALID_OPERATION", message, &[]));
        }
        let alive = |org: &Org, id: &str| {
            org.store.table(&object.name).get(id).is_some_and(|record| !record.is("IsDeleted"))
        };
        if !alive(&org, &winner) || !alive(&org, &loser) {
            return Err(Refused::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]));
        }
        reparent(&mut org, &object, &winner, &loser, &writer);
        org.remove(&object, &loser, &writer)?;
        change(&mut org, &object, &loser, &[("MasterRecordId", &winner)], &writer);
        change(&mut org, &object, &winner, &[], &writer);
        Ok(())
    }
}

fn restore(org: &mut Org, object: &Arc<Object>, deleted: &Record, writer: &Writer) {
    let mut after = deleted.clone();
    after.fields.insert("IsDeleted".into(), false.into());
    org.sign(&mut after.fields, &deleted.id, &writer.user, false);
    let after = org.store.put(object, after);
    org.note(object, Kind::Undelete, None, &after, writer);
    for (child, record) in hanging(org, object, &deleted.id, Field::goes_along, true) {
        // What was deleted by itself stays where it is.
        if record.text("SystemModstamp") == deleted.text("SystemModstamp") {
            restore(org, &child, &record, writer);
        }
    }
    rules::settle(org, object, &after, Some(deleted));
}

/// Whatever names the loser names the winner from now on.
fn reparent(org: &mut Org, object: &Object, winner: &str, loser: &str, writer: &Writer) {
    let mut moved: Vec<(Arc<Object>, String, String)> = Vec::new();
    for child in &org.schema.objects {
        for field in child.fields.iter().filter(|field| field.reference_to.contains(&object.name)) {
            let found =
                org.store.table(&child.name).with(&field.name, loser).filter(|it| !it.is("IsDeleted"));
            moved.extend(found.map(|it| (child.clone(), it.id.clone(), field.name.clone())));
        }
    }
    for (child, id, field) in moved {
        change(org, &child, &id, &[(&field, winner)], writer);
    }
}

fn change(org: &mut Org, object: &Arc<Object>, id: &str, values: &[(&str, &str)], writer: &Writer) {
    let Some(before) = org.store.table(&object.name).get(id).cloned() else { return };
    let mut after = (*before).clone();
    after.fields.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    org.sign(&mut after.fields, id, &writer.user, false);
    let after = org.store.put(object, after);
    if !after.is("IsDeleted") {
        org.note(object, Kind::Update, Some(&before), &after, writer);
    }
}
