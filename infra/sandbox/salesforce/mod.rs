//! Stand-in Salesforce: OAuth, REST, SOQL and the records of one org.
//!
//! It keeps what it is given, refuses what the real one refuses in its words, and counts calls against a
//! day. Called by `Sandbox`; tests and people reach behind it through `person.rs` and `control.rs`.

mod actions;
mod answer;
mod asked;
mod background;
mod bulk;
mod change_events;
mod changes;
mod chatter;
mod clients;
mod collections;
mod composite;
mod condition;
mod conditional;
mod control;
mod describe;
mod duplicates;
mod failures;
mod files;
mod filter;
mod ids;
mod jwt;
mod kept;
mod limits;
mod multipart;
mod oauth;
mod objects;
mod org;
mod outbound;
mod outbox;
mod packed;
mod passwords;
mod person;
mod query;
mod recent;
mod record_types;
mod records;
mod recycle_bin;
mod refusals;
mod relationships;
mod reports;
mod rest;
mod rows;
mod rules;
mod search;
mod seed;
mod soap;
mod soql;
mod store;
mod tokens;
mod values;
mod wildcards;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, StatusCode, request::Parts};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use actions::{Email, Flow, FlowInput, FlowWrite};
pub use answer::Refused;
pub use change_events::EventDelivery;
pub use clients::Client;
pub use duplicates::DuplicateRule;
pub use outbound::OutboundMessage;
pub use refusals::{Check, Refusal};
pub use reports::Report;
pub use seed::{Amounts, Seeded};

use crate::control::Look;
use crate::{Admission, Begun, Call, Clock, FaultKind, Faults, Harness, Provider, Settings, locked};
use org::Org;

/// What an org is made with; most of it can be changed while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    pub organization_name: String,
    /// A developer org has 15,000.
    pub daily_api_requests: u64,
    /// Each app's own share of them, where there is one.
    pub daily_requests_of_an_app: Option<u64>,
    /// Other lines of the limits page, by name, where they are not the usual ones.
    pub allowances: BTreeMap<String, u64>,
    /// Requests that run for 20 seconds or longer, at once. A developer org has 5, others 25.
    pub concurrent_long_requests: usize,
    /// `duplicateResult` instead of the misspelled member of real answers.
    pub duplicate_key_spelled_right: bool,
    /// Rows of a page, at most 2000.
    pub page_size: usize,
    /// Rows of a page where long texts are asked for, as seen in recorded traffic.
    pub long_text_page_size: usize,
    /// Rows of a nested page.
    pub child_page_size: usize,
    /// A bulk job that was closed is worked off so many seconds later.
    pub bulk_seconds: i64,
    /// A query that nobody continues is forgotten.
    pub locator_seconds: i64,
    /// So many queries are remembered for their further pages; the oldest gives way.
    pub open_cursors: usize,
    /// `updated` and `deleted` give at most so many ids.
    pub replication_ids: usize,
    /// Records are found by a search only so long after they were written. The real index takes seconds to
    /// minutes.
    pub search_lag_seconds: i64,
    /// Access tokens live so long.
    pub session_seconds: i64,
    /// Only at the start: adds `CurrencyIsoCode` to the objects.
    pub multi_currency: bool,
    pub currency: String,
    /// Hosts that all orgs log in at, as requests name them (`localhost:8091`, for one of your own): they lead to
    /// the instance's URL, and give no client credentials.
    pub login_hosts: Vec<String>,
    /// Default: the URL that the token request came to, and `https://sandbox.my.salesforce.com` for one to a login host.
    pub instance_url: Option<String>,
    /// Writes `1.5E7` instead of `15000000.0`, as JSON writers of floats do.
    pub scientific_numbers: bool,
    /// The newest API version that answers.
    pub newest_version: u32,
    /// Of every user who hasn't another one, for the login call of SOAP and the password flow.
    pub password: String,
    pub security_token: String,
    /// Orgs have the username-password flow switched off unless somebody switched it on.
    pub password_flow: bool,
    /// Of one user; more are refused.
    pub logins_per_hour: u64,
    /// `false`: the org is locked, and gives no tokens.
    pub active: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            organization_name: "Sandbox Trading Ltd".into(),
            daily_api_requests: 15_000,
            daily_requests_of_an_app: None,
            allowances: BTreeMap::new(),
            concurrent_long_requests: 5,
            duplicate_key_spelled_right: false,
            page_size: 2000,
            long_text_page_size: 1000,
            child_page_size: 200,
            bulk_seconds: 1,
            locator_seconds: 2 * 24 * 3600,
            open_cursors: 200,
            replication_ids: 600_000,
            search_lag_seconds: 0,
            session_seconds: 2 * 3600,
            multi_currency: false,
            currency: "GBP".into(),
            login_hosts: ["login.salesforce.com", "test.salesforce.com"].map(str::to_owned).to_vec(),
            instance_url: None,
            scientific_numbers: false,
            newest_version: 68,
            password: "sandbox-password".into(),
            security_token: "sandbox-security-token".into(),
            password_flow: false,
            logins_per_hour: 3600,
            active: true,
        }
    }
}

#[derive(Debug)]
pub struct Salesforce {
    harness: Harness,
    org: Mutex<Org>,
    settings: Settings,
    running: limits::Running,
}

impl Salesforce {
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let org = Org::new(settings.salesforce.clone(), settings.limits, settings.seed, clock.now());
        Self {
            harness: Harness::new(settings.seed, clock),
            org: Mutex::new(org),
            settings: settings.clone(),
            running: limits::Running::default(),
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.harness.faults
    }

    pub fn calls(&self) -> Vec<Call> {
        self.harness.counters.calls()
    }

    /// How many calls went to a route, e.g. `GET /query` or `POST /composite/sobjects`.
    pub fn calls_to(&self, route: &str) -> u64 {
        self.harness.counters.calls_to(route)
    }

    pub fn counters(&self) -> &crate::Counters {
        &self.harness.counters
    }

    /// How many calls were refused because the day was used up.
    pub fn count_403(&self) -> u64 {
        self.harness.counters.count_status(403)
    }

    /// The org, at this moment, after what is due has been applied.
    fn org(&self) -> MutexGuard<'_, Org> {
        self.harness.held.settle(&self.harness.clock);
        self.org_at(self.harness.clock.now())
    }

    fn org_at(&self, now: Timestamp) -> MutexGuard<'_, Org> {
        let mut org = locked(&self.org);
        org.begin(now);
        org
    }
}

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
    fn stamp(&self, (): &(), head: &Parts, answer: &mut Response) {
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
