//! What can go wrong between us and the file, and what each port says of it.

use rusqlite::{ErrorCode, ffi};

use crate::ports::Unavailable;
use crate::ports::table::TableError;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("no more can be written to the data directory: {0}. Make room on the disk and try again")]
    Full(String),
    #[error("another process holds the database: {0}")]
    Busy(String),
    /// It is there, but it isn't what we wrote, or was sealed with another key.
    #[error("{0}")]
    Damaged(String),
    #[error("the database failed: {0}")]
    Failed(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        let rusqlite::Error::SqliteFailure(cause, _) = &error else { return Self::Failed(text) };
        match (cause.code, cause.extended_code) {
            (ErrorCode::DiskFull, _) => Self::Full(text),
            // Nothing was committed: these come while pages are written, before the commit is.
            // <https://www.sqlite.org/rescode.html#ioerr_write>
            (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE) => {
                Self::Full(text)
            }
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Busy(text),
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Self::Damaged(format!(
                "the database is damaged: {text}. Restore it from a backup, or ask `sqlite3` for what it can recover"
            )),
            _ => Self::Failed(text),
        }
    }
}

impl From<Failure> for TableError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full(text) => Self::Full(text),
            Failure::Busy(text) => Self::Busy(text),
            Failure::Damaged(_) | Failure::Failed(_) => Self::Unavailable(failure.to_string()),
        }
    }
}

impl Failure {
    pub(super) fn of(self, port: &'static str) -> Unavailable {
        Unavailable::new(port, self)
    }
}
