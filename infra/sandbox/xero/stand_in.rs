//! The stand-in Xero as a whole: organisations with their books, apps and what they may do, and what only a test or a
//! person behind the scenes can do with them. Answers to calls begin in `provider`.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::identity::Identity;
use super::limits::Limiter;
use super::organisation::{Ids, Organisation};
use super::webhooks::Webhooks;
use super::{App, Disputed, Ledger, Options, Tier, Used};
use crate::{Call, Clock, Harness, Settings, locked};

/// The app that is registered from the start: a custom connection to the demo company.
pub const CLIENT_ID: &str = "sandbox-client";
pub const CLIENT_SECRET: &str = "sandbox-secret";

#[derive(Debug)]
pub struct Xero {
    pub(super) harness: Harness,
    pub(super) options: Options,
    pub(super) seed: u64,
    pub(super) identity: Identity,
    pub(super) limiter: Limiter,
    pub(super) idempotency: Idempotency,
    pub(super) webhooks: Webhooks,
    pub(super) books: Mutex<Books>,
    /// The organisations have copies.
    pub(super) disputed: Mutex<Disputed>,
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

    pub(super) fn open_books(&self) {
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
