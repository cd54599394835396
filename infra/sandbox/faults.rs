//! What can be made to go wrong: a list of faults, each with the requests it meets and how often.
//!
//! Tests add them through Rust, people through `/_sandbox/faults`. A fault never changes what the stand-in
//! would have done; it stands in front of it (nothing is applied) or behind it (applied, then the answer is
//! spoilt). Called by `harness.rs` for each request.

use std::sync::Mutex;

use axum::http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::locked;

/// Found in a response's extensions when there was no response: the connection closed. A caller in the same
/// process must treat it as an error of the transport; over a socket the connection really closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLost;

pub type FaultId = u64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing is applied. A text body goes out as it is, anything else as JSON; null is an empty body.
    Status {
        code: u16,
        #[serde(default)]
        body: Value,
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Nothing is applied; 200 and no body.
    Empty,
    /// Nothing is applied; a 502 page of a proxy.
    Html,
    /// Applied; the whole body is announced, and the connection closes in the middle of it.
    Truncate,
    /// Applied; a proxy passes half of the body on as if it were all.
    Half,
    /// Nothing is applied; the connection closes.
    Reset,
    /// Answers late, by so many milliseconds of real time.
    Delay(u64),
    /// Applied; the connection closes before the answer.
    ReplyLost,
    /// Taken up now, applied and answered when so many seconds of the sandbox's time have passed, whether the
    /// caller still waits or not. What is refused at the door is refused at once.
    Late(i64),
    /// Applied; answers 500.
    InternalErrorAfterApply,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Any method when left out.
    #[serde(default)]
    pub method: Option<String>,
    /// Part of the path; begins with `^`: its start. Empty: every path.
    #[serde(default)]
    pub path: String,
    /// Lets so many matching requests through first.
    #[serde(default)]
    pub skip: u32,
    /// Meets so many requests; `null` means every one from then on.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// By chance, 0 to 1, drawn from the sandbox's seed. A request that is spared uses up nothing.
    #[serde(default)]
    pub probability: Option<f64>,
    pub kind: FaultKind,
}

fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// Meets the next request, whatever it is.
    pub fn new(kind: FaultKind) -> Self {
        Self { method: None, path: String::new(), skip: 0, times: Some(1), probability: None, kind }
    }

    /// Meets the next request with this method and this part of the path.
    pub fn on(method: &str, path: &str, kind: FaultKind) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), ..Self::new(kind) }
    }

    /// With a type of its own, as a whole answer of the vendor's.
    pub(crate) fn typed(code: u16, content_type: &str, body: Value) -> FaultKind {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        FaultKind::Status { code, body, headers }
    }

    pub fn status(code: u16, body: Value) -> FaultKind {
        FaultKind::Status { code, body, headers: Vec::new() }
    }

    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    pub fn probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
            && match self.path.strip_prefix('^') {
                Some(start) => path.starts_with(start),
                None => path.contains(&self.path),
            }
    }
}

/// A fault as people write one, with the `name` of a failure in place of a kind.
pub(crate) fn named(
    wanted: &Value,
    names: &[&str],
    kind: impl FnOnce(&str) -> Option<FaultKind>,
) -> Result<Fault, String> {
    let mut wanted = wanted.as_object().cloned().ok_or("an object is expected")?;
    let name = wanted.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let kind =
        kind(&name).ok_or_else(|| format!("there is no failure `{name}`, but {}", names.join(", ")))?;
    wanted.insert("kind".into(), serde_json::to_value(kind).map_err(|error| error.to_string())?);
    serde_json::from_value(Value::Object(wanted)).map_err(|error| error.to_string())
}

/// The faults of one stand-in.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    faults: Vec<Armed>,
    next: FaultId,
    random: StdRng,
}

#[derive(Debug)]
struct Armed {
    id: FaultId,
    fault: Fault,
    passed: u32,
    hits: u32,
}

