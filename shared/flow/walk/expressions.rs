//! What a walk evaluates: expressions over its scope, the links that they ask for, and scripts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::super::compile::{Body, Compiled, Ready};
use super::super::fault_of;
use super::super::links::{self};
use super::{JAVASCRIPT_PER_BATCH, LINKS_PER_EXPRESSION, Stopped, Walk, empty};
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::{ConnectionId, StepId};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::expression::{Engine, ExpressionError, Scope, per_connection};

impl Walk {
    /// Evaluates; what it asks for of the links is read and given, and it is evaluated again.
    pub(super) async fn evaluate<T>(
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

    /// Expressions see this connection's tables from now on. Most flows have none that differ.
    pub(super) fn see_tables_of(&mut self, connection: Option<&ConnectionId>) {
        let tables = &self.compiled.flow.tables;
        if tables.values().any(|table| per_connection(table).is_some()) {
            let tables = tables_for(tables, connection);
            self.scope = self.scope.clone().with("tables", Value::Object(tables));
        }
    }

    /// A script: as many at once as there are cores, and bounded for the batch.
    pub(super) async fn javascript<T>(
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

/// The tables as a step on this connection sees them: of a table that is kept for each connection, its rows for this
/// one. Where there are none, the table stays as written, and who looks a key up is told so.
pub(super) fn tables_for(tables: &Object, connection: Option<&ConnectionId>) -> Object {
    let own = |table: &Value| {
        let of_connections = per_connection(table)?;
        connection.and_then(|connection| of_connections.get(connection.as_str())).cloned()
    };
    tables.iter().map(|(name, table)| (name.clone(), own(table).unwrap_or_else(|| table.clone()))).collect()
}

pub(super) fn scope_of(compiled: &Compiled, event: &Event, message: &RunMessage) -> Scope {
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
        .with("tables", Value::Object(tables_for(&compiled.flow.tables, event.connection.as_ref())))
        .with("settings", Value::Object(compiled.flow.settings.clone()));
    if let Some(each) = compiled.flow.trigger.each.as_ref().filter(|_| !event.finds) {
        scope = scope.with("item", event.record.clone()).with_item(&each.name, event.record.clone());
    }
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
