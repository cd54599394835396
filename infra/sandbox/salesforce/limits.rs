//! The day's calls: a rolling 24 hours, shown on every answer and refused with 403 when used up.
//!
//! https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-api.html

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::answer::Refused;
use super::org::Org;

/// Calls per minute, of the last day.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    minutes: VecDeque<(i64, u64)>,
    used: u64,
}

const DAY_IN_MINUTES: i64 = 24 * 60;

impl Usage {
    fn forget(&mut self, minute: i64) {
        while let Some((_, calls)) = self.minutes.pop_front_if(|(at, _)| *at <= minute - DAY_IN_MINUTES) {
            self.used -= calls;
        }
    }

    fn add(&mut self, minute: i64, calls: u64) {
        match self.minutes.back_mut() {
            Some((at, count)) if *at == minute => *count += calls,
            _ => self.minutes.push_back((minute, calls)),
        }
        self.used += calls;
    }
}

impl Org {
    /// Counts one call, or refuses it: the day is used up. There is no Retry-After.
    pub(crate) fn spend_call(&mut self) -> Result<(), Refused> {
        let minute = self.now.as_second().div_euclid(60);
        self.usage.forget(minute);
        if self.limits && self.usage.used >= self.options.daily_api_requests {
            return Err(Refused::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
        }
        self.usage.add(minute, 1);
        Ok(())
    }

    /// What others have used: the day's share shrinks without any call of ours.
    pub(crate) fn use_up(&mut self, calls: u64) {
        self.usage.add(self.now.as_second().div_euclid(60), calls);
    }

    /// For `Sforce-Limit-Info`.
    pub(crate) fn limit_info(&self) -> String {
        format!("api-usage={}/{}", self.usage.used, self.options.daily_api_requests)
    }

    /// How many are used, and of how many.
    pub(crate) fn calls_of_the_day(&self) -> (u64, u64) {
        (self.usage.used, self.options.daily_api_requests)
    }

    /// `GET /limits`
    pub(crate) fn limits_page(&self) -> Value {
        let max = self.options.daily_api_requests;
        let whole = |max: u64| json!({ "Max": max, "Remaining": max });
        json!({
            "ConcurrentAsyncGetReportInstances": whole(200),
            "DailyApiRequests": { "Max": max, "Remaining": max.saturating_sub(self.usage.used) },
            "DailyAsyncApexExecutions": whole(250_000),
            "DailyBulkApiBatches": whole(15_000),
            "DailyBulkV2QueryFileStorageMB": whole(976_562),
            "DailyBulkV2QueryJobs": whole(10_000),
            "DailyWorkflowEmails": whole(390),
            "DataStorageMB": whole(5),
            "FileStorageMB": whole(20),
            "HourlyTimeBasedWorkflow": whole(50),
            "SingleEmail": whole(15),
        })
    }
}
