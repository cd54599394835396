//! Feeds: lists without an account, without stamps and without a *changed since*. A feed is read from its beginning each
//! time; each pair of an item's id and version is an event once.
//!
//! Pairs are remembered in rows that don't expire ([`super::known`]), after the queue has their messages. What a page
//! held when it was read last is kept beside the lease, so that a page that is as it was costs neither reads nor writes.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::compile::Compiled;
use super::super::flows::FlowHead;
use super::super::receive::webhook_secret_name;
use super::super::rows::document_of;
use super::super::run::write_patiently;
use super::super::settle::send_all;
use super::super::stack::Stack;
use super::known::{self, Pair};
use super::lease::{Kept, Lease, fingerprint};
use super::{PollError, Report};
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::{EventKey, FlowId};
use crate::domain::outcome::{Again, Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::expression::{Condition, Scope, SyntaxError, Template};
use crate::ports::feed::{Feed, Page, PageAsk, PageRead, Validators};
use crate::ports::table::{Condition as When, Key, Write};

/// Feeds that are read at once.
const AT_ONCE: usize = 8;
/// A poll doesn't begin a page that it may not be able to end.
const LONGEST_PAGE: SignedDuration = SignedDuration::from_secs(35);
/// Schedules don't tick to the second.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// How long a feed fails, and how often, before its owner is told.
const TOLD_AFTER: (SignedDuration, u32) = (SignedDuration::from_mins(30), 3);
/// Ids are parts of keys.
const LONGEST_ID: usize = 400;
/// How often going live reads a list that moves under it.
const SEED_ROUNDS: u32 = 5;

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

/// What is kept of a feed between two polls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_at: Option<Timestamp>,
    /// The server asked not to be asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    /// Where the last poll's time ended: the next one goes on from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    goes_on_at: Option<Trail>,
    /// Pages whose items are all told of, by their address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pages: BTreeMap<u64, KnownPage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
}

impl Kept for Place {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KnownPage {
    #[serde(flatten)]
    validators: Validators,
    /// Of its ids and versions, in their order.
    pairs: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// It fails, since when, how often in a row, and whether the owner knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Trouble {
    code: String,
    message: String,
    since: Timestamp,
    polls: u32,
    told: bool,
}

/// The way through the pages. It ends where it would go in circles, and where it has become too long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trail {
    url: String,
    /// The addresses of the pages that were read, hashed.
    addresses: BTreeSet<u64>,
    /// What the page before held.
    pairs: u64,
}

