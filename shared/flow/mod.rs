//! The product, one file per arrow: receive, wake, poll, claim, walk, gate, settle, recover, rerun, keep, notify.
//!
//! It knows ports and the catalog; it names no provider, no AWS and no SQLite.

pub mod account;
pub mod backfill;
pub mod budget;
mod care;
pub mod claim;
pub mod compile;
pub mod connect;
pub mod connections;
pub mod consent;
pub mod disconnect;
pub mod dispatch;
pub mod file;
pub mod flows;
mod fresh;
pub mod gate;
pub mod grant;
pub mod health;
pub mod hear;
pub mod keep;
mod kinds;
pub mod lifecycle;
pub mod links;
pub mod look;
pub mod notify;
pub mod page;
pub mod poll;
pub mod preview;
pub mod receive;
pub mod recover;
pub mod refresh;
pub mod rehearse;
pub mod rerun;
mod retire;
pub mod rows;
pub mod run;
pub mod schema;
pub mod scopes;
pub mod settle;
pub mod stack;
pub mod transitions;
pub mod trial;
pub mod unpolled;
pub mod wake;
pub mod walk;

#[cfg(test)]
mod made_up;

pub use stack::Stack;

use jiff::{SignedDuration, Timestamp};

use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::Unavailable;
use crate::ports::table::TableError;

/// The product's own ground gave way: table, queue, vault. Nothing was decided; another try may help.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Port(#[from] Unavailable),
    #[error(transparent)]
    Row(#[from] rows::RowError),
    /// A provider can't be asked now: the same may be asked again.
    #[error(transparent)]
    NotNow(Failure),
    /// What was asked can't be done as asked: a person's mistake, said with code and advice.
    #[error(transparent)]
    Asked(#[from] Failure),
}

impl FlowError {
    /// The same may be asked again, and come to more.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Port(_) | Self::NotNow(_))
    }

    pub fn failure(&self) -> Failure {
        match self {
            Self::Table(TableError::Full(why)) => Failure::new(
                "disk_full",
                format!("nothing can be stored ({why}); free some space, what waits goes on by itself"),
            ),
            Self::Table(error) => Failure::new("table_unavailable", error.to_string()),
            Self::Port(error) => Failure::new("port_unavailable", error.to_string()),
            Self::Row(error) => Failure::new("unreadable_row", error.to_string()),
            Self::Asked(failure) | Self::NotNow(failure) => failure.clone(),
        }
    }
}

/// A person asked for it and waits: it is said why it can't be done now.
impl From<Fault> for FlowError {
    fn from(fault: Fault) -> Self {
        Self::Asked(fault.failure().clone())
    }
}

/// Our own ground gave way: the step has not been started, and uses up no attempt.
pub fn fault_of(error: &FlowError, now: Timestamp) -> Fault {
    Fault::Retry(Again {
        at: now + SignedDuration::from_secs(10),
        reason: Reason::NotStarted,
        failure: error.failure(),
    })
}
