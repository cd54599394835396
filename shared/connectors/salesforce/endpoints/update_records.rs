//! `PATCH /composite/sobjects`: up to 200 records by their ids, each with fields of its own.

use super::super::classify::refused_item;
use super::collections;
use crate::domain::effect::EffectKind;
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::{Method, Response};

/// The shape is the object's name. A record may stand in a call once only: its id is the operation's match value.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_update.htm>
pub(crate) struct UpdateRecords;

impl UpdateRecords {
    pub(crate) const ID: &'static str = "salesforce/collections.update";
}

impl Endpoint for UpdateRecords {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Set
    }

    fn capacity(&self) -> Capacity {
        collections::CAPACITY
    }

    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        collections::call(Method::Patch, elements)
    }

    /// By position, and where a result names its record, only if it is the element's.
    fn settle(&self, _shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        collections::settle(elements, response, outcome)
    }
}

fn outcome(element: &Element, result: &Value) -> MemberOutcome {
    let id = |value: &Value| value.get("id").and_then(Value::as_str).and_then(RecordId::salesforce);
    let asked = id(&element.value);
    let other_record = id(result).is_some_and(|answered| asked.as_ref() != Some(&answered));
    match result.get("success").and_then(Value::as_bool) {
        _ if other_record => MemberOutcome::Unclear,
        Some(true) if id(result).is_some() => MemberOutcome::Done(document(&element.value)),
        Some(false) => refused_item(result),
        _ => MemberOutcome::Unclear,
    }
}

/// The record's id and what was written.
fn document(element: &Value) -> Value {
    let mut document = Object::new();
    let id = element.get("id").cloned().unwrap_or_default();
    document.insert("_id".into(), id.clone());
    document.insert("Id".into(), id);
    document.insert("_created".into(), false.into());
    document.extend(collections::fields_of(element).map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::salesforce::endpoints::conformance::elements;
    use crate::connectors::salesforce::fake::response;

    const A: &str = "006dM000001aBcDQAU";
    const B: &str = "006dM000002aBcDQAU";

    fn pair() -> Vec<Element> {
        elements(&[
            json!({"attributes": {"type": "Opportunity"}, "id": A, "Xero__c": "INV-1"}),
            json!({"attributes": {"type": "Opportunity"}, "id": B, "Xero__c": null}),
        ])
    }

    #[test]
    fn records_go_in_order_and_nulls_go_along() {
        let call = UpdateRecords.compose("Opportunity", &pair());
        assert_eq!(
            (call.method, call.path.as_str()),
            (Method::Patch, "/services/data/v67.0/composite/sobjects")
        );
        assert_eq!(
            call.body.unwrap(),
            format!(
                r#"{{"allOrNone":false,"records":[{{"attributes":{{"type":"Opportunity"}},"id":"{A}","Xero__c":"INV-1"}},{{"attributes":{{"type":"Opportunity"}},"id":"{B}","Xero__c":null}}]}}"#
            )
        );
    }

    #[test]
    fn one_bad_record_leaves_the_other_done() {
        let body = json!([{"id": A, "success": true, "errors": []}, {"success": false, "errors":
            [{"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id", "fields": []}]}]);
        let outcomes = UpdateRecords.settle("Opportunity", &pair(), &response(200, &body));
        assert_eq!(
            outcomes[0],
            MemberOutcome::Done(json!({"_id": A, "Id": A, "_created": false, "Xero__c": "INV-1"}))
        );
        assert!(
            matches!(&outcomes[1], MemberOutcome::Failed(failure) if failure.code == "invalid_cross_reference_key")
        );
    }

    #[test]
    fn results_of_other_records_settle_nothing() {
        let swapped =
            json!([{"id": B, "success": true, "errors": []}, {"id": A, "success": true, "errors": []}]);
        let outcomes = UpdateRecords.settle("Opportunity", &pair(), &response(200, &swapped));
        assert_eq!(outcomes, vec![MemberOutcome::Unclear; 2]);
    }
}
