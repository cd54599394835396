//! `Idempotency-Key`: the first answer is given again for six minutes, whatever it was.
//!
//! Keys belong to the app, not to the tenant; 500s are kept too. Looked at after the limits, so a replay
//! costs quota. <https://developer.xero.com/documentation/guides/idempotent-requests/idempotency/>

use std::collections::HashMap;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use crate::locked;

/// Counted from the first call.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_mins(6);
pub(crate) const LONGEST_KEY: usize = 128;

#[derive(Debug, Default)]
pub(crate) struct Idempotency {
    inner: Mutex<HashMap<(String, String), Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    first: Timestamp,
    request: Fingerprint,
    answer: Option<Answer>,
}

impl Remembered {
    fn counts(&self, now: Timestamp) -> bool {
        now < self.first + KEPT
    }
}

/// Method, URL and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    method: String,
    url: String,
    body: [u8; 32],
}

impl Fingerprint {
    pub(crate) fn of(head: &Parts, body: &Bytes) -> Self {
        let url = head.uri.path_and_query().map_or("", |url| url.as_str());
        Self { method: head.method.to_string(), url: url.to_owned(), body: Sha256::digest(body).into() }
    }
}

#[derive(Debug)]
pub(crate) enum Seen {
    /// Not within the six minutes: go on, and `remember` the answer.
    New,
    Replay(Answer),
    /// The first call with this key is still being worked on.
    InProgress,
    OtherRequest,
}

impl Idempotency {
    /// Whether a call with this key is the first.
    pub(crate) fn is_new(&self, client: &str, key: &str, now: Timestamp) -> bool {
        let inner = locked(&self.inner);
        inner.get(&(client.to_owned(), key.to_owned())).is_none_or(|kept| !kept.counts(now))
    }

    pub(crate) fn begin(&self, client: &str, key: &str, request: &Fingerprint, now: Timestamp) -> Seen {
        let mut inner = locked(&self.inner);
        let id = (client.to_owned(), key.to_owned());
        if let Some(kept) = inner.get(&id).filter(|kept| kept.counts(now)) {
            return match &kept.answer {
                _ if kept.request != *request => Seen::OtherRequest,
                Some(answer) => Seen::Replay(answer.clone()),
                None => Seen::InProgress,
            };
        }
        if inner.len() >= 10_000 {
            inner.retain(|_, kept| kept.counts(now));
        }
        inner.insert(id, Remembered { first: now, request: request.clone(), answer: None });
        Seen::New
    }

    /// The answer to the call that began with this key, or what a fault put in its place.
    pub(crate) fn remember(&self, client: &str, key: &str, now: Timestamp, answer: Answer) {
        let mut inner = locked(&self.inner);
        let kept = inner.get_mut(&(client.to_owned(), key.to_owned()));
        if let Some(kept) = kept.filter(|kept| kept.counts(now)) {
            kept.answer = Some(answer);
        }
    }

    pub(crate) fn clear(&self) {
        locked(&self.inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> Fingerprint {
        let (head, ()) = axum::http::Request::put("/Invoices").body(()).unwrap().into_parts();
        Fingerprint::of(&head, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_key_is_forgotten_six_minutes_after_its_first_call_even_when_used_since() {
        let (keys, start) = (Idempotency::default(), Timestamp::UNIX_EPOCH);
        assert!(matches!(keys.begin("app", "k", &request("{}"), start), Seen::New));
        assert!(matches!(keys.begin("app", "k", &request("{}"), start), Seen::InProgress));
        keys.remember("app", "k", start, Answer::empty(500));
        for minute in [1, 5] {
            let later = start + SignedDuration::from_mins(minute);
            assert!(!keys.is_new("app", "k", later));
            let seen = keys.begin("app", "k", &request("{}"), later);
            assert!(matches!(seen, Seen::Replay(answer) if answer.status == 500));
        }
        assert!(keys.is_new("app", "k", start + KEPT));
        assert!(matches!(keys.begin("app", "k", &request("{}"), start + KEPT), Seen::New));
    }

    #[test]
    fn a_key_is_for_one_request_of_one_app() {
        let (keys, start) = (Idempotency::default(), Timestamp::UNIX_EPOCH);
        keys.begin("app", "k", &request("{}"), start);
        assert!(matches!(keys.begin("app", "k", &request("{ }"), start), Seen::OtherRequest));
        assert!(matches!(keys.begin("other", "k", &request("{ }"), start), Seen::New));
    }
}
