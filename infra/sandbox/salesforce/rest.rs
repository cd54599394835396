//! `/services/data/v{NN}.0/*`: who asks, whether there are calls left, and which resource answers.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-list.html

use axum::http::Method;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::{Asked, version_number};
use super::ids;
use super::limits::{REQUEST_HEADER, USAGE_HEADER};
use super::org::{Org, Writer};
use super::query;
use super::{
    actions, bulk, changes, chatter, collections, composite, describe, files, oauth, passwords, recent,
    relationships, reports, rows, search, soap,
};
use crate::origin::origin;

/// The oldest version that answers.
const OLDEST: u32 = 31;
/// `POST /sobjects/{type}/Id` came with this version, the upsert of many with that one.
/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-upsert.html
const CREATE_BY_ID: u32 = 37;
const UPSERT_OF_MANY: u32 = 46;
/// URL and headers together are at most so long.
const LONGEST: usize = 16_384;
const DATA: &str = "/services/data";

/// Who was let in at the door.
#[derive(Debug)]
pub(crate) enum Entered {
    /// The path needs no token: identity, the login call, the list of versions.
    Anyone,
    /// A call of the data API by `writer`; it has been counted, and has this id.
    Data { writer: Writer, request: String },
}

/// At the door, before anything is applied: who asks, whether they may, and whether a call is left. A call that is
/// applied late was still let in by the token of now.
pub(crate) fn enter(org: &mut Org, head: &Parts, body: &[u8]) -> Result<Entered, Answer> {
    let length = head.uri.path_and_query().map_or(0, |it| it.as_str().len());
    if length > LONGEST {
        let page = "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>";
        return Err(Answer::text(414, "text/html;charset=iso-8859-1", page));
    }
    let headers = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if length + headers.sum::<usize>() > LONGEST {
        let page = "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>";
        return Err(Answer::text(431, "text/html;charset=iso-8859-1", page));
    }
    let Some(resource) = data_resource(head.uri.path()) else { return Ok(Entered::Anyone) };
    let asked = asked(head, body);
    let request = org.next_request();
    let writer = match org.authorize_for_data(asked.header("authorization")) {
        Ok(writer) => writer,
        Err(refused) => return Err(refused.answer().with(REQUEST_HEADER, request)),
    };
    let may_begin = org.spend_call(&writer.app).and_then(|()| {
        asked.known_media_type()?;
        let (version, _) = resource.split_once('/').unwrap_or((resource, ""));
        if known_version(org, version) { Ok(()) } else { Err(Refused::not_found()) }
    });
    match may_begin {
        Ok(()) => Ok(Entered::Data { writer, request }),
        Err(refused) => Err(with_usage(org, refused.answer(), &writer, request)),
    }
}

/// One request that was let in, one answer.
pub(crate) fn answer(org: &mut Org, entered: Entered, head: &Parts, body: &[u8]) -> Answer {
    let mut asked = asked(head, body);
    let Entered::Data { writer, request } = entered else { return identity_answer(org, &asked) };
    org.asker.clone_from(&writer.user);
    let resource = data_resource(asked.path).unwrap_or_default();
    let (version, resource) = resource.split_once('/').unwrap_or((resource, ""));
    version.clone_into(&mut asked.version);
    let segments: Vec<String> = resource.split('/').filter(|it| !it.is_empty()).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let writes_as = asked.writer(&writer);
    let answer = resource_answer(org, &writes_as, &asked, &segments).unwrap_or_else(Answer::from);
    with_usage(org, answer, &writer, request)
}

fn with_usage(org: &Org, answer: Answer, writer: &Writer, request: String) -> Answer {
    answer.with(USAGE_HEADER, org.limit_info(&writer.app)).with(REQUEST_HEADER, request)
}

/// What follows `/services/data/`, version first. None: another path, or that one itself.
fn data_resource(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(DATA)?.trim_matches('/');
    (!rest.is_empty()).then_some(rest)
}

/// What needs no token.
fn identity_answer(org: &mut Org, asked: &Asked<'_>) -> Answer {
    if let Some(answer) = oauth::answer(org, asked) {
        return answer;
    }
    let is_login =
        ["/services/Soap/u/", "/services/Soap/c/"].iter().any(|start| asked.path.starts_with(start));
    if asked.method == Method::POST && is_login {
        return soap::answer(org, asked);
    }
    if asked.path.strip_prefix(DATA).is_some_and(|rest| rest.trim_matches('/').is_empty()) {
        return Answer::ok(versions(org));
    }
    Answer::text(404, "text/html; charset=UTF-8", "<html><body>URL No Longer Exists</body></html>")
}

