//! Whether the account behind a connection still answers, and still is the one that it was.
//!
//! What it comes to is noted beside the grant, where the list of connections has it from. Called by the keeper for accounts
//! that nothing else calls, and for a person who asks.

use std::sync::Arc;

use super::FlowError;
use super::account::Client;
use super::budget::Priority;
use super::grant::{Check, GrantRow};
use super::stack::Stack;
use crate::domain::connection::{Connection, ConnectionState};
use crate::domain::outcome::{Failure, Fault, Reason};
use crate::ports::connector::Identity;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is who it was.
    Well(Identity),
    /// Something else answers, or nothing that could be used.
    Wrong(Failure),
    /// It lets us in no more. A person must mend that, and knows.
    Closed(Failure),
    /// That isn't known for the moment.
    NotNow(Failure),
}

impl Answer {
    /// Why it doesn't answer as it should.
    pub fn problem(&self) -> Option<&Failure> {
        match self {
            Self::Well(_) => None,
            Self::Wrong(failure) | Self::Closed(failure) | Self::NotNow(failure) => Some(failure),
        }
    }
}

/// For a person who waits for it.
pub async fn ask(stack: &Stack, connection: &Arc<Connection>) -> Result<Answer, FlowError> {
    let deadline = stack.now() + stack.times.function;
    let client = stack.client(Arc::clone(connection), Priority::Live, deadline)?.hurried();
    answer(stack, &client).await
}

pub(super) async fn answer(stack: &Stack, client: &Client) -> Result<Answer, FlowError> {
    let connection = &client.connection;
    let answer = match client.connector.identify(client).await {
        Ok(identity) if identity.account == connection.account => Answer::Well(identity),
        Ok(identity) => {
            let message = format!("another account answers: {} ({})", identity.title, identity.account);
            Answer::Wrong(Failure::new("other_account", message))
        }
        Err(Fault::Retry(again)) if again.reason == Reason::Parked => Answer::Closed(again.failure),
        Err(Fault::Retry(again)) => return Ok(Answer::NotNow(again.failure)),
        Err(Fault::Terminal(failure)) if client.is_disconnected(&failure).await => {
            stack.tokens.is_closed(connection, &failure).await?;
            Answer::Closed(failure)
        }
        Err(fault) => Answer::Wrong(fault.failure().clone()),
    };
    if connection.state != ConnectionState::Active {
        // Why it must be connected again is noted, and nobody was asked anything now.
        return Ok(answer);
    }
    let (grant, check) =
        (connection.grant_id(), Check { at: stack.now(), problem: answer.problem().cloned() });
    let looked_at = |row: &mut GrantRow| {
        row.is_looked_at(&connection.id, check.clone());
        true
    };
    stack.tokens.grants().change(&grant, looked_at).await?;
    Ok(answer)
}
