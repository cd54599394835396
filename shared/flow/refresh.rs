//! Tokens: one refresh at a time per grant, over all processes.
//!
//! A lease in the table keeps two refreshes apart; under it the vault is read again, and only a token that is
//! still the old one is replaced. The new one is durable before the lease is let go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::connections::{Connections, client_secret_name, reconnect_failure, token_name};
use super::fault_of;
use crate::domain::connection::{Connection, ConnectionState, GrantId};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::Ports;
use crate::ports::connector::{Connector, GrantFault, Token, TokenAsk};
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Item, Key, TableError, Write};

/// A token with less life than this is refreshed before it is used.
const LEAST_LIFE: SignedDuration = SignedDuration::from_mins(2);
/// Longer than three times the token call's time limit: a lease doesn't lapse under a slow answer.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The time limit of the token call.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct Tokens {
    ports: Ports,
    connections: Connections,
    held: Arc<Mutex<HashMap<GrantId, Held>>>,
}

type Held = Arc<tokio::sync::Mutex<Option<Token>>>;

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

/// A token as the vault keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    access: String,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    api_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
}

impl Tokens {
    pub fn new(ports: Ports, connections: Connections) -> Self {
        Self { ports, connections, held: Arc::default() }
    }

    /// A token to use now. `refused`: the one that the provider no longer takes.
    pub async fn token(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        refused: Option<&Token>,
    ) -> Result<Token, Fault> {
        if connection.state == ConnectionState::NeedsReconnect {
            return Err(self.parked(connection, &Failure::new("needs_reconnect", "the grant has ended")));
        }
        let held = {
            let mut all = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(all.entry(connection.grant_id()).or_default())
        };
        let mut held = held.lock().await;
        if let Some(token) = held.as_ref().filter(|token| self.usable(token, refused)) {
            return Ok(token.clone());
        }
        if let Some(token) = self.kept(connection).await?.filter(|token| self.usable(token, refused)) {
            *held = Some(token.clone());
            return Ok(token);
        }
        let token = self.refresh(connection, connector, refused).await?;
        *held = Some(token.clone());
        Ok(token)
    }

    /// What the provider gives for this; nothing is kept yet.
    pub async fn exchange(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
    ) -> Result<Token, GrantFault> {
        let request = connector
            .token_request(connection, ask, secret, self.ports.clock.now())
            .map_err(GrantFault::Misconfigured)?;
        let exchange = self.ports.http.send(request).await;
        connector.read_token(exchange, self.ports.clock.now())
    }

    /// Keeps the first pair of a consent, or of a consent that was given anew: from now on all connections that share
    /// it use this one.
    pub async fn keep_first(
        &self,
        connection: &Connection,
        _connector: &dyn Connector,
        token: &Token,
    ) -> Result<(), Fault> {
        self.keep(connection, token).await
    }

    /// The next call gets a new token.
    pub async fn forget(&self, connection: &GrantId) {
        let held = {
            let mut all = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(all.entry(connection.clone()).or_default())
        };
        let mut held = held.lock().await;
        *held = None;
        if let Err(error) = self.ports.vault.remove(&token_name(connection)).await {
            // It is refused once more and forgotten then.
            tracing::warn!(%connection, %error, "the token could not be dropped");
        }
    }

    fn usable(&self, token: &Token, refused: Option<&Token>) -> bool {
        let now = self.ports.clock.now();
        token.expires_at.is_none_or(|end| end.duration_since(now) > LEAST_LIFE)
            && refused.is_none_or(|refused| refused.access.expose_secret() != token.access.expose_secret())
    }

    async fn refresh(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        refused: Option<&Token>,
    ) -> Result<Token, Fault> {
        let key = Key::new(format!("T#{}", connection.grant_id()), "refresh");
        let owner = random_uuid(self.ports.random.as_ref()).to_string();
        // Who comes second waits for the first: the token call is short.
        for _ in 0..40 {
            match self.lease(&key, &owner, self.ports.clock.now() + LEASE).await {
                Ok(()) => {
                    let refreshed = self.refresh_under_lease(connection, connector, refused).await;
                    self.release(&key, &owner).await;
                    return refreshed;
                }
                Err(TableError::Refused(_)) => {
                    self.ports.clock.sleep(Duration::from_millis(500)).await;
                    if let Some(token) = self.kept(connection).await?.filter(|t| self.usable(t, refused)) {
                        return Ok(token);
                    }
                }
                Err(other) => return Err(fault_of(&other.into(), self.ports.clock.now())),
            }
        }
        Err(self.later(Failure::new("token_unavailable", "another process is still getting the token")))
    }

