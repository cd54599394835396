//! The pages that a person meets between the command and the provider. No scripts, nothing from elsewhere.
//!
//! They never show a token, a code or a ticket but the one that the form sends back.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use sha2::{Digest as _, Sha256};

use crate::domain::connection::Connection;
use crate::domain::outcome::Failure;
use crate::ports::notification::Reply;

const STYLE: &str = include_str!("page.css");

/// An organisation that may be connected.
pub(super) struct Offer<'a> {
    pub(super) account: &'a str,
    pub(super) title: &'a str,
    /// What flows will call it.
    pub(super) name: &'a str,
    pub(super) chosen: bool,
    /// The connection that it is already.
    pub(super) known_as: Option<&'a str>,
}

pub(super) fn choose(action: &str, ticket: &str, offers: &[Offer<'_>], hint: Option<&str>) -> Reply {
    let mut body = String::from(
        "<p>You gave access to several organisations. Each one that you tick becomes a connection, and flows call it \
         by its name.</p>\n",
    );
    if let Some(hint) = hint {
        let _ = writeln!(body, "<p class=\"hint\" role=\"alert\">{}</p>", escape(hint));
    }
    let _ = writeln!(
        body,
        "<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"ticket\" value=\"{}\">",
        escape(action),
        escape(ticket)
    );
    for Offer { account, title, name, chosen, known_as } in offers {
        let (account, title) = (escape(*account), escape(*title));
        let checked = if *chosen { " checked" } else { "" };
        let known = known_as.map(|name| format!(" <small>connected as {}</small>", escape(name)));
        let _ = writeln!(
            body,
            "<fieldset>\n<legend>{title}{}</legend>\n\
             <label><input type=\"checkbox\" name=\"organisation\" value=\"{account}\"{checked}> Connect it</label>\n\
             <label>Name <input type=\"text\" name=\"name:{account}\" value=\"{}\" maxlength=\"64\" \
             autocomplete=\"off\" spellcheck=\"false\"></label>\n</fieldset>",
            known.unwrap_or_default(),
            escape(*name),
        );
    }
    body.push_str("<button>Connect</button>\n</form>\n");
    page(200, "Which organisations?", &body)
}

/// What was given stays; the button goes on with it.
pub(super) fn go_on(action: &str, ticket: &str, why: &Failure) -> Reply {
    let body = format!(
        "<p>You gave access, and nothing of it is lost: you need not allow it again. But the next step didn’t come to its \
         end in time.</p>\n<p class=\"hint\" role=\"alert\">{} <small>{}</small></p>\n\
         <form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"ticket\" value=\"{}\">\n\
         <p>Wait a moment, and within ten minutes:</p>\n<button>Go on</button>\n</form>\n",
        escape(why.message.as_str()),
        escape(why.code.as_str()),
        escape(action),
        escape(ticket)
    );
    page(503, "Not through yet", &body)
}

pub(super) fn connected(connections: &[Connection]) -> Reply {
    let mut body = String::from("<ul>\n");
    for connection in connections {
        let (name, title) = (escape(connection.id.as_str()), escape(connection.title.as_str()));
        let _ = writeln!(body, "<li><b>{name}</b> is connected to {title}</li>");
    }
    body.push_str("</ul>\n<p>What waited for it goes on by itself. You can close this window.</p>\n");
    page(200, "Connected", &body)
}

pub(super) fn declined(name: &str) -> Reply {
    let body = format!(
        "<p>You gave no access, so nothing was connected and nothing has changed.</p>\n\
         <p>If you change your mind, ask for <b>{}</b> again on the command line.</p>\n",
        escape(name)
    );
    page(200, "Nothing was connected", &body)
}

pub(super) fn refused(status: u16, failure: &Failure) -> Reply {
    let message = escape(failure.message.as_str());
    let body = format!("<p>{message}</p>\n<p><small>{}</small></p>\n", escape(failure.code.as_str()));
    page(status, "This didn’t work", &body)
}

/// The way to the provider's page.
pub(super) fn leave_for(url: String, cookie: String) -> Reply {
    let mut reply = Reply::empty(302);
    reply.headers = vec![("location", url), NO_STORE.owned(), NO_REFERRER.owned()];
    reply.cookies = vec![cookie];
    reply
}

struct Header(&'static str, &'static str);

/// Addresses and pages hold what works once.
const NO_STORE: Header = Header("cache-control", "no-store");
const NO_REFERRER: Header = Header("referrer-policy", "no-referrer");

impl Header {
    fn owned(&self) -> (&'static str, String) {
        (self.0, self.1.to_owned())
    }
}

fn page(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} · Counterfoil</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut reply = Reply::new(status, "text/html; charset=utf-8", html);
    reply.headers = vec![
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff".to_owned()),
        NO_STORE.owned(),
        NO_REFERRER.owned(),
    ];
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_is_markup() {
        let evil = "<script>alert('1')</script>\"'&";
        let offer = Offer { account: evil, title: evil, name: evil, chosen: true, known_as: Some(evil) };
        for reply in [
            choose(evil, evil, &[offer], Some(evil)),
            go_on(evil, evil, &Failure::new(evil, evil)),
            declined(evil),
            refused(400, &Failure::new(evil, evil)),
        ] {
            assert!(!reply.body.contains("<script"), "{}", reply.body);
            assert!(!reply.body.contains("alert('"), "{}", reply.body);
        }
    }

    #[test]
    fn a_page_is_not_kept_not_framed_and_takes_nothing_from_elsewhere() {
        let reply = declined("books");
        let header = |name: &str| {
            let found = reply.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!((header("cache-control"), header("referrer-policy")), ("no-store", "no-referrer"));
        assert!(!reply.body.contains("http"), "{}", reply.body);
    }
}
