//! Tokens: how they are asked for, what they may do when they end, and what it means that there is none.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::domain::outcome::Failure;

/// What a token is asked for with.
#[derive(Debug)]
pub enum TokenAsk<'a> {
    /// Client credentials or a signed assertion: the client proves itself, and that is all.
    Machine,
    /// What a person's browser brought back from the consent page.
    Code { code: &'a SecretString, redirect_uri: &'a str, verifier: &'a SecretString },
    /// The refresh token of a consent.
    Refresh(&'a SecretString),
}

/// An access token and what came with it; never printed.
#[derive(Debug, Clone)]
pub struct Token {
    pub access: SecretString,
    /// What gets the next token, of a consent; None where the answer brought none, as at a provider that doesn't
    /// rotate them: the one before stays good.
    pub refresh: Option<SecretString>,
    /// What it may do, where the provider says so.
    pub scopes: Vec<String>,
    /// As whom it acts, where the provider says so: its id of the user.
    pub user: Option<String>,
    /// The one organisation in which it acts, by the provider's id; None where a token isn't bound to one (Xero's).
    pub org: Option<String>,
    /// When it was asked for, by our clock.
    pub issued_at: Timestamp,
    /// When it ends, where the provider says so.
    pub expires_at: Option<Timestamp>,
    /// Where the provider says that calls go (Salesforce's `instance_url`).
    pub api_url: Option<String>,
}

/// What becomes of a provider's refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshRules {
    /// One that nobody uses for so long ends.
    pub unused_life: SignedDuration,
    /// For so long the one before the newest is still taken. None: where they rotate, sending it again ends the grant.
    pub grace: Option<SignedDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantFault {
    /// The grant is dead (`invalid_grant`): a person must connect again.
    Dead(Failure),
    /// Our own id, secret or scopes are wrong: the connection isn't marked dead for it.
    Misconfigured(Failure),
    /// Refused for now, or never sent: keep what there is and try later.
    Unavailable(Failure),
    /// Another request with the same refresh token is under way, and it isn't known what comes of that one.
    Overlapping(Failure),
    /// No answer of the provider's that can be read: it may have been given, and a refresh token may be spent.
    Lost(Failure),
}

impl GrantFault {
    pub fn failure(self) -> Failure {
        match self {
            Self::Dead(failure)
            | Self::Misconfigured(failure)
            | Self::Unavailable(failure)
            | Self::Overlapping(failure)
            | Self::Lost(failure) => failure,
        }
    }
}
