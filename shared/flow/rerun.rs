//! What a person does to a run: another attempt, a decision on a doubt, an end.
//!
//! A rerun is the same run id in its next generation. Effects that are done return their results; a *set* whose
//! input changed is sent again; a *create* is not, unless it is forced.

use super::FlowError;
use super::claim::order_key_of;
use super::compile::Compiled;
use super::flows::FlowHead;
use super::fresh::fresh;
use super::rows::{OrderRow, RunRow, StoredRun, run_key};
use super::run::{OrderOf, Run, write_patiently};
use super::settle::{Ending, send, settle};
use super::stack::Stack;
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::event::{Event, RunMessage};
use crate::domain::flow::{OnErrorThen, Step, StepKind};
use crate::domain::ids::RunId;
use crate::domain::outcome::Failure;
use crate::domain::run::{Status, StepRecord, StepState};
use crate::ports::table::{Condition, TableError, Write};

/// How a run is run again.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// Forget what this step and the later ones did (creates that were made stay made).
    pub from: Option<String>,
    /// Forget what every step did (creates that were made stay made).
    pub whole: bool,
    /// Read the record fresh from its provider.
    pub refresh: bool,
    /// Another record in its place.
    pub record: Option<Value>,
    /// Creates too.
    pub force_effects: bool,
}

/// Reads a run, or says that there is none.
pub async fn stored(stack: &Stack, run: RunId) -> Result<StoredRun, FlowError> {
    let item = stack.ports.table.get_one(&run_key(run)).await?;
    let item = item.ok_or_else(|| {
        Failure::new(
            "unknown_run",
            format!("no run {run}; a run has a row from its first effect or its end on"),
        )
    })?;
    Ok(StoredRun::read(&item)?)
}

/// Asks for another attempt, with the flow as it is live now.
pub async fn rerun(stack: &Stack, run: RunId, again: Again) -> Result<(), FlowError> {
    let stored = stored(stack, run).await?;
    let mut row = ended(&stored)?;
    let head = head_of(stack, &row).await?;
    let compiled = stack.flows.compiled(head.id, head.live_version).await?;
    let compiled = compiled.ok_or_else(|| Failure::new("unknown_flow", "the flow's live version is gone"))?;

    let order = ids_in_order(&compiled.flow.steps);
    let from = match &again.from {
        None => None,
        Some(step) => Some(order.iter().position(|(id, _)| id == step).ok_or_else(|| {
            let known: Vec<_> = order.iter().map(|(id, _)| id.as_str()).collect();
            Failure::new(
                "unknown_step",
                format!("the flow has no step `{step}`; it has {}", known.join(", ")),
            )
        })?),
    };
    row.steps.retain(|id, record| {
        let place = order.iter().position(|(known, _)| known == id);
        let action = place.and_then(|place| order[place].1.as_deref());
        let creates =
            action.and_then(|action| stack.catalog.action(action)).is_some_and(|(description, _)| {
                matches!(description.effect, EffectKind::Create | EffectKind::Send)
            });
        let forgotten = again.whole || from.is_some_and(|from| place.is_none_or(|place| place >= from));
        match record.state {
            StepState::Failed => false,
            StepState::Done if creates => !(forgotten && again.force_effects),
            StepState::Done => !forgotten,
            // What may have happened is found out first.
            StepState::Pending | StepState::InDoubt => true,
        }
    });
    for record in row.steps.values_mut() {
        record.attempts = 0;
    }
    let event = fresh_event(stack, &compiled, &row, &again).await?;
    row.message.event = Some(event);
    row.message.flow_version = head.live_version;
    ask(stack, stored.generation, row).await
}

/// The `_status` of a result that a person has given.
const RESOLVED: &str = "resolved by a person";

pub fn is_resolved(output: &Value) -> bool {
    output.get("_status").and_then(Value::as_str) == Some(RESOLVED)
}

/// A person's answer to a doubt: it was made (the document's id or number), or it was not.
pub async fn resolve(stack: &Stack, run: RunId, step: &str, made: Option<&str>) -> Result<(), FlowError> {
    let stored = stored(stack, run).await?;
    let mut row = ended(&stored)?;
    let record = row.steps.get(step).cloned();
    let in_doubt = |record: &StepRecord| matches!(record.state, StepState::InDoubt | StepState::Pending);
    let Some(record) = record.filter(in_doubt) else {
        let doubtful: Vec<_> =
            row.steps.iter().filter(|(_, record)| in_doubt(record)).map(|(id, _)| id.as_str()).collect();
        let list = if doubtful.is_empty() { "none of its steps is".to_owned() } else { doubtful.join(", ") };
        return Err(
            Failure::new("not_in_doubt", format!("step `{step}` is not in doubt; in doubt: {list}")).into()
        );
    };
    match made {
        None => {
            row.steps.remove(step);
        }
        Some(document) => {
            let output = serde_json::json!({
                "_id": document, "_created": true, "_found": false, "_status": RESOLVED,
            });
            let record = StepRecord { state: StepState::Done, output, failure: None, group: None, ..record };
            row.steps.insert(step.to_owned(), record);
        }
    }
    ask(stack, stored.generation, row).await
}

