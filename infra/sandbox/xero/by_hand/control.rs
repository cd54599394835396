//! People's part of `/_sandbox/*`: what they do inside Xero that no call of the API does.
//!
//! - `GET|PATCH organisations/{tenant}`: `{"plan"?: "demo"|"trial"|"early"|"premium", "period_lock"?: "2026-09-30",
//!   "end_of_year_lock"?}`; null takes a lock away
//! - `PATCH contacts/{id}`: fields as the API has them; `ContactStatus` archives or restores
//! - `POST contacts/{id}/merge` `{"loser"}`; `POST contacts/{id}/request-erasure`; `DELETE contacts/{id}`: erased

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Ledger;
use crate::control::{changed, refused};
use crate::xero::Xero;

type Server = State<Arc<Xero>>;

pub(crate) fn router(xero: Arc<Xero>) -> Router {
    Router::new()
        .route("/organisations/{tenant}", get(standing).patch(change_standing))
        .route("/contacts/{id}", patch(edit).delete(erase))
        .route("/contacts/{id}/merge", post(merge))
        .route("/contacts/{id}/request-erasure", post(request_erasure))
        .with_state(xero)
}

async fn standing(State(xero): Server, Path(tenant): Path<Uuid>) -> Response {
    match xero.ledger_of(tenant).standing() {
        Some(standing) => Json(standing).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn change_standing(
    State(xero): Server,
    Path(tenant): Path<Uuid>,
    Json(wanted): Json<Value>,
) -> Response {
    let ledger = xero.ledger_of(tenant);
    let Some(held) = ledger.standing() else { return StatusCode::NOT_FOUND.into_response() };
    match changed(&held, &wanted) {
        Ok(standing) => {
            ledger.set_standing(standing);
            Json(standing).into_response()
        }
        Err(message) => refused(&message),
    }
}

async fn edit(State(xero): Server, Path(id): Path<Uuid>, Json(fields): Json<Value>) -> Response {
    let Some(ledger) = books_with(&xero, id) else { return StatusCode::NOT_FOUND.into_response() };
    match ledger.edit_contact(id, fields) {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(not_taken) => refused(&not_taken.0.join("; ")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merged {
    loser: Uuid,
}

async fn merge(State(xero): Server, Path(id): Path<Uuid>, Json(Merged { loser }): Json<Merged>) -> Response {
    let Some(ledger) = books_with(&xero, id) else { return StatusCode::NOT_FOUND.into_response() };
    if loser == id || ledger.contact(loser).is_none() {
        return refused("the loser must be another contact of the same organisation");
    }
    ledger.merge_contacts(loser, id);
    StatusCode::NO_CONTENT.into_response()
}

async fn request_erasure(State(xero): Server, Path(id): Path<Uuid>) -> StatusCode {
    let Some(ledger) = books_with(&xero, id) else { return StatusCode::NOT_FOUND };
    ledger.request_erasure(id);
    StatusCode::NO_CONTENT
}

async fn erase(State(xero): Server, Path(id): Path<Uuid>) -> StatusCode {
    let Some(ledger) = books_with(&xero, id) else { return StatusCode::NOT_FOUND };
    ledger.erase_contact(id);
    StatusCode::NO_CONTENT
}

/// Those of the organisation that has this contact.
fn books_with(xero: &Arc<Xero>, contact: Uuid) -> Option<Ledger> {
    let tenant = {
        let books = xero.state();
        let has = books.organisations.iter().find(|one| one.shelves.contacts.get(contact).is_some())?;
        has.tenant_id
    };
    Some(xero.ledger_of(tenant))
}
