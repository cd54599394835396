//! What every action must do, whatever it is for. A new action is found here by being in the list.

use serde_json::json;

use super::super::endpoints;
use super::super::fake::Scripted;
use crate::domain::effect::EffectKind;
use crate::domain::flow::Matching;
use crate::domain::ids::{EffectKey, EventKey, FlowId, RunId, StepId};
use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};
use crate::ports::connector::{Account, Action, Element, MemberOutcome, Operation, Plan, Planning};
use crate::ports::http::Response;

pub(super) async fn plan(action: &dyn Action, input: Value, account: &dyn Account) -> Result<Plan, Fault> {
    let flow: FlowId = "6f0d8f0e-9f0a-4b57-8f2e-0a52c1f6f001".parse().unwrap();
    let effect = EffectKey::new(RunId::of(flow, None, &EventKey::from("k")), &StepId::from("step"), None);
    let planning = Planning {
        input: input.as_object().unwrap().clone(),
        options: &Object::new(),
        matching: &Matching::default(),
        effect: &effect,
        marker: effect.marker(),
        source_url: None,
        existing: None,
        account,
    };
    action.plan(planning).await
}

/// The example's `with`, as a run would have it.
fn example(action: &dyn Action) -> Value {
    let step: Value = serde_saphyr::from_str(action.describe().example).unwrap();
    let text = step["with"].to_string().replace("{{ record.Id }}", "006dM000001aBcDQAU");
    serde_json::from_str(&text).unwrap()
}

async fn operation(action: &dyn Action) -> Operation {
    match plan(action, example(action), &Scripted::new()).await.unwrap() {
        Plan::Perform(operation) => operation,
        Plan::Answer(answer) => panic!("{} needs no call: {answer}", action.describe().id),
    }
}

#[test]
fn every_action_describes_itself() {
    for action in super::all() {
        let about = action.describe();
        assert!(about.id.starts_with("salesforce."), "{}", about.id);
        assert!(about.documentation.starts_with("https://developer.salesforce.com/"), "{}", about.id);
        assert!(about.about.len() > 80 && !about.title.is_empty(), "{}", about.id);
        assert_eq!(about.input["type"], json!("object"), "{}", about.id);
        let properties = about.input["properties"].as_object().unwrap();
        let step: Value = serde_saphyr::from_str(about.example).unwrap();
        assert_eq!(step["action"], json!(about.id));
        for key in step["with"].as_object().unwrap().keys() {
            assert!(properties.contains_key(key), "{}: {key} is not in its schema", about.id);
        }
    }
}

#[tokio::test]
async fn every_example_is_planned_the_same_way_twice_for_an_endpoint_of_the_same_effect() {
    for action in super::all() {
        let about = action.describe();
        let operation = operation(&*action).await;
        assert_eq!(operation, self::operation(&*action).await, "{}", about.id);
        let endpoints = endpoints::all();
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id() == operation.endpoint).unwrap();
        assert_eq!(endpoint.effect(), about.effect, "{}", about.id);
        assert_eq!(about.effect == EffectKind::Set, operation.sets.is_some(), "{}", about.id);
    }
}

#[tokio::test]
async fn every_call_is_the_same_bytes_twice_and_every_answer_settles_each_element() {
    for action in super::all() {
        let operation = operation(&*action).await;
        let endpoints = endpoints::all();
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id() == operation.endpoint).unwrap();
        let effect = EffectKey::new(RunId(Default::default()), &StepId::from("step"), None);
        let element = Element { marker: effect.marker(), value: operation.element.clone() };
        let elements = [element.clone(), element];
        assert_eq!(
            endpoint.compose(&operation.shape, &elements),
            endpoint.compose(&operation.shape, &elements),
            "{}",
            operation.endpoint
        );
        let error = json!({"success": false, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "x", "fields": []}]});
        let bodies = [json!([error, error]), json!([error]), json!({}), json!({"done": true, "records": []})];
        let texts =
            bodies.iter().map(Value::to_string).flat_map(|text| [text[..text.len() / 2].to_owned(), text]);
        for text in texts {
            let response = Response { status: 200, headers: Vec::new(), body: text.clone().into_bytes() };
            let outcomes = endpoint.settle(&operation.shape, &elements, &response);
            assert_eq!(outcomes.len(), 2, "{} {text}", operation.endpoint);
            if serde_json::from_str::<Value>(&text).is_err() {
                assert_eq!(outcomes, vec![MemberOutcome::Unclear; 2], "{} {text}", operation.endpoint);
            }
        }
    }
}
