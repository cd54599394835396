//! Links: which document a step has made for a source record, so that it is made once.
//!
//! A link is claimed (`making`) along with the pointer to the group that makes the document, and becomes `made`
//! with the run's next write. It is read before anything: two runs that would make the same thing make one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::compile::{Body, Ready};
use super::rows::{
    GroupRow, StoredRun, document_of, group_key, item_of, link_item, link_key, link_of, record_partition,
    run_key,
};
use super::run::{Run, write_patiently};
use super::{FlowError, Stack, fault_of, recover};
use crate::domain::flow::{IfExists, LinkRule};
use crate::domain::ids::{ConnectionId, EffectKey, LinkName};
use crate::domain::link::{Link, LinkState};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::run::{Status, StepRecord, StepState};
use crate::domain::{Object, Value};
use crate::expression::{WantedBy, WantedLink};
use crate::ports::connector::MemberOutcome;
use crate::ports::table::{Condition, Index, Key, MAX_TRANSACTION, Query, TableError, Write, all_pages};

/// What the link says before the step does anything.
#[derive(Debug)]
pub enum Standing {
    /// Nobody has made it: claim it with this write.
    Free(Write),
    /// We have claimed it before (another attempt of this effect).
    Ours,
    /// It is made: the step's result.
    Use(Value),
    /// It is made and is to be updated: the document that is remembered.
    Update(Value),
}

/// Reads the link of a step and decides.
pub async fn standing(
    stack: &Stack,
    run: &Run,
    effect: &EffectKey,
    connection: &ConnectionId,
    rule: &LinkRule,
    key: &str,
) -> Result<Standing, Fault> {
    let now = stack.now();
    let ground = |error: FlowError| fault_of(&error, now);
    let table = &stack.ports.table;
    let stored_key = link_key(connection, &rule.name, key);
    let item = table.get_one(&stored_key).await.map_err(|e| ground(e.into()))?;
    let claim = Link {
        connection: connection.clone(),
        name: rule.name.clone(),
        key: key.to_owned(),
        state: LinkState::Making,
        run: Some(run.id),
        effect: Some(effect.clone()),
        at: now,
    };
    let Some(item) = item else {
        return Ok(Standing::Free(Write::put(link_item(&claim), Condition::Absent)));
    };
    let link = link_of(&item).map_err(|e| ground(e.into()))?;
    match link.state {
        _ if link.effect.as_ref() == Some(effect) && matches!(link.state, LinkState::Making) => {
            Ok(Standing::Ours)
        }
        LinkState::Made { document, .. } if link.effect.as_ref() == Some(effect) => {
            Ok(Standing::Use(document))
        }
        LinkState::Made { document, id } => match rule.if_exists {
            IfExists::Use | IfExists::Skip => Ok(Standing::Use(found(document))),
            IfExists::Update => Ok(Standing::Update(document)),
            IfExists::Fail => Err(Fault::terminal(
                "link_exists",
                format!("`{}` of {key} is already {id} (link.if_exists is `fail`)", rule.name),
            )),
        },
        LinkState::Making => {
            let owner = link.run.map(run_key);
            let maker = match owner {
                Some(key) => table.get_one(&key).await.map_err(|e| ground(e.into()))?,
                None => None,
            };
            let left = match maker.and_then(|item| StoredRun::read(&item).ok()) {
                None => Left::Nothing,
                Some(maker) => left_by(stack, &maker, link.effect.as_ref()).await.map_err(ground)?,
            };
            match left {
                Left::Nothing => {
                    let was = link.effect.map(|effect| effect.as_str().to_owned()).unwrap_or_default();
                    let when = Condition::All(vec![
                        Condition::equals("state", "making"),
                        Condition::equals("effect", was),
                    ]);
                    return Ok(Standing::Free(Write::put(link_item(&claim), when)));
                }
                Left::Document(document) => return Ok(Standing::Use(found(document))),
                Left::Open => {}
            }
            Err(Fault::Retry(Again {
                at: now + SignedDuration::from_secs(10),
                reason: Reason::NotStarted,
                failure: Failure::new(
                    "link_being_made",
                    format!(
                        "`{}` of {key} is being made by run {}",
                        rule.name,
                        link.run.map(|r| r.to_string()).unwrap_or_default()
                    ),
                ),
            }))
        }
    }
}

/// What the run that claimed a link has come to.
enum Left {
    /// It has ended without making the document: the claim is free to take.
    Nothing,
    /// It was ended by a person after the document was made.
    Document(Value),
    /// It goes on, or nobody knows yet what became of its call.
    Open,
}

