//! Invocable actions: what can be run by name, with a list of inputs and a result for each.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_intro_invocable.htm

mod email;
mod flows;

use serde_json::{Map, Value, json};

pub use email::Email;
pub use flows::{Flow, FlowInput, FlowWrite};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::org::{Org, Writer};

/// What came of one input: the outputs, or why not.
type Outcome = Result<Map<String, Value>, Refused>;

/// `/actions/…`
pub(crate) fn answer(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    rest: &[&str],
) -> Result<Answer, Refused> {
    let at = |path: &str| format!("/services/data/{}/actions/{path}", asked.version);
    match (asked.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::ok(json!({ "standard": at("standard"), "custom": at("custom") }))),
        ("GET", ["standard"]) => {
            let email = json!({ "label": "Send Email", "name": email::NAME, "type": "EMAILSIMPLE",
                "url": at(&format!("standard/{}", email::NAME)) });
            Ok(Answer::ok(json!({ "actions": [email] })))
        }
        ("GET", ["custom"]) => Ok(Answer::ok(json!({ "flow": at("custom/flow") }))),
        ("GET", ["custom", "flow"]) => Ok(Answer::ok(flows::list(org, &at("custom/flow")))),
        ("GET", ["standard", email::NAME]) => Ok(Answer::ok(email::about(asked))),
        ("GET", ["custom", "flow", name]) => flows::about(org, name).map(Answer::ok),
        ("POST", ["standard", email::NAME]) => {
            each(org, asked, email::NAME, |org, input| email::send(org, writer, asked, input))
        }
        ("POST", ["custom", "flow", name]) => {
            let flow = flows::known(org, name)?;
            each(org, asked, name, |org, input| flow.run(org, writer, input))
        }
        _ => Err(Refused::not_found()),
    }
}

/// Every input by itself. The whole is 400 when one of them failed.
fn each(
    org: &mut Org,
    asked: &Asked<'_>,
    name: &str,
    mut act: impl FnMut(&mut Org, &Map<String, Value>) -> Outcome,
) -> Result<Answer, Refused> {
    let body = asked.fields()?;
    let Some(Value::Array(inputs)) = body.get("inputs") else {
        return Err(Refused::new(400, "INVALID_INPUT", "The request body must have a list of inputs"));
    };
    let mut results = Vec::new();
    let mut failed = false;
    for input in inputs {
        let Value::Object(input) = input else {
            return Err(Refused::new(400, "INVALID_INPUT", "Each input must be an object"));
        };
        results.push(match act(org, input) {
            Ok(outputs) => {
                let outputs = if outputs.is_empty() { Value::Null } else { Value::Object(outputs) };
                json!({ "actionName": name, "errors": null, "isSuccess": true, "outputValues": outputs })
            }
            Err(refused) => {
                failed = true;
                json!({ "actionName": name, "errors": [refused.entry()], "isSuccess": false, "outputValues": null })
            }
        });
    }
    Ok(Answer::json(if failed { 400 } else { 200 }, results.into()))
}
