//! Reading by SOQL: the call for a query of any length, and its pages.

use percent_encoding::utf8_percent_encode;
use serde_json::json;

use super::auth::UNRESERVED;
use super::classify::{classify, fault_of};
use super::{SERVICES, path};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::{Object, Value};
use crate::ports::connector::{Account, Call};
use crate::ports::http::{Method, Response};

/// An address and its headers may have 16,384 bytes together; tokens and the like need some of them.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>
const LONGEST_ADDRESS: usize = 12 * 1024;

/// `GET /query?q=…`, or the same inside `POST /composite`, which has no limit on its address; one API call each.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm>
pub(super) fn call(soql: &str) -> Call {
    call_on("query", soql)
}

/// The same on `queryAll`, which sees what is in the recycle bin too.
/// <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-queryall.html>
pub(super) fn call_on(resource: &str, soql: &str) -> Call {
    let address = address_on(resource, soql);
    if address.len() <= LONGEST_ADDRESS {
        return Call::get(path(resource)).with_query("q", soql);
    }
    composite(&[address])
}

/// Up to 25 reads in one API call, 5 of them queries.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm>
pub(super) fn composite(addresses: &[String]) -> Call {
    let requests: Vec<Value> = addresses
        .iter()
        .enumerate()
        .map(|(at, url)| json!({"method": "GET", "url": url, "referenceId": reference(at)}))
        .collect();
    let body = json!({"allOrNone": false, "compositeRequest": requests});
    Call { method: Method::Post, body: Some(body.to_string()), ..Call::get(path("composite")) }
}

/// The address of a query as a part of a composite request has it: encoded.
pub(super) fn address(soql: &str) -> String {
    address_on("query", soql)
}

pub(super) fn address_on(resource: &str, soql: &str) -> String {
    format!("{}?q={}", path(resource), utf8_percent_encode(soql, UNRESERVED))
}

fn reference(at: usize) -> String {
    format!("q{at}")
}

/// What a composite answer holds for each of its parts, in the order of the request; None where it has none.
pub(super) fn composite_parts(body: &Value, expected: usize) -> Vec<Option<Response>> {
    let parts = body.get("compositeResponse").and_then(Value::as_array);
    let part = |at: usize| {
        let name = reference(at);
        let found =
            parts?.iter().find(|part| part.get("referenceId").and_then(Value::as_str) == Some(&name))?;
        let status = found.get("httpStatusCode")?.as_u64()?;
        Some(Response {
            status: u16::try_from(status).ok()?,
            headers: Vec::new(),
            body: serde_json::to_vec(found.get("body")?).ok()?,
        })
    };
    (0..expected).map(part).collect()
}

/// One page of a query's records, as they came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub(super) records: Vec<Value>,
    /// `/services/data/v67.0/query/0r8…`; None on the last page.
    pub(super) next: Option<String>,
}

impl Page {
    /// None where it is no query's answer.
    pub(super) fn read(body: &Value) -> Option<Self> {
        let body = body.as_object()?;
        let records = body.get("records")?.as_array()?.clone();
        if !records.iter().all(Value::is_object) {
            return None;
        }
        Some(Self { records, next: next_page(body)? })
    }
}

/// The outer None: it says that there is more, but not where.
fn next_page(body: &Object) -> Option<Option<String>> {
    if body.get("done").and_then(Value::as_bool)? {
        return Some(None);
    }
    let next = body.get("nextRecordsUrl")?.as_str()?;
    next.starts_with(SERVICES).then(|| Some(next.to_owned()))
}

/// Asks, and reads one page.
pub(super) async fn page(call: Call, account: &dyn Account) -> Result<(Page, Response), Fault> {
    let response = account.read(call).await.map_err(|fault| restart_lost_cursor(fault, account))?;
    let mut body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    if body.get("compositeResponse").is_some() {
        let part = composite_parts(&body, 1).pop().flatten().ok_or_else(|| unreadable(account))?;
        body = serde_json::from_slice(&part.body).unwrap_or(Value::Null);
        if let Some(fault) = fault_of(classify(Method::Get, &Ok(part)), account.clock().now()) {
            return Err(fault);
        }
    }
    let page = Page::read(&body).ok_or_else(|| unreadable(account))?;
    Ok((page, response))
}

/// All pages of a query, with all of its children's.
pub(super) async fn all(soql: &str, account: &dyn Account) -> Result<Vec<Value>, Fault> {
    let (page, _) = page(call(soql), account).await?;
    let mut records = page.records;
    follow(page.next, &mut records, account).await?;
    for record in &mut records {
        complete(record, account).await?;
    }
    Ok(records)
}

/// Sub-queries are paged like queries: an Opportunity with many lines brings the first of them only.
pub(super) async fn complete(record: &mut Value, account: &dyn Account) -> Result<(), Fault> {
    let children = record.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    for child in children {
        let Some(inner) = child.as_object_mut().filter(|inner| inner.contains_key("records")) else {
            continue;
        };
        let next = next_page(inner).ok_or_else(|| unreadable(account))?;
        if let Some(Value::Array(records)) = inner.get_mut("records") {
            follow(next, records, account).await?;
        }
        inner.insert("done".to_owned(), Value::Bool(true));
        inner.shift_remove("nextRecordsUrl");
    }
    Ok(())
}