impl Trail {
    fn from(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    fn address(&self) -> u64 {
        fingerprint(&[&self.url])
    }

    /// On to the next page. `is_empty`: the page had nothing.
    fn on(&mut self, next: String, pairs: u64, is_empty: bool, max_pages: u32) -> Result<(), Failure> {
        self.addresses.insert(self.address());
        let number = self.addresses.len();
        let same = !is_empty && number > 1 && pairs == self.pairs;
        if same || self.addresses.contains(&fingerprint(&[&next])) {
            let message = format!("page {number} leads back to one that was read already: look at `paging`");
            return Err(Failure::new("paging_loops", message));
        }
        if number >= usize::try_from(max_pages).unwrap_or(usize::MAX) {
            let message =
                format!("the list goes on after {number} pages: narrow it in the URL, or raise `max_pages`");
            return Err(Failure::new("too_many_pages", message));
        }
        *self = Self { url: next, pairs, addresses: std::mem::take(&mut self.addresses) };
        Ok(())
    }
}

fn key(flow: FlowId) -> Key {
    Key::new(format!("W#{flow}"), "feed")
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
    let mut report = Report::default();
    let Some(rules) = &compiled.feed else { return Ok(report) };
    let now = stack.now();
    let item = stack.ports.table.get(&[key(head.id)]).await?.into_iter().next().flatten();
    let place: Place = item.as_ref().map(document_of).transpose()?.unwrap_or_default();
    if !is_due(&place, rules, now) {
        return Ok(report);
    }
    report.watches = 1;
    let Some(mut lease) = Lease::<Place>::take(stack, &key(head.id)).await? else {
        report.busy = 1;
        return Ok(report);
    };
    let reader = Reader::of(stack, source, head, compiled, rules);
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
    place.goes_on_at.is_some() || place.read_at.is_none_or(|at| now.duration_since(at) + EARLY >= rules.every)
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
pub async fn feed_trouble(stack: &Stack, flow: FlowId) -> Result<Option<(Failure, Timestamp)>, FlowError> {
    let item = stack.ports.table.get(&[key(flow)]).await?.into_iter().next().flatten();
    let place: Place = item.as_ref().map(document_of).transpose()?.unwrap_or_default();
    Ok(place.trouble.map(|trouble| (Failure::new(trouble.code, trouble.message), trouble.since)))
}

/// All pages, or as many as there is time for. Each page's messages are queued before it is known.
async fn read(
    reader: &Reader<'_>,
    lease: &mut Lease<Place>,
    deadline: Timestamp,
    report: &mut Report,
) -> Result<(), PollError> {
    let secrets = reader.secrets().await?;
    let first = || Trail::from(reader.source.first_page(reader.options()));
    let mut trail = lease.place.goes_on_at.take().unwrap_or_else(first);
    let mut bad: Option<Failure> = None;
    loop {
        if reader.stack.now() + LONGEST_PAGE > deadline {
            lease.place.goes_on_at = Some(trail);
            return bad.map_or(Ok(()), |failure| Err(PollError::Fault(Fault::Terminal(failure))));
        }
        let known = lease.place.pages.get(&trail.address()).cloned();
        let validators = known.as_ref().map(|page| page.validators.clone()).unwrap_or_default();
        let page = reader.page(&trail.url, &validators, &secrets).await.map_err(PollError::Fault)?;
        report.pages += 1;
        let (next, pairs, is_empty) = match (page, known) {
            (Page::Unchanged, Some(known)) => (known.next, known.pairs, false),
            (Page::Unchanged, None) => {
                let failure = Failure::new("refused", "it answers 304 to a request that named no version");
                return Err(PollError::Fault(Fault::Terminal(failure)));
            }
            (Page::Read(page), known) => {
                let found = reader.found(&page);
                let next = reader.next(&page).map_err(PollError::Fault)?;
                let pairs = found.fingerprint();
                if known.is_none_or(|known| known.pairs != pairs) {
                    report.events += reader.announce(&found, page.at).await?;
                }
                // A page with an item that nobody can name is looked at again.
                if found.bad.is_none() {
                    let known = KnownPage { validators: page.validators, pairs, next: next.clone() };
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
    bad.map_or(Ok(()), |failure| Err(PollError::Fault(Fault::Terminal(failure))))
}

/// Going live: what is there is remembered and starts nothing. A list of several pages may move while it is read, so it
/// is read until nothing in it is unknown.
pub(super) async fn remember_all(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
    source: &dyn Feed,
) -> Result<(), FlowError> {
    let Some(rules) = &compiled.feed else { return Ok(()) };
    let forget = Write::Delete { key: key(head.id), when: When::Always };
    write_patiently(&stack.ports, vec![forget]).await?;
    let reader = Reader::of(stack, source, head, compiled, rules);
    let asked = |error: PollError| match error {
        PollError::Ground(error) => error,
        PollError::Fault(fault) => FlowError::Asked(fault.failure().clone()),
    };
    let secrets = reader.secrets().await.map_err(asked)?;
    for _ in 0..SEED_ROUNDS {
        let mut trail = Trail::from(source.first_page(reader.options()));
        let mut met = 0;
        loop {
            let page = reader.page(&trail.url, &Validators::default(), &secrets).await;
            let page = page.map_err(|fault| asked(PollError::Fault(fault)))?;
            let Page::Read(page) = page else { break };
            let found = reader.found(&page);
            // An item without an id would be told of with each poll: better now, while somebody listens.
            if let Some(failure) = found.bad {
                return Err(failure.into());
            }
            met += known::meet_pairs(stack, head.id, &found.pairs()).await?.len();
            let Some(next) = reader.next(&page).map_err(|fault| asked(PollError::Fault(fault)))? else {
                break;
            };
            trail.on(next, found.fingerprint(), found.entries.is_empty(), rules.max_pages)?;
        }
        if met == 0 || trail.addresses.is_empty() {
            break;
        }
    }
    Ok(())
}

/// One feed of one flow.
struct Reader<'a> {
    stack: &'a Stack,
    source: &'a dyn Feed,
    head: &'a FlowHead,
    compiled: &'a Compiled,
    rules: &'a FeedRules,
}

/// What a page holds: its items by id and version, and why some can't be named.
struct Found {
    entries: Vec<Entry>,
    bad: Option<Failure>,
}

struct Entry {
    id: String,
    version: Option<String>,
    item: Value,
}

impl Found {
    fn pairs(&self) -> Vec<Pair> {
        self.entries.iter().map(Entry::pair).collect()
    }

    fn fingerprint(&self) -> u64 {
        let parts =
            self.entries.iter().flat_map(|entry| [&*entry.id, entry.version.as_deref().unwrap_or_default()]);
        fingerprint(&parts.collect::<Vec<_>>())
    }
}

impl Entry {
    fn pair(&self) -> Pair {
        Pair::of(&self.id, self.version.as_deref())
    }

    /// An id with an `@` is written so that no other pair reads the same.
    fn key(&self) -> EventKey {
        match &self.version {
            None => EventKey::new(self.id.as_str()),
            Some(version) => {
                EventKey::new(format!("{}@{version}", self.id.replace('%', "%25").replace('@', "%40")))
            }
        }
    }
}

impl<'a> Reader<'a> {
    fn of(
        stack: &'a Stack,
        source: &'a dyn Feed,
        head: &'a FlowHead,
        compiled: &'a Compiled,
        rules: &'a FeedRules,
    ) -> Self {
        Self { stack, source, head, compiled, rules }
    }

    fn options(&self) -> &'a Object {
        &self.compiled.flow.trigger.options
    }

    async fn secrets(&self) -> Result<BTreeMap<String, SecretString>, PollError> {
        let mut secrets = BTreeMap::new();
        for name in self.source.secrets(self.options()) {
            if let Some(secret) = self.stack.ports.vault.read(&webhook_secret_name(&name)).await? {
                secrets.insert(name, secret);
            }
        }
        Ok(secrets)
    }

    async fn page(
        &self,
        url: &str,
        validators: &Validators,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Page, Fault> {
        let http = self.stack.ports.web.as_ref();
        let now = self.stack.now();
        self.source.page(PageAsk { options: self.options(), url, validators, secrets, http, now }).await
    }

    /// The next page's address, unless this page says that it is the last.
    fn next(&self, page: &PageRead) -> Result<Option<String>, Fault> {
        let (Some(next), Some(last)) = (&page.next, &self.rules.last) else { return Ok(page.next.clone()) };
        let scope = Scope::new(Stamp(self.stack.now())).with_item("answer", page.answer.clone());
        let is_last = tokio::task::block_in_place(|| last.holds(&scope, &self.stack.engine));
        let is_last = is_last.map_err(|error| Fault::terminal(error.code(), format!("`last`: {error}")))?;
        Ok((!is_last).then(|| next.clone()))
    }

    fn found(&self, page: &PageRead) -> Found {
        tokio::task::block_in_place(|| {
            let mut found = Found { entries: Vec::new(), bad: None };
            for (number, item) in (1..).zip(&page.items) {
                match self.entry(item) {
                    Ok(entry) => found.entries.push(entry),
                    Err(failure) => {
                        let message = format!("item {number} of a page: {}", failure.message);
                        found.bad.get_or_insert(Failure::new(failure.code, message));
                    }
                }
            }
            found
        })
    }

    fn entry(&self, item: &Value) -> Result<Entry, Failure> {
        let scope = Scope::new(Stamp(self.stack.now())).with_item("item", item.clone());
        let text = |template: &Template| {
            let value = template.render(&scope, &self.stack.engine);
            let value = value.map_err(|error| Failure::new(error.code(), error.to_string()))?;
            Ok(match value {
                Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                _ => None,
            })
        };
        let id = text(&self.rules.id)?;
        let id =
            id.ok_or_else(|| Failure::new("item_without_id", "`id` gives nothing for it; the others go on"))?;
        if id.len() > LONGEST_ID {
            return Err(Failure::new(
                "id_too_long",
                format!("its id has {} bytes, at most {LONGEST_ID} are taken", id.len()),
            ));
        }
        // An item without a version is one that has not been changed yet.
        let version = match &self.rules.version {
            Some(version) => Some(text(version)?.unwrap_or_default()),
            None => None,
        };
        Ok(Entry { id, version, item: item.clone() })
    }

    /// Queues what hasn't been told of, then remembers it. Returns how many messages there were.
    async fn announce(&self, found: &Found, at: Option<Timestamp>) -> Result<u32, PollError> {
        let fresh = known::unknown_pairs(self.stack, self.head.id, &found.pairs()).await?;
        let mut messages = Vec::new();
        let mut told = BTreeSet::new();
        for entry in &found.entries {
            let pair = entry.pair();
            if fresh.contains(&pair) && told.insert(pair) {
                messages.push(self.message(entry, at));
            }
        }
        send_all(self.stack, &messages).await?;
        if !messages.is_empty() {
            known::meet_pairs(self.stack, self.head.id, &found.pairs()).await?;
        }
        Ok(u32::try_from(messages.len()).unwrap_or(u32::MAX))
    }

    /// A version that is an instant is the event's stamp: by it, older versions give way to newer ones.
    fn message(&self, entry: &Entry, at: Option<Timestamp>) -> RunMessage {
        let now = self.stack.now();
        let stamp: Option<Timestamp> = entry.version.as_deref().and_then(|version| version.parse().ok());
        let event = Event {
            connection: None,
            kind: self.compiled.flow.trigger.id.clone(),
            key: entry.key(),
            record_id: Some(RecordId::new(entry.id.as_str())),
            stamp,
            at: stamp.or(at).unwrap_or(now),
            record: entry.item.clone(),
            previous: Value::Null,
            url: None,
            finds: false,
        };
        RunMessage::first(self.head.id, self.head.live_version, event, now)
    }
}
