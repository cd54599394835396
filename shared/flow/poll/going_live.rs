//! Going live: a flow begins to notice when it remembers what is there already. That may take longer than a worker has,
//! and longer than a small account's calls of a day: how far it came is a row of its own, and whoever has the row's
//! lease goes on from there, the command that began it or the keeper.
//!
//! Until it is live the flow is as it was before, also where another version of it is live; what happens from the
//! provider's time at the beginning on is told of afterwards, and what the version before had yet to read of the same.
//! What is remembered belongs to the life that is about to begin, so that giving it up leaves nothing behind that anybody
//! would read.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::backfill::Waits;
use super::super::budget::Priority;
use super::super::compile::Compiled;
use super::super::flows::{FlowHead, FlowState, NextLife};
use super::super::rows::{document_of, due_entry, going_live_key};
use super::super::run::write_patiently;
use super::super::scopes;
use super::super::stack::Stack;
use super::before::{goes_on_from, looks_once_more, passed_over, version_before};
use super::lease::{Kept, LEASE_LOST, Lease};
use super::seed::{self, Seed};
use super::{PollError, feed, listens_to};
use crate::domain::ids::{FlowId, Life};
use crate::domain::outcome::{Failure, Fault, Reason};
use crate::ports::connector::PollAsk;
use crate::ports::table::{Condition, Key, TableError, Write};

/// When the keeper looks again; it comes each minute.
const NEXT: SignedDuration = SignedDuration::from_secs(30);
/// What was refused is tried again after this: a person may have mended it.
const MENDED_BY: SignedDuration = SignedDuration::from_hours(1);
/// What took longer is more than those who poll already should read once more: the flow catches up by itself.
const A_WHILE: SignedDuration = SignedDuration::from_hours(1);

/// A person waits for the first call, and it may wait for a token that another worker gets.
const LONGEST_BEGINNING: SignedDuration = SignedDuration::from_mins(30);

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GoingLive {
    flow: FlowId,
    /// By the provider's clock: what happens from then on is an event.
    pub(super) live_from: Timestamp,
    /// By ours.
    began_at: Timestamp,
    /// Records that were read.
    pub(super) read: u64,
    pub(super) place: seed::Place,
    waits: Option<Waits>,
    due_at: Timestamp,
}

impl Kept for GoingLive {
    fn due(&self, lease_until: i64) -> Option<(String, String)> {
        let lapses = Timestamp::from_millisecond(lease_until).ok().filter(|_| lease_until > 0);
        Some(due_entry(self.flow.0, lapses.unwrap_or(self.due_at)))
    }
}

/// What became of some work.
#[derive(Debug)]
pub enum Went {
    /// It is live, or it isn't going live any more.
    Over,
    /// Its time is up, and there is more to read.
    More,
    /// Another worker is at it.
    Busy,
    /// A limit, of a minute or of a day.
    Limited(Waits),
    /// Something failed that may go well the next time.
    Waits(Waits),
    /// The provider says no. It is tried again in a while, unless it is given up.
    Refused(Failure),
}

/// How far it is, as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    pub version: u32,
    pub live_from: Timestamp,
    pub read: u64,
    pub waits: Option<Waits>,
}

pub async fn progress(stack: &Stack, head: &FlowHead) -> Result<Option<Progress>, FlowError> {
    let (Some(life), Some(next)) = (head.next_life(), head.going_live) else { return Ok(None) };
    let item = stack.ports.table.get_one(&going_live_key(life)).await?;
    let Some(going) = item.as_ref().map(document_of::<GoingLive>).transpose()? else { return Ok(None) };
    let GoingLive { live_from, read, waits, .. } = going;
    Ok(Some(Progress { version: next.version, live_from, read, waits }))
}

