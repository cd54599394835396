//! Who I am: userinfo, the identity URL, and where everything is.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_using_userinfo_endpoint.htm
//! A bad token is 403 with plain text here, not the 401 of the data API.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::answer::Answer;
use super::super::asked::Asked;
use super::super::org::Org;
use super::super::store::Record;
use super::identity_url;

pub(super) fn userinfo(org: &Org, asked: &Asked<'_>) -> Answer {
    let user = match user(org, asked) {
        Ok(user) => user,
        Err(refusal) => return refusal,
    };
    let language = user.get("LanguageLocaleKey");
    Answer::ok(json!({
        "sub": identity_url(org, asked, &user.id), "user_id": user.id, "organization_id": org.organization,
        "preferred_username": user.get("Username"), "nickname": user.get("Alias"), "name": user.get("Name"),
        "email": user.get("Email"), "email_verified": true, "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"), "zoneinfo": user.get("TimeZoneSidKey"), "urls": urls(org, asked),
        "active": user.get("IsActive"), "user_type": "STANDARD", "language": language,
        "locale": user.get("LocaleSidKey"), "utcOffset": 0, "updated_at": user.get("LastModifiedDate"),
    }))
}

/// `GET /id/{organization}/{user}`: what the `id` of a token points to.
pub(super) fn identity(org: &Org, asked: &Asked<'_>) -> Answer {
    let asked_for: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    let user = match user(org, asked) {
        Ok(user) => user,
        Err(refusal) => return refusal,
    };
    match asked_for.as_slice() {
        ["id", organization, _] if *organization != org.organization => denied("Wrong_Org"),
        ["id", _, wanted] if *wanted == user.id => Answer::ok(json!({
            "id": identity_url(org, asked, &user.id), "asserted_user": true, "user_id": user.id,
            "organization_id": org.organization, "username": user.get("Username"),
            "nick_name": user.get("Alias"), "display_name": user.get("Name"), "email": user.get("Email"),
            "email_verified": true, "first_name": user.get("FirstName"), "last_name": user.get("LastName"),
            "timezone": user.get("TimeZoneSidKey"), "photos": {}, "addr_street": null, "addr_city": null,
            "addr_state": null, "addr_country": null, "addr_zip": null, "mobile_phone": null,
            "mobile_phone_verified": false, "is_lightning_login_user": false,
            "status": { "created_date": null, "body": null }, "urls": urls(org, asked),
            "active": user.get("IsActive"), "user_type": "STANDARD", "language": user.get("LanguageLocaleKey"),
            "locale": user.get("LocaleSidKey"), "utcOffset": 0,
            "last_modified_date": user.get("LastModifiedDate"), "is_app_installed": true,
        })),
        _ => denied("Bad_Id"),
    }
}

/// `GET /.well-known/openid-configuration`
pub(super) fn discovery(org: &Org, asked: &Asked<'_>) -> Answer {
    let base = org.instance_url(asked);
    let at = |path: &str| format!("{base}{path}");
    Answer::ok(json!({
        "issuer": base, "authorization_endpoint": at("/services/oauth2/authorize"),
        "token_endpoint": at("/services/oauth2/token"), "revocation_endpoint": at("/services/oauth2/revoke"),
        "jwks_uri": at("/id/keys"), "userinfo_endpoint": at("/services/oauth2/userinfo"),
        "introspection_endpoint": at("/services/oauth2/introspect"),
        "scopes_supported": ["api", "refresh_token", "offline_access", "id", "profile", "openid", "full"],
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "display_values_supported": ["page", "popup", "touch"],
        "claims_supported": ["active", "email", "family_name", "given_name", "name", "nickname",
            "organization_id", "preferred_username", "sub", "updated_at", "user_id", "zoneinfo"],
    }))
}

/// The user of the token, in the header or as `oauth_token`.
fn user(org: &Org, asked: &Asked<'_>) -> Result<Arc<Record>, Answer> {
    let given = ["oauth_token", "access_token"].iter().find_map(|name| asked.parameter(name));
    let header = given.map(|token| format!("Bearer {token}"));
    let header = header.as_deref().or_else(|| asked.header("authorization"));
    let header = header.ok_or_else(|| denied("Missing_OAuth_Token"))?;
    let writer = org.authorize(Some(header)).map_err(|_| denied("Bad_OAuth_Token"))?;
    org.store.table("User").get(&writer.user).cloned().ok_or_else(|| denied("Bad_OAuth_Token"))
}

fn denied(word: &str) -> Answer {
    Answer::text(403, "text/html;charset=UTF-8", word)
}

fn urls(org: &Org, asked: &Asked<'_>) -> Value {
    let base = org.instance_url(asked);
    let mut urls = Map::new();
    for (name, path) in [
        ("enterprise", format!("/services/Soap/c/{{version}}/{}", org.organization)),
        ("partner", format!("/services/Soap/u/{{version}}/{}", org.organization)),
        ("rest", "/services/data/v{version}/".into()),
        ("sobjects", "/services/data/v{version}/sobjects/".into()),
        ("search", "/services/data/v{version}/search/".into()),
        ("query", "/services/data/v{version}/query/".into()),
        ("recent", "/services/data/v{version}/recent/".into()),
        ("feed_elements", "/services/data/v{version}/chatter/feed-elements".into()),
    ] {
        urls.insert(name.into(), format!("{base}{path}").into());
    }
    Value::Object(urls)
}
