//! Where a flow reads on from, and how its poll is doing.

use jiff::Timestamp;
use serde::Serialize;

use super::super::FlowError;
use super::super::compile::Compiled;
use super::super::flows::FlowHead;
use super::super::stack::Stack;
use super::lease::{self, Lease};
use super::place::{Failed, Place, watch_key};
use super::{OVERLAP, listens_to};
use crate::domain::connection::Provider;
use crate::ports::table::Key;

/// How far a polled flow has been read; it reads the overlap again when it goes on from there. `None`: not polled.
pub(in crate::flow) async fn read_up_to(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    let Some(place) = place_of(stack, head, compiled).await? else { return Ok(None) };
    Ok(place.start(std::iter::once(head)).map(|start| start - OVERLAP).max(head.begins()))
}

/// Everything older was told to a polled flow, or is none of its. `None`: not polled.
pub(super) async fn told_before(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
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
    match watch_of(stack, head, compiled, head.catch_up_from.is_some()).await? {
        Some(key) => lease::read(stack, &key).await.map(Some),
        None => Ok(None),
    }
}

/// The place that a flow had when it read on by itself before.
pub(in crate::flow) async fn forget_own_place(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
) -> Result<(), FlowError> {
    match watch_of(stack, head, compiled, true).await? {
        Some(key) => Lease::<Place>::forget(stack, &key).await,
        None => Ok(()),
    }
}

async fn watch_of(
    stack: &Stack,
    head: &FlowHead,
    compiled: &Compiled,
    own: bool,
) -> Result<Option<Key>, FlowError> {
    if compiled.interest.is_none() || Provider::of(&compiled.flow.trigger.id).is_none() {
        return Ok(None);
    }
    let (interest, connection) = listens_to(stack, compiled).await?;
    let alone = if own { head.id.to_string() } else { String::new() };
    Ok(Some(watch_key(&connection.id, &compiled.flow.trigger.id, &interest, &alone)))
}
