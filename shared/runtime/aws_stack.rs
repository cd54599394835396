//! A stack on AWS, put together of its settings: adapters, catalog, engine.

use std::sync::Arc;

use aws_config::SdkConfig;

use super::catalog::catalog;
use super::engine::engine;
use super::http_client::HttpClient;
use super::settings::{self, Settings};
use super::system_clock::SystemClock;
use super::system_random::SystemRandom;
use crate::aws::queue;
use crate::aws::{DynamoTable, SecretsManagerVault, SnsMailer, SqsQueue, client};
use crate::flow::Stack;
use crate::flow::stack::Times;
use crate::ports::Ports;
use crate::ports::chunks::Chunked;
use crate::ports::clock::Clock;
use crate::ports::queue::QueueName;
use crate::ports::random::Random;

/// The runs queue's tag that says where the API is.
pub(super) const ADDRESS: &str = "address";

/// Who we say we are to providers.
const USER_AGENT: &str = concat!("counterfoil/", env!("CARGO_PKG_VERSION"));

/// The stack that this function belongs to. Done once, before the first event.
pub async fn from_environment() -> Result<Stack, Box<dyn std::error::Error + Send + Sync>> {
    let settings = Settings::from_environment()?;
    let configuration = client::configuration().load().await;
    Ok(stack(&configuration, settings)?)
}

/// A deployed stack, found by its name: for people at the command line. What it calls, it calls from their machine, so
/// which private networks that may be is their environment's to say.
pub async fn by_name(name: &str) -> Result<Stack, Box<dyn std::error::Error + Send + Sync>> {
    let configuration = client::configuration().load().await;
    let networks = settings::private_networks()?;
    let settings = Settings::of_stack(&configuration, name, networks).await?;
    Ok(stack(&configuration, settings)?)
}

/// Where browsers find a deployed stack's console.
pub async fn console(name: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let configuration = client::configuration().load().await;
    let queue = format!("{name}-{}", QueueName::Runs.as_str());
    let address = queue::tag(&configuration, &queue, ADDRESS).await?;
    Ok(address.ok_or("its template is older than its console: deploy it again")?)
}

pub fn stack(configuration: &SdkConfig, settings: Settings) -> Result<Stack, reqwest::Error> {
    let command = format!("counterfoil --stack {}", settings.stack_name());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let table = DynamoTable::new(configuration, settings.table, clock.clone(), random.clone());
    let ports = Ports {
        table: Arc::new(Chunked::new(table, random.clone())),
        queue: Arc::new(SqsQueue::new(configuration, settings.queues)),
        vault: Arc::new(SecretsManagerVault::new(configuration, settings.secret_prefix)),
        http: Arc::new(HttpClient::new(USER_AGENT)?),
        web: Arc::new(HttpClient::guarded(USER_AGENT, settings.private_networks)?),
        public_web: Arc::new(HttpClient::public_only(USER_AGENT)?),
        clock,
        random,
        mailer: Arc::new(SnsMailer::new(configuration, settings.topic)),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Stack::new(ports, catalog(), engine(), cores, Times::default(), &command))
}
