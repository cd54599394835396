//! Recovery: what became of a group whose answer isn't known, found out once for all its members.
//!
//! Whoever meets such a group takes its lease. A group to which some member doesn't point was never sent. *No
//! answer* and young: the same bytes under the same key. *An answer that was no use* (5xx): never the same key, for
//! providers cache errors under it. Older: looked up by marker; what is found is ours; what isn't is made again
//! under a new key, but only when the first call can't still be running over there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::account::{Client, retry};
use super::rows::{Doubt, GroupRow, StoredRun, group_key, run_key};
use super::run::write_patiently;
use super::stack::Stack;
use super::{fault_of, transitions};
use crate::domain::effect::EffectKind;
use crate::domain::ids::GroupId;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::clock::later;
use crate::ports::connector::{Endpoint, MemberOutcome, Verdict};
use crate::ports::table::{Condition, TableError, Write};

/// Within a process, one recovery of a group at a time: the others read its result.
#[derive(Clone, Default)]
pub struct Recoveries {
    running: Arc<Mutex<HashMap<GroupId, Arc<tokio::sync::Mutex<()>>>>>,
}

impl std::fmt::Debug for Recoveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recoveries")
    }
}

/// What a group came to, for one who finds a pointer to it: its row with results, `None` when it was never sent.
pub async fn join(stack: &Stack, client: &Client, group: GroupId) -> Result<Option<GroupRow>, Fault> {
    let lock = {
        let mut running = stack.recoveries.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        running.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(running.entry(group).or_default())
    };
    let _alone = lock.lock().await;
    let now = stack.now();
    let ground = |error: super::FlowError| fault_of(&error, now);
    let items = stack.ports.table.get(&[group_key(group)]).await.map_err(|e| ground(e.into()))?;
    let Some(item) = items.into_iter().next().flatten() else { return Ok(None) };
    let mut row = GroupRow::read(&item).map_err(|e| ground(e.into()))?;
    if known(&row) {
        return Ok(Some(row));
    }
    let lease_until = item.integer("lease_until").unwrap_or(0);
    if lease_until > now.as_millisecond() {
        let at = Timestamp::from_millisecond(lease_until).unwrap_or(now);
        let failure =
            Failure::new("group_leased", format!("call {group} is being made or recovered until {at:.0}"));
        return Err(Fault::Retry(Again { at, reason: Reason::NotStarted, failure }));
    }
    let taken =
        Write::put(row.item(Some(now + stack.times.lease)), Condition::equals("lease_until", lease_until));
    match write_patiently(&stack.ports, vec![taken]).await {
        Ok(()) => {}
        Err(TableError::Refused(_)) => {
            let failure = Failure::new("group_leased", format!("call {group} is being recovered elsewhere"));
            let at = now + SignedDuration::from_secs(5);
            return Err(Fault::Retry(Again { at, reason: Reason::NotStarted, failure }));
        }
        Err(error) => return Err(ground(error.into())),
    }
    // What is in doubt was sent; its members' pointers may have gone since, where a person has decided for one.
    let sent = row.doubt.is_some() || row.results.is_some() || row.repeated_at.is_some();
    if !sent && !everyone_points(stack, &row).await? {
        let nothing = GroupRow { results: Some(vec![not_made(); row.elements().len()]), ..row };
        transitions::take_back(stack, &nothing).await.map_err(ground)?;
        let delete = Write::Delete { key: group_key(group), when: Condition::Always };
        write_patiently(&stack.ports, vec![delete]).await.map_err(|e| ground(e.into()))?;
        tracing::info!(%group, "was never sent; given up");
        return Ok(None);
    }
    tracing::info!(%group, endpoint = %row.endpoint, members = row.members.len(), "recovering");
    let outcomes = recover(stack, client, row.clone()).await?;
    row.results = Some(outcomes);
    Ok(Some(row))
}

/// Whether it isn't known yet what became of a group.
pub async fn is_open(stack: &Stack, group: GroupId) -> bool {
    match stack.ports.table.get(&[group_key(group)]).await {
        Ok(items) => items
            .into_iter()
            .next()
            .flatten()
            .is_some_and(|item| !GroupRow::read(&item).is_ok_and(|row| known(&row))),
        Err(_) => true,
    }
}

/// All members are pointed at a group before it is sent.
async fn everyone_points(stack: &Stack, row: &GroupRow) -> Result<bool, Fault> {
    let keys: Vec<_> = row.members.iter().map(|member| run_key(member.run)).collect();
    let now = stack.now();
    let items = stack.ports.table.get(&keys).await.map_err(|e| fault_of(&e.into(), now))?;
    Ok(items.into_iter().all(|item| {
        let Some(stored) = item.and_then(|item| StoredRun::read(&item).ok()) else { return false };
        stored.row.steps.values().any(|step| step.group == Some(row.group))
    }))
}

