//! Xero's identity server: apps, consents, tokens and connections.
//!
//! Access tokens live 30 minutes, refresh tokens 60 days; a used refresh token works 30 minutes more, so that
//! a lost answer can be asked for again. <https://developer.xero.com/documentation/guides/oauth2/auth-flow>

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::organisation::Ids;
use super::request::{Request, decode};
use crate::locked;

pub const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(30);
pub const REFRESH_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
pub const REFRESH_TOKEN_GRACE: SignedDuration = SignedDuration::from_mins(30);
pub(crate) const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Granular scopes, as apps made since March 2026 have them.
/// <https://developer.xero.com/documentation/guides/oauth2/scopes/>
pub const SCOPES: [&str; 8] = [
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.contacts",
    "accounting.settings",
    "accounting.attachments",
    "accounting.manualjournals",
    "projects",
];

/// These every app may ask for.
const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// An app as its developer registered it.
#[derive(Debug, Clone)]
pub struct App {
    pub client_id: String,
    pub client_secret: String,
    /// Shown as `ProviderName`.
    pub name: String,
    /// What may be asked for; a scope brings its `.read` with it.
    pub scopes: Vec<String>,
    /// A custom connection: machine to machine, one organisation.
    pub custom_connection: Option<Uuid>,
}

#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) id: Uuid,
    pub(super) tenant: Uuid,
    pub(super) created: Timestamp,
}

impl App {
    pub(super) fn may_ask(&self, scope: &str) -> bool {
        let whole = scope.strip_suffix(".read").unwrap_or(scope);
        self.scopes.iter().any(|held| held == scope || held == whole)
    }
}

/// One consent of one user to one app.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) user: Uuid,
    pub(super) event: Uuid,
    pub(super) scopes: Arc<Vec<String>>,
    pub(super) connections: Vec<Connection>,
}

/// Who a token speaks for.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) client: String,
    pub(crate) provider: String,
    pub(crate) scopes: Arc<Vec<String>>,
    pub(crate) tenants: Vec<Uuid>,
    pub(crate) is_custom: bool,
    grant: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    Unknown,
    Expired,
}

impl Access {
    pub(crate) fn may(&self, scopes: &[&str], writes: bool) -> bool {
        scopes.iter().any(|wanted| {
            self.scopes
                .iter()
                .any(|held| held == wanted || (!writes && held.strip_suffix(".read") == Some(wanted)))
        })
    }
}

#[derive(Debug)]
pub(crate) struct Identity {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) ids: Ids,
    pub(super) apps: HashMap<String, App>,
    pub(super) grants: HashMap<Uuid, Grant>,
    pub(super) access: HashMap<String, (Uuid, Arc<Vec<String>>, Timestamp)>,
    pub(super) refresh: HashMap<String, Refresh>,
    pub(super) codes: HashMap<String, Code>,
}

/// What an authorization code was given for; it works once.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) grant: Uuid,
    pub(super) expires: Timestamp,
    pub(super) redirect_uri: Option<String>,
    pub(super) challenge: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Refresh {
    pub(super) grant: Uuid,
    pub(super) expires: Timestamp,
    pub(super) superseded: Option<Timestamp>,
}

impl Identity {
    pub(crate) fn new(seed: u64) -> Self {
        let inner = Inner {
            ids: Ids::new(seed),
            apps: HashMap::new(),
            grants: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
        };
        Self { inner: Mutex::new(inner) }
    }

    pub(crate) fn register(&self, app: App, now: Timestamp) {
        let mut inner = locked(&self.inner);
        if let Some(tenant) = app.custom_connection {
            inner.grant(&app.client_id, &[tenant], &app.scopes, now);
        }
        inner.apps.insert(app.client_id.clone(), app);
    }

    /// A user's consent, as if given on Xero's page. Returns the authorization code.
    pub(crate) fn consent(
        &self,
        client: &str,
        tenants: &[Uuid],
        scopes: &[String],
        now: Timestamp,
    ) -> String {
        let mut inner = locked(&self.inner);
        let grant = inner.grant(client, tenants, scopes, now);
        inner.code(Code { grant, expires: now + CODE_LIFE, redirect_uri: None, challenge: None })
    }

