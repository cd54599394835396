//! Time that runs faster than the machine's, for trying days on the stand-ins in minutes.
//!
//! Every process that is given the same pace has the same time. Never for real accounts: their limits are kept by the
//! clock, so a stack with such a clock reaches this machine only ([`super::http_client::HttpClient::loopback_only`]).

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::system_clock::SystemClock;
use crate::ports::clock::{Clock, later};

/// `20@2026-11-22T10:00:00Z`: twenty times as fast from that instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastClock {
    times: u32,
    since: Timestamp,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no pace: write it as 20@2026-11-22T10:00:00Z, 1 to 1000 times as fast from an instant that is past"
)]
pub struct NoPace(String);

impl FromStr for FastClock {
    type Err = NoPace;

    fn from_str(text: &str) -> Result<Self, NoPace> {
        let read = || {
            let (times, since) = text.split_once('@')?;
            let times = times.parse().ok().filter(|times| (1..=1000).contains(times))?;
            let since = since.parse().ok().filter(|since| *since <= SystemClock.now())?;
            Some(Self { times, since })
        };
        read().ok_or_else(|| NoPace(text.to_owned()))
    }
}

impl FastClock {
    fn at(self, now: Timestamp) -> Timestamp {
        later(self.since, now.duration_since(self.since).unsigned_abs() * self.times)
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.at(SystemClock.now())
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration / self.times).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_takes_three_minutes_at_twenty_times_the_pace() {
        let clock: FastClock = "20@2026-11-22T10:00:00Z".parse().unwrap();
        let later = clock.at("2026-11-22T10:03:00Z".parse().unwrap());
        assert_eq!(later.to_string(), "2026-11-22T11:00:00Z");
    }

    #[test]
    fn what_is_no_pace_is_refused() {
        for text in ["", "20", "0@2026-11-22T10:00:00Z", "20@yesterday", "20@2999-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<FastClock>(), Err(NoPace(text.to_owned())));
        }
    }
}
