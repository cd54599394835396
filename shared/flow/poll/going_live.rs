//! Going live: a flow begins to notice when it remembers what is there already. That may take longer than a worker has,
//! and longer than a small account's calls of a day: how far it came is a row of its own, and whoever has the row's
//! lease goes on from there, the command that began it or the keeper.
//!
//! Until it is live the flow is as it was before, also where another version of it is live; what happens from the
//! provider's time at the beginning on is told of afterwards. What is remembered belongs to the life that is about to
//! begin, so that giving it up leaves nothing behind that anybody would read.

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
use super::lease::{Kept, LEASE_LOST, Lease};
use super::seed::{self, Seed};
use super::{PollError, feed, forget_own_place, listens_to};
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
    let item = stack.ports.table.get(&[going_live_key(life)]).await?.into_iter().next().flatten();
    let Some(going) = item.as_ref().map(document_of::<GoingLive>).transpose()? else { return Ok(None) };
    let GoingLive { live_from, read, waits, .. } = going;
    Ok(Some(Progress { version: next.version, live_from, read, waits }))
}

/// A new life with this version. It begins at once where there is nothing to remember; else it is under way, and
/// [`work`] goes on with it. What is wrong with the flow's fields or its connection is said before anything changes.
pub(in crate::flow) async fn begin(
    stack: &Stack,
    head: FlowHead,
    version: u32,
    compiled: &Compiled,
) -> Result<FlowHead, FlowError> {
    let now = stack.now();
    let life = head.newest_life + 1;
    let head = FlowHead { newest_life: life, going_live: Some(NextLife { version, life }), ..head };
    let trigger_id = &compiled.flow.trigger.id;
    if let Some(source) = stack.catalog.feed(trigger_id) {
        // What is remembered of a list is the next life's.
        let next = FlowHead { life, ..head.clone() };
        feed::remember_all(stack, &next, compiled, source.as_ref()).await?;
        return lives(stack, head, compiled, stack.now(), now, Vec::new()).await;
    }
    let Some((_, trigger)) = stack.catalog.trigger(trigger_id) else {
        return lives(stack, head, compiled, now, now, Vec::new()).await;
    };
    let (interest, connection) = listens_to(stack, compiled).await?;
    let scope = trigger.describe().scope;
    if let Some(missing) = scope.and_then(|it| scopes::lacking(&stack.catalog, &connection, it, trigger_id)) {
        return Err(missing.failure().into());
    }
    let account = stack.client(connection, Priority::Live, now + LONGEST_BEGINNING)?;
    // Nothing is newer than a day ahead: this one call asks for the provider's time, and whether the fields are right.
    let ask = PollAsk { union: &interest, from: now + SignedDuration::from_hours(24), continuation: None };
    let live_from = trigger.poll(ask, &account).await?.provider_now;
    if seed::wanted(trigger.as_ref(), &interest).is_none() {
        return lives(stack, head, compiled, live_from, now, Vec::new()).await;
    }
    let going = GoingLive {
        flow: head.id,
        live_from,
        began_at: now,
        read: 0,
        place: seed::Place::default(),
        waits: None,
        due_at: now + NEXT,
    };
    let head = FlowHead { changed_at: now, ..head };
    let key = going_live_key(Life { flow: head.id, number: life });
    let put = Write::put(Lease::first(key, going), Condition::Absent);
    stack.flows.change_with(&head, vec![put]).await?;
    Ok(head)
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
            let (live_from, began_at) = (lease.place.live_from, lease.place.began_at);
            let ended = Write::Delete { key: lease.key().clone(), when: lease.ours() };
            lives(stack, head, &compiled, live_from, began_at, vec![ended]).await?;
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

/// The life that was next begins, together with what is written then. A flow that was paused meanwhile stays so, and
/// has its place where the life begins.
async fn lives(
    stack: &Stack,
    head: FlowHead,
    compiled: &Compiled,
    live_from: Timestamp,
    began_at: Timestamp,
    mut writes: Vec<Write>,
) -> Result<FlowHead, FlowError> {
    let Some(NextLife { version, life }) = head.going_live else { return Ok(head) };
    let now = stack.now();
    let is_polled = stack.catalog.trigger(&compiled.flow.trigger.id).is_some();
    let is_paused = head.state == FlowState::Paused;
    let by_itself = is_polled && (is_paused || now.duration_since(began_at) > A_WHILE);
    let was = head.life();
    let head = FlowHead {
        state: if is_paused { FlowState::Paused } else { FlowState::Enabled },
        live_version: version,
        life,
        going_live: None,
        live_from: Some(live_from),
        catch_up_from: by_itself.then_some(live_from),
        fired: None,
        changed_at: now,
        ..head
    };
    if by_itself {
        // Of an earlier pause it may remember a place; this one counts.
        forget_own_place(stack, &head, compiled).await?;
    }
    if compiled.feed.is_some() {
        writes.push(feed::forget(was));
    }
    stack.flows.change_with(&head, writes).await?;
    Ok(head)
}

/// Nothing of it is left, if it isn't live yet.
pub(in crate::flow) fn given_up(life: Life) -> Write {
    Write::Delete { key: going_live_key(life), when: Condition::Exists }
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
