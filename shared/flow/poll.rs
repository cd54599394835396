//! Polling: what changed at a provider becomes messages on the queue, once for each (event, flow).
//!
//! The cursor moves on only after the queue has the messages, never back, and only under the lease. Rows commit
//! late, so each poll reads the last ten minutes again, and once a day the last two days; fingerprints beside the
//! cursor know the repeats of the former, and beyond them the run id does. Time comes from the provider: its stamps, and
//! its clock in the answer's `Date`.

mod alone;
mod announce;
mod before;
pub(super) mod feed;
pub mod going_live;
mod known;
mod lease;
mod live;
mod own;
mod pace;
mod place;
mod read;
mod seed;

pub(super) use announce::{message, versioned};
pub use feed::{FeedRules, feed_trouble};
pub(super) use live::read_up_to;
pub use live::{Standing, standing};
pub(super) use own::mark as mark_own;
pub use place::Failed;
pub(super) use place::{fingerprint, fingerprint_of, watch_key};
pub(super) use seed::wanted as remembered_at_first;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pace::Pace;
use serde::Serialize;

use super::FlowError;
use super::compile::Compiled;
use super::flows::FlowHead;
use super::stack::Stack;
use super::wake::{self, WakeUp, Whom, Why, Woken};
use crate::domain::connection::{Connection, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::Interest;
use crate::ports::queue::QueueName;
use crate::ports::table::Key;

/// Rows become visible up to this long after their stamp: a long transaction commits late.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Stamps have whole seconds: what is younger than this may still get company in its second.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// What a poll did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub watches: u32,
    pub pages: u32,
    /// Messages that were put on a queue.
    pub events: u32,
    /// Watches that another worker is polling; it will poll once more.
    pub busy: u32,
    /// Watches whose account has too few calls left for this poll: another follows when it has.
    pub put_off: u32,
    /// Something was seen that is too young to be told of: another poll follows in a few seconds.
    pub unsettled: bool,
    /// Watches that have more to read than there was time for: another poll goes on in a few seconds.
    pub unfinished: u32,
    /// Watches whose read an earlier poll had begun: what was committed late since is found by the next one.
    pub went_on: u32,
    /// Watches that could not be polled: connection (of a feed the flow) and code.
    pub failures: Vec<(String, String)>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.watches += other.watches;
        self.pages += other.pages;
        self.events += other.events;
        self.busy += other.busy;
        self.put_off += other.put_off;
        self.unsettled |= other.unsettled;
        self.unfinished += other.unfinished;
        self.went_on += other.went_on;
        self.failures.extend(other.failures);
    }
}

/// A flow that wants to hear of a watch.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) head: FlowHead,
    pub(super) compiled: Arc<Compiled>,
    pub(super) interest: Interest,
}

impl Listener {
    /// A flow by itself, and the account that it listens to.
    pub(super) async fn of(
        stack: &Stack,
        head: FlowHead,
        compiled: Arc<Compiled>,
    ) -> Result<(Self, Arc<Connection>), FlowError> {
        let (interest, connection) = listens_to(stack, &compiled).await?;
        Ok((Self { head, compiled, interest }, connection))
    }

    /// `own`: it reads by itself.
    fn watch_key(&self, connection: &ConnectionId, own: bool) -> Key {
        let alone = if own { place::alone(&self.head) } else { String::new() };
        watch_key(connection, &self.compiled.flow.trigger.id, &self.interest, &alone)
    }
}

/// What a flow wants, and of which account.
async fn listens_to(stack: &Stack, compiled: &Compiled) -> Result<(Interest, Arc<Connection>), FlowError> {
    let trigger = &compiled.flow.trigger;
    let (Some(interest), Some(provider)) = (&compiled.interest, Provider::of(&trigger.id)) else {
        return Err(Failure::new("not_polled", format!("{} is not polled", trigger.id)).into());
    };
    let interest = interest.clone()?;
    let connection = stack.connections.choose(provider, trigger.connection.as_ref()).await?;
    Ok((interest, connection))
}

/// The provider has given a continuation up; where its page began is known all the same.
pub(super) fn lost_its_place(fault: &Fault) -> bool {
    fault.failure().code == "invalid_query_locator"
}

struct Watch {
    key: Key,
    listeners: Vec<Listener>,
    /// The flow that reads on by itself after a pause, until it has caught up.
    own: bool,
}

/// Puts a wake-up on the queue of a trigger's poller.
pub async fn wake(stack: &Stack, trigger: &str, why: &str) -> Result<(), FlowError> {
    let Some(queue) = QueueName::wake(trigger) else {
        return Err(Failure::new("not_polled", format!("{trigger} is not polled")).into());
    };
    Ok(stack.ports.queue.send(queue, vec![WakeUp::of_all(why).message(Duration::ZERO)]).await?)
}

/// What a batch of wake-ups asks for: one poll, however many they are. Those that are events ask for a wake-up only, since
/// nobody has counted them yet.
pub async fn woken(
    stack: &Stack,
    trigger: &str,
    wake_ups: impl IntoIterator<Item = &str>,
    deadline: Timestamp,
) -> Result<Report, FlowError> {
    let woken = Woken::by(wake_ups);
    if woken.by_events {
        wake::soon(stack, wake::each([(trigger, None)], None)).await?;
    }
    if woken.is_empty() {
        return Ok(Report::default());
    }
    let report = polled(stack, trigger, &woken, deadline).await;
    stack.tokens.keep_late(deadline).await;
    report
}

