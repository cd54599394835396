//! How all triggers of Xero read: what changed since a time, in the order of the stamps, page by page.
//!
//! <https://developer.xero.com/documentation/api/efficient-data-retrieval>

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::super::directory::Directory;
use super::super::pages::Place;
use super::super::wire::{ACCOUNTING, Envelope, deep_link, document, envelope, text, updated_at};
use super::kind::{Asked, Kind};
use super::options::{self, Filter};
use crate::domain::flow::Order;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::record_id::RecordId;
use crate::domain::time::{Day, Stamp};
use crate::domain::{Object, Value};
use crate::ports::connector::{
    Account, Bound, Call, Change, Counted, Interest, PollAsk, PollPage, Resume, Trigger, TriggerDescription,
};
use crate::ports::http::Response;

/// <https://developer.xero.com/documentation/api/accounting/requests-and-responses> (paging: at most 1,000)
const PAGE_SIZE: u32 = 1_000;
/// Where the size can't be said.
const USUAL_PAGE_SIZE: u32 = 100;
/// How many ids one address holds; 37 characters each.
const IDS: u32 = 40;
/// How many names tell people what is meant.
const NAMES: u32 = 3;
/// A poll of one watch costs one call: twelve an hour leave most of a small account's 1,000 a day.
const MINUTES: u32 = 5;

pub(super) struct Watch {
    kind: &'static Kind,
    directory: Arc<Directory>,
}

impl Watch {
    pub(super) fn new(kind: &'static Kind, directory: &Arc<Directory>) -> Self {
        Self { kind, directory: Arc::clone(directory) }
    }

    fn call(&self, interest: &Interest, place: Place, size: u32) -> Call {
        let kind = self.kind;
        let filter = Filter::of(interest);
        let call = Call::get(format!("{ACCOUNTING}/{}", kind.collection));
        let mut call = place.asked(call);
        if page_size(kind) == PAGE_SIZE {
            call = call.with_query("pageSize", size.to_string());
        }
        if kind.has_lines {
            call = call.with_query("unitdp", "4");
        }
        if kind.has_archived {
            call = call.with_query("includeArchived", "true");
        }
        if filter.status.len() > 1 && takes_several_statuses(kind) {
            call = call.with_query("Statuses", filter.status.join(","));
        }
        match kind.asked {
            Asked::Where => match condition(kind, &filter) {
                Some(condition) => call.with_query("where", condition),
                None => call,
            },
            Asked::Parameters { contact, .. } => {
                if let [status] = filter.status.as_slice() {
                    call = call.with_query("Status", status);
                }
                match filter.contact.filter(|_| contact) {
                    Some(id) => call.with_query("ContactID", id),
                    None => call,
                }
            }
        }
    }

    fn page_of(&self, response: &Response, account: &dyn Account) -> Result<Envelope, Fault> {
        envelope(response, self.kind.collection)
            .ok_or_else(|| unreadable(account, &format!("an answer without {}", self.kind.collection)))
    }

    fn change(&self, record: Value, short_code: &str, account: &dyn Account) -> Result<Change, Fault> {
        let (Some(id), Some(stamp)) = (text(&record, self.kind.key), updated_at(&record)) else {
            return Err(unreadable(
                account,
                &format!("a record without {} or UpdatedDateUTC", self.kind.key),
            ));
        };
        Ok(Change {
            id: RecordId::new(id),
            stamp,
            // Xero doesn't say who wrote a version: our calls' own notes do.
            own: false,
            made: false,
            url: Some(deep_link(short_code, &format!("{}{id}", self.kind.page))),
            record: document(record),
        })
    }
}

fn page_size(kind: &Kind) -> u32 {
    match kind.asked {
        Asked::Parameters { page_size: false, .. } => USUAL_PAGE_SIZE,
        _ => PAGE_SIZE,
    }
}

/// <https://developer.xero.com/documentation/api/accounting/invoices#optional-parameters>
fn takes_several_statuses(kind: &Kind) -> bool {
    kind.collection == "Invoices"
}

