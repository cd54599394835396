//! Notifications: what a provider says has changed wakes the poll that would have found it anyway.
//!
//! Answered once the wake-up is durable. However many come at once, they wake a poller a few times (`wake`).

mod keys;

pub use keys::{Keys, add_key};

use std::collections::BTreeSet;

use super::FlowError;
use super::rows::{document_of, item_of};
use super::run::write_patiently;
use super::stack::Stack;
use super::wake;
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::notification::{Heard, Notification, Reply};
use crate::ports::queue::POLLED;
use crate::ports::table::{Condition, Key, Write};

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
    let keys = stack.notification_keys.of(provider).await?;
    let mut heard = connector.hear(notification, &keys);
    if heard.is_err()
        && let Some(newer) = stack.notification_keys.newer(provider, &keys).await?
    {
        heard = connector.hear(notification, &newer);
    }
    let heard = match heard {
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
        wake::soon(stack, trigger).await?;
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
