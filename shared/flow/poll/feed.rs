//! Feeds: lists without an account, without stamps and without a *changed since*. A feed is read from its beginning each
//! time; each pair of an item's id and version is an event once.
//!
//! Pairs are remembered in rows that don't expire ([`super::known`]), after the queue has their messages. What a page
//! held when it was read last is kept beside the lease, so that a page that is as it was costs neither reads nor writes.

mod going_live;
mod place;
mod reader;
mod trail;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
pub(super) use going_live::{looks_once_more, remember, told_before};
use jiff::{SignedDuration, Timestamp};
use place::{KnownPage, Place, Trouble};
use reader::Reader;
use secrecy::SecretString;
use trail::Trail;

use super::super::FlowError;
use super::super::compile::Compiled;
use super::super::flows::FlowHead;
use super::super::stack::Stack;
use super::lease::{self, Lease};
use super::{PollError, Report};
use crate::domain::ids::Life;
use crate::domain::outcome::{Again, Failure, Fault};
use crate::domain::{Object, Value};
use crate::expression::{Condition, SyntaxError, Template};
use crate::ports::feed::{Feed, Page};
use crate::ports::table::{Condition as When, Key, Write};

/// Feeds that are read at once.
const AT_ONCE: usize = 8;
/// A poll doesn't begin a page that it may not be able to end.
const LONGEST_PAGE: SignedDuration = SignedDuration::from_secs(35);
/// Schedules don't tick to the second.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// How long a feed fails, and how often, before its owner is told.
const TOLD_AFTER: (SignedDuration, u32) = (SignedDuration::from_mins(30), 3);
/// So often a page is tried again before the list is read from its beginning: the way to it may have lapsed.
const TRIES: u32 = 5;

/// What an item of the feed is known by, which page is the last, and how often it is read.
#[derive(Debug)]
pub struct FeedRules {
    id: Template,
    version: Option<Template>,
    last: Option<Condition>,
    max_pages: u32,
    every: SignedDuration,
}

impl FeedRules {
    pub fn of(options: &Object) -> Result<Self, SyntaxError> {
        let text = |name: &str| options.get(name).and_then(Value::as_str);
        let number = |name: &str, default: u32, most: u32| {
            let given =
                options.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            given.unwrap_or(default).clamp(1, most)
        };
        Ok(Self {
            id: Template::expression(text("id").unwrap_or_default())?,
            version: text("version").map(Template::expression).transpose()?,
            last: text("last").map(Condition::compile).transpose()?,
            max_pages: number("max_pages", 100, 1_000),
            every: SignedDuration::from_mins(number("minutes", 5, 1_440).into()),
        })
    }
}

/// What of the options says which events there are: a flow in which it changes goes live anew.
pub(in crate::flow) fn watched(options: &Object) -> Object {
    let mut watched = options.clone();
    watched.retain(|name, _| !matches!(name.as_str(), "headers" | "minutes" | "max_pages"));
    watched
}

fn key(life: Life) -> Key {
    Key::new(format!("W#{}", life.flow), life.its("feed"))
}

/// The place of a life that has ended.
pub(super) fn forget(life: Life) -> Write {
    Write::Delete { key: key(life), when: When::Always }
}

/// Reads the feeds whose time has come.
pub(super) async fn poll(
    stack: &Stack,
    trigger: &str,
    source: &dyn Feed,
    deadline: Timestamp,
) -> Result<Report, FlowError> {
    let flows = stack.flows.enabled().await?.into_iter();
    let flows: Vec<_> = flows.filter(|(_, compiled)| compiled.flow.trigger.id == trigger).collect();
    let polls: Vec<BoxFuture<'_, _>> = flows
        .iter()
        .map(|(head, compiled)| poll_one(stack, source, head, compiled, deadline).boxed())
        .collect();
    let mut polls = futures::stream::iter(polls).buffer_unordered(AT_ONCE);
    let mut report = Report::default();
    let mut broken = None;
    while let Some(polled) = polls.next().await {
        match polled {
            Ok(one) => report.add(one),
            // One that can't be written down keeps none of the others waiting.
            Err(error) => broken = Some(error),
        }
    }
    broken.map_or(Ok(report), Err)
}

async fn poll_one(
    stack: &Stack,
    source: &dyn Feed,
    head: &FlowHead,
    compiled: &Compiled,
    deadline: Timestamp,
) -> Result<Report, FlowError> {
    let Some(rules) = &compiled.feed else { return Ok(Report::default()) };
    let place: Place = lease::read(stack, &key(head.life())).await?;
    if !is_due(&place, rules, stack.now()) {
        return Ok(Report::default());
    }
    look(stack, source, head, compiled, rules, deadline).await
}

async fn look(
    stack: &Stack,
    source: &dyn Feed,
    head: &FlowHead,
    compiled: &Compiled,
    rules: &FeedRules,
    deadline: Timestamp,
) -> Result<Report, FlowError> {
    let now = stack.now();
    let mut report = Report { watches: 1, ..Report::default() };
    let Some(mut lease) = Lease::<Place>::take(stack, &key(head.life())).await? else {
        report.busy = 1;
        return Ok(report);
    };
    let reader = Reader { stack, source, head, compiled, rules };
    let read = read(&reader, &mut lease, deadline, &mut report).await;
    let failed = match read {
        Ok(()) => None,
        Err(PollError::Fault(fault)) => Some(fault),
        Err(PollError::Ground(error)) => {
            lease.release(stack, true).await?;
            return Err(error);
        }
    };
    lease.place.read_at = Some(now);
    lease.place.not_before = match &failed {
        Some(Fault::Retry(Again { at, .. })) if *at > now => Some(*at),
        _ => None,
    };
    lease.place.trouble = match &failed {
        Some(fault) => {
            let failure = fault.failure();
            tracing::warn!(flow = %head.name, code = %failure.code, "the feed can't be read; its place is kept");
            report.failures.push((head.name.clone(), failure.code.clone()));
            Some(troubled(stack, head, lease.place.trouble.take(), failure).await)
        }
        None => None,
    };
    // Who wanted to poll meanwhile finds it read: it is due again when its minutes have passed.
    while lease.release(stack, failed.is_some()).await? {}
    Ok(report)
}