/// A new life with this version, in the place of one that is on its way. It begins at once where there is nothing to
/// remember; else it is under way, and [`work`] goes on with it. What is wrong with the flow's fields or its connection is
/// said before anything changes. `None`: somebody has changed the flow meanwhile, and nothing is begun.
pub(in crate::flow) async fn begin(
    stack: &Stack,
    was: &FlowHead,
    version: u32,
    compiled: &Compiled,
) -> Result<Option<FlowHead>, FlowError> {
    let now = stack.now();
    let life = was.newest_life + 1;
    // Nobody else's from here on: where this one doesn't begin, nobody believes what it has remembered by then.
    let reserved = |head: FlowHead| head.stands_as(was).then_some(FlowHead { newest_life: life, ..head });
    let Some(was) = &stack.flows.change(&was.name, reserved).await? else { return Ok(None) };
    let begun = |head: FlowHead| {
        head.stands_as(was).then(|| FlowHead {
            // Of a flow that isn't live yet, it is the live one from now on.
            live_version: if head.state == FlowState::Disabled { version } else { head.live_version },
            going_live: Some(NextLife { version, life }),
            changed_at: now,
            ..head
        })
    };
    let replaced = || was.next_life().map(given_up).into_iter();
    let at_once = async |live_from: Timestamp, passed_over: Option<Timestamp>| {
        let beginning = Beginning { stack, compiled, live_from, began_at: now, passed_over };
        let lives = |head: FlowHead| {
            let (head, writes) = beginning.of(begun(head)?)?;
            Some((head, writes.into_iter().chain(replaced()).collect()))
        };
        stack.flows.change_with(&was.name, lives).await
    };
    let next = Life { flow: was.id, number: life };
    let before = version_before(stack, was).await?;
    let before = before.as_deref();
    let trigger_id = &compiled.flow.trigger.id;
    if compiled.feed.is_some() {
        let of_a_list = before.filter(|before| before.feed.is_some());
        let untold = feed::remember(stack, was, of_a_list, next, compiled).await?;
        let live_from = stack.now();
        let passed_over = match of_a_list {
            Some(_) => untold,
            None => passed_over(stack, was, before, live_from).await?,
        };
        return at_once(live_from, passed_over).await;
    }
    let Some((_, trigger)) = stack.catalog.trigger(trigger_id) else {
        looks_once_more(stack, was, before).await?;
        return at_once(now, passed_over(stack, was, before, now).await?).await;
    };
    let (interest, connection) = listens_to(stack, compiled).await?;
    let scope = trigger.describe().scope;
    if let Some(missing) = scope.and_then(|it| scopes::lacking(&stack.catalog, &connection, it, trigger_id)) {
        return Err(missing.failure().into());
    }
    let account = stack.client(connection, Priority::Live, now + LONGEST_BEGINNING)?;
    // Nothing is newer than a day ahead: this one call asks for the provider's time, and whether the fields are right.
    let ask = PollAsk { union: &interest, from: now + SignedDuration::from_hours(24), continuation: None };
    let provider_now = trigger.poll(ask, &account).await?.provider_now;
    let live_from =
        goes_on_from(stack, was, before, compiled).await?.map_or(provider_now, |from| from.min(provider_now));
    looks_once_more(stack, was, before).await?;
    if seed::wanted(trigger.as_ref(), &interest).is_none() {
        return at_once(live_from, passed_over(stack, was, before, live_from).await?).await;
    }
    let going = GoingLive {
        flow: was.id,
        live_from,
        began_at: now,
        read: 0,
        place: seed::Place::default(),
        waits: None,
        due_at: now + NEXT,
    };
    let put = Write::put(Lease::first(going_live_key(next), going), Condition::Absent);
    let on_its_way = |head: FlowHead| Some((begun(head)?, replaced().chain([put.clone()]).collect()));
    stack.flows.change_with(&was.name, on_its_way).await
}

/// How a life begins.
struct Beginning<'a> {
    stack: &'a Stack,
    compiled: &'a Compiled,
    /// By the provider's clock.
    live_from: Timestamp,
    /// By ours.
    began_at: Timestamp,
    /// What happened from then until it begins is told of by neither version.
    passed_over: Option<Timestamp>,
}

impl Beginning<'_> {
    fn is_polled(&self) -> bool {
        self.stack.catalog.trigger(&self.compiled.flow.trigger.id).is_some()
    }

    /// The life that was next is the flow's. One that was paused meanwhile stays so, and has its place where the life
    /// begins.
    fn of(&self, head: FlowHead) -> Option<(FlowHead, Vec<Write>)> {
        let NextLife { version, life } = head.going_live?;
        let now = self.stack.now();
        let is_paused = head.state == FlowState::Paused;
        let takes_a_while = now.duration_since(self.began_at.min(self.live_from)) > A_WHILE;
        let by_itself = self.is_polled() && (is_paused || takes_a_while);
        let forgotten = self.compiled.feed.is_some().then(|| feed::forget(head.life()));
        let head = FlowHead {
            state: if is_paused { FlowState::Paused } else { FlowState::Enabled },
            live_version: version,
            life,
            going_live: None,
            live_from: Some(self.live_from),
            catch_up_from: by_itself.then_some(self.live_from),
            passed_over: self.passed_over,
            fired: None,
            changed_at: now,
            ..head
        };
        Some((head, forgotten.into_iter().collect()))
    }
}

