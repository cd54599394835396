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
use super::{keep, poll, scopes};
use crate::domain::outcome::Failure;

/// What a push came to.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub head: FlowHead,
    /// The text was live already.
    pub unchanged: bool,
    /// The flow is enabled and watches for something else now: that begins at this instant.
    pub live_again: Option<Timestamp>,
    /// What happened from then until it begins is told of by neither version.
    pub passed_over: Option<Timestamp>,
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

/// Makes a version the live one, whoever else changes the flow at the same time.
async fn switch(
    stack: &Stack,
    mut head: FlowHead,
    version: u32,
    compiled: &Compiled,
) -> Result<Pushed, FlowError> {
    loop {
        if let Some(pushed) = switched(stack, &head, version, compiled).await? {
            return Ok(pushed);
        }
        head = stack.flows.newest(&head.name).await?;
    }
}

/// At once, where what the flow watches for is what it was; else with a new life. `None`: it isn't as it was read any
/// more, and nothing is done.
async fn switched(
    stack: &Stack,
    was: &FlowHead,
    version: u32,
    compiled: &Compiled,
) -> Result<Option<Pushed>, FlowError> {
    let now = stack.now();
    let is_live = was.state != FlowState::Disabled;
    if let Some(next) = was.going_live
        && !begins_anew(stack, was, next.version, compiled).await?
    {
        // It goes on where it is, with this text.
        let with_this = |head: FlowHead| {
            head.stands_as(was).then_some(FlowHead {
                live_version: if is_live { head.live_version } else { version },
                going_live: Some(NextLife { version, ..next }),
                changed_at: now,
                ..head
            })
        };
        return goes_live(stack, stack.flows.change(&was.name, with_this).await?).await;
    }
    let unchanged = version == was.live_version;
    let pushed = |head| Pushed { head, unchanged, live_again: None, passed_over: None };
    // Also one that is disabled, where it was about to.
    let is_to_live = is_live || was.going_live.is_some();
    let stays = unchanged && is_live == is_to_live;
    if stays && was.going_live.is_none() {
        return Ok(Some(pushed(was.clone())));
    }
    if !stays && is_to_live && (!is_live || begins_anew(stack, was, was.live_version, compiled).await?) {
        return goes_live(stack, going_live::begin(stack, was, version, compiled).await?).await;
    }
    let without_another = |head: FlowHead| {
        let given_up = head.next_life().map(going_live::given_up);
        head.stands_as(was).then(|| {
            let head = FlowHead { live_version: version, going_live: None, changed_at: now, ..head };
            (head, given_up.into_iter().collect())
        })
    };
    Ok(stack.flows.change_with(&was.name, without_another).await?.map(pushed))
}

async fn goes_live(stack: &Stack, begun: Option<FlowHead>) -> Result<Option<Pushed>, FlowError> {
    let Some(head) = begun else { return Ok(None) };
    let head = through(stack, head).await?;
    let live_again = head.live_from.filter(|_| head.going_live.is_none());
    let passed_over = head.passed_over.filter(|_| live_again.is_some());
    Ok(Some(Pushed { head, unchanged: false, live_again, passed_over }))
}

/// Whether a flow would watch for something else than with that version, or tell of other events of it. What a version
/// watches for that this build can't read isn't known, so that another one begins anew.
async fn begins_anew(stack: &Stack, head: &FlowHead, than: u32, is: &Compiled) -> Result<bool, FlowError> {
    let watches = |compiled: &Compiled| {
        let interest = compiled.interest.clone().and_then(Result::ok);
        let trigger = &compiled.flow.trigger;
        let watched = interest.map(|it| (it.object, it.filter, it.changed, it.events));
        let feed = compiled.feed.is_some().then(|| poll::feed::watched(&trigger.options));
        let ticks = keep::schedule_of(&trigger.options).ok().filter(|_| trigger.id == "schedule");
        (trigger.id.clone(), trigger.connection.clone(), watched, feed, ticks)
    };
    let was = match stack.flows.compiled(head.id, than).await {
        Err(FlowError::Asked(_)) => None,
        compiled => compiled?,
    };
    Ok(was.is_none_or(|was| watches(&was) != watches(is)))
}

