//! The web flow: what a person sees, what goes back to the app, and what a code is good for.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::token_errors::whole;
use super::{Door, Reply};
use crate::salesforce::Client;

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const AUTHORIZE: &str = "/services/oauth2/authorize";
const BACK: &str = "http://localhost/back";

fn app(id: &str, secret: &str) -> Client {
    Client { callbacks: vec![BACK.to_owned()], ..Client::new(id, secret) }
}

/// An org whose app is sent back to where it says.
fn with_app() -> Door {
    let door = Door::new();
    door.org().register_client(Client { name: "Sandbox client".into(), ..app(APP[0].1, APP[1].1) });
    door
}

async fn open(door: &Door, query: &[(&str, &str)]) -> Reply {
    let query = serde_urlencoded::to_string(query).unwrap();
    let request = Request::builder().uri(format!("http://acme.example{AUTHORIZE}?{query}"));
    door.send(request.body(Body::empty()).unwrap()).await
}

fn wanted<'a>(client: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form =
        vec![("response_type", "code"), ("client_id", client), ("redirect_uri", BACK), ("state", "s1")];
    form.extend_from_slice(more);
    form
}

/// Presses a button of the page, with what its form carries.
async fn press(door: &Door, form: &[(&str, &str)], button: &str) -> Reply {
    let pressed = [("username", "sam@sandbox.example"), ("decision", button)];
    door.form(AUTHORIZE, &[form, &pressed].concat()).await
}

fn code_in(reply: &Reply) -> String {
    reply.header("location").split(['=', '&']).nth(1).unwrap().to_owned()
}

async fn redeem(door: &Door, code: &str, more: &[(&str, &str)]) -> Reply {
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
    door.form("/services/oauth2/token", &[&form, more].concat()).await
}

const APP: [(&str, &str); 2] = [("client_id", "sandbox-client"), ("client_secret", "sandbox-secret")];

#[tokio::test]
async fn a_person_sees_who_asks_for_what_and_lets_it_in_as_somebody() {
    let mut door = with_app();
    let form =
        wanted("sandbox-client", &[("scope", "api refresh_token"), ("login_hint", "sam@sandbox.example")]);
    let page = open(&door, &form).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=UTF-8"));
    for part in [
        "<b>Sandbox client</b> is asking",
        "Manage user data via APIs",
        "<form method=\"post\" action=\"/services/oauth2/authorize\">",
        "<input type=\"hidden\" name=\"state\" value=\"s1\">",
        "<option value=\"sam@sandbox.example\" selected>Sam Sales",
        "value=\"deny\">Deny",
    ] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    let back = press(&door, &form, "allow").await;
    assert_eq!(back.status, 302);
    let location = back.header("location");
    assert!(
        location.starts_with("http://localhost/back?code=") && location.ends_with("&state=s1"),
        "{location}"
    );
    let tokens = redeem(&door, &code_in(&back), &APP).await.json();
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("5Aep"));
    assert_eq!(tokens["scope"], "api refresh_token");
    assert!(tokens["id"].as_str().unwrap().ends_with(&door.org().person()));
    let keys: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    let expected = "access_token refresh_token signature scope instance_url id token_type issued_at";
    assert_eq!(keys, expected.split(' ').collect::<Vec<_>>());
    door.token = tokens["access_token"].as_str().unwrap().to_owned();
    let made = door.call("POST", "/sobjects/Account", Some(json!({ "Name": "Acme" }))).await.json();
    let account = door.org().get("Account", made["id"].as_str().unwrap()).unwrap();
    assert_eq!(account["CreatedById"], door.org().person());
}

#[tokio::test]
async fn what_a_page_is_asked_to_carry_cannot_break_out_of_it() {
    let door = with_app();
    let page = open(&door, &wanted("sandbox-client", &[("state", "\"><script>x</script>")])).await;
    assert!(!page.text.contains("<script>"));
}

