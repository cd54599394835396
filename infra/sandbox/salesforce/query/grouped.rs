//! Queries with aggregate functions: records put into groups, the groups summed up, chosen and sorted.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_agg_functions.htm

mod tally;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan::{Direction, filter_of, within_offset};
use super::source::source;
use crate::salesforce::answer::Refused;
use crate::salesforce::filter::{Access, Filter, Left, own_path};
use crate::salesforce::objects::{FieldType, Object};
use crate::salesforce::org::Org;
use crate::salesforce::soql::{
    Aggregate, Condition, Expression, Function, Grouping, Item, Name, Select, Subtotals, error_at,
};
use crate::salesforce::store::Record;
use crate::salesforce::values::Key;
use tally::Tally;

/// There are no further pages of groups.
const MOST: usize = 2000;

/// Whether a query groups: by its clause, or because it sums up.
pub(super) fn wanted(select: &Select) -> bool {
    let sums = |item: &Item| matches!(item, Item::Value { expression, .. } if matches!(expression.function, Some(Function::Sum(_))));
    select.grouping.is_some() || select.items.iter().any(sums)
}

/// Where only rows can be.
pub(super) fn not_here(text: &str, from: &Name) -> Refused {
    let message = "Aggregate functions and GROUP BY are not allowed here";
    error_at(text, from.at, "MALFORMED_QUERY", message)
}

pub(super) fn answer(org: &Org, text: &str, select: &Select, deleted: bool) -> Result<Value, Refused> {
    let plan = Binder::plan(org, text, select)?;
    let groups = plan.groups(org, deleted);
    if groups.len() > MOST {
        let message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
        return Err(Refused::new(400, "EXCEEDED_ID_LIMIT", message));
    }
    let rows: Vec<Value> = groups.iter().map(|group| plan.row(group)).collect();
    Ok(json!({ "totalSize": rows.len(), "done": true, "records": rows }))
}

/// What a group has: what it is grouped by, what is summed up in it, whether it is a subtotal.
#[derive(Debug, Clone, Copy)]
enum Slot {
    By(usize),
    Sum(usize),
    Subtotal(usize),
}

struct Plan {
    object: Arc<Object>,
    filter: Option<Filter>,
    by: Vec<Access>,
    /// Which of `by` each set of groups is made by.
    sets: Vec<Vec<bool>>,
    sums: Vec<(Aggregate, Access)>,
    columns: Vec<(String, Slot)>,
    having: Option<Filter<Slot>>,
    order: Vec<(Slot, Direction)>,
    limit: usize,
    offset: usize,
}

/// The groups of one set, as they are made.
struct Made<'a> {
    set: &'a [bool],
    places: HashMap<Vec<Key<'static>>, usize>,
    groups: Vec<Group>,
}

struct Group {
    /// By what it is grouped: as compared, as sorted, as shown.
    keys: Vec<Key<'static>>,
    sort: Vec<Key<'static>>,
    shown: Vec<Value>,
    subtotal: Vec<bool>,
    tallies: Vec<Tally>,
}

impl Plan {
    fn groups(&self, org: &Org, deleted: bool) -> Vec<Group> {
        let mut made: Vec<Made> = self.sets.iter().map(|set| Made::new(self, set)).collect();
        Filter::visit(self.filter.as_ref(), org, &self.object, &mut |record| {
            if deleted || !record.is("IsDeleted") {
                made.iter_mut().for_each(|made| made.count(self, org, record));
            }
        });
        let mut groups: Vec<Group> = made.into_iter().flat_map(|made| made.groups).collect();
        if let Some(having) = &self.having {
            groups.retain(|group| having.holds(&|slot: &Slot| group.key(*slot)));
        }
        groups.sort_by(|left, right| {
            let orders = self
                .order
                .iter()
                .map(|(slot, direction)| direction.compare(&left.sort_key(*slot), &right.sort_key(*slot)));
            orders.fold(Ordering::Equal, Ordering::then).then_with(|| left.sort.cmp(&right.sort))
        });
        groups.into_iter().skip(self.offset).take(self.limit).collect()
    }

    fn row(&self, group: &Group) -> Value {
        let mut row = Map::new();
        row.insert("attributes".into(), json!({ "type": "AggregateResult" }));
        for (name, slot) in &self.columns {
            let value = match slot {
                Slot::By(place) => group.shown[*place].clone(),
                Slot::Sum(place) => group.tallies[*place].shown(),
                Slot::Subtotal(place) => i64::from(group.subtotal[*place]).into(),
            };
            row.insert(name.clone(), value);
        }
        Value::Object(row)
    }
}

