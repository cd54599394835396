//! Identity's part of `/_sandbox/*`: what developers and people do in the vendor's web pages.
//!
//! - `GET|POST apps`: `{"client_id", "kind": "web"|"pkce"|"custom_connection", "client_secret"?, "name"?, "tenant"?,
//!   "redirect_uris"?, "scopes"?, "certified"?, "tier"?, "has_broad_scopes"?}`
//! - `GET|POST organisations`: `{"name"}`; `GET|POST users`: `{"name", "email",
//!   "organisations"?: [tenant], "role"?: "STANDARD"|"READONLY"}`
//! - `POST consents`: `{"client_id", "user"?, "tenants"?, "scopes": []}` gives `{"code"}`, as if said in a browser
//! - `GET connections`; `DELETE connections?tenant=…&client_id=…`: disconnected inside Xero
//! - `DELETE access-tokens`: expired, all of them; `DELETE refresh-tokens`: revoked

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::apps::{App, AppKind};
use super::register::Role;
use crate::control::refused;
use crate::xero::Xero;
use crate::xero::limits::Tier;

type Server = State<Arc<Xero>>;

pub(crate) fn router(xero: Arc<Xero>) -> Router {
    Router::new()
        .route("/apps", get(apps).post(save_app))
        .route("/organisations", get(organisations).post(add_organisation))
        .route("/users", get(users).post(add_user))
        .route("/consents", post(consent))
        .route("/connections", get(connections).delete(disconnect))
        .route("/access-tokens", delete(expire))
        .route("/refresh-tokens", delete(revoke))
        .with_state(xero)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Web,
    Pkce,
    CustomConnection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedApp {
    client_id: String,
    kind: Kind,
    #[serde(default)]
    client_secret: String,
    name: Option<String>,
    tenant: Option<Uuid>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    certified: bool,
    #[serde(default)]
    tier: Tier,
    #[serde(default)]
    has_broad_scopes: bool,
}

impl WantedApp {
    /// Without scopes it may ask for all granular ones; a custom connection without a tenant sees the first.
    fn into_app(self, first: Uuid) -> App {
        let name = self.name.as_deref().unwrap_or(&self.client_id);
        let (id, secret) = (&self.client_id, &self.client_secret);
        let app = match self.kind {
            Kind::Web => App::web(id, secret, name, &[]),
            Kind::Pkce => App::pkce(id, name, &[]),
            Kind::CustomConnection => App::custom_connection(id, secret, name, self.tenant.unwrap_or(first)),
        };
        App {
            redirect_uris: self.redirect_uris,
            scopes: self.scopes.unwrap_or(app.scopes),
            certified: self.certified,
            tier: self.tier,
            has_broad_scopes: self.has_broad_scopes,
            ..app
        }
    }
}

async fn apps(State(xero): Server) -> Json<Value> {
    let register = xero.identity.register();
    let apps = register.apps.values().map(|app| {
        let kind = match app.kind {
            AppKind::Web { .. } => "web",
            AppKind::Pkce => "pkce",
            AppKind::CustomConnection { .. } => "custom_connection",
        };
        json!({
            "client_id": app.client_id, "name": app.name, "kind": kind, "redirect_uris": app.redirect_uris,
            "scopes": app.scopes, "certified": app.certified, "tier": app.tier,
        })
    });
    Json(apps.collect())
}

async fn save_app(State(xero): Server, Json(wanted): Json<WantedApp>) -> Response {
    let first = xero.ledger().tenant_id();
    said(xero.register_app(wanted.into_app(first)).map(|()| json!({})))
}

async fn organisations(State(xero): Server) -> Json<Value> {
    let state = xero.state();
    let rows = state.organisations.iter().map(|one| json!({ "tenantId": one.tenant_id, "name": one.name }));
    Json(rows.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedOrganisation {
    name: String,
}

async fn add_organisation(State(xero): Server, Json(wanted): Json<WantedOrganisation>) -> Response {
    said(Ok(json!({ "tenantId": xero.add_organisation(&wanted.name) })))
}

async fn users(State(xero): Server) -> Json<Value> {
    let register = xero.identity.register();
    let rows = register.users.iter().map(
        |user| json!({ "xero_userid": user.id, "name": user.name, "email": user.email, "role": user.role }),
    );
    Json(rows.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedUser {
    name: String,
    email: String,
    organisations: Option<Vec<Uuid>>,
    #[serde(default)]
    role: Role,
}

async fn add_user(State(xero): Server, Json(wanted): Json<WantedUser>) -> Response {
    let id = xero.identity.add_user(&wanted.name, &wanted.email, wanted.organisations, wanted.role);
    said(Ok(json!({ "xero_userid": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedConsent {
    client_id: String,
    user: Option<Uuid>,
    /// The first organisation when left out.
    tenants: Option<Vec<Uuid>>,
    scopes: Vec<String>,
}

async fn consent(State(xero): Server, Json(wanted): Json<WantedConsent>) -> Response {
    let WantedConsent { client_id, user, tenants, scopes } = wanted;
    let tenants = tenants.unwrap_or_else(|| vec![xero.ledger().tenant_id()]);
    let code = xero.identity.consent(&client_id, user, &tenants, &scopes, xero.now());
    said(code.map(|code| json!({ "code": code })))
}

async fn connections(State(xero): Server) -> Json<Value> {
    let register = xero.identity.register().clone();
    let rows = register.connections.iter().map(|held| {
        let mut row = held.as_json(&xero.organisation_name(held.tenant));
        row["client_id"] = held.client.as_str().into();
        row["xero_userid"] = held.user.to_string().into();
        row
    });
    Json(rows.collect())
}

#[derive(Deserialize)]
struct Which {
    tenant: Uuid,
    client_id: Option<String>,
}

async fn disconnect(State(xero): Server, Query(which): Query<Which>) -> StatusCode {
    xero.identity.disconnect(which.tenant, which.client_id.as_deref());
    StatusCode::NO_CONTENT
}

async fn expire(State(xero): Server) -> StatusCode {
    xero.expire_access_tokens();
    StatusCode::NO_CONTENT
}

async fn revoke(State(xero): Server) -> StatusCode {
    xero.revoke_refresh_tokens();
    StatusCode::NO_CONTENT
}

fn said(result: Result<Value, String>) -> Response {
    match result {
        Ok(made) => (StatusCode::CREATED, Json(made)).into_response(),
        Err(message) => refused(&message),
    }
}
