//! The vault: secrets, each sealed to its name.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use secrecy::{ExposeSecret, SecretString};

use super::failure::Failure;
use super::open::Store;
use crate::ports::Unavailable;
use crate::ports::vault::{Vault, Written};

const PORT: &str = "vault";

const INSERT: &str =
    "INSERT INTO secrets (name, sealed) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET sealed = ?2";

#[derive(Clone)]
pub struct EmbeddedVault {
    store: Arc<Store>,
}

impl EmbeddedVault {
    pub(super) fn on(store: Arc<Store>) -> Self {
        Self { store }
    }

    fn sealed(&self, name: &str, secret: &SecretString) -> Result<Vec<u8>, Unavailable> {
        let sealed = self.store.seal.close(&place(name), secret.expose_secret().as_bytes());
        sealed.map_err(|failure| failure.of(PORT))
    }
}

#[async_trait]
impl Vault for EmbeddedVault {
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable> {
        let secret = self.store.readers.read(|connection| {
            let sealed: Option<Vec<u8>> = connection
                .prepare_cached("SELECT sealed FROM secrets WHERE name = ?1")?
                .query_row(params![name], |row| row.get(0))
                .optional()?;
            let Some(sealed) = sealed else { return Ok(None) };
            let plain = self.store.seal.open(&place(name), &sealed)?;
            let plain = String::from_utf8(plain)
                .map_err(|_| Failure::Damaged(format!("the secret {name} is not text")))?;
            Ok(Some(SecretString::from(plain)))
        });
        secret.map_err(|failure| failure.of(PORT))
    }

    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable> {
        let sealed = self.sealed(name, &secret)?;
        let name = name.to_owned();
        let insert = move |connection: &rusqlite::Connection| {
            connection.prepare_cached(INSERT)?.execute(params![name, sealed])?;
            Ok(())
        };
        self.store.writer.write(insert).await.map_err(|failure| failure.of(PORT))
    }

    async fn write_generation(
        &self,
        name: &str,
        generation: u64,
        secret: SecretString,
    ) -> Result<Written, Unavailable> {
        let sealed = self.sealed(name, &secret)?;
        let number = i64::try_from(generation).unwrap_or(i64::MAX);
        let name = name.to_owned();
        let insert = move |connection: &rusqlite::Connection| {
            let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)
                       ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value < ?2";
            let place = format!("generation of secret {name}");
            if connection.prepare_cached(sql)?.execute(params![place, number])? == 0 {
                return Ok(Written::Overtaken);
            }
            connection.prepare_cached(INSERT)?.execute(params![name, sealed])?;
            Ok(Written::Done)
        };
        self.store.writer.write(insert).await.map_err(|failure| failure.of(PORT))
    }

    async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        let name = name.to_owned();
        let delete = move |connection: &rusqlite::Connection| {
            connection.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute(params![name])?;
            Ok(())
        };
        self.store.writer.write(delete).await.map_err(|failure| failure.of(PORT))
    }
}

fn place(name: &str) -> String {
    format!("secret {name}")
}
