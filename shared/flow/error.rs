//! Why something could not be done: our own ground gave way, or a person asked for what can't be.

use jiff::{SignedDuration, Timestamp};

use super::rows::RowError;
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
    Row(#[from] RowError),
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
