//! WHERE and HAVING: conditions bound to the schema, the test of a record, and which index narrows the search.

mod access;
mod check;
mod date_parts;
mod joins;

use std::sync::Arc;

use super::answer::Refused;
use super::objects::{FieldType, Object};
use super::org::Org;
use super::soql::{Condition, Name, Operator};
use super::store::{EVER, Record, Table};
use super::values::Key;
pub(crate) use access::{Access, own_path, parent, unknown_field, unknown_relationship, within_reach};
pub(crate) use check::{Check, Left};

/// So many records are always got through an index.
const FEW: usize = 1000;

/// Conditions over fields of a record, or over whatever else has keys.
#[derive(Debug, Clone)]
pub(crate) enum Filter<L = Access> {
    And(Vec<Filter<L>>),
    Or(Vec<Filter<L>>),
    Not(Box<Filter<L>>),
    Test(L, Check),
}

impl<L> Filter<L> {
    /// Binds each comparison with `test`.
    pub(crate) fn build(
        condition: &Condition,
        test: &mut impl FnMut(&Condition) -> Result<(L, Check), Refused>,
    ) -> Result<Self, Refused> {
        let mut all = |conditions: &[Condition]| -> Result<Vec<Self>, Refused> {
            conditions.iter().map(|condition| Self::build(condition, test)).collect()
        };
        match condition {
            Condition::And(conditions) => Ok(Self::And(all(conditions)?)),
            Condition::Or(conditions) => Ok(Self::Or(all(conditions)?)),
            Condition::Not(inner) => Ok(Self::Not(Box::new(Self::build(inner, test)?))),
            Condition::Test { .. } => test(condition).map(|(left, check)| Self::Test(left, check)),
        }
    }

    pub(crate) fn holds<'a>(&self, key: &impl Fn(&L) -> Key<'a>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.holds(key)),
            Self::Or(any) => any.iter().any(|filter| filter.holds(key)),
            Self::Not(inner) => !inner.holds(key),
            Self::Test(left, check) => check.accepts(&key(left)),
        }
    }
}

impl Filter {
    pub(crate) fn bind(
        org: &Org,
        text: &str,
        object: &Arc<Object>,
        condition: &Condition,
    ) -> Result<Self, Refused> {
        joins::allowed(text, condition)?;
        Self::build(condition, &mut |test| {
            let Condition::Test { left, operator, operand } = test else {
                unreachable!("only tests are bound")
            };
            let access = Access::of(org, text, object, left)?;
            access.filterable(text, left.path.at)?;
            let left = Left { org, text, at: left.path.at, name: &access.field, kind: access.kind };
            let check = left.check(*operator, operand)?;
            Ok((access, check))
        })
    }

    pub(crate) fn accepts(&self, org: &Org, record: &Record) -> bool {
        self.holds(&|access: &Access| access.key(org, record))
    }

    /// Shows each record that is accepted, those in the recycle bin too, found by the best index there is. A
    /// record is only lent: of a large table not all fit unpacked.
    pub(crate) fn visit(filter: Option<&Self>, org: &Org, object: &Object, see: &mut dyn FnMut(&Record)) {
        let table = org.store.table(&object.name);
        let accepts = |record: &Record| filter.is_none_or(|filter| filter.accepts(org, record));
        match filter.filter(|filter| filter.index_reach(table).is_some()) {
            Some(indexed) => {
                let mut found = Vec::new();
                indexed.gather(table, &mut found);
                // What several branches of an OR find is wanted once.
                found.sort_unstable_by(|left, right| left.id.cmp(&right.id));
                found.dedup_by(|left, right| left.id == right.id);
                found.into_iter().filter(|record| accepts(record)).for_each(|record| see(record));
            }
            None => {
                let mut lend = |record: &Record| {
                    if accepts(record) {
                        see(record);
                    }
                    false
                };
                table.sift_between(Self::span(filter), &mut lend);
            }
        }
    }

