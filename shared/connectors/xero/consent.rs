//! A person's consent: where it is asked for, and for which organisations it was given.
//!
//! Tokens are a user's, and open every organisation that the user ever connected; which ones this consent was about is
//! known by its event. <https://developer.xero.com/documentation/guides/oauth2/auth-flow>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;

use super::identify::organisations;
use crate::domain::Value;
use crate::domain::connection::Connection;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account, Consented, Token};

/// Tokens come from one host, and people are asked on another.
const IDENTITY: &str = "https://identity.xero.com";
const LOGIN: &str = "https://login.xero.com";

pub(super) fn authorize_url(connection: &Connection) -> String {
    let host = match connection.login_url.as_str() {
        IDENTITY => LOGIN,
        elsewhere => elsewhere,
    };
    format!("{host}/identity/connect/authorize")
}

/// <https://identity.xero.com/.well-known/openid-configuration>
pub(super) fn is_issuer(connection: &Connection, issuer: &str) -> bool {
    issuer.trim_end_matches('/') == connection.login_url
}

/// An organisation that the connection had before needn't have been ticked again.
pub(super) async fn consented(token: &Token, account: &dyn Account) -> Result<Consented, Fault> {
    let claims = claims(token).ok_or_else(unreadable)?;
    let claim = |name: &str| claims[name].as_str().filter(|text| !text.is_empty());
    let user = claim("xero_userid").ok_or_else(unreadable)?;
    let event = claim("authentication_event_id").ok_or_else(unreadable)?;
    let mut accounts = organisations(account, Some(event)).await?;
    let known = account.connection().account.as_str();
    if !known.is_empty() && accounts.iter().all(|one| one.account != known) {
        let all = organisations(account, None).await?;
        accounts.extend(all.into_iter().filter(|one| one.account == known));
    }
    accounts.iter_mut().for_each(|one| user.clone_into(&mut one.own_user));
    Ok(Consented { user: user.to_owned(), accounts })
}

/// The token comes straight from Xero's token endpoint, so that its signature says nothing more.
/// <https://developer.xero.com/documentation/guides/oauth2/token-types>
fn claims(token: &Token) -> Option<Value> {
    let payload = token.access.expose_secret().split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn unreadable() -> Fault {
    Fault::Terminal(Failure::new("unreadable_token", "Xero's token doesn't say whose consent it is of"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::connectors::xero::auth::read_token;
    use crate::connectors::xero::testing::{self, TestTable, organisation_account};

    fn token(claims: &Value) -> Token {
        let access = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let answered = testing::answer(&json!({"access_token": access, "expires_in": 1800}));
        read_token(Ok(answered), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn people_are_asked_on_the_login_host_and_on_a_stand_ins_own() {
        let mut connection = testing::connection();
        assert_eq!(authorize_url(&connection), "https://login.xero.com/identity/connect/authorize");
        assert!(is_issuer(&connection, "https://identity.xero.com"));
        assert!(!is_issuer(&connection, "https://login.salesforce.com"));
        connection.login_url = "http://127.0.0.1:8092".to_owned();
        assert_eq!(authorize_url(&connection), "http://127.0.0.1:8092/identity/connect/authorize");
    }

    #[tokio::test]
    async fn a_consent_is_the_users_and_names_the_organisations_of_its_event() {
        let mut account = organisation_account(&Arc::new(TestTable::default()));
        account.connection.account = String::new();
        let token = token(&json!({"xero_userid": "u-1", "authentication_event_id": "e-1"}));
        let consented = consented(&token, &account).await.unwrap();
        assert_eq!(consented.user, "u-1");
        let [organisation] = consented.accounts.as_slice() else { panic!("{consented:?}") };
        assert_eq!((organisation.account.as_str(), organisation.own_user.as_str()), ("tenant-1", "u-1"));
        let asked = account.reads_of("/connections");
        assert_eq!(asked[0].query, [("authEventId".to_owned(), "e-1".to_owned())]);
    }

    #[tokio::test]
    async fn a_token_that_says_nothing_of_its_user_is_refused() {
        let account = organisation_account(&Arc::new(TestTable::default()));
        for claims in [json!({}), json!({"xero_userid": "u-1"}), json!({"authentication_event_id": "e-1"})] {
            let fault = consented(&token(&claims), &account).await.unwrap_err();
            assert_eq!(fault.failure().code, "unreadable_token");
        }
    }
}
