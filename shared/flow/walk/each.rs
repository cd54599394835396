//! `each`: a schedule's tick, or a person's word, finds items; each of them starts a run of its own.
//!
//! The find is the step of a run, so that it waits, is retried and fails as every step does. Items are queued under the
//! tick's key and their own, before the run remembers how far it came: found again after a crash, they are the same runs.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::super::account::{Client, retry};
use super::super::compile::Ready;
use super::super::fault_of;
use super::super::settle::send_all;
use super::effects::{Planned, Wanted, unknown};
use super::{REPLANS, Stopped, Walk, text};
use crate::domain::event::{Event, RunMessage};
use crate::domain::flow::ActionStep;
use crate::domain::ids::{EffectKey, EventKey};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::record_id::RecordId;
use crate::domain::run::{StepRecord, StepState};
use crate::domain::{Object, Value};
use crate::expression::{CompiledValue, Template};
use crate::ports::connector::{Action, MemberOutcome};

/// A page of items isn't asked for when it might not come in time.
const LONGEST_FIND: SignedDuration = SignedDuration::from_secs(65);

/// How an `each` finds, and what its items are known by.
#[derive(Debug)]
pub struct Finds {
    pub with: CompiledValue,
    pub connection: Option<Template>,
    pub name: String,
    pub key: Template,
}

/// How far it came; the step's result when it is done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tally {
    /// Items that were queued.
    items: u64,
    /// Items whose key is empty.
    #[serde(default)]
    without_key: u64,
    /// The input that finds what comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Object>,
}

impl Walk {
    pub(super) async fn each(&mut self, ready: &Ready, finds: &Finds) -> Result<Value, Stopped> {
        let Some(find) = ready.action() else { return Ok(Value::Null) };
        let catalog = Arc::clone(&self.stack.catalog);
        let Some((_, implementation)) = catalog.action(&find.action) else {
            return Err(unknown(find).into());
        };
        let client = self.connection(find, finds.connection.as_ref()).await?;
        self.see_tables_of(Some(&client.connection.id));
        let mut tally = self.tally(ready).await;
        let mut input = match tally.next.take() {
            Some(next) => next,
            None => {
                tally = Tally::default();
                let (input, _) = self.asked(&finds.with, None).await?;
                implementation.find_next(&input, None).unwrap_or(input)
            }
        };
        loop {
            let now = self.stack.now();
            if now + LONGEST_FIND > self.deadline {
                let failure =
                    Failure::new("not_started", format!("{} items so far; it goes on", tally.items));
                return Err(Fault::Retry(Again { at: now, reason: Reason::NotStarted, failure }).into());
            }
            let found = self.find(ready, find, implementation.as_ref(), &input, &client).await?;
            let records =
                found.get("records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            self.start_all(finds, records, &client, &mut tally).await?;
            tally.next = implementation.find_next(&input, Some(&found));
            self.remember_tally(ready, &tally).await;
            let Some(next) = tally.next.clone() else { return ended(&tally) };
            let claimed = self.run.claim(self.stack.now()).await;
            claimed.map_err(|not_written| Stopped::End(self.not_written(not_written)))?;
            input = next;
        }
    }

    /// What an earlier walk of the run left.
    async fn tally(&self, ready: &Ready) -> Tally {
        let record = self.run.step(ready.step.id.as_str()).await;
        record.and_then(|record| serde_json::from_value(record.output).ok()).unwrap_or_default()
    }

    async fn remember_tally(&self, ready: &Ready, tally: &Tally) {
        let record = StepRecord {
            state: StepState::Done,
            output: serde_json::to_value(tally).unwrap_or_default(),
            input: None,
            group: None,
            attempts: 0,
            failure: None,
            at: self.stack.now(),
        };
        self.run.remember(ready.step.id.as_str(), record, Vec::new()).await;
    }

    async fn find(
        &mut self,
        ready: &Ready,
        find: &ActionStep,
        implementation: &dyn Action,
        input: &Object,
        client: &Arc<Client>,
    ) -> Result<Value, Stopped> {
        let effect = EffectKey::new(self.run.id, &ready.step.id, None);
        let wanted =
            Wanted { step: &ready.step.id, action: find, implementation, effect: &effect, input, client };
        let mut last = Failure::new("replanned", "the account kept changing under the find");
        for _ in 0..REPLANS {
            match self.planned(&wanted, None, Vec::new()).await? {
                Planned::Answer(found) | Planned::Outcome(MemberOutcome::Done(found)) => return Ok(found),
                Planned::Again(failure) => last = failure,
                Planned::Outcome(MemberOutcome::Failed(failure) | MemberOutcome::Taken(failure)) => {
                    return Err(Fault::Terminal(failure).into());
                }
                Planned::Outcome(MemberOutcome::Retry(failure) | MemberOutcome::Replan(failure)) => {
                    return Err(retry(self.stack.now(), failure).into());
                }
                Planned::Outcome(MemberOutcome::Unclear) => {
                    let failure = Failure::new("unclear_answer", "the answer is not what was asked for");
                    return Err(retry(self.stack.now(), failure).into());
                }
            }
        }
        Err(Fault::Terminal(last).into())
    }

    /// Queues a run for each item. A key that is there twice is one run.
    async fn start_all(
        &mut self,
        finds: &Finds,
        records: &[Value],
        client: &Client,
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            let key = text(&self.key_of(finds, record)?).trim().to_owned();
            if key.is_empty() {
                tally.without_key += 1;
            } else {
                messages.push(self.item(&key, record.clone(), client));
            }
        }
        tally.items += u64::try_from(messages.len()).unwrap_or_default();
        send_all(&self.stack, &messages).await.map_err(|error| fault_of(&error, self.stack.now()).into())
    }

    fn key_of(&self, finds: &Finds, record: &Value) -> Result<Value, Stopped> {
        let scope = self.scope.with_item("item", record.clone());
        let scope = scope.with_item(&finds.name, record.clone());
        Ok(tokio::task::block_in_place(|| finds.key.render(&scope, &self.stack.engine))?)
    }

    /// The item's event is of the tick's time and day, whenever it was found.
    fn item(&self, key: &str, record: Value, client: &Client) -> RunMessage {
        let event = Event {
            connection: Some(client.connection.id.clone()),
            kind: self.event.kind.clone(),
            key: EventKey::new(format!("{}#{key}", self.event.key)),
            record_id: Some(RecordId::salesforce(key).unwrap_or_else(|| RecordId::new(key))),
            stamp: Some(self.event.at),
            at: self.event.at,
            record,
            previous: Value::Null,
            url: None,
            finds: false,
        };
        let message =
            RunMessage::first(self.run.flow, self.message.flow_version, event, self.message.enqueued_at);
        RunMessage { bulk: self.message.bulk, ..message }
    }
}

fn ended(tally: &Tally) -> Result<Value, Stopped> {
    if tally.without_key > 0 {
        let (none, some) = (tally.without_key, tally.items);
        let message = format!("`each.key` gives nothing for {none} items; the other {some} were started");
        return Err(Fault::terminal("item_without_key", message).into());
    }
    Ok(serde_json::to_value(tally).unwrap_or_default())
}
