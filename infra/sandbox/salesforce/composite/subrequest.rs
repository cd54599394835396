//! One request inside another: its own method, path, headers and body; the token and the call are the outer one's.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/requests-composite.html

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::super::answer::{Answer, Content, Refused};
use super::super::asked::Asked;
use super::super::org::{Org, Writer};
use super::super::rest;

pub(super) fn answer(
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
    let Some(method) = method.filter(|_| rest::known_version(org, version)) else {
        return Err(Refused::not_found());
    };
    let headers = headers(request);
    let inner = Asked {
        method,
        path,
        query: serde_urlencoded::from_str(query).unwrap_or_default(),
        headers: &headers,
        body,
        base: asked.base.clone(),
        version: version.to_owned(),
    };
    let segments: Vec<String> = resource
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if segments.first() == Some(&"composite") && segments.get(1) != Some(&"sobjects") {
        return Err(Refused::not_found());
    }
    let writer = inner.writer(writer);
    let answer = rest::resource_answer(org, &writer, &inner, &segments)?;
    if matches!(answer.content, Content::Bytes(..)) {
        return Err(Refused::new(400, "INVALID_INPUT", "Binary data can't be read in a composite request"));
    }
    Ok(answer)
}

/// The outer request's, and nobody else's.
const OUTER: [&str; 3] = ["accept", "authorization", "content-type"];

/// A header that only the outer request may have, if there is one.
pub(super) fn outer_header(request: &Value) -> Option<&str> {
    let is_outer = |name: &str| OUTER.iter().any(|outer| name.eq_ignore_ascii_case(outer));
    given_headers(request).map(|(name, _)| name.as_str()).find(|name| is_outer(name))
}

fn given_headers(request: &Value) -> impl Iterator<Item = (&String, &Value)> {
    request.get("httpHeaders").and_then(Value::as_object).into_iter().flatten()
}

fn headers(request: &Value) -> HeaderMap {
    given_headers(request)
        .filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase().parse::<HeaderName>().ok()?;
            Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
        })
        .collect()
}

pub(super) fn content(content: Content) -> Value {
    match content {
        Content::Nothing | Content::Bytes(..) => Value::Null,
        Content::Json(value) => value,
        Content::Text(_, text) => text.into(),
    }
}
