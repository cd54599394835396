//! The consent page, as a browser meets it: read the form, send it, follow where it leads.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::identity::{CALLBACK, claims, register_web_app, token};
use super::{Client, Reply, encoded};
use crate::xero::App;

const AUTHORIZE: &str = "/identity/connect/authorize";

/// A page with one form.
struct Form {
    action: String,
    /// Name, kind, value, checked, disabled.
    inputs: Vec<Input>,
    buttons: Vec<(String, String)>,
}

#[derive(Debug)]
struct Input {
    kind: String,
    name: String,
    value: String,
    checked: bool,
    disabled: bool,
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&amp;", "&")
}

/// The tags of this kind, each with what is written in it.
fn tags<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("<{name} ");
    page.split(&start).skip(1).map(|rest| rest.split_once('>').unwrap().0).collect()
}

fn attribute(tag: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let found = tag.split_once(&start).map(|(_, rest)| rest.split_once('"').unwrap().0);
    unescaped(found.unwrap_or_default())
}

impl Form {
    fn of(page: &Reply) -> Self {
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(!page.text.contains("<script"), "the page works without scripts");
        let inputs = tags(&page.text, "input").into_iter().map(|tag| Input {
            kind: attribute(tag, "type"),
            name: attribute(tag, "name"),
            value: attribute(tag, "value"),
            checked: tag.ends_with(" checked") || tag.contains(" checked "),
            disabled: tag.ends_with(" disabled"),
        });
        let buttons = tags(&page.text, "button").into_iter();
        let form = tags(&page.text, "form");
        assert_eq!((form.len(), attribute(form[0], "method").as_str()), (1, "post"));
        Self {
            action: format!("{AUTHORIZE}{}", attribute(form[0], "action")),
            inputs: inputs.collect(),
            buttons: buttons.map(|tag| (attribute(tag, "name"), attribute(tag, "value"))).collect(),
        }
    }

    fn tick(&mut self, value: &str, checked: bool) {
        let input = self.inputs.iter_mut().find(|input| input.value == value).unwrap();
        assert!(!input.disabled);
        input.checked = checked;
    }

    async fn press(&self, client: &Client, button: &str) -> Reply {
        let pressed = self.buttons.iter().find(|(_, value)| value == button).unwrap();
        let sent =
            self.inputs.iter().filter(|input| input.kind == "hidden" || (input.checked && !input.disabled));
        let pairs: Vec<(&str, &str)> = sent
            .map(|input| (input.name.as_str(), input.value.as_str()))
            .chain([(pressed.0.as_str(), pressed.1.as_str())])
            .collect();
        let body = serde_urlencoded::to_string(pairs).unwrap();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        client.send("POST", &self.action, &kind, &body).await
    }
}

/// What the app's callback is sent.
fn followed(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 302, "{}", reply.text);
    let target = reply.header("location").unwrap();
    serde_urlencoded::from_str(target.strip_prefix(&format!("{CALLBACK}?")).unwrap()).unwrap()
}

fn address(client_id: &str, more: &str) -> String {
    let callback = encoded(CALLBACK);
    let scope = "openid%20offline_access%20accounting.contacts%20accounting.settings.read";
    format!(
        "{AUTHORIZE}?response_type=code&client_id={client_id}&redirect_uri={callback}&scope={scope}&state=a%20b%26{more}"
    )
}

#[tokio::test]
async fn a_person_allows_one_of_two_organisations_and_the_app_sees_just_that() {
    let client = Client::new().await;
    register_web_app(&client);
    let second = client.xero().add_organisation("Tea & <Coffee>").to_string();
    let page = client.send("GET", &address("web-app", "&nonce=n1"), &[], "").await;
    assert_eq!(page.status, 200);
    for words in [
        "Web wants access to",
        "<li>View and manage contacts and contact groups</li>",
        "<li>View the organisation's settings",
        "Tea &amp; &lt;Coffee&gt;",
        "Signed in as Demo User (demo@example.com)",
    ] {
        assert!(page.text.contains(words), "{words} is not in {}", page.text);
    }
    let mut form = Form::of(&page);
    assert!(form.inputs.iter().filter(|input| input.name == "tenant").all(|input| input.kind == "checkbox"));
    form.tick(&client.ledger().tenant_id().to_string(), false);
    form.tick(&second, true);
    let back = followed(&form.press(&client, "allow").await);
    assert_eq!((back[0].0.as_str(), &back[1]), ("code", &("state".to_owned(), "a b&".to_owned())));
    let exchange = format!("grant_type=authorization_code&code={}&redirect_uri={CALLBACK}", back[0].1);
    let tokens = token(&client, &exchange).await.json();
    assert_eq!(claims(&client, &tokens["id_token"]).await["nonce"], "n1");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let rows = client.send("GET", "/connections", &[("authorization", &bearer)], "").await.json();
    let names: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["tenantName"].as_str().unwrap()).collect();
    assert_eq!(names, ["Tea & <Coffee>"]);
    let again = client.send("GET", &address("web-app", ""), &[], "").await;
    assert!(again.text.contains("Connected already"));
}

