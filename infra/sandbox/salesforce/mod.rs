//! Stand-in Salesforce: OAuth, REST, SOQL and the records of one org. Called by `Sandbox`.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, request::Parts};
use serde_json::{Value, json};

use crate::{Call, Clock, Harness, Provider, Settings};

/// What a Salesforce is made with.
#[derive(Debug, Clone, Default)]
pub struct Options {}

#[derive(Debug)]
pub struct Salesforce {
    harness: Harness,
}

impl Salesforce {
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        Self { harness: Harness::new(settings.seed, clock) }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.harness.counters.calls()
    }

    /// How many calls went to a route, e.g. `GET /query`.
    pub fn calls_to(&self, route: &str) -> u64 {
        self.harness.counters.calls_to(route)
    }

    pub fn count_429(&self) -> u64 {
        self.harness.counters.count_429()
    }
}

pub(crate) fn router(_salesforce: Arc<Salesforce>) -> Router {
    Router::new()
}

impl Provider for Salesforce {
    fn harness(&self) -> &Harness {
        &self.harness
    }

    fn route(&self, _method: &Method, path: &str) -> String {
        path.to_owned()
    }

    fn account(&self, _head: &Parts) -> String {
        String::new()
    }

    fn reset(&self) {}

    fn seed(&self, _wanted: &Value) -> Result<Value, String> {
        Ok(json!({}))
    }

    fn state(&self) -> Value {
        json!({})
    }

    fn invariants(&self) -> Vec<String> {
        Vec::new()
    }
}
