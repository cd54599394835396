//! What became of a call or a step: done, to be tried again, refused for good, or in doubt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A reason with a stable code that a person can search for and a message that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    pub code: String,
    pub message: String,
}

impl Failure {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// Why something waits, which decides whether the wait uses up an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was tried and failed in a way that may pass: uses up one of the attempts.
    Failed,
    /// It was not started: out of time, a lease in the way, another run of the record is active.
    NotStarted,
    /// The provider's limit: the account pauses.
    Limit,
    /// The connection needs a person.
    Parked,
}

/// Another try, not before `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    pub at: Timestamp,
    pub reason: Reason,
    pub failure: Failure,
}

/// Anything but success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Retry(Again),
    Terminal(Failure),
    /// It may have happened: recovery finds out.
    InDoubt(Failure),
}

impl Fault {
    pub fn terminal(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Terminal(Failure::new(code, message))
    }

    pub fn failure(&self) -> &Failure {
        match self {
            Self::Retry(again) => &again.failure,
            Self::Terminal(failure) | Self::InDoubt(failure) => failure,
        }
    }
}
