//! What a person does to a flow: push, enable, disable, pause, resume, roll back. Called by the command line;
//! what is noticed while a flow is enabled is `poll`'s, `receive`'s and `keep`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::FlowError;
use super::compile::Compiled;
use super::flows::{FlowHead, FlowState, Kept, NextLife};
use super::poll::going_live::{self, Went};
use super::stack::Stack;
use super::{poll, scopes};
use crate::domain::outcome::Failure;
use crate::ports::table::TableError;

/// What a push came to.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub head: FlowHead,
    /// The text was live already.
    pub unchanged: bool,
    /// The flow is enabled and watches for something else now: that begins at this instant.
    pub live_again: Option<Timestamp>,
}

/// A longer limit is not for a person to wait for: the keeper goes on after it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// How often it is looked whether another worker has made a flow live.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Keeps a checked file as a new version, live at once. An enabled flow whose trigger has changed goes live anew: what
/// it watches for now begins now, and no old record is taken for news. Until then the version before goes on.
pub async fn push(
    stack: &Stack,
    name: &str,
    file_name: &str,
    text: &str,
    files: BTreeMap<String, String>,
) -> Result<Pushed, FlowError> {
    let compiled = Compiled::read(text, file_name, &files, &stack.catalog)?;
    let Kept { head, version, is_new } = stack.flows.keep(name, file_name, text, files).await?;
    let pushed = switch(stack, head, version, &compiled).await?;
    Ok(Pushed { unchanged: pushed.unchanged && !is_new, ..pushed })
}

/// Makes an earlier version live: `to`, or the one before the live one. Without `to`, a version that is on its way to
/// become live is given up.
pub async fn roll_back(stack: &Stack, name: &str, to: Option<u32>) -> Result<Pushed, FlowError> {
    let head = stack.flows.newest(name).await?;
    let before = match head.going_live {
        Some(next) if next.version != head.live_version => head.live_version,
        _ => head.live_version.saturating_sub(1),
    };
    let version = to.unwrap_or(before);
    let Some(compiled) = stack.flows.compiled(head.id, version).await? else {
        let known = format!("`{name}` has versions 1 to {}", head.newest_version);
        return Err(Failure::new("unknown_version", format!("there is no version {version}; {known}")).into());
    };
    switch(stack, head, version, &compiled).await
}

/// Makes a version the live one: at once, where what the flow watches for is what it was; else with a new life.
async fn switch(
    stack: &Stack,
    head: FlowHead,
    version: u32,
    compiled: &Compiled,
) -> Result<Pushed, FlowError> {
    let was = head.live_version;
    let mut is_to_live = head.state != FlowState::Disabled;
    let head = match head.going_live {
        // It goes on where it is, with this text.
        Some(next) if !begins_anew(stack, &head, next.version, compiled).await? => {
            let live_version = if head.state == FlowState::Disabled { version } else { was };
            let going_live = Some(NextLife { version, ..next });
            let head = FlowHead { live_version, going_live, changed_at: stack.now(), ..head };
            stack.flows.change(&head).await?;
            head
        }
        Some(_) => {
            // Also one that was disabled until now: it was about to.
            is_to_live = true;
            without_next_life(stack, &head.name, |head| head).await?
        }
        None => head,
    };
    if head.going_live.is_some() {
        return goes_live(stack, head).await;
    }
    let is_live = head.state != FlowState::Disabled;
    if version == head.live_version && is_live == is_to_live {
        return Ok(Pushed { head, unchanged: version == was, live_again: None });
    }
    if !is_to_live || (is_live && !begins_anew(stack, &head, head.live_version, compiled).await?) {
        let head = FlowHead { live_version: version, changed_at: stack.now(), ..head };
        stack.flows.change(&head).await?;
        return Ok(Pushed { unchanged: version == was, head, live_again: None });
    }
    // Of a flow that isn't live yet, it is the live one from now on.
    let live_version = if is_live { head.live_version } else { version };
    let head = FlowHead { live_version, ..head };
    goes_live(stack, going_live::begin(stack, head, version, compiled).await?).await
}

async fn goes_live(stack: &Stack, head: FlowHead) -> Result<Pushed, FlowError> {
    let head = through(stack, head).await?;
    let live_again = head.live_from.filter(|_| head.going_live.is_none());
    Ok(Pushed { head, unchanged: false, live_again })
}

/// Whether a flow would watch for something else than with that version, or tell of other events of it.
async fn begins_anew(stack: &Stack, head: &FlowHead, than: u32, is: &Compiled) -> Result<bool, FlowError> {
    let watches = |compiled: &Compiled| {
        let interest = compiled.interest.clone().and_then(Result::ok);
        let trigger = &compiled.flow.trigger;
        let watched = interest.map(|it| (it.object, it.filter, it.changed, it.events));
        let feed = compiled.feed.is_some().then(|| poll::feed::watched(&trigger.options));
        (trigger.id.clone(), trigger.connection.clone(), watched, feed)
    };
    let was = stack.flows.compiled(head.id, than).await?;
    Ok(was.is_none_or(|was| watches(&was) != watches(is)))
}

