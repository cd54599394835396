//! The directory in the table: a log of segments of up to 100 contacts, and a head row that says how far it is.
//!
//! Segments are only ever added, under time-ordered names, so that every process can read what the others wrote
//! since it last looked. Names hold the tenant: a connection that was made again for another organisation starts afresh.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::contact::Contact;
use crate::domain::Value;
use crate::domain::connection::Connection;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::Account;
use crate::ports::random::time_ordered_uuid;
use crate::ports::table::{Condition, Field, Item, Key, MAX_TRANSACTION, Query, TableError, Write};

/// Contacts in one segment.
pub(crate) const SEGMENT: usize = 100;

/// Clocks of two processes may differ by this much before one misses the other's segments.
const CLOCK_SKEW: i64 = 5 * 60 * 1000;

/// How far the directory of an account is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) filled: bool,
    /// The page that a fill reads next.
    pub(crate) page: u64,
    /// Changes up to here, by the provider's clock, are known (milliseconds).
    pub(crate) watermark: i64,
    /// When it was last freshened, by our clock (milliseconds).
    pub(crate) fresh_at: i64,
}

fn partition(connection: &Connection) -> String {
    format!("D#{}#contacts", connection.id)
}

fn head_key(connection: &Connection) -> Key {
    Key::new(partition(connection), format!("H#{}", connection.account))
}

fn segment_sort(connection: &Connection, id: &str) -> String {
    format!("S#{}#{id}", connection.account)
}

pub(crate) async fn read_head(account: &dyn Account) -> Result<Head, Fault> {
    let items = account.table().get(&[head_key(account.connection())]).await;
    let items = items.map_err(|error| table_fault(account, &error))?;
    let Some(item) = items.into_iter().next().flatten() else {
        return Ok(Head { page: 1, ..Head::default() });
    };
    let integer = |field| item.integer(field).unwrap_or_default();
    Ok(Head {
        filled: integer("filled") == 1,
        page: u64::try_from(integer("page")).unwrap_or(1).max(1),
        watermark: integer("watermark"),
        fresh_at: integer("fresh_at"),
    })
}

/// Takes the account's lease until `until`; false when another process holds it.
pub(crate) async fn take_lease(account: &dyn Account, holder: &str, until: Timestamp) -> Result<bool, Fault> {
    let now = account.clock().now().as_millisecond();
    let write = Write::Update {
        key: head_key(account.connection()),
        set: BTreeMap::from([
            ("lease".to_owned(), Field::Integer(until.as_millisecond())),
            ("holder".to_owned(), Field::from(holder)),
        ]),
        when: Condition::Any(vec![
            Condition::Missing("lease".into()),
            Condition::below("lease", now),
            Condition::equals("holder", holder),
        ]),
    };
    match account.table().write(vec![write]).await {
        Ok(()) => Ok(true),
        Err(TableError::Refused(_)) => Ok(false),
        Err(error) => Err(table_fault(account, &error)),
    }
}

/// Adds contacts, and moves the head with the last of them, if our lease still holds. Gives the names of the new segments.
pub(crate) async fn append(
    account: &dyn Account,
    contacts: &[Arc<Contact>],
    head: Option<(&Head, &str, Timestamp)>,
) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    let mut writes = Vec::new();
    for hundred in contacts.chunks(SEGMENT) {
        let item = segment(account, hundred);
        names.push(item.key.sort.clone());
        writes.push(Write::put(item, Condition::Always));
    }
    writes.extend(head.map(|(head, holder, lease)| head_write(account.connection(), head, holder, lease)));
    while !writes.is_empty() {
        let rest = writes.split_off(writes.len().min(MAX_TRANSACTION));
        let written = account.table().write(std::mem::replace(&mut writes, rest)).await;
        written.map_err(|error| table_fault(account, &error))?;
    }
    Ok(names)
}

