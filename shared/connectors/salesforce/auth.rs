//! How tokens are had: client credentials, or a JWT that is signed with a private key. No refresh tokens.
//!
//! The answer says nothing of how long a token lives (the org's session timeout decides, two hours by default, and
//! any use may lengthen it), so `expires_at` stays empty: a token is used until a 401 says that it is over, which
//! means *not applied* and costs one request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::limits::TIMEOUT;
use crate::domain::Value;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::Failure;
use crate::ports::connector::{GrantFault, Token};
use crate::ports::http::{HttpError, Method, Request, Response};

/// Salesforce takes no assertion that is valid for longer.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm>
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(3);

/// What stays as it is in a form or a query.
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `POST /services/oauth2/token` on the login host; client credentials need the org's My Domain.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm>
pub(super) fn token_request(
    connection: &Connection,
    secret: &SecretString,
    now: Timestamp,
) -> Result<Request, Failure> {
    let form = match connection.grant {
        GrantKind::ClientCredentials => vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", connection.client_id.clone()),
            ("client_secret", secret.expose_secret().trim().to_owned()),
        ],
        GrantKind::JwtBearer => vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
            ("assertion", assertion(connection, secret, now)?),
        ],
    };
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    Ok(Request {
        method: Method::Post,
        url: format!("{}/services/oauth2/token", connection.login_url.trim_end_matches('/')),
        headers: vec![
            ("accept".into(), "application/json".into()),
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
        ],
        body: body.join("&").into_bytes(),
        timeout: TIMEOUT,
    })
}

