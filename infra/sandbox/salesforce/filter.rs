//! WHERE: conditions bound to the schema, the test of a record, and which index narrows the search.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Span, civil};
use serde_json::Value;

use super::answer::Refused;
use super::ids;
use super::objects::{FieldType, Object};
use super::org::Org;
use super::query;
use super::soql::{Condition, Literal, Name, Operand, Operator, Select, error_at};
use super::store::Record;
use super::values;

/// A field, reached from a record over its parents.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The reference fields to go over.
    pub(crate) hops: Vec<String>,
    pub(crate) field: String,
    pub(crate) kind: FieldType,
    indexed: bool,
    /// Long texts and addresses can be read, not searched.
    filterable: bool,
}

impl Access {
    pub(crate) fn bind(org: &Org, text: &str, object: &Arc<Object>, path: &Name) -> Result<Self, Refused> {
        let mut parts: Vec<&str> = path.text.split('.').collect();
        let field = parts.pop().unwrap_or_default();
        // `Opportunity.Name` in a query of Opportunities is `Name`.
        if parts
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case(&object.name) && object.parent(first).is_none())
        {
            parts.remove(0);
        }
        let mut here = object.clone();
        let mut hops = Vec::new();
        for part in parts {
            let reference = here.parent(part).ok_or_else(|| unknown_relationship(text, path, part))?;
            hops.push(reference.name.clone());
            let target = reference.reference_to.iter().filter_map(|name| org.schema.object(name));
            let target =
                target.clone().find(|object| object.field(field).is_some()).or(target.clone().next());
            here = target.cloned().ok_or_else(|| unknown_relationship(text, path, part))?;
        }
        let known = here.field(field).ok_or_else(|| unknown_field(text, path, field, &here.name))?;
        let long = known.kind == FieldType::Textarea && known.length > 255;
        let filterable = !long && !matches!(known.kind, FieldType::Address | FieldType::Base64);
        Ok(Self { hops, field: known.name.clone(), kind: known.kind, indexed: known.indexed(), filterable })
    }

    pub(crate) fn value<'a>(&self, org: &'a Org, record: &'a Record) -> &'a Value {
        let mut here = record;
        for hop in &self.hops {
            match parent(org, here.text(hop)) {
                Some(parent) => here = parent,
                None => return &Value::Null,
            }
        }
        here.get(&self.field)
    }
}

pub(crate) fn parent<'a>(org: &'a Org, id: &str) -> Option<&'a Arc<Record>> {
    let object = org.schema.by_prefix(id)?;
    org.store.table(&object.name).get(id)
}

pub(crate) fn unknown_field(text: &str, path: &Name, field: &str, entity: &str) -> Refused {
    let message = format!(
        "No such column '{field}' on entity '{entity}'. If you are attempting to use a custom field, be sure to \
         append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
         appropriate names."
    );
    error_at(text, path.at, "INVALID_FIELD", &message)
}

pub(crate) fn unknown_relationship(text: &str, path: &Name, part: &str) -> Refused {
    let message = format!(
        "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, \
         be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe \
         call for the appropriate names."
    );
    error_at(text, path.at, "INVALID_FIELD", &message)
}

#[derive(Debug, Clone)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        access: Access,
        operator: Operator,
        value: Value,
    },
    /// A day or more: from (inclusive) until (exclusive), compared as kept text.
    Within {
        access: Access,
        operator: Operator,
        from: String,
        until: String,
    },
    Like {
        access: Access,
        pattern: Vec<char>,
    },
    In {
        access: Access,
        values: HashSet<String>,
        null: bool,
        negated: bool,
    },
    /// A multi-select picklist: each entry is a set that must be chosen together.
    Includes {
        access: Access,
        sets: Vec<String>,
        negated: bool,
    },
}

impl Filter {
    pub(crate) fn bind(
        org: &Org,
        text: &str,
        object: &Arc<Object>,
        condition: &Condition,
    ) -> Result<Self, Refused> {
        let all = |conditions: &[Condition]| -> Result<Vec<Self>, Refused> {
            conditions.iter().map(|condition| Self::bind(org, text, object, condition)).collect()
        };
        match condition {
            Condition::And(conditions) => Ok(Self::And(all(conditions)?)),
            Condition::Or(conditions) => Ok(Self::Or(all(conditions)?)),
            Condition::Not(inner) => Ok(Self::Not(Box::new(Self::bind(org, text, object, inner)?))),
            Condition::Test { path, operator, operand } => {
                let access = Access::bind(org, text, object, path)?;
                Test { org, text, path, access, operator: *operator }.bind(operand)
            }
        }
    }

