//! HTTP over the network: one try, no redirects, whole bodies, and an honest word on how far a failed one got.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;

use crate::ports::http::{Http, HttpError, Method, Request, Response};

/// A host that doesn't answer by then isn't there; nothing has been sent yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any answer that we ask for; it keeps a runaway one from taking the memory.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
}

impl HttpClient {
    /// `user_agent`: who we say we are.
    pub fn new(user_agent: &str) -> Result<Self, reqwest::Error> {
        // Fails only when a provider is installed already, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(user_agent)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            // Whether a call may be made again is for the gate to say.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Http for HttpClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut outgoing = self
            .client
            .request(method(request.method), &request.url)
            .timeout(request.timeout)
            .body(request.body);
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value);
        }
        let mut answer = outgoing.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| HttpError::NoAnswer(words(error)))? {
            if body.len() + part.len() > LARGEST_BODY {
                return Err(HttpError::NoAnswer(format!("the answer is larger than {LARGEST_BODY} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(Response { status, headers, body })
    }
}

/// Only what surely never reached the other side is *not sent*.
fn failed(error: reqwest::Error) -> HttpError {
    if error.is_connect() || error.is_builder() {
        HttpError::NotSent(words(error))
    } else {
        HttpError::NoAnswer(words(error))
    }
}

/// The error and its causes; without the URL, since a query may hold what nobody should read.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}
