//! The numbers of notifications: a number that is missing means that something was not heard.
//!
//! The table knows the highest that any process has heard. A process asks it only when the numbers that it saw itself
//! don't follow each other. Notifications that come late or again are no gap.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::connection::Provider;
use crate::flow::FlowError;
use crate::flow::rows::{document_of, item_of};
use crate::flow::run::write_patiently;
use crate::ports::Ports;
use crate::ports::table::{Condition, Key, TableError, Write};

#[derive(Clone)]
pub(super) struct Sequences {
    ports: Ports,
    seen: Arc<Mutex<HashMap<Provider, u64>>>,
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

    /// Whether numbers are missing before this one.
    pub(super) async fn have_gap(&self, provider: Provider, first: u64) -> Result<bool, FlowError> {
        let follows = |last: u64| first <= last + 1;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).copied();
        if seen.is_some_and(follows) {
            return Ok(false);
        }
        let key = key(provider);
        let item = self.ports.table.get(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
        let known: Option<u64> = item.as_ref().map(document_of).transpose()?;
        Ok(known.is_some_and(|known| !follows(known)))
    }

    /// Remembers the highest that was heard.
    pub(super) async fn note(&self, provider: Provider, last: u64) -> Result<(), FlowError> {
        let highest = |seen: &mut u64| *seen = (*seen).max(last);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).copied();
        if seen.is_some_and(|seen| seen >= last) {
            return Ok(());
        }
        let number = i64::try_from(last).unwrap_or(i64::MAX);
        let mut item = item_of(key(provider), &last);
        item.fields.insert("last".into(), number.into());
        let newer = Condition::Any(vec![Condition::Absent, Condition::below("last", number)]);
        match write_patiently(&self.ports, vec![Write::put(item, newer)]).await {
            // Refused: another process has heard a later one.
            Ok(()) | Err(TableError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(provider)
            .and_modify(highest)
            .or_insert(last);
        Ok(())
    }
}

fn key(provider: Provider) -> Key {
    Key::new(format!("H#{}", provider.as_str()), "last")
}
