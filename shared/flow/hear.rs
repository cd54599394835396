//! Notifications: what a provider says has changed wakes the poll that would have found it anyway.
//!
//! Answered once the wake-up is durable. However many come at once, they wake a poller a few times (`wake`).

mod keys;
mod sequences;

pub use keys::add_key;

use std::collections::BTreeSet;

use super::FlowError;
use super::stack::Stack;
use super::wake;
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::notification::{Notification, Reply};
use crate::ports::queue::POLLED;
use keys::Keys;
use sequences::Sequences;

/// What a process remembers of notifications, so that each costs the table one write and the vault nothing.
#[derive(Debug, Clone)]
pub struct Hearing {
    keys: Keys,
    sequences: Sequences,
}

impl Hearing {
    pub fn new(ports: &Ports) -> Self {
        Self { keys: Keys::new(ports.clone()), sequences: Sequences::new(ports.clone()) }
    }
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
    let keys = stack.hearing.keys.of(provider).await?;
    let mut heard = connector.hear(notification, &keys);
    if heard.is_err()
        && let Some(newer) = stack.hearing.keys.newer(provider, &keys).await?
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
    let hearing = &stack.hearing;
    if let Some((first, _)) = heard.sequence
        && hearing.sequences.have_gap(provider, first).await?
    {
        tracing::warn!(provider = provider.as_str(), "notifications were missed; everything is looked at");
        triggers.extend(POLLED.into_iter().map(|(id, _)| id).filter(|id| Provider::of(id) == Some(provider)));
    }
    for trigger in triggers {
        wake::soon(stack, trigger).await?;
    }
    // Last: a gap whose wake-ups failed is seen again when the notification comes again.
    if let Some((_, last)) = heard.sequence {
        hearing.sequences.note(provider, last).await?;
    }
    Ok(heard.answer)
}
