//! Mail that can't be sent, kept where its reader looks: the mailer of a stack without an SMTP server.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::failure::Failure;
use super::open::Store;
use crate::ports::Unavailable;
use crate::ports::mailer::Mailer;

const PORT: &str = "outbox";
/// So many are kept, the newest.
const KEPT: i64 = 1000;
const PLACE: &str = "outbox";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub at: Timestamp,
    pub subject: String,
    pub body: String,
}

#[derive(Clone)]
pub struct Outbox {
    store: Arc<Store>,
}

impl Outbox {
    pub(super) fn on(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// The newest first.
    pub fn mails(&self, limit: usize) -> Result<Vec<Mail>, Unavailable> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mails = self.store.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT at, content FROM outbox ORDER BY id DESC LIMIT ?1")?;
            let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.map(|row| self.read(row?)).collect::<Result<Vec<_>, Failure>>()
        });
        mails.map_err(|failure| failure.of(PORT))
    }

    fn read(&self, (at, sealed): (i64, Vec<u8>)) -> Result<Mail, Failure> {
        let unreadable =
            || Failure::Damaged("a mail of the outbox cannot be read: it was changed".to_owned());
        let plain = self.store.seal.open(PLACE, &sealed)?;
        let (subject, body) = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
        Ok(Mail { at: Timestamp::from_microsecond(at).map_err(|_| unreadable())?, subject, body })
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, subject: &str, body: &str) -> Result<(), Unavailable> {
        let content = serde_json::json!([subject, body]).to_string();
        let sealed = self.store.seal.close(PLACE, content.as_bytes()).map_err(|failure| failure.of(PORT))?;
        let clock = self.store.clock.clone();
        let insert = move |connection: &Connection| {
            connection
                .prepare_cached("INSERT INTO outbox (at, content) VALUES (?1, ?2)")?
                .execute(params![clock.now().as_microsecond(), sealed])?;
            connection
                .prepare_cached("DELETE FROM outbox WHERE id <= (SELECT max(id) FROM outbox) - ?1")?
                .execute([KEPT])?;
            Ok(())
        };
        self.store.writer.write(insert).await.map_err(|failure| failure.of(PORT))
    }
}
