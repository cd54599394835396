//! A stack: everything that one deployment shares, put together once by `runtime` and handed to every arrow.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::account::Client;
use super::budget::{Budgets, Priority};
use super::connections::Connections;
use super::flows::Flows;
use super::hear::Hearing;
use super::notify::Notices;
use super::recover::Recoveries;
use super::refresh::Tokens;
use super::wake::Wakes;
use crate::domain::connection::Connection;
use crate::domain::outcome::Fault;
use crate::expression::Engine;
use crate::ports::Ports;
use crate::ports::connector::Catalog;

/// Times that fit together. HTTP 60 s, function 120 s, lease 150 s, queue visibility 720 s, retention 14 days.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long one batch may take.
    pub function: SignedDuration,
    /// How long a claim holds without being renewed.
    pub lease: SignedDuration,
    /// How long the gate waits for a group to fill.
    pub linger: SignedDuration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            function: SignedDuration::from_secs(120),
            lease: SignedDuration::from_secs(150),
            linger: SignedDuration::from_secs(2),
        }
    }
}

#[derive(Clone)]
pub struct Stack {
    pub ports: Ports,
    pub catalog: Arc<Catalog>,
    pub connections: Connections,
    pub tokens: Tokens,
    pub budgets: Budgets,
    pub flows: Flows,
    pub notices: Notices,
    pub hearing: Hearing,
    pub wakes: Wakes,
    pub recoveries: Recoveries,
    pub engine: Arc<Engine>,
    /// JavaScript of all batches of this process: as many at once as there are cores.
    pub cores: Arc<tokio::sync::Semaphore>,
    pub times: Times,
    /// How a person calls the command line for this stack: `counterfoil --stack NAME` for one that is deployed.
    pub command: Arc<str>,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stack")
    }
}

impl Stack {
    pub fn new(
        ports: Ports,
        catalog: Catalog,
        engine: Engine,
        cores: usize,
        times: Times,
        command: &str,
    ) -> Self {
        let (catalog, command) = (Arc::new(catalog), Arc::<str>::from(command));
        let notices = Notices::new(ports.clone(), Arc::clone(&command));
        let connections = Connections::new(ports.clone());
        Self {
            tokens: Tokens::new(ports.clone(), connections.clone(), notices.clone()),
            budgets: Budgets::new(ports.clone()),
            flows: Flows::new(ports.clone(), Arc::clone(&catalog)),
            notices,
            hearing: Hearing::new(&ports),
            wakes: Wakes::default(),
            recoveries: Recoveries::default(),
            engine: Arc::new(engine),
            cores: Arc::new(tokio::sync::Semaphore::new(cores.max(1))),
            connections,
            catalog,
            ports,
            times,
            command,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The account behind a connection. No call of it is started that could end after `deadline`.
    pub fn client(
        &self,
        connection: Arc<Connection>,
        priority: Priority,
        deadline: Timestamp,
    ) -> Result<Client, Fault> {
        let connector = self.catalog.connector(connection.provider).cloned().ok_or_else(|| {
            Fault::terminal(
                "missing_connector",
                format!("this build has no connector for {}", connection.provider.as_str()),
            )
        })?;
        Ok(Client::new(
            connection,
            connector,
            priority,
            deadline,
            self.ports.clone(),
            self.budgets.clone(),
            self.tokens.clone(),
            self.notices.clone(),
        ))
    }
}
