//! Where a flow reads on from, and how its poll is doing.

use jiff::Timestamp;
use serde::Serialize;

use super::super::FlowError;
use super::super::compile::Compiled;
use super::super::flows::FlowHead;
use super::super::stack::Stack;
use super::place::{Failed, Place, alone, watch_key};
use super::{OVERLAP, feed, lease, listens_to};
use crate::domain::connection::Provider;

/// How far a polled flow has been read; it reads the overlap again when it goes on from there. `None`: not polled.
pub(in crate::flow) async fn read_up_to(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    let Some(place) = place_of(stack, head, compiled).await? else { return Ok(None) };
    Ok(place.start(std::iter::once(head)).map(|start| start - OVERLAP).max(head.begins()))
}

/// Everything older was told to a flow that reads, or is none of its. `None`: it doesn't read.
pub(super) async fn told_before(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    if compiled.feed.is_some() {
        return feed::told_before(stack, head).await;
    }
    let Some(place) = place_of(stack, head, compiled).await? else { return Ok(None) };
    Ok(place.start(std::iter::once(head)).max(head.begins()))
}

/// How the poll of a flow is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Standing {
    /// By the provider's clock, how far changes are known: as good as when it was last polled. `None`: not yet.
    pub read_up_to: Option<Timestamp>,
    /// Why the last poll failed, and since when they do; `None`: it did not.
    pub failed: Option<Failed>,
}

/// `None`: not polled.
pub async fn standing(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Standing>, FlowError> {
    let place = place_of(stack, head, compiled).await?;
    Ok(place.map(|place| Standing { read_up_to: place.cursor, failed: place.failed }))
}

/// The place of the watch that the flow listens at.
async fn place_of(stack: &Stack, head: &FlowHead, compiled: &Compiled) -> Result<Option<Place>, FlowError> {
    if compiled.interest.is_none() || Provider::of(&compiled.flow.trigger.id).is_none() {
        return Ok(None);
    }
    let (interest, connection) = listens_to(stack, compiled).await?;
    let alone = head.catch_up_from.map(|_| alone(head)).unwrap_or_default();
    let key = watch_key(&connection.id, &compiled.flow.trigger.id, &interest, &alone);
    lease::read(stack, &key).await.map(Some)
}
