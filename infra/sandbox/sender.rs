//! Posts what the stand-ins have to tell: webhooks and outbound messages, over plain HTTP to this machine only.
//!
//! What is due, and what an answer means, is each stand-in's own (`Outbox`), by the sandbox's clock. Tests play
//! the sender themselves; the local program runs this one beside the servers.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Sandbox;

/// Who takes longer has not answered: what Xero gives a webhook's receiver.
/// <https://developer.xero.com/documentation/webhooks/configuring-your-server>
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked what is due, in real time.
const PAUSE: Duration = Duration::from_millis(100);
/// Of an answer no more is read.
const LARGEST_ANSWER: usize = 1 << 20;

/// One POST that is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Letter {
    /// The outbox's own number for it.
    pub number: u64,
    /// What it tells, for people.
    pub about: String,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    pub status: u16,
    pub sets_cookie: bool,
    pub body: String,
}

/// Where letters wait until they are due.
pub trait Outbox: Send + Sync {
    /// Hands out what is due now. Each letter must be reported with `answered`.
    fn due(&self) -> Vec<Letter>;

    /// What became of a letter; nothing when there was no answer in time.
    fn answered(&self, letter: &Letter, reply: Option<&Reply>);
}

impl Sandbox {
    /// Posts what is due, as long as it is polled.
    pub async fn deliver(&self) {
        tokio::join!(keep_delivering(&*self.xero), keep_delivering(&*self.salesforce));
    }
}

async fn keep_delivering(outbox: &dyn Outbox) {
    loop {
        // What follows on an answer is due at once, however fast the sandbox's clock runs.
        while deliver_due(outbox).await {}
        tokio::time::sleep(PAUSE).await;
    }
}

/// One round: what is due is posted at once, and reported when all of it is answered or given up. Whether there
/// was anything.
async fn deliver_due(outbox: &dyn Outbox) -> bool {
    let mut under_way = JoinSet::new();
    for letter in outbox.due() {
        under_way.spawn(async move {
            let reply = tokio::time::timeout(PATIENCE, post(&letter)).await;
            (letter, reply.ok().and_then(Result::ok))
        });
    }
    let was_due = !under_way.is_empty();
    while let Some(done) = under_way.join_next().await {
        if let Ok((letter, reply)) = done {
            outbox.answered(&letter, reply.as_ref());
        }
    }
    was_due
}

/// Whether this sender goes there: it leaves no machine.
pub(crate) fn is_deliverable(url: &str) -> bool {
    place(url).is_some()
}

/// Host and port.
fn place(url: &str) -> Option<(Uri, String)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?;
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    (uri.scheme_str() == Some("http") && is_local).then_some((uri, address))
}

