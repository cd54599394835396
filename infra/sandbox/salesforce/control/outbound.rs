//! `/_sandbox/outbound`: outbound messages, for people and foreign test suites.
//!
//! - `POST outbound` (`{"object", "where"?, "fields", "url"?}`) makes an outbound message; with a `url` on this
//!   machine it is delivered there, without one `GET outbound` gives the bodies due now, and
//!   `POST outbound/answers` (`{"notifications", "status", "body"}`) says what came back
//! - `POST outbound/mischief` (`{"shuffle"?: true, "resend"?: 3}`): any order, and some of those acknowledged again

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::Salesforce;
use super::{Org, done};

pub(super) fn router() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/outbound", get(outbound).post(notify))
        .route("/outbound/answers", post(answered))
        .route("/outbound/mischief", post(mischief))
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
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let body = wanted["body"].as_str().unwrap_or_default();
    let acknowledged = org.org().outbound.answered(&ids, status, body);
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