fn is_due(place: &Place, rules: &FeedRules, now: Timestamp) -> bool {
    if place.not_before.is_some_and(|not_before| now < not_before) {
        return false;
    }
    // Who was sent away goes on when it was told to; without a word, when it is time anyway.
    let goes_on = |trail: &Trail| trail.failures == 0 || place.not_before.is_some();
    place.goes_on_at.as_ref().is_some_and(goes_on)
        || place.read_at.is_none_or(|at| now.duration_since(at) + EARLY >= rules.every)
}

async fn troubled(stack: &Stack, head: &FlowHead, before: Option<Trouble>, failure: &Failure) -> Trouble {
    let now = stack.now();
    let (since, polls, told) = before.map_or((now, 0, false), |was| (was.since, was.polls, was.told));
    let polls = polls + 1;
    let lasts = now.duration_since(since) >= TOLD_AFTER.0 && polls >= TOLD_AFTER.1;
    if lasts && !told {
        stack.notices.feed_fails(&head.name, failure).await;
    }
    let Failure { code, message } = failure.clone();
    Trouble { code, message, since, polls, told: told || lasts }
}

/// Why a flow's feed can't be read, since when; for those who ask how the flow is.
pub async fn feed_trouble(stack: &Stack, life: Life) -> Result<Option<(Failure, Timestamp)>, FlowError> {
    let place: Place = lease::read(stack, &key(life)).await?;
    Ok(place.trouble.map(|trouble| (Failure::new(trouble.code, trouble.message), trouble.since)))
}

/// All pages, or as many as there is time for, or as the server gives.
async fn read(
    reader: &Reader<'_>,
    lease: &mut Lease<Place>,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), PollError> {
    let secrets = reader.secrets().await?;
    let mut trail = lease.place.goes_on_at.take().unwrap_or_else(|| reader.beginning());
    let read = read_on(reader, lease, &mut trail, &secrets, deadline, report).await;
    lease.place.forget_pages(&trail, reader.rules.max_pages);
    if let Err(PollError::Fault(Fault::Retry(_))) = &read {
        trail.failures += 1;
        if !trail.addresses.is_empty() && trail.failures < TRIES {
            lease.place.goes_on_at = Some(trail);
        }
    }
    read
}

/// Each page's messages are queued before it is known.
async fn read_on(
    reader: &Reader<'_>,
    lease: &mut Lease<Place>,
    trail: &mut Trail,
    secrets: &BTreeMap<String, SecretString>,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), PollError> {
    let mut bad: Option<Failure> = None;
    loop {
        if reader.stack.now() + LONGEST_PAGE > deadline {
            lease.place.goes_on_at = Some(trail.clone());
            return bad.map_or(Ok(()), |failure| Err(PollError::Fault(Fault::Terminal(failure))));
        }
        let known = lease.place.pages.get(&trail.address()).cloned();
        let validators = known.as_ref().map(|page| page.validators.clone()).unwrap_or_default();
        let page = reader.page(&trail.url, &validators, secrets).await.map_err(PollError::Fault)?;
        report.pages += 1;
        let (next, pairs, is_empty) = match (page, known) {
            (Page::Unchanged, Some(known)) => (known.next, known.pairs, false),
            (Page::Unchanged, None) => return Err(PollError::Fault(Fault::Terminal(unasked()))),
            (Page::Read(page), known) => {
                let found = reader.found(&page);
                let next = reader.next(&page).map_err(PollError::Fault)?;
                let pairs = found.fingerprint();
                let of_whole = known.as_ref().is_some_and(|known| known.of_whole);
                if known.is_none_or(|known| known.pairs != pairs) {
                    report.events += reader.announce(&found, page.at, lease).await?;
                }
                // A page with an item that nobody can name is looked at again.
                if found.bad.is_none() {
                    let known =
                        KnownPage { validators: page.validators, pairs, next: next.clone(), of_whole };
                    lease.place.pages.insert(trail.address(), known);
                } else {
                    lease.place.pages.remove(&trail.address());
                }
                let is_empty = found.entries.is_empty();
                bad = bad.or(found.bad);
                (next, pairs, is_empty)
            }
        };
        let Some(next) = next else { break };
        let on = trail.on(next, pairs, is_empty, reader.rules.max_pages);
        on.map_err(|failure| PollError::Fault(Fault::Terminal(failure)))?;
        lease.save(reader.stack).await?;
    }
    trail.addresses.insert(trail.address());
    lease.place.pages.retain(|address, _| trail.addresses.contains(address));
    lease.place.pages.values_mut().for_each(|page| page.of_whole = true);
    match bad {
        Some(failure) => Err(PollError::Fault(Fault::Terminal(failure))),
        None => {
            lease.place.whole_at = Some(trail.began_at);
            Ok(())
        }
    }
}

fn unasked() -> Failure {
    Failure::new("refused", "it answers 304 to a request that named no version")
}
