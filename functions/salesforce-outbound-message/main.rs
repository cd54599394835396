//! Salesforce's outbound messages wake the pollers. They carry no data into a run.

use counterfoil::domain::connection::Provider;
use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    lambda::run(async |event, _| Ok(handlers::notification(&stack, Provider::Salesforce, event).await)).await
}
