//! How all triggers read: one query over what their flows want together, page by page, in order of the stamp.

mod place;

use jiff::Timestamp;

use self::place::{Begin, Cursor};
use super::super::classify::{classify, fault_of};
use super::super::{metadata, query, record, record_url, soql};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::domain::record_id::RecordId;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};
use crate::ports::connector::{Account, Bound, Call, Change, Counted, Interest, PollAsk, PollPage};
use crate::ports::http::{Method, Response};

/// Fields of every record: what a change is known by.
const SYSTEM_FIELDS: [&str; 6] =
    ["Id", "SystemModstamp", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"];

/// What a trigger goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Moves at every change, also by automation. <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm>
    SystemModstamp,
    CreatedDate,
    /// `SystemModstamp` of what is in the recycle bin: being deleted was its last change.
    Deletion,
}

impl By {
    fn field(self) -> &'static str {
        match self {
            Self::SystemModstamp | Self::Deletion => "SystemModstamp",
            Self::CreatedDate => "CreatedDate",
        }
    }

    /// Who made the version of the record that is told of.
    fn author(self) -> &'static str {
        match self {
            Self::SystemModstamp | Self::Deletion => "LastModifiedById",
            Self::CreatedDate => "CreatedById",
        }
    }

    /// Where it is asked.
    fn resource(self) -> &'static str {
        match self {
            Self::SystemModstamp | Self::CreatedDate => "query",
            Self::Deletion => "queryAll",
        }
    }

    /// What holds of every record that is told of, beside the flow's own condition.
    fn condition(self) -> Option<&'static str> {
        matches!(self, Self::Deletion).then_some("IsDeleted = true")
    }
}

