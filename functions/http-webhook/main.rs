//! A POST to a flow's address becomes a run.

use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    lambda::run(async |event, _| Ok(handlers::http_webhook(&stack, event).await)).await
}
