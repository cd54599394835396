//! JSON Web Tokens, signed with a key of the stand-ins' own, and the document by which clients find the key.
//!
//! The key is in the sources: it opens nothing but stand-ins, and the same seed gives the same tokens.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| {
    RsaKeyPair::from_pkcs8(include_bytes!("signing_key.der")).expect("the key is a part of the program")
});

pub(crate) fn sign(claims: &Value) -> String {
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

pub(crate) fn keys() -> Value {
    let PublicKeyComponents { n, e } = public_key();
    json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(),
        "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
    }] })
}
