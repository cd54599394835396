//! `/identity/connect/authorize`: what an app asks of a person, and what the person answers.
//!
//! What is wrong with the request is shown to the person and never sent back to the app: only a redirect URI
//! that was registered is ever redirected to. <https://developer.xero.com/documentation/oauth2/troubleshooting>

use jiff::Timestamp;
use uuid::Uuid;

use super::apps::{App, AppKind};
use super::consent_page::{self, Choice, Page};
use super::form::{Form, with_query};
use super::register::{Identity, Register, User};
use super::scopes;
use super::tokens::Code;
use crate::xero::answer::Answer;

/// base64url of a SHA-256.
const CHALLENGE_LENGTH: usize = 43;

/// An organisation and its name.
pub(super) type Named = (Uuid, String);

/// A request that may be shown to a person.
struct Asked {
    app: App,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    /// `acr_values=bulk_connect:false`: one organisation in one consent.
    is_single: bool,
}

/// Why there is nothing to agree to: OAuth's word, and a sentence.
struct Wrong(&'static str, &'static str);

impl Identity {
    /// `GET`: the page that asks, or the one that says who can be asked.
    pub(super) fn show_consent(&self, query: &str, organisations: &[Named], now: Timestamp) -> Answer {
        let register = self.register();
        let form = Form::read(query);
        let asked = match register.read(&form, now) {
            Ok(asked) => asked,
            Err(wrong) => return wrong.page(),
        };
        match register.signed_in(form.get("login_hint")) {
            Some(user) => register.ask(&asked, user, query, organisations, None),
            None => {
                let people = register.users.iter().map(|user| (user.name.as_str(), user.email.as_str()));
                consent_page::sign_in(&asked.app.name, query, people)
            }
        }
    }

    /// `POST`: the person's answer; the query is the app's request again.
    pub(super) fn decide(&self, query: &str, body: &str, organisations: &[Named], now: Timestamp) -> Answer {
        let mut register = self.register();
        let asked = match register.read(&Form::read(query), now) {
            Ok(asked) => asked,
            Err(wrong) => return wrong.page(),
        };
        let said = Form::read(body);
        let user = said.get("user").and_then(|id| Uuid::parse_str(id).ok());
        let Some(user) = user.and_then(|id| register.user(id)).cloned() else {
            return Wrong("invalid_request", "Nobody is signed in").page();
        };
        if said.get("decision") != Some("allow") {
            return asked.back(&[("error", "access_denied")]);
        }
        let tenants: Vec<Uuid> = said.all("tenant").filter_map(|id| Uuid::parse_str(id).ok()).collect();
        let known = tenants.iter().all(|tenant| organisations.iter().any(|(id, _)| id == tenant));
        if !known || (asked.is_single && tenants.len() > 1) {
            return Wrong("invalid_request", "These organisations can't be connected together").page();
        }
        let has_one = register.connections_of(&asked.app.client_id, user.id).next().is_some();
        if asked.needs_organisation() && tenants.is_empty() && !has_one {
            let hint = "Choose an organisation to connect.";
            return register.ask(&asked, &user, query, organisations, Some(hint));
        }
        let nonce = asked.nonce.clone();
        match register.consent(&asked.app, user.id, &tenants, &asked.scopes, nonce, now) {
            Ok(grant) => {
                let code = register.code(Code {
                    redirect_uri: Some(asked.redirect_uri.clone()),
                    challenge: asked.challenge.clone(),
                    ..Code::new(grant, now)
                });
                asked.back(&[("code", &code)])
            }
            Err(obstacle) => register.ask(&asked, &user, query, organisations, Some(&obstacle)),
        }
    }
}

impl Register {
    fn read(&self, query: &Form, now: Timestamp) -> Result<Asked, Wrong> {
        let app = query.get("client_id").and_then(|id| self.apps.get(id)).filter(|app| !app.is_custom());
        let app = app.ok_or(Wrong("unauthorized_client", "Unknown client or client not enabled"))?;
        let redirect_uri = query.get("redirect_uri").unwrap_or_default();
        if !app.redirect_uris.iter().any(|registered| registered == redirect_uri) {
            return Err(Wrong("invalid_request", "Invalid redirect_uri"));
        }
        if query.get("response_type") != Some("code") {
            return Err(Wrong("unsupported_response_type", "Response type not supported"));
        }
        let scopes = query.words("scope");
        if scopes.is_empty() {
            return Err(Wrong("invalid_scope", "Missing scope"));
        }
        for scope in scopes.iter().filter(|scope| !scopes::is_of_identity(scope)) {
            if scopes::breadth(scope).is_none() || scope == scopes::APP_CONNECTIONS {
                return Err(Wrong("invalid_scope", "Invalid scope"));
            }
            if !app.may_ask(scope, now) {
                return Err(Wrong("unauthorized_client", "Invalid scope for client"));
            }
        }
        let challenge = query.get("code_challenge").map(str::to_owned);
        let method = query.get("code_challenge_method");
        match &challenge {
            None if app.kind == AppKind::Pkce => {
                return Err(Wrong("invalid_request", "Code challenge required"));
            }
            Some(text) if method != Some("S256") || text.len() != CHALLENGE_LENGTH => {
                return Err(Wrong("invalid_request", "Transform algorithm not supported"));
            }
            None | Some(_) => {}
        }
        Ok(Asked {
            app: app.clone(),
            redirect_uri: redirect_uri.to_owned(),
            scopes,
            state: query.get("state").map(str::to_owned),
            nonce: query.get("nonce").map(str::to_owned),
            challenge,
            is_single: query.words("acr_values").iter().any(|value| value == "bulk_connect:false"),
        })
    }

    /// Whoever the request names by e-mail address; the only one there is, otherwise.
    fn signed_in(&self, hint: Option<&str>) -> Option<&User> {
        match (hint, self.users.as_slice()) {
            (Some(email), users) if users.iter().any(|user| user.email == email) => {
                users.iter().find(|user| user.email == email)
            }
            (_, [only]) => Some(only),
            _ => None,
        }
    }

    fn ask(
        &self,
        asked: &Asked,
        user: &User,
        query: &str,
        organisations: &[Named],
        hint: Option<&str>,
    ) -> Answer {
        let seen =
            organisations.iter().filter(|(tenant, _)| asked.needs_organisation() && user.sees(*tenant));
        let choices = seen.map(|(tenant, name)| Choice {
            tenant: *tenant,
            name,
            is_connected: self
                .connections_of(&asked.app.client_id, user.id)
                .any(|held| held.tenant == *tenant),
            obstacle: self.obstacle(&asked.app, *tenant),
        });
        consent_page::consent(&Page {
            app: &asked.app.name,
            user,
            query,
            scopes: asked.scopes.iter().map(|scope| scopes::in_words(scope)).collect(),
            choices: choices.collect(),
            is_single: asked.is_single,
            hint,
        })
    }
}

impl Asked {
    /// Who only wants to know the person needs no books.
    fn needs_organisation(&self) -> bool {
        self.scopes.iter().any(|scope| !scopes::is_of_identity(scope))
    }

    fn back(&self, pairs: &[(&str, &str)]) -> Answer {
        let state = self.state.as_deref().map(|state| ("state", state));
        let pairs: Vec<(&str, &str)> = pairs.iter().copied().chain(state).collect();
        let target = with_query(&self.redirect_uri, &pairs);
        Answer { headers: vec![("location", target)], ..Answer::empty(302) }
    }
}

impl Wrong {
    fn page(self) -> Answer {
        consent_page::error(self.0, self.1)
    }
}