impl<'a> Made<'a> {
    fn new(plan: &Plan, set: &'a [bool]) -> Self {
        let mut made = Self { set, places: HashMap::new(), groups: Vec::new() };
        if plan.by.is_empty() {
            // Without GROUP BY there is one group, be it of nothing.
            made.places.insert(Vec::new(), 0);
            made.groups.push(Group::new(plan, set));
        }
        made
    }

    fn count(&mut self, plan: &Plan, org: &Org, record: &Record) {
        let by = || plan.by.iter().zip(self.set).map(|(access, by)| by.then_some(access));
        let key = |access: Option<&Access>| access.map_or(Key::Null, |it| it.key(org, record).into_owned());
        let keys: Vec<Key<'static>> = by().map(key).collect();
        let groups = &mut self.groups;
        let place = *self.places.entry(keys).or_insert_with_key(|keys| {
            let sort = |access: &Access| access.sort_key(org, record).into_owned();
            groups.push(Group {
                keys: keys.clone(),
                sort: by().map(|access| access.map_or(Key::Null, sort)).collect(),
                shown: by().map(|access| access.map_or(Value::Null, |it| it.shown(org, record))).collect(),
                ..Group::new(plan, self.set)
            });
            groups.len() - 1
        });
        for (tally, (_, access)) in groups[place].tallies.iter_mut().zip(&plan.sums) {
            tally.count(org, access, record);
        }
    }
}

impl Group {
    fn new(plan: &Plan, set: &[bool]) -> Self {
        let tallies = plan.sums.iter().map(|(aggregate, access)| Tally::new(*aggregate, access.kind));
        Self {
            keys: Vec::new(),
            sort: Vec::new(),
            shown: Vec::new(),
            subtotal: set.iter().map(|by| !by).collect(),
            tallies: tallies.collect(),
        }
    }

    fn key(&self, slot: Slot) -> Key<'_> {
        match slot {
            Slot::By(place) => self.keys[place].clone(),
            Slot::Sum(place) => self.tallies[place].key(),
            Slot::Subtotal(place) => i64::from(self.subtotal[place]).into(),
        }
    }

    fn sort_key(&self, slot: Slot) -> Key<'_> {
        match slot {
            Slot::By(place) => self.sort[place].clone(),
            _ => self.key(slot),
        }
    }
}

/// A plan as it is bound.
struct Binder<'a> {
    org: &'a Org,
    text: &'a str,
    object: Arc<Object>,
    grouping: &'a [Expression],
    by: Vec<Access>,
    sums: Vec<(Aggregate, Access)>,
}

