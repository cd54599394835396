//! A person's consent: where it is asked for, and for which organisations it was given.
//!
//! Tokens are a user's, and open every organisation that the user ever connected; which ones this consent was about is
//! known by its event. <https://developer.xero.com/documentation/guides/oauth2/auth-flow>

use secrecy::ExposeSecret as _;

use super::auth::claims;
use super::identify::organisations;
use crate::domain::connection::Connection;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account, Identity, Token};

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
pub(super) async fn consented(token: &Token, account: &dyn Account) -> Result<Vec<Identity>, Fault> {
    let claims = claims(token.access.expose_secret());
    let event = claims.as_ref().and_then(|claims| claims["authentication_event_id"].as_str());
    let mut accounts = organisations(account, Some(event.ok_or_else(unreadable)?)).await?;
    let known = account.connection().account.as_str();
    if !known.is_empty() && accounts.iter().all(|one| one.account != known) {
        let all = organisations(account, None).await?;
        accounts.extend(all.into_iter().filter(|one| one.account == known));
    }
    Ok(accounts)
}

fn unreadable() -> Fault {
    Fault::Terminal(Failure::new("unreadable_token", "Xero's token doesn't say of which consent it is"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::connectors::xero::auth::read_token;
    use crate::connectors::xero::testing::{self, TestTable, organisation_account};
    use crate::domain::Value;

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
    async fn a_token_says_whose_it_is_and_a_consent_names_the_organisations_of_its_event() {
        let mut account = organisation_account(&Arc::new(TestTable::default()));
        account.connection.account = String::new();
        let token = token(&json!({"xero_userid": "u-1", "authentication_event_id": "e-1"}));
        assert_eq!(token.user.as_deref(), Some("u-1"));
        let accounts = consented(&token, &account).await.unwrap();
        assert_eq!(accounts.iter().map(|one| one.account.as_str()).collect::<Vec<_>>(), ["tenant-1"]);
        let asked = account.reads_of("/connections");
        assert_eq!(asked[0].query, [("authEventId".to_owned(), "e-1".to_owned())]);
    }

    #[tokio::test]
    async fn a_token_that_says_nothing_of_its_consent_is_refused() {
        let account = organisation_account(&Arc::new(TestTable::default()));
        let fault = consented(&token(&json!({"xero_userid": "u-1"})), &account).await.unwrap_err();
        assert_eq!(fault.failure().code, "unreadable_token");
    }
}
