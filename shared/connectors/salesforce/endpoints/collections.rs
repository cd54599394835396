//! What creates and updates of many records have in common: the body, and the list of results.

use serde_json::json;

use crate::domain::{Object, Value};
use crate::ports::connector::{Call, Capacity, Element, MemberOutcome};
use crate::ports::http::{Method, Response};

/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm>
pub(super) const CAPACITY: Capacity = Capacity { elements: 200, bytes: 1024 * 1024 };

/// One bad record leaves the others alone: `allOrNone` is false.
pub(super) fn call(method: Method, elements: &[Element]) -> Call {
    let records: Vec<&Value> = elements.iter().map(|element| &element.value).collect();
    let body = json!({"allOrNone": false, "records": records});
    Call { method, body: Some(body.to_string()), ..Call::get(super::super::path("composite/sobjects")) }
}

/// A record as the body has it: its type first, as Salesforce insists.
pub(crate) fn element(object: &str, id: Option<&str>, fields: &Object) -> Value {
    let mut record = Object::new();
    record.insert("attributes".into(), json!({"type": object}));
    if let Some(id) = id {
        record.insert("id".into(), id.into());
    }
    record.extend(fields.clone());
    Value::Object(record)
}

/// The fields of an element, without what belongs to the wire.
pub(super) fn fields_of(element: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let all = element.as_object().into_iter().flatten();
    all.filter(|(name, _)| !matches!(name.as_str(), "attributes" | "id"))
}

/// `[{"id", "success", "errors"}]` in the order of the request; where it is anything else or another length, nothing is
/// clear of any.
pub(super) fn settle(
    elements: &[Element],
    response: &Response,
    outcome: fn(&Element, &Value) -> MemberOutcome,
) -> Vec<MemberOutcome> {
    match serde_json::from_slice::<Vec<Value>>(&response.body) {
        Ok(results) if results.len() == elements.len() => {
            elements.iter().zip(&results).map(|(element, result)| outcome(element, result)).collect()
        }
        _ => vec![MemberOutcome::Unclear; elements.len()],
    }
}
