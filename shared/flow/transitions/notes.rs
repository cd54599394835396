//! What our own effects set, beside what is remembered of a record: our own write is no change.
//!
//! It is noted before an effect is sent, field by field, over the value that was there. Where the effect is known not to
//! have been applied, its notes are taken back and the value before counts again: who then sets it is news.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{BoxFuture, try_join_all};

use super::super::FlowError;
use super::super::rows::GroupRow;
use super::super::run::write_patiently;
use super::super::stack::Stack;
use super::{canonical, memory_key};
use crate::domain::ids::{ConnectionId, GroupId};
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Changed, MemberOutcome, Sets};
use crate::ports::table::{Condition, Field, Item, Key, TableError, Write};

const NOTE: &str = "s.";

/// The field of a memory's row that says what an effect of ours set, after the call that set it. Empty: taken back.
fn name_of(field: &str) -> String {
    format!("{NOTE}{field}")
}

fn by(group: GroupId) -> String {
    format!("{group} ")
}

/// The notes of a row, by field, each with the value's canonical JSON text.
pub(super) fn read(item: &Item) -> BTreeMap<String, Note> {
    let note = |(name, field): (&String, &Field)| {
        let (Some(name), Field::Text(text)) = (name.strip_prefix(NOTE), field) else { return None };
        let (_, value) = text.split_once(' ')?;
        Some((name.to_owned(), Note { value: value.to_owned(), text: text.clone() }))
    };
    item.fields.iter().filter_map(note).collect()
}

/// What an effect of ours set a field to, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub(super) value: String,
    /// As it is stored.
    text: String,
}

impl Note {
    /// The field of the row that it is kept in.
    pub(super) fn stored(&self, of: &str) -> (String, Field) {
        (name_of(of), self.text.clone().into())
    }
}

/// Nobody has written to the memory since it was read: neither looked at a newer version, nor noted what an effect sets.
pub(in crate::flow) fn as_it_was(item: Option<&Item>, changed: &Changed) -> Condition {
    let Some(item) = item else { return Condition::Absent };
    let equal = |(name, field): (&String, &Field)| Condition::Equals(name.clone(), field.clone());
    let noted = changed.watched().map(name_of).filter(|name| !item.fields.contains_key(name));
    Condition::All(item.fields.iter().map(equal).chain(noted.map(Condition::Missing)).collect())
}

/// The writes that go with an effect of ours: to every flow that watches the account, the values that it sets are no
/// news.
pub async fn own_writes(
    stack: &Stack,
    connection: &ConnectionId,
    group: GroupId,
    sets: &Sets,
) -> Result<Vec<Write>, FlowError> {
    let mut writes = Vec::new();
    for (life, changed) in stack.flows.transitions_on(connection).await? {
        let set: BTreeMap<String, Field> = changed
            .watched()
            .filter_map(|field| {
                let value = canonical(sets.fields.get(field)?);
                Some((name_of(field), Field::Text(by(group) + &value)))
            })
            .collect();
        if !set.is_empty() {
            writes.push(Write::Update { key: memory_key(life, &sets.record), set, when: Condition::Always });
        }
    }
    Ok(writes)
}

/// Takes back what a call noted for those of its members that are known not to have been applied. What was noted or
/// looked at since stays. Doing it again changes nothing. Boxed: it is seldom more than a look, and part of many calls.
pub fn take_back<'a>(stack: &'a Stack, row: &'a GroupRow) -> BoxFuture<'a, Result<(), FlowError>> {
    Box::pin(async move {
        let records = not_written(row);
        if records.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<Key> = Vec::new();
        for (life, _) in stack.flows.transitions_on(&row.connection).await? {
            keys.extend(records.iter().map(|record| memory_key(life, record)));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let items = stack.ports.table.get(&keys).await?;
        let writes = items.into_iter().flatten().filter_map(|item| taken_back(&item, row.group));
        let write = async |write| match write_patiently(&stack.ports, vec![write]).await {
            // Refused: a poll has looked at the record, or another effect has noted something.
            Ok(()) | Err(TableError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        };
        try_join_all(writes.map(write)).await?;
        Ok(())
    })
}

/// The records that the call is known not to have written to, though it was to.
fn not_written(row: &GroupRow) -> BTreeSet<&RecordId> {
    let Some(results) = &row.results else { return BTreeSet::new() };
    let is_written = |place: usize| {
        matches!(results.get(place), None | Some(MemberOutcome::Done(_) | MemberOutcome::Unclear))
    };
    let members = row.members.iter().filter(|member| !is_written(member.place));
    members.filter_map(|member| Some(&member.sets.as_ref()?.record)).collect()
}

fn taken_back(item: &Item, group: GroupId) -> Option<Write> {
    let ours: BTreeMap<&String, &Field> = item
        .fields
        .iter()
        .filter(|(name, field)| {
            name.starts_with(NOTE) && matches!(field, Field::Text(text) if text.starts_with(&by(group)))
        })
        .collect();
    if ours.is_empty() {
        return None;
    }
    let still = |(name, field): (&&String, &&Field)| Condition::Equals((*name).clone(), (*field).clone());
    Some(Write::Update {
        key: item.key.clone(),
        when: Condition::All(ours.iter().map(still).collect()),
        set: ours.keys().map(|name| ((*name).clone(), Field::Text(String::new()))).collect(),
    })
}