    pub(crate) fn accepts(&self, org: &Org, record: &Record) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.accepts(org, record)),
            Self::Or(any) => any.iter().any(|filter| filter.accepts(org, record)),
            Self::Not(inner) => !inner.accepts(org, record),
            Self::Compare { access, operator, value } => {
                let found = access.value(org, record);
                match (found.is_null(), value.is_null()) {
                    (true, true) => *operator == Operator::Equal,
                    (true, false) | (false, true) => *operator == Operator::NotEqual,
                    (false, false) => holds(*operator, values::compare(access.kind, found, value)),
                }
            }
            Self::Within { access, operator, from, until } => {
                let Some(found) = access.value(org, record).as_str() else {
                    return *operator == Operator::NotEqual;
                };
                let place = if found < from.as_str() {
                    Ordering::Less
                } else if found >= until.as_str() {
                    Ordering::Greater
                } else {
                    Ordering::Equal
                };
                holds(*operator, place)
            }
            Self::Like { access, pattern } => access.value(org, record).as_str().is_some_and(|found| {
                let found: Vec<char> = found.to_lowercase().chars().collect();
                like(&found, pattern)
            }),
            Self::In { access, values, null, negated } => {
                let found = access.value(org, record);
                let inside =
                    if found.is_null() { *null } else { values.contains(&member(access.kind, found)) };
                inside != *negated
            }
            Self::Includes { access, sets, negated } => {
                let found = access.value(org, record).as_str().unwrap_or_default();
                let chosen: Vec<&str> = found.split(';').collect();
                let any = sets.iter().any(|set| {
                    set.split(';').all(|value| chosen.iter().any(|chosen| chosen.eq_ignore_ascii_case(value)))
                });
                any != *negated
            }
        }
    }

    /// The records that may be accepted, found by the best index there is; all of them when there is none.
    pub(crate) fn candidates<'a>(
        filter: Option<&Self>,
        org: &'a Org,
        object: &Object,
    ) -> Vec<&'a Arc<Record>> {
        let table = org.store.table(&object.name);
        let conditions = match filter {
            Some(Self::And(all)) => all.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let mut since = "";
        for condition in conditions {
            match condition {
                Self::Compare { access, operator: Operator::Equal, value: Value::String(value) }
                    if access.hops.is_empty() =>
                {
                    if access.kind == FieldType::Id {
                        return table.get(value).into_iter().collect();
                    }
                    if access.indexed {
                        return table.with(&access.field, value).collect();
                    }
                }
                Self::In { access, values, null: false, negated: false } if access.hops.is_empty() => {
                    if access.kind == FieldType::Id {
                        return values.iter().filter_map(|id| table.get(id)).collect();
                    }
                    if access.indexed {
                        return values.iter().flat_map(|value| table.with(&access.field, value)).collect();
                    }
                }
                Self::Compare { access, operator, value: Value::String(value) }
                    if access.hops.is_empty()
                        && access.field == "SystemModstamp"
                        && matches!(operator, Operator::Greater | Operator::GreaterOrEqual) =>
                {
                    since = since.max(value);
                }
                _ => {}
            }
        }
        table.sift(since, |record| filter.is_none_or(|filter| filter.accepts(org, record)))
    }
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::NotEqual => order != Ordering::Equal,
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        Operator::GreaterOrEqual => order != Ordering::Less,
        _ => false,
    }
}

/// A value as a member of a set: equal values are equal texts.
fn member(kind: FieldType, value: &Value) -> String {
    match value {
        Value::String(text) if kind.is_text() => text.to_lowercase(),
        Value::String(text) => text.clone(),
        Value::Number(_) => {
            values::amount(value).map_or_else(String::new, |amount| amount.normalize().to_string())
        }
        other => other.to_string(),
    }
}

/// `%` is any text, `_` any letter, a backslash takes the next letter as it is. Both sides in lower case.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', letter, rest @ ..] | [letter, rest @ ..] => {
            text.first() == Some(letter) && like(&text[1..], rest)
        }
    }
}

/// One comparison being bound.
struct Test<'a> {
    org: &'a Org,
    text: &'a str,
    path: &'a Name,
    access: Access,
    operator: Operator,
}

