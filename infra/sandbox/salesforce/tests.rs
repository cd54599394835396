//! The stand-in through its own front door: requests in, answers out. One file per story.

mod actions;
mod breaking;
mod bulk;
mod change_events;
mod collections;
mod conditions;
mod consent;
mod deals;
mod error_table;
mod errors;
mod explained;
mod external_ids;
mod files;
mod graphs;
mod grouped;
mod kept;
mod oauth;
mod objects;
mod outbound;
mod query;
mod records;
mod recycle_bin;
mod rules;
mod search;
mod soql;
mod stamps;
mod steering;
mod token_errors;
mod versions;

use std::str::FromStr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request};
use serde_json::Value;
use tower::ServiceExt;

use crate::{ConnectionLost, Sandbox, Settings};

/// A sandbox, its Salesforce and a token.
pub(super) struct Door {
    pub(super) sandbox: Sandbox,
    router: Router,
    pub(super) token: String,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) bytes: Vec<u8>,
    pub(super) lost: bool,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn code(&self) -> String {
        self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned()
    }
}

impl Door {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let sandbox = Sandbox::new(settings);
        let token = sandbox.salesforce.token();
        Self { router: sandbox.salesforce_router(), sandbox, token }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let lost = response.extensions().get::<ConnectionLost>().is_some();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: head.status.as_u16(), headers: head.headers, text, bytes: bytes.to_vec(), lost }
    }

    /// A call of the data API, below the version.
    pub(super) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    pub(super) async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(self.request(method, path, body, headers)).await
    }

    /// A call of the data API with any body; a header that is given takes the place of the usual one.
    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Request<Body> {
        let authorization = format!("Bearer {}", self.token);
        let usual = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://acme.example/services/data/v67.0{path}"))
            .body(body)
            .unwrap();
        for (name, value) in usual.iter().chain(headers) {
            request.headers_mut().insert(HeaderName::from_str(name).unwrap(), value.parse().unwrap());
        }
        request
    }

    pub(super) async fn query(&self, soql: &str) -> Reply {
        let text = serde_urlencoded::to_string([("q", soql)]).unwrap();
        self.call("GET", &format!("/query?{text}"), None).await
    }

    pub(super) async fn form(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let body = serde_urlencoded::to_string(form).unwrap();
        let request = Request::builder()
            .method("POST")
            .uri(format!("http://acme.example{path}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// A control route, below `/_sandbox`.
    pub(super) async fn control(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://acme.example/_sandbox/{path}"))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) fn org(&self) -> &super::Salesforce {
        &self.sandbox.salesforce
    }
}
