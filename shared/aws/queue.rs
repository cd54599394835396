//! Queues on SQS.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use futures::stream::{StreamExt, TryStreamExt};

use super::fault::describe;
use crate::ports::Unavailable;
use crate::ports::queue::{Delivery, MAX_DELAY, Outgoing, Queue, QueueName, Settle};

const PORT: &str = "queue";
/// Messages of one request, and their bytes together, attributes included.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_BATCH: usize = 10;
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const LONGEST_HIDDEN: Duration = Duration::from_secs(12 * 3600);
/// Requests at once: a page of events is 20 batches, and a function waits for all of them.
const AT_ONCE: usize = 8;
/// How often entries are tried that SQS refuses by its own fault.
const TRIES: usize = 4;
const PAUSE: Duration = Duration::from_millis(100);

pub struct SqsQueue {
    client: Client,
    urls: BTreeMap<QueueName, String>,
}

impl SqsQueue {
    pub fn new(configuration: &SdkConfig, urls: BTreeMap<QueueName, String>) -> Self {
        Self { client: Client::new(configuration), urls }
    }

    fn url(&self, queue: QueueName) -> Result<&str, Unavailable> {
        self.urls
            .get(&queue)
            .map(String::as_str)
            .ok_or_else(|| Unavailable::new(PORT, format!("no URL is set for the queue {}", queue.as_str())))
    }
}

/// A queue that was made by somebody else: its URL and its ARN.
pub async fn find(configuration: &SdkConfig, name: &str) -> Result<(String, String), Unavailable> {
    let client = Client::new(configuration);
    let found = client.get_queue_url().queue_name(name).send().await;
    let url = found.map_err(|error| unavailable(&error))?.queue_url.unwrap_or_default();
    let request = client.get_queue_attributes().queue_url(&url);
    let output = request.attribute_names(QueueAttributeName::QueueArn).send().await;
    let attributes = output.map_err(|error| unavailable(&error))?.attributes.unwrap_or_default();
    Ok((url, attributes.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default()))
}