fn asked<'a>(head: &'a Parts, body: &'a [u8]) -> Asked<'a> {
    let query: Vec<(String, String)> =
        serde_urlencoded::from_str(head.uri.query().unwrap_or_default()).unwrap_or_default();
    Asked {
        method: meant(&head.method, &query),
        path: head.uri.path(),
        query,
        headers: &head.headers,
        body,
        base: origin(&head.uri, &head.headers).unwrap_or_else(|| "http://localhost".into()),
        version: String::new(),
    }
}

/// HEAD is a GET whose body is left out; and who can't send PATCH sends POST and says so.
fn meant(method: &Method, query: &[(String, String)]) -> Method {
    let said = query.iter().find(|(name, _)| name == "_HttpMethod").map(|(_, method)| method.as_str());
    match (method.as_str(), said) {
        ("HEAD", _) => Method::GET,
        ("POST", Some(said)) => said.parse().unwrap_or(Method::POST),
        _ => method.clone(),
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

pub(crate) fn known_version(org: &Org, version: &str) -> bool {
    version_number(version).is_some_and(|number| (OLDEST..=org.options.newest_version).contains(&number))
}

/// `GET /services/data`, without a token.
fn versions(org: &Org) -> Value {
    (OLDEST..=org.options.newest_version)
        .map(|number| {
            let season = ["Summer", "Winter", "Spring"][((number - OLDEST) % 3) as usize];
            let year = 14 + (number - OLDEST).div_ceil(3);
            json!({ "label": format!("{season} '{year}"), "url": format!("/services/data/v{number}.0"),
                    "version": format!("{number}.0") })
        })
        .collect()
}

/// Below the version. Composite requests come back here for each of their own.
pub(crate) fn resource_answer(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    segments: &[&str],
) -> Result<Answer, Refused> {
    let method = asked.method.as_str();
    match (method, segments) {
        ("GET", []) => Ok(Answer::ok(resources(&asked.version))),
        ("GET", ["limits"]) => Ok(Answer::ok(org.limits_page())),
        ("GET", ["query" | "queryAll", locator]) => {
            let writing = asked.writing(org, false);
            query::further(org, locator, &writing).map(Answer::ok)
        }
        ("GET", ["query"]) if asked.parameter("explain").is_some() => {
            query::explain(org, asked.parameter("explain").unwrap_or_default()).map(Answer::ok)
        }
        ("GET", [which @ ("query" | "queryAll")]) => {
            let text = asked.parameter("q").unwrap_or_default();
            if text.is_empty() {
                return Err(Refused::new(400, "MALFORMED_QUERY", "SOQL query is missing: parameter q"));
            }
            let writing = asked.writing(org, *which == "queryAll");
            query::answer(org, text, &writing).map(Answer::ok)
        }
        ("GET", ["search"]) => search::sosl(org, asked),
        ("GET" | "POST", ["parameterizedSearch"]) => search::parameterized(org, asked),
        (_, ["sobjects", rest @ ..]) => match (method, rest) {
            ("GET", []) => describe::global(org, asked),
            ("GET", [object]) => describe::basic(org, writer, asked, object),
            ("GET", [object, "describe"]) => describe::object(org, asked, object),
            ("GET", [object, "updated"]) => changes::updated(org, asked, object),
            ("GET", [object, "deleted"]) => changes::deleted(org, asked, object),
            (_, ["User", id, "password"]) => passwords::answer(org, asked, id),
            ("POST", [object]) => rows::create(org, writer, asked, object),
            ("POST", [object, "Id" | "id"]) if asked.is_since(CREATE_BY_ID) => {
                rows::create(org, writer, asked, object)
            }
            ("GET", [object, id]) => {
                let answer = rows::get(org, asked, object, ("Id", id));
                if answer.is_ok() {
                    org.saw(writer, asked, object, id);
                }
                answer
            }
            ("PATCH", [object, id]) => rows::update(org, writer, asked, object, id),
            ("DELETE", [object, id]) => rows::delete(org, writer, asked, object, ("Id", id)),
            ("GET", [object, field, value]) => files::bytes(org, object, field, value)
                .or_else(|| relationships::along(org, asked, object, field, value))
                .unwrap_or_else(|| rows::get(org, asked, object, (field, value))),
            ("PATCH", [object, field, value]) => rows::upsert(org, writer, asked, object, (field, value)),
            ("DELETE", [object, field, value]) => rows::delete(org, writer, asked, object, (field, value)),
            _ => Err(not_allowed(method, methods(segments))),
        },
        (_, ["composite", rest @ ..]) => match (method, rest) {
            ("POST", []) => composite::composite(org, writer, asked),
            ("POST", ["batch"]) => composite::batch(org, writer, asked),
            ("POST", ["graph"]) => composite::graph(org, writer, asked),
            ("POST", ["tree", object]) => composite::tree(org, writer, asked, object),
            ("POST", ["sobjects"]) => collections::create(org, writer, asked),
            ("PATCH", ["sobjects"]) => collections::update(org, writer, asked),
            ("DELETE", ["sobjects"]) => collections::delete(org, writer, asked),
            ("GET" | "POST", ["sobjects", object]) => collections::retrieve(org, asked, object),
            ("PATCH", ["sobjects", object, field]) if asked.is_since(UPSERT_OF_MANY) => {
                collections::upsert(org, writer, asked, object, field)
            }
            ("PATCH", ["sobjects", _, _]) => Err(Refused::not_found()),
            _ => Err(not_allowed(method, methods(segments))),
        },
        (_, ["chatter", rest @ ..]) => chatter::answer(org, writer, asked, rest),
        (_, ["actions", rest @ ..]) => actions::answer(org, writer, asked, rest),
        (_, ["analytics", "reports", rest @ ..]) => reports::answer(org, asked, rest),
        ("GET", ["recent"]) => Ok(recent::recent(org, writer, asked)),
        (_, ["jobs", kind @ ("ingest" | "query"), rest @ ..]) => bulk::answer(org, writer, asked, kind, rest),
        (_, ["query" | "queryAll" | "limits" | "search" | "parameterizedSearch"]) => {
            Err(not_allowed(method, methods(segments)))
        }
        _ => Err(Refused::not_found()),
    }
}

/// What a resource takes.
fn methods(segments: &[&str]) -> &'static str {
    match segments {
        ["sobjects", _, "describe" | "updated" | "deleted"] | ["sobjects"] => "GET,HEAD",
        ["sobjects", _] | ["composite", "sobjects", _] | ["parameterizedSearch"] => "GET,HEAD,POST",
        ["sobjects", ..] => "DELETE,GET,HEAD,PATCH",
        ["composite", "sobjects"] => "DELETE,PATCH,POST",
        ["composite", "sobjects", ..] => "PATCH",
        ["composite", ..] => "POST",
        _ => "GET,HEAD",
    }
}

pub(crate) fn not_allowed(method: &str, allowed: &str) -> Refused {
    let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
    Refused::new(405, "METHOD_NOT_ALLOWED", message)
}

fn resources(version: &str) -> Value {
    let at = |name: &str| format!("/services/data/{version}/{name}");
    json!({ "sobjects": at("sobjects"), "query": at("query"), "queryAll": at("queryAll"),
            "search": at("search"), "parameterizedSearch": at("parameterizedSearch"),
            "limits": at("limits"), "composite": at("composite"), "jobs": at("jobs"),
            "chatter": at("chatter"), "actions": at("actions"), "analytics": at("analytics"), "recent": at("recent") })
}

/// The path with ids and keys replaced: what calls are counted by.
pub(crate) fn route(path: &str) -> String {
    let Some(rest) = path.strip_prefix("/services/data/") else { return path.to_owned() };
    let mut segments: Vec<&str> = rest.split('/').filter(|it| !it.is_empty()).skip(1).collect();
    match segments.as_mut_slice() {
        ["sobjects", _, "describe" | "updated" | "deleted"] => {}
        ["sobjects", _, id] => *id = "{id}",
        ["sobjects", _, id, _] if looks_like_an_id(id) => *id = "{id}",
        ["sobjects", _, _, value] => *value = "{value}",
        ["jobs" | "chatter" | "analytics", rest @ ..] => {
            rest.iter_mut().filter(|it| looks_like_an_id(it)).for_each(|it| *it = "{id}");
        }
        ["query" | "queryAll", locator] => *locator = "{locator}",
        _ => {}
    }
    format!("/{}", segments.join("/"))
}

/// Names of objects may be as long as ids, but have no digits.
fn looks_like_an_id(segment: &str) -> bool {
    ids::normalise(segment).is_some() && segment.bytes().any(|byte| byte.is_ascii_digit())
}
