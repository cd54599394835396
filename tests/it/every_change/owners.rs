//! Owners of flows: they enable, pause, resume, disable and push anew while others poll and people act.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::{FlowError, Stack, lifecycle};
use counterfoil::ports::clock::Clock;
use jiff::Timestamp;

use super::flows::{Wanted, flows};
use super::hour::{BELIEVED_FOR, Flow, Hour, State};
use super::model::{Checked, Moment, Watched};
use super::people::Where;
use crate::trouble::Life;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Enable,
    Pause,
    Resume,
    Disable,
    Push { version: usize, revision: u64 },
}

impl Wanted {
    fn watched(&self, version: usize, live_from: Timestamp) -> Watched {
        let wish = &self.versions[version];
        let (flow, told) = (self.name.to_owned(), wish.told.clone());
        Watched { flow, only: wish.only, told, live_from }
    }
}

impl Hour {
    /// Most of them go live at once.
    pub(super) async fn flows_are_written(&mut self, place: Where) {
        for wanted in flows(place) {
            let owner = self.process(Life::of(i64::MAX));
            let (head, _) = push(&owner.stack, wanted.name, &wanted.text(0, 0)).await.expect("pushed");
            if !self.triggers.contains(&wanted.trigger) {
                self.triggers.push(wanted.trigger);
            }
            self.flows.push(Flow {
                id: head.id,
                version: 0,
                revision: 0,
                state: State::Disabled,
                changed_at: self.clock.now(),
                checked: Checked::idle(wanted.watched(0, Timestamp::MAX)),
                before: Vec::new(),
                kept: BTreeSet::new(),
                looks: 0,
                looked_at: self.clock.now(),
                wanted,
            });
            if self.draw(4) > 0 {
                self.clock.advance(BELIEVED_FOR);
                self.happens(self.flows.len() - 1, Deed::Enable).await.expect("live");
            }
        }
    }

    /// Others poll while it is under way, or don't.
    pub(super) async fn an_owner_comes(&mut self) -> Result<(), String> {
        let Some((place, deed)) = self.a_deed() else { return Ok(()) };
        let (name, text) = self.what(place, deed);
        let trigger = self.flows[place].wanted.trigger;
        let owner = self.process(Life::that_stands_after(i64::try_from(self.draw(24)).expect("a count")));
        self.busy.store(self.draw(2) == 0, Ordering::SeqCst);
        let mut work = Box::pin(does(&owner.stack, deed, name, &text));
        let done = tokio::select! {
            biased;
            done = self.flowing(&mut work) => Some(done),
            () = owner.life.stands() => None,
        };
        let done = match done {
            Some(done) => done,
            None => {
                self.tell(&format!("{name}, {deed:?}: its owner stands still"));
                self.time_passes_meanwhile(trigger, false).await?;
                owner.life.go_on();
                self.flowing(work).await
            }
        };
        self.busy.store(false, Ordering::SeqCst);
        self.is_done(place, deed, done, &owner.moments())
    }

    pub(super) async fn an_owner_does_something(&mut self) -> Result<(), String> {
        match self.a_deed() {
            Some((place, deed)) => self.happens(place, deed).await,
            None => Ok(()),
        }
    }

    /// The flow reads on by itself then, and who polls the others may not have heard of it.
    pub(super) async fn an_owner_pauses_and_resumes(&mut self, trigger: &str) -> Result<(), String> {
        let ours = |flow: &Flow| flow.wanted.trigger == trigger && flow.state == State::Enabled;
        let places: Vec<usize> = (0..self.flows.len()).filter(|place| ours(&self.flows[*place])).collect();
        if self.calm || places.is_empty() {
            return Ok(());
        }
        let place = places[self.one_of(places.len())];
        for deed in [Deed::Pause, Deed::Resume] {
            self.happens(place, deed).await?;
        }
        self.clock.advance(BELIEVED_FOR);
        Ok(())
    }

