//! Grants that nothing was heard of for a day: their refresh tokens are used before they end unused, and their accounts
//! are asked whether they still answer, so that a connection that is needed once a month doesn't fail then. A grant that
//! was declared dead comes back when a token came late after all, and one that nothing uses any more ends.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::budget::Priority;
use super::grant::{Check, GrantRow, Stored, care_after};
use super::retire::{Ends, Retired, retire};
use super::stack::Stack;
use super::{FlowError, keep};
use crate::domain::connection::{Connection, ConnectionState, GrantId, GrantKind};
use crate::domain::outcome::{Failure, Fault, Reason};

/// A refresh token that was used within this time is left alone; the shortest life of an unused one is a month.
const USED_WITHIN: SignedDuration = SignedDuration::from_hours(3 * 24);
/// An account that was called within this time has answered for itself.
const CALLED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// What didn't work is tried again after this.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Returns whether anything was done; afterwards the grant isn't due any more.
pub(super) async fn care(stack: &Stack, mut stored: Stored, deadline: Timestamp) -> Result<bool, FlowError> {
    let grant = stored.grant.clone();
    let mut shared = stack.connections.of_grant(&grant).await?;
    if shared.is_empty() {
        return end(stack, &stored, deadline).await;
    }
    if stored.row.dead.is_some() {
        revive(stack, &grant).await?;
        stored = stack.tokens.stored(&grant).await?.unwrap_or(stored);
        shared = stack.connections.of_grant(&grant).await?;
    }
    let active: Vec<Arc<Connection>> =
        shared.iter().filter(|connection| connection.state == ConnectionState::Active).cloned().collect();
    let mut well = true;
    if let Some(first) = active.first() {
        well &= renew(stack, &stored, first, deadline).await;
    }
    let mut checks = stored.row.checks.clone();
    checks.retain(|id, _| shared.iter().any(|connection| connection.id == *id));
    for connection in &active {
        match check(stack, connection, deadline).await? {
            Look::NotNeeded => {}
            Look::NotNow => well = false,
            Look::Done(check) => drop(checks.insert(connection.id.clone(), check)),
        }
    }
    let now = stack.now();
    // What was done has written the row.
    let mut newest = stack.tokens.stored(&grant).await?.unwrap_or(stored);
    newest.row.checks = checks;
    let planned = if well { care_after(&grant, now) } else { now + AGAIN_AFTER };
    // What was done may have asked for an earlier look.
    let asked_for = newest.row.care_at.filter(|at| *at > now);
    newest.row.care_at = Some(asked_for.map_or(planned, |at| at.min(planned)));
    stack.tokens.note(newest).await
}

/// Nothing uses it any more. What the provider doesn't do is the owner's to do.
async fn end(stack: &Stack, stored: &Stored, deadline: Timestamp) -> Result<bool, FlowError> {
    match retire(stack, &stored.grant, Ends::Due, deadline).await? {
        Retired::NotNow => Ok(false),
        Retired::Later(failure) => {
            tracing::warn!(grant = %stored.grant, code = %failure.code, "not ended at its provider yet");
            Ok(true)
        }
        Retired::Done { left_there } => {
            tracing::info!(grant = %stored.grant, "ended, since nothing uses it");
            match (left_there, &stored.row.connection) {
                (Some(failure), Some(connection)) => {
                    stack.notices.left_there(&stored.grant, connection, &failure).await;
                }
                (Some(failure), None) => {
                    tracing::error!(grant = %stored.grant, %failure, "its provider was not told of its end");
                }
                (None, _) => {}
            }
            Ok(true)
        }
    }
}

/// A token that is newer than what was declared dead brings its connections back, and what waits for them goes on.
async fn revive(stack: &Stack, grant: &GrantId) -> Result<(), FlowError> {
    // Its process may have ended before it could say so.
    stack.tokens.catch_up(grant).await?;
    let Some(newest) = stack.tokens.stored(grant).await? else { return Ok(()) };
    if newest.row.dead.is_none_or(|dead| newest.row.generation <= dead) {
        return Ok(());
    }
    let mut back = Vec::new();
    for connection in stack.connections.of_grant(grant).await? {
        if connection.state == ConnectionState::NeedsReconnect
            && stack.connections.is_well_again(&connection).await?
        {
            back.push(connection);
        }
    }
    stack.notices.grant_revived(grant, newest.row.generation, &back).await;
    keep::unpark(stack, true).await?;
    stack.tokens.grants().change(grant, GrantRow::lives_again).await
}

/// Returns false when it must be tried again soon.
async fn renew(stack: &Stack, stored: &Stored, connection: &Connection, deadline: Timestamp) -> bool {
    let used = stored.row.issued_at.is_some_and(|at| stack.now().duration_since(at) < USED_WITHIN);
    let is_unanswered = stored.row.spending.is_some();
    if connection.grant != GrantKind::AuthorizationCode || (used && !is_unanswered) {
        return true;
    }
    let Some(connector) = stack.catalog.connector(connection.provider) else { return true };
    match stack.tokens.renew_unused(connection, connector.as_ref(), deadline).await {
        Ok(()) => true,
        Err(fault) => {
            tracing::warn!(grant = %stored.grant, code = %fault.failure().code, "not refreshed");
            // A person is asked already.
            matches!(fault, Fault::Retry(again) if again.reason == Reason::Parked)
        }
    }
}

enum Look {
    NotNeeded,
    NotNow,
    Done(Check),
}

async fn check(stack: &Stack, connection: &Arc<Connection>, deadline: Timestamp) -> Result<Look, FlowError> {
    let now = stack.now();
    let budget = stack.budgets.look(connection).await?;
    if budget.last_sent().is_some_and(|at| now.duration_since(at) < CALLED_WITHIN) {
        return Ok(Look::NotNeeded);
    }
    let Ok(client) = stack.client(Arc::clone(connection), Priority::Bulk, deadline) else {
        return Ok(Look::NotNeeded);
    };
    let problem = match client.connector.identify(&client).await {
        Ok(identity) if identity.account == connection.account => None,
        Ok(identity) => {
            let message = format!("another account answers: {} ({})", identity.title, identity.account);
            Some(Failure::new("other_account", message))
        }
        Err(Fault::Retry(again)) if again.reason != Reason::Parked => return Ok(Look::NotNow),
        Err(fault) => Some(fault.failure().clone()),
    };
    if let Some(problem) = &problem {
        tracing::warn!(connection = %connection.id, code = %problem.code, "the account doesn't answer as it should");
    }
    Ok(Look::Done(Check { at: stack.now(), problem }))
}
