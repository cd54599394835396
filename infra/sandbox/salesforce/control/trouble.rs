//! What goes wrong by arrangement, in Salesforce's words.
//!
//! - `POST refusals` (`{"object"?, "record"?, "times"?}` and `name` or `code`, `message`, `status`?): of single records
//! - `DELETE sessions`, `DELETE queries`, `POST calls` (`{"used": 1000}`)

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::Value;

use super::super::Salesforce;
use super::super::answer::Refused;
use super::super::refusals::Refusal;
use super::{Org, said};

pub(super) fn router() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/refusals", post(refusal))
        .route("/sessions", delete(sessions))
        .route("/queries", delete(queries))
        .route("/calls", post(calls))
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
