//! What every endpoint must do, whatever it is for. A new endpoint is found here by being in the list.

use serde_json::json;

use super::super::fake::{error, response};
use crate::domain::Value;
use crate::domain::ids::{EffectKey, EventKey, FlowId, RunId, StepId};
use crate::ports::connector::{Element, MemberOutcome};
use crate::ports::http::Response;

pub(crate) fn elements(values: &[Value]) -> Vec<Element> {
    let flow: FlowId = "6f0d8f0e-9f0a-4b57-8f2e-0a52c1f6f001".parse().unwrap();
    let run = RunId::of(flow, None, &EventKey::from("k"));
    let marker = |at: usize| EffectKey::new(run, &StepId::from("step"), Some(&at.to_string())).marker();
    values
        .iter()
        .enumerate()
        .map(|(at, value)| Element { marker: marker(at), value: value.clone() })
        .collect()
}

fn foreign() -> Vec<Vec<u8>> {
    let texts =
        ["", "null", "{}", "[]", "[{}, {}]", "[null, 1]", "<html>", "Bad_OAuth_Token", r#"[{"id": "006"#];
    let mut bodies: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.push(json!([{"success": true}, {"success": true, "id": "short"}]).to_string().into_bytes());
    bodies.push(json!({"compositeResponse": [{}, null]}).to_string().into_bytes());
    bodies.push(error("MALFORMED_QUERY", "unexpected token").to_string().into_bytes());
    bodies.push(vec![0xff, 0xfe]);
    bodies
}

#[test]
fn a_body_that_is_no_answer_leaves_every_element_unclear() {
    let two = elements(&[json!("SELECT Id FROM A"), json!("SELECT Id FROM B")]);
    let shape = super::Matching {
        object: "A".into(),
        fields: Vec::new(),
        by: "Name".into(),
        order_by: "Id".into(),
        limit: 1,
    };
    for endpoint in super::all() {
        for body in foreign() {
            let response = Response { body: body.clone(), ..response(200, &Value::Null) };
            let outcomes = endpoint.settle(&shape.shape(), &two, &response);
            let body = String::from_utf8_lossy(&body);
            assert_eq!(outcomes, vec![MemberOutcome::Unclear; 2], "{} {body}", endpoint.id());
        }
    }
}

#[test]
fn endpoints_have_names_and_room() {
    let all = super::all();
    for (at, endpoint) in all.iter().enumerate() {
        assert!(endpoint.id().starts_with("salesforce/"));
        assert!(all[..at].iter().all(|other| other.id() != endpoint.id()));
        assert!((1..=200).contains(&endpoint.capacity().elements));
    }
}
