//! A request's way in: identity, accounting or projects, who asks, whether they may, whether it was asked before.
//!
//! Limits are taken before (`Provider::admit`), faults stand in between; both see a request that may yet be
//! refused here. Called by the router for every path outside `/_sandbox`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::answer::{Answer, Found, Refusal, Reply};
use super::disputed::Disputed;
use super::documents::repeating_invoices;
use super::endpoints::{ENDPOINTS, endpoint};
use super::idempotency::{Fingerprint, LONGEST_KEY, Seen};
use super::identity::{self, Access, TokenProblem};
use super::request::Request;
use super::wire;
use super::{Xero, whole_second};
use crate::{Begun, Job, locked};

const ACCOUNTING: &str = "/api.xro/2.0/";
/// Nothing in the accounting API knows another one.
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
/// The first word of a call to the Projects API, as endpoints and requests have it.
pub(crate) const PROJECTS: &str = "projects.xro";

/// What endpoints know a path by: what follows the accounting API's prefix, or the word for projects and what
/// follows theirs. `None` is what is asked of the identity server.
pub(crate) fn inner(path: &str) -> Option<Cow<'_, str>> {
    let accounting = path.strip_prefix(ACCOUNTING).filter(|rest| !rest.starts_with(PROJECTS));
    let projects = || path.strip_prefix("/projects.xro/2.0/");
    accounting.map(Cow::Borrowed).or_else(|| projects().map(|rest| format!("{PROJECTS}/{rest}").into()))
}

pub(crate) fn begin(xero: &Arc<Xero>, head: &Parts, body: &Bytes) -> Begun {
    let is_file = head.uri.path().contains("/Attachments/");
    let Disputed { largest_request, largest_file, .. } = xero.disputed();
    if body.len() > largest_request && !(is_file && body.len() <= largest_file) {
        return Begun::Answered(Answer::empty(413).into_response());
    }
    if let Some(path) = inner(head.uri.path()) {
        match api(xero, head, &path, body) {
            Ok(job) => Begun::Ready(job),
            Err(answer) => Begun::Answered(answer.into_response()),
        }
    } else {
        let (xero, body) = (xero.clone(), body.clone());
        Begun::Ready(Box::new(move |head, _| identity::answer(&xero, head, &body).into_response()))
    }
}

/// The job of a call that may begin, or what it is answered with instead.
fn api(xero: &Arc<Xero>, head: &Parts, path: &str, body: &Bytes) -> Result<Job, Answer> {
    let (access, tenant) = authorise(xero, head)?;
    let writes = head.method != Method::GET;
    let query = head.uri.query().unwrap_or_default();
    let request = Request::new(head.method.as_str(), path, query, &access.client, xero.now());
    let Some(endpoint) = endpoint(&request.path) else {
        return Err(Answer::not_found());
    };
    if !access.may(endpoint.scopes(&request), writes, request.now) {
        return Err(Answer::missing_scope(xero.new_id(), xero.disputed().problem_keys));
    }
    if !METHODS.contains(&request.method.as_str()) && request.path[0] != PROJECTS {
        return Err(Answer::empty(405));
    }
    if writes && !access.may_write {
        return Err(Answer::not_permitted());
    }
    let pending = Pending {
        tenant,
        provider: access.provider,
        request,
        wants_json: text(&head.headers, "accept")
            .is_some_and(|accept| accept.to_lowercase().contains("json")),
        body: body.clone(),
    };
    let key = match idempotency_key(head) {
        Some(key) => Some(first_use(xero, head, key, &pending)?),
        None => None,
    };
    let xero = xero.clone();
    Ok(Box::new(move |head, at| perform(&xero, &head.headers, pending, key, at).into_response()))
}

/// Only writes have one. Empty where its header can't be read.
pub(crate) fn idempotency_key(head: &Parts) -> Option<&str> {
    let writes = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    let key = head.headers.get("idempotency-key").filter(|_| writes)?;
    Some(key.to_str().unwrap_or_default())
}

/// Notes the key, or gives what is answered to one that was used before.
fn first_use(xero: &Xero, head: &Parts, key: &str, pending: &Pending) -> Result<String, Answer> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        let message = format!("Idempotency Key must have 1 to {LONGEST_KEY} characters.");
        return Err(Answer::bad_request(&message));
    }
    let fingerprint = Fingerprint::of(head, &pending.body);
    match xero.idempotency.begin(&pending.request.client, key, &fingerprint, xero.now()) {
        Seen::New => Ok(key.to_owned()),
        Seen::Replay(answer) => Err(answer),
        // What Xero does with a twin of a call in progress is not documented.
        Seen::InProgress => Err(Answer::empty(409)),
        Seen::OtherRequest => {
            Err(Answer::bad_request(&format!("Idempotency Key: {key} is used with a different request.")))
        }
    }
}

