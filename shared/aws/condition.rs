//! Conditions as DynamoDB's expressions.
//!
//! DynamoDB sweeps expired items up to days late, so every expression says itself what it takes an expired item
//! for: one that isn't there.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item;
use crate::ports::table::{Condition, Field};

pub(super) type Names = HashMap<String, String>;
pub(super) type Values = HashMap<String, AttributeValue>;

/// An expression's names and values, while it is being written.
#[derive(Default)]
pub(super) struct Expression {
    names: Names,
    values: Values,
}

/// What a condition comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Clause {
    Always,
    Never,
    When(String),
}

impl Expression {
    /// A placeholder, so that no name can be mistaken for a word of the language.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, known)| *known == attribute) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        if let Some((placeholder, _)) = self.values.iter().find(|(_, known)| **known == value) {
            return placeholder.clone();
        }
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// The item is there and hasn't expired.
    fn live(&mut self, now: i64) -> String {
        let key = self.name(item::PARTITION);
        let current = self.not_expired(now);
        format!("(attribute_exists({key}) AND {current})")
    }

    /// The item isn't there, or is there and hasn't expired.
    pub(super) fn not_expired(&mut self, now: i64) -> String {
        let (expires, now) = (self.name(item::EXPIRES), self.value(item::number(now)));
        format!("(attribute_not_exists({expires}) OR {expires} > {now})")
    }

    /// The item is there and has expired.
    pub(super) fn expired(&mut self, now: i64) -> String {
        let (expires, now) = (self.name(item::EXPIRES), self.value(item::number(now)));
        format!("{expires} <= {now}")
    }

    pub(super) fn clause(&mut self, condition: &Condition, now: i64) -> Clause {
        match settled(condition) {
            Some(true) => Clause::Always,
            Some(false) => Clause::Never,
            None => Clause::When(self.text(condition, now)),
        }
    }

    /// What is settled never gets here: DynamoDB refuses a name or a value that its expression doesn't use.
    fn text(&mut self, condition: &Condition, now: i64) -> String {
        match condition {
            Condition::Always | Condition::Exists => self.live(now),
            Condition::Absent => {
                let key = self.name(item::PARTITION);
                let expired = self.expired(now);
                format!("(attribute_not_exists({key}) OR {expired})")
            }
            Condition::Equals(field, value) => self.compare(field, "=", value, now),
            Condition::Below(field, bound) => self.compare(field, "<", &Field::Integer(*bound), now),
            Condition::Missing(field) => {
                let field = self.name(&item::attribute_of(field));
                let expired = self.expired(now);
                format!("(attribute_not_exists({field}) OR {expired})")
            }
            Condition::All(all) => self.join(all, " AND ", now),
            Condition::Any(any) => self.join(any, " OR ", now),
        }
    }

    fn join(&mut self, conditions: &[Condition], operator: &str, now: i64) -> String {
        let open = conditions.iter().filter(|condition| settled(condition).is_none());
        let mut texts: Vec<String> = open.map(|condition| self.text(condition, now)).collect();
        match texts.as_mut_slice() {
            // DynamoDB refuses redundant parentheses.
            [one] => std::mem::take(one),
            _ => format!("({})", texts.join(operator)),
        }
    }

    fn compare(&mut self, field: &str, operator: &str, value: &Field, now: i64) -> String {
        let current = self.not_expired(now);
        let (field, value) = (self.name(&item::attribute_of(field)), self.value(item::value_of(value)));
        // An item that isn't there has no such field, and types that differ never compare as true.
        format!("({field} {operator} {value} AND {current})")
    }

    /// What can't be true of any item.
    pub(super) fn never(&mut self) -> String {
        let key = self.name(item::PARTITION);
        format!("(attribute_exists({key}) AND attribute_not_exists({key}))")
    }

    /// What is true of any item.
    pub(super) fn anything(&mut self) -> String {
        let key = self.name(item::PARTITION);
        format!("(attribute_exists({key}) OR attribute_not_exists({key}))")
    }

    pub(super) fn into_parts(self) -> (Option<Names>, Option<Values>) {
        // DynamoDB refuses empty maps.
        (Some(self.names).filter(|n| !n.is_empty()), Some(self.values).filter(|v| !v.is_empty()))
    }
}

/// What a condition says of every item alike.
fn settled(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Always => Some(true),
        Condition::All(all) if all.iter().any(|c| settled(c) == Some(false)) => Some(false),
        Condition::All(all) if all.iter().all(|c| settled(c) == Some(true)) => Some(true),
        Condition::Any(any) if any.iter().any(|c| settled(c) == Some(true)) => Some(true),
        Condition::Any(any) if any.iter().all(|c| settled(c) == Some(false)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(condition: &Condition) -> Clause {
        Expression::default().clause(condition, 5)
    }

    #[test]
    fn an_expired_item_is_written_as_an_absent_one() {
        assert_eq!(
            text(&Condition::Absent),
            Clause::When("(attribute_not_exists(#n0) OR #n1 <= :v0)".to_owned())
        );
        assert_eq!(
            text(&Condition::equals("generation", 1)),
            Clause::When("(#n1 = :v1 AND (attribute_not_exists(#n0) OR #n0 > :v0))".to_owned())
        );
    }

    #[test]
    fn what_a_condition_leaves_out_is_not_named() {
        let mut expression = Expression::default();
        let settled = Condition::Any(vec![Condition::equals("a", 1), Condition::Always]);
        let clause = expression.clause(&Condition::All(vec![settled, Condition::below("b", 2)]), 0);
        assert_eq!(
            clause,
            Clause::When("(#n1 < :v1 AND (attribute_not_exists(#n0) OR #n0 > :v0))".to_owned())
        );
        let (names, values) = expression.into_parts();
        assert_eq!((names.map(|n| n.len()), values.map(|v| v.len())), (Some(2), Some(2)));
    }

    #[test]
    fn what_always_or_never_holds_needs_no_expression() {
        assert_eq!(text(&Condition::All(vec![Condition::Always])), Clause::Always);
        assert_eq!(text(&Condition::All(vec![])), Clause::Always);
        assert_eq!(text(&Condition::Any(vec![])), Clause::Never);
        assert_eq!(text(&Condition::Any(vec![Condition::Exists, Condition::Always])), Clause::Always);
        assert_eq!(text(&Condition::All(vec![Condition::Exists, Condition::Any(vec![])])), Clause::Never);
    }

    #[test]
    fn a_field_can_have_any_name_without_meaning_anything_to_dynamodb() {
        let mut expression = Expression::default();
        expression.clause(&Condition::equals("size(x) OR pk", "a"), 0);
        let (names, _) = expression.into_parts();
        assert!(names.is_some_and(|names| names.values().any(|name| name == "f_size(x) OR pk")));
    }
}
