//! Every way in which the token endpoint says no, word for word; and who a token belongs to.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::error_table::headers;
use super::oauth::{TOKEN, ask, assertion};
use super::{Door, Reply};
use crate::salesforce::Client;

const APP: [(&str, &str); 2] = [("client_id", "sandbox-client"), ("client_secret", "sandbox-secret")];
const CREDENTIALS: [(&str, &str); 3] = [("grant_type", "client_credentials"), APP[0], APP[1]];

/// The answer is this and nothing else: all of its headers, each byte of its body.
pub(super) fn whole(reply: &Reply, error: &str, description: &str) {
    let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
    assert_eq!((reply.status, reply.text.as_str()), (400, &*body));
    assert_eq!(headers(reply), BTreeMap::from([("content-type", "application/json;charset=UTF-8")]));
}

async fn refused(door: &Door, form: &[(&str, &str)], error: &str, description: &str) {
    whole(&door.form(TOKEN, form).await, error, description);
}

#[tokio::test]
async fn a_dead_refresh_token_is_an_expired_one() {
    let door = Door::new();
    door.org().register_client(Client { idle_seconds: Some(30 * 24 * 3600), ..Client::new("idle", "s") });
    let idle = door.org().grant("idle").unwrap();
    let client = [("client_id", "idle"), ("client_secret", "s")];
    let idle = [&client[..], &[("grant_type", "refresh_token"), ("refresh_token", &*idle)]].concat();
    door.sandbox.clock.advance_seconds(29 * 24 * 3600);
    assert_eq!(door.form(TOKEN, &idle).await.status, 200);
    door.sandbox.clock.advance_seconds(30 * 24 * 3600);
    let unknown = [APP[0], APP[1], ("grant_type", "refresh_token"), ("refresh_token", "5Aepno")];
    for form in [&idle[..], &unknown] {
        refused(&door, form, "invalid_grant", "expired access/refresh token").await;
    }
}

#[tokio::test]
async fn a_password_is_taken_only_where_the_flow_is_on_and_when_it_is_right() {
    let door = Door::new();
    let form = |password| {
        let user = [("username", "sam@sandbox.example"), ("password", password)];
        [&APP[..], &[("grant_type", "password")], &user].concat()
    };
    refused(&door, &form("sandbox-password"), "unsupported_grant_type", "grant type not supported").await;
    door.org().configure(|options| options.password_flow = true);
    refused(&door, &form("wrong"), "invalid_grant", "authentication failure").await;
    assert_eq!(door.form(TOKEN, &form("sandbox-passwordsandbox-security-token")).await.status, 200);
}

#[tokio::test]
async fn what_an_admin_switched_off_is_named() {
    let door = Door::new();
    let known = |client: Client| door.org().register_client(client);
    known(Client { blocked: true, ..Client::new("blocked", "s") });
    known(Client { flows_off: ["client_credentials".into()].into(), ..Client::new("web-only", "s") });
    let unapproved = ["integration@sandbox.example".into()].into();
    let stranger = Client::new("stranger", "s").public_key_pem(include_str!("signing_key.pub.pem")).unwrap();
    known(Client { unapproved, ..stranger });
    let as_client = |id| [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "s")];
    refused(&door, &as_client("blocked"), "OAUTH_APP_BLOCKED", "this app is blocked by admin").await;
    refused(&door, &as_client("web-only"), "unsupported_grant_type", "grant type not supported").await;
    refused(&door, &as_client("stranger"), "invalid_grant", "user hasn't approved this consumer").await;
    refused(&door, &as_client("nobody"), "invalid_client_id", "client identifier invalid").await;
    refused(&door, &as_client("sandbox-client"), "invalid_client", "invalid client credentials").await;
    let now = door.sandbox.clock.now().as_second();
    let claims = json!({ "iss": "stranger", "sub": "integration@sandbox.example", "exp": now + 60,
        "aud": "http://acme.example" });
    let reply = ask(&door, assertion(claims)).await;
    whole(&reply, "invalid_grant", "user hasn't approved this consumer");
}

#[tokio::test]
async fn users_orgs_and_too_many_logins_are_told_apart() {
    let door = Door::new();
    door.org().configure(|options| options.logins_per_hour = 2);
    for _ in 0..2 {
        assert_eq!(door.form(TOKEN, &CREDENTIALS).await.status, 200);
    }
    refused(&door, &CREDENTIALS, "rate_limit_exceeded", "login rate exceeded").await;
    door.sandbox.clock.advance_seconds(3600);
    assert_eq!(door.form(TOKEN, &CREDENTIALS).await.status, 200);
    let user = door.org().integration_user();
    door.org().update("User", &user, json!({ "IsActive": false }));
    refused(&door, &CREDENTIALS, "inactive_user", "user is inactive").await;
    assert_eq!(door.call("GET", "/limits", None).await.status, 401);
    door.org().configure(|options| options.active = false);
    refused(&door, &CREDENTIALS, "inactive_org", "organization is inactive").await;
}

