//! What both stand-ins wear: each request is admitted (limits), met by faults, answered, dated and counted.
//!
//! A stand-in implements `Provider` and gives its own routes; `router` puts the rest around them. It must
//! know nothing of either vendor.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::control::Look;
use crate::counters::{Call, Counters};
use crate::deliveries::Deliveries;
use crate::faults::{ConnectionLost, FaultKind, Faults, Met};
use crate::held::Held;
use crate::snapshots::Snapshots;
use crate::{Clock, control, page};

/// The clock, faults, counters and deliveries of one stand-in.
#[derive(Debug)]
pub struct Harness {
    pub clock: Clock,
    pub faults: Faults,
    pub counters: Counters,
    pub(crate) deliveries: Deliveries,
    pub(crate) held: Held,
    pub(crate) snapshots: Snapshots,
}

impl Harness {
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            clock,
            faults: Faults::new(seed),
            counters: Counters::default(),
            deliveries: Deliveries::default(),
            held: Held::default(),
            snapshots: Snapshots::default(),
        }
    }
}

/// Held while a request is in progress: a place among the concurrent ones, for instance. Of one that is applied late,
/// until then.
pub type Admission = Box<dyn Any + Send>;

/// A request that may begin. It is given its head again, and the moment that it is applied at.
pub type Job = Box<dyn FnOnce(&Parts, Timestamp) -> Response + Send>;

/// What the door says to a request.
#[expect(missing_debug_implementations, reason = "a job is a closure")]
pub enum Begun {
    /// Refused, or answered without touching anything that is kept.
    Answered(Response),
    Ready(Job),
}

/// What a stand-in tells the harness about itself.
pub trait Provider: Send + Sync + Sized + 'static {
    /// What people call it.
    const NAME: &'static str;

    /// The largest request that is read at all, in bytes; single calls may have lower bounds.
    const LARGEST_REQUEST: usize;

    /// Who asks, looked up once for each request.
    type Caller: Send;

    fn harness(&self) -> &Harness;

    fn caller(&self, head: &Parts) -> Self::Caller;

    /// The path with ids replaced and the API's prefix left out: what calls are counted by.
    fn route(&self, method: &Method, path: &str) -> String;

    /// Whose limits the request counts against.
    fn account(&self, caller: &Self::Caller) -> String;

    /// Before faults and delays: takes from the limits, or refuses. What it returns is dropped when the
    /// request is no longer in progress.
    #[expect(clippy::result_large_err, reason = "the refusal is the answer")]
    fn admit(&self, _caller: &Self::Caller) -> Result<Admission, Response> {
        Ok(Box::new(()))
    }

    /// At the door: who it is, whether they may, whether it was asked before. The job is run at once, or late
    /// when somebody asked for the call to run long.
    fn begin(self: &Arc<Self>, head: &Parts, body: &Bytes) -> Begun;

    /// Adds the headers that every answer has (what is left of the limits), also to faults and refusals.
    fn stamp(&self, _caller: &Self::Caller, _head: &Parts, _body: &Bytes, _answer: &mut Response) {}

    /// The vendor's word for what went wrong, out of the body of a refusal.
    fn error_in(&self, _body: &Value) -> Option<String> {
        None
    }

    /// The names of what goes wrong without any fault of the caller.
    fn failures() -> Vec<&'static str>;

    /// How the named failure answers.
    fn failure(name: &str) -> Option<FaultKind>;

    /// Back to the state after `new`.
    fn reset(&self);

    /// Fills the stand-in; what is asked for is the provider's own. Returns what was made.
    fn seed(self: &Arc<Self>, wanted: &Value) -> Result<Value, String>;

    /// Everything it keeps, for people.
    fn state(&self) -> Value;

    /// What is kept, as JSON: enough to go on from there, in this program or in another run of it.
    fn keep(&self) -> Result<Vec<u8>, String>;

    /// As it was when this was kept. Faults, counts and the clock stay as they are.
    fn go_back(&self, kept: &[u8]) -> Result<(), String>;

    /// What it keeps of which kind, for people: a list of `{"account", "kind", "count"}`.
    fn kinds(&self) -> Value;

    /// Records of one kind, newest change first.
    fn browse(&self, look: &Look) -> Vec<Value>;

    /// What is wrong with the kept state, in sentences; empty when all is as it should be.
    fn invariants(&self) -> Vec<String>;

    /// How much there is to be sent that nobody has taken yet.
    fn undelivered(&self) -> usize;

    /// What is left of each limit, for people: a list of `{"account", "limit", "left", "of"}`.
    fn limits(&self) -> Value {
        Value::Array(Vec::new())
    }

    /// Further control routes, below `/_sandbox`.
    fn controls(_provider: Arc<Self>) -> Router {
        Router::new()
    }
}

