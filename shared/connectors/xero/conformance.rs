//! What every action and endpoint of this room must keep to. A new action gets a row in `SAMPLES`.

use serde_json::json;

use super::Xero;
use super::testing::{TestAccount, TestTable, answer, effect, organisation_account};
use crate::domain::flow::Matching;
use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};
use crate::ports::connector::{
    Account, Catalog, Element, Endpoint, MemberOutcome, Operation, Plan, Planning,
};
use crate::ports::http::Response;
use std::sync::Arc;

const CONTACT: &str = "bd2270c3-8706-4c11-9cfb-000b551c3f51";

/// Action, an input that needs a call.
fn samples() -> Vec<(&'static str, Value)> {
    vec![
        ("xero.upsert_contact", json!({"ContactNumber": "001A", "Name": "Brand New"})),
        (
            "xero.create_invoice",
            json!({"Contact": {"ContactID": CONTACT}, "Date": "2026-09-14", "LineItems": [{"Description": "x", "Quantity": 1, "UnitAmount": "21.00", "AccountCode": "200"}]}),
        ),
        ("xero.find_invoice", json!({"InvoiceNumber": "INV-1"})),
    ]
}

pub(super) async fn plan(
    catalog: &Catalog,
    account: &TestAccount,
    action: &str,
    input: &Value,
    step: &str,
) -> Result<Plan, Failure> {
    let options = Object::new();
    plan_with(catalog, account, action, input, step, &options, &Matching::default(), None).await
}

#[expect(clippy::too_many_arguments, reason = "a test names everything that a plan depends on")]
pub(super) async fn plan_with(
    catalog: &Catalog,
    account: &TestAccount,
    action: &str,
    input: &Value,
    step: &str,
    options: &Object,
    matching: &Matching,
    existing: Option<&Value>,
) -> Result<Plan, Failure> {
    let effect = effect(step);
    let planning = Planning {
        input: input.as_object().unwrap().clone(),
        options,
        matching,
        effect: &effect,
        marker: effect.marker(),
        source_url: Some("https://acme.my.salesforce.com/006A"),
        existing,
        account: account as &dyn Account,
    };
    let (_, action) = catalog.action(action).unwrap();
    action.plan(planning).await.map_err(|fault| fault.failure().clone())
}

pub(super) fn catalog() -> Catalog {
    Catalog::new(vec![Arc::new(Xero::new())], vec![])
}

pub(super) fn operation(plan: Plan) -> Operation {
    match plan {
        Plan::Perform(operation) => operation,
        Plan::Answer(value) => panic!("needs a call, but was answered: {value}"),
    }
}

async fn operations() -> (Catalog, Vec<(Operation, Element)>) {
    let catalog = catalog();
    let account = organisation_account(&Arc::new(TestTable::default()));
    let mut operations = Vec::new();
    for (action, input) in samples() {
        let operation = operation(plan(&catalog, &account, action, &input, action).await.unwrap());
        let element = Element { marker: effect(action).marker(), value: operation.element.clone() };
        operations.push((operation, element));
    }
    (catalog, operations)
}

fn collection(endpoint: &dyn Endpoint) -> &'static str {
    if endpoint.id().contains("/contacts.") { "Contacts" } else { "Invoices" }
}

#[tokio::test]
async fn every_action_has_a_sample_a_schema_and_an_example_that_parses() {
    let catalog = catalog();
    let sampled: Vec<_> = samples().into_iter().map(|(id, _)| id).collect();
    for (description, _) in catalog.actions() {
        assert!(sampled.contains(&description.id), "{} needs a sample", description.id);
        assert_eq!(description.input["type"], "object", "{}", description.id);
        assert!(description.input["properties"].as_object().is_some_and(|fields| !fields.is_empty()));
        assert!(description.options.is_object());
        let example: Value = serde_saphyr::from_str(description.example).unwrap();
        assert_eq!(example["action"], description.id);
        for field in example["with"].as_object().unwrap().keys() {
            assert!(description.input["properties"].get(field).is_some(), "{}: {field}", description.id);
        }
        for field in description.matches {
            assert!(description.input["properties"].get(field).is_some(), "{}: {field}", description.id);
        }
    }
}