/// Every member's outcome is known.
fn known(row: &GroupRow) -> bool {
    row.results.as_ref().is_some_and(|results| !results.contains(&MemberOutcome::Unclear))
}

/// Finds out, by one who holds the lease. `MemberOutcome::Retry`: it did not happen. A fault: not known yet; the
/// row says from when on it may be asked again.
pub async fn recover(stack: &Stack, client: &Client, mut row: GroupRow) -> Result<Vec<MemberOutcome>, Fault> {
    let Some(endpoint) = stack.catalog.endpoint(&row.endpoint).cloned() else {
        return Err(Fault::terminal(
            "unknown_endpoint",
            format!("{} was made by a build that knows {}; this one doesn't", row.group, row.endpoint),
        ));
    };
    let key_until = key_is_known_until(stack, client, &row);
    let outcome = match endpoint.effect() {
        EffectKind::Read => Ok(vec![not_made(); row.elements().len()]),
        EffectKind::Send => Err(Fault::InDoubt(Failure::new(
            "in_doubt",
            format!(
                "whether call {} was made can't be looked up; decide with `counterfoil run resolve`",
                row.group
            ),
        ))),
        EffectKind::Set => resend(stack, client, endpoint.as_ref(), &mut row, key_until).await,
        EffectKind::Create if key_until.is_none() => look_up(stack, client, endpoint.as_ref(), &row).await,
        EffectKind::Create => match resend(stack, client, endpoint.as_ref(), &mut row, key_until).await {
            // The same key brought no clear answer: look instead.
            Err(Fault::InDoubt(_)) => look_up(stack, client, endpoint.as_ref(), &row).await,
            other => other,
        },
    };
    conclude(stack, client, endpoint.as_ref(), row, outcome).await
}

/// Until when the provider would answer the same bytes under the same key with the first answer; `None`: it doesn't any
/// more, or its answer was of no use.
fn key_is_known_until(stack: &Stack, client: &Client, row: &GroupRow) -> Option<Timestamp> {
    let limits = client.connector.limits(&client.connection);
    let window = limits.key_window.filter(|_| !row.doubt.as_ref().is_some_and(|doubt| doubt.answered))?;
    Some(later(row.sent_at, window)).filter(|until| stack.now() < *until)
}

/// The same bytes again: under the same key, in time before it is forgotten or not at all, or else under a new one. Which
/// of the two was decided before: this takes its time, and what leaves under another key than was meant is made twice.
async fn resend(
    stack: &Stack,
    client: &Client,
    endpoint: &dyn Endpoint,
    row: &mut GroupRow,
    key_until: Option<Timestamp>,
) -> Result<Vec<MemberOutcome>, Fault> {
    let lease = stack.now() + stack.times.lease;
    let timeout = client.connector.limits(&client.connection).timeout;
    let client = &client.until(key_until.map_or(lease, |until| later(until, timeout).min(lease)));
    let permit = client.reserve().await?;
    let now = stack.now();
    if key_until.is_some() {
        row.repeated_at = Some(now);
    } else {
        row.rekeyed += 1;
        row.sent_at = now;
        row.repeated_at = None;
        row.doubt = None;
    }
    // Written before it is sent: who looks it up later must know how long this one may still be running.
    let put = Write::put(row.item(Some(lease)), Condition::Always);
    if let Err(error) = write_patiently(&stack.ports, vec![put]).await {
        client.cancel(&permit).await;
        return Err(fault_of(&error.into(), stack.now()));
    }
    let exchange = client.send(permit, &row.call, Some(&row.key())).await?;
    let elements = row.elements();
    match (exchange.verdict, exchange.response) {
        (Verdict::Answered, Some(response)) => {
            let outcomes = endpoint.settle(&row.shape, &elements, &response);
            if outcomes.contains(&MemberOutcome::Unclear) {
                row.results = Some(outcomes);
                row.doubt = Some(Doubt { answered: true, failure: unclear() });
                return Err(Fault::InDoubt(unclear()));
            }
            Ok(adopt(client, endpoint, row, outcomes).await)
        }
        // Refused as a whole, so nothing of it was applied: each is planned again, and halved from there.
        (Verdict::Refused(failure), _) if elements.len() > 1 => {
            Ok(vec![MemberOutcome::Retry(failure); elements.len()])
        }
        (Verdict::Refused(failure), _) => {
            let outcomes =
                elements.iter().map(|element| endpoint.refused(element, failure.clone())).collect();
            Ok(adopt(client, endpoint, row, outcomes).await)
        }
        (Verdict::InDoubt { answered, failure }, _) => {
            row.doubt = Some(Doubt { answered, failure: failure.clone() });
            Err(Fault::InDoubt(failure))
        }
        (verdict, _) => Err(client.fault(verdict).await),
    }
}

