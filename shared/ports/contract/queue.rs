//! What every queue must do. Durations are whole seconds, since SQS knows no smaller ones.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::ports::queue::{Delivery, Outgoing, Queue, QueueName, Settle};

pub struct QueueStand {
    pub queue: Arc<dyn Queue>,
    /// Lets time pass: moves the adapter's clock, or waits where it has its own.
    pub pass: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    /// After how many receives a message of [`QueueName::Runs`] becomes a dead letter.
    pub max_receives: u32,
}

super::cases! { QueueStand:
    a_message_arrives_as_it_was_sent,
    a_received_message_is_hidden_until_its_visibility_ends,
    a_deleted_message_never_comes_back,
    each_delivery_counts_and_has_a_receipt_of_its_own,
    an_old_receipt_settles_nothing,
    an_unknown_receipt_is_passed_over,
    a_message_put_back_comes_after_that_time,
    a_message_put_back_at_once_comes_at_once,
    a_delayed_message_waits_and_counts_as_waiting,
    no_more_than_max_are_received,
    many_messages_are_all_received_once,
    a_receive_of_an_empty_queue_returns_nothing,
    queues_do_not_mix,
    a_message_received_too_often_is_a_dead_letter,
    dead_letters_stay_where_they_are,
    a_large_message_arrives_whole,
}

const VISIBILITY: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(300);
/// More than a visibility, for adapters with a clock of their own.
const AFTER: Duration = Duration::from_secs(3);

impl QueueStand {
    /// Leftovers of other cases go first, where a queue is shared.
    async fn empty(&self, queues: &[QueueName]) {
        for &queue in queues {
            loop {
                let left = self.receive(queue, 10, LONG).await;
                if left.is_empty() {
                    break;
                }
                let receipts = left.into_iter().map(|d| (d.receipt, Settle::Delete)).collect();
                self.queue.settle(queue, receipts).await.expect("settles");
            }
        }
    }

    async fn send(&self, queue: QueueName, bodies: &[&str]) {
        let messages = bodies.iter().map(|body| Outgoing { body: (*body).to_owned(), ..Outgoing::default() });
        self.queue.send(queue, messages.collect()).await.expect("sends");
    }

    async fn receive(&self, queue: QueueName, max: usize, visibility: Duration) -> Vec<Delivery> {
        self.queue.receive(queue, max, visibility).await.expect("receives")
    }

    async fn one(&self, queue: QueueName, visibility: Duration) -> Delivery {
        let mut deliveries = self.receive(queue, 10, visibility).await;
        assert_eq!(deliveries.len(), 1, "one message is due");
        deliveries.remove(0)
    }

    async fn settle(&self, queue: QueueName, delivery: &Delivery, settle: Settle) {
        self.queue.settle(queue, vec![(delivery.receipt.clone(), settle)]).await.expect("settles");
    }

    async fn pass(&self, time: Duration) {
        (self.pass)(time).await;
    }
}

fn bodies(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.body.as_str()).collect()
}

use QueueName::{Runs, RunsBulk, RunsDead};