/// Fields that Xero filters by without reading everything; `OR` is no way to several statuses.
fn condition(kind: &Kind, filter: &Filter) -> Option<String> {
    let mut parts: Vec<String> = kind.only_where.iter().map(|&part| part.to_owned()).collect();
    if let [status] = filter.status.as_slice() {
        parts.push(format!("{}==\"{status}\"", kind.statuses.field));
    }
    if let [value] = filter.kind.as_slice() {
        parts.push(format!("{}==\"{value}\"", kind.kind_field));
    }
    if let Some(contact) = filter.contact.as_ref().filter(|_| kind.collection != "Payments") {
        parts.push(format!("Contact.ContactID==Guid(\"{contact}\")"));
    }
    parts.extend(filter.condition.as_ref().map(|condition| format!("({condition})")));
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

#[async_trait]
impl Trigger for Watch {
    fn describe(&self) -> TriggerDescription {
        let kind = self.kind;
        TriggerDescription {
            id: kind.id,
            title: kind.title,
            about: kind.about,
            documentation: kind.documentation,
            options: options::schema(kind),
            order: if kind.updates { Order::Newest } else { Order::Every },
            minutes: MINUTES,
            page: page_size(kind),
            scope: Some(kind.scope),
            example: kind.example,
            sample: (kind.sample)(),
        }
    }

    fn interest(&self, options: &Object) -> Result<Interest, Failure> {
        options::interest(self.kind, options)
    }

    async fn poll(&self, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault> {
        let place = ask.continuation.and_then(Place::read).unwrap_or(Place::first(ask.from));
        let response = account.read(self.call(ask.union, place, PAGE_SIZE)).await?;
        let page = self.page_of(&response, account)?;
        let provider_now = page.at.ok_or_else(|| unreadable(account, "an answer without its time"))?;
        let is_full = page.elements.len() >= page_size(self.kind) as usize;
        let last = page.elements.last().and_then(updated_at);
        let next = place.next(is_full, last);
        let filter = Filter::of(ask.union);
        let taken: Vec<Value> =
            page.elements.into_iter().filter(|record| filter.takes(self.kind, record)).collect();
        let short_code =
            if taken.is_empty() { String::new() } else { self.directory.short_code(account).await? };
        let changes = taken.into_iter().map(|record| self.change(record, &short_code, account));
        Ok(PollPage {
            changes: changes.collect::<Result<_, _>>()?,
            // A place says by itself where it is, whenever it is gone on from.
            resume: next.map(|next| Resume { place: next.text(), from: next.since }),
            continuation: next.map(Place::text),
            provider_now,
        })
    }

    async fn fetch(
        &self,
        _interest: &Interest,
        record: &RecordId,
        account: &dyn Account,
    ) -> Result<Option<Change>, Fault> {
        let mut call = Call::get(format!("{ACCOUNTING}/{}/{record}", self.kind.collection));
        if self.kind.has_lines {
            call = call.with_query("unitdp", "4");
        }
        let response = match account.read(call).await {
            Ok(response) => response,
            Err(Fault::Terminal(failure)) if failure.code == "not_found" => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let found = envelope(&response, self.kind.collection)
            .and_then(|envelope| envelope.elements.into_iter().next());
        match found {
            None => Ok(None),
            Some(record) => {
                let short_code = self.directory.short_code(account).await?;
                self.change(record, &short_code, account).map(Some)
            }
        }
    }

    /// By their fields; `where` is Xero's to answer, of those that are left. A version that isn't there any more gives
    /// way to the newer one, which the next poll reads.
    async fn meant(
        &self,
        interest: &Interest,
        changes: &[&Change],
        account: &dyn Account,
    ) -> Result<Vec<bool>, Fault> {
        let filter = Filter::of(interest);
        let mut meant: Vec<bool> =
            changes.iter().map(|change| filter.takes(self.kind, &change.record)).collect();
        if filter.condition.is_none() {
            return Ok(meant);
        }
        let asked: Vec<&Change> =
            changes.iter().zip(&meant).filter(|(_, meant)| **meant).map(|(change, _)| *change).collect();
        let mut fit: BTreeSet<(String, Timestamp)> = BTreeSet::new();
        for some in asked.chunks(IDS as usize) {
            let ids: Vec<&str> = some.iter().map(|change| change.id.as_str()).collect();
            let call = self.call(interest, Place::first(Timestamp::UNIX_EPOCH), IDS);
            let response = account.read(call.with_query("IDs", ids.join(","))).await?;
            let page = self.page_of(&response, account)?;
            fit.extend(
                page.elements.iter().filter_map(|record| {
                    Some((text(record, self.kind.key)?.to_owned(), updated_at(record)?))
                }),
            );
        }
        for (meant, change) in meant.iter_mut().zip(changes) {
            *meant = *meant && fit.contains(&(change.id.as_str().to_owned(), change.stamp));
        }
        Ok(meant)
    }

    /// <https://developer.xero.com/documentation/api/accounting/historyandnotes>
    async fn made_at(&self, record: &RecordId, account: &dyn Account) -> Result<Option<Timestamp>, Fault> {
        let call = Call::get(format!("{ACCOUNTING}/{}/{record}/History", self.kind.collection));
        let response = account.read(call).await?;
        let records = envelope(&response, "HistoryRecords").map(|envelope| envelope.elements);
        let at = |one: &Value| Stamp::parse(text(one, "DateUTC")?).ok().map(|stamp| stamp.0);
        Ok(records.iter().flatten().filter_map(at).min())
    }

    /// By the document's own date, as its period is meant; what has none is asked for its history.
    async fn is_new_since(
        &self,
        change: &Change,
        since: Timestamp,
        account: &dyn Account,
    ) -> Result<bool, Fault> {
        match text(&change.record, "Date").and_then(|date| Day::parse(date).ok()) {
            Some(date) => Ok(date.to_string() >= since.strftime("%Y-%m-%d").to_string()),
            None => Ok(self.made_at(&change.id, account).await?.is_none_or(|made_at| made_at >= since)),
        }
    }

    async fn count(
        &self,
        interest: &Interest,
        from: Option<Timestamp>,
        account: &dyn Account,
    ) -> Result<Option<Counted>, Fault> {
        let place = Place::first(from.unwrap_or(Timestamp::UNIX_EPOCH));
        let response = account.read(self.call(interest, place, NAMES)).await?;
        let page = self.page_of(&response, account)?;
        let filter = Filter::of(interest);
        let on_page = page.elements.len();
        let elements: Vec<Value> =
            page.elements.into_iter().filter(|record| filter.takes(self.kind, record)).collect();
        let (count, bound) = match page.items {
            Some(count) if asks_for_all_of(self.kind, &filter) => (count, Bound::Exact),
            Some(count) => (count, Bound::AtMost),
            // Quotes don't say how many there are.
            None if on_page < page_size(self.kind) as usize => (elements.len() as u64, Bound::Exact),
            None => (elements.len() as u64, Bound::AtLeast),
        };
        let names =
            elements.iter().take(NAMES as usize).filter_map(|record| name_of(self.kind, record)).collect();
        Ok(Some(Counted { count, bound, names }))
    }

    fn settled(&self, interest: &Interest) -> Interest {
        options::settled(self.kind, interest)
    }

    /// Xero's documents come whole.
    fn project(&self, _interest: &Interest, record: &Value) -> Value {
        record.clone()
    }
}

/// Whether Xero looks at everything that the filter says; else some of it is looked at here.
fn asks_for_all_of(kind: &Kind, filter: &Filter) -> bool {
    (filter.status.len() <= 1 || takes_several_statuses(kind))
        && filter.kind.len() <= 1
        && filter.bank_account.is_none()
        && (filter.contact.is_none() || kind.collection != "Payments")
}

/// What people call a record.
fn name_of(kind: &Kind, record: &Value) -> Option<String> {
    let own = record.as_object()?.keys().find(|name| name.ends_with("Number") && name.len() > "Number".len());
    let names = ["Name"].into_iter().chain(own.map(String::as_str)).chain(["Reference", kind.key]);
    names.filter_map(|name| text(record, name)).map(str::to_owned).next()
}

/// Which version of which record one of our calls wrote.
pub(in crate::connectors::xero) fn version_of(document: &Value) -> Option<(RecordId, Timestamp)> {
    Some((RecordId::new(text(document, "_id")?), updated_at(document)?))
}

fn unreadable(account: &dyn Account, what: &str) -> Fault {
    let failure = Failure::new("unreadable_answer", format!("Xero gave {what}. It is tried again."));
    Fault::Retry(Again { at: account.clock().now(), reason: Reason::Failed, failure })
}
