//! Secrets: clients' secrets, private keys, tokens. Encrypted at rest, of a type that doesn't print.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Unavailable;

/// What became of a generation of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// This generation was written by someone else, and perhaps later ones too: what is there is newer.
    Overtaken,
}

/// Where secrets are kept: Secrets Manager, or sealed in SQLite on one machine.
#[async_trait]
pub trait Vault: Send + Sync {
    /// `None` when there is no secret of that name.
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable>;
    /// Durable when it returns; replaces what was there.
    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable>;
    /// Writes the secret's generation of that number, once: whoever comes second with the same number, or late with one
    /// that was written before, writes nothing and is told. Numbers rise by one, also past a removal.
    async fn write_generation(
        &self,
        name: &str,
        generation: u64,
        secret: SecretString,
    ) -> Result<Written, Unavailable>;
    /// Removing what isn't there is no error.
    async fn remove(&self, name: &str) -> Result<(), Unavailable>;
}
