//! The browser that a consent belongs to, known by a cookie of 256 random bits.
//!
//! The table keeps the cookie's hash. PKCE's verifier is kept nowhere: it is made of the cookie and the state, so that
//! it is there again when this very browser brings this very state back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::ticket::hash;
use super::{PATIENCE, Visit};
use crate::ports::random::{Random, token};

pub(super) struct Browser(SecretString);

impl Browser {
    pub(super) fn new(random: &dyn Random) -> Self {
        Self(token(random))
    }

    /// The browser of a visit, if it is the one whose cookie has this hash.
    pub(super) fn of(visit: &Visit, address: &str, known: &str) -> Option<Self> {
        let name = cookie_name(address);
        let given = visit.cookies.iter().filter_map(|cookie| cookie.split_once('='));
        let mut given = given.filter(|(given, _)| given.trim() == name).map(|(_, value)| value.trim());
        let is_known = |value: &&str| bool::from(hash(value).as_bytes().ct_eq(known.as_bytes()));
        given.find(is_known).map(|value| Self(SecretString::from(value)))
    }

    pub(super) fn hash(&self) -> String {
        hash(self.0.expose_secret())
    }

    /// For the whole `set-cookie` header. `Lax`: the provider's redirect brings it along, another site's form doesn't.
    pub(super) fn cookie(&self, address: &str) -> String {
        let secure = if is_secure(address) { "; Secure" } else { "" };
        let (name, value) = (cookie_name(address), self.0.expose_secret());
        format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", PATIENCE.as_secs())
    }

    /// 43 letters. <https://www.rfc-editor.org/rfc/rfc7636#section-4.1>
    pub(super) fn verifier(&self, state: &str) -> SecretString {
        let purpose = format!("code verifier of {state}");
        SecretString::from(URL_SAFE_NO_PAD.encode(self.key(purpose.as_bytes()).unwrap_or_default()))
    }

    /// 256 bits that only this browser's cookie gives, and others for another purpose. A cookie of any length will do, so
    /// that there always are some.
    pub(super) fn key(&self, purpose: &[u8]) -> Option<[u8; 32]> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        Some(mac.chain_update(purpose).finalize().into_bytes().into())
    }

    /// S256. <https://www.rfc-editor.org/rfc/rfc7636#section-4.2>
    pub(super) fn challenge(&self, state: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier(state).expose_secret()))
    }
}

/// A neighbour on the same domain can't set one that is named so; only `https` may.
/// <https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>
fn cookie_name(address: &str) -> &'static str {
    if is_secure(address) { "__Host-counterfoil-connect" } else { "counterfoil-connect" }
}

fn is_secure(address: &str) -> bool {
    address.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SeededRandom;

    fn visit(cookies: &[String]) -> Visit {
        let (method, path, query) = ("GET".to_owned(), "/connect/xero/callback".to_owned(), String::new());
        Visit { method, path, query, cookies: cookies.to_vec(), body: Vec::new() }
    }

    #[test]
    fn a_browser_is_known_by_its_cookie_and_no_other_is() {
        for address in ["https://connect.example", "http://localhost:8080"] {
            let random = SeededRandom::new(1);
            let (one, other) = (Browser::new(&random), Browser::new(&random));
            let pair = |browser: &Browser| browser.cookie(address).split(';').next().unwrap().to_owned();
            let known = one.hash();
            assert!(Browser::of(&visit(&["a=b".to_owned(), pair(&one)]), address, &known).is_some());
            assert!(Browser::of(&visit(&[pair(&other)]), address, &known).is_none());
            assert!(Browser::of(&visit(&[]), address, &known).is_none());
        }
    }

    #[test]
    fn a_cookie_is_for_no_script_and_no_other_site_and_goes_in_clear_to_this_machine_only() {
        let browser = Browser::new(&SeededRandom::new(1));
        let outside = browser.cookie("https://connect.example");
        for word in ["__Host-", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/", "; Max-Age=600"] {
            assert!(outside.contains(word), "{outside}");
        }
        assert!(!browser.cookie("http://localhost:8080").contains("Secure"));
    }

    #[test]
    fn a_verifier_is_of_one_browser_and_one_state() {
        let random = SeededRandom::new(1);
        let (one, other) = (Browser::new(&random), Browser::new(&random));
        let verifier = |browser: &Browser, state| browser.verifier(state).expose_secret().to_owned();
        assert_eq!(verifier(&one, "s"), verifier(&one, "s"));
        assert_ne!(verifier(&one, "s"), verifier(&one, "t"));
        assert_ne!(verifier(&one, "s"), verifier(&other, "s"));
        assert_eq!((verifier(&one, "s").len(), one.challenge("s").len()), (43, 43));
    }
}
