//! Many look-ups by the value of one field, as one query: `WHERE Email IN ('a', 'b', …)`.
//!
//! What can't be told apart in one answer (more rows than a page, rows that nobody asked for by our understanding
//! of equality) is remembered, and planned again as a query of its own.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{query, record, soql};
use super::query_soql::{Answered, answered, found, remember_alone, too_many};
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::money::Amount;
use crate::domain::outcome::Fault;
use crate::domain::record_id::RecordId;
use crate::ports::connector::{Account, Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::Response;

/// Rows of one answer; a page has no more.
const MOST_ROWS: usize = 2000;

/// The shape is a [`Matching`] as JSON, an element's value what the field is compared with.
/// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_comparisonoperators.htm>
pub(crate) struct QueryMatching;

impl QueryMatching {
    pub(crate) const ID: &'static str = "salesforce/query.matching";
}

/// What look-ups must share to be one query. All names are checked before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matching {
    pub(crate) object: String,
    pub(crate) fields: Vec<String>,
    /// The field that is compared.
    pub(crate) by: String,
    pub(crate) order_by: String,
    /// Records for each element.
    pub(crate) limit: usize,
}

impl Matching {
    pub(crate) fn shape(&self) -> String {
        json!(self).to_string()
    }

    fn of(shape: &str) -> Option<Self> {
        serde_json::from_str(shape).ok()
    }
}

/// Two look-ups whose values Salesforce might take for the same aren't put into one query.
pub(crate) fn folded(value: &Value) -> String {
    match value {
        Value::String(text) => match RecordId::salesforce(text.trim()) {
            Some(id) => format!("text:{}", id.as_str().to_lowercase()),
            None => format!("text:{}", text.trim().to_lowercase()),
        },
        Value::Number(_) => {
            let plain =
                Amount::from_json(value).map_or_else(|_| value.to_string(), |amount| amount.to_string());
            let plain =
                if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { &plain };
            format!("number:{plain}")
        }
        other => format!("other:{other}"),
    }
}

#[async_trait]
impl Endpoint for QueryMatching {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Read
    }

    /// SOQL has at most 100,000 characters, and a value may take two for one.
    fn capacity(&self) -> Capacity {
        Capacity { elements: 200, bytes: 40_000 }
    }

    fn compose(&self, shape: &str, elements: &[Element]) -> Call {
        let Some(matching) = Matching::of(shape) else { return query::call("") };
        let literals: Vec<_> = elements
            .iter()
            .map(|element| soql::literal(&element.value).unwrap_or_else(|_| "''".to_owned()))
            .collect();
        let fields =
            soql::without_repeats(matching.fields.iter().map(String::as_str).chain([matching.by.as_str()]));
        let (compared, limit) = match literals.as_slice() {
            [one] => (format!("= {one}"), matching.limit),
            many => (format!("IN ({})", many.join(", ")), MOST_ROWS),
        };
        query::call(&format!(
            "SELECT {} FROM {} WHERE {} {compared} ORDER BY {} LIMIT {limit}",
            fields.join(", "),
            matching.object,
            matching.by,
            matching.order_by,
        ))
    }

    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        let all = |outcome: MemberOutcome| vec![outcome; elements.len()];
        let Some(matching) = Matching::of(shape) else { return all(MemberOutcome::Unclear) };
        let page = match answered(response, 1).pop() {
            Some(Answered::Page(page)) => page,
            // One value that Salesforce can't compare spoils the whole list.
            Some(Answered::Refused(failure)) if elements.len() > 1 => {
                return all(MemberOutcome::Replan(failure));
            }
            Some(Answered::Refused(failure)) => return all(MemberOutcome::Failed(failure)),
            Some(Answered::Trouble(failure)) => return all(MemberOutcome::Retry(failure)),
            Some(Answered::Nothing) | None => return all(MemberOutcome::Unclear),
        };
        let full = page.next.is_some() || (elements.len() > 1 && page.records.len() >= MOST_ROWS);
        match distribute(&matching, elements, page.records) {
            Some(shares) if !full => {
                shares.into_iter().map(|share| MemberOutcome::Done(found(share))).collect()
            }
            _ => all(MemberOutcome::Replan(too_many())),
        }
    }

    async fn learn(
        &self,
        elements: &[Element],
        outcomes: &[MemberOutcome],
        account: &dyn Account,
    ) -> Result<(), Fault> {
        let alone =
            elements.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, MemberOutcome::Replan(_)));
        let keys: Vec<_> = alone.map(|(element, _)| folded(&element.value)).collect();
        remember_alone(&keys, account).await
    }
}

