//! What SQS and Lambda do between a queue and a function, for one machine: receive a batch, hand it to the
//! function, settle what it says.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{events, handlers};
use crate::flow::{FlowError, Stack, poll};
use crate::ports::Unavailable;
use crate::ports::queue::{Delivery, QueueName, Settle};

/// How long a received message is hidden: six times the function's time.
pub const VISIBILITY: std::time::Duration = std::time::Duration::from_mins(12);
/// The most messages of one batch.
pub const BATCH: usize = 200;

/// One batch of runs, if there is one. Returns how many messages it had.
pub async fn runs(stack: &Stack, queue: QueueName) -> Result<usize, FlowError> {
    let deliveries = take(stack, queue).await?;
    let count = deliveries.len();
    if count > 0 {
        work(stack, queue, deliveries).await?;
    }
    Ok(count)
}

/// The messages of one batch; none when nothing is due.
pub async fn take(stack: &Stack, queue: QueueName) -> Result<Vec<Delivery>, Unavailable> {
    stack.ports.queue.receive(queue, BATCH, VISIBILITY).await
}

/// Hands a batch that was taken to the dispatcher, and deletes what it is done with. What it names stays hidden as
/// long as it asked for, or until its visibility ends.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
pub async fn work(stack: &Stack, queue: QueueName, deliveries: Vec<Delivery>) -> Result<(), FlowError> {
    let event = events::sqs_event(queue, deliveries.clone());
    let answer = handlers::dispatcher(stack, event, deadline(stack)).await?;
    let comes_back: HashSet<String> =
        answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    let done = deliveries.into_iter().filter(|delivery| !comes_back.contains(&delivery.message_id));
    let settles = done.map(|delivery| (delivery.receipt, Settle::Delete)).collect();
    Ok(stack.ports.queue.settle(queue, settles).await?)
}

/// One batch of wake-ups is one poll. Returns whether there was one.
pub async fn wakes(stack: &Stack, trigger: &str) -> Result<Option<poll::Report>, FlowError> {
    let Some(queue) = QueueName::wake(trigger) else { return Ok(None) };
    let deliveries = take(stack, queue).await?;
    if deliveries.is_empty() {
        return Ok(None);
    }
    let bodies = deliveries.iter().map(|delivery| delivery.body.as_str());
    let report = poll::woken(stack, trigger, bodies, deadline(stack)).await?;
    let settles = deliveries.into_iter().map(|delivery| (delivery.receipt, Settle::Delete)).collect();
    stack.ports.queue.settle(queue, settles).await?;
    Ok(Some(report))
}

/// When a batch that begins now must be over.
pub fn deadline(stack: &Stack) -> Timestamp {
    stack.now() + stack.times.function
}
