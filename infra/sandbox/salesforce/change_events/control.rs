//! `/_sandbox/events`: change events for people and foreign test suites.
//!
//! - `GET events?since=REPLAY_ID` (`{"events": […]}`), `POST events/objects` (`{"objects": ["Account"]}`) selects
//! - `POST events/subscribers` (`{"url"}`) has them sent, `POST events/twice` (`{"count"}`) sends the next ones twice
//! - `POST events/gaps` (`{"count"}` for the next ones, or `{"object", "type": "GAP_UPDATE", "records": […]}` for one now)

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::Salesforce;

type Org = State<Arc<Salesforce>>;

pub(crate) fn router() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/events", get(events))
        .route("/events/objects", post(objects))
        .route("/events/subscribers", post(subscribe))
        .route("/events/twice", post(twice))
        .route("/events/gaps", post(gaps))
}

async fn events(State(org): Org, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let since = query.get("since").and_then(|since| since.parse().ok()).unwrap_or(0);
    Json(json!({ "events": org.change_events(since) }))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn count(wanted: &Value) -> u32 {
    wanted["count"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(1)
}

async fn objects(State(org): Org, Json(wanted): Json<Value>) -> StatusCode {
    org.capture_changes(&texts(&wanted["objects"]));
    StatusCode::NO_CONTENT
}

async fn subscribe(State(org): Org, Json(wanted): Json<Value>) -> Response {
    match org.subscribe_to_changes(wanted["url"].as_str().unwrap_or_default()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response(),
    }
}

async fn twice(State(org): Org, Json(wanted): Json<Value>) -> StatusCode {
    org.tell_twice(count(&wanted));
    StatusCode::NO_CONTENT
}

async fn gaps(State(org): Org, Json(wanted): Json<Value>) -> StatusCode {
    match (wanted["object"].as_str(), wanted["type"].as_str()) {
        (Some(object), Some(kind)) => org.tell_gap(object, kind, &texts(&wanted["records"])),
        _ => org.tell_gaps(count(&wanted)),
    }
    StatusCode::NO_CONTENT
}