fn head_write(connection: &Connection, head: &Head, holder: &str, lease: Timestamp) -> Write {
    Write::Update {
        key: head_key(connection),
        set: BTreeMap::from([
            ("filled".to_owned(), Field::Integer(i64::from(head.filled))),
            ("page".to_owned(), Field::Integer(i64::try_from(head.page).unwrap_or(i64::MAX))),
            ("watermark".to_owned(), Field::Integer(head.watermark)),
            ("fresh_at".to_owned(), Field::Integer(head.fresh_at)),
            ("lease".to_owned(), Field::Integer(lease.as_millisecond())),
        ]),
        when: Condition::equals("holder", holder),
    }
}

/// Segments that this process hasn't read yet. `seen` takes their names.
pub(crate) async fn read_new(
    account: &dyn Account,
    seen: &mut BTreeSet<String>,
) -> Result<Vec<Contact>, Fault> {
    let connection = account.connection();
    let mut query = Query::new(partition(connection));
    query.from = seen.last().map_or_else(|| segment_sort(connection, ""), |last| earlier(connection, last));
    query.before = Some(segment_sort(connection, "~"));
    let mut contacts = Vec::new();
    loop {
        let page =
            account.table().query(query.clone()).await.map_err(|error| table_fault(account, &error))?;
        for item in page.items {
            if seen.insert(item.key.sort.clone()) {
                contacts.extend(contacts_of(&item));
            }
        }
        query.after = page.after;
        if query.after.is_none() {
            return Ok(contacts);
        }
    }
}

/// A name that sorts before all that a process with a slow clock may have written meanwhile.
fn earlier(connection: &Connection, last: &str) -> String {
    let id = last.rsplit('#').next().and_then(|id| Uuid::parse_str(id).ok());
    let millis = id.map_or(0, |id| id.as_u128() >> 80);
    let from = i64::try_from(millis).unwrap_or_default().saturating_sub(CLOCK_SKEW).max(0);
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(from).unwrap_or_default(), &[0; 10])
        .into_uuid();
    segment_sort(connection, &id.to_string())
}

pub(crate) async fn delete(account: &dyn Account, names: &[String]) -> Result<(), Fault> {
    for hundred in names.chunks(MAX_TRANSACTION) {
        let partition = partition(account.connection());
        let writes = hundred
            .iter()
            .map(|name| Write::Delete {
                key: Key::new(partition.clone(), name.clone()),
                when: Condition::Always,
            })
            .collect();
        account.table().write(writes).await.map_err(|error| table_fault(account, &error))?;
    }
    Ok(())
}

fn segment(account: &dyn Account, contacts: &[Arc<Contact>]) -> Item {
    let connection = account.connection();
    let id = time_ordered_uuid(account.clock(), account.random());
    let mut item = Item::new(Key::new(partition(connection), segment_sort(connection, &id.to_string())));
    item.fields.insert("v".into(), Field::Integer(1));
    item.document = packed(&contacts.iter().map(|contact| contact.document().clone()).collect());
    item
}

fn contacts_of(item: &Item) -> Vec<Contact> {
    // A segment that can't be read costs a call, not a contact: the next change of it is read again.
    unpacked(&item.document)
        .and_then(|value| value.as_array().map(|list| list.iter().filter_map(Contact::of).collect()))
        .unwrap_or_default()
}

/// Gzipped JSON: contacts repeat their members' names, and rows are paid by the kilobyte.
pub(crate) fn packed(value: &Value) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let json = value.to_string();
    match encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => bytes,
        Err(_) => json.into_bytes(),
    }
}

pub(crate) fn unpacked(bytes: &[u8]) -> Option<Value> {
    let mut json = Vec::new();
    match GzDecoder::new(bytes).read_to_end(&mut json) {
        Ok(_) => serde_json::from_slice(&json).ok(),
        Err(_) => serde_json::from_slice(bytes).ok(),
    }
}

/// Nothing was asked of the provider yet: the plan is made again later.
pub(crate) fn table_fault(account: &dyn Account, error: &TableError) -> Fault {
    not_started(account, SignedDuration::from_secs(5), "directory_unavailable", &error.to_string())
}

pub(crate) fn not_started(account: &dyn Account, after: SignedDuration, code: &str, message: &str) -> Fault {
    let now = account.clock().now();
    Fault::Retry(Again {
        at: now.checked_add(after).unwrap_or(now),
        reason: Reason::NotStarted,
        failure: Failure::new(code, message),
    })
}
