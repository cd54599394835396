//! `xero.find_invoice`: invoices by number, by id, or by what they say.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::connectors::xero::directory::Directory;
use crate::connectors::xero::endpoints::{ALL, INVOICES_FIND, criterion};
use crate::connectors::xero::fields::{Field, Kind, clean, field, schema};
use crate::connectors::xero::pages::Place;
use crate::connectors::xero::wire::text;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning};

pub(super) struct FindInvoice {
    pub(super) directory: Arc<Directory>,
}

const STATUSES: &[&str] = &["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"];

const FIELDS: &[Field] = &[
    field("InvoiceID", Kind::Id, "Xero's own id."),
    field("InvoiceNumber", Kind::Text(255), "The whole number, such as INV-0055."),
    field("Reference", Kind::Text(255), "The whole reference."),
    field("ContactID", Kind::Id, "Invoices of this contact."),
    field("Status", Kind::Choice(STATUSES), "Invoices in this status."),
    field("DateFrom", Kind::Day, "Dated on or after this day."),
    field("DateTo", Kind::Day, "Dated on or before this day."),
    field("Page", Kind::Decimal, "The page of a thousand that is given, from 1, ordered by id."),
    field(
        "After",
        Kind::Text(100),
        "The `next` of an earlier find of all: where it goes on, in the order of changes.",
    ),
    field(
        "Type",
        Kind::Choice(&["ACCREC", "ACCPAY"]),
        "ACCREC (sales, the default unless an id is given) or ACCPAY (bills).",
    ),
];

const EXAMPLE: &str = r#"id: invoice
action: xero.find_invoice
with:
  InvoiceNumber: "{{ record.Invoice_Number__c }}"
"#;

#[async_trait]
impl Action for FindInvoice {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "xero.find_invoice",
            title: "Find invoices",
            about: "Gives `{found, count, first, records}`; live invoices come before voided and deleted ones. \
                    Numbers and ids of many runs are asked for together. All criteria must hold; with none that has a \
                    value, nothing is found.",
            documentation: "https://developer.xero.com/documentation/api/accounting/invoices#get-invoices",
            effect: EffectKind::Read,
            scope: Some("accounting.invoices.read"),
            input: schema(FIELDS, &[]),
            options: json!({}),
            matches: &[],
            links: false,
            example: EXAMPLE,
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let mut input = clean(FIELDS, &planning.input, "").map_err(Fault::Terminal)?;
        input.retain(|_, value| !value.is_null());
        let kind = input.shift_remove("Type").and_then(|kind| kind.as_str().map(str::to_owned));
        let page = input.shift_remove("Page").map(|page| number_of(&page)).transpose()?;
        let after = input.shift_remove("After").and_then(|place| place.as_str().map(str::to_owned));
        if input.is_empty() {
            return Ok(Plan::Answer(json!({"found": false, "count": 0, "first": null, "records": []})));
        }
        // An id says already what it is of.
        let sales = || if input.contains_key("InvoiceID") { "" } else { "ACCREC" }.to_owned();
        let kind = kind.unwrap_or_else(sales);
        let short_code = self.directory.short_code(planning.account).await?;
        let input = Value::Object(input);
        let by = match (page, after) {
            (_, Some(place)) => Some(format!("{ALL}{place}")),
            (Some(page), None) => Some(format!("where:{page}")),
            (None, None) => None,
        };
        let (shape, element) = match (by, only(&input, "InvoiceID"), only(&input, "InvoiceNumber")) {
            (Some(by), ..) => criterion(&short_code, &kind, &by, &condition(&input, &kind)),
            (None, Some(id), _) => criterion(&short_code, &kind, "InvoiceID", id),
            (None, _, Some(number)) => criterion(&short_code, &kind, "InvoiceNumber", number),
            _ => criterion(&short_code, &kind, "where", &condition(&input, &kind)),
        };
        let unique = vec![format!("find:{}", element.as_str().unwrap_or_default())];
        Ok(Plan::Perform(Operation { endpoint: INVOICES_FIND, shape, element, unique, sets: None }))
    }

    /// Where the flow chose no page, all of them are read.
    fn find_next(&self, input: &Object, found: Option<&Value>) -> Option<Object> {
        let place = match found {
            None if input.contains_key("Page") => return None,
            None => Place::first(Timestamp::UNIX_EPOCH).text().into(),
            Some(found) => found.get("next")?.clone(),
        };
        let mut next = input.clone();
        next.insert("After".into(), place);
        Some(next)
    }
}

fn number_of(page: &Value) -> Result<u32, Fault> {
    let text = page.as_str().map_or_else(|| page.to_string(), str::to_owned);
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Fault::terminal("bad_page", format!("Page is a whole number from 1 on, not {text}")))
}

/// The value of a field that is the only one.
fn only<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    (input.as_object().map(Object::len) == Some(1)).then(|| text(input, name)).flatten()
}

