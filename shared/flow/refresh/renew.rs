//! One turn: the next token is asked for, kept, or known not to come.

use jiff::{SignedDuration, Timestamp};

use super::super::connections::client_secret_name;
use super::super::grant::{LEASE, Stored, Trouble, TroubleKind};
use super::kept::{self, Kept, Newest};
use super::{LEAST_TOKEN_TIME, TIME_TO_KEEP, TOKEN_TIME, TOKEN_TIMEOUT, Tokens, Want, no_time};
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::Unavailable;
use crate::ports::clock::within;
use crate::ports::connector::{Connector, GrantFault, Token, TokenAsk};
use crate::ports::table::TableError;

/// The code of a refresh whose answer was lost, and that must not be made again.
pub(super) const UNANSWERED: &str = "refresh_unanswered";

impl Tokens {
    /// Gets the next token. It is our turn.
    pub(super) async fn renew(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        connector: &dyn Connector,
        want: Want<'_>,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        let grant = stored.grant.clone();
        let before = self.soon(want, deadline, self.read(&grant)).await?;
        if let Some(before) = &before {
            // Of a process whose lease had lapsed, or that ended before it could say so.
            stored.row.takes_over(&grant, &before.known());
        }
        if let Some(token) = self.fits(before.as_ref(), want) {
            return Ok(token);
        }
        let secret = async {
            let secret = self.ports.vault.read(&client_secret_name(&grant)).await;
            secret.map_err(|error| self.fault(&error.into()))
        };
        let secret = self.soon(want, deadline, secret).await?;
        self.has_time(want, deadline)?;
        if connection.grant != GrantKind::AuthorizationCode {
            return match self
                .exchange(connection, connector, &TokenAsk::Machine, secret.as_ref(), deadline)
                .await
            {
                Ok(token) => {
                    self.keep(stored, connection, connector, before.as_ref(), &token, want, deadline).await
                }
                Err(GrantFault::Lost(failure)) => Err(self.unavailable(stored, failure)),
                Err(fault) => Err(self.refused(stored, connection, fault).await),
            };
        }
        let Some((before, refresh)) = before.and_then(|kept| kept.refresh().map(|refresh| (kept, refresh)))
        else {
            let failure = Failure::new("no_refresh_token", "the vault has no refresh token for it");
            return Err(self.ended(stored, connection, failure).await);
        };
        let grace = connector.refresh_rules().grace;
        let once = grace.is_none() && stored.row.rotates != Some(false);
        if once {
            if stored.row.spending == Some(before.generation) {
                return Err(self.unanswered(stored, connection, want).await);
            }
            stored.row.spending = Some(before.generation);
            // Before it is sent: who comes after a crash must know.
            self.grants.write(stored).await.map_err(|error| self.overtaken(error))?;
            if let Err(no_time) = self.has_time(want, deadline) {
                stored.row.spending = None;
                return Err(no_time);
            }
        }
        let ask = TokenAsk::Refresh(&refresh);
        let mut answer = self.exchange(connection, connector, &ask, secret.as_ref(), deadline).await;
        if let Err(GrantFault::Dead(_)) = answer {
            let newer = self.read(&grant).await?;
            if let Some(token) = self.fits(newer.as_ref(), Want::NewerThan(before.generation)) {
                return Ok(token);
            }
            if let Some(previous) = before.previous(self.ports.clock.now()) {
                let ask = TokenAsk::Refresh(&previous);
                let second = self.exchange(connection, connector, &ask, secret.as_ref(), deadline).await;
                // Only an answer can confirm that the grant is dead.
                if !matches!(second, Err(GrantFault::Dead(_) | GrantFault::Misconfigured(_))) {
                    answer = second;
                }
            }
        }
        match answer {
            Ok(token) => {
                stored.row.rotates = Some(token.refresh.is_some());
                self.keep(stored, connection, connector, Some(&before), &token, want, deadline).await
            }
            Err(GrantFault::Lost(failure)) if once => {
                tracing::warn!(%grant, code = %failure.code, "the answer to a refresh was lost");
                Err(self.unanswered(stored, connection, want).await)
            }
            Err(GrantFault::Overlapping(_)) if once => {
                tracing::warn!(%grant, "another request with its refresh token is under way");
                stored.row.awaited_until = Some(self.ports.clock.now() + LEASE);
                Err(self.unanswered(stored, connection, want).await)
            }
            Err(fault) => {
                let may_be_spent = match fault {
                    GrantFault::Lost(_) => true,
                    // An answer that gives nothing spends nothing; an earlier one may have.
                    GrantFault::Unavailable(_) | GrantFault::Overlapping(_) => {
                        !once && stored.row.spending.is_some()
                    }
                    GrantFault::Dead(_) | GrantFault::Misconfigured(_) => false,
                };
                match grace {
                    Some(_) if may_be_spent => {
                        stored.row.is_unanswered(before.generation, self.ports.clock.now());
                    }
                    _ => stored.row.spending = None,
                }
                Err(self.refused(stored, connection, fault).await)
            }
        }
    }

    /// Whether an answer can be waited for: it may be the only one of its kind.
    fn has_time(&self, want: Want<'_>, deadline: Timestamp) -> Result<(), Fault> {
        let needed = match want {
            Want::First => TOKEN_TIME,
            Want::Usable(_) | Want::NewerThan(_) => LEAST_TOKEN_TIME,
        };
        let now = self.ports.clock.now();
        if now + needed > deadline { Err(self.not_started()) } else { Ok(()) }
    }

