//! One group, from its row to its members' answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;

use super::super::account::{Client, retry};
use super::super::rows::{Doubt, GroupMember, GroupRow, group_key};
use super::super::run::{NotWritten, write_patiently};
use super::super::{FlowError, fault_of, recover, transitions};
use super::{Answer, Ask, Gate, Waiting};
use crate::domain::effect::EffectKind;
use crate::domain::ids::{EffectKey, GroupId};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::{Element, Endpoint, MemberOutcome, Verdict};
use crate::ports::random::{below, time_ordered_uuid};
use crate::ports::table::{Condition, Write};

impl Gate {
    /// One group, from its row to its members' answers.
    pub(super) async fn send(&self, mut members: Vec<Waiting>) {
        let Some(first) = members.first() else { return };
        let client = Arc::clone(&first.ask.client);
        let Some(endpoint) = self.stack.catalog.endpoint(first.ask.operation.endpoint).cloned() else {
            return;
        };
        let permit = match client.reserve().await {
            Ok(permit) => permit,
            Err(fault) => return answer_all(members, |_| Answer::Fault(fault.clone())),
        };
        let reads = endpoint.effect() == EffectKind::Read;
        let row = loop {
            let row = self.group_row(&client, endpoint.as_ref(), &members);
            if reads {
                break row;
            }
            let lease = row.created_at + self.stack.times.lease;
            let put = Write::put(row.item(Some(lease)), Condition::Absent);
            if let Err(error) = write_patiently(&self.stack.ports, vec![put]).await {
                client.cancel(&permit).await;
                let fault = fault_of(&error.into(), self.stack.now());
                return answer_all(members, |_| Answer::Fault(fault.clone()));
            }
            let all = members.len();
            members = self.point(&row, members).await;
            if members.len() == all {
                break row;
            }
            // Someone was dropped, so these bytes are never sent: the rest become a new group.
            let delete = Write::Delete { key: group_key(row.group), when: Condition::Always };
            let _ = write_patiently(&self.stack.ports, vec![delete]).await;
            if members.is_empty() {
                client.cancel(&permit).await;
                return;
            }
        };

        let key = (!reads).then(|| row.key());
        let leased = client.until(row.created_at + self.stack.times.lease);
        let exchange = match leased.send(permit, &row.call, key.as_deref()).await {
            Ok(exchange) => exchange,
            Err(fault) => {
                // Nothing was applied: no token, refused twice, or no time before the lease ends.
                return self.not_applied(row, endpoint.as_ref(), members, fault).await;
            }
        };
        match (exchange.verdict, exchange.response) {
            (Verdict::Answered, Some(response)) => {
                let outcomes = endpoint.settle(&row.shape, &row.elements(), &response);
                self.answered(row, endpoint, client, members, outcomes).await;
            }
            (Verdict::Refused(failure), _) if places(&row) > 1 => {
                tracing::info!(group = %row.group, code = %failure.code, "refused as a whole; halving");
                self.halve(row, members, failure).await;
            }
            (Verdict::Refused(failure), _) => {
                let refused = |element| endpoint.refused(element, failure.clone());
                let outcomes = row.elements().iter().map(refused).collect();
                self.answered(row, endpoint, client, members, outcomes).await;
            }
            (Verdict::InDoubt { failure, .. }, _) if reads => {
                let fault = retry(self.stack.now(), failure);
                self.not_applied(row, endpoint.as_ref(), members, fault).await;
            }
            (Verdict::InDoubt { answered, failure }, _) => {
                self.in_doubt(row, endpoint, client, members, Doubt { answered, failure }).await;
            }
            (verdict, _) => {
                let fault = client.fault(verdict).await;
                self.not_applied(row, endpoint.as_ref(), members, fault).await;
            }
        }
    }

    fn group_row(&self, client: &Client, endpoint: &dyn Endpoint, waiting: &[Waiting]) -> GroupRow {
        let group =
            GroupId(time_ordered_uuid(self.stack.ports.clock.as_ref(), self.stack.ports.random.as_ref()));
        let mut elements: Vec<Element> = Vec::new();
        let mut members = Vec::with_capacity(waiting.len());
        for Waiting { ask, .. } in waiting {
            let equal = (!ask.operation.unique.is_empty())
                .then(|| elements.iter().position(|element| element.value == ask.operation.element))
                .flatten();
            let place = equal.unwrap_or_else(|| {
                elements.push(Element { marker: ask.effect.marker(), value: ask.operation.element.clone() });
                elements.len() - 1
            });
            members.push(GroupMember {
                run: ask.run.id,
                effect: ask.effect.clone(),
                element: elements[place].clone(),
                sets: ask.operation.sets.clone(),
                place,
            });
        }
        let shape = waiting.first().map(|w| w.ask.operation.shape.clone()).unwrap_or_default();
        let now = self.stack.now();
        GroupRow {
            group,
            connection: client.connection.id.clone(),
            endpoint: endpoint.id().to_owned(),
            call: endpoint.compose(&shape, &elements),
            shape,
            members,
            created_at: now,
            sent_at: now,
            repeated_at: None,
            rekeyed: 0,
            doubt: None,
            results: None,
            versions: Vec::new(),
        }
    }