async fn follow(
    mut next: Option<String>,
    records: &mut Vec<Value>,
    account: &dyn Account,
) -> Result<(), Fault> {
    while let Some(url) = next {
        let (page, _) = page(Call::get(url), account).await?;
        records.extend(page.records);
        next = page.next;
    }
    Ok(())
}

/// A cursor that Salesforce has given up: what it was part of begins again, at no attempt's cost.
fn restart_lost_cursor(fault: Fault, account: &dyn Account) -> Fault {
    match fault {
        Fault::Terminal(failure) if failure.code == "invalid_query_locator" => {
            Fault::Retry(Again { at: account.clock().now(), reason: Reason::NotStarted, failure })
        }
        other => other,
    }
}

/// An answer that is none: a read may be repeated.
pub(super) fn unreadable(account: &dyn Account) -> Fault {
    Fault::Retry(Again {
        at: account.clock().now(),
        reason: Reason::Failed,
        failure: Failure::new(
            "unreadable_answer",
            "Salesforce answered something that is no query result. It is tried again.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::fake::{Scripted, error, records};

    #[test]
    fn a_long_query_goes_by_post_and_a_short_one_by_get() {
        let short = call("SELECT Id FROM Account");
        assert_eq!((short.method, short.path.as_str()), (Method::Get, "/services/data/v67.0/query"));
        assert_eq!(short.query, [("q".to_owned(), "SELECT Id FROM Account".to_owned())]);
        let long = call(&format!("SELECT Id FROM Account WHERE Name = '{}'", "x y".repeat(4000)));
        assert_eq!((long.method, long.path.as_str()), (Method::Post, "/services/data/v67.0/composite"));
        let body: Value = serde_json::from_str(long.body.as_deref().unwrap()).unwrap();
        let url = body.pointer("/compositeRequest/0/url").and_then(Value::as_str).unwrap();
        assert!(url.starts_with("/services/data/v67.0/query?q=SELECT%20Id%20FROM"), "{url:.60}");
    }

    #[tokio::test]
    async fn all_pages_and_all_pages_of_children_are_read() {
        let account = Scripted::new()
            .answer(
                json!({"totalSize": 2, "done": false, "nextRecordsUrl": "/services/data/v67.0/query/0r8A-1",
                "records": [{"Id": "1", "Lines": {"totalSize": 2, "done": false,
                    "nextRecordsUrl": "/services/data/v67.0/query/0r8B-1", "records": [{"Id": "a"}]}}]}),
            )
            .answer(records(&[json!({"Id": "2", "Lines": null})]))
            .answer(records(&[json!({"Id": "b"})]));
        let all = all("SELECT Id FROM X", &account).await.unwrap();
        assert_eq!(all[0].pointer("/Lines/records").unwrap(), &json!([{"Id": "a"}, {"Id": "b"}]));
        assert_eq!(all[1], json!({"Id": "2", "Lines": null}));
        assert_eq!(account.asked()[1].path, "/services/data/v67.0/query/0r8A-1");
        assert_eq!(account.asked()[2].path, "/services/data/v67.0/query/0r8B-1");
    }

    #[tokio::test]
    async fn a_lost_cursor_begins_again_without_using_up_an_attempt() {
        let account =
            Scripted::new().fails(Fault::terminal("invalid_query_locator", "invalid query locator"));
        let fault = page(Call::get("/services/data/v67.0/query/0r8A-1"), &account).await.unwrap_err();
        assert!(matches!(fault, Fault::Retry(Again { reason: Reason::NotStarted, .. })), "{fault:?}");
    }

    #[tokio::test]
    async fn an_error_inside_a_composite_answer_is_an_error() {
        let part = json!({"body": error("MALFORMED_QUERY", "unexpected token"), "httpHeaders": {},
            "httpStatusCode": 400, "referenceId": "q0"});
        let account = Scripted::new().answer(json!({"compositeResponse": [part]}));
        let fault = page(call(&"x".repeat(20_000)), &account).await.unwrap_err();
        assert!(matches!(fault, Fault::Terminal(failure) if failure.code == "malformed_query"));
    }

    #[tokio::test]
    async fn what_is_no_page_is_asked_again() {
        for body in [
            json!({}),
            json!([]),
            json!({"done": false, "records": []}),
            json!({"done": true, "records": [1]}),
            json!({"done": false, "records": [], "nextRecordsUrl": "https://evil.example/"}),
        ] {
            let account = Scripted::new().answer(body.clone());
            let fault = page(call("SELECT Id FROM X"), &account).await.unwrap_err();
            assert!(matches!(fault, Fault::Retry(_)), "{body}");
        }
    }
}
