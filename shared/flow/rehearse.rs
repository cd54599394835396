//! A rehearsal: one event walked through a flow as it would be, and nothing performed. Called by `flow test`.
//!
//! The same walk, the same plans, the same links and directories; only the gate lets no effect through, and nothing
//! is written of the run. Reads are made. What a document that isn't made would have answered is stood in for:
//! what was sent, and for every field that a later step asks for, a text that says where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::task::JoinSet;

use super::claim::Start;
use super::compile::Compiled;
use super::gate::Gate;
use super::rows::{OrderRow, RunRow};
use super::run::Run;
use super::settle::Ending;
use super::stack::Stack;
use super::walk::Walk;
use crate::domain::effect::EffectKind;
use crate::domain::event::{Event, RunMessage};
use crate::domain::flow::Step;
use crate::domain::ids::FlowId;
use crate::domain::outcome::Failure;
use crate::domain::run::Status;
use crate::domain::{Object, Value};
use crate::ports::connector::Operation;

/// What the event would come to.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsed {
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The step that the failure is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_step: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    pub steps: Vec<RehearsedStep>,
}

/// What one step would do, in the order of the walk.
#[derive(Debug, Clone, Serialize)]
pub struct RehearsedStep {
    pub step: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    pub became: Became,
    /// The rendered `with`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// What would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<PlannedOperation>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub output: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// Worked out here, or read at the provider: the output is real.
    Done,
    /// Would be sent; the output is stood in for.
    Planned,
    /// There is no connection to plan it with: only its input is known.
    NotPlanned,
    /// Its `when` doesn't hold.
    NotTaken,
    Failed,
}

