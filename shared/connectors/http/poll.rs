//! `http.poll`: pages of a list at any URL, by GET.
//!
//! One page is one request, but for redirects; an answer is the list, or a failure that says what it was instead. The
//! flow's headers, secrets among them, go to the origin that the flow names and to no other. Only the host that it names
//! may be in a private network: no server leads us into one.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::json;
use url::Url;

use super::link;
use super::options::{self, Header, Options, Paging, at};
use crate::domain::flow::Order;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::ports::connector::TriggerDescription;
use crate::ports::feed::{Feed, Page, PageAsk, PageRead, Validators};
use crate::ports::http::{HttpError, Method, Request, Response};

#[derive(Debug)]
pub struct HttpPoll;

/// The time limit of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest page that is taken.
const LARGEST_PAGE: usize = 8 * 1024 * 1024;
/// Redirects that are followed for one page.
const MOST_REDIRECTS: usize = 3;
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

#[async_trait]
impl Feed for HttpPoll {
    fn describe(&self) -> TriggerDescription {
        TriggerDescription {
            id: "http.poll",
            title: "Poll a URL",
            about: "New items of a list at any URL, and new versions of them. What is there when the flow goes live is \
                    remembered and starts nothing. The record is the item.",
            documentation: "https://www.rfc-editor.org/rfc/rfc9110",
            options: options::schema(),
            // Where versions are times, an older one is no news once a newer one had an effect.
            order: Order::Newest,
            minutes: 1,
            page: 0,
            scope: None,
            example: "type: http.poll\nurl: https://shop.example.com/api/orders?status=paid\nitems: orders\nid: item.id\n\
                      version: item.updated_at\n",
            sample: json!({
                "id": 1042, "updated_at": "2026-01-05T18:00:00Z", "email": "ap@acme.example", "total": 120.50,
            }),
        }
    }

    fn wrong_options(&self, options: &Object) -> Option<(&'static str, &'static str, String)> {
        options::wrong(options)
    }

    fn secrets(&self, options: &Object) -> Vec<String> {
        let headers = Options::of(options).map(|options| options.headers).unwrap_or_default();
        let secret = |header| match header {
            Header::Secret { secret, .. } => Some(secret),
            Header::Text(_) => None,
        };
        headers.into_values().filter_map(secret).collect()
    }

    fn first_page(&self, options: &Object) -> String {
        let Ok(options) = Options::of(options) else { return String::new() };
        match (&options.paging, Url::parse(&options.url)) {
            (Some(Paging::Page { page, from }), Ok(url)) => {
                with_parameter(url, page, &from.to_string()).into()
            }
            _ => options.url,
        }
    }

    async fn page(&self, ask: PageAsk<'_>) -> Result<Page, Fault> {
        let options =
            Options::of(ask.options).map_err(|error| Fault::terminal("bad_options", error.to_string()))?;
        let (url, response) = answered(&options, &ask).await?;
        if response.status == 304 {
            return Ok(Page::Unchanged);
        }
        let answer = read(&response).map_err(Fault::Terminal)?;
        let items = items(&options, &answer).map_err(Fault::Terminal)?;
        let next =
            next(&options, &ask, &url, &response, &answer, items.is_empty()).map_err(Fault::Terminal)?;
        let validator = |name: &str| response.header(name).map(str::to_owned);
        let validators = Validators { etag: validator("etag"), last_modified: validator("last-modified") };
        let at =
            response.header("date").and_then(|date| Stamp::parse_http_date(date).ok()).map(|stamp| stamp.0);
        Ok(Page::Read(PageRead { items, answer, next, validators, at }))
    }
}

