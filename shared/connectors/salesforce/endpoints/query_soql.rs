//! Up to five queries of any kind in one API call.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::classify::classify;
use super::super::{metadata, query, record};
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account, Call, Capacity, Element, Endpoint, MemberOutcome, Verdict};
use crate::ports::http::{Method, Response};
use crate::ports::table::{Condition, Item, Key, MAX_TRANSACTION, Write};

/// An element's value is its SOQL; the shape says nothing.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm>
pub(crate) struct QuerySoql;

impl QuerySoql {
    pub(crate) const ID: &'static str = "salesforce/query.soql";
}

#[async_trait]
impl Endpoint for QuerySoql {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Read
    }

    fn capacity(&self) -> Capacity {
        Capacity { elements: 5, bytes: 400_000 }
    }

    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        let soql = |element: &Element| element.value.as_str().unwrap_or_default().to_owned();
        match elements {
            [one] => query::call(&soql(one)),
            many => query::composite(
                &many.iter().map(|element| query::address(&soql(element))).collect::<Vec<_>>(),
            ),
        }
    }

    fn settle(&self, _shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        let outcome = |answered| match answered {
            Answered::Page(page) if page.next.is_some() => MemberOutcome::Replan(too_many()),
            Answered::Page(page) => MemberOutcome::Done(found(page.records)),
            Answered::Refused(failure) => MemberOutcome::Failed(failure),
            Answered::Trouble(failure) => MemberOutcome::Retry(failure),
            Answered::Nothing => MemberOutcome::Unclear,
        };
        answered(response, elements.len()).into_iter().map(outcome).collect()
    }

    async fn learn(
        &self,
        elements: &[Element],
        outcomes: &[MemberOutcome],
        account: &dyn Account,
    ) -> Result<(), Fault> {
        let alone =
            elements.iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, MemberOutcome::Replan(_)));
        let keys: Vec<_> =
            alone.filter_map(|(element, _)| element.value.as_str()).map(str::to_owned).collect();
        remember_alone(&keys, account).await
    }
}

/// What a find gives to its flow.
pub(crate) fn found(records: Vec<Value>) -> Value {
    let records: Vec<Value> = records.into_iter().map(record::shaped).collect();
    json!({
        "found": !records.is_empty(),
        "count": records.len(),
        "first": records.first(),
        "records": records,
    })
}

/// What one query of a call came to.
pub(super) enum Answered {
    Page(query::Page),
    /// By Salesforce, and for good.
    Refused(Failure),
    /// May be better next time.
    Trouble(Failure),
    /// Nothing that could be understood.
    Nothing,
}

/// For each of a call's queries, in their order.
pub(super) fn answered(response: &Response, queries: usize) -> Vec<Answered> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    if queries == 1 && body.get("compositeResponse").is_none() {
        return vec![query::Page::read(&body).map_or(Answered::Nothing, Answered::Page)];
    }
    query::composite_parts(&body, queries)
        .into_iter()
        .map(|part| part.map_or(Answered::Nothing, answered_part))
        .collect()
}

fn answered_part(part: Response) -> Answered {
    let body: Value = serde_json::from_slice(&part.body).unwrap_or(Value::Null);
    match classify(Method::Get, &Ok(part)) {
        Verdict::Answered => query::Page::read(&body).map_or(Answered::Nothing, Answered::Page),
        Verdict::Refused(failure) | Verdict::Forbidden(failure) => Answered::Refused(failure),
        Verdict::Limited { failure, .. }
        | Verdict::Unauthorised(failure)
        | Verdict::NotApplied(failure)
        | Verdict::InDoubt { failure, .. } => Answered::Trouble(failure),
    }
}

pub(super) fn too_many() -> Failure {
    Failure::new(
        "more_than_a_page",
        "Salesforce has more records for this than one answer holds: it is asked alone, page by page.",
    )
}

