//! Pages of one flow's feed: what is in them by id and version, and the messages of what hasn't been told of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::super::compile::Compiled;
use super::super::super::flows::FlowHead;
use super::super::super::receive::webhook_secret_name;
use super::super::super::settle::send_all;
use super::super::super::stack::Stack;
use super::super::PollError;
use super::super::announce::lives_still;
use super::super::known::{self, Pair};
use super::super::lease::{Kept, Lease};
use super::super::place::fingerprint;
use super::FeedRules;
use super::trail::Trail;
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::EventKey;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::expression::{Scope, Template};
use crate::ports::feed::{Feed, Page, PageAsk, PageRead, Validators};

/// Ids are parts of keys.
const LONGEST_ID: usize = 400;

/// One feed of one flow.
pub(super) struct Reader<'a> {
    pub(super) stack: &'a Stack,
    pub(super) source: &'a dyn Feed,
    pub(super) head: &'a FlowHead,
    pub(super) compiled: &'a Compiled,
    pub(super) rules: &'a FeedRules,
}

/// What a page holds: its items by id and version, and why some can't be named.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) bad: Option<Failure>,
}

pub(super) struct Entry {
    id: String,
    version: Option<String>,
    item: Value,
}

impl Found {
    pub(super) fn pairs(&self) -> Vec<Pair> {
        self.entries.iter().map(Entry::pair).collect()
    }

    pub(super) fn fingerprint(&self) -> u64 {
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
    pub(super) fn options(&self) -> &'a Object {
        &self.compiled.flow.trigger.options
    }

    /// The way to the first page.
    pub(super) fn beginning(&self) -> Trail {
        Trail::from(self.source.first_page(self.options()), self.stack.now())
    }

    pub(super) async fn secrets(&self) -> Result<BTreeMap<String, SecretString>, PollError> {
        let mut secrets = BTreeMap::new();
        for name in self.source.secrets(self.options()) {
            if let Some(secret) = self.stack.ports.vault.read(&webhook_secret_name(&name)).await? {
                secrets.insert(name, secret);
            }
        }
        Ok(secrets)
    }

    pub(super) async fn page(
        &self,
        url: &str,
        validators: &Validators,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Page, Fault> {
        let (http, elsewhere) = (self.stack.ports.web.as_ref(), self.stack.ports.public_web.as_ref());
        let (options, now) = (self.options(), self.stack.now());
        self.source.page(PageAsk { options, url, validators, secrets, http, elsewhere, now }).await
    }

    /// The next page's address, unless this page says that it is the last.
    pub(super) fn next(&self, page: &PageRead) -> Result<Option<String>, Fault> {
        let (Some(next), Some(last)) = (&page.next, &self.rules.last) else { return Ok(page.next.clone()) };
        let scope = Scope::new(Stamp(self.stack.now())).with_item("answer", page.answer.clone());
        let is_last = tokio::task::block_in_place(|| last.holds(&scope, &self.stack.engine));
        let is_last = is_last.map_err(|error| Fault::terminal(error.code(), format!("`last`: {error}")))?;
        Ok((!is_last).then(|| next.clone()))
    }

    pub(super) fn found(&self, page: &PageRead) -> Found {
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

    /// Queues what hasn't been told of, then remembers it under the lease. Returns how many messages there were.
    pub(super) async fn announce<P: Kept>(
        &self,
        found: &Found,
        at: Option<Timestamp>,
        lease: &Lease<P>,
    ) -> Result<u32, PollError> {
        let fresh = known::unknown_pairs(self.stack, self.head.life(), &found.pairs()).await?;
        let mut messages = Vec::new();
        let mut told = BTreeSet::new();
        for entry in &found.entries {
            let pair = entry.pair();
            if fresh.contains(&pair) && told.insert(pair) {
                messages.push(self.message(entry, at));
            }
        }
        if !messages.is_empty() {
            lives_still(self.stack, self.head).await?;
            send_all(self.stack, &messages).await?;
            let met = known::meet_pairs(self.stack, self.head.life(), &found.pairs()).await?;
            lease.write(self.stack, met).await?;
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
