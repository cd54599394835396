//! Polling: what changed at a provider becomes messages on the queue, once for each (event, flow).
//!
//! The cursor moves on only after the queue has the messages, never back, and only under the lease. Rows commit
//! late, so each poll reads the last ten minutes again, and once a day the last two days; fingerprints beside the
//! cursor know the repeats of the former, and beyond them the run id does. Time comes from the provider: its stamps, and
//! its clock in the answer's `Date`.

mod announce;
pub(super) mod feed;
pub mod going_live;
mod known;
mod lease;
mod live;
mod own;
mod pace;
mod seed;

pub(super) use announce::{message, versioned};
pub use feed::{FeedRules, feed_trouble};
pub use lease::Failed;
pub(super) use lease::{fingerprint, watch_key};
pub use live::{Standing, standing};
pub(super) use live::{forget_own_place, read_up_to};
pub(super) use own::mark as mark_own;
pub(super) use seed::wanted as remembered_at_first;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use announce::Announcing;
use jiff::{SignedDuration, Timestamp};
use lease::{Lease, Place, Reading, together};
use pace::Pace;
use serde::Serialize;

use super::FlowError;
use super::budget::Priority;
use super::compile::Compiled;
use super::flows::{FlowHead, FlowState};
use super::stack::Stack;
use super::wake::{self, WakeUp, Whom, Why, Woken};
use crate::domain::connection::{Connection, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Failure, Fault, Reason};
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Account, Change, Events, Interest, PollAsk, Trigger};
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
    pub(super) compiled: std::sync::Arc<Compiled>,
    pub(super) interest: Interest,
}

impl Listener {
    /// A flow by itself, and the account that it listens to.
    pub(super) async fn of(
        stack: &Stack,
        head: FlowHead,
        compiled: std::sync::Arc<Compiled>,
    ) -> Result<(Self, std::sync::Arc<Connection>), FlowError> {
        let (interest, connection) = listens_to(stack, &compiled).await?;
        Ok((Self { head, compiled, interest }, connection))
    }

    /// `own`: it reads by itself.
    fn watch_key(&self, connection: &ConnectionId, own: bool) -> Key {
        let alone = if own { self.head.id.to_string() } else { String::new() };
        watch_key(connection, &self.compiled.flow.trigger.id, &self.interest, &alone)
    }
}

/// What a flow wants, and of which account.
async fn listens_to(
    stack: &Stack,
    compiled: &Compiled,
) -> Result<(Interest, std::sync::Arc<Connection>), FlowError> {
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
        wake::soon(stack, wake::each([(trigger, None)])).await?;
    }
    if woken.is_empty() { Ok(Report::default()) } else { polled(stack, trigger, &woken, deadline).await }
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
        let Some(why) = woken.why(&connection.account) else { continue };
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
                if let Some(opens) = pace.not_before(stack, &watch.key, why).await? {
                    one.put_off = 1;
                    return Ok(Some(opens));
                }
                poll_watch(stack, polled.as_ref(), &connection, &watch, pace, deadline, &mut one).await?;
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

