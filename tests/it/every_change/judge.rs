//! Whether what came out of the polls is as it must be.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil::domain::event::RunMessage;
use counterfoil::domain::ids::FlowId;

use super::hour::{BELIEVED_FOR, Flow, Hour, State};
use super::model::Look;

/// What came out while these looked.
pub(super) struct Seen {
    trigger: &'static str,
    looks: Vec<Look>,
    messages: Vec<RunMessage>,
}

/// After so many polls a flow shares its watch for sure, and nothing is told again.
const SHARES_AFTER: u32 = 4;

impl Hour {
    /// To be judged when it is known what became of the flows meanwhile.
    pub(super) fn saw(&mut self, trigger: &'static str, looks: Vec<Look>) {
        for look in &looks {
            self.tell(&format!("{trigger} was polled, to its end: {}", look.ended_well));
        }
        let messages = self.plain.take_runs();
        self.seen.push(Seen { trigger, looks, messages });
    }

    pub(super) fn all_is_right(&mut self) -> Result<(), String> {
        for seen in std::mem::take(&mut self.seen) {
            self.is_right(seen)?;
        }
        Ok(())
    }

    fn is_right(&mut self, seen: Seen) -> Result<(), String> {
        let Seen { trigger, looks, messages } = seen;
        let mut came: BTreeMap<FlowId, BTreeSet<String>> = BTreeMap::new();
        for message in messages {
            let event = message.event.as_ref().ok_or("an event of its own")?;
            let key = event.key.as_str().to_owned();
            self.is_as_it_was(&message)?;
            let looked_back = looks.iter().any(|look| look.looks_back);
            if !self.queued.insert((message.flow, key.clone())) && self.calm && !looked_back {
                return Err(format!("{key} was queued twice, and nothing had gone wrong"));
            }
            came.entry(message.flow).or_default().insert(key);
        }
        for flow in &self.flows {
            for key in came.get(&flow.id).into_iter().flatten() {
                self.tell(&format!("{} is told of {key}", flow.wanted.name));
            }
        }
        for flow in &mut self.flows {
            let came = came.remove(&flow.id).unwrap_or_default();
            let mut looks = looks.clone();
            let stale = flow.is_stale_to(&looks);
            match flow.state {
                _ if flow.wanted.trigger != trigger => looks.clear(),
                _ if stale => looks.iter_mut().for_each(|look| look.ended_well = false),
                State::Enabled => {}
                State::Paused | State::Disabled => looks.clear(),
            }
            let collection = flow.wanted.collection;
            self.people.history(|history| {
                let empty = BTreeMap::new();
                let records = history.records.get(collection).unwrap_or(&empty);
                let before = if stale { flow.before.as_mut_slice() } else { &mut [] };
                flow.checked.check(records, &looks, &came, before)
            })?;
            flow.tells_nothing_again(&looks, came)?;
        }
        match came.keys().next() {
            Some(stranger) => Err(format!("there is no flow {stranger}")),
            None => Ok(()),
        }
    }

    /// The record that came is a version that there was.
    fn is_as_it_was(&self, message: &RunMessage) -> Result<(), String> {
        let event = message.event.as_ref().ok_or("an event of its own")?;
        let id = event.record_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let fits = self.people.history(|history| {
            let record = history.records.values().find_map(|records| records.get(&id));
            record.is_some_and(|record| {
                record.versions.iter().any(|version| {
                    let of = |name: &str| event.record[name].as_str().unwrap_or_default();
                    version
                        .values
                        .iter()
                        .all(|(name, value)| event.record.get(*name).is_none() || of(name) == value.as_str())
                })
            })
        });
        if fits { Ok(()) } else { Err(format!("{} was never as it came: {}", event.key, event.record)) }
    }
}

impl Flow {
    /// Whether one of these may have believed that the flow is as it was before its owner changed it.
    fn is_stale_to(&self, looks: &[Look]) -> bool {
        looks.iter().any(|look| look.began <= self.changed_at + BELIEVED_FOR)
    }

    /// What a poll that came to its end has told of, no other one that does tells again, as long as the flow is what
    /// it was: it would mean that a place was overwritten with an older one.
    fn tells_nothing_again(&mut self, looks: &[Look], came: BTreeSet<String>) -> Result<(), String> {
        let well = !looks.is_empty() && looks.iter().all(|look| look.ended_well && !look.looks_back);
        if !well {
            return Ok(());
        }
        if let Some(key) = came.intersection(&self.kept).next() {
            return Err(format!("{}: {key} is told again, and all had gone well", self.wanted.name));
        }
        let began = looks.iter().map(|look| look.began).max().unwrap_or_default();
        if began > self.looked_at + BELIEVED_FOR {
            (self.looked_at, self.looks) = (began, self.looks + 1);
        }
        if self.looks > SHARES_AFTER {
            self.kept.extend(came);
        }
        Ok(())
    }
}
