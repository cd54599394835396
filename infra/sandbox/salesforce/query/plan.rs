//! What a query wants, bound to the schema: columns, condition, order; and the records it gives.

use std::cmp::Ordering;
use std::sync::Arc;

use super::grouped;
use crate::salesforce::answer::Refused;
use crate::salesforce::filter::{Access, Filter, own_path, unknown_field, unknown_relationship};
use crate::salesforce::objects::{FieldType, Object};
use crate::salesforce::org::Org;
use crate::salesforce::soql::{Item, Name, Order, Select, TypeOf, error_at};
use crate::salesforce::store::Record;
use crate::salesforce::values::Key;

/// OFFSET goes no further.
const FURTHEST_OFFSET: usize = 2000;
/// `FIELDS(ALL)` and `FIELDS(CUSTOM)` give no more rows.
const FIELDS_LIMIT: usize = 200;

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

#[derive(Debug, Clone)]
pub(super) enum Column {
    Field {
        name: String,
        kind: FieldType,
    },
    /// Which object the row of a parent of several types is of.
    Type,
    Parent {
        name: String,
        reference: String,
        polymorphic: bool,
        columns: Vec<Column>,
    },
    TypeOf {
        name: String,
        reference: String,
        when: Vec<(Arc<Object>, Vec<Column>)>,
        otherwise: Vec<Column>,
    },
    Children {
        name: String,
        reference: String,
        plan: Arc<Plan>,
    },
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
    let object = object_of(org, text, &select.from)?;
    plan_of(org, text, select, &object)
}

pub(super) fn object_of(org: &Org, text: &str, name: &Name) -> Result<Arc<Object>, Refused> {
    org.schema.object(&name.text).cloned().ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            name.text
        );
        error_at(text, name.at, "INVALID_TYPE", &message)
    })
}

fn plan_of(org: &Org, text: &str, select: &Select, object: &Arc<Object>) -> Result<Plan, Refused> {
    if grouped::wanted(select) {
        let message = "Aggregate functions and GROUP BY are not allowed here";
        return Err(error_at(text, select.from.at, "MALFORMED_QUERY", message));
    }
    within_offset(select)?;
    let mut selected = Selected { org, text, columns: Vec::new(), long_text: false };
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

/// The columns of a plan, as they are bound one after the other.
struct Selected<'a> {
    org: &'a Org,
    text: &'a str,
    columns: Vec<Column>,
    long_text: bool,
}

