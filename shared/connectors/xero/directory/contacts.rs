//! The contacts of one organisation: filled page by page, freshened by `If-Modified-Since`, corrected when proved wrong.
//!
//! One process fills or freshens at a time (a lease in the head row), the others read what it wrote. Within a
//! process one plan does it while the others wait, so that two hundred plans cost one fill.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::contact::{Contact, normalised};
use super::index::Index;
use super::segments::{self, Head, SEGMENT, not_started};
use crate::connectors::xero::wire::{ACCOUNTING, Envelope, envelope};
use crate::domain::Value;
use crate::domain::outcome::Fault;
use crate::domain::time::Stamp;
use crate::ports::connector::{Account, Call};

/// A match may rest on a picture that is this old. What Xero itself refuses corrects it sooner.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How often the table is asked for what other processes wrote.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// Longer than a page takes, with its waits for the budget.
const LEASE: SignedDuration = SignedDuration::from_secs(150);
/// What was being saved while the page before was read.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// Learned contacts wait this long for others to share their row.
const PENDING_FOR: SignedDuration = SignedDuration::from_secs(60);

/// <https://developer.xero.com/documentation/api/accounting/requests-and-responses> (paging: at most 1,000)
const PAGE_SIZE: u64 = 1_000;

#[derive(Default)]
pub(crate) struct Contacts {
    index: Index,
    seen: BTreeSet<String>,
    head: Head,
    looked_at: Option<Timestamp>,
    /// Xero refused something that our picture allowed.
    stale: bool,
    /// Learned, in memory, and not yet in the table. Losing them loses nothing: freshening brings them again.
    pending: Vec<Arc<Contact>>,
    pending_since: Option<Timestamp>,
    /// Names that Xero called taken, and how often since our picture showed whose they are.
    refused: HashMap<String, u32>,
}

