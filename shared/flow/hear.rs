//! Notifications: what a provider says has changed wakes the poll that would have found it anyway.
//!
//! Answered once the wake-up is durable, or in time that it isn't: then it is sent again. However many come at once, they
//! wake a poller a few times (`wake`).

mod keys;
mod sequences;

pub use keys::add_key;

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::FlowError;
use super::stack::Stack;
use super::wake;
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::clock::within;
use crate::ports::notification::{Notification, Reply};
use crate::ports::queue::POLLED;
use keys::Keys;
use sequences::{Place, Sequences, Subscription};

/// Xero waits five seconds and counts what takes longer as not delivered; a subscription that fails for a day is ended.
/// <https://developer.xero.com/documentation/guides/webhooks/configuring-your-server>
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_secs(3);

/// A number that is missing has mostly been overtaken: what it tells of is heard within seconds, and wakes whom it is
/// about. Looking at everything isn't needed before it is known to be lost.
const LATE_WITHIN: SignedDuration = SignedDuration::from_secs(60);

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
    let deadline = stack.now() + ANSWERED_WITHIN;
    let failure =
        match within(stack.ports.clock.as_ref(), deadline, taken(stack, provider, notification)).await {
            Some(Ok(reply)) => return reply,
            Some(Err(error)) => error.failure(),
            None => Failure::new("no_time", "the table or the queue took too long"),
        };
    tracing::warn!(provider = provider.as_str(), code = %failure.code, "a notification could not be kept; it comes again");
    Reply::empty(503)
}

async fn taken(
    stack: &Stack,
    provider: Provider,
    notification: &Notification<'_>,
) -> Result<Reply, FlowError> {
    let Some(connector) = stack.catalog.connector(provider) else {
        return Err(Failure::new("no_connector", provider.as_str()).into());
    };
    let mut keys = stack.hearing.keys.of(provider).await?;
    let mut heard = connector.hear(notification, &keys);
    if heard.is_err()
        && let Some(newer) = stack.hearing.keys.newer(provider, &keys).await?
    {
        keys = newer;
        heard = connector.hear(notification, &keys);
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
    let unread: BTreeSet<&str> = heard.unread.iter().flatten().map(String::as_str).collect();
    let named = heard.changed.iter().map(|(account, _)| account.as_str());
    let strangers: BTreeSet<&str> = named.chain(unread.iter().copied()).collect();
    for account in strangers.difference(&accounts) {
        tracing::warn!(
            provider = provider.as_str(),
            account,
            "a notification of an account that no connection leads to wakes nobody; is it the one that was meant?"
        );
    }
    let known = heard.changed.iter().map(|(account, trigger)| (*trigger, account.as_str()));
    let all = polled_of(provider).flat_map(|trigger| unread.iter().map(move |account| (trigger, *account)));
    let known = known.chain(all).filter(|(_, account)| accounts.contains(account));
    let mut woken = wake::each(known.map(|(trigger, account)| (trigger, Some(account))), None);
    let sequences = &stack.hearing.sequences;
    let subscription = keys.get(heard.key).map(|key| Subscription::signed_with(provider, key));
    let numbered = match subscription.zip(heard.sequence) {
        Some((of, (first, last))) => Some((of, sequences.place(of, first).await?, last)),
        None => None,
    };
    let is_unread = heard.unread.contains(&None);
    if is_unread || numbered.is_some_and(|(_, place, _)| place != Place::InOrder) {
        let why = if is_unread { "a notification can't be read" } else { "notifications were missed" };
        tracing::warn!(provider = provider.as_str(), why, "everything is looked at");
        let not_before = (!is_unread).then(|| stack.now() + LATE_WITHIN);
        woken.extend(wake::each(polled_of(provider).map(|trigger| (trigger, None)), not_before));
    }
    wake::soon(stack, woken).await?;
    // Last: a gap whose wake-ups failed is seen again when the notification comes again.
    if let Some((of, place, last)) = numbered {
        sequences.note(of, place, last).await?;
    }
    Ok(heard.answer)
}

/// The triggers of a provider that are polled.
fn polled_of(provider: Provider) -> impl Iterator<Item = &'static str> {
    POLLED.into_iter().map(|(id, _)| id).filter(move |id| Provider::of(id) == Some(provider))
}
