//! How calls reach the stand-in Xero: whose they are, what they count against, and which of its parts answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, Method, request::Parts};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::answer::Answer;
use super::idempotency::Fingerprint;
use super::limits::Allowance;
use super::{Xero, browse, by_hand, control, door, failures, identity, invariants, webhooks};
use crate::control::Look;
use crate::harness::read_now;
use crate::{Admission, Begun, FaultKind, Harness, Provider, locked};

/// Whose limits a call counts against, and the idempotency key that nobody has used before.
#[derive(Debug)]
pub struct Caller {
    client: String,
    tenant: Uuid,
    allowance: Allowance,
    new_key: Option<String>,
}

impl Provider for Xero {
    const NAME: &'static str = "Stand-in Xero";

    /// More than any file or body that it takes; `door` has the bounds.
    const LARGEST_REQUEST: usize = 64 << 20;

    type Caller = Option<Caller>;

    fn harness(&self) -> &Harness {
        &self.harness
    }

    fn route(&self, _method: &Method, path: &str) -> String {
        door::route(path)
    }

    /// Who asks and where, for what the limits count; none for identity calls and strangers.
    fn caller(&self, head: &Parts) -> Self::Caller {
        door::inner(head.uri.path())?;
        let (access, tenant) = door::authorise(self, head).ok()?;
        let is_rapid = access.rapid.contains(&tenant);
        let (per_day, windows) = (access.tier.per_day(), self.disputed().windows);
        let allowance = Allowance { per_day, is_rapid, windows };
        let key = door::idempotency_key(head).filter(|key| !key.is_empty());
        let new_key = key.filter(|key| self.idempotency.is_new(&access.client, key, self.now()));
        Some(Caller { tenant, allowance, new_key: new_key.map(str::to_owned), client: access.client })
    }

    fn account(&self, caller: &Self::Caller) -> String {
        caller.as_ref().map(|caller| caller.tenant.to_string()).unwrap_or_default()
    }

    fn admit(&self, caller: &Self::Caller) -> Result<Admission, Response> {
        match caller {
            None => Ok(Box::new(())),
            Some(Caller { client, tenant, allowance, .. }) => {
                match self.limiter.take(client, *tenant, *allowance, self.now()) {
                    Ok(place) => Ok(Box::new(place)),
                    Err(problem) => Err(Answer::too_many(problem, self.disputed().app_limit).into_response()),
                }
            }
        }
    }

    fn begin(self: &Arc<Self>, head: &Parts, body: &Bytes) -> Begun {
        door::begin(self, head, body)
    }

    fn error_in(&self, body: &Value) -> Option<String> {
        let word = ["Type", "error", "Title", "title"].iter().find_map(|name| body.get(*name)?.as_str());
        word.map(str::to_owned)
    }

    fn undelivered(&self) -> usize {
        self.webhooks.events_waiting()
    }

    fn limits(&self) -> Value {
        let organisations: Vec<(Uuid, String)> = {
            let books = locked(&self.books);
            books.organisations.iter().map(|one| (one.tenant_id, one.name.clone())).collect()
        };
        let windows = self.disputed().windows;
        let allowance = |client: &str| Allowance {
            per_day: self.identity.tier(client).per_day(),
            is_rapid: false,
            windows,
        };
        self.limiter.left(&organisations, &allowance, self.now())
    }

    fn stamp(&self, caller: &Self::Caller, head: &Parts, body: &Bytes, answer: &mut Response) {
        let Some(Caller { client, tenant, allowance, new_key }) = caller else { return };
        let left = self.limiter.remaining(client, *tenant, *allowance, self.now());
        for (name, value) in [
            ("x-daylimit-remaining", left.day),
            ("x-minlimit-remaining", left.minute),
            ("x-appminlimit-remaining", left.app_minute),
        ] {
            answer.headers_mut().insert(name, HeaderValue::from(value));
        }
        // A 500 is kept under its key too, also one that a fault put in place of the answer; but it takes the place of
        // no answer that was kept before.
        if let Some(key) = new_key.as_ref().filter(|_| answer.status() == 500) {
            self.idempotency.begin(client, key, &Fingerprint::of(head, body), self.now());
            let kept = Answer { body: read_now(answer), ..Answer::empty(500) };
            self.idempotency.remember(client, key, self.now(), kept);
        }
    }

    fn failures() -> Vec<&'static str> {
        failures::names()
    }

    fn failure(name: &str) -> Option<FaultKind> {
        failures::kind(name)
    }

    fn reset(&self) {
        self.limiter.clear();
        self.idempotency.clear();
        self.webhooks.clear(self.seed.wrapping_add(3));
        *locked(&self.disputed) = self.options.disputed;
        self.open_books();
    }

    fn seed(self: &Arc<Self>, wanted: &Value) -> Result<Value, String> {
        control::seed(self, wanted)
    }

    fn state(&self) -> Value {
        door::state_as_json(&self.state())
    }

    fn keep(&self) -> Result<Vec<u8>, String> {
        self.kept()
    }

    fn go_back(&self, kept: &[u8]) -> Result<(), String> {
        self.restore(kept)
    }

    fn kinds(&self) -> Value {
        browse::kinds(&self.state())
    }

    fn browse(&self, look: &Look) -> Vec<Value> {
        browse::browse(&self.state(), look)
    }

    fn invariants(&self) -> Vec<String> {
        self.state().organisations.iter().flat_map(invariants::broken).collect()
    }

    fn controls(xero: Arc<Self>) -> Router {
        control::router(xero.clone())
            .merge(identity::controls(xero.clone()))
            .merge(by_hand::controls(xero.clone()))
            .merge(webhooks::controls(xero))
    }
}
