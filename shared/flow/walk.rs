//! Walking a run: its steps in order, pure ones at once, effects through the gate.
//!
//! A run is walked from the top every time. Pure steps have no clock and no randomness, so they give the same again;
//! steps with an effect that is known return what is kept of it. Nothing is written here but through the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::account::{Client, retry};
use super::budget::Priority;
use super::claim::Start;
use super::compile::{Body, Compiled, Ready};
use super::fresh::moved_on;
use super::gate::{Answer, Ask, Busy, Gate, again};
use super::links::{self, Standing};
use super::recover;
use super::rerun;
use super::rows::{document_of, item_of};
use super::run::{NotWritten, Run};
use super::settle::Ending;
use super::stack::Stack;
use super::{FlowError, fault_of};
use crate::domain::connection::Provider;
use crate::domain::effect::EffectKind;
use crate::domain::event::{Event, RunMessage};
use crate::domain::flow::{ActionStep, OnErrorThen};
use crate::domain::ids::{ConnectionId, EffectKey, StepId};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::run::{Status, StepRecord, StepState, Wait};
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::expression::{Engine, ExpressionError, Scope, Template};
use crate::ports::connector::{ActionDescription, MemberOutcome, Plan, Planning};
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
        if (start.alone || start.leaves_a_trace)
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
            let told: Option<(String, String)> = told.and_then(|item| document_of(&item).ok());
            let run = self.run.id.to_string();
            // The same run walks its own steps again after a wait; another run of the record doesn't.
            if told.as_ref().is_none_or(|(set, by)| *set != names || *by == run) {
                self.steps(&compiled.if_missing_fields).await?;
                let item = item_of(key, &(names.clone(), run));
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
            Body::Stop { error } => Err(Stopped::End(self.stop(ready, error.as_ref()).await?)),
            Body::Action { with, connection, link_key } => {
                let Some(action) = ready.action() else { return Ok(empty()) };
                let rendered = self.evaluate(|scope, engine| with.render(scope, engine)).await?;
                let input = match rendered {
                    Value::Object(object) => object,
                    _ => Object::new(),
                };
                let connection =
                    match (self.connection(action, connection.as_ref()).await, self.gate.rehearsal()) {
                        (Err(Stopped::Fault(Fault::Terminal(why))), Some(rehearsal))
                            if why.code == "missing_connection" =>
                        {
                            let effect =
                                self.stack.catalog.action(&action.action).map(|(about, _)| about.effect);
                            let effect = effect.unwrap_or(EffectKind::Send);
                            return Ok(rehearsal.without_account(
                                &ready.step,
                                &action.action,
                                effect,
                                input,
                                &why,
                            ));
                        }
                        (connection, _) => connection?,
                    };
                if let Some(rehearsal) = self.gate.rehearsal() {
                    rehearsal.asks(
                        &ready.step,
                        &action.action,
                        Some(connection.connection.id.as_str()),
                        &input,
                    );
                }
                let key = match link_key {
                    Some(key) => Some(text(&self.evaluate(|scope, engine| key.render(scope, engine)).await?)),
                    None => None,
                };
                self.action(ready, action, input, connection, key).await
            }
        }
    }

    async fn stop(&mut self, ready: &Ready, error: Option<&Template>) -> Result<Ending, Stopped> {
        let Some(error) = error else { return Ok(Ending::done(Status::Succeeded)) };
        let message = text(&self.evaluate(|scope, engine| error.render(scope, engine)).await?);
        let failure = Failure::new("stopped", message);
        let step = Some(ready.step.id.to_string());
        Ok(Ending::Final { status: Status::Failed, failure: Some(failure), step })
    }

    // ------------------------------------------------------------ actions

    async fn connection(
        &mut self,
        action: &ActionStep,
        template: Option<&Template>,
    ) -> Result<Arc<Client>, Stopped> {
        let Some(provider) = Provider::of(&action.action) else {
            return Err(
                Fault::terminal("unknown_action", format!("no action is called {}", action.action)).into()
            );
        };
        let named = match template {
            Some(template) => {
                let name = text(&self.evaluate(|scope, engine| template.render(scope, engine)).await?);
                let allowed = &self.compiled.flow.connections;
                if !template.is_plain() && !allowed.iter().any(|id| id.as_str() == name) {
                    let message =
                        format!("`connection` gave `{name}`, which is not among the flow's `connections`");
                    return Err(Fault::terminal("unknown_connection", message).into());
                }
                Some(ConnectionId::new(name))
            }
            // The record's own account, when it is of the action's kind.
            None => match &self.event.connection {
                Some(id) if Provider::of(&self.event.kind) == Some(provider) => Some(id.clone()),
                _ => None,
            },
        };
        let connection = self.stack.connections.choose(provider, named.as_ref()).await?;
        self.using = Some(connection.id.clone());
        let priority = if self.message.bulk { Priority::Bulk } else { Priority::Live };
        Ok(Arc::new(self.stack.client(connection, priority, self.deadline)?))
    }

    async fn action(
        &mut self,
        ready: &Ready,
        action: &ActionStep,
        input: Object,
        client: Arc<Client>,
        link_key: Option<String>,
    ) -> Result<Value, Stopped> {
        let catalog = Arc::clone(&self.stack.catalog);
        let Some((description, implementation)) = catalog.action(&action.action) else {
            return Err(
                Fault::terminal("unknown_action", format!("no action is called {}", action.action)).into()
            );
        };
        let effect_id = ready.step.effect_id();
        let effect = EffectKey::new(self.run.id, effect_id, None);
        let hash = input_hash(&input);
        let link_key = action.link.as_ref().map(|_| {
            link_key.or_else(|| self.event.record_id.as_ref().map(ToString::to_string)).unwrap_or_else(|| {
                // No record and no key: the event is its own source.
                self.event.key.to_string()
            })
        });
        if let Some(known) = self.known(description, effect_id, &effect, &hash, &client).await? {
            return self.take(known, action, &effect, effect_id, &hash, &client, link_key.as_deref()).await;
        }
        let mut last = Failure::new("replanned", "the account kept changing under the step");
        for _ in 0..REPLANS {
            let (claim, existing) = match (&action.link, &link_key) {
                (Some(rule), Some(key)) => {
                    let standing =
                        links::standing(&self.stack, &self.run, &effect, &client.connection.id, rule, key)
                            .await?;
                    match standing {
                        Standing::Use(document) => {
                            self.remember(effect_id, &hash, document.clone(), Vec::new()).await;
                            return Ok(document);
                        }
                        Standing::Free(claim) => (vec![claim], None),
                        Standing::Ours => (Vec::new(), None),
                        Standing::Update(document) => (Vec::new(), Some(document)),
                    }
                }
                _ => (Vec::new(), None),
            };
            let planning = Planning {
                input: input.clone(),
                options: &action.options,
                matching: &action.matching,
                effect: &effect,
                marker: effect.marker(),
                source_url: self.event.url.as_deref(),
                existing: existing.as_ref(),
                account: client.as_ref(),
            };
            let operation = match implementation.plan(planning).await? {
                Plan::Answer(output) => {
                    self.remember(effect_id, &hash, output.clone(), Vec::new()).await;
                    return Ok(output);
                }
                Plan::Perform(operation) => operation,
            };
            let ask = Ask {
                run: self.run.clone(),
                effect_id: effect_id.to_string(),
                effect: effect.clone(),
                operation,
                input: hash.clone(),
                extra: claim,
                client: Arc::clone(&client),
            };
            match self.gate.perform(ask, &mut self.busy).await {
                Answer::Outcome(MemberOutcome::Replan(failure)) => last = failure,
                Answer::Outcome(outcome) => {
                    return self
                        .take(outcome, action, &effect, effect_id, &hash, &client, link_key.as_deref())
                        .await;
                }
                Answer::Fault(fault) => return Err(fault.into()),
                Answer::Fenced => return Err(Stopped::End(Ending::HandsOff)),
                Answer::Order => return Err(Stopped::End(Ending::Order)),
                Answer::LinkTaken => {
                    last = Failure::new("link_taken", "another run is making the same document");
                }
            }
        }
        Err(Fault::Terminal(last).into())
    }

    /// What an earlier walk left of this effect; `None`: it is to be done (again).
    async fn known(
        &mut self,
        description: &ActionDescription,
        effect_id: &StepId,
        effect: &EffectKey,
        hash: &str,
        client: &Client,
    ) -> Result<Option<MemberOutcome>, Stopped> {
        let Some(record) = self.run.step(effect_id.as_str()).await else { return Ok(None) };
        match (record.state, record.group, record.failure) {
            (StepState::Done, ..) => {
                // A *set* whose input changed since (a rerun with a fresher record) is sent again.
                let changed = record.input.as_deref().is_some_and(|input| input != hash);
                let again = changed && matches!(description.effect, EffectKind::Set | EffectKind::Read);
                Ok((!again).then_some(MemberOutcome::Done(record.output)))
            }
            (StepState::Failed, _, Some(failure)) => Ok(Some(MemberOutcome::Failed(failure))),
            (StepState::InDoubt, _, Some(failure)) => Err(Fault::InDoubt(failure).into()),
            (StepState::Pending, Some(group), _) => {
                let joined = recover::join(&self.stack, client, group).await?;
                let Some(row) = joined else { return Ok(None) };
                match recover::outcome_of(&row, effect) {
                    // It is known not to have happened.
                    None | Some(MemberOutcome::Retry(_) | MemberOutcome::Replan(_)) => Ok(None),
                    Some(outcome) => Ok(Some(outcome)),
                }
            }
            _ => Ok(None),
        }
    }

    /// Keeps an outcome in the run and gives the step's result.
    #[expect(clippy::too_many_arguments, reason = "all of one effect")]
    async fn take(
        &mut self,
        outcome: MemberOutcome,
        action: &ActionStep,
        effect: &EffectKey,
        effect_id: &StepId,
        hash: &str,
        client: &Client,
        link_key: Option<&str>,
    ) -> Result<Value, Stopped> {
        match outcome {
            MemberOutcome::Done(output) => {
                let made = match (&action.link, link_key) {
                    (Some(rule), Some(key)) => links::made(
                        &self.stack,
                        &self.run,
                        effect,
                        &client.connection.id,
                        &rule.name,
                        key,
                        &output,
                    ),
                    _ => None,
                };
                let known =
                    self.run.step(effect_id.as_str()).await.is_some_and(|r| r.state == StepState::Done);
                // What a person has said was made is in the run, but not yet in its link.
                if !known || rerun::is_resolved(&output) {
                    if made.is_some() {
                        // What was asked of the links before is asked again.
                        self.scope = self.scope.clone().with("links", empty());
                    }
                    self.remember(effect_id, hash, output.clone(), made.into_iter().collect()).await;
                }
                Ok(output)
            }
            // A group that took part in a recovery has no `Taken` left.
            MemberOutcome::Failed(failure) | MemberOutcome::Taken(failure) => {
                let record = StepRecord {
                    state: StepState::Failed,
                    output: Value::Null,
                    input: Some(hash.to_owned()),
                    group: None,
                    attempts: 0,
                    failure: Some(failure.clone()),
                    at: self.stack.now(),
                };
                self.run.remember(effect_id.as_str(), record, Vec::new()).await;
                Err(Fault::Terminal(failure).into())
            }
            MemberOutcome::Retry(failure) | MemberOutcome::Replan(failure) => {
                Err(retry(self.stack.now(), failure).into())
            }
            MemberOutcome::Unclear => Err(Fault::InDoubt(Failure::new(
                "unclear_answer",
                "no result could be matched to the record",
            ))
            .into()),
        }
    }

    async fn remember(&self, effect_id: &StepId, hash: &str, output: Value, along: Vec<Write>) {
        let record = StepRecord {
            state: StepState::Done,
            output,
            input: Some(hash.to_owned()),
            group: None,
            attempts: 0,
            failure: None,
            at: self.stack.now(),
        };
        self.run.remember(effect_id.as_str(), record, along).await;
    }

    // ------------------------------------------------------------ faults

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

    // ------------------------------------------------------------ expressions

    /// Evaluates; what it asks for of the links is read and given, and it is evaluated again.
    async fn evaluate<T>(
        &mut self,
        expression: impl Fn(&Scope, &Engine) -> Result<T, ExpressionError>,
    ) -> Result<T, Stopped> {
        for _ in 0..LINKS_PER_EXPRESSION {
            let error = match expression(&self.scope, &self.stack.engine) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(wanted) = error.wanted() else { return Err(error.into()) };
            // A link that this run has just made is only in its hands yet.
            if let Err(not_written) = self.run.flush(self.stack.now()).await {
                return Err(Stopped::End(self.not_written(not_written)));
            }
            let connections = self.stack.connections.list().await;
            let connections = connections.map_err(|e| fault_of(&e, self.stack.now()))?;
            let ids: Vec<_> = connections.iter().map(|connection| connection.id.clone()).collect();
            let answer = links::answer(&self.stack, &ids, wanted).await;
            let answer = answer.map_err(|e| fault_of(&e, self.stack.now()))?;
            let mut known =
                self.scope.look_up("links").and_then(|links| links.as_object().cloned()).unwrap_or_default();
            let by_name = known.entry(wanted.name.clone()).or_insert_with(empty);
            if let Some(by_kind) = by_name.as_object_mut() {
                let answers = by_kind.entry(wanted.by.word()).or_insert_with(empty);
                if let Some(answers) = answers.as_object_mut() {
                    answers.insert(wanted.key.clone(), answer);
                }
            }
            self.scope = self.scope.clone().with("links", Value::Object(known));
        }
        Err(Fault::terminal(
            "too_many_links",
            format!("an expression asks for over {LINKS_PER_EXPRESSION} links"),
        )
        .into())
    }

    /// A script: as many at once as there are cores, and bounded for the batch.
    async fn javascript<T>(
        &mut self,
        script: impl Fn(&Scope, &Engine) -> Result<T, ExpressionError>,
    ) -> Result<T, Stopped> {
        let now = self.stack.now();
        if self.javascript.load(Ordering::Relaxed) > JAVASCRIPT_PER_BATCH {
            let failure = Failure::new("not_started", "the batch has used up its time for JavaScript");
            return Err(Fault::Retry(Again { at: now, reason: Reason::NotStarted, failure }).into());
        }
        let cores = Arc::clone(&self.stack.cores);
        let core = cores.acquire().await;
        let spent = Arc::clone(&self.javascript);
        let clock = Arc::clone(&self.stack.ports.clock);
        let result = self
            .evaluate(|scope, engine| {
                let began = clock.now();
                let result = tokio::task::block_in_place(|| script(scope, engine));
                let took: SignedDuration = clock.now().duration_since(began);
                spent.fetch_add(i64::try_from(took.as_millis()).unwrap_or(0), Ordering::Relaxed);
                result
            })
            .await;
        drop(core);
        result
    }
}

