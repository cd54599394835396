//! The paths of the identity server, and `/connections`, which lives with the APIs but is about identity.

use axum::http::Method;
use axum::http::request::Parts;
use serde_json::{Value, json};
use uuid::Uuid;

use super::discovery::{DISCOVERY_PATH, KEYS_PATH, discovery};
use super::form::Form;
use crate::origin::origin;
use crate::signing;
use crate::xero::answer::Answer;
use crate::xero::{TokenErrors, Xero, door};

/// Who signs tokens when nobody said where this server is reached.
pub(super) const ISSUER: &str = "https://identity.xero.com";
const JSON: &str = "application/json";

pub(crate) fn answer(xero: &Xero, head: &Parts, body: &[u8]) -> Answer {
    let now = xero.now();
    let query = head.uri.query().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let basic = door::text(&head.headers, "authorization");
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/identity/connect/authorize") => {
            xero.identity.show_consent(query, &organisations(xero), now)
        }
        (&Method::POST, "/identity/connect/authorize") => {
            xero.identity.decide(query, &body, &organisations(xero), now)
        }
        (&Method::POST, "/connect/token") => {
            let issued = xero.identity.token(basic, &Form::read(&body), &issuer(head), now);
            issued.map_or_else(|error| refused(xero, error), |tokens| json_answer(200, &tokens))
        }
        (&Method::POST, "/connect/revocation") => {
            let revoked = xero.identity.revoke(basic, &Form::read(&body));
            revoked.map_or_else(|error| refused(xero, error), |()| Answer::empty(200))
        }
        (&Method::GET, DISCOVERY_PATH) => json_answer(200, &discovery(&issuer(head))),
        (&Method::GET, KEYS_PATH) => json_answer(200, &signing::keys()),
        (_, path) => match connections_path(path) {
            Some(rest) => connections(xero, head, rest.strip_prefix('/')),
            None => Answer::not_found(),
        },
    }
}

fn organisations(xero: &Xero) -> Vec<(Uuid, String)> {
    xero.state().organisations.iter().map(|one| (one.tenant_id, one.name.clone())).collect()
}

fn connections(xero: &Xero, head: &Parts, id: Option<&str>) -> Answer {
    let access = match door::authenticate(xero, &head.headers) {
        Ok(access) => access,
        Err(refusal) => return refusal,
    };
    match (&head.method, id) {
        (&Method::GET, None) => {
            let query = Form::read(head.uri.query().unwrap_or_default());
            let name_of = |tenant: Uuid| xero.organisation_name(tenant);
            json_answer(200, &xero.identity.connections(&access, query.get("authEventId"), &name_of))
        }
        (&Method::DELETE, Some(id)) if xero.identity.delete_connection(&access, id) => Answer::empty(204),
        _ => Answer::not_found(),
    }
}

/// What follows `/connections`; the official clients write it with a capital.
fn connections_path(path: &str) -> Option<&str> {
    const NAME: &str = "/connections";
    let (name, rest) = path.split_at_checked(NAME.len())?;
    (name.eq_ignore_ascii_case(NAME) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

/// Clients compare it with who signed the tokens. The vendor's own names are always secure.
fn issuer(head: &Parts) -> String {
    match origin(&head.uri, &head.headers) {
        None => ISSUER.to_owned(),
        Some(origin) if origin.ends_with(".xero.com") => origin.replacen("http://", "https://", 1),
        Some(origin) => origin,
    }
}

fn refused(xero: &Xero, error: &'static str) -> Answer {
    let mut body = json!({ "error": error });
    if xero.disputed().token_errors == TokenErrors::Described {
        body["error_description"] = description(error).into();
    }
    json_answer(400, &body)
}

/// The wordings are ours.
fn description(error: &str) -> &'static str {
    match error {
        "invalid_grant" => "The code or the refresh token is invalid, expired or revoked",
        "invalid_client" => "Client authentication failed",
        "invalid_scope" => "The scope is not one that the app may ask for",
        "unauthorized_client" => "The app may not use this grant",
        "unsupported_grant_type" => "The grant type is not supported",
        _ => "A parameter is missing or malformed",
    }
}

/// Without a charset, unlike the accounting API.
fn json_answer(status: u16, body: &Value) -> Answer {
    Answer { content_type: Some(JSON.into()), ..Answer::json(status, body) }
}