/// Goes on as far as time and the account's limits allow.
pub async fn work(stack: &Stack, flow: FlowId, deadline: Timestamp) -> Result<Went, FlowError> {
    let head = stack.flows.newest_of(flow).await?;
    let Some(life) = head.and_then(|head| head.next_life()) else { return Ok(Went::Over) };
    let Some(mut lease) = Lease::<GoingLive>::take_begun(stack, &going_live_key(life)).await? else {
        return Ok(Went::Busy);
    };
    let went = match read_on(stack, &mut lease, life, deadline).await {
        // Given up, or another worker has taken over.
        Err(PollError::Ground(FlowError::Table(TableError::Refused(_)))) => return Ok(Went::Busy),
        Err(PollError::Ground(FlowError::Asked(failure))) if failure.code == LEASE_LOST => {
            return Ok(Went::Busy);
        }
        Err(PollError::Ground(error)) => return Err(error),
        Ok(Went::Over) => return Ok(Went::Over),
        Ok(went) => went,
        Err(PollError::Fault(fault)) => stopped(stack, fault),
    };
    let now = stack.now();
    let going = &mut lease.place;
    (going.waits, going.due_at) = match &went {
        Went::Limited(waits) | Went::Waits(waits) => (Some(waits.clone()), waits.until.max(now + NEXT)),
        Went::Refused(failure) => {
            let until = now + MENDED_BY;
            (Some(Waits { until, failure: failure.clone() }), until)
        }
        _ => (None, now + NEXT),
    };
    while lease.release(stack, false).await? {}
    Ok(went)
}

/// Page after page, and then it lives.
async fn read_on(
    stack: &Stack,
    lease: &mut Lease<GoingLive>,
    life: Life,
    deadline: Timestamp,
) -> Result<Went, PollError> {
    loop {
        // Meanwhile it may have been given up, or got another text that watches for the same.
        let head = stack.flows.newest_of(life.flow).await?.filter(|head| head.next_life() == Some(life));
        let Some((head, next)) = head.and_then(|head| Some((head.clone(), head.going_live?))) else {
            return Ok(Went::Over);
        };
        let Some(compiled) = stack.flows.compiled(head.id, next.version).await? else {
            return Ok(Went::Over);
        };
        let trigger_id = &compiled.flow.trigger.id;
        let Some((_, trigger)) = stack.catalog.trigger(trigger_id) else { return Ok(Went::Over) };
        let (interest, connection) = listens_to(stack, &compiled).await.map_err(refused)?;
        let account = stack.client(connection, Priority::Bulk, deadline).map_err(PollError::Fault)?;
        let seed = Seed { stack, trigger: trigger.as_ref(), account: &account, interest: &interest, life };
        if seed.page(lease).await? {
            lives(stack, &head, &compiled, lease).await?;
            return Ok(Went::Over);
        }
        if stack.now() >= deadline {
            return Ok(Went::More);
        }
        lease.place.waits = None;
        lease.save(stack).await?;
    }
}

/// Which account is meant must be said: its owner mends that, and it goes on.
fn refused(error: FlowError) -> PollError {
    match error {
        FlowError::Asked(failure) => PollError::Fault(Fault::Terminal(failure)),
        error => PollError::Ground(error),
    }
}

fn stopped(stack: &Stack, fault: Fault) -> Went {
    match fault {
        Fault::Terminal(failure) => Went::Refused(failure),
        Fault::InDoubt(failure) => Went::Waits(Waits { until: stack.now(), failure }),
        // Its time is up before the limits are.
        Fault::Retry(again) if again.reason == Reason::NotStarted => Went::More,
        Fault::Retry(again) => {
            let waits = Waits { until: again.at, failure: again.failure };
            if again.reason == Reason::Limit { Went::Limited(waits) } else { Went::Waits(waits) }
        }
    }
}

/// Everything is remembered: the life begins, in the state and with the text that the flow has by now, unless it was
/// given up.
async fn lives(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
    lease: &Lease<GoingLive>,
) -> Result<(), FlowError> {
    let GoingLive { live_from, began_at, .. } = lease.place;
    let before = version_before(stack, head).await?;
    let passed_over = passed_over(stack, head, before.as_deref(), live_from).await?;
    let beginning = Beginning { stack, compiled, live_from, began_at, passed_over };
    let ended = Write::Delete { key: lease.key().clone(), when: lease.ours() };
    let lives = |newest: FlowHead| {
        let is_still = newest.next_life() == head.next_life();
        let (lives, mut writes) = beginning.of(newest).filter(|_| is_still)?;
        writes.push(ended.clone());
        Some((lives, writes))
    };
    stack.flows.change_with(&head.name, lives).await.map(drop)
}

/// Nothing is left of a life that has not begun; written with the head that knows no more of it.
pub(in crate::flow) fn given_up(life: Life) -> Write {
    Write::Delete { key: going_live_key(life), when: Condition::Always }
}

/// The keeper comes by. True: there was something to do.
pub(in crate::flow) async fn keep_on(
    stack: &Stack,
    flow: FlowId,
    key: &Key,
    deadline: Timestamp,
) -> Result<bool, FlowError> {
    match work(stack, flow, deadline).await? {
        Went::Busy => Ok(false),
        Went::Over => {
            // What nobody waits for any more: it was given up while it was being begun.
            let leftover = Write::Delete { key: key.clone(), when: Condition::Always };
            write_patiently(&stack.ports, vec![leftover]).await?;
            Ok(true)
        }
        Went::More | Went::Limited(_) | Went::Waits(_) | Went::Refused(_) => Ok(true),
    }
}