#[tokio::test]
async fn errors_go_back_to_the_app_once_it_is_known_and_are_shown_before_that() {
    let door = with_app();
    let known = |client: Client| door.org().register_client(client);
    known(Client { callbacks: vec!["https://app.example/cb".into()], ..Client::new("strict", "s") });
    known(Client { blocked: true, ..app("blocked", "s") });
    known(Client { proof_key: true, ..app("proving", "s") });
    known(Client::new("nowhere", "s"));
    let denied = press(&door, &wanted("sandbox-client", &[]), "deny").await;
    assert_eq!(
        (denied.status, denied.header("location")),
        (
            302,
            "http://localhost/back?error=access_denied&error_description=end-user+denied+authorization&state=s1"
        )
    );
    let mismatch =
        "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration";
    for (form, text) in [
        (wanted("nobody", &[]), "error=invalid_client_id&error_description=client%20identifier%20invalid"),
        (wanted("strict", &[]), mismatch),
        (wanted("nowhere", &[]), mismatch),
    ] {
        let shown = open(&door, &form).await;
        assert_eq!((shown.status, shown.text.as_str()), (400, text));
    }
    for (form, error) in [
        (wanted("blocked", &[]), "OAUTH_APP_BLOCKED"),
        (wanted("proving", &[]), "invalid_request"),
        (wanted("sandbox-client", &[("scope", "api wave_api")]), "invalid_scope"),
        (
            vec![("response_type", "x"), ("client_id", "proving"), ("redirect_uri", BACK)],
            "unsupported_response_type",
        ),
    ] {
        let sent = open(&door, &form).await;
        assert_eq!(sent.status, 302);
        let start = format!("http://localhost/back?error={error}&error_description=");
        assert!(sent.header("location").starts_with(&start), "{}", sent.header("location"));
    }
}

#[tokio::test]
async fn a_code_is_good_once_within_fifteen_minutes_for_its_client_and_address() {
    let door = with_app();
    door.org().register_client(app("other", "s"));
    let form = wanted("sandbox-client", &[]);
    let code = code_in(&press(&door, &form, "allow").await);
    let foreign = redeem(&door, &code, &[("client_id", "other"), ("client_secret", "s")]).await;
    whole(&foreign, "invalid_grant", "invalid authorization code");
    let elsewhere = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", "http://x")];
    let elsewhere = door.form("/services/oauth2/token", &[&elsewhere[..], &APP].concat()).await;
    whole(&elsewhere, "redirect_uri_mismatch", "redirect_uri must match configuration");
    assert_eq!(redeem(&door, &code, &APP).await.status, 200);
    let again = redeem(&door, &code, &APP).await;
    whole(&again, "invalid_grant", "expired authorization code");
    let late = code_in(&press(&door, &form, "allow").await);
    door.sandbox.clock.advance_seconds(15 * 60);
    whole(&redeem(&door, &late, &APP).await, "invalid_grant", "expired authorization code");
}

#[tokio::test]
async fn without_the_scope_there_is_no_refresh_token() {
    let door = with_app();
    let code = code_in(&press(&door, &wanted("sandbox-client", &[("scope", "api")]), "allow").await);
    let tokens = redeem(&door, &code, &APP).await.json();
    assert!(tokens.get("refresh_token").is_none() && tokens["scope"] == "api");
}

#[tokio::test]
async fn a_challenge_wants_its_verifier_and_a_confidential_app_its_secret_too() {
    let door = with_app();
    door.org().register_client(Client { proof_key: true, ..app("partner", "s") });
    door.org().register_client(Client { public: true, proof_key: true, ..app("phone", "") });
    let proof = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let verifier = ("code_verifier", VERIFIER);
    let other = "eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    for (client, sent, refusal) in [
        ("partner", vec![("client_secret", "s")], Some(("invalid_grant", "code verifier required"))),
        (
            "partner",
            vec![("client_secret", "s"), ("code_verifier", other)],
            Some(("invalid_request", "invalid code verifier")),
        ),
        (
            "partner",
            vec![("client_secret", "s"), ("code_verifier", "short")],
            Some(("invalid_request", "invalid code verifier")),
        ),
        ("partner", vec![verifier], Some(("invalid_client", "invalid client credentials"))),
        ("partner", vec![verifier, ("client_secret", "s")], None),
        (
            "phone",
            vec![verifier, ("client_secret", "s")],
            Some(("invalid_client", "invalid client credentials")),
        ),
        ("phone", vec![verifier], None),
    ] {
        let code = code_in(&press(&door, &wanted(client, &proof), "allow").await);
        let reply = redeem(&door, &code, &[&[("client_id", client)], &*sent].concat()).await;
        match refusal {
            Some((error, description)) => whole(&reply, error, description),
            None => assert_eq!(reply.status, 200, "{client} {sent:?} {}", reply.text),
        }
    }
}

