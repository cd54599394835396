//! What AWS does around the functions, on one machine: event source mappings that take batches from the queues and
//! run several at once, and a schedule that ticks each minute.
//!
//! Nobody is asked over and over: a pump sleeps until its queue says that something is due. When the machine stops,
//! what is under way is finished; nothing new is begun.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::local_stack::LocalStack;
use super::pump;
use crate::flow::{FlowError, Stack, keep, poll};
use crate::ports::queue::{Queue as _, QueueName};

/// Batches of live runs at once. Their JavaScript shares the cores, their calls the accounts' limits.
const LIVE_BATCHES: usize = 4;
/// Backfills come after everything else.
const BULK_BATCHES: usize = 1;
/// A batch waits at most this long for more messages, like an SQS batching window…
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const WINDOW: Duration = Duration::from_millis(1_000);
/// …and no longer than until none came for this long.
const LULL: Duration = Duration::from_millis(100);
/// After a failure of our own ground (a full disk).
const PAUSE: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_mins(1);

/// Everything that works by itself. Dropped without [`Machine::stop`], it ends in the middle of things; what it was
/// doing is done again at the next start.
#[derive(Debug)]
pub struct Machine {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Machine {
    pub fn start(local: &LocalStack) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (queue, at_once) in [(QueueName::Runs, LIVE_BATCHES), (QueueName::RunsBulk, BULK_BATCHES)] {
            tasks.spawn(pump_runs(local.clone(), queue, at_once, stopped.clone()));
        }
        for trigger in polled(&local.stack) {
            tasks.spawn(pump_wakes(local.clone(), trigger, stopped.clone()));
        }
        tasks.spawn(tick(local.clone(), stopped));
        Self { stop, tasks }
    }

    /// Begins nothing new, and returns when what was begun has ended.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the machine broke");
            }
        }
    }
}

/// The triggers that have a queue of wake-ups.
pub fn polled(stack: &Stack) -> Vec<&'static str> {
    let ids = stack.catalog.trigger_descriptions().map(|trigger| trigger.id);
    ids.filter(|id| QueueName::wake(id).is_some()).collect()
}

/// Wakes every poller, whatever the time.
pub async fn wake_all(stack: &Stack, why: &str) -> Result<(), FlowError> {
    for trigger in polled(stack) {
        poll::wake(stack, trigger, why).await?;
    }
    Ok(())
}

/// Wakes the pollers whose turn is in this minute, as their schedules do.
async fn wake_in(stack: &Stack, minute: u64) -> Result<(), FlowError> {
    for trigger in polled(stack) {
        let each =
            stack.catalog.trigger_description(trigger).map_or(1, |about| u64::from(about.minutes.max(1)));
        if minute.is_multiple_of(each) {
            poll::wake(stack, trigger, "schedule").await?;
        }
    }
    Ok(())
}

async fn pump_runs(local: LocalStack, queue: QueueName, at_once: usize, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(at_once));
    let mut batches = JoinSet::new();
    loop {
        while let Some(ended) = batches.try_join_next() {
            tell(ended);
        }
        // The place first: messages that nobody can work on stay visible.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            wait_for_batch(&local, queue).await;
            Some(place)
        };
        let place = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            place = next => place,
        };
        let deliveries = match pump::take(&local.stack, queue).await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::warn!(%error, queue = queue.as_str(), "no batch can be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if deliveries.is_empty() {
            continue;
        }
        let stack = local.stack.clone();
        batches.spawn(async move {
            let _place = place;
            let messages = deliveries.len();
            tracing::info!(queue = queue.as_str(), messages, "a batch begins");
            if let Err(error) = pump::work(&stack, queue, deliveries).await {
                tracing::warn!(%error, queue = queue.as_str(), "a batch could not be settled; it comes back");
            }
        });
    }
    while let Some(ended) = batches.join_next().await {
        tell(ended);
    }
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a batch broke; its messages come back");
    }
}

/// Until something is due, and then a moment longer, as long as more comes.
async fn wait_for_batch(local: &LocalStack, queue: QueueName) {
    let messages = local.embedded.queue();
    if let Err(error) = messages.due(&[queue]).await {
        tracing::warn!(%error, queue = queue.as_str(), "the queue can't be watched");
        return tokio::time::sleep(PAUSE).await;
    }
    let mut known = 0;
    let fill = async {
        while let Ok(depth) = messages.depth(queue).await {
            if depth <= known || depth >= pump::BATCH as u64 {
                return;
            }
            known = depth;
            tokio::time::sleep(LULL).await;
        }
    };
    // Whether it filled up or the window closed: it is time.
    let _ = tokio::time::timeout(WINDOW, fill).await;
}

async fn pump_wakes(local: LocalStack, trigger: &'static str, mut stopped: watch::Receiver<bool>) {
    let Some(queue) = QueueName::wake(trigger) else { return };
    let (messages, queues) = (local.embedded.queue(), [queue]);
    loop {
        let due = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            due = messages.due(&queues) => due.map_err(FlowError::from),
        };
        let polled = match due {
            Ok(()) => pump::wakes(&local.stack, trigger).await,
            Err(error) => Err(error),
        };
        match polled {
            Ok(Some(report)) => tracing::info!(trigger, ?report, "polled"),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, trigger, "the poll failed; the next one begins where it was");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Each minute, and at the start: the pollers are woken, the keeper goes round, what has expired goes.
async fn tick(local: LocalStack, mut stopped: watch::Receiver<bool>) {
    let stack = &local.stack;
    let mut pause = Duration::ZERO;
    for minute in 0.. {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = stack.ports.clock.sleep(pause) => {}
        }
        pause = MINUTE;
        if let Err(error) = wake_in(stack, minute).await {
            tracing::warn!(%error, "the pollers can't be woken");
        }
        match keep::keep(stack, pump::deadline(stack)).await {
            Ok(report) => tracing::debug!(?report, "kept"),
            Err(error) => tracing::warn!(%error, "the keeper could not finish its round"),
        }
        if let Err(error) = local.embedded.sweep().await {
            tracing::warn!(%error, "what has expired could not be swept away");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::queue::{Outgoing, POLLED};
    use crate::runtime::local_stack;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_machine_takes_what_is_due_and_stops_when_it_has_finished() {
        let local = local_stack::temporary().unwrap();
        let machine = Machine::start(&local);
        let queue = local.embedded.queue();
        let mut changed = queue.changed();
        // No run message: it is taken from the runs' queue, found unreadable, and kept where its owner looks.
        queue
            .send(QueueName::Runs, vec![Outgoing { body: "{}".into(), ..Outgoing::default() }])
            .await
            .unwrap();
        let buried = async {
            while queue.depth(QueueName::RunsDead).await.unwrap() == 0 {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), buried).await.expect("the message is handled");
        machine.stop().await;
        assert_eq!(
            queue.next_due(&[QueueName::Runs]).unwrap(),
            None,
            "it was settled before the machine stopped"
        );
        let polled = polled(&local.stack);
        let wakes: Vec<_> = polled.iter().filter_map(|trigger| QueueName::wake(trigger)).collect();
        assert_eq!(wakes.len(), POLLED.len());
    }
}
