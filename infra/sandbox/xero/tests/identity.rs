//! Tokens, connections and scopes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Client;
use crate::xero::{App, CLIENT_ID, CLIENT_SECRET, SCOPES};

async fn token(client: &Client, form: &str) -> super::Reply {
    let basic = format!("Basic {}", STANDARD.encode("web-app:web-secret"));
    client.send("POST", "/connect/token", &[("authorization", &basic)], form).await
}

/// A web app that a user consented to; its first refresh token.
async fn web_app(client: &Client) -> String {
    client.xero().register_app(App {
        client_id: "web-app".into(),
        client_secret: "web-secret".into(),
        name: "Web".into(),
        scopes: SCOPES.map(str::to_owned).to_vec(),
        custom_connection: None,
    });
    let scopes = ["accounting.contacts".to_owned(), "offline_access".to_owned()];
    let code = client.xero().consent("web-app", &[client.ledger().tenant_id()], &scopes);
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri=http://localhost/");
    let first = token(client, &form).await;
    assert_eq!(token(client, &form).await.json(), json!({ "error": "invalid_grant" }), "a code works once");
    first.json()["refresh_token"].as_str().unwrap().to_owned()
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
    assert!(expired.json()["Detail"].as_str().unwrap().starts_with("TokenExpired"));
}

#[tokio::test]
async fn every_wrong_token_request_has_its_error() {
    let client = Client::new().await;
    let ours = format!("client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}");
    for (form, error) in [
        (format!("grant_type=client_credentials&client_id={CLIENT_ID}&client_secret=x"), "invalid_client"),
        ("grant_type=client_credentials&client_id=undefined".to_owned(), "unauthorized_client"),
        (format!("grant_type=password&{ours}"), "unsupported_grant_type"),
        (format!("grant_type=client_credentials&scope=accounting.journals.read&{ours}"), "invalid_scope"),
        (format!("grant_type=refresh_token&refresh_token=nope&{ours}"), "invalid_grant"),
    ] {
        let reply = client.send("POST", "/connect/token", &[], &form).await;
        assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({ "error": error })), "{form}");
    }
    web_app(&client).await;
    let reply = token(&client, "grant_type=client_credentials").await;
    assert_eq!(reply.json(), json!({ "error": "unauthorized_client" }));
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
    let late = token(&client, &form).await;
    assert_eq!((late.status.as_u16(), late.json()), (400, json!({ "error": "invalid_grant" })));
    let form = format!("grant_type=refresh_token&refresh_token={second}");
    assert_eq!(token(&client, &form).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_that_rests_for_sixty_days_is_gone() {
    let client = Client::new().await;
    let first = web_app(&client).await;
    client.advance(60 * 86_400);
    let late = token(&client, &format!("grant_type=refresh_token&refresh_token={first}")).await;
    assert_eq!(late.json(), json!({ "error": "invalid_grant" }));
}

#[tokio::test]
async fn revoking_ends_the_consent() {
    let client = Client::new().await;
    let first = web_app(&client).await;
    let basic = format!("Basic {}", STANDARD.encode("web-app:web-secret"));
    let headers = [("authorization", basic.as_str())];
    let gone = client.send("POST", "/connect/revocation", &headers, &format!("token={first}")).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (200, ""));
    let late = token(&client, &format!("grant_type=refresh_token&refresh_token={first}")).await;
    assert_eq!(late.json(), json!({ "error": "invalid_grant" }));
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
async fn a_missing_scope_is_a_401_that_says_so_in_its_header_only() {
    let mut client = Client::new().await;
    client.sign_in("accounting.contacts.read").await;
    assert_eq!(client.get("Contacts").await.status, 200);
    for reply in [client.get("Invoices").await, client.put("Contacts", json!({ "Name": "A" })).await] {
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").unwrap().contains("insufficent_scope"));
    }
}

#[tokio::test]
async fn strangers_and_foreign_tenants_are_told_apart() {
    let client = Client::new().await;
    let stranger = client.send("GET", "/api.xro/2.0/Contacts", &[("accept", "application/json")], "").await;
    assert_eq!(stranger.status, 401);
    let body = stranger.json();
    assert_eq!(
        (&body["Title"], &body["Detail"]),
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
async fn the_consent_page_sends_the_user_back_with_a_code_that_needs_its_verifier() {
    let client = Client::new().await;
    web_app(&client).await;
    let verifier = "a".repeat(43);
    // base64url(SHA-256(verifier))
    let challenge = "ZtNPunH49FD35FWYhT5Tv8I7vRKQJ8uxMaL0_9eHjNA";
    let page = "/identity/connect/authorize?response_type=code&client_id=web-app&redirect_uri=http%3A%2F%2Flocalhost%2Fcb";
    let asked = format!(
        "{page}&scope=openid%20offline_access%20accounting.contacts&state=a%20b&code_challenge={challenge}&code_challenge_method=S256"
    );
    let code = async || {
        let reply = client.send("GET", &asked, &[], "").await;
        assert_eq!(reply.status, 302);
        let target = reply.header("location").unwrap().to_owned();
        let rest = target.strip_prefix("http://localhost/cb?code=").unwrap();
        rest.strip_suffix("&state=a%20b").unwrap().to_owned()
    };
    for (verifier, redirect, status) in [
        ("wrong", "http://localhost/cb", 400),
        (&verifier, "http://localhost/other", 400),
        (&verifier, "http://localhost/cb", 200),
    ] {
        let code = code().await;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={redirect}&code_verifier={verifier}"
        );
        assert_eq!(token(&client, &form).await.status, status, "{verifier} {redirect}");
    }
    let late = code().await;
    client.advance(300);
    let form = format!(
        "grant_type=authorization_code&code={late}&redirect_uri=http://localhost/cb&code_verifier={verifier}"
    );
    assert_eq!(token(&client, &form).await.json(), json!({ "error": "invalid_grant" }));
    for wrong in [page.replace("web-app", "nobody"), format!("{page}&scope=accounting.journals.read")] {
        assert_eq!(client.send("GET", &wrong, &[], "").await.status, 500, "a page of Xero's, no redirect");
    }
}
