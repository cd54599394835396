//! Several requests in one call. Composite: in order, with references between them, all or each by itself.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite.html. Graphs,
//! batches and trees have files of their own.

mod batch;
mod graph;
mod references;
mod subrequest;
mod tree;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

pub(crate) use batch::batch;
pub(crate) use graph::graph;
pub(crate) use tree::tree;

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::org::{Org, Writer};
use super::store::Fields;

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite.html
const MOST_REQUESTS: usize = 25;
/// Of them, so many may be queries or collections.
const MOST_LARGE: usize = 5;

pub(crate) fn composite(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let requests = list(&body, "compositeRequest", MOST_REQUESTS)?;
    well_formed(requests)?;
    let large = requests.iter().filter(|request| {
        let url = request["url"].as_str().unwrap_or_default();
        url.contains("/query") || url.contains("/composite/sobjects")
    });
    if large.count() > MOST_LARGE {
        let message =
            format!("At most {MOST_LARGE} subrequests may be queries or sObject Collections operations");
        return Err(Refused::new(400, "LIMIT_EXCEEDED", message));
    }
    let (responses, _) = run(org, writer, asked, requests, all_or_none);
    Ok(Answer::ok(json!({ "compositeResponse": responses })))
}

/// Every request has a name, its own, and none of the headers that are the outer request's.
fn well_formed(requests: &[Value]) -> Result<(), Refused> {
    let mut seen = HashSet::new();
    for request in requests {
        let Some(name) = request.get("referenceId").and_then(Value::as_str) else {
            return Err(Refused::new(400, "JSON_PARSER_ERROR", "Every subrequest needs a referenceId"));
        };
        if !seen.insert(name) {
            let message = format!("Duplicate ReferenceId provided in the request: {name}");
            return Err(Refused::new(400, "INVALID_INPUT", message));
        }
        if let Some(header) = subrequest::outer_header(request) {
            let message = format!("A subrequest takes the header {header} from the outer request: {name}");
            return Err(Refused::new(400, "INVALID_INPUT", message));
        }
    }
    Ok(())
}

/// One after the other. With `all_or_none` the first refusal takes back what was written and halts the rest.
fn run(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    requests: &[Value],
    all_or_none: bool,
) -> (Vec<Value>, bool) {
    org.open();
    let mut results: Map<String, Value> = Map::new();
    let mut responses: Vec<Value> = Vec::new();
    let mut failed = false;
    for request in requests {
        let reference = request["referenceId"].as_str().unwrap_or_default();
        let answer =
            if failed && all_or_none { Err(halted()) } else { one(org, writer, asked, request, &results) };
        let answer = answer.unwrap_or_else(Answer::from);
        failed |= answer.status >= 400;
        let content = subrequest::content(answer.content);
        if answer.status < 400 {
            results.insert(reference.to_owned(), content.clone());
        }
        let headers: Map<String, Value> = answer
            .headers
            .into_iter()
            .filter(|(name, _)| *name == "location")
            .map(|(_, value)| ("Location".to_owned(), value.into()))
            .collect();
        responses.push(json!({ "body": content, "httpHeaders": headers, "httpStatusCode": answer.status,
            "referenceId": reference }));
    }
    if failed && all_or_none {
        org.undo();
        for response in
            responses.iter_mut().filter(|response| response["httpStatusCode"].as_u64() < Some(400))
        {
            response["body"] = subrequest::content(halted().answer().content);
            response["httpStatusCode"] = 400.into();
            response["httpHeaders"] = json!({});
        }
    } else {
        org.keep();
    }
    (responses, failed)
}

fn halted() -> Refused {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    Refused::new(400, "PROCESSING_HALTED", message)
}

fn one(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    request: &Value,
    results: &Map<String, Value>,
) -> Result<Answer, Refused> {
    let url = references::filled(request["url"].as_str().unwrap_or_default(), results)?;
    let mut body = request.get("body").cloned().unwrap_or_default();
    references::fill(&mut body, results)?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    subrequest::answer(org, writer, asked, request, &url, body.as_bytes())
}

fn list<'a>(body: &'a Fields, name: &str, most: usize) -> Result<&'a [Value], Refused> {
    let Some(Value::Array(items)) = body.get(name) else {
        return Err(Refused::new(
            400,
            "JSON_PARSER_ERROR",
            format!("The request body must have a list {name}"),
        ));
    };
    if items.len() > most {
        return Err(Refused::new(400, "LIMIT_EXCEEDED", format!("{name}: at most {most} in one call")));
    }
    Ok(items)
}
