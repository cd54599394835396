//! Out of the recycle bin again, and two records made one: what people do in the org, and no REST call does.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_undelete.htm
//! https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm

use std::sync::Arc;

use super::Salesforce;
use super::answer::Refused;
use super::change_events::Kind;
use super::ids;
use super::objects::Object;
use super::org::{Org, Writer};
use super::rules;
use super::store::Record;

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
    let along: Vec<(Arc<Object>, Record)> = org
        .schema
        .children(&object.name)
        .filter(|(_, _, field)| field.master)
        .flat_map(|(_, child, field)| {
            let children = org.store.table(&child.name).with(&field.name, &deleted.id);
            let stamp = deleted.text("SystemModstamp");
            let along = children.filter(move |it| it.is("IsDeleted") && it.text("SystemModstamp") == stamp);
            along.map(|record| (child.clone(), (**record).clone())).collect::<Vec<_>>()
        })
        .collect();
    for (child, record) in along {
        restore(org, &child, &record, writer);
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
