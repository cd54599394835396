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

/// What a call taught about contacts.
pub(crate) enum Lesson {
    /// As Xero answered it just now.
    Written(Value),
    NameTaken(String),
    Gone(String),
    /// Something that we knew isn't so.
    Doubted,
}

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

    /// Takes in what calls taught, and writes what has waited long enough.
    pub(crate) async fn learn(&mut self, account: &dyn Account, lessons: Vec<Lesson>) -> Result<(), Fault> {
        let now = account.clock().now();
        for lesson in lessons {
            match lesson {
                Lesson::Written(contact) => {
                    let news = self.take_in(&[contact]);
                    self.pending.extend(news);
                }
                Lesson::NameTaken(name) => {
                    *self.refused.entry(normalised(&name)).or_default() += 1;
                    self.stale = true;
                }
                Lesson::Gone(id) => self.forget(&id, now),
                Lesson::Doubted => self.stale = true,
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let since = *self.pending_since.get_or_insert(now);
        if self.pending.len() >= SEGMENT || now.duration_since(since) >= PENDING_FOR {
            let names = segments::append(account, &self.pending, None).await?;
            self.pending.clear();
            self.pending_since = None;
            self.seen.extend(names);
        }
        Ok(())
    }

    /// Xero knows no such contact: it is kept as gone, since freshening never tells of what isn't there.
    fn forget(&mut self, id: &str, now: Timestamp) {
        let gone = Contact::gone(id, now);
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
            // Given back where that can be done; it ends by itself else.
            let _given_back = segments::take_lease(account, holder, now).await;
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
        let mut changed = self.pending.clone();
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
        self.pending.clear();
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::join_all;
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::connectors::xero::directory::{Directory, Lesson};
    use crate::connectors::xero::testing::{TestAccount, TestTable, answer};
    use crate::domain::outcome::Reason;

    /// An organisation whose contacts a test may add to; it answers as Xero does, page by page.
    #[derive(Clone, Default)]
    struct Organisation(Arc<Mutex<Vec<Value>>>);

    impl Organisation {
        fn of(size: usize) -> Self {
            let organisation = Self::default();
            (0..size).for_each(|n| organisation.add(n, &format!("Contact {n}"), "2026-01-01T00:00:00Z"));
            organisation
        }

        fn add(&self, n: usize, name: &str, at: &str) {
            let mut contacts = self.0.lock().unwrap();
            let contact = json!({"ContactID": format!("id-{n:05}"), "Name": name, "ContactStatus": "ACTIVE", "UpdatedDateUTC": at});
            contacts.retain(|known| known["ContactID"] != contact["ContactID"]);
            contacts.push(contact);
        }

        fn account(&self, table: &Arc<TestTable>) -> TestAccount {
            let contacts = self.0.clone();
            TestAccount::new(
                table,
                Box::new(move |call| {
                    let query = |name: &str| {
                        call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
                    };
                    assert_eq!(query("includeArchived"), Some("true"));
                    let page: usize = query("page").unwrap().parse().unwrap();
                    let since = call.headers.first().map(|(_, since)| Stamp::parse(since).unwrap().0);
                    let changed: Vec<Value> = contacts
                        .lock()
                        .unwrap()
                        .iter()
                        .filter(|contact| {
                            since.is_none_or(|since| {
                                crate::connectors::xero::wire::updated_at(contact).unwrap() >= since
                            })
                        })
                        .cloned()
                        .collect();
                    let rows: Vec<_> = changed.iter().skip((page - 1) * 1000).take(1000).collect();
                    Ok(answer(&json!({
                        "DateTimeUTC": "2026-09-14T09:00:00Z",
                        "pagination": {"page": page, "pageSize": 1000, "pageCount": changed.len().div_ceil(1000), "itemCount": changed.len()},
                        "Contacts": rows,
                    })))
                }),
            )
        }
    }

    #[tokio::test]
    async fn two_hundred_plans_at_once_read_three_thousand_contacts_with_three_calls() {
        let table = Arc::default();
        let account = Organisation::of(3_000).account(&table);
        let directory = Directory::default();
        let plans =
            (0..200).map(|n| {
                let (directory, account) = (&directory, &account);
                async move {
                    directory.contacts(account).await.unwrap().find("Name", &format!("contact {n}")).len()
                }
            });
        assert_eq!(join_all(plans).await, vec![1; 200]);
        assert_eq!(account.reads_of("/Contacts").len(), 3);
        assert_eq!(table.segments(), 30);
    }

    #[tokio::test]
    async fn another_process_reads_the_table_and_asks_xero_nothing() {
        let table = Arc::default();
        let organisation = Organisation::of(150);
        Directory::default().contacts(&organisation.account(&table)).await.unwrap();
        let other = organisation.account(&table);
        let contacts = Directory::default().contacts(&other).await.unwrap();
        assert_eq!(contacts.find("Name", "Contact 149").len(), 1);
        assert_eq!(other.reads_of("/Contacts").len(), 0);
    }

    #[tokio::test]
    async fn freshening_reads_what_changed_since_with_an_overlap_and_writes_only_that() {
        let table = Arc::default();
        let organisation = Organisation::of(250);
        let account = organisation.account(&table);
        let directory = Directory::default();
        drop(directory.contacts(&account).await.unwrap());
        organisation.add(7, "Renamed", "2026-09-14T09:01:00Z");
        account.clock.advance(SignedDuration::from_mins(4));
        assert_eq!(directory.contacts(&account).await.unwrap().find("Name", "Renamed").len(), 0);
        account.clock.advance(SignedDuration::from_mins(2));
        let contacts = directory.contacts(&account).await.unwrap();
        assert_eq!(contacts.find("Name", "Renamed").len(), 1);
        assert_eq!(contacts.find("Name", "Contact 7").len(), 0);
        let reads = account.reads_of("/Contacts");
        assert_eq!(reads[1].headers, [("if-modified-since".to_owned(), "2026-09-14T08:58:00".to_owned())]);
        assert_eq!((reads.len(), table.segments()), (2, 4));
    }

    #[tokio::test]
    async fn a_name_that_xero_calls_taken_is_looked_for_at_once() {
        let table = Arc::default();
        let organisation = Organisation::of(1);
        let account = organisation.account(&table);
        let directory = Directory::default();
        drop(directory.contacts(&account).await.unwrap());
        organisation.add(9, "New There", "2026-09-14T09:00:30Z");
        directory.learn(&account, vec![Lesson::NameTaken("new there".into())]).await.unwrap();
        assert_eq!(directory.contacts(&account).await.unwrap().find("Name", "New There").len(), 1);
        // One that nobody shows is given up after the second time, so that planning again comes to an end.
        for hidden in [false, true] {
            directory.learn(&account, vec![Lesson::NameTaken("Hidden".into())]).await.unwrap();
            assert_eq!(directory.contacts(&account).await.unwrap().is_name_hidden("hidden"), hidden);
        }
    }

    #[tokio::test]
    async fn what_was_written_is_known_at_once_and_a_hundred_contacts_share_a_row() {
        let table = Arc::default();
        let account = Organisation::of(1).account(&table);
        let directory = Directory::default();
        drop(directory.contacts(&account).await.unwrap());
        let written = |n: usize| {
            Lesson::Written(
                json!({"ContactID": format!("new-{n}"), "Name": format!("New {n}"), "UpdatedDateUTC": "2026-09-14T09:00:00Z"}),
            )
        };
        for fifty in [0..50, 50..100] {
            directory.learn(&account, fifty.map(written).collect()).await.unwrap();
        }
        assert_eq!(directory.contacts(&account).await.unwrap().find("Name", "New 99").len(), 1);
        assert_eq!(table.segments(), 2);
        directory.learn(&account, vec![Lesson::Gone("new-5".into())]).await.unwrap();
        let contacts = directory.contacts(&account).await.unwrap();
        assert!(contacts.find("Name", "New 5").is_empty());
        assert!(contacts.get("new-5").unwrap().is_gone());
    }

    #[tokio::test]
    async fn a_fill_that_broke_off_goes_on_where_it_was_and_others_wait_meanwhile() {
        let table: Arc<TestTable> = Arc::default();
        let organisation = Organisation::of(1_500);
        let broken = {
            let inner = organisation.account(&table);
            let calls = Mutex::new(0);
            TestAccount::new(
                &table,
                Box::new(move |call| {
                    *calls.lock().unwrap() += 1;
                    match *calls.lock().unwrap() {
                        1 => inner.answer(call),
                        _ => Err(not_started(&inner, SignedDuration::from_secs(1), "limited", "")),
                    }
                }),
            )
        };
        assert!(Directory::default().contacts(&broken).await.is_err());
        let other = organisation.account(&table);
        other.clock.advance(SignedDuration::from_secs(1));
        // Somebody holds the lease: not now.
        assert!(segments::take_lease(&other, "somebody", other.clock.now_in(150)).await.unwrap());
        let Err(Fault::Retry(again)) = Directory::default().contacts(&other).await else {
            panic!("it waits")
        };
        assert_eq!(again.reason, Reason::NotStarted);
        other.clock.advance(SignedDuration::from_secs(200));
        let contacts = Directory::default().contacts(&other).await.unwrap();
        assert_eq!(contacts.find("Name", "Contact 1499").len() + contacts.find("Name", "Contact 0").len(), 2);
        assert_eq!(other.reads_of("/Contacts").len(), 1);
    }
}
