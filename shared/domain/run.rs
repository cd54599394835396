//! A run: one event through one flow, and what people see of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Value;
use super::ids::GroupId;
use super::outcome::{Failure, Reason};

/// What people see. A queued run has no row yet: it is a count of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Running,
    /// For a retry, a delay or a limit: the run says which, and until when.
    Waiting,
    /// The connection needs a person.
    Parked,
    Succeeded,
    /// By `when`, or because a newer event was applied.
    Skipped,
    /// A required field is missing.
    Incomplete,
    Failed,
    /// Needs a decision: `run resolve`.
    InDoubt,
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Parked,
        Self::Succeeded,
        Self::Skipped,
        Self::Incomplete,
        Self::Failed,
        Self::InDoubt,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Skipped => "skipped",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting | Self::Parked)
    }
}

impl std::str::FromStr for Status {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|s| s.as_str()).collect();
            Failure::new("unknown_status", format!("no status `{text}`; one of {}", known.join(", ")))
        })
    }
}

/// What a step left behind: kept in the run's row under the step's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub state: StepState,
    /// The provider's document plus `_status`, `_created`, `_found`, `_url`, `_error`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// A hash of the input: a *set* whose input changed is sent again on a rerun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The call that it is part of, from before the call is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// How often it was tried and failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    pub at: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How far a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// A group that holds it may have been sent: what became of it is in the group's row.
    Pending,
    Done,
    Failed,
    InDoubt,
}

/// Why a run waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub until: Timestamp,
    pub reason: Reason,
    pub failure: Failure,
}
