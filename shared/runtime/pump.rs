//! What SQS and Lambda do between a queue and a function, for one machine: receive a batch, hand it to the
//! function, settle what it says.

use jiff::Timestamp;

use crate::flow::{FlowError, Stack, dispatch, poll};
use crate::ports::queue::{QueueName, Settle};

/// How long a received message is hidden: six times the function's time.
pub const VISIBILITY: std::time::Duration = std::time::Duration::from_mins(12);
/// The most messages of one batch.
pub const BATCH: usize = 200;

/// One batch of runs, if there is one. Returns how many messages it had.
pub async fn runs(stack: &Stack, queue: QueueName) -> Result<usize, FlowError> {
    let deliveries = stack.ports.queue.receive(queue, BATCH, VISIBILITY).await?;
    let count = deliveries.len();
    if count > 0 {
        let settles = dispatch::dispatch(stack, queue, deliveries, deadline(stack)).await;
        stack.ports.queue.settle(queue, settles).await?;
    }
    Ok(count)
}

/// One batch of wake-ups is one poll. Returns whether there was one.
pub async fn wakes(stack: &Stack, trigger: &str) -> Result<Option<poll::Report>, FlowError> {
    let Some(queue) = QueueName::wake(trigger) else { return Ok(None) };
    let deliveries = stack.ports.queue.receive(queue, BATCH, VISIBILITY).await?;
    if deliveries.is_empty() {
        return Ok(None);
    }
    let report = poll::poll(stack, trigger, deadline(stack)).await?;
    let settles = deliveries.into_iter().map(|delivery| (delivery.receipt, Settle::Delete)).collect();
    stack.ports.queue.settle(queue, settles).await?;
    Ok(Some(report))
}

fn deadline(stack: &Stack) -> Timestamp {
    stack.now() + stack.times.function
}
