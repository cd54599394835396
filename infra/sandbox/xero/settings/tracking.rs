//! `/TrackingCategories` and their options, which lines carry. Documents keep what they carry when a category or
//! an option is renamed, archived or deleted.
//!
//! <https://developer.xero.com/documentation/api/accounting/trackingcategories>. The wordings are not recorded.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::answer::{Found, Refusal, Reply};
use crate::xero::documents::head::sent_id;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Owner, Part};
use crate::xero::reading::{Paging, View, single};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given, text_within};

const LONGEST_NAME: usize = 100;
const MOST_ACTIVE: usize = 2;
const MOST_OPTIONS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TrackingStatus {
    Active,
    Archived,
    /// Only in the answer that says so.
    Deleted,
}

impl TrackingStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Deleted => "DELETED",
        }
    }

    /// As it was, when nothing is said.
    fn read(self, sent: &Map<String, Value>) -> Result<Self, String> {
        match given(sent, "Status").as_deref() {
            None => Ok(self),
            Some("ACTIVE") => Ok(Self::Active),
            Some("ARCHIVED") => Ok(Self::Archived),
            Some(other) => Err(format!("The Status '{other}' is not valid")),
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TrackingCategory {
    pub id: Uuid,
    pub name: String,
    pub status: TrackingStatus,
    pub options: Vec<TrackingOption>,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TrackingOption {
    pub id: Uuid,
    pub name: String,
    pub status: TrackingStatus,
}

impl Document for TrackingCategory {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }
}

impl TrackingCategory {
    pub fn is_active(&self) -> bool {
        self.status == TrackingStatus::Active
    }

    fn add_option(&mut self, id: Uuid, name: &str) {
        self.options.push(TrackingOption { id, name: name.to_owned(), status: TrackingStatus::Active });
    }
}

impl TrackingOption {
    fn as_json(&self) -> Value {
        let is = |status: TrackingStatus| self.status == status;
        json!({
            "TrackingOptionID": self.id.to_string(), "Name": self.name, "Status": self.status.as_str(),
            "HasValidationErrors": false, "IsDeleted": is(TrackingStatus::Deleted),
            "IsArchived": is(TrackingStatus::Archived), "IsActive": is(TrackingStatus::Active),
        })
    }
}

impl Organisation {
    pub(crate) fn add_tracking(&mut self, name: &str, options: &[&str], now: Timestamp) {
        let mut category = TrackingCategory {
            id: self.ids.next(),
            name: name.to_owned(),
            status: TrackingStatus::Active,
            options: Vec::new(),
            updated: now,
        };
        for option in options {
            category.add_option(self.ids.next(), option);
        }
        self.shelves.tracking.put(category);
    }
}

pub(crate) struct TrackingCategories;

impl Resource for TrackingCategories {
    type Document = TrackingCategory;
    const KEY: &'static str = "TrackingCategories";
    const ID: &'static str = "TrackingCategoryID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Name");
    const PARTS: &'static [Part] = &[OPTIONS];
    const FIELDS: &'static [&'static str] = &["trackingcategoryid", "name", "status"];

    fn shelf(shelves: &Shelves) -> &Shelf<TrackingCategory> {
        &shelves.tracking
    }

    fn is_archived(category: &TrackingCategory) -> bool {
        !category.is_active()
    }

    /// A list shows archived options with archived categories.
    fn show(
        _: &Organisation,
        request: &Request,
        category: &TrackingCategory,
        view: View,
    ) -> Map<String, Value> {
        let all = view != View::Listed || request.flag("includeArchived");
        let options = category.options.iter().filter(|option| all || option.status == TrackingStatus::Active);
        wire::fields(json!({
            "Name": category.name, "Status": category.status.as_str(),
            "TrackingCategoryID": category.id.to_string(),
            "Options": options.map(TrackingOption::as_json).collect::<Vec<_>>(),
        }))
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        let before = match sent_id(sent, Self::ID)? {
            Some(id) => Some(organisation.shelves.tracking.get(id).cloned().ok_or(Refused::NotFound)?),
            None => None,
        };
        let id = before.as_ref().map(|held| held.id);
        let mut messages = Messages::default();
        let mut category = before.unwrap_or_else(|| TrackingCategory {
            id: organisation.ids.next(),
            name: String::new(),
            status: TrackingStatus::Active,
            options: Vec::new(),
            updated: request.now,
        });
        category.name = name(sent, &category.name, &mut messages);
        category.status = category.status.read(sent).unwrap_or_else(|message| {
            messages.push(message);
            category.status
        });
        let others = || organisation.shelves.tracking.since(None).filter(|other| other.id != category.id);
        if others().any(|other| other.name.eq_ignore_ascii_case(&category.name)) {
            messages.push(format!("A Tracking Category named '{}' already exists", category.name));
        }
        if category.is_active() && others().filter(|other| other.is_active()).count() >= MOST_ACTIVE {
            messages.push(format!("There can be at most {MOST_ACTIVE} active Tracking Categories"));
        }
        if id.is_none() {
            let options = sent.get("Options").and_then(Value::as_array).into_iter().flatten();
            for option in options.filter_map(Value::as_object) {
                add_option(&mut category, organisation.ids.next(), option, &mut messages);
            }
        }
        if !messages.is_empty() {
            return Err(Refused::Element { id, messages });
        }
        category.updated = request.now;
        let id = category.id;
        organisation.shelves.tracking.put(category);
        Ok(id)
    }

    fn delete(organisation: &mut Organisation, request: &Request, id: Uuid) -> Result<Reply, Refusal> {
        let mut category = organisation.shelves.tracking.get(id).cloned().ok_or(Refusal::NotFound)?;
        category.status = TrackingStatus::Deleted;
        let body = Self::show(organisation, request, &category, View::Written);
        organisation.shelves.tracking.remove(id);
        Ok(single(Self::KEY, Value::Object(body)).into())
    }
}

const OPTIONS: Part = Part { name: "Options", scopes: &[], serve };

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    let held = organisation.shelves.tracking.get(owner.id).cloned();
    let mut category = held.ok_or(Refusal::NotFound)?;
    let place = match request.path.get(3).map(|id| Uuid::parse_str(id).ok()) {
        None => None,
        Some(id) => {
            let place = category.options.iter().position(|option| Some(option.id) == id);
            Some(place.ok_or(Refusal::NotFound)?)
        }
    };
    let elements = match (request.method.as_str(), place) {
        ("PUT", None) => create(organisation, request, &mut category)?,
        ("POST", Some(place)) => vec![update(request, &mut category, place)?],
        ("DELETE", Some(place)) => {
            let deleted = category.options.remove(place);
            vec![TrackingOption { status: TrackingStatus::Deleted, ..deleted }.as_json()]
        }
        _ => return Err(Refusal::NotImplemented),
    };
    category.updated = request.now;
    organisation.shelves.tracking.put(category);
    Ok(Found { key: OPTIONS.name, elements, pagination: None }.into())
}

