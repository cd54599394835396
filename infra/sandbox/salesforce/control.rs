//! Salesforce's own part of `/_sandbox/*`: what a person can do there, over HTTP. Each file says what it takes.
//!
//! - `GET|PATCH options`
//! - `POST clients` (`{"id", "secret", "name"?, "callbacks"?, "scopes"?, "user"?, "rotate"?, "idle_seconds"?,
//!   "proof_key"?, "public"?, "blocked"?, "flows_off"?, "unapproved"?, "public_key_pem"?}`), `POST grants` (`{"client"}`)

mod outbound;
mod records;
mod setup;
mod trouble;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::answer::Refused;
use super::clients::Client;
use super::{Options, Salesforce, change_events};
use crate::control::{changed, refused};

type Org = State<Arc<Salesforce>>;

pub(crate) fn router(salesforce: Arc<Salesforce>) -> Router {
    Router::new()
        .route("/options", get(options).patch(configure))
        .route("/clients", post(client))
        .route("/grants", post(grant))
        .merge(records::router())
        .merge(setup::router())
        .merge(trouble::router())
        .merge(outbound::router())
        .merge(change_events::router())
        .with_state(salesforce)
}

async fn options(State(org): Org) -> Json<Options> {
    Json(org.options())
}

async fn configure(State(org): Org, Json(wanted): Json<Value>) -> Response {
    let held = org.options();
    said(changed(&held, &wanted).and_then(|options| {
        if held.multi_currency && !options.multi_currency {
            let why =
                "multi_currency: an org that has taken on currencies can't go back to one; reset it instead";
            return Err(why.into());
        }
        org.configure(|kept| *kept = options);
        Ok(())
    }))
}

async fn client(State(org): Org, Json(wanted): Json<Value>) -> Response {
    said(Client::read(wanted).map(|client| org.register_client(client)))
}

async fn grant(State(org): Org, Json(wanted): Json<Value>) -> Response {
    match org.grant(wanted["client"].as_str().unwrap_or_default()) {
        Some(token) => Json(json!({ "refresh_token": token })).into_response(),
        None => said(Err("there is no such client".into())),
    }
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
        Err(message) => refused(&message),
    }
}
