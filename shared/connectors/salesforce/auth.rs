//! How tokens are had: client credentials, a JWT that is signed with a private key, or a person's consent.
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
use crate::domain::record_id::RecordId;
use crate::ports::connector::{GrantFault, RefreshRules, Token, TokenAsk};
use crate::ports::http::{HttpError, Method, Request, Response};

/// Salesforce takes no assertion that is valid for longer.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm>
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(3);

/// Apps that more than one org uses have refresh tokens that end after 30 days without use, and that may be taken only
/// once: sent a second time, one ends the newest as well.
/// <https://help.salesforce.com/s/articleView?id=xcloud.connected_app_limit_idle_ttl.htm>
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_refresh_token_flow.htm>
pub(super) const REFRESH: RefreshRules =
    RefreshRules { unused_life: SignedDuration::from_hours(30 * 24), grace: None };

/// What stays as it is in a form or a query.
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `POST /services/oauth2/token` on the login host; client credentials need the org's My Domain. An app that has a
/// secret sends it beside the verifier; one that has none must not.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm>
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm>
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_refresh_token_flow.htm>
pub(super) fn token_request(
    connection: &Connection,
    ask: &TokenAsk<'_>,
    secret: Option<&SecretString>,
    now: Timestamp,
) -> Result<Request, Failure> {
    let text = |secret: &SecretString| secret.expose_secret().to_owned();
    let mut form = match ask {
        TokenAsk::Machine => match (connection.grant, secret) {
            (GrantKind::JwtBearer, Some(key)) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
                ("assertion", assertion(connection, key, now)?),
            ],
            (GrantKind::ClientCredentials, Some(_)) => {
                vec![("grant_type", "client_credentials".to_owned())]
            }
            _ => {
                return Err(Failure::new(
                    "grant_not_supported",
                    "Without a person's consent a token is had with a secret or a private key: add the connection again \
                     with one.",
                ));
            }
        },
        TokenAsk::Code { code, .. } => {
            vec![("grant_type", "authorization_code".to_owned()), ("code", text(code))]
        }
        TokenAsk::Refresh(refresh) => {
            vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", text(refresh))]
        }
    };
    if connection.grant != GrantKind::JwtBearer {
        form.push(("client_id", connection.client_id.clone()));
        form.extend(secret.map(|secret| ("client_secret", text(secret).trim().to_owned())));
    }
    if let TokenAsk::Code { redirect_uri, verifier, .. } = ask {
        form.push(("redirect_uri", (*redirect_uri).to_owned()));
        form.push(("code_verifier", text(verifier)));
    }
    Ok(post(connection, "token", &form))
}

/// Ends the consent and the access tokens that came of it; or the one access token of a machine.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_revoke_token.htm>
pub(super) fn revoke(connection: &Connection, token: &SecretString) -> Request {
    post(connection, "revoke", &[("token", token.expose_secret().to_owned())])
}

