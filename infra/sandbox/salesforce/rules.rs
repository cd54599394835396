//! What Salesforce itself works out or insists on, object by object: names put together, stages that close,
//! totals of lines, members that are there already. One file per family of objects.

mod activities;
mod campaigns;
mod deals;
mod lines;
mod prices;

pub(crate) use lines::broken as broken_totals;

use serde_json::Value;

use super::answer::Refused;
use super::files;
use super::objects::{FieldType, Object};
use super::org::Org;
use super::store::{Fields, Record};

/// Before a change is laid over a record: what the change says anew isn't held against what was worked out before.
pub(crate) fn forget_worked_out(object: &Object, fields: &mut Fields, changes: &Fields) {
    match object.name.as_str() {
        "Event" => activities::forget_worked_out(fields, changes),
        "Opportunity" => deals::forget_worked_out(fields, changes),
        _ => {}
    }
}

/// Fills what is worked out, before the required fields are looked at.
pub(crate) fn derive(
    org: &mut Org,
    object: &Object,
    fields: &mut Fields,
    before: Option<&Record>,
) -> Result<(), Refused> {
    match object.name.as_str() {
        "Contact" | "Lead" | "User" => person(fields),
        "Opportunity" => deals::opportunity(org, fields, before)?,
        "Order" => deals::order(org, fields, before)?,
        "Quote" => deals::quote(org, fields, before),
        "OpportunityLineItem" => lines::opportunity_line(org, fields, before)?,
        "OrderItem" => lines::order_item(org, fields)?,
        "QuoteLineItem" => lines::quote_line(org, fields, before)?,
        "PricebookEntry" => prices::entry(org, fields, before)?,
        "CampaignMember" => campaigns::member(org, fields, before)?,
        "Case" => activities::case(org, fields, before),
        "Task" => activities::task(org, fields, before)?,
        "Event" => activities::event(org, fields)?,
        "ContentVersion" => files::version(org, fields, before)?,
        "ContentDocumentLink" => files::link(org, fields, before)?,
        "ContentNote" => files::note(fields)?,
        "Attachment" => files::attachment(fields),
        _ => {}
    }
    Ok(())
}

/// After a record was written or deleted: what follows from it on other records.
pub(crate) fn settle(org: &mut Org, object: &Object, record: &Record, before: Option<&Record>) {
    match object.name.as_str() {
        "OpportunityLineItem" | "OrderItem" | "QuoteLineItem" => lines::settle(org, object, record),
        "User" if !record.is("IsActive") => org.access.end_sessions_of(&record.id),
        "Quote" => lines::grand_total(org, &record.id),
        "Campaign" if before.is_none() => campaigns::statuses(org, record),
        "ContentVersion" if before.is_none() => files::file(org, record),
        "ContentNote" => files::keep_note(org, record),
        _ => {}
    }
}

/// Why a record can't be deleted.
pub(crate) fn kept(org: &Org, object: &Object, record: &Record) -> Option<String> {
    (object.name == "Account").then(|| deals::won(org, &record.id)).flatten()
}

pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn person(fields: &mut Fields) {
    let parts = [text(fields, "FirstName"), text(fields, "LastName")];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    fields.insert("Name".into(), if name.is_empty() { Value::Null } else { name.into() });
}

/// Fields of type address are read only, put together from their parts.
pub(crate) fn address(object: &Object, record: &Record, name: &str) -> Value {
    let prefix = name.trim_end_matches("Address");
    let part = |what: &str| record.get(&format!("{prefix}{what}")).clone();
    if object.field(name).is_none_or(|field| field.kind != FieldType::Address) {
        return Value::Null;
    }
    let parts = ["City", "Country", "PostalCode", "State", "Street"];
    if parts.iter().all(|what| part(what).is_null()) {
        return Value::Null;
    }
    serde_json::json!({
        "city": part("City"), "country": part("Country"), "geocodeAccuracy": null, "latitude": null,
        "longitude": null, "postalCode": part("PostalCode"), "state": part("State"), "street": part("Street"),
    })
}
