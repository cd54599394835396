//! A poller is woken in a moment: by a notification, or by a poll that saw what is still too young to be told of.
//!
//! One wake-up covers all that comes before it is due. While they keep coming, each waits longer than the one before: a
//! burst costs a few polls, and a stream that never ends one a minute.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::FlowError;
use super::poll::wake_up;
use super::rows::{document_of, item_of};
use super::run::write_patiently;
use super::stack::Stack;
use crate::ports::clock::later;
use crate::ports::queue::{Outgoing, QueueName};
use crate::ports::table::{Condition, Key, Write};

/// A version is told of when it is two seconds old; a poll before that would find nothing.
const AT_FIRST: Duration = Duration::from_secs(3);
const AT_MOST: Duration = Duration::from_secs(60);

/// The wake-up that is on its way, or was the last.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Woken {
    due: Timestamp,
    /// How long it waited.
    seconds: u64,
}

/// Until when a process knows a poller to be woken: it needn't ask the table before then.
#[derive(Debug, Clone, Default)]
pub struct Wakes(Arc<Mutex<HashMap<String, Timestamp>>>);

/// Wakes a poller soon, unless it is about to be woken. The wake-up is durable when this returns.
pub async fn soon(stack: &Stack, trigger: &str) -> Result<(), FlowError> {
    let Some(queue) = QueueName::wake(trigger) else { return Ok(()) };
    let now = stack.now();
    // Held until the message is sent: who comes meanwhile waits, and is covered by it.
    let mut wakes = stack.wakes.0.lock().await;
    if wakes.get(trigger).is_some_and(|due| now < *due) {
        return Ok(());
    }
    let key = Key::new(format!("H#{trigger}"), "soon");
    let item = stack.ports.table.get(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    let last: Option<Woken> = item.as_ref().map(document_of).transpose()?;
    if let Some(last) = last.filter(|last| now < last.due) {
        wakes.insert(trigger.to_owned(), last.due);
        return Ok(());
    }
    let wait = wait_after(last, now);
    let message = Outgoing { body: wake_up("soon"), delay: wait, attributes: BTreeMap::new() };
    stack.ports.queue.send(queue, vec![message]).await?;

    // Only now: what the row says is on its way. Two processes may send at once, and a batch of wake-ups is one poll.
    let woken = Woken { due: later(now, wait), seconds: wait.as_secs() };
    let mut put = item_of(key, &woken);
    put.expires_at = Some(woken.due + SignedDuration::from_hours(1));
    write_patiently(&stack.ports, vec![Write::put(put, Condition::Always)]).await?;
    wakes.insert(trigger.to_owned(), woken.due);
    Ok(())
}

/// Four times as long as the last one, as long as they keep coming; after a quiet while the first again.
fn wait_after(last: Option<Woken>, now: Timestamp) -> Duration {
    let Some(last) = last else { return AT_FIRST };
    let waited = Duration::from_secs(last.seconds);
    let quiet = now.duration_since(last.due).unsigned_abs();
    if quiet > waited { AT_FIRST } else { (waited * 4).min(AT_MOST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_notifications_costs_one_poll_a_minute_in_the_end_and_a_quiet_moment_starts_anew() {
        let mut now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut last = None;
        let mut waits = Vec::new();
        for _ in 0..7 {
            let wait = wait_after(last, now);
            waits.push(wait.as_secs());
            let due = later(now, wait);
            last = Some(Woken { due, seconds: wait.as_secs() });
            now = due;
        }
        assert_eq!(waits, [3, 12, 48, 60, 60, 60, 60]);
        let quiet = later(now, AT_MOST + Duration::from_secs(1));
        assert_eq!(wait_after(last, quiet), AT_FIRST);
    }
}
