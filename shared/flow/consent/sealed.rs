//! Tokens that the vault doesn't take yet, sealed for the browser of the person who gave them: for ten minutes they wait
//! beside the ticket as the vault would keep them, and neither who reads the table nor another browser can open them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::super::refresh::Kept;
use super::browser::Browser;
use crate::ports::connector::Token;
use crate::ports::random::Random;

/// None: it can't be sealed, which no key or token is the reason of.
pub(super) fn seal(token: &Token, browser: &Browser, random: &dyn Random) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    random.bytes(&mut nonce);
    let mut text = serde_json::to_vec(&Kept::next(token, None, None)).ok()?;
    let key = key(browser)?;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?;
    Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
}

/// None: it is another browser's.
pub(super) fn open(sealed: &str, browser: &Browser) -> Option<Token> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
    let (nonce, mut text) = (Nonce::try_assume_unique_for_key(nonce).ok()?, text.to_vec());
    let plain = key(browser)?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    serde_json::from_slice::<Kept>(plain).ok()?.token()
}

fn key(browser: &Browser) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &browser.key(b"sealed tokens")?).ok()?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::ports::random::SeededRandom;

    #[test]
    fn only_the_browser_that_they_were_sealed_for_opens_tokens_and_only_as_they_were() {
        let random = SeededRandom::new(1);
        let (browser, other) = (Browser::new(&random), Browser::new(&random));
        let token = Token {
            access: SecretString::from("access"),
            refresh: Some(SecretString::from("refresh")),
            scopes: vec!["api".to_owned()],
            user: None,
            org: None,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            api_url: None,
        };
        let sealed = seal(&token, &browser, &random).unwrap();
        let opened = open(&sealed, &browser).unwrap();
        assert_eq!(opened.access.expose_secret(), "access");
        assert_eq!(opened.refresh.unwrap().expose_secret(), "refresh");
        assert!(open(&sealed, &other).is_none());
        let spoilt = format!("{}{}", if sealed.starts_with('A') { 'B' } else { 'A' }, &sealed[1..]);
        for wrong in [spoilt.as_str(), "", "AAAA", "!"] {
            assert!(open(wrong, &browser).is_none(), "{wrong}");
        }
    }
}
