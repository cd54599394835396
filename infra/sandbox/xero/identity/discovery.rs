//! The documents by which clients find out about the stand-in's identity, its key among them.
//!
//! <https://identity.xero.com/.well-known/openid-configuration>

use serde_json::{Value, json};

use super::scopes::{IDENTITY_SCOPES, SCOPES};

pub(super) const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
pub(super) const KEYS_PATH: &str = "/.well-known/openid-configuration/jwks";

/// At the vendor the consent page is on another host than the tokens.
pub(super) fn discovery(issuer: &str) -> Value {
    let login = if issuer == super::routes::ISSUER { "https://login.xero.com" } else { issuer };
    let scopes: Vec<&str> = IDENTITY_SCOPES.into_iter().chain(SCOPES).collect();
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{KEYS_PATH}"),
        "authorization_endpoint": format!("{login}/identity/connect/authorize"),
        "token_endpoint": format!("{issuer}/connect/token"),
        "revocation_endpoint": format!("{issuer}/connect/revocation"),
        "scopes_supported": scopes,
        "claims_supported": [
            "sub", "xero_userid", "preferred_username", "email", "name", "given_name", "family_name",
        ],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    })
}
