//! `counterfoil flow backfill`: starts one, shows how far it is, stops it. The keeper does the work, wherever it is.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use counterfoil::domain::outcome::Failure;
use counterfoil::domain::run::Status;
use counterfoil::flow::Stack;
use counterfoil::flow::backfill::{self, Progress, State, USUAL_SHARE, Wish};

use crate::commands::until_stopped;
use crate::output;
use crate::place::Place;
use crate::since::{Since, when};

pub(super) const EXAMPLES: &str = "\
Examples:
  counterfoil flow backfill my-flow --since 2026-01-01
  counterfoil flow backfill my-flow --since 2026-01-01 --until 2026-02-01 --share 50
  counterfoil flow backfill my-flow            shows how far it is
  counterfoil flow backfill my-flow --stop

What ran before runs no second time. With `changed`, records that satisfy it now and changed since run once each.
New documents of Xero are those whose own date is in the time; new contacts, those that were made in it.";

#[derive(Debug, clap::Args)]
pub(super) struct Backfill {
    name: String,
    /// From then on: 30d, 2026-01-15 or 2026-01-15T03:20:11Z
    #[arg(long, value_name = "SINCE", value_parser = when)]
    since: Option<Since>,
    /// Up to then, not included; without it, up to now
    #[arg(long, value_name = "UNTIL", value_parser = when, requires = "since")]
    until: Option<Since>,
    /// Percent of an account's calls a day that all backfills together may use
    #[arg(long, value_name = "PERCENT", default_value_t = USUAL_SHARE, requires = "since",
        value_parser = clap::value_parser!(u8).range(1..=100))]
    share: u8,
    /// Begins nothing more; what has begun goes on
    #[arg(long, conflicts_with = "since")]
    stop: bool,
    /// One JSON document: how far it is now
    #[arg(long)]
    json: bool,
}

/// How often a terminal is told.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Backfill {
    pub(super) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let stack = place.existing()?;
        let name = &self.name;
        if let Some(since) = self.since {
            let now = stack.now();
            let until = self.until.map(|until| until.from(now)).transpose()?;
            let wish = Wish { since: since.from(now)?, until, share: self.share };
            let begun = backfill::start(&stack, name, &wish).await?;
            // Its first page at once; the rest is the keeper's.
            backfill::work(&stack, begun.flow, now + stack.times.function).await?;
        } else if self.stop {
            backfill::stop(&stack, name).await?;
        }
        if !self.json && !self.stop && std::io::stderr().is_terminal() {
            return watch(&stack, name).await;
        }
        let progress = of(&stack, name).await?;
        if self.json {
            output::document(&progress)?;
        } else {
            output::line(told(&progress));
            if progress.state == State::Running {
                output::note(advice(name));
            }
        }
        Ok(code(&progress))
    }
}

async fn of(stack: &Stack, name: &str) -> anyhow::Result<Progress> {
    let progress = backfill::progress(stack, name).await?;
    let none = || {
        Failure::new("no_backfill_yet", format!("`{name}` has had no backfill; begin one with --since DATE"))
    };
    Ok(progress.ok_or_else(none)?)
}

/// Draws a bar until it has ended, or until Ctrl-C, which leaves it to go on.
async fn watch(stack: &Stack, name: &str) -> anyhow::Result<ExitCode> {
    let bar = output::progress(0, "backfill");
    let ended = async {
        loop {
            let progress = of(stack, name).await?;
            if progress.state != State::Running {
                return anyhow::Ok(progress);
            }
            let total = progress.expected.unwrap_or_default().max(progress.looked_at);
            bar.set_length(total);
            bar.set_position(progress.looked_at.saturating_sub(progress.remaining));
            bar.set_message(briefly(&progress));
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let progress: anyhow::Result<Option<Progress>> = tokio::select! {
        ended = ended => ended.map(Some),
        stopped = until_stopped() => stopped.map(|()| None).map_err(Into::into),
    };
    bar.finish_and_clear();
    match progress? {
        Some(progress) => {
            output::line(told(&progress));
            Ok(code(&progress))
        }
        None => {
            output::note(advice(name));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn advice(name: &str) -> String {
    format!(
        "it goes on by itself while `counterfoil up` runs, or on AWS; `counterfoil flow backfill {name}` shows how far it is, \
         with --stop it ends"
    )
}

fn code(progress: &Progress) -> ExitCode {
    if progress.state == State::Failed { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn briefly(progress: &Progress) -> String {
    let failed = ended(progress, |status| matches!(status, Status::Failed | Status::InDoubt));
    let waits = progress.waits.as_ref().map(|waits| format!(" ({})", waits.failure.code)).unwrap_or_default();
    format!("backfill: {} found, {} to go, {failed} failed{waits}", progress.found, progress.remaining)
}

fn ended(progress: &Progress, which: impl Fn(Status) -> bool) -> u64 {
    progress.ended.iter().filter(|(status, _)| which(**status)).map(|(_, count)| count).sum()
}

/// All of it in a few words.
pub(super) fn told(progress: &Progress) -> String {
    let mut words = format!(
        "backfill since {}: {}; {} looked at{}, {} found, {} of them had run before, {} queued, {} to go",
        progress.since,
        progress.state.as_str(),
        progress.looked_at,
        progress.expected.map(|expected| format!(" of about {expected}")).unwrap_or_default(),
        progress.found,
        progress.ran_before,
        progress.queued,
        progress.remaining,
    );
    for (status, count) in &progress.ended {
        words.push_str(&format!(", {count} {}", status.as_str()));
    }
    for calls in &progress.calls {
        let allowed = calls.allowed.map(|allowed| format!(" of {allowed}")).unwrap_or_default();
        words.push_str(&format!("; {}{allowed} calls of {} used today", calls.used, calls.connection));
    }
    if let Some(waits) = &progress.waits {
        words.push_str(&format!("; waits until {:.0}: {}", waits.until, waits.failure));
    }
    if let Some(failure) = &progress.failure {
        words.push_str(&format!("; {failure}"));
    }
    words
}
