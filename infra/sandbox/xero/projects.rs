//! The Projects API: `/projects.xro/2.0/Projects` and `/ProjectsUsers`. Another stack than accounting: names in camel
//! case, ISO dates, envelopes and refusals of its own; tokens, tenants and limits are the same.
//!
//! <https://developer.xero.com/documentation/api/projects/projects>. Tasks and time are not here, and so a project's
//! amounts stay nothing.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Refusal, Reply};
use super::documents::head::contact_key;
use super::organisation::Organisation;
use super::reading::cut;
use super::request::Request;
use super::shelf::Document;
use super::wire::{self, Pagination, read_number};
use super::writing::given;

const DEFAULT_PAGE_SIZE: usize = 50;
const LARGEST_PAGE_SIZE: usize = 500;
const LONGEST_NAME: usize = 255;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Project {
    id: Uuid,
    contact: Uuid,
    name: String,
    estimate: Decimal,
    deadline: Option<Timestamp>,
    is_closed: bool,
    updated: Timestamp,
}

impl Document for Project {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        vec![contact_key(self.contact)]
    }
}

/// Words of the path in any case: the documentation has `projects`, the published document `Projects`.
pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    let words: Vec<String> = request.path[1..].iter().map(|word| word.to_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (request.method.as_str(), words.as_slice()) {
        ("GET", ["projects"]) => Ok(list(organisation, request)),
        ("POST", ["projects"]) => save(organisation, request, None),
        ("GET", ["projects", id]) => {
            let project = find(organisation, id)?;
            Ok(Reply::Whole(Answer::json(200, &as_json(organisation, project))))
        }
        ("PUT", ["projects", id]) => {
            let held = find(organisation, id)?.clone();
            save(organisation, request, Some(held))
        }
        ("PATCH", ["projects", id]) => set_status(organisation, request, id),
        ("GET", ["projectsusers"]) => Ok(users(organisation, request)),
        (_, ["projects"] | ["projects", _] | ["projectsusers"]) => Err(Refusal::NotImplemented),
        _ => Err(Refusal::NotFound),
    }
}

fn find<'a>(organisation: &'a Organisation, id: &str) -> Result<&'a Project, Refusal> {
    let id = Uuid::parse_str(id).map_err(|_| Refusal::NotFound)?;
    organisation.shelves.projects.get(id).ok_or(Refusal::NotFound)
}

fn list(organisation: &Organisation, request: &Request) -> Reply {
    let ids = request.ids("projectIds");
    let contact = request.parameter("contactID").map(|id| Uuid::parse_str(id).unwrap_or_default());
    let states = request.list("states");
    let mut projects: Vec<&Project> = organisation
        .shelves
        .projects
        .since(None)
        .filter(|project| ids.as_ref().is_none_or(|ids| ids.contains(&project.id)))
        .filter(|project| contact.is_none_or(|contact| project.contact == contact))
        .filter(|project| {
            states
                .as_ref()
                .is_none_or(|states| states.iter().any(|one| one.eq_ignore_ascii_case(project.status())))
        })
        .collect();
    let pagination = cut(request, &mut projects, DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE);
    page(pagination, projects.into_iter().map(|project| as_json(organisation, project)).collect())
}

fn users(organisation: &Organisation, request: &Request) -> Reply {
    let mut users: Vec<_> = organisation.shelves.users.since(None).collect();
    let pagination = cut(request, &mut users, DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE);
    let items = users.into_iter().map(|user| {
        json!({
            "userId": user.id.to_string(), "name": format!("{} {}", user.first_name, user.last_name),
            "email": user.email,
        })
    });
    page(pagination, items.collect())
}

fn page(pagination: Pagination, items: Vec<Value>) -> Reply {
    Reply::Whole(Answer::json(200, &json!({ "pagination": pagination.as_json(), "items": items })))
}

