//! `POST /composite/sobjects`: up to 200 new records of one object.
//!
//! Salesforce has no Idempotency-Key and records carry no mark of ours, so after a lost answer the records are
//! looked up by what is certain of them: our own user made them, since the call, with the values that we wrote.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::super::classify::refused_item;
use super::super::{query, record, soql};
use super::collections;
use crate::domain::effect::EffectKind;
use crate::domain::money::Amount;
use crate::domain::outcome::Fault;
use crate::domain::record_id::RecordId;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::ports::connector::{Account, Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::{Method, Response};

/// The shape is the object's name.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_create.htm>
pub(crate) struct CreateRecords;

impl CreateRecords {
    pub(crate) const ID: &'static str = "salesforce/collections.create";
}

#[async_trait]
impl Endpoint for CreateRecords {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Create
    }

    fn capacity(&self) -> Capacity {
        collections::CAPACITY
    }

    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        collections::call(Method::Post, elements)
    }

    /// Results echo nothing, so they count only as a whole: one for each element, in the documented order.
    fn settle(&self, _shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        collections::settle(elements, response, outcome)
    }

    /// One query for the group. A record stands for one element only, so two elements alike need two records.
    async fn look_up(
        &self,
        shape: &str,
        elements: &[Element],
        since: Timestamp,
        account: &dyn Account,
    ) -> Result<Vec<Option<Value>>, Fault> {
        let soql = written_since(shape, elements, since, account).map_err(Fault::Terminal)?;
        let mut made = query::all(&soql, account).await?;
        let claim = |element: &Element| {
            let at = made.iter().position(|record| carries(record, &element.value))?;
            let id = record::id_of(&made.remove(at))?;
            Some(document(&id, &element.value))
        };
        Ok(elements.iter().map(claim).collect())
    }
}

fn outcome(element: &Element, result: &Value) -> MemberOutcome {
    let id = result.get("id").and_then(Value::as_str).and_then(RecordId::salesforce);
    match (result.get("success").and_then(Value::as_bool), id) {
        (Some(true), Some(id)) => MemberOutcome::Done(document(&id, &element.value)),
        (Some(false), _) => refused_item(result),
        _ => MemberOutcome::Unclear,
    }
}

/// The new record's id and what was written.
fn document(id: &RecordId, element: &Value) -> Value {
    let mut document = Object::new();
    document.insert("_id".into(), id.as_str().into());
    document.insert("Id".into(), id.as_str().into());
    document.insert("_created".into(), true.into());
    document.extend(collections::fields_of(element).map(|(name, value)| (name.clone(), value.clone())));
    Value::Object(document)
}

/// Salesforce's stamps have whole seconds, and its clock is not ours.
const STAMPS_ARE_OLDER: SignedDuration = SignedDuration::from_secs(5);

/// Long texts can't be compared by SOQL, so it only narrows down; the values are compared here.
fn written_since(
    object: &str,
    elements: &[Element],
    since: Timestamp,
    account: &dyn Account,
) -> Result<String, crate::domain::outcome::Failure> {
    let written =
        elements.iter().flat_map(|element| comparable(&element.value)).map(|(name, _)| name.as_str());
    let fields = soql::without_repeats(["Id", "CreatedDate"].into_iter().chain(written));
    for field in &fields {
        soql::single_name(field)?;
    }
    Ok(format!(
        "SELECT {} FROM {} WHERE CreatedById = {} AND CreatedDate >= {} ORDER BY CreatedDate, Id",
        fields.join(", "),
        soql::single_name(object)?,
        soql::quoted(&account.connection().own_user),
        soql::instant(since - STAMPS_ARE_OLDER),
    ))
}

/// What was written and can be read back as it was: not what points to a record by an external id.
fn comparable(element: &Value) -> impl Iterator<Item = (&String, &Value)> {
    collections::fields_of(element).filter(|(_, value)| !value.is_null() && !value.is_object())
}

fn carries(record: &Value, element: &Value) -> bool {
    comparable(element).all(|(name, written)| {
        record::at_path(record, name).is_some_and(|found| is_what_was_written(found, written))
    })
}

/// Salesforce trims texts, spells times and ids its own way and rounds numbers to the field's scale.
fn is_what_was_written(found: &Value, written: &Value) -> bool {
    match (found, written) {
        (Value::Null, Value::String(text)) => text.trim().is_empty(),
        (Value::Bool(found), Value::String(text)) => found.to_string() == text.trim().to_lowercase(),
        (Value::String(found), Value::String(written)) => {
            let lines = |text: &str| text.trim().replace("\r\n", "\n");
            let same_id = || Some(RecordId::salesforce(found)? == RecordId::salesforce(written)?);
            let same_time = || Some(Stamp::parse(found).ok()? == Stamp::parse(written).ok()?);
            lines(found) == lines(written) || same_id() == Some(true) || same_time() == Some(true)
        }
        (Value::Number(_), Value::Number(_) | Value::String(_)) => {
            same_number(found, written).unwrap_or(false)
        }
        (Value::String(found), Value::Number(written)) => *found == written.to_string(),
        (found, written) => found == written,
    }
}

