//! Each minute: due waits, tokens near their end, runs that stopped moving, schedules.

use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    lambda::run(async |_: serde_json::Value, deadline| Ok(handlers::keeper(&stack, deadline).await?)).await
}