/// A new one (201, and shown), or changes to one that is there (204).
fn save(organisation: &mut Organisation, request: &Request, held: Option<Project>) -> Result<Reply, Refusal> {
    let sent = fields(request)?;
    let mut problems = Problems::default();
    let is_new = held.is_none();
    let mut project = held.unwrap_or_else(|| Project {
        id: organisation.ids.next(),
        contact: Uuid::nil(),
        name: String::new(),
        estimate: Decimal::ZERO,
        deadline: None,
        is_closed: false,
        updated: request.now,
    });
    project.updated = request.now;
    match given(&sent, "name") {
        Some(name) if name.chars().count() > LONGEST_NAME => {
            problems.add("name", format!("The name must not exceed {LONGEST_NAME} characters."));
        }
        Some(name) => project.name = name,
        None => problems.add("name", "The name field is required."),
    }
    let contact = given(&sent, "contactId").map(|id| Uuid::parse_str(&id).unwrap_or_default());
    match contact.filter(|id| organisation.shelves.contacts.get(*id).is_some()) {
        Some(id) => project.contact = id,
        None if contact.is_some() => problems.add("contactId", "The contact could not be found."),
        None if is_new => problems.add("contactId", "The contactId field is required."),
        None => {}
    }
    match sent.get("estimateAmount").filter(|value| !value.is_null()).map(read_number) {
        Some(Some(amount)) if amount >= Decimal::ZERO => project.estimate = amount,
        Some(_) => problems.add("estimateAmount", "The estimateAmount must be an amount of at least 0."),
        None => {}
    }
    match given(&sent, "deadlineUtc").map(|text| super::filter::moment(&text)) {
        Some(Some(at)) => project.deadline = Some(at),
        Some(None) => problems.add("deadlineUtc", "The deadlineUtc must be a date and time."),
        None => {}
    }
    problems.none()?;
    let shown = as_json(organisation, &project);
    organisation.shelves.projects.put(project);
    Ok(if is_new { Reply::Whole(Answer::json(201, &shown)) } else { Reply::Nothing })
}

fn set_status(organisation: &mut Organisation, request: &Request, id: &str) -> Result<Reply, Refusal> {
    let mut project = find(organisation, id)?.clone();
    let sent = fields(request)?;
    let mut problems = Problems::default();
    match given(&sent, "status").as_deref() {
        Some("INPROGRESS") => project.is_closed = false,
        Some("CLOSED") => project.is_closed = true,
        _ => problems.add("status", "The status must be INPROGRESS or CLOSED."),
    }
    problems.none()?;
    project.updated = request.now;
    organisation.shelves.projects.put(project);
    Ok(Reply::Nothing)
}

fn fields(request: &Request) -> Result<Map<String, Value>, Refusal> {
    request.body.as_object().cloned().ok_or_else(|| {
        let mut problems = Problems::default();
        problems.add("project", "The body must be one project.");
        problems.refusal()
    })
}

/// What is wrong, by field.
#[derive(Debug, Default)]
struct Problems(Map<String, Value>);

impl Problems {
    fn add(&mut self, field: &str, sentence: impl Into<String>) {
        let sentence: String = sentence.into();
        self.0.insert(field.to_owned(), json!([sentence]));
    }

    fn none(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(self.refusal()) }
    }

    fn refusal(self) -> Refusal {
        Refusal::Whole(Answer::json(
            400,
            &json!({ "message": "The request is invalid.", "modelState": self.0 }),
        ))
    }
}

impl Project {
    /// Its contact is another one from now on.
    pub(crate) fn take_contact(&mut self, contact: Uuid, now: Timestamp) {
        (self.contact, self.updated) = (contact, now);
    }

    fn status(&self) -> &'static str {
        if self.is_closed { "CLOSED" } else { "INPROGRESS" }
    }
}

fn as_json(organisation: &Organisation, project: &Project) -> Value {
    let amount =
        |value: Decimal| json!({ "currency": organisation.base_currency, "value": wire::money(value) });
    let mut body = json!({
        "projectId": project.id.to_string(), "contactId": project.contact.to_string(), "name": project.name,
        "currencyCode": organisation.base_currency, "minutesLogged": 0, "minutesToBeInvoiced": 0,
        "estimate": amount(project.estimate), "status": project.status(),
    });
    for nothing in [
        "totalTaskAmount",
        "totalExpenseAmount",
        "taskAmountToBeInvoiced",
        "taskAmountInvoiced",
        "expenseAmountToBeInvoiced",
        "expenseAmountInvoiced",
        "projectAmountInvoiced",
        "deposit",
        "depositApplied",
        "creditNoteAmount",
        "totalInvoiced",
        "totalToBeInvoiced",
    ] {
        body[nothing] = amount(Decimal::ZERO);
    }
    if let Some(deadline) = project.deadline {
        body["deadlineUtc"] = wire::stamp_text(deadline);
    }
    body
}