async fn get(door: &Door, path: &str, token: Option<&str>) -> Reply {
    let mut request = Request::builder().uri(format!("http://acme.example{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    door.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn introspection_tells_the_expiry_of_both_tokens_and_revocation_ends_both() {
    let mut door = Door::new();
    let refresh = door.org().grant("sandbox-client").unwrap();
    let form = [&APP[..], &[("grant_type", "refresh_token"), ("refresh_token", &*refresh)]].concat();
    door.token = door.form(TOKEN, &form).await.json()["access_token"].as_str().unwrap().to_owned();
    let inspect = async |token: &str| {
        let form = [&APP[..], &[("token", token), ("token_type_hint", "access_token")]].concat();
        door.form("/services/oauth2/introspect", &form).await.json()
    };
    let access = inspect(&door.token).await;
    let keys: Vec<&String> = access.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        "active scope client_id username sub token_type exp iat nbf".split(' ').collect::<Vec<_>>()
    );
    assert_eq!((&access["active"], &access["exp"]), (&json!(true), &json!(1_795_341_600 + 7200)));
    assert_eq!(inspect(&refresh).await["token_type"], "refresh_token");
    assert_eq!(inspect("nothing").await, json!({ "active": false }));
    let stranger = door.form("/services/oauth2/introspect", &[("client_id", "x"), ("token", "y")]).await;
    assert_eq!(stranger.json()["error"], "invalid_client_id");
    let revoked = door.form("/services/oauth2/revoke", &[("token", &refresh)]).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
    assert_eq!(
        (inspect(&refresh).await, inspect(&door.token).await),
        (json!({ "active": false }), json!({ "active": false }))
    );
    assert_eq!(door.call("GET", "/limits", None).await.status, 401);
    let again = door.form("/services/oauth2/revoke", &[("token", &refresh)]).await;
    assert_eq!((again.status, again.json()["error"].clone()), (400, json!("invalid_token")));
    let none = door.form("/services/oauth2/revoke", &[]).await;
    assert_eq!((none.status, none.json()["error"].clone()), (400, json!("unsupported_token_type")));
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_a_bad_one_is_refused_in_plain_text() {
    let door = Door::new();
    let (token, user) = (door.token.as_str(), door.org().integration_user());
    let about = get(&door, "/services/oauth2/userinfo", Some(token)).await.json();
    assert_eq!(
        (&about["user_id"], &about["organization_id"]),
        (&json!(user), &json!(door.org().organization_id()))
    );
    let id = about["sub"].as_str().unwrap().trim_start_matches("http://acme.example").to_owned();
    let identity = get(&door, &id, Some(token)).await.json();
    assert_eq!(
        (&identity["user_id"], &identity["username"]),
        (&json!(user), &json!("integration@sandbox.example"))
    );
    assert!(identity["urls"]["rest"].as_str().unwrap().ends_with("/services/data/v{version}/"));
    for (path, token, word) in [
        ("/services/oauth2/userinfo", Some("00Dno"), "Bad_OAuth_Token"),
        ("/services/oauth2/userinfo", None, "Missing_OAuth_Token"),
        (id.as_str(), Some("00Dno"), "Bad_OAuth_Token"),
        ("/id/00D000000000000AAA/005000000000000AAA", Some(token), "Wrong_Org"),
    ] {
        let reply = get(&door, path, token).await;
        assert_eq!((reply.status, reply.text.as_str()), (403, word));
    }
}

#[tokio::test]
async fn everything_is_found_from_the_discovery_document() {
    let door = Door::new();
    let found = get(&door, "/.well-known/openid-configuration", None).await.json();
    assert_eq!(found["token_endpoint"], format!("http://acme.example{TOKEN}"));
    assert_eq!(found["issuer"], "http://acme.example");
}

async fn log_in(door: &Door, password: &str) -> Reply {
    let body = format!(
        "<env:Envelope xmlns:env=\"e\"><env:Body><n1:login xmlns:n1=\"urn:partner.soap.sforce.com\">\
         <n1:username>sam@sandbox.example</n1:username><n1:password>{password}</n1:password></n1:login></env:Body></env:Envelope>"
    );
    let request = Request::builder().method("POST").uri("http://acme.example/services/Soap/u/59.0");
    let request = request.header("content-type", "text/xml").header("soapaction", "login");
    door.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn the_soap_login_gives_a_session_for_rest_and_a_fault_for_a_wrong_password() {
    let mut door = Door::new();
    let reply = log_in(&door, "sandbox-passwordsandbox-security-token").await;
    let between = |start: &str, end: &str| {
        reply.text.split(start).nth(1).unwrap().split(end).next().unwrap().to_owned()
    };
    assert_eq!(reply.status, 200);
    let server = between("<serverUrl>", "</serverUrl>");
    assert!(server.starts_with("http://acme.example/services/Soap/u/59.0/00D"), "{server}");
    door.token = between("<sessionId>", "</sessionId>");
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
    let path = format!("/sobjects/User/{}/password", door.org().person());
    assert_eq!(door.call("GET", &path, None).await.json(), json!({ "isExpired": false }));
    let short = door.call("POST", &path, Some(json!({ "NewPassword": "short" }))).await;
    assert_eq!((short.status, short.code().as_str()), (400, "INVALID_NEW_PASSWORD"));
    assert_eq!(door.call("POST", &path, Some(json!({ "NewPassword": "long-enough" }))).await.status, 204);
    assert_eq!(log_in(&door, "long-enough").await.status, 200);
    assert_eq!(log_in(&door, "sandbox-password").await.status, 500);
    let made = door.call("DELETE", &path, None).await.json()["NewPassword"].as_str().unwrap().to_owned();
    assert_eq!(log_in(&door, &made).await.status, 200);
    let wrong = log_in(&door, "nonsense").await;
    assert_eq!(wrong.status, 500);
    for part in [
        "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>",
        "<sf:exceptionMessage>INVALID_LOGIN: Invalid username, password, security token; or user locked out.</sf:exceptionMessage>",
    ] {
        assert!(wrong.text.contains(part), "{}", wrong.text);
    }
}