impl Contacts {
    pub(crate) fn find(&self, member: &str, value: &str) -> Vec<Arc<Contact>> {
        self.index.find(member, value)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Contact>> {
        self.index.get(id)
    }

    /// Whether Xero called the name taken again although our freshened picture shows nobody who has it.
    pub(crate) fn is_name_hidden(&self, name: &str) -> bool {
        self.refused.get(&normalised(name)).is_some_and(|times| *times >= 2)
    }

    pub(crate) fn refuse_name(&mut self, name: &str) {
        *self.refused.entry(normalised(name)).or_default() += 1;
        self.stale = true;
    }

    /// Something that we knew isn't so.
    pub(crate) fn doubt(&mut self) {
        self.stale = true;
    }

    /// Xero knows no such contact: it is kept as gone, since freshening never tells of what isn't there.
    pub(crate) fn forget(&mut self, account: &dyn Account, id: &str) {
        let gone = Contact::gone(id, account.clock().now());
        if self.index.get(id).is_some() && self.index.apply(Arc::new(gone.clone())) {
            self.pending.push(Arc::new(gone));
        }
        self.stale = true;
    }

    /// Makes the picture good enough to match by.
    pub(crate) async fn refresh(&mut self, account: &dyn Account, holder: &str) -> Result<(), Fault> {
        let now = account.clock().now();
        if !self.is_due(now) {
            return Ok(());
        }
        for contact in segments::read_new(account, &mut self.seen).await? {
            self.index.apply(Arc::new(contact));
        }
        self.head = segments::read_head(account).await?;
        self.looked_at = Some(now);
        if self.head.filled && !self.stale && !self.is_old(now) {
            return Ok(());
        }
        if !segments::take_lease(account, holder, now + LEASE).await? {
            return if self.head.filled && !self.stale { Ok(()) } else { Err(busy(account)) };
        }
        // Whoever held the lease before us may have done it meanwhile.
        for contact in segments::read_new(account, &mut self.seen).await? {
            self.index.apply(Arc::new(contact));
        }
        self.head = segments::read_head(account).await?;
        let done = match self.head.filled {
            true => self.freshen(account, holder).await,
            false => self.fill(account, holder).await,
        };
        if done.is_err() {
            self.looked_at = None;
            segments::take_lease(account, holder, now).await?;
        }
        done
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let looked = self.looked_at.is_some_and(|at| now.duration_since(at).abs() < LOOK_EVERY);
        self.stale || !looked || !self.head.filled || self.is_old(now)
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.as_millisecond() - self.head.fresh_at >= i64::try_from(FRESH_FOR.as_millis()).unwrap_or(i64::MAX)
    }

    /// Every contact, in order of their ids: what changes meanwhile doesn't move from page to page, and is read
    /// again by the first freshening, whose watermark is the clock of the first page.
    async fn fill(&mut self, account: &dyn Account, holder: &str) -> Result<(), Fault> {
        loop {
            let page = read_page(account, self.head.page, None).await?;
            let Some(page) = page else { return Err(unreadable(account)) };
            let last = is_last(&page, self.head.page);
            if self.head.page == 1 {
                self.head.watermark = page.at.map_or(0, Timestamp::as_millisecond);
            }
            let contacts = self.take_in(&page.elements);
            let now = account.clock().now();
            let next = Head {
                page: self.head.page + 1,
                filled: last,
                fresh_at: now.as_millisecond(),
                ..self.head.clone()
            };
            self.save(account, &contacts, next, holder, if last { now } else { now + LEASE }).await?;
            if last {
                self.settle_down();
                return Ok(());
            }
        }
    }

    async fn freshen(&mut self, account: &dyn Account, holder: &str) -> Result<(), Fault> {
        let watermark = Timestamp::from_millisecond(self.head.watermark).unwrap_or(Timestamp::UNIX_EPOCH);
        let since = watermark.checked_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut next = self.head.clone();
        let mut changed = std::mem::take(&mut self.pending);
        let mut number = 1;
        while let Some(page) = read_page(account, number, Some(since)).await? {
            if let (1, Some(at)) = (number, page.at) {
                next.watermark = at.as_millisecond();
            }
            changed.extend(self.take_in(&page.elements));
            if is_last(&page, number) {
                break;
            }
            number += 1;
        }
        let now = account.clock().now();
        next.fresh_at = now.as_millisecond();
        self.save(account, &changed, next, holder, now).await?;
        self.compact(account).await?;
        self.settle_down();
        Ok(())
    }

    /// The contacts of a page that tell us something new.
    fn take_in(&mut self, page: &[Value]) -> Vec<Arc<Contact>> {
        let contacts = page.iter().filter_map(Contact::of).map(Arc::new);
        contacts.filter(|contact| self.index.apply(contact.clone())).collect()
    }

    async fn save(
        &mut self,
        account: &dyn Account,
        contacts: &[Arc<Contact>],
        head: Head,
        holder: &str,
        lease: Timestamp,
    ) -> Result<(), Fault> {
        let names = segments::append(account, contacts, Some((&head, holder, lease))).await?;
        self.seen.extend(names);
        self.head = head;
        Ok(())
    }

    fn settle_down(&mut self) {
        self.stale = false;
        self.pending_since = None;
        let index = &self.index;
        self.refused.retain(|name, _| !index.find("Name", name).iter().any(|contact| contact.is_active()));
    }

    /// Rewrites the log once most of it is old versions. A crash between leaves some contacts twice, which is harmless.
    async fn compact(&mut self, account: &dyn Account) -> Result<(), Fault> {
        let needed = self.index.len().div_ceil(SEGMENT);
        if self.seen.len() <= 2 * needed + 50 {
            return Ok(());
        }
        let old: Vec<String> = self.seen.iter().cloned().collect();
        let all: Vec<Arc<Contact>> = self.index.all().cloned().collect();
        let names = segments::append(account, &all, None).await?;
        self.seen.extend(names);
        segments::delete(account, &old).await?;
        self.seen.retain(|name| !old.contains(name));
        Ok(())
    }

    /// Contacts as Xero answered them just now.
    pub(crate) async fn learn(&mut self, account: &dyn Account, answered: &[Value]) -> Result<(), Fault> {
        let news = self.take_in(answered);
        let now = account.clock().now();
        self.pending.extend(news);
        let since = *self.pending_since.get_or_insert(now);
        if self.pending.len() >= SEGMENT || now.duration_since(since) >= PENDING_FOR {
            let contacts = std::mem::take(&mut self.pending);
            self.pending_since = None;
            let names = segments::append(account, &contacts, None).await?;
            self.seen.extend(names);
        }
        Ok(())
    }
}

/// <https://developer.xero.com/documentation/api/accounting/contacts#get-contacts>
async fn read_page(
    account: &dyn Account,
    page: u64,
    since: Option<Timestamp>,
) -> Result<Option<Envelope>, Fault> {
    let mut call = Call::get(format!("{ACCOUNTING}/Contacts"))
        .with_query("page", page.to_string())
        .with_query("pageSize", PAGE_SIZE.to_string())
        .with_query("includeArchived", "true")
        .with_query("order", "ContactID");
    if let Some(since) = since {
        call = call.with_header("if-modified-since", Stamp(since).to_if_modified_since());
    }
    let response = account.read(call).await?;
    if response.status == 304 {
        return Ok(None);
    }
    envelope(&response, "Contacts").map(Some).ok_or_else(|| unreadable(account))
}

fn is_last(page: &Envelope, number: u64) -> bool {
    match page.pages {
        Some(pages) => number >= pages,
        None => (page.elements.len() as u64) < PAGE_SIZE,
    }
}

fn busy(account: &dyn Account) -> Fault {
    not_started(
        account,
        SignedDuration::from_secs(3),
        "directory_filling",
        "the organisation's contacts are being read by another worker: this waits for them",
    )
}

fn unreadable(account: &dyn Account) -> Fault {
    not_started(
        account,
        SignedDuration::from_secs(10),
        "unreadable_answer",
        "Xero's list of contacts could not be read",
    )
}