pub(crate) fn router<P: Provider>(provider: Arc<P>) -> Router {
    let front = Router::new().fallback(serve::<P>).with_state(provider.clone());
    front.merge(page::router()).nest("/_sandbox", control::router(provider))
}

async fn serve<P: Provider>(State(provider): State<Arc<P>>, request: Request) -> Response {
    let harness = provider.harness();
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, P::LARGEST_REQUEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if head.method != Method::GET {
        harness.snapshots.note_change();
    }
    let (at, started) = (harness.clock.now(), harness.clock.source_now());
    // What is due is no longer in progress.
    harness.held.settle(&harness.clock);
    let caller = provider.caller(&head);
    let mut answer = match provider.admit(&caller) {
        Ok(admission) => answer(&provider, &head, &body, admission).await,
        Err(refusal) => refusal,
    };
    provider.stamp(&caller, &head, &body, &mut answer);
    if let Ok(date) = HeaderValue::from_str(&harness.clock.http_date()) {
        answer.headers_mut().insert(header::DATE, date);
    }
    let lost = answer.extensions().get::<ConnectionLost>().is_some();
    let told = if lost { Bytes::new() } else { read_now(&mut answer) };
    if answer.extensions().get::<CutShort>().is_some() {
        *answer.body_mut() = Body::new(Broken::after(told.clone()));
    }
    let refused = !lost && answer.status().as_u16() >= 400;
    let error = refused.then(|| serde_json::from_slice(&told).ok()).flatten();
    let took = harness.clock.source_now().duration_since(started);
    let key = head.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    harness.counters.record(Call {
        number: 0,
        at,
        took_microseconds: u64::try_from(took.as_micros()).unwrap_or_default(),
        method: head.method.to_string(),
        route: provider.route(&head.method, head.uri.path()),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        account: provider.account(&caller),
        status: if lost { 0 } else { answer.status().as_u16() },
        error: error.and_then(|body| provider.error_in(&body)),
        idempotency_key: key.map(str::to_owned),
        request: body,
        answer: told,
    });
    answer
}

async fn answer<P: Provider>(
    provider: &Arc<P>,
    head: &Parts,
    body: &Bytes,
    admission: Admission,
) -> Response {
    let harness = provider.harness();
    let Met { delay_milliseconds, kind } = harness.faults.meet(&head.method, head.uri.path());
    if delay_milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(delay_milliseconds)).await;
    }
    let apply = || match provider.begin(head, body) {
        Begun::Answered(answer) => answer,
        Begun::Ready(job) => {
            harness.held.settle(&harness.clock);
            job(head, harness.clock.now())
        }
    };
    match kind {
        None | Some(FaultKind::Delay(_)) => apply(),
        Some(FaultKind::Late(seconds)) => match provider.begin(head, body) {
            Begun::Answered(answer) => answer,
            Begun::Ready(job) => {
                let now = harness.clock.now();
                let due = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
                harness.held.hold(&harness.clock, due, (head.clone(), job), admission).await
            }
        },
        Some(FaultKind::Status { code, body, headers }) => status(code, body, headers),
        Some(FaultKind::Empty) => StatusCode::OK.into_response(),
        Some(FaultKind::Html) => html(),
        Some(FaultKind::Reset) => lost(),
        Some(FaultKind::ReplyLost) => {
            apply();
            lost()
        }
        Some(FaultKind::InternalErrorAfterApply) => {
            apply();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Some(FaultKind::Truncate) => truncated(apply()),
        Some(FaultKind::Half) => half(apply()),
    }
}

