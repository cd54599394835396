//! Salesforce's own part of `/_sandbox/*`: what a person can do there, over HTTP.
//!
//! - `GET|POST records/{object}`, `GET|PATCH|DELETE records/{object}/{id}` (`?late=SECONDS` commits late)
//! - `POST records/{object}/{id}/undelete`, `POST records/{object}/{id}/merge` (`{"loser"}`)
//! - `POST fields` (`{"object": "Opportunity", "field": "Xero_Invoice__c: string(50) external"}`)
//! - `POST objects` (text, in the words of `standard_objects.txt`)
//! - `POST rules` (`{"object", "where", "message"}`), `POST refusals`
//!   (`{"object"?, "record"?, "times"?}` and `name` or `code`, `message`, `status`?), `DELETE rules` clears both
//! - `POST clients` (`{"id", "secret", "name"?, "callbacks"?, "scopes"?, "rotate"?, "proof_key"?, "public"?,
//!   "blocked"?, "idle_seconds"?, "flows_off"?, "unapproved"?, "public_key_pem"?}`), `POST grants` (`{"client"}`)
//! - `POST outbound` (`{"object", "where"?, "fields", "url"?}`) makes an outbound message; with a `url` on this
//!   machine it is delivered there, without one `GET outbound` gives the bodies due now, and
//!   `POST outbound/answers` (`{"notifications", "status", "body"}`) says what came back
//! - `POST outbound/mischief` (`{"shuffle"?: true, "resend"?: 3}`): any order, and some of those acknowledged again
//! - `GET|POST failures` (`{"name", "method"?, "path"?, "skip"?, "times"?, "probability"?}`): a fault by its name
//! - `POST duplicate-rules` (`{"object", "against"?, "fields": {"Email": "Email"}, "allow_save"?, "name"?}`),
//!   `POST record-types` (`{"object", "developer_name", "name"}`)
//! - `POST flows` (a flow with its inputs and writes), `POST reports` (`{"name", "object", "columns", "where"?,
//!   "group_by"?}`), `GET emails` (what `emailSimple` sent)
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
use super::clients::Client;
use super::outbound::OutboundMessage;
use super::refusals::Refusal;
use super::{DuplicateRule, Email, Flow, Options, Report, Salesforce, change_events, failures};

type Org = State<Arc<Salesforce>>;

pub(crate) fn router(salesforce: Arc<Salesforce>) -> Router {
    Router::new()
        .route("/records/{object}", get(records).post(insert))
        .route("/records/{object}/{id}", get(record).patch(update).delete(remove))
        .route("/records/{object}/{id}/undelete", post(undelete))
        .route("/records/{object}/{id}/merge", post(merge))
        .route("/fields", post(field))
        .route("/objects", post(objects))
        .route("/rules", post(rule).delete(clear))
        .route("/refusals", post(refusal))
        .route("/failures", get(failures).post(failure))
        .route("/duplicate-rules", post(duplicate_rule))
        .route("/record-types", post(record_type))
        .route("/flows", post(flow))
        .route("/reports", post(report))
        .route("/emails", get(emails))
        .route("/clients", post(client))
        .route("/grants", post(grant))
        .route("/outbound", get(outbound).post(notify))
        .route("/outbound/answers", post(answered))
        .route("/outbound/mischief", post(mischief))
        .route("/options", get(options).patch(configure))
        .route("/sessions", delete(sessions))
        .route("/queries", delete(queries))
        .route("/calls", post(calls))
        .merge(change_events::router())
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

async fn undelete(State(org): Org, Path((object, id)): Path<(String, String)>) -> Response {
    done(org.undelete(&object, &id))
}

async fn merge(
    State(org): Org,
    Path((object, id)): Path<(String, String)>,
    Json(wanted): Json<Value>,
) -> Response {
    done(org.merge(&object, &id, wanted["loser"].as_str().unwrap_or_default()))
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
    let times = wanted["times"].as_u64().and_then(|times| u32::try_from(times).ok()).unwrap_or(1);
    let (object, record) = (text("object"), text("record"));
    let refusal = match (text("name"), text("code")) {
        (Some(name), _) => match Refusal::named(&name, record.as_deref()) {
            Some(named) => Refusal { object, times, ..named },
            None => return said(Err(format!("there is no refusal `{name}`"))),
        },
        (None, Some(code)) => {
            let mut error = Refused::record(&code, text("message").unwrap_or_default(), &[]);
            let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            error.status = status.unwrap_or(400);
            Refusal { object, record, times, error, allow_save: false }
        }
        (None, None) => return said(Err("name or code is missing".into())),
    };
    org.refuse(refusal);
    StatusCode::NO_CONTENT.into_response()
}

async fn failures() -> Json<Value> {
    Json(json!({ "names": failures::names() }))
}

async fn failure(State(org): Org, Json(wanted): Json<Value>) -> Response {
    match failures::fault(&wanted) {
        Ok(fault) => (StatusCode::CREATED, Json(json!({ "id": org.faults().add(fault) }))).into_response(),
        Err(message) => said(Err(message)),
    }
}

async fn duplicate_rule(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().map(str::to_owned);
    let Some(object) = text("object") else { return said(Err("object is missing".into())) };
    let fields = wanted["fields"].as_object().into_iter().flatten();
    org.add_duplicate_rule(DuplicateRule {
        name: text("name").unwrap_or_else(|| format!("Standard_{object}_Duplicate_Rule")),
        against: text("against").unwrap_or_else(|| object.clone()),
        fields: fields.map(|(own, other)| (own.clone(), other.as_str().unwrap_or(own).to_owned())).collect(),
        allow_save: wanted["allow_save"].as_bool().unwrap_or(false),
        object,
    });
    StatusCode::NO_CONTENT.into_response()
}

async fn record_type(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    match org.add_record_type(text("object"), text("developer_name"), text("name")) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(message) => said(Err(message)),
    }
}

