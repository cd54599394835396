//! Xero's own part of `/_sandbox/*`, and what `POST seed` may ask of it. Identity's and the webhooks' parts are with
//! them.
//!
//! - `GET|PATCH options`: what sources dispute (`disputed.rs`)
//! - `POST calls` (`{"client_id"?, "tenant"?, "minute"?, "day"?, "app_minute"?}`): so many are used up

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::disputed::Disputed;
use super::documents::contacts::rules;
use super::held::Hold;
use super::limits::Used;
use super::{CLIENT_ID, Xero, wire};
use crate::control::{changed, refused};
use crate::locked;

type Server = State<Arc<Xero>>;

pub(super) fn router(xero: Arc<Xero>) -> Router {
    Router::new()
        .route("/options", get(options).patch(configure))
        .route("/calls", post(calls))
        .with_state(xero)
}

async fn options(State(xero): Server) -> Json<Disputed> {
    Json(xero.disputed())
}

async fn configure(State(xero): Server, Json(wanted): Json<Value>) -> Response {
    match changed(&xero.disputed(), &wanted) {
        Ok(disputed) => {
            xero.configure(|held| *held = disputed);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(message) => refused(&message),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Calls {
    client_id: Option<String>,
    /// The first organisation when left out.
    tenant: Option<Uuid>,
    minute: u32,
    day: u32,
    app_minute: u32,
}

async fn calls(State(xero): Server, Json(wanted): Json<Calls>) -> StatusCode {
    let Calls { client_id, tenant, minute, day, app_minute } = wanted;
    let tenant = tenant.unwrap_or_else(|| xero.ledger().tenant_id());
    let used = Used { minute, day, app_minute };
    xero.use_up_calls(client_id.as_deref().unwrap_or(CLIENT_ID), tenant, used);
    StatusCode::NO_CONTENT
}

/// `{"contacts": 500}` or `{"contacts": ["Acme", …]}`, `{"hold": {"method", "path", "seconds", "times"}}`,
/// `{"period_lock": "2026-09-30"}`, `{"books": {"customers", "suppliers", "products", "invoices", "bills", "seed"}}`.
pub(super) fn seed(xero: &Arc<Xero>, wanted: &Value) -> Result<Value, String> {
    if let Some(books) = wanted.get("books") {
        let amounts = serde_json::from_value(books.clone()).map_err(|error| error.to_string())?;
        xero.fill(&amounts).map_err(|refused| refused.0.join("; "))?;
    }
    let ledger = |xero: &Xero| locked(&xero.books).organisations.first().map(|one| one.tenant_id);
    let tenant = ledger(xero).ok_or("there is no organisation")?;
    let mut made = 0_usize;
    let names: Vec<String> = match wanted.get("contacts") {
        None => Vec::new(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(count) => {
            let count = count.as_u64().ok_or("contacts must be a number or a list of names")?;
            (1..=count).map(|number| format!("Customer {number:05}")).collect()
        }
    };
    let now = xero.now();
    let mut books = xero.state();
    if let Some(organisation) = books.organisations.iter_mut().find(|one| one.tenant_id == tenant) {
        for name in &names {
            let fields = [("Name".to_owned(), name.as_str().into())].into_iter().collect();
            made += usize::from(rules::save(organisation, now, true, &fields).is_ok());
        }
        if let Some(lock) = wanted.get("period_lock").and_then(Value::as_str) {
            organisation.period_lock = Some(wire::read_day(lock).ok_or("period_lock must be yyyy-MM-dd")?);
        }
    }
    if let Some(hold) = wanted.get("hold") {
        let text = |field: &str| hold.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        xero.hold(Hold {
            method: text("method"),
            path: text("path"),
            seconds: hold.get("seconds").and_then(Value::as_i64).ok_or("hold.seconds must be a number")?,
            times: hold.get("times").and_then(Value::as_u64).and_then(|n| n.try_into().ok()).unwrap_or(1),
        });
    }
    Ok(json!({ "contacts": made }))
}
