//! `counterfoil flow enable`, `disable`, `pause` and `resume`. What it comes to is said first; what is done is
//! `lifecycle`'s.

use std::process::ExitCode;
use std::time::Duration;

use counterfoil::domain::outcome::Failure;
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::lifecycle::{self, Pushed};
use counterfoil::flow::poll::going_live::{self, Progress};
use counterfoil::flow::preview::{self, Dropped, Preview};
use counterfoil::flow::{FlowError, Stack};
use counterfoil::ports::connector::{Bound, Counted};
use serde_json::json;

use super::live::webhook;
use crate::commands::until_stopped;
use crate::output;
use crate::place::Place;

/// Says what each comes to, and goes live with it; `look`: says it only.
pub(super) async fn enable(
    place: &Place,
    names: &[String],
    look: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let stack = place.existing()?;
    stack.flows.forget_heads();
    let mut done = Vec::new();
    let mut lacking = false;
    let mut left = names;
    while let [name, others @ ..] = left {
        let head = stack.flows.named(name).await?;
        if !look && head.state == FlowState::Paused {
            // Refused, with the way out: there is nothing to look forward to.
            lifecycle::enable(&stack, name).await?;
        }
        let compiled = lifecycle::live(&stack, &head).await?;
        let preview = preview::preview(&stack, &head, compiled.clone()).await?;
        if !json {
            say(&preview, &head);
        }
        lacking |= !preview.missing.is_empty();
        let (head, stopped) = if look {
            (head, false)
        } else {
            let expected = preview.remembers.as_ref().map(|remembers| remembers.counted.count);
            match shown(&stack, name, expected, lifecycle::enable(&stack, name)).await? {
                Went::Through(head) => (head, false),
                Went::OnItsWay(head) => (*head, true),
                Went::Nowhere => break,
            }
        };
        left = others;
        let progress = going_live::progress(&stack, &head).await?;
        if json {
            let state = head.state;
            done.push(json!({ "preview": preview, "state": state, "live_from": head.live_from, "going_live": progress }));
        } else if let Some(progress) = progress.filter(|_| !look) {
            output::line(format!("{name} is {}", on_its_way(&progress)));
            output::note(goes_on(&head));
        } else if !look {
            let from = head.live_from.map(|from| format!(", live from {from} on")).unwrap_or_default();
            let address = webhook(&head, &compiled).map(|path| format!("; events are posted to {path}"));
            output::line(format!("{name} is enabled{from}{}", address.unwrap_or_default()));
        }
        if stopped {
            break;
        }
    }
    if json {
        output::document(&json!({ "flows": done }))?;
    }
    all_were_reached(left.iter().map(String::as_str))?;
    Ok(if look && lacking { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// How often a terminal is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What became of a flow that was to go live while somebody waited.
pub(super) enum Went<T> {
    Through(T),
    /// Ctrl-C: it goes on by itself.
    OnItsWay(Box<FlowHead>),
    /// Ctrl-C, before it was on its way.
    Nowhere,
}

impl Went<Pushed> {
    /// The version, on its way or there, and whether Ctrl-C was pressed meanwhile.
    pub(super) fn pushed(self) -> Option<(Pushed, bool)> {
        match self {
            Self::Through(pushed) => Some((pushed, false)),
            Self::OnItsWay(head) => {
                Some((Pushed { head: *head, unchanged: false, live_again: None, passed_over: None }, true))
            }
            Self::Nowhere => None,
        }
    }
}

/// Draws a bar while a flow goes live, until it is or until Ctrl-C.
pub(super) async fn shown<T>(
    stack: &Stack,
    name: &str,
    expected: Option<u64>,
    work: impl Future<Output = Result<T, FlowError>>,
) -> anyhow::Result<Went<T>> {
    let bar = output::progress(expected.unwrap_or_default(), "going live");
    let watching = async {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let Some(head) = stack.flows.head(name).await? else { continue };
            if let Some(progress) = going_live::progress(stack, &head).await? {
                bar.set_length(expected.unwrap_or_default().max(progress.read));
                bar.set_position(progress.read);
            }
        }
    };
    let done: anyhow::Result<Option<T>> = tokio::select! {
        done = work => done.map(Some).map_err(Into::into),
        failed = watching => failed,
        stopped = until_stopped() => stopped.map(|()| None).map_err(Into::into),
    };
    bar.finish_and_clear();
    if let Some(done) = done? {
        return Ok(Went::Through(done));
    }
    stack.flows.forget_heads();
    let on_its_way = stack.flows.head(name).await?.filter(|head| head.going_live.is_some());
    Ok(on_its_way.map_or(Went::Nowhere, |head| Went::OnItsWay(Box::new(head))))
}

/// A command that Ctrl-C has ended before it came to these hasn't done what it was asked for.
pub(super) fn all_were_reached<'a>(left: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let left: Vec<_> = left.map(|name| format!("`{name}`")).collect();
    if left.is_empty() {
        return Ok(());
    }
    let advice = "`counterfoil flow list` shows what there is";
    Err(Failure::new("stopped", format!("before this was done for {}; {advice}", left.join(", "))).into())
}

/// `going live with version 2, 1200 records read`
pub(super) fn on_its_way(progress: &Progress) -> String {
    let Progress { version, live_from, read, waits } = progress;
    let waits = waits.as_ref().map(|waits| format!("; waits until {:.0}: {}", waits.until, waits.failure));
    format!(
        "going live with version {version}, {read} records read; what happens since {live_from:.0} is told of then{}",
        waits.unwrap_or_default()
    )
}

pub(super) fn goes_on(head: &FlowHead) -> String {
    let name = &head.name;
    let give_up = if head.state == FlowState::Disabled { "disable" } else { "rollback" };
    format!(
        "it goes on by itself while `counterfoil up` runs, or on AWS; `counterfoil flow status {name}` shows how far it \
         is, `counterfoil flow {give_up} {name}` gives it up"
    )
}

fn say(preview: &Preview, head: &FlowHead) {
    let name = &preview.flow;
    let from = match (head.state, head.live_from) {
        (FlowState::Enabled, Some(from)) => format!("as it does since {from}"),
        _ => "from now on".to_owned(),
    };
    let at = preview.connection.as_ref().map(|connection| format!(" of {connection}")).unwrap_or_default();
    output::line(format!("{name}: fires for {}{at}, {from}", preview.fires));
    if let Some(left_out) = &preview.left_out {
        output::line(format!("  {left_out}"));
    }
    if let Some(already) = &preview.already
        && already.counted.count > 0
    {
        output::line(format!("  {} {}", counted(&already.counted), already.because));
        output::line(format!(
            "  `counterfoil flow backfill {name} --since DATE` takes those that changed since"
        ));
    }
    if let Some(failure) = &preview.not_counted {
        output::line(format!("  what is there already could not be counted: {failure}"));
    }
    if let Some(remembers) = &preview.remembers {
        output::line(format!(
            "  {} records are read first and remembered, so that none is taken for news: about {} calls",
            counted(&Counted { names: Vec::new(), ..remembers.counted.clone() }),
            remembers.calls
        ));
    }
    if let (Some(polls), Some(connection)) = (&preview.polls, &preview.connection) {
        let limit = polls.daily_limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        let left = polls.left_today.map(|left| format!(", {left} are left today")).unwrap_or_default();
        let cost = match polls.shared_with.as_slice() {
            [] => format!("looking costs {} calls a day", polls.a_day),
            others => format!("looking costs no more: it is shared with {}", others.join(", ")),
        };
        output::line(format!("  {cost}; all that looks at {connection}: {}{limit}{left}", polls.all_a_day));
        if let Some(why) = polls.reads_more {
            output::line(format!("  {why}"));
        }
    }
    for missing in &preview.missing {
        output::line(format!("  {}", missing.failure()));
    }
}

/// `at least 100 (A, B, C, …)`
fn counted(counted: &Counted) -> String {
    let bound = match counted.bound {
        Bound::Exact => "",
        Bound::AtLeast => "at least ",
        Bound::AtMost => "at most ",
    };
    let more = if counted.count > counted.names.len() as u64 { ", …" } else { "" };
    let names = match counted.names.as_slice() {
        [] => String::new(),
        names => format!(" ({}{more})", names.join(", ")),
    };
    format!("{bound}{}{names}", counted.count)
}

pub(super) async fn disable(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    stack.flows.forget_heads();
    for name in names {
        let dropped = dropped(&stack, name).await?;
        lifecycle::disable(&stack, name).await?;
        output::line(format!("{name} is disabled and its place given up; runs that have begun go on"));
        let Some(dropped) = dropped else { continue };
        output::line(match dropped.queued_of_all_flows {
            0 => "  nothing is queued, so nothing that is queued is dropped".to_owned(),
            some => format!("  of the {some} events of all flows that are queued, its own are dropped"),
        });
        if let (Some(unseen), Some(from)) = (&dropped.unseen, dropped.read_up_to) {
            output::line(format!(
                "  {} changed since {from:.0}, when it last looked, and will not be seen",
                counted(unseen)
            ));
        }
    }
    Ok(())
}

/// `None`: what a flow watches isn't known whose text this build can't read.
async fn dropped(stack: &Stack, name: &str) -> anyhow::Result<Option<Dropped>> {
    let head = stack.flows.named(name).await?;
    match lifecycle::live(stack, &head).await {
        Ok(compiled) => Ok(Some(preview::dropped(stack, &head, compiled).await?)),
        Err(FlowError::Asked(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn pause(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        let head = lifecycle::pause(&stack, name).await?;
        let place = head.catch_up_from.map(|from| format!(" at {from}")).unwrap_or_default();
        output::line(format!(
            "{name} is paused{place}; `counterfoil flow resume {name}` reads on from there"
        ));
    }
    Ok(())
}

pub(super) async fn resume(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let stack = place.existing()?;
    for name in names {
        let head = lifecycle::resume(&stack, name).await?;
        let from = head.catch_up_from.map(|from| format!(", and reads on from {from}")).unwrap_or_default();
        output::line(format!("{name} is enabled again{from}"));
    }
    Ok(())
}
