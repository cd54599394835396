//! `/services/oauth2/*`, `/id/*` and discovery: consent, tokens, introspection, revocation, who I am.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm. There is no `expires_in` in
//! any answer. Called by `rest.rs` for these paths, which need no token and count against no limit.

mod consent;
mod grants;
mod id_token;
mod identity;
mod inspection;

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::Answer;
use super::asked::Asked;
use super::clients::Client;
use super::org::Org;
use crate::signing;

type Form = HashMap<String, String>;

/// None when the path is no business of this room.
pub(crate) fn answer(org: &mut Org, asked: &Asked<'_>) -> Option<Answer> {
    let form = || -> Form {
        let body: Form = serde_urlencoded::from_bytes(asked.body).unwrap_or_default();
        asked.query.iter().cloned().chain(body).collect()
    };
    let answer = match (asked.method.as_str(), asked.path) {
        ("POST", "/services/oauth2/token") => grants::token(org, asked, &form()).unwrap_or_else(|it| it),
        ("GET", "/services/oauth2/authorize") => consent::page(org, &form()),
        ("POST", "/services/oauth2/authorize") => consent::decided(org, &form()),
        ("POST", "/services/oauth2/introspect") => inspection::introspect(org, asked, &form()),
        ("POST" | "GET", "/services/oauth2/revoke") => inspection::revoke(org, &form()),
        ("GET" | "POST", "/services/oauth2/userinfo") => identity::userinfo(org, asked),
        ("GET", "/.well-known/openid-configuration") => identity::discovery(org, asked),
        ("GET", "/id/keys") => Answer::ok(signing::keys()),
        ("GET", path) if path.starts_with("/id/") => identity::identity(org, asked),
        _ => return None,
    };
    Some(answer)
}

fn refuse(error: &str, description: &str) -> Answer {
    Answer::json(400, json!({ "error": error, "error_description": description }))
}

/// The client by HTTP Basic or by the form. Apps may be set to go without a secret in some flows; a wrong one is
/// refused all the same.
fn client(
    org: &Org,
    asked: &Asked<'_>,
    form: &Form,
    needs_secret: impl FnOnce(&Client) -> bool,
) -> Result<Client, Answer> {
    let (id, given) = match basic(asked) {
        Some((id, secret)) => (id, Some(secret)),
        None => (form.get("client_id").cloned().unwrap_or_default(), form.get("client_secret").cloned()),
    };
    let unknown = || refuse("invalid_client_id", "client identifier invalid");
    let client = org.access.clients.get(&id).ok_or_else(unknown)?;
    let wrong = || refuse("invalid_client", "invalid client credentials");
    match given {
        Some(_) if client.public => Err(wrong()),
        Some(given) if given == client.secret => Ok(client.clone()),
        None if client.public || !needs_secret(client) => Ok(client.clone()),
        _ => Err(wrong()),
    }
}

fn basic(asked: &Asked<'_>) -> Option<(String, String)> {
    let encoded = asked.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// The org's My Domain, for who came by a host that all orgs log in at.
const MY_DOMAIN: &str = "https://sandbox.my.salesforce.com";

impl Org {
    /// Where the calls of a token go, whichever host it was asked for at.
    pub(crate) fn instance_url(&self, asked: &Asked<'_>) -> String {
        let own = || if self.is_at_login_host(asked) { MY_DOMAIN.to_owned() } else { asked.base.clone() };
        self.options.instance_url.clone().unwrap_or_else(own)
    }

    /// Whether the request came to a host that all orgs share, which not every flow works at.
    fn is_at_login_host(&self, asked: &Asked<'_>) -> bool {
        let host = asked.base.split_once("://").map_or("", |(_, host)| host);
        self.options.login_hosts.iter().any(|known| known == host)
    }
}

/// The identity URL of a user, on the org's own host.
fn identity_url(org: &Org, asked: &Asked<'_>, user: &str) -> String {
    format!("{}/id/{}/{user}", org.instance_url(asked), org.organization)
}
