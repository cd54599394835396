//! Whose a document is: the contact that was sent with it, found, edited or made.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::shape::Head;
use crate::xero::documents::contacts::contact::{name_key, number_key};
use crate::xero::documents::contacts::rules::{self as contact_rules, ARCHIVED};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::writing::{Refused, given};

pub(crate) const NO_CONTACT: &str = "A Contact must be specified for this type of transaction";

impl Head {
    /// The contact that is sent, or else the one that it has; one of them must be.
    pub(crate) fn read_contact(
        &mut self,
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
        missing: &str,
        messages: &mut Messages,
    ) {
        let found = block(sent).map(|block| contact(organisation, request, block));
        self.take_contact(found, missing, messages);
    }

    /// Unlike other documents an order neither makes nor edits contacts.
    pub(crate) fn read_known_contact(
        &mut self,
        organisation: &Organisation,
        sent: &Map<String, Value>,
        messages: &mut Messages,
    ) {
        let found = block(sent).map(|block| known_contact(organisation, block));
        if let Some(Ok(None)) = found {
            messages.push("The Contact of a purchase order must already exist");
        }
        let found = found.map(|found| found.map(Option::unwrap_or_default));
        self.take_contact(found, NO_CONTACT, messages);
    }

    fn take_contact(
        &mut self,
        found: Option<Result<Uuid, Vec<String>>>,
        missing: &str,
        messages: &mut Messages,
    ) {
        match found {
            Some(Ok(contact)) => self.contact_id = contact,
            Some(Err(refused)) => {
                messages.about(About::Contact, |messages| messages.extend(refused));
                self.contact_id = Uuid::nil();
            }
            None if self.contact_id.is_nil() => messages.push(missing),
            None => {}
        }
    }
}

fn block(sent: &Map<String, Value>) -> Option<&Map<String, Value>> {
    sent.get("Contact").and_then(Value::as_object).filter(|block| !block.is_empty())
}

/// A block with nothing but an id refers; with more it edits that contact, or makes one.
fn contact(
    organisation: &mut Organisation,
    request: &Request,
    block: &Map<String, Value>,
) -> Result<Uuid, Vec<String>> {
    let held = known_contact(organisation, block)?;
    let identifies = ["ContactID", "ContactNumber", "Name"];
    match held {
        Some(id) if block.len() == 1 && block.keys().all(|field| identifies.contains(&field.as_str())) => {
            Ok(id)
        }
        held => {
            let mut block = block.clone();
            block.extend(held.map(|id| ("ContactID".to_owned(), id.to_string().into())));
            match contact_rules::save(organisation, request.now, false, &block) {
                Ok(id) => Ok(id),
                Err(Refused::Element { messages, .. }) => Err(messages.sentences()),
                Err(_) => Err(vec!["The contact could not be found".to_owned()]),
            }
        }
    }
}

/// The contact that a block names: by id, by number, or by name. An archived one takes no documents.
pub(crate) fn known_contact(
    organisation: &Organisation,
    block: &Map<String, Value>,
) -> Result<Option<Uuid>, Vec<String>> {
    let contacts = &organisation.shelves.contacts;
    let held = match given(block, "ContactID").map(|id| Uuid::parse_str(&id).ok()) {
        Some(id) => {
            let held = id.and_then(|id| contacts.get(id));
            Some(held.ok_or_else(|| {
                vec!["The contact with the specified ContactID could not be found".to_owned()]
            })?)
        }
        None => {
            let by_number =
                given(block, "ContactNumber").and_then(|number| contacts.find(&number_key(&number)));
            by_number.or_else(|| given(block, "Name").and_then(|name| contacts.find(&name_key(&name))))
        }
    };
    match held {
        Some(held) if !held.is_active() => Err(vec![ARCHIVED.to_owned()]),
        held => Ok(held.map(|held| held.id)),
    }
}

/// The first document makes a customer or supplier; the contact's own stamp stays.
pub(crate) fn mark_contact(organisation: &mut Organisation, contact: Uuid, is_sale: bool) {
    let Some(contact) = organisation.shelves.contacts.get(contact) else { return };
    if (is_sale && contact.is_customer) || (!is_sale && contact.is_supplier) {
        return;
    }
    let mut contact = contact.clone();
    contact.is_customer |= is_sale;
    contact.is_supplier |= !is_sale;
    organisation.shelves.contacts.put(contact);
}