    /// Writes the pointers; who can't be pointed at the group gets its answer and is dropped.
    async fn point(&self, row: &GroupRow, members: Vec<Waiting>) -> Vec<Waiting> {
        let now = self.stack.now();
        let pointed = join_all(members.into_iter().map(|mut member| async move {
            let ask = &mut member.ask;
            let mut extra = ask.extra.clone();
            if let Some(sets) = &ask.operation.sets {
                match transitions::own_writes(&self.stack, &row.connection, row.group, sets).await {
                    Ok(writes) => extra.extend(writes),
                    Err(error) => return (member, Err(fault(&error, now))),
                }
            }
            let links = ask.extra.len();
            let written = ask.run.point(now, &ask.effect_id, row.group, ask.input.clone(), extra).await;
            let answer = match written {
                Ok(()) => {
                    // Its claims are ours now; pointed at another group, they'd stand in their own way.
                    ask.extra.clear();
                    return (member, Ok(()));
                }
                Err(NotWritten::Fenced) => Answer::Fenced,
                Err(NotWritten::Order) => Answer::Order,
                Err(NotWritten::Extra(place)) if place < links => Answer::LinkTaken,
                Err(NotWritten::Extra(_)) => Answer::Fault(fault_of(
                    &FlowError::Asked(Failure::new("memory_conflict", "the transition memory changed")),
                    now,
                )),
                Err(NotWritten::Table(error)) => Answer::Fault(fault_of(&error.into(), now)),
            };
            (member, Err(answer))
        }))
        .await;
        let mut kept = Vec::new();
        for (member, outcome) in pointed {
            match outcome {
                Ok(()) => kept.push(member),
                Err(answer) => {
                    member.reply.send(answer);
                }
            }
        }
        kept
    }

    /// The call was answered: the results are written, learnt from, and handed out.
    async fn answered(
        &self,
        mut row: GroupRow,
        endpoint: Arc<dyn Endpoint>,
        client: Arc<Client>,
        members: Vec<Waiting>,
        mut outcomes: Vec<MemberOutcome>,
    ) {
        outcomes.resize(places(&row), MemberOutcome::Unclear);
        let elements = row.elements();
        row.wrote(&outcomes, client.connector.as_ref());
        let outcomes = recover::adopt(client.as_ref(), endpoint.as_ref(), &row, outcomes).await;
        let reads = endpoint.effect() == EffectKind::Read;
        let unclear = outcomes.contains(&MemberOutcome::Unclear);
        row.results = Some(outcomes.clone());
        if unclear {
            let failure = Failure::new("unclear_answer", "the answer could not be matched to what was sent");
            row.doubt = Some(Doubt { answered: true, failure });
        }
        if !reads && !self.results(&row, !unclear).await {
            return answer_all(members, |_| Answer::Fenced);
        }
        if let Err(fault) = endpoint.learn(&elements, &outcomes, client.as_ref()).await {
            tracing::warn!(group = %row.group, code = %fault.failure().code, "the account's picture was not updated");
        }
        if unclear && !reads {
            let recovered = recover::recover(&self.stack, client.as_ref(), row.clone()).await;
            return self.hand_out_recovered(&row, members, recovered);
        }
        let draw = self.draw();
        let now = self.stack.now();
        let rows: BTreeMap<EffectKey, usize> =
            row.members.iter().map(|member| (member.effect.clone(), member.place)).collect();
        answer_each(members, |ask, attempts| {
            let outcome = rows.get(&ask.effect).and_then(|place| outcomes.get(*place)).cloned();
            match outcome.unwrap_or(MemberOutcome::Unclear) {
                MemberOutcome::Retry(failure) => {
                    Answer::Fault(again(now, attempts, draw, Reason::Failed, failure))
                }
                // A read changes nothing, so that nothing about it can be in doubt.
                MemberOutcome::Unclear if reads => {
                    let failure =
                        Failure::new("unclear_answer", "the answer could not be matched to what was asked");
                    Answer::Fault(again(now, attempts, draw, Reason::Failed, failure))
                }
                outcome => Answer::Outcome(outcome),
            }
        })
        .await;
    }