/// The page's answer, a success or a 304, and the address that gave it.
async fn answered(options: &Options, ask: &PageAsk<'_>) -> Result<(Url, Response), Fault> {
    let home = parsed(&options.url).map_err(Fault::Terminal)?;
    let mut url = parsed(ask.url).map_err(Fault::Terminal)?;
    for _ in 0..=MOST_REDIRECTS {
        let request = request(options, ask, &url, url.origin() == home.origin())?;
        let response = if url.host() == home.host() {
            ask.http.send(request).await.map_err(|error| unanswered(ask.now, &error, ""))?
        } else {
            let host = url.host_str().unwrap_or_default();
            let led = format!("an answer led to {host}, and only the flow's own host may be private: ");
            ask.elsewhere.send(request).await.map_err(|error| unanswered(ask.now, &error, &led))?
        };
        match response.status {
            200..=299 | 304 => return Ok((url, response)),
            301 | 302 | 303 | 307 | 308 => {
                let place = response.header("location").unwrap_or_default();
                url = url.join(place).map_err(|error| {
                    Fault::terminal(
                        "bad_redirect",
                        format!("it redirects to `{place}`, which is no address: {error}"),
                    )
                })?;
            }
            _ => return Err(refused(ask.now, &response)),
        }
    }
    let message = format!("it redirects more than {MOST_REDIRECTS} times; poll the address where it ends");
    Err(Fault::terminal("too_many_redirects", message))
}

fn parsed(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|error| Failure::new("bad_url", format!("`{url}` is no URL: {error}")))
}

/// `at_home`: to the origin that the flow names, which alone gets its headers.
fn request(options: &Options, ask: &PageAsk<'_>, url: &Url, at_home: bool) -> Result<Request, Fault> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in options.headers.iter().filter(|_| at_home) {
        let value = match value {
            Header::Text(text) => text.clone(),
            Header::Secret { secret, prefix } => {
                let known = ask.secrets.get(secret).ok_or_else(|| {
                    let message =
                        format!("the vault has no secret `{secret}`; `counterfoil flow secret {secret}`");
                    Fault::terminal("missing_secret", message)
                })?;
                format!("{prefix}{}", known.expose_secret())
            }
        };
        headers.push((name.to_ascii_lowercase(), value));
    }
    if !headers.iter().any(|(name, _)| name == "accept") {
        headers.push(("accept".to_owned(), "application/json".to_owned()));
    }
    // A server that knows entity tags goes by them alone.
    if let Some(etag) = &ask.validators.etag {
        headers.push(("if-none-match".to_owned(), etag.clone()));
    } else if let Some(time) = &ask.validators.last_modified {
        headers.push(("if-modified-since".to_owned(), time.clone()));
    }
    let mut url = url.clone();
    url.set_fragment(None);
    Ok(Request { method: Method::Get, url: url.into(), headers, body: Vec::new(), timeout: TIMEOUT })
}

/// `led`: how we came there, where the flow didn't say it.
fn unanswered(now: Timestamp, error: &HttpError, led: &str) -> Fault {
    let code = match error {
        HttpError::NotSent(_) => "not_reached",
        HttpError::NoAnswer(_) => "no_answer",
    };
    let failure = Failure::new(code, format!("{led}{error}"));
    Fault::Retry(Again { at: now, reason: Reason::Failed, failure })
}

/// What an answer means that is no success.
fn refused(now: Timestamp, response: &Response) -> Fault {
    let status = response.status;
    let failure = |code: &str, what: &str| Failure::new(code, format!("it answers {status}: {what}"));
    match status {
        401 | 403 => Fault::Terminal(failure("not_authorised", "look at the secret in `headers`")),
        404 | 410 => Fault::Terminal(failure("not_found", "look at the URL")),
        408 | 425 | 429 | 500..=599 => {
            let pause = response.header("retry-after").and_then(|text| retry_after(now, text));
            let limited = status == 429 || pause.is_some();
            let (code, reason) =
                if limited { ("limited", Reason::Limit) } else { ("unavailable", Reason::Failed) };
            let at = now + pause.unwrap_or_default().clamp(SignedDuration::ZERO, LONGEST_PAUSE);
            Fault::Retry(Again { at, reason, failure: failure(code, "it is asked again later") })
        }
        _ => Fault::Terminal(failure("refused", "look at the URL and the headers")),
    }
}

