//! Walking a run: its steps in order, pure ones at once, effects through the gate.
//!
//! A run is walked from the top every time. Pure steps have no clock and no randomness, so they give the same again;
//! steps with an effect that is known return what is kept of it. Nothing is written here but through the run.

mod each;
mod effects;
mod expressions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

pub use each::Finds;
use expressions::scope_of;
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::claim::Start;
use super::compile::{Body, Compiled, Ready};
use super::fresh::moved_on;
use super::gate::{Busy, Gate, again};
use super::rows::{document_of, item_of};
use super::run::{NotWritten, Run};
use super::settle::Ending;
use super::stack::Stack;
use super::{FlowError, fault_of, recover};
use crate::domain::effect::EffectKind;
use crate::domain::event::{Event, RunMessage};
use crate::domain::flow::OnErrorThen;
use crate::domain::ids::{ConnectionId, RunId, StepId};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::run::{Status, StepRecord, StepState, Wait};
use crate::domain::{Object, Value};
use crate::expression::{CompiledValue, ExpressionError, Scope, Template};
use crate::ports::random::below;
use crate::ports::table::{Condition, Key, Write};

/// JavaScript of one batch; what it may use up is bounded, the rest is handed back.
pub type JavaScriptTime = Arc<AtomicI64>;

/// Milliseconds of JavaScript in one batch.
const JAVASCRIPT_PER_BATCH: i64 = 20_000;
/// How often a step plans again because the account's picture was wrong, or a link was taken.
const REPLANS: u32 = 5;
/// How many links one expression may ask for.
const LINKS_PER_EXPRESSION: usize = 1_000;

/// Why the steps aren't taken.
enum Unfit {
    NotWanted,
    Missing(Vec<String>),
}

/// Why a step did not give a result.
enum Stopped {
    Fault(Fault),
    /// The walk ends here.
    End(Ending),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ExpressionError> for Stopped {
    fn from(error: ExpressionError) -> Self {
        Self::Fault(Fault::terminal(error.code(), error.to_string()))
    }
}

/// One walk of one run.
pub struct Walk {
    stack: Stack,
    gate: Gate,
    run: Run,
    message: RunMessage,
    event: Event,
    compiled: Arc<Compiled>,
    scope: Scope,
    busy: Option<Busy>,
    deadline: Timestamp,
    javascript: JavaScriptTime,
    /// The connection of the step at hand: what is parked is parked for it.
    using: Option<ConnectionId>,
}

impl Walk {
    pub fn new(
        stack: Stack,
        gate: Gate,
        start: &Start,
        deadline: Timestamp,
        javascript: JavaScriptTime,
    ) -> Self {
        let compiled = Arc::clone(&start.compiled);
        Self {
            scope: scope_of(&compiled, &start.event, &start.message),
            busy: Some(gate.busy()),
            run: start.run.clone(),
            message: start.message.clone(),
            event: start.event.clone(),
            stack,
            gate,
            compiled,
            deadline,
            javascript,
            using: None,
        }
    }

    /// From the top to the end, or to the first thing that must wait.
    pub async fn walk(mut self, start: &Start) -> Ending {
        if start.newer_applied {
            let failure =
                Failure::new("newer_applied", "a newer event of this record has been applied already");
            return Ending::Final { status: Status::Skipped, failure: Some(failure), step: None };
        }
        if (start.crashes > 0 || start.leaves_a_trace)
            && let Err(not_written) = self.run.claim(self.stack.now()).await
        {
            return self.not_written(not_written);
        }
        let compiled = Arc::clone(&self.compiled);
        match self.flow(&compiled).await {
            Ok(()) => Ending::done(Status::Succeeded),
            Err(Stopped::End(ending)) => ending,
            Err(Stopped::Fault(fault)) => self.end_of(fault, None),
        }
    }

