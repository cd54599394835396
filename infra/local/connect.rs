//! Connecting: a client proves itself, the account at the other end says who it is, and only then it is kept.

use std::sync::Arc;

use counterfoil::domain::connection::{Connection, ConnectionState, GrantId, GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::outcome::Fault;
use counterfoil::flow::budget::Priority;
use counterfoil::flow::connections::{client_secret_name, token_name};
use counterfoil::flow::{Stack, keep};
use counterfoil::ports::connector::Identity;
use secrecy::SecretString;

/// What a person says of a connection; the account itself tells the rest.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: ConnectionId,
    pub(crate) provider: Provider,
    pub(crate) grant: GrantKind,
    pub(crate) client_id: String,
    pub(crate) login_url: String,
    pub(crate) api_url: String,
    pub(crate) username: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) daily_limit: Option<u32>,
}

/// What the actions and triggers need.
/// <https://developer.xero.com/documentation/guides/oauth2/scopes/>
pub(crate) fn usual_scopes(provider: Provider) -> Vec<String> {
    match provider {
        Provider::Salesforce => Vec::new(),
        Provider::Xero => {
            ["accounting.contacts", "accounting.invoices", "accounting.settings"].map(str::to_owned).to_vec()
        }
    }
}

/// Connects, or connects again: what waits for this connection goes on. Returns the connection, and how many runs
/// went on. When it fails, everything is as it was.
pub(crate) async fn connect(
    stack: &Stack,
    wanted: Wanted,
    secret: SecretString,
) -> anyhow::Result<(Connection, u32)> {
    let vault = &stack.ports.vault;
    let before = stack.connections.get(&wanted.name).await?;
    let grant = GrantId::Own(wanted.name.clone());
    let (secret_name, token) = (client_secret_name(&grant), token_name(&grant));
    let old_secret = vault.read(&secret_name).await?;
    vault.write(&secret_name, secret).await?;
    // An old token would answer for the new secret.
    vault.remove(&token).await?;
    let connected = identified(stack, wanted, before.as_deref()).await;
    if connected.is_err() {
        match old_secret {
            Some(old) => vault.write(&secret_name, old).await?,
            None => vault.remove(&secret_name).await?,
        }
        vault.remove(&token).await?;
    }
    let connection = connected?;
    stack.connections.save(&connection).await?;
    let unparked = keep::unpark(stack, true).await?;
    Ok((connection, unparked))
}

async fn identified(
    stack: &Stack,
    wanted: Wanted,
    before: Option<&Connection>,
) -> anyhow::Result<Connection> {
    let mut connection = Connection {
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
        connected_at: Some(stack.now()),
        remote_id: None,
        state: ConnectionState::Active,
    };
    let identity = identify(stack, &connection).await?;
    if let Some(before) = before
        && (before.account != identity.account || before.provider != connection.provider)
    {
        anyhow::bail!(
            "`{}` is connected to {} ({}), and this is {} ({}): what was made there isn't here. Take another name, or \
             remove the connection first",
            before.id,
            before.title,
            before.account,
            identity.title,
            identity.account,
        );
    }
    connection.account = identity.account;
    connection.title = identity.title;
    connection.own_user = identity.own_user;
    connection.daily_limit = connection.daily_limit.or(identity.daily_limit);
    Ok(connection)
}

/// Asks the account at the other end who it is.
pub(crate) async fn identify(stack: &Stack, connection: &Connection) -> anyhow::Result<Identity> {
    let deadline = stack.now() + stack.times.function;
    let client =
        stack.client(Arc::new(connection.clone()), Priority::Live, deadline).map_err(|f| told(&f))?;
    client.connector.identify(&client).await.map_err(|fault| told(&fault))
}

/// A fault as people are told it: code and message.
pub(crate) fn told(fault: &Fault) -> anyhow::Error {
    anyhow::Error::new(fault.failure().clone())
}

/// Takes a connection away, with its secrets. What was made through it stays known.
pub(crate) async fn forget(stack: &Stack, name: &ConnectionId) -> anyhow::Result<bool> {
    let was_there = stack.connections.remove(name).await?;
    let grant = GrantId::Own(name.clone());
    stack.ports.vault.remove(&client_secret_name(&grant)).await?;
    stack.ports.vault.remove(&token_name(&grant)).await?;
    Ok(was_there)
}
