//! `/ContactGroups` and who is in them.
//!
//! <https://developer.xero.com/documentation/api/accounting/contactgroups>. A group is deleted by its status, and
//! is gone from lists then.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::answer::{Found, Refusal, Reply};
use crate::xero::documents::head::{known_contact, sent_id};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Owner, Part};
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given, text_within};

const LONGEST_NAME: usize = 255;
const MOST_GROUPS: usize = 100;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ContactGroup {
    id: Uuid,
    name: String,
    is_active: bool,
    members: Vec<Uuid>,
    updated: Timestamp,
}

fn name_key(name: &str) -> String {
    format!("name:{}", name.to_lowercase())
}

fn member_key(contact: Uuid) -> String {
    format!("member:{contact}")
}

impl Document for ContactGroup {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    /// A deleted group frees its name and its contacts.
    fn keys(&self) -> Vec<String> {
        let members = self.members.iter().map(|member| member_key(*member));
        let keys = [name_key(&self.name)].into_iter().chain(members);
        keys.filter(|_| self.is_active).collect()
    }
}

impl ContactGroup {
    fn as_json(&self, members: Vec<Value>) -> Map<String, Value> {
        wire::fields(json!({
            "ContactGroupID": self.id.to_string(), "Name": self.name,
            "Status": if self.is_active { "ACTIVE" } else { "DELETED" },
            "Contacts": members, "HasValidationErrors": false,
        }))
    }
}

impl Organisation {
    /// In every group that the one is in, the other is instead.
    pub(crate) fn replace_member(&mut self, loser: Uuid, winner: Uuid, now: Timestamp) {
        self.shelves.contact_groups.edit_all(&member_key(loser), |group| {
            group.members.retain(|member| *member != winner);
            group.members.iter_mut().filter(|member| **member == loser).for_each(|member| *member = winner);
            group.updated = now;
        });
    }

    /// The groups that a contact is in, as the contact shows them.
    pub(crate) fn groups_of(&self, contact: Uuid) -> Value {
        let groups = self.shelves.contact_groups.find_all(&member_key(contact));
        groups.map(|group| Value::Object(group.as_json(Vec::new()))).collect()
    }
}

pub(crate) struct ContactGroups;

impl Resource for ContactGroups {
    type Document = ContactGroup;
    const KEY: &'static str = "ContactGroups";
    const ID: &'static str = "ContactGroupID";
    const REFUSED_FLAG: Option<&'static str> = Some("HasValidationErrors");
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Name");
    const PARTS: &'static [Part] = &[CONTACTS];
    const FIELDS: &'static [&'static str] = &["contactgroupid", "name", "status"];

    fn shelf(shelves: &Shelves) -> &Shelf<ContactGroup> {
        &shelves.contact_groups
    }

    fn is_archived(group: &ContactGroup) -> bool {
        !group.is_active
    }

    /// Who is in it is shown of a single group alone.
    fn show(
        organisation: &Organisation,
        _: &Request,
        group: &ContactGroup,
        view: View,
    ) -> Map<String, Value> {
        let members = group.members.iter().filter(|_| view == View::Single);
        let members = members.filter_map(|id| organisation.shelves.contacts.get(*id));
        group.as_json(members.map(|contact| Value::Object(contact.as_json(View::Embedded))).collect())
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        let groups = &organisation.shelves.contact_groups;
        let before = match sent_id(sent, Self::ID)? {
            Some(id) => Some(groups.get(id).filter(|held| held.is_active).cloned().ok_or(Refused::NotFound)?),
            None => None,
        };
        let id = before.as_ref().map(|held| held.id);
        let mut messages = Messages::default();
        if id.is_none() && groups.since(None).filter(|group| group.is_active).count() >= MOST_GROUPS {
            messages.push(format!("You’ve reached the limit of {MOST_GROUPS} contact groups."));
        }
        let mut group = before.unwrap_or_else(|| ContactGroup {
            id: organisation.ids.next(),
            name: String::new(),
            is_active: true,
            members: Vec::new(),
            updated: request.now,
        });
        if let Some(name) = text_within(sent, "Name", LONGEST_NAME, &mut messages) {
            group.name = name;
        }
        if group.name.is_empty() {
            messages.push("Name must be specified".to_owned());
        }
        let holder = organisation.shelves.contact_groups.find(&name_key(&group.name));
        if holder.is_some_and(|holder| holder.id != group.id) {
            messages.push(format!("A contact group named '{}' already exists", group.name));
        }
        match given(sent, "Status").as_deref() {
            None | Some("ACTIVE") => {}
            Some("DELETED") if id.is_some() => group.is_active = false,
            Some(other) => messages.push(format!("The Status '{other}' is not valid")),
        }
        if !messages.is_empty() {
            return Err(Refused::Element { id, messages });
        }
        group.updated = request.now;
        let id = group.id;
        organisation.shelves.contact_groups.put(group);
        Ok(id)
    }

    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>) {
        for (field, value) in sent {
            body.entry(field.clone()).or_insert_with(|| value.clone());
        }
        body.insert("Contacts".into(), json!([]));
    }
}

const CONTACTS: Part = Part { name: "Contacts", scopes: &[], serve };

/// `PUT` adds contacts, `DELETE` takes one or all of them out.
fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    let held = organisation.shelves.contact_groups.get(owner.id).filter(|group| group.is_active);
    let mut group = held.cloned().ok_or(Refusal::NotFound)?;
    let reply = match (request.method.as_str(), request.path.get(3)) {
        ("PUT", None) => add(organisation, request, &mut group)?,
        ("DELETE", None) => {
            group.members.clear();
            Reply::Nothing
        }
        ("DELETE", Some(contact)) => {
            let place = group.members.iter().position(|member| member.to_string() == contact.to_lowercase());
            group.members.remove(place.ok_or(Refusal::NotFound)?);
            Reply::Nothing
        }
        _ => return Err(Refusal::NotImplemented),
    };
    group.updated = request.now;
    organisation.shelves.contact_groups.put(group);
    Ok(reply)
}

/// The echo of an added contact has its id and empty lists. One that can't be added keeps the others out.
fn add(organisation: &Organisation, request: &Request, group: &mut ContactGroup) -> Result<Reply, Refusal> {
    let (mut shown, mut refused) = (Vec::new(), Vec::new());
    for sent in request.elements(CONTACTS.name)? {
        let problem = match known_contact(organisation, &sent) {
            Ok(Some(contact)) => {
                if !group.members.contains(&contact) {
                    group.members.push(contact);
                }
                shown.push(json!({
                    "ContactID": contact.to_string(), "Addresses": [], "Phones": [], "ContactGroups": [],
                    "ContactPersons": [], "HasValidationErrors": false, "ValidationErrors": [],
                }));
                continue;
            }
            Ok(None) => "The contact could not be found".to_owned(),
            Err(messages) => messages.join(" "),
        };
        let mut body = sent;
        body.insert("HasValidationErrors".into(), true.into());
        body.insert("ValidationErrors".into(), json!([{ "Message": problem }]));
        refused.push(Value::Object(body));
    }
    if refused.is_empty() {
        Ok(Found { key: CONTACTS.name, elements: shown, pagination: None }.into())
    } else {
        Err(Refusal::Validation(refused))
    }
}
