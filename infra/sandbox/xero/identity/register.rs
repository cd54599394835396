//! Everything that identity remembers: apps, users, consents, connections, codes and tokens.
//!
//! Times are arguments. Locked after the books, never before them. Called by the rest of this room, and by `Xero` for what people do behind the API.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use uuid::Uuid;

use super::apps::App;
use super::connections::Connection;
use super::scopes;
use super::tokens::{Code, Refresh};
use crate::locked;
use crate::xero::limits::Tier;
use crate::xero::organisation::Ids;

#[derive(Debug)]
pub(crate) struct Identity {
    inner: Mutex<Register>,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Register {
    pub(super) ids: Ids,
    pub(super) apps: BTreeMap<String, App>,
    pub(super) users: Vec<User>,
    pub(super) connections: Vec<Connection>,
    /// What a user has granted an app so far: scopes add up until they are revoked.
    #[serde(with = "crate::pairs")]
    pub(super) granted: HashMap<(String, Uuid), Vec<String>>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(super) access: HashMap<String, Token>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(super) refresh: HashMap<String, Refresh>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(super) codes: HashMap<String, Code>,
}

/// Someone who can sign in and say yes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct User {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) email: String,
    /// What the user has access to inside Xero; `None` is everything.
    pub(super) organisations: Option<Vec<Uuid>>,
    #[serde(default)]
    pub(super) role: Role,
}

/// What a user may do in an organisation, as far as an app that acts for them meets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Role {
    #[default]
    Standard,
    ReadOnly,
}

impl User {
    pub(super) fn sees(&self, tenant: Uuid) -> bool {
        self.organisations.as_ref().is_none_or(|tenants| tenants.contains(&tenant))
    }
}

/// One consent of one user to one app; its tokens share it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) user: Uuid,
    /// The `authentication_event_id` of the tokens, and the `authEventId` of what was connected with it.
    pub(super) event: Uuid,
    pub(super) at: Timestamp,
    pub(super) scopes: Arc<Vec<String>>,
    pub(super) nonce: Option<String>,
    /// No person behind it: a custom connection, or the app itself.
    pub(super) is_machine: bool,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Token {
    pub(super) grant: Arc<Grant>,
    pub(super) expires: Timestamp,
}

/// Who a token speaks for.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) client: String,
    pub(crate) provider: String,
    pub(crate) tenants: Vec<Uuid>,
    /// Those of them to which a certified app was connected a moment ago.
    pub(crate) rapid: Vec<Uuid>,
    pub(crate) is_custom: bool,
    pub(crate) tier: Tier,
    /// Whether the user behind it may change anything.
    pub(crate) may_write: bool,
    pub(super) scopes: Arc<Vec<String>>,
    pub(super) user: Uuid,
    /// It may see the connections of all users.
    pub(super) is_whole_app: bool,
}

impl Access {
    /// Whether the token opens what one of these scopes is needed for.
    pub(crate) fn may(&self, needed: &[&str], writes: bool, now: Timestamp) -> bool {
        needed.iter().any(|needed| scopes::open(&self.scopes, needed, writes, now))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    Unknown,
    Expired,
}

impl Identity {
    /// With one user, who sees every organisation.
    pub(crate) fn new(seed: u64) -> Self {
        Self { inner: Mutex::new(Register::new(seed)) }
    }

    pub(super) fn register(&self) -> MutexGuard<'_, Register> {
        locked(&self.inner)
    }

    /// For `kept.rs`.
    pub(crate) fn kept(&self) -> Register {
        self.register().clone()
    }

    pub(crate) fn restore(&self, register: Register) {
        *self.register() = register;
    }

    /// Forgets everything.
    pub(crate) fn clear(&self, seed: u64) {
        *self.register() = Register::new(seed);
    }

    /// Adds an app, or replaces the one with the same client id. A custom connection is connected at once.
    pub(crate) fn save_app(&self, app: App, now: Timestamp) -> Result<(), String> {
        app.check()?;
        let mut register = self.register();
        if let Some(tenant) = app.tenant() {
            let user = register.first_user();
            let event = register.ids.next();
            register.connections.retain(|held| held.client != app.client_id);
            register.connect(&app.client_id, user, tenant, event, now);
        }
        register.apps.insert(app.client_id.clone(), app);
        Ok(())
    }

    pub(crate) fn add_user(
        &self,
        name: &str,
        email: &str,
        organisations: Option<Vec<Uuid>>,
        role: Role,
    ) -> Uuid {
        let mut register = self.register();
        let id = register.ids.next();
        register.users.push(User { id, name: name.to_owned(), email: email.to_owned(), organisations, role });
        id
    }

