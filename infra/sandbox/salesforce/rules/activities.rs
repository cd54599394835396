//! Cases, tasks and events.

use jiff::SignedDuration;
use serde_json::Value;

use super::super::answer::Refused;
use super::super::org::Org;
use super::super::store::{Fields, Record};
use super::super::values::{instant, stamp};
use super::text;

pub(super) fn case(org: &mut Org, fields: &mut Fields, before: Option<&Record>) {
    let contact = text(fields, "ContactId").to_owned();
    let is_new = before.is_none_or(|before| before.text("ContactId") != contact);
    if is_new && text(fields, "AccountId").is_empty() {
        let account =
            org.store.table("Contact").get(&contact).map(|contact| contact.get("AccountId").clone());
        fields.insert("AccountId".into(), account.unwrap_or_default());
    }
    if before.is_none() {
        let number = 1000 + org.next_number("Case");
        fields.insert("CaseNumber".into(), format!("{number:08}").into());
    }
    let closed = text(fields, "Status") == "Closed";
    let closed_at = match before.filter(|before| before.is("IsClosed")) {
        _ if !closed => Value::Null,
        Some(before) => before.get("ClosedDate").clone(),
        None => stamp(org.now).into(),
    };
    fields.insert("ClosedDate".into(), closed_at);
    fields.insert("IsClosed".into(), closed.into());
}

pub(super) fn task(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    may_be_about(fields)?;
    let completed = text(fields, "Status") == "Completed";
    fields.insert("IsClosed".into(), completed.into());
    fields.insert("IsHighPriority".into(), (text(fields, "Priority") == "High").into());
    let at = match before.filter(|before| before.is("IsClosed")) {
        _ if !completed => Value::Null,
        Some(before) => before.get("CompletedDateTime").clone(),
        None => stamp(org.now).into(),
    };
    fields.insert("CompletedDateTime".into(), at);
    fields.insert("AccountId".into(), account(org, fields));
    Ok(())
}

/// With a lead, an activity is about the lead. The words are ours.
fn may_be_about(fields: &Fields) -> Result<(), Refused> {
    if text(fields, "WhoId").starts_with("00Q") && !text(fields, "WhatId").is_empty() {
        let message = "field integrity exception: WhoId, WhatId (an activity with a lead can't be related to anything \
                       else)";
        return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &["WhoId", "WhatId"]));
    }
    Ok(())
}

/// The account behind what an activity is about, or behind whom it is with.
fn account(org: &Org, fields: &Fields) -> Value {
    let (what, who) = (text(fields, "WhatId"), text(fields, "WhoId"));
    let of = |object: &str, id: &str| {
        org.store.table(object).get(id).map(|record| record.get("AccountId").clone()).unwrap_or_default()
    };
    match what.get(..3) {
        Some("001") => what.into(),
        Some("006") => of("Opportunity", what),
        Some("500") => of("Case", what),
        Some("801") => of("Order", what),
        Some("0Q0") => of("Quote", what),
        _ => of("Contact", who),
    }
}

/// What a change says anew of an event takes the place of what was worked out from it: a new end makes a new length, a
/// new length a new end, and a new start moves the event, unless an end comes with it.
pub(super) fn forget_worked_out(fields: &mut Fields, changes: &Fields) {
    let is_new = |name: &str| changes.get(name).is_some_and(|value| !value.is_null());
    let mut forget = |name: &str| {
        if !is_new(name) {
            fields.remove(name);
        }
    };
    if is_new("StartDateTime") {
        forget("ActivityDateTime");
    }
    if is_new("ActivityDateTime") {
        forget("StartDateTime");
    }
    if is_new("EndDateTime") {
        forget("DurationInMinutes");
    } else if ["StartDateTime", "ActivityDateTime", "DurationInMinutes"].into_iter().any(is_new) {
        forget("EndDateTime");
    }
}

/// A start, and either an end or a length; the missing one follows. Both may be given when they agree.
///
/// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_event.htm
pub(super) fn event(org: &Org, fields: &mut Fields) -> Result<(), Refused> {
    may_be_about(fields)?;
    let start = [text(fields, "StartDateTime"), text(fields, "ActivityDateTime")];
    let start = start.into_iter().find(|at| !at.is_empty()).unwrap_or_default().to_owned();
    if start.is_empty() && text(fields, "ActivityDate").is_empty() {
        let message = "Required fields are missing: [ActivityDateTime]";
        return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &["ActivityDateTime"]));
    }
    fields.insert("AccountId".into(), account(org, fields));
    let Some(begins) = instant(&start) else { return Ok(()) };
    fields.insert("ActivityDate".into(), start[..10].into());
    fields.insert("StartDateTime".into(), start.clone().into());
    fields.insert("ActivityDateTime".into(), start.into());
    let refused =
        |message: &str| Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &["EndDateTime"]));
    match (fields.get("DurationInMinutes").and_then(Value::as_i64), instant(text(fields, "EndDateTime"))) {
        (_, Some(ends)) if ends < begins => return refused("Event end must not be before its start"),
        (Some(minutes), Some(ends)) if ends.duration_since(begins).as_mins() != minutes => {
            return refused("Event end and duration must add up to the same time");
        }
        (None, Some(ends)) => {
            let minutes = ends.duration_since(begins).as_mins();
            fields.insert("DurationInMinutes".into(), minutes.into());
        }
        (Some(minutes), None) => match begins.checked_add(SignedDuration::from_mins(minutes)) {
            Ok(ends) if ends >= begins => drop(fields.insert("EndDateTime".into(), stamp(ends).into())),
            _ => return refused("Event end must not be before its start, nor after all time"),
        },
        (Some(_), Some(_)) | (None, None) => {}
    }
    Ok(())
}
