//! Notifications: what a provider says has changed wakes the poll that would have found it anyway.
//!
//! Answered once the wake-up is durable. However many come at once, a poller is woken once in a few seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use super::FlowError;
use super::poll;
use super::rows::{ROW_VERSION, document_of, item_of};
use super::run::write_patiently;
use super::stack::Stack;
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::clock::later;
use crate::ports::notification::{Heard, Notification, Reply};
use crate::ports::queue::{Outgoing, POLLED, QueueName};
use crate::ports::table::{Condition, Item, Key, TableError, Write};

/// A version is told of when it is two seconds old; a poll before that would find nothing.
const SETTLES: Duration = Duration::from_secs(3);
/// The new one, and the one before while the provider changes over.
const KEYS: usize = 2;

/// The vault's name of what a provider's notifications are known by, the newest first.
fn keys_name(provider: Provider) -> String {
    format!("notifications/{}", provider.as_str())
}

/// From now on notifications are known by this, and for a while by what they were known by before.
pub async fn add_key(stack: &Stack, provider: Provider, key: SecretString) -> Result<(), FlowError> {
    let mut keys = vec![key];
    keys.extend(keys_of(stack, provider).await?);
    keys.truncate(KEYS);
    let text: Vec<&str> = keys.iter().map(|key| key.expose_secret()).collect();
    Ok(stack.ports.vault.write(&keys_name(provider), SecretString::from(text.join("\n"))).await?)
}

async fn keys_of(stack: &Stack, provider: Provider) -> Result<Vec<SecretString>, FlowError> {
    let kept = stack.ports.vault.read(&keys_name(provider)).await?;
    let lines = kept.iter().flat_map(|kept| kept.expose_secret().lines());
    Ok(lines.filter(|line| !line.trim().is_empty()).map(SecretString::from).collect())
}

/// Takes a notification, and gives the answer that its provider waits for.
pub async fn hear(stack: &Stack, provider: Provider, notification: &Notification<'_>) -> Reply {
    match taken(stack, provider, notification).await {
        Ok(reply) => reply,
        Err(error) => {
            let failure = error.failure();
            tracing::warn!(provider = provider.as_str(), code = %failure.code, "a notification could not be kept; it comes again");
            Reply::empty(503)
        }
    }
}

async fn taken(
    stack: &Stack,
    provider: Provider,
    notification: &Notification<'_>,
) -> Result<Reply, FlowError> {
    let Some(connector) = stack.catalog.connector(provider) else {
        return Err(Failure::new("no_connector", provider.as_str()).into());
    };
    let keys = keys_of(stack, provider).await?;
    let heard = match connector.hear(notification, &keys) {
        Ok(heard) => heard,
        Err(reply) => {
            tracing::info!(provider = provider.as_str(), status = reply.status, "a notification is refused");
            return Ok(reply);
        }
    };
    let connections = stack.connections.list().await?;
    let accounts: BTreeSet<&str> = connections
        .iter()
        .filter(|connection| connection.provider == provider)
        .map(|connection| connection.account.as_str())
        .collect();
    let mut triggers: BTreeSet<&str> = heard
        .changed
        .iter()
        .filter(|(account, _)| accounts.contains(account.as_str()))
        .map(|(_, trigger)| *trigger)
        .collect();
    if has_gap(stack, provider, &heard).await? {
        tracing::warn!(provider = provider.as_str(), "notifications were missed; everything is looked at");
        triggers.extend(POLLED.into_iter().map(|(id, _)| id).filter(|id| Provider::of(id) == Some(provider)));
    }
    for trigger in triggers {
        wake_soon(stack, trigger).await?;
    }
    Ok(heard.answer)
}

/// Whether notifications are missing between the last that was heard and this. Those that come late or again are no gap.
async fn has_gap(stack: &Stack, provider: Provider, heard: &Heard) -> Result<bool, FlowError> {
    let Some((first, last)) = heard.sequence else { return Ok(false) };
    let key = Key::new(format!("H#{}", provider.as_str()), "sequence");
    let item = stack.ports.table.get(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    let known: Option<u64> = item.as_ref().map(document_of).transpose()?;
    if known.is_none_or(|known| last > known) {
        let put = Write::put(item_of(key, &last), Condition::Always);
        write_patiently(&stack.ports, vec![put]).await?;
    }
    Ok(known.is_some_and(|known| first > known + 1))
}

/// Wakes a poller in a few seconds, unless it is about to be woken.
async fn wake_soon(stack: &Stack, trigger: &str) -> Result<(), FlowError> {
    let Some(queue) = QueueName::wake(trigger) else { return Ok(()) };
    let now = stack.now();
    let until = later(now, SETTLES);
    let mut item = Item::new(Key::new(format!("H#{trigger}"), "woken"));
    item.fields.insert("v".into(), ROW_VERSION.into());
    item.fields.insert("until".into(), until.as_millisecond().into());
    item.expires_at = Some(until + SignedDuration::from_hours(1));
    let free = Condition::Any(vec![Condition::Absent, Condition::below("until", now.as_millisecond() + 1)]);
    match write_patiently(&stack.ports, vec![Write::put(item, free)]).await {
        Ok(()) => {}
        Err(TableError::Refused(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let body = poll::wake_up("notification");
    let message = Outgoing { body, delay: SETTLES, attributes: BTreeMap::new() };
    Ok(stack.ports.queue.send(queue, vec![message]).await?)
}
