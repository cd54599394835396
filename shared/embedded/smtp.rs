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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::ports::clock::ManualClock;

    fn mailer(url: &str, to: &str) -> Result<SmtpMailer, SmtpError> {
        let noon = "2026-05-06T12:00:00Z".parse().expect("an instant");
        SmtpMailer::new(
            &url.into(),
            None,
            "Counterfoil <stack@example.com>",
            to,
            Arc::new(ManualClock::at(noon)),
        )
    }

    /// Takes one mail as a server would; `refuse` answers to the recipient.
    async fn server(refuse: bool) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("smtp://{}", listener.local_addr().expect("has one"));
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("accepts");
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"220 ready\r\n").await.expect("greets");
            let (mut told, mut in_data) = (String::new(), false);
            while let Ok(Some(line)) = lines.next_line().await {
                told += &format!("{line}\n");
                let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                    "." if in_data => {
                        in_data = false;
                        "250 taken\r\n"
                    }
                    _ if in_data => continue,
                    "DATA" => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    "RCPT" if refuse => "550 no such person\r\n",
                    "QUIT" => "221 bye\r\n",
                    _ => "250 fine\r\n",
                };
                if write.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
            told
        });
        (url, serving)
    }

    #[tokio::test]
    async fn a_mail_reaches_the_server_with_the_clocks_date() {
        let (url, serving) = server(false).await;
        let mailer = mailer(&url, "owner@example.com").expect("is usable");
        mailer.send("3 runs failed", "won-opportunity-to-invoice: number_taken\n").await.expect("sends");
        drop(mailer);
        let told = serving.await.expect("ends");
        for part in [
            "MAIL FROM:<stack@example.com>",
            "RCPT TO:<owner@example.com>",
            "Subject: 3 runs failed",
            "Date: Wed, 06 May 2026 12:00:00 +0000",
            "won-opportunity-to-invoice: number_taken",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[tokio::test]
    async fn a_refused_recipient_and_a_server_that_is_not_there_are_errors() {
        let (url, _serving) = server(true).await;
        let refused = mailer(&url, "nobody@example.com").expect("is usable").send("s", "b").await;
        assert!(refused.expect_err("is refused").to_string().contains("no such person"));
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("has one");
        let unreachable = mailer(&format!("smtp://{gone}"), "owner@example.com").expect("is usable");
        assert!(unreachable.send("s", "b").await.is_err());
    }

    #[test]
    fn wrong_settings_say_what_is_wrong() {
        let code = |url, to| mailer(url, to).err().map(|error| error.code());
        assert_eq!(code("https://mail.example.com", "owner@example.com"), Some("smtp_url"));
        assert_eq!(code("smtp://mail.example.com", "owner"), Some("smtp_address"));
    }
}