impl Binder<'_> {
    fn plan(org: &Org, text: &str, select: &Select) -> Result<Plan, Refused> {
        within_offset(select)?;
        let none = Grouping { by: Vec::new(), subtotals: Subtotals::None, having: None };
        let grouping = select.grouping.as_ref().unwrap_or(&none);
        let object = source(org, text, select)?;
        let mut binder =
            Binder { org, text, object, grouping: &grouping.by, by: Vec::new(), sums: Vec::new() };
        if select.grouping.is_none() && select.limit.is_some() {
            let message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT";
            return Err(binder.error(&select.from, "MALFORMED_QUERY", message));
        }
        for expression in &grouping.by {
            let access = Access::of(org, text, &binder.object, expression)?;
            access.groupable(text, expression.path.at)?;
            binder.by.push(access);
        }
        let columns = binder.columns(&select.items)?;
        let having = grouping
            .having
            .as_ref()
            .map(|condition| Filter::build(condition, &mut |test| binder.having(test)));
        let having = having.transpose()?;
        let order = select.order.iter().map(|order| {
            let why = "Ordered field must be grouped or aggregated: ";
            Ok((binder.slot(&order.by, why)?, Direction::of(order)))
        });
        let order = order.collect::<Result<_, Refused>>()?;
        Ok(Plan {
            filter: filter_of(org, text, select, &binder.object)?,
            sets: sets(grouping.by.len(), grouping.subtotals),
            object: binder.object,
            by: binder.by,
            sums: binder.sums,
            columns,
            having,
            order,
            limit: select.limit.unwrap_or(usize::MAX),
            offset: select.offset,
        })
    }

    /// Fields keep their name; what has none and no alias is `expr0`, `expr1` …
    fn columns(&mut self, items: &[Item]) -> Result<Vec<(String, Slot)>, Refused> {
        let mut columns: Vec<(String, Slot)> = Vec::new();
        let mut unnamed = 0;
        for item in items {
            let Item::Value { expression, alias } = item else {
                let message =
                    "Only grouped fields and aggregate functions can be selected in a grouped query";
                return Err(Refused::new(400, "MALFORMED_QUERY", message));
            };
            let slot = self.slot(expression, "Field must be grouped or aggregated: ")?;
            let name = match (alias, expression.function, slot) {
                (Some(alias), _, _) => alias.text.clone(),
                (None, None, Slot::By(place)) => self.by[place].field.clone(),
                _ => {
                    unnamed += 1;
                    format!("expr{}", unnamed - 1)
                }
            };
            if columns.iter().any(|(there, _)| there.eq_ignore_ascii_case(&name)) {
                let at = alias.as_ref().unwrap_or(&expression.path);
                return Err(self.error(at, "MALFORMED_QUERY", &format!("duplicate alias: {name}")));
            }
            columns.push((name, slot));
        }
        Ok(columns)
    }

    fn having(&mut self, test: &Condition) -> Result<(Slot, crate::salesforce::filter::Check), Refused> {
        let Condition::Test { left, operator, operand } = test else { unreachable!("only tests are bound") };
        let slot = self.slot(left, "Field must be grouped or aggregated: ")?;
        let kind = match slot {
            Slot::By(place) => self.by[place].kind,
            Slot::Subtotal(_) => FieldType::Int,
            Slot::Sum(place) => match self.sums[place] {
                (Aggregate::Least | Aggregate::Greatest, ref access) => access.kind,
                _ => FieldType::Double,
            },
        };
        let (org, text, name) = (self.org, self.text, left.path.text.as_str());
        let check = Left { org, text, at: left.path.at, name, kind }.check(*operator, operand)?;
        Ok((slot, check))
    }

    fn slot(&mut self, expression: &Expression, why: &str) -> Result<Slot, Refused> {
        if let Some(Function::Sum(aggregate)) = expression.function {
            return self.sum(aggregate, &expression.path);
        }
        let subtotal = expression.function == Some(Function::Grouping);
        let function = if subtotal { None } else { expression.function };
        let path = own_path(&self.object, &expression.path).join(".");
        let place = self.grouping.iter().position(|known| {
            let known_path = own_path(&self.object, &known.path).join(".");
            (known.function, known.converted) == (function, expression.converted)
                && known_path.eq_ignore_ascii_case(&path)
        });
        match place {
            Some(place) if subtotal => Ok(Slot::Subtotal(place)),
            Some(place) => Ok(Slot::By(place)),
            None => {
                // A name that is unknown altogether says so first.
                Access::bind(self.org, self.text, &self.object, &expression.path)?;
                let message = format!("{why}{}", expression.path.text);
                Err(self.error(&expression.path, "MALFORMED_QUERY", &message))
            }
        }
    }

    fn sum(&mut self, aggregate: Aggregate, path: &Name) -> Result<Slot, Refused> {
        let access = Access::bind(self.org, self.text, &self.object, path)?;
        let numbers = matches!(aggregate, Aggregate::Sum | Aggregate::Average);
        if !access.aggregatable() || (numbers && !access.kind.is_number()) {
            let (field, name) = (&access.field, aggregate.name());
            let message = format!("field {field} does not support aggregate operator {name}");
            return Err(self.error(path, "MALFORMED_QUERY", &message));
        }
        let same = |known: &Access| (&known.hops, &known.field) == (&access.hops, &access.field);
        let there = self.sums.iter().position(|(known, there)| *known == aggregate && same(there));
        Ok(Slot::Sum(there.unwrap_or_else(|| {
            self.sums.push((aggregate, access));
            self.sums.len() - 1
        })))
    }

    fn error(&self, at: &Name, code: &str, message: &str) -> Refused {
        error_at(self.text, at.at, code, message)
    }
}

/// Which fields are grouped by in each set: all; with ROLLUP also every beginning of them, with CUBE every
/// choice of them.
fn sets(count: usize, subtotals: Subtotals) -> Vec<Vec<bool>> {
    let all = vec![vec![true; count]];
    match subtotals {
        Subtotals::None => all,
        Subtotals::Rollup => {
            (0..=count).rev().map(|kept| (0..count).map(|place| place < kept).collect()).collect()
        }
        Subtotals::Cube => (0..count).fold(vec![Vec::new()], |sets, _| {
            let with = |set: &Vec<bool>, by| set.iter().copied().chain([by]).collect();
            sets.iter().flat_map(|set| [with(set, true), with(set, false)]).collect()
        }),
    }
}
