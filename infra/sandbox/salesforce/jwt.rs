//! JWT bearer assertions: their claims, and the RS256 signature.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

/// An assertion may end so many seconds from now at most.
const LONGEST: i64 = 3 * 60;
/// Clocks differ.
const LEEWAY: i64 = 5;

#[derive(Debug)]
pub(crate) struct Assertion {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    expires: i64,
    signed: String,
    signature: Vec<u8>,
}

impl Assertion {
    pub(crate) fn read(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let part = |text: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
        };
        if part(head)?.get("alg")?.as_str()? != "RS256" {
            return None;
        }
        let claims = part(claims)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            issuer: text("iss")?,
            subject: text("sub").or_else(|| text("prn"))?,
            audience: text("aud")?,
            expires: claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()))?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).ok()?,
        })
    }

    /// Not over, and not valid for longer than is allowed.
    pub(crate) fn in_time(&self, now: Timestamp) -> bool {
        let left = self.expires - now.as_second();
        left > -LEEWAY && left <= LONGEST + LEEWAY
    }

    pub(crate) fn signed_by(&self, key: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

/// The PKCS#1 key inside a PEM of a public key or a certificate.
pub(crate) fn public_key(pem: &str) -> Result<Vec<u8>, String> {
    /// rsaEncryption with its empty parameters, and the tag of the bit string that follows.
    const RSA: [u8; 16] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03];
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(body).map_err(|error| format!("the PEM is not base64: {error}"))?;
    if pem.contains("BEGIN RSA PUBLIC KEY") {
        return Ok(der);
    }
    let start =
        der.windows(RSA.len()).position(|window| window == RSA).ok_or("there is no RSA key in the PEM")?;
    let rest = &der[start + RSA.len()..];
    let header = match rest.first() {
        Some(length) if *length < 0x80 => 1,
        Some(length) => 1 + usize::from(length & 0x7f),
        None => return Err("the key is cut short".into()),
    };
    let length = match header {
        1 => usize::from(rest[0]),
        _ => rest
            .get(1..header)
            .ok_or("the key is cut short")?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    };
    // The first byte of the bit string counts unused bits.
    rest.get(header + 1..header + length).map(<[u8]>::to_vec).ok_or_else(|| "the key is cut short".into())
}
