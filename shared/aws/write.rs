//! The table on DynamoDB: writing. One write is one conditional request; several are one transaction.
//!
//! An answer can get lost, and then the SDK asks again. Had the first been applied, its own condition would refuse
//! the second, and *refused* must mean that nothing was written. So a conditional request leaves a token in the item:
//! who is refused by an item with his own token has written it. (Transactions carry a token by which DynamoDB itself
//! knows a repeated one; a conditional delete leaves nothing to be known by, and is sent once.)

use std::collections::{BTreeMap, HashSet};

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::condition::{Clause, Expression, Names, Values};
use super::fault::{describe, is_busy};
use super::item::{self, Attributes};
use super::table::{DynamoTable, TRIES};
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Field, Item, Key, TableError, Write, check_transaction};

/// What one write is, as DynamoDB takes it.
struct Asked {
    verb: Verb,
    condition: Option<String>,
    names: Option<Names>,
    values: Option<Values>,
}

enum Verb {
    Put(Attributes),
    Update(Attributes, Option<String>),
    Delete(Attributes),
    Check(Attributes),
}

impl DynamoTable {
    pub(super) async fn write_all(&self, writes: &[Write]) -> Result<(), TableError> {
        check_transaction(writes)?;
        // Updates whose item has expired and is only waiting to be swept: by their place.
        let mut anew = HashSet::new();
        let mut tries = 0;
        loop {
            let outcome = match writes {
                [] => return Ok(()),
                [one] if !matches!(one, Write::Check { .. }) => self.write_one(one, anew.contains(&0)).await,
                several => self.write_together(several, &anew).await,
            };
            tries += 1;
            match outcome {
                Err(TableError::Busy(_)) if tries < TRIES => self.pause(tries).await,
                Err(TableError::Refused(place)) if tries < TRIES => {
                    let update = matches!(&writes[place], Write::Update { when, .. } if when.holds(None));
                    if !update || self.has_expired(writes[place].key()).await? == anew.contains(&place) {
                        return Err(TableError::Refused(place));
                    }
                    // What stands in the way is what the first look took for something else.
                    if !anew.remove(&place) {
                        anew.insert(place);
                    }
                }
                other => return other,
            }
        }
    }

    async fn has_expired(&self, key: &Key) -> Result<bool, TableError> {
        let Some(attributes) = self.get_raw(key).await? else { return Ok(false) };
        let expires_at = item::read(attributes)?.expires_at;
        Ok(expires_at.is_some_and(|expires_at| expires_at.as_microsecond() <= self.now()))
    }

    async fn write_one(&self, write: &Write, anew: bool) -> Result<(), TableError> {
        let token = AttributeValue::S(random_uuid(&*self.random).simple().to_string());
        let is_conditional = *write.when() != Condition::Always || anew;
        let Asked { verb, condition, names, values } =
            asked(write, anew, self.now(), is_conditional.then_some(&token));
        let returns = Some(ReturnValuesOnConditionCheckFailure::AllOld);
        match verb {
            Verb::Put(attributes) => {
                let request = self.client.put_item().table_name(&self.name).set_item(Some(attributes));
                let request = request
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(returns);
                request.send().await.map(drop).or_else(|error| {
                    let found = error.as_service_error().and_then(|e| match e {
                        PutItemError::ConditionalCheckFailedException(e) => e.item(),
                        _ => None,
                    });
                    unless_ours(found, &token, &error)
                })
            }
            Verb::Update(key, change) => {
                let request = self.client.update_item().table_name(&self.name).set_key(Some(key));
                let request = request
                    .set_update_expression(change)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(returns);
                request.send().await.map(drop).or_else(|error| {
                    let found = error.as_service_error().and_then(|e| match e {
                        UpdateItemError::ConditionalCheckFailedException(e) => e.item(),
                        _ => None,
                    });
                    unless_ours(found, &token, &error)
                })
            }
            Verb::Delete(key) | Verb::Check(key) => {
                let client = if is_conditional { &self.once } else { &self.client };
                let request = client.delete_item().table_name(&self.name).set_key(Some(key));
                let request = request
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                request.send().await.map(drop).map_err(|error| fault_of(&error))
            }
        }
    }

    async fn write_together(&self, writes: &[Write], anew: &HashSet<usize>) -> Result<(), TableError> {
        let now = self.now();
        let items = writes
            .iter()
            .enumerate()
            .map(|(place, write)| self.member(asked(write, anew.contains(&place), now, None)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TableError::Unavailable(error.to_string()))?;
        // The SDK adds the token.
        // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    Err(why_cancelled(cancelled.cancellation_reasons()))
                }
                _ => Err(fault_of(&error)),
            },
        }
    }

    fn member(&self, asked: Asked) -> Result<TransactWriteItem, BuildError> {
        let Asked { verb, condition, names, values } = asked;
        let member = TransactWriteItem::builder();
        let member = match verb {
            Verb::Put(attributes) => member.put(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(attributes))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Verb::Update(key, change) => member.update(
                Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(key))
                    .set_update_expression(change)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Verb::Delete(key) => member.delete(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Verb::Check(key) => member.condition_check(
                ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(key))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
        };
        Ok(member.build())
    }
}

