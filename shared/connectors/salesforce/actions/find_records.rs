//! `salesforce.find_records`: records of any object, by the values of fields or by a condition in SOQL.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::endpoints::{Matching, QueryMatching, QuerySoql, folded, found, is_alone};
use super::super::{query, soql};
use crate::domain::effect::EffectKind;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::{Object, Value};
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning};

pub(super) struct FindRecords;

/// More belongs into an export, not into a run.
const MOST: usize = 2000;

/// Any page has room for this many.
const CERTAIN: usize = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The object's API name: Contact, Xero_Document__c.
    object: String,
    /// Fields to read, also over relationships (Account.Name); Id always comes along.
    #[serde(default)]
    fields: Vec<String>,
    /// Fields and the values that they must equal, all of them. Values are quoted for you.
    #[serde(default, rename = "match")]
    matching: Object,
    /// A condition in SOQL, as after WHERE. Values of records belong into `match`, which quotes them.
    #[serde(default, rename = "where")]
    condition: Option<String>,
    /// Fields to sort by, each followed by DESC where the greatest comes first: CreatedDate DESC.
    #[serde(default)]
    order_by: Option<String>,
    /// Only records whose Id comes after this one: to read on, ordered by Id, where another find ended.
    #[serde(default)]
    after: Option<String>,
    /// Records at most.
    #[serde(default = "certain")]
    #[schemars(range(min = 1, max = 2000))]
    limit: usize,
}

fn certain() -> usize {
    CERTAIN
}

#[async_trait]
impl Action for FindRecords {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "salesforce.find_records",
            title: "Find Salesforce records",
            about: "Finds records by the values of fields (`match`), by a condition in SOQL (`where`), or both. \
                    Look-ups by the same single field share one query, others go five to an API call. Gives {found, \
                    count, first, records}. With neither condition, or with nothing but empty values to match, it \
                    finds nothing.",
            documentation: "https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm",
            effect: EffectKind::Read,
            scope: None,
            input: super::schema::<Input>(),
            options: super::no_options(),
            matches: &[],
            links: false,
            example: "\
id: buyer
action: salesforce.find_records
with:
  object: Contact
  fields: [Id, Name, Account.Name]
  match:
    Email: \"{{ record.EmailAddress }}\"
  order_by: CreatedDate DESC
  limit: 1
",
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let input: Input = super::read(&planning.input)?;
        let wish = Wish::of(&input).map_err(Fault::Terminal)?;
        let account = planning.account;
        // An empty value never matches, so nothing to match is nothing found.
        let Some(condition) = &wish.condition else { return Ok(Plan::Answer(found(Vec::new()))) };
        let soql = wish.soql(condition);
        let certain = input.limit <= CERTAIN;
        if let Some((matching, value)) = wish.by_one_field(&input)
            && certain
            && !is_alone(&folded(value), account).await
        {
            return Ok(Plan::Perform(Operation {
                endpoint: QueryMatching::ID,
                shape: matching.shape(),
                element: value.clone(),
                unique: vec![folded(value)],
                sets: None,
            }));
        }
        if certain && !is_alone(&soql, account).await {
            return Ok(Plan::Perform(Operation {
                endpoint: QuerySoql::ID,
                shape: String::new(),
                element: Value::String(soql),
                unique: Vec::new(),
                sets: None,
            }));
        }
        // More than a page may have: only here can pages be followed.
        Ok(Plan::Answer(found(query::all(&soql, account).await?)))
    }

    fn find_next(&self, input: &Object, found: Option<&Value>) -> Option<Object> {
        next_page(input, found)
    }
}

/// Where the flow chose no limit, all records are read, in the order of their ids.
fn next_page(input: &Object, found: Option<&Value>) -> Option<Object> {
    const PAGED: &str = "Id";
    let mut next = input.clone();
    match found {
        None if input.contains_key("limit") => return None,
        None => {
            next.insert("order_by".into(), PAGED.into());
            next.insert("limit".into(), MOST.into());
        }
        Some(found) => {
            let paged = input.get("order_by").and_then(Value::as_str) == Some(PAGED);
            let records = found.get("records").and_then(Value::as_array);
            let full = records.filter(|records| paged && records.len() == MOST)?;
            next.insert("after".into(), full.last()?.get("Id")?.clone());
        }
    }
    Some(next)
}

