//! What an administrator sets up: fields and objects, rules, record types, flows, reports.
//!
//! - `POST fields` (`{"object": "Opportunity", "field": "Xero_Invoice__c: string(50) external"}`)
//! - `POST objects` (text, in the words of `standard_objects.txt`)
//! - `POST rules` (`{"object", "where", "message"}`), `DELETE rules` clears them, and what was arranged to be refused
//! - `POST duplicate-rules` (`{"object", "against"?, "fields": {"Email": "Email"}, "allow_save"?, "name"?}`),
//!   `POST record-types` (`{"object", "developer_name", "name"}`)
//! - `POST flows` (a flow with its inputs and writes), `POST reports` (`{"name", "object", "columns", "where"?,
//!   "group_by"?}`), `GET emails` (what `emailSimple` sent)

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::{DuplicateRule, Email, Flow, Report, Salesforce};
use super::{Org, done, said};

pub(super) fn router() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/fields", post(field))
        .route("/objects", post(objects))
        .route("/rules", post(rule).delete(clear))
        .route("/duplicate-rules", post(duplicate_rule))
        .route("/record-types", post(record_type))
        .route("/flows", post(flow))
        .route("/reports", post(report))
        .route("/emails", get(emails))
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