/// Goes live: from now on. Nothing changes for a flow that is enabled. One that has much to remember first may be on
/// its way still when this returns; the keeper goes on.
pub async fn enable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    loop {
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
        if let Some(head) = going_live::begin(stack, &head, head.live_version, &compiled).await? {
            return through(stack, head).await;
        }
    }
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
                let life = head.next_life();
                let same = |head: FlowHead| (head.next_life() == life).then_some(head);
                without_next_life(stack, &head.name, same).await?;
                return Err(failure.into());
            }
        }
        head = stack.flows.newest(&head.name).await?;
    }
    Ok(head)
}

/// Gives up what was on its way to become live, and changes the flow as is meant. What has become live meanwhile is
/// there to be changed.
async fn without_next_life(
    stack: &Stack,
    name: &str,
    meant: impl Fn(FlowHead) -> Option<FlowHead>,
) -> Result<FlowHead, FlowError> {
    let given_up = |head: FlowHead| {
        let life = head.next_life();
        let head = FlowHead { going_live: None, changed_at: stack.now(), ..meant(head)? };
        Some((head, life.map(going_live::given_up).into_iter().collect()))
    };
    match stack.flows.change_with(name, given_up).await? {
        Some(head) => Ok(head),
        None => stack.flows.newest(name).await,
    }
}

/// Gives the place up. What is queued and has not begun is dropped when its turn comes; what has begun goes on.
pub async fn disable(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    without_next_life(stack, name, |head| {
        let state = FlowState::Disabled;
        Some(FlowHead { state, live_from: None, passed_over: None, catch_up_from: None, fired: None, ..head })
    })
    .await
}

/// Notices nothing more, and keeps the place: `resume` reads on from there.
pub async fn pause(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    loop {
        let was = stack.flows.newest(name).await?;
        match was.state {
            FlowState::Paused => return Ok(was),
            FlowState::Disabled => return Err(disabled(&was)),
            FlowState::Enabled => {}
        }
        // What a poll under way queues after this look is noticed again on resume, and is one run.
        let catch_up_from = match live(stack, &was).await {
            Ok(compiled) => poll::read_up_to(stack, &was, &compiled).await?,
            // What it watches can't be known; nobody has read it for the flow since this build is here.
            Err(FlowError::Asked(_)) => was.begins(),
            Err(error) => return Err(error),
        };
        let paused = |head: FlowHead| {
            is_where(&head, &was).then(|| FlowHead {
                state: FlowState::Paused,
                catch_up_from,
                changed_at: stack.now(),
                ..head
            })
        };
        if let Some(head) = stack.flows.change(name, paused).await? {
            return Ok(head);
        }
    }
}

/// Reads on from where it was paused. A schedule that missed ticks fires once.
pub async fn resume(stack: &Stack, name: &str) -> Result<FlowHead, FlowError> {
    loop {
        let was = stack.flows.newest(name).await?;
        match was.state {
            FlowState::Enabled => return Ok(was),
            FlowState::Disabled => return Err(disabled(&was)),
            FlowState::Paused => {}
        }
        let resumed = |head: FlowHead| {
            let (state, changed_at) = (FlowState::Enabled, stack.now());
            is_where(&head, &was).then_some(FlowHead { state, changed_at, ..head })
        };
        if let Some(head) = stack.flows.change(name, resumed).await? {
            return Ok(head);
        }
    }
}

/// Nobody has moved the flow or changed what it does since it was read.
fn is_where(head: &FlowHead, was: &FlowHead) -> bool {
    head.stands_as(was) && head.catch_up_from == was.catch_up_from
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
