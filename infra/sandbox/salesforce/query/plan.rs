//! What a query wants, bound to the schema: columns, condition, order; and the records it gives in which order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::columns::{Column, Selected};
use super::grouped;
use super::source::source;
use crate::salesforce::answer::Refused;
use crate::salesforce::filter::{Access, Filter};
use crate::salesforce::objects::Object;
use crate::salesforce::org::Org;
use crate::salesforce::soql::{Item, Name, Order, Select, error_at};
use crate::salesforce::store::Record;
use crate::salesforce::values::Key;

/// OFFSET goes no further.
const FURTHEST_OFFSET: usize = 2000;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) object: Arc<Object>,
    pub(super) columns: Vec<Column>,
    pub(super) count_only: bool,
    /// A long text is read: the pages are shorter.
    pub(super) long_text: bool,
    pub(super) filter: Option<Filter>,
    order: Vec<(Access, Direction)>,
    limit: usize,
    offset: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Direction {
    descending: bool,
    nulls_last: bool,
}

impl Direction {
    pub(super) fn of(order: &Order) -> Self {
        Self { descending: order.descending, nulls_last: order.nulls_last }
    }

    pub(super) fn compare(self, left: &Key<'_>, right: &Key<'_>) -> Ordering {
        match (left, right) {
            (Key::Null, Key::Null) => Ordering::Equal,
            (Key::Null, _) if self.nulls_last => Ordering::Greater,
            (Key::Null, _) => Ordering::Less,
            (_, Key::Null) => self.compare(right, left).reverse(),
            _ if self.descending => right.cmp(left),
            _ => left.cmp(right),
        }
    }
}

pub(crate) fn plan(org: &Org, text: &str, select: &Select) -> Result<Plan, Refused> {
    let object = source(org, text, select)?;
    plan_of(org, text, select, &object)
}

pub(super) fn plan_of(org: &Org, text: &str, select: &Select, object: &Arc<Object>) -> Result<Plan, Refused> {
    if grouped::wanted(select) {
        return Err(grouped::not_here(text, &select.from));
    }
    within_offset(select)?;
    let mut selected = Selected::nothing(org, text);
    for item in &select.items {
        selected.add(item, select, object)?;
    }
    let count_only = select.items.contains(&Item::Count);
    if count_only && select.items.len() > 1 {
        let message = "COUNT() must be the only element in the SELECT list";
        return Err(error_at(text, select.from.at, "MALFORMED_QUERY", message));
    }
    let order = select.order.iter().map(|order| {
        let access = Access::of(org, text, object, &order.by)?;
        access.sortable(text, order.by.path.at)?;
        Ok((access, Direction::of(order)))
    });
    Ok(Plan {
        object: object.clone(),
        count_only,
        long_text: selected.long_text,
        filter: filter_of(org, text, select, object)?,
        order: order.collect::<Result<_, Refused>>()?,
        limit: select.limit.unwrap_or(usize::MAX),
        offset: select.offset,
        columns: selected.columns,
    })
}

pub(super) fn within_offset(select: &Select) -> Result<(), Refused> {
    if select.offset > FURTHEST_OFFSET {
        let message = format!("Maximum SOQL offset allowed is {FURTHEST_OFFSET}");
        return Err(Refused::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    Ok(())
}

pub(super) fn filter_of(
    org: &Org,
    text: &str,
    select: &Select,
    object: &Arc<Object>,
) -> Result<Option<Filter>, Refused> {
    let condition = select.condition.as_ref().map(|it| Filter::bind(org, text, object, it)).transpose()?;
    let mine = select.mine.then(|| Filter::owned_by(org, object, &org.asker)).transpose()?;
    Ok(match (condition, mine) {
        (Some(condition), Some(mine)) => Some(Filter::And(vec![mine, condition])),
        (condition, mine) => condition.or(mine),
    })
}

impl Plan {
    /// The whole record, as `GET /sobjects/{type}/{id}` shows it.
    pub(crate) fn whole(object: &Arc<Object>) -> Self {
        let columns = object.fields.iter();
        let columns =
            columns.map(|field| Column::Field { name: field.name.clone(), kind: field.kind }).collect();
        Self { columns, ..Self::empty(object) }
    }

    /// These fields of a record.
    pub(crate) fn fields(org: &Org, object: &Arc<Object>, names: &[&str]) -> Result<Self, Refused> {
        let mut selected = Selected::nothing(org, "");
        for name in names {
            let path = Name { text: (*name).to_owned(), at: 0 };
            selected.path(&path, object).map_err(|refused| {
                let last = refused.message.lines().last().unwrap_or_default().to_owned();
                Refused::new(400, &refused.code, last)
            })?;
        }
        Ok(Self { columns: selected.columns, ..Self::empty(object) })
    }

    fn empty(object: &Arc<Object>) -> Self {
        Self {
            object: object.clone(),
            columns: Vec::new(),
            count_only: false,
            long_text: false,
            filter: None,
            order: Vec::new(),
            limit: 1,
            offset: 0,
        }
    }

    pub(crate) fn has_compounds(&self) -> bool {
        self.columns.iter().any(Column::is_compound)
    }

    /// Shows each record that the condition accepts.
    pub(crate) fn visit(&self, org: &Org, deleted: bool, see: &mut dyn FnMut(&Record)) {
        Filter::visit(self.filter.as_ref(), org, &self.object, &mut |record| {
            if deleted || !record.is("IsDeleted") {
                see(record);
            }
        });
    }

    /// The records' ids, in order, cut to limit and offset.
    pub(super) fn run(&self, org: &Org, deleted: bool) -> Vec<String> {
        self.run_among(org, deleted, &|_| true)
    }

    /// Of those only that are wanted for another reason too.
    pub(crate) fn run_among(
        &self,
        org: &Org,
        deleted: bool,
        wanted: &dyn Fn(&Record) -> bool,
    ) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(org, deleted, &mut |record| {
            if wanted(record) {
                found.push(self.sorted_by(org, record));
            }
        });
        self.cut(found)
    }

    /// The children among these records that the condition accepts: ids, in order, cut to limit and offset.
    pub(super) fn run_over<'a>(
        &self,
        org: &Org,
        deleted: bool,
        children: impl Iterator<Item = &'a Arc<Record>>,
    ) -> Vec<String> {
        let accepted = |record: &Record| {
            (deleted || !record.is("IsDeleted"))
                && self.filter.as_ref().is_none_or(|filter| filter.accepts(org, record))
        };
        let found = children.filter(|record| accepted(record));
        self.cut(found.map(|record| self.sorted_by(org, record)).collect())
    }

    /// Each record's keys are made once, not at each comparison.
    fn sorted_by(&self, org: &Org, record: &Record) -> (Vec<Key<'static>>, String) {
        let keys = self.order.iter().map(|(access, _)| access.sort_key(org, record).into_owned());
        (keys.collect(), record.id.clone())
    }

    fn cut(&self, mut found: Vec<(Vec<Key<'static>>, String)>) -> Vec<String> {
        found.sort_unstable_by(|(left, left_id), (right, right_id)| {
            let pairs = self.order.iter().zip(left.iter().zip(right));
            let orders = pairs.map(|((_, direction), (left, right))| direction.compare(left, right));
            orders.fold(Ordering::Equal, Ordering::then).then_with(|| left_id.cmp(right_id))
        });
        found.into_iter().skip(self.offset).take(self.limit).map(|(_, id)| id).collect()
    }
}