impl Became {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Planned => "planned",
            Self::NotPlanned => "not planned",
            Self::NotTaken => "not taken",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct PlannedOperation {
    pub endpoint: &'static str,
    pub element: Value,
}

/// Walks `event` through the flow. `text`: the flow's file, which says what later steps ask of earlier ones.
pub async fn rehearse(stack: &Stack, compiled: Arc<Compiled>, text: &str, event: Event) -> Rehearsed {
    let now = stack.now();
    let name = compiled.flow.name.clone();
    let head = stack.flows.head(&name).await.ok().flatten();
    let flow = head.as_ref().map_or(FlowId(uuid::Uuid::nil()), |head| head.id);
    let version = head.map_or(0, |head| head.live_version);
    let message = RunMessage::first(flow, version, event.clone(), now);
    let row = RunRow::fresh(message.clone(), &name, now);
    // Taken up in memory, and never claimed: nothing of it is written.
    let run =
        Run::take_up(stack.ports.clone(), stack.times.lease, row, 0, false, None, OrderRow::default(), false);
    let rehearsal = Rehearsal::of(text);
    let gate = Gate::rehearsing(stack.clone(), rehearsal.clone());
    let start = Start {
        run: run.clone(),
        message,
        event,
        compiled,
        crashes: 0,
        leaves_a_trace: false,
        newer_applied: false,
    };
    let deadline = now + stack.times.function;
    let walk = Walk::new(stack.clone(), gate.clone(), &start, deadline, Arc::new(AtomicI64::new(0)));
    let mut runs = JoinSet::new();
    runs.spawn(async move { Box::pin(walk.walk(&start)).await });
    let ending = gate.drive(runs).await.pop();
    let (status, failure, at_step) = match ending {
        Some(Ending::Final { status, failure, step }) => (status, failure, step),
        Some(Ending::Wait { wait, step, .. }) => (Status::Waiting, Some(wait.failure), step),
        Some(Ending::HandsOff | Ending::Order) | None => (
            Status::Failed,
            Some(Failure::new("rehearsal_ended", "the walk ended without a result; the log says why")),
            None,
        ),
    };
    let missing = run.row().await.missing;
    Rehearsed { status, failure, at_step, missing, steps: rehearsal.steps() }
}

/// What the walk and the gate tell of the steps.
#[derive(Clone)]
pub(super) struct Rehearsal {
    steps: Arc<Mutex<Vec<RehearsedStep>>>,
    /// Step -> paths of its result that the flow's text asks for.
    wanted: Arc<BTreeMap<String, BTreeSet<String>>>,
    /// Effect id -> step id, where a step was renamed: the gate knows effects.
    names: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Rehearsal {
    fn of(text: &str) -> Self {
        Self { steps: Arc::default(), wanted: Arc::new(wanted(text)), names: Arc::default() }
    }

    fn steps(&self) -> Vec<RehearsedStep> {
        self.lock().clone()
    }

    /// An action's input is known.
    pub(super) fn asks(&self, step: &Step, action: &str, connection: Option<&str>, input: &Object) {
        let names = (step.effect_id().to_string(), step.id.to_string());
        self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(names.0, names.1);
        let step = step.id.as_str();
        self.note(step, |told| {
            told.action = Some(action.to_owned());
            told.connection = connection.map(str::to_owned);
            told.input = Value::Object(input.clone());
        });
    }

    pub(super) fn not_taken(&self, step: &str) {
        self.note(step, |told| told.became = Became::NotTaken);
    }

    pub(super) fn failed(&self, step: &str, failure: &Failure) {
        self.note(step, |told| {
            told.became = Became::Failed;
            told.failure = Some(failure.clone());
        });
    }

    pub(super) fn gave(&self, step: &str, output: &Value) {
        self.note(step, |told| {
            if told.became != Became::NotTaken {
                told.output = output.clone();
            }
        });
    }

    /// An effect stops here: what would be sent, and what stands in for its result.
    pub(super) fn planned(&self, effect_id: &str, effect: EffectKind, operation: &Operation) -> Value {
        let names = self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let step = names.get(effect_id).map_or(effect_id, String::as_str);
        let planned = PlannedOperation { endpoint: operation.endpoint, element: operation.element.clone() };
        self.note(step, |told| {
            told.became = Became::Planned;
            told.operation = Some(planned);
        });
        let sent = operation.element.as_object().cloned().unwrap_or_default();
        self.stand_in(step, effect, sent)
    }

    /// There is no account to plan the step with.
    pub(super) fn without_account(
        &self,
        step: &Step,
        action: &str,
        effect: EffectKind,
        input: Object,
        why: &Failure,
    ) -> Value {
        self.asks(step, action, None, &input);
        let step = step.id.as_str();
        self.note(step, |told| {
            told.became = Became::NotPlanned;
            told.failure = Some(why.clone());
        });
        self.stand_in(step, effect, input)
    }

    fn stand_in(&self, step: &str, effect: EffectKind, sent: Object) -> Value {
        let mut result = match effect {
            // As if one record had been found: the way that most flows are for.
            EffectKind::Read => Object::from_iter([
                ("found".to_owned(), true.into()),
                ("count".to_owned(), 1.into()),
                ("first".to_owned(), Value::Object(Object::new())),
            ]),
            EffectKind::Set | EffectKind::Create | EffectKind::Send => sent,
        };
        for path in self.wanted.get(step).into_iter().flatten() {
            fill(&mut result, path, &format!("steps.{step}.{path}"));
        }
        if effect == EffectKind::Read {
            let first = result.get("first").cloned().unwrap_or_default();
            result.insert("records".into(), Value::Array(vec![first]));
        } else {
            result.insert("_status".into(), "planned".into());
            result.insert("_created".into(), matches!(effect, EffectKind::Create | EffectKind::Send).into());
        }
        Value::Object(result)
    }

    /// Changes what was told of a step last, or begins to tell of it.
    fn note(&self, step: &str, change: impl FnOnce(&mut RehearsedStep)) {
        let mut steps = self.lock();
        if !steps.iter().any(|told| told.step == step) {
            steps.push(RehearsedStep {
                step: step.to_owned(),
                action: None,
                connection: None,
                became: Became::Done,
                input: Value::Null,
                operation: None,
                output: Value::Null,
                failure: None,
            });
        }
        if let Some(told) = steps.iter_mut().rev().find(|told| told.step == step) {
            change(told);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<RehearsedStep>> {
        self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// `steps.contact.ContactID`, `steps.account.first.Id`: which paths of which step a text asks for.
fn wanted(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, found) in text.match_indices("steps.") {
        let rest = &text[at + found.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        // What is called is a method of the value, not a field of the result.
        let called = rest[end..].starts_with('(');
        let mut names: Vec<&str> = rest[..end].split('.').filter(|name| !name.is_empty()).collect();
        if called {
            names.pop();
        }
        if let [step, path @ ..] = names.as_slice()
            && !path.is_empty()
            && !path.iter().any(|name| name.starts_with('_') || *name == "length")
        {
            wanted.entry((*step).to_owned()).or_default().insert(path.join("."));
        }
    }
    wanted
}

/// Puts a stand-in at a path that is empty. Ids are shaped as ids, so that what only checks their shape goes on.
fn fill(object: &mut Object, path: &str, says: &str) {
    match path.split_once('.') {
        Some((name, rest)) => {
            let inner = object.entry(name.to_owned()).or_insert_with(|| Value::Object(Object::new()));
            if let Some(inner) = inner.as_object_mut() {
                fill(inner, rest, says);
            }
        }
        None => {
            let stand_in = match path {
                _ if path.ends_with("ID") => uuid::Uuid::nil().to_string(),
                _ if path.ends_with("Id") => "000000000000000AAA".to_owned(),
                _ => format!("({says})"),
            };
            object.entry(path.to_owned()).or_insert(Value::String(stand_in));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::{OnError, StepKind, Stop};
    use serde_json::json;

    #[test]
    fn what_later_steps_ask_for_is_read_from_the_text() {
        let text = "a: '{{ steps.contact.ContactID }}'\nwhen: steps.account.found && steps.account.first.Name.trim() != ''\n";
        let wanted = wanted(text);
        assert_eq!(wanted["contact"], BTreeSet::from(["ContactID".to_owned()]));
        assert_eq!(wanted["account"], BTreeSet::from(["found".to_owned(), "first.Name".to_owned()]));
    }

    #[test]
    fn what_was_sent_stays_and_what_is_asked_for_is_stood_in_for() {
        let rehearsal = Rehearsal::of(
            "{{ steps.contact.ContactID }} {{ steps.contact.Name }} {{ steps.contact.Status }}",
        );
        let sent = json!({"Name": "Acme"}).as_object().cloned().unwrap_or_default();
        let result = rehearsal.stand_in("contact", EffectKind::Set, sent);
        assert_eq!(result["Name"], "Acme");
        assert_eq!(result["ContactID"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(result["Status"], "(steps.contact.Status)");
    }

    #[test]
    fn a_find_without_an_account_goes_on_as_if_one_record_had_been_found() {
        let rehearsal = Rehearsal::of("{{ steps.account.first.OwnerId }}");
        let why = Failure::new("missing_connection", "there is none");
        let step = Step {
            id: "account".into(),
            was: None,
            when: None,
            on_error: OnError::default(),
            attempts: 1,
            kind: StepKind::Stop(Stop { error: None }),
            line: 1,
        };
        let result = rehearsal.without_account(
            &step,
            "salesforce.find_records",
            EffectKind::Read,
            Object::new(),
            &why,
        );
        assert_eq!(result["found"], true);
        assert_eq!(result["records"][0]["OwnerId"], "000000000000000AAA");
        assert_eq!(rehearsal.steps()[0].became, Became::NotPlanned);
    }
}