/// A body that is already in memory, read without waiting. What isn't is taken as empty.
pub(crate) fn read_now(response: &mut Response) -> Bytes {
    let body = std::mem::take(response.body_mut());
    let mut reading = std::pin::pin!(axum::body::to_bytes(body, usize::MAX));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let bytes = match reading.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Ok(bytes)) => bytes,
        _ => Bytes::new(),
    };
    *response.body_mut() = bytes.clone().into();
    bytes
}

fn status(code: u16, body: Value, headers: Vec<(String, String)>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = match body {
        Value::Null => status.into_response(),
        Value::String(text) => (status, text).into_response(),
        json => (status, axum::Json(json)).into_response(),
    };
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn html() -> Response {
    let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
    (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}

/// Over a socket the body's error makes the server close the connection before anything is written.
pub(crate) fn lost() -> Response {
    let mut answer = Response::new(Body::new(Broken::at_once()));
    answer.extensions_mut().insert(ConnectionLost);
    answer
}

/// The whole is announced, half is sent, and then the connection closes.
fn truncated(mut answer: Response) -> Response {
    let whole = read_now(&mut answer).len();
    if whole == 0 {
        return answer;
    }
    let mut answer = half(answer);
    answer.headers_mut().insert(header::CONTENT_LENGTH, whole.into());
    answer.extensions_mut().insert(CutShort);
    answer
}

/// A half that says of itself that it is all there is.
fn half(mut answer: Response) -> Response {
    let body = read_now(&mut answer);
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    *answer.body_mut() = body.slice(..body.len() / 2).into();
    answer
}

/// Marks an answer whose body breaks off, until it has been written down.
#[derive(Clone, Copy)]
struct CutShort;

/// A body that fails when it is read, after what there is of it.
struct Broken {
    left: Option<Bytes>,
    is_flushed: bool,
}

impl Broken {
    fn at_once() -> Self {
        Self { left: None, is_flushed: true }
    }

    fn after(sent: Bytes) -> Self {
        Self { left: Some(sent), is_flushed: false }
    }
}

impl axum::body::HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        use std::task::Poll;
        if let Some(left) = self.left.take() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(left))));
        }
        // What is written before an error is sent only by a server that had to wait for more.
        if !std::mem::replace(&mut self.is_flushed, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use crate::{Fault, FaultKind, Sandbox, Settings};

    /// What comes back over a socket for one request.
    fn ask(address: std::net::SocketAddr) -> Vec<u8> {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /services/data HTTP/1.1\r\nHost: acme.example\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    #[tokio::test]
    async fn over_a_socket_a_lost_reply_is_a_closed_connection_and_then_all_is_well() {
        let sandbox = Sandbox::new(Settings::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, sandbox.salesforce_router()).into_future());
        sandbox.salesforce.faults().add(Fault::new(FaultKind::ReplyLost));
        let answers = tokio::task::spawn_blocking(move || [ask(address), ask(address)]).await.unwrap();
        assert_eq!(answers[0], b"");
        assert!(answers[1].starts_with(b"HTTP/1.1 200 OK"));
        assert_eq!(sandbox.salesforce.calls()[0].status, 0);
        server.abort();
    }

    #[tokio::test]
    async fn over_a_socket_a_truncated_answer_announces_more_than_comes() {
        let sandbox = Sandbox::new(Settings::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, sandbox.salesforce_router()).into_future());
        for kind in [FaultKind::Truncate, FaultKind::Half] {
            sandbox.salesforce.faults().add(Fault::new(kind));
        }
        let answers = tokio::task::spawn_blocking(move || [(); 3].map(|()| ask(address)));
        let [truncated, half, whole] = answers.await.unwrap().map(|answer| told(&answer));
        assert_eq!(whole.0, whole.1);
        assert_eq!(half, (whole.0 / 2, whole.1 / 2));
        assert_eq!(truncated, (whole.0, whole.1 / 2));
        server.abort();
    }

    /// How many bytes an answer announces, and how many came.
    fn told(answer: &[u8]) -> (usize, usize) {
        let text = std::str::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let announced = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        (announced.parse().unwrap(), body.len())
    }
}
