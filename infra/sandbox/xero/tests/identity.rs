//! Tokens and connections. What a person does in a browser is in `consent.rs`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::{Client, Reply};
use crate::xero::{App, CLIENT_ID, CLIENT_SECRET, Tier};

pub(super) const CALLBACK: &str = "http://localhost:8080/callback";
const OFFLINE: [&str; 2] = ["accounting.contacts", "offline_access"];

pub(super) async fn token(client: &Client, form: &str) -> Reply {
    token_of(client, "web-app:web-secret", form).await
}

pub(super) async fn token_of(client: &Client, who: &str, form: &str) -> Reply {
    let basic = format!("Basic {}", STANDARD.encode(who));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    client.send("POST", "/connect/token", &[("authorization", &basic), kind], form).await
}

/// An app of a developer, as the portal has it.
pub(super) fn register_web_app(client: &Client) {
    client.xero().register_app(App::web("web-app", "web-secret", "Web", &[CALLBACK])).unwrap();
}

/// What a consent of the first user to these scopes gives.
pub(super) async fn consented(client: &Client, scopes: &[&str]) -> Value {
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let code = client.xero().consent("web-app", &[client.ledger().tenant_id()], &scopes).unwrap();
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
    let reply = token(client, &form).await;
    assert_refused(&token(client, &form).await, "invalid_grant", "a code works once");
    reply.json()
}

/// A web app that a user consented to; its first refresh token.
async fn web_app(client: &Client) -> String {
    register_web_app(client);
    consented(client, &OFFLINE).await["refresh_token"].as_str().unwrap().to_owned()
}

/// The accounting API with this token, for the first organisation.
pub(super) async fn status_of(client: &Client, access_token: &Value, path: &str) -> u16 {
    let bearer = format!("Bearer {}", access_token.as_str().unwrap());
    let tenant = client.ledger().tenant_id().to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
        ("xero-tenant-id", tenant.as_str()),
    ];
    client.send("GET", &format!("/api.xro/2.0/{path}"), &headers, "").await.status.as_u16()
}

async fn connections(client: &Client, access_token: &Value, query: &str) -> Value {
    let bearer = format!("Bearer {}", access_token.as_str().unwrap());
    client.send("GET", &format!("/connections{query}"), &[("authorization", &bearer)], "").await.json()
}

/// The second part of a token, its signature checked with the published key.
pub(super) async fn claims(client: &Client, token: &Value) -> Value {
    let keys = client.send("GET", "/.well-known/openid-configuration/jwks", &[], "").await.json();
    let part = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: part(&keys["keys"][0]["n"]), e: part(&keys["keys"][0]["e"]) };
    let (signed, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let read =
        |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    assert_eq!(read(head), json!({ "alg": "RS256", "kid": keys["keys"][0]["kid"], "typ": "JWT" }));
    read(claims)
}

#[tokio::test]
async fn a_custom_connection_gets_a_half_hour_token_and_no_refresh_token() {
    let client = Client::new().await;
    let form = format!("grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    let body = client.send("POST", "/connect/token", &[], &form).await.json();
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body["token_type"], "Bearer");
    assert!(body.get("refresh_token").is_none());
    assert_eq!(client.get("Organisation").await.status, 200);
    client.advance(1800);
    let expired = client.get("Organisation").await;
    assert_eq!(expired.status, 401);
    assert!(expired.json()["detail"].as_str().unwrap().starts_with("TokenExpired"));
}

/// The whole of an error: status, kind and every byte.
pub(super) fn assert_refused(reply: &Reply, error: &str, why: &str) {
    assert_eq!(reply.status, 400, "{why}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{why}");
    assert_eq!(reply.text, format!("{{\"error\":\"{error}\"}}"), "{why}");
}

#[tokio::test]
async fn every_wrong_token_request_has_its_error() {
    let client = Client::new().await;
    register_web_app(&client);
    let custom = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let web = "web-app:web-secret";
    for (who, form, error) in [
        (&*custom, "grant_type=refresh_token&refresh_token=nope", "invalid_grant"),
        (web, "grant_type=authorization_code&code=nope&redirect_uri=http://localhost/", "invalid_grant"),
        (web, "grant_type=refresh_token", "invalid_grant"),
        ("web-app:wrong", "grant_type=refresh_token&refresh_token=nope", "invalid_client"),
        ("nobody:web-secret", "grant_type=refresh_token&refresh_token=nope", "invalid_client"),
        (web, "grant_type=password", "unsupported_grant_type"),
        (web, "", "unsupported_grant_type"),
        (&*custom, "grant_type=client_credentials&scope=accounting.journals.read", "invalid_scope"),
        (&*custom, "grant_type=client_credentials&scope=accounting.transactions", "invalid_scope"),
        (web, "grant_type=client_credentials&scope=accounting.contacts", "unauthorized_client"),
        ("undefined:undefined", "grant_type=client_credentials", "unauthorized_client"),
        (":", "grant_type=client_credentials", "unauthorized_client"),
    ] {
        assert_refused(&token_of(&client, who, form).await, error, &format!("{who} {form}"));
    }
    for (form, error) in [
        ("grant_type=client_credentials&client_id=&client_secret=x", "invalid_request"),
        ("grant_type=client_credentials&client_id=undefined&client_secret=x", "unauthorized_client"),
        ("grant_type=refresh_token&refresh_token=nope&client_id=web-app", "invalid_client"),
        ("grant_type=client_credentials", "invalid_client"),
    ] {
        assert_refused(&client.send("POST", "/connect/token", &[], form).await, error, form);
    }
}

