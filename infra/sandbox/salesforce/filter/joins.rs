//! Where sub-queries may stand in WHERE: at most two, not under OR or NOT, not inside each other.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_comparisonoperators.htm

use super::Access;
use crate::salesforce::answer::Refused;
use crate::salesforce::objects::FieldType;
use crate::salesforce::org::Org;
use crate::salesforce::query;
use crate::salesforce::soql::{Condition, Item, Operand, Select, error_at};
use crate::salesforce::values::Key;

const MOST: usize = 2;

pub(super) fn allowed(text: &str, condition: &Condition) -> Result<(), Refused> {
    let mut count = 0;
    walk(text, condition, None, &mut count)
}

/// `nested` says why there may be none here.
fn walk(text: &str, condition: &Condition, nested: Option<&str>, count: &mut usize) -> Result<(), Refused> {
    match condition {
        Condition::And(all) => all.iter().try_for_each(|inner| walk(text, inner, nested, count)),
        Condition::Or(any) => {
            let why = "Semi join sub-selects are not allowed with the 'OR' operator";
            any.iter().try_for_each(|inner| walk(text, inner, Some(why), count))
        }
        Condition::Not(inner) => {
            let why = "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested \
                       WHERE expressions.";
            walk(text, inner, nested.or(Some(why)), count)
        }
        Condition::Test { left, operand: Operand::Query(inner), .. } => {
            *count += 1;
            let many = (*count > MOST).then_some("Maximum 2 semi join sub-selects are allowed");
            let inside = inner.condition.as_ref().is_some_and(joins);
            let inside = inside.then_some("Nesting of semi join sub-selects is not supported");
            match nested.or(many).or(inside) {
                Some(why) => Err(error_at(text, left.path.at, "MALFORMED_QUERY", why)),
                None => Ok(()),
            }
        }
        Condition::Test { .. } => Ok(()),
    }
}

fn joins(condition: &Condition) -> bool {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().any(joins),
        Condition::Not(inner) => joins(inner),
        Condition::Test { operand, .. } => matches!(operand, Operand::Query(_)),
    }
}

/// `AccountId IN (SELECT AccountId FROM Opportunity …)`: what the inner query gives now.
pub(super) fn values(
    org: &Org,
    text: &str,
    at: usize,
    select: &Select,
) -> Result<Vec<Key<'static>>, Refused> {
    let wrong = |message: &str| error_at(text, at, "MALFORMED_QUERY", message);
    let [Item::Value { expression, alias: None }] = select.items.as_slice() else {
        return Err(wrong("The inner select of a semi join must select exactly one field"));
    };
    if !select.order.is_empty() || select.limit.is_some() {
        return Err(wrong("A semi join sub-select can't have ORDER BY or LIMIT"));
    }
    let plan = query::plan(org, text, select)?;
    let access = Access::of(org, text, &plan.object, expression)?;
    if !matches!(access.kind, FieldType::Id | FieldType::Reference) {
        return Err(wrong("The selected field of a semi join sub-select must be an ID or a reference"));
    }
    let mut keys = Vec::new();
    plan.visit(org, false, &mut |record| {
        // A missing reference joins with nothing.
        match access.key(org, record).into_owned() {
            Key::Null => {}
            key => keys.push(key),
        }
    });
    Ok(keys)
}