    /// What a user would have said on the page. Returns the authorization code, good for any redirect URI of the app.
    pub(crate) fn consent(
        &self,
        client: &str,
        user: Option<Uuid>,
        tenants: &[Uuid],
        scopes: &[String],
        now: Timestamp,
    ) -> Result<String, String> {
        let mut register = self.register();
        let app = register.apps.get(client).cloned().ok_or_else(|| format!("there is no app {client}"))?;
        let user = user.unwrap_or_else(|| register.first_user());
        let grant = register.consent(&app, user, tenants, scopes, None, now)?;
        Ok(register.code(Code::new(grant, now)))
    }

    pub(crate) fn set_tier(&self, tier: Tier) {
        self.register().apps.values_mut().for_each(|app| app.tier = tier);
    }

    pub(crate) fn knows(&self, client: &str) -> bool {
        self.register().apps.contains_key(client)
    }

    pub(crate) fn tier(&self, client: &str) -> Tier {
        self.register().apps.get(client).map(|app| app.tier).unwrap_or_default()
    }

    /// Every access token is refused from now on, as after its half hour.
    pub(crate) fn expire_access_tokens(&self, now: Timestamp) {
        self.register().access.values_mut().for_each(|token| token.expires = now);
    }

    /// Every refresh token is refused from now on: the user has to consent again.
    pub(crate) fn revoke_refresh_tokens(&self) {
        self.register().refresh.clear();
    }

    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Result<Access, TokenProblem> {
        let register = self.register();
        let token = register.access.get(token).ok_or(TokenProblem::Unknown)?;
        if now >= token.expires {
            return Err(TokenProblem::Expired);
        }
        let grant = &token.grant;
        let app = register.apps.get(&grant.client).ok_or(TokenProblem::Unknown)?;
        let is_whole_app = grant.is_machine && !app.is_custom();
        // Without a user there is no organisation: such a token manages connections and nothing else.
        let own = register.connections_of(&grant.client, grant.user).filter(|_| !is_whole_app);
        let fresh = own.clone().filter(|held| app.certified && held.is_fresh(now));
        Ok(Access {
            client: grant.client.clone(),
            provider: app.name.clone(),
            tenants: own.map(|held| held.tenant).collect(),
            rapid: fresh.map(|held| held.tenant).collect(),
            is_custom: app.is_custom(),
            tier: app.tier,
            may_write: register.user(grant.user).is_none_or(|user| user.role != Role::ReadOnly),
            scopes: grant.scopes.clone(),
            user: grant.user,
            is_whole_app,
        })
    }
}

impl Register {
    fn new(seed: u64) -> Self {
        let mut ids = Ids::new(seed);
        let demo = User {
            id: ids.next(),
            name: "Demo User".to_owned(),
            email: "demo@example.com".to_owned(),
            organisations: None,
            role: Role::Standard,
        };
        Self {
            ids,
            apps: BTreeMap::new(),
            users: vec![demo],
            connections: Vec::new(),
            granted: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
        }
    }

    pub(super) fn first_user(&self) -> Uuid {
        self.users.first().map(|user| user.id).unwrap_or_default()
    }

    pub(super) fn user(&self, id: Uuid) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// A user says yes for these organisations, or the reason why that can't be.
    pub(super) fn consent(
        &mut self,
        app: &App,
        user: Uuid,
        tenants: &[Uuid],
        scopes: &[String],
        nonce: Option<String>,
        now: Timestamp,
    ) -> Result<Arc<Grant>, String> {
        let person = self.user(user).ok_or("there is no such user")?;
        if !tenants.iter().all(|tenant| person.sees(*tenant)) {
            return Err("the user has no access to this organisation".to_owned());
        }
        self.check_room(app, user, tenants)?;
        let event = self.ids.next();
        for tenant in tenants {
            self.connect(&app.client_id, user, *tenant, event, now);
        }
        let granted = self.granted.entry((app.client_id.clone(), user)).or_default();
        let earlier: Vec<String> = granted.drain(..).filter(|held| !scopes.contains(held)).collect();
        let of_identity = scopes.iter().filter(|scope| scopes::is_of_identity(scope));
        let of_identity: Vec<String> = of_identity.cloned().collect();
        granted.extend(scopes.iter().filter(|scope| !scopes::is_of_identity(scope)).cloned());
        granted.extend(earlier);
        let scopes = of_identity.into_iter().chain(granted.iter().cloned()).collect();
        Ok(Arc::new(Grant {
            client: app.client_id.clone(),
            user,
            event,
            at: now,
            scopes: Arc::new(scopes),
            nonce,
            is_machine: false,
        }))
    }
}
