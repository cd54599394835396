//! `Idempotency-Key`: the first answer is given again for six minutes, whatever it was.
//!
//! Keys belong to the app, not to the tenant; 500s are kept too. Looked at after the limits, so a replay
//! costs quota. <https://developer.xero.com/documentation/guides/idempotent-requests/idempotency/>

use std::collections::HashMap;
use std::sync::Mutex;

use axum::body::Bytes;
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

/// Method, URL and body. The body is unknown where a fault answered before it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    method: String,
    url: String,
    body: Option<[u8; 32]>,
}

impl Fingerprint {
    pub(crate) fn of(method: &str, url: &str, body: Option<&Bytes>) -> Self {
        let body = body.map(|body| Sha256::digest(body).into());
        Self { method: method.to_owned(), url: url.to_owned(), body }
    }

    fn same_request(&self, other: &Self) -> bool {
        let bodies = self.body.zip(other.body).is_none_or(|(one, two)| one == two);
        self.method == other.method && self.url == other.url && bodies
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
    pub(crate) fn begin(&self, client: &str, key: &str, request: &Fingerprint, now: Timestamp) -> Seen {
        let mut inner = locked(&self.inner);
        let id = (client.to_owned(), key.to_owned());
        if let Some(kept) = inner.get(&id).filter(|kept| now < kept.first + KEPT) {
            return match &kept.answer {
                _ if !kept.request.same_request(request) => Seen::OtherRequest,
                Some(answer) => Seen::Replay(answer.clone()),
                None => Seen::InProgress,
            };
        }
        if inner.len() >= 10_000 {
            inner.retain(|_, kept| now < kept.first + KEPT);
        }
        inner.insert(id, Remembered { first: now, request: request.clone(), answer: None });
        Seen::New
    }

    /// Also for an answer that a fault put in place of the one that was made.
    pub(crate) fn remember(
        &self,
        client: &str,
        key: &str,
        request: &Fingerprint,
        now: Timestamp,
        answer: Answer,
    ) {
        let mut inner = locked(&self.inner);
        let id = (client.to_owned(), key.to_owned());
        let kept = inner.entry(id).or_insert_with(|| Remembered {
            first: now,
            request: request.clone(),
            answer: None,
        });
        if now < kept.first + KEPT {
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
        Fingerprint::of("PUT", "/Invoices", Some(&Bytes::from_static(body.as_bytes())))
    }

    #[test]
    fn a_key_is_forgotten_six_minutes_after_its_first_call_even_when_used_since() {
        let (keys, start) = (Idempotency::default(), Timestamp::UNIX_EPOCH);
        assert!(matches!(keys.begin("app", "k", &request("{}"), start), Seen::New));
        assert!(matches!(keys.begin("app", "k", &request("{}"), start), Seen::InProgress));
        keys.remember("app", "k", &request("{}"), start, Answer::empty(500));
        for minute in [1, 5] {
            let later = start + SignedDuration::from_mins(minute);
            let seen = keys.begin("app", "k", &request("{}"), later);
            assert!(matches!(seen, Seen::Replay(answer) if answer.status == 500));
        }
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
