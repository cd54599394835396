//! One page of a flow's past: read as a poll would, and what of it is an event goes to the bulk queue.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::FlowError;
use super::super::budget::Priority;
use super::super::poll::{self, Listener, SETTLED_AFTER};
use super::super::rows::{StoredRun, run_key};
use super::super::settle::send_all;
use super::super::stack::Stack;
use super::{Backfill, Waits, Wish, old};
use crate::domain::connection::Connection;
use crate::domain::event::{OfBackfill, RunMessage};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account as _, Change, Events, Interest, PollAsk, Trigger};

/// What became of a page.
pub(super) enum Fed {
    Page,
    Waits(Waits),
    Refused(Failure),
}

/// How many records there are to look at, where the provider can say so. It only tells people how long it may take.
pub(super) async fn expected(
    stack: &Stack,
    listener: &Listener,
    connection: &Arc<Connection>,
    wish: &Wish,
) -> Option<u64> {
    let (_, trigger) = stack.catalog.trigger(&listener.compiled.flow.trigger.id)?;
    let deadline = stack.now() + stack.times.function;
    let account = stack.client(Arc::clone(connection), Priority::Share(wish.share), deadline).ok()?;
    let interest = asked(trigger.as_ref(), &listener.interest);
    trigger.count(&interest, Some(wish.since), &account).await.ok().flatten().map(|counted| counted.count)
}

/// With `changed`, only what satisfies it is asked for, with all that the flow wants of it.
fn asked(trigger: &dyn Trigger, interest: &Interest) -> Interest {
    match interest.changed {
        Some(_) => Interest { filter: trigger.settled(interest).filter, ..interest.clone() },
        None => interest.clone(),
    }
}

/// Reads the next page, queues its events, and moves the place on. The place is the caller's to save.
pub(super) async fn page(
    stack: &Stack,
    listener: &Listener,
    connection: Arc<Connection>,
    backfill: &mut Backfill,
    deadline: Timestamp,
) -> Result<Fed, FlowError> {
    let Some((_, trigger)) = stack.catalog.trigger(&listener.compiled.flow.trigger.id) else {
        return Ok(Fed::Refused(Failure::new(
            "unknown_trigger",
            "this build doesn't know the flow's trigger",
        )));
    };
    let account = match stack.client(connection, Priority::Share(backfill.share), deadline) {
        Ok(account) => account,
        Err(fault) => return Ok(not_now(stack, backfill, fault)),
    };
    let union = asked(trigger.as_ref(), &listener.interest);
    let ask = PollAsk {
        union: &union,
        from: backfill.place.from,
        continuation: backfill.place.continuation.as_deref(),
    };
    let page = match trigger.poll(ask, &account).await {
        Ok(page) => page,
        Err(fault) => return Ok(not_now(stack, backfill, fault)),
    };
    let settled_before = page.provider_now - SETTLED_AFTER;
    let until = until(backfill, &listener.interest);
    let ends = page.continuation.is_none() || all_later(&page.changes, until);
    let mut fresh: Vec<Change> = page
        .changes
        .into_iter()
        .filter(|change| until.is_none_or(|until| change.stamp < until))
        .filter(|change| !backfill.place.has_met(change))
        .collect();
    poll::mark_own(stack, account.connection(), &mut fresh, backfill.since).await?;
    let decided =
        old::events(stack, trigger.as_ref(), &account, listener, backfill, &fresh, settled_before).await?;
    let fresh = &fresh[..decided.changes];
    let of = OfBackfill { id: backfill.id, share: backfill.share };
    let messages: Vec<RunMessage> = decided
        .messages
        .into_iter()
        .map(|message| RunMessage { bulk: true, backfill: Some(of), ..message })
        .collect();
    let known = stack
        .ports
        .table
        .get(&messages.iter().map(|message| run_key(message.run)).collect::<Vec<_>>())
        .await?;
    let mut to_send = Vec::with_capacity(messages.len());
    let (mut queued, mut ran_before) = (0, 0);
    for (message, item) in messages.into_iter().zip(known) {
        let of_run = item.as_ref().map(StoredRun::read).transpose()?.map(|run| run.row.message.backfill);
        match of_run {
            None => to_send.push(message),
            // Queued by a worker that could not save its place any more.
            Some(run) if run == Some(of) => queued += 1,
            Some(_) => ran_before += 1,
        }
    }
    send_all(stack, &to_send).await?;
    queued += to_send.len() as u64;
    backfill.looked_at += fresh.len() as u64;
    backfill.found += queued + ran_before;
    backfill.queued += queued;
    backfill.ran_before += ran_before;
    backfill.place.passes(fresh);
    if let Some(fault) = decided.fault {
        // The page is read again; what is decided of it isn't asked for again.
        return Ok(not_now(stack, backfill, fault));
    }
    backfill.place.moves_on(page.resume, page.continuation.filter(|_| !ends));
    backfill.read = ends;
    Ok(Fed::Page)
}

/// Up to when versions are the backfill's. Where the live flow would say that it knows the record, which satisfied
/// `changed` or was there before, the version doesn't tell whose it is: [`old`] does.
fn until(backfill: &Backfill, interest: &Interest) -> Option<Timestamp> {
    let by_record = interest.changed.is_some() || interest.events == Events::First;
    let lives_from = backfill.lives_from.filter(|_| !by_record);
    backfill.until.into_iter().chain(lives_from).min()
}

fn all_later(changes: &[Change], until: Option<Timestamp>) -> bool {
    until.is_some_and(|until| !changes.is_empty() && changes.iter().all(|change| change.stamp >= until))
}

fn not_now(stack: &Stack, backfill: &mut Backfill, fault: Fault) -> Fed {
    let is_lost = poll::lost_its_place(&fault);
    match fault {
        Fault::Terminal(failure) => Fed::Refused(failure),
        Fault::InDoubt(failure) => Fed::Waits(Waits { until: stack.now(), failure }),
        Fault::Retry(again) => {
            if is_lost {
                backfill.place.continuation = backfill.place.resume.clone();
            }
            Fed::Waits(Waits { until: again.at, failure: again.failure })
        }
    }
}
