//! What a person does to a flow: push, enable, disable, pause, resume, roll back. Called by the command line and the
//! console; what is noticed while a flow is enabled is `poll`'s, `receive`'s and `keep`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::FlowError;
use super::compile::Compiled;
use super::flows::{FlowHead, FlowState};
use super::poll;
use super::scopes;
use super::stack::Stack;
use crate::domain::outcome::Failure;

/// What a push came to.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub head: FlowHead,
    /// The text was live already.
    pub unchanged: bool,
    /// The flow is enabled and watches for something else now: that begins at this instant.
    pub live_again: Option<Timestamp>,
}

/// Keeps a checked file as a new version, live at once. An enabled flow whose trigger has changed goes live anew:
/// what it watches for now begins now, and no old record is taken for news.
pub async fn push(
    stack: &Stack,
    name: &str,
    file_name: &str,
    text: &str,
    files: BTreeMap<String, String>,
) -> Result<Pushed, FlowError> {
    stack.flows.forget_heads();
    let before = stack.flows.head(name).await?;
    let compiled = Compiled::read(text, file_name, &files, &stack.catalog)?;
    let Some(before) = before else {
        let head = stack.flows.push(name, file_name, text, files).await?;
        return Ok(Pushed { head, unchanged: false, live_again: None });
    };
    let anew = begins_anew(stack, &before, &compiled).await?;
    let pushed = async {
        let head = stack.flows.push(name, file_name, text, files).await?;
        if anew { go_live_anew(stack, head, &compiled).await } else { Ok((head, None)) }
    };
    let (head, live_again) = switched(stack, &before, anew, pushed).await?;
    Ok(Pushed { unchanged: before.live_version == head.live_version, head, live_again })
}

/// Makes an earlier version live: `to`, or the one before the live one.
pub async fn roll_back(stack: &Stack, name: &str, to: Option<u32>) -> Result<Pushed, FlowError> {
    let before = current(stack, name).await?;
    let version = to.unwrap_or_else(|| before.live_version.saturating_sub(1));
    let Some(compiled) = stack.flows.compiled(before.id, version).await? else {
        let known = format!("`{name}` has versions 1 to {}", before.newest_version);
        return Err(Failure::new("unknown_version", format!("there is no version {version}; {known}")).into());
    };
    if version == before.live_version {
        return Ok(Pushed { head: before, unchanged: true, live_again: None });
    }
    let anew = begins_anew(stack, &before, &compiled).await?;
    let rolled_back = async {
        let now = current(stack, name).await?;
        let head = FlowHead { live_version: version, changed_at: stack.now(), ..now };
        stack.flows.change(&head).await?;
        if anew { go_live_anew(stack, head, &compiled).await } else { Ok((head, None)) }
    };
    let (head, live_again) = switched(stack, &before, anew, rolled_back).await?;
    Ok(Pushed { head, unchanged: false, live_again })
}

/// Whether an enabled flow would watch for something else now.
async fn begins_anew(stack: &Stack, before: &FlowHead, is: &Compiled) -> Result<bool, FlowError> {
    if before.state != FlowState::Enabled {
        return Ok(false);
    }
    let watches = |compiled: &Compiled| {
        let interest = compiled.interest.clone().and_then(Result::ok);
        let trigger = &compiled.flow.trigger;
        let watched =
            interest.map(|interest| (interest.object, interest.filter, interest.changed, interest.events));
        let feed = compiled.feed.is_some().then(|| poll::feed::watched(&trigger.options));
        (trigger.id.clone(), trigger.connection.clone(), watched, feed)
    };
    let was = stack.flows.compiled(before.id, before.live_version).await?;
    Ok(was.is_none_or(|was| watches(&was) != watches(is)))
}

async fn go_live_anew(
    stack: &Stack,
    head: FlowHead,
    compiled: &Compiled,
) -> Result<(FlowHead, Option<Timestamp>), FlowError> {
    let head = FlowHead { catch_up_from: None, ..poll::go_live(stack, &head, compiled).await? };
    stack.flows.change(&head).await?;
    let from = head.live_from;
    Ok((head, from))
}