    /// How many records `visit` would look at.
    pub(crate) fn looked_at(filter: Option<&Self>, table: &Table) -> usize {
        let reach = filter.and_then(|filter| filter.index_reach(table));
        reach.unwrap_or_else(|| table.count_between(Self::span(filter)))
    }

    /// The first and the last stamp that an accepted record can have.
    fn span(filter: Option<&Self>) -> (&str, &str) {
        let mut span = EVER;
        if let Some(filter) = filter {
            filter.narrow(&mut span);
        }
        span
    }

    /// The reach, if it is worth it: what most records have is looked for among all.
    fn index_reach(&self, table: &Table) -> Option<usize> {
        self.reach(table).filter(|reach| *reach <= FEW || *reach <= table.len() / 2)
    }

    /// How many records an index by value would give; none when there is no such index.
    fn reach(&self, table: &Table) -> Option<usize> {
        match self {
            Self::And(all) => all.iter().filter_map(|filter| filter.reach(table)).min(),
            Self::Or(any) => any.iter().map(|filter| filter.reach(table)).sum(),
            Self::Not(_) => None,
            Self::Test(access, check) => {
                let values = check.values().filter(|_| access.own().is_some())?;
                match access.kind {
                    FieldType::Id => Some(values.len()),
                    _ if access.indexed => {
                        Some(values.iter().map(|value| table.count_with(&access.field, value)).sum())
                    }
                    _ => None,
                }
            }
        }
    }

    /// Of conditions that must all hold, the one whose index gives least.
    fn best(&self, table: &Table) -> Option<&Self> {
        let Self::And(all) = self else { return None };
        let reached = all.iter().filter_map(|filter| Some((filter.reach(table)?, filter)));
        reached.min_by_key(|(reach, _)| *reach).map(|(_, filter)| filter)
    }

    fn gather<'a>(&self, table: &'a Table, found: &mut Vec<&'a Arc<Record>>) {
        match self {
            Self::And(_) => {
                if let Some(filter) = self.best(table) {
                    filter.gather(table, found);
                }
            }
            Self::Or(any) => any.iter().for_each(|filter| filter.gather(table, found)),
            Self::Not(_) => {}
            Self::Test(access, check) => {
                for value in check.values().unwrap_or_default() {
                    match access.kind {
                        FieldType::Id => found.extend(table.get(value)),
                        _ => found.extend(table.with(&access.field, value)),
                    }
                }
            }
        }
    }

    /// Nothing was created or modified after its SystemModstamp, so that their lower bounds count too.
    fn narrow<'a>(&'a self, span: &mut (&'a str, &'a str)) {
        match self {
            Self::And(all) => all.iter().for_each(|filter| filter.narrow(span)),
            Self::Test(access, check) => {
                let (first, last) = check.range();
                match access.own() {
                    Some("SystemModstamp") => *span = (span.0.max(first), span.1.min(last)),
                    Some("LastModifiedDate" | "CreatedDate") => span.0 = span.0.max(first),
                    _ => {}
                }
            }
            Self::Or(_) | Self::Not(_) => {}
        }
    }

    /// The fields that the indexes are by that `visit` uses.
    pub(crate) fn indexes(&self, table: &Table) -> Vec<&str> {
        if self.index_reach(table).is_none() {
            return if Self::span(Some(self)) == EVER { Vec::new() } else { vec!["SystemModstamp"] };
        }
        match self {
            Self::And(_) => self.best(table).map(|filter| filter.indexes(table)).unwrap_or_default(),
            Self::Or(any) => any.iter().flat_map(|filter| filter.indexes(table)).collect(),
            Self::Test(access, _) => vec![&access.field],
            Self::Not(_) => Vec::new(),
        }
    }

    /// The scope `mine`: `OwnerId = user`.
    pub(crate) fn owned_by(org: &Org, object: &Arc<Object>, user: &str) -> Result<Self, Refused> {
        let path = Name { text: "OwnerId".into(), at: 0 };
        let access = Access::bind(org, "USING SCOPE mine", object, &path)?;
        Ok(Self::Test(access, Check::Compare(Operator::Equal, Key::Text(user.to_owned().into()))))
    }
}
