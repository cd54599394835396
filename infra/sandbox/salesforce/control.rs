//! Salesforce's own part of `/_sandbox/*`: what a person can do there, over HTTP.
//!
//! - `GET|POST records/{object}`, `GET|PATCH|DELETE records/{object}/{id}` (`?late=SECONDS` commits late)
//! - `POST fields` (`{"object": "Opportunity", "field": "Xero_Invoice__c: string(50) external"}`)
//! - `POST objects` (text, in the words of `standard_objects.txt`)
//! - `POST rules` (`{"object", "where", "message"}`), `POST refusals`
//!   (`{"object"?, "record"?, "times"?, "code", "message", "status"?}`), `DELETE rules` clears both
//! - `POST clients` (`{"id", "secret", "rotate"?, "public_key_pem"?}`), `POST grants` (`{"client"}`)
//! - `POST outbound` (`{"object", "where"?, "fields"}`) makes an outbound message, `GET outbound` gives the
//!   bodies due now, `POST outbound/answers` (`{"notifications", "status", "body"}`) says what came back
//! - `GET|PATCH options`, `DELETE sessions`, `DELETE queries`, `POST calls` (`{"used": 1000}`)

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::answer::Refused;
use super::outbound::OutboundMessage;
use super::refusals::Refusal;
use super::tokens::Client;
use super::{Options, Salesforce};

type Org = State<Arc<Salesforce>>;

pub(crate) fn router(salesforce: Arc<Salesforce>) -> Router {
    Router::new()
        .route("/records/{object}", get(records).post(insert))
        .route("/records/{object}/{id}", get(record).patch(update).delete(remove))
        .route("/fields", post(field))
        .route("/objects", post(objects))
        .route("/rules", post(rule).delete(clear))
        .route("/refusals", post(refusal))
        .route("/clients", post(client))
        .route("/grants", post(grant))
        .route("/outbound", get(outbound).post(notify))
        .route("/outbound/answers", post(answered))
        .route("/options", get(options).patch(configure))
        .route("/sessions", delete(sessions))
        .route("/queries", delete(queries))
        .route("/calls", post(calls))
        .with_state(salesforce)
}

async fn records(State(org): Org, Path(object): Path<String>) -> Json<Value> {
    Json(org.records(&object).into())
}

async fn record(State(org): Org, Path((object, id)): Path<(String, String)>) -> Response {
    match org.get(&object, &id) {
        Some(record) => Json(record).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn late(query: &HashMap<String, String>) -> Option<i64> {
    query.get("late").and_then(|seconds| seconds.parse().ok())
}

async fn insert(
    State(org): Org,
    Path(object): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    Json(fields): Json<Value>,
) -> Response {
    let made = match late(&query) {
        Some(seconds) => org.insert_late(&object, fields, seconds),
        None => org.try_insert(&object, fields),
    };
    match made {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(refused) => refused.answer().into_response(),
    }
}

async fn update(
    State(org): Org,
    Path((object, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    Json(fields): Json<Value>,
) -> Response {
    done(match late(&query) {
        Some(seconds) => org.update_late(&object, &id, fields, seconds),
        None => org.try_update(&object, &id, fields),
    })
}

async fn remove(State(org): Org, Path((object, id)): Path<(String, String)>) -> Response {
    done(org.delete(&object, &id))
}

async fn field(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    said(org.add_field(text("object"), text("field")))
}

async fn objects(State(org): Org, text: String) -> Response {
    said(org.add_objects(&text))
}

async fn rule(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    done(org.refuse_where(text("object"), text("where"), text("message")))
}

async fn clear(State(org): Org) -> StatusCode {
    org.clear_refusals();
    StatusCode::NO_CONTENT
}

async fn refusal(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().map(str::to_owned);
    let Some(code) = text("code") else { return said(Err("code is missing".into())) };
    let mut error = Refused::record(&code, text("message").unwrap_or_default(), &[]);
    error.status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(400);
    let times = wanted["times"].as_u64().and_then(|times| u32::try_from(times).ok()).unwrap_or(1);
    let refusal = Refusal { object: text("object"), record: text("record"), times, error, allow_save: false };
    org.refuse(refusal);
    StatusCode::NO_CONTENT.into_response()
}

async fn client(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    let mut client = Client::new(text("id"), text("secret"));
    client.rotate = wanted["rotate"].as_bool().unwrap_or(false);
    if let Some(pem) = wanted["public_key_pem"].as_str() {
        client = match client.public_key_pem(pem) {
            Ok(client) => client,
            Err(message) => return said(Err(message)),
        };
    }
    org.register_client(client);
    StatusCode::NO_CONTENT.into_response()
}

async fn grant(State(org): Org, Json(wanted): Json<Value>) -> Response {
    match org.grant(wanted["client"].as_str().unwrap_or_default()) {
        Some(token) => Json(json!({ "refresh_token": token })).into_response(),
        None => said(Err("there is no such client".into())),
    }
}

async fn notify(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let fields: Vec<&str> =
        wanted["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let object = wanted["object"].as_str().unwrap_or_default();
    done(org.notify_of(object, wanted["where"].as_str(), &fields))
}

async fn outbound(State(org): Org) -> Json<Value> {
    let due = org.outbound_due().into_iter();
    Json(due.map(|it| json!({ "notifications": it.notifications, "body": it.body })).collect())
}

async fn answered(State(org): Org, Json(wanted): Json<Value>) -> Json<Value> {
    let ids = wanted["notifications"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let message = OutboundMessage { notifications: ids.map(str::to_owned).collect(), body: String::new() };
    let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let acknowledged = org.outbound_answered(&message, status, wanted["body"].as_str().unwrap_or_default());
    Json(json!({ "acknowledged": acknowledged }))
}

async fn options(State(org): Org) -> Json<Options> {
    Json(org.options())
}

async fn configure(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let mut merged = serde_json::to_value(org.options()).unwrap_or_default();
    if let (Some(merged), Some(wanted)) = (merged.as_object_mut(), wanted.as_object()) {
        merged.extend(wanted.clone());
    }
    match serde_json::from_value::<Options>(merged) {
        Ok(options) => {
            org.configure(|kept| *kept = options);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => said(Err(error.to_string())),
    }
}

async fn sessions(State(org): Org) -> StatusCode {
    org.end_sessions();
    StatusCode::NO_CONTENT
}

async fn queries(State(org): Org) -> StatusCode {
    org.forget_queries();
    StatusCode::NO_CONTENT
}

async fn calls(State(org): Org, Json(wanted): Json<Value>) -> StatusCode {
    org.use_up_calls(wanted["used"].as_u64().unwrap_or_default());
    StatusCode::NO_CONTENT
}

fn done(result: Result<(), Refused>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refused.answer().into_response(),
    }
}

fn said(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response(),
    }
}
