//! The version before, when another one takes over: how far it has told, where the new one goes on, and what neither
//! tells of.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::FlowError;
use super::super::compile::Compiled;
use super::super::flows::{FlowHead, FlowState};
use super::super::stack::Stack;
use super::feed;
use super::live::{read_up_to, told_before};

/// The live version of a flow that isn't disabled, where this build can read it.
pub(super) async fn version_before(
    stack: &Stack,
    head: &FlowHead,
) -> Result<Option<Arc<Compiled>>, FlowError> {
    if head.state == FlowState::Disabled {
        return Ok(None);
    }
    match stack.flows.compiled(head.id, head.live_version).await {
        Err(FlowError::Asked(_)) => Ok(None),
        compiled => compiled,
    }
}

/// Where the version before has read to, when the new one asks for other records by the same kind of event: what it had
/// yet to read is the new one's, what was committed late meanwhile too, and what both tell of is the same run. With
/// `changed`, what a record was before is known only of what has been read, so that begins now.
pub(super) async fn goes_on_from(
    stack: &Stack,
    was: &FlowHead,
    before: Option<&Compiled>,
    compiled: &Compiled,
) -> Result<Option<Timestamp>, FlowError> {
    let Some(before) = before else { return Ok(None) };
    let (Some(Ok(then)), Some(Ok(now))) = (&before.interest, &compiled.interest) else { return Ok(None) };
    let of =
        |compiled: &Compiled| (compiled.flow.trigger.id.clone(), compiled.flow.trigger.connection.clone());
    let is_the_same = of(before) == of(compiled)
        && then.object == now.object
        && then.events == now.events
        && then.changed.is_none()
        && now.changed.is_none();
    if is_the_same { read_up_to(stack, was, before).await } else { Ok(None) }
}

/// A list that is read no more is looked at once more, so that what came since the last look is told of.
pub(super) async fn looks_once_more(
    stack: &Stack,
    was: &FlowHead,
    before: Option<&Compiled>,
) -> Result<(), FlowError> {
    match before.filter(|_| was.state == FlowState::Enabled) {
        Some(before) => feed::looks_once_more(stack, was, before).await.map(drop),
        None => Ok(()),
    }
}

/// From when on, until its new life begins, what happened is told of by neither version: the one before had yet to
/// read it. `None`: nothing is. Asked before the new life begins, while the place of the one before is what it was.
pub(super) async fn passed_over(
    stack: &Stack,
    was: &FlowHead,
    before: Option<&Compiled>,
    live_from: Timestamp,
) -> Result<Option<Timestamp>, FlowError> {
    let told = match before {
        Some(before) => match told_before(stack, was, before).await {
            // Its connection is gone: how far it had read isn't known.
            Err(FlowError::Asked(_)) => was.begins(),
            told => told?,
        },
        None => was.begins(),
    };
    Ok(told.filter(|told| *told < live_from))
}
