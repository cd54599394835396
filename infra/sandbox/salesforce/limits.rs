//! The day's calls, of the org and of each app: a rolling 24 hours, shown on every answer and refused with
//! 403 when used up. And the requests that run for long, of which there may be only a few at once.
//!
//! https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-api.html

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::org::Org;
use crate::locked;

/// On every answer to a data call: what is used of the day, and the call's own id.
pub(crate) const USAGE_HEADER: &str = "sforce-limit-info";
pub(crate) const REQUEST_HEADER: &str = "x-sfdc-request-id";

/// What else a day has. Kept as (name, the day's amount).
const ALLOWANCES: [(&str, u64); 16] = [
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyAnalyticsDataflowJobExecutions", 60),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 390),
    ("DataStorageMB", 5),
    ("FileStorageMB", 20),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("HourlyTimeBasedWorkflow", 50),
    ("MassEmail", 10),
    ("SingleEmail", 15),
];

/// Counts per minute, of the last day.
#[derive(Debug, Default)]
pub(crate) struct Count {
    minutes: VecDeque<(i64, u64)>,
    used: u64,
}

const DAY_IN_MINUTES: i64 = 24 * 60;

impl Count {
    fn used(&mut self, minute: i64) -> u64 {
        while let Some((_, calls)) = self.minutes.pop_front_if(|(at, _)| *at <= minute - DAY_IN_MINUTES) {
            self.used -= calls;
        }
        self.used
    }

    fn add(&mut self, minute: i64, calls: u64) {
        match self.minutes.back_mut() {
            Some((at, count)) if *at == minute => *count += calls,
            _ => self.minutes.push_back((minute, calls)),
        }
        self.used += calls;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Usage {
    calls: Count,
    apps: HashMap<String, Count>,
    others: HashMap<&'static str, Count>,
}

impl Org {
    fn minute(&self) -> i64 {
        self.now.as_second().div_euclid(60)
    }

    /// Counts one call, or refuses it: the day is used up. There is no Retry-After.
    pub(crate) fn spend_call(&mut self, app: &str) -> Result<(), Refused> {
        let minute = self.minute();
        let exceeded = || Refused::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        if self.usage.calls.used(minute) >= self.options.daily_api_requests && self.limits {
            return Err(exceeded());
        }
        if let Some(most) = self.options.daily_requests_of_an_app {
            let of_app = self.usage.apps.entry(app.to_owned()).or_default();
            if of_app.used(minute) >= most && self.limits {
                return Err(exceeded());
            }
            of_app.add(minute, 1);
        }
        self.usage.calls.add(minute, 1);
        Ok(())
    }

    /// What others have used: the day's share shrinks without any call of ours.
    pub(crate) fn use_up(&mut self, calls: u64) {
        let minute = self.minute();
        self.usage.calls.add(minute, calls);
    }

    /// Takes from one of the day's other allowances; false, and nothing taken, when it has not so much left.
    pub(crate) fn spend(&mut self, name: &'static str, amount: u64) -> bool {
        let minute = self.minute();
        let max = allowance(&self.options.allowances, name);
        let count = self.usage.others.entry(name).or_default();
        if self.limits && count.used(minute) + amount > max {
            return false;
        }
        count.add(minute, amount);
        true
    }

    /// For `Sforce-Limit-Info`. Where apps have a share of their own it is named too.
    pub(crate) fn limit_info(&self, app: &str) -> String {
        let mut info = format!("api-usage={}/{}", self.usage.calls.used, self.options.daily_api_requests);
        if let Some(most) = self.options.daily_requests_of_an_app {
            let used = self.usage.apps.get(app).map_or(0, |count| count.used);
            let name = self.access.clients.get(app).map_or(app, |client| client.name.as_str());
            info.push_str(&format!("; per-app-api-usage={used}/{most}(appName={name})"));
        }
        info
    }

    /// How many are used, and of how many.
    pub(crate) fn calls_of_the_day(&self) -> (u64, u64) {
        (self.usage.calls.used, self.options.daily_api_requests)
    }

    /// `GET /limits`
    pub(crate) fn limits_page(&mut self) -> Value {
        let minute = self.minute();
        let line = |max: u64, used: u64| json!({ "Max": max, "Remaining": max.saturating_sub(used) });
        let mut page = Map::new();
        for (name, _) in ALLOWANCES {
            let used = self.usage.others.get_mut(name).map_or(0, |count| count.used(minute));
            page.insert(name.to_owned(), line(allowance(&self.options.allowances, name), used));
        }
        let calls = line(self.options.daily_api_requests, self.usage.calls.used(minute));
        page.insert("DailyApiRequests".into(), calls);
        page.sort_keys();
        Value::Object(page)
    }
}

fn allowance(changed: &BTreeMap<String, u64>, name: &str) -> u64 {
    let usual = || ALLOWANCES.iter().find(|(known, _)| *known == name).map_or(0, |(_, amount)| *amount);
    changed.get(name).copied().unwrap_or_else(usual)
}

/// A request that has run for so many seconds counts among the long ones.
const LONG_SECONDS: i64 = 20;

/// The requests that are being served. Only those that have run for long are limited in number.
#[derive(Debug, Default, Clone)]
pub(crate) struct Running {
    inner: Arc<Mutex<(u64, BTreeMap<u64, Timestamp>)>>,
}

/// Held while a request is served.
pub(crate) struct Place {
    running: Running,
    number: u64,
}

impl Running {
    /// A place among the running ones, and how many of the others have run for long.
    pub(crate) fn enter(&self, now: Timestamp) -> (Place, usize) {
        let mut inner = locked(&self.inner);
        let (next, running) = &mut *inner;
        let long =
            running.values().filter(|since| now.as_second() - since.as_second() >= LONG_SECONDS).count();
        *next += 1;
        running.insert(*next, now);
        (Place { running: self.clone(), number: *next }, long)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        locked(&self.running.inner).1.remove(&self.number);
    }
}

/// Too many long requests at once.
pub(crate) fn too_many_at_once() -> Refused {
    Refused::new(
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    )
}
