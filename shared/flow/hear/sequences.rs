//! The numbers of notifications: a number that is missing means that something was not heard.
//!
//! Each subscription has numbers of its own, and is told from others by the key that it signs with. The table knows the
//! highest that any process has heard. A process asks it only when the numbers that it saw itself don't follow each
//! other. Notifications that come late or again are no gap; numbers that begin anew are one, since what came between is
//! not known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::domain::connection::Provider;
use crate::flow::FlowError;
use crate::flow::poll::fingerprint;
use crate::flow::rows::{document_of, item_of};
use crate::flow::run::write_patiently;
use crate::ports::Ports;
use crate::ports::table::{Condition, Key, TableError, Write};

/// A notification is tried again for so long: a lower number that comes after that is none of the old ones.
/// <https://developer.xero.com/documentation/guides/webhooks/overview>
const LATE_FOR: SignedDuration = SignedDuration::from_hours(24);

#[derive(Clone)]
pub(super) struct Sequences {
    ports: Ports,
    seen: Arc<Mutex<HashMap<Subscription, u64>>>,
}

/// Whose numbers they are, by a hash of the key that signs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Subscription {
    provider: Provider,
    key: u64,
}

impl Subscription {
    pub(super) fn signed_with(provider: Provider, key: &SecretString) -> Self {
        Self { provider, key: fingerprint(&[key.expose_secret()]) }
    }

    fn row(self) -> Key {
        Key::new(format!("H#{}#{:016x}", self.provider.as_str(), self.key), "last")
    }
}

/// The highest number, and when it was heard.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Highest {
    last: u64,
    at: Timestamp,
}

/// What a notification's numbers say beside those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The next, or one that came late or again.
    InOrder,
    /// Numbers are missing before it.
    AfterAGap,
    /// The subscription was made anew.
    BeginsAnew,
}

impl std::fmt::Debug for Sequences {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sequences")
    }
}

impl Sequences {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports, seen: Arc::default() }
    }

    pub(super) async fn place(&self, of: Subscription, first: u64) -> Result<Place, FlowError> {
        let seen = self.seen().get(&of).copied();
        if seen.is_some_and(|seen| first == seen + 1) {
            return Ok(Place::InOrder);
        }
        let row = of.row();
        let item = self.ports.table.get_one(&row).await?;
        let highest: Option<Highest> = item.as_ref().map(document_of).transpose()?;
        if let Some(highest) = &highest {
            // Another process has heard a later one, or one with which they began anew.
            self.seen().insert(of, highest.last);
        }
        Ok(highest.map_or(Place::InOrder, |highest| highest.place_of(first, self.ports.clock.now())))
    }

    /// Remembers the highest that was heard; of numbers that begin anew, the first that was.
    pub(super) async fn note(&self, of: Subscription, place: Place, last: u64) -> Result<(), FlowError> {
        let anew = place == Place::BeginsAnew;
        let is_old = |seen: u64| seen >= last && !anew;
        let seen = self.seen().get(&of).copied();
        if seen.is_some_and(is_old) {
            return Ok(());
        }
        let number = i64::try_from(last).unwrap_or(i64::MAX);
        let mut item = item_of(of.row(), &Highest { last, at: self.ports.clock.now() });
        item.fields.insert("last".into(), number.into());
        let newer = match anew {
            true => Condition::Always,
            false => Condition::Any(vec![Condition::Absent, Condition::below("last", number)]),
        };
        match write_patiently(&self.ports, vec![Write::put(item, newer)]).await {
            // Refused: another process has heard a later one.
            Ok(()) | Err(TableError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let mut seen = self.seen();
        let known = seen.entry(of).or_insert(last);
        *known = if anew { last } else { last.max(*known) };
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Subscription, u64>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Highest {
    fn place_of(&self, first: u64, now: Timestamp) -> Place {
        let is_late = now.duration_since(self.at) <= LATE_FOR && first > 1;
        match first {
            _ if first > self.last + 1 => Place::AfterAGap,
            _ if first <= self.last && !is_late => Place::BeginsAnew,
            _ => Place::InOrder,
        }
    }
}