impl Test<'_> {
    fn bind(self, operand: &Operand) -> Result<Filter, Refused> {
        if !self.access.filterable {
            let message = format!("field '{}' can not be filtered in a query call", self.access.field);
            return Err(self.error("INVALID_FIELD", &message));
        }
        match operand {
            Operand::One(Literal::Relative(name, count)) => self.relative(name, *count),
            Operand::One(Literal::Text(pattern)) if self.operator == Operator::Like => {
                let pattern = pattern.to_lowercase().chars().collect();
                Ok(Filter::Like { access: self.access, pattern })
            }
            Operand::One(literal) => {
                let value = self.value(literal)?;
                Ok(Filter::Compare { access: self.access, operator: self.operator, value })
            }
            Operand::List(literals) if matches!(self.operator, Operator::Includes | Operator::Excludes) => {
                let texts = literals.iter().filter_map(|literal| match literal {
                    Literal::Text(text) => Some(text.clone()),
                    _ => None,
                });
                let negated = self.operator == Operator::Excludes;
                Ok(Filter::Includes { sets: texts.collect(), access: self.access, negated })
            }
            Operand::List(literals) => {
                let values: Vec<Value> =
                    literals.iter().map(|literal| self.value(literal)).collect::<Result<_, _>>()?;
                Ok(self.set(&values))
            }
            Operand::Query(select) => {
                let values = self.inner(select)?;
                Ok(self.set(&values))
            }
        }
    }

    fn set(self, list: &[Value]) -> Filter {
        let null = list.iter().any(Value::is_null);
        let values = list
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| member(self.access.kind, value))
            .collect();
        Filter::In { negated: self.operator == Operator::NotIn, access: self.access, values, null }
    }

    /// `IN (SELECT AccountId FROM Opportunity …)`
    fn inner(&self, select: &Select) -> Result<Vec<Value>, Refused> {
        let plan = query::plan(self.org, self.text, select)?;
        let [super::soql::Item::Path(path)] = select.items.as_slice() else {
            let message = "The inner select of a semi join must select exactly one field";
            return Err(self.error("MALFORMED_QUERY", message));
        };
        let access = Access::bind(self.org, self.text, &plan.object, path)?;
        Ok(plan.run(self.org, false).iter().map(|record| access.value(self.org, record).clone()).collect())
    }

    /// A literal as the field would keep it.
    fn value(&self, literal: &Literal) -> Result<Value, Refused> {
        let kind = self.access.kind;
        let quoted = matches!(literal, Literal::Text(_));
        let taken = match literal {
            Literal::Null => Some(Value::Null),
            Literal::Bool(truth) if kind == FieldType::Boolean => Some((*truth).into()),
            Literal::Number(text) if kind.is_number() => {
                values::decimal(text).map(|amount| values::written(amount, kind == FieldType::Int))
            }
            Literal::Date(text) if kind == FieldType::Date => {
                text.parse::<civil::Date>().ok().map(|date| date.to_string().into())
            }
            Literal::DateTime(text) if kind == FieldType::DateTime => {
                values::instant(text).map(|at| values::stamp(at).into())
            }
            Literal::Text(text) if kind.is_id() => match ids::normalise(text) {
                Some(id) => Some(id.into()),
                None => {
                    let message = format!("invalid ID field: {text}");
                    return Err(self.error("INVALID_QUERY_FILTER_OPERATOR", &message));
                }
            },
            Literal::Text(text) if kind.is_text() => Some(text.clone().into()),
            _ => None,
        };
        taken.ok_or_else(|| {
            let wanted = match kind {
                FieldType::DateTime => "dateTime",
                FieldType::Boolean => "boolean",
                FieldType::Id | FieldType::Reference => "reference",
                kind if kind.is_number() => "double",
                FieldType::Date => "date",
                _ => "string",
            };
            let how =
                if quoted { "should not be enclosed in quotes" } else { "should be enclosed in quotes" };
            let how = if !quoted && !kind.is_text() && !kind.is_id() { "" } else { how };
            let joint = if how.is_empty() { "" } else { " and " };
            let field = &self.access.field;
            let message =
                format!("value of filter criterion for field '{field}' must be of type {wanted}{joint}{how}");
            self.error("INVALID_FIELD", &message)
        })
    }

    fn relative(self, name: &str, count: i64) -> Result<Filter, Refused> {
        let today = self.org.now.to_zoned(TimeZone::UTC).date();
        let day =
            |days: i64| today.checked_add(Span::new().try_days(days).unwrap_or_default()).unwrap_or(today);
        let (from, until) = match name {
            "YESTERDAY" => (day(-1), day(0)),
            "TOMORROW" => (day(1), day(2)),
            "LAST_N_DAYS" => (day(-count), day(1)),
            "NEXT_N_DAYS" => (day(1), day(count + 1)),
            _ => (day(0), day(1)),
        };
        let written = |date: civil::Date| match self.access.kind {
            FieldType::DateTime => Some(format!("{date}T00:00:00.000+0000")),
            FieldType::Date => Some(date.to_string()),
            _ => None,
        };
        match (written(from), written(until)) {
            (Some(from), Some(until)) => {
                Ok(Filter::Within { access: self.access, operator: self.operator, from, until })
            }
            _ => {
                let message =
                    format!("value of filter criterion for field '{}' must not be a date", self.access.field);
                Err(self.error("INVALID_FIELD", &message))
            }
        }
    }

    fn error(&self, code: &str, message: &str) -> Refused {
        error_at(self.text, self.path.at, code, message)
    }
}
