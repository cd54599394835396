//! Introspection tells the expiry that token answers leave out; revocation ends tokens.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_token_introspection.htm

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::Asked;
use super::super::org::Org;
use super::super::tokens::Grantee;
use super::{Form, client, identity_url, refuse};

pub(super) fn introspect(org: &Org, asked: &Asked<'_>, form: &Form) -> Answer {
    let client = match client(org, asked, form, |_| true) {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let about = |grantee: &Grantee, kind: &str, issued: Timestamp, expires: Option<Timestamp>| {
        let user = org.store.table("User").get(&grantee.user);
        let mut about = json!({
            "active": true, "scope": grantee.scope, "client_id": grantee.client,
            "username": user.map(|user| user.get("Username").clone()),
            "sub": identity_url(org, asked, &grantee.user), "token_type": kind,
        });
        if let Some(expires) = expires {
            about["exp"] = expires.as_second().into();
        }
        about["iat"] = issued.as_second().into();
        about["nbf"] = issued.as_second().into();
        Answer::ok(about)
    };
    if let Some(session) = org.access.session(token).filter(|session| session.expires > org.now) {
        return about(&session.grantee, "access_token", session.issued, Some(session.expires));
    }
    match org.access.grant_of(token, org.now, client.idle_seconds) {
        Some(grant) => {
            let until = client.idle_seconds.map(|idle| grant.used.as_second() + idle);
            let until = until.and_then(|until| Timestamp::from_second(until).ok());
            about(&grant.grantee, "refresh_token", grant.issued, until)
        }
        None => Answer::ok(Value::Object([("active".to_owned(), false.into())].into_iter().collect())),
    }
}

/// Revoking a refresh token ends its access tokens too.
pub(super) fn revoke(org: &mut Org, form: &Form) -> Answer {
    match form.get("token") {
        Some(token) if org.access.revoke(token) => Answer::empty(200),
        Some(_) => refuse("invalid_token", "invalid token"),
        None => refuse("unsupported_token_type", "this token type is not supported"),
    }
}
