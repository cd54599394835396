//! Scopes: what flows need to be allowed at their connections, and what they aren't.
//!
//! Providers that give out leave piece by piece say in their descriptions which piece an action or a trigger needs.
//! A consent asks for what the flows need; a flow that needs more is told so before it fails for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::FlowError;
use super::stack::Stack;
use crate::domain::connection::{Connection, GrantKind, Provider};
use crate::domain::flow::{ActionStep, Flow, StepKind, each_step};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::connector::Catalog;

/// Something that a flow does, and the scope without which it can't.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    provider: Provider,
    /// Empty: the only connection of its kind.
    connections: Vec<ConnectionId>,
    scope: &'static str,
    /// The action or the trigger.
    by: String,
}

/// A scope that a connection lacks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    pub connection: ConnectionId,
    pub scope: &'static str,
    /// The action or the trigger that needs it.
    pub by: String,
    /// What to do about it.
    pub advice: String,
}

impl Missing {
    fn new(connection: &Connection, scope: &'static str, by: &str) -> Self {
        let name = &connection.id;
        let advice = match connection.grant {
            GrantKind::AuthorizationCode => format!("`counterfoil connection reconnect {name}` asks for it"),
            GrantKind::ClientCredentials | GrantKind::JwtBearer => format!(
                "give its app that scope and connect it again, `counterfoil connection add {name} …`, which asks for what the flows need"
            ),
        };
        Self { connection: name.clone(), scope, by: by.to_owned(), advice }
    }

    pub fn failure(&self) -> Failure {
        let Self { connection, scope, by, advice } = self;
        Failure::new(
            "missing_scope",
            format!("{by} needs the scope {scope}, and `{connection}` lacks it: {advice}"),
        )
    }
}

/// What is missing for this flow: its trigger first, then its steps in the order of the file.
pub async fn missing(stack: &Stack, flow: &Flow) -> Result<Vec<Missing>, FlowError> {
    let connections = stack.connections.list().await?;
    let mut found: Vec<Missing> = Vec::new();
    for need in needs(flow, &stack.catalog) {
        for connection in used(&need, &connections) {
            let lacking = lacking(&stack.catalog, connection, need.scope, &need.by);
            let is_new = |missing: &Missing| {
                !found.iter().any(|m| m.connection == missing.connection && m.scope == missing.scope)
            };
            found.extend(lacking.filter(is_new));
        }
    }
    Ok(found)
}

/// What is missing at a connection for this one thing.
pub(super) fn lacking(
    catalog: &Catalog,
    connection: &Connection,
    scope: &'static str,
    by: &str,
) -> Option<Missing> {
    let connector = catalog.connector(connection.provider)?;
    (!connector.allows(connection, scope)).then(|| Missing::new(connection, scope, by))
}

/// What is missing at a connection for all flows that use it.
pub async fn missing_at(stack: &Stack, connection: &Connection) -> Result<Vec<Missing>, FlowError> {
    let mut found = Vec::new();
    for head in stack.flows.heads().await? {
        if let Ok(Some(compiled)) = stack.flows.compiled(head.id, head.live_version).await {
            found.extend(missing(stack, &compiled.flow).await?);
        }
    }
    found.retain(|missing: &Missing| missing.connection == connection.id);
    found.dedup_by(|one, other| one.scope == other.scope);
    Ok(found)
}

/// What all flows together need of a connection, whether it is there yet or not.
pub async fn needed(
    stack: &Stack,
    provider: Provider,
    connection: &ConnectionId,
) -> Result<BTreeSet<String>, FlowError> {
    let mut scopes = BTreeSet::new();
    for head in stack.flows.heads().await? {
        // One that can't be read any more needs nothing, until it is pushed again.
        let Ok(Some(compiled)) = stack.flows.compiled(head.id, head.live_version).await else { continue };
        let of_it = needs(&compiled.flow, &stack.catalog).into_iter().filter(|need| {
            need.provider == provider
                && (need.connections.is_empty() || need.connections.contains(connection))
        });
        scopes.extend(of_it.map(|need| need.scope.to_owned()));
    }
    Ok(scopes)
}

/// What everything that there is for a provider needs, for accounts that nobody minds opening.
pub fn of_everything(catalog: &Catalog, provider: Provider) -> Vec<String> {
    let actions = catalog.actions().map(|(about, _)| (about.id, about.scope));
    let triggers = catalog.trigger_descriptions().map(|about| (about.id, about.scope));
    let all = actions.chain(triggers).filter(|(id, _)| Provider::of(id) == Some(provider));
    let needed = all.filter_map(|(_, scope)| scope.map(str::to_owned)).collect();
    catalog.connector(provider).map(|connector| connector.machine_scopes(&needed)).unwrap_or_default()
}

fn needs(flow: &Flow, catalog: &Catalog) -> Vec<Need> {
    let need = |id: &str, connections: Vec<ConnectionId>, scope: Option<&'static str>| {
        Some(Need { provider: Provider::of(id)?, connections, scope: scope?, by: id.to_owned() })
    };
    let trigger = &flow.trigger;
    let scope = catalog.trigger(&trigger.id).and_then(|(about, _)| about.scope);
    let mut needs: Vec<Need> =
        need(&trigger.id, trigger.connection.iter().cloned().collect(), scope).into_iter().collect();
    let mut of_action = |action: &ActionStep| {
        let scope = catalog.action(&action.action).and_then(|(about, _)| about.scope);
        let connections = match action.connection.as_deref() {
            None => Vec::new(),
            // A template yields one of those.
            Some(name) if name.contains("{{") => flow.connections.clone(),
            Some(name) => vec![ConnectionId::from(name)],
        };
        needs.extend(need(&action.action, connections, scope));
    };
    if let Some(each) = &trigger.each {
        of_action(&each.find);
    }
    for steps in [&flow.steps, &flow.if_missing_fields] {
        each_step(steps, &mut |step| {
            if let StepKind::Action(action) = &step.kind {
                of_action(action);
            }
        });
    }
    needs
}

/// The connections that are there of those that a need is about.
fn used<'a>(need: &Need, connections: &'a [Arc<Connection>]) -> Vec<&'a Connection> {
    let of_kind = connections.iter().map(AsRef::as_ref).filter(|one| one.provider == need.provider);
    if need.connections.is_empty() {
        let all: Vec<&Connection> = of_kind.collect();
        // Which of several isn't said, and the flow fails for that.
        return if all.len() == 1 { all } else { Vec::new() };
    }
    of_kind.filter(|one| need.connections.contains(&one.id)).collect()
}