#[tokio::test]
async fn the_old_refresh_token_works_half_an_hour_more_and_then_never() {
    let client = Client::new().await;
    let first = web_app(&client).await;
    let form = format!("grant_type=refresh_token&refresh_token={first}");
    let second = token(&client, &form).await.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    client.advance(1799);
    assert_eq!(token(&client, &form).await.status, 200, "within the grace");
    client.advance(1);
    assert_refused(&token(&client, &form).await, "invalid_grant", "past the grace");
    let form = format!("grant_type=refresh_token&refresh_token={second}");
    assert_eq!(token(&client, &form).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_that_rests_for_sixty_days_is_gone() {
    let client = Client::new().await;
    let first = web_app(&client).await;
    client.advance(60 * 86_400);
    let late = token(&client, &format!("grant_type=refresh_token&refresh_token={first}")).await;
    assert_refused(&late, "invalid_grant", "too old");
}

#[tokio::test]
async fn revoking_ends_all_of_the_users_connections_to_the_app() {
    let client = Client::new().await;
    register_web_app(&client);
    let first = consented(&client, &OFFLINE).await;
    let other = consented(&client, &OFFLINE).await;
    assert_eq!(status_of(&client, &other["access_token"], "Contacts").await, 200);
    let basic = format!("Basic {}", STANDARD.encode("web-app:web-secret"));
    let form = format!("token={}", first["refresh_token"].as_str().unwrap());
    let gone = client.send("POST", "/connect/revocation", &[("authorization", basic.as_str())], &form).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (200, ""));
    for tokens in [&first, &other] {
        let form =
            format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
        assert_refused(&token(&client, &form).await, "invalid_grant", "revoked");
        assert_eq!(status_of(&client, &tokens["access_token"], "Contacts").await, 403);
    }
    let again = client.send("POST", "/connect/revocation", &[("authorization", basic.as_str())], &form).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (200, ""), "what is gone is gone");
}

#[tokio::test]
async fn an_app_without_a_secret_revokes_with_its_id_only() {
    let client = Client::new().await;
    client.xero().register_app(App::pkce("spa", "Till", &[CALLBACK])).unwrap();
    let scopes = OFFLINE.map(str::to_owned);
    let code = client.xero().consent("spa", &[client.ledger().tenant_id()], &scopes).unwrap();
    let form = format!("grant_type=authorization_code&client_id=spa&code={code}&redirect_uri={CALLBACK}");
    let tokens = client.send("POST", "/connect/token", &[], &form).await.json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let with_secret = format!("token={refresh}&client_id=spa&client_secret=guessed");
    let refused = client.send("POST", "/connect/revocation", &[], &with_secret).await;
    assert_refused(&refused, "invalid_client", "it has no secret");
    let gone =
        client.send("POST", "/connect/revocation", &[], &format!("token={refresh}&client_id=spa")).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (200, ""));
    assert_eq!(connections(&client, &tokens["access_token"], "").await, json!([]));
}

