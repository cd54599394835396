//! One watch is read: page after page from its place on, under its lease; what is new is told of before the place moves.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::budget::Priority;
use super::super::flows::FlowHead;
use super::super::stack::Stack;
use super::alone::{apart, caught_up, left_behind, set_apart};
use super::announce::Announcing;
use super::lease::Lease;
use super::pace::Pace;
use super::place::{Failed, Place, Reading, together};
use super::{Listener, PollError, Report, SETTLED_AFTER, Watch, own};
use crate::domain::connection::Connection;
use crate::domain::outcome::{Fault, Reason};
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Account, Change, Events, Interest, PollAsk, Trigger};

/// Polls a watch, unless another worker does.
pub(super) async fn watch(
    stack: &Stack,
    trigger: &dyn Trigger,
    connection: &Arc<Connection>,
    watch: &Watch,
    pace: Pace,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), PollError> {
    let account = stack.client(Arc::clone(connection), Priority::Live, deadline).map_err(PollError::Fault)?;
    let Some(mut lease) = Lease::<Place>::take(stack, &watch.key).await? else {
        report.busy += 1;
        return Ok(());
    };
    lease.place.paced_until = pace.after_a_poll(lease.place.paced_until, stack.now());
    let mut result = Ok(());
    let mut is_repeated = false;
    loop {
        let pages = report.pages;
        let mut polled = read(stack, trigger, &account, &watch.listeners, watch, &mut lease, report).await;
        // The worker's time is up: another poll goes on soon, also for a wake-up that came meanwhile.
        let is_over = polled.as_ref().is_err_and(is_out_of_time);
        report.unfinished += u32::from(is_over);
        if is_over && (is_repeated || report.pages > pages) {
            // What it has told of counts.
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
        if !lease.release(stack, is_over || result.is_err()).await? {
            return result;
        }
        is_repeated = true;
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
    if !watch.own {
        left_behind(stack, listeners, lease).await?;
    }
    let Some(mut start) = lease.place.start(heads()) else { return Ok(()) };
    if watch.own {
        // What it read by itself before it shared the poll of the others is behind it.
        start = heads().filter_map(FlowHead::begins).fold(start, Timestamp::max);
    }
    let now = stack.now();
    let (overlap, looks_back) = lease.overlap(now);
    // One that is longer than a worker's time ends all the same.
    let unfinished = lease.unfinished(heads());
    let begins = unfinished.is_none();
    report.went_on += u32::from(!begins);
    let looks_back = unfinished.as_ref().map_or(looks_back, |reading| reading.looks_back);
    let from = unfinished.as_ref().map_or(start - overlap, |reading| reading.oldest);
    // By the cursor as it was then: a read that is gone on with has moved it.
    let final_before = match &unfinished {
        Some(reading) => reading.final_before,
        None => lease.place.cursor.map(|cursor| cursor - overlap),
    };
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
        let someone_new = listeners.iter().any(|listener| !lease.place.tells(&listener.head));
        let version = |change: &Change| (change.id.clone(), change.stamp);
        let mut changes: Vec<Change> = page
            .changes
            .into_iter()
            .filter(|change| change.stamp <= settled_before && !told_now.contains(&version(change)))
            .filter(|change| someone_new || !lease.knows(change))
            .collect();
        own::mark(stack, account.connection(), &mut changes, from).await?;
        for listener in listeners {
            let is_new = !lease.place.tells(&listener.head);
            let live_from = listener.head.begins().unwrap_or(Timestamp::MAX);
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
        lease.passed(&changes, from);
        if let Some(resume) = page.resume.filter(|_| page.continuation.is_some()) {
            let (of, oldest, place) = (together(heads()), from, resume.place);
            let reading = Reading { of, oldest, up_to, resume: place, final_before, looks_back };
            lease.comes_to(resume.from, reading);
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
                    caught_up(stack, account.connection(), watch, lease, up_to).await?;
                }
                return Ok(());
            }
        }
    }
}

/// What is read for several flows together.
pub(super) fn union_of<'a>(interests: impl Iterator<Item = &'a Interest>) -> Interest {
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
