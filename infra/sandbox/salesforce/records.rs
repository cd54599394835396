//! Creating and changing records, whoever asks: the REST rows, the collections, people and seeds. Deleting them is in
//! `recycle_bin.rs`.
//!
//! Checks in Salesforce's order: the fields, arranged refusals, what the object works out, required fields,
//! references, validation rules, duplicate rules, uniqueness. Nothing is written before all have passed.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Refused;
use super::change_events::Kind;
use super::duplicates;
use super::ids;
use super::objects::{Field, FieldType, Object};
use super::org::{Org, Writer};
use super::record_types;
use super::refusals::validate;
use super::rules;
use super::store::{Fields, Record};
use super::values;

/// What came of an upsert.
#[derive(Debug, PartialEq)]
pub(crate) enum Upserted {
    Created(String),
    Updated(String),
    /// Several records have the value: nothing was written.
    Ambiguous(Vec<String>),
}

/// A value as a lookup field keeps it, so that `7` and `7.00` are one; none where nothing can have it.
pub(crate) fn lookup_key(field: &Field, value: &Value) -> Option<String> {
    let kept = values::read(field, value).ok()?;
    (!kept.is_null()).then(|| values::spelled(&kept))
}

/// A record inside another says first what it is.
pub(crate) fn begins_with_attributes(nested: &Fields) -> bool {
    nested.keys().next().is_some_and(|first| first == "attributes")
}

pub(crate) fn without_attributes() -> Refused {
    let message =
        "Nested object for polymorphic foreign key must have an attributes field before any other fields.";
    Refused::new(400, "JSON_PARSER_ERROR", message)
}

impl Org {
    pub(crate) fn create(
        &mut self,
        object: &Arc<Object>,
        input: &Fields,
        writer: &Writer,
    ) -> Result<String, Refused> {
        let mut fields = self.read(object, input, writer, |field| field.createable)?;
        self.refusals.meet(object, None, writer)?;
        for field in &object.fields {
            match (&field.default, field.kind) {
                (Some(default), _) if fields.get(&field.name).is_none_or(Value::is_null) => {
                    fields.insert(field.name.clone(), default.clone().into());
                }
                (_, FieldType::Boolean) if !fields.contains_key(&field.name) => {
                    fields.insert(field.name.clone(), false.into());
                }
                _ => {}
            }
        }
        if object.field("OwnerId").is_some() && fields.get("OwnerId").is_none_or(Value::is_null) {
            fields.insert("OwnerId".into(), writer.user.clone().into());
        }
        if object.field("CurrencyIsoCode").is_some() && !fields.contains_key("CurrencyIsoCode") {
            fields.insert("CurrencyIsoCode".into(), self.options.currency.clone().into());
        }
        let id = self.next_id(object);
        self.save(object, Record { id: id.clone(), fields }, None, writer)?;
        Ok(id)
    }

    pub(crate) fn change(
        &mut self,
        object: &Arc<Object>,
        id: &str,
        input: &Fields,
        writer: &Writer,
    ) -> Result<(), Refused> {
        let before = self.alive(object, id)?;
        let changes = self.read(object, input, writer, |field| field.updateable)?;
        self.refusals.meet(object, Some(&before.id), writer)?;
        let mut after = (*before).clone();
        rules::forget_worked_out(object, &mut after.fields, &changes);
        after.fields.extend(changes);
        self.save(object, after, Some(&before), writer)
    }

    /// By external id: creates, changes, or finds too many.
    pub(crate) fn upsert(
        &mut self,
        object: &Arc<Object>,
        (key, value): (&Field, &Value),
        input: &Fields,
        update_only: bool,
        writer: &Writer,
    ) -> Result<Upserted, Refused> {
        let found = self.with_value(object, key, value);
        match found.as_slice() {
            [] if update_only || key.kind == FieldType::Id => Err(Refused::not_found()),
            [] => {
                let mut fields = input.clone();
                fields.insert(key.name.clone(), value.clone());
                self.create(object, &fields, writer).map(Upserted::Created)
            }
            [id] => {
                self.change(object, id, input, writer)?;
                Ok(Upserted::Updated(id.clone()))
            }
            _ => Ok(Upserted::Ambiguous(found)),
        }
    }

