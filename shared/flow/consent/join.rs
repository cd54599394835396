//! The last step: accounts of a consent become connections, and what waited for them goes on.

use std::sync::Arc;

use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::grant::GrantRow;
use super::super::stack::Stack;
use super::super::{FlowError, connect, keep};
use super::invitation::{Invitation, Outcome};
use crate::domain::connection::{Connection, GrantId};
use crate::domain::ids::{ConnectionId, ConsentId};
use crate::ports::clock::within;
use crate::ports::connector::Identity;

/// What a consent gave: whose it is, and what it opens. The tokens are in the vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) consent: ConsentId,
    pub(super) user: String,
    pub(super) api_url: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) accounts: Vec<Identity>,
}

/// Each account answers for itself, by `until`, before any connection is kept: all of them are made, or none.
pub(super) async fn join(
    stack: &Stack,
    invitation: &Invitation,
    given: &Given,
    chosen: Vec<(ConnectionId, Identity)>,
    until: Timestamp,
) -> Result<Vec<Connection>, FlowError> {
    // From the table: another process may have connected something a moment ago.
    let sharing = stack.connections.of_grant(&GrantId::Consent(given.consent)).await?;
    let wanted = |(id, one): (ConnectionId, Identity)| {
        let wanted = invitation.wanted.connection();
        Connection {
            id,
            consent: Some(given.consent),
            account: one.account,
            own_user: given.user.clone(),
            api_url: given.api_url.clone().unwrap_or(wanted.api_url),
            granted_scopes: given.scopes.clone(),
            ..wanted
        }
    };
    let answers = chosen.into_iter().map(|one| connect::identified(stack, wanted(one), until));
    let joined = try_join_all(answers).await?;
    let others = others(stack, sharing, &joined, until).await?;
    for connection in &joined {
        connect::take_over(stack, connection).await?;
    }
    renew(stack, given, &others).await?;
    // Many runs take longer than a page may: the keeper goes on with what is left.
    let unparked = within(stack.ports.clock.as_ref(), until, keep::unpark(stack, true)).await;
    let unparked = unparked.transpose()?.unwrap_or_default();
    let connections = joined.clone();
    invitation.came_to(stack, &Outcome::Connected { connections, unparked }).await?;
    for connection in &joined {
        tracing::info!(connection = %connection.id, unparked, "connected");
    }
    Ok(joined)
}

/// What else was connected by the same person, and is open to the same tokens. What was disconnected at the provider since
/// isn't, and needs a consent of its own.
async fn others(
    stack: &Stack,
    mut sharing: Vec<Arc<Connection>>,
    joined: &[Connection],
    until: Timestamp,
) -> Result<Vec<Arc<Connection>>, FlowError> {
    sharing.retain(|one| joined.iter().all(|joined| joined.id != one.id));
    if let Some(first) = joined.first().filter(|_| !sharing.is_empty()) {
        let opened = connect::opened(stack, first, until).await?;
        sharing.retain(|one| opened.has(&one.account));
    }
    Ok(sharing)
}

/// Tokens are the person's: all of them have new ones now, and may do the same.
async fn renew(stack: &Stack, given: &Given, others: &[Arc<Connection>]) -> Result<(), FlowError> {
    for one in others {
        stack.connections.is_given_anew(one, &given.scopes).await?;
    }
    // Not before: what is cut off on the way is brought back by the keeper.
    stack.tokens.grants().change(&GrantId::Consent(given.consent), GrantRow::lives_again).await
}