    /// Refused as a whole, nothing applied: both halves again, under new keys, until the bad one stands alone.
    async fn halve(&self, mut row: GroupRow, members: Vec<Waiting>, failure: Failure) {
        row.results = Some(vec![MemberOutcome::Retry(failure); places(&row)]);
        let reads = self
            .stack
            .catalog
            .endpoint(&row.endpoint)
            .is_some_and(|endpoint| endpoint.effect() == EffectKind::Read);
        if !reads && !self.results(&row, true).await {
            return answer_all(members, |_| Answer::Fenced);
        }
        let middle = places(&row).div_ceil(2);
        let place_of: BTreeMap<EffectKey, usize> =
            row.members.iter().map(|member| (member.effect.clone(), member.place)).collect();
        let (left, right): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|member| place_of.get(&member.ask.effect).is_some_and(|place| *place < middle));
        Box::pin(self.send(left)).await;
        Box::pin(self.send(right)).await;
    }

    /// The answer was lost, or was no use: the doubt is written down, and recovery tried at once.
    async fn in_doubt(
        &self,
        mut row: GroupRow,
        endpoint: Arc<dyn Endpoint>,
        client: Arc<Client>,
        members: Vec<Waiting>,
        doubt: Doubt,
    ) {
        tracing::warn!(group = %row.group, endpoint = endpoint.id(), code = %doubt.failure.code, "in doubt");
        row.doubt = Some(doubt);
        if !self.results(&row, false).await {
            return answer_all(members, |_| Answer::Fenced);
        }
        let recovered = recover::recover(&self.stack, client.as_ref(), row.clone()).await;
        self.hand_out_recovered(&row, members, recovered);
    }

    fn hand_out_recovered(
        &self,
        row: &GroupRow,
        members: Vec<Waiting>,
        recovered: Result<Vec<MemberOutcome>, Fault>,
    ) {
        match recovered {
            Ok(outcomes) => {
                let now = self.stack.now();
                for member in members {
                    let place = row.members.iter().find(|m| m.effect == member.ask.effect).map(|m| m.place);
                    let answer = match place.and_then(|place| outcomes.get(place)).cloned() {
                        // Known not to have happened: made again, under a new key, at once.
                        Some(MemberOutcome::Retry(failure)) => {
                            Answer::Outcome(MemberOutcome::Replan(failure))
                        }
                        Some(outcome) => Answer::Outcome(outcome),
                        None => Answer::Fault(retry(now, Failure::new("unclear_answer", "no result"))),
                    };
                    member.reply.send(answer);
                }
            }
            Err(fault) => answer_all(members, |_| Answer::Fault(fault.clone())),
        }
    }

    /// Nothing was applied: the row says so, and every member tries again together.
    async fn not_applied(
        &self,
        mut row: GroupRow,
        endpoint: &dyn Endpoint,
        members: Vec<Waiting>,
        fault: Fault,
    ) {
        let now = self.stack.now();
        row.results = Some(vec![MemberOutcome::Retry(fault.failure().clone()); places(&row)]);
        if endpoint.effect() != EffectKind::Read && !self.results(&row, true).await {
            return answer_all(members, |_| Answer::Fenced);
        }
        let draw = self.draw();
        tracing::debug!(connection = %row.connection, code = %fault.failure().code, "not applied");
        answer_each(members, |_, attempts| {
            Answer::Fault(match &fault {
                Fault::Retry(Again { reason: Reason::Failed, failure, .. }) => {
                    again(now, attempts, draw, Reason::Failed, failure.clone())
                }
                other => other.clone(),
            })
        })
        .await;
    }

    /// Writes what is known of the group. A result is a fact about the world: it is written unconditionally. Then
    /// what was noted for those that were not applied is taken back.
    async fn results(&self, row: &GroupRow, done: bool) -> bool {
        let lease = (!done).then(|| self.stack.now() + self.stack.times.lease);
        let put = Write::put(row.item(lease), Condition::Always);
        let written = async {
            write_patiently(&self.stack.ports, vec![put]).await?;
            transitions::take_back(&self.stack, row).await
        };
        match written.await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(group = %row.group, %error, "the results could not be written; recovery will find them");
                false
            }
        }
    }

    /// One draw for a whole call, so that its members come back together.
    fn draw(&self) -> u64 {
        below(self.stack.ports.random.as_ref(), 1_000)
    }
}

fn fault(error: &FlowError, now: Timestamp) -> Answer {
    Answer::Fault(fault_of(error, now))
}

pub(super) fn places(row: &GroupRow) -> usize {
    row.members.iter().map(|member| member.place + 1).max().unwrap_or(0)
}

fn answer_all(members: Vec<Waiting>, answer: impl Fn(&Ask) -> Answer) {
    for member in members {
        let answer = answer(&member.ask);
        member.reply.send(answer);
    }
}

async fn answer_each(members: Vec<Waiting>, answer: impl Fn(&Ask, u32) -> Answer) {
    for member in members {
        let attempts = member.ask.run.step(&member.ask.effect_id).await.map_or(0, |step| step.attempts);
        let answer = answer(&member.ask, attempts);
        member.reply.send(answer);
    }
}

/// Exponential with full jitter, rounded up to five-second slots: 8 attempts over about six hours.
pub fn again(now: Timestamp, attempts: u32, draw: u64, reason: Reason, failure: Failure) -> Fault {
    let mut ceiling: i64 = 20;
    for _ in 0..attempts.min(8) {
        ceiling = ceiling * 33 / 10;
    }
    let drawn = ceiling * i64::try_from(draw).unwrap_or(500) / 1_000;
    let slots = drawn / 5 + 1;
    let second = (now.as_second() / 5 + slots) * 5;
    let at = Timestamp::from_second(second).unwrap_or(now);
    Fault::Retry(Again { at, reason, failure })
}
