//! The first pair of a consent: kept, and tried while the person is still there.

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::connections::client_secret_name;
use super::super::grant::Stored;
use super::renew::UNANSWERED;
use super::{HeldToken, TIME_TO_KEEP, TOKEN_TIME, Tokens, Want, Won};
use crate::domain::connection::Connection;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::clock::within;
use crate::ports::connector::{Connector, Token};

/// The vault hasn't got the pair.
#[derive(Debug)]
pub enum NotKept {
    /// It is good, and here only: whoever keeps it until the vault answers loses nothing.
    Yet { newest: Box<Token>, failure: Failure },
    /// It is of no use any more: the person consents once more.
    Lost(Failure),
}

impl NotKept {
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Yet { failure, .. } | Self::Lost(failure) => failure,
        }
    }
}

impl Tokens {
    /// Keeps the first pair of a consent, or of one that was given anew, and the client's secret that it was had with;
    /// None: the vault has it. From now on all connections that share the consent use this pair.
    ///
    /// Where a spent refresh token is never taken again, the first refresh is made at once: it tells whether they
    /// rotate, and if its answer is lost, the person is still there to consent once more. When `deadline` is too near
    /// for it, nothing is spent and the next refresh tells.
    pub async fn keep_first(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        token: &Token,
        secret: Option<&SecretString>,
        deadline: Timestamp,
    ) -> Result<Token, NotKept> {
        let grant = connection.grant_id();
        let held = self.held(&grant);
        let mut held = held.lock().await;
        let yet =
            |failure: &Failure| NotKept::Yet { newest: Box::new(token.clone()), failure: failure.clone() };
        let mut stored = match self.turn(connection, Want::First, deadline).await {
            Ok(Won::Turn(stored)) => stored,
            Ok(Won::Token(token)) => return Ok(token),
            Err(fault) => return Err(yet(fault.failure())),
        };
        // Whose end was asked for while this pair was on its way may have ended with it.
        if stored.row.ending.is_some_and(|ending| token.issued_at < ending.until) {
            self.grants.release(stored).await;
            let message = "the same consent was being ended just now: connect once more";
            return Err(NotKept::Lost(Failure::new("tokens_not_kept", message)));
        }
        let until = deadline - TIME_TO_KEEP;
        let keeping = self.keep_pair(&mut stored, connector, token, secret, until);
        let first = match within(self.ports.clock.as_ref(), until, keeping).await {
            Some(Ok(first)) => {
                self.is_late_no_more(&grant);
                stored.row.begins_anew(&grant, token.issued_at);
                let tried = self.try_at_once(&mut stored, connection, connector, first, deadline).await;
                // What its refresh brought is no news of anything that was thought to be lost.
                stored.row.begins_anew(&grant, token.issued_at);
                tried
            }
            Some(Err(fault)) => Err(yet(fault.failure())),
            None => Err(yet(&not_kept("no answer in time"))),
        };
        self.grants.release(stored).await;
        *held = first.as_ref().ok().map(|token| HeldToken::new(token, connection));
        first
    }

    async fn keep_pair(
        &self,
        stored: &mut Stored,
        connector: &dyn Connector,
        token: &Token,
        secret: Option<&SecretString>,
        until: Timestamp,
    ) -> Result<Token, Fault> {
        if let Some(secret) = secret {
            let written = self.ports.vault.write(&client_secret_name(&stored.grant), secret.clone()).await;
            written.map_err(|error| self.later(not_kept(&error.to_string())))?;
        }
        let before = self.read(&stored.grant).await?;
        let grace = connector.refresh_rules().grace;
        match self.persist(stored, grace, before.as_ref(), token, until).await {
            Ok(Some(first)) => Ok(first),
            Ok(None) => Err(self.later(not_kept("another process dropped them"))),
            Err(error) => Err(self.later(not_kept(&error.to_string()))),
        }
    }

    async fn try_at_once(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        connector: &dyn Connector,
        first: Token,
        deadline: Timestamp,
    ) -> Result<Token, NotKept> {
        if first.refresh.is_none() || connector.refresh_rules().grace.is_some() {
            return Ok(first);
        }
        stored.row.rotates = None;
        if self.ports.clock.now() + TOKEN_TIME > deadline {
            return Ok(first);
        }
        let generation = stored.row.generation;
        match self.renew(stored, connection, connector, Want::First, deadline).await {
            // It was sent, and what came for it isn't in the vault.
            Ok(newest) if stored.row.spending == Some(generation) => {
                Err(NotKept::Yet { newest: Box::new(newest), failure: not_kept("no answer in time") })
            }
            Ok(newest) => Ok(newest),
            // Nothing was spent: what there is will do, and the next refresh tells whether they rotate.
            Err(Fault::Retry(Again { reason: Reason::Failed | Reason::NotStarted, failure, .. }))
                if failure.code != UNANSWERED =>
            {
                Ok(first)
            }
            Err(fault) => Err(NotKept::Lost(fault.failure().clone())),
        }
    }
}

fn not_kept(why: &str) -> Failure {
    Failure::new("tokens_not_kept", format!("the vault has not taken the new tokens ({why})"))
}