/// For how long a query that filled a page stays alone.
const ALONE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// So that the next plan asks by itself, where pages can be followed.
pub(super) async fn remember_alone(keys: &[String], account: &dyn Account) -> Result<(), Fault> {
    let expires_at = Some(metadata::later(account.clock().now(), ALONE_FOR));
    let mut keys: Vec<Key> = keys.iter().map(|key| row(key, account)).collect();
    keys.sort();
    keys.dedup();
    for keys in keys.chunks(MAX_TRANSACTION) {
        let put = |key: &Key| Write::put(Item { expires_at, ..Item::new(key.clone()) }, Condition::Always);
        if let Err(error) = account.table().write(keys.iter().map(put).collect()).await {
            tracing::warn!(%error, "queries that must be made alone could not be remembered");
        }
    }
    Ok(())
}

/// Whether this query (or look-up of this value) must be made alone.
pub(crate) async fn is_alone(key: &str, account: &dyn Account) -> bool {
    let items = account.table().get(&[row(key, account)]).await.unwrap_or_default();
    items.into_iter().flatten().next().is_some()
}

fn row(key: &str, account: &dyn Account) -> Key {
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes()));
    Key::new(format!("D#{}", account.connection().id), format!("alone#{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::endpoints::conformance::elements;
    use crate::connectors::salesforce::fake::{Scripted, error, records, response};

    fn part(at: usize, status: u16, body: &Value) -> Value {
        json!({"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": format!("q{at}")})
    }

    #[test]
    fn five_queries_are_one_call_and_each_gets_its_answer() {
        let asked =
            elements(&[json!("SELECT Id FROM A"), json!("SELECT Id FROM B"), json!("SELECT Id FROM C")]);
        let call = QuerySoql.compose("", &asked);
        assert_eq!((call.method, call.path.as_str()), (Method::Post, "/services/data/v67.0/composite"));
        let body = json!({"compositeResponse": [
            part(2, 500, &error("UNABLE_TO_LOCK_ROW", "busy")),
            part(0, 200, &records(&[json!({"attributes": {}, "Id": "1"})])),
            part(1, 400, &error("INVALID_TYPE", "sObject type 'B' is not supported")),
        ]});
        let outcomes = QuerySoql.settle("", &asked, &response(200, &body));
        assert_eq!(
            outcomes[0],
            MemberOutcome::Done(
                json!({"found": true, "count": 1, "first": {"Id": "1"}, "records": [{"Id": "1"}]})
            )
        );
        assert!(matches!(&outcomes[1], MemberOutcome::Failed(failure) if failure.code == "invalid_type"));
        assert!(matches!(&outcomes[2], MemberOutcome::Retry(_)));
    }

    #[test]
    fn one_query_is_asked_as_it_is() {
        let asked = elements(&[json!("SELECT Id FROM A")]);
        assert_eq!(QuerySoql.compose("", &asked).query[0].1, "SELECT Id FROM A");
        let outcomes = QuerySoql.settle("", &asked, &response(200, &records(&[])));
        let none = json!({"found": false, "count": 0, "first": null, "records": []});
        assert_eq!(outcomes, [MemberOutcome::Done(none)]);
    }

    #[tokio::test]
    async fn what_fills_a_page_is_remembered_for_an_hour_as_alone() {
        let asked = elements(&[json!("SELECT Id FROM A")]);
        let body = json!({"totalSize": 9, "done": false, "nextRecordsUrl": "/services/data/v67.0/query/0r8-1", "records": []});
        let outcomes = QuerySoql.settle("", &asked, &response(200, &body));
        let account = Scripted::new();
        assert!(!is_alone("SELECT Id FROM A", &account).await);
        QuerySoql.learn(&asked, &outcomes, &account).await.unwrap();
        assert!(is_alone("SELECT Id FROM A", &account).await);
        account.advance(std::time::Duration::from_secs(3601));
        assert!(!is_alone("SELECT Id FROM A", &account).await);
    }
}