type Watches = Vec<(std::sync::Arc<Connection>, Vec<Watch>)>;

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
    let mut by_connection: BTreeMap<ConnectionId, (std::sync::Arc<Connection>, BTreeMap<Key, Watch>)> =
        BTreeMap::new();
    let mut by_account: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
    for (head, compiled) in stack.flows.enabled().await? {
        let wanted = &compiled.flow.trigger;
        if wanted.id != trigger {
            let own = head.catch_up_from.is_some();
            // One that can't be polled uses up nothing.
            if let Ok((other, connection)) = Listener::of(stack, head, std::sync::Arc::clone(&compiled)).await
            {
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
            Err(fault) => return Err(FlowError::Asked(fault.failure().clone())),
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

async fn poll_watch(
    stack: &Stack,
    trigger: &dyn Trigger,
    connection: &std::sync::Arc<Connection>,
    watch: &Watch,
    pace: Pace,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), PollError> {
    let account = stack
        .client(std::sync::Arc::clone(connection), Priority::Live, deadline)
        .map_err(PollError::Fault)?;
    let Some(mut lease) = Lease::<Place>::take(stack, &watch.key).await? else {
        report.busy += 1;
        return Ok(());
    };
    lease.place.paced_until = pace.after_a_poll(lease.place.paced_until, stack.now());
    let mut result = Ok(());
    loop {
        let pages = report.pages;
        let mut polled = read(stack, trigger, &account, &watch.listeners, watch, &mut lease, report).await;
        // The worker's time is up: what it has told of counts, and the next one goes on there, soon.
        let unfinished = report.pages > pages && polled.as_ref().is_err_and(is_out_of_time);
        if unfinished {
            report.unfinished += 1;
            polled = Ok(());
        }
        let before = lease.place.failed.take();
        lease.place.failed = match &polled {
            Err(PollError::Fault(fault)) => {
                let since = before.as_ref().map_or(stack.now(), |failed| failed.since);
                let parked = matches!(fault, Fault::Retry(again) if again.reason == Reason::Parked);
                Some(Failed { since, failure: fault.failure().clone(), parked })
            }
            _ => None,
        };
        if polled.is_ok() && before.is_some_and(|failed| failed.parked) {
            stack.notices.mended(connection).await;
        }
        if polled.is_err() {
            result = polled;
        }
        // A wake-up came meanwhile: once more, unless that would only fail again.
        if !lease.release(stack, unfinished || result.is_err()).await? {
            return result;
        }
    }
}

fn is_out_of_time(error: &PollError) -> bool {
    matches!(error, PollError::Fault(Fault::Retry(again)) if again.reason == Reason::NotStarted)
}

/// All pages from the place on.
async fn read(
    stack: &Stack,
    trigger: &dyn Trigger,
    account: &dyn Account,
    listeners: &[Listener],
    watch: &Watch,
    lease: &mut Lease,
    report: &mut Report,
) -> Result<(), PollError> {
    let union = union_of(listeners.iter().map(|listener| &listener.interest));
    let heads = || listeners.iter().map(|listener| &listener.head);
    let Some(start) = lease.start(heads()) else { return Ok(()) };
    let now = stack.now();
    let (overlap, looks_back) = lease.overlap(now);
    let final_before = lease.place.cursor.map(|cursor| cursor - overlap);
    // One that is longer than a worker's time ends all the same.
    let unfinished = lease.unfinished(heads());
    let begins = unfinished.is_none();
    report.went_on += u32::from(!begins);
    let looks_back = unfinished.as_ref().map_or(looks_back, |reading| reading.looks_back);
    let from = unfinished.as_ref().map_or(start - overlap, |reading| reading.oldest);
    let mut up_to = unfinished.as_ref().map(|reading| reading.up_to);
    let mut continuation = unfinished.map(|reading| reading.resume);
    let mut read_at: Option<Timestamp> = None;
    let mut told_now: BTreeSet<(RecordId, Timestamp)> = BTreeSet::new();
    loop {
        let ask = PollAsk { union: &union, from, continuation: continuation.as_deref() };
        let page = match trigger.poll(ask, account).await {
            Ok(page) => page,
            Err(Fault::Terminal(failure)) if listeners.len() > 1 && !lease.are_refused(heads(), now) => {
                tracing::warn!(code = %failure.code, "a shared poll was refused; each flow is asked for by itself");
                let sound = apart(stack, trigger, account, listeners, from, lease, report).await?;
                return Box::pin(read(stack, trigger, account, &sound, watch, lease, report)).await;
            }
            Err(fault) => return Err(PollError::Fault(fault)),
        };
        report.pages += 1;
        // What is committed after the first page was asked for need not be on the later ones.
        let settled_before = *read_at.get_or_insert(page.provider_now) - SETTLED_AFTER;
        let up_to = *up_to.get_or_insert(settled_before);
        report.unsettled |= page.changes.iter().any(|change| change.stamp > settled_before);
        // Who has just begun to listen here wasn't told of what the others know.
        let someone_new = listeners.iter().any(|listener| !lease.tells(&listener.head));
        let version = |change: &Change| (change.id.clone(), change.stamp);
        let mut changes: Vec<Change> = page
            .changes
            .into_iter()
            .filter(|change| change.stamp <= settled_before && !told_now.contains(&version(change)))
            .filter(|change| someone_new || !lease.knows(change))
            .collect();
        own::mark(stack, account.connection(), &mut changes, from).await?;
        for listener in listeners {
            let is_new = !lease.tells(&listener.head);
            let live_from = listener.head.catch_up_from.or(listener.head.live_from).unwrap_or(Timestamp::MAX);
            let is_open = |change: &Change| {
                is_new || (!lease.knows(change) && final_before.is_none_or(|before| change.stamp >= before))
            };
            let is_news = |change: &&Change| change.stamp >= live_from && is_open(change);
            let news: Vec<&Change> = changes.iter().filter(is_news).collect();
            let announcing = Announcing { stack, account, trigger, listener, lease };
            match announcing.announce(&news).await {
                Ok(told) => report.events += told,
                // What it alone asks is refused: it reads by itself until that is mended, and the others go on.
                Err(PollError::Fault(Fault::Terminal(failure))) if listeners.len() > 1 => {
                    report.failures.push((listener.head.name.clone(), failure.code));
                    set_apart(stack, listener, from).await?;
                }
                Err(error) => return Err(error),
            }
        }
        lease.passed(&changes, from, up_to);
        if let Some(resume) = page.resume.filter(|_| page.continuation.is_some()) {
            lease.comes_to(Reading { of: together(heads()), oldest: from, up_to, resume, looks_back });
        }
        told_now.extend(changes.iter().map(version));
        match page.continuation {
            Some(next) => {
                if !changes.is_empty() {
                    lease.save(stack).await?;
                }
                continuation = Some(next);
            }
            None => {
                // All is read up to here: the next poll doesn't read the last rows of a quiet day again and again.
                lease.read_up_to(up_to.max(start));
                lease.told(heads());
                lease.refuses(heads(), None);
                if looks_back {
                    lease.looked_back(now);
                }
                // Else the others may be past what was committed late meanwhile: the next read catches up.
                if begins {
                    caught_up(stack, watch, listeners, up_to).await?;
                }
                return Ok(());
            }
        }
    }
}

/// What is read for several flows together.
fn union_of<'a>(interests: impl Iterator<Item = &'a Interest>) -> Interest {
    let mut interests = interests
        .map(|interest| Interest { filter: interest.asked().map(str::to_owned), ..interest.clone() });
    let Some(mut union) = interests.next() else {
        return Interest {
            object: String::new(),
            filter: None,
            fields: Vec::new(),
            optional_fields: Vec::new(),
            children: Vec::new(),
            changed: None,
            ignore_own: true,
            events: Events::EachVersion,
        };
    };
    let add = |all: &mut Vec<String>, more: Vec<String>| {
        for name in more {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    };
    for other in interests {
        add(&mut union.fields, other.fields);
        add(&mut union.optional_fields, other.optional_fields);
        for (child, fields) in other.children {
            match union.children.iter_mut().find(|(name, _)| *name == child) {
                Some((_, all)) => add(all, fields),
                None => union.children.push((child, fields)),
            }
        }
    }
    union
}

/// A flow that read on by itself after a pause has caught up: from now on it shares the watch of the others.
async fn caught_up(
    stack: &Stack,
    watch: &Watch,
    listeners: &[Listener],
    now: Timestamp,
) -> Result<(), FlowError> {
    if !watch.own {
        return Ok(());
    }
    for listener in listeners {
        // Events that both watches see are one run: the run id says so.
        reads_from(stack, listener, None, now).await?;
    }
    Ok(())
}

/// One flow's field or condition is bad; which one shows when each is asked for by itself. That one reads by itself
/// from here on, until it is mended and has caught up: it loses nothing, and the others go on sharing one poll.
/// Returns the others. Where all are refused, for something that they have in common, they stay together: apart, each of
/// them would be refused each minute.
async fn apart(
    stack: &Stack,
    trigger: &dyn Trigger,
    account: &dyn Account,
    listeners: &[Listener],
    from: Timestamp,
    lease: &mut Lease,
    report: &mut Report,
) -> Result<Vec<Listener>, PollError> {
    let mut sound = Vec::new();
    let mut refused = Vec::new();
    let mut reasons = Vec::new();
    for listener in listeners {
        let alone = union_of(std::iter::once(&listener.interest));
        let ask = PollAsk { union: &alone, from, continuation: None };
        match trigger.poll(ask, account).await {
            Ok(_) => sound.push(listener.clone()),
            Err(Fault::Terminal(failure)) => {
                reasons.push(failure);
                refused.push(listener.clone());
            }
            Err(fault) => return Err(PollError::Fault(fault)),
        }
    }
    if let (true, Some(first)) = (sound.is_empty(), reasons.first()) {
        lease.refuses(listeners.iter().map(|listener| &listener.head), Some(stack.now()));
        return Err(PollError::Fault(Fault::Terminal(first.clone())));
    }
    let names = refused.iter().map(|listener| listener.head.name.clone());
    report.failures.extend(names.zip(reasons.into_iter().map(|failure| failure.code)));
    if refused.is_empty() {
        // Only all together they are too much: they read one by one.
        refused = sound.split_off(1);
    }
    for listener in &refused {
        set_apart(stack, listener, from).await?;
    }
    Ok(sound)
}

async fn set_apart(stack: &Stack, listener: &Listener, from: Timestamp) -> Result<(), FlowError> {
    let place = listener.head.live_from.map_or(from, |live_from| live_from.max(from));
    forget_own_place(stack, &listener.head, &listener.compiled).await?;
    reads_from(stack, listener, Some(place), stack.now()).await
}

/// Where a flow reads by itself. Its head is read anew: a person may have paused or disabled it meanwhile.
async fn reads_from(
    stack: &Stack,
    listener: &Listener,
    catch_up_from: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), FlowError> {
    stack.flows.forget_heads();
    let Some(head) = stack.flows.head_of(listener.head.id).await? else { return Ok(()) };
    if head.state != FlowState::Enabled || head.catch_up_from != listener.head.catch_up_from {
        return Ok(());
    }
    stack.flows.change(&FlowHead { catch_up_from, changed_at: now, ..head }).await
}
