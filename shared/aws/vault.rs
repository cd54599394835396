//! The vault on Secrets Manager: one secret for each name, under the stack's prefix.
//!
//! A removed secret is kept by AWS for its recovery window (30 days) and can be brought back by hand until then; to us
//! it is gone at once, and writing it again brings it back with the new value.
//!
//! There is no conditional write, but a version's id is ours to give, and Secrets Manager takes each id once: the id of
//! a generation follows from its number, so that the second who writes it is refused.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::fault::describe;
use crate::ports::Unavailable;
use crate::ports::vault::{Vault, Written};

const PORT: &str = "vault";
const NOT_FOUND: &str = "ResourceNotFoundException";
const EXISTS: &str = "ResourceExistsException";
/// What a secret answers that is marked for deletion.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
const REMOVED: &str = "InvalidRequestException";

pub struct SecretsManagerVault {
    client: Client,
    prefix: String,
}

impl SecretsManagerVault {
    /// `prefix`: what all names begin with, its slash included.
    pub fn new(configuration: &SdkConfig, prefix: String) -> Self {
        Self { client: Client::new(configuration), prefix }
    }

    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[async_trait]
impl Vault for SecretsManagerVault {
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable> {
        match self.client.get_secret_value().secret_id(self.id(name)).send().await {
            Ok(output) => Ok(output.secret_string.map(SecretString::from)),
            Err(error) if matches!(error.code(), Some(NOT_FOUND | REMOVED)) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable> {
        // The SDK gives the new version's id, so a repeated request makes no second version.
        self.put_or_create(name, &secret, None).await.map(drop)
    }

    async fn write_generation(
        &self,
        name: &str,
        generation: u64,
        secret: SecretString,
    ) -> Result<Written, Unavailable> {
        let version = version_id(&self.id(name), generation);
        self.put_or_create(name, &secret, Some(version)).await
    }

    async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        match self.client.delete_secret().secret_id(self.id(name)).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some(NOT_FOUND | REMOVED)) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// The id of a generation: the same for everyone who writes it, and for nothing else.
fn version_id(secret_id: &str, generation: u64) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{secret_id}\n{generation}").as_bytes()).to_string()
}

/// What became of a new value.
enum Put {
    Done,
    /// There is a version of this id, with another value. With the same value it is no news.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
    Overtaken,
    Absent,
    Removed,
}

impl SecretsManagerVault {
    async fn put_or_create(
        &self,
        name: &str,
        secret: &SecretString,
        version: Option<String>,
    ) -> Result<Written, Unavailable> {
        match self.put(name, secret, version.clone()).await? {
            Put::Done => Ok(Written::Done),
            Put::Overtaken => Ok(Written::Overtaken),
            Put::Absent => self.create(name, secret, version).await,
            Put::Removed => {
                let restore = self.client.restore_secret().secret_id(self.id(name)).send().await;
                restore.map_err(|error| unavailable(&error))?;
                let written = self.put_again(name, secret, version).await?;
                if written == Written::Overtaken {
                    // What came back is the value of before.
                    self.remove(name).await?;
                }
                Ok(written)
            }
        }
    }

    async fn put(
        &self,
        name: &str,
        secret: &SecretString,
        version: Option<String>,
    ) -> Result<Put, Unavailable> {
        let request =
            self.client.put_secret_value().secret_id(self.id(name)).set_client_request_token(version);
        match request.secret_string(secret.expose_secret()).send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) if error.code() == Some(EXISTS) => Ok(Put::Overtaken),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(Put::Absent),
            Err(error) if error.code() == Some(REMOVED) => Ok(Put::Removed),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn create(
        &self,
        name: &str,
        secret: &SecretString,
        version: Option<String>,
    ) -> Result<Written, Unavailable> {
        let request =
            self.client.create_secret().name(self.id(name)).set_client_request_token(version.clone());
        match request.secret_string(secret.expose_secret()).send().await {
            Ok(_) => Ok(Written::Done),
            // Someone else was first.
            Err(error) if error.code() == Some(EXISTS) => self.put_again(name, secret, version).await,
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn put_again(
        &self,
        name: &str,
        secret: &SecretString,
        version: Option<String>,
    ) -> Result<Written, Unavailable> {
        match self.put(name, secret, version).await? {
            Put::Done => Ok(Written::Done),
            Put::Overtaken => Ok(Written::Overtaken),
            Put::Absent | Put::Removed => {
                Err(Unavailable::new(PORT, format!("{name} was removed while it was being written")))
            }
        }
    }
}

fn unavailable<E>(error: &SdkError<E>) -> Unavailable
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    Unavailable::new(PORT, describe(error))
}

#[cfg(test)]
mod tests;