    async fn refresh_under_lease(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        refused: Option<&Token>,
    ) -> Result<Token, Fault> {
        let kept = self.kept(connection).await?;
        if let Some(token) = kept.as_ref().filter(|token| self.usable(token, refused)) {
            return Ok(token.clone());
        }
        let secret = self
            .ports
            .vault
            .read(&client_secret_name(&connection.grant_id()))
            .await
            .map_err(|e| fault_of(&e.into(), self.ports.clock.now()))?;
        let refresh = kept.and_then(|token| token.refresh);
        let ask = refresh.as_ref().map_or(TokenAsk::Machine, TokenAsk::Refresh);
        match self.exchange(connection, connector, &ask, secret.as_ref()).await {
            Ok(mut token) => {
                token.refresh = token.refresh.or(refresh);
                self.keep(connection, &token).await?;
                Ok(token)
            }
            Err(GrantFault::Dead(failure)) => {
                // Someone may have connected again meanwhile: only a grant that is still the same is dead.
                if let Err(error) = self.connections.needs_reconnect(&connection.id).await {
                    tracing::warn!(connection = %connection.id, %error, "could not mark the connection");
                }
                Err(self.parked(connection, &failure))
            }
            Err(GrantFault::Misconfigured(failure)) => Err(self.parked(connection, &failure)),
            Err(GrantFault::Unavailable(failure) | GrantFault::Lost(failure)) => Err(self.later(failure)),
        }
    }

    async fn lease(&self, key: &Key, owner: &str, until: Timestamp) -> Result<(), TableError> {
        let now = self.ports.clock.now().as_millisecond();
        let mut item = Item::new(key.clone());
        item.fields.insert("lease_until".into(), until.as_millisecond().into());
        item.fields.insert("owner".into(), owner.into());
        item.expires_at = Some(until);
        let free = Condition::Any(vec![Condition::Absent, Condition::below("lease_until", now)]);
        self.ports.table.write(vec![Write::put(item, free)]).await
    }

    async fn release(&self, key: &Key, owner: &str) {
        let when = Condition::equals("owner", owner);
        // A lease that can't be released lapses by itself.
        let _ = self.ports.table.write(vec![Write::Delete { key: key.clone(), when }]).await;
    }

    async fn kept(&self, connection: &Connection) -> Result<Option<Token>, Fault> {
        let secret = self
            .ports
            .vault
            .read(&token_name(&connection.grant_id()))
            .await
            .map_err(|e| fault_of(&e.into(), self.ports.clock.now()))?;
        Ok(secret.and_then(|secret| serde_json::from_str::<Kept>(secret.expose_secret()).ok()).map(|kept| {
            Token {
                access: SecretString::from(kept.access),
                refresh: kept.refresh.map(SecretString::from),
                scopes: kept.scopes,
                user: None,
                issued_at: kept.issued_at,
                expires_at: kept.expires_at,
                api_url: kept.api_url,
            }
        }))
    }

    async fn keep(&self, connection: &Connection, token: &Token) -> Result<(), Fault> {
        let kept = Kept {
            access: token.access.expose_secret().to_owned(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            api_url: token.api_url.clone(),
            refresh: token.refresh.as_ref().map(|refresh| refresh.expose_secret().to_owned()),
            scopes: token.scopes.clone(),
        };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        self.ports
            .vault
            .write(&token_name(&connection.grant_id()), SecretString::from(text))
            .await
            .map_err(|e| fault_of(&e.into(), self.ports.clock.now()))
    }

    fn parked(&self, connection: &Connection, failure: &Failure) -> Fault {
        Fault::Retry(Again {
            at: self.ports.clock.now() + SignedDuration::from_mins(15),
            reason: Reason::Parked,
            failure: reconnect_failure(&connection.id, failure),
        })
    }

    fn later(&self, failure: Failure) -> Fault {
        Fault::Retry(Again {
            // When, the wait decides by how often it was tried: an outage of hours uses up no run's attempts in minutes.
            at: self.ports.clock.now(),
            reason: Reason::Failed,
            failure,
        })
    }
}