/// Seconds, or a date. <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
fn retry_after(now: Timestamp, text: &str) -> Option<SignedDuration> {
    match text.trim().parse::<u32>() {
        Ok(seconds) => Some(SignedDuration::from_secs(i64::from(seconds))),
        Err(_) => Some(Stamp::parse_http_date(text).ok()?.0.duration_since(now)),
    }
}

/// The answer's JSON. 204 is an empty list said in another way; an empty 200 is no list at all.
fn read(response: &Response) -> Result<Value, Failure> {
    let not_json = |what: &str| Failure::new("not_json", format!("the answer is {what}, not JSON"));
    if response.status == 204 {
        return Ok(Value::Null);
    }
    if response.body.len() > LARGEST_PAGE {
        let message = format!("the page has {} bytes, at most {LARGEST_PAGE} are taken", response.body.len());
        return Err(Failure::new("page_too_large", message));
    }
    let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body).trim_ascii();
    if body.is_empty() {
        return Err(not_json("empty"));
    }
    if body.starts_with(b"<") {
        return Err(not_json("a web page or XML (a page for signing in?)"));
    }
    serde_json::from_slice(body).map_err(|error| not_json(&format!("unreadable ({error})")))
}

fn items(options: &Options, answer: &Value) -> Result<Vec<Value>, Failure> {
    let (list, place) = match &options.items {
        Some(path) if !answer.is_null() => (at(answer, path), path.as_str()),
        _ => (Some(answer), "its top"),
    };
    match list {
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(Value::Null) => Ok(Vec::new()),
        _ => {
            let names =
                answer.as_object().map(|object| object.keys().map(String::as_str).collect::<Vec<_>>());
            let has = names.map(|names| format!("; it has {}", names.join(", "))).unwrap_or_default();
            Err(Failure::new("no_items", format!("the answer has no list at {place}{has}: look at `items`")))
        }
    }
}

/// The address of the next page; none after the last.
fn next(
    options: &Options,
    ask: &PageAsk<'_>,
    url: &Url,
    response: &Response,
    answer: &Value,
    is_empty: bool,
) -> Result<Option<String>, Failure> {
    let Some(paging) = &options.paging else { return Ok(None) };
    let bad = |what: String| Failure::new("bad_next_page", what);
    match paging {
        Paging::Link { link } => {
            let target = match link.as_str() {
                "header" => {
                    let headers =
                        response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
                    link::next(headers.map(|(_, value)| value.as_str()))
                }
                path => text_at(answer, path).map_err(bad)?,
            };
            let Some(target) = target else { return Ok(None) };
            let next = url.join(&target);
            next.map(|next| Some(next.into()))
                .map_err(|error| bad(format!("`{target}` is no address: {error}")))
        }
        Paging::Cursor { cursor, parameter } => {
            let found = text_at(answer, cursor).map_err(bad)?;
            let home = parsed(&options.url)?;
            Ok(found.map(|cursor| with_parameter(home, parameter, &cursor).into()))
        }
        Paging::Page { .. } if is_empty => Ok(None),
        Paging::Page { page, from } => {
            let asked = parsed(ask.url)?;
            let number = asked.query_pairs().find(|(name, _)| name == page.as_str());
            let number = number.and_then(|(_, number)| number.parse().ok()).unwrap_or(*from);
            Ok(Some(with_parameter(asked, page, &number.saturating_add(1).to_string()).into()))
        }
    }
}

/// A text or a number; none where nothing, null, false or an empty text is.
fn text_at(answer: &Value, path: &str) -> Result<Option<String>, String> {
    match at(answer, path) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("what is at {path} is neither a text nor a number")),
    }
}

/// Sets one parameter of the query and leaves the others as they are written.
fn with_parameter(mut url: Url, name: &str, value: &str) -> Url {
    let others = url.query().unwrap_or_default().split('&').filter(|pair| {
        let mut parsed = form_urlencoded::parse(pair.as_bytes());
        !pair.is_empty() && parsed.next().is_none_or(|(other, _)| other != name)
    });
    let ours = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    let pairs: Vec<String> = others.map(str::to_owned).chain([ours]).collect();
    url.set_query(Some(&pairs.join("&")));
    url
}
