//! Connections: their rows, their names, and the secrets that belong to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::rows::{document_of, item_of};
use super::{FlowError, fault_of};
use crate::domain::connection::{Connection, ConnectionState, GrantId, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::Ports;
use crate::ports::table::{Condition, Key, Query, TableError, Write, all_pages};

const PARTITION: &str = "connections";
/// A connection that is made again is another one to whoever would mark the old one.
const CONNECTED_AT: &str = "connected_at";

/// What a process keeps of the connections between two looks at the table.
#[derive(Clone)]
pub struct Connections {
    ports: Ports,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    read_at: i64,
    connections: HashMap<ConnectionId, Arc<Connection>>,
}

/// A process believes for this long what it read; a reconnect is seen everywhere after it.
const BELIEVED_FOR: i64 = 15_000;

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connections")
    }
}

impl Connections {
    pub fn new(ports: Ports) -> Self {
        Self { ports, known: Arc::default() }
    }

    pub async fn list(&self) -> Result<Vec<Arc<Connection>>, FlowError> {
        let now = self.ports.clock.now().as_millisecond();
        {
            let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !known.connections.is_empty() && now - known.read_at < BELIEVED_FOR {
                let mut list: Vec<_> = known.connections.values().cloned().collect();
                list.sort_by(|a, b| a.id.cmp(&b.id));
                return Ok(list);
            }
        }
        let mut list = Vec::new();
        for item in all_pages(self.ports.table.as_ref(), Query::new(PARTITION)).await? {
            list.push(Arc::new(document_of::<Connection>(&item)?));
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.read_at = now;
        known.connections = list.iter().map(|c| (c.id.clone(), Arc::clone(c))).collect();
        Ok(list)
    }

    pub async fn get(&self, id: &ConnectionId) -> Result<Option<Arc<Connection>>, FlowError> {
        Ok(self.list().await?.into_iter().find(|c| c.id == *id))
    }

    /// The named connection, or a mistake with advice.
    pub async fn named(&self, name: &str) -> Result<Arc<Connection>, FlowError> {
        self.get(&ConnectionId::from(name)).await?.ok_or_else(|| {
            FlowError::Asked(Failure::new(
                "unknown_connection",
                format!("no connection is called `{name}`; see `counterfoil connection list`"),
            ))
        })
    }

    /// As it is in the table now.
    pub async fn newest(&self, id: &ConnectionId) -> Result<Option<Arc<Connection>>, FlowError> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).connections.clear();
        self.get(id).await
    }

    async fn of_kind(&self, provider: Provider) -> Result<Vec<Arc<Connection>>, Fault> {
        let list = self.list().await.map_err(|e| fault_of(&e, self.ports.clock.now()))?;
        Ok(list.into_iter().filter(|c| c.provider == provider).collect())
    }

    /// The named one, or the only one of its kind.
    pub async fn choose(
        &self,
        provider: Provider,
        name: Option<&ConnectionId>,
    ) -> Result<Arc<Connection>, Fault> {
        let mut of_kind = self.of_kind(provider).await?;
        let fits = |of_kind: &[Arc<Connection>]| {
            name.map_or(of_kind.len() == 1, |name| of_kind.iter().any(|c| c.id == *name))
        };
        if !fits(&of_kind) {
            // Before a run fails for it: another process may have added it a moment ago.
            self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).connections.clear();
            of_kind = self.of_kind(provider).await?;
        }
        let names = || of_kind.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
        match name {
            Some(name) => of_kind.iter().find(|c| c.id == *name).cloned().ok_or_else(|| {
                Fault::terminal(
                    "unknown_connection",
                    format!(
                        "no {} connection is called `{name}` (there are: {}); add it with `counterfoil connection add`",
                        provider.as_str(),
                        if of_kind.is_empty() { "none".to_owned() } else { names() }
                    ),
                )
            }),
            None => match of_kind.as_slice() {
                [only] => Ok(Arc::clone(only)),
                [] => Err(Fault::terminal(
                    "missing_connection",
                    format!(
                        "there is no {0} connection; add one with `counterfoil connection add NAME --provider {0}`",
                        provider.as_str()
                    ),
                )),
                _ => Err(Fault::terminal(
                    "ambiguous_connection",
                    format!(
                        "there are several {} connections ({}); name one with `connection:`",
                        provider.as_str(),
                        names()
                    ),
                )),
            },
        }
    }

    /// All that share the grant, as they are in the table now.
    pub async fn of_grant(&self, grant: &GrantId) -> Result<Vec<Arc<Connection>>, FlowError> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).connections.clear();
        Ok(self.list().await?.into_iter().filter(|connection| connection.grant_id() == *grant).collect())
    }

    pub async fn save(&self, connection: &Connection) -> Result<(), FlowError> {
        Ok(self.put(connection, Condition::Always).await?)
    }

    async fn put(&self, connection: &Connection, when: Condition) -> Result<(), TableError> {
        let mut item = item_of(Key::new(PARTITION, connection.id.as_str()), connection);
        if let Some(at) = connection.connected_at {
            item.fields.insert(CONNECTED_AT.into(), at.as_millisecond().into());
        }
        self.ports.table.write(vec![Write::put(item, when)]).await?;
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).connections.clear();
        Ok(())
    }

    /// Returns whether it was there.
    pub async fn remove(&self, id: &ConnectionId) -> Result<bool, FlowError> {
        let there = self.newest(id).await?.is_some();
        let key = Key::new(PARTITION, id.as_str());
        self.ports.table.write(vec![Write::Delete { key, when: Condition::Always }]).await?;
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).connections.clear();
        Ok(there)
    }

    /// The grant of this connection is dead: runs park until a person connects again. `connection` is as it was read
    /// before that was found out, since what was connected again meanwhile is well. Returns whether this is news.
    pub async fn needs_reconnect(&self, connection: &Connection) -> Result<bool, FlowError> {
        self.becomes(connection, ConnectionState::NeedsReconnect).await
    }

    /// The grant of this connection lives after all: what was thought to be lost came late.
    pub(super) async fn is_well_again(&self, connection: &Connection) -> Result<bool, FlowError> {
        self.becomes(connection, ConnectionState::Active).await
    }

    /// The consent of this connection was given anew, with these scopes.
    pub(super) async fn is_given_anew(
        &self,
        connection: &Connection,
        scopes: &[String],
    ) -> Result<bool, FlowError> {
        let now = self.ports.clock.now();
        self.changes(connection, |newest| Connection {
            granted_scopes: scopes.to_vec(),
            connected_at: Some(now),
            state: ConnectionState::Active,
            ..newest
        })
        .await
    }

    async fn becomes(&self, connection: &Connection, state: ConnectionState) -> Result<bool, FlowError> {
        self.changes(connection, |newest| Connection { state, ..newest }).await
    }

    /// `connection` is as it was read: one that was connected again since, or removed, stays what it is.
    async fn changes(
        &self,
        connection: &Connection,
        to: impl FnOnce(Connection) -> Connection,
    ) -> Result<bool, FlowError> {
        let Some(newest) = self.newest(&connection.id).await? else { return Ok(false) };
        let changed = to((*newest).clone());
        if changed == *newest {
            return Ok(false);
        }
        let same = match connection.connected_at {
            Some(at) => Condition::equals(CONNECTED_AT, at.as_millisecond()),
            None => Condition::Missing(CONNECTED_AT.into()),
        };
        let when = Condition::All(vec![Condition::Exists, same]);
        match self.put(&changed, when).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The vault's name for what a client proves itself with: its secret, or its private key.
pub fn client_secret_name(grant: &GrantId) -> String {
    format!("{grant}/client")
}

/// The vault's name for the newest token, and of a consent for the newest pair.
pub fn token_name(grant: &GrantId) -> String {
    format!("{grant}/token")
}

/// Why nothing moves until a person has reconnected.
pub fn reconnect_failure(connection: &ConnectionId, because: &Failure) -> Failure {
    Failure::new(
        "needs_reconnect",
        format!(
            "{connection} must be connected again ({because}): `counterfoil connection reconnect {connection}`; what waits goes on by itself"
        ),
    )
}