async fn flow(State(org): Org, Json(flow): Json<Flow>) -> StatusCode {
    org.add_flow(flow);
    StatusCode::NO_CONTENT
}

async fn report(State(org): Org, Json(report): Json<Report>) -> Response {
    (StatusCode::CREATED, Json(json!({ "id": org.add_report(report) }))).into_response()
}

async fn emails(State(org): Org) -> Json<Vec<Email>> {
    Json(org.emails())
}

async fn client(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let text = |name: &str| wanted[name].as_str().unwrap_or_default();
    let mut client = Client::new(text("id"), text("secret"));
    let flag = |name: &str| wanted[name].as_bool().unwrap_or(false);
    (client.rotate, client.proof_key) = (flag("rotate"), flag("proof_key"));
    (client.public, client.blocked) = (flag("public"), flag("blocked"));
    client.idle_seconds = wanted["idle_seconds"].as_i64();
    let list = |name: &str| -> Vec<String> {
        wanted[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    client.callbacks = list("callbacks");
    client.flows_off = list("flows_off").into_iter().collect();
    client.unapproved = list("unapproved").into_iter().collect();
    if let Some(name) = wanted["name"].as_str() {
        name.clone_into(&mut client.name);
    }
    if wanted["scopes"].is_array() {
        client.scopes = list("scopes");
    }
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
    done(org.notify_at(wanted["url"].as_str(), object, wanted["where"].as_str(), &fields))
}

async fn outbound(State(org): Org) -> Json<Value> {
    let due = org.outbound_due().into_iter();
    Json(due.map(|it| json!({ "notifications": it.notifications, "body": it.body })).collect())
}

async fn answered(State(org): Org, Json(wanted): Json<Value>) -> Json<Value> {
    let ids = wanted["notifications"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let message =
        OutboundMessage { url: None, notifications: ids.map(str::to_owned).collect(), body: String::new() };
    let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let acknowledged = org.outbound_answered(&message, status, wanted["body"].as_str().unwrap_or_default());
    Json(json!({ "acknowledged": acknowledged }))
}

async fn mischief(State(org): Org, Json(wanted): Json<Value>) -> StatusCode {
    if let Some(shuffle) = wanted["shuffle"].as_bool() {
        org.shuffle_notifications(shuffle);
    }
    let resend = wanted["resend"].as_u64().and_then(|count| usize::try_from(count).ok());
    org.resend_notifications(resend.unwrap_or_default());
    StatusCode::NO_CONTENT
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
