//! An organisation's small lists: accounts, tax rates, tracking, currencies, and the organisation itself.
//!
//! Each is one call, kept a day, read only when a plan needs it, and read again when a code isn't in it. A
//! connection without the settings scope does without them: then Xero itself is the one who checks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex as AsyncMutex;

use super::segments::{packed, table_fault, unpacked};
use crate::connectors::xero::wire::{ACCOUNTING, document, envelope};
use crate::domain::Value;
use crate::domain::connection::Connection;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Account, Call};
use crate::ports::table::{Condition, Field, Item, Key, Write};

/// How long a list is believed.
pub(crate) const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// How young a list must be to be believed when it says that a code doesn't exist.
pub(crate) const PROOF: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Setting {
    Organisation,
    Accounts,
    TaxRates,
    Tracking,
    Currencies,
}

impl Setting {
    /// Path and collection. <https://developer.xero.com/documentation/api/accounting/overview>
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Organisation => ("Organisation", "Organisations"),
            Self::Accounts => ("Accounts", "Accounts"),
            Self::TaxRates => ("TaxRates", "TaxRates"),
            Self::Tracking => ("TrackingCategories", "TrackingCategories"),
            Self::Currencies => ("Currencies", "Currencies"),
        }
    }
}

#[derive(Clone)]
struct Held {
    read_at: Timestamp,
    /// None: Xero doesn't let this connection read it.
    list: Option<Arc<Vec<Value>>>,
}

type Slot = Arc<AsyncMutex<Option<Held>>>;

#[derive(Default)]
pub(crate) struct Settings {
    slots: Mutex<HashMap<(String, Setting), Slot>>,
}

impl Settings {
    /// The list, at most `age` old; `None` where this connection may not read it.
    pub(crate) async fn read(
        &self,
        account: &dyn Account,
        setting: Setting,
        age: SignedDuration,
    ) -> Result<Option<Arc<Vec<Value>>>, Fault> {
        if !may_read(account.connection()) {
            return Ok(None);
        }
        let slot = self.slot(account.connection(), setting);
        let mut held = slot.lock().await;
        let now = account.clock().now();
        let young = |held: &Held| now.duration_since(held.read_at) < age;
        if let Some(held) = held.as_ref().filter(|held| young(held)) {
            return Ok(held.list.clone());
        }
        if let Some(saved) = load(account, setting).await?.filter(young) {
            *held = Some(saved.clone());
            return Ok(saved.list);
        }
        let fresh = Held { read_at: now, list: ask(account, setting).await? };
        *held = Some(fresh.clone());
        if let Some(list) = &fresh.list {
            save(account, setting, now, list).await?;
        }
        Ok(fresh.list)
    }

    fn slot(&self, connection: &Connection, setting: Setting) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((format!("{}#{}", connection.id, connection.account), setting)).or_default().clone()
    }
}

/// Asking without the scope would park the whole connection, for something that it can do without.
fn may_read(connection: &Connection) -> bool {
    connection.scopes.is_empty()
        || connection.scopes.iter().any(|scope| scope.starts_with("accounting.settings"))
}

async fn ask(account: &dyn Account, setting: Setting) -> Result<Option<Arc<Vec<Value>>>, Fault> {
    let (path, collection) = setting.names();
    match account.read(Call::get(format!("{ACCOUNTING}/{path}"))).await {
        Ok(response) => Ok(envelope(&response, collection)
            .map(|envelope| Arc::new(envelope.elements.into_iter().map(document).collect()))),
        Err(Fault::Terminal(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn key(connection: &Connection, setting: Setting) -> Key {
    Key::new(format!("D#{}#settings", connection.id), format!("{}#{}", connection.account, setting.names().0))
}

async fn load(account: &dyn Account, setting: Setting) -> Result<Option<Held>, Fault> {
    let items = account.table().get(&[key(account.connection(), setting)]).await;
    let items = items.map_err(|error| table_fault(account, &error))?;
    Ok(items.into_iter().flatten().next().and_then(|item| {
        let read_at = Timestamp::from_millisecond(item.integer("read_at")?).ok()?;
        let Value::Array(list) = unpacked(&item.document)? else { return None };
        Some(Held { read_at, list: Some(Arc::new(list)) })
    }))
}

async fn save(account: &dyn Account, setting: Setting, now: Timestamp, list: &[Value]) -> Result<(), Fault> {
    let mut item = Item::new(key(account.connection(), setting));
    item.fields.insert("v".into(), Field::Integer(1));
    item.fields.insert("read_at".into(), Field::Integer(now.as_millisecond()));
    item.document = packed(&list.iter().cloned().collect());
    let write = Write::put(item, Condition::Always);
    account.table().write(vec![write]).await.map_err(|error| table_fault(account, &error))
}
