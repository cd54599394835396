//! What the product needs of the world, named for the need. `aws` and `embedded` give it; `flow` uses it.

pub mod changed;
pub mod chunks;
pub mod clock;
pub mod connector;
pub mod consent;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod counted;
pub mod feed;
pub mod http;
pub mod mailer;
pub mod notification;
pub mod queue;
pub mod random;
pub mod table;
pub mod vault;

use std::sync::Arc;

/// All the ports of one stack. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    pub table: Arc<dyn table::Table>,
    pub queue: Arc<dyn queue::Queue>,
    pub vault: Arc<dyn vault::Vault>,
    pub http: Arc<dyn http::Http>,
    /// For addresses that users wrote: of private networks it reaches those that the stack's owner opened.
    pub web: Arc<dyn http::Http>,
    /// For addresses that other servers' answers named: it reaches no private network.
    pub public_web: Arc<dyn http::Http>,
    pub clock: Arc<dyn clock::Clock>,
    pub random: Arc<dyn random::Random>,
    pub mailer: Arc<dyn mailer::Mailer>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// The service behind a port did not do what was asked: nothing is known to be changed. Another try may help.
#[derive(Debug, thiserror::Error)]
#[error("{port} is unavailable: {message}")]
pub struct Unavailable {
    pub port: &'static str,
    pub message: String,
}

impl Unavailable {
    pub fn new(port: &'static str, message: impl std::fmt::Display) -> Self {
        Self { port, message: message.to_string() }
    }
}
