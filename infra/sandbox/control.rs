//! `/_sandbox/*`: how people and foreign test suites steer a stand-in. Not counted, not met by faults, not
//! limited, not part of either vendor's API.
//!
//! - `GET|POST|DELETE faults` (POST one fault or a list of them; `DELETE faults/{id}`)
//! - `GET|POST failures` (`{"name", "method"?, "path"?, "skip"?, "times"?, "probability"?}`): faults in the vendor's words
//! - `GET|DELETE counters`; `GET calls?after=NUMBER&most=N`, `GET calls/{number}` with its bodies
//! - `GET deliveries?after=NUMBER&most=N`, `GET deliveries/{number}`: what was sent, and what came back
//! - `GET|POST clock` (`{"advance_seconds": 60}`, `{"speed": 20}`, or both)
//! - `GET limits`: what is left of each; `GET held`: how many calls are taken up and not yet applied
//! - `GET kinds`: what is kept; `GET browse?account=…&kind=…&from=0&most=50&text=…`: records, newest change first
//! - snapshots: see `snapshots.rs`
//! - `POST reset`, `POST seed`, `GET state`, `GET invariants`

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::{self, Fault};
use crate::{Provider, snapshots};

pub(crate) fn router<P: Provider>(provider: Arc<P>) -> Router {
    Router::new()
        .route("/faults", get(list_faults::<P>).post(add_faults::<P>).delete(clear_faults::<P>))
        .route("/faults/{id}", delete(remove_fault::<P>))
        .route("/failures", get(failures::<P>).post(add_failure::<P>))
        .route("/counters", get(counters::<P>).delete(clear_counters::<P>))
        .route("/about", get(about::<P>))
        .route("/calls", get(calls::<P>))
        .route("/calls/{number}", get(call::<P>))
        .route("/deliveries", get(deliveries::<P>))
        .route("/deliveries/{number}", get(delivery::<P>))
        .route("/kinds", get(kinds::<P>))
        .route("/browse", get(browse::<P>))
        .route("/limits", get(limits::<P>))
        .route("/held", get(held::<P>))
        .route("/clock", get(clock::<P>).post(move_clock::<P>))
        .route("/reset", post(reset::<P>))
        .route("/seed", post(seed::<P>))
        .route("/state", get(state::<P>))
        .route("/invariants", get(invariants::<P>))
        .with_state(provider.clone())
        .merge(snapshots::router(provider.clone()))
        .merge(P::controls(provider.clone()))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            if request.method() != Method::GET {
                provider.harness().snapshots.note_change();
            }
            next.run(request)
        }))
}

async fn about<P: Provider>(State(_): State<Arc<P>>) -> Json<Value> {
    Json(json!({ "name": P::NAME }))
}

async fn list_faults<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.harness().faults.list())
}

async fn add_faults<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    let wanted = match wanted {
        Value::Array(list) => list,
        one => vec![one],
    };
    let read: Result<Vec<Fault>, _> = wanted.into_iter().map(serde_json::from_value).collect();
    match read {
        Ok(faults) => {
            let ids: Vec<_> = faults.into_iter().map(|fault| provider.harness().faults.add(fault)).collect();
            (StatusCode::CREATED, Json(json!({ "ids": ids }))).into_response()
        }
        Err(error) => refused(&error.to_string()),
    }
}

async fn failures<P: Provider>() -> Json<Value> {
    Json(json!({ "names": P::failures() }))
}

async fn add_failure<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    match faults::named(&wanted, &P::failures(), P::failure) {
        Ok(fault) => {
            (StatusCode::CREATED, Json(json!({ "id": provider.harness().faults.add(fault) }))).into_response()
        }
        Err(message) => refused(&message),
    }
}

async fn clear_faults<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.harness().faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault<P: Provider>(State(provider): State<Arc<P>>, Path(id): Path<u64>) -> StatusCode {
    provider.harness().faults.remove(id);
    StatusCode::NO_CONTENT
}

async fn counters<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.harness().counters.as_json())
}

async fn clear_counters<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.harness().counters.clear();
    provider.harness().deliveries.clear();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
    #[serde(default = "a_page")]
    most: usize,
}

fn a_page() -> usize {
    200
}

async fn calls<P: Provider>(State(provider): State<Arc<P>>, Query(since): Query<Since>) -> Json<Value> {
    let counters = &provider.harness().counters;
    Json(json!({ "total": counters.total(), "calls": counters.calls_after(since.after, since.most) }))
}

