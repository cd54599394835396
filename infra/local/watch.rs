//! Watching the machine work, for commands that wait until it has nothing left to do.

use std::time::Duration;

use counterfoil::ports::clock::Clock as _;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::local_stack::LocalStack;
use counterfoil::runtime::system_clock::SystemClock;

/// A message's end is told to nobody: so often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until no message is left, neither waiting nor in work: every poll and every run has come to an end. Returns
/// whether that came about in time.
pub(crate) async fn until_quiet(
    local: &LocalStack,
    at_most: Duration,
    looked: impl Fn(),
) -> anyhow::Result<bool> {
    let living: Vec<QueueName> = QueueName::all().filter(|queue| queue.dead_letters().is_some()).collect();
    let queue = local.embedded.queue();
    let began = SystemClock.now();
    loop {
        looked();
        if queue.next_due(&living)?.is_none() {
            return Ok(true);
        }
        if SystemClock.now().duration_since(began).unsigned_abs() > at_most {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
