//! What a Xero organisation allows, and what its headers say is left.

use std::time::Duration;

use crate::domain::connection::Connection;
use crate::ports::connector::{Limits, Usage};
use crate::ports::http::Response;

/// Calls a minute and calls in progress, per organisation and app.
/// <https://developer.xero.com/documentation/guides/oauth2/limits/>
const MINUTE: u32 = 60;
const IN_FLIGHT: u32 = 5;

/// Calls a day from the Core tier up; Starter has 1,000, which the connection says.
/// <https://developer.xero.com/documentation/guides/oauth2/limits/>
pub(super) const DAY: u32 = 5_000;

/// A call that we gave up on may still be applied for this long.
const LONGEST_CALL: Duration = Duration::from_secs(6 * 60);

/// Xero forgets a key 6 minutes after its first call; the minute between is for clocks and slow wires.
/// <https://developer.xero.com/documentation/guides/idempotent-requests/idempotency/>
const KEY_WINDOW: Duration = Duration::from_secs(5 * 60);

const TIMEOUT: Duration = Duration::from_secs(60);

/// "50 elements per call" and 3.5 MB a request; half a megabyte is left for what surrounds the elements.
/// <https://developer.xero.com/documentation/auth-and-limits/xero-api-limits>
pub(super) const WRITE_ELEMENTS: usize = 50;
pub(super) const WRITE_BYTES: usize = 3_000_000;

pub(super) fn limits(connection: &Connection) -> Limits {
    Limits {
        minute: Some(MINUTE),
        in_flight: IN_FLIGHT,
        day: Some(connection.daily_limit.unwrap_or(DAY)),
        timeout: TIMEOUT,
        longest_call: LONGEST_CALL,
        // Counted for each organisation and app.
        own: true,
        key_window: Some(KEY_WINDOW),
    }
}

/// Every answer of an organisation says what is left of its minute and its day, and of the app's minute.
pub(super) fn usage(response: &Response) -> Usage {
    let left = |name| response.header(name).and_then(|text| text.trim().parse().ok());
    Usage {
        minute_remaining: left("x-minlimit-remaining"),
        app_minute_remaining: left("x-appminlimit-remaining"),
        day_remaining: left("x-daylimit-remaining"),
        day_limit: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::xero::testing;

    #[test]
    fn a_starter_connection_has_a_thousand_calls_a_day_and_others_five_thousand() {
        let mut connection = testing::connection();
        assert_eq!(limits(&connection).day, Some(5_000));
        connection.daily_limit = Some(1_000);
        assert_eq!(limits(&connection).day, Some(1_000));
        assert!(limits(&connection).key_window < Some(limits(&connection).longest_call));
    }

    #[test]
    fn headers_say_what_is_left_and_their_absence_says_nothing() {
        let mut response = Response { status: 200, ..Response::default() };
        assert_eq!(usage(&response), Usage::default());
        response.headers = vec![
            ("x-daylimit-remaining".into(), "344".into()),
            ("x-minlimit-remaining".into(), "0".into()),
            ("x-appminlimit-remaining".into(), "9998".into()),
        ];
        let usage = usage(&response);
        assert_eq!(
            (usage.day_remaining, usage.minute_remaining, usage.app_minute_remaining),
            (Some(344), Some(0), Some(9998))
        );
    }
}
