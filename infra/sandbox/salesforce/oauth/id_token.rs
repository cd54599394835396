//! The ID token that comes with an access token where `openid` was asked for: who logged in, signed.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_using_openid.htm

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::asked::Asked;
use super::super::org::Org;
use super::super::tokens::Grantee;
use super::identity_url;
use crate::signing;

/// It is good for so many seconds: long enough to be read once.
const SECONDS: i64 = 120;

/// None where `openid` is not among the scopes.
pub(super) fn id_token(org: &Org, asked: &Asked<'_>, grantee: &Grantee, session: &str) -> Option<String> {
    grantee.scope.split(' ').find(|scope| *scope == "openid")?;
    let user = org.store.table("User").get(&grantee.user)?;
    let now = org.now.as_second();
    let half = &Sha256::digest(session)[..16];
    let mut claims = json!({
        "iss": org.instance_url(asked), "sub": identity_url(org, asked, &grantee.user), "aud": grantee.client,
        "exp": now + SECONDS, "iat": now, "at_hash": URL_SAFE_NO_PAD.encode(half),
        "user_id": grantee.user, "organization_id": org.organization,
        "preferred_username": user.get("Username"), "name": user.get("Name"), "email": user.get("Email"),
    });
    if let Some(nonce) = &grantee.nonce {
        claims["nonce"] = nonce.clone().into();
    }
    Some(signing::sign(&claims))
}
