//! The grants of the token endpoint: who may have a token, and what is in it. Called by `identity.rs` only.
//!
//! Errors are OAuth's words; `identity.rs` wraps them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::identity::{
    ACCESS_TOKEN_LIFE, App, Code, Connection, Grant, Inner, REFRESH_TOKEN_GRACE, REFRESH_TOKEN_LIFE, Refresh,
};
use super::request::decode;

impl Inner {
    pub(super) fn code(&mut self, code: Code) -> String {
        let text = self.ids.next().simple().to_string();
        self.codes.insert(text.clone(), code);
        text
    }

    pub(super) fn grant(
        &mut self,
        client: &str,
        tenants: &[Uuid],
        scopes: &[String],
        now: Timestamp,
    ) -> Uuid {
        let id = self.ids.next();
        let connections =
            tenants.iter().map(|tenant| Connection { id: self.ids.next(), tenant: *tenant, created: now });
        let grant = Grant {
            client: client.to_owned(),
            connections: connections.collect(),
            user: self.ids.next(),
            event: self.ids.next(),
            scopes: Arc::new(scopes.to_vec()),
        };
        self.grants.insert(id, grant);
        id
    }

    /// HTTP Basic, or the fields in the body.
    pub(super) fn authenticate(
        &self,
        basic: Option<&str>,
        client: Option<&str>,
        secret: Option<&str>,
    ) -> Result<App, &'static str> {
        let decoded = basic
            .and_then(|header| header.strip_prefix("Basic "))
            .and_then(|text| STANDARD.decode(text.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let (client, secret) = match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((client, secret)) => (decode(client), decode(secret)),
            None => (client.unwrap_or_default().to_owned(), secret.unwrap_or_default().to_owned()),
        };
        if client.is_empty() || client == "undefined" {
            return Err("unauthorized_client");
        }
        let app = self.apps.get(&client).filter(|app| app.client_secret == secret);
        app.cloned().ok_or("invalid_client")
    }

    pub(super) fn client_credentials(
        &mut self,
        app: &App,
        scope: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, &'static str> {
        if app.custom_connection.is_none() {
            return Err("unauthorized_client");
        }
        let asked: Vec<String> = match scope {
            None => app.scopes.clone(),
            Some(scope) => scope.split_whitespace().map(str::to_owned).collect(),
        };
        if !asked.iter().all(|scope| app.may_ask(scope)) {
            return Err("invalid_scope");
        }
        let grant = self.grants.iter().find(|(_, grant)| grant.client == app.client_id).map(|(id, _)| *id);
        let grant = grant.ok_or("invalid_client")?;
        Ok(self.issue(grant, Arc::new(asked), false, now))
    }

    pub(super) fn refresh(
        &mut self,
        app: &App,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, &'static str> {
        let refresh = token.and_then(|token| self.refresh.get_mut(token)).ok_or("invalid_grant")?;
        let grant_id = refresh.grant;
        let grant = self
            .grants
            .get(&grant_id)
            .filter(|grant| grant.client == app.client_id)
            .ok_or("invalid_grant")?;
        let past_grace = refresh.superseded.is_some_and(|at| now >= at + REFRESH_TOKEN_GRACE);
        if now >= refresh.expires || past_grace {
            return Err("invalid_grant");
        }
        refresh.superseded.get_or_insert(now);
        let scopes = grant.scopes.clone();
        Ok(self.issue(grant_id, scopes, true, now))
    }

    pub(super) fn exchange(
        &mut self,
        app: &App,
        code: Option<&str>,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, &'static str> {
        let code = code.and_then(|code| self.codes.remove(code)).ok_or("invalid_grant")?;
        let grant = self.grants.get(&code.grant).filter(|grant| grant.client == app.client_id);
        let grant = grant.ok_or("invalid_grant")?;
        let same_place = code.redirect_uri.is_none_or(|wanted| Some(wanted.as_str()) == redirect_uri);
        let proven = code.challenge.is_none_or(|challenge| {
            verifier.is_some_and(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge)
        });
        if now >= code.expires || !same_place || !proven {
            return Err("invalid_grant");
        }
        let scopes = grant.scopes.clone();
        let offline = scopes.iter().any(|scope| scope == "offline_access");
        Ok(self.issue(code.grant, scopes, offline, now))
    }

    pub(super) fn issue(
        &mut self,
        grant_id: Uuid,
        scopes: Arc<Vec<String>>,
        offline: bool,
        now: Timestamp,
    ) -> Value {
        let expires = now + ACCESS_TOKEN_LIFE;
        let nonce = self.ids.next();
        let (client, user, event) = match self.grants.get(&grant_id) {
            Some(grant) => (grant.client.as_str(), grant.user, grant.event),
            None => ("", Uuid::nil(), Uuid::nil()),
        };
        let claims = json!({
            "nbf": now.as_second(), "exp": expires.as_second(), "iss": "https://identity.xero.com",
            "aud": "https://identity.xero.com/resources", "client_id": client, "xero_userid": user.to_string(),
            "authentication_event_id": event.to_string(), "jti": nonce.simple().to_string(), "scope": *scopes,
        });
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        // Not a signature: nobody but this server has to believe it.
        let seal = URL_SAFE_NO_PAD.encode(Sha256::digest(payload.as_bytes()));
        let token = format!("{header}.{payload}.{seal}");
        let mut body = json!({
            "access_token": token, "expires_in": ACCESS_TOKEN_LIFE.as_secs(), "token_type": "Bearer",
        });
        self.access.insert(token, (grant_id, scopes.clone(), expires));
        if offline {
            let refresh = self.ids.next().simple().to_string();
            body["refresh_token"] = refresh.as_str().into();
            let expires = now + REFRESH_TOKEN_LIFE;
            self.refresh.insert(refresh, Refresh { grant: grant_id, expires, superseded: None });
        }
        body["scope"] = scopes.join(" ").into();
        body
    }
}
