//! A flow that reads by itself for a while: after a pause, or because its fields or its condition are refused.

use jiff::Timestamp;

use super::super::FlowError;
use super::super::flows::{FlowHead, FlowState};
use super::super::stack::Stack;
use super::lease::Lease;
use super::place::Place;
use super::read::union_of;
use super::{Listener, OVERLAP, PollError, Report, Watch, watches};
use crate::domain::connection::Connection;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Account, PollAsk, Trigger};

/// A flow that read on by itself after a pause has caught up: from now on it shares the watch of the others.
pub(super) async fn caught_up(
    stack: &Stack,
    connection: &Connection,
    watch: &Watch,
    lease: &Lease,
    now: Timestamp,
) -> Result<(), FlowError> {
    if !watch.own {
        return Ok(());
    }
    for listener in &watch.listeners {
        Box::pin(brings_its_place(stack, connection, listener, &lease.place)).await?;
        // Events that both watches see are one run: the run id says so.
        reads_from(stack, &listener.head, None, now).await?;
    }
    Ok(())
}

/// Where nobody else listens, the watch that is shared has stood still since the flow left it: it goes on from where the
/// flow has read to, instead of reading all that once more.
async fn brings_its_place(
    stack: &Stack,
    connection: &Connection,
    listener: &Listener,
    own: &Place,
) -> Result<(), FlowError> {
    let shared = listener.watch_key(&connection.id, false);
    let trigger = &listener.compiled.flow.trigger.id;
    // By what is so now: who has come back meanwhile goes on from the place that is there.
    stack.flows.forget_heads();
    let (watches, _) = watches(stack, trigger, &mut Report::default()).await?;
    if watches.iter().flat_map(|(_, watches)| watches).any(|watch| watch.key == shared) {
        return Ok(());
    }
    let Some(mut lease) = Lease::<Place>::take(stack, &shared).await? else { return Ok(()) };
    // Nobody polls it, but somebody may yet, when it is well.
    if rely_on(stack, &lease.place, std::slice::from_ref(listener)).await?.is_empty() {
        lease.place = own.clone();
    }
    lease.polls_nothing();
    while lease.release(stack, false).await? {}
    Ok(())
}

/// One flow's field or condition is bad; which one shows when each is asked for by itself. That one reads by itself
/// from here on, until it is mended and has caught up: it loses nothing, and the others go on sharing one poll.
/// Returns the others. Where all are refused, for something that they have in common, they stay together: apart, each of
/// them would be refused each minute.
pub(super) async fn apart(
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

pub(super) async fn set_apart(stack: &Stack, listener: &Listener, from: Timestamp) -> Result<(), FlowError> {
    let place = listener.head.live_from.map_or(from, |live_from| live_from.max(from));
    reads_from(stack, &listener.head, Some(place), stack.now()).await
}

/// Flows that were told here until now and that nobody can poll, for what is wrong with their connection or their text:
/// before the others move on, the place of each is kept, so that it reads on from there by itself when it is well.
pub(super) async fn left_behind(
    stack: &Stack,
    listeners: &[Listener],
    lease: &Lease,
) -> Result<(), FlowError> {
    let Some(cursor) = lease.place.cursor else { return Ok(()) };
    for head in rely_on(stack, &lease.place, listeners).await? {
        let from = (cursor - OVERLAP).max(head.live_from.unwrap_or(cursor));
        reads_from(stack, &head, Some(from), stack.now()).await?;
    }
    Ok(())
}

/// Flows that were told here until now, others than these, and that have no place of their own, as one that is paused
/// has.
async fn rely_on(stack: &Stack, place: &Place, these: &[Listener]) -> Result<Vec<FlowHead>, FlowError> {
    if !place.tells_others(these.iter().map(|listener| &listener.head)) {
        return Ok(Vec::new());
    }
    let heads = stack.flows.heads().await?.into_iter().filter(|head| {
        let is_other = these.iter().all(|listener| listener.head.id != head.id);
        is_other && place.tells(head) && head.state == FlowState::Enabled && head.catch_up_from.is_none()
    });
    Ok(heads.collect())
}

/// Where a flow reads by itself. A person may have paused or disabled it meanwhile.
async fn reads_from(
    stack: &Stack,
    was: &FlowHead,
    catch_up_from: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), FlowError> {
    let meant = |head: FlowHead| {
        let place = |head: &FlowHead| (head.state, head.life(), head.live_from, head.catch_up_from);
        (place(&head) == place(was)).then_some(FlowHead { catch_up_from, changed_at: now, ..head })
    };
    stack.flows.change(&was.name, meant).await.map(drop)
}