/// Fields that Xero searches by index. <https://developer.xero.com/documentation/api/efficient-data-retrieval>
fn condition(input: &Value, kind: &str) -> String {
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let guid = |value: &str| format!("Guid(\"{value}\")");
    let day = |value: &str| {
        let parts: Vec<&str> = value.split('-').collect();
        format!("DateTime({})", parts.join(","))
    };
    let mut terms: Vec<String> =
        (!kind.is_empty()).then(|| format!("Type=={}", quoted(kind))).into_iter().collect();
    let mut add = |name: &str, comparison: &str, write: &dyn Fn(&str) -> String| {
        if let Some(value) = text(input, name) {
            terms.push(format!("{comparison}{}", write(value)));
        }
    };
    add("InvoiceID", "InvoiceID==", &guid);
    add("InvoiceNumber", "InvoiceNumber==", &quoted);
    add("Reference", "Reference==", &quoted);
    add("ContactID", "Contact.ContactID==", &guid);
    add("Status", "Status==", &quoted);
    add("DateFrom", "Date>=", &day);
    add("DateTo", "Date<=", &day);
    terms.join(" AND ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connectors::xero::conformance::{catalog, operation, plan};
    use crate::connectors::xero::testing::{TestTable, answer, marker, organisation_account};
    use crate::ports::connector::{Element, MemberOutcome};

    async fn planned(input: Value) -> Plan {
        let account = organisation_account(&Arc::new(TestTable::default()));
        plan(&catalog(), &account, "xero.find_invoice", &input, "f").await.unwrap()
    }

    #[tokio::test]
    async fn numbers_of_many_runs_are_asked_for_together_and_other_criteria_each_alone() {
        let (one, two) = (
            operation(planned(json!({"InvoiceNumber": "INV-1"})).await),
            operation(planned(json!({"InvoiceNumber": "INV-2"})).await),
        );
        assert_eq!(one.shape, two.shape);
        let endpoint = catalog().endpoint(one.endpoint).unwrap().clone();
        let element =
            |operation: &Operation| Element { marker: marker("f"), value: operation.element.clone() };
        let call = endpoint.compose(&one.shape, &[element(&one), element(&two)]);
        assert_eq!(call.query[0], ("InvoiceNumbers".to_owned(), "INV-1,INV-2".to_owned()));
        let other = operation(planned(json!({"Reference": "a \"b\"", "DateFrom": "2026-01-31"})).await);
        assert_ne!(other.shape, one.shape);
        let call = endpoint.compose(&other.shape, &[element(&other)]);
        assert_eq!(
            call.query[0].1,
            r#"Type=="ACCREC" AND Reference=="a \"b\"" AND Date>=DateTime(2026,01,31)"#
        );
        let comma = operation(planned(json!({"InvoiceNumber": "A,B"})).await);
        assert_eq!(comma.element, "InvoiceNumber==\"A,B\"");
    }

    #[tokio::test]
    async fn all_invoices_are_read_page_by_page_in_the_order_of_their_changes() {
        let find = FindInvoice { directory: Arc::new(Directory::default()) };
        let input = json!({"Status": "DRAFT"});
        let first = find.find_next(input.as_object().unwrap(), None).unwrap();
        let planned = operation(planned(Value::Object(first.clone())).await);
        let endpoint = catalog().endpoint(planned.endpoint).unwrap().clone();
        let element = Element { marker: marker("f"), value: planned.element };
        let call = endpoint.compose(&planned.shape, std::slice::from_ref(&element));
        let asked = |name: &str| call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!((asked("page"), asked("order")), (Some("1"), Some("UpdatedDateUTC ASC")));
        assert_eq!(asked("where"), Some(r#"Type=="ACCREC" AND Status=="DRAFT""#));
        let invoice = |n: i64| json!({"InvoiceID": n.to_string(), "UpdatedDateUTC": format!("/Date({}000+0000)/", n / 2)});
        let page = |many: i64| answer(&json!({"Invoices": (0..many).map(invoice).collect::<Vec<_>>()}));
        let found = |many: i64| match endpoint
            .settle(&planned.shape, std::slice::from_ref(&element), &page(many))
            .remove(0)
        {
            MemberOutcome::Done(found) => found,
            other => panic!("{other:?}"),
        };
        let full = found(1_000);
        assert_eq!(full["count"], 998, "what has the last stamp comes with the next page");
        let next = find.find_next(&first, Some(&full)).unwrap();
        assert_eq!(next["After"], "1970-01-01T00:08:19Z 1");
        assert_eq!(find.find_next(&next, Some(&found(3))), None);
        let page = json!({"Status": "DRAFT", "Page": 2});
        assert_eq!(find.find_next(page.as_object().unwrap(), None), None);
        assert_eq!(
            find.find_next(page.as_object().unwrap(), Some(&json!({"records": vec![json!({}); 1_000]}))),
            None
        );
    }

    #[tokio::test]
    async fn each_search_gets_its_own_records_and_live_ones_come_first() {
        let operation = operation(planned(json!({"InvoiceNumber": "INV-1"})).await);
        let endpoint = catalog().endpoint(operation.endpoint).unwrap().clone();
        let element = |number: &str| Element { marker: marker("f"), value: number.into() };
        let body = json!({"Invoices": [
            {"InvoiceID": "v", "Type": "ACCREC", "InvoiceNumber": "INV-1", "Status": "VOIDED"},
            {"InvoiceID": "b", "Type": "ACCPAY", "InvoiceNumber": "INV-1", "Status": "PAID"},
            {"InvoiceID": "l", "Type": "ACCREC", "InvoiceNumber": "inv-1", "Status": "DRAFT"},
        ]});
        let outcomes =
            endpoint.settle(&operation.shape, &[element("INV-1"), element("INV-2")], &answer(&body));
        let [MemberOutcome::Done(one), MemberOutcome::Done(two)] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert_eq!((&one["count"], &one["first"]["InvoiceID"]), (&json!(2), &json!("l")));
        assert_eq!(*two, json!({"found": false, "count": 0, "first": null, "records": []}));
    }

    #[tokio::test]
    async fn without_a_value_nothing_is_found_and_nobody_is_asked() {
        let Plan::Answer(answer) = planned(json!({"InvoiceNumber": " "})).await else { panic!("no call") };
        assert_eq!(answer["found"], false);
    }
}
