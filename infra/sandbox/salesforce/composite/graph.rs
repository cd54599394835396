//! Graphs: many composites in one call, each all or nothing, within limits of their own.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-graph-limits.html

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::super::answer::{Answer, Refused};
use super::super::asked::Asked;
use super::super::org::{Org, Writer};
use super::references;
use super::{halted, list, run, subrequest, well_formed};

const MOST_GRAPHS: usize = 75;
/// In all graphs of the call.
const MOST_NODES: usize = 500;
/// The longest chain of references.
const MOST_DEPTH: usize = 15;
/// Type, method and version make a kind.
const MOST_KINDS: usize = 15;
/// After so many failed graphs the others are not tried.
const MOST_FAILURES: usize = 14;

pub(crate) fn graph(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let graphs = list(&body, "graphs", MOST_GRAPHS)?;
    let mut nodes = 0;
    for graph in graphs {
        let requests = requests(graph)?;
        nodes += requests.len();
        well_formed(requests)?;
        check(requests)?;
    }
    if nodes > MOST_NODES {
        return Err(exceeded(&format!("The request has {nodes} nodes, but may have {MOST_NODES}")));
    }
    let mut failures = 0;
    let mut answers = Vec::new();
    for graph in graphs {
        let requests = requests(graph)?;
        let (responses, failed) = if failures >= MOST_FAILURES {
            (requests.iter().map(untried).collect(), true)
        } else {
            run(org, writer, asked, requests, true)
        };
        failures += usize::from(failed);
        answers.push(json!({ "graphId": graph["graphId"],
            "graphResponse": { "compositeResponse": responses }, "isSuccessful": !failed }));
    }
    Ok(Answer::ok(json!({ "graphs": answers })))
}

fn requests(graph: &Value) -> Result<&[Value], Refused> {
    let wrong =
        || Refused::new(400, "JSON_PARSER_ERROR", "Every graph needs a graphId and a compositeRequest");
    graph["graphId"].as_str().ok_or_else(wrong)?;
    graph["compositeRequest"].as_array().map(Vec::as_slice).ok_or_else(wrong)
}

fn untried(request: &Value) -> Value {
    json!({ "body": subrequest::content(halted().answer().content), "httpHeaders": {}, "httpStatusCode": 400,
        "referenceId": request["referenceId"] })
}

fn exceeded(message: &str) -> Refused {
    Refused::new(400, "LIMIT_EXCEEDED", message)
}

/// Only records, of not too many kinds, in chains that aren't too long.
fn check(requests: &[Value]) -> Result<(), Refused> {
    let mut kinds = HashSet::new();
    let mut depths: HashMap<&str, usize> = HashMap::new();
    for request in requests {
        let url = request["url"].as_str().unwrap_or_default();
        let path = url.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/services/data/").split('/').collect();
        let [version, "sobjects", object, ..] = parts.as_slice() else {
            let message = format!("Only records can be part of a graph, but not {url}");
            return Err(Refused::new(400, "INVALID_INPUT", message));
        };
        kinds.insert((*version, *object, request["method"].as_str().unwrap_or_default()));
        let text = request.to_string();
        let below = references::names(&text).into_iter().filter_map(|name| depths.get(name)).max();
        let depth = below.copied().unwrap_or(0) + 1;
        if depth > MOST_DEPTH {
            return Err(exceeded(&format!("A graph may be {MOST_DEPTH} requests deep")));
        }
        depths.insert(request["referenceId"].as_str().unwrap_or_default(), depth);
    }
    if kinds.len() > MOST_KINDS {
        return Err(exceeded(&format!("A graph may have {MOST_KINDS} different kinds of nodes")));
    }
    Ok(())
}
