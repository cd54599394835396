//! Contacts, as people enter, edit, archive, merge and erase them.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ledger, NotTaken};
use crate::xero::documents::contacts::Contacts;
use crate::xero::documents::contacts::contact::{Contact, ContactStatus, name_key, number_key};
use crate::xero::documents::contacts::rules as contact_rules;
use crate::xero::documents::head::{Headed, contact_key, mark_contact};
use crate::xero::shelf::Shelf;

impl Ledger {
    /// Fields as the API has them, e.g. `{"Name": "Acme", "EmailAddress": "a@acme.test"}`.
    pub fn add_contact(&self, fields: Value) -> Result<Contact, NotTaken> {
        self.write_contact(fields, None)
    }

    pub fn add_contact_named(&self, name: &str) -> Result<Contact, NotTaken> {
        self.add_contact(json!({ "Name": name }))
    }

    /// Unlike the API, a person may edit an archived contact, e.g. restore it with `ContactStatus`.
    pub fn edit_contact(&self, id: Uuid, fields: Value) -> Result<Contact, NotTaken> {
        let restores = fields.get("ContactStatus").and_then(Value::as_str) == Some("ACTIVE");
        let before = self.contact(id).filter(|held| restores && !held.is_active());
        if before.is_some() {
            self.set_status(id, ContactStatus::Active, None);
        }
        let saved = self.write_contact(fields, Some(id));
        if let (Err(_), Some(before)) = (&saved, before) {
            self.change(|organisation| organisation.shelves.contacts.put(before));
        }
        saved
    }

    fn write_contact(&self, fields: Value, id: Option<Uuid>) -> Result<Contact, NotTaken> {
        let now = self.xero.now();
        let Value::Object(mut fields) = fields else {
            return Err(NotTaken(vec!["Not an object".to_owned()]));
        };
        fields.extend(id.map(|id| ("ContactID".to_owned(), id.to_string().into())));
        let persons = id.and_then(|id| self.contact(id)).map(|held| held.persons);
        fields.entry("ContactPersons").or_insert_with(|| Value::Array(persons.unwrap_or_default()));
        self.enter(|organisation| {
            let id = contact_rules::save(organisation, now, id.is_none(), &fields)?;
            Ok(organisation.shelves.contacts.get(id).cloned())
        })
    }

    /// Xero erases contacts on request of a person, and knows nothing of them afterwards.
    pub fn erase_contact(&self, id: Uuid) {
        self.change(|organisation| organisation.shelves.contacts.remove(id));
    }

    /// Somebody asks for their data to be erased: the contact waits for it, and takes nothing any more.
    pub fn request_erasure(&self, id: Uuid) {
        self.set_status(id, ContactStatus::GdprRequest, None);
    }

    pub fn archive_contact(&self, id: Uuid) {
        self.set_status(id, ContactStatus::Archived, None);
    }

    /// The loser is archived and says who won; all that is its own becomes the winner's.
    pub fn merge_contacts(&self, loser: Uuid, winner: Uuid) {
        self.set_status(loser, ContactStatus::Archived, Some(winner));
        let now = self.xero.now();
        self.change(|organisation| {
            let shelves = &mut organisation.shelves;
            move_all(&mut shelves.invoices, loser, winner, now);
            move_all(&mut shelves.credit_notes, loser, winner, now);
            move_all(&mut shelves.quotes, loser, winner, now);
            move_all(&mut shelves.purchase_orders, loser, winner, now);
            move_all(&mut shelves.repeating_invoices, loser, winner, now);
            move_all(&mut shelves.bank_transactions, loser, winner, now);
            move_all(&mut shelves.prepayments, loser, winner, now);
            move_all(&mut shelves.overpayments, loser, winner, now);
            shelves.projects.edit_all(&contact_key(loser), |project| project.take_contact(winner, now));
            organisation.replace_member(loser, winner, now);
            let Some(held) = organisation.shelves.contacts.get(loser) else { return };
            let sides = [(true, held.is_customer), (false, held.is_supplier)];
            for (is_sale, _) in sides.into_iter().filter(|(_, is_one)| *is_one) {
                mark_contact(organisation, winner, is_sale);
            }
        });
    }

    fn set_status(&self, id: Uuid, status: ContactStatus, merged_to: Option<Uuid>) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut contact) = organisation.shelves.contacts.get(id).cloned() {
                contact.status = status;
                contact.merged_to = merged_to;
                contact.updated = now;
                organisation.shelves.contacts.put(contact);
                organisation.record(id, "Edited", now);
            }
        });
    }

    /// Contacts as people make them: a name, sometimes an e-mail address, never a ContactNumber.
    pub fn seed_contacts(&self, count: usize) -> Vec<Contact> {
        let names: Vec<String> = (1..=count).map(|number| format!("Customer {number:05}")).collect();
        self.seed_contacts_named(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Names that are held already are left as they are.
    pub fn seed_contacts_named(&self, names: &[&str]) -> Vec<Contact> {
        let entries = names.iter().enumerate().filter_map(|(place, name)| {
            let mailbox: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let email = if place % 2 == 0 && !mailbox.is_empty() {
                format!("{}@example.com", mailbox.to_lowercase())
            } else {
                String::new()
            };
            self.add_contact(json!({ "Name": name, "EmailAddress": email })).ok()
        });
        entries.collect()
    }

    pub fn contacts(&self) -> Vec<Contact> {
        self.look(|organisation| organisation.shelves.contacts.since(None).cloned().collect())
            .unwrap_or_default()
    }

    pub fn contact(&self, id: Uuid) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.get(id).cloned()).flatten()
    }

    /// The active contact of that name, in any case.
    pub fn contact_named(&self, name: &str) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.find(&name_key(name)).cloned()).flatten()
    }

    pub fn contact_numbered(&self, number: &str) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.find(&number_key(number)).cloned()).flatten()
    }

    /// As `GET /Contacts?page=…` would show all of them.
    pub fn contacts_as_json(&self) -> Vec<Value> {
        self.page_of::<Contacts>()
    }

    pub fn count_contacts(&self) -> usize {
        self.look(|organisation| organisation.shelves.contacts.len()).unwrap_or(0)
    }
}

/// Documents that are the loser's become the winner's.
fn move_all<D: Headed>(shelf: &mut Shelf<D>, loser: Uuid, winner: Uuid, now: Timestamp) {
    shelf.edit_all(&contact_key(loser), |document| {
        let head = document.head_mut();
        (head.contact_id, head.updated) = (winner, now);
    });
}
