//! The page where a person logs in and lets an app in, or doesn't. Plain HTML: it works without JavaScript.
//!
//! https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm. Errors about the
//! app itself are shown, since nobody knows yet whether the call-back is the app's; all others are sent back.

use std::fmt::Write;

use jiff::Timestamp;

use super::super::answer::Answer;
use super::super::clients::Client;
use super::super::org::Org;
use super::super::tokens::{Code, Grantee, letters};
use super::Form;
use crate::markup::escaped;

/// A code is good for so many seconds.
const CODE_SECONDS: i64 = 15 * 60;
/// What the page carries from the request to the decision.
const CARRIED: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// A request that may be put before a person.
struct Request {
    client: Client,
    scope: String,
}

pub(super) fn page(org: &Org, form: &Form) -> Answer {
    match read(org, form) {
        Ok(request) => Answer::text(200, HTML, &shown(org, form, &request)),
        Err(refusal) => refusal,
    }
}

pub(super) fn decided(org: &mut Org, form: &Form) -> Answer {
    let request = match read(org, form) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    if form.get("decision").map(String::as_str) != Some("allow") {
        return back_with_error(form, "access_denied", "end-user denied authorization");
    }
    let username = form.get("username").map(String::as_str).unwrap_or_default();
    let user = org.store.table("User").with("Username", username).next().cloned();
    let Some(user) = user.filter(|user| user.is("IsActive")) else {
        return Answer::text(200, HTML, &shown(org, form, &request));
    };
    let code = format!("aPrx{}", letters(&mut org.random, 60));
    let mut grantee = Grantee::new(&request.client.id, &user.id, &request.scope);
    grantee.nonce = form.get("nonce").cloned();
    let made = Code {
        grantee,
        redirect: form.get("redirect_uri").cloned().unwrap_or_default(),
        challenge: form.get("code_challenge").filter(|challenge| !challenge.is_empty()).cloned(),
        until: Timestamp::from_second(org.now.as_second() + CODE_SECONDS).unwrap_or(org.now),
        used: false,
    };
    org.access.codes.insert(code.clone(), made);
    back(form, &[("code", &code)])
}

fn read(org: &Org, form: &Form) -> Result<Request, Answer> {
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let Some(client) = org.access.clients.get(given("client_id")).cloned() else {
        return Err(told("invalid_client_id", "client identifier invalid"));
    };
    if !client.takes_back_at(given("redirect_uri")) {
        return Err(told("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    let refused = |error: &str, why: &str| Err(back_with_error(form, error, why));
    if client.blocked {
        return refused("OAUTH_APP_BLOCKED", "this app is blocked by admin");
    }
    if given("response_type") != "code" || client.flows_off.contains("authorization_code") {
        return refused("unsupported_response_type", "response type not supported");
    }
    let challenge = given("code_challenge");
    if client.proof_key && challenge.is_empty() {
        return refused("invalid_request", "missing required code challenge");
    }
    if !challenge.is_empty() && !matches!(given("code_challenge_method"), "" | "S256") {
        return refused("invalid_request", "invalid code challenge method");
    }
    match client.scope(given("scope")) {
        Ok(scope) => Ok(Request { client, scope }),
        Err(_) => refused("invalid_scope", "the requested scope is not allowed"),
    }
}

const HTML: &str = "text/html; charset=UTF-8";

fn told(error: &str, description: &str) -> Answer {
    let line = serde_urlencoded::to_string([("error", error), ("error_description", description)]);
    Answer::text(400, HTML, &line.unwrap_or_default().replace('+', "%20"))
}

fn back_with_error(form: &Form, error: &str, description: &str) -> Answer {
    back(form, &[("error", error), ("error_description", description)])
}

fn back(form: &Form, said: &[(&str, &str)]) -> Answer {
    let redirect = form.get("redirect_uri").map(String::as_str).unwrap_or_default();
    let state = form.get("state").map(|state| ("state", state.as_str()));
    let said: Vec<(&str, &str)> = said.iter().copied().chain(state).collect();
    let joint = if redirect.contains('?') { '&' } else { '?' };
    let said = serde_urlencoded::to_string(said).unwrap_or_default();
    Answer::empty(302).with("location", format!("{redirect}{joint}{said}"))
}

fn shown(org: &Org, form: &Form, request: &Request) -> String {
    let mut fields = String::new();
    for name in CARRIED {
        if let Some(value) = form.get(name) {
            let _ = writeln!(fields, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
        }
    }
    let hint = form.get("login_hint").map(String::as_str).unwrap_or_default();
    let mut people = String::new();
    for user in org.store.table("User").all().filter(|user| user.is("IsActive")) {
        let username = user.text("Username");
        let chosen = if username == hint { " selected" } else { "" };
        let (username, name) = (escaped(username), escaped(user.text("Name")));
        let _ = writeln!(people, "<option value=\"{username}\"{chosen}>{name} ({username})</option>");
    }
    let scopes: String =
        request.scope.split(' ').map(|scope| format!("<li>{}</li>", meaning(scope))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Allow Access?</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <style>body{{font:16px/1.5 sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}}\
         select,button{{font:inherit;padding:.4rem .8rem}}select{{width:100%}}</style></head>\n<body>\n\
         <h1>Allow Access?</h1>\n<p><b>{client}</b> is asking to do this in <b>{organization}</b>:</p>\n\
         <ul>{scopes}</ul>\n<form method=\"post\" action=\"/services/oauth2/authorize\">\n{fields}\
         <p><label>Log in as<br><select name=\"username\">\n{people}</select></label></p>\n\
         <p><button name=\"decision\" value=\"allow\">Allow</button>\n\
         <button name=\"decision\" value=\"deny\">Deny</button></p>\n</form>\n\
         <p>This is a stand-in: nothing leaves it.</p>\n</body>\n</html>\n",
        client = escaped(&request.client.name),
        organization = escaped(&org.options.organization_name),
    )
}

fn meaning(scope: &str) -> String {
    match scope {
        "api" => "Manage user data via APIs".into(),
        "refresh_token" => "Perform requests at any time".into(),
        "id" | "profile" | "openid" => format!("Access unique user identifiers ({scope})"),
        "full" => "Full access".into(),
        other => escaped(other),
    }
}
