//! Webhooks' part of `/_sandbox/*`: what the developer portal's page of webhooks does, and mischief.
//!
//! - `GET|POST webhooks`: `{"url", "key", "categories": ["CONTACT", …], "client_id"?, "base"?, "tells_payments"?}`;
//!   `GET|PATCH|DELETE webhooks/{id}` (a new `url` has to prove itself)
//! - `POST webhooks/{id}/probe`: "send intent to receive", also after it was disabled
//! - `POST webhooks/{id}/replay`: `{"from": sequence}`; `POST webhooks/{id}/mischief`:
//!   `{"reorder"?, "duplicate"?, "wrong_signature"?}` for the next delivery
//! - `POST app-store`: `{"client_id", "id"?, "is_new"?}`: an event of the category SUBSCRIPTION

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::news::Category;
use super::subscription::{Mischief, Subscription};
use crate::control::refused;
use crate::origin::origin;
use crate::sender::is_deliverable;
use crate::xero::{CLIENT_ID, Xero};

type Server = State<Arc<Xero>>;

pub(crate) fn router(xero: Arc<Xero>) -> Router {
    Router::new()
        .route("/webhooks", get(all).post(create))
        .route("/webhooks/{id}", get(one).patch(change).delete(remove))
        .route("/webhooks/{id}/probe", post(probe))
        .route("/webhooks/{id}/replay", post(replay))
        .route("/webhooks/{id}/mischief", post(mischief))
        .route("/app-store", post(app_store))
        .with_state(xero)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    url: String,
    key: String,
    categories: Vec<Category>,
    client_id: Option<String>,
    /// What resources' addresses begin with; where this request came to when left out.
    base: Option<String>,
    tells_payments: Option<bool>,
}

async fn create(State(xero): Server, uri: Uri, headers: HeaderMap, Json(wanted): Json<Wanted>) -> Response {
    let client = wanted.client_id.as_deref().unwrap_or(CLIENT_ID);
    let now = xero.now();
    if !xero.identity.knows(client) {
        return refused(&format!("there is no app {client}"));
    }
    let mut board = xero.webhooks.board();
    let added = board.add(client, &wanted.url, &wanted.key, &wanted.categories);
    match added {
        Ok(subscription) => {
            let base = wanted.base.or_else(|| origin(&uri, &headers));
            subscription.base = base.unwrap_or_else(|| subscription.base.clone());
            subscription.tells_payments = wanted.tells_payments.unwrap_or(true);
            subscription.probe(now);
            (StatusCode::CREATED, Json(subscription.as_json())).into_response()
        }
        Err(message) => refused(&message),
    }
}

async fn all(State(xero): Server) -> Json<Value> {
    Json(xero.webhooks.board().subscriptions.iter().map(Subscription::as_json).collect())
}

async fn one(State(xero): Server, Path(id): Path<Uuid>) -> Response {
    with(&xero, id, |_| {})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    url: Option<String>,
    key: Option<String>,
    categories: Option<Vec<Category>>,
}

async fn change(State(xero): Server, Path(id): Path<Uuid>, Json(changes): Json<Changes>) -> Response {
    let now = xero.now();
    if let Some(url) = changes.url.as_ref().filter(|url| !is_deliverable(url)) {
        return refused(&format!("{url}: the stand-in only delivers to http:// on this machine"));
    }
    with(&xero, id, |subscription| {
        if let Some(url) = changes.url {
            subscription.url = url;
            subscription.probe(now);
        }
        subscription.key = changes.key.unwrap_or_else(|| subscription.key.clone());
        subscription.categories = changes.categories.unwrap_or_else(|| subscription.categories.clone());
    })
}

async fn remove(State(xero): Server, Path(id): Path<Uuid>) -> StatusCode {
    xero.webhooks.board().subscriptions.retain(|one| one.id != id);
    StatusCode::NO_CONTENT
}

async fn probe(State(xero): Server, Path(id): Path<Uuid>) -> Response {
    let now = xero.now();
    with(&xero, id, |subscription| subscription.probe(now))
}

#[derive(Deserialize)]
struct From {
    from: u64,
}

async fn replay(State(xero): Server, Path(id): Path<Uuid>, Json(wanted): Json<From>) -> Response {
    with(&xero, id, |subscription| subscription.replay(wanted.from))
}

async fn mischief(State(xero): Server, Path(id): Path<Uuid>, Json(wanted): Json<Mischief>) -> Response {
    with(&xero, id, |subscription| subscription.mischief = wanted)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppStore {
    client_id: String,
    id: Option<Uuid>,
    #[serde(default)]
    is_new: bool,
}

async fn app_store(State(xero): Server, Json(wanted): Json<AppStore>) -> StatusCode {
    let id = wanted.id.unwrap_or_else(|| xero.new_id());
    xero.app_store_event(&wanted.client_id, id, wanted.is_new);
    StatusCode::NO_CONTENT
}

/// Does it to the webhook and shows how it is now.
fn with(xero: &Xero, id: Uuid, act: impl FnOnce(&mut Subscription)) -> Response {
    let mut board = xero.webhooks.board();
    match board.subscription(id) {
        Some(subscription) => {
            act(subscription);
            Json(subscription.as_json()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Subscription {
    fn as_json(&self) -> Value {
        json!({
            "id": self.id, "client_id": self.client, "url": self.url, "key": self.key,
            "categories": self.categories, "base": self.base, "tells_payments": self.tells_payments,
            "state": self.state, "waiting": self.waiting(), "next_try": self.next_try(),
            "mischief": self.mischief, "deliveries": self.deliveries,
        })
    }
}
