//! `POST /services/oauth2/token`: each way to a token, and what each is refused with.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::answer::Answer;
use super::super::asked::Asked;
use super::super::clients::Client;
use super::super::jwt::Assertion;
use super::super::org::Org;
use super::super::tokens::Grantee;
use super::id_token::id_token;
use super::{Form, client, identity_url, refuse};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) fn token(org: &mut Org, asked: &Asked<'_>, form: &Form) -> Result<Answer, Answer> {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let flow = given("grant_type");
    match flow {
        "authorization_code" => {
            let secret = |client: &Client| !client.is_consumer_secret_optional;
            let client = allowed(org, client(org, asked, form, secret)?, flow)?;
            code(org, asked, form, &client)
        }
        "refresh_token" => {
            let secret = |client: &Client| client.is_secret_required_for_refresh_token;
            let client = allowed(org, client(org, asked, form, secret)?, flow)?;
            let dead = || refuse("invalid_grant", "expired access/refresh token");
            let (grantee, next) = org.refresh(&client, given("refresh_token")).ok_or_else(dead)?;
            may_log_in(org, &grantee.user)?;
            Ok(issued(org, asked, &client, &grantee, next))
        }
        JWT_BEARER => bearer(org, asked, given("assertion")),
        "client_credentials" => {
            let client = allowed(org, client(org, asked, form, |_| true)?, flow)?;
            if org.is_at_login_host(asked) {
                return Err(refuse("invalid_grant", "request not supported on this domain"));
            }
            let user = client.user.clone().unwrap_or_else(|| org.integration_user.clone());
            approved(org, &client, &user)?;
            may_log_in(org, &user)?;
            let grantee = Grantee::new(&client.id, &user, &unattended(&client));
            Ok(issued(org, asked, &client, &grantee, None))
        }
        "password" if org.options.password_flow => {
            let client = allowed(org, client(org, asked, form, |_| true)?, flow)?;
            let user = org.user_with_password(given("username"), given("password"));
            let user = user.ok_or_else(|| refuse("invalid_grant", "authentication failure"))?;
            may_log_in(org, &user)?;
            let grantee = Grantee::new(&client.id, &user, &unattended(&client));
            Ok(issued(org, asked, &client, &grantee, None))
        }
        _ => Err(refuse("unsupported_grant_type", "grant type not supported")),
    }
}

/// What an admin decided about the app comes before anything else.
fn allowed(org: &Org, client: Client, flow: &str) -> Result<Client, Answer> {
    if !org.options.active {
        return Err(refuse("inactive_org", "organization is inactive"));
    }
    if client.blocked {
        return Err(refuse("OAUTH_APP_BLOCKED", "this app is blocked by admin"));
    }
    if client.flows_off.contains(flow) {
        return Err(refuse("unsupported_grant_type", "grant type not supported"));
    }
    Ok(client)
}

fn approved(org: &Org, client: &Client, user: &str) -> Result<(), Answer> {
    let name = org.store.table("User").get(user).map(|user| user.text("Username").to_owned());
    if name.is_some_and(|name| client.unapproved.contains(&name)) {
        return Err(refuse("invalid_grant", "user hasn't approved this consumer"));
    }
    Ok(())
}

/// A user who is there still, and didn't log in too often within the hour.
fn may_log_in(org: &mut Org, user: &str) -> Result<(), Answer> {
    if !org.store.table("User").get(user).is_some_and(|user| user.is("IsActive")) {
        return Err(refuse("inactive_user", "user is inactive"));
    }
    if !org.count_login(user) {
        return Err(refuse("rate_limit_exceeded", "login rate exceeded"));
    }
    Ok(())
}