    /// `GET /identity/connect/authorize`, with a user who says yes for all these organisations.
    /// What is wrong with the request shows on a page of Xero's own; the app is never told.
    pub(crate) fn authorize(&self, asked: &Request, tenants: &[Uuid], now: Timestamp) -> Answer {
        let mut inner = locked(&self.inner);
        let app = asked.parameter("client_id").and_then(|id| inner.apps.get(id)).cloned();
        let scopes: Vec<String> =
            asked.parameter("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let redirect_uri = asked.parameter("redirect_uri");
        let is_code = asked.parameter("response_type") == Some("code");
        let method = asked.parameter("code_challenge_method");
        let (Some(app), Some(redirect_uri), true) = (app, redirect_uri, is_code) else {
            return error_page("invalid_request");
        };
        if !scopes.iter().all(|scope| IDENTITY_SCOPES.contains(&scope.as_str()) || app.may_ask(scope)) {
            return error_page("invalid_scope");
        }
        if method.is_some_and(|method| method != "S256") {
            return error_page("invalid_request");
        }
        let grant = inner.grant(&app.client_id, tenants, &scopes, now);
        let code = inner.code(Code {
            grant,
            expires: now + CODE_LIFE,
            redirect_uri: Some(redirect_uri.to_owned()),
            challenge: asked.parameter("code_challenge").map(str::to_owned),
        });
        let mut target =
            format!("{redirect_uri}{}code={code}", if redirect_uri.contains('?') { '&' } else { '?' });
        if let Some(state) = asked.parameter("state") {
            target.push_str("&state=");
            target.extend(state.bytes().map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            }));
        }
        Answer { headers: vec![("location", target)], ..Answer::empty(302) }
    }

    /// Someone disconnects the app inside Xero: nobody is told, calls begin to answer 403.
    pub(crate) fn disconnect(&self, tenant: Uuid) {
        for grant in locked(&self.inner).grants.values_mut() {
            grant.connections.retain(|connection| connection.tenant != tenant);
        }
    }

    /// Every access token is refused from now on, as after its half hour.
    pub(crate) fn expire_access_tokens(&self, now: Timestamp) {
        for (_, _, expires) in locked(&self.inner).access.values_mut() {
            *expires = now;
        }
    }

    /// Every refresh token is refused from now on: the user has to consent again.
    pub(crate) fn revoke_refresh_tokens(&self) {
        locked(&self.inner).refresh.clear();
    }

    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Result<Access, TokenProblem> {
        let inner = locked(&self.inner);
        let (grant_id, scopes, expires) = inner.access.get(token).ok_or(TokenProblem::Unknown)?;
        if now >= *expires {
            return Err(TokenProblem::Expired);
        }
        let grant = inner.grants.get(grant_id).ok_or(TokenProblem::Unknown)?;
        let app = inner.apps.get(&grant.client).ok_or(TokenProblem::Unknown)?;
        Ok(Access {
            client: grant.client.clone(),
            provider: app.name.clone(),
            scopes: scopes.clone(),
            tenants: grant.connections.iter().map(|connection| connection.tenant).collect(),
            is_custom: app.custom_connection.is_some(),
            grant: *grant_id,
        })
    }

    /// `POST /connect/token`. <https://developer.xero.com/documentation/oauth2/troubleshooting>
    pub(crate) fn token(&self, basic: Option<&str>, form: &str, now: Timestamp) -> Answer {
        let form = read_form(form);
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let mut inner = locked(&self.inner);
        let app = match inner.authenticate(basic, field("client_id"), field("client_secret")) {
            Ok(app) => app,
            Err(error) => return refused(error),
        };
        let issued = match field("grant_type") {
            Some("client_credentials") => inner.client_credentials(&app, field("scope"), now),
            Some("refresh_token") => inner.refresh(&app, field("refresh_token"), now),
            Some("authorization_code") => {
                inner.exchange(&app, field("code"), field("redirect_uri"), field("code_verifier"), now)
            }
            _ => Err("unsupported_grant_type"),
        };
        issued.map_or_else(refused, |body| Answer::json(200, &body))
    }

    /// `POST /connect/revocation`: all connections of that consent are gone.
    pub(crate) fn revoke(&self, basic: Option<&str>, form: &str) -> Answer {
        let form = read_form(form);
        let mut inner = locked(&self.inner);
        let field = |name: &str| form.get(name).map(String::as_str);
        if let Err(error) = inner.authenticate(basic, field("client_id"), field("client_secret")) {
            return refused(error);
        }
        let grant = field("token").and_then(|token| inner.refresh.get(token)).map(|refresh| refresh.grant);
        if let Some(grant) = grant {
            inner.refresh.retain(|_, refresh| refresh.grant != grant);
            inner.access.retain(|_, (held, ..)| *held != grant);
            inner.grants.remove(&grant);
        }
        Answer::empty(200)
    }

    /// `GET /connections`: a bare array, with seven fractional digits and no zone.
    pub(crate) fn connections(
        &self,
        access: &Access,
        event: Option<&str>,
        name_of: &dyn Fn(Uuid) -> String,
    ) -> Value {
        let inner = locked(&self.inner);
        let Some(grant) = inner.grants.get(&access.grant) else { return json!([]) };
        if event.is_some_and(|event| event != grant.event.to_string()) {
            return json!([]);
        }
        let rows = grant.connections.iter().map(|connection| {
            let at = connection.created.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string();
            json!({
                "id": connection.id.to_string(), "authEventId": grant.event.to_string(),
                "tenantId": connection.tenant.to_string(), "tenantType": "ORGANISATION",
                "tenantName": name_of(connection.tenant), "createdDateUtc": at, "updatedDateUtc": at,
            })
        });
        rows.collect()
    }

    /// `DELETE /connections/{id}`; the id is the connection's, not the tenant's.
    pub(crate) fn delete_connection(&self, access: &Access, id: &str) -> bool {
        let mut inner = locked(&self.inner);
        let Some(grant) = inner.grants.get_mut(&access.grant) else { return false };
        let before = grant.connections.len();
        grant.connections.retain(|connection| connection.id.to_string() != id);
        grant.connections.len() < before
    }
}

fn error_page(error: &'static str) -> Answer {
    let page =
        format!("<html><head><title>Xero | Error</title></head><body><p>Error: {error}</p></body></html>");
    Answer { content_type: Some("text/html; charset=utf-8".into()), body: page.into(), ..Answer::empty(500) }
}

/// Only `error`; a description is usually absent.
fn refused(error: &'static str) -> Answer {
    Answer::json(400, &json!({ "error": error }))
}

fn read_form(form: &str) -> HashMap<String, String> {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(&value.replace('+', " ")))).collect()
}