#[tokio::test]
async fn a_sixth_consent_ends_the_first() {
    let door = with_app();
    let mut tokens = Vec::new();
    for _ in 0..6 {
        let code = code_in(&press(&door, &wanted("sandbox-client", &[]), "allow").await);
        tokens.push(redeem(&door, &code, &APP).await.json()["refresh_token"].as_str().unwrap().to_owned());
    }
    let alive = async |token: &str| {
        let form = [&APP[..], &[("grant_type", "refresh_token"), ("refresh_token", token)]].concat();
        door.form("/services/oauth2/token", &form).await.status
    };
    assert_eq!((alive(&tokens[0]).await, alive(&tokens[1]).await, alive(&tokens[5]).await), (400, 200, 200));
}

#[tokio::test]
async fn who_asks_for_openid_is_told_who_logged_in_under_a_signature() {
    let door = with_app();
    let form = wanted("sandbox-client", &[("scope", "api openid"), ("nonce", "n-1")]);
    let tokens = redeem(&door, &code_in(&press(&door, &form, "allow").await), &APP).await.json();
    let token = tokens["id_token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let part = |text: &str| serde_json::from_slice::<Value>(&decoded(text)).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let claims = part(claims);
    assert_eq!(
        (&claims["aud"], &claims["nonce"], &claims["sub"]),
        (&json!("sandbox-client"), &json!("n-1"), &tokens["id"])
    );
    let request = Request::builder().uri("http://acme.example/id/keys").body(Body::empty()).unwrap();
    let key = door.send(request).await.json()["keys"][0].clone();
    assert_eq!(part(head)["kid"], key["kid"]);
    let number = |name: &str| decoded(key[name].as_str().unwrap());
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decoded(signature)).unwrap();
}

#[tokio::test]
async fn a_code_and_a_refresh_token_want_the_secret_unless_the_app_is_set_to_go_without() {
    let door = with_app();
    let optional = Client { is_consumer_secret_optional: true, ..app("optional", "s") };
    let lenient = Client { is_secret_required_for_refresh_token: false, ..app("lenient", "s") };
    [optional, lenient].into_iter().for_each(|client| door.org().register_client(client));
    let refresh = async |client: &str, more: &[(&str, &str)]| {
        let token = door.org().grant(client).unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("client_id", client)];
        door.form("/services/oauth2/token", &[&form[..], more].concat()).await
    };
    let code = async |client: &str, more: &[(&str, &str)]| {
        let code = code_in(&press(&door, &wanted(client, &[]), "allow").await);
        redeem(&door, &code, &[&[("client_id", client)], more].concat()).await
    };
    for refused in [
        code("sandbox-client", &[]).await,
        code("sandbox-client", &[("client_secret", "no")]).await,
        code("lenient", &[]).await,
        code("optional", &[("client_secret", "no")]).await,
        refresh("sandbox-client", &[]).await,
        refresh("optional", &[]).await,
        refresh("lenient", &[("client_secret", "no")]).await,
    ] {
        whole(&refused, "invalid_client", "invalid client credentials");
    }
    for passed in [code("optional", &[]).await, refresh("lenient", &[]).await] {
        assert_eq!(passed.status, 200, "{}", passed.text);
    }
}

#[tokio::test]
async fn a_token_is_good_for_the_data_api_only_where_that_was_consented_to() {
    let mut door = with_app();
    let form = wanted("sandbox-client", &[("scope", "openid refresh_token")]);
    let tokens = redeem(&door, &code_in(&press(&door, &form, "allow").await), &APP).await.json();
    door.token = tokens["access_token"].as_str().unwrap().to_owned();
    let reply = door.query("SELECT Id FROM Account").await;
    let body = r#"[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]"#;
    assert_eq!((reply.status, reply.text.as_str()), (401, body));
    let request = Request::builder().uri("http://acme.example/services/oauth2/userinfo");
    let request = request.header("authorization", format!("Bearer {}", door.token));
    assert_eq!(door.send(request.body(Body::empty()).unwrap()).await.status, 200);
}
