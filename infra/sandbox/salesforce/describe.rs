//! What the org has: describe of all objects and of one.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::conditional::{Version, known_already};
use super::objects::{Field, FieldType, Object};
use super::org::{Org, Writer};
use super::recent;
use super::record_types;
use super::values::label;

pub(crate) fn global(org: &Org, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let sobjects: Vec<Value> =
        org.schema.objects.iter().map(|object| about(object, &asked.version)).collect();
    unless_known(org, asked, || json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects }))
}

pub(crate) fn basic(org: &Org, writer: &Writer, asked: &Asked<'_>, object: &str) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    let recent = recent::items(org, &writer.user, Some(&object.name), &asked.version, usize::MAX);
    Ok(Answer::ok(json!({ "objectDescribe": about(&object, &asked.version), "recentItems": recent })))
}

pub(crate) fn object(org: &Org, asked: &Asked<'_>, object: &str) -> Result<Answer, Refused> {
    let object = org.object(object)?;
    unless_known(org, asked, || {
        let mut about = about(&object, &asked.version);
        about["fields"] = object.fields.iter().map(field).collect();
        let children = org.schema.children(&object.name);
        about["childRelationships"] = children
            .map(|(name, child, field)| {
                json!({ "cascadeDelete": field.goes_along(), "childSObject": child.name, "deprecatedAndHidden": false,
                        "field": field.name, "junctionIdListNames": [], "junctionReferenceTo": [],
                        "relationshipName": name, "restrictedDelete": field.restrict })
            })
            .collect();
        about["recordTypeInfos"] = record_types::infos(org, &object);
        about
    })
}

/// By the date alone: the schema has no tag.
fn unless_known(org: &Org, asked: &Asked<'_>, body: impl FnOnce() -> Value) -> Result<Answer, Refused> {
    let version = Version { modified: org.schema_changed, tag: None };
    let known = known_already(asked, &version)?;
    Ok(version.on(if known { Answer::empty(304) } else { Answer::ok(body()) }))
}

fn about(object: &Object, version: &str) -> Value {
    let url = format!("/services/data/{version}/sobjects/{}", object.name);
    let replicateable = !matches!(object.name.as_str(), "Organization" | "Note");
    json!({
        "activateable": false, "createable": object.name != "Organization", "custom": object.custom(),
        "customSetting": false, "deletable": !matches!(object.name.as_str(), "Organization" | "User"),
        "deprecatedAndHidden": false, "feedEnabled": true, "keyPrefix": object.prefix, "label": label(&object.name),
        "labelPlural": label(&object.plural), "layoutable": true, "mergeable": false, "name": object.name,
        "queryable": true, "replicateable": replicateable, "retrieveable": true, "searchable": true,
        "triggerable": true, "undeletable": true, "updateable": true,
        "urls": { "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}") },
    })
}

fn field(field: &Field) -> Value {
    let picklist: Vec<Value> = field
        .picklist
        .iter()
        .map(|value| {
            let default = field.default.as_ref() == Some(value);
            json!({ "active": true, "defaultValue": default, "label": value, "validFor": null, "value": value })
        })
        .collect();
    let text = field.kind.is_text();
    let filterable = field.filterable();
    json!({
        "aggregatable": field.aggregatable(), "autoNumber": matches!(field.name.as_str(), "CaseNumber" | "OrderNumber" | "QuoteNumber"), "byteLength": field.length * 3,
        "calculated": false, "caseSensitive": false, "createable": field.createable,
        "custom": field.name.ends_with("__c"), "defaultValue": (field.kind == FieldType::Boolean).then_some(false),
        "defaultedOnCreate": field.default.is_some() || field.name == "OwnerId" || field.kind == FieldType::Boolean
            || (!field.createable && field.kind != FieldType::Address),
        "deprecatedAndHidden": false, "digits": if field.kind == FieldType::Int { field.precision } else { 0 },
        "externalId": field.external_id, "filterable": filterable, "groupable": field.groupable(),
        "idLookup": field.id_lookup, "inlineHelpText": null, "label": label(&field.name),
        "length": field.length, "name": field.name, "nameField": matches!(field.name.as_str(), "Name" | "CaseNumber"),
        "nillable": !field.required && field.kind != FieldType::Boolean && field.kind != FieldType::Id,
        "picklistValues": picklist, "polymorphicForeignKey": field.polymorphic(), "precision": field.precision,
        "referenceTo": field.reference_to, "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted, "scale": field.scale, "soapType": soap_type(field.kind),
        "sortable": filterable, "type": field.kind.name(), "unique": field.unique,
        "updateable": field.updateable, "highScaleNumber": false, "htmlFormatted": false, "encrypted": false,
        "permissionable": !field.required && text,
    })
}

fn soap_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Id | FieldType::Reference => "tns:ID",
        FieldType::Boolean => "xsd:boolean",
        FieldType::Int => "xsd:int",
        FieldType::Date => "xsd:date",
        FieldType::DateTime => "xsd:dateTime",
        FieldType::Time => "xsd:time",
        FieldType::Address => "urn:address",
        FieldType::Base64 => "xsd:base64Binary",
        kind if kind.is_number() => "xsd:double",
        _ => "xsd:string",
    }
}
