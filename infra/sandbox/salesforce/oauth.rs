//! `/services/oauth2/*`: tokens, introspection, revocation, who I am.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm. There is no `expires_in` in
//! any answer. The consent page is a redirect: whoever opens it has said yes as the integration user.

use std::collections::HashMap;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::jwt::Assertion;
use super::org::Org;
use super::rest::Asked;
use super::tokens::{Client, Code, letters};

/// A code is good for so many seconds.
const CODE_SECONDS: i64 = 15 * 60;
const SCOPE: &str = "refresh_token api";

type Form = HashMap<String, String>;

pub(crate) fn answer(org: &mut Org, asked: &Asked<'_>) -> Answer {
    let form = || -> Form {
        let body: Form = serde_urlencoded::from_bytes(asked.body).unwrap_or_default();
        asked.query.iter().cloned().chain(body).collect()
    };
    match (asked.method, asked.path.trim_start_matches("/services/oauth2/")) {
        (&Method::POST, "token") => token(org, asked, &form()).unwrap_or_else(|refusal| refusal),
        (&Method::GET, "authorize") => authorize(org, &form()),
        (&Method::POST, "introspect") => introspect(org, asked, &form()),
        (&Method::POST | &Method::GET, "revoke") => revoke(org, &form()),
        (&Method::GET | &Method::POST, "userinfo") => userinfo(org, asked),
        _ => Answer::text(404, "text/html; charset=UTF-8", "<html><body>URL No Longer Exists</body></html>"),
    }
}

fn refuse(error: &str, description: &str) -> Answer {
    Answer::json(400, json!({ "error": error, "error_description": description }))
}

fn token(org: &mut Org, asked: &Asked<'_>, form: &Form) -> Result<Answer, Answer> {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    match given("grant_type") {
        "client_credentials" => {
            let client = client(org, asked, form, true)?;
            let user = client.user.clone().unwrap_or_else(|| org.integration_user.clone());
            let session = org.open_session(&client.id, &user, None);
            Ok(issued(org, asked, &client, &user, &session, None))
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => bearer(org, asked, given("assertion")),
        "refresh_token" => {
            let client = client(org, asked, form, false)?;
            let dead = || refuse("invalid_grant", "expired access/refresh token");
            let (user, grant, next) = org.refresh(&client, given("refresh_token")).ok_or_else(dead)?;
            let session = org.open_session(&client.id, &user, Some(grant));
            Ok(issued(org, asked, &client, &user, &session, next))
        }
        "authorization_code" => {
            let client = client(org, asked, form, false)?;
            code(org, asked, form, &client)
        }
        _ => Err(refuse("unsupported_grant_type", "grant type not supported")),
    }
}

/// The client by HTTP Basic or by the form. Public clients may leave the secret out of some flows.
fn client(org: &Org, asked: &Asked<'_>, form: &Form, secret_needed: bool) -> Result<Client, Answer> {
    let (id, secret) = match basic(asked) {
        Some((id, secret)) => (id, Some(secret)),
        None => (form.get("client_id").cloned().unwrap_or_default(), form.get("client_secret").cloned()),
    };
    let client = org
        .access
        .clients
        .get(&id)
        .ok_or_else(|| refuse("invalid_client_id", "client identifier invalid"))?;
    match secret {
        Some(secret) if secret == client.secret => Ok(client.clone()),
        None if !secret_needed => Ok(client.clone()),
        _ => Err(refuse("invalid_client", "invalid client credentials")),
    }
}

