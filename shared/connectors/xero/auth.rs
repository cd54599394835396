//! How a custom connection and a person's consent get their tokens, and how a call carries one.
//!
//! Only `invalid_grant` means that a person must connect again; a wrong id, secret or scope is ours to mend,
//! and an identity server that doesn't answer changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::limits::limits;
use crate::domain::Value;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::Failure;
use crate::ports::connector::{Call, GrantFault, RefreshRules, Token, TokenAsk};
use crate::ports::http::{HttpError, Method, Request, Response};

/// Unused for 60 days, a refresh token ends; used, it is good for 30 minutes more.
/// <https://developer.xero.com/faq/oauth2>
pub(super) const REFRESH: RefreshRules = RefreshRules {
    unused_life: SignedDuration::from_hours(60 * 24),
    grace: Some(SignedDuration::from_mins(30)),
};

/// The header that names the organisation.
pub(super) const TENANT: &str = "xero-tenant-id";

/// An app with a secret proves itself by HTTP Basic; one without (a PKCE app) only says who it is.
/// <https://developer.xero.com/documentation/guides/oauth2/auth-flow>
/// <https://developer.xero.com/documentation/guides/oauth2/pkce-flow>
/// <https://developer.xero.com/documentation/guides/oauth2/custom-connections/>
pub(super) fn token_request(
    connection: &Connection,
    ask: &TokenAsk<'_>,
    secret: Option<&SecretString>,
) -> Result<Request, Failure> {
    let scopes = connection.scopes.join(" ");
    let form = match ask {
        TokenAsk::Machine if connection.grant == GrantKind::ClientCredentials && secret.is_some() => {
            vec![("grant_type", "client_credentials"), ("scope", scopes.as_str())]
        }
        TokenAsk::Machine => {
            return Err(Failure::new(
                "grant_not_supported",
                "a machine's Xero connection is made with a custom connection's client id and secret: add the connection again with those",
            ));
        }
        TokenAsk::Code { code, redirect_uri, verifier } => vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ],
        TokenAsk::Refresh(refresh) => {
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())]
        }
    };
    Ok(to_identity(connection, "/connect/token", form, secret))
}

/// Ends all that this person let the app do. A custom connection's token ends within half an hour, and the custom
/// connection itself in Xero only.
/// <https://developer.xero.com/documentation/guides/oauth2/auth-flow>
pub(super) fn revoke(
    connection: &Connection,
    token: &SecretString,
    secret: Option<&SecretString>,
) -> Option<Request> {
    let consented = connection.grant == GrantKind::AuthorizationCode;
    let form = vec![("token", token.expose_secret())];
    consented.then(|| to_identity(connection, "/connect/revocation", form, secret))
}

/// Ends one organisation of a consent. A custom connection is ended in Xero only.
/// <https://developer.xero.com/documentation/guides/oauth2/tenants>
pub(super) fn disconnect(connection: &Connection) -> Option<Call> {
    let id = connection.remote_id.as_deref()?;
    Some(Call { method: Method::Delete, ..Call::get(format!("/connections/{id}")) })
}

fn to_identity<'a>(
    connection: &'a Connection,
    path: &str,
    mut form: Vec<(&str, &'a str)>,
    secret: Option<&SecretString>,
) -> Request {
    let mut headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    match secret {
        Some(secret) => {
            let credentials = STANDARD.encode(format!("{}:{}", connection.client_id, secret.expose_secret()));
            headers.push(("authorization".to_owned(), format!("Basic {credentials}")));
        }
        None => form.push(("client_id", &connection.client_id)),
    }
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    Request {
        method: Method::Post,
        url: format!("{}{path}", connection.login_url.trim_end_matches('/')),
        headers,
        body: body.join("&").into_bytes(),
        timeout: limits(connection).timeout,
    }
}

