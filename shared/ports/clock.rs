//! Time is an argument: leases, ages and budgets ask here; events take their time from the provider.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The time of leases, ages and budgets. Providers have a time of their own.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Returns once `duration` has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// What the work comes to; None when `until` comes first: then it is given up where it stands.
pub async fn within<T>(clock: &dyn Clock, until: Timestamp, work: impl Future<Output = T>) -> Option<T> {
    let left = until.duration_since(clock.now());
    // Kept once, where it is moved to, and not also as what was handed over.
    let work = Box::pin(work);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(left.max(SignedDuration::ZERO).unsigned_abs()) => None,
    }
}

/// A clock that stands still until it is moved: a test's time, and a simulation's.
///
/// Sleepers wake when time passes them. On an *automatic* clock a sleep moves the time itself, so that work that
/// waits for nothing but time goes through at once.
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    automatic: bool,
    sleepers: Arc<Mutex<Sleepers>>,
}

#[derive(Default)]
struct Sleepers {
    next: u64,
    wake_at: BTreeMap<u64, Timestamp>,
}

impl ManualClock {
    pub fn at(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start), automatic: false, sleepers: Arc::default() }
    }

    pub fn automatic(start: Timestamp) -> Self {
        Self { automatic: true, ..Self::at(start) }
    }

    pub fn advance(&self, by: Duration) {
        self.advance_to(later(self.now(), by));
    }

    /// Moves on to that instant; never back.
    pub fn advance_to(&self, instant: Timestamp) {
        self.now.send_if_modified(|now| {
            let moves = instant > *now;
            if moves {
                *now = instant;
            }
            moves
        });
    }

    /// When the next sleeper wakes; None when nobody sleeps.
    pub fn next_wake(&self) -> Option<Timestamp> {
        lock(&self.sleepers).wake_at.values().min().copied()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let wake_at = later(self.now(), duration);
        if self.automatic {
            self.advance_to(wake_at);
            tokio::task::yield_now().await;
            return;
        }
        let _entry = SleepEntry::new(&self.sleepers, wake_at);
        // It ends early only when the clock is gone, and then nobody can wait on it.
        let _ = self.now.subscribe().wait_for(|now| *now >= wake_at).await;
    }
}

/// A sleeper is known for as long as its sleep is awaited, however that ends.
struct SleepEntry {
    id: u64,
    sleepers: Arc<Mutex<Sleepers>>,
}

impl SleepEntry {
    fn new(sleepers: &Arc<Mutex<Sleepers>>, wake_at: Timestamp) -> Self {
        let mut known = lock(sleepers);
        let id = known.next;
        known.next += 1;
        known.wake_at.insert(id, wake_at);
        Self { id, sleepers: sleepers.clone() }
    }
}

impl Drop for SleepEntry {
    fn drop(&mut self) {
        lock(&self.sleepers).wake_at.remove(&self.id);
    }
}

fn lock(sleepers: &Mutex<Sleepers>) -> std::sync::MutexGuard<'_, Sleepers> {
    sleepers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// That much after; the end of time where it would be past it.
pub fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-05-06T12:00:00Z".parse().expect("an instant")
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_time_passes_it_and_not_before() {
        let clock = Arc::new(ManualClock::at(noon()));
        let sleeping = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        while clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(9));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!sleeping.is_finished());
        assert_eq!(clock.next_wake(), Some(later(noon(), Duration::from_secs(10))));
        clock.advance(Duration::from_secs(1));
        sleeping.await.expect("the sleeper ends");
        assert_eq!(clock.next_wake(), None);
    }

    #[tokio::test]
    async fn on_an_automatic_clock_a_sleep_moves_the_time() {
        let clock = ManualClock::automatic(noon());
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), "2026-05-06T13:00:00Z".parse().expect("an instant"));
    }

    #[test]
    fn time_never_moves_back_and_never_past_its_end() {
        let clock = ManualClock::at(noon());
        clock.advance_to("2020-01-01T00:00:00Z".parse().expect("an instant"));
        assert_eq!(clock.now(), noon());
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
