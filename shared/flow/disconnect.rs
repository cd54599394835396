//! A connection is taken away: at the provider, as far as it answers, and here in any case. What was made through it
//! stays known.

use std::sync::Arc;

use super::FlowError;
use super::budget::Priority;
use super::retire::{Ends, Retired, failure_of, retire};
use super::stack::Stack;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Connector, Verdict};

/// What was done, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// Others go on using the consent that this connection came by.
    pub shared_with: usize,
    /// What the provider didn't do; the rest was done all the same.
    pub left_there: Vec<Failure>,
    /// Its secrets are still in the vault, which doesn't answer, or another process is at them: the keeper ends them.
    pub ends_later: bool,
}

/// A consent's connection is ended at the provider; the last one of a grant ends the grant.
pub async fn disconnect(stack: &Stack, connection: &Arc<Connection>) -> Result<Disconnected, FlowError> {
    let grant = connection.grant_id();
    let mut done = Disconnected::default();
    // Whatever becomes of this process, the keeper ends what nothing uses.
    stack.tokens.grants().is_left(connection).await?;
    let consented = connection.grant == GrantKind::AuthorizationCode;
    if let Some(connector) = stack.catalog.connector(connection.provider).filter(|_| consented)
        && let Err(failure) = end_connection(stack, connection, connector.as_ref()).await
    {
        done.left_there.push(failure);
    }
    // The row first: with it goes the name, and nothing is done with secrets that nobody names.
    stack.connections.remove(&connection.id).await?;
    done.shared_with = stack.connections.of_grant(&grant).await?.len();
    if done.shared_with == 0 {
        match retire(stack, &grant, Ends::Now, stack.now() + stack.times.function).await {
            Ok(Retired::Done { left_there }) => done.left_there.extend(left_there),
            Ok(Retired::NotNow | Retired::Later(_)) => done.ends_later = true,
            Err(error) => {
                tracing::warn!(%grant, %error, "not removed from the vault yet");
                done.ends_later = true;
            }
        }
    }
    Ok(done)
}

async fn end_connection(
    stack: &Stack,
    connection: &Arc<Connection>,
    connector: &dyn Connector,
) -> Result<(), Failure> {
    let Some(call) = connector.disconnect(connection) else { return Ok(()) };
    let deadline = stack.now() + stack.times.function;
    let said = |fault: Fault| fault.failure().clone();
    let client = stack.client(Arc::clone(connection), Priority::Live, deadline).map_err(said)?;
    let permit = client.reserve().await.map_err(said)?;
    let exchange = client.send(permit, &call, None).await.map_err(said)?;
    match exchange.verdict {
        Verdict::Answered => Ok(()),
        // It isn't there any more.
        _ if exchange.response.is_some_and(|response| response.status == 404) => Ok(()),
        verdict => Err(failure_of(verdict)),
    }
}
