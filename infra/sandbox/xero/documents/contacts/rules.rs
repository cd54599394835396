//! Writing contacts: which one is meant, what may be written, what stays.
//!
//! <https://developer.xero.com/documentation/api/accounting/contacts>. Names are unique among active
//! contacts, numbers among all; archived contacts can't be edited.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::contact::{
    ADDRESS_TEXTS, ADDRESS_TYPES, Contact, ContactStatus, KEPT_AS_SENT, PHONE_TEXTS, PHONE_TYPES, TEXTS,
    name_key, number_key,
};
use super::texts::Texts;
use crate::xero::disputed::KnownName;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::writing::{Refused, given, text_of};

pub(crate) const ARCHIVED: &str = "The specified contact details matched an archived contact. Archived contacts cannot \
                        currently be edited via the API.";
pub(crate) const UNIDENTIFIED: &str = "The Contact must contain at least 1 of the following elements to identify the \
                            contact: Name, ContactID, ContactNumber";

/// Also called for the `Contact` block of a document, when it has more than an id.
pub(crate) fn save(
    organisation: &mut Organisation,
    now: Timestamp,
    creates_only: bool,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let held = find(organisation, sent)?;
    let refuse = |id: Option<Uuid>, message: String| Err(Refused::because(id, message));
    if let Some(held) = held {
        if !held.is_active() {
            return refuse(Some(held.id), ARCHIVED.to_owned());
        }
        if creates_only {
            return match given(sent, "ContactNumber").filter(|number| held.number() == Some(number)) {
                Some(number) => refuse(None, number_taken(&number)),
                None => refuse(None, name_taken(held.name())),
            };
        }
    }
    let before = held.cloned();
    let named = given(sent, "Name").or_else(|| before.as_ref().map(|held| held.name().to_owned()));
    let Some(name) = named else {
        let blank = given(sent, "ContactNumber").map(|_| "The contact name cannot be blank".to_owned());
        return refuse(None, blank.unwrap_or_else(|| UNIDENTIFIED.to_owned()));
    };
    let id = before.as_ref().map(|held| held.id);
    let mut messages = Messages::default();
    let taken = |other: &Contact| Some(other.id) != id;
    if organisation.shelves.contacts.find(&name_key(&name)).is_some_and(taken) {
        messages.push(name_taken(&name));
    }
    let number = given(sent, "ContactNumber");
    if let Some(number) =
        number.filter(|number| organisation.shelves.contacts.find(&number_key(number)).is_some_and(taken))
    {
        messages.push(number_taken(&number));
    }
    let changes = match (before.is_some(), given(sent, "ContactStatus").as_deref()) {
        (false, _) => "Created",
        (true, Some("ARCHIVED")) => "Archived",
        (true, _) => "Edited",
    };
    let mut contact = match before {
        Some(held) => held,
        None => Contact::new(organisation.ids.next(), now),
    };
    apply(&mut contact, sent, &mut messages);
    check_currency(organisation, &contact, &mut messages);
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    contact.updated = now;
    let id = contact.id;
    organisation.shelves.contacts.put(contact);
    organisation.record(id, changes, now);
    Ok(id)
}

/// By id, then by number; by name alone only where that side of the dispute was taken.
fn find<'a>(
    organisation: &'a Organisation,
    sent: &Map<String, Value>,
) -> Result<Option<&'a Contact>, Refused> {
    if let Some(id) = given(sent, "ContactID") {
        let id = Uuid::parse_str(&id).map_err(|_| Refused::NotFound)?;
        if !id.is_nil() {
            return organisation.shelves.contacts.get(id).map(Some).ok_or(Refused::NotFound);
        }
    }
    let key = match given(sent, "ContactNumber") {
        Some(number) => Some(number_key(&number)),
        None if organisation.disputed.known_name == KnownName::Refused => None,
        None => given(sent, "Name").map(|name| name_key(&name)),
    };
    Ok(key.and_then(|key| organisation.shelves.contacts.find(&key)))
}

