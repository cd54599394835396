//! The queues: a message that is received is hidden, counted, and after too many times a dead letter.
//!
//! What was in flight when a process ended is visible to the next one at once: its epoch is over ([`super::open`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::failure::Failure;
use super::open::Store;
use super::seal::Seal;
use crate::ports::Unavailable;
use crate::ports::clock::later;
use crate::ports::queue::{Delivery, MAX_DELAY, Outgoing, Queue, QueueName, Settle};
use crate::ports::random::random_uuid;

const PORT: &str = "queue";
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const LONGEST_HIDDEN: Duration = Duration::from_secs(12 * 3600);
/// As long as SQS keeps a message at the most; here it goes for dead letters only.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const DEAD_LETTER_DAYS: i64 = 14;

#[derive(Clone)]
pub struct EmbeddedQueue {
    store: Arc<Store>,
    changed: watch::Sender<u64>,
}

impl EmbeddedQueue {
    pub(super) fn on(store: Arc<Store>) -> Self {
        Self { store, changed: watch::Sender::new(0) }
    }

    /// Moves whenever a message was sent or put back.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// When the next message of these queues may be received (that may be past); None when they are empty.
    pub fn next_due(&self, queues: &[QueueName]) -> Result<Option<Timestamp>, Unavailable> {
        let next = self.store.readers.read(|connection| {
            let sql = "SELECT min(visible_at) FROM messages WHERE queue = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let mut next: Option<i64> = None;
            for queue in queues {
                let due: Option<i64> = statement.query_row(params![queue.as_str()], |row| row.get(0))?;
                next = [next, due].into_iter().flatten().min();
            }
            Ok(next)
        });
        let next = next.map_err(|failure| failure.of(PORT))?;
        Ok(next.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Returns once one of these queues has a message that can be received.
    pub async fn due(&self, queues: &[QueueName]) -> Result<(), Unavailable> {
        let mut changed = self.changed();
        loop {
            changed.mark_unchanged();
            let now = self.store.clock.now();
            let next = self.next_due(queues)?;
            if next.is_some_and(|next| next <= now) {
                return Ok(());
            }
            let until_next = next.map(|next| now.duration_until(next).unsigned_abs());
            // A message that another process sent is noticed only by looking.
            let pause = [until_next, self.store.look_again].into_iter().flatten().min();
            let sleep = async {
                match pause {
                    Some(pause) => self.store.clock.sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = sleep => {}
            }
        }
    }

    fn has_due(&self, queue: QueueName) -> Result<bool, Unavailable> {
        Ok(self.next_due(&[queue])?.is_some_and(|next| next <= self.store.clock.now()))
    }

    /// Deletes dead letters that nobody has fetched for two weeks.
    pub(super) async fn sweep(&self) -> Result<usize, Unavailable> {
        let age = Duration::from_secs(DEAD_LETTER_DAYS.unsigned_abs() * 24 * 3600);
        let clock = self.store.clock.clone();
        let delete = move |connection: &Connection| {
            let before = clock.now().as_microsecond() - micros(age);
            let mut statement =
                connection.prepare_cached("DELETE FROM messages WHERE queue = ?1 AND sent_at < ?2")?;
            let mut deleted = 0;
            for queue in QueueName::all().filter(|queue| queue.dead_letters().is_none()) {
                deleted += statement.execute(params![queue.as_str(), before])?;
            }
            Ok(deleted)
        };
        self.store.writer.write(delete).await.map_err(|failure| failure.of(PORT))
    }
}

#[async_trait]
impl Queue for EmbeddedQueue {
    async fn send(&self, queue: QueueName, messages: Vec<Outgoing>) -> Result<(), Unavailable> {
        if messages.is_empty() {
            return Ok(());
        }
        let sealed = messages
            .into_iter()
            .map(|message| Sealed::of(message, &self.store))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|failure| failure.of(PORT))?;
        let clock = self.store.clock.clone();
        let insert = move |connection: &Connection| {
            let now = clock.now();
            let mut statement = connection.prepare_cached(
                "INSERT INTO messages (queue, visible_at, sent_at, message_id, content)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for message in &sealed {
                let visible_at = later(now, message.delay).as_microsecond();
                statement.execute(params![
                    queue.as_str(),
                    visible_at,
                    now.as_microsecond(),
                    message.message_id,
                    message.content
                ])?;
            }
            Ok(())
        };
        self.store.writer.write(insert).await.map_err(|failure| failure.of(PORT))?;
        self.changed.send_modify(|n| *n += 1);
        Ok(())
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Unavailable> {
        // An empty queue is looked at often: that costs no commit.
        if max == 0 || !self.has_due(queue)? {
            return Ok(Vec::new());
        }
        let store = self.store.clone();
        let dead = queue.dead_letters().map(|dead| (dead, store.max_receives(queue)));
        let take = move |connection: &Connection| {
            let now = store.clock.now();
            let taking = Taking { queue, dead, now, visibility, epoch: store.epoch };
            let mut deliveries = Vec::new();
            // Again only if they all went to the dead letters: what is hidden for no time at all is due already.
            while deliveries.is_empty() {
                let due = taking.due(connection, max)?;
                if due.is_empty() {
                    break;
                }
                for message in due {
                    deliveries.extend(taking.take(connection, message, &store.seal)?);
                }
            }
            Ok(deliveries)
        };
        let deliveries = self.store.writer.write(take).await.map_err(|failure| failure.of(PORT))?;
        Ok(deliveries)
    }

    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        if receipts.is_empty() {
            return Ok(());
        }
        let puts_back = receipts.iter().any(|(_, settle)| matches!(settle, Settle::VisibleIn(_)));
        let clock = self.store.clock.clone();
        let settle = move |connection: &Connection| {
            let now = clock.now();
            for (receipt, settle) in &receipts {
                let Some((id, delivery)) = read_receipt(receipt) else { continue };
                match settle {
                    Settle::Delete => connection
                        .prepare_cached(
                            "DELETE FROM messages WHERE id = ?1 AND delivery = ?2 AND queue = ?3",
                        )?
                        .execute(params![id, delivery, queue.as_str()])?,
                    Settle::VisibleIn(hidden) => connection
                        .prepare_cached(
                            "UPDATE messages SET visible_at = min(?4, received_at + ?5), epoch = 0
                             WHERE id = ?1 AND delivery = ?2 AND queue = ?3",
                        )?
                        .execute(params![
                            id,
                            delivery,
                            queue.as_str(),
                            later(now, *hidden).as_microsecond(),
                            micros(LONGEST_HIDDEN)
                        ])?,
                };
            }
            Ok(())
        };
        self.store.writer.write(settle).await.map_err(|failure| failure.of(PORT))?;
        if puts_back {
            self.changed.send_modify(|n| *n += 1);
        }
        Ok(())
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable> {
        let now = self.store.now();
        let depth = self.store.readers.read(|connection| {
            let sql =
                "SELECT count(*) FROM messages WHERE queue = ?1 AND (visible_at <= ?2 OR receive_count = 0)";
            Ok(connection
                .prepare_cached(sql)?
                .query_row(params![queue.as_str(), now], |row| row.get::<_, i64>(0))?)
        });
        Ok(depth.map_err(|failure| failure.of(PORT))?.unsigned_abs())
    }
}

// ---------------------------------------------------------------- receiving

/// One call of `receive`.
struct Taking {
    queue: QueueName,
    /// Where messages go that were received that often.
    dead: Option<(QueueName, u32)>,
    now: Timestamp,
    visibility: Duration,
    epoch: i64,
}

struct Due {
    id: i64,
    message_id: String,
    receive_count: u32,
    delivery: i64,
    content: Vec<u8>,
}

impl Taking {
    fn due(&self, connection: &Connection, max: usize) -> Result<Vec<Due>, Failure> {
        let mut statement = connection.prepare_cached(
            "SELECT id, message_id, receive_count, delivery, content FROM messages
             WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, id LIMIT ?3",
        )?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let rows =
            statement.query_map(params![self.queue.as_str(), self.now.as_microsecond(), max], |row| {
                Ok(Due {
                    id: row.get(0)?,
                    message_id: row.get(1)?,
                    receive_count: row.get(2)?,
                    delivery: row.get(3)?,
                    content: row.get(4)?,
                })
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Hides the message and delivers it; or makes it a dead letter.
    fn take(&self, connection: &Connection, message: Due, seal: &Seal) -> Result<Option<Delivery>, Failure> {
        let now = self.now.as_microsecond();
        if let Some((dead, max_receives)) = self.dead
            && message.receive_count >= max_receives
        {
            let sql = "UPDATE messages SET queue = ?2, visible_at = ?3, sent_at = ?3, receive_count = 0,
                         delivery = delivery + 1, received_at = NULL, epoch = 0 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![message.id, dead.as_str(), now])?;
            return Ok(None);
        }
        let (body, attributes) = open_content(seal, &message.message_id, &message.content)?;
        let (receive_count, delivery) = (message.receive_count + 1, message.delivery + 1);
        let visible_at = later(self.now, self.visibility.min(LONGEST_HIDDEN)).as_microsecond();
        connection
            .prepare_cached(
                "UPDATE messages SET visible_at = ?2, received_at = ?3, receive_count = ?4, delivery = ?5, epoch = ?6
                 WHERE id = ?1",
            )?
            .execute(params![message.id, visible_at, now, receive_count, delivery, self.epoch])?;
        Ok(Some(Delivery {
            message_id: message.message_id,
            receipt: format!("{}.{delivery}", message.id),
            body,
            attributes,
            receive_count,
        }))
    }
}

fn read_receipt(receipt: &str) -> Option<(i64, i64)> {
    let (id, delivery) = receipt.split_once('.')?;
    Some((id.parse().ok()?, delivery.parse().ok()?))
}

// ---------------------------------------------------------------- what a message holds

/// A message that is ready to be stored. Body and attributes are sealed: they hold what happened to whom.
struct Sealed {
    message_id: String,
    delay: Duration,
    content: Vec<u8>,
}

impl Sealed {
    fn of(message: Outgoing, store: &Store) -> Result<Self, Failure> {
        let message_id = random_uuid(&*store.random).to_string();
        let attributes: Map<String, Value> =
            message.attributes.into_iter().map(|(name, value)| (name, value.into())).collect();
        let content = Value::Array(vec![message.body.into(), attributes.into()]).to_string();
        let content = store.seal.close(&place(&message_id), content.as_bytes())?;
        Ok(Self { message_id, delay: message.delay.min(MAX_DELAY), content })
    }
}

fn open_content(
    seal: &Seal,
    message_id: &str,
    sealed: &[u8],
) -> Result<(String, BTreeMap<String, String>), Failure> {
    let plain = seal.open(&place(message_id), sealed)?;
    serde_json::from_slice(&plain)
        .map_err(|_| Failure::Damaged(format!("message {message_id} cannot be read: it was changed")))
}

fn place(message_id: &str) -> String {
    format!("message {message_id}")
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