fn create(
    organisation: &mut Organisation,
    request: &Request,
    category: &mut TrackingCategory,
) -> Result<Vec<Value>, Refusal> {
    let sent = request.elements(OPTIONS.name)?;
    let before = category.options.len();
    for option in &sent {
        let mut messages = Messages::default();
        add_option(category, organisation.ids.next(), option, &mut messages);
        refuse(option, messages)?;
    }
    Ok(category.options.iter().skip(before).map(TrackingOption::as_json).collect())
}

fn update(request: &Request, category: &mut TrackingCategory, place: usize) -> Result<Value, Refusal> {
    let sent = request.elements(OPTIONS.name)?.into_iter().next().unwrap_or_default();
    let mut messages = Messages::default();
    let mut option = category.options[place].clone();
    option.name = name(&sent, &option.name, &mut messages);
    option.status = option.status.read(&sent).unwrap_or_else(|message| {
        messages.push(message);
        option.status
    });
    let mut others = category.options.iter().filter(|other| other.id != option.id);
    if others.any(|other| other.name.eq_ignore_ascii_case(&option.name)) {
        messages.push(option_taken(&option.name));
    }
    refuse(&sent, messages)?;
    let shown = option.as_json();
    category.options[place] = option;
    Ok(shown)
}

fn add_option(category: &mut TrackingCategory, id: Uuid, sent: &Map<String, Value>, messages: &mut Messages) {
    let name = name(sent, "", messages);
    if category.options.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
        messages.push(option_taken(&name));
    }
    if category.options.len() >= MOST_OPTIONS {
        messages.push(format!("A Tracking Category can have at most {MOST_OPTIONS} options"));
    }
    category.add_option(id, &name);
}

fn option_taken(name: &str) -> String {
    format!("A Tracking Option named '{name}' already exists")
}

fn name(sent: &Map<String, Value>, held: &str, messages: &mut Messages) -> String {
    let sent = text_within(sent, "Name", LONGEST_NAME, messages);
    let name = sent.unwrap_or_else(|| held.to_owned());
    if name.is_empty() {
        messages.push("Name must be specified".to_owned());
    }
    name
}

fn refuse(sent: &Map<String, Value>, messages: Messages) -> Result<(), Refusal> {
    if messages.is_empty() { Ok(()) } else { Err(messages.refuse(sent.clone())) }
}
