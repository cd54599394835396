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
/// Request bodies longer than this are counted but not kept.
const KEPT_BODY: usize = 1 << 20;

#[derive(Debug, Clone, Serialize)]
pub struct Call {
    pub at: Timestamp,
    pub method: String,
    /// The path with ids replaced, e.g. `/Invoices/{id}`.
    pub route: String,
    pub path: String,
    pub query: String,
    pub account: String,
    /// 0 when the connection closed without an answer.
    pub status: u16,
    pub idempotency_key: Option<String>,
    #[serde(skip)]
    pub request: Bytes,
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
}

impl Counters {
    pub(crate) fn record(&self, mut call: Call) {
        let mut inner = locked(&self.inner);
        let key = format!("{} {}", call.method, call.route);
        inner.total += 1;
        *inner.statuses.entry(call.status).or_default() += 1;
        if let Some(of_account) = inner.accounts.get_mut(&call.account) {
            *of_account.entry(key.clone()).or_default() += 1;
        } else {
            inner.accounts.insert(call.account.clone(), BTreeMap::from([(key.clone(), 1)]));
        }
        *inner.routes.entry(key).or_default() += 1;
        if call.request.len() > KEPT_BODY {
            call.request = Bytes::new();
        }
        if inner.log.len() == KEPT {
            inner.log.pop_front();
        }
        inner.log.push_back(call);
    }

    pub fn total(&self) -> u64 {
        locked(&self.inner).total
    }

    /// The last calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.inner).log.iter().cloned().collect()
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
            "calls": inner.log,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_route_account_and_status() {
        let counters = Counters::default();
        for (account, status) in [("a", 200), ("b", 429), ("a", 200)] {
            counters.record(Call {
                at: Timestamp::UNIX_EPOCH,
                method: "PUT".into(),
                route: "/Invoices".into(),
                path: "/api.xro/2.0/Invoices".into(),
                query: String::new(),
                account: account.into(),
                status,
                idempotency_key: None,
                request: Bytes::from_static(b"{}"),
            });
        }
        assert_eq!((counters.total(), counters.calls_to("PUT /Invoices"), counters.count_429()), (3, 3, 1));
        assert_eq!(counters.calls_of("a", "PUT /Invoices"), 2);
        assert_eq!(counters.calls()[1].account, "b");
        counters.clear();
        assert_eq!(counters.total(), 0);
    }
}
