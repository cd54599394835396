//! `/_sandbox/*`: how people and foreign test suites steer a stand-in. Not counted, not met by faults, not
//! limited, not part of either vendor's API.
//!
//! - `GET|POST|DELETE faults` (POST one fault or a list of them; `DELETE faults/{id}`)
//! - `GET|DELETE counters`
//! - `GET|POST clock` (`{"advance_seconds": 60}`)
//! - `POST reset`, `POST seed`, `GET state`, `GET invariants`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::Provider;
use crate::faults::Fault;

pub(crate) fn router<P: Provider>(provider: Arc<P>) -> Router {
    Router::new()
        .route("/faults", get(faults::<P>).post(add_faults::<P>).delete(clear_faults::<P>))
        .route("/faults/{id}", delete(remove_fault::<P>))
        .route("/counters", get(counters::<P>).delete(clear_counters::<P>))
        .route("/clock", get(clock::<P>).post(move_clock::<P>))
        .route("/reset", post(reset::<P>))
        .route("/seed", post(seed::<P>))
        .route("/state", get(state::<P>))
        .route("/invariants", get(invariants::<P>))
        .with_state(provider.clone())
        .merge(P::controls(provider))
}

async fn faults<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.harness().faults.list())
}

async fn add_faults<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    let wanted = match wanted {
        Value::Array(list) => list,
        one => vec![one],
    };
    let read: Result<Vec<Fault>, _> = wanted.into_iter().map(serde_json::from_value).collect();
    match read {
        Ok(faults) => {
            let ids: Vec<_> = faults.into_iter().map(|fault| provider.harness().faults.add(fault)).collect();
            (StatusCode::CREATED, Json(json!({ "ids": ids }))).into_response()
        }
        Err(error) => refused(&error.to_string()),
    }
}

async fn clear_faults<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.harness().faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault<P: Provider>(State(provider): State<Arc<P>>, Path(id): Path<u64>) -> StatusCode {
    provider.harness().faults.remove(id);
    StatusCode::NO_CONTENT
}

async fn counters<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.harness().counters.as_json())
}

async fn clear_counters<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.harness().counters.clear();
    StatusCode::NO_CONTENT
}

async fn clock<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let clock = &provider.harness().clock;
    Json(json!({ "now": clock.now().to_string(), "offset_seconds": clock.offset_seconds() }))
}

async fn move_clock<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    match wanted.get("advance_seconds").and_then(Value::as_i64) {
        Some(seconds) => {
            provider.harness().clock.advance_seconds(seconds);
            clock(State(provider)).await.into_response()
        }
        None => refused("advance_seconds must be a whole number of seconds"),
    }
}

/// State, faults and counters; the clock stays where it is, since both stand-ins share it.
async fn reset<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.reset();
    provider.harness().faults.clear();
    provider.harness().counters.clear();
    StatusCode::NO_CONTENT
}

async fn seed<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    match provider.seed(&wanted) {
        Ok(made) => Json(made).into_response(),
        Err(message) => refused(&message),
    }
}

async fn state<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.state())
}

async fn invariants<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let broken = provider.invariants();
    Json(json!({ "ok": broken.is_empty(), "broken": broken }))
}

fn refused(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
}