async fn post(letter: &Letter) -> Result<Reply, Box<dyn Error + Send + Sync>> {
    let (uri, address) = place(&letter.url).ok_or("the sender only goes to http:// on this machine")?;
    let stream = TcpStream::connect(&address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).header(header::HOST, address.as_str());
        for (name, value) in &letter.headers {
            request = request.header(*name, value.as_str());
        }
        let response = sender.send_request(request.body(Body::from(letter.body.clone()))?).await?;
        let (head, body) = response.into_parts();
        let body = to_bytes(Body::new(body), LARGEST_ANSWER).await?;
        Ok(Reply {
            status: head.status.as_u16(),
            sets_cookie: head.headers.contains_key(header::SET_COOKIE),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    // The connection works as long as the exchange does, and no longer.
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        reply = &mut exchange => reply,
        closed = connection => {
            closed?;
            exchange.await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse;
    use axum::routing::post;
    use serde_json::json;

    use super::*;
    use crate::xero::{CLIENT_ID, Category, WebhookState};
    use crate::{Settings, locked};

    type Received = Arc<Mutex<Vec<String>>>;

    /// Acknowledges outbound messages, and answers webhooks by their signature's first look: probes come
    /// rightly and wrongly signed by turns.
    async fn receive(
        State(received): State<Received>,
        headers: HeaderMap,
        body: String,
    ) -> axum::response::Response {
        let mut received = locked(&received);
        received.push(body);
        if headers.contains_key("soapaction") {
            let ack = "<notificationsResponse><Ack>true</Ack></notificationsResponse>";
            return ([("content-type", "text/xml")], ack).into_response();
        }
        let is_wrong = received.len().is_multiple_of(2) && received.len() <= 4;
        if is_wrong { StatusCode::UNAUTHORIZED.into_response() } else { StatusCode::OK.into_response() }
    }

    async fn receiver() -> (String, Received, tokio::task::JoinHandle<std::io::Result<()>>) {
        let received = Received::default();
        let router = Router::new().route("/hook", post(receive)).with_state(received.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        (url, received, tokio::spawn(axum::serve(listener, router).into_future()))
    }

    #[tokio::test]
    async fn webhooks_and_outbound_messages_arrive_over_a_socket() {
        let sandbox = Sandbox::new(Settings::default());
        let (url, received, server) = receiver().await;
        let webhook = sandbox.xero.subscribe(CLIENT_ID, &url, "key", &[Category::Contact]).unwrap();
        for _ in 0..4 {
            deliver_due(&*sandbox.xero).await;
        }
        assert_eq!(sandbox.xero.webhook_state(webhook), Some(WebhookState::Ok));
        sandbox.xero.ledger().add_contact_named("Acme").unwrap();
        deliver_due(&*sandbox.xero).await;
        assert!(locked(&received)[4].contains("\"eventCategory\":\"CONTACT\""));

        sandbox.salesforce.notify_at(Some(&url), "Account", None, &["Name"]).unwrap();
        sandbox.salesforce.insert("Account", json!({ "Name": "Acme" }));
        deliver_due(&*sandbox.salesforce).await;
        assert!(locked(&received)[5].contains("<sf:Name>Acme</sf:Name>"));
        sandbox.clock.advance_seconds(3_600);
        deliver_due(&*sandbox.salesforce).await;
        assert_eq!(locked(&received).len(), 6, "it was acknowledged");
        server.abort();
    }

    #[tokio::test]
    async fn it_is_all_delivered_as_long_as_somebody_keeps_at_it() {
        let sandbox = Sandbox::new(Settings::default());
        let (url, _, server) = receiver().await;
        let webhook = sandbox.xero.subscribe(CLIENT_ID, &url, "key", &[Category::Contact]).unwrap();
        let is_proven = async {
            while sandbox.xero.webhook_state(webhook) != Some(WebhookState::Ok) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = sandbox.deliver() => panic!("it never ends by itself"),
            proven = tokio::time::timeout(Duration::from_secs(20), is_proven) => proven.unwrap(),
        }
        server.abort();
    }

    #[tokio::test]
    async fn a_receiver_that_is_not_there_is_no_answer() {
        let sandbox = Sandbox::new(Settings::default());
        let (url, _, server) = receiver().await;
        server.abort();
        let _ = server.await;
        let webhook = sandbox.xero.subscribe(CLIENT_ID, &url, "key", &[Category::Contact]).unwrap();
        deliver_due(&*sandbox.xero).await;
        assert_eq!(sandbox.xero.webhook_state(webhook), Some(WebhookState::IntentToReceiveRequired));
    }

    #[test]
    fn the_sender_stays_on_this_machine() {
        for (url, goes) in [
            ("http://127.0.0.1:8080/webhook/a?b=c", true),
            ("http://localhost/hook", true),
            ("http://[::1]:80/hook", true),
            ("https://127.0.0.1/hook", false),
            ("http://127.0.0.1.example.com/hook", false),
            ("http://user@example.com/hook", false),
            ("/hook", false),
        ] {
            assert_eq!(is_deliverable(url), goes, "{url}");
        }
    }
}