#[tokio::test]
async fn connections_are_a_bare_array_and_end_by_their_own_id() {
    let client = Client::new().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    // The official clients write it with a capital.
    let rows = client.send("GET", "/Connections", &headers, "").await.json();
    assert_eq!(rows[0]["tenantId"], client.ledger().tenant_id().to_string());
    assert_eq!(rows[0]["createdDateUtc"], "2026-11-22T10:00:00.0000000");
    let tenant = rows[0]["tenantId"].as_str().unwrap();
    let wrong = client.send("DELETE", &format!("/connections/{tenant}"), &headers, "").await;
    assert_eq!(wrong.status, 404);
    let id = rows[0]["id"].as_str().unwrap();
    let gone = client.send("DELETE", &format!("/connections/{id}"), &headers, "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(client.get("Organisation").await.status, 403);
}

#[tokio::test]
async fn strangers_and_foreign_tenants_are_told_apart() {
    let client = Client::new().await;
    let stranger = client.send("GET", "/api.xro/2.0/Contacts", &[("accept", "application/json")], "").await;
    assert_eq!(stranger.status, 401);
    let body = stranger.json();
    assert_eq!(
        (&body["title"], &body["detail"]),
        (&json!("Unauthorized"), &json!("AuthenticationUnsuccessful"))
    );
    let other = client.xero().add_organisation("Other").to_string();
    let reply = client.call("GET", "Contacts", &[("xero-tenant-id", &other)], "").await;
    assert_eq!(reply.status, 403);
    let body = reply.json();
    assert_eq!(
        (&body["title"], &body["detail"]),
        (&json!("Forbidden"), &json!("AuthenticationUnsuccessful"))
    );
    let own = client.ledger().tenant_id().to_string();
    assert_eq!(client.call("GET", "Contacts", &[("xero-tenant-id", &own)], "").await.status, 200);
}

#[tokio::test]
async fn a_web_app_must_name_its_tenant() {
    let client = Client::new().await;
    let first = web_app(&client).await;
    let reply = token(&client, &format!("grant_type=refresh_token&refresh_token={first}")).await;
    let bearer = format!("Bearer {}", reply.json()["access_token"].as_str().unwrap());
    let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
    assert_eq!(client.send("GET", "/api.xro/2.0/Contacts", &headers, "").await.status, 403);
    let tenant = client.ledger().tenant_id().to_string();
    headers.push(("xero-tenant-id", &tenant));
    assert_eq!(client.send("GET", "/api.xro/2.0/Contacts", &headers, "").await.status, 200);
}

#[tokio::test]
async fn tokens_are_signed_and_say_who_consented_to_what() {
    let client = Client::new().await;
    register_web_app(&client);
    let scopes = ["openid", "profile", "email", "offline_access", "accounting.contacts"];
    let tokens = consented(&client, &scopes).await;
    let keys: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id_token", "access_token", "expires_in", "token_type", "refresh_token", "scope"]);
    assert_eq!(tokens["scope"], scopes.join(" "));
    let now = client.xero().now().as_second();
    let access = claims(&client, &tokens["access_token"]).await;
    assert_eq!((&access["scope"], &access["exp"]), (&json!(scopes), &json!(now + 1800)));
    assert_eq!(
        (&access["iss"], &access["client_id"]),
        (&json!("https://identity.xero.com"), &json!("web-app"))
    );
    let id = claims(&client, &tokens["id_token"]).await;
    assert_eq!((&id["aud"], &id["exp"]), (&json!("web-app"), &json!(now + 300)));
    assert_eq!((&id["xero_userid"], &id["email"]), (&access["xero_userid"], &json!("demo@example.com")));
    let rows = connections(&client, &tokens["access_token"], "").await;
    assert_eq!(rows[0]["authEventId"], access["authentication_event_id"]);
}

#[tokio::test]
async fn the_discovery_document_names_the_host_that_was_asked() {
    let client = Client::new().await;
    let path = "/.well-known/openid-configuration";
    let vendor = client.send("GET", path, &[("host", "identity.xero.com")], "").await.json();
    assert_eq!(vendor["token_endpoint"], "https://identity.xero.com/connect/token");
    assert_eq!(vendor["authorization_endpoint"], "https://login.xero.com/identity/connect/authorize");
    let local = client.send("GET", path, &[("host", "127.0.0.1:4010")], "").await.json();
    assert_eq!(local["issuer"], "http://127.0.0.1:4010");
    assert_eq!(local["authorization_endpoint"], "http://127.0.0.1:4010/identity/connect/authorize");
    let secure = [("host", "127.0.0.1:4010"), ("x-forwarded-proto", "https")];
    let local = client.send("GET", path, &secure, "").await.json();
    assert_eq!(local["jwks_uri"], "https://127.0.0.1:4010/.well-known/openid-configuration/jwks");
}

#[tokio::test]
async fn connections_of_one_consent_are_found_by_its_event_and_scopes_add_up() {
    let client = Client::new().await;
    register_web_app(&client);
    let second = client.xero().add_organisation("Second");
    let first = consented(&client, &OFFLINE).await;
    let scopes = ["accounting.settings".to_owned()];
    let code = client.xero().consent("web-app", &[second], &scopes).unwrap();
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
    let tokens = token(&client, &form).await.json();
    assert_eq!(tokens["scope"], "accounting.settings accounting.contacts");
    assert!(tokens.get("refresh_token").is_none(), "nobody asked for it this time");
    // One token, all of the user's organisations; also the token that was there before.
    for access in [&first["access_token"], &tokens["access_token"]] {
        assert_eq!(connections(&client, access, "").await.as_array().unwrap().len(), 2);
    }
    let event = claims(&client, &tokens["access_token"]).await["authentication_event_id"].clone();
    let query = format!("?authEventId={}", event.as_str().unwrap());
    let rows = connections(&client, &tokens["access_token"], &query).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["tenantId"]), (1, &json!(second.to_string())));
}

