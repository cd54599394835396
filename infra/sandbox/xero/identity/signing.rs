//! JSON Web Tokens, signed with a key of the stand-in's own, and the documents by which clients find the key.
//!
//! The key is in the sources: it opens nothing but stand-ins, and the same seed gives the same tokens.
//! <https://identity.xero.com/.well-known/openid-configuration>

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::scopes::{IDENTITY_SCOPES, SCOPES};

pub(super) const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
pub(super) const KEYS_PATH: &str = "/.well-known/openid-configuration/jwks";

static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| {
    RsaKeyPair::from_pkcs8(include_bytes!("signing_key.der")).expect("the key is a part of the program")
});

pub(super) fn sign(claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": key_id(), "typ": "JWT" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; KEY.public().modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("a signature fits where its key's modulus does");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn public_key() -> PublicKeyComponents<Vec<u8>> {
    PublicKeyComponents::from(KEY.public())
}

fn key_id() -> String {
    let digest = Sha256::digest(public_key().n);
    digest.iter().take(20).map(|byte| format!("{byte:02X}")).collect()
}

pub(super) fn keys() -> Value {
    let PublicKeyComponents { n, e } = public_key();
    json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(),
        "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
    }] })
}

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