/// A JWT, RS256. Unlike most randomness here, `ring`'s is no argument: it only blinds the arithmetic, and the
/// signature is the same every time.
fn assertion(connection: &Connection, key: &SecretString, now: Timestamp) -> Result<String, Failure> {
    let username =
        connection.username.as_deref().filter(|name| !name.trim().is_empty()).ok_or_else(|| {
            Failure::new(
                "missing_username",
                "A JWT connection acts as a user: give `--username`, the Salesforce user name to act as.",
            )
        })?;
    let expires = now.checked_add(ASSERTION_LIFE).unwrap_or(now).as_second();
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let claims = json!({
        "iss": connection.client_id,
        "sub": username,
        "aud": connection.login_url.trim_end_matches('/'),
        "exp": expires,
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let key = read_key(key)?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Failure::new("not_signed", "The private key could not sign: is it a whole RSA key?"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// PEM: `BEGIN PRIVATE KEY` (PKCS#8) or `BEGIN RSA PRIVATE KEY` (PKCS#1).
fn read_key(pem: &SecretString) -> Result<RsaKeyPair, Failure> {
    let bad = |what: &str| {
        Failure::new(
            "bad_private_key",
            format!(
                "The private key {what}: give the RSA key (2048 bits or more, without a passphrase) as PEM, the one \
                 whose certificate is uploaded to the connected app."
            ),
        )
    };
    let key =
        PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| bad("is no PEM key"))?;
    match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(bad("is no RSA key")),
    }
    .map_err(|_| bad("is no RSA key that can be used"))
}

/// `{"access_token", "instance_url", "id", "token_type", "issued_at", …}`, and never `expires_in`.
pub(super) fn read_token(exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
    let response = exchange.map_err(|error| {
        GrantFault::Unavailable(Failure::new(
            "token_unavailable",
            format!("Salesforce gave no token: {error}"),
        ))
    })?;
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (response.status, text("access_token")) {
        (200, Some(access)) if !access.is_empty() => Ok(Token {
            access: SecretString::from(access.to_owned()),
            issued_at: now,
            expires_at: None,
            api_url: text("instance_url").map(|url| url.trim_end_matches('/').to_owned()),
        }),
        _ => Err(grant_fault(
            response.status,
            text("error").unwrap_or_default(),
            text("error_description").unwrap_or_default(),
        )),
    }
}

/// The table of the token endpoint's errors.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm>
fn grant_fault(status: u16, error: &str, description: &str) -> GrantFault {
    let failure = |code: &str, advice: &str| {
        let said = [error, description].join(" / ");
        let said = said.trim_matches([' ', '/']);
        let said = if said.is_empty() { format!("answered {status}") } else { format!("said: {said}") };
        Failure::new(code, format!("Salesforce gave no token, but {said}. {advice}"))
    };
    let dead = |advice| GrantFault::Dead(failure("grant_refused", advice));
    let ours = |advice| GrantFault::Misconfigured(failure("grant_misconfigured", advice));
    match (status, error) {
        (500.., _)
        | (_, "unknown_error" | "server_error" | "temporarily_unavailable" | "rate_limit_exceeded") => {
            GrantFault::Unavailable(failure("token_unavailable", "It is tried again."))
        }
        (_, "invalid_grant") if description.contains("hasn't approved") => dead(
            "In the app's policies, set *Permitted Users* to pre-authorised and give the user's profile or permission \
             set the app, then reconnect.",
        ),
        (_, "invalid_grant") if description.contains("audience") => {
            ours("Set the connection's login URL to the org's My Domain, or to login or test.salesforce.com.")
        }
        (_, "invalid_grant") => dead(
            "Check that the user is active and the app is still installed and allowed, then `counterfoil connection \
             reconnect`.",
        ),
        (_, "inactive_user" | "inactive_org") => dead("Activate it in Salesforce, then reconnect."),
        (_, "invalid_client_id" | "invalid_client") => {
            ours("Check the consumer key and secret (or the private key) of the connection.")
        }
        (_, "unsupported_grant_type") => ours(
            "Enable this flow in the app's OAuth settings; client credentials also need the My Domain as login URL.",
        ),
        (_, "redirect_uri_mismatch") => ours("Register the callback URL exactly as it is used."),
        (_, "OAUTH_APP_BLOCKED" | "oauth_app_blocked" | "app_not_installed") => {
            ours("An administrator of the org must install or approve the app.")
        }
        (_, "") => GrantFault::Unavailable(failure(
            "token_unavailable",
            "It is tried again; if it stays, check the connection's login URL.",
        )),
        _ => ours("Check the app's OAuth settings and the connection's."),
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::connectors::salesforce::fake::connection;

    // Made for these tests; nothing trusts it.
    const PKCS8: &str = include_str!("fixtures/test_key_pkcs8.pem");
    const PKCS1: &str = include_str!("fixtures/test_key_pkcs1.pem");

    fn now() -> Timestamp {
        "2026-05-06T11:00:00Z".parse().unwrap()
    }

    fn form(request: &Request) -> String {
        String::from_utf8(request.body.clone()).unwrap()
    }

    fn jwt() -> Connection {
        Connection { grant: GrantKind::JwtBearer, username: Some("ada@acme.example".into()), ..connection() }
    }

    #[test]
    fn client_credentials_go_to_the_my_domain_as_a_form() {
        let request = token_request(&connection(), &SecretString::from("s3&cret="), now()).unwrap();
        assert_eq!(request.url, "https://acme.my.salesforce.com/services/oauth2/token");
        assert_eq!(
            form(&request),
            "grant_type=client_credentials&client_id=3MVG9&client_secret=s3%26cret%3D"
        );
    }

    #[test]
    fn a_jwt_says_who_acts_for_whom_for_three_minutes_and_is_signed() {
        for pem in [PKCS8, PKCS1] {
            let secret = SecretString::from(pem);
            let request = token_request(&jwt(), &secret, now()).unwrap();
            let form = form(&request);
            let assertion = form.split("assertion=").nth(1).unwrap();
            let (signed, signature) = assertion.rsplit_once('.').unwrap();
            let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(
                claims,
                json!({"iss": "3MVG9", "sub": "ada@acme.example", "aud": "https://acme.my.salesforce.com",
                    "exp": now().as_second() + 180})
            );
            let key = read_key(&secret).unwrap();
            let public =
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
            public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_repeating_it() {
        let cut = &PKCS8[..PKCS8.len() / 2];
        for pem in ["", "s3cret", cut] {
            let failure = token_request(&jwt(), &SecretString::from(pem), now()).unwrap_err();
            assert_eq!(failure.code, "bad_private_key");
            assert!(pem.is_empty() || !failure.message.contains(pem));
        }
        let nobody = Connection { username: None, ..jwt() };
        let failure = token_request(&nobody, &SecretString::from(PKCS8), now()).unwrap_err();
        assert_eq!(failure.code, "missing_username");
    }

    #[test]
    fn a_token_has_no_end_and_says_where_calls_go() {
        let body = r#"{"access_token":"00D!AQ","signature":"x","scope":"api","instance_url":"https://acme--dev.sandbox.my.salesforce.com","id":"https://login.salesforce.com/id/00D/005","token_type":"Bearer","issued_at":"1778067091000"}"#;
        let response = Response { status: 200, headers: Vec::new(), body: body.into() };
        let token = read_token(Ok(response), now()).unwrap();
        assert_eq!(token.access.expose_secret(), "00D!AQ");
        assert_eq!(token.api_url.as_deref(), Some("https://acme--dev.sandbox.my.salesforce.com"));
        assert_eq!((token.expires_at, token.issued_at), (None, now()));
    }

    #[test]
    fn every_row_of_the_token_errors_says_whose_fault_it_is() {
        let rows = [
            (400, "invalid_grant", "expired access/refresh token", "dead"),
            (400, "invalid_grant", "authentication failure", "dead"),
            (400, "invalid_grant", "expired authorization code", "dead"),
            (400, "invalid_grant", "user hasn't approved this consumer", "dead"),
            (400, "invalid_grant", "audience is invalid", "ours"),
            (400, "invalid_client_id", "client identifier invalid", "ours"),
            (400, "invalid_client", "invalid client credentials", "ours"),
            (400, "redirect_uri_mismatch", "redirect_uri must match configuration", "ours"),
            (400, "unsupported_grant_type", "grant type not supported", "ours"),
            (400, "inactive_user", "user is inactive", "dead"),
            (400, "inactive_org", "organization is inactive", "dead"),
            (400, "rate_limit_exceeded", "too many logins", "later"),
            (400, "unknown_error", "retry your request", "later"),
            (400, "OAUTH_APP_BLOCKED", "this app is blocked by admin", "ours"),
            (400, "something_new", "", "ours"),
            (500, "", "", "later"),
            (503, "invalid_grant", "", "later"),
            (404, "", "", "later"),
        ];
        for (status, error, description, whose) in rows {
            let body = json!({"error": error, "error_description": description}).to_string();
            let response = Response { status, headers: Vec::new(), body: body.into() };
            let got = match read_token(Ok(response), now()).unwrap_err() {
                GrantFault::Dead(_) => "dead",
                GrantFault::Misconfigured(_) => "ours",
                GrantFault::Unavailable(_) => "later",
            };
            assert_eq!(got, whose, "{status} {error} {description}");
        }
    }

    #[test]
    fn no_useful_answer_leaves_the_grant_alone() {
        let page = Response { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
        for exchange in
            [Ok(page), Err(HttpError::NoAnswer("reset".into())), Err(HttpError::NotSent("dns".into()))]
        {
            assert!(matches!(read_token(exchange, now()), Err(GrantFault::Unavailable(_))));
        }
    }
}
