//! New items of any list at any URL become runs. Woken by its queue; a batch of wake-ups is one poll.

use counterfoil::runtime::{aws_stack, handlers, lambda};

#[tokio::main]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let stack = aws_stack::from_environment().await?;
    let trigger = "http.poll";
    lambda::run(async |event, deadline| Ok(handlers::poller(&stack, trigger, event, deadline).await?)).await
}
