//! Record types: an object has the field only once it has a type; new records get the first one.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_recordtype.htm

use serde_json::{Value, json};

use super::Salesforce;
use super::answer::Refused;
use super::objects::Object;
use super::org::Org;
use super::store::{Fields, Record};

const FIELD: &str = "RecordTypeId: reference -> RecordType as RecordType";

/// The default on create; and a type must be one of this object, and in use.
pub(crate) fn settle(
    org: &Org,
    object: &Object,
    fields: &mut Fields,
    before: Option<&Record>,
) -> Result<(), Refused> {
    if object.field("RecordTypeId").is_none() {
        return Ok(());
    }
    let given = fields.get("RecordTypeId").and_then(Value::as_str).unwrap_or_default().to_owned();
    if given.is_empty() {
        if before.is_none()
            && let Some(first) = of(org, object).next()
        {
            fields.insert("RecordTypeId".into(), first.id.clone().into());
        }
        return Ok(());
    }
    if of(org, object).any(|known| known.id == given) {
        return Ok(());
    }
    let message = format!("Record Type ID: this ID value isn't valid for the user: {given}");
    Err(Refused::record("INVALID_CROSS_REFERENCE_KEY", message, &["RecordTypeId"]))
}

fn of<'a>(org: &'a Org, object: &'a Object) -> impl Iterator<Item = &'a Record> {
    let mut types: Vec<&Record> = org
        .store
        .table("RecordType")
        .all()
        .map(std::convert::AsRef::as_ref)
        .filter(|it| it.is("IsActive") && it.text("SobjectType") == object.name)
        .collect();
    types.sort_by(|left, right| left.id.cmp(&right.id));
    types.into_iter()
}

/// `recordTypeInfos` of describe: the org's own and the master that every object has.
pub(crate) fn infos(org: &Org, object: &Object) -> Value {
    let info = |name: &str, developer: &str, id: &str, default: bool, master: bool| {
        json!({ "active": true, "available": true, "defaultRecordTypeMapping": default,
                "developerName": developer, "master": master, "name": name, "recordTypeId": id, "urls": {} })
    };
    let mut infos: Vec<Value> = of(org, object)
        .enumerate()
        .map(|(place, it)| info(it.text("Name"), it.text("DeveloperName"), &it.id, place == 0, false))
        .collect();
    let alone = infos.is_empty();
    infos.push(info("Master", "Master", "012000000000000AAA", alone, true));
    infos.into()
}

impl Salesforce {
    /// A record type of an object; its id. The first one is what new records get.
    pub fn add_record_type(&self, object: &str, developer_name: &str, name: &str) -> Result<String, String> {
        let mut org = self.org();
        let object = org.object(object).map_err(|refused| refused.message)?;
        if object.field("RecordTypeId").is_none() {
            org.schema.add_field(&object.name, FIELD)?;
        }
        org.schema_changed = org.now;
        Ok(org.place(
            "RecordType",
            json!({ "SobjectType": object.name, "DeveloperName": developer_name, "Name": name, "IsActive": true }),
        ))
    }
}
