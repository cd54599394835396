//! `/_sandbox/records`: what people do with records, by another user than the API's.
//!
//! - `GET|POST records/{object}`, `GET|PATCH|DELETE records/{object}/{id}` (`?late=SECONDS` commits late)
//! - `POST records/{object}/{id}/undelete`, `POST records/{object}/{id}/merge` (`{"loser"}`)
//! - `POST records/{object}/{id}/touch` as a background job does: only `SystemModstamp` moves
//! - `DELETE deletions` purges the log that `deleted` tells from, but for the last two hours

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::Salesforce;
use super::{Org, done};

pub(super) fn router() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/records/{object}", get(records).post(insert))
        .route("/records/{object}/{id}", get(record).patch(update).delete(remove))
        .route("/records/{object}/{id}/undelete", post(undelete))
        .route("/records/{object}/{id}/merge", post(merge))
        .route("/records/{object}/{id}/touch", post(touch))
        .route("/deletions", delete(purge))
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

async fn touch(State(org): Org, Path((object, id)): Path<(String, String)>) -> Response {
    done(org.touch(&object, &id))
}

async fn purge(State(org): Org) -> StatusCode {
    org.purge_deletions();
    StatusCode::NO_CONTENT
}
