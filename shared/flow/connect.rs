//! Connecting: a client proves itself, the account at the other end says who it is, and only then it is kept.
//!
//! Grants without a browser are connected here. A person's consent is `consent`'s, which ends here as well.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::FlowError;
use super::budget::Priority;
use super::connections::client_secret_name;
use super::stack::Stack;
use super::{keep, scopes};
use crate::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::{Identity, Opened};
use crate::ports::random::time_ordered_uuid;

/// What a person says of a connection; the account itself tells the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub name: ConnectionId,
    pub provider: Provider,
    pub grant: GrantKind,
    pub client_id: String,
    pub login_url: String,
    pub api_url: String,
    pub username: Option<String>,
    pub scopes: Vec<String>,
    pub daily_limit: Option<u32>,
}

impl Wanted {
    /// As it was connected before.
    pub fn again(known: &Connection) -> Self {
        let known = known.clone();
        Self {
            name: known.id,
            provider: known.provider,
            grant: known.grant,
            client_id: known.client_id,
            login_url: known.login_url,
            api_url: known.api_url,
            username: known.username,
            scopes: known.scopes,
            daily_limit: known.daily_limit,
        }
    }

    /// What is known before anybody has answered.
    pub(super) fn connection(&self) -> Connection {
        let wanted = self.clone();
        Connection {
            id: wanted.name,
            provider: wanted.provider,
            grant: wanted.grant,
            consent: None,
            credentials: None,
            client_id: wanted.client_id,
            login_url: wanted.login_url,
            api_url: wanted.api_url,
            account: String::new(),
            title: String::new(),
            own_user: String::new(),
            username: wanted.username,
            scopes: wanted.scopes,
            granted_scopes: Vec::new(),
            daily_limit: wanted.daily_limit,
            connected_at: None,
            remote_id: None,
            state: ConnectionState::Active,
        }
    }
}

/// Connects, or connects again: what waits for this connection goes on. Returns the connection, and how many runs
/// went on. When it fails, everything is as it was: new credentials stand beside the old ones, so that a typo ends no
/// healthy connection and no worker meets another account's token, and one write of the connection's row changes over.
/// Where no scopes are named, those are asked for that the flows need.
pub async fn connect(
    stack: &Stack,
    mut wanted: Wanted,
    secret: SecretString,
) -> Result<(Connection, u32), FlowError> {
    if wanted.scopes.is_empty()
        && let Some(connector) = stack.catalog.connector(wanted.provider)
    {
        let needed = scopes::needed(stack, wanted.provider, &wanted.name).await?;
        wanted.scopes = connector.machine_scopes(&needed);
    }
    let which = time_ordered_uuid(stack.ports.clock.as_ref(), stack.ports.random.as_ref());
    let draft = Connection { credentials: Some(which), ..wanted.connection() };
    let grant = draft.grant_id();
    let answered = async {
        stack.tokens.grants().begins(&draft).await?;
        stack.ports.vault.write(&client_secret_name(&grant), secret).await?;
        identified(stack, draft, stack.now() + stack.times.function).await
    };
    let connection = match answered.await {
        Ok(connection) => connection,
        Err(error) => {
            if let Err(left) = stack.tokens.was_tried(&grant).await {
                tracing::warn!(%grant, error = %left, "what was tried is removed later");
            }
            return Err(error);
        }
    };
    take_over(stack, &connection).await?;
    let unparked = keep::unpark(stack, true).await?;
    Ok((connection, unparked))
}

/// From now on this is the connection of its name. The grant that it had before is noted first: when nobody takes it for
/// the connection's any more, the keeper ends it.
pub(super) async fn take_over(stack: &Stack, connection: &Connection) -> Result<(), FlowError> {
    if let Some(before) = stack.connections.newest(&connection.id).await?
        && before.grant_id() != connection.grant_id()
    {
        stack.tokens.grants().is_left(&before).await?;
    }
    stack.connections.save(connection).await
}

/// The connection as the account at the other end tells it before `deadline`, which is the one that this name had
/// before.
pub(super) async fn identified(
    stack: &Stack,
    connection: Connection,
    deadline: Timestamp,
) -> Result<Connection, FlowError> {
    let identity = asked(stack, &connection, deadline).await?;
    if let Some(before) = stack.connections.newest(&connection.id).await?
        && (before.account != identity.account || before.provider != connection.provider)
    {
        let message = format!(
            "`{}` is connected to {} ({}), and this is {} ({}): what was made there isn't here. Take another name, or \
             remove the connection first",
            before.id, before.title, before.account, identity.title, identity.account,
        );
        return Err(Failure::new("another_account", message).into());
    }
    Ok(Connection {
        account: identity.account,
        title: identity.title,
        own_user: identity.own_user,
        daily_limit: connection.daily_limit.or(identity.daily_limit),
        connected_at: Some(stack.now()),
        remote_id: identity.remote_id,
        ..connection
    })
}

/// What the tokens of this connection open by now, other connections' accounts among it.
pub(super) async fn opened(
    stack: &Stack,
    connection: &Connection,
    deadline: Timestamp,
) -> Result<Opened, FlowError> {
    let client = stack.client(Arc::new(connection.clone()), Priority::Live, deadline)?.hurried();
    client.connector.opened(&client).await.map_err(passing)
}

/// Asks the account at the other end who it is.
async fn asked(stack: &Stack, connection: &Connection, deadline: Timestamp) -> Result<Identity, FlowError> {
    let client = stack.client(Arc::new(connection.clone()), Priority::Live, deadline)?.hurried();
    client.connector.identify(&client).await.map_err(passing)
}

/// What a provider doesn't answer now may be asked again; what it answers stands.
pub(super) fn passing(fault: Fault) -> FlowError {
    match fault {
        Fault::Retry(Again { reason, failure, .. }) if reason != Reason::Parked => FlowError::NotNow(failure),
        fault => fault.into(),
    }
}
