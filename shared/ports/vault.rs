//! Secrets: clients' secrets, private keys, tokens. Encrypted at rest, of a type that doesn't print.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Unavailable;

#[async_trait]
pub trait Vault: Send + Sync {
    /// `None` when there is no secret of that name.
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable>;
    /// Durable when it returns; replaces what was there.
    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable>;
    /// Removing what isn't there is no error.
    async fn remove(&self, name: &str) -> Result<(), Unavailable>;
}
