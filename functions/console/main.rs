//! Pages for people: an account is connected in a browser. The flow room answers; here is only the way in.

use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    lambda::run(async |event, deadline| Ok(handlers::console(&stack, event, deadline).await)).await
}