/// "There is one already": adopted when it carries our marker, else refused for the reason given.
pub async fn adopt(
    client: &Client,
    endpoint: &dyn Endpoint,
    row: &GroupRow,
    mut outcomes: Vec<MemberOutcome>,
) -> Vec<MemberOutcome> {
    if !outcomes.iter().any(|outcome| matches!(outcome, MemberOutcome::Taken(_))) {
        return outcomes;
    }
    // Ours would have been made by an earlier attempt of the same effect.
    let since = row.created_at - SignedDuration::from_hours(24);
    let found = endpoint.look_up(&row.shape, &row.elements(), since, client).await;
    for (place, outcome) in outcomes.iter_mut().enumerate() {
        let MemberOutcome::Taken(failure) = outcome else { continue };
        *outcome = match found.as_ref().map(|found| found.get(place).cloned().flatten()) {
            Ok(Some(document)) => MemberOutcome::Done(document),
            Ok(None) => MemberOutcome::Failed(failure.clone()),
            // Not known whose it is: asked again, which changes nothing.
            Err(fault) => MemberOutcome::Retry(fault.failure().clone()),
        };
    }
    outcomes
}

/// Reads back what carries our markers.
async fn look_up(
    stack: &Stack,
    client: &Client,
    endpoint: &dyn Endpoint,
    row: &GroupRow,
) -> Result<Vec<MemberOutcome>, Fault> {
    let elements = row.elements();
    // It may have left as late as its lease allowed.
    let left_by = row.repeated_at.unwrap_or(row.sent_at) + stack.times.lease;
    let over_at = later(left_by, client.connector.limits(&client.connection).longest_call);
    // Known before it is looked for: what is made while one reads may not be seen. An answer whose members could not be
    // told apart was a whole answer: that call has ended.
    let ended = row.results.is_some() || stack.now() > over_at;
    let found = endpoint.look_up(&row.shape, &elements, row.created_at, client).await?;
    let mut outcomes = row.results.clone().unwrap_or_default();
    outcomes.resize(elements.len(), MemberOutcome::Unclear);
    for (outcome, found) in outcomes.iter_mut().zip(found) {
        if *outcome == MemberOutcome::Unclear {
            *outcome = match found {
                Some(document) => MemberOutcome::Done(document),
                None if ended => not_made(),
                None => MemberOutcome::Unclear,
            };
        }
    }
    if outcomes.contains(&MemberOutcome::Unclear) {
        let failure = Failure::new(
            "in_doubt",
            format!(
                "the answer of call {} was lost and it may still be running; looked up again at {over_at:.0}",
                row.group
            ),
        );
        let at = over_at + SignedDuration::from_secs(1);
        return Err(Fault::Retry(Again { at, reason: Reason::NotStarted, failure }));
    }
    Ok(outcomes)
}

/// Writes what was found out, or from when on to ask again.
async fn conclude(
    stack: &Stack,
    client: &Client,
    endpoint: &dyn Endpoint,
    mut row: GroupRow,
    outcome: Result<Vec<MemberOutcome>, Fault>,
) -> Result<Vec<MemberOutcome>, Fault> {
    let now = stack.now();
    let (lease, outcome) = match outcome {
        Ok(outcomes) => {
            if let Err(fault) = endpoint.learn(&row.elements(), &outcomes, client).await {
                tracing::warn!(group = %row.group, code = %fault.failure().code, "the account's picture was not updated");
            }
            row.results = Some(outcomes.clone());
            (None, Ok(outcomes))
        }
        Err(Fault::InDoubt(failure)) if endpoint.effect() != EffectKind::Send => {
            // Still no answer: again in a while, as a failed try.
            (Some(now + SignedDuration::from_secs(30)), Err(retry(now, failure)))
        }
        Err(Fault::Retry(again)) => (Some(again.at), Err(Fault::Retry(again))),
        Err(fault) => (None, Err(fault)),
    };
    let put = Write::put(row.item(lease), Condition::Always);
    let ground = |error| fault_of(&error, now);
    write_patiently(&stack.ports, vec![put]).await.map_err(|error| ground(error.into()))?;
    transitions::take_back(stack, &row).await.map_err(ground)?;
    outcome
}

fn not_made() -> MemberOutcome {
    MemberOutcome::Retry(Failure::new("not_made", "it was looked up and has not been made"))
}

fn unclear() -> Failure {
    Failure::new("unclear_answer", "the answer could not be matched to what was sent")
}

/// A member's outcome in a group that has been found out.
pub fn outcome_of(row: &GroupRow, effect: &crate::domain::ids::EffectKey) -> Option<MemberOutcome> {
    let place = row.members.iter().find(|member| member.effect == *effect)?.place;
    row.results.as_ref()?.get(place).cloned()
}
