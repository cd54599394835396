//! What a person sees in the browser: who asks for what, for which organisation, and two buttons. No scripts.
//!
//! Only writes HTML; what may be shown and what an answer means is `authorize`'s.

use std::fmt::Write;

use uuid::Uuid;

use super::register::User;
use crate::markup::escaped;
use crate::xero::answer::Answer;

const STYLE: &str = include_str!("consent_page.css");

pub(super) struct Page<'a> {
    pub(super) app: &'a str,
    pub(super) user: &'a User,
    /// The app's request, which comes back with the answer.
    pub(super) query: &'a str,
    pub(super) scopes: Vec<String>,
    pub(super) choices: Vec<Choice<'a>>,
    /// One organisation only.
    pub(super) is_single: bool,
    /// What was wrong with the last answer.
    pub(super) hint: Option<&'a str>,
}

pub(super) struct Choice<'a> {
    pub(super) tenant: Uuid,
    pub(super) name: &'a str,
    pub(super) is_connected: bool,
    /// Why it can't be chosen.
    pub(super) obstacle: Option<String>,
}

pub(super) fn consent(page: &Page<'_>) -> Answer {
    let app = escaped(page.app);
    let mut body = format!(
        "<h1>{app} wants access to</h1>\n<ul class=\"scopes\">\n{}</ul>\n\
         <form method=\"post\" action=\"?{}\">\n<input type=\"hidden\" name=\"user\" value=\"{}\">\n",
        page.scopes.iter().map(|words| format!("<li>{}</li>\n", escaped(words))).collect::<String>(),
        escaped(page.query),
        page.user.id,
    );
    if let Some(hint) = page.hint {
        let _ = writeln!(body, "<p class=\"hint\" role=\"alert\">{}</p>", escaped(hint));
    }
    if !page.choices.is_empty() {
        let many = if page.is_single { "an organisation" } else { "organisations" };
        let _ = writeln!(body, "<fieldset>\n<legend>Select {many} to connect</legend>");
        let mut is_first = true;
        for choice in &page.choices {
            let is_chosen = is_first && choice.obstacle.is_none();
            is_first &= !is_chosen;
            choose(&mut body, choice, page.is_single, is_chosen);
        }
        body.push_str("</fieldset>\n");
    }
    let _ = write!(
        body,
        "<div class=\"buttons\">\n<button name=\"decision\" value=\"allow\" class=\"allow\">Allow access</button>\n\
         <button name=\"decision\" value=\"deny\">Cancel</button>\n</div>\n</form>\n\
         <p class=\"small\">Signed in as {} ({}). {app} can be disconnected at any time.</p>\n",
        escaped(&page.user.name),
        escaped(&page.user.email),
    );
    answer(200, "Allow access", &body)
}

fn choose(body: &mut String, choice: &Choice<'_>, is_single: bool, is_chosen: bool) {
    let kind = if is_single { "radio" } else { "checkbox" };
    let checked = if is_chosen { " checked" } else { "" };
    let disabled = if choice.obstacle.is_some() { " disabled" } else { "" };
    let note = match (&choice.obstacle, choice.is_connected) {
        (Some(obstacle), _) => obstacle.as_str(),
        (None, true) => "Connected already",
        (None, false) => "",
    };
    let _ = writeln!(
        body,
        "<label><input type=\"{kind}\" name=\"tenant\" value=\"{}\"{checked}{disabled}> {} <small>{}</small></label>",
        choice.tenant,
        escaped(choice.name),
        escaped(note),
    );
}

/// Which of several people looks at the page; each of them a link.
pub(super) fn sign_in<'a>(
    app: &str,
    query: &str,
    people: impl Iterator<Item = (&'a str, &'a str)>,
) -> Answer {
    let mut body = format!("<h1>Sign in to continue to {}</h1>\n<ul class=\"people\">\n", escaped(app));
    for (name, email) in people {
        let target = super::form::with_query(&format!("?{query}"), &[("login_hint", email)]);
        let _ = writeln!(
            body,
            "<li><a href=\"{}\">{} <small>{}</small></a></li>",
            escaped(&target),
            escaped(name),
            escaped(email)
        );
    }
    body.push_str("</ul>\n");
    answer(200, "Sign in", &body)
}

/// The vendor shows its own mistakes' screen, whatever the app did wrong.
pub(super) fn error(error: &str, sentence: &str) -> Answer {
    let body = format!(
        "<h1>Sorry, something went wrong</h1>\n<p>Error: {}</p>\n<p>{}</p>\n<p class=\"small\">Error code: 500</p>\n",
        escaped(error),
        escaped(sentence)
    );
    answer(500, "Error", &body)
}

fn answer(status: u16, title: &str, body: &str) -> Answer {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Xero stand-in | {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"brand\">xero <small>stand-in</small></p>\n{body}</main>\n</body>\n</html>\n"
    );
    Answer {
        content_type: Some("text/html; charset=utf-8".into()),
        headers: vec![("cache-control", "no-store".to_owned())],
        body: page.into(),
        ..Answer::empty(status)
    }
}
