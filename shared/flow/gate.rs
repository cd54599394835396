//! The gate: operations of many runs that go to the same place leave in one call.
//!
//! The order is always: group row, then a pointer in each member's run, then the call, then the results into the
//! group row, then each run settles. A group is sent when it is full, when every live run of the batch waits or
//! has ended, or two seconds after its first member. Nothing is detached: the batch ends after the last call has.

mod call;
mod group;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub use call::again;
use group::take_group;
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::account::Client;
use super::rehearse::Rehearsal;
use super::run::Run;
use super::stack::Stack;
use crate::domain::effect::EffectKind;
use crate::domain::ids::{ConnectionId, EffectKey};
use crate::domain::outcome::Fault;
use crate::ports::connector::{MemberOutcome, Operation};
use crate::ports::table::Write;

/// What a run asks of the gate.
pub struct Ask {
    pub run: Run,
    pub effect_id: String,
    pub effect: EffectKey,
    pub operation: Operation,
    /// A hash of the step's input.
    pub input: String,
    /// Writes that must hold for the effect to be sent: the link's claim.
    pub extra: Vec<Write>,
    pub client: Arc<Client>,
}

/// What became of it.
#[derive(Debug)]
pub enum Answer {
    Outcome(MemberOutcome),
    /// Not applied, or in doubt.
    Fault(Fault),
    /// Another worker has the run now, or its row can't be written: hands off.
    Fenced,
    /// Another run of the record is active, or a newer one was applied.
    Order,
    /// The link was claimed by another run.
    LinkTaken,
}

struct Waiting {
    ask: Ask,
    reply: Reply,
}

/// The way back to a run that waits. With its answer it gets its place among the busy ones: were it to take that
/// place itself, the gate could find everybody still in between, and send what is there as a group too small.
struct Reply {
    sender: oneshot::Sender<(Answer, Busy)>,
    busy: Arc<AtomicUsize>,
    changed: Arc<Notify>,
}

impl Reply {
    fn send(self, answer: Answer) {
        // A run that no longer waits was aborted with its batch.
        let _ = self.sender.send((answer, Busy::of(&self.busy, &self.changed)));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    connection: ConnectionId,
    endpoint: &'static str,
    shape: String,
}

struct Pool {
    waiting: VecDeque<Waiting>,
    since: Timestamp,
}

/// The gate of one batch.
#[derive(Clone)]
pub struct Gate {
    stack: Stack,
    pools: Arc<Mutex<BTreeMap<Place, Pool>>>,
    /// Runs that are being walked and don't wait at the gate.
    busy: Arc<AtomicUsize>,
    changed: Arc<Notify>,
    /// No effect is let through: it is told what would be sent.
    rehearsal: Option<Rehearsal>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

/// While it lives, a run is at work and may yet bring another member.
#[derive(Debug)]
pub struct Busy {
    busy: Arc<AtomicUsize>,
    changed: Arc<Notify>,
}

impl Busy {
    fn of(busy: &Arc<AtomicUsize>, changed: &Arc<Notify>) -> Self {
        busy.fetch_add(1, Ordering::SeqCst);
        Self { busy: Arc::clone(busy), changed: Arc::clone(changed) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.changed.notify_one();
        }
    }
}

impl Gate {
    pub fn new(stack: Stack) -> Self {
        Self { stack, pools: Arc::default(), busy: Arc::default(), changed: Arc::default(), rehearsal: None }
    }

    /// A gate that makes reads and lets no effect through.
    pub(super) fn rehearsing(stack: Stack, rehearsal: Rehearsal) -> Self {
        Self { rehearsal: Some(rehearsal), ..Self::new(stack) }
    }

    pub(super) fn rehearsal(&self) -> Option<&Rehearsal> {
        self.rehearsal.as_ref()
    }

    pub fn busy(&self) -> Busy {
        Busy::of(&self.busy, &self.changed)
    }