async fn left_by(stack: &Stack, maker: &StoredRun, effect: Option<&EffectKey>) -> Result<Left, FlowError> {
    if !maker.row.status.is_final() || maker.row.status == Status::InDoubt {
        return Ok(Left::Open);
    }
    let undecided = |step: &&StepRecord| matches!(step.state, StepState::Pending | StepState::InDoubt);
    let groups = maker.row.steps.values().filter(undecided).filter_map(|step| step.group);
    let keys: Vec<Key> = groups.map(group_key).collect();
    for item in stack.ports.table.get(&keys).await?.into_iter().flatten() {
        let row = GroupRow::read(&item)?;
        let ours = effect.filter(|effect| row.members.iter().any(|member| member.effect == **effect));
        match ours.map(|effect| recover::outcome_of(&row, effect)) {
            None => {}
            Some(Some(MemberOutcome::Done(document))) => return Ok(Left::Document(document)),
            Some(None | Some(MemberOutcome::Unclear)) => return Ok(Left::Open),
            Some(Some(_)) => {}
        }
    }
    Ok(Left::Nothing)
}

/// The write that remembers what was made.
pub fn made(
    stack: &Stack,
    run: &Run,
    effect: &EffectKey,
    connection: &ConnectionId,
    name: &LinkName,
    key: &str,
    document: &Value,
) -> Option<Write> {
    let id = document_id(document)?;
    let link = Link {
        connection: connection.clone(),
        name: name.clone(),
        key: key.to_owned(),
        state: LinkState::Made { id, document: remembered(document) },
        run: Some(run.id),
        effect: Some(effect.clone()),
        at: stack.now(),
    };
    Some(Write::put(link_item(&link), Condition::Always))
}

/// The provider's id of a document: `_id`, which every action that makes something sets.
pub fn document_id(document: &Value) -> Option<String> {
    document.get("_id").and_then(Value::as_str).map(str::to_owned)
}

/// What a later run needs of a document: everything but its lines, which would only grow old.
fn remembered(document: &Value) -> Value {
    let Some(object) = document.as_object() else { return document.clone() };
    let kept: Object =
        object.iter().filter(|(_, value)| !value.is_array()).map(|(k, v)| (k.clone(), v.clone())).collect();
    Value::Object(kept)
}

fn found(mut document: Value) -> Value {
    if let Some(object) = document.as_object_mut() {
        object.insert("_found".into(), Value::Bool(true));
        object.insert("_created".into(), Value::Bool(false));
    }
    document
}

// ---------------------------------------------------------------- by hand

/// Partition of the (connection, name) pairs that were imported: no flow need name them.
const NAMES: &str = "link-names";

/// All links, by connection, name and key; `None` is any.
pub async fn list(
    stack: &Stack,
    connection: Option<&ConnectionId>,
    name: Option<&LinkName>,
) -> Result<Vec<Link>, FlowError> {
    let mut pairs = BTreeSet::new();
    let mut names: BTreeSet<LinkName> = BTreeSet::new();
    for head in stack.flows.heads().await? {
        for version in stack.flows.versions(head.id).await? {
            // A version that no longer reads made its links while it did; a newer one has the same names.
            if let Ok(Some(compiled)) = stack.flows.compiled(head.id, version.version).await {
                names_in(&compiled.if_missing_fields, &mut names);
                names_in(&compiled.steps, &mut names);
            }
        }
    }
    for connection in stack.connections.list().await? {
        pairs.extend(names.iter().map(|name| (connection.id.clone(), name.clone())));
    }
    for item in all_pages(stack.ports.table.as_ref(), Query::new(NAMES)).await? {
        pairs.insert(document_of::<(ConnectionId, LinkName)>(&item)?);
    }
    let mut links = Vec::new();
    for (of, called) in pairs {
        if connection.is_none_or(|wanted| *wanted == of) && name.is_none_or(|wanted| *wanted == called) {
            let query = Query { limit: 1_000, ..Query::new(link_key(&of, &called, "").partition) };
            for item in all_pages(stack.ports.table.as_ref(), query).await? {
                links.push(link_of(&item)?);
            }
        }
    }
    Ok(links)
}

fn names_in(steps: &[Ready], names: &mut BTreeSet<LinkName>) {
    for ready in steps {
        names.extend(ready.action().and_then(|action| action.link.as_ref()).map(|link| link.name.clone()));
        names_in(&ready.on_error, names);
        if let Body::Branch { steps, otherwise, .. } = &ready.body {
            names_in(steps, names);
            names_in(otherwise, names);
        }
    }
}

/// A link as a person brings it.
#[derive(Debug, Clone, PartialEq)]
pub struct Brought {
    pub connection: ConnectionId,
    pub name: LinkName,
    pub key: String,
    /// The provider's id of the document.
    pub id: String,
    /// Further fields of the document that steps ask for (`InvoiceNumber`).
    pub document: Object,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    pub added: usize,
    pub replaced: usize,
    /// They were there with the same id.
    pub unchanged: usize,
}

