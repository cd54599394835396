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
use crate::ports::connector::Token;

/// A vault that didn't take it is asked again after this.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);

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

    /// What is late is kept, as far as the vault takes it now.
    pub(super) async fn keep_late(&self) {
        let due = self.late_and_due();
        if !due.is_empty() {
            // Every call begins here: nothing late takes no room in it.
            Box::pin(self.keep_these(due)).await;
        }
    }

    async fn keep_these(&self, due: Vec<(GrantId, Late)>) {
        for (grant, late) in due {
            match self.kept_late(&grant, &late).await {
                Ok(false) => {}
                Ok(true) => self.is_late_no_more(&grant),
                Err(error) => tracing::error!(%grant, %error, "its newest tokens are not kept yet"),
            }
        }
    }

    fn late_and_due(&self) -> Vec<(GrantId, Late)> {
        let now = self.ports.clock.now();
        let mut all = self.late_ones();
        let due = all.iter_mut().filter(|(_, late)| now.duration_since(late.tried_at) >= AGAIN_AFTER);
        due.map(|(grant, late)| {
            late.tried_at = now;
            (grant.clone(), late.clone())
        })
        .collect()
    }

    /// Returns whether it need not be tried again.
    async fn kept_late(&self, grant: &GrantId, late: &Late) -> Result<bool, FlowError> {
        let Turn::Ours(mut stored) = self.grants.turn(grant, false, None).await? else { return Ok(false) };
        let kept = self.kept_in_turn(&mut stored, late).await;
        self.grants.release(*stored).await;
        kept
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
