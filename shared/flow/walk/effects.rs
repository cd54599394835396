//! Steps with an effect: what is known of it, the plan, the gate, and what is kept of the outcome.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::super::account::{Client, retry};
use super::super::budget::Priority;
use super::super::compile::Ready;
use super::super::gate::{Answer, Ask};
use super::super::links::{self, Standing};
use super::super::settle::Ending;
use super::super::{fault_of, recover, rerun, transitions};
use super::{REPLANS, Stopped, Walk, empty, text};
use crate::domain::connection::Provider;
use crate::domain::effect::EffectKind;
use crate::domain::flow::ActionStep;
use crate::domain::ids::{ConnectionId, EffectKey, StepId};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::run::{StepRecord, StepState};
use crate::domain::{Object, Value};
use crate::expression::Template;
use crate::ports::connector::{Action, ActionDescription, MemberOutcome, Plan, Planning};
use crate::ports::table::Write;

/// What a step wants of its action.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) step: &'a StepId,
    pub(super) action: &'a ActionStep,
    pub(super) implementation: &'a dyn Action,
    pub(super) effect: &'a EffectKey,
    pub(super) input: &'a Object,
    pub(super) client: &'a Arc<Client>,
}

pub(super) enum Planned {
    /// No call was needed.
    Answer(Value),
    Outcome(MemberOutcome),
    /// The picture that the plan went by has changed.
    Again(Failure),
}

pub(super) fn unknown(action: &ActionStep) -> Fault {
    Fault::terminal("unknown_action", format!("no action is called {}", action.action))
}

impl Walk {
    pub(super) async fn connection(
        &mut self,
        action: &ActionStep,
        template: Option<&Template>,
    ) -> Result<Arc<Client>, Stopped> {
        let Some(provider) = Provider::of(&action.action) else {
            return Err(unknown(action).into());
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
            None => {
                let find = self.compiled.each.as_ref().and_then(Ready::action);
                let came_by = find.map_or(self.event.kind.as_str(), |find| &find.action);
                self.event.connection.clone().filter(|_| Provider::of(came_by) == Some(provider))
            }
        };
        let connection = self.stack.connections.choose(provider, named.as_ref()).await?;
        self.using = Some(connection.id.clone());
        let priority = match (self.message.backfill, self.message.bulk) {
            (Some(backfill), _) => Priority::Share(backfill.share),
            (None, true) => Priority::Bulk,
            (None, false) => Priority::Live,
        };
        Ok(Arc::new(self.stack.client(connection, priority, self.deadline)?))
    }

    pub(super) async fn action(
        &mut self,
        ready: &Ready,
        action: &ActionStep,
        input: Object,
        client: Arc<Client>,
        link_key: Option<String>,
    ) -> Result<Value, Stopped> {
        let catalog = Arc::clone(&self.stack.catalog);
        let Some((description, implementation)) = catalog.action(&action.action) else {
            return Err(unknown(action).into());
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
            let wanted = Wanted {
                step: effect_id,
                action,
                implementation: implementation.as_ref(),
                effect: &effect,
                input: &input,
                client: &client,
            };
            match self.planned(&wanted, existing.as_ref(), claim).await? {
                Planned::Answer(output) => {
                    self.remember(effect_id, &hash, output.clone(), Vec::new()).await;
                    return Ok(output);
                }
                Planned::Outcome(outcome) => {
                    return self
                        .take(outcome, action, &effect, effect_id, &hash, &client, link_key.as_deref())
                        .await;
                }
                Planned::Again(failure) => last = failure,
            }
        }
        Err(Fault::Terminal(last).into())
    }

    /// Plans, and hands in at the gate what the plan asks for.
    pub(super) async fn planned(
        &mut self,
        wanted: &Wanted<'_>,
        existing: Option<&Value>,
        claim: Vec<Write>,
    ) -> Result<Planned, Stopped> {
        let Wanted { step, action, implementation, effect, input, client } = *wanted;
        let planning = Planning {
            input: input.clone(),
            options: &action.options,
            matching: &action.matching,
            effect,
            marker: effect.marker(),
            source_url: self.event.url.as_deref(),
            existing,
            account: client.as_ref(),
        };
        let operation = match implementation.plan(planning).await? {
            Plan::Answer(output) => return Ok(Planned::Answer(output)),
            Plan::Perform(operation) => operation,
        };
        let ask = Ask {
            run: self.run.clone(),
            effect_id: step.to_string(),
            effect: effect.clone(),
            operation,
            input: input_hash(input),
            extra: claim,
            client: Arc::clone(client),
        };
        match self.gate.perform(ask, &mut self.busy).await {
            Answer::Outcome(MemberOutcome::Replan(failure)) => Ok(Planned::Again(failure)),
            Answer::Outcome(outcome) => Ok(Planned::Outcome(outcome)),
            Answer::Fault(fault) => Err(fault.into()),
            Answer::Fenced => Err(Stopped::End(Ending::HandsOff)),
            Answer::Order => Err(Stopped::End(Ending::Order)),
            Answer::LinkTaken => {
                Ok(Planned::Again(Failure::new("link_taken", "another run is making the same document")))
            }
        }
    }

    /// What an earlier walk left of this effect; `None`: it is to be done (again).
    pub(super) async fn known(
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
                // The worker may have ended before it did that.
                let taken_back = transitions::take_back(&self.stack, &row).await;
                taken_back.map_err(|error| fault_of(&error, self.stack.now()))?;
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
    pub(super) async fn take(
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

    pub(super) async fn remember(&self, effect_id: &StepId, hash: &str, output: Value, along: Vec<Write>) {
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
}

fn input_hash(input: &Object) -> String {
    use base64::Engine as _;
    let digest = Sha256::digest(serde_json::to_string(input).unwrap_or_default().as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..12])
}
