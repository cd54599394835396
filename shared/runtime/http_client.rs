//! HTTP over the network: one try, no redirects, whole bodies, and an honest word on how far a failed one got.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;

use super::public_names::PublicNames;
use crate::connectors::http::guard;
use crate::ports::http::{Http, HttpError, Method, Request, Response};

/// A host that doesn't answer by then isn't there; nothing has been sent yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any answer that we ask for; it keeps a runaway one from taking the memory.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    reach: Reach,
}

#[derive(Debug, Clone, Copy)]
enum Reach {
    Anywhere,
    Loopback,
    Public,
}

impl HttpClient {
    /// `user_agent`: who we say we are.
    pub fn new(user_agent: &str) -> Result<Self, reqwest::Error> {
        Ok(Self { client: builder(user_agent).build()?, reach: Reach::Anywhere })
    }

    /// One that reaches no other machine.
    pub fn loopback_only(user_agent: &str) -> Result<Self, reqwest::Error> {
        Ok(Self { reach: Reach::Loopback, ..Self::new(user_agent)? })
    }

    /// One that reaches public addresses only, by HTTPS: for URLs that aren't ours. It uses no proxy, which would look
    /// names up by itself.
    pub fn public_only(user_agent: &str) -> Result<Self, reqwest::Error> {
        let client = builder(user_agent).dns_resolver(PublicNames).no_proxy().build()?;
        Ok(Self { client, reach: Reach::Public })
    }

    /// Why the URL is out of reach.
    fn refused(&self, url: &str) -> Option<String> {
        match self.reach {
            Reach::Anywhere => None,
            Reach::Loopback => (!is_loopback(url))
                .then(|| "with a clock that runs fast, only servers on 127.0.0.1 are called".to_owned()),
            Reach::Public => guard::refused(url),
        }
    }
}

fn builder(user_agent: &str) -> reqwest::ClientBuilder {
    // Fails only when a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(user_agent)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        // Whether a call may be made again is for the gate to say.
        .retry(reqwest::retry::never())
}

#[async_trait]
impl Http for HttpClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if let Some(why) = self.refused(&request.url) {
            return Err(HttpError::NotSent(why));
        }
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

fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Reads one request and answers with these bytes; then hangs up. Returns what was asked.
    async fn server(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/path?token=s3cret", listener.local_addr().expect("has one"));
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.expect("reads");
            asked.truncate(length);
            // The client may have heard enough before all is written.
            let _ = stream.write_all(&answer).await;
            String::from_utf8_lossy(&asked).into_owned()
        });
        (url, serving)
    }

    async fn send(method: Method, url: String, body: &str) -> Result<Response, HttpError> {
        let headers = vec![("x-tenant".to_owned(), "one".to_owned())];
        let request =
            Request { method, url, headers, body: body.as_bytes().to_vec(), timeout: Duration::from_secs(5) };
        HttpClient::new("counterfoil-test").expect("is made").send(request).await
    }

    #[tokio::test]
    async fn an_answer_comes_whole_with_its_headers_in_lower_case() {
        let answer = b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nX-Two: a\r\nContent-Length: 5\r\n\r\nhello";
        let (url, serving) = server(answer.to_vec()).await;
        let response = send(Method::Post, url, "{}").await.expect("is answered");
        assert_eq!((response.status, response.body.as_slice()), (429, b"hello".as_slice()));
        assert_eq!((response.header("retry-after"), response.header("x-two")), (Some("7"), Some("a")));
        let asked = serving.await.expect("ends");
        assert!(asked.starts_with("POST /path?token=s3cret HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("x-tenant: one\r\n") && asked.ends_with("\r\n\r\n{}"), "{asked}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let (url, _serving) = server(answer.to_vec()).await;
        assert_eq!(send(Method::Get, url, "").await.expect("is answered").status, 302);
    }

    #[tokio::test]
    async fn a_refused_connection_was_not_sent() {
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("has one");
        let error = send(Method::Post, format!("http://{gone}/"), "{}").await.expect_err("fails");
        assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
        let error = send(Method::Post, "not a url".to_owned(), "{}").await.expect_err("fails");
        assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
    }

    #[tokio::test]
    async fn one_for_this_machine_alone_calls_no_other() {
        let client = HttpClient::loopback_only("counterfoil-test").expect("is made");
        let request = |url: &str| Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(5),
        };
        for url in ["https://api.xero.com/", "http://127.0.0.1.example/", "http://127.0.0.1@example/"] {
            let error = client.send(request(url)).await.expect_err("is refused");
            assert!(error.to_string().contains("runs fast"), "{error}");
        }
        let (url, _serving) = server(b"HTTP/1.1 204 None\r\n\r\n".to_vec()).await;
        assert_eq!(client.send(request(&url)).await.expect("is answered").status, 204);
    }

    #[tokio::test]
    async fn one_for_public_addresses_calls_no_private_one_by_number_or_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("has one").port();
        let client = HttpClient::public_only("counterfoil-test").expect("is made");
        for host in ["127.0.0.1", "2130706433", "localhost"] {
            let request = Request {
                method: Method::Get,
                url: format!("https://{host}:{port}/"),
                headers: Vec::new(),
                body: Vec::new(),
                timeout: Duration::from_secs(5),
            };
            let error = client.send(request).await.expect_err("is refused");
            assert!(
                matches!(&error, HttpError::NotSent(why) if why.contains("no public address")),
                "{error:?}"
            );
        }
        let nobody_came = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(nobody_came.is_err());
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_leaves_it_open_what_happened() {
        let cut_short = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf".to_vec();
        for answer in [Vec::new(), b"HTTP/1.1 2".to_vec(), cut_short] {
            let (url, _serving) = server(answer).await;
            let error = send(Method::Post, url, "{}").await.expect_err("fails");
            assert!(matches!(error, HttpError::NoAnswer(_)), "{error:?}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_in_time_leaves_it_open_what_happened() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("has one"));
        let request = Request {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_millis(50),
        };
        let error =
            HttpClient::new("counterfoil-test").expect("is made").send(request).await.expect_err("fails");
        assert!(matches!(error, HttpError::NoAnswer(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_runaway_answer_is_cut_off() {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LARGEST_BODY + 1).into_bytes();
        answer.resize(answer.len() + LARGEST_BODY + 1, b'x');
        let (url, _serving) = server(answer).await;
        let error = send(Method::Get, url, "").await.expect_err("fails");
        assert!(error.to_string().contains("larger"), "{error}");
    }
}
