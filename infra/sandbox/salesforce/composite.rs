//! Several requests in one call: composite (with references between them), batch and tree.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite.html

use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Content, Refused};
use super::org::{Org, Writer};
use super::rest::{self, Asked};
use super::store::Fields;

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite.html
const MOST_REQUESTS: usize = 25;
/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobject-tree.html
const MOST_TREE_RECORDS: usize = 200;

pub(crate) fn composite(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let requests = list(&body, "compositeRequest", MOST_REQUESTS)?;
    if requests.iter().any(|request| request.get("referenceId").and_then(Value::as_str).is_none()) {
        return Err(Refused::new(400, "JSON_PARSER_ERROR", "Every subrequest needs a referenceId"));
    }
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
        let content = content(answer.content);
        results.insert(reference.to_owned(), content.clone());
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
            response["body"] = content(halted().answer().content);
            response["httpStatusCode"] = 400.into();
            response["httpHeaders"] = json!({});
        }
    } else {
        org.keep();
    }
    Ok(Answer::ok(json!({ "compositeResponse": responses })))
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
    let url = filled(request["url"].as_str().unwrap_or_default(), results);
    let body = request.get("body").map(|body| {
        let mut body = body.clone();
        fill(&mut body, results);
        body.to_string()
    });
    sub_answer(org, writer, asked, request, &url, body.unwrap_or_default().as_bytes())
}

fn sub_answer(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    request: &Value,
    url: &str,
    body: &[u8],
) -> Result<Answer, Refused> {
    let method = request["method"].as_str().and_then(|method| method.parse::<Method>().ok());
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let resource = path.trim_start_matches("/services/data").trim_matches('/');
    let (version, resource) = resource.split_once('/').unwrap_or((resource, ""));
    let Some(method) = method.filter(|_| version.starts_with('v')) else { return Err(Refused::not_found()) };
    let uri: Uri = format!("/?{}", query.replace(' ', "%20")).parse().unwrap_or_default();
    let headers = HeaderMap::new();
    let inner = Asked {
        method: &method,
        path,
        query: serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap_or_default(),
        headers: &headers,
        body,
        base: asked.base.clone(),
        version: version.to_owned(),
    };
    let segments: Vec<String> = resource
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if segments.first() == Some(&"composite") && segments.get(1) != Some(&"sobjects") {
        return Err(Refused::not_found());
    }
    let answer = rest::resource_answer(org, writer, &inner, &segments)?;
    if matches!(answer.content, Content::Bytes(..)) {
        return Err(Refused::new(400, "INVALID_INPUT", "Binary data can't be read in a composite request"));
    }
    Ok(answer)
}

/// `@{refA.id}` and `@{refA.records[0].Id}` become what an earlier request answered.
fn filled(text: &str, results: &Map<String, Value>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, next)) = after.split_once('}') else { break };
        filled.push_str(before);
        let path = path.replace('[', ".").replace(']', "");
        let mut parts = path.split('.');
        let mut found = parts.next().and_then(|reference| results.get(reference));
        for part in parts {
            found = found.and_then(|value| match part.parse::<usize>() {
                Ok(place) => value.get(place),
                Err(_) => value.get(part),
            });
        }
        filled.push_str(&found.map_or_else(String::new, |value| {
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        }));
        rest = next;
    }
    filled.push_str(rest);
    filled
}

fn fill(value: &mut Value, results: &Map<String, Value>) {
    match value {
        Value::String(text) if text.contains("@{") => *text = filled(text, results),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, results)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, results)),
        _ => {}
    }
}

fn content(content: Content) -> Value {
    match content {
        Content::Nothing => Value::Null,
        Content::Json(value) => value,
        Content::Text(_, text) => text.into(),
        Content::Bytes(..) => Value::Null,
    }
}

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-batch.html
pub(crate) fn batch(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let requests = list(&body, "batchRequests", MOST_REQUESTS)?;
    let mut results = Vec::new();
    let mut failed = false;
    for request in requests {
        let answer = if failed && halt {
            Err(Refused::new(412, "BATCH_PROCESSING_HALTED", "Batch processing halted"))
        } else {
            let input = request.get("richInput").map(Value::to_string).unwrap_or_default();
            let url = request["url"].as_str().unwrap_or_default();
            sub_answer(org, writer, asked, request, url, input.as_bytes())
        };
        let answer = answer.unwrap_or_else(Answer::from);
        failed |= answer.status >= 400;
        results.push(json!({ "statusCode": answer.status, "result": content(answer.content) }));
    }
    Ok(Answer::ok(json!({ "hasErrors": failed, "results": results })))
}

/// https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobject-tree.html
pub(crate) fn tree(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    object: &str,
) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let records = list(&body, "records", MOST_TREE_RECORDS)?;
    org.open();
    let mut results = Vec::new();
    let mut planted = Ok(());
    for record in records {
        planted = planted.and_then(|()| plant(org, writer, object, record, None, &mut results));
    }
    if let Err((reference, refused)) = planted {
        org.undo();
        let error = json!({ "referenceId": reference, "errors": [refused.entry()] });
        return Ok(Answer::json(400, json!({ "hasErrors": true, "results": [error] })));
    }
    org.keep();
    Ok(Answer::json(201, json!({ "hasErrors": false, "results": results })))
}

fn plant(
    org: &mut Org,
    writer: &Writer,
    object: &str,
    record: &Value,
    parent: Option<(&str, &str)>,
    results: &mut Vec<Value>,
) -> Result<(), (String, Refused)> {
    let reference = record["attributes"]["referenceId"].as_str().unwrap_or_default().to_owned();
    let fail = |refused: Refused| (reference.clone(), refused);
    let object = org.object(object).map_err(fail)?;
    let nested = |value: &Value| value.get("records").is_some();
    let mut fields: Fields = record.as_object().cloned().unwrap_or_default();
    let children: Vec<(String, Value)> = fields
        .iter()
        .filter(|(_, value)| nested(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    fields.retain(|_, value| !nested(value));
    if let Some((field, id)) = parent {
        fields.insert(field.to_owned(), id.into());
    }
    let id = org.create(&object, &fields, writer).map_err(fail)?;
    results.push(json!({ "referenceId": reference, "id": id }));
    for (name, value) in children {
        let known = org.schema.children(&object.name).find(|(known, _, _)| known.eq_ignore_ascii_case(&name));
        let Some((_, child, field)) = known else {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            return Err(fail(Refused::record("INVALID_FIELD", message, &[])));
        };
        let (child, field) = (child.name.clone(), field.name.clone());
        for record in value["records"].as_array().into_iter().flatten() {
            plant(org, writer, &child, record, Some((&field, &id)), results)?;
        }
    }
    Ok(())
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