    async fn flow(&mut self, compiled: &Compiled) -> Result<(), Stopped> {
        if let (Some(each), true) = (&compiled.each, self.event.finds) {
            return self.step(each).await;
        }
        let mut unfit = self.unfit(compiled).await?;
        if unfit.is_some()
            && let Some(event) =
                moved_on(&self.stack, self.run.flow, compiled, &self.event, self.deadline).await?
        {
            self.scope = scope_of(compiled, &event, &self.message);
            self.event = event.clone();
            self.run.note(|row| row.message.event = Some(event)).await;
            unfit = self.unfit(compiled).await?;
        }
        match unfit {
            None => self.steps(&compiled.steps).await,
            Some(Unfit::NotWanted) => {
                let failure = Failure::new("not_wanted", "the flow's `when` does not hold for this event");
                let (status, failure) = (Status::Skipped, Some(failure));
                Err(Stopped::End(Ending::Final { status, failure, step: None }))
            }
            Some(Unfit::Missing(names)) => self.incomplete(compiled, names).await,
        }
    }

    async fn unfit(&mut self, compiled: &Compiled) -> Result<Option<Unfit>, Stopped> {
        if let Some(when) = &compiled.when
            && !self.evaluate(|scope, engine| when.holds(scope, engine)).await?
        {
            return Ok(Some(Unfit::NotWanted));
        }
        let missing = missing(&compiled.flow.require, &self.scope);
        Ok((!missing.is_empty()).then_some(Unfit::Missing(missing)))
    }

    /// The steps for missing fields run once for each set of missing names of the record.
    async fn incomplete(&mut self, compiled: &Compiled, missing: Vec<String>) -> Result<(), Stopped> {
        let names = missing.join(", ");
        self.run.note(|row| row.missing.clone_from(&missing)).await;
        let list = missing.into_iter().map(Value::String).collect();
        self.scope = self.scope.clone().with("missing", Value::Array(list));
        if let Some(record) = self.event.record_id.clone()
            && self.gate.rehearsal().is_none()
        {
            let key = Key::new(format!("I#{}#{record}", self.run.flow), "missing");
            let told = self.stack.ports.table.get(std::slice::from_ref(&key)).await;
            let told = told.map_err(|e| fault_of(&e.into(), self.stack.now()))?.into_iter().next().flatten();
            // By set of names: the run that told of it.
            let mut told: BTreeMap<String, RunId> =
                told.and_then(|item| document_of(&item).ok()).unwrap_or_default();
            // The same run walks its own steps again after a wait; another run of the record doesn't.
            if told.get(&names).is_none_or(|by| *by == self.run.id) {
                self.steps(&compiled.if_missing_fields).await?;
                told.insert(names.clone(), self.run.id);
                let item = item_of(key, &told);
                let write = Write::put(item, Condition::Always);
                super::run::write_patiently(&self.stack.ports, vec![write])
                    .await
                    .map_err(|e| fault_of(&e.into(), self.stack.now()))?;
            }
        } else {
            self.steps(&compiled.if_missing_fields).await?;
        }
        let failure = Failure::new(
            "missing_fields",
            format!("empty: {names}; fill them in, a new version tries again"),
        );
        Err(Stopped::End(Ending::Final { status: Status::Incomplete, failure: Some(failure), step: None }))
    }

