//! A grant that nothing uses any more ends: at the provider, as far as it answers, and then in the vault.
//!
//! Another person's consent or other credentials took its place, its last connection was removed, or a consent was given
//! and nothing became of it. It happens under the grant's lease: whoever is given the same consent anew meanwhile waits,
//! and is told when the end may have met the new tokens too. Called by the keeper, which meets every grant's row, and
//! where a connection is removed.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::FlowError;
use super::connections::client_secret_name;
use super::grant::{Ending, GrantRow, Stored, Turn};
use super::stack::Stack;
use crate::domain::Value;
use crate::domain::connection::GrantId;
use crate::domain::outcome::Failure;
use crate::ports::Unavailable;
use crate::ports::connector::Verdict;
use crate::ports::http::{Method, Response};
use crate::ports::table::TableError;

/// A provider that doesn't answer is asked again after this.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Then the grant is forgotten here, and its owner ends it there.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// A revocation of which an answer isn't worth more time.
const REVOCATION: SignedDuration = SignedDuration::from_secs(20);

/// Who wants it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The grant's row was due. It has time.
    Due,
    /// A person, who is told at once what was left at the provider.
    Now,
}

/// What became of a grant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Retired {
    /// Something uses it, or is about to; or another process has its turn.
    NotNow,
    /// Nothing is left of it here; what the provider didn't do, its owner must.
    Done { left_there: Option<Failure> },
    /// The provider doesn't answer: later.
    Later(Failure),
}

pub(super) async fn retire(
    stack: &Stack,
    grant: &GrantId,
    ends: Ends,
    deadline: Timestamp,
) -> Result<Retired, FlowError> {
    let grants = stack.tokens.grants();
    let Turn::Ours(mut stored) = grants.turn(grant, false, None).await? else { return Ok(Retired::NotNow) };
    let retired = in_turn(stack, &mut stored, ends, deadline).await;
    grants.release(*stored).await;
    retired
}

async fn in_turn(
    stack: &Stack,
    stored: &mut Stored,
    ends: Ends,
    deadline: Timestamp,
) -> Result<Retired, FlowError> {
    let now = stack.now();
    // Now that nobody else has a turn: was it given anew, or taken by a connection?
    let is_due = ends == Ends::Now || stored.row.care_at.is_none_or(|at| at <= now);
    if !is_due || !stack.connections.of_grant(&stored.grant).await?.is_empty() {
        return Ok(Retired::NotNow);
    }
    let since = stored.row.ending.map_or(now, |ending| ending.since);
    let patience = deadline.min(now + REVOCATION);
    stored.row.ending = Some(Ending { since, until: patience });
    // Before anything is sent: who keeps tokens later must know that they may have ended with it.
    match stack.tokens.grants().write(stored).await {
        Ok(()) => {}
        Err(TableError::Refused(_)) => return Ok(Retired::NotNow),
        Err(error) => return Err(error.into()),
    }
    let revoked = revoke(stack, stored, patience).await;
    stored.row.ending = Some(Ending { since, until: stack.now() });
    let gives_up = ends == Ends::Now || now.duration_since(since) >= GIVEN_UP_AFTER;
    match revoked {
        Err(failure) if !gives_up => {
            stored.row.care_at = Some(now + AGAIN_AFTER);
            Ok(Retired::Later(failure))
        }
        revoked => {
            let newest = match forget(stack, &stored.grant).await {
                Ok(newest) => newest,
                Err(error) => {
                    stored.row.care_at = Some(now + AGAIN_AFTER);
                    return Err(error);
                }
            };
            let GrantRow { generation, ending, .. } = stored.row;
            // The vault may have been ahead of the row, and a removed secret keeps its number.
            let generation = generation.max(newest);
            stored.row = GrantRow { generation, ending, ..GrantRow::default() };
            Ok(Retired::Done { left_there: revoked.err() })
        }
    }
}

/// Returns which generation was the vault's last.
async fn forget(stack: &Stack, grant: &GrantId) -> Result<u64, FlowError> {
    let newest = stack.tokens.newest_kept(grant).await?;
    stack.tokens.remove(grant).await?;
    Ok(newest)
}

/// Asks the provider to end it. What it doesn't know has ended already.
async fn revoke(stack: &Stack, stored: &Stored, deadline: Timestamp) -> Result<(), Failure> {
    let token = stack.tokens.to_revoke(&stored.grant).await.map_err(|error| error.failure())?;
    let Some(token) = token else { return Ok(()) };
    let Some(connection) = stored.row.connection.as_deref() else {
        return Err(Failure::new("unknown_app", "it isn't known any more whose app it was given to"));
    };
    let Some(connector) = stack.catalog.connector(connection.provider) else { return Ok(()) };
    let unreadable = |error: Unavailable| FlowError::from(error).failure();
    let secret: Option<SecretString> =
        stack.ports.vault.read(&client_secret_name(&stored.grant)).await.map_err(unreadable)?;
    let Some(mut request) = connector.revoke(connection, &token, secret.as_ref()) else { return Ok(()) };
    let left = deadline.duration_since(stack.now());
    if !left.is_positive() {
        return Err(Failure::new("not_started", "no time was left to ask the provider for its end"));
    }
    request.timeout = request.timeout.min(left.unsigned_abs());
    let exchange = stack.ports.http.send(request).await;
    match &exchange {
        Ok(response) if response.status < 300 || is_unknown(response) => Ok(()),
        _ => Err(failure_of(connector.classify(Method::Post, &exchange))),
    }
}

/// As Salesforce says it, and RFC 7009 of what can't be such a token any more.
/// <https://www.rfc-editor.org/rfc/rfc7009#section-2.2>
fn is_unknown(response: &Response) -> bool {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = body.get("error").and_then(Value::as_str);
    response.status == 400
        && matches!(said, Some("invalid_token" | "invalid_grant" | "unsupported_token_type"))
}

/// Why something wasn't done at a provider.
pub(super) fn failure_of(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Answered => Failure::new("unexpected_answer", "the provider gave an answer of its own"),
        Verdict::Refused(failure)
        | Verdict::Limited { failure, .. }
        | Verdict::Unauthorised(failure)
        | Verdict::Forbidden(failure)
        | Verdict::NotApplied(failure)
        | Verdict::InDoubt { failure, .. } => failure,
    }
}