    /// What must be known before anything is sent; a person who waits waits for no vault that is down.
    async fn soon<T>(
        &self,
        want: Want<'_>,
        deadline: Timestamp,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match want {
            Want::First => within(self.ports.clock.as_ref(), deadline - TOKEN_TIME, work)
                .await
                .unwrap_or_else(|| Err(self.later(no_time()))),
            Want::Usable(_) | Want::NewerThan(_) => work.await,
        }
    }

    /// Durable before anyone uses it, and before the lease is let go; where that can't be had, it is used all the same.
    #[expect(clippy::too_many_arguments, reason = "what came, for whom, after what, and by when")]
    async fn keep(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        connector: &dyn Connector,
        before: Option<&Kept>,
        token: &Token,
        want: Want<'_>,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        let grace = connector.refresh_rules().grace;
        let persisted = self.persist(stored, grace, before, token, deadline);
        let persisted = match want {
            // A person waits for the answer, and the pair isn't lost.
            Want::First => within(self.ports.clock.as_ref(), deadline, persisted)
                .await
                .unwrap_or_else(|| Err(Unavailable::new("vault", "no answer in time"))),
            Want::Usable(_) | Want::NewerThan(_) => persisted.await,
        };
        match persisted {
            Ok(kept) => {
                kept.ok_or_else(|| self.later(Failure::new("token_unavailable", "the token was dropped")))
            }
            Err(error) => {
                tracing::error!(grant = %stored.grant, %error, "a new token could not be kept; it is used while this process lives");
                // Who connects right now is told at once.
                if !matches!(want, Want::First)
                    && let Some(before) = before
                {
                    Box::pin(self.comes_late(stored, connection, grace, before.generation, token)).await;
                }
                Ok(token.clone())
            }
        }
    }

    /// What the vault has after this one was written; None: another process dropped the newest.
    pub(super) async fn persist(
        &self,
        stored: &mut Stored,
        grace: Option<SignedDuration>,
        before: Option<&Kept>,
        token: &Token,
        deadline: Timestamp,
    ) -> Result<Option<Token>, Unavailable> {
        let mut next = Kept::next(token, before, grace);
        // A vault that was emptied goes on with the numbers all the same.
        next.generation = next.generation.max(stored.row.generation + 1);
        let now = self.ports.clock.now();
        let patience = deadline.max(now + TIME_TO_KEEP).min(now + LEASE - TOKEN_TIMEOUT - TOKEN_TIMEOUT);
        let (Newest::Ours(kept) | Newest::Theirs(kept)) =
            kept::write(&self.ports, &stored.grant, next, patience).await?;
        let row = &mut stored.row;
        row.renewed(&stored.grant, kept.generation, kept.issued_at);
        row.expires_at = token.expires_at;
        row.refreshes = kept.refresh().is_some();
        Ok(kept.token())
    }

    /// The refresh token was sent and no answer is known, and the provider takes it only once. It may be that nothing
    /// was lost, but to find out would be to lose it. While the access token isn't refused it goes on being used.
    async fn unanswered(&self, stored: &mut Stored, connection: &Connection, want: Want<'_>) -> Fault {
        let failure = Failure::new(
            UNANSWERED,
            "the answer to a refresh was lost, and the refresh token may not be sent twice",
        );
        let now = self.ports.clock.now();
        let is_awaited = stored.row.awaited_until.is_some_and(|until| now < until);
        match want {
            Want::Usable(_) | Want::NewerThan(_) if is_awaited => {
                let message =
                    "another request with its refresh token is under way, and may bring the next pair";
                self.unavailable(stored, Failure::new("refresh_awaited", message))
            }
            Want::Usable(_) => self.ended(stored, connection, failure).await,
            Want::NewerThan(_) | Want::First => self.unavailable(stored, failure),
        }
    }

    /// An answer, and no token.
    async fn refused(&self, stored: &mut Stored, connection: &Connection, fault: GrantFault) -> Fault {
        match fault {
            GrantFault::Dead(failure) => self.ended(stored, connection, failure).await,
            GrantFault::Misconfigured(failure) => {
                self.trouble(stored, TroubleKind::Misconfigured, &failure);
                // Those of before others took their place are of no interest to anybody.
                let shared = self.connections.of_grant(&stored.grant).await;
                if !shared.is_ok_and(|shared| shared.is_empty()) {
                    self.notices.parked(connection, &failure).await;
                }
                self.parked(connection, &failure)
            }
            GrantFault::Unavailable(failure)
            | GrantFault::Overlapping(failure)
            | GrantFault::Lost(failure) => self.unavailable(stored, failure),
        }
    }

    fn unavailable(&self, stored: &mut Stored, failure: Failure) -> Fault {
        self.trouble(stored, TroubleKind::Unavailable, &failure);
        self.later(failure)
    }

    pub(super) fn trouble(&self, stored: &mut Stored, kind: TroubleKind, failure: &Failure) {
        let at = self.ports.clock.now();
        stored.row.trouble = Some(Trouble { kind, at, failure: failure.clone() });
    }

    pub(super) fn overtaken(&self, error: TableError) -> Fault {
        match error {
            TableError::Refused(_) => {
                self.later(Failure::new("token_unavailable", "another process is getting the token"))
            }
            other => self.fault(&other.into()),
        }
    }
}
