//! Going live with a list: what is in it is known, and starts nothing.
//!
//! Where another version takes over, what the one before had yet to tell of isn't known: it is told of by the version
//! before, which looks once more, or else by the one that takes over. First what is there is remembered, and then it is
//! asked what had yet to be told: so what comes between the two is told of as well.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::super::super::FlowError;
use super::super::super::compile::Compiled;
use super::super::super::flows::{FlowHead, FlowState};
use super::super::super::run::write_patiently;
use super::super::super::stack::Stack;
use super::super::known::{self, Pair};
use super::super::{PollError, lease};
use super::place::Place;
use super::reader::Reader;
use super::{key, look};
use crate::domain::ids::Life;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::ports::feed::{Page, Validators};
use crate::ports::table::MAX_TRANSACTION;

/// How often a list is read that moves under us.
const ROUNDS: u32 = 5;
/// How often it is looked whether another worker has read the list.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What is there is known to a life that is about to begin, but for what `before`, the version before of a flow that is
/// live, had yet to tell of. Returns since when what came is told of by neither; `None`: nothing is.
pub(in super::super) async fn remember(
    stack: &Stack,
    was: &FlowHead,
    before: Option<&Compiled>,
    next: Life,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    let there = all_of(stack, was, compiled).await.map_err(asked)?;
    // An item without an id would be told of with each poll: better now, while somebody listens.
    if let Some(failure) = there.bad {
        return Err(failure.into());
    }
    for some in there.pairs.chunks(MAX_TRANSACTION) {
        write_patiently(&stack.ports, known::meet_pairs(stack, next, some).await?).await?;
    }
    let Some(before) = before else { return Ok(None) };
    if was.state == FlowState::Enabled && looks_once_more(stack, was, before).await? {
        return Ok(None);
    }
    let option = |compiled: &Compiled, name| compiled.flow.trigger.options.get(name).cloned();
    let is_the_same = |name| option(before, name) == option(compiled, name);
    if !is_the_same("id") {
        return told_before(stack, was).await;
    }
    let fresh = yet_to_tell(stack, was, before).await?;
    let is_read = fresh.is_some();
    let untold: BTreeSet<Pair> = match fresh {
        Some(ids) => there.pairs.into_iter().filter(|pair| ids.contains(pair.id())).collect(),
        None if is_the_same("version") => known::unknown_pairs(stack, was.life(), &there.pairs).await?,
        None => known::strangers(stack, was.life(), &there.pairs).await?,
    };
    for some in known::forget(next, &untold).chunks(MAX_TRANSACTION) {
        write_patiently(&stack.ports, some.to_vec()).await?;
    }
    // Which of those that it has met had changed can't be told any more.
    let are_changes_lost = !is_read && !is_the_same("version") && option(before, "version").is_some();
    if are_changes_lost { told_before(stack, was).await } else { Ok(None) }
}

/// The version before reads its list to the end, whether it is due or not. False: it can't. Another version than one
/// of a list has nothing to look at.
pub(in super::super) async fn looks_once_more(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<bool, FlowError> {
    let (Some(rules), Some(source)) = (&compiled.feed, stack.catalog.feed(&compiled.flow.trigger.id)) else {
        return Ok(true);
    };
    let asked_at = stack.now();
    loop {
        let deadline = stack.now() + stack.times.function;
        let report = look(stack, source.as_ref(), head, compiled, rules, deadline).await?;
        let place: Place = lease::read(stack, &key(head.life())).await?;
        if place.whole_at.is_some_and(|whole_at| whole_at >= asked_at) {
            return Ok(true);
        }
        if !report.failures.is_empty() {
            return Ok(false);
        }
        // Else there was more than it had time for, and it goes on there.
        if report.busy > 0 {
            if stack.now().duration_since(asked_at) > stack.times.function + stack.times.lease {
                let name = &head.name;
                let advice =
                    format!("another worker reads the list of `{name}` all the time; try again in a minute");
                return Err(Failure::new("feed_busy", advice).into());
            }
            stack.ports.clock.sleep(LOOK_AGAIN).await;
        }
    }
}

/// What was in the list then has been told of, or was there before the flow was live.
pub(in super::super) async fn told_before(
    stack: &Stack,
    head: &FlowHead,
) -> Result<Option<Timestamp>, FlowError> {
    let place: Place = lease::read(stack, &key(head.life())).await?;
    Ok(place.whole_at.max(head.begins()))
}

/// Items of a flow that is paused which are new, or changed, since. `None`: its list can't be read.
async fn yet_to_tell(
    stack: &Stack,
    was: &FlowHead,
    before: &Compiled,
) -> Result<Option<BTreeSet<RecordId>>, FlowError> {
    if was.state == FlowState::Enabled {
        return Ok(None);
    }
    match all_of(stack, was, before).await {
        Ok(there) => {
            let fresh = known::unknown_pairs(stack, was.life(), &there.pairs).await?;
            Ok(Some(fresh.iter().map(|pair| pair.id().clone()).collect()))
        }
        Err(PollError::Fault(_)) => Ok(None),
        Err(PollError::Ground(error)) => Err(error),
    }
}

/// What is in a list, and why an item can't be named.
struct There {
    pairs: Vec<Pair>,
    bad: Option<Failure>,
}

/// One of several pages may move while it is read, so it is read until nothing in it is met for the first time.
async fn all_of(stack: &Stack, head: &FlowHead, compiled: &Compiled) -> Result<There, PollError> {
    let source = stack.catalog.feed(&compiled.flow.trigger.id);
    let (Some(rules), Some(source)) = (&compiled.feed, source) else {
        return Ok(There { pairs: Vec::new(), bad: None });
    };
    let reader = Reader { stack, source: source.as_ref(), head, compiled, rules };
    let secrets = reader.secrets().await?;
    let mut pairs = BTreeSet::new();
    let mut bad = None;
    for _ in 0..ROUNDS {
        let known = pairs.len();
        let mut trail = reader.beginning();
        loop {
            let page = reader.page(&trail.url, &Validators::default(), &secrets).await;
            let Page::Read(page) = page.map_err(PollError::Fault)? else {
                return Err(PollError::Fault(Fault::Terminal(super::unasked())));
            };
            let found = reader.found(&page);
            pairs.extend(found.pairs());
            let next = reader.next(&page).map_err(PollError::Fault)?;
            let (fingerprint, is_empty) = (found.fingerprint(), found.entries.is_empty());
            bad = bad.or(found.bad);
            let Some(next) = next else { break };
            let on = trail.on(next, fingerprint, is_empty, rules.max_pages);
            on.map_err(|failure| PollError::Fault(Fault::Terminal(failure)))?;
        }
        if pairs.len() == known || trail.addresses.is_empty() {
            break;
        }
    }
    Ok(There { pairs: pairs.into_iter().collect(), bad })
}

fn asked(error: PollError) -> FlowError {
    match error {
        PollError::Ground(error) => error,
        PollError::Fault(fault) => fault.into(),
    }
}