/// The checked parts of a query.
struct Wish {
    object: String,
    fields: Vec<String>,
    condition: Option<String>,
    order_by: String,
    limit: usize,
}

impl Wish {
    fn of(input: &Input) -> Result<Self, Failure> {
        let fields = ["Id"].into_iter().chain(input.fields.iter().map(|field| field.trim()));
        let fields = soql::without_repeats(fields);
        for field in &fields {
            soql::name(field)?;
        }
        if !(1..=MOST).contains(&input.limit) {
            return Err(Failure::new("bad_limit", format!("`limit` must be a number from 1 to {MOST}")));
        }
        let own = input.condition.as_deref().map(str::trim).filter(|condition| !condition.is_empty());
        let own = own.map(|condition| format!("({condition})"));
        let mut conditions: Vec<_> = soql::all_equal(&input.matching)?.into_iter().chain(own).collect();
        if let (Some(after), false) = (&input.after, conditions.is_empty()) {
            conditions.push(format!("Id > {}", soql::quoted(after)));
        }
        Ok(Self {
            object: soql::single_name(&input.object)?.to_owned(),
            fields: fields.into_iter().map(str::to_owned).collect(),
            condition: if conditions.is_empty() { None } else { Some(conditions.join(" AND ")) },
            order_by: order_by(input.order_by.as_deref().unwrap_or_default())?,
            limit: input.limit,
        })
    }

    fn soql(&self, condition: &str) -> String {
        format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {} LIMIT {}",
            self.fields.join(", "),
            self.object,
            self.order_by,
            self.limit
        )
    }

    /// The commonest look-up, which many runs can share.
    fn by_one_field<'a>(&self, input: &'a Input) -> Option<(Matching, &'a Value)> {
        let (by, value) = input.matching.iter().next()?;
        let only = input.matching.len() == 1
            && input.after.is_none()
            && input.condition.as_deref().is_none_or(|own| own.trim().is_empty());
        let matching = Matching {
            object: self.object.clone(),
            fields: self.fields.clone(),
            by: by.trim().to_owned(),
            order_by: self.order_by.clone(),
            limit: self.limit,
        };
        (only && !value.is_boolean()).then_some((matching, value))
    }
}