    /// A field that records may be looked up by.
    pub(crate) fn lookup_field<'a>(&self, object: &'a Object, name: &str) -> Result<&'a Field, Refused> {
        object.field(name).filter(|field| field.id_lookup).ok_or_else(|| {
            let message = format!("Provided external ID field does not exist or is not accessible: {name}");
            Refused::new(404, "NOT_FOUND", message)
        })
    }

    /// The ids of the records, alive, whose lookup field has the value, however it is written.
    pub(crate) fn with_value(&self, object: &Object, field: &Field, value: &Value) -> Vec<String> {
        let table = self.store.table(&object.name);
        let Some(key) = lookup_key(field, value) else { return Vec::new() };
        let alive = |record: &&Arc<Record>| !record.is("IsDeleted");
        let id = |record: &Arc<Record>| record.id.clone();
        if field.kind == FieldType::Id {
            return table.get(&key).filter(alive).map(id).into_iter().collect();
        }
        table.with(&field.name, &key).filter(alive).map(id).collect()
    }

    /// A record that is there to be written: not there is an invalid cross reference, deleted says so.
    pub(super) fn alive(&self, object: &Object, id: &str) -> Result<Arc<Record>, Refused> {
        let known = ids::normalise(id).and_then(|id| self.store.table(&object.name).get(&id).cloned());
        match known {
            None => Err(Refused {
                status: 404,
                ..Refused::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])
            }),
            Some(record) if record.is("IsDeleted") => {
                Err(Refused { status: 404, ..Refused::record("ENTITY_IS_DELETED", "entity is deleted", &[]) })
            }
            Some(record) => Ok(record),
        }
    }

    /// Every value that was sent, as its field keeps it.
    fn read(
        &self,
        object: &Object,
        input: &Fields,
        writer: &Writer,
        open: impl Fn(&Field) -> bool,
    ) -> Result<Fields, Refused> {
        let mut read = Fields::new();
        for (name, value) in input.iter().filter(|(name, _)| *name != "attributes") {
            match object.field(name) {
                Some(field) if !open(field) => {
                    let message = format!(
                        "Unable to create/update fields: {}. Please check the security settings of this field \
                         and verify that it is read/write for your profile or permission set.",
                        field.name
                    );
                    return Err(Refused::record("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[&field.name]));
                }
                Some(field) => {
                    read.insert(field.name.clone(), values::read_or_cut(field, value, writer.truncate)?);
                }
                None => match (object.parent(name), value) {
                    (Some(field), Value::Object(key)) => {
                        read.insert(field.name.clone(), self.parent_by_key(field, key)?);
                    }
                    _ => {
                        let message = format!("No such column '{name}' on sobject of type {}", object.name);
                        return Err(Refused::new(400, "INVALID_FIELD", message));
                    }
                },
            }
        }
        Ok(read)
    }

    /// `"Account": {"Xero_Contact_Id__c": "…"}`: the parent, named by its external id.
    fn parent_by_key(&self, field: &Field, key: &Fields) -> Result<Value, Refused> {
        let named =
            key.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
        if field.polymorphic() && (named.is_none() || !begins_with_attributes(key)) {
            return Err(without_attributes());
        }
        let target = named.or(field.reference_to.first().map(String::as_str)).unwrap_or_default();
        let target = self.object(target)?;
        let Some((name, value)) = key.iter().find(|(name, _)| *name != "attributes") else {
            return Ok(Value::Null);
        };
        let known = self.lookup_field(&target, name)?;
        match self.with_value(&target, known, value).as_slice() {
            [id] => Ok(id.clone().into()),
            _ => {
                let message = format!(
                    "Foreign key external ID: {} not found for field {} in entity {}",
                    values::spelled(value).to_lowercase(),
                    known.name,
                    target.name
                );
                Err(Refused::record("INVALID_FIELD", message, &[]))
            }
        }
    }

    fn save(
        &mut self,
        object: &Arc<Object>,
        mut record: Record,
        before: Option<&Record>,
        writer: &Writer,
    ) -> Result<(), Refused> {
        rules::derive(self, object, &mut record.fields, before)?;
        record_types::settle(self, object, &mut record.fields, before)?;
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| {
                field.required && field.kind != FieldType::Boolean && record.get(&field.name).is_null()
            })
            .map(|field| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!("Required fields are missing: [{}]", missing.join(", "));
            return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &missing));
        }
        for field in object.fields.iter().filter(|field| field.kind == FieldType::Reference) {
            let value = record.text(&field.name);
            if !value.is_empty() && before.is_none_or(|before| before.text(&field.name) != value) {
                self.check_reference(field, value)?;
            }
        }
        validate(self, object, &record, before)?;
        duplicates::check(self, object, &record, before, writer)?;
        for field in object.fields.iter().filter(|field| field.unique) {
            let twins = self.with_value(object, field, record.get(&field.name));
            if let Some(other) = twins.into_iter().find(|id| *id != record.id) {
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {}",
                    field.name,
                    &other[..15]
                );
                return Err(Refused::record("DUPLICATE_VALUE", message, &[]));
            }
        }
        let id = record.id.clone();
        self.sign(&mut record.fields, &id, &writer.user, before.is_none());
        let record = self.store.put(object, record);
        let kind = if before.is_none() { Kind::Create } else { Kind::Update };
        self.note(object, kind, before, &record, writer);
        rules::settle(self, object, &record, before);
        self.notify(object, &record);
        Ok(())
    }

    fn check_reference(&self, field: &Field, id: &str) -> Result<(), Refused> {
        let target = self.schema.by_prefix(id).filter(|target| field.reference_to.contains(&target.name));
        let Some(target) = target else {
            let label = values::label(&field.name);
            let message = format!("{}: id value of incorrect type: {id}", label.replace(" Id", " ID"));
            return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &[&field.name]));
        };
        match self.store.table(&target.name).get(id) {
            None => Err(Refused::record("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
            Some(parent) if parent.is("IsDeleted") => {
                Err(Refused::record("ENTITY_IS_DELETED", "entity is deleted", &[]))
            }
            Some(_) => Ok(()),
        }
    }
}
