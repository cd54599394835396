//! Tokens: how they are had, refreshed, lost.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use sha2::Sha256;

use super::token_errors::whole;
use super::{Door, Reply};
use crate::salesforce::Client;

pub(super) const TOKEN: &str = "/services/oauth2/token";

#[tokio::test]
async fn client_credentials_give_a_token_that_works_and_has_no_expires_in() {
    let mut door = Door::new();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
    ];
    let reply = door.form(TOKEN, &form).await;
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert!(body.get("expires_in").is_none() && body.get("refresh_token").is_none());
    assert_eq!(body["instance_url"], "http://acme.example");
    assert_eq!(body["issued_at"], "1795341600000");
    let organization = door.org().organization_id();
    assert!(body["id"].as_str().unwrap().contains(&format!("/id/{organization}/005")));
    assert!(body["access_token"].as_str().unwrap().starts_with(&format!("{}!AQ", &organization[..15])));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"sandbox-secret").unwrap();
    mac.update(format!("{}1795341600000", body["id"].as_str().unwrap()).as_bytes());
    assert_eq!(body["signature"], STANDARD.encode(mac.finalize().into_bytes()));
    door.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
}

#[tokio::test]
async fn a_wrong_client_a_wrong_secret_and_an_unknown_grant_are_told_apart() {
    let door = Door::new();
    for (grant, id, secret, error, description) in [
        ("client_credentials", "who", "sandbox-secret", "invalid_client_id", "client identifier invalid"),
        ("client_credentials", "sandbox-client", "no", "invalid_client", "invalid client credentials"),
        (
            "password",
            "sandbox-client",
            "sandbox-secret",
            "unsupported_grant_type",
            "grant type not supported",
        ),
    ] {
        let form = [("grant_type", grant), ("client_id", id), ("client_secret", secret)];
        whole(&door.form(TOKEN, &form).await, error, description);
    }
}

#[tokio::test]
async fn an_access_token_ends_after_two_hours_with_401() {
    let door = Door::new();
    door.sandbox.clock.advance_seconds(2 * 3600 - 1);
    assert_eq!(door.call("GET", "/limits", None).await.status, 200);
    door.sandbox.clock.advance_seconds(1);
    let reply = door.call("GET", "/limits", None).await;
    let expected = json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    assert_eq!((reply.status, reply.json()), (401, expected));
}

#[tokio::test]
async fn a_refresh_token_stays_the_same_where_it_doesnt_rotate() {
    let door = Door::new();
    let refresh = door.org().grant("sandbox-client").unwrap();
    let client = [("client_id", "sandbox-client"), ("client_secret", "sandbox-secret")];
    let form = [&client[..], &[("grant_type", "refresh_token"), ("refresh_token", &*refresh)]].concat();
    for _ in 0..2 {
        let body = door.form(TOKEN, &form).await.json();
        assert!(body["access_token"].is_string() && body.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn where_refresh_tokens_rotate_an_old_one_used_again_ends_the_grant() {
    let mut door = Door::new();
    door.org().register_client(Client::new("turning", "s").rotating());
    let first = door.org().grant("turning").unwrap();
    let form = |token: String| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token),
            ("client_id", "turning".into()),
            ("client_secret", "s".into()),
        ]
    };
    let ask = async |token: &str| {
        let form = form(token.to_owned());
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        door.form(TOKEN, &form).await
    };
    let body = ask(&first).await.json();
    let second = body["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    for token in [&first, &second] {
        whole(&ask(token).await, "invalid_grant", "expired access/refresh token");
    }
    door.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(door.call("GET", "/limits", None).await.status, 401);
}

pub(super) fn assertion(claims: serde_json::Value) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({ "alg": "RS256" })), part(claims));
    let key = RsaKeyPair::from_pkcs8(include_bytes!("signing_key.der")).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(super) async fn ask(door: &Door, assertion: String) -> Reply {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    door.form(TOKEN, &[("grant_type", grant), ("assertion", &assertion)]).await
}

#[tokio::test]
async fn a_signed_assertion_is_a_grant_and_a_forged_late_or_foreign_one_is_not() {
    let door = Door::new();
    let client = Client::new("signer", "").public_key_pem(include_str!("signing_key.pub.pem")).unwrap();
    door.org().register_client(client);
    let now = door.sandbox.clock.now().as_second();
    let user = "integration@sandbox.example";
    let claims =
        |sub: &str, aud: &str, exp: i64| json!({ "iss": "signer", "sub": sub, "aud": aud, "exp": exp });
    let login = "https://login.salesforce.com";
    let good = ask(&door, assertion(claims(user, login, now + 170))).await;
    assert_eq!(good.status, 200);
    let keys: Vec<String> = good.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["access_token", "scope", "instance_url", "id", "token_type"]);
    let why = async |assertion: String| {
        ask(&door, assertion).await.json()["error_description"].as_str().unwrap().to_owned()
    };
    assert_eq!(why(assertion(claims(user, login, now + 600))).await, "expired authorization code");
    assert_eq!(why(assertion(claims(user, "https://other.example", now + 60))).await, "audience is invalid");
    assert_eq!(
        why(assertion(claims("no@body", login, now + 60))).await,
        "user hasn't approved this consumer"
    );
    let mut forged = assertion(claims(user, login, now + 60));
    let cut = forged.rfind('.').unwrap();
    forged.truncate(cut);
    assert_eq!(
        why(format!("{forged}.{}", STANDARD.encode("no").trim_end_matches('='))).await,
        "invalid assertion"
    );
}

#[tokio::test]
async fn an_assertion_is_nothing_to_an_app_that_registered_no_key() {
    let door = Door::new();
    let claims = json!({ "iss": "sandbox-client", "sub": "integration@sandbox.example",
        "aud": "https://login.salesforce.com", "exp": door.sandbox.clock.now().as_second() + 60 });
    whole(&ask(&door, assertion(claims)).await, "invalid_grant", "invalid assertion");
}

/// The same form at another host.
async fn at(door: &Door, host: &str, form: &[(&str, &str)]) -> Reply {
    let request = Request::builder().method("POST").uri(format!("https://{host}{TOKEN}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    door.send(request.body(Body::from(serde_urlencoded::to_string(form).unwrap())).unwrap()).await
}

#[tokio::test]
async fn a_login_host_leads_to_the_org_s_own_and_gives_no_client_credentials() {
    let door = Door::new();
    let client = [("client_id", "sandbox-client"), ("client_secret", "sandbox-secret")];
    let credentials = [&client[..], &[("grant_type", "client_credentials")]].concat();
    let refused = at(&door, "login.salesforce.com", &credentials).await;
    whole(&refused, "invalid_grant", "request not supported on this domain");
    let own = at(&door, "acme.my.salesforce.com", &credentials).await.json();
    assert_eq!(own["instance_url"], "https://acme.my.salesforce.com");
    let refresh = door.org().grant("sandbox-client").unwrap();
    let refresh = [&client[..], &[("grant_type", "refresh_token"), ("refresh_token", &*refresh)]].concat();
    let led = async |host: &str| at(&door, host, &refresh).await.json()["instance_url"].clone();
    assert_eq!(led("login.salesforce.com").await, "https://sandbox.my.salesforce.com");
    door.org().configure(|options| {
        options.login_hosts = vec!["localhost:8091".into()];
        options.instance_url = Some("http://127.0.0.1:8091".into());
    });
    assert_eq!(led("localhost:8091").await, "http://127.0.0.1:8091");
    assert_eq!(at(&door, "localhost:8091", &credentials).await.status, 400);
}
