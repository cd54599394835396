//! How calls reach the stand-in Salesforce, and which of its parts answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, StatusCode, request::Parts};
use axum::response::Response;
use serde_json::Value;

use super::org::Org;
use super::{Amounts, Salesforce, answer, control, failures, limits, rest};
use crate::control::Look;
use crate::{Admission, Begun, FaultKind, Harness, Provider, locked};

impl Provider for Salesforce {
    const NAME: &'static str = "Stand-in Salesforce";

    /// A bulk upload: 150 MB of base64, which is what it is counted by.
    /// https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/upload_job_data.htm
    const LARGEST_REQUEST: usize = 100 << 20;

    type Caller = ();

    fn harness(&self) -> &Harness {
        &self.harness
    }

    fn route(&self, _method: &Method, path: &str) -> String {
        rest::route(path)
    }

    fn caller(&self, _head: &Parts) {}

    fn account(&self, (): &()) -> String {
        locked(&self.org).organization.clone()
    }

    fn begin(self: &Arc<Self>, head: &Parts, body: &Bytes) -> Begun {
        let entered = match rest::enter(&mut self.org(), head, body) {
            Ok(entered) => entered,
            Err(refusal) => return Begun::Answered(refusal.into_response()),
        };
        let (salesforce, body) = (self.clone(), body.clone());
        Begun::Ready(Box::new(move |head, at| {
            rest::answer(&mut salesforce.org_at(at), entered, head, &body).into_response()
        }))
    }

    /// What answers in the org's stead, but in its words, has the headers that its own answers have.
    fn stamp(&self, (): &(), head: &Parts, _body: &Bytes, answer: &mut Response) {
        let is_own = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == answer::JSON);
        let is_whole = answer.headers().contains_key(limits::REQUEST_HEADER);
        if is_own && !is_whole && head.uri.path().starts_with("/services/data/v") {
            let mut org = self.org();
            let bearer = head.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
            let app = org.authorize(bearer).map(|writer| writer.app);
            let app = app.ok().filter(|_| answer.status() != StatusCode::UNAUTHORIZED);
            let usage = app.map(|app| (limits::USAGE_HEADER, org.limit_info(&app)));
            let request = (limits::REQUEST_HEADER, org.next_request());
            answer::add_headers(answer, usage.into_iter().chain([request]));
        }
    }

    fn error_in(&self, body: &Value) -> Option<String> {
        let code = body.pointer("/0/errorCode").or_else(|| body.get("error"));
        code.and_then(Value::as_str).map(str::to_owned)
    }

    fn undelivered(&self) -> usize {
        let org = self.org();
        org.outbound.count() + org.events_waiting()
    }

    fn limits(&self) -> Value {
        self.limits_left()
    }

    fn admit(&self, (): &()) -> Result<Admission, Response> {
        let (place, long) = self.running.enter(self.harness.clock.now());
        if long > 0 && self.settings.limits && long >= locked(&self.org).options.concurrent_long_requests {
            return Err(limits::too_many_at_once().answer().into_response());
        }
        Ok(Box::new(place))
    }

    fn failures() -> Vec<&'static str> {
        failures::names()
    }

    fn failure(name: &str) -> Option<FaultKind> {
        failures::kind(name)
    }

    fn reset(&self) {
        let settings = &self.settings;
        let now = self.harness.clock.now();
        *locked(&self.org) = Org::new(settings.salesforce.clone(), settings.limits, settings.seed, now);
    }

    fn seed(self: &Arc<Self>, wanted: &Value) -> Result<Value, String> {
        let wanted: Amounts = serde_json::from_value(wanted.clone()).map_err(|error| error.to_string())?;
        let made = self.fill(&wanted);
        serde_json::to_value(made).map_err(|error| error.to_string())
    }

    fn state(&self) -> Value {
        self.everything()
    }

    fn keep(&self) -> Result<Vec<u8>, String> {
        self.kept()
    }

    fn go_back(&self, kept: &[u8]) -> Result<(), String> {
        self.restore(kept)
    }

    fn kinds(&self) -> Value {
        self.kinds_kept()
    }

    fn browse(&self, look: &Look) -> Vec<Value> {
        self.newest(look)
    }

    fn invariants(&self) -> Vec<String> {
        self.broken()
    }

    fn controls(salesforce: Arc<Self>) -> Router {
        control::router(salesforce)
    }
}