/// Goes live: from now on. Nothing changes for a flow that is enabled. One that has much to remember first may be on
/// its way still when this returns; the keeper goes on.
pub async fn enable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = stack.flows.newest(name).await?;
    match head.state {
        FlowState::Enabled => return through(stack, head).await,
        FlowState::Paused => {
            let advice = format!(
                "`{name}` is paused: `counterfoil flow resume {name}` reads on from where it stopped; to begin at \
                 now instead, `counterfoil flow disable {name}` first"
            );
            return Err(Failure::new("flow_paused", advice).into());
        }
        FlowState::Disabled => {}
    }
    if head.going_live.is_some() {
        return through(stack, head).await;
    }
    let compiled = live(stack, &head).await?;
    if let Some(missing) = scopes::missing(stack, &compiled.flow).await?.first() {
        return Err(missing.failure().into());
    }
    let version = head.live_version;
    let head = FlowHead { catch_up_from: None, fired: None, ..head };
    through(stack, going_live::begin(stack, head, version, &compiled).await?).await
}

/// Goes on until the flow is live, or until it must wait for longer than a person would. What is refused is given up,
/// and the flow is as it was.
async fn through(stack: &Stack, head: FlowHead) -> Result<FlowHead, FlowError> {
    let mut head = head;
    while head.going_live.is_some() {
        match going_live::work(stack, head.id, stack.now() + stack.times.function).await? {
            Went::Over | Went::More => {}
            Went::Busy => stack.ports.clock.sleep(LOOK_AGAIN).await,
            Went::Limited(waits) if waits.until.duration_since(stack.now()) <= PATIENCE => {
                let left = waits.until.duration_since(stack.now()).max(SignedDuration::from_secs(1));
                stack.ports.clock.sleep(left.unsigned_abs()).await;
            }
            Went::Limited(_) | Went::Waits(_) => return stack.flows.newest(&head.name).await,
            Went::Refused(failure) => {
                without_next_life(stack, &head.name, |head| head).await?;
                return Err(failure.into());
            }
        }
        head = stack.flows.newest(&head.name).await?;
    }
    Ok(head)
}

/// Gives up what was on its way to become live, and changes the flow as is said. What has become live meanwhile is
/// there to be changed.
async fn without_next_life(
    stack: &Stack,
    name: &str,
    change: impl Fn(FlowHead) -> FlowHead,
) -> Result<FlowHead, FlowError> {
    loop {
        let was = stack.flows.newest(name).await?;
        let given_up = was.next_life().map(going_live::given_up);
        let head = FlowHead { going_live: None, changed_at: stack.now(), ..change(was) };
        match stack.flows.change_with(&head, given_up.into_iter().collect()).await {
            Ok(()) => return Ok(head),
            Err(FlowError::Table(TableError::Refused(_))) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Gives the place up. What is queued and has not begun is dropped when its turn comes; what has begun goes on.
pub async fn disable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    without_next_life(stack, name, |head| {
        let state = FlowState::Disabled;
        FlowHead { state, live_from: None, catch_up_from: None, fired: None, ..head }
    })
    .await
}

/// Notices nothing more, and keeps the place: `resume` reads on from there.
pub async fn pause(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = stack.flows.newest(name).await?;
    match head.state {
        FlowState::Paused => return Ok(head),
        FlowState::Disabled => return Err(disabled(&head)),
        FlowState::Enabled => {}
    }
    // What a poll under way queues after this look is noticed again on resume, and is one run.
    let compiled = live(stack, &head).await?;
    let catch_up_from = poll::read_up_to(stack, &head, &compiled).await?;
    let head = FlowHead { state: FlowState::Paused, catch_up_from, changed_at: stack.now(), ..head };
    stack.flows.change(&head).await?;
    Ok(head)
}

/// Reads on from where it was paused. A schedule that missed ticks fires once.
pub async fn resume(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    let head = stack.flows.newest(name).await?;
    match head.state {
        FlowState::Enabled => return Ok(head),
        FlowState::Disabled => return Err(disabled(&head)),
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

/// The live version, ready to be walked.
pub async fn live(stack: &Stack, head: &FlowHead) -> Result<Arc<Compiled>, FlowError> {
    let compiled = stack.flows.compiled(head.id, head.live_version).await?;
    Ok(compiled.ok_or_else(|| {
        Failure::new("unknown_flow", format!("the live version of `{}` is gone; push it again", head.name))
    })?)
}

fn disabled(head: &FlowHead) -> FlowError {
    let name = &head.name;
    let failure = match head.going_live {
        Some(_) => Failure::new(
            "going_live",
            format!(
                "`{name}` is going live and notices nothing yet; `counterfoil flow disable {name}` gives that up"
            ),
        ),
        None => Failure::new(
            "flow_disabled",
            format!("`{name}` is disabled; `counterfoil flow enable {name}` goes live from now on"),
        ),
    };
    failure.into()
}