pub(super) fn read_token(exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
    let response = exchange.map_err(|error| match error {
        HttpError::NotSent(_) => unavailable(&error.to_string()),
        HttpError::NoAnswer(_) => lost(&error.to_string()),
    })?;
    // The body holds the token, so that nothing of it may reach a message but the error's own name.
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match response.status {
        200 => token(&body, now).ok_or_else(|| lost("its answer holds no token")),
        400 | 401 => Err(refused(body["error"].as_str().unwrap_or_default(), response.status)),
        // Whoever stands between heard nothing in time, or nothing of use: what it asked may have been done all the same.
        status @ (500..=502 | 504..) if body["error"].is_null() => Err(lost(&format!("HTTP {status}"))),
        status => Err(unavailable(&format!("HTTP {status}"))),
    }
}

fn token(body: &Value, now: Timestamp) -> Option<Token> {
    let access = body["access_token"].as_str().filter(|token| !token.is_empty())?;
    let lives = body["expires_in"].as_i64().map(SignedDuration::from_secs);
    Some(Token {
        access: SecretString::from(access.to_owned()),
        refresh: body["refresh_token"].as_str().filter(|token| !token.is_empty()).map(SecretString::from),
        scopes: body["scope"]
            .as_str()
            .into_iter()
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect(),
        user: claims(access).and_then(|claims| claims["xero_userid"].as_str().map(str::to_owned)),
        org: None,
        issued_at: now,
        expires_at: lives.and_then(|lives| now.checked_add(lives).ok()),
        api_url: None,
    })
}

