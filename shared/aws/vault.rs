//! The vault on Secrets Manager: one secret for each name, under the stack's prefix.
//!
//! A removed secret is kept by AWS for its recovery window (30 days) and can be brought back by hand until then; to us
//! it is gone at once, and writing it again brings it back with the new value.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret, SecretString};

use super::fault::describe;
use crate::ports::Unavailable;
use crate::ports::vault::Vault;

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
        match self.put(name, &secret).await? {
            Put::Done => Ok(()),
            Put::Absent => self.create(name, &secret).await,
            Put::Removed => {
                let restore = self.client.restore_secret().secret_id(self.id(name)).send().await;
                restore.map_err(|error| unavailable(&error))?;
                self.put_again(name, &secret).await
            }
        }
    }

    async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        match self.client.delete_secret().secret_id(self.id(name)).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some(NOT_FOUND | REMOVED)) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// What became of a new value.
enum Put {
    Done,
    Absent,
    Removed,
}

impl SecretsManagerVault {
    async fn put(&self, name: &str, secret: &SecretString) -> Result<Put, Unavailable> {
        // The SDK gives the new version's token, so a repeated request makes no second version.
        let request = self.client.put_secret_value().secret_id(self.id(name));
        match request.secret_string(secret.expose_secret()).send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(Put::Absent),
            Err(error) if error.code() == Some(REMOVED) => Ok(Put::Removed),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn create(&self, name: &str, secret: &SecretString) -> Result<(), Unavailable> {
        let request = self.client.create_secret().name(self.id(name));
        match request.secret_string(secret.expose_secret()).send().await {
            Ok(_) => Ok(()),
            // Someone else was first.
            Err(error) if error.code() == Some(EXISTS) => self.put_again(name, secret).await,
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn put_again(&self, name: &str, secret: &SecretString) -> Result<(), Unavailable> {
        match self.put(name, secret).await? {
            Put::Done => Ok(()),
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
