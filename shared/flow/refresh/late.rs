//! Pairs that the vault didn't take when they came. Only this process has them, and the refresh tokens that they were had
//! with may be spent: whatever it does next, it tries to keep them first.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::super::FlowError;
use super::super::grant::{Stored, Turn};
use super::{Tokens, kept};
use crate::domain::connection::{Connection, GrantId};
use crate::domain::outcome::Failure;
use crate::ports::Unavailable;
use crate::ports::clock::within;
use crate::ports::connector::Token;

/// A vault that didn't take it is asked again after this.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// A vault that doesn't answer is given up on after this.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// A pair, and what it takes to keep it.
#[derive(Clone)]
pub(super) struct Late {
    token: Token,
    /// The generation that the vault has in its place.
    after: u64,
    grace: Option<SignedDuration>,
    connection: Arc<Connection>,
    tried_at: Timestamp,
}

impl Tokens {
    /// A pair came for the refresh token of this generation, and the vault didn't take it.
    pub(super) async fn comes_late(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        grace: Option<SignedDuration>,
        after: u64,
        token: &Token,
    ) {
        // Without a refresh token of its own, the one that the vault has stays good.
        if token.refresh.is_none() {
            return;
        }
        let tried_at = self.ports.clock.now();
        match grace {
            Some(_) => stored.row.is_unanswered(after, tried_at),
            None => {
                stored.row.spending = Some(after);
                self.notices.refresh_unanswered(connection, after).await;
            }
        }
        let connection = Arc::new(connection.clone());
        let late = Late { token: token.clone(), after, grace, connection, tried_at };
        self.late_ones().insert(stored.grant.clone(), late);
    }

    /// All that is late is kept, as far as the vault takes it until `deadline`. Called where this process is through with
    /// what it was asked for: no call waits for another account's pair.
    pub(in crate::flow) async fn keep_late(&self, deadline: Timestamp) {
        let grants: Vec<GrantId> = self.late_ones().keys().cloned().collect();
        for grant in grants {
            self.keep_late_of(&grant, deadline).await;
        }
    }

    /// The same for one grant, whose next token is needed.
    pub(super) async fn keep_late_of(&self, grant: &GrantId, deadline: Timestamp) {
        if let Some(late) = self.late_and_due(grant) {
            // Every token that isn't held comes by here: nothing late takes no room in that.
            Box::pin(self.keep_this(grant, &late, deadline)).await;
        }
    }

    async fn keep_this(&self, grant: &GrantId, late: &Late, deadline: Timestamp) {
        match self.kept_late(grant, late, deadline).await {
            Ok(false) => {}
            Ok(true) => self.is_late_no_more(grant),
            Err(error) => tracing::error!(%grant, %error, "its newest tokens are not kept yet"),
        }
    }

    fn late_and_due(&self, grant: &GrantId) -> Option<Late> {
        let now = self.ports.clock.now();
        let mut all = self.late_ones();
        let late = all.get_mut(grant).filter(|late| now.duration_since(late.tried_at) >= AGAIN_AFTER)?;
        late.tried_at = now;
        Some(late.clone())
    }

    /// Returns whether it need not be tried again.
    async fn kept_late(&self, grant: &GrantId, late: &Late, deadline: Timestamp) -> Result<bool, FlowError> {
        let Turn::Ours(mut stored) = self.grants.turn(grant, false, None).await? else { return Ok(false) };
        let until = deadline.min(self.ports.clock.now() + PATIENCE);
        let kept = within(self.ports.clock.as_ref(), until, self.kept_in_turn(&mut stored, late)).await;
        self.grants.release(*stored).await;
        kept.unwrap_or_else(|| Err(Unavailable::new("vault", "no answer in time").into()))
    }

    async fn kept_in_turn(&self, stored: &mut Stored, late: &Late) -> Result<bool, FlowError> {
        let before = kept::read(&self.ports, &stored.grant).await?;
        // Another pair took its place, or the grant was ended.
        let Some(before) = before.filter(|before| before.generation == late.after) else { return Ok(true) };
        self.persist(stored, late.grace, Some(&before), &late.token, self.ports.clock.now()).await?;
        if late.grace.is_none() {
            let back = [Arc::clone(&late.connection)];
            self.notices.grant_revived(&stored.grant, stored.row.generation, &back).await;
        }
        Ok(true)
    }

    /// Why no next pair is asked for: there is one, and the one that the vault has in its place may be spent.
    pub(super) fn is_late(&self, grant: &GrantId) -> Option<Failure> {
        let message = "the vault has not taken the newest tokens yet";
        self.late_ones().contains_key(grant).then(|| Failure::new("tokens_not_kept", message))
    }

    /// The grant was given anew, or has ended.
    pub(super) fn is_late_no_more(&self, grant: &GrantId) {
        self.late_ones().remove(grant);
    }

    fn late_ones(&self) -> MutexGuard<'_, HashMap<GrantId, Late>> {
        self.memory.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
