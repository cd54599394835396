//! What only a person can mend: a grant that has ended, with all connections that share it, and an account that was taken
//! from its connection. The connections are marked, the owner is told, and nothing is deleted; who could not be told is
//! told by the keeper.

use std::sync::Arc;

use super::super::FlowError;
use super::super::grant::{Check, GrantRow, Stored, TroubleKind};
use super::Tokens;
use crate::domain::connection::Connection;
use crate::domain::outcome::{Failure, Fault};

impl Tokens {
    /// Every connection of the grant needs a person.
    pub(super) async fn ended(
        &self,
        stored: &mut Stored,
        connection: &Connection,
        failure: Failure,
    ) -> Fault {
        self.trouble(stored, TroubleKind::Ended, &failure);
        stored.row.is_dead(self.ports.clock.now());
        // Before the row is written: what is connected after that is another grant.
        let shared = self.connections.of_grant(&stored.grant).await;
        // Who has lost the lease knows nothing of what came after it.
        if let Err(error) = self.grants.write(stored).await {
            return self.overtaken(error);
        }
        let told = async { self.tell_ended(&shared?, &failure).await };
        if let Err(error) = told.await {
            tracing::warn!(grant = %stored.grant, %error, "could not mark the connections");
        }
        self.parked(connection, &failure)
    }

    async fn tell_ended(&self, shared: &[Arc<Connection>], failure: &Failure) -> Result<(), FlowError> {
        // Where there are none, who is connecting right now hears it at once.
        self.notices.need_reconnect(shared, failure).await;
        for one in shared {
            self.connections.needs_reconnect(one).await?;
        }
        Ok(())
    }

    /// The provider took the account from this connection, whatever else its tokens open. `connection` is as it was read
    /// before that was found out.
    pub(in crate::flow) async fn is_closed(
        &self,
        connection: &Arc<Connection>,
        because: &Failure,
    ) -> Result<(), FlowError> {
        if !self.connections.needs_reconnect(connection).await? {
            // It is known, or was connected again since.
            return Ok(());
        }
        let grant = connection.grant_id();
        let check = Check { at: self.ports.clock.now(), problem: Some(because.clone()) };
        let closed = |row: &mut GrantRow| {
            row.is_closed(&connection.id, check.clone());
            true
        };
        if let Err(error) = self.grants.change(&grant, closed).await {
            tracing::warn!(connection = %connection.id, %error, "could not note why it must be connected again");
        }
        self.notices.need_reconnect(std::slice::from_ref(connection), because).await;
        Ok(())
    }
}
