//! What an account allows, and what an exchange means as a whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::outcome::Failure;

/// The ceilings of an account, before its headers lower them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any 61 seconds.
    pub minute: Option<u32>,
    pub in_flight: u32,
    /// Calls a day.
    pub day: Option<u32>,
    /// The time limit of one call.
    pub timeout: Duration,
    /// How long a call may still be running at the provider after we gave up on it.
    pub longest_call: Duration,
    /// They are ours alone: what is used of them and not by us, somebody else used with our client id.
    pub own: bool,
    /// For how long the provider answers a repeated Idempotency-Key with the first answer; None: it has none.
    pub key_window: Option<Duration>,
}

/// What an answer's headers say; None where they don't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub minute_remaining: Option<u32>,
    pub app_minute_remaining: Option<u32>,
    pub day_remaining: Option<u32>,
    pub day_limit: Option<u32>,
}

/// What an exchange means as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint reads the members' results out of it.
    Answered,
    /// Refused as a whole, nothing applied. With several members it is halved until the bad one stands alone.
    Refused(Failure),
    /// Not applied, because of a limit; the account pauses, and only it.
    Limited { limit: LimitKind, retry_after: Option<Duration>, failure: Failure },
    /// Not applied: the token is no longer taken. One refresh, one more try.
    Unauthorised(Failure),
    /// Not applied: a scope, a role or the whole grant is missing, and a refresh won't help. A person is needed.
    Forbidden(Failure),
    /// Not applied and never sent, or refused for now: try again.
    NotApplied(Failure),
    /// It may have been applied. `answered`: an answer came (5xx), so the same Idempotency-Key must not be used again.
    InDoubt { answered: bool, failure: Failure },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Calls to one account in a minute.
    Minute,
    /// Calls to one account in a day.
    Day,
    /// Calls to one account at once.
    InFlight,
    /// Calls of one app in a minute, to all accounts together.
    AppMinute,
}
