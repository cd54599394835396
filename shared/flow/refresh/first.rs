//! The first pair of a consent: kept, and tried while the person is still there.

use jiff::Timestamp;

use super::super::grant::Stored;
use super::renew::UNANSWERED;
use super::{HeldToken, TOKEN_TIME, Tokens, Want, Won};
use crate::domain::connection::Connection;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::{Connector, Token};

impl Tokens {
    /// Keeps the first pair of a consent, or of one that was given anew: from now on all connections that share it use
    /// this one. The client's secret must be in the vault.
    ///
    /// Where a spent refresh token is never taken again, the first refresh is made at once: it tells whether they
    /// rotate, and if its answer is lost, the person is still there to consent once more. When `deadline` is too near
    /// for it, nothing is spent and the next refresh tells.
    pub async fn keep_first(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        token: &Token,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        let grant = connection.grant_id();
        let held = self.held(&grant);
        let mut held = held.lock().await;
        let mut stored = match self.turn(connection, Want::First, deadline).await? {
            Won::Turn(stored) => stored,
            Won::Token(token) => return Ok(token),
        };
        let first = self.keep_and_try(&mut stored, connection, connector, token, deadline).await;
        self.grants.release(stored).await;
        *held = first.as_ref().ok().map(|token| HeldToken::new(token, connection));
        first
    }

    async fn keep_and_try(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        connector: &dyn Connector,
        token: &Token,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        let before = self.read(&stored.grant).await?;
        let first = match self.persist(stored, connector, before.as_ref(), token).await {
            Ok(Some(first)) => first,
            Ok(None) => return Err(self.not_kept("another process dropped them")),
            Err(error) => return Err(self.not_kept(&error.to_string())),
        };
        if token.refresh.is_none() || connector.refresh_rules().grace.is_some() {
            return Ok(first);
        }
        stored.row.rotates = None;
        if self.ports.clock.now() + TOKEN_TIME > deadline {
            return Ok(first);
        }
        let generation = stored.row.generation;
        let want = Want::NewerThan(generation);
        match self.renew(stored, connection, connector, want, deadline).await {
            // Nothing was spent: what there is will do, and the next refresh tells whether they rotate.
            Err(Fault::Retry(Again { reason: Reason::Failed, failure, .. }))
                if failure.code != UNANSWERED =>
            {
                Ok(first)
            }
            // It was sent, and what came for it isn't in the vault.
            Ok(_) if stored.row.spending == Some(generation) => Err(self.not_kept("no answer in time")),
            renewed => renewed,
        }
    }

    /// The person is still there to consent once more.
    fn not_kept(&self, why: &str) -> Fault {
        let message = format!("the new tokens could not be kept in the vault ({why}): connect once more");
        self.later(Failure::new("tokens_not_kept", message))
    }
}
