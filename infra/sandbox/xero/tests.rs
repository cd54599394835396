//! The whole stand-in, spoken to over its router as a client would.

mod accounts;
mod bank;
mod bodies;
mod books;
mod consent;
mod contact_groups;
mod contacts;
mod credit;
mod currencies;
mod disputed;
mod edits;
mod errors;
mod fields;
mod identity;
mod invoices;
mod items;
mod keys;
mod parts;
mod paths;
mod payments;
mod projects;
mod purchase_orders;
mod quotes;
mod repeating_invoices;
mod report_options;
mod reports;
mod scopes;
mod settings;
mod standing;
mod stock;
mod tracking;
mod webhook_trouble;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use crate::xero::{CLIENT_ID, CLIENT_SECRET, Ledger, Xero};
use crate::{Sandbox, Settings};

/// A client of the demo company that asks for JSON.
pub(super) struct Client {
    pub(super) sandbox: Sandbox,
    router: Router,
    token: String,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The messages of the first refused element.
    pub(super) fn messages(&self) -> Vec<String> {
        let body = self.json();
        let lists = body.as_object().unwrap().values().filter_map(Value::as_array);
        let mut elements = lists.flatten().filter_map(|element| element.get("ValidationErrors"));
        let refused = elements.find(|errors| errors.as_array().is_some_and(|all| !all.is_empty())).unwrap();
        refused.as_array().unwrap().iter().map(|one| one["Message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Client {
    pub(super) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn unlimited() -> Self {
        Self::with(Settings { limits: false, ..Settings::default() }).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let sandbox = Sandbox::new(settings);
        let router = sandbox.xero_router();
        let mut client = Self { sandbox, router, token: String::new() };
        client.sign_in("").await;
        client
    }

    pub(super) fn xero(&self) -> &Arc<Xero> {
        &self.sandbox.xero
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.sandbox.xero.ledger()
    }

    /// With these scopes, or all.
    pub(super) async fn sign_in(&mut self, scope: &str) {
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope={scope}"
        );
        let reply = self.send("POST", "/connect/token", &[], &form).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        self.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    }

    /// Just these headers.
    pub(super) async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        Reply {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// To the accounting API, with a token.
    pub(super) async fn call(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
        headers.extend(more);
        self.send(method, &format!("/api.xro/2.0/{path}"), &headers, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, &[], &body.to_string()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, &[], &body.to_string()).await
    }

    /// To `/_sandbox/`, as a person or another program steers it. What comes back, or null.
    pub(super) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let kind = [("content-type", "application/json")];
        let reply = self.send(method, &format!("/_sandbox/{path}"), &kind, &body.to_string()).await;
        assert!(reply.status.is_success(), "{path}: {} {}", reply.status, reply.text);
        if reply.text.is_empty() { Value::Null } else { reply.json() }
    }

    /// What must hold in the books does.
    pub(super) async fn assert_books_hold(&self) {
        assert_eq!(self.control("GET", "invariants", Value::Null).await["broken"], Value::Array(Vec::new()));
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.sandbox.clock.advance_seconds(seconds);
    }
}

/// A query value, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A JSON number by its digits.
pub(super) fn digits(value: &Value) -> String {
    assert!(value.is_number(), "{value}");
    value.to_string()
}