pub(crate) fn name_taken(name: &str) -> String {
    format!(
        "The contact name {name} is already assigned to another contact. The contact name must be unique \
         across all active contacts."
    )
}

/// The wording is not recorded; it follows the one for names.
fn number_taken(number: &str) -> String {
    format!(
        "The contact number {number} is already assigned to another contact. The contact number must be unique \
         across all contacts."
    )
}

/// Fields that are left out stay, except the persons: leaving them out removes them.
fn apply(contact: &mut Contact, sent: &Map<String, Value>, messages: &mut Messages) {
    match given(sent, "ContactStatus").as_deref() {
        None | Some("ACTIVE") => {}
        Some("ARCHIVED") => contact.status = ContactStatus::Archived,
        Some(other) => messages.push(format!("The ContactStatus '{other}' is not valid")),
    }
    for (field, longest) in TEXTS {
        if let Some(text) = text_of(sent, field) {
            check_length(field, &text, *longest, messages);
            contact.texts.insert(field, &text);
        }
    }
    check_name(contact.name(), messages);
    if contact.email().is_some_and(|email| !email.is_ascii() || !email.contains('@') || email.contains(' ')) {
        messages.push("Email address must be valid.".to_owned());
    }
    slots(sent, "Phones", "PhoneType", &PHONE_TYPES, &PHONE_TEXTS, &mut contact.phones, messages);
    slots(sent, "Addresses", "AddressType", &ADDRESS_TYPES, &ADDRESS_TEXTS, &mut contact.addresses, messages);
    let letters =
        |text: &str| text.chars().all(|letter| letter.is_alphabetic() || " -.,'()&".contains(letter));
    if !contact.addresses.iter().filter_map(|address| address.get("Country")).all(letters) {
        messages.push("The Country field accepts only letters".to_owned());
    }
    let persons = sent.get("ContactPersons").and_then(Value::as_array);
    contact.persons = persons.cloned().unwrap_or_default();
    if contact.persons.len() > 5 {
        messages.push("A contact can have at most 5 ContactPersons".to_owned());
    }
    for field in KEPT_AS_SENT {
        if let Some(value) = sent.get(field) {
            contact.kept.insert(field.to_owned(), value.clone());
        }
    }
}

fn check_name(name: &str, messages: &mut Messages) {
    if name.is_empty() {
        messages.push("The contact name cannot be blank".to_owned());
    }
    if name.contains(['<', '>']) {
        messages.push("The contact name cannot contain angle brackets".to_owned());
    }
    if name.trim() != name || name.contains("  ") {
        messages.push("The contact name cannot have leading, trailing or double spaces".to_owned());
    }
}

/// The wording is not recorded.
fn check_length(field: &str, text: &str, longest: usize, messages: &mut Messages) {
    if text.chars().count() > longest {
        messages.push(format!("The {field} field must not exceed {longest} characters"));
    }
}

/// Fixed slots: what is sent for a type is merged into its slot.
fn slots<const N: usize>(
    sent: &Map<String, Value>,
    list: &str,
    type_field: &str,
    types: &[&str; N],
    texts: &'static [(&'static str, usize)],
    held: &mut [Texts; N],
    messages: &mut Messages,
) {
    for slot in sent.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let kind = given(slot, type_field).unwrap_or_else(|| types[0].to_owned());
        let Some(place) = types.iter().position(|known| kind.eq_ignore_ascii_case(known)) else {
            // A delivery address belongs to documents; Xero takes it and shows nothing.
            if kind != "DELIVERY" {
                messages.push(format!("The {type_field} '{kind}' is not valid"));
            }
            continue;
        };
        for (field, longest) in texts {
            if let Some(text) = text_of(slot, field) {
                check_length(field, &text, *longest, messages);
                held[place].insert(field, &text);
            }
        }
    }
}

fn check_currency(organisation: &Organisation, contact: &Contact, messages: &mut Messages) {
    let currency = contact.text("DefaultCurrency");
    if let Some(currency) = currency.filter(|currency| !organisation.has_currency(currency)) {
        messages.push(format!("Organisation is not subscribed to currency {currency}"));
    }
}
