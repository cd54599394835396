//! The wait for messages, dead letters' end, and the outbox.

use std::time::Duration;

use super::{clock, temporary};
use crate::embedded::Embedded;
use crate::ports::mailer::Mailer;
use crate::ports::queue::{Outgoing, Queue, QueueName};

async fn send(stack: &Embedded, queue: QueueName, body: &str, delay: Duration) {
    let message = Outgoing { body: body.to_owned(), delay, ..Outgoing::default() };
    stack.queue().send(queue, vec![message]).await.expect("sends");
}

/// Lets everything run that can.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_waits_for_a_message_wakes_when_one_is_sent() {
    let stack = temporary(clock());
    let waiting = tokio::spawn({
        let queue = stack.queue();
        async move { queue.due(&[QueueName::Runs, QueueName::RunsBulk]).await }
    });
    settle_down().await;
    send(&stack, QueueName::WakeDead, "not for it", Duration::ZERO).await;
    settle_down().await;
    assert!(!waiting.is_finished());
    send(&stack, QueueName::RunsBulk, "for it", Duration::ZERO).await;
    waiting.await.expect("ends").expect("waits");
}

#[tokio::test]
async fn who_waits_for_a_delayed_message_wakes_when_its_time_comes() {
    let clock = clock();
    let stack = temporary(clock.clone());
    send(&stack, QueueName::Runs, "later", Duration::from_secs(60)).await;
    let waiting = tokio::spawn({
        let queue = stack.queue();
        async move { queue.due(&[QueueName::Runs]).await }
    });
    while clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(clock.next_wake(), stack.queue().next_due(&[QueueName::Runs]).expect("reads"));
    clock.advance(Duration::from_secs(59));
    settle_down().await;
    assert!(!waiting.is_finished());
    clock.advance(Duration::from_secs(1));
    waiting.await.expect("ends").expect("waits");
}

#[tokio::test]
async fn dead_letters_are_kept_for_two_weeks_and_messages_for_ever() {
    let clock = clock();
    let stack = temporary(clock.clone());
    let day = Duration::from_secs(24 * 3600);
    send(&stack, QueueName::Runs, "live", Duration::ZERO).await;
    send(&stack, QueueName::RunsDead, "dead", Duration::ZERO).await;
    clock.advance(13 * day);
    assert_eq!(stack.sweep().await.expect("sweeps").messages, 0);
    clock.advance(2 * day);
    assert_eq!(stack.sweep().await.expect("sweeps").messages, 1);
    assert_eq!(stack.queue().depth(QueueName::Runs).await.expect("counts"), 1);
    assert_eq!(stack.queue().depth(QueueName::RunsDead).await.expect("counts"), 0);
}

#[tokio::test]
async fn mail_without_a_server_is_kept_where_it_can_be_read() {
    let clock = clock();
    let stack = temporary(clock.clone());
    stack.outbox().send("First", "Körper").await.expect("sends");
    clock.advance(Duration::from_secs(5));
    stack.outbox().send("Second", "body").await.expect("sends");
    let mails = stack.outbox().mails(10).expect("reads");
    let told: Vec<(&str, &str)> =
        mails.iter().map(|mail| (mail.subject.as_str(), mail.body.as_str())).collect();
    assert_eq!(told, [("Second", "body"), ("First", "Körper")]);
    assert_eq!(mails[1].at, super::noon());
    assert_eq!(stack.outbox().mails(1).expect("reads").len(), 1);
}