#[tokio::test]
async fn who_cancels_is_sent_back_with_a_refusal_and_nothing_is_connected() {
    let client = Client::new().await;
    register_web_app(&client);
    let form = Form::of(&client.send("GET", &address("web-app", ""), &[], "").await);
    let reply = form.press(&client, "deny").await;
    assert_eq!(
        reply.header("location"),
        Some("http://localhost:8080/callback?error=access_denied&state=a%20b%26")
    );
    let rows = client.control("GET", "connections", json!({})).await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["client_id"] != "web-app"));
}

#[tokio::test]
async fn one_organisation_at_a_time_is_a_choice_and_none_is_asked_for_again() {
    let client = Client::new().await;
    register_web_app(&client);
    let second = client.xero().add_organisation("Second").to_string();
    let single = address("web-app", "&acr_values=bulk_connect%3Afalse");
    let mut form = Form::of(&client.send("GET", &single, &[], "").await);
    assert!(form.inputs.iter().filter(|input| input.name == "tenant").all(|input| input.kind == "radio"));
    // A browser can't do it, a program can.
    form.tick(&second, true);
    assert_eq!(form.press(&client, "allow").await.status, 500);
    form.tick(&second, false);
    form.tick(&client.ledger().tenant_id().to_string(), false);
    let again = form.press(&client, "allow").await;
    assert_eq!(again.status, 200);
    assert!(again.text.contains("Choose an organisation to connect."));
    let followed = followed(&Form::of(&again).press(&client, "allow").await);
    assert_eq!(followed[0].0, "code");
}

