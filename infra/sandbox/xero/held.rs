//! Calls that run long: accepted now, applied when the sandbox's clock passes a point, answered if anyone
//! still waits. A client that gave up can't know which.
//!
//! Due calls are applied by whoever touches the state next, in the order they are due, so a test with a moved
//! clock sees them land without any task running in the background.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Xero;
use super::answer::Answer;
use super::door;
use super::idempotency::Fingerprint;
use super::request::Request;
use crate::locked;

/// Which calls to hold, and for how long by the sandbox's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub method: String,
    /// Part of the path.
    pub path: String,
    pub seconds: i64,
    pub times: u32,
}

/// One accounting call that may begin.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) tenant: Uuid,
    pub(crate) provider: String,
    pub(crate) request: Request,
    pub(crate) headers: HeaderMap,
    pub(crate) wants_json: bool,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Held {
    due: Timestamp,
    pending: Pending,
    key: Option<(String, Fingerprint)>,
    slot: Slot,
}

pub(crate) type Slot = Arc<Mutex<Option<Answer>>>;

impl Xero {
    /// The next calls that match are held.
    pub fn hold(&self, hold: Hold) {
        locked(&self.books).holds.push(hold);
    }

    /// How many calls are accepted and not yet applied.
    pub fn held(&self) -> usize {
        self.state().held.len()
    }

    pub(crate) fn hold_if_asked(
        &self,
        pending: &Pending,
        key: Option<&(String, Fingerprint)>,
    ) -> Option<Slot> {
        let mut state = self.state();
        let path = pending.request.path.join("/");
        let hold = state.holds.iter_mut().find(|hold| {
            hold.times > 0
                && hold.method.eq_ignore_ascii_case(&pending.request.method)
                && format!("/{path}").contains(&hold.path)
        })?;
        hold.times -= 1;
        let due = pending.request.now.checked_add(SignedDuration::from_secs(hold.seconds)).ok()?;
        let slot = Slot::default();
        state.held.push(Held { due, pending: pending.clone(), key: key.cloned(), slot: slot.clone() });
        Some(slot)
    }

    pub(crate) async fn wait_for(&self, slot: Slot) -> Answer {
        loop {
            drop(self.state());
            let answer = locked(&slot).take();
            match answer {
                Some(answer) => return answer,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Applies what is due; called with every look at the state.
    pub(crate) fn settle_held(&self, state: &mut super::Books) {
        let now = self.now();
        while let Some(next) = (0..state.held.len())
            .filter(|place| state.held[*place].due <= now)
            .min_by_key(|place| state.held[*place].due)
        {
            let Held { due, mut pending, key, slot } = state.held.remove(next);
            pending.request.now = super::whole_second(due);
            let client = pending.request.client.clone();
            let answer = door::answer(state, pending);
            if let Some((key, fingerprint)) = key {
                self.idempotency.remember(&client, &key, &fingerprint, due, answer.clone());
            }
            *locked(&slot) = Some(answer);
        }
    }
}
