//! The account budget: all workers share one row per provider account, so that no limit is ever passed.

mod counts;

pub use counts::{Budget, News, NotYet, Permit, Priority};

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::rows::{document_of, item_of};
use crate::domain::connection::Connection;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::Ports;
use crate::ports::connector::{LimitKind, Limits, Usage};
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Key, TableError, Write};

/// The budgets of all accounts, in the table; the rows that this process wrote last are remembered, so that a
/// take costs one write and no read.
#[derive(Clone)]
pub struct Budgets {
    ports: Ports,
    accounts: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Remembered>>>>>,
}

#[derive(Debug, Default)]
struct Remembered {
    budget: Option<Budget>,
    revision: i64,
}

impl std::fmt::Debug for Budgets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Budgets")
    }
}

impl Budgets {
    pub fn new(ports: Ports) -> Self {
        Self { ports, accounts: Arc::default() }
    }

    /// One send, or when to ask again.
    pub async fn take(
        &self,
        connection: &Connection,
        limits: &Limits,
        priority: Priority,
    ) -> Result<Result<Permit, NotYet>, TableError> {
        let slot = random_uuid(self.ports.random.as_ref());
        self.change(connection, |budget, now| {
            let taken = budget.take(now, limits, priority, slot);
            (taken.is_ok(), taken)
        })
        .await
    }

    /// A read, or when to ask again. Where there is no limit by the minute the provider counts the day itself, and a
    /// live read takes nothing: a poll that finds nothing writes nothing here. Bulk work is counted all the same.
    pub async fn take_to_read(
        &self,
        connection: &Connection,
        limits: &Limits,
        priority: Priority,
    ) -> Result<Result<Permit, NotYet>, TableError> {
        if limits.minute.is_some() || priority != Priority::Live {
            return self.take(connection, limits, priority).await;
        }
        let permit = Permit { slot: Uuid::nil() };
        self.change(connection, |budget, now| {
            (false, budget.look(now, limits, priority).map(|()| permit.clone()))
        })
        .await
    }

    /// The call has ended: `limited` when a limit was hit.
    pub async fn give_back(
        &self,
        connection: &Connection,
        limits: &Limits,
        permit: &Permit,
        usage: &Usage,
        limited: Option<(LimitKind, Option<Duration>)>,
    ) -> Result<News, TableError> {
        self.change(connection, |budget, now| {
            let write = !permit.is_free() || limited.is_some() || budget.is_news(usage, limits);
            budget.give_back(now, permit, usage);
            let shared = budget.compare(limits, usage);
            let long_pause =
                limited.is_some_and(|(limit, retry_after)| budget.pause(now, limit, retry_after));
            (write || shared.is_some(), News { long_pause, shared })
        })
        .await
    }

    /// The state as it is now.
    pub async fn look(&self, connection: &Connection) -> Result<Budget, TableError> {
        self.change(connection, |budget, _| (false, budget.clone())).await
    }

    async fn change<T>(
        &self,
        connection: &Connection,
        mut step: impl FnMut(&mut Budget, Timestamp) -> (bool, T),
    ) -> Result<T, TableError> {
        let account = budget_key(connection);
        let remembered = {
            let mut accounts = self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(accounts.entry(account.partition.clone()).or_default())
        };
        let mut remembered = remembered.lock().await;
        loop {
            if remembered.budget.is_none() {
                let item = self.ports.table.get_one(&account).await?;
                remembered.revision = item.as_ref().and_then(|i| i.integer("revision")).unwrap_or(0);
                remembered.budget = Some(item.and_then(|item| document_of(&item).ok()).unwrap_or_default());
            }
            let mut budget = remembered.budget.clone().unwrap_or_default();
            let (write, result) = step(&mut budget, self.ports.clock.now());
            if !write {
                // What is remembered may be behind what another process wrote: don't rely on it twice.
                remembered.budget = None;
                return Ok(result);
            }
            let mut item = item_of(account.clone(), &budget);
            item.fields.insert("revision".into(), (remembered.revision + 1).into());
            let when = if remembered.revision == 0 {
                Condition::Missing("revision".into())
            } else {
                Condition::equals("revision", remembered.revision)
            };
            match self.ports.table.write(vec![Write::put(item, when)]).await {
                Ok(()) => {
                    remembered.revision += 1;
                    remembered.budget = Some(budget);
                    return Ok(result);
                }
                Err(TableError::Refused(_)) => remembered.budget = None,
                Err(other) => {
                    remembered.budget = None;
                    return Err(other);
                }
            }
        }
    }
}

/// One row per provider account, however many connections lead to it.
fn budget_key(connection: &Connection) -> Key {
    Key::new(format!("B#{}#{}", connection.provider.as_str(), connection.account), "budget")
}

impl NotYet {
    /// The wait as a step's fault: it uses up no attempt.
    pub fn fault(self, connection: &Connection) -> Fault {
        let (code, limit) = match self.limit {
            LimitKind::Day if self.kept => ("bulk_share", "calls a day for bulk work"),
            LimitKind::Minute => ("minute_limit", "calls a minute"),
            LimitKind::Day => ("day_limit", "calls a day"),
            LimitKind::InFlight => ("in_flight_limit", "calls at once"),
            LimitKind::AppMinute => ("app_limit", "calls a minute of the whole app"),
        };
        let message = format!("{} has used up its {limit}; goes on at {:.0}", connection.id, self.until);
        Fault::Retry(Again { at: self.until, reason: Reason::Limit, failure: Failure::new(code, message) })
    }

    pub fn wait(self, now: Timestamp) -> SignedDuration {
        self.until.duration_since(now)
    }
}