/// `anew`: the update is of an item that has expired. Nothing of it may come back, so a new one takes its place.
fn asked(write: &Write, anew: bool, now: i64, token: Option<&AttributeValue>) -> Asked {
    let mut expression = Expression::default();
    let (verb, condition) = match write {
        Write::Put { item, when } => (Verb::Put(signed(item, token)), condition(&mut expression, when, now)),
        Write::Update { key, set, .. } if anew => {
            let item = Item { fields: set.clone(), ..Item::new(key.clone()) };
            (Verb::Put(signed(&item, token)), Some(expression.expired(now)))
        }
        Write::Update { key, set, when } => {
            let mut held = condition(&mut expression, when, now);
            if when.holds(None) {
                // It may be absent, but not there with the attributes of one that has expired.
                let current = expression.not_expired(now);
                held = Some(held.map_or_else(|| current.clone(), |held| format!("{current} AND {held}")));
            }
            (Verb::Update(item::write_key(key), change(&mut expression, set, token)), held)
        }
        Write::Delete { key, when } => {
            (Verb::Delete(item::write_key(key)), condition(&mut expression, when, now))
        }
        Write::Check { key, when } => {
            let held = condition(&mut expression, when, now);
            (Verb::Check(item::write_key(key)), Some(held.unwrap_or_else(|| expression.anything())))
        }
    };
    let (names, values) = expression.into_parts();
    Asked { verb, condition, names, values }
}

fn signed(item: &Item, token: Option<&AttributeValue>) -> Attributes {
    let mut attributes = item::write(item);
    attributes.extend(token.map(|token| (item::TOKEN.to_owned(), token.clone())));
    attributes
}

fn condition(expression: &mut Expression, when: &Condition, now: i64) -> Option<String> {
    match expression.clause(when, now) {
        Clause::Always => None,
        Clause::Never => Some(expression.never()),
        Clause::When(text) => Some(text),
    }
}

fn change(
    expression: &mut Expression,
    set: &BTreeMap<String, Field>,
    token: Option<&AttributeValue>,
) -> Option<String> {
    let fields = set.iter().map(|(field, value)| (item::attribute_of(field), item::value_of(value)));
    let token = token.map(|token| (item::TOKEN.to_owned(), token.clone()));
    let assignments: Vec<String> = fields
        .chain(token)
        .map(|(name, value)| format!("{} = {}", expression.name(&name), expression.value(value)))
        .collect();
    (!assignments.is_empty()).then(|| format!("SET {}", assignments.join(", ")))
}

// ---------------------------------------------------------------- what came of it

fn unless_ours<E>(
    found: Option<&Attributes>,
    token: &AttributeValue,
    error: &SdkError<E>,
) -> Result<(), TableError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if found.and_then(|attributes| attributes.get(item::TOKEN)) == Some(token) {
        return Ok(());
    }
    Err(fault_of(error))
}

fn fault_of<E>(error: &SdkError<E>) -> TableError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some("ConditionalCheckFailedException") => TableError::Refused(0),
        Some(code) if is_busy(code) => TableError::Busy(describe(error)),
        _ => TableError::Unavailable(describe(error)),
    }
}

/// The reasons stand in the order of the writes; "None" where a write would have been fine.
fn why_cancelled(reasons: &[CancellationReason]) -> TableError {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    if let Some(place) = codes().position(|code| code == "ConditionalCheckFailed") {
        return TableError::Refused(place);
    }
    let bad: Vec<&str> = codes().filter(|code| *code != "None").collect();
    let text = format!("the transaction was cancelled: {}", bad.join(", "));
    if bad.iter().any(|code| is_busy(code)) { TableError::Busy(text) } else { TableError::Unavailable(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_cancelled_transaction_names_the_write_that_was_refused() {
        let error = why_cancelled(&reasons(&["None", "TransactionConflict", "ConditionalCheckFailed"]));
        assert!(matches!(error, TableError::Refused(2)), "{error}");
    }

    #[test]
    fn a_conflict_or_a_throttle_is_worth_another_try() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            let error = why_cancelled(&reasons(&["None", code]));
            assert!(matches!(error, TableError::Busy(_)), "{error}");
        }
    }

    #[test]
    fn what_nobody_foresaw_is_not_taken_for_refused() {
        let error = why_cancelled(&reasons(&["ValidationError", "None"]));
        assert!(
            matches!(&error, TableError::Unavailable(text) if text.contains("ValidationError")),
            "{error}"
        );
    }

    #[test]
    fn an_update_that_may_make_its_item_does_not_wake_an_expired_one() {
        let write = Write::Update {
            key: Key::new("a", "b"),
            set: BTreeMap::from([("n".to_owned(), Field::Integer(1))]),
            when: Condition::Missing("n".to_owned()),
        };
        let asked = asked(&write, false, 7, None);
        assert_eq!(
            asked.condition.as_deref(),
            Some("(attribute_not_exists(#n1) OR #n1 > :v0) AND (attribute_not_exists(#n0) OR #n1 <= :v0)")
        );
    }
}