/// Each element's records, in the answer's order; None when a record is nobody's.
fn distribute(matching: &Matching, elements: &[Element], records: Vec<Value>) -> Option<Vec<Vec<Value>>> {
    if elements.len() == 1 {
        return Some(vec![records]);
    }
    let wanted: Vec<_> = elements.iter().map(|element| folded(&element.value)).collect();
    let mut shares = vec![Vec::new(); elements.len()];
    for record in records {
        let value = folded(record::at_path(&record, &matching.by)?);
        let mut taken = false;
        for (share, _) in shares.iter_mut().zip(&wanted).filter(|(_, wanted)| **wanted == value) {
            taken = true;
            if share.len() < matching.limit {
                share.push(record.clone());
            }
        }
        if !taken {
            return None;
        }
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::endpoints::conformance::elements;
    use crate::connectors::salesforce::fake::{error, records, response};

    fn shape(limit: usize) -> String {
        Matching {
            object: "Contact".into(),
            fields: vec!["Id".into(), "Name".into()],
            by: "Email".into(),
            order_by: "Id".into(),
            limit,
        }
        .shape()
    }

    fn row(id: &str, email: &str) -> Value {
        json!({"attributes": {"type": "Contact"}, "Id": id, "Name": null, "Email": email})
    }

    #[test]
    fn many_values_are_one_query() {
        let call = QueryMatching.compose(&shape(1), &elements(&[json!("a@x.nz"), json!("o'b@x.nz")]));
        assert_eq!(
            call.query[0].1,
            r"SELECT Id, Name, Email FROM Contact WHERE Email IN ('a@x.nz', 'o\'b@x.nz') ORDER BY Id LIMIT 2000"
        );
        let call = QueryMatching.compose(&shape(1), &elements(&[json!("a@x.nz")]));
        assert!(call.query[0].1.ends_with("WHERE Email = 'a@x.nz' ORDER BY Id LIMIT 1"));
    }

    #[test]
    fn each_gets_its_own_records_and_no_more_than_it_asked_for() {
        let asked = elements(&[json!("a@x.nz"), json!("B@x.nz "), json!("c@x.nz")]);
        let body = records(&[row("1", "b@x.nz"), row("2", "A@x.nz"), row("3", "b@x.nz")]);
        let outcomes = QueryMatching.settle(&shape(1), &asked, &response(200, &body));
        let counts: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                MemberOutcome::Done(found) => (found["count"].to_string(), found["first"]["Id"].clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [("1".into(), json!("2")), ("1".into(), json!("1")), ("0".into(), json!(null))]);
    }

    #[test]
    fn what_cant_be_told_apart_is_planned_again() {
        let asked = elements(&[json!("a@x.nz"), json!("b@x.nz")]);
        let foreign = records(&[row("1", "ä@x.nz")]);
        let more = json!({"totalSize": 3000, "done": false, "nextRecordsUrl": "/services/data/v67.0/query/0r8-2000",
            "records": [row("1", "a@x.nz")]});
        for body in [foreign, more] {
            let outcomes = QueryMatching.settle(&shape(1), &asked, &response(200, &body));
            assert!(outcomes.iter().all(|outcome| matches!(outcome, MemberOutcome::Replan(_))), "{body}");
        }
    }

    #[test]
    fn one_value_that_cant_be_compared_spoils_nobody_elses_query() {
        let part = json!({"compositeResponse": [{"body": error("INVALID_QUERY_FILTER_OPERATOR", "invalid ID field"),
            "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "q0"}]});
        let both = elements(&[json!("a"), json!("b")]);
        let outcomes = QueryMatching.settle(&shape(1), &both, &response(200, &part));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, MemberOutcome::Replan(_))));
        let outcomes = QueryMatching.settle(&shape(1), &both[..1], &response(200, &part));
        assert!(matches!(&outcomes[..], [MemberOutcome::Failed(_)]));
    }

    #[test]
    fn ids_and_numbers_are_the_same_in_either_spelling() {
        assert_eq!(folded(&json!("006dM000001aBcD")), folded(&json!("006dM000001aBcDQAU")));
        let number = |text: &str| folded(&serde_json::from_str(text).unwrap());
        assert_eq!(number("10"), number("10.00"));
        assert_ne!(folded(&json!("10")), number("10"));
    }
}
