//! Mail by SMTP.

use async_trait::async_trait;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::ports::Unavailable;
use crate::ports::clock::Clock;
use crate::ports::mailer::Mailer;

const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    #[error(
        "the SMTP URL is not usable: {0}. Write smtps://user:password@host, or smtp://host:port?tls=required"
    )]
    Url(String),
    #[error("`{address}` is not an e-mail address: {reason}")]
    Address { address: String, reason: String },
}

impl SmtpError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "smtp_url",
            Self::Address { .. } => "smtp_address",
        }
    }
}

pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
    clock: Arc<dyn Clock>,
}

impl SmtpMailer {
    /// `url`: `smtps://` (TLS from the first byte) or `smtp://host:587?tls=required` (STARTTLS).
    /// <https://docs.rs/lettre/0.11/lettre/transport/smtp/struct.AsyncSmtpTransport.html#method.from_url>
    pub fn new(
        url: &SecretString,
        login: Option<(String, SecretString)>,
        from: &str,
        to: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SmtpError> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|error| SmtpError::Url(error.to_string()))?
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), from: address(from)?, to: address(to)?, clock })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, subject: &str, body: &str) -> Result<(), Unavailable> {
        let message = Message::builder()
            .date(SystemTime::from(self.clock.now()))
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(body.to_owned())
            .map_err(|error| Unavailable::new("mailer", error))?;
        self.transport.send(message).await.map_err(|error| Unavailable::new("mailer", error))?;
        Ok(())
    }
}

fn address(text: &str) -> Result<Mailbox, SmtpError> {
    text.parse().map_err(|error: lettre::address::AddressError| SmtpError::Address {
        address: text.to_owned(),
        reason: error.to_string(),
    })
}