    /// What is paused is resumed; and each flow is as its owner has left it.
    pub(super) async fn everything_goes_on(&mut self) -> Result<(), String> {
        for place in 0..self.flows.len() {
            if self.flows[place].state == State::Paused {
                self.happens(place, Deed::Resume).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn flows_are_as_their_owners_left_them(&self) -> Result<(), String> {
        let owner = self.process(Life::of(i64::MAX));
        for flow in &self.flows {
            let head = owner.stack.flows.named(flow.wanted.name).await.map_err(|error| error.to_string())?;
            let state = match flow.state {
                State::Disabled => FlowState::Disabled,
                State::Enabled => FlowState::Enabled,
                State::Paused => FlowState::Paused,
            };
            if (head.state, u64::from(head.live_version)) != (state, flow.revision + 1) {
                return Err(format!(
                    "{} was left {state:?} in revision {}: {head:?}",
                    head.name, flow.revision
                ));
            }
        }
        Ok(())
    }

    fn a_deed(&self) -> Option<(usize, Deed)> {
        let place = self.one_of(self.flows.len());
        let flow = &self.flows[place];
        let revision = flow.revision + 1;
        let again = Deed::Push { version: flow.version, revision };
        let other = Deed::Push { version: self.one_of(flow.wanted.versions.len()), revision };
        let deed = match (flow.state, self.draw(6)) {
            (State::Disabled, 0) => other,
            (State::Disabled, _) => Deed::Enable,
            _ if self.calm => again,
            (State::Enabled, 0) => again,
            (State::Enabled, 1..3) => other,
            (State::Enabled, 3) => Deed::Disable,
            (State::Enabled, _) => Deed::Pause,
            (State::Paused, 0) => again,
            (State::Paused, 1) => Deed::Disable,
            (State::Paused, _) => Deed::Resume,
        };
        if matches!(deed, Deed::Enable | Deed::Push { .. })
            && self.clock.now() < flow.changed_at + BELIEVED_FOR
        {
            // Within seconds nobody could say of which of two goings-live a process hasn't heard.
            self.clock.advance(BELIEVED_FOR);
        }
        Some((place, deed))
    }

    fn what(&self, place: usize, deed: Deed) -> (&'static str, String) {
        let wanted = &self.flows[place].wanted;
        let text = match deed {
            Deed::Push { version, revision } => wanted.text(version, revision),
            _ => String::new(),
        };
        (wanted.name, text)
    }

    async fn happens(&mut self, place: usize, deed: Deed) -> Result<(), String> {
        let (name, text) = self.what(place, deed);
        let owner = self.process(Life::of(i64::MAX));
        let done = self.flowing(does(&owner.stack, deed, name, &text)).await;
        self.is_done(place, deed, done, &owner.moments())
    }

    fn is_done(
        &mut self,
        place: usize,
        deed: Deed,
        done: Result<(FlowHead, bool), FlowError>,
        read: &[Moment],
    ) -> Result<(), String> {
        let (now, moment) = (self.clock.now(), self.people.now());
        let flow = &mut self.flows[place];
        let name = flow.wanted.name;
        let (head, live_again) = done.map_err(|error| format!("{name}, {deed:?}: {error}"))?;
        let must_begin_anew = match deed {
            Deed::Enable => true,
            Deed::Push { version, .. } => flow.state == State::Enabled && version != flow.version,
            Deed::Pause | Deed::Resume | Deed::Disable => false,
        };
        if live_again != must_begin_anew {
            return Err(format!("{name}, {deed:?}: whether it begins anew: {live_again}"));
        }
        match deed {
            Deed::Enable | Deed::Resume => flow.state = State::Enabled,
            Deed::Disable => flow.state = State::Disabled,
            Deed::Pause => flow.state = State::Paused,
            Deed::Push { version, revision } => (flow.version, flow.revision) = (version, revision),
        }
        if live_again {
            let live_from = head.live_from.ok_or("it is live")?;
            let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
            // From now on, as the provider says when it is asked first.
            let (asked, told) = (read.first().unwrap_or(&moment), read.get(1).unwrap_or(&moment));
            let watched = flow.wanted.watched(flow.version, live_from);
            // What the version before had yet to read is told of by this one, unless it depends on what was before.
            let takes_over = deed != Deed::Enable && watched.may_take_over(&flow.checked.watched);
            let earliest = if takes_over { flow.checked.watched.live_from } else { whole(asked.at) };
            if live_from < earliest || live_from > told.at {
                return Err(format!("{name} is live from {live_from}, and it was asked at {}", asked.at));
            }
            let collection = flow.wanted.collection;
            let checked = self.people.history(|history| {
                let empty = BTreeMap::new();
                let there = history.records.get(collection).unwrap_or(&empty);
                Checked::goes_live(watched, there, read.get(2..).unwrap_or_default(), &mut flow.checked)
            });
            flow.before.push(std::mem::replace(&mut flow.checked, checked));
        }
        if live_again || !matches!(deed, Deed::Push { .. }) {
            flow.changed_at = now;
            (flow.looks, flow.looked_at) = (0, now);
            flow.kept.clear();
        }
        self.tell(&format!("{name}: {deed:?}"));
        Ok(())
    }
}

/// The flow afterwards, and whether it has begun anew.
async fn does(stack: &Stack, deed: Deed, name: &str, text: &str) -> Result<(FlowHead, bool), FlowError> {
    match deed {
        Deed::Enable => Ok((lifecycle::enable(stack, name).await?, true)),
        Deed::Pause => Ok((lifecycle::pause(stack, name).await?, false)),
        Deed::Resume => Ok((lifecycle::resume(stack, name).await?, false)),
        Deed::Disable => Ok((lifecycle::disable(stack, name).await?, false)),
        Deed::Push { .. } => push(stack, name, text).await,
    }
}

async fn push(stack: &Stack, name: &str, text: &str) -> Result<(FlowHead, bool), FlowError> {
    let pushed = lifecycle::push(stack, name, "flow.yaml", text, BTreeMap::new()).await?;
    Ok((pushed.head, pushed.live_again.is_some()))
}