#[tokio::test]
async fn several_people_sign_in_by_name_and_see_their_own_organisations() {
    let client = Client::new().await;
    register_web_app(&client);
    let second = client.xero().add_organisation("Second");
    let user = json!({ "name": "Ann Other", "email": "ann@example.com", "organisations": [second] });
    client.control("POST", "users", user).await;
    let page = client.send("GET", &address("web-app", ""), &[], "").await;
    let links: Vec<String> = tags(&page.text, "a").into_iter().map(|tag| attribute(tag, "href")).collect();
    assert_eq!(links.len(), 2);
    let page = client.send("GET", &format!("{AUTHORIZE}{}", links[1]), &[], "").await;
    assert!(page.text.contains("Signed in as Ann Other") && !page.text.contains("Demo Company"));
    assert_eq!(followed(&Form::of(&page).press(&client, "allow").await)[0].0, "code");
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_shown_and_never_sent_back() {
    let client = Client::new().await;
    register_web_app(&client);
    client.xero().register_app(App::pkce("till", "Till", &[CALLBACK])).unwrap();
    let good = address("web-app", "");
    let wrong = |from: &str, to: &str| good.replace(from, to);
    for (url, error) in [
        (wrong("web-app", "nobody"), "unauthorized_client"),
        (wrong(&encoded("callback"), &encoded("elsewhere")), "invalid_request"),
        (wrong(&encoded("localhost"), &encoded("127.0.0.1")), "invalid_request"),
        (wrong("response_type=code", "response_type=token"), "unsupported_response_type"),
        (wrong("accounting.contacts", "accounting.everything"), "invalid_scope"),
        (wrong("accounting.contacts", "accounting.transactions"), "unauthorized_client"),
        (wrong("accounting.contacts", "app.connections"), "invalid_scope"),
        (format!("{good}&code_challenge={}&code_challenge_method=plain", "a".repeat(43)), "invalid_request"),
        (address("till", ""), "invalid_request"),
        (address("sandbox-client", ""), "unauthorized_client"),
    ] {
        let reply = client.send("GET", &url, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (500, None), "{url}");
        assert!(reply.text.contains(&format!("Error: {error}")), "{url}: {}", reply.text);
        let posted = client.send("POST", &url, &[], "decision=allow").await;
        assert_eq!(posted.status, 500, "{url}");
    }
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_address_and_its_five_minutes() {
    let client = Client::new().await;
    register_web_app(&client);
    client.xero().register_app(App::pkce("till", "Till", &[CALLBACK])).unwrap();
    let verifier = "a".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let asked = |app: &str| address(app, &format!("&code_challenge={challenge}&code_challenge_method=S256"));
    let code = async |app: &str| {
        let form = Form::of(&client.send("GET", &asked(app), &[], "").await);
        followed(&form.press(&client, "allow").await)[0].1.clone()
    };
    let (short, other) = ("a".repeat(42), "b".repeat(43));
    for (verifier, callback, status) in [
        (&short, CALLBACK, 400),
        (&other, CALLBACK, 400),
        (&String::new(), CALLBACK, 400),
        (&verifier, "http://localhost:8080/other", 400),
        (&verifier, CALLBACK, 200),
    ] {
        for app in ["web-app", "till"] {
            let form = format!(
                "grant_type=authorization_code&code={}&redirect_uri={callback}&code_verifier={verifier}",
                code(app).await
            );
            let reply = match app {
                "till" => client.send("POST", "/connect/token", &[], &format!("{form}&client_id=till")).await,
                _ => token(&client, &form).await,
            };
            assert_eq!(reply.status, status, "{app} {verifier} {callback}");
            if status == 400 {
                assert_eq!(reply.text, r#"{"error":"invalid_grant"}"#);
            }
        }
    }
    let late = code("web-app").await;
    client.advance(300);
    let form =
        format!("grant_type=authorization_code&code={late}&redirect_uri={CALLBACK}&code_verifier={verifier}");
    assert_eq!(token(&client, &form).await.text, r#"{"error":"invalid_grant"}"#);
}

#[tokio::test]
async fn a_third_app_without_certificate_finds_the_organisation_taken() {
    let client = Client::new().await;
    let tenant = client.ledger().tenant_id();
    let scopes = ["accounting.contacts".to_owned()];
    for name in ["one", "two"] {
        client.xero().register_app(App::web(name, "secret", name, &[CALLBACK])).unwrap();
        client.xero().consent(name, &[tenant], &scopes).unwrap();
    }
    register_web_app(&client);
    let page = client.send("GET", &address("web-app", ""), &[], "").await;
    let mut form = Form::of(&page);
    assert!(page.text.contains("already connected to 2 uncertified apps"));
    let input = form.inputs.iter_mut().find(|input| input.name == "tenant").unwrap();
    assert!(input.disabled && !input.checked);
    (input.disabled, input.checked) = (false, true);
    let again = form.press(&client, "allow").await;
    assert!(
        again.status == 200 && again.text.contains("role=\"alert\">This organisation is already connected")
    );
    let app = App::web("certified", "secret", "Certified", &[CALLBACK]);
    client.xero().register_app(App { certified: true, ..app }).unwrap();
    let form = Form::of(&client.send("GET", &address("certified", ""), &[], "").await);
    assert_eq!(followed(&form.press(&client, "allow").await)[0].0, "code");
}

/// As one that was given in a browser is good for the address that was asked with.
#[tokio::test]
async fn a_code_that_was_given_without_a_browser_is_good_for_the_app_s_own_addresses_only() {
    let client = Client::new().await;
    register_web_app(&client);
    let tenant = client.ledger().tenant_id();
    for (callback, status) in
        [("", 400), ("&redirect_uri=https://thief.example", 400), (&format!("&redirect_uri={CALLBACK}"), 200)]
    {
        let code = client.xero().consent("web-app", &[tenant], &["accounting.contacts".to_owned()]).unwrap();
        let reply = token(&client, &format!("grant_type=authorization_code&code={code}{callback}")).await;
        assert_eq!(reply.status, status, "{callback}: {}", reply.text);
    }
}
