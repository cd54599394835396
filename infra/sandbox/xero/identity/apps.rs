//! An app as its developer registered it: what kind it is, where it may send people back to, what it may ask for.
//!
//! <https://developer.xero.com/documentation/guides/oauth2/overview/>

use jiff::Timestamp;
use uuid::Uuid;

use super::scopes::{self, Breadth};
use crate::xero::limits::Tier;

/// An app can have so many. <https://developer.xero.com/faq/oauth2>
const MOST_REDIRECT_URIS: usize = 50;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct App {
    pub client_id: String,
    /// Shown as `ProviderName`, and to the person who is asked.
    pub name: String,
    pub kind: AppKind,
    /// Where people may be sent back to; compared letter by letter.
    pub redirect_uris: Vec<String>,
    /// What may be asked for; a scope brings its `.read` with it.
    pub scopes: Vec<String>,
    /// An organisation takes at most two apps that aren't certified.
    pub certified: bool,
    /// What is paid for decides the calls a day and the number of connections.
    pub tier: Tier,
    /// Made before March 2026: may still have the broad scopes, until they end.
    pub has_broad_scopes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AppKind {
    Web {
        secret: String,
    },
    /// Runs where a secret can't be kept: proves itself with a code verifier instead.
    Pkce,
    /// Machine to machine, for one organisation.
    CustomConnection {
        secret: String,
        tenant: Uuid,
    },
}

impl App {
    pub fn web(client_id: &str, secret: &str, name: &str, redirect_uris: &[&str]) -> Self {
        Self::new(client_id, name, AppKind::Web { secret: secret.to_owned() }, redirect_uris)
    }

    pub fn pkce(client_id: &str, name: &str, redirect_uris: &[&str]) -> Self {
        Self::new(client_id, name, AppKind::Pkce, redirect_uris)
    }

    pub fn custom_connection(client_id: &str, secret: &str, name: &str, tenant: Uuid) -> Self {
        Self::new(client_id, name, AppKind::CustomConnection { secret: secret.to_owned(), tenant }, &[])
    }

    fn new(client_id: &str, name: &str, kind: AppKind, redirect_uris: &[&str]) -> Self {
        Self {
            client_id: client_id.to_owned(),
            name: name.to_owned(),
            kind,
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            scopes: scopes::SCOPES.map(str::to_owned).to_vec(),
            certified: false,
            tier: Tier::default(),
            has_broad_scopes: false,
        }
    }

    pub(super) fn secret(&self) -> Option<&str> {
        match &self.kind {
            AppKind::Web { secret } | AppKind::CustomConnection { secret, .. } => Some(secret),
            AppKind::Pkce => None,
        }
    }

    pub(super) fn tenant(&self) -> Option<Uuid> {
        match &self.kind {
            AppKind::CustomConnection { tenant, .. } => Some(*tenant),
            AppKind::Web { .. } | AppKind::Pkce => None,
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.tenant().is_some()
    }

    /// Whether the app may ask for this scope of the accounting or another API.
    pub(super) fn may_ask(&self, scope: &str, now: Timestamp) -> bool {
        let whole = scope.strip_suffix(".read").unwrap_or(scope);
        let has = self.scopes.iter().any(|held| held == scope || held == whole);
        let still_given = match scopes::breadth(scope) {
            None => false,
            Some(Breadth::Granular) => true,
            // Custom connections lost them for good in April 2026.
            Some(Breadth::Broad) => self.has_broad_scopes && !self.is_custom() && !scopes::broad_ended(now),
        };
        has && still_given
    }

    /// What the developer portal wouldn't save.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.client_id.is_empty() {
            return Err("an app has a client_id".to_owned());
        }
        if self.redirect_uris.len() > MOST_REDIRECT_URIS {
            return Err(format!("an app has at most {MOST_REDIRECT_URIS} redirect URIs"));
        }
        match self.redirect_uris.iter().find(|uri| !may_be_registered(uri)) {
            Some(uri) => Err(format!(
                "{uri}: a redirect URI begins with https:// or http://localhost, without wildcards"
            )),
            None => Ok(()),
        }
    }
}

/// `http://127.0.0.1` is refused, strange as it is.
fn may_be_registered(uri: &str) -> bool {
    let local = uri.strip_prefix("http://localhost");
    let is_local = local.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']));
    let is_secure = uri.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    (is_local || is_secure) && !uri.contains(['*', '#', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_https_or_localhost_by_name() {
        for (uri, fits) in [
            ("https://app.example/callback", true),
            ("http://localhost", true),
            ("http://localhost:8080/callback", true),
            ("http://localhost.example/callback", false),
            ("http://127.0.0.1:8080/callback", false),
            ("http://app.example/callback", false),
            ("https://*.app.example/callback", false),
            ("my-app://callback", false),
        ] {
            assert_eq!(App::web("a", "s", "A", &[uri]).check().is_ok(), fits, "{uri}");
        }
        let many: Vec<String> = (0..51).map(|number| format!("https://app.example/{number}")).collect();
        assert!(App { redirect_uris: many, ..App::pkce("a", "A", &[]) }.check().is_err());
    }

    #[test]
    fn broad_scopes_are_for_old_apps_with_users_and_end_in_september_2027() {
        let scopes = vec!["accounting.transactions".to_owned(), "accounting.contacts".to_owned()];
        let web = App { scopes, ..App::web("a", "s", "A", &[]) };
        let old = App { has_broad_scopes: true, ..web.clone() };
        let kind = AppKind::CustomConnection { secret: "s".into(), tenant: Uuid::nil() };
        let custom = App { kind, ..old.clone() };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (before, after) = (at("2027-09-12T23:59:59Z"), at("2027-09-13T00:00:00Z"));
        let ask = |app: &App, at| app.may_ask("accounting.transactions.read", at);
        assert_eq!(
            [ask(&web, before), ask(&old, before), ask(&custom, before), ask(&old, after)],
            [false, true, false, false]
        );
        assert!(web.may_ask("accounting.contacts.read", after) && !web.may_ask("accounting.settings", after));
    }
}
