//! A person with a browser: opens addresses, keeps cookies, and presses buttons on whatever page is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil::flow::Stack;
use counterfoil::flow::receive::WebhookRequest;
use counterfoil::ports::http::{Method, Request, header};
use counterfoil::runtime::{events, handlers};
use jiff::SignedDuration;

/// Where Counterfoil's own pages are.
pub(crate) const ADDRESS: &str = "https://connect.example";

#[derive(Clone)]
pub(crate) struct Person {
    stack: Stack,
    cookies: BTreeMap<String, String>,
    /// How long our own pages may take.
    pub(crate) patience: SignedDuration,
    /// Every page and every address of ours that the person saw.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Person {
    pub(crate) fn new(stack: &Stack) -> Self {
        let patience = stack.times.function;
        Self { stack: stack.clone(), cookies: BTreeMap::new(), patience, seen: Arc::default() }
    }

    /// The same browser, answered by another process of ours.
    pub(crate) fn answered_by(&self, stack: &Stack) -> Self {
        Self { stack: stack.clone(), ..self.clone() }
    }

    /// Opens an address, and goes where it leads.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        let mut page = self.ask("GET", url, "").await;
        while let Some(next) = page.leads_to() {
            page = self.ask("GET", &next, "").await;
        }
        page
    }

    /// Opens an address, and goes no further.
    pub(crate) async fn look_at(&mut self, url: &str) -> Page {
        self.ask("GET", url, "").await
    }

    /// Sends the page's form, with these changes, by the button of this value; and goes where it leads.
    pub(crate) async fn press(
        &mut self,
        page: &Page,
        button: &str,
        changes: &[(&str, Option<&str>)],
    ) -> Page {
        let mut page = self.send(page, button, changes).await;
        while let Some(next) = page.leads_to() {
            page = self.ask("GET", &next, "").await;
        }
        page
    }

    /// The same, and goes no further.
    pub(crate) async fn send(&mut self, page: &Page, button: &str, changes: &[(&str, Option<&str>)]) -> Page {
        let form = page.text.split_once("<form ").expect("a form").1;
        let (head, form) = form.split_once('>').expect("a form's head");
        let url = join(&page.url, &attribute(head, "action"));
        let mut pairs = vec![("decision".to_owned(), button.to_owned())];
        for input in form.split("<input ").skip(1) {
            let tag = input.split_once('>').expect("a tag's end").0;
            let is_ticked = tag.ends_with(" checked") || tag.contains(" checked ");
            if attribute(tag, "type") != "checkbox" || is_ticked {
                pairs.push((attribute(tag, "name"), attribute(tag, "value")));
            }
        }
        if let Some((_, rest)) = form.split_once("<select ") {
            let name = attribute(rest, "name");
            pairs.push((name, attribute(rest.split_once("<option ").expect("somebody").1, "value")));
        }
        for (name, value) in changes {
            match (name.split_once('='), value) {
                // A box: `organisation=ID`.
                (Some((name, box_value)), ticked) => {
                    pairs.retain(|(known, value)| known != name || value != box_value);
                    pairs.extend(ticked.map(|_| (name.to_owned(), box_value.to_owned())));
                }
                (None, value) => {
                    pairs.retain(|(known, _)| known != name);
                    pairs.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
                }
            }
        }
        let body: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.ask("POST", &url, &body.join("&")).await
    }

    /// What the cookies hold.
    pub(crate) fn cookies(&self) -> Vec<String> {
        self.cookies.values().cloned().collect()
    }

    async fn ask(&mut self, method: &str, url: &str, body: &str) -> Page {
        match url.strip_prefix(ADDRESS) {
            Some(path) => self.ask_us(method, url, path, body).await,
            None => self.ask_them(method, url, body).await,
        }
    }

    async fn ask_us(&mut self, method: &str, url: &str, path: &str, body: &str) -> Page {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = WebhookRequest {
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("cookie".to_owned(), cookies.join("; "))],
            body: body.as_bytes().to_vec(),
        };
        let deadline = self.stack.now() + self.patience;
        let answer = handlers::console(&self.stack, events::http_event(method, request), deadline).await;
        for cookie in &answer.cookies {
            let (name, value) = cookie.split(';').next().and_then(|it| it.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let headers = answer
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
        let text = match answer.body {
            Some(aws_body) => String::from_utf8(aws_body.to_vec()).expect("text"),
            None => String::new(),
        };
        let page = Page {
            url: url.to_owned(),
            status: u16::try_from(answer.status_code).expect("a status"),
            headers: headers.collect(),
            text,
        };
        self.seen.lock().expect("nobody panicked").push(page.text.clone());
        page
    }

    async fn ask_them(&self, method: &str, url: &str, body: &str) -> Page {
        let request = Request {
            method: if method == "POST" { Method::Post } else { Method::Get },
            url: url.to_owned(),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: body.as_bytes().to_vec(),
            timeout: Duration::from_secs(30),
        };
        let answer = self.stack.ports.http.send(request).await.expect("an answer");
        let text = String::from_utf8(answer.body).expect("text");
        Page { url: url.to_owned(), status: answer.status, headers: answer.headers, text }
    }
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn leads_to(&self) -> Option<String> {
        self.header("location").map(str::to_owned)
    }

    /// A parameter of the address.
    pub(crate) fn parameter(&self, name: &str) -> String {
        parameter(&self.url, name)
    }
}

/// A parameter of an address's query, decoded.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').expect("a query").1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    decoded(found.unwrap_or_else(|| panic!("{name} in {url}")))
}

fn join(base: &str, action: &str) -> String {
    let origin: String = base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    match action.chars().next() {
        Some('?') => format!("{}{action}", base.split('?').next().expect("an address")),
        Some('/') => format!("{origin}{action}"),
        _ => action.to_owned(),
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let found = tag.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    let text = found.map(|(value, _)| value).unwrap_or_default();
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'");
    text.replace("&apos;", "'").replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                u8::from_str_radix(std::str::from_utf8(&digits).expect("digits"), 16).expect("a number")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).expect("text")
}
