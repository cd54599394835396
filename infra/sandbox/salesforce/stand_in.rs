//! The stand-in Salesforce as a whole: one org behind a lock, and what was asked of it. Answers to calls begin in
//! `provider`.

use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;

use super::limits;
use super::org::Org;
use crate::{Call, Clock, Faults, Harness, Settings, locked};

#[derive(Debug)]
pub struct Salesforce {
    pub(super) harness: Harness,
    pub(super) org: Mutex<Org>,
    pub(super) settings: Settings,
    pub(super) running: limits::Running,
}

impl Salesforce {
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        let org = Org::new(settings.salesforce.clone(), settings.limits, settings.seed, clock.now());
        Self {
            harness: Harness::new(settings.seed, clock),
            org: Mutex::new(org),
            settings: settings.clone(),
            running: limits::Running::default(),
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.harness.faults
    }

    pub fn calls(&self) -> Vec<Call> {
        self.harness.counters.calls()
    }

    /// How many calls went to a route, e.g. `GET /query` or `POST /composite/sobjects`.
    pub fn calls_to(&self, route: &str) -> u64 {
        self.harness.counters.calls_to(route)
    }

    pub fn counters(&self) -> &crate::Counters {
        &self.harness.counters
    }

    /// How many calls were refused because the day was used up.
    pub fn count_403(&self) -> u64 {
        self.harness.counters.count_status(403)
    }

    /// The org, at this moment, after what is due has been applied.
    pub(super) fn org(&self) -> MutexGuard<'_, Org> {
        self.harness.held.settle(&self.harness.clock);
        self.org_at(self.harness.clock.now())
    }

    pub(super) fn org_at(&self, now: Timestamp) -> MutexGuard<'_, Org> {
        let mut org = locked(&self.org);
        org.begin(now);
        org
    }
}