/// Switches to another version. One that begins anew notices nothing, as if it were paused, until it is live: no old
/// record may be taken for news of it. If it can't go live, the one before is as it was, and has missed nothing.
async fn switched<T>(
    stack: &Stack,
    before: &FlowHead,
    anew: bool,
    switch: impl Future<Output = Result<T, FlowError>>,
) -> Result<T, FlowError> {
    if anew {
        stack.flows.change(&paused(stack, before.clone()).await?).await?;
    }
    let switched = switch.await;
    if anew && switched.is_err() {
        let newest_version = current(stack, &before.name).await?.newest_version;
        stack.flows.change(&FlowHead { newest_version, ..before.clone() }).await?;
    }
    switched
}

/// Goes live: from now on. Nothing changes for a flow that is enabled.
pub async fn enable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = current(stack, name).await?;
    match head.state {
        FlowState::Enabled => return Ok(head),
        FlowState::Paused => {
            let advice = format!(
                "`{name}` is paused: `counterfoil flow resume {name}` reads on from where it stopped; to begin at \
                 now instead, `counterfoil flow disable {name}` first"
            );
            return Err(Failure::new("flow_paused", advice).into());
        }
        FlowState::Disabled => {}
    }
    let compiled = live(stack, &head).await?;
    if let Some(missing) = scopes::missing(stack, &compiled.flow).await?.first() {
        return Err(missing.failure().into());
    }
    let head = FlowHead { catch_up_from: None, fired: None, ..head };
    let head = poll::go_live(stack, &head, &compiled).await?;
    stack.flows.change(&head).await?;
    Ok(head)
}

/// Gives the place up. What is queued and has not begun is dropped when its turn comes; what has begun goes on.
pub async fn disable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = current(stack, name).await?;
    let state = FlowState::Disabled;
    let changed_at = stack.now();
    let head = FlowHead { state, live_from: None, catch_up_from: None, fired: None, changed_at, ..head };
    stack.flows.change(&head).await?;
    Ok(head)
}

/// Notices nothing more, and keeps the place: `resume` reads on from there.
pub async fn pause(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = current(stack, name).await?;
    match head.state {
        FlowState::Paused => return Ok(head),
        FlowState::Disabled => return Err(disabled(name)),
        FlowState::Enabled => {}
    }
    let head = paused(stack, head).await?;
    stack.flows.change(&head).await?;
    Ok(head)
}

async fn paused(stack: &Stack, head: FlowHead) -> Result<FlowHead, FlowError> {
    // What a poll under way queues after this look is noticed again on resume, and is one run.
    let compiled = live(stack, &head).await?;
    let catch_up_from = poll::read_up_to(stack, &head, &compiled).await?;
    Ok(FlowHead { state: FlowState::Paused, catch_up_from, changed_at: stack.now(), ..head })
}

/// Reads on from where it was paused. A schedule that missed ticks fires once.
pub async fn resume(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = current(stack, name).await?;
    match head.state {
        FlowState::Enabled => return Ok(head),
        FlowState::Disabled => return Err(disabled(name)),
        FlowState::Paused => {}
    }
    let head = FlowHead { state: FlowState::Enabled, changed_at: stack.now(), ..head };
    if head.catch_up_from.is_some() {
        // Of an earlier pause it may remember a place; this one counts.
        let compiled = live(stack, &head).await?;
        poll::forget_own_place(stack, &head, &compiled).await?;
    }
    stack.flows.change(&head).await?;
    Ok(head)
}

async fn current(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    stack.flows.forget_heads();
    stack.flows.named(name).await
}

/// The live version, ready to be walked.
pub async fn live(stack: &Stack, head: &FlowHead) -> Result<Arc<Compiled>, FlowError> {
    let compiled = stack.flows.compiled(head.id, head.live_version).await?;
    Ok(compiled.ok_or_else(|| {
        Failure::new("unknown_flow", format!("the live version of `{}` is gone; push it again", head.name))
    })?)
}

fn disabled(name: &str) -> FlowError {
    Failure::new(
        "flow_disabled",
        format!("`{name}` is disabled; `counterfoil flow enable {name}` goes live from now on"),
    )
    .into()
}
