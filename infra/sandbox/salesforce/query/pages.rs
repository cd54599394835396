//! A long answer in pages: the locator, the ids behind it, and when they are forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use rand::Rng;
use serde_json::{Map, Value};

use super::{Plan, Writing};
use crate::salesforce::answer::Refused;
use crate::salesforce::org::Org;

/// The queries that have further pages.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: HashMap<String, Cursor>,
    oldest: VecDeque<String>,
}

#[derive(Debug, Clone)]
struct Cursor {
    plan: Arc<Plan>,
    ids: Arc<Vec<String>>,
    used: Timestamp,
    page: usize,
    deleted: bool,
}

impl Cursors {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The oldest gives way.
    fn keep(&mut self, locator: String, cursor: Cursor, most: usize) {
        while self.oldest.len() >= most.max(1)
            && let Some(evicted) = self.oldest.pop_front()
        {
            self.open.remove(&evicted);
        }
        self.oldest.push_back(locator.clone());
        self.open.insert(locator, cursor);
    }
}

pub(super) fn first(org: &mut Org, plan: &Arc<Plan>, ids: Vec<String>, writing: &Writing<'_>) -> Value {
    let page = if plan.long_text { writing.long_page } else { writing.page };
    let cursor =
        Cursor { plan: plan.clone(), ids: Arc::new(ids), used: org.now, page, deleted: writing.deleted };
    let locator = (cursor.ids.len() > cursor.page).then(|| {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letters = (0..13).map(|_| char::from(LETTERS[org.random.random_range(0..LETTERS.len())]));
        let locator: String = "0r8xx".chars().chain(letters).collect();
        org.cursors.keep(locator.clone(), cursor.clone(), org.options.open_cursors);
        locator
    });
    page_of(org, &cursor, 0, locator.as_deref(), writing)
}

/// `GET /query/{locator}`: the page that begins at the row in the locator's end.
pub(crate) fn further(org: &mut Org, locator: &str, writing: &Writing<'_>) -> Result<Value, Refused> {
    let gone = || Refused::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, start) = locator.rsplit_once('-').ok_or_else(gone)?;
    let start: usize = start.parse().map_err(|_| gone())?;
    let cursor = org.cursors.open.get_mut(name).ok_or_else(gone)?;
    let idle = org.now.as_second() - cursor.used.as_second();
    if idle > org.options.locator_seconds || start > cursor.ids.len() {
        return Err(gone());
    }
    cursor.used = org.now;
    let cursor = cursor.clone();
    let writing = Writing { deleted: cursor.deleted, page: cursor.page, ..writing.clone() };
    Ok(page_of(org, &cursor, start, Some(name), &writing))
}

fn page_of(
    org: &mut Org,
    cursor: &Cursor,
    start: usize,
    locator: Option<&str>,
    writing: &Writing<'_>,
) -> Value {
    let end = (start + cursor.page).min(cursor.ids.len());
    let mut rows = Vec::with_capacity(end - start);
    for id in &cursor.ids[start..end] {
        let record = org.store.table(&cursor.plan.object.name).get(id).cloned();
        if let Some(record) = record.filter(|record| cursor.deleted || !record.is("IsDeleted")) {
            rows.push(cursor.plan.row(org, &record, writing));
        }
    }
    let done = end == cursor.ids.len();
    let mut page = Map::new();
    page.insert("totalSize".into(), cursor.ids.len().into());
    page.insert("done".into(), done.into());
    if let Some(locator) = locator.filter(|_| !done) {
        let url = format!("/services/data/{}/query/{locator}-{end}", writing.version);
        page.insert("nextRecordsUrl".into(), url.into());
    }
    page.insert("records".into(), rows.into());
    Value::Object(page)
}
