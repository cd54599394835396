//! A connection is taken away: at the provider, as far as it answers, and here in any case. What was made through it
//! stays known.

use std::sync::Arc;

use secrecy::SecretString;

use super::FlowError;
use super::budget::Priority;
use super::connections::{client_secret_name, token_name};
use super::stack::Stack;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Connector, Verdict};
use crate::ports::http::Method;

/// What was done, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// Others go on using the consent that this connection came by.
    pub shared_with: usize,
    /// What the provider didn't do; the rest was done all the same.
    pub left_there: Vec<Failure>,
}

/// A consent's connection is ended at the provider; the last one of a consent ends the consent.
pub async fn disconnect(stack: &Stack, connection: &Arc<Connection>) -> Result<Disconnected, FlowError> {
    let grant = connection.grant_id();
    let mut done = Disconnected {
        shared_with: stack.connections.of_grant(&grant).await?.len().saturating_sub(1),
        left_there: Vec::new(),
    };
    let consented = connection.grant == GrantKind::AuthorizationCode;
    if let Some(connector) = stack.catalog.connector(connection.provider).filter(|_| consented) {
        if let Err(failure) = end_connection(stack, connection, connector.as_ref()).await {
            done.left_there.push(failure);
        }
        if done.shared_with == 0
            && let Err(failure) = end_consent(stack, connection, connector.as_ref()).await
        {
            done.left_there.push(failure);
        }
    }
    // The row first: with it goes the name, and nothing is done with secrets that nobody names.
    stack.connections.remove(&connection.id).await?;
    if done.shared_with == 0 {
        stack.ports.vault.remove(&client_secret_name(&grant)).await?;
        stack.ports.vault.remove(&token_name(&grant)).await?;
        stack.tokens.removed(&grant).await;
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

async fn end_consent(
    stack: &Stack,
    connection: &Connection,
    connector: &dyn Connector,
) -> Result<(), Failure> {
    let grant = connection.grant_id();
    let unreadable = |error: crate::ports::Unavailable| FlowError::from(error).failure();
    let Some(refresh) = stack.tokens.refresh_token(&grant).await.map_err(|error| error.failure())? else {
        return Ok(());
    };
    let secret: Option<SecretString> =
        stack.ports.vault.read(&client_secret_name(&grant)).await.map_err(unreadable)?;
    let request = connector.revoke(connection, &refresh, secret.as_ref());
    let exchange = stack.ports.http.send(request).await;
    match &exchange {
        Ok(response) if response.status < 300 => Ok(()),
        // Unknown to the provider: it has ended already.
        Ok(response) if response.status == 400 => Ok(()),
        _ => Err(failure_of(connector.classify(Method::Post, &exchange))),
    }
}

fn failure_of(verdict: Verdict) -> Failure {
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
