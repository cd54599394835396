//! The dispatcher: a batch of messages becomes runs, which are walked at once, each as its own task.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::FlowError;
use super::claim::{self, A_WHILE, Start, Taken, company};
use super::gate::{Busy, Gate};
use super::settle::{Ending, send, settle};
use super::stack::Stack;
use super::walk::{JavaScriptTime, Walk};
use crate::domain::event::RunMessage;
use crate::domain::run::Status;
use crate::ports::queue::{Delivery, Outgoing, QueueName, Settle};
use crate::ports::table::Item;

/// A message and what is known of it.
struct Unit {
    receipt: String,
    message: RunMessage,
    receive_count: u32,
    items: Option<Vec<Option<Item>>>,
}

/// Walks every message of a batch and says what becomes of each, by receipt. `Delete`: done with it.
pub async fn dispatch(
    stack: &Stack,
    queue: QueueName,
    deliveries: Vec<Delivery>,
    deadline: Timestamp,
) -> Vec<(String, Settle)> {
    let mut settled: HashMap<String, Settle> = HashMap::new();
    let receipts: Vec<String> = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
    let mut units = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match serde_json::from_str::<RunMessage>(&delivery.body) {
            Ok(message) => units.push(Unit {
                receipt: delivery.receipt,
                message,
                receive_count: delivery.receive_count,
                items: None,
            }),
            Err(error) => {
                let settle = unreadable(stack, queue, &delivery, &error).await;
                settled.insert(delivery.receipt, settle);
            }
        }
    }
    if let Err(error) = read_ahead(stack, &mut units).await {
        tracing::warn!(%error, "the batch could not be read; it comes back");
        return receipts.into_iter().map(|receipt| (receipt, Settle::VisibleIn(A_WHILE))).collect();
    }

    let javascript = JavaScriptTime::default();
    let gate = Gate::new(stack.clone());
    let mut runs = JoinSet::new();
    for chain in in_turns(units) {
        let (stack, gate, javascript) = (stack.clone(), gate.clone(), Arc::clone(&javascript));
        // The chain is at work from now on, even before its task has had its first turn.
        let busy = gate.busy();
        runs.spawn(async move { walk_chain(&stack, &gate, chain, deadline, &javascript, busy).await });
    }
    let mut suspects = Vec::new();
    for (settles, starts) in gate.drive(runs).await {
        settled.extend(settles);
        suspects.extend(starts);
    }
    // Whoever may end this process goes last, one company after the other.
    for company in companies(suspects) {
        let gate = Gate::new(stack.clone());
        let mut runs = JoinSet::new();
        for (receipt, start) in company {
            let (stack, gate, javascript) = (stack.clone(), gate.clone(), Arc::clone(&javascript));
            let busy = gate.busy();
            runs.spawn(async move {
                (receipt, walk_one(&stack, &gate, &start, deadline, &javascript, busy).await)
            });
        }
        settled.extend(gate.drive(runs).await);
    }
    stack.tokens.keep_late(deadline).await;
    receipts
        .into_iter()
        .map(|receipt| {
            // A task that panicked has settled nothing.
            let settle = settled.get(&receipt).copied().unwrap_or(Settle::VisibleIn(A_WHILE));
            (receipt, settle)
        })
        .collect()
}

/// Walks one message here and now, for a person who waits for it. What it can't finish goes on as every run does.
pub async fn at_once(stack: &Stack, message: &RunMessage) -> Result<(), FlowError> {
    let delivery = Delivery {
        message_id: message.run.to_string(),
        receipt: message.run.to_string(),
        body: serde_json::to_string(message).unwrap_or_default(),
        attributes: BTreeMap::new(),
        receive_count: 1,
    };
    let deadline = stack.now() + stack.times.function;
    let settled = dispatch(stack, QueueName::Runs, vec![delivery], deadline).await;
    if settled.iter().any(|(_, settle)| matches!(settle, Settle::VisibleIn(_))) {
        // It waits: from here on it is the queue's, like any other.
        send(stack, message).await?;
    }
    Ok(())
}

/// One read for the rows of the whole batch.
async fn read_ahead(stack: &Stack, units: &mut [Unit]) -> Result<(), FlowError> {
    let keys: Vec<_> = units.iter().map(|unit| claim::keys_of(&unit.message)).collect();
    let flat: Vec<_> = keys.iter().flatten().cloned().collect();
    let mut items = stack.ports.table.get(&flat).await?.into_iter();
    for (unit, keys) in units.iter_mut().zip(keys) {
        unit.items = Some(items.by_ref().take(keys.len()).collect());
    }
    Ok(())
}

