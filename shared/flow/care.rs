//! Grants that nothing was heard of for a day: their refresh tokens are used before they end unused, and their accounts
//! are asked whether they still answer, so that a connection that is needed once a month doesn't fail then. A grant that
//! was declared dead comes back when a token came late after all, one that nothing uses any more ends, and whoever must
//! connect something again is asked to once a day.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::answers::Answer;
use super::budget::Priority;
use super::grant::{Check, GrantRow, Stored, TroubleKind, care_after};
use super::retire::{Ends, Retired, retire};
use super::stack::Stack;
use super::{FlowError, answers, connect, keep};
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
    let mut well = true;
    if stored.row.dead.is_some() {
        well &= revive(stack, &grant, deadline).await?;
        stored = stack.tokens.stored(&grant).await?.unwrap_or(stored);
        shared = stack.connections.of_grant(&grant).await?;
    }
    let active: Vec<Arc<Connection>> =
        shared.iter().filter(|connection| connection.state == ConnectionState::Active).cloned().collect();
    if let Some(first) = active.first() {
        well &= renew(stack, &stored, first, deadline).await;
    }
    for connection in &active {
        well &= look(stack, connection, stored.row.checks.get(&connection.id), deadline).await?;
    }
    // What was done has written the row, and may have found that somebody must connect again.
    let shared = stack.connections.of_grant(&grant).await?;
    let mut newest = stack.tokens.stored(&grant).await?.unwrap_or(stored);
    newest.row.checks.retain(|id, _| shared.iter().any(|connection| connection.id == *id));
    let needed = |connection: &Arc<Connection>| connection.state == ConnectionState::NeedsReconnect;
    let waiting: Vec<Arc<Connection>> = shared.into_iter().filter(needed).collect();
    ask_again(stack, &newest.row, &waiting).await;
    well &= waiting.is_empty();
    let now = stack.now();
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

/// A token that is newer than what was declared dead brings its connections back, and what waits for them goes on; but not
/// those whose account it doesn't open any more. Returns false when it must be tried again soon.
async fn revive(stack: &Stack, grant: &GrantId, deadline: Timestamp) -> Result<bool, FlowError> {
    // Its process may have ended before it could say so.
    stack.tokens.catch_up(grant).await?;
    let Some(newest) = stack.tokens.stored(grant).await? else { return Ok(true) };
    if newest.row.dead.is_none_or(|dead| newest.row.generation <= dead) {
        return Ok(true);
    }
    let mut waiting = stack.connections.of_grant(grant).await?;
    waiting.retain(|connection| connection.state == ConnectionState::NeedsReconnect);
    if let Some(first) = waiting.first() {
        let usable = Connection { state: ConnectionState::Active, ..(**first).clone() };
        match connect::opened(stack, &usable, deadline).await {
            Ok(opened) => waiting.retain(|connection| opened.has(&connection.account)),
            Err(error) => {
                tracing::warn!(%grant, %error, "not known which of its connections are back");
                return Ok(false);
            }
        }
    }
    let mut back = Vec::new();
    for connection in waiting {
        if stack.connections.is_well_again(&connection).await? {
            // When it fails once more, that is news.
            stack.notices.mended(&connection).await;
            back.push(connection);
        }
    }
    stack.notices.grant_revived(grant, newest.row.generation, &back).await;
    keep::unpark(stack, true).await?;
    stack.tokens.grants().change(grant, GrantRow::lives_again).await?;
    Ok(true)
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

/// Asks an account that nothing else has called for a day, or that didn't answer as it should, who it is. Returns false when
/// it must be tried again soon.
async fn look(
    stack: &Stack,
    connection: &Arc<Connection>,
    before: Option<&Check>,
    deadline: Timestamp,
) -> Result<bool, FlowError> {
    let was_wrong = before.filter(|check| check.problem.is_some());
    let known_at = match was_wrong {
        Some(check) => Some(check.at),
        None => stack.budgets.look(connection).await?.last_sent(),
    };
    if known_at.is_some_and(|at| stack.now().duration_since(at) < CALLED_WITHIN) {
        return Ok(true);
    }
    let Ok(client) = stack.client(Arc::clone(connection), Priority::Bulk, deadline) else { return Ok(true) };
    let answer = answers::answer(stack, &client).await?;
    if let Some(problem) = answer.problem() {
        tracing::warn!(connection = %connection.id, code = %problem.code, "the account doesn't answer as it should");
    }
    match answer {
        Answer::Well(_) if was_wrong.is_some() => stack.notices.mended(connection).await,
        Answer::Well(_) | Answer::Closed(_) => {}
        Answer::Wrong(problem) => stack.notices.answers_wrong(connection, &problem).await,
        Answer::NotNow(_) => return Ok(false),
    }
    Ok(true)
}

/// The owner is asked once a day to connect again what waits for that, whatever became of the words before.
async fn ask_again(stack: &Stack, row: &GrantRow, waiting: &[Arc<Connection>]) {
    if let Some(ended) = row.trouble.as_ref().filter(|trouble| trouble.kind == TroubleKind::Ended) {
        return stack.notices.need_reconnect(waiting, &ended.failure).await;
    }
    for one in waiting {
        let found = row.checks.get(&one.id).and_then(|check| check.problem.clone());
        let why = found.unwrap_or_else(|| Failure::new("needs_reconnect", "why isn't known any more"));
        stack.notices.need_reconnect(std::slice::from_ref(one), &why).await;
    }
}
