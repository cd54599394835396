//! Calls that run long: taken up now, applied when the sandbox's clock passes a point, answered if anyone still
//! waits. A client that gave up can't know which.
//!
//! Due calls are applied by whoever looks at the state next, in the order they are due, so a test with a moved
//! clock sees them land without any task running in the background. Jobs must not look for due calls themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;

use crate::harness::{Admission, Job, lost};
use crate::{Clock, locked};

/// How often a caller who waits looks at the clock.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(crate) struct Held {
    calls: Mutex<Vec<Call>>,
}

struct Call {
    due: Timestamp,
    head: Parts,
    job: Job,
    slot: Slot,
    /// It is in progress until it is applied, whether anybody waits for it or not.
    _admission: Admission,
}

type Slot = Arc<Mutex<Option<Response>>>;

impl Held {
    /// Keeps the job until it is due, and the caller waiting.
    pub(crate) async fn hold(
        &self,
        clock: &Clock,
        due: Timestamp,
        (head, job): (Parts, Job),
        admission: Admission,
    ) -> Response {
        let slot = Slot::default();
        locked(&self.calls).push(Call { due, head, job, slot: slot.clone(), _admission: admission });
        loop {
            self.settle(clock);
            let forgotten = Arc::strong_count(&slot) == 1;
            let answer = locked(&slot).take();
            match answer {
                Some(answer) => return answer,
                None if forgotten => return lost(),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// How many calls are taken up and not yet applied.
    pub(crate) fn count(&self) -> usize {
        locked(&self.calls).len()
    }

    /// Applies what is due; called with every look at the state.
    pub(crate) fn settle(&self, clock: &Clock) {
        while let Some(call) = self.next_due(clock) {
            let answer = (call.job)(&call.head, call.due);
            *locked(&call.slot) = Some(answer);
        }
    }

    fn next_due(&self, clock: &Clock) -> Option<Call> {
        let mut calls = locked(&self.calls);
        if calls.is_empty() {
            return None;
        }
        let now = clock.now();
        let due = calls.iter().enumerate().filter(|(_, call)| call.due <= now);
        let (place, _) = due.min_by_key(|(_, call)| call.due)?;
        Some(calls.remove(place))
    }

    /// What waits is never applied; its callers lose their connection, as to a server that is switched off.
    pub(crate) fn clear(&self) {
        locked(&self.calls).clear();
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.count())
    }
}