pub(super) async fn poll(by: By, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault> {
    let cursor = ask.continuation.and_then(Cursor::read);
    let call = match &cursor {
        Some(cursor) => Call::get(&cursor.address),
        None => {
            let begin = ask.continuation.and_then(Begin::read).unwrap_or(Begin::at(ask.from));
            query::call_on(by.resource(), &changed_since(by, ask.union, &begin, account).await?)
        }
    };
    let (page, response) = query::page(call, account).await.map_err(|fault| named(fault, ask.union))?;
    let provider_now = provider_now(&response, account)?;
    let mut changes = Vec::with_capacity(page.records.len());
    for record in page.records {
        changes.push(change(by, record, ask.union, account).await?);
    }
    let began = cursor.map_or(provider_now, |cursor| cursor.began);
    let next = page.next.map(|address| Cursor { address, began });
    Ok(PollPage {
        resume: next.as_ref().and_then(|next| next.passed(&changes)).map(Begin::resume),
        continuation: next.map(Cursor::text),
        changes,
        provider_now,
    })
}

pub(super) async fn fetch(
    by: By,
    interest: &Interest,
    id: &RecordId,
    account: &dyn Account,
) -> Result<Option<Change>, Fault> {
    let mut soql = format!("{} WHERE Id = {}", select(interest, account).await?, soql::quoted(id.as_str()));
    soql.extend(by.condition().map(|condition| format!(" AND {condition}")));
    let (page, _) = query::page(query::call_on(by.resource(), &soql), account)
        .await
        .map_err(|fault| named(fault, interest))?;
    match page.records.into_iter().next() {
        Some(record) => change(by, record, interest, account).await.map(Some),
        None => Ok(None),
    }
}

/// System fields, asked fields with their relationships, asked children.
pub(super) fn project(interest: &Interest, record: &Value) -> Value {
    let Value::Object(from) = record else { return record.clone() };
    let mut projected = Object::new();
    let asked = interest.fields.iter().chain(&interest.optional_fields).map(String::as_str);
    for path in SYSTEM_FIELDS.into_iter().chain(asked) {
        record::copy_path(from, &mut projected, path);
    }
    for (relationship, fields) in &interest.children {
        let mut whole = Object::new();
        record::copy_path(from, &mut whole, relationship);
        for (name, rows) in whole {
            let rows = rows.as_array().into_iter().flatten().map(|row| project_child(fields, row));
            projected.insert(name, rows.collect());
        }
    }
    Value::Object(projected)
}

fn project_child(fields: &[String], row: &Value) -> Value {
    let Value::Object(from) = row else { return row.clone() };
    let mut projected = Object::new();
    for path in std::iter::once("Id").chain(fields.iter().map(String::as_str)) {
        record::copy_path(from, &mut projected, path);
    }
    Value::Object(projected)
}

async fn changed_since(
    by: By,
    union: &Interest,
    from: &Begin,
    account: &dyn Account,
) -> Result<String, Fault> {
    let (select, conditions) = (select(union, account).await?, conditions(by, union, Some(from)));
    Ok(format!("{select}{conditions} ORDER BY {}, Id", by.field()))
}

fn conditions(by: By, interest: &Interest, from: Option<&Begin>) -> String {
    let all: Vec<String> = from
        .map(|from| from.condition(by))
        .into_iter()
        .chain(by.condition().map(str::to_owned))
        .chain(interest.filter.as_ref().map(|filter| format!("({filter})")))
        .collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// The count and a few names in one call. Objects without a `Name` have no names here.
/// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_count.htm>
pub(super) async fn count(
    by: By,
    interest: &Interest,
    from: Option<Timestamp>,
    account: &dyn Account,
) -> Result<Option<Counted>, Fault> {
    let object = soql::single_name(&interest.object).map_err(Fault::Terminal)?;
    let conditions = conditions(by, interest, from.map(Begin::at).as_ref());
    let addresses = [
        format!("SELECT COUNT() FROM {object}{conditions}"),
        format!("SELECT Name FROM {object}{conditions} ORDER BY {} DESC LIMIT {NAMES}", by.field()),
    ]
    .map(|soql| query::address_on(by.resource(), &soql));
    let response = account.read(query::composite(&addresses)).await?;
    let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    let mut parts = query::composite_parts(&body, addresses.len()).into_iter();
    let counted = parts.next().flatten().ok_or_else(|| query::unreadable(account))?;
    if let Some(fault) = fault_of(classify(Method::Get, &Ok(counted.clone())), account.clock().now()) {
        return Err(named(fault, interest));
    }
    let read = |part: &Response| serde_json::from_slice::<Value>(&part.body).unwrap_or(Value::Null);
    let count = read(&counted)["totalSize"].as_u64().ok_or_else(|| query::unreadable(account))?;
    let named = parts.next().flatten().map(|part| read(&part)).unwrap_or(Value::Null);
    let names = named["records"].as_array().into_iter().flatten();
    let names = names.filter_map(|record| Some(record["Name"].as_str()?.to_owned())).collect();
    Ok(Some(Counted { count, bound: Bound::Exact, names }))
}

/// How many names tell people what is meant.
const NAMES: usize = 3;

/// `SELECT …, (SELECT … FROM OpportunityLineItems) FROM Opportunity`.
async fn select(interest: &Interest, account: &dyn Account) -> Result<String, Fault> {
    let object = soql::single_name(&interest.object).map_err(Fault::Terminal)?;
    let optional = metadata::existing(object, &interest.optional_fields, account).await?;
    let watched = interest.changed.iter().flat_map(|changed| {
        changed.fields.iter().map(|change| &change.field).chain(&changed.any).map(String::as_str)
    });
    let asked = interest.fields.iter().map(String::as_str).chain(watched).chain(optional);
    let mut columns = checked(SYSTEM_FIELDS.into_iter().chain(asked))?;
    for (relationship, fields) in &interest.children {
        let fields = checked(std::iter::once("Id").chain(fields.iter().map(String::as_str)))?;
        let relationship = soql::single_name(relationship).map_err(Fault::Terminal)?;
        columns.push(format!("(SELECT {} FROM {relationship} ORDER BY Id)", fields.join(", ")));
    }
    Ok(format!("SELECT {} FROM {object}", columns.join(", ")))
}

fn checked<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Fault> {
    let names = names.map(soql::name).collect::<Result<Vec<_>, _>>().map_err(Fault::Terminal)?;
    Ok(soql::without_repeats(names).into_iter().map(str::to_owned).collect())
}

async fn change(
    by: By,
    mut wire: Value,
    interest: &Interest,
    account: &dyn Account,
) -> Result<Change, Fault> {
    query::complete(&mut wire, account).await?;
    let children = interest.children.iter().map(|(relationship, _)| relationship.as_str());
    let record = record::with_empty_children(record::shaped(wire), children);
    let stamp = record.get(by.field()).and_then(Value::as_str).and_then(|text| Stamp::parse(text).ok());
    let (Some(id), Some(stamp)) = (record::id_of(&record), stamp) else {
        return Err(query::unreadable(account));
    };
    let author = record.get(by.author()).and_then(Value::as_str).and_then(RecordId::salesforce);
    let own_user = RecordId::salesforce(&account.connection().own_user);
    Ok(Change {
        url: Some(record_url(account.connection(), id.as_str())),
        stamp: stamp.0,
        own: author.is_some() && author == own_user,
        made: false,
        id,
        record,
    })
}

/// By Salesforce's clock, never ours: which rows are old enough to be told of depends on it.
fn provider_now(response: &Response, account: &dyn Account) -> Result<Timestamp, Fault> {
    let date = response.header("date").and_then(|text| Stamp::parse_http_date(text).ok());
    date.map(|stamp| stamp.0).ok_or_else(|| {
        Fault::Retry(Again {
            at: account.clock().now(),
            reason: Reason::Failed,
            failure: Failure::new(
                "no_date",
                "Salesforce's answer has no Date, so its time is unknown. It is tried again.",
            ),
        })
    })
}

/// Salesforce's complaint about a name, with the name in front, so that the flow that asked for it can be found.
fn named(fault: Fault, interest: &Interest) -> Fault {
    let Fault::Terminal(failure) = &fault else { return fault };
    let quoted = failure.message.split(['\'', '"']).nth(1).unwrap_or_default();
    match failure.code.as_str() {
        "invalid_field" => {
            let asked = interest.fields.iter().chain(interest.children.iter().flat_map(|(_, fields)| fields));
            let field = asked
                .into_iter()
                .find(|field| field.split('.').any(|part| part.eq_ignore_ascii_case(quoted)))
                .map_or(quoted, String::as_str);
            Fault::terminal(
                "unknown_field",
                format!("`{field}` of {} can't be read: {}", interest.object, failure.message),
            )
        }
        "invalid_type" => Fault::terminal(
            "unknown_object",
            format!("`{}` can't be read: {}", interest.object, failure.message),
        ),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::options;
    use super::place::LONGEST_ANSWER;
    use super::*;
    use crate::connectors::salesforce::fake::{DATE, OWN_USER, Scripted, records};
    use crate::ports::connector::Events;

    const A: &str = "006dM000001aBcDQAU";

    fn interest(options: Value) -> Interest {
        options::interest(options.as_object().unwrap(), Events::EachVersion).unwrap()
    }

    fn deals() -> Interest {
        interest(
            json!({"object": "Opportunity", "fields": ["Name", "Account.Name"], "where": "Amount > 0 OR Name = 'x'",
            "children": {"OpportunityLineItems": {"fields": ["Quantity", "Product2.ProductCode"]}},
            "changed": {"StageName": {"to": "Closed Won"}}}),
        )
    }

    fn from() -> Timestamp {
        "2026-05-06T11:50:00Z".parse().unwrap()
    }

    fn ask<'a>(union: &'a Interest, continuation: Option<&'a str>) -> PollAsk<'a> {
        PollAsk { union, from: from(), continuation }
    }

    fn row(author: &str) -> Value {
        json!({"attributes": {"type": "Opportunity", "url": "/x"}, "Id": A, "Name": "Deal",
            "SystemModstamp": "2026-05-06T11:56:44.000+0000", "CreatedDate": "2026-05-01T08:00:00.000+0000",
            "CreatedById": author, "LastModifiedDate": "2026-05-06T11:56:44.000+0000", "LastModifiedById": author,
            "Account": null, "OpportunityLineItems": null, "StageName": "Closed Won"})
    }

    #[tokio::test]
    async fn one_query_asks_for_everything_in_order() {
        let account = Scripted::new().answer(records(&[]));
        let page = poll(By::SystemModstamp, ask(&deals(), None), &account).await.unwrap();
        assert_eq!(
            account.soql(0),
            "SELECT Id, SystemModstamp, CreatedDate, CreatedById, LastModifiedDate, LastModifiedById, Name, \
             Account.Name, StageName, (SELECT Id, Quantity, Product2.ProductCode FROM OpportunityLineItems ORDER BY Id) \
             FROM Opportunity WHERE SystemModstamp >= 2026-05-06T11:50:00.000Z AND (Amount > 0 OR Name = 'x') \
             ORDER BY SystemModstamp, Id"
        );
        assert_eq!(Stamp(page.provider_now).to_http_date(), DATE);
        assert!(page.changes.is_empty() && page.continuation.is_none());
    }

    #[tokio::test]
    async fn a_change_is_shaped_for_flows_and_its_author_is_known() {
        for (by, author, own) in [
            (By::SystemModstamp, OWN_USER, true),
            (By::SystemModstamp, &OWN_USER[..15], true),
            (By::SystemModstamp, "005dM000002aBcDQAU", false),
            (By::CreatedDate, OWN_USER, true),
        ] {
            let account = Scripted::new().answer(records(&[row(author)]));
            let page = poll(by, ask(&deals(), None), &account).await.unwrap();
            let change = &page.changes[0];
            assert_eq!((change.id.as_str(), change.own), (A, own));
            assert_eq!(change.url.as_deref(), Some("https://acme.my.salesforce.com/006dM000001aBcDQAU"));
            assert_eq!(change.record["SystemModstamp"], json!("2026-05-06T11:56:44Z"));
            assert_eq!(
                (&change.record["Account"], &change.record["OpportunityLineItems"]),
                (&json!(null), &json!([]))
            );
            let stamp = if by == By::CreatedDate { "2026-05-01T08:00:00Z" } else { "2026-05-06T11:56:44Z" };
            assert_eq!(change.stamp.to_string(), stamp);
        }
    }

    #[tokio::test]
    async fn the_next_page_is_where_salesforce_says() {
        let next = "/services/data/v67.0/query/0r8A-2000";
        let account = Scripted::new()
            .answer(
                json!({"totalSize": 2, "done": false, "nextRecordsUrl": next, "records": [row(OWN_USER)]}),
            )
            .answer(records(&[row(OWN_USER)]));
        let page = poll(By::SystemModstamp, ask(&deals(), None), &account).await.unwrap();
        let page =
            poll(By::SystemModstamp, ask(&deals(), page.continuation.as_deref()), &account).await.unwrap();
        assert_eq!((page.changes.len(), page.continuation, page.resume), (1, None, None));
        assert_eq!(account.asked()[1].path, next);
    }

    #[tokio::test]
    async fn a_later_poll_goes_on_behind_the_last_record_that_nobody_has_edited_meanwhile() {
        let next = "/services/data/v67.0/query/0r8A-2000";
        let mut edited = row(OWN_USER);
        edited["Id"] = "006dM000002aBcDQAU".into();
        edited["SystemModstamp"] = "2026-05-06T11:59:59.000+0000".into();
        let body = json!({"totalSize": 3, "done": false, "nextRecordsUrl": next, "records": [row(OWN_USER), edited]});
        let account = Scripted::new().answer(body).answer(records(&[]));
        let page = poll(By::SystemModstamp, ask(&deals(), None), &account).await.unwrap();
        assert!(page.changes[1].stamp > page.provider_now - LONGEST_ANSWER);
        poll(
            By::SystemModstamp,
            ask(&deals(), page.resume.as_ref().map(|resume| resume.place.as_str())),
            &account,
        )
        .await
        .unwrap();
        assert!(
            account.soql(1).contains(&format!(
                "WHERE SystemModstamp >= 2026-05-06T11:56:44.000Z AND (SystemModstamp > 2026-05-06T11:56:44.000Z OR \
                 Id > '{A}') AND (Amount > 0"
            )),
            "{}",
            account.soql(1)
        );
    }

    #[tokio::test]
    async fn a_poll_whose_cursor_is_lost_begins_again() {
        let account =
            Scripted::new().fails(Fault::terminal("invalid_query_locator", "invalid query locator"));
        let fault =
            poll(By::SystemModstamp, ask(&deals(), Some("/services/x 2026-05-06T12:00:00Z")), &account)
                .await
                .unwrap_err();
        assert!(matches!(fault, Fault::Retry(_)));
    }

    #[tokio::test]
    async fn children_are_complete_past_their_first_page() {
        let mut row = row(OWN_USER);
        row["OpportunityLineItems"] = json!({"totalSize": 2, "done": false,
            "nextRecordsUrl": "/services/data/v67.0/query/0r8B-1", "records": [{"attributes": {}, "Id": "1"}]});
        let account =
            Scripted::new().answer(records(&[row])).answer(records(&[json!({"attributes": {}, "Id": "2"})]));
        let page = poll(By::SystemModstamp, ask(&deals(), None), &account).await.unwrap();
        assert_eq!(page.changes[0].record["OpportunityLineItems"], json!([{"Id": "1"}, {"Id": "2"}]));
    }

    #[tokio::test]
    async fn optional_fields_are_asked_for_only_where_the_org_has_them() {
        let interest =
            interest(json!({"object": "Opportunity", "optional_fields": ["CurrencyIsoCode", "Amount"]}));
        let account = Scripted::new()
            .answer(json!({"name": "Opportunity", "fields": [{"name": "Amount", "type": "currency"}]}))
            .answer(records(&[]))
            .answer(records(&[]));
        poll(By::SystemModstamp, ask(&interest, None), &account).await.unwrap();
        assert!(account.soql(1).contains("LastModifiedById, Amount FROM Opportunity"));
        poll(By::CreatedDate, ask(&interest, None), &account).await.unwrap();
        assert_eq!(account.asked().len(), 3, "the description is kept");
        assert!(
            account
                .soql(2)
                .ends_with("WHERE CreatedDate >= 2026-05-06T11:50:00.000Z ORDER BY CreatedDate, Id")
        );
    }

    #[tokio::test]
    async fn an_unknown_field_is_named_as_the_flow_wrote_it() {
        let interest = interest(json!({"object": "Opportunity", "fields": ["Name", "Account.Fone"]}));
        let account = Scripted::new().fails(Fault::terminal(
            "invalid_field",
            "ERROR at Row:1:Column:9 No such column 'Fone' on entity 'Account'.",
        ));
        let fault = poll(By::SystemModstamp, ask(&interest, None), &account).await.unwrap_err();
        let Fault::Terminal(failure) = fault else { panic!("not final") };
        assert_eq!(failure.code, "unknown_field");
        assert!(
            failure.message.starts_with("`Account.Fone` of Opportunity can't be read: ERROR at Row"),
            "{}",
            failure.message
        );
    }

    #[tokio::test]
    async fn an_answer_without_a_date_or_a_stamp_is_asked_again() {
        let mut row = row(OWN_USER);
        row.as_object_mut().unwrap().remove("SystemModstamp");
        let account = Scripted::new().answer(records(&[row]));
        let fault = poll(By::SystemModstamp, ask(&deals(), None), &account).await.unwrap_err();
        assert_eq!(fault.failure().code, "unreadable_answer");
        let fault = provider_now(&Response::default(), &account).unwrap_err();
        assert_eq!(fault.failure().code, "no_date");
    }

    #[tokio::test]
    async fn one_record_is_fetched_as_a_poll_would_give_it() {
        let account = Scripted::new().answer(records(&[row(OWN_USER)])).answer(records(&[]));
        let id = RecordId::salesforce(A).unwrap();
        let change = fetch(By::SystemModstamp, &deals(), &id, &account).await.unwrap().unwrap();
        assert_eq!(change.record["Name"], json!("Deal"));
        assert!(account.soql(0).ends_with("FROM Opportunity WHERE Id = '006dM000001aBcDQAU'"));
        assert_eq!(fetch(By::SystemModstamp, &deals(), &id, &account).await.unwrap(), None);
    }

    #[test]
    fn a_flow_sees_only_what_it_asked_for() {
        let record = json!({"Id": A, "SystemModstamp": "2026-05-06T11:56:44Z", "Name": "Deal", "Amount": 5,
            "Account": {"Name": "Acme", "Phone": "1"}, "Owner": {"Name": "Ada"}, "Contacts": [{"Id": "3"}],
            "OpportunityLineItems": [{"Id": "1", "Quantity": 2, "Product2": {"ProductCode": "A", "Family": "F"}}]});
        let interest = interest(json!({"object": "Opportunity", "fields": ["name", "Account.Name"],
            "optional_fields": ["CurrencyIsoCode"],
            "children": {"OpportunityLineItems": {"fields": ["Product2.ProductCode"]}}}));
        assert_eq!(
            project(&interest, &record),
            json!({"Id": A, "SystemModstamp": "2026-05-06T11:56:44Z", "Name": "Deal", "Account": {"Name": "Acme"},
                "OpportunityLineItems": [{"Id": "1", "Product2": {"ProductCode": "A"}}]})
        );
    }
}
