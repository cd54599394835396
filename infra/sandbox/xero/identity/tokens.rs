//! The token endpoint: who may have a token, and what is in it; and the end of tokens.
//!
//! Access tokens live 30 minutes, refresh tokens 60 days; a used refresh token works 30 minutes more, so that
//! a lost answer can be asked for again. <https://developer.xero.com/documentation/guides/oauth2/auth-flow>
//! Errors are OAuth's words: <https://developer.xero.com/documentation/oauth2/troubleshooting>

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::apps::App;
use super::form::Form;
use super::register::{Grant, Identity, Register, Token};
use super::scopes;
use crate::signing;

pub const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(30);
pub const REFRESH_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
pub const REFRESH_TOKEN_GRACE: SignedDuration = SignedDuration::from_mins(30);
pub const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
const ID_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// How long a code verifier may be. <https://datatracker.ietf.org/doc/html/rfc7636#section-4.1>
const VERIFIER_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// What an authorization code was given for; it works once.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Code {
    pub(super) grant: Arc<Grant>,
    pub(super) expires: Timestamp,
    /// Any of the app's when none was named, as in a consent without a browser.
    pub(super) redirect_uri: Option<String>,
    pub(super) challenge: Option<String>,
}

impl Code {
    pub(super) fn new(grant: Arc<Grant>, now: Timestamp) -> Self {
        Self { grant, expires: now + CODE_LIFE, redirect_uri: None, challenge: None }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Refresh {
    grant: Arc<Grant>,
    expires: Timestamp,
    superseded: Option<Timestamp>,
}

/// OAuth's word for what is wrong.
type Issued = Result<Value, &'static str>;

impl Identity {
    /// `POST /connect/token`; `issuer` is where this server is reached.
    pub(super) fn token(&self, basic: Option<&str>, form: &Form, issuer: &str, now: Timestamp) -> Issued {
        let mut register = self.register();
        let app = register.authenticate(basic, form)?;
        let desk = Desk { app, form, issuer, now };
        match form.get("grant_type") {
            Some("client_credentials") => register.client_credentials(&desk),
            Some("refresh_token") => register.refresh(&desk),
            Some("authorization_code") => register.exchange(&desk),
            _ => Err("unsupported_grant_type"),
        }
    }

    /// `POST /connect/revocation`: all of this user's connections to the app are gone. A token that isn't known
    /// is none that needs an end.
    pub(super) fn revoke(&self, basic: Option<&str>, form: &Form) -> Result<(), &'static str> {
        let mut register = self.register();
        let app = register.authenticate(basic, form)?;
        let known = form.get("token").and_then(|token| register.refresh.get(token));
        let Some(grant) = known.map(|refresh| refresh.grant.clone()) else { return Ok(()) };
        if grant.client == app.client_id {
            register.end(&grant.client, grant.user);
        }
        Ok(())
    }
}

/// One request at the token endpoint.
struct Desk<'a> {
    app: App,
    form: &'a Form,
    issuer: &'a str,
    now: Timestamp,
}

impl Register {
    pub(super) fn code(&mut self, code: Code) -> String {
        let text = self.ids.next().simple().to_string();
        self.codes.insert(text.clone(), code);
        text
    }

