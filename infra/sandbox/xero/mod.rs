//! Stand-in Xero: identity, and the accounting API with its rules, limits and bodies. Called by `Sandbox`.
//!
//! A request's way: `door` (who asks, may they) -> `endpoints` (a row for each kind) -> `resource` -> `reading`
//! or `writing` -> the kind's own file in `documents/` or `settings/`, or what hangs on it in `parts/` -> `wire`.
//! A new kind is a file, a row in `endpoints` and a row in `shelves`. What a document does to the books is
//! `Document::entries` (`journal`). Nothing of the product is used here.

mod answer;
mod body;
mod browse;
mod by_hand;
mod control;
mod demo;
mod disputed;
mod documents;
mod door;
mod endpoints;
mod failures;
mod filter;
mod filter_parser;
mod held;
mod idempotency;
mod identity;
mod invariants;
mod journal;
mod kept;
mod limits;
mod messages;
mod organisation;
mod parts;
mod pdf;
mod plan;
mod projects;
mod reading;
mod reports;
mod request;
mod resource;
mod seed;
mod settings;
mod shelf;
mod shelves;
#[cfg(test)]
mod tests;
mod webhooks;
mod wire;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, Method, request::Parts};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub use by_hand::{Ledger, NotTaken};
pub use disputed::{AppLimit, Disputed, KnownName, Windows};
pub use documents::claims::{Claim, InvoiceStatus};
pub use documents::contacts::contact::{Contact, ContactStatus};
pub use documents::head::Head;
pub use documents::invoices::invoice::Invoice;
pub use documents::lines::{Line, PackedLines, Tracking};
pub use documents::tax::{LineAmountTypes, Totals};
pub use held::Hold;
pub use identity::{
    ACCESS_TOKEN_LIFE, App, AppKind, CODE_LIFE, REFRESH_TOKEN_GRACE, REFRESH_TOKEN_LIFE, SCOPES,
};
pub use limits::{APP_PER_MINUTE, CONCURRENT, PER_MINUTE, Tier, Used};
pub use plan::Plan;
pub use seed::Amounts;
pub use settings::accounts::{Account, BankAccount, SystemAccount};
pub use settings::items::{Item, ItemDetails};
pub use settings::tax_rates::{TaxComponent, TaxRate};
pub use settings::tracking::{TrackingCategory, TrackingOption, TrackingStatus};
pub use webhooks::{Category, State as WebhookState};

use crate::control::Look;
use crate::harness::read_now;
use crate::{Admission, Begun, Call, Clock, FaultKind, Harness, Provider, Settings, locked};
use answer::Answer;
use idempotency::{Fingerprint, Idempotency};
use identity::Identity;
use limits::{Allowance, Limiter};
use organisation::{Ids, Organisation};
use webhooks::Webhooks;

/// The app that is registered from the start: a custom connection to the demo company.
pub const CLIENT_ID: &str = "sandbox-client";
pub const CLIENT_SECRET: &str = "sandbox-secret";
pub const DEMO_COMPANY: &str = "Demo Company";

/// What a Xero is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls a day: 1,000 on Starter, 5,000 from Core up.
    pub tier: Tier,
    /// The first is the default, and what the custom connection sees.
    pub organisations: Vec<String>,
    /// What the organisations pay for.
    pub plan: Plan,
    /// What can be changed while it runs.
    pub disputed: Disputed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tier: Tier::default(),
            organisations: vec![DEMO_COMPANY.to_owned()],
            plan: Plan::default(),
            disputed: Disputed::default(),
        }
    }
}

#[derive(Debug)]
pub struct Xero {
    harness: Harness,
    options: Options,
    seed: u64,
    identity: Identity,
    limiter: Limiter,
    idempotency: Idempotency,
    webhooks: Webhooks,
    books: Mutex<Books>,
    /// The organisations have copies.
    disputed: Mutex<Disputed>,
}

/// Everything that requests change.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) ids: Ids,
}

