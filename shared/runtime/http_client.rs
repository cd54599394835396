//! HTTP over the network: one try, no redirects, whole bodies, and an honest word on how far a failed one got.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;

use super::guarded_names::GuardedNames;
use crate::connectors::http::guard::{Guard, Scheme};
use crate::connectors::http::networks::PrivateNetworks;
use crate::ports::http::{Http, HttpError, Method, Request, Response};

/// A host that doesn't answer by then isn't there; nothing has been sent yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any answer that we ask for; it keeps a runaway one from taking the memory.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

#[derive(Debug, Clone)]
pub struct HttpClient(Reach);

#[derive(Debug, Clone)]
enum Reach {
    Anywhere(reqwest::Client),
    Loopback(reqwest::Client),
    /// Two clients, because a resolver isn't told what a name is looked up for.
    Guarded {
        guard: Guard,
        https: reqwest::Client,
        http: reqwest::Client,
    },
}

impl HttpClient {
    /// `user_agent`: who we say we are.
    pub fn new(user_agent: &str) -> Result<Self, reqwest::Error> {
        Ok(Self(Reach::Anywhere(builder(user_agent).build()?)))
    }

    /// One that reaches no other machine.
    pub fn loopback_only(user_agent: &str) -> Result<Self, reqwest::Error> {
        Ok(Self(Reach::Loopback(builder(user_agent).no_proxy().build()?)))
    }

    /// One for URLs that aren't ours: it reaches public addresses by HTTPS, and these private networks. It uses no
    /// proxy, which would look names up by itself.
    pub fn guarded(user_agent: &str, networks: PrivateNetworks) -> Result<Self, reqwest::Error> {
        let guard = Guard::new(networks);
        let client = |scheme| {
            let names = GuardedNames { guard: guard.clone(), scheme };
            builder(user_agent).dns_resolver(names).no_proxy().build()
        };
        let (https, http) = (client(Scheme::Https)?, client(Scheme::Http)?);
        Ok(Self(Reach::Guarded { guard, https, http }))
    }

    /// One for URLs that aren't ours, which reaches no private network.
    pub fn public_only(user_agent: &str) -> Result<Self, reqwest::Error> {
        Self::guarded(user_agent, PrivateNetworks::default())
    }