async fn a_message_arrives_as_it_was_sent(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    let attributes: BTreeMap<String, String> =
        [("flow", "won"), ("note", "Zoë's 中文")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let body = "{\"text\":\"a \\\"quote\\\", ünïcode 🧾\"}";
    let message = Outgoing { body: body.to_owned(), attributes: attributes.clone(), ..Outgoing::default() };
    stand.queue.send(Runs, vec![message]).await.expect("sends");
    let delivery = stand.one(Runs, LONG).await;
    assert_eq!(delivery.body, body);
    assert_eq!(delivery.attributes, attributes);
    assert_eq!(delivery.receive_count, 1);
    assert!(!delivery.message_id.is_empty());
    stand.settle(Runs, &delivery, Settle::Delete).await;
}

async fn a_received_message_is_hidden_until_its_visibility_ends(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    stand.send(Runs, &["one"]).await;
    stand.one(Runs, VISIBILITY).await;
    assert!(stand.receive(Runs, 10, VISIBILITY).await.is_empty());
    stand.pass(AFTER).await;
    let again = stand.one(Runs, LONG).await;
    stand.settle(Runs, &again, Settle::Delete).await;
}

async fn a_deleted_message_never_comes_back(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    stand.send(Runs, &["one"]).await;
    let delivery = stand.one(Runs, VISIBILITY).await;
    stand.settle(Runs, &delivery, Settle::Delete).await;
    stand.pass(AFTER).await;
    assert!(stand.receive(Runs, 10, LONG).await.is_empty());
}

async fn each_delivery_counts_and_has_a_receipt_of_its_own(stand: QueueStand) {
    stand.empty(&[RunsBulk]).await;
    stand.send(RunsBulk, &["one"]).await;
    let first = stand.one(RunsBulk, VISIBILITY).await;
    stand.pass(AFTER).await;
    let second = stand.one(RunsBulk, LONG).await;
    assert_eq!(second.message_id, first.message_id);
    assert_ne!(second.receipt, first.receipt);
    assert_eq!((first.receive_count, second.receive_count), (1, 2));
    stand.settle(RunsBulk, &second, Settle::Delete).await;
}

async fn an_old_receipt_settles_nothing(stand: QueueStand) {
    stand.empty(&[RunsBulk]).await;
    stand.send(RunsBulk, &["one"]).await;
    let first = stand.one(RunsBulk, VISIBILITY).await;
    stand.pass(AFTER).await;
    let second = stand.one(RunsBulk, VISIBILITY).await;
    stand.settle(RunsBulk, &first, Settle::VisibleIn(Duration::ZERO)).await;
    assert!(stand.receive(RunsBulk, 10, VISIBILITY).await.is_empty(), "the newest delivery has it");
    stand.settle(RunsBulk, &second, Settle::Delete).await;
    stand.pass(AFTER).await;
    assert!(stand.receive(RunsBulk, 10, LONG).await.is_empty());
}

async fn an_unknown_receipt_is_passed_over(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    stand.send(Runs, &["one"]).await;
    let delivery = stand.one(Runs, LONG).await;
    let receipts = vec![
        ("no receipt".to_owned(), Settle::Delete),
        (delivery.receipt.clone(), Settle::VisibleIn(Duration::ZERO)),
    ];
    stand.queue.settle(Runs, receipts).await.expect("the others are settled");
    let again = stand.one(Runs, LONG).await;
    stand.settle(Runs, &again, Settle::Delete).await;
}

async fn a_message_put_back_comes_after_that_time(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    stand.send(Runs, &["one"]).await;
    let delivery = stand.one(Runs, LONG).await;
    stand.settle(Runs, &delivery, Settle::VisibleIn(VISIBILITY)).await;
    assert!(stand.receive(Runs, 10, LONG).await.is_empty());
    stand.pass(AFTER).await;
    let again = stand.one(Runs, LONG).await;
    stand.settle(Runs, &again, Settle::Delete).await;
}

async fn a_message_put_back_at_once_comes_at_once(stand: QueueStand) {
    stand.empty(&[RunsBulk]).await;
    stand.send(RunsBulk, &["one"]).await;
    let delivery = stand.one(RunsBulk, LONG).await;
    stand.settle(RunsBulk, &delivery, Settle::VisibleIn(Duration::ZERO)).await;
    let again = stand.one(RunsBulk, LONG).await;
    assert_eq!(again.receive_count, 2);
    stand.settle(RunsBulk, &again, Settle::Delete).await;
}

async fn a_delayed_message_waits_and_counts_as_waiting(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    let message = Outgoing { body: "later".to_owned(), delay: VISIBILITY, ..Outgoing::default() };
    stand.queue.send(Runs, vec![message]).await.expect("sends");
    assert_eq!(stand.queue.depth(Runs).await.expect("counts"), 1);
    assert!(stand.receive(Runs, 10, LONG).await.is_empty());
    stand.pass(AFTER).await;
    assert_eq!(stand.queue.depth(Runs).await.expect("counts"), 1);
    let delivery = stand.one(Runs, LONG).await;
    assert_eq!(stand.queue.depth(Runs).await.expect("counts"), 0, "it no longer waits: someone has it");
    stand.settle(Runs, &delivery, Settle::Delete).await;
}

async fn no_more_than_max_are_received(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    stand.send(Runs, &["a", "b", "c"]).await;
    assert!(stand.receive(Runs, 0, LONG).await.is_empty());
    let first = stand.receive(Runs, 2, LONG).await;
    assert!((1..=2).contains(&first.len()));
    let mut received = first;
    while received.len() < 3 {
        let more = stand.receive(Runs, 2, LONG).await;
        assert!(!more.is_empty(), "the rest is due");
        received.extend(more);
    }
    assert_eq!(bodies(&received), ["a", "b", "c"].into());
    let receipts = received.into_iter().map(|d| (d.receipt, Settle::Delete)).collect();
    stand.queue.settle(Runs, receipts).await.expect("settles");
}

async fn many_messages_are_all_received_once(stand: QueueStand) {
    stand.empty(&[RunsBulk]).await;
    let all: BTreeSet<String> = (0..57).map(|n| format!("message {n}")).collect();
    stand.send(RunsBulk, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut received = Vec::new();
    loop {
        let more = stand.receive(RunsBulk, 200, LONG).await;
        if more.is_empty() {
            break;
        }
        received.extend(more);
    }
    assert_eq!(received.len(), all.len());
    assert_eq!(bodies(&received), all.iter().map(String::as_str).collect());
    let receipts = received.into_iter().map(|d| (d.receipt, Settle::Delete)).collect();
    stand.queue.settle(RunsBulk, receipts).await.expect("settles");
    assert_eq!(stand.queue.depth(RunsBulk).await.expect("counts"), 0);
}

async fn a_receive_of_an_empty_queue_returns_nothing(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    assert!(stand.receive(Runs, 10, VISIBILITY).await.is_empty());
    assert_eq!(stand.queue.depth(Runs).await.expect("counts"), 0);
    stand.queue.send(Runs, Vec::new()).await.expect("sends nothing");
    stand.queue.settle(Runs, Vec::new()).await.expect("settles nothing");
}

async fn queues_do_not_mix(stand: QueueStand) {
    stand.empty(&[Runs, RunsBulk]).await;
    stand.send(Runs, &["live"]).await;
    stand.send(RunsBulk, &["bulk"]).await;
    let (live, bulk) = (stand.one(Runs, LONG).await, stand.one(RunsBulk, LONG).await);
    assert_eq!((live.body.as_str(), bulk.body.as_str()), ("live", "bulk"));
    stand.settle(Runs, &live, Settle::Delete).await;
    stand.settle(RunsBulk, &bulk, Settle::Delete).await;
}

async fn a_message_received_too_often_is_a_dead_letter(stand: QueueStand) {
    stand.empty(&[Runs, RunsDead]).await;
    let attributes: BTreeMap<String, String> = [("flow".to_owned(), "won".to_owned())].into();
    let message =
        Outgoing { body: "poison".to_owned(), attributes: attributes.clone(), ..Outgoing::default() };
    stand.queue.send(Runs, vec![message]).await.expect("sends");
    for count in 1..=stand.max_receives {
        let delivery = stand.one(Runs, LONG).await;
        assert_eq!(delivery.receive_count, count);
        stand.settle(Runs, &delivery, Settle::VisibleIn(Duration::ZERO)).await;
    }
    assert!(stand.receive(Runs, 10, LONG).await.is_empty(), "it had its chances");
    let dead = stand.one(RunsDead, LONG).await;
    assert_eq!((dead.body.as_str(), &dead.attributes), ("poison", &attributes));
    stand.settle(RunsDead, &dead, Settle::Delete).await;
    assert!(stand.receive(RunsDead, 10, LONG).await.is_empty());
}

async fn dead_letters_stay_where_they_are(stand: QueueStand) {
    stand.empty(&[RunsDead]).await;
    stand.send(RunsDead, &["failed run"]).await;
    for _ in 0..=stand.max_receives {
        let delivery = stand.one(RunsDead, LONG).await;
        stand.settle(RunsDead, &delivery, Settle::VisibleIn(Duration::ZERO)).await;
    }
    let delivery = stand.one(RunsDead, LONG).await;
    stand.settle(RunsDead, &delivery, Settle::Delete).await;
}

async fn a_large_message_arrives_whole(stand: QueueStand) {
    stand.empty(&[Runs]).await;
    // The product sends a reference for anything over 24 KB; the port takes more.
    let body = "0123456789".repeat(20_000);
    stand.send(Runs, &[&body]).await;
    let delivery = stand.one(Runs, LONG).await;
    assert!(delivery.body == body);
    stand.settle(Runs, &delivery, Settle::Delete).await;
}