/// Ends a run that has not ended.
pub async fn cancel(stack: &Stack, run: RunId) -> Result<(), FlowError> {
    let stored = stored(stack, run).await?;
    let now = stack.now();
    if stored.row.status.is_final() {
        return Err(Failure::new(
            "already_ended",
            format!("the run has ended: {}", stored.row.status.as_str()),
        )
        .into());
    }
    if stored.leased(now) {
        return Err(
            Failure::new("run_is_active", "a worker is walking the run; try again in a minute").into()
        );
    }
    let order_of = stored.row.message.event.as_ref().and_then(|event| {
        let order = crate::domain::flow::Order::Every;
        Some(OrderOf { record: event.record_id.clone()?, stamp: event.stamp?, order })
    });
    let order_item = match order_key_of(&stored.row) {
        Some(key) => stack.ports.table.get_one(&key).await?,
        None => None,
    };
    let taken = Run::take_up(
        stack.ports.clone(),
        stack.times.lease,
        stored.row,
        stored.generation,
        true,
        order_of,
        OrderRow::read(order_item.as_ref()),
        order_item.is_some(),
    );
    let failure = Failure::new("cancelled", "cancelled by a person");
    let ending = Ending::Final { status: Status::Cancelled, failure: Some(failure), step: None };
    settle(stack, &taken, None, ending).await;
    Ok(())
}

/// A failed run that needs nothing more: it leaves the list of failures, with a note.
pub async fn ignore(stack: &Stack, run: RunId, note: &str) -> Result<(), FlowError> {
    let stored = stored(stack, run).await?;
    let mut row = ended(&stored)?;
    if row.status == Status::InDoubt {
        let step = row.at_step.as_deref().unwrap_or("STEP");
        let advice = format!("say whether it was made: `counterfoil run resolve {run} --step {step}`");
        return Err(Failure::new(
            "in_doubt",
            format!("the run is in doubt, which can't be ignored; {advice}"),
        )
        .into());
    }
    row.status = Status::Cancelled;
    row.note = Some(note.to_owned());
    row.updated_at = stack.now();
    write(stack, stored.generation, &row).await
}

fn ended(stored: &StoredRun) -> Result<RunRow, FlowError> {
    if stored.row.status.is_final() {
        return Ok(stored.row.clone());
    }
    Err(Failure::new(
        "run_is_active",
        format!(
            "the run is {}; it goes on by itself, or `counterfoil run cancel` ends it",
            stored.row.status.as_str()
        ),
    )
    .into())
}

async fn head_of(stack: &Stack, row: &RunRow) -> Result<FlowHead, FlowError> {
    let head = stack.flows.head_of(row.message.flow).await?;
    Ok(head.ok_or_else(|| {
        Failure::new("unknown_flow", format!("the flow {} is gone; push it again", row.flow_name))
    })?)
}

/// Writes the changed row and queues the request: only this generation answers to it.
async fn ask(stack: &Stack, generation: i64, row: RunRow) -> Result<(), FlowError> {
    write(stack, generation, &row).await?;
    let message = RunMessage { rerun: u64::try_from(generation).ok(), event: None, ..row.message };
    send(stack, &message).await
}

async fn write(stack: &Stack, generation: i64, row: &RunRow) -> Result<(), FlowError> {
    let put = Write::put(row.item(generation, None), Condition::equals("generation", generation));
    match write_patiently(&stack.ports, vec![put]).await {
        Ok(()) => Ok(()),
        Err(TableError::Refused(_)) => {
            Err(Failure::new("run_is_active", "a worker has taken the run up meanwhile; look at it again")
                .into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn fresh_event(
    stack: &Stack,
    compiled: &Compiled,
    row: &RunRow,
    again: &Again,
) -> Result<Event, FlowError> {
    let event = row.message.event.clone();
    let mut event = event.ok_or_else(|| Failure::new("missing_event", "the run's row has no event"))?;
    if let Some(record) = &again.record {
        event.record = record.clone();
    }
    if !again.refresh {
        return Ok(event);
    }
    let deadline = stack.now() + stack.times.function;
    fresh(stack, compiled, &event, deadline).await.map_err(|fault| FlowError::Asked(fault.failure().clone()))
}

/// Step ids in the order of the file, with their actions.
fn ids_in_order(steps: &[Step]) -> Vec<(String, Option<String>)> {
    let mut ids = Vec::new();
    for step in steps {
        let action = match &step.kind {
            StepKind::Action(action) => Some(action.action.clone()),
            _ => None,
        };
        ids.push((step.effect_id().to_string(), action));
        if let OnErrorThen::Steps(steps) = &step.on_error.then {
            ids.extend(ids_in_order(steps));
        }
        if let StepKind::Branch { steps, otherwise, .. } = &step.kind {
            ids.extend(ids_in_order(steps));
            ids.extend(ids_in_order(otherwise));
        }
    }
    ids
}
