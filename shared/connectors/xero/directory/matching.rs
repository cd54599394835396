//! Which contact a step means: alternatives in order, all the fields of one must agree, an empty value never matches.

use std::sync::Arc;

use super::contact::{Contact, normalised};
use super::contacts::Contacts;
use crate::connectors::xero::wire::text;
use crate::domain::flow::{IfMany, Matching};
use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};

/// The contact that the first matching alternative names. Merged contacts are followed to where they went; one that
/// is only archived is an error, since Xero takes no documents for it.
pub(crate) fn match_contact(
    contacts: &Contacts,
    matching: &Matching,
    default: &[&str],
    input: &Object,
) -> Result<Option<Arc<Contact>>, Failure> {
    let input = Value::Object(input.clone());
    let own: Vec<Vec<String>> = default.iter().map(|field| vec![(*field).to_owned()]).collect();
    let alternatives = if matching.alternatives.is_empty() { &own } else { &matching.alternatives };
    for fields in alternatives {
        let found = alternative(contacts, fields, &input);
        if !found.is_empty() {
            return choose(contacts, found, fields, matching.if_many).map(Some);
        }
    }
    Ok(None)
}

fn alternative(contacts: &Contacts, fields: &[String], input: &Value) -> Vec<Arc<Contact>> {
    let wanted: Option<Vec<(&str, &str)>> =
        fields.iter().map(|field| text(input, field).map(|value| (field.as_str(), value))).collect();
    let Some([(first, value), rest @ ..]) = wanted.as_deref() else { return Vec::new() };
    let agrees = |contact: &Arc<Contact>| {
        rest.iter().all(|(field, value)| {
            contact.get(field).is_some_and(|known| normalised(known) == normalised(value))
        })
    };
    contacts.find(first, value).into_iter().filter(|contact| !contact.is_gone()).filter(agrees).collect()
}

fn choose(
    contacts: &Contacts,
    found: Vec<Arc<Contact>>,
    fields: &[String],
    if_many: IfMany,
) -> Result<Arc<Contact>, Failure> {
    let mut active: Vec<Arc<Contact>> =
        found.iter().filter_map(|contact| survivor(contacts, contact)).collect();
    active.sort_by(|a, b| (a.updated(), a.id()).cmp(&(b.updated(), b.id())));
    active.dedup_by(|a, b| a.id() == b.id());
    let by = fields.join(" and ");
    match (active.len(), if_many) {
        (0, _) => Err(Failure::new(
            "contact_archived",
            format!(
                "the only contact with this {by} is archived ({}): restore it in Xero, or match another one",
                ids(&found)
            ),
        )),
        (1, _) | (_, IfMany::Oldest) => Ok(active.remove(0)),
        (_, IfMany::Newest) => Ok(active.remove(active.len() - 1)),
        (many, IfMany::Fail) => Err(Failure::new(
            "many_contacts",
            format!(
                "{many} contacts have this {by} ({}): merge them in Xero, match by more, or say if_many: oldest or newest",
                ids(&active)
            ),
        )),
    }
}

/// The active contact that this one is, or went into by merges.
fn survivor(contacts: &Contacts, contact: &Arc<Contact>) -> Option<Arc<Contact>> {
    let mut contact = contact.clone();
    // Longer chains of merges would be a circle.
    for _ in 0..20 {
        match contact.merged_to() {
            Some(next) => contact = contacts.get(next)?.clone(),
            None => return contact.is_active().then_some(contact),
        }
    }
    None
}

fn ids(contacts: &[Arc<Contact>]) -> String {
    contacts.iter().take(5).map(|contact| contact.id()).collect::<Vec<_>>().join(", ")
}