impl Selected<'_> {
    fn add(&mut self, item: &Item, select: &Select, object: &Arc<Object>) -> Result<(), Refused> {
        match item {
            Item::Count => {}
            Item::Value { expression, alias } => {
                if let Some(alias) = alias {
                    let message = "only aggregate expressions use field aliasing";
                    return Err(error_at(self.text, alias.at, "MALFORMED_QUERY", message));
                }
                if expression.function.is_some() {
                    let message = "Date functions are only allowed in WHERE, GROUP BY and what is grouped";
                    return Err(error_at(self.text, expression.path.at, "MALFORMED_QUERY", message));
                }
                self.path(&expression.path, object)?;
            }
            Item::Fields(group) => self.fields_of(group, select, object)?,
            Item::Children(inner) => {
                let column = self.children(inner, object)?;
                self.columns.push(column);
            }
            Item::TypeOf(wanted) => {
                let column = self.type_of(wanted, object)?;
                self.columns.push(column);
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &Name, object: &Arc<Object>) -> Result<(), Refused> {
        let parts = own_path(object, path);
        let mut columns = std::mem::take(&mut self.columns);
        let added = self.column(path, &mut columns, std::slice::from_ref(object), false, &parts);
        self.columns = columns;
        if added? {
            return Ok(());
        }
        let message = format!("duplicate field selected: {}", path.text);
        Err(error_at(self.text, path.at, "INVALID_FIELD", &message))
    }

    /// Adds a path to the tree of columns; false when it was there.
    fn column(
        &mut self,
        path: &Name,
        columns: &mut Vec<Column>,
        objects: &[Arc<Object>],
        several: bool,
        parts: &[&str],
    ) -> Result<bool, Refused> {
        let [first, rest @ ..] = parts else { return Ok(true) };
        if rest.is_empty() {
            return self.field(path, columns, objects, several, first);
        }
        let reference = objects.iter().find_map(|object| object.parent(first));
        let reference = reference.ok_or_else(|| unknown_relationship(self.text, path, first))?;
        let name = reference.relationship.clone().unwrap_or_default();
        let known = |target: &String| self.org.schema.object(target).cloned();
        let targets: Vec<Arc<Object>> = reference.reference_to.iter().filter_map(known).collect();
        let there = columns
            .iter()
            .position(|column| matches!(column, Column::Parent { name: there, .. } if *there == name));
        let place = there.unwrap_or_else(|| {
            let (reference, polymorphic) = (reference.name.clone(), reference.polymorphic());
            columns.push(Column::Parent { name, reference, polymorphic, columns: Vec::new() });
            columns.len() - 1
        });
        let several = reference.polymorphic() || reference.name == "OwnerId";
        match &mut columns[place] {
            Column::Parent { columns, .. } => self.column(path, columns, &targets, several, rest),
            _ => Ok(true),
        }
    }

    /// Of a parent that may be of several types, what any of them has; and `Type` says which it is.
    fn field(
        &mut self,
        path: &Name,
        columns: &mut Vec<Column>,
        objects: &[Arc<Object>],
        several: bool,
        name: &str,
    ) -> Result<bool, Refused> {
        if several && name.eq_ignore_ascii_case("Type") {
            let there = columns.iter().any(|column| matches!(column, Column::Type));
            columns.push(Column::Type);
            return Ok(!there);
        }
        let Some(field) = objects.iter().find_map(|object| object.field(name)) else {
            let entity = objects.first().map_or("", |object| object.name.as_str());
            return Err(unknown_field(
                self.text,
                path,
                name,
                if objects.len() > 1 { "Name" } else { entity },
            ));
        };
        let there = columns
            .iter()
            .any(|column| matches!(column, Column::Field { name: there, .. } if *there == field.name));
        if !there {
            self.long_text |= field.long_text();
            columns.push(Column::Field { name: field.name.clone(), kind: field.kind });
        }
        Ok(!there)
    }

    fn fields_of(&mut self, group: &Name, select: &Select, object: &Arc<Object>) -> Result<(), Refused> {
        let wrong = |message: &str| Err(error_at(self.text, group.at, "MALFORMED_QUERY", message));
        let upper = group.text.to_ascii_uppercase();
        if upper != "STANDARD" && select.limit.is_none_or(|limit| limit > FIELDS_LIMIT) {
            return wrong("The SOQL FIELDS function must have a LIMIT of at most 200");
        }
        let wanted: fn(&str) -> bool = match upper.as_str() {
            "ALL" => |_| true,
            "STANDARD" => |name| !name.ends_with("__c"),
            "CUSTOM" => |name| name.ends_with("__c"),
            _ => return wrong(&format!("unexpected token: '{}'", group.text)),
        };
        for field in object.fields.iter().filter(|field| wanted(&field.name)) {
            self.path(&Name { text: field.name.clone(), at: group.at }, object)?;
        }
        Ok(())
    }

    fn children(&self, inner: &Select, object: &Object) -> Result<Column, Refused> {
        let wanted = &inner.from;
        let mut known = self.org.schema.children(&object.name);
        let Some((name, child, field)) = known.find(|(name, _, _)| name.eq_ignore_ascii_case(&wanted.text))
        else {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
                 or the describe call for the appropriate names.",
                wanted.text
            );
            return Err(error_at(self.text, wanted.at, "INVALID_TYPE", &message));
        };
        let plan = Arc::new(plan_of(self.org, self.text, inner, child)?);
        Ok(Column::Children { name: name.to_owned(), reference: field.name.clone(), plan })
    }

    fn type_of(&mut self, wanted: &TypeOf, object: &Arc<Object>) -> Result<Column, Refused> {
        let path = &wanted.relationship;
        let reference = object.parent(&path.text).filter(|reference| reference.polymorphic());
        let reference = reference.ok_or_else(|| unknown_relationship(self.text, path, &path.text))?;
        let known = |target: &String| self.org.schema.object(target).cloned();
        let targets: Vec<Arc<Object>> = reference.reference_to.iter().filter_map(known).collect();
        let mut when = Vec::new();
        for (name, fields) in &wanted.when {
            let target = object_of(self.org, self.text, name)?;
            let columns = self.columns_of(std::slice::from_ref(&target), fields)?;
            when.push((target, columns));
        }
        let otherwise = self.columns_of(&targets, &wanted.otherwise)?;
        let name = reference.relationship.clone().unwrap_or_default();
        Ok(Column::TypeOf { name, reference: reference.name.clone(), when, otherwise })
    }

    fn columns_of(&mut self, objects: &[Arc<Object>], names: &[Name]) -> Result<Vec<Column>, Refused> {
        let mut columns = Vec::new();
        for name in names {
            let parts: Vec<&str> = name.text.split('.').collect();
            self.column(name, &mut columns, objects, objects.len() > 1, &parts)?;
        }
        Ok(columns)
    }
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
        let mut columns = Vec::new();
        for name in names {
            let mut selected = Selected { org, text: name, columns, long_text: false };
            let path = Name { text: (*name).to_owned(), at: 0 };
            selected.path(&path, object).map_err(|refused| {
                let last = refused.message.lines().last().unwrap_or_default().to_owned();
                Refused::new(400, &refused.code, last)
            })?;
            columns = selected.columns;
        }
        Ok(Self { columns, ..Self::empty(object) })
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