fn bearer(org: &mut Org, asked: &Asked<'_>, assertion: &str) -> Result<Answer, Answer> {
    let invalid = |why: &str| refuse("invalid_grant", why);
    let assertion = Assertion::read(assertion).ok_or_else(|| invalid("invalid assertion"))?;
    let client = org.access.clients.get(&assertion.issuer).cloned();
    let client = client.ok_or_else(|| refuse("invalid_client_id", "client identifier invalid"))?;
    let client = allowed(org, client, JWT_BEARER)?;
    let own = org.instance_url(asked);
    let hosts = ["https://login.salesforce.com", "https://test.salesforce.com", &asked.base, &own];
    let audience = assertion.audience.trim_end_matches('/').trim_end_matches("/services/oauth2/token");
    if !hosts.contains(&audience) {
        return Err(invalid("audience is invalid"));
    }
    if !assertion.in_time(org.now) {
        return Err(invalid("expired authorization code"));
    }
    if !client.public_key.as_deref().is_some_and(|key| assertion.signed_by(key)) {
        return Err(invalid("invalid assertion"));
    }
    let users = org.store.table("User").with("Username", &assertion.subject);
    let user = users.map(|user| user.id.clone()).next();
    let user = user.ok_or_else(|| invalid("user hasn't approved this consumer"))?;
    approved(org, &client, &user)?;
    may_log_in(org, &user)?;
    let grantee = Grantee::new(&client.id, &user, &unattended(&client));
    let mut answer = issued(org, asked, &client, &grantee, None);
    // This flow's answer has neither.
    if let super::super::answer::Content::Json(Value::Object(fields)) = &mut answer.content {
        fields.retain(|name, _| name != "signature" && name != "issued_at");
    }
    Ok(answer)
}

fn code(org: &mut Org, asked: &Asked<'_>, form: &Form, client: &Client) -> Result<Answer, Answer> {
    let now = org.now;
    let known = form.get("code").and_then(|code| org.access.codes.get_mut(code));
    let known = known.filter(|code| code.grantee.client == client.id);
    let code = known.ok_or_else(|| refuse("invalid_grant", "invalid authorization code"))?;
    if code.used || code.until <= now {
        return Err(refuse("invalid_grant", "expired authorization code"));
    }
    if form.get("redirect_uri") != Some(&code.redirect) {
        return Err(refuse("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    if let Some(challenge) = &code.challenge {
        // Who proves that it began the flow must also prove who it is, where it has a secret.
        let secret = form.contains_key("client_secret") || asked.header("authorization").is_some();
        if !client.public && client.proof_key && !secret {
            return Err(refuse("invalid_client", "invalid client credentials"));
        }
        let Some(verifier) = form.get("code_verifier") else {
            return Err(refuse("invalid_grant", "code verifier required"));
        };
        if !well_formed(verifier) || *challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) {
            return Err(refuse("invalid_request", "invalid code verifier"));
        }
    }
    code.used = true;
    let grantee = code.grantee.clone();
    may_log_in(org, &grantee.user)?;
    if !grantee.scope.split(' ').any(|scope| scope == "refresh_token") {
        return Ok(issued(org, asked, client, &grantee, None));
    }
    let (refresh, grantee) = org.open_grant(grantee);
    Ok(issued(org, asked, client, &grantee, Some(refresh)))
}

/// 43 to 128 letters of RFC 7636, section 4.1.
fn well_formed(verifier: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(letter)
}

/// What an app gets where no person is there to be asked, or to be told about.
fn unattended(client: &Client) -> String {
    let scopes = client.scopes.iter().map(String::as_str);
    scopes.filter(|scope| !["refresh_token", "openid"].contains(scope)).collect::<Vec<_>>().join(" ")
}

fn issued(
    org: &mut Org,
    asked: &Asked<'_>,
    client: &Client,
    grantee: &Grantee,
    refresh: Option<String>,
) -> Answer {
    let session = org.open_session(grantee);
    let id = identity_url(org, asked, &grantee.user);
    let at = org.now.as_millisecond().to_string();
    let mut answer = serde_json::Map::new();
    answer.insert("access_token".into(), session.clone().into());
    if let Some(refresh) = refresh {
        answer.insert("refresh_token".into(), refresh.into());
    }
    answer.insert("signature".into(), signature(&client.secret, &format!("{id}{at}")).into());
    answer.insert("scope".into(), grantee.scope.clone().into());
    answer.insert("instance_url".into(), org.instance_url(asked).into());
    answer.insert("id".into(), id.into());
    answer.insert("token_type".into(), "Bearer".into());
    answer.insert("issued_at".into(), at.into());
    if let Some(token) = id_token(org, asked, grantee, &session) {
        answer.insert("id_token".into(), token.into());
    }
    Answer::ok(Value::Object(answer))
}

fn signature(secret: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
