//! What a stand-in was asked: counts per route, account and status, and the last calls in full.
//!
//! Tests assert on them ("one call for fifty invoices", "never a 429"). Written by `harness.rs` for every
//! request, also for those a fault or a limit answered; control routes don't count.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::locked;

/// The log keeps so many calls; the counts keep all.
const KEPT: usize = 5_000;
/// Bodies longer than this are counted but not kept.
const KEPT_BODY: usize = 1 << 20;
/// So many bytes of bodies are kept in all; the oldest calls lose theirs first.
const KEPT_BODIES: usize = 64 << 20;

#[derive(Debug, Clone, Default, Serialize)]
pub struct Call {
    /// From 1, in the order in which they ended.
    pub number: u64,
    pub at: Timestamp,
    /// By the caller's own clock.
    pub took_microseconds: u64,
    pub method: String,
    /// The path with ids replaced, e.g. `/Invoices/{id}`.
    pub route: String,
    pub path: String,
    pub query: String,
    pub account: String,
    /// 0 when the connection closed without an answer.
    pub status: u16,
    /// The vendor's own word for what went wrong.
    pub error: Option<String>,
    pub idempotency_key: Option<String>,
    #[serde(skip)]
    pub request: Bytes,
    #[serde(skip)]
    pub answer: Bytes,
}

impl Call {
    fn bytes(&self) -> usize {
        self.request.len() + self.answer.len()
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    total: u64,
    routes: BTreeMap<String, u64>,
    accounts: BTreeMap<String, BTreeMap<String, u64>>,
    statuses: BTreeMap<u16, u64>,
    log: VecDeque<Call>,
    /// Of the log's calls, the first so many have lost their bodies.
    stripped: usize,
    bytes: usize,
}

impl Inner {
    fn keep(&mut self, call: Call) {
        if self.log.len() == KEPT
            && let Some(oldest) = self.log.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.stripped = self.stripped.saturating_sub(1);
        }
        self.bytes += call.bytes();
        self.log.push_back(call);
        while self.bytes > KEPT_BODIES
            && let Some(oldest) = self.log.get_mut(self.stripped)
        {
            self.bytes -= oldest.bytes();
            (oldest.request, oldest.answer) = (Bytes::new(), Bytes::new());
            self.stripped += 1;
        }
    }
}

impl Counters {
    /// Numbers the call, counts it and keeps it.
    pub(crate) fn record(&self, mut call: Call) {
        let mut inner = locked(&self.inner);
        let key = format!("{} {}", call.method, call.route);
        inner.total += 1;
        call.number = inner.total;
        *inner.statuses.entry(call.status).or_default() += 1;
        match inner.accounts.get_mut(&call.account) {
            Some(of_account) => count(of_account, &key),
            None => {
                inner.accounts.insert(call.account.clone(), BTreeMap::from([(key.clone(), 1)]));
            }
        }
        count(&mut inner.routes, &key);
        for body in [&mut call.request, &mut call.answer] {
            if body.len() > KEPT_BODY {
                *body = Bytes::new();
            }
        }
        inner.keep(call);
    }

    pub fn total(&self) -> u64 {
        locked(&self.inner).total
    }

    /// The last calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.inner).log.iter().cloned().collect()
    }

    /// The calls after this number, at most the last `most` of them, oldest first.
    pub(crate) fn calls_after(&self, number: u64, most: usize) -> Vec<Call> {
        let inner = locked(&self.inner);
        let newer = inner.log.len() - inner.log.partition_point(|call| call.number <= number);
        inner.log.iter().skip(inner.log.len() - newer.min(most)).cloned().collect()
    }

    pub(crate) fn call(&self, number: u64) -> Option<Call> {
        let inner = locked(&self.inner);
        let place = inner.log.binary_search_by_key(&number, |call| call.number).ok()?;
        inner.log.get(place).cloned()
    }

    /// How many calls went to a route, e.g. `PUT /Invoices`.
    pub fn calls_to(&self, route: &str) -> u64 {
        locked(&self.inner).routes.get(route).copied().unwrap_or(0)
    }

    /// The same, of one account.
    pub fn calls_of(&self, account: &str, route: &str) -> u64 {
        let inner = locked(&self.inner);
        inner.accounts.get(account).and_then(|routes| routes.get(route)).copied().unwrap_or(0)
    }

    pub fn by_route(&self) -> BTreeMap<String, u64> {
        locked(&self.inner).routes.clone()
    }

    pub fn count_status(&self, status: u16) -> u64 {
        locked(&self.inner).statuses.get(&status).copied().unwrap_or(0)
    }

    pub fn count_429(&self) -> u64 {
        self.count_status(429)
    }

    pub fn clear(&self) {
        *locked(&self.inner) = Inner::default();
    }

    pub(crate) fn as_json(&self) -> Value {
        let inner = locked(&self.inner);
        json!({
            "total": inner.total,
            "routes": inner.routes,
            "accounts": inner.accounts,
            "statuses": inner.statuses.iter().map(|(code, n)| (code.to_string(), *n)).collect::<BTreeMap<_, _>>(),
        })
    }
}

fn count(routes: &mut BTreeMap<String, u64>, key: &str) {
    match routes.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            routes.insert(key.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(account: &str, status: u16, request: Bytes) -> Call {
        let route = "/Invoices".to_owned();
        Call { method: "PUT".into(), route, account: account.into(), status, request, ..Call::default() }
    }

    #[test]
    fn calls_are_counted_by_route_account_and_status() {
        let counters = Counters::default();
        for (account, status) in [("a", 200), ("b", 429), ("a", 200)] {
            counters.record(call(account, status, Bytes::from_static(b"{}")));
        }
        assert_eq!((counters.total(), counters.calls_to("PUT /Invoices"), counters.count_429()), (3, 3, 1));
        assert_eq!(counters.calls_of("a", "PUT /Invoices"), 2);
        assert_eq!(counters.calls()[1].account, "b");
        counters.clear();
        assert_eq!(counters.total(), 0);
    }

    #[test]
    fn the_log_is_read_on_from_a_number_and_keeps_the_newest_bodies() {
        let counters = Counters::default();
        let body = Bytes::from(vec![b'x'; KEPT_BODY]);
        for _ in 0..KEPT + 100 {
            counters.record(call("a", 200, body.clone()));
        }
        let numbers = |after, most| {
            counters.calls_after(after, most).iter().map(|call| call.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(5_098, 10), [5_099, 5_100]);
        assert_eq!(numbers(0, 2), [5_099, 5_100]);
        assert!(numbers(5_100, 10).is_empty());
        assert!(counters.call(100).is_none());
        assert_eq!(counters.call(101).unwrap().request.len(), 0);
        assert_eq!(counters.call(5_100).unwrap().request.len(), KEPT_BODY);
        assert_eq!(counters.calls().iter().filter(|call| !call.request.is_empty()).count(), 64);
    }
}