#[tokio::test]
async fn the_same_input_plans_the_same_operation_for_an_endpoint_that_is_there() {
    let (catalog, first) = operations().await;
    let (_, second) = operations().await;
    for ((one, _), (other, _)) in first.iter().zip(&second) {
        assert_eq!(one, other);
        assert_eq!(catalog.endpoint(one.endpoint).unwrap().id(), one.endpoint);
    }
}

#[tokio::test]
async fn a_call_has_the_same_bytes_every_time() {
    let (catalog, operations) = operations().await;
    for (operation, element) in operations {
        let endpoint = catalog.endpoint(operation.endpoint).unwrap();
        let compose = || endpoint.compose(&operation.shape, &[element.clone(), element.clone()]);
        assert_eq!(compose(), compose());
        assert!(endpoint.capacity().elements > 0);
    }
}

#[tokio::test]
async fn a_successful_answer_settles_every_member_as_done() {
    let (catalog, operations) = operations().await;
    for (operation, element) in operations {
        let endpoint = catalog.endpoint(operation.endpoint).unwrap();
        let mut record = match &element.value {
            Value::Object(_) => element.value.clone(),
            number => json!({"Type": "ACCREC", "InvoiceNumber": number}),
        };
        record["InvoiceID"] = "0de5e2a5-0000-4000-8000-000000000001".into();
        record["ContactID"] = CONTACT.into();
        let body = json!({ collection(endpoint.as_ref()): [record] });
        let outcomes = endpoint.settle(&operation.shape, std::slice::from_ref(&element), &answer(&body));
        assert!(matches!(outcomes[..], [MemberOutcome::Done(_)]), "{}: {outcomes:?}", endpoint.id());
    }
}

#[tokio::test]
async fn foreign_and_truncated_answers_of_writes_settle_nothing() {
    let (catalog, operations) = operations().await;
    for (operation, element) in operations.iter().filter(|(operation, _)| operation.element.is_object()) {
        let endpoint = catalog.endpoint(operation.endpoint).unwrap();
        let collection = collection(endpoint.as_ref());
        let foreign = json!({"InvoiceID": "x", "ContactID": "y", "Name": "Foreign", "Contact": {"ContactID": "other"}, "LineItems": []});
        for body in [
            String::new(),
            "{}".into(),
            "[]".into(),
            "<html>".into(),
            json!({ collection: null }).to_string(),
            json!({ collection: [] }).to_string(),
            json!({ collection: [{}] }).to_string(),
            json!({ collection: [foreign] }).to_string(),
            json!({ collection: [foreign, foreign] }).to_string(),
            json!({ collection: [operation.element] }).to_string()[..20].to_owned(),
        ] {
            let response = Response { status: 200, headers: vec![], body: body.clone().into_bytes() };
            let outcomes = endpoint.settle(&operation.shape, std::slice::from_ref(element), &response);
            assert_eq!(outcomes, [MemberOutcome::Unclear], "{}: {body}", endpoint.id());
        }
    }
}

#[tokio::test]
async fn a_refused_element_fails_alone_with_all_its_messages() {
    let (catalog, operations) = operations().await;
    for (operation, element) in operations.iter().filter(|(operation, _)| operation.element.is_object()) {
        let endpoint = catalog.endpoint(operation.endpoint).unwrap();
        let mut bad = element.value.clone();
        bad["StatusAttributeString"] = "ERROR".into();
        bad["ValidationErrors"] = json!([{"Message": "one"}]);
        bad["LineItems"] = json!([{"ValidationErrors": [{"Message": "two"}]}]);
        let body = json!({ collection(endpoint.as_ref()): [bad] });
        let outcomes = endpoint.settle(&operation.shape, std::slice::from_ref(element), &answer(&body));
        let [MemberOutcome::Failed(failure)] = &outcomes[..] else {
            panic!("{}: {outcomes:?}", endpoint.id())
        };
        assert_eq!(failure.code, "xero_validation");
        assert!(failure.message.contains("one | two"));
    }
}