/// Messages of the same (flow, record) go one after the other, the oldest first.
fn in_turns(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut chains: BTreeMap<(String, usize), Vec<Unit>> = BTreeMap::new();
    for (place, unit) in units.into_iter().enumerate() {
        let record = unit.message.event.as_ref().and_then(|event| event.record_id.as_ref());
        let key = match record {
            Some(record) => (format!("{}#{record}", unit.message.flow), 0),
            None => (String::new(), place),
        };
        chains.entry(key).or_default().push(unit);
    }
    let mut chains: Vec<_> = chains.into_values().collect();
    for chain in &mut chains {
        chain.sort_by_key(|unit| unit.message.event.as_ref().and_then(|event| event.stamp));
    }
    chains
}

/// Those with the fewest crashes behind them first: they are the least likely to end it for the rest.
fn companies(suspects: Vec<(String, Start)>) -> Vec<Vec<(String, Start)>> {
    let mut by_crashes: BTreeMap<u32, VecDeque<_>> = BTreeMap::new();
    for suspect in suspects {
        by_crashes.entry(suspect.1.crashes).or_default().push_back(suspect);
    }
    let mut companies = Vec::new();
    for (crashes, mut suspects) in by_crashes {
        while !suspects.is_empty() {
            companies.push(suspects.drain(..suspects.len().min(company(crashes))).collect());
        }
    }
    companies
}

/// What is settled, and whom a crash is to be feared of.
type Walked = (Vec<(String, Settle)>, Vec<(String, Start)>);

async fn walk_chain(
    stack: &Stack,
    gate: &Gate,
    chain: Vec<Unit>,
    deadline: Timestamp,
    javascript: &JavaScriptTime,
    busy: Busy,
) -> Walked {
    let mut settled = Vec::new();
    let mut suspects = Vec::new();
    let mut busy = Some(busy);
    for (place, unit) in chain.into_iter().enumerate() {
        // What was read ahead is older than what the run before has written.
        let items = unit.items.filter(|_| place == 0);
        match claim::take_up(stack, unit.message, unit.receive_count, items).await {
            Err(error) => {
                tracing::warn!(%error, "a message could not be taken up; it comes back");
                settled.push((unit.receipt, Settle::VisibleIn(A_WHILE)));
            }
            Ok(Taken::Settled(settle)) => settled.push((unit.receipt, settle)),
            Ok(Taken::Impossible(run, failure)) => {
                let cancelled = run.row().await.status == Status::Cancelled;
                let status = if cancelled { Status::Cancelled } else { Status::Failed };
                let ending = Ending::Final { status, failure: Some(failure), step: None };
                settled.push((unit.receipt, settle(stack, &run, None, ending).await));
            }
            Ok(Taken::Walk(start)) if start.crashes > 0 => suspects.push((unit.receipt, *start)),
            Ok(Taken::Walk(start)) => {
                let own = busy.take().unwrap_or_else(|| gate.busy());
                let settle = walk_one(stack, gate, &start, deadline, javascript, own).await;
                busy = Some(gate.busy());
                settled.push((unit.receipt, settle));
            }
        }
    }
    drop(busy);
    (settled, suspects)
}

async fn walk_one(
    stack: &Stack,
    gate: &Gate,
    start: &Start,
    deadline: Timestamp,
    javascript: &JavaScriptTime,
    busy: Busy,
) -> Settle {
    let walk = Walk::new(stack.clone(), gate.clone(), start, deadline, Arc::clone(javascript));
    // The walk has its own place among the busy ones, which it gives up while it waits.
    drop(busy);
    let ending = Box::pin(walk.walk(start)).await;
    settle(stack, &start.run, Some(&start.compiled), ending).await
}

/// What is no run message goes to the dead letters with a reason, and is not delivered again.
async fn unreadable(
    stack: &Stack,
    queue: QueueName,
    delivery: &Delivery,
    error: &serde_json::Error,
) -> Settle {
    let Some(dead) = queue.dead_letters() else { return Settle::VisibleIn(Duration::from_mins(15)) };
    let mut attributes = delivery.attributes.clone();
    attributes.insert("code".to_owned(), "unreadable_message".to_owned());
    attributes.insert("message".to_owned(), format!("not a run message: {error}"));
    let outgoing = Outgoing { body: delivery.body.clone(), delay: Duration::ZERO, attributes };
    match stack.ports.queue.send(dead, vec![outgoing]).await {
        Ok(()) => Settle::Delete,
        Err(_) => Settle::VisibleIn(A_WHILE),
    }
}