    fn steps<'a>(&'a mut self, steps: &'a [Ready]) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            for ready in steps {
                self.step(ready).await?;
            }
            Ok(())
        })
    }

    async fn step(&mut self, ready: &Ready) -> Result<(), Stopped> {
        let id = ready.step.id.as_str();
        let attempted = match self.attempt(ready).await {
            Ok(output) => Ok(output),
            Err(Stopped::Fault(fault)) => Err(fault),
            Err(end) => return Err(end),
        };
        if let Some(rehearsal) = self.gate.rehearsal() {
            match &attempted {
                Ok(output) => rehearsal.gave(id, output),
                Err(fault) => rehearsal.failed(id, fault.failure()),
            }
        }
        let fault = match attempted {
            Ok(output) => {
                self.scope.set_step(id, output);
                return Ok(());
            }
            Err(fault) => self.spent(ready, fault).await,
        };
        let tolerated = match &fault {
            Fault::Retry(_) => false,
            Fault::Terminal(_) => !matches!(ready.step.on_error.then, OnErrorThen::Fail),
            Fault::InDoubt(_) => {
                ready.step.on_error.in_doubt && !matches!(ready.step.on_error.then, OnErrorThen::Fail)
            }
        };
        if !tolerated {
            return Err(Stopped::End(self.end_of(fault, Some(&ready.step.id))));
        }
        let failure = fault.failure().clone();
        tracing::info!(run = %self.run.id, step = id, code = %failure.code, "failed; the flow goes on");
        let error = serde_json::json!({"_error": {"code": failure.code, "message": failure.message}});
        self.scope.set_step(id, error);
        self.steps(&ready.on_error).await
    }

    async fn attempt(&mut self, ready: &Ready) -> Result<Value, Stopped> {
        if let Some(when) = &ready.when
            && !self.evaluate(|scope, engine| when.holds(scope, engine)).await?
        {
            if let Some(rehearsal) = self.gate.rehearsal() {
                rehearsal.not_taken(ready.step.id.as_str());
            }
            return Ok(empty());
        }
        match &ready.body {
            Body::Script(script) => Ok(self.javascript(|scope, engine| script.run(scope, engine)).await?),
            Body::Set(values) => {
                let output = self.evaluate(|scope, engine| values.render(scope, engine)).await?;
                Ok(if output.is_null() { empty() } else { output })
            }
            Body::Branch { when, steps, otherwise } => {
                let taken = self.evaluate(|scope, engine| when.holds(scope, engine)).await?;
                if let Some(rehearsal) = self.gate.rehearsal() {
                    rehearsal.gave(ready.step.id.as_str(), &serde_json::json!({ "taken": taken }));
                }
                self.steps(if taken { steps } else { otherwise }).await?;
                Ok(serde_json::json!({ "taken": taken }))
            }
            Body::Each(finds) => self.each(ready, finds).await,
            Body::Stop { error } => Err(Stopped::End(self.stop(ready, error.as_ref()).await?)),
            Body::Action { with, connection, link_key } => {
                let Some(action) = ready.action() else { return Ok(empty()) };
                let client = self.connection(action, connection.as_ref()).await;
                let used = client.as_ref().ok().map(|client| client.connection.id.clone());
                let own = self.event.connection.clone();
                self.see_tables_of(used.as_ref().or(own.as_ref()));
                let asked = self.asked(with, link_key.as_ref()).await;
                self.see_tables_of(own.as_ref());
                let (input, key) = asked?;
                let client = match (client, self.gate.rehearsal()) {
                    (Err(Stopped::Fault(Fault::Terminal(why))), Some(rehearsal))
                        if why.code == "missing_connection" =>
                    {
                        let effect = self.stack.catalog.action(&action.action).map(|(about, _)| about.effect);
                        let effect = effect.unwrap_or(EffectKind::Send);
                        return Ok(rehearsal.without_account(
                            &ready.step,
                            &action.action,
                            effect,
                            input,
                            &why,
                        ));
                    }
                    (client, _) => client?,
                };
                if let Some(rehearsal) = self.gate.rehearsal() {
                    rehearsal.asks(&ready.step, &action.action, Some(client.connection.id.as_str()), &input);
                }
                self.action(ready, action, input, client, key).await
            }
        }
    }

    /// What a step asks of its action, and the key of its link.
    async fn asked(
        &mut self,
        with: &CompiledValue,
        link_key: Option<&Template>,
    ) -> Result<(Object, Option<String>), Stopped> {
        let rendered = self.evaluate(|scope, engine| with.render(scope, engine)).await?;
        let input = match rendered {
            Value::Object(object) => object,
            _ => Object::new(),
        };
        let key = match link_key {
            Some(key) => Some(text(&self.evaluate(|scope, engine| key.render(scope, engine)).await?)),
            None => None,
        };
        Ok((input, key))
    }

    async fn stop(&mut self, ready: &Ready, error: Option<&Template>) -> Result<Ending, Stopped> {
        let Some(error) = error else { return Ok(Ending::done(Status::Succeeded)) };
        let message = text(&self.evaluate(|scope, engine| error.render(scope, engine)).await?);
        let failure = Failure::new("stopped", message);
        let step = Some(ready.step.id.to_string());
        Ok(Ending::Final { status: Status::Failed, failure: Some(failure), step })
    }

    /// Counts a failed attempt; the last one turns the fault into what it stands for.
    async fn spent(&mut self, ready: &Ready, fault: Fault) -> Fault {
        let now = self.stack.now();
        let effect_id = ready.step.effect_id().as_str();
        let known = self.run.step(effect_id).await;
        match fault {
            Fault::Retry(Again { at, reason: Reason::Failed, failure }) => {
                let mut record = known.unwrap_or(StepRecord {
                    state: StepState::Pending,
                    output: Value::Null,
                    input: None,
                    group: None,
                    attempts: 0,
                    failure: None,
                    at: now,
                });
                record.attempts += 1;
                record.failure = Some(failure.clone());
                let attempts = record.attempts;
                let group = record.group.filter(|_| record.state == StepState::Pending);
                self.run.remember(effect_id, record, Vec::new()).await;
                if attempts >= ready.step.attempts {
                    let message = format!("{}; given up after {attempts} attempts", failure.message);
                    let failure = Failure::new(failure.code, message);
                    // Whatever the last attempt met with: what the call came to may still be unknown.
                    let unknown = match group {
                        Some(group) => recover::is_open(&self.stack, group).await,
                        None => false,
                    };
                    return if unknown { Fault::InDoubt(failure) } else { Fault::Terminal(failure) };
                }
                if at > now {
                    Fault::Retry(Again { at, reason: Reason::Failed, failure })
                } else {
                    let draw = below(self.stack.ports.random.as_ref(), 1_000);
                    again(now, attempts - 1, draw, Reason::Failed, failure)
                }
            }
            Fault::InDoubt(failure) => {
                if let Some(record) = known {
                    let record =
                        StepRecord { state: StepState::InDoubt, failure: Some(failure.clone()), ..record };
                    self.run.remember(effect_id, record, Vec::new()).await;
                }
                Fault::InDoubt(failure)
            }
            other => other,
        }
    }

    fn end_of(&self, fault: Fault, step: Option<&StepId>) -> Ending {
        let step = step.map(ToString::to_string);
        match fault {
            Fault::Terminal(failure) => {
                Ending::Final { status: Status::Failed, failure: Some(failure), step }
            }
            Fault::InDoubt(failure) => {
                Ending::Final { status: Status::InDoubt, failure: Some(failure), step }
            }
            Fault::Retry(Again { at, reason, failure }) => {
                let parked_for = self.using.clone().filter(|_| reason == Reason::Parked);
                Ending::Wait { wait: Wait { until: at, reason, failure }, step, parked_for }
            }
        }
    }

    fn not_written(&self, not_written: NotWritten) -> Ending {
        match not_written {
            NotWritten::Fenced => Ending::HandsOff,
            NotWritten::Order | NotWritten::Extra(_) => Ending::Order,
            NotWritten::Table(error) => {
                self.end_of(fault_of(&FlowError::from(error), self.stack.now()), None)
            }
        }
    }
}

/// The required paths that are empty, after trimming.
fn missing(require: &[String], scope: &Scope) -> Vec<String> {
    require
        .iter()
        .filter(|path| match scope.look_up(path) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Object(object)) => object.is_empty(),
            Some(_) => false,
        })
        .map(|path| path.strip_prefix("record.").unwrap_or(path).to_owned())
        .collect()
}

fn empty() -> Value {
    Value::Object(Object::new())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