    /// Hands an operation in and waits for what becomes of it. `busy` is the run's; it gets it back.
    pub async fn perform(&self, ask: Ask, busy: &mut Option<Busy>) -> Answer {
        if self.stack.catalog.endpoint(ask.operation.endpoint).is_none() {
            let message = format!("this build has no endpoint {}", ask.operation.endpoint);
            return Answer::Fault(Fault::terminal("unknown_endpoint", message));
        }
        if let Some(rehearsal) = &self.rehearsal {
            let effect =
                self.stack.catalog.endpoint(ask.operation.endpoint).map(|endpoint| endpoint.effect());
            // An endpoint that isn't known reads nothing.
            let effect = effect.unwrap_or(EffectKind::Send);
            if effect != EffectKind::Read {
                let result = rehearsal.planned(&ask.effect_id, effect, &ask.operation);
                return Answer::Outcome(MemberOutcome::Done(result));
            }
        }
        let (sender, answer) = oneshot::channel();
        let reply = Reply { sender, busy: Arc::clone(&self.busy), changed: Arc::clone(&self.changed) };
        let place = Place {
            connection: ask.client.connection.id.clone(),
            endpoint: ask.operation.endpoint,
            shape: ask.operation.shape.clone(),
        };
        let since = self.stack.now();
        {
            let mut pools = self.pools.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let pool = pools.entry(place).or_insert_with(|| Pool { waiting: VecDeque::new(), since });
            pool.waiting.push_back(Waiting { ask, reply });
        }
        *busy = None;
        self.changed.notify_one();
        let (answer, at_work) = answer.await.unwrap_or_else(|_| (Answer::Fenced, self.busy()));
        *busy = Some(at_work);
        answer
    }

    /// Sends groups until `runs` have all ended; then every call has ended too.
    pub async fn drive<T: Send + 'static>(&self, mut runs: JoinSet<T>) -> Vec<T> {
        let mut calls: JoinSet<()> = JoinSet::new();
        let mut ended = Vec::new();
        loop {
            for group in self.ready(calls.len()) {
                let gate = self.clone();
                calls.spawn(async move { gate.send(group).await });
            }
            if runs.is_empty() && calls.is_empty() {
                return ended;
            }
            tokio::select! {
                Some(run) = runs.join_next(), if !runs.is_empty() => {
                    // A run that panicked is redelivered: its message isn't settled.
                    if let Ok(run) = run { ended.push(run) }
                }
                Some(_) = calls.join_next(), if !calls.is_empty() => {}
                () = self.changed.notified() => {}
                () = self.lingered() => {}
            }
        }
    }

    /// Returns when the oldest waiting member has waited long enough.
    async fn lingered(&self) {
        let oldest = {
            let pools = self.pools.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            pools.values().map(|pool| pool.since).min()
        };
        match oldest {
            Some(since) => {
                let left = (since + self.stack.times.linger).duration_since(self.stack.now());
                if left.is_positive() {
                    self.stack.ports.clock.sleep(left.unsigned_abs()).await;
                }
            }
            None => std::future::pending().await,
        }
    }

    /// The groups that may go now.
    fn ready(&self, in_flight: usize) -> Vec<Vec<Waiting>> {
        let now = self.stack.now();
        let still = self.busy.load(Ordering::SeqCst) == 0 && in_flight == 0;
        let mut groups = Vec::new();
        let mut pools = self.pools.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let places: Vec<Place> = pools.keys().cloned().collect();
        for place in places {
            let Some(endpoint) = self.stack.catalog.endpoint(place.endpoint).cloned() else {
                continue;
            };
            let Some(pool) = pools.get_mut(&place) else { continue };
            loop {
                let due = still || now.duration_since(pool.since) >= self.stack.times.linger;
                let full = pool.waiting.len() >= endpoint.capacity().elements;
                if pool.waiting.is_empty() || !(due || full) {
                    break;
                }
                groups.push(take_group(&mut pool.waiting, endpoint.as_ref()));
                pool.since = now;
            }
            if pool.waiting.is_empty() {
                pools.remove(&place);
            }
        }
        groups
    }
}
