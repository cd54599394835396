//! The time the stand-ins believe: the caller's source plus an offset that people and tests can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::TimeSource;

/// Clones share the offset.
#[derive(Clone)]
pub struct Clock {
    source: TimeSource,
    offset_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    pub fn new(source: TimeSource) -> Self {
        Self { source, offset_milliseconds: Arc::new(AtomicI64::new(0)) }
    }

    pub fn now(&self) -> Timestamp {
        let now = (self.source)();
        let offset = SignedDuration::from_millis(self.offset_milliseconds.load(Ordering::Relaxed));
        now.checked_add(offset).unwrap_or(now)
    }

    /// Moves the stand-ins' time by so many seconds; the caller's own clock stays as it is.
    pub fn advance_seconds(&self, seconds: i64) {
        self.offset_milliseconds.fetch_add(seconds.saturating_mul(1000), Ordering::Relaxed);
    }

    pub fn offset_seconds(&self) -> i64 {
        self.offset_milliseconds.load(Ordering::Relaxed) / 1000
    }

    /// For the `Date` header, RFC 1123 as both vendors write it.
    pub(crate) fn http_date(&self) -> String {
        http_date(self.now())
    }
}

pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_offset_and_the_date_is_written_as_http_wants_it() {
        let clock = Clock::new(Arc::new(|| Timestamp::constant(1_795_341_600, 0)));
        let other = clock.clone();
        other.advance_seconds(90);
        assert_eq!(clock.now().to_string(), "2026-11-22T10:01:30Z");
        assert_eq!(clock.http_date(), "Sun, 22 Nov 2026 10:01:30 GMT");
        assert_eq!(clock.offset_seconds(), 90);
    }
}
