//! What a Salesforce org allows, and what its answers say of what is left.
//!
//! There is no limit a minute and no limit on short requests; the day's allowance is shared with everything else
//! that talks to the org, so the header is what counts.
//! <https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-api.html>

use std::time::Duration;

use crate::domain::connection::Connection;
use crate::ports::connector::{Limits, Usage};
use crate::ports::http::Response;

/// One HTTP exchange. Salesforce itself would go on for ten minutes.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// A REST call ends after ten minutes; one more, so that a look-up after it sees everything.
const LONGEST_CALL: Duration = Duration::from_secs(11 * 60);

/// Orgs allow 25 requests that run for 20 seconds or more (5 in Developer orgs and trials), shared with all other
/// clients. Ours are short; ten at once leave room even when some aren't.
const IN_FLIGHT: u32 = 10;

pub(super) fn limits(connection: &Connection) -> Limits {
    Limits {
        minute: None,
        in_flight: IN_FLIGHT,
        day: connection.daily_limit,
        timeout: TIMEOUT,
        longest_call: LONGEST_CALL,
        own: false,
        // Salesforce knows no Idempotency-Key.
        key_window: None,
    }
}

/// Reads `Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=x)`: the tighter of the two.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm>
pub(super) fn usage(response: &Response) -> Usage {
    let mut usage = Usage::default();
    let Some(header) = response.header("sforce-limit-info") else { return usage };
    for part in header.split(';') {
        let Some((name, numbers)) = part.trim().split_once('=') else { continue };
        let Some((used, limit)) = used_of(numbers) else { continue };
        let remaining = limit.saturating_sub(used);
        match name {
            "api-usage" => usage.day_limit = Some(limit),
            "per-app-api-usage" => {}
            _ => continue,
        }
        usage.day_remaining = Some(usage.day_remaining.map_or(remaining, |other| other.min(remaining)));
    }
    usage
}

/// `17/250(appName=x)`: 17 of 250.
fn used_of(numbers: &str) -> Option<(u32, u32)> {
    let (used, limit) = numbers.split_once('/')?;
    let limit = limit.split('(').next()?;
    Some((used.trim().parse().ok()?, limit.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_of(header: &str) -> Usage {
        usage(&Response {
            status: 200,
            headers: vec![("sforce-limit-info".into(), header.into())],
            body: Vec::new(),
        })
    }

    #[test]
    fn the_header_says_what_is_left_of_the_day() {
        let usage = usage_of("api-usage=45/15000");
        assert_eq!((usage.day_remaining, usage.day_limit), (Some(14955), Some(15000)));
        assert_eq!(usage.minute_remaining, None);
    }

    #[test]
    fn an_apps_own_share_counts_when_it_is_tighter() {
        let usage = usage_of("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)");
        assert_eq!((usage.day_remaining, usage.day_limit), (Some(233), Some(5000)));
        assert_eq!(
            usage_of("api-usage=4990/5000; per-app-api-usage=17/250(appName=x)").day_remaining,
            Some(10)
        );
    }

    #[test]
    fn an_org_over_its_allowance_has_none_left() {
        assert_eq!(usage_of("api-usage=15020/15000").day_remaining, Some(0));
    }

    #[test]
    fn a_header_that_says_nothing_is_nothing() {
        for header in ["", "api-usage", "api-usage=", "api-usage=a/b", "other=1/2"] {
            assert_eq!(usage_of(header), Usage::default(), "{header}");
        }
        assert_eq!(usage(&Response::default()), Usage::default());
    }
}