/// One poll of every watch of a trigger, whatever its account has left of the day.
pub async fn poll(stack: &Stack, trigger: &str, deadline: Timestamp) -> Result<Report, FlowError> {
    polled(stack, trigger, &Woken::at_once(), deadline).await
}

async fn polled(
    stack: &Stack,
    trigger: &str,
    woken: &Woken,
    deadline: Timestamp,
) -> Result<Report, FlowError> {
    if let Some(source) = stack.catalog.feed(trigger) {
        return feed::poll(stack, trigger, source.as_ref(), deadline).await;
    }
    let Some((_, polled)) = stack.catalog.trigger(trigger) else {
        return Err(Failure::new("unknown_trigger", format!("no trigger is called {trigger}")).into());
    };
    let mut report = Report::default();
    let mut ground = Ok(());
    let mut again: BTreeMap<Whom, Option<Timestamp>> = BTreeMap::new();
    let (mut all, counts) = watches(stack, trigger, &mut report).await?;
    // In turns: what has much to read isn't always before the others.
    let minute = usize::try_from(stack.now().as_second() / 60).unwrap_or(0);
    let turn = minute % all.len().max(1);
    all.rotate_left(turn);
    for (_, watches) in &mut all {
        let turn = minute % watches.len().max(1);
        watches.rotate_left(turn);
    }
    for (connection, watches) in all {
        let Some(wanted) = woken.wants(&connection.account) else { continue };
        let why = wanted.why;
        let whom = Whom { trigger: trigger.to_owned(), account: Some(connection.account.clone()) };
        let count = counts.get(&connection.account).map_or(1, BTreeSet::len);
        let pace = match Pace::of(stack, &connection, count).await {
            Ok(pace) => pace,
            Err(error) => {
                ground = Err(error);
                continue;
            }
        };
        for watch in watches {
            let mut one = Report { watches: 1, ..Report::default() };
            let polling = async {
                if lease::is_met(stack, &watch.key, wanted.since).await? {
                    return Ok(None);
                }
                if let Some(opens) = pace.not_before(stack, &watch.key, why).await? {
                    one.put_off = 1;
                    return Ok(Some(opens));
                }
                read::watch(stack, polled.as_ref(), &connection, &watch, pace, deadline, &mut one).await?;
                Ok(None)
            };
            match polling.await {
                // Its next turn comes by itself; news doesn't.
                Ok(Some(opens)) if why == Why::News => {
                    let wakes = again.entry(whom.clone()).or_insert(Some(opens));
                    *wakes = (*wakes).min(Some(opens));
                }
                Ok(_) => {}
                // The others are polled all the same.
                Err(PollError::Ground(error)) => ground = Err(error),
                Err(PollError::Fault(fault)) => {
                    let failure = fault.failure();
                    tracing::warn!(connection = %connection.id, trigger, code = %failure.code, "poll failed; the place is kept");
                    report.failures.push((connection.id.to_string(), failure.code.clone()));
                }
            }
            if one.unsettled || one.unfinished > 0 {
                again.insert(whom.clone(), None);
            }
            report.add(one);
        }
    }
    wake::soon(stack, again).await?;
    ground.map(|()| report)
}

type Watches = Vec<(Arc<Connection>, Vec<Watch>)>;

enum PollError {
    Ground(FlowError),
    Fault(Fault),
}

impl<E: Into<FlowError>> From<E> for PollError {
    fn from(error: E) -> Self {
        Self::Ground(error.into())
    }
}

/// The watches of a trigger by connection, and those of all triggers by account. Flows that watch the same thing share
/// one.
async fn watches(
    stack: &Stack,
    trigger: &str,
    report: &mut Report,
) -> Result<(Watches, BTreeMap<String, BTreeSet<Key>>), FlowError> {
    let mut by_connection: BTreeMap<ConnectionId, (Arc<Connection>, BTreeMap<Key, Watch>)> = BTreeMap::new();
    let mut by_account: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
    for (head, compiled) in stack.flows.enabled().await? {
        let wanted = &compiled.flow.trigger;
        if wanted.id != trigger {
            let own = head.catch_up_from.is_some();
            // One that can't be polled uses up nothing.
            if let Ok((other, connection)) = Listener::of(stack, head, Arc::clone(&compiled)).await {
                let key = other.watch_key(&connection.id, own);
                by_account.entry(connection.account.clone()).or_default().insert(key);
            }
            continue;
        }
        let Some(provider) = Provider::of(trigger) else { continue };
        let connection = match stack.connections.choose(provider, wanted.connection.as_ref()).await {
            Ok(connection) => connection,
            Err(Fault::Terminal(failure)) => {
                report.failures.push((head.name.clone(), failure.code));
                continue;
            }
            // Without it the others would read on, and what they pass would be lost to this one.
            Err(fault) => return Err(fault.into()),
        };
        let interest = match &compiled.interest {
            Some(Ok(interest)) => interest.clone(),
            None => continue,
            Some(Err(failure)) => {
                report.failures.push((head.name.clone(), failure.code.clone()));
                continue;
            }
        };
        let own = head.catch_up_from.is_some();
        let listener = Listener { head, compiled, interest };
        let key = listener.watch_key(&connection.id, own);
        by_account.entry(connection.account.clone()).or_default().insert(key.clone());
        let (_, watches) =
            by_connection.entry(connection.id.clone()).or_insert_with(|| (connection, BTreeMap::new()));
        watches
            .entry(key.clone())
            .or_insert_with(|| Watch { key, listeners: Vec::new(), own })
            .listeners
            .push(listener);
    }
    let watches = by_connection
        .into_values()
        .map(|(connection, watches)| (connection, watches.into_values().collect()))
        .collect();
    Ok((watches, by_account))
}