fn basic(asked: &Asked<'_>) -> Option<(String, String)> {
    let encoded = asked.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn bearer(org: &mut Org, asked: &Asked<'_>, assertion: &str) -> Result<Answer, Answer> {
    let invalid = |why: &str| refuse("invalid_grant", why);
    let assertion = Assertion::read(assertion).ok_or_else(|| invalid("invalid assertion"))?;
    let client = org.access.clients.get(&assertion.issuer).cloned();
    let client = client.ok_or_else(|| refuse("invalid_client_id", "client identifier invalid"))?;
    let hosts = ["https://login.salesforce.com", "https://test.salesforce.com", &asked.base];
    let audience = assertion.audience.trim_end_matches('/').trim_end_matches("/services/oauth2/token");
    if !hosts.contains(&audience) && org.options.instance_url.as_deref() != Some(audience) {
        return Err(invalid("audience is invalid"));
    }
    if !assertion.in_time(org.now) {
        return Err(invalid("expired authorization code"));
    }
    if client.public_key.as_deref().is_some_and(|key| !assertion.signed_by(key)) {
        return Err(invalid("invalid assertion"));
    }
    let users = org.store.table("User").with("Username", &assertion.subject);
    let user = users.map(|user| user.id.clone()).next();
    match user {
        Some(user) if !client.unapproved.contains(&assertion.subject) => {
            let session = org.open_session(&client.id, &user, None);
            let base = org.instance_url(asked);
            Ok(Answer::ok(json!({ "access_token": session, "scope": "api", "instance_url": base,
                "id": identity(org, &user), "token_type": "Bearer" })))
        }
        _ => Err(invalid("user hasn't approved this consumer")),
    }
}

/// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm
fn authorize(org: &mut Org, form: &Form) -> Answer {
    let given = |name: &str| form.get(name).cloned().unwrap_or_default();
    let redirect = given("redirect_uri");
    if !org.access.clients.contains_key(&given("client_id")) || redirect.is_empty() {
        let page = "error=invalid_client_id&error_description=client%20identifier%20invalid";
        return Answer::text(400, "text/html; charset=UTF-8", page);
    }
    let code = format!("aPrx{}", letters(&mut org.random, 60));
    let until = Timestamp::from_second(org.now.as_second() + CODE_SECONDS).unwrap_or(org.now);
    let made = Code {
        client: given("client_id"),
        user: org.integration_user.clone(),
        redirect: redirect.clone(),
        challenge: form.get("code_challenge").cloned(),
        until,
        used: false,
    };
    org.access.codes.insert(code.clone(), made);
    let back = serde_urlencoded::to_string([("code", code.as_str()), ("state", &given("state"))])
        .unwrap_or_default();
    let joint = if redirect.contains('?') { '&' } else { '?' };
    Answer::empty(302).with("location", format!("{redirect}{joint}{back}"))
}

fn code(org: &mut Org, asked: &Asked<'_>, form: &Form, client: &Client) -> Result<Answer, Answer> {
    let now = org.now;
    let known = form.get("code").and_then(|code| org.access.codes.get_mut(code));
    let known = known.filter(|code| code.client == client.id);
    let code = known.ok_or_else(|| refuse("invalid_grant", "invalid authorization code"))?;
    if code.used || code.until <= now {
        return Err(refuse("invalid_grant", "expired authorization code"));
    }
    if form.get("redirect_uri") != Some(&code.redirect) {
        return Err(refuse("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (Some(_), None) => return Err(refuse("invalid_grant", "code verifier required")),
        (Some(challenge), Some(verifier))
            if *challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) =>
        {
            return Err(refuse("invalid_request", "invalid code verifier"));
        }
        _ => {}
    }
    code.used = true;
    let user = code.user.clone();
    let (refresh, grant) = org.open_grant(&client.id, &user);
    let session = org.open_session(&client.id, &user, Some(grant));
    Ok(issued(org, asked, client, &user, &session, Some(refresh)))
}

fn issued(
    org: &Org,
    asked: &Asked<'_>,
    client: &Client,
    user: &str,
    session: &str,
    refresh: Option<String>,
) -> Answer {
    let id = identity(org, user);
    let at = org.now.as_millisecond().to_string();
    let mut answer = serde_json::Map::new();
    answer.insert("access_token".into(), session.into());
    if let Some(refresh) = refresh {
        answer.insert("refresh_token".into(), refresh.into());
    }
    answer.insert("signature".into(), signature(&client.secret, &format!("{id}{at}")).into());
    answer.insert("scope".into(), SCOPE.into());
    answer.insert("instance_url".into(), org.instance_url(asked).into());
    answer.insert("id".into(), id.into());
    answer.insert("token_type".into(), "Bearer".into());
    answer.insert("issued_at".into(), at.into());
    Answer::ok(Value::Object(answer))
}

fn signature(secret: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn identity(org: &Org, user: &str) -> String {
    format!("https://login.salesforce.com/id/{}/{user}", org.organization)
}

impl Org {
    pub(crate) fn instance_url(&self, asked: &Asked<'_>) -> String {
        self.options.instance_url.clone().unwrap_or_else(|| asked.base.clone())
    }
}

fn introspect(org: &Org, asked: &Asked<'_>, form: &Form) -> Answer {
    if let Err(refusal) = client(org, asked, form, true) {
        return refusal;
    }
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let username = |user: &str| org.store.table("User").get(user).map(|user| user.get("Username").clone());
    if let Some(session) = org.access.session(token).filter(|session| session.expires > org.now) {
        return Answer::ok(json!({
            "active": true, "scope": SCOPE, "client_id": session.client, "username": username(&session.user),
            "sub": identity(org, &session.user), "token_type": "access_token",
            "exp": session.expires.as_second(), "iat": session.issued.as_second(), "nbf": session.issued.as_second(),
        }));
    }
    match org.access.grant_of(token) {
        Some(grant) => Answer::ok(json!({
            "active": true, "scope": SCOPE, "client_id": grant.client, "username": username(&grant.user),
            "sub": identity(org, &grant.user), "token_type": "refresh_token",
        })),
        None => Answer::ok(json!({ "active": false })),
    }
}

fn revoke(org: &mut Org, form: &Form) -> Answer {
    match form.get("token") {
        Some(token) if org.access.revoke(token) => Answer::empty(200),
        _ => refuse("invalid_token", "invalid token"),
    }
}

/// A bad token is 403 with plain text here, not the 401 of the data API.
fn userinfo(org: &Org, asked: &Asked<'_>) -> Answer {
    let Ok(writer) = org.authorize(asked.header("authorization")) else {
        return Answer::text(403, "text/plain; charset=UTF-8", "Bad_OAuth_Token");
    };
    let Some(user) = org.store.table("User").get(&writer.user) else { return Answer::empty(404) };
    let base = org.instance_url(asked);
    Answer::ok(json!({
        "sub": identity(org, &writer.user), "user_id": writer.user, "organization_id": org.organization,
        "preferred_username": user.get("Username"), "nickname": user.get("Alias"), "name": user.get("Name"),
        "email": user.get("Email"), "email_verified": true, "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"), "zoneinfo": user.get("TimeZoneSidKey"),
        "urls": { "rest": format!("{base}/services/data/v{{version}}/"),
                  "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
                  "query": format!("{base}/services/data/v{{version}}/query/") },
        "active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_GB", "utcOffset": 0,
        "updated_at": user.get("LastModifiedDate"),
    }))
}