#[tokio::test]
async fn users_have_connections_of_their_own_and_the_app_manages_all_of_them() {
    let client = Client::new().await;
    register_web_app(&client);
    let second = client.xero().add_organisation("Second");
    let ours = consented(&client, &OFFLINE).await;
    let user = json!({ "name": "Ann Other", "email": "ann@example.com", "organisations": [second] });
    let ann = client.control("POST", "users", user).await["xero_userid"].clone();
    let wanted = json!({ "client_id": "web-app", "user": ann, "tenants": [second], "scopes": OFFLINE });
    let code = client.control("POST", "consents", wanted).await["code"].as_str().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
    let anns = token(&client, &form).await.json();
    let rows = connections(&client, &anns["access_token"], "").await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["tenantName"]), (1, &json!("Second")));
    assert_eq!(connections(&client, &ours["access_token"], "").await[0]["tenantName"], "Demo Company");
    assert_eq!(claims(&client, &anns["access_token"]).await["xero_userid"], ann);

    let app = token(&client, "grant_type=client_credentials&scope=app.connections").await.json();
    assert!(app.get("refresh_token").is_none());
    let rows = connections(&client, &app["access_token"], "").await;
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(status_of(&client, &app["access_token"], "Contacts").await, 403, "it sees no books");
    let bearer = format!("Bearer {}", app["access_token"].as_str().unwrap());
    let id = rows[0]["id"].as_str().unwrap();
    let gone = client.send("DELETE", &format!("/connections/{id}"), &[("authorization", &bearer)], "").await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_eq!(status_of(&client, &ours["access_token"], "Contacts").await, 403);
}

#[tokio::test]
async fn who_is_disconnected_inside_xero_learns_it_from_the_next_call() {
    let client = Client::new().await;
    register_web_app(&client);
    let tokens = consented(&client, &OFFLINE).await;
    assert_eq!(status_of(&client, &tokens["access_token"], "Contacts").await, 200);
    let tenant = client.ledger().tenant_id();
    client.control("DELETE", &format!("connections?tenant={tenant}&client_id=web-app"), json!({})).await;
    assert_eq!(status_of(&client, &tokens["access_token"], "Contacts").await, 403);
    assert_eq!(client.get("Contacts").await.status, 200, "the other app is as it was");
    let form =
        format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    assert_eq!(token(&client, &form).await.status, 200, "the tokens are another matter");
}

#[tokio::test]
async fn the_tier_bounds_connections_and_calls() {
    let client = Client::new().await;
    register_web_app(&client);
    client.xero().set_tier(Tier::Starter);
    assert_eq!(client.get("Contacts").await.header("x-daylimit-remaining"), Some("999"));
    let scopes = ["accounting.contacts".to_owned()];
    let tenants: Vec<_> =
        (0..6).map(|number| client.xero().add_organisation(&format!("O{number}"))).collect();
    client.xero().consent("web-app", &tenants[..5], &scopes).unwrap();
    client.xero().consent("web-app", &tenants[..5], &scopes).unwrap();
    let full = client.xero().consent("web-app", &tenants[5..], &scopes).unwrap_err();
    assert_eq!(full, "Web has reached its limit of 5 connections");
}

#[tokio::test]
async fn a_certified_app_reads_as_fast_as_it_can_for_half_an_hour() {
    let client = Client::new().await;
    let app = App { certified: true, ..App::web("web-app", "web-secret", "Web", &[CALLBACK]) };
    client.xero().register_app(app).unwrap();
    let tokens = consented(&client, &OFFLINE).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let tenant = client.ledger().tenant_id().to_string();
    let ask = async |bearer: &str| {
        let headers =
            [("authorization", bearer), ("accept", "application/json"), ("xero-tenant-id", &tenant)];
        client.send("GET", "/api.xro/2.0/Contacts", &headers, "").await
    };
    for _ in 0..70 {
        let reply = ask(&bearer).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-minlimit-remaining")), (200, Some("60")));
        assert_eq!(reply.header("x-daylimit-remaining"), Some("5000"));
    }
    client.advance(1_800);
    let form =
        format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    let tokens = token(&client, &form).await.json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(ask(&bearer).await.header("x-minlimit-remaining"), Some("59"));
}
