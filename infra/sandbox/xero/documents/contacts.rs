//! `/Contacts` over the API: what they are asked by, and the echo of a refused element. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/contacts>

mod balances;
pub(crate) mod contact;
pub(crate) mod rules;
mod texts;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::filter::{Fields, Quick};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::{Parameter, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::Refused;
use contact::{Contact, ContactRow, FIELDS, QUICKLY_FOUND_BY, TEXTS, number_key};

pub(crate) struct Contacts;

impl Resource for Contacts {
    type Document = Contact;
    const KEY: &'static str = "Contacts";
    const ID: &'static str = "ContactID";
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];
    const REFUSED_FLAG: Option<&'static str> = Some("HasValidationErrors");
    const SUMMARISED: bool = true;
    const FIELDS: &'static [&'static str] = FIELDS;
    const QUICK: Option<Quick> = Some(Quick {
        equal: QUICKLY_FOUND_BY,
        ranges: &[],
        either: None,
        order: &["contactid", "updateddateutc", "name"],
    });
    const PARAMETERS: &'static [Parameter] = &[Parameter::Search(&[
        "name",
        "firstname",
        "lastname",
        "contactnumber",
        "companynumber",
        "emailaddress",
    ])];

    fn shelf(shelves: &Shelves) -> &Shelf<Contact> {
        &shelves.contacts
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a Contact> {
        organisation.shelves.contacts.find(&number_key(key))
    }

    fn is_archived(contact: &Contact) -> bool {
        !contact.is_active()
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        contact: &Contact,
        view: View,
    ) -> Map<String, Value> {
        let mut body = contact.as_json(view);
        if matches!(view, View::Single | View::Paged) {
            let today = organisation.today(request.now);
            body.extend(balances::as_json(organisation, contact.id, today));
            body.insert("ContactGroups".into(), organisation.groups_of(contact.id));
        }
        body
    }

    fn row<'a>(organisation: &'a Organisation, _: &Request, contact: &'a Contact) -> Box<dyn Fields + 'a> {
        Box::new(ContactRow { contact, organisation })
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request.now, request.method == "PUT", sent)
    }

    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>) {
        let texts = TEXTS.iter().map(|(field, _)| *field);
        for field in ["ContactStatus"].into_iter().chain(texts) {
            if let Some(value) = sent.get(field) {
                body.insert(field.into(), value.clone());
            }
        }
        for slots in ["Addresses", "Phones"] {
            let mut echoed = sent.get(slots).and_then(Value::as_array).cloned().unwrap_or_default();
            for slot in echoed.iter_mut().filter_map(Value::as_object_mut) {
                slot.insert("ValidationErrors".into(), json!([]));
            }
            body.insert(slots.into(), Value::Array(echoed));
        }
        body.insert("ContactGroups".into(), json!([]));
        for flag in ["IsSupplier", "IsCustomer"] {
            if let Some(value) = sent.get(flag) {
                body.insert(flag.into(), value.clone());
            }
        }
        body.insert(
            "ContactPersons".into(),
            sent.get("ContactPersons").cloned().unwrap_or_else(|| json!([])),
        );
    }
}