    /// HTTP Basic, or the fields in the body. An app without a secret only says who it is.
    fn authenticate(&self, basic: Option<&str>, form: &Form) -> Result<App, &'static str> {
        let (client, secret) = match basic {
            Some(header) => {
                let (client, secret) = read_basic(header).ok_or("invalid_client")?;
                (client, Some(secret))
            }
            None => match form.sent("client_id") {
                Some("") => return Err("invalid_request"),
                client => {
                    (client.ok_or("invalid_client")?.to_owned(), form.get("client_secret").map(str::to_owned))
                }
            },
        };
        // What a program sends whose setting is missing.
        if client.is_empty() || client == "undefined" {
            return Err("unauthorized_client");
        }
        let app = self.apps.get(&client).filter(|app| app.secret() == secret.as_deref());
        app.cloned().ok_or("invalid_client")
    }

    fn client_credentials(&mut self, desk: &Desk<'_>) -> Issued {
        let Desk { app, form, now, .. } = desk;
        let asked = form.words("scope");
        if !app.is_custom() {
            let manages = app.secret().is_some() && asked == [scopes::APP_CONNECTIONS];
            if !manages || !app.may_ask(scopes::APP_CONNECTIONS, *now) {
                return Err("unauthorized_client");
            }
        }
        let scopes = if asked.is_empty() { app.scopes.clone() } else { asked };
        if !scopes.iter().all(|scope| app.may_ask(scope, *now)) {
            return Err("invalid_scope");
        }
        let user = if app.is_custom() { self.first_user() } else { Uuid::nil() };
        let grant = Arc::new(Grant {
            client: app.client_id.clone(),
            user,
            event: self.ids.next(),
            at: *now,
            scopes: Arc::new(scopes),
            nonce: None,
            is_machine: true,
        });
        Ok(self.issue(desk, &grant))
    }

    fn refresh(&mut self, desk: &Desk<'_>) -> Issued {
        let Desk { app, form, now, .. } = desk;
        let known = form.get("refresh_token").and_then(|token| self.refresh.get_mut(token));
        let refresh = known.filter(|refresh| refresh.grant.client == app.client_id).ok_or("invalid_grant")?;
        let past_grace = refresh.superseded.is_some_and(|at| *now >= at + REFRESH_TOKEN_GRACE);
        if *now >= refresh.expires || past_grace {
            return Err("invalid_grant");
        }
        refresh.superseded.get_or_insert(*now);
        let grant = refresh.grant.clone();
        Ok(self.issue(desk, &grant))
    }

    fn exchange(&mut self, desk: &Desk<'_>) -> Issued {
        let Desk { app, form, now, .. } = desk;
        let text = form.get("code").unwrap_or_default();
        let is_own = self.codes.get(text).is_some_and(|code| code.grant.client == app.client_id);
        // Used up by the first try, also by one that fails.
        let code = self.codes.remove(text).filter(|_| is_own).ok_or("invalid_grant")?;
        let same_place = form.get("redirect_uri").is_some_and(|named| match &code.redirect_uri {
            Some(wanted) => wanted == named,
            None => app.redirect_uris.iter().any(|registered| registered == named),
        });
        let proven = match (&code.challenge, form.get("code_verifier")) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(challenge), Some(verifier)) => {
                VERIFIER_LENGTH.contains(&verifier.len())
                    && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge
            }
        };
        if *now >= code.expires || !same_place || !proven {
            return Err("invalid_grant");
        }
        Ok(self.issue(desk, &code.grant))
    }

    fn issue(&mut self, desk: &Desk<'_>, grant: &Arc<Grant>) -> Value {
        let now = desk.now;
        let has = |scope: &str| grant.scopes.iter().any(|held| held == scope);
        let mut body = Map::new();
        if has("openid") && !grant.is_machine {
            body.insert("id_token".into(), self.id_token(desk, grant).into());
        }
        let expires = now + ACCESS_TOKEN_LIFE;
        let mut claims = json!({
            "nbf": now.as_second(), "exp": expires.as_second(), "iat": now.as_second(), "iss": desk.issuer,
            "aud": format!("{}/resources", desk.issuer), "client_id": grant.client,
            "jti": self.ids.next().simple().to_string(), "authentication_event_id": grant.event.to_string(),
            "scope": *grant.scopes,
        });
        if !grant.is_machine {
            claims["sub"] = subject(grant.user).into();
            claims["auth_time"] = grant.at.as_second().into();
            claims["xero_userid"] = grant.user.to_string().into();
        }
        let token = signing::sign(&claims);
        self.access.insert(token.clone(), Token { grant: grant.clone(), expires });
        body.insert("access_token".into(), token.into());
        body.insert("expires_in".into(), ACCESS_TOKEN_LIFE.as_secs().into());
        body.insert("token_type".into(), "Bearer".into());
        if has("offline_access") && !grant.is_machine {
            let refresh = self.ids.next().simple().to_string();
            let expires = now + REFRESH_TOKEN_LIFE;
            self.refresh.insert(refresh.clone(), Refresh { grant: grant.clone(), expires, superseded: None });
            body.insert("refresh_token".into(), refresh.into());
        }
        body.insert("scope".into(), grant.scopes.join(" ").into());
        Value::Object(body)
    }

    fn id_token(&self, desk: &Desk<'_>, grant: &Grant) -> String {
        let now = desk.now;
        let mut claims = json!({
            "nbf": now.as_second(), "exp": (now + ID_TOKEN_LIFE).as_second(), "iat": now.as_second(),
            "iss": desk.issuer, "aud": grant.client, "auth_time": grant.at.as_second(),
            "sub": subject(grant.user), "xero_userid": grant.user.to_string(),
        });
        let has = |scope: &str| grant.scopes.iter().any(|held| held == scope);
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = nonce.as_str().into();
        }
        if let Some(user) = self.user(grant.user) {
            if has("email") {
                claims["email"] = user.email.as_str().into();
            }
            if has("profile") {
                let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
                claims["preferred_username"] = user.email.as_str().into();
                claims["name"] = user.name.as_str().into();
                claims["given_name"] = given.into();
                claims["family_name"] = family.into();
            }
        }
        signing::sign(&claims)
    }

    /// The user's consents to the app are over.
    fn end(&mut self, client: &str, user: Uuid) {
        let is_theirs = |grant: &Grant| grant.client == client && grant.user == user;
        self.refresh.retain(|_, refresh| !is_theirs(&refresh.grant));
        self.codes.retain(|_, code| !is_theirs(&code.grant));
        self.granted.remove(&(client.to_owned(), user));
        self.connections.retain(|held| held.client != client || held.user != user);
    }
}

fn read_basic(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(client), decoded(secret)))
}

/// Not the user's id, but follows from it.
fn subject(user: Uuid) -> String {
    let digest = Sha256::digest(user.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
