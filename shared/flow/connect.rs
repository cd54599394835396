//! Connecting: a client proves itself, the account at the other end says who it is, and only then it is kept.
//!
//! Grants without a browser are connected here. A person's consent is `consent`'s, which ends here as well.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::FlowError;
use super::budget::Priority;
use super::connections::client_secret_name;
use super::keep;
use super::stack::Stack;
use crate::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::connector::Identity;
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
/// went on. When it fails, everything is as it was: what is new is tried under a grant of its own, whose name nobody
/// else has, so that a typo ends no healthy connection and no worker meets another account's token.
pub async fn connect(
    stack: &Stack,
    wanted: Wanted,
    secret: SecretString,
) -> Result<(Connection, u32), FlowError> {
    let draft = wanted.connection();
    let identity = tried(stack, &draft, &secret).await?;
    let connection = told(stack, draft, identity).await?;
    let vault = &stack.ports.vault;
    let secret_name = client_secret_name(&connection.grant_id());
    let old_secret = vault.read(&secret_name).await?;
    vault.write(&secret_name, secret).await?;
    // Before the connection is saved: an old token would answer for the new secret.
    stack.tokens.forget(&connection).await;
    let connection = Connection { connected_at: Some(stack.now()), ..connection };
    if let Err(error) = stack.connections.save(&connection).await {
        match old_secret {
            Some(old) => vault.write(&secret_name, old).await?,
            None => vault.remove(&secret_name).await?,
        }
        stack.tokens.forget(&connection).await;
        return Err(error);
    }
    let unparked = keep::unpark(stack, true).await?;
    Ok((connection, unparked))
}

/// Who answers to the new secret.
async fn tried(stack: &Stack, draft: &Connection, secret: &SecretString) -> Result<Identity, FlowError> {
    let ports = &stack.ports;
    let unique = time_ordered_uuid(ports.clock.as_ref(), ports.random.as_ref());
    let trial =
        Connection { id: ConnectionId::from(format!("connecting-{unique}").as_str()), ..draft.clone() };
    let grant = trial.grant_id();
    let answer = async {
        ports.vault.write(&client_secret_name(&grant), secret.clone()).await?;
        identify(stack, &trial).await
    };
    let answer = answer.await;
    if let Err(error) = stack.tokens.was_tried(&grant).await {
        tracing::warn!(%grant, %error, "what was tried could not be removed");
    }
    answer.map_err(|error| match error {
        FlowError::Asked(failure) => {
            let message = failure.message.replace(trial.id.as_str(), draft.id.as_str());
            Failure::new(failure.code, message).into()
        }
        other => other,
    })
}

/// The connection as the account at the other end tells it, which is the one that this name had before.
pub(super) async fn identified(stack: &Stack, connection: Connection) -> Result<Connection, FlowError> {
    let identity = identify(stack, &connection).await?;
    told(stack, connection, identity).await
}

async fn told(stack: &Stack, connection: Connection, identity: Identity) -> Result<Connection, FlowError> {
    if let Some(before) = stack.connections.get(&connection.id).await?
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

/// Asks the account at the other end who it is.
pub async fn identify(stack: &Stack, connection: &Connection) -> Result<Identity, FlowError> {
    let deadline = stack.now() + stack.times.function;
    let client = stack.client(Arc::new(connection.clone()), Priority::Live, deadline)?;
    Ok(client.connector.identify(&client).await?)
}
