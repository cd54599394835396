//! Queue -> runs: walks a batch of runs and performs their effects. Deployed twice, for live and for bulk runs.

use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    lambda::run(async |event, deadline| Ok(handlers::dispatcher(&stack, event, deadline).await?)).await
}