/// What a tag of somebody else's queue says; None: there is no such tag.
pub async fn tag(configuration: &SdkConfig, name: &str, tag: &str) -> Result<Option<String>, Unavailable> {
    let client = Client::new(configuration);
    let found = client.get_queue_url().queue_name(name).send().await;
    let url = found.map_err(|error| unavailable(&error))?.queue_url.unwrap_or_default();
    let tags = client.list_queue_tags().queue_url(url).send().await;
    Ok(tags.map_err(|error| unavailable(&error))?.tags.unwrap_or_default().remove(tag))
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: QueueName, messages: Vec<Outgoing>) -> Result<(), Unavailable> {
        let url = self.url(queue)?;
        let sends = batches(messages).into_iter().map(|batch| self.send_batch(url, batch));
        futures::stream::iter(sends).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Unavailable> {
        let url = self.url(queue)?;
        let mut deliveries = Vec::new();
        while deliveries.len() < max {
            let wanted = (max - deliveries.len()).min(MAX_BATCH);
            let output = self
                .client
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(i32::try_from(wanted).unwrap_or(1))
                .visibility_timeout(seconds(visibility))
                .message_attribute_names("All")
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .send()
                .await
                .map_err(|error| unavailable(&error))?;
            let messages = output.messages.unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            deliveries.extend(messages.into_iter().map(delivery));
        }
        Ok(deliveries)
    }

    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        let url = self.url(queue)?;
        let (deleted, hidden): (Vec<_>, Vec<_>) =
            receipts.into_iter().partition(|(_, settle)| matches!(settle, Settle::Delete));
        let deletes = tens(&deleted).into_iter().map(|batch| self.delete_batch(url, batch));
        futures::stream::iter(deletes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let hides = tens(&hidden).into_iter().map(|batch| self.hide_batch(url, batch));
        futures::stream::iter(hides).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable> {
        let counted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.client.get_queue_attributes().queue_url(self.url(queue)?);
        let output = request
            .set_attribute_names(Some(counted.to_vec()))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let attributes = output.attributes.unwrap_or_default();
        Ok(counted.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
    }
}

impl SqsQueue {
    async fn send_batch(&self, url: &str, batch: Vec<Outgoing>) -> Result<(), Unavailable> {
        let entries = batch.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let nothing = |_: &BatchResultErrorEntry| false;
        all(entries, SendMessageBatchRequestEntry::id, nothing, |left| async {
            let request = self.client.send_message_batch().queue_url(url).set_entries(Some(left));
            Ok(request.send().await.map_err(|error| unavailable(&error))?.failed)
        })
        .await
    }

    async fn delete_batch(&self, url: &str, batch: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        let entries = batch.into_iter().enumerate().map(|(n, (receipt, _))| {
            DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|e| Unavailable::new(PORT, e))?;
        all(entries, DeleteMessageBatchRequestEntry::id, is_old, |left| async {
            let request = self.client.delete_message_batch().queue_url(url).set_entries(Some(left));
            Ok(request.send().await.map_err(|error| unavailable(&error))?.failed)
        })
        .await
    }

    async fn hide_batch(&self, url: &str, batch: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        let entries = batch.into_iter().enumerate().map(|(n, (receipt, settle))| {
            let hidden = match settle {
                Settle::VisibleIn(duration) => duration,
                Settle::Delete => Duration::ZERO,
            };
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(n.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds(hidden.min(LONGEST_HIDDEN)))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|e| Unavailable::new(PORT, e))?;
        all(entries, ChangeMessageVisibilityBatchRequestEntry::id, is_old, |left| async {
            let request = self.client.change_message_visibility_batch().queue_url(url);
            let output = request.set_entries(Some(left)).send().await;
            Ok(output.map_err(|error| unavailable(&error))?.failed)
        })
        .await
    }
}

/// Asks for all entries, and again for those that failed by no fault of theirs. What `is_nothing` is as good as done.
async fn all<Entry: Clone, Answer>(
    mut left: Vec<Entry>,
    id: fn(&Entry) -> &str,
    is_nothing: fn(&BatchResultErrorEntry) -> bool,
    ask: impl Fn(Vec<Entry>) -> Answer,
) -> Result<(), Unavailable>
where
    Answer: Future<Output = Result<Vec<BatchResultErrorEntry>, Unavailable>>,
{
    for tries in 1.. {
        let failed = ask(left.clone()).await?;
        if pass_over(&failed, tries, is_nothing)? {
            break;
        }
        left.retain(|entry| failed.iter().any(|failed| failed.id() == id(entry)));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn tens(receipts: &[(String, Settle)]) -> Vec<Vec<(String, Settle)>> {
    receipts.chunks(MAX_BATCH).map(<[_]>::to_vec).collect()
}

/// Whether all is done: what failed is nothing to us. An error when trying again is of no use.
fn pass_over(
    failed: &[BatchResultErrorEntry],
    tries: usize,
    is_nothing: impl Fn(&BatchResultErrorEntry) -> bool,
) -> Result<bool, Unavailable> {
    let mut bad = failed.iter().filter(|failed| !is_nothing(failed));
    match bad.next() {
        None => Ok(true),
        Some(first) if tries >= TRIES || failed.iter().any(|f| f.sender_fault() && !is_nothing(f)) => {
            let message = first.message().unwrap_or("no reason was given");
            Err(Unavailable::new(PORT, format!("{}: {message}", first.code())))
        }
        Some(_) => Ok(false),
    }
}

/// The receipt is no longer the message's newest, or the message is gone or visible: someone else has it now.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
fn is_old(failed: &BatchResultErrorEntry) -> bool {
    failed.sender_fault()
}

/// Up to ten messages and 1 MB each.
fn batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = size_of(&message);
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH && bytes + size <= MAX_BATCH_BYTES => {
                batch.push(message);
                bytes += size;
            }
            _ => {
                batches.push(vec![message]);
                bytes = size;
            }
        }
    }
    batches
}

/// As it is sent: with the names, types ("String") and values of its attributes.
fn size_of(message: &Outgoing) -> usize {
    let attributes =
        message.attributes.iter().map(|(name, value)| name.len() + "String".len() + 3 * value.len());
    writable(&message.body).len() + attributes.sum::<usize>()
}

fn entry((n, message): (usize, Outgoing)) -> Result<SendMessageBatchRequestEntry, Unavailable> {
    let mut attributes = HashMap::new();
    // An attribute without a value is refused: it is left out.
    for (name, value) in message.attributes.into_iter().filter(|(_, value)| !value.is_empty()) {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value.replace(|c| !is_writable(c), "\u{fffd}"))
            .build()
            .map_err(|error| Unavailable::new(PORT, error))?;
        attributes.insert(name, value);
    }
    SendMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .message_body(writable(&message.body))
        .delay_seconds(seconds(message.delay.min(MAX_DELAY)))
        .set_message_attributes(Some(attributes).filter(|attributes| !attributes.is_empty()))
        .build()
        .map_err(|error| Unavailable::new(PORT, error))
}

/// SQS takes what XML 1.0 can hold. Bodies are JSON, where an escape stands for the same character.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn writable(body: &str) -> std::borrow::Cow<'_, str> {
    if body.chars().all(is_writable) {
        return body.into();
    }
    let escape = |c: char| if is_writable(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    body.chars().map(escape).collect::<String>().into()
}

fn is_writable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Rounded up: nothing comes early.
fn seconds(duration: Duration) -> i32 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

fn delivery(message: Message) -> Delivery {
    let attributes = message.message_attributes.unwrap_or_default();
    let system = message.attributes.unwrap_or_default();
    Delivery {
        message_id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect(),
        receive_count: system
            .get(&MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok())
            .unwrap_or(1),
    }
}

fn unavailable<E>(error: &SdkError<E>) -> Unavailable
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    Unavailable::new(PORT, describe(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Outgoing {
        Outgoing { body: body.to_owned(), ..Outgoing::default() }
    }

    #[test]
    fn a_batch_ends_at_ten_messages_or_a_megabyte() {
        let sizes = |messages| batches(messages).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![message("x"); 21]), [10, 10, 1]);
        assert_eq!(sizes(vec![message(&"x".repeat(400 * 1024)); 5]), [2, 2, 1]);
        assert_eq!(sizes(vec![]), [0; 0]);
    }

    #[test]
    fn what_sqs_cannot_hold_is_written_as_a_json_escape() -> Result<(), serde_json::Error> {
        let body = serde_json::to_string("a\u{ffff}ä\u{fffe}")?;
        let sent = writable(&body);
        assert!(sent.chars().all(is_writable), "{sent}");
        assert_eq!(serde_json::from_str::<String>(&sent)?, "a\u{ffff}ä\u{fffe}");
        Ok(())
    }

    #[test]
    fn an_entry_that_sqs_failed_is_tried_again_and_one_that_we_failed_is_not()
    -> Result<(), Box<dyn std::error::Error>> {
        let failed = |sender| {
            BatchResultErrorEntry::builder().id("0").code("InternalError").sender_fault(sender).build()
        };
        assert!(!pass_over(&[failed(false)?], 1, |_| false)?);
        assert!(pass_over(&[failed(false)?], TRIES, |_| false).is_err());
        assert!(pass_over(&[failed(true)?], 1, |_| false).is_err());
        assert!(pass_over(&[failed(true)?], 1, is_old)?, "an old receipt is nobody's trouble");
        Ok(())
    }
}
