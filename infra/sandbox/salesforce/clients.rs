//! The apps that may ask for tokens: their secrets, call-backs, scopes, and what an admin set for them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an app may ask for unless it is registered with less.
const SCOPES: [&str; 5] = ["refresh_token", "api", "id", "profile", "openid"];

/// An app that may ask for tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    pub id: String,
    pub secret: String,
    /// As the consent page calls it.
    pub name: String,
    /// Where a code may be sent, letter by letter; nowhere when none is registered.
    pub callbacks: Vec<String>,
    pub scopes: Vec<String>,
    /// Whom client credentials run as; the integration user when none is named.
    pub user: Option<String>,
    /// Gives a new refresh token at every use; an old one used again ends the grant.
    pub rotate: bool,
    /// A refresh token that nobody used for so long has ended.
    pub idle_seconds: Option<i64>,
    /// The web flow must bring a challenge.
    pub proof_key: bool,
    /// Lives on people's machines: it has no secret, and must not send one.
    pub public: bool,
    /// "Require Secret for Web Server Flow" is off: a code is redeemed without one.
    pub is_consumer_secret_optional: bool,
    /// "Require Secret for Refresh Token Flow", which is on unless somebody switched it off.
    pub is_secret_required_for_refresh_token: bool,
    /// An admin blocked it for the org.
    pub blocked: bool,
    /// Grant types that are switched off for it.
    pub flows_off: BTreeSet<String>,
    /// DER of the RSA key (PKCS#1) that its assertions are signed with; none are taken when none is registered.
    pub public_key: Option<Vec<u8>>,
    /// Users it isn't approved for: usernames.
    pub unapproved: BTreeSet<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new("", "")
    }
}

impl Client {
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            name: id.to_owned(),
            callbacks: Vec::new(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            user: None,
            rotate: false,
            idle_seconds: None,
            proof_key: false,
            public: false,
            is_consumer_secret_optional: false,
            is_secret_required_for_refresh_token: true,
            blocked: false,
            flows_off: BTreeSet::new(),
            public_key: None,
            unapproved: BTreeSet::new(),
        }
    }

    pub fn rotating(mut self) -> Self {
        self.rotate = true;
        self
    }

    /// A PEM with an RSA public key or a certificate.
    pub fn public_key_pem(mut self, pem: &str) -> Result<Self, String> {
        self.public_key = Some(super::jwt::public_key(pem)?);
        Ok(self)
    }

    /// As people write one; `public_key_pem` beside its fields.
    pub(crate) fn read(mut wanted: Value) -> Result<Self, String> {
        let pem = wanted.as_object_mut().and_then(|fields| fields.remove("public_key_pem"));
        let mut client: Self = serde_json::from_value(wanted).map_err(|error| error.to_string())?;
        if client.name.is_empty() {
            client.name.clone_from(&client.id);
        }
        match pem.as_ref().and_then(Value::as_str) {
            Some(pem) => client.public_key_pem(pem),
            None => Ok(client),
        }
    }

    pub(crate) fn takes_back_at(&self, url: &str) -> bool {
        self.callbacks.iter().any(|known| known == url)
    }

    /// The scopes of a request, in the order of the request; all of its own when it names none. The first
    /// one that it may not have is the error. `offline_access` is another name of `refresh_token`.
    pub(crate) fn scope(&self, wanted: &str) -> Result<String, String> {
        let mut scopes: Vec<&str> = Vec::new();
        for scope in wanted.split_whitespace() {
            let scope = if scope == "offline_access" { "refresh_token" } else { scope };
            if scope != "full" && !self.scopes.iter().any(|known| known == scope) {
                return Err(scope.to_owned());
            }
            scopes.push(scope);
        }
        if scopes.is_empty() {
            return Ok(self.scopes.join(" "));
        }
        Ok(scopes.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_read_as_people_write_it_and_a_misspelled_field_is_told() {
        let wanted = serde_json::json!({ "id": "a", "secret": "s", "rotate": true, "scopes": ["api"] });
        let client = Client::read(wanted).unwrap();
        assert_eq!((client.name.as_str(), client.rotate, client.scopes.len()), ("a", true, 1));
        assert!(
            Client::read(serde_json::json!({ "id": "a", "rotates": true })).unwrap_err().contains("rotates")
        );
        assert!(Client::read(serde_json::json!({ "id": "a", "public_key_pem": "x" })).is_err());
    }

    #[test]
    fn a_scope_is_asked_for_by_either_name_and_only_within_what_is_registered() {
        let client = Client { scopes: vec!["api".into(), "refresh_token".into()], ..Client::new("a", "s") };
        assert_eq!(client.scope("api offline_access"), Ok("api refresh_token".into()));
        assert_eq!(client.scope(""), Ok("api refresh_token".into()));
        assert_eq!(client.scope("api chatter_api"), Err("chatter_api".into()));
    }
}