fn post(connection: &Connection, endpoint: &str, form: &[(&str, String)]) -> Request {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    Request {
        method: Method::Post,
        url: format!("{}/services/oauth2/{endpoint}", connection.login_url.trim_end_matches('/')),
        headers: vec![
            ("accept".into(), "application/json".into()),
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
        ],
        body: body.join("&").into_bytes(),
        timeout: TIMEOUT,
    }
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

/// `{"access_token", "refresh_token", "instance_url", "id", "token_type", "issued_at", …}`, and never `expires_in`. A
/// refresh is answered with a refresh token only where they rotate.
pub(super) fn read_token(exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
    let response = exchange.map_err(|error| {
        let failure = Failure::new("token_unavailable", format!("Salesforce gave no token: {error}"));
        match error {
            HttpError::NotSent(_) => GrantFault::Unavailable(failure),
            HttpError::NoAnswer(_) => GrantFault::Lost(failure),
        }
    })?;
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (response.status, text("access_token")) {
        (200, Some(access)) if !access.is_empty() => Ok(Token {
            access: SecretString::from(access.to_owned()),
            refresh: text("refresh_token").filter(|token| !token.is_empty()).map(SecretString::from),
            scopes: text("scope").into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect(),
            user: text("id").and_then(|url| identity(url, 0)),
            org: text("id").and_then(|url| identity(url, 1)),
            issued_at: now,
            expires_at: None,
            api_url: text("instance_url").map(|url| url.trim_end_matches('/').to_owned()),
        }),
        (200, _) => Err(GrantFault::Lost(Failure::new(
            "token_unavailable",
            "Salesforce gave an answer without a token; check the connection's login URL.",
        ))),
        _ => Err(grant_fault(
            response.status,
            text("error").unwrap_or_default(),
            text("error_description").unwrap_or_default(),
        )),
    }
}

/// An id of `https://login.salesforce.com/id/ORGANISATION/USER`, counted from its end.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_using_openid.htm>
fn identity(url: &str, from_the_end: usize) -> Option<String> {
    let id = RecordId::salesforce(url.rsplit('/').nth(from_the_end)?)?;
    Some(id.as_str().to_owned())
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
        // Whoever stands between heard nothing in time, or nothing of use: what it asked may have been done all the same.
        (500..=502 | 504.., "") => {
            GrantFault::Lost(failure("token_unavailable", "Whether it was given isn't known."))
        }
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
        // Who asks twice at once is answered once; of the grant it says nothing.
        // https://help.salesforce.com/s/articleView?id=release-notes.rn_security_refresh_token_error.htm&release=252
        (_, "invalid_grant") if description.contains("already being processed") => {
            GrantFault::Overlapping(failure("token_unavailable", "It is tried again."))
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

    fn asked(connection: &Connection, ask: &TokenAsk<'_>, secret: Option<&str>) -> Result<Request, Failure> {
        token_request(connection, ask, secret.map(SecretString::from).as_ref(), now())
    }

    fn form(request: &Request) -> String {
        String::from_utf8(request.body.clone()).unwrap()
    }

    fn jwt() -> Connection {
        Connection { grant: GrantKind::JwtBearer, username: Some("ada@acme.example".into()), ..connection() }
    }

    #[test]
    fn client_credentials_go_to_the_my_domain_as_a_form() {
        let request = asked(&connection(), &TokenAsk::Machine, Some("s3&cret=")).unwrap();
        assert_eq!(request.url, "https://acme.my.salesforce.com/services/oauth2/token");
        assert_eq!(
            form(&request),
            "grant_type=client_credentials&client_id=3MVG9&client_secret=s3%26cret%3D"
        );
    }

    #[test]
    fn a_code_is_redeemed_with_secret_and_verifier_and_a_public_app_sends_no_secret() {
        let [code, verifier, refresh] = ["aPrx+/=", "v~1", "5Aep&"].map(SecretString::from);
        let code =
            TokenAsk::Code { code: &code, redirect_uri: "http://localhost:8080/a?b", verifier: &verifier };
        let refresh = TokenAsk::Refresh(&refresh);
        let person = Connection { grant: GrantKind::AuthorizationCode, ..connection() };
        let sent = |ask, secret| form(&asked(&person, ask, secret).unwrap());
        let proof = "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fa%3Fb&code_verifier=v~1";
        let begun = "grant_type=authorization_code&code=aPrx%2B%2F%3D&client_id=3MVG9";
        assert_eq!(sent(&code, Some("s3&cret=")), format!("{begun}&client_secret=s3%26cret%3D&{proof}"));
        assert_eq!(sent(&code, None), format!("{begun}&{proof}"));
        let again = "grant_type=refresh_token&refresh_token=5Aep%26&client_id=3MVG9";
        assert_eq!(sent(&refresh, Some("s3&cret=")), format!("{again}&client_secret=s3%26cret%3D"));
        assert_eq!(sent(&refresh, None), again);
        assert_eq!(asked(&person, &TokenAsk::Machine, Some("s")).unwrap_err().code, "grant_not_supported");
    }

    #[test]
    fn a_consent_is_ended_by_its_refresh_token() {
        let request = revoke(&connection(), &SecretString::from("5Aep&"));
        assert_eq!(request.url, "https://acme.my.salesforce.com/services/oauth2/revoke");
        assert_eq!(form(&request), "token=5Aep%26");
    }

    #[test]
    fn a_jwt_says_who_acts_for_whom_for_three_minutes_and_is_signed() {
        for pem in [PKCS8, PKCS1] {
            let secret = SecretString::from(pem);
            let request = asked(&jwt(), &TokenAsk::Machine, Some(pem)).unwrap();
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
            let failure = asked(&jwt(), &TokenAsk::Machine, Some(pem)).unwrap_err();
            assert_eq!(failure.code, "bad_private_key");
            assert!(pem.is_empty() || !failure.message.contains(pem));
        }
        let nobody = Connection { username: None, ..jwt() };
        let failure = asked(&nobody, &TokenAsk::Machine, Some(PKCS8)).unwrap_err();
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
        assert!(token.refresh.is_none(), "where they don't rotate, the one before stays good");
        assert_eq!(token.scopes, ["api"]);
        let rotated = r#"{"access_token":"00D!AQ","refresh_token":"5Aep","scope":"refresh_token api"}"#;
        let response = Response { status: 200, headers: Vec::new(), body: rotated.into() };
        assert_eq!(read_token(Ok(response), now()).unwrap().refresh.unwrap().expose_secret(), "5Aep");
    }

    #[test]
    fn a_user_of_a_sandbox_copy_has_the_same_id_in_another_org() {
        let token = |org: &str| {
            let id = format!("https://login.salesforce.com/id/{org}/005bm00000ABCDEAA4");
            let body = serde_json::json!({"access_token": "00D!AQ", "id": id}).to_string();
            read_token(Ok(Response { status: 200, headers: Vec::new(), body: body.into() }), now()).unwrap()
        };
        let (live, copy) = (token("00Dbm00000AAAAAEA4"), token("00Dbm00000BBBBBEAN"));
        assert!(live.user.is_some() && live.user == copy.user);
        assert!(live.org.is_some() && copy.org.is_some() && live.org != copy.org);
    }

    #[test]
    fn every_row_of_the_token_errors_says_whose_fault_it_is() {
        let rows = [
            (400, "invalid_grant", "expired access/refresh token", "dead"),
            (400, "invalid_grant", "authentication failure", "dead"),
            (400, "invalid_grant", "expired authorization code", "dead"),
            (400, "invalid_grant", "user hasn't approved this consumer", "dead"),
            (400, "invalid_grant", "token request is already being processed", "overlapping"),
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
            (500, "", "", "lost"),
            (502, "", "", "lost"),
            (504, "", "", "lost"),
            (500, "server_error", "", "later"),
            (502, "unknown_error", "retry your request", "later"),
            (503, "", "", "later"),
            (503, "invalid_grant", "", "later"),
            (429, "rate_limit_exceeded", "", "later"),
            (404, "", "", "later"),
        ];
        for (status, error, description, whose) in rows {
            let body = json!({"error": error, "error_description": description}).to_string();
            let response = Response { status, headers: Vec::new(), body: body.into() };
            let got = match read_token(Ok(response), now()).unwrap_err() {
                GrantFault::Dead(_) => "dead",
                GrantFault::Misconfigured(_) => "ours",
                GrantFault::Unavailable(_) => "later",
                GrantFault::Overlapping(_) => "overlapping",
                GrantFault::Lost(_) => "lost",
            };
            assert_eq!(got, whose, "{status} {error} {description}");
        }
    }

    #[test]
    fn no_useful_answer_leaves_the_grant_alone_and_may_have_spent_the_refresh_token() {
        let page = Response { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
        for exchange in [Ok(page), Err(HttpError::NoAnswer("reset".into()))] {
            assert!(matches!(read_token(exchange, now()), Err(GrantFault::Lost(_))));
        }
        let not_sent = read_token(Err(HttpError::NotSent("dns".into())), now());
        assert!(matches!(not_sent, Err(GrantFault::Unavailable(_))));
    }
}
