//! Words to the owner of a stack.

use async_trait::async_trait;

use super::Unavailable;

/// Words to the owner: SNS, an SMTP server, or an outbox that is only kept.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// `subject`: one line, up to 100 ASCII characters. `body`: plain text.
    async fn send(&self, subject: &str, body: &str) -> Result<(), Unavailable>;
}
