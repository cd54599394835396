//! The time the stand-ins believe: the caller's source, moved and sped up as people and tests ask.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::{TimeSource, locked};

/// As fast as a clock may go: a day in less than a second.
const FASTEST: f64 = 100_000.0;

/// Clones share their course.
#[derive(Clone)]
pub struct Clock {
    source: TimeSource,
    course: Arc<Mutex<Course>>,
}

/// When the source said `source`, it was `here`; since then time has run `speed` times as fast.
#[derive(Debug, Clone, Copy)]
struct Course {
    source: Timestamp,
    here: Timestamp,
    speed: f64,
}

impl Course {
    fn at(&self, source: Timestamp) -> Timestamp {
        let passed = source.duration_since(self.source);
        // Times one is left out, so that a clock at its usual speed is exact.
        let passed = if self.speed == 1.0 { passed } else { passed.mul_f64(self.speed) };
        self.here.checked_add(passed).unwrap_or(self.here)
    }
}

impl Clock {
    pub fn new(source: TimeSource) -> Self {
        let now = source();
        Self { source, course: Arc::new(Mutex::new(Course { source: now, here: now, speed: 1.0 })) }
    }

    /// Stands still at this moment, until its speed is set.
    pub fn standing(source: TimeSource, here: Timestamp) -> Self {
        let course = Course { source: source(), here, speed: 0.0 };
        Self { source, course: Arc::new(Mutex::new(course)) }
    }

    pub fn now(&self) -> Timestamp {
        let source = (self.source)();
        locked(&self.course).at(source)
    }

    /// The caller's own time: how long something took, whatever the stand-ins believe.
    pub(crate) fn source_now(&self) -> Timestamp {
        (self.source)()
    }

    /// Moves the stand-ins' time by so many seconds; the caller's own clock stays as it is.
    pub fn advance_seconds(&self, seconds: i64) {
        let mut course = locked(&self.course);
        let moved = course.here.checked_add(SignedDuration::from_secs(seconds));
        course.here = moved.unwrap_or(course.here);
    }

    /// From now on time runs so many times as fast; 0 stops it. What no clock can do is said.
    pub fn set_speed(&self, speed: f64) -> Result<(), String> {
        if !(0.0..=FASTEST).contains(&speed) {
            return Err(format!("speed must be a number from 0 to {FASTEST}"));
        }
        let source = (self.source)();
        let mut course = locked(&self.course);
        *course = Course { source, here: course.at(source), speed };
        Ok(())
    }

    pub fn speed(&self) -> f64 {
        locked(&self.course).speed
    }

    /// How far ahead of the source the stand-ins are.
    pub fn offset_seconds(&self) -> i64 {
        let source = (self.source)();
        locked(&self.course).at(source).duration_since(source).as_secs()
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
    use std::sync::atomic::{AtomicI64, Ordering};

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

    #[test]
    fn a_faster_clock_goes_on_from_where_it_was() {
        let seconds = Arc::new(AtomicI64::new(0));
        let source = seconds.clone();
        let clock = Clock::new(Arc::new(move || Timestamp::constant(source.load(Ordering::Relaxed), 0)));
        let pass = |by| seconds.fetch_add(by, Ordering::Relaxed);
        pass(10);
        clock.set_speed(20.0).unwrap();
        assert_eq!((clock.now().as_second(), clock.offset_seconds()), (10, 0));
        pass(3);
        assert_eq!((clock.now().as_second(), clock.offset_seconds()), (70, 57));
        clock.advance_seconds(100);
        clock.set_speed(0.0).unwrap();
        pass(1_000);
        assert_eq!(clock.now().as_second(), 170);
        clock.set_speed(1.0).unwrap();
        pass(5);
        assert_eq!((clock.now().as_second(), clock.speed()), (175, 1.0));
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(clock.set_speed(wrong).is_err());
        }
        let other = Clock::standing(clock.source.clone(), Timestamp::UNIX_EPOCH);
        pass(9);
        other.set_speed(2.0).unwrap();
        pass(3);
        assert_eq!(other.now().as_second(), 6);
    }
}
