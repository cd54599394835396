//! `/Contacts` over the API: lists, one, and the echo of a refused element. Writing is in `contact_rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/contacts>

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Found, Refusal};
use super::contact::{Contact, FIELDS, TEXTS, View, number_key};
use super::contact_rules::save;
use super::organisation::Organisation;
use super::request::{Request, select, single};
use super::writing::{Refused, Resource};

pub(crate) struct Contacts;

impl Resource for Contacts {
    const KEY: &'static str = "Contacts";
    const ID: &'static str = "ContactID";
    const REFUSED_FLAG: &'static str = "HasValidationErrors";

    fn list(organisation: &Organisation, request: &Request) -> Result<Found, Refusal> {
        let archived = request.flag("includeArchived");
        let ids = request.ids("IDs");
        let term = request.parameter("searchTerm").map(str::to_lowercase);
        let rows = organisation.contacts.since(request.modified_since).filter(|contact| {
            (archived || contact.is_active())
                && ids.as_ref().is_none_or(|ids| ids.contains(&contact.id))
                && term.as_ref().is_none_or(|term| matches_term(contact, term))
        });
        let summary = request.flag("summaryOnly");
        let (rows, pagination) = select(request, rows, &|path| FIELDS.contains(&path), summary)?;
        let view = match (summary, pagination) {
            (true, _) => View::Summary,
            (false, Some(_)) => View::Paged,
            (false, None) => View::Listed,
        };
        let elements = rows.iter().map(|contact| contact.as_json(view)).collect();
        Ok(Found { key: Self::KEY, elements, pagination })
    }

    fn one(organisation: &Organisation, _request: &Request, key: &str) -> Result<Found, Refusal> {
        let contacts = &organisation.contacts;
        let by_id = Uuid::parse_str(key).ok().and_then(|id| contacts.get(id));
        let contact = by_id.or_else(|| contacts.find(&number_key(key))).ok_or(Refusal::NotFound)?;
        Ok(single(Self::KEY, contact.as_json(View::Single)))
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        save(organisation, request.now, request.method == "PUT", sent)
    }

    fn written(organisation: &Organisation, _request: &Request, id: Uuid) -> Map<String, Value> {
        match organisation.contacts.get(id).map(|contact| contact.as_json(View::Written)) {
            Some(Value::Object(body)) => body,
            _ => Map::new(),
        }
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

fn matches_term(contact: &Contact, term: &str) -> bool {
    ["Name", "FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress"]
        .iter()
        .any(|field| contact.text(field).is_some_and(|text| text.to_lowercase().contains(term)))
}