/// One accounting call that may begin.
struct Pending {
    tenant: Uuid,
    provider: String,
    request: Request,
    wants_json: bool,
    body: Bytes,
}

fn perform(
    xero: &Xero,
    headers: &HeaderMap,
    mut pending: Pending,
    key: Option<String>,
    at: Timestamp,
) -> Answer {
    pending.request.now = whole_second(at);
    let client = pending.request.client.clone();
    let answer = answer(xero, headers, pending, at);
    if let Some(key) = key {
        xero.idempotency.remember(&client, &key, at, answer.clone());
    }
    answer
}

/// The whole of one accounting call, once it is allowed.
fn answer(xero: &Xero, headers: &HeaderMap, pending: Pending, at: Timestamp) -> Answer {
    let mut state = locked(&xero.books);
    let Pending { tenant, provider, mut request, wants_json, body } = pending;
    let id = state.ids.next();
    let Some(organisation) = state.organisations.iter_mut().find(|one| one.tenant_id == tenant) else {
        return Answer::forbidden(id);
    };
    "Xero".clone_into(&mut organisation.actor);
    repeating_invoices::make_due(organisation, request.now);
    organisation.actor.clone_from(&provider);
    let reply = organisation.attempt(|organisation| {
        let endpoint = endpoint(&request.path).ok_or(Refusal::NotFound)?;
        request.read_headers(headers)?;
        request.read_body(body)?;
        (endpoint.serve)(organisation, &request)
    });
    xero.webhooks.notice(organisation, &xero.identity, at);
    match reply {
        Ok(Reply::Found(Found { key, elements, pagination })) => {
            let body = wire::envelope(id, &provider, request.now, pagination, key, elements);
            Answer::readable(200, &body, wants_json, "Response")
        }
        Ok(Reply::Newer { found: Found { key, elements, .. }, summarizes }) => {
            let usual = wire::envelope(id, &provider, request.now, None, key, elements);
            let body = wire::newer_envelope(usual, summarizes);
            Answer::readable(200, &body, wants_json, "Response").without_charset()
        }
        Ok(Reply::Nothing) => Answer::empty(204),
        Ok(Reply::Whole(answer)) => answer,
        Err(refusal) => refusal.answer(wants_json),
    }
}

/// The token and the organisation it may see.
pub(crate) fn authorise(xero: &Xero, head: &Parts) -> Result<(Access, Uuid), Answer> {
    let access = authenticate(xero, &head.headers)?;
    let tenant = match text(&head.headers, "xero-tenant-id") {
        // A custom connection has one organisation only.
        None if access.is_custom => access.tenants.first().copied(),
        None => None,
        Some(tenant) => Uuid::parse_str(tenant).ok().filter(|tenant| access.tenants.contains(tenant)),
    };
    match tenant {
        Some(tenant) => Ok((access, tenant)),
        None => Err(Answer::forbidden(xero.new_id())),
    }
}

pub(crate) fn authenticate(xero: &Xero, headers: &HeaderMap) -> Result<Access, Answer> {
    let token = text(headers, "authorization").and_then(|header| header.strip_prefix("Bearer "));
    xero.identity.access(token.unwrap_or_default(), xero.now()).map_err(|problem| {
        let detail = match problem {
            TokenProblem::Unknown => "AuthenticationUnsuccessful",
            TokenProblem::Expired => "TokenExpired: token expired",
        };
        Answer::unauthorized(detail, xero.new_id(), xero.disputed().problem_keys)
    })
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// For the harness: ids replaced, the API's prefix left out.
pub(crate) fn route(path: &str) -> String {
    let bases = ["/api.xro/2.0", "/projects.xro/2.0"];
    let inner = bases.iter().find_map(|base| path.strip_prefix(base)).unwrap_or(path);
    let is_identity =
        ["/connect/", "/identity/", "/.well-known/"].iter().any(|start| inner.starts_with(start));
    let mut route = String::new();
    for (place, part) in inner.split('/').skip(1).enumerate() {
        let replaced = match place {
            1 if !is_identity => "{id}",
            3 => "{name}",
            _ => part,
        };
        route.push('/');
        route.push_str(replaced);
    }
    route
}

/// What people see of the whole server.
pub(crate) fn state_as_json(state: &super::Books) -> Value {
    let organisations = state.organisations.iter().map(|organisation| {
        let request =
            Request::new("GET", "", "includeArchived=true&page=1&pageSize=1000", "", organisation.created);
        let mut body = serde_json::json!({
            "tenantId": organisation.tenant_id.to_string(), "name": organisation.name,
        });
        for endpoint in ENDPOINTS {
            if let Some(Ok(found)) = endpoint.list.map(|list| list(organisation, &request)) {
                body[endpoint.path.to_lowercase()] = found.elements.into();
            }
        }
        body
    });
    organisations.collect()
}