    /// What the URL is called with, or why it is out of reach.
    fn client(&self, url: &str) -> Result<&reqwest::Client, String> {
        match &self.0 {
            Reach::Anywhere(client) => Ok(client),
            Reach::Loopback(client) if is_loopback(url) => Ok(client),
            Reach::Loopback(_) => {
                Err("with a clock that runs fast, only servers on 127.0.0.1 are called".to_owned())
            }
            Reach::Guarded { guard, https, http } => Ok(match guard.scheme(url)? {
                Scheme::Https => https,
                Scheme::Http => http,
            }),
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
        let client = self.client(&request.url).map_err(HttpError::NotSent)?;
        let mut outgoing =
            client.request(method(request.method), &request.url).timeout(request.timeout).body(request.body);
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

/// Only what surely never reached the other side, or was surely not taken up there, is *not sent*.
fn failed(error: reqwest::Error) -> HttpError {
    if error.is_connect() || error.is_builder() || was_refused(&error) {
        HttpError::NotSent(words(error))
    } else {
        HttpError::NoAnswer(words(error))
    }
}

/// The server refused the request before it did anything with it. Where it ends the whole connection, what it had taken up
/// fails as what it hadn't, so that this says nothing.
/// <https://www.rfc-editor.org/rfc/rfc9113#section-8.7>
fn was_refused(error: &reqwest::Error) -> bool {
    let stream = causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>());
    stream.is_some_and(|stream| {
        stream.is_remote() && stream.is_reset() && stream.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// The error and its causes; without the URL, since a query may hold what nobody should read.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    causes(&error).fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
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
    use axum::body::Bytes;
    use h2::Reason;
    use h2::server::{Connection, SendResponse};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

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

    fn get(url: &str) -> Request {
        let timeout = Duration::from_secs(5);
        Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: Vec::new(), timeout }
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
        for url in ["https://api.xero.com/", "http://127.0.0.1.example/", "http://127.0.0.1@example/"] {
            let error = client.send(get(url)).await.expect_err("is refused");
            assert!(error.to_string().contains("runs fast"), "{error}");
        }
        let (url, _serving) = server(b"HTTP/1.1 204 None\r\n\r\n".to_vec()).await;
        assert_eq!(client.send(get(&url)).await.expect("is answered").status, 204);
    }

    #[tokio::test]
    async fn a_guarded_one_calls_no_private_address_by_number_or_by_name_and_by_no_scheme() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("has one").port();
        // One knows no private network, and one knows another.
        for networks in ["", "10.20.0.0/16"] {
            let networks = networks.parse().expect("networks");
            let client = HttpClient::guarded("counterfoil-test", networks).expect("is made");
            for host in ["127.0.0.1", "2130706433", "localhost"] {
                let error =
                    client.send(get(&format!("https://{host}:{port}/"))).await.expect_err("is refused");
                assert!(
                    matches!(&error, HttpError::NotSent(why) if why.contains("no public address")),
                    "{error:?}"
                );
                let error =
                    client.send(get(&format!("http://{host}:{port}/"))).await.expect_err("is refused");
                assert!(matches!(&error, HttpError::NotSent(_)), "{error:?}");
            }
        }
        let nobody_came = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(nobody_came.is_err());
    }

    #[tokio::test]
    async fn a_guarded_one_calls_a_listed_network_by_number_and_by_name() {
        let networks: PrivateNetworks = "127.0.0.0/8".parse().expect("networks");
        let client = HttpClient::guarded("counterfoil-test", networks).expect("is made");
        for host in ["127.0.0.1", "2130706433", "localhost"] {
            let (url, _serving) = server(b"HTTP/1.1 204 None\r\n\r\n".to_vec()).await;
            let url = url.replace("127.0.0.1", host);
            assert_eq!(client.send(get(&url)).await.expect(host).status, 204);
        }
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

    /// What comes of a request to which a server of HTTP/2 says this and no more.
    async fn ended_by(
        says: impl FnOnce(&mut Connection<TcpStream, Bytes>, &mut SendResponse<Bytes>) + Send + 'static,
    ) -> HttpError {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("has one"));
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("accepts");
            let mut connection = h2::server::handshake(stream).await.expect("speaks HTTP/2");
            let (_, mut respond) = connection.accept().await.expect("is asked").expect("a request");
            says(&mut connection, &mut respond);
            while connection.accept().await.is_some() {}
        });
        let client = builder("counterfoil-test").http2_prior_knowledge().build().expect("is made");
        let request = Request { method: Method::Post, ..get(&url) };
        let error = HttpClient(Reach::Anywhere(client)).send(request).await.expect_err("fails");
        serving.abort();
        error
    }

    #[tokio::test]
    async fn a_request_that_the_server_refused_unread_was_not_sent_and_one_that_it_gave_up_may_have_been_done()
     {
        let error = ended_by(|_, respond| respond.send_reset(Reason::REFUSED_STREAM)).await;
        assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
        for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR] {
            let error = ended_by(move |_, respond| respond.send_reset(reason)).await;
            assert!(matches!(error, HttpError::NoAnswer(_)), "{error:?}");
        }
        for reason in [Reason::NO_ERROR, Reason::REFUSED_STREAM] {
            let error = ended_by(move |connection, _| connection.abrupt_shutdown(reason)).await;
            assert!(matches!(error, HttpError::NoAnswer(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_in_time_leaves_it_open_what_happened() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("has one"));
        let request = Request { timeout: Duration::from_millis(50), ..get(&url) };
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