/// Brings links in: everything is looked at before anything is written. `replace`: another id than the one that is
/// there takes its place, else that is a mistake.
pub async fn import(stack: &Stack, brought: Vec<Brought>, replace: bool) -> Result<Imported, FlowError> {
    let now = stack.now();
    let known = stack.connections.list().await?;
    let mut wrong: Vec<String> = Vec::new();
    let mut seen: BTreeMap<Key, String> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    let mut writes = Vec::new();
    let mut imported = Imported::default();
    for some in brought.chunks(MAX_TRANSACTION) {
        let keys: Vec<Key> =
            some.iter().map(|link| link_key(&link.connection, &link.name, &link.key)).collect();
        let items = stack.ports.table.get(&keys).await?;
        for ((link, key), item) in some.iter().zip(keys).zip(items) {
            let what = format!("{}, {}, {}", link.connection, link.name, link.key);
            if !known.iter().any(|connection| connection.id == link.connection) {
                wrong.push(format!("{what}: there is no connection called {}", link.connection));
                continue;
            }
            match seen.insert(key, link.id.clone()) {
                Some(other) if other == link.id => continue,
                Some(other) => {
                    wrong.push(format!("{what} is there twice, as {other} and as {}", link.id));
                    continue;
                }
                None => {}
            }
            let was = item.as_ref().map(link_of).transpose()?.map(|link| link.state);
            let when = match (was, item.as_ref()) {
                (None, _) => {
                    imported.added += 1;
                    Condition::Absent
                }
                (Some(LinkState::Made { id, .. }), _) if id == link.id => {
                    imported.unchanged += 1;
                    continue;
                }
                (Some(_), _) if replace => {
                    imported.replaced += 1;
                    Condition::Always
                }
                (Some(LinkState::Made { id, .. }), _) => {
                    wrong.push(format!("{what} is {id} already, not {}", link.id));
                    continue;
                }
                (Some(LinkState::Making), _) => {
                    wrong.push(format!("{what} is being made by a run"));
                    continue;
                }
            };
            let mut document = link.document.clone();
            document.insert("_id".into(), link.id.clone().into());
            let made = Link {
                connection: link.connection.clone(),
                name: link.name.clone(),
                key: link.key.clone(),
                state: LinkState::Made { id: link.id.clone(), document: Value::Object(document) },
                run: None,
                effect: None,
                at: now,
            };
            writes.push(Write::put(link_item(&made), when));
            pairs.insert((link.connection.clone(), link.name.clone()));
        }
    }
    if !wrong.is_empty() {
        let advice =
            if replace { "" } else { "\n`--replace` lets what you bring take the place of what is there" };
        let message = format!("nothing was imported:\n{}{advice}", wrong.join("\n"));
        return Err(Failure::new("links_refused", message).into());
    }
    // Their names first, so that whatever is written can be listed.
    let names = pairs.into_iter().map(|(connection, name)| {
        let key = Key::new(NAMES, format!("{connection}#{name}"));
        Write::put(item_of(key, &(connection, name)), Condition::Always)
    });
    let writes: Vec<Write> = names.chain(writes).collect();
    for some in writes.chunks(MAX_TRANSACTION) {
        match write_patiently(&stack.ports, some.to_vec()).await {
            Ok(()) => {}
            Err(TableError::Refused(_)) => {
                let message = "a run made one of these documents meanwhile; import the file again";
                return Err(Failure::new("links_changed", message).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(imported)
}

// ---------------------------------------------------------------- expressions

/// What an expression asked for: `links.invoice(key)`, `.all(prefix)`, `.source(id)`; over all connections, for
/// names are shared by flows.
pub async fn answer(
    stack: &Stack,
    connections: &[ConnectionId],
    wanted: &WantedLink,
) -> Result<Value, FlowError> {
    let name = LinkName::new(wanted.name.as_str());
    let mut ids = Vec::new();
    for connection in connections {
        match wanted.by {
            WantedBy::Key => {
                let item = stack.ports.table.get(&[link_key(connection, &name, &wanted.key)]).await?;
                if let Some(LinkState::Made { id, .. }) = item
                    .into_iter()
                    .next()
                    .flatten()
                    .map(|item| link_of(&item))
                    .transpose()?
                    .map(|link| link.state)
                {
                    return Ok(Value::String(id));
                }
            }
            WantedBy::Prefix => {
                let mut query = Query::new(link_key(connection, &name, "").partition);
                query.from.clone_from(&wanted.key);
                query.before = Some(format!("{}\u{10FFFF}", wanted.key));
                loop {
                    let page = stack.ports.table.query(query.clone()).await?;
                    for item in &page.items {
                        if let LinkState::Made { id, .. } = link_of(item)?.state {
                            ids.push(Value::String(id));
                        }
                    }
                    if page.after.is_none() {
                        break;
                    }
                    query.after = page.after;
                }
            }
            WantedBy::Source => {
                let mut query = Query::on(Index::Record, record_partition(connection, &wanted.key));
                query.from = format!("link#{name}#");
                query.before = Some(format!("link#{name}$"));
                let page = stack.ports.table.query(query).await?;
                if let Some(item) = page.items.first() {
                    return Ok(Value::String(link_of(item)?.key));
                }
            }
        }
    }
    Ok(match wanted.by {
        WantedBy::Prefix => Value::Array(ids),
        WantedBy::Key | WantedBy::Source => Value::Null,
    })
}
