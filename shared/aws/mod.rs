//! The ports on AWS: Table on DynamoDB, Queue on SQS, Vault on Secrets Manager, Mailer on SNS.
//!
//! Only `runtime` names this room. It reads no environment: `runtime` loads the SDK's configuration ([`client`] says
//! with which time limits) and the names of the resources, and hands both in.

pub mod client;
mod condition;
mod fault;
mod item;
pub mod mailer;
pub mod queue;
pub mod table;
pub mod vault;
mod write;

pub use mailer::SnsMailer;
pub use queue::SqsQueue;
pub use table::DynamoTable;
pub use vault::SecretsManagerVault;
