//! Batch: requests that know nothing of each other.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-batch.html

use serde_json::{Value, json};

use super::super::answer::{Answer, Refused};
use super::super::asked::Asked;
use super::super::org::{Org, Writer};
use super::{MOST_REQUESTS, list, subrequest};

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
            subrequest::answer(org, writer, asked, request, url, input.as_bytes())
        };
        let answer = answer.unwrap_or_else(Answer::from);
        failed |= answer.status >= 400;
        results.push(json!({ "statusCode": answer.status, "result": subrequest::content(answer.content) }));
    }
    Ok(Answer::ok(json!({ "hasErrors": failed, "results": results })))
}