/// What one request meets.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Met {
    pub(crate) delay_milliseconds: u64,
    pub(crate) kind: Option<FaultKind>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        let inner = Inner { faults: Vec::new(), next: 1, random: StdRng::seed_from_u64(seed) };
        Self { inner: Mutex::new(inner) }
    }

    pub fn add(&self, fault: Fault) -> FaultId {
        let mut inner = locked(&self.inner);
        let id = inner.next;
        inner.next += 1;
        inner.faults.push(Armed { id, fault, passed: 0, hits: 0 });
        id
    }

    /// How many requests have met this fault.
    pub fn hits(&self, id: FaultId) -> u32 {
        locked(&self.inner).faults.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.hits)
    }

    pub fn remove(&self, id: FaultId) {
        locked(&self.inner).faults.retain(|armed| armed.id != id);
    }

    pub fn clear(&self) {
        locked(&self.inner).faults.clear();
    }

    /// As JSON for people: each fault with its id and how often it was met.
    pub fn list(&self) -> Value {
        let inner = locked(&self.inner);
        inner
            .faults
            .iter()
            .map(|armed| serde_json::json!({ "id": armed.id, "hits": armed.hits, "fault": armed.fault }))
            .collect()
    }

    /// The first fault that meets the request; delays add to it.
    pub(crate) fn meet(&self, method: &Method, path: &str) -> Met {
        let mut inner = locked(&self.inner);
        let Inner { faults, random, .. } = &mut *inner;
        let mut met = Met::default();
        for armed in faults.iter_mut() {
            let is_delay = matches!(armed.fault.kind, FaultKind::Delay(_));
            let spent = armed.fault.times.is_some_and(|times| armed.hits >= times);
            if spent || (met.kind.is_some() && !is_delay) || !armed.fault.matches(method, path) {
                continue;
            }
            if armed.fault.probability.is_some_and(|chance| random.random::<f64>() >= chance) {
                continue;
            }
            if armed.passed < armed.fault.skip {
                armed.passed += 1;
                continue;
            }
            armed.hits += 1;
            match &armed.fault.kind {
                FaultKind::Delay(milliseconds) => met.delay_milliseconds += milliseconds,
                kind => met.kind = Some(kind.clone()),
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(faults: &Faults, method: Method, path: &str, times: usize) -> Vec<bool> {
        (0..times).map(|_| faults.meet(&method, path).kind.is_some()).collect()
    }

    #[test]
    fn a_fault_skips_then_meets_its_share_and_then_lets_go() {
        let faults = Faults::new(1);
        let id = faults.add(Fault::on("POST", "/composite", FaultKind::ReplyLost).skip(1).times(2));
        assert_eq!(kinds(&faults, Method::GET, "/composite/sobjects", 1), [false]);
        assert_eq!(kinds(&faults, Method::POST, "/composite/sobjects", 4), [false, true, true, false]);
        assert_eq!(faults.hits(id), 2);
    }

    #[test]
    fn a_path_with_a_caret_is_a_start_and_delays_add_to_another_fault() {
        let faults = Faults::new(1);
        faults.add(Fault { path: "^/services".into(), ..Fault::new(FaultKind::Reset) });
        faults.add(Fault::new(FaultKind::Delay(5)).always());
        assert_eq!(faults.meet(&Method::GET, "/x/services"), Met { delay_milliseconds: 5, kind: None });
        let met = faults.meet(&Method::GET, "/services/data");
        assert_eq!(met, Met { delay_milliseconds: 5, kind: Some(FaultKind::Reset) });
    }

    #[test]
    fn chance_follows_the_seed() {
        let draw = |seed| {
            let faults = Faults::new(seed);
            faults.add(Fault::new(FaultKind::Empty).always().probability(0.5));
            kinds(&faults, Method::GET, "/", 64)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn faults_are_read_from_the_json_people_write() {
        let text = r#"{"method":"PUT","path":"/Invoices","kind":{"status":{"code":503,"body":"gone"}}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault.times, Some(1));
        assert_eq!(fault.kind, Fault::status(503, "gone".into()));
        let late: Fault = serde_json::from_str(r#"{"kind":{"late":120}}"#).unwrap();
        assert_eq!(late.kind, FaultKind::Late(120));
        let delay: Fault = serde_json::from_str(r#"{"times":null,"kind":{"delay":20}}"#).unwrap();
        assert_eq!((delay.times, delay.kind), (None, FaultKind::Delay(20)));
    }
}