fn same_number(found: &Value, written: &Value) -> Option<bool> {
    let (kept, given) = (Amount::from_json(found).ok()?, Amount::from_json(written).ok()?);
    // `15000.0` is also how a field without decimals answers.
    let text = found.to_string();
    let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals.trim_end_matches('0')).len();
    let rounded = given.round(u32::try_from(decimals).ok()?).ok()?;
    Some(kept == given || kept == rounded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::salesforce::endpoints::conformance::elements;
    use crate::connectors::salesforce::fake::{OWN_USER, Scripted, records, response};

    const A: &str = "00TdM000001aBcDUAU";
    const B: &str = "00TdM000002aBcDUAU";

    fn task(subject: &str) -> Value {
        json!({"attributes": {"type": "Task"}, "Subject": subject, "Description": "Line\nTwo ", "WhatId": "006dM000001aBcD"})
    }

    fn made(id: &str, subject: &str) -> Value {
        json!({"attributes": {"type": "Task"}, "Id": id, "CreatedDate": "2026-05-06T11:56:44.000+0000",
            "Subject": subject, "Description": "Line\r\nTwo", "WhatId": RecordId::salesforce("006dM000001aBcD")})
    }

    fn since() -> Timestamp {
        "2026-05-06T11:50:00Z".parse().unwrap()
    }

    #[test]
    fn each_element_gets_the_id_at_its_place() {
        let elements = elements(&[task("One"), task("Two")]);
        let body = json!([{"id": A, "success": true, "errors": []}, {"success": false, "errors":
            [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}]}]);
        let outcomes = CreateRecords.settle("Task", &elements, &response(200, &body));
        let MemberOutcome::Done(document) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!((&document["Id"], &document["Subject"]), (&json!(A), &json!("One")));
        assert!(
            matches!(&outcomes[1], MemberOutcome::Retry(failure) if failure.code == "unable_to_lock_row")
        );
    }

    #[test]
    fn a_list_of_another_length_settles_nothing() {
        let elements = elements(&[task("One"), task("Two")]);
        let body = json!([{"id": A, "success": true, "errors": []}]);
        let outcomes = CreateRecords.settle("Task", &elements, &response(200, &body));
        assert_eq!(outcomes, vec![MemberOutcome::Unclear; 2]);
    }

    #[tokio::test]
    async fn a_lost_answer_finds_what_was_made_in_one_read() {
        let elements = elements(&[task("One"), task("Two"), task("Three")]);
        let account = Scripted::new().answer(records(&[made(B, "Three"), made(A, "One")]));
        let found = CreateRecords.look_up("Task", &elements, since(), &account).await.unwrap();
        let ids: Vec<_> =
            found.iter().map(|found| found.as_ref().map(|document| document["Id"].clone())).collect();
        assert_eq!(ids, [Some(json!(A)), None, Some(json!(B))]);
        assert_eq!(
            account.soql(0),
            format!(
                "SELECT Id, CreatedDate, Subject, Description, WhatId FROM Task WHERE CreatedById = '{OWN_USER}' AND \
                 CreatedDate >= 2026-05-06T11:49:55.000Z ORDER BY CreatedDate, Id"
            )
        );
        assert_eq!(account.asked().len(), 1);
    }

    #[tokio::test]
    async fn two_alike_need_two_records() {
        let elements = elements(&[task("One"), task("One")]);
        let account = Scripted::new().answer(records(&[made(A, "One")]));
        let found = CreateRecords.look_up("Task", &elements, since(), &account).await.unwrap();
        assert!(found[0].is_some() && found[1].is_none());
    }

    #[test]
    fn values_are_known_again_as_salesforce_keeps_them() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (found, written) in [
            (number("15000.0"), number("15000")),
            (number("15000.3"), number("15000.25")),
            (number("10"), json!("10.00")),
            (json!("2026-05-06T11:56:44.000+0000"), json!("2026-05-06T23:56:44+12:00")),
            (json!(true), json!("true")),
            (json!(null), json!(" ")),
        ] {
            assert!(is_what_was_written(&found, &written), "{found} {written}");
        }
        for (found, written) in [
            (json!("One"), json!("one")),
            (number("15000.5"), number("15000.25")),
            (json!(null), json!("One")),
            (json!(true), json!(false)),
            (number("1"), json!("one")),
        ] {
            assert!(!is_what_was_written(&found, &written), "{found} {written}");
        }
    }
}