/// `CreatedDate DESC, Name`: names checked, and the id last, so that the same records come in the same order.
fn order_by(text: &str) -> Result<String, Failure> {
    let mut terms = Vec::new();
    for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
        let mut words = term.split_whitespace();
        let field = soql::name(words.next().unwrap_or_default())?;
        let rest: Vec<String> = words.map(str::to_uppercase).collect();
        let rest = rest.join(" ");
        if ![
            "",
            "ASC",
            "DESC",
            "NULLS FIRST",
            "NULLS LAST",
            "ASC NULLS FIRST",
            "ASC NULLS LAST",
            "DESC NULLS FIRST",
            "DESC NULLS LAST",
        ]
        .contains(&rest.as_str())
        {
            return Err(Failure::new(
                "bad_order",
                "`order_by` takes fields, each with ASC or DESC and NULLS FIRST or NULLS LAST: CreatedDate DESC, Name",
            ));
        }
        terms.push(if rest.is_empty() { field.to_owned() } else { format!("{field} {rest}") });
    }
    let sorts_by_id =
        terms.iter().any(|term| term.split(' ').next().is_some_and(|field| field.eq_ignore_ascii_case("Id")));
    if !sorts_by_id {
        terms.push("Id".to_owned());
    }
    Ok(terms.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::salesforce::actions::conformance::plan;
    use crate::connectors::salesforce::fake::{Scripted, records};

    #[tokio::test]
    async fn one_field_shares_a_query_with_others() {
        let input =
            json!({"object": "Contact", "fields": ["Name"], "match": {"Email": "A@x.nz"}, "limit": 1});
        let Ok(Plan::Perform(operation)) = plan(&FindRecords, input, &Scripted::new()).await else {
            panic!()
        };
        assert_eq!(operation.endpoint, QueryMatching::ID);
        assert_eq!((operation.element, operation.unique), (json!("A@x.nz"), vec!["text:a@x.nz".to_owned()]));
    }

    #[tokio::test]
    async fn anything_else_is_a_query_of_its_own() {
        let input = json!({"object": "Contact", "match": {"Email": "o'b@x.nz", "LastName": "B"},
            "where": "CreatedDate > 2026-01-01T00:00:00Z OR IsDeleted = true", "order_by": "createddate desc"});
        let Ok(Plan::Perform(operation)) = plan(&FindRecords, input, &Scripted::new()).await else {
            panic!()
        };
        assert_eq!(operation.endpoint, QuerySoql::ID);
        assert_eq!(
            operation.element,
            json!(
                r"SELECT Id FROM Contact WHERE Email = 'o\'b@x.nz' AND LastName = 'B' AND (CreatedDate > 2026-01-01T00:00:00Z OR IsDeleted = true) ORDER BY createddate DESC, Id LIMIT 200"
            )
        );
    }

    #[tokio::test]
    async fn many_records_are_read_page_by_page() {
        let account = Scripted::new()
            .answer(
                json!({"totalSize": 2, "done": false, "nextRecordsUrl": "/services/data/v67.0/query/0r8-1",
                "records": [{"attributes": {}, "Id": "1"}]}),
            )
            .answer(records(&[json!({"attributes": {}, "Id": "2"})]));
        let input = json!({"object": "Contact", "where": "Name != null", "limit": 2000});
        let Ok(Plan::Answer(answer)) = plan(&FindRecords, input, &account).await else { panic!() };
        assert_eq!((&answer["count"], &answer["first"]), (&json!(2), &json!({"Id": "1"})));
    }

    #[test]
    fn all_records_are_read_page_by_page_in_the_order_of_their_ids_unless_the_flow_says_how_many() {
        let input = json!({"object": "Contact", "where": "Name != null", "order_by": "Name"});
        let input = input.as_object().unwrap();
        let first = FindRecords.find_next(input, None).unwrap();
        assert_eq!((&first["order_by"], &first["limit"]), (&json!("Id"), &json!(2000)));
        let full: Vec<_> = (0..2000).map(|n| json!({"Id": format!("{n:04}")})).collect();
        let next = FindRecords.find_next(&first, Some(&json!({"records": full}))).unwrap();
        assert_eq!(next["after"], "1999");
        assert_eq!(FindRecords.find_next(&next, Some(&json!({"records": full[1..]}))), None);
        let mut few = input.clone();
        few.insert("limit".into(), json!(2000));
        assert_eq!(FindRecords.find_next(&few, None), None);
        assert_eq!(FindRecords.find_next(&few, Some(&json!({"records": full}))), None);
    }

    #[tokio::test]
    async fn nothing_to_match_is_nothing_found() {
        for input in [json!({"object": "Contact"}), json!({"object": "Contact", "match": {}, "where": " "})] {
            let Ok(Plan::Answer(answer)) = plan(&FindRecords, input, &Scripted::new()).await else {
                panic!()
            };
            assert_eq!(answer["found"], json!(false));
        }
    }

    #[tokio::test]
    async fn what_soql_would_misread_is_refused() {
        for (input, code) in [
            (json!({"object": "Contact", "fields": ["Name FROM User"], "where": "x"}), "bad_name"),
            (json!({"object": "Contact", "match": {"Email": null}}), "bad_match_value"),
            (json!({"object": "Contact", "where": "x", "order_by": "Name; DROP"}), "bad_name"),
            (json!({"object": "Contact", "where": "x", "order_by": "Name SIDEWAYS"}), "bad_order"),
            (json!({"object": "Contact", "where": "x", "limit": 0}), "bad_limit"),
        ] {
            let fault = plan(&FindRecords, input.clone(), &Scripted::new()).await.unwrap_err();
            assert_eq!(fault.failure().code, code, "{input}");
        }
    }
}