fn scope_of(compiled: &Compiled, event: &Event, message: &RunMessage) -> Scope {
    let about = serde_json::json!({
        "key": event.key,
        "kind": event.kind,
        "at": event.at,
        "stamp": event.stamp,
        "record_id": event.record_id,
        "connection": event.connection,
        "url": event.url,
    });
    let mut scope = Scope::new(Stamp(message.enqueued_at))
        .with("record", event.record.clone())
        .with("previous", event.previous.clone())
        .with("event", about)
        .with("tables", Value::Object(compiled.flow.tables.clone()))
        .with("settings", Value::Object(compiled.flow.settings.clone()));
    for id in step_ids(&compiled.steps).into_iter().chain(step_ids(&compiled.if_missing_fields)) {
        scope = scope.with_step(id.as_str(), empty());
    }
    scope
}

fn step_ids(steps: &[Ready]) -> Vec<StepId> {
    let mut ids = Vec::new();
    for ready in steps {
        ids.push(ready.step.id.clone());
        ids.extend(step_ids(&ready.on_error));
        if let Body::Branch { steps, otherwise, .. } = &ready.body {
            ids.extend(step_ids(steps));
            ids.extend(step_ids(otherwise));
        }
    }
    ids
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

fn input_hash(input: &Object) -> String {
    use base64::Engine as _;
    let digest = Sha256::digest(serde_json::to_string(input).unwrap_or_default().as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..12])
}