async fn call<P: Provider>(State(provider): State<Arc<P>>, Path(number): Path<u64>) -> Response {
    let Some(call) = provider.harness().counters.call(number) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let text = |body: &[u8]| Value::from(String::from_utf8_lossy(body));
    let bodies = json!({ "request": text(&call.request), "answer": text(&call.answer) });
    Json(json!({ "call": call, "bodies": bodies })).into_response()
}

async fn deliveries<P: Provider>(State(provider): State<Arc<P>>, Query(since): Query<Since>) -> Json<Value> {
    let mut page = provider.harness().deliveries.after(since.after, since.most);
    page["waiting"] = provider.undelivered().into();
    Json(page)
}

async fn delivery<P: Provider>(State(provider): State<Arc<P>>, Path(number): Path<u64>) -> Response {
    match provider.harness().deliveries.one(number) {
        Some(delivery) => Json(delivery).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Which records somebody wants to look at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Look {
    pub account: String,
    pub kind: String,
    pub from: usize,
    pub most: usize,
    /// Only those with this somewhere in a value, in any case.
    pub text: String,
}

impl Look {
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    pub(crate) fn choose(&self, rows: impl Iterator<Item = Value>) -> Vec<Value> {
        let text = self.text.trim().to_lowercase();
        let wanted = |row: &Value| text.is_empty() || holds(row, &text);
        if self.most == 0 {
            Vec::new()
        } else {
            rows.filter(wanted).skip(self.from).take(self.most).collect()
        }
    }
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        Value::Array(list) => list.iter().any(|value| holds(value, text)),
        Value::String(found) => found.to_lowercase().contains(text),
        Value::Number(number) => number.to_string().contains(text),
        Value::Bool(_) | Value::Null => false,
    }
}

async fn kinds<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.kinds())
}

async fn browse<P: Provider>(State(provider): State<Arc<P>>, Query(look): Query<Look>) -> Json<Value> {
    Json(provider.browse(&look).into())
}

async fn limits<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.limits())
}

async fn held<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let harness = provider.harness();
    harness.held.settle(&harness.clock);
    Json(json!({ "held": harness.held.count() }))
}

async fn clock<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let clock = &provider.harness().clock;
    Json(json!({ "now": clock.now().to_string(), "offset_seconds": clock.offset_seconds(),
                 "speed": clock.speed() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Course {
    advance_seconds: Option<i64>,
    speed: Option<f64>,
}

async fn move_clock<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    let Course { advance_seconds, speed } = match serde_json::from_value(wanted) {
        Ok(course) => course,
        Err(error) => return refused(&error.to_string()),
    };
    if advance_seconds.is_none() && speed.is_none() {
        return refused("say advance_seconds, a whole number of seconds, or speed");
    }
    let course = &provider.harness().clock;
    if let Some(Err(message)) = speed.map(|speed| course.set_speed(speed)) {
        return refused(&message);
    }
    course.advance_seconds(advance_seconds.unwrap_or_default());
    clock(State(provider)).await.into_response()
}

/// State, faults, counters and deliveries; the clock stays where it is, since both stand-ins share it.
async fn reset<P: Provider>(State(provider): State<Arc<P>>) -> StatusCode {
    provider.reset();
    provider.harness().held.clear();
    provider.harness().faults.clear();
    provider.harness().counters.clear();
    provider.harness().deliveries.clear();
    StatusCode::NO_CONTENT
}

async fn seed<P: Provider>(State(provider): State<Arc<P>>, Json(wanted): Json<Value>) -> Response {
    match provider.seed(&wanted) {
        Ok(made) => Json(made).into_response(),
        Err(message) => refused(&message),
    }
}

async fn state<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    Json(provider.state())
}

async fn invariants<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let broken = provider.invariants();
    Json(json!({ "ok": broken.is_empty(), "broken": broken }))
}

/// Options with some of them changed; an unknown one, or one that can't be that, is refused.
pub(crate) fn changed<T: Serialize + DeserializeOwned>(held: &T, wanted: &Value) -> Result<T, String> {
    let mut merged = serde_json::to_value(held).map_err(|error| error.to_string())?;
    let wanted = wanted.as_object().ok_or("an object is expected")?;
    merged.as_object_mut().into_iter().for_each(|merged| merged.extend(wanted.clone()));
    serde_json::from_value(merged).map_err(|error| error.to_string())
}

pub(crate) fn refused(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
}