impl Xero {
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let xero = Self {
            harness: Harness::new(settings.seed, clock),
            options: settings.xero.clone(),
            seed: settings.seed,
            identity: Identity::new(settings.seed.wrapping_add(1)),
            limiter: Limiter::new(settings.limits),
            idempotency: Idempotency::default(),
            webhooks: Webhooks::new(settings.seed.wrapping_add(3)),
            books: Mutex::new(Books {
                organisations: Vec::new(),
                ids: Ids::new(settings.seed.wrapping_add(2)),
            }),
            disputed: Mutex::new(settings.xero.disputed),
        };
        xero.open_books();
        xero
    }

    fn open_books(&self) {
        let now = self.now();
        let mut books = locked(&self.books);
        books.organisations = (100..)
            .zip(&self.options.organisations)
            .map(|(place, name)| self.company(place, name, now))
            .collect();
        let Some(tenant) = books.organisations.first().map(|organisation| organisation.tenant_id) else {
            return;
        };
        self.identity.clear(self.seed.wrapping_add(1));
        let app = App::custom_connection(CLIENT_ID, CLIENT_SECRET, "Sandbox App", tenant);
        // It is made with what it needs, and so nothing of it can be refused.
        let _ = self.register_app(App { tier: self.options.tier, ..app });
    }

    fn company(&self, place: u64, name: &str, now: Timestamp) -> Organisation {
        let mut company = Organisation::demo(name, self.seed.wrapping_add(place), now);
        company.plan = self.options.plan;
        company.disputed = self.disputed();
        company
    }

    pub fn disputed(&self) -> Disputed {
        *locked(&self.disputed)
    }

    /// Takes another side in what sources dispute.
    pub fn configure(&self, change: impl FnOnce(&mut Disputed)) {
        let disputed = {
            let mut held = locked(&self.disputed);
            change(&mut held);
            *held
        };
        self.state().organisations.iter_mut().for_each(|one| one.disputed = disputed);
    }

    /// Others use up so much of what an app has in an organisation.
    pub fn use_up_calls(&self, client: &str, tenant: Uuid, used: Used) {
        self.limiter.use_up(client, tenant, used, self.now());
    }

    /// Whole seconds, as everything that is stamped has.
    pub(crate) fn now(&self) -> Timestamp {
        whole_second(self.harness.clock.now())
    }

    /// The state, after what is due has been applied.
    pub(crate) fn state(&self) -> MutexGuard<'_, Books> {
        self.harness.held.settle(&self.harness.clock);
        locked(&self.books)
    }

    pub(crate) fn new_id(&self) -> Uuid {
        locked(&self.books).ids.next()
    }

    pub(crate) fn organisation_name(&self, tenant: Uuid) -> String {
        let books = locked(&self.books);
        let found = books.organisations.iter().find(|one| one.tenant_id == tenant);
        found.map(|one| one.name.clone()).unwrap_or_default()
    }

    /// The first organisation's books, by hand.
    pub fn ledger(self: &Arc<Self>) -> Ledger {
        let tenant = locked(&self.books).organisations.first().map(|one| one.tenant_id);
        Ledger::new(self.clone(), tenant.unwrap_or_default())
    }

    pub fn ledger_of(self: &Arc<Self>, tenant: Uuid) -> Ledger {
        Ledger::new(self.clone(), tenant)
    }

    /// Another demo company; returns its tenant id. No app is connected to it yet.
    pub fn add_organisation(&self, name: &str) -> Uuid {
        let now = self.now();
        let mut books = locked(&self.books);
        let place = 100 + books.organisations.len() as u64;
        let organisation = self.company(place, name, now);
        let tenant = organisation.tenant_id;
        books.organisations.push(organisation);
        tenant
    }

    /// Registers an app, or replaces the one with the same client id; or says what the portal wouldn't save.
    pub fn register_app(&self, app: App) -> Result<(), String> {
        self.identity.save_app(app, self.now())
    }

    /// The first user consents for these organisations; the code is for `grant_type=authorization_code`.
    pub fn consent(&self, client_id: &str, tenants: &[Uuid], scopes: &[String]) -> Result<String, String> {
        self.identity.consent(client_id, None, tenants, scopes, self.now())
    }

    /// All apps are disconnected inside Xero; calls begin to answer 403.
    pub fn disconnect(&self, tenant: Uuid) {
        self.identity.disconnect(tenant, None);
    }

    /// Every app pays for this from now on.
    pub fn set_tier(&self, tier: Tier) {
        self.identity.set_tier(tier);
    }

    pub fn expire_access_tokens(&self) {
        self.identity.expire_access_tokens(self.now());
    }

    pub fn revoke_refresh_tokens(&self) {
        self.identity.revoke_refresh_tokens();
    }

    pub fn calls(&self) -> Vec<Call> {
        self.harness.counters.calls()
    }

    /// How many calls went to a route, e.g. `PUT /Invoices`.
    pub fn calls_to(&self, route: &str) -> u64 {
        self.harness.counters.calls_to(route)
    }

    pub fn count_429(&self) -> u64 {
        self.harness.counters.count_429()
    }
}

pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Whose limits a call counts against.
#[derive(Debug)]
pub struct Caller {
    client: String,
    tenant: Uuid,
    allowance: Allowance,
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
        Some(Caller { client: access.client, tenant, allowance })
    }

    fn account(&self, caller: &Self::Caller) -> String {
        caller.as_ref().map(|caller| caller.tenant.to_string()).unwrap_or_default()
    }

    fn admit(&self, caller: &Self::Caller) -> Result<Admission, Response> {
        match caller {
            None => Ok(Box::new(())),
            Some(Caller { client, tenant, allowance }) => {
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
        let word = ["Type", "error", "Title"].iter().find_map(|name| body.get(*name)?.as_str());
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

    fn stamp(&self, caller: &Self::Caller, head: &Parts, answer: &mut Response) {
        let Some(Caller { client, tenant, allowance }) = caller else { return };
        let left = self.limiter.remaining(client, *tenant, *allowance, self.now());
        for (name, value) in [
            ("x-daylimit-remaining", left.day),
            ("x-minlimit-remaining", left.minute),
            ("x-appminlimit-remaining", left.app_minute),
        ] {
            answer.headers_mut().insert(name, HeaderValue::from(value));
        }
        // A 500 is kept under its key, also one that a fault put in place of the answer.
        let key = door::text(&head.headers, "idempotency-key").filter(|key| !key.is_empty());
        let writes = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
        if let Some(key) = key.filter(|_| writes && answer.status() == 500) {
            let url = head.uri.path_and_query().map_or("", |url| url.as_str());
            let request = Fingerprint::of(head.method.as_str(), url, None);
            let kept = Answer { body: read_now(answer), ..Answer::empty(500) };
            self.idempotency.remember(client, key, &request, self.now(), kept);
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
        control::router(xero.clone()).merge(identity::controls(xero.clone())).merge(webhooks::controls(xero))
    }
}
