//! Queues with visibility, receive counts and dead letters: SQS, or the same manners on SQLite.
//!
//! Delivery is at least once and in no order. A message that is received is hidden until its visibility ends;
//! one that was received too often goes to the dead-letter queue of its queue, by the queue itself.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::Unavailable;

/// The triggers that are polled, each with the queue that wakes its poller. The catalog's polled triggers are these.
pub const POLLED: [(&str, &str); 14] = [
    ("http.poll", "wake-http-poll"),
    ("salesforce.deleted_record", "wake-salesforce-deleted-record"),
    ("salesforce.new_record", "wake-salesforce-new-record"),
    ("salesforce.updated_record", "wake-salesforce-updated-record"),
    ("xero.new_bank_transaction", "wake-xero-new-bank-transaction"),
    ("xero.new_credit_note", "wake-xero-new-credit-note"),
    ("xero.new_or_updated_bill", "wake-xero-new-or-updated-bill"),
    ("xero.new_or_updated_contact", "wake-xero-new-or-updated-contact"),
    ("xero.new_or_updated_invoice", "wake-xero-new-or-updated-invoice"),
    ("xero.new_or_updated_purchase_order", "wake-xero-new-or-updated-purchase-order"),
    ("xero.new_or_updated_quote", "wake-xero-new-or-updated-quote"),
    ("xero.new_overpayment", "wake-xero-new-overpayment"),
    ("xero.new_payment", "wake-xero-new-payment"),
    ("xero.new_prepayment", "wake-xero-new-prepayment"),
];

/// The queues of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    Runs,
    RunsBulk,
    RunsDead,
    RunsBulkDead,
    WakeDead,
    /// Wakes a poller, by its name.
    Wake(&'static str),
}

impl QueueName {
    pub fn all() -> impl Iterator<Item = Self> {
        let wakes = POLLED.into_iter().map(|(_, queue)| Self::Wake(queue));
        [Self::Runs, Self::RunsBulk, Self::RunsDead, Self::RunsBulkDead, Self::WakeDead]
            .into_iter()
            .chain(wakes)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::RunsBulk => "runs-bulk",
            Self::RunsDead => "runs-dead",
            Self::RunsBulkDead => "runs-bulk-dead",
            Self::WakeDead => "wake-dead",
            Self::Wake(queue) => queue,
        }
    }

    /// Where messages go that were received too often.
    pub fn dead_letters(self) -> Option<Self> {
        match self {
            Self::Runs => Some(Self::RunsDead),
            Self::RunsBulk => Some(Self::RunsBulkDead),
            Self::Wake(_) => Some(Self::WakeDead),
            Self::RunsDead | Self::RunsBulkDead | Self::WakeDead => None,
        }
    }

    /// The queue that wakes the poller of a trigger.
    pub fn wake(trigger: &str) -> Option<Self> {
        POLLED.into_iter().find(|(polled, _)| *polled == trigger).map(|(_, queue)| Self::Wake(queue))
    }
}

/// The longest delay of a message: 15 minutes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_DELAY: Duration = Duration::from_secs(900);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    /// Not delivered before; at most [`MAX_DELAY`].
    pub delay: Duration,
    /// Up to 10, text.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub message_id: String,
    /// Names this delivery, not the message: the next delivery has another.
    pub receipt: String,
    pub body: String,
    pub attributes: BTreeMap<String, String>,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
}

/// What becomes of a delivered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    Delete,
    /// Delivered again after this long; at most 12 hours since it was received.
    VisibleIn(Duration),
}

/// Messages that are delivered at least once, in any order, until they are settled: SQS, or SQLite on one machine.
#[async_trait]
pub trait Queue: Send + Sync {
    /// All of them are durable when it returns `Ok`; on an error some may be.
    async fn send(&self, queue: QueueName, messages: Vec<Outgoing>) -> Result<(), Unavailable>;
    /// Up to `max` messages that are due, each hidden for `visibility`. Doesn't wait for messages to come.
    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Unavailable>;
    /// A receipt that is no longer the message's newest is passed over.
    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable>;
    /// How many wait to be delivered, delayed ones included; approximate on SQS.
    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable>;
}