/// What an access token says. It comes straight from Xero's token endpoint, so that its signature says nothing more.
/// <https://developer.xero.com/documentation/guides/oauth2/token-types>
pub(super) fn claims(access: &str) -> Option<Value> {
    let payload = access.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// <https://developer.xero.com/documentation/oauth2/troubleshooting>
fn refused(error: &str, status: u16) -> GrantFault {
    let (code, advice) = match error {
        "invalid_grant" => {
            return GrantFault::Dead(Failure::new(
                "invalid_grant",
                "Xero no longer takes this connection's grant: connect the organisation again",
            ));
        }
        "invalid_client" => {
            ("invalid_client", "the client id or secret is wrong: copy both again from the app's page")
        }
        "unsupported_grant_type" => {
            ("unsupported_grant_type", "the app is no custom connection: make one, or use its id")
        }
        "invalid_scope" => (
            "invalid_scope",
            "a scope is asked for that the app doesn't have: tick it in the app, or leave it out here",
        ),
        "unauthorized_client" => (
            "unauthorized_client",
            "the app may not use this grant: check that it is a custom connection and authorised",
        ),
        "invalid_request" => {
            ("invalid_request", "the token request lacks something: check that the client id isn't empty")
        }
        _ => return unavailable(&format!("HTTP {status} without a known error")),
    };
    GrantFault::Misconfigured(Failure::new(code, format!("Xero gives no token: {advice}")))
}

fn unavailable(why: &str) -> GrantFault {
    GrantFault::Unavailable(no_answer(why))
}

fn lost(why: &str) -> GrantFault {
    GrantFault::Lost(no_answer(why))
}

fn no_answer(why: &str) -> Failure {
    Failure::new("identity_unavailable", format!("Xero's identity server gave no useful answer: {why}"))
}

/// Without `Accept`, Xero answers in XML; without the tenant, with 403.
/// <https://developer.xero.com/documentation/api/accounting/requests-and-responses>
pub(super) fn authorise(connection: &Connection, token: &Token, call: &Call, key: Option<&str>) -> Request {
    let mut headers = vec![
        ("authorization".to_owned(), format!("Bearer {}", token.access.expose_secret())),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    headers.extend(call.headers.iter().cloned());
    let names_tenant = call.headers.iter().any(|(name, _)| name == TENANT);
    if !names_tenant && !connection.account.is_empty() {
        headers.push((TENANT.to_owned(), connection.account.clone()));
    }
    if call.body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    // An empty key breaks calls, and Xero ignores keys on reads.
    if let Some(key) = key.filter(|key| !key.is_empty() && call.method != Method::Get) {
        headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    Request {
        method: call.method,
        url: url(&connection.api_url, call),
        headers,
        body: call.body.clone().unwrap_or_default().into_bytes(),
        timeout: limits(connection).timeout,
    }
}

fn url(base: &str, call: &Call) -> String {
    let query: Vec<_> =
        call.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{}{mark}{}", base.trim_end_matches('/'), call.path, query.join("&"))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::xero::testing;

    fn asked(ask: &TokenAsk<'_>, secret: Option<&str>) -> Result<Request, Failure> {
        token_request(&testing::connection(), ask, secret.map(SecretString::from).as_ref())
    }

    fn form(request: &Request) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    fn basic(request: &Request) -> Option<String> {
        let header = request.headers.iter().find(|(name, _)| name == "authorization");
        header.map(|(_, value)| value.clone())
    }

    fn answer(status: u16, body: &str) -> Result<Response, HttpError> {
        Ok(Response { status, headers: vec![], body: body.as_bytes().to_vec() })
    }

    fn now() -> Timestamp {
        "2026-09-14T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_custom_connection_asks_with_its_id_and_secret_and_scopes() {
        let request = asked(&TokenAsk::Machine, Some("shh")).unwrap();
        assert_eq!(request.url, "https://identity.xero.com/connect/token");
        assert_eq!(basic(&request), Some(format!("Basic {}", STANDARD.encode("client:shh"))));
        assert_eq!(
            form(&request),
            "grant_type=client_credentials&scope=accounting.invoices%20accounting.contacts%20accounting.settings"
        );
        assert_eq!(asked(&TokenAsk::Machine, None).unwrap_err().code, "grant_not_supported");
    }

    #[test]
    fn a_code_and_a_refresh_token_are_redeemed_with_the_secret_or_else_with_the_client_id() {
        let [code, verifier, refresh] = ["c+d/e=", "v~1", "r&s"].map(SecretString::from);
        let code =
            TokenAsk::Code { code: &code, redirect_uri: "http://localhost:8080/a?b", verifier: &verifier };
        let refresh = TokenAsk::Refresh(&refresh);
        let code_form = "grant_type=authorization_code&code=c%2Bd%2Fe%3D\
            &redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fa%3Fb&code_verifier=v~1";
        let refresh_form = "grant_type=refresh_token&refresh_token=r%26s";
        for (ask, expected) in [(&code, code_form), (&refresh, refresh_form)] {
            let with_secret = asked(ask, Some("shh")).unwrap();
            assert_eq!(form(&with_secret), expected);
            assert!(basic(&with_secret).is_some());
            let without = asked(ask, None).unwrap();
            assert_eq!(form(&without), format!("{expected}&client_id=client"));
            assert_eq!(basic(&without), None);
        }
    }

    #[test]
    fn a_consent_is_ended_as_a_whole_and_a_connection_by_its_own_id() {
        let [refresh, secret] = ["r&s", "shh"].map(SecretString::from);
        let person = Connection { grant: GrantKind::AuthorizationCode, ..testing::connection() };
        let request = revoke(&person, &refresh, Some(&secret)).unwrap();
        assert!(revoke(&testing::connection(), &refresh, Some(&secret)).is_none(), "nobody consented");
        assert_eq!(request.url, "https://identity.xero.com/connect/revocation");
        assert_eq!(form(&request), "token=r%26s");
        assert!(basic(&request).is_some());
        assert_eq!(disconnect(&testing::connection()), None, "a custom connection has none");
        let consented = Connection { remote_id: Some("c-1".into()), ..testing::connection() };
        let call = disconnect(&consented).unwrap();
        assert_eq!((call.method, call.path.as_str()), (Method::Delete, "/connections/c-1"));
    }

    #[test]
    fn a_consents_answer_brings_the_next_refresh_token_and_says_what_it_allows() {
        let body = r#"{"access_token":"a","expires_in":1800,"refresh_token":"next","scope":"offline_access accounting.contacts"}"#;
        let token = read_token(answer(200, body), now()).unwrap();
        assert_eq!(token.refresh.unwrap().expose_secret(), "next");
        assert_eq!(token.scopes, ["offline_access", "accounting.contacts"]);
    }

    #[test]
    fn a_token_ends_when_xero_says() {
        let token = read_token(answer(200, r#"{"access_token":"a","expires_in":1800}"#), now()).unwrap();
        assert_eq!(token.expires_at, Some("2026-09-14T09:30:00Z".parse().unwrap()));
    }

    #[test]
    fn only_invalid_grant_is_the_death_of_a_connection() {
        let fault = |status, body: &str| read_token(answer(status, body), now()).unwrap_err();
        assert!(matches!(fault(400, r#"{"error":"invalid_grant"}"#), GrantFault::Dead(_)));
        for error in [
            "invalid_client",
            "unsupported_grant_type",
            "invalid_scope",
            "unauthorized_client",
            "invalid_request",
        ] {
            let GrantFault::Misconfigured(failure) = fault(400, &format!(r#"{{"error":"{error}"}}"#)) else {
                panic!("{error} is our own mistake");
            };
            assert_eq!(failure.code, error);
        }
        let named = r#"{"error":"server_error"}"#;
        for (status, body) in [(429, ""), (503, "<html>"), (400, "nonsense"), (500, named)] {
            assert!(matches!(fault(status, body), GrantFault::Unavailable(_)), "{status} {body}");
        }
        let not_sent = read_token(Err(HttpError::NotSent("refused".into())), now());
        assert!(matches!(not_sent, Err(GrantFault::Unavailable(_))));
    }

    #[test]
    fn an_answer_that_is_lost_or_torn_may_have_spent_the_refresh_token() {
        let no_answer = read_token(Err(HttpError::NoAnswer("reset".into())), now());
        assert!(matches!(no_answer, Err(GrantFault::Lost(_))));
        for body in ["", "<html>", "{}", r#"{"access_token":"a","refr"#] {
            assert!(matches!(read_token(answer(200, body), now()), Err(GrantFault::Lost(_))), "{body}");
        }
        for (status, body) in [(500, ""), (502, "<html>"), (504, "")] {
            assert!(matches!(read_token(answer(status, body), now()), Err(GrantFault::Lost(_))), "{status}");
        }
    }

    #[test]
    fn a_call_names_its_tenant_asks_for_json_and_carries_a_key_only_where_it_writes() {
        let token = Token {
            access: SecretString::from("t".to_owned()),
            refresh: None,
            scopes: Vec::new(),
            issued_at: now(),
            expires_at: None,
            api_url: None,
            user: None,
            org: None,
        };
        let read = Call::get("/api.xro/2.0/Contacts").with_query("where", "Name==\"A & B\"");
        let request = authorise(&testing::connection(), &token, &read, Some("key"));
        assert_eq!(
            request.url,
            "https://api.xero.com/api.xro/2.0/Contacts?where=Name%3D%3D%22A%20%26%20B%22"
        );
        let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(header("authorization"), Some("Bearer t"));
        assert_eq!(header("accept"), Some("application/json"));
        assert_eq!(header(TENANT), Some("tenant-1"));
        assert_eq!(header("idempotency-key"), None);
        let write =
            Call { method: Method::Put, body: Some("{}".into()), ..Call::get("/api.xro/2.0/Invoices") };
        let request = authorise(&testing::connection(), &token, &write, Some("key"));
        assert!(request.headers.contains(&("idempotency-key".into(), "key".into())));
        assert!(request.headers.contains(&("content-type".into(), "application/json".into())));
    }
}
