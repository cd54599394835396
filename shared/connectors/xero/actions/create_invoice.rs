//! `xero.create_invoice`: a sales invoice, made once; or changed, where the link remembers one and says *update*.

use std::sync::Arc;

use async_trait::async_trait;

use crate::connectors::xero::directory::Directory;
use crate::connectors::xero::endpoints::{INVOICES_CREATE, INVOICES_UPDATE};
use crate::connectors::xero::fields::{Field, Kind, clean, field, properties, schema};
use crate::connectors::xero::wire::text;
use crate::connectors::xero::{codes, marker, totals};
use crate::domain::effect::EffectKind;
use crate::domain::money::Amount;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::{Object, Value};
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning};

pub(super) struct CreateInvoice {
    pub(super) directory: Arc<Directory>,
}

/// <https://developer.xero.com/documentation/api/accounting/invoices>
const FIELDS: &[Field] = &[
    field(
        "Contact",
        Kind::Object(CONTACT),
        "Who is invoiced: only the id, since more would change the contact itself.",
    ),
    field("Date", Kind::Day, "Today in the organisation's zone, where it isn't given."),
    field("DueDate", Kind::Day, "When it is to be paid."),
    field(
        "LineItems",
        Kind::List { of: LINE, needs: LINE_NEEDS, most: 1_000 },
        "What is invoiced; an empty line is left out.",
    ),
    field(
        "LineAmountTypes",
        Kind::Choice(&["Exclusive", "Inclusive", "NoTax"]),
        "Whether amounts have their tax in them. Exclusive where it isn't given.",
    ),
    field("CurrencyCode", Kind::Text(3), "ISO code; the organisation's own where it isn't given."),
    field("CurrencyRate", Kind::Decimal, "Where Xero's rate of the day isn't wanted."),
    field("InvoiceNumber", Kind::Text(255), "Unique; Xero counts on by itself where it isn't given."),
    field("Reference", Kind::Text(255), "Shown on the invoice."),
    field("BrandingThemeID", Kind::Id, "How it looks."),
    field("ExpectedPaymentDate", Kind::Day, "Shown in Xero only."),
    field("Url", Kind::Text(2_000), "Where Xero's link back goes; the source record where it isn't given."),
];

const CONTACT: &[Field] = &[field("ContactID", Kind::Id, "Such as `{{ steps.contact.ContactID }}`.")];

const LINE: &[Field] = &[
    field("Description", Kind::Text(4_000), "Taken from the item where it isn't given."),
    field("Quantity", Kind::Decimal, "1 where it isn't given."),
    field("UnitAmount", Kind::Decimal, "Up to four decimals."),
    field(
        "LineAmount",
        Kind::Decimal,
        "Quantity times UnitAmount less the discount; Xero computes it where it isn't given.",
    ),
    field("ItemCode", Kind::Text(30), "An item of the organisation."),
    field("AccountCode", Kind::Text(10), "Needed on every line to submit or approve."),
    field("TaxType", Kind::Text(50), "The code, such as OUTPUT2; the account's where it isn't given."),
    field("TaxAmount", Kind::Decimal, "Overrides the computed tax."),
    field("DiscountRate", Kind::Decimal, "In per cent."),
    field("DiscountAmount", Kind::Decimal, "Of the whole line."),
    field("Tracking", Kind::List { of: TRACKING, needs: &["Option"], most: 2 }, "At most two."),
];
const LINE_NEEDS: &[&str] = &["Description", "ItemCode", "UnitAmount", "LineAmount"];

const TRACKING: &[Field] = &[
    field("Name", Kind::Text(100), "The category."),
    field("Option", Kind::Text(100), "The option; an entry without one is left out."),
];

const OPTIONS: &[Field] = &[
    field(
        "approve",
        Kind::Choice(&["draft", "submit", "approve"]),
        "How far it goes: a draft (the default), submitted for approval, or approved.",
    ),
    field(
        "expect_total",
        Kind::Decimal,
        "What it must come to with tax; anything else fails before it is sent.",
    ),
];

const EXAMPLE: &str = r#"id: invoice
action: xero.create_invoice
link: invoice
approve: draft
with:
  Contact: { ContactID: "{{ steps.contact.ContactID }}" }
  Date: "{{ record.CloseDate }}"
  LineAmountTypes: Exclusive
  LineItems:
    - Description: "{{ record.Name }}"
      Quantity: 1
      UnitAmount: "{{ record.Amount }}"
      AccountCode: "200"
"#;

#[async_trait]
impl Action for CreateInvoice {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "xero.create_invoice",
            title: "Create a sales invoice",
            about: "Makes an invoice, by default a draft with the next number of the organisation. Accounts, tax types, \
                    tracking, currency and locked periods are checked before it is sent. It carries a mark in its link \
                    back to the source record (or in its reference), by which it is never made twice.",
            documentation: "https://developer.xero.com/documentation/api/accounting/invoices",
            effect: EffectKind::Create,
            scope: Some("accounting.invoices"),
            input: schema(FIELDS, &["Contact", "LineItems"]),
            options: properties(OPTIONS),
            matches: &[],
            links: true,
            example: EXAMPLE,
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let options = clean(OPTIONS, planning.options, "").map_err(Fault::Terminal)?;
        let mut invoice = clean(FIELDS, &planning.input, "").map_err(Fault::Terminal)?;
        // A link that a person brought in may know no more than the id.
        let existing =
            planning.existing.and_then(|known| text(known, "InvoiceID").or_else(|| text(known, "_id")));
        settle_nulls(&mut invoice, existing.is_some()).map_err(Fault::Terminal)?;
        let status = status(&options, planning.existing);
        if let Some(status) = status {
            invoice.insert("Status".into(), status.into());
        }
        check(&invoice, existing.is_some(), status).map_err(Fault::Terminal)?;
        let (account, directory) = (planning.account, &self.directory);
        let mut invoice = Value::Object(invoice);
        codes::check(directory, account, &invoice).await?;
        if let Some(expected) = options.get("expect_total").and_then(|total| Amount::from_json(total).ok()) {
            totals::check(directory, account, &invoice, expected).await?;
        }
        let Some(object) = invoice.as_object_mut() else {
            return Err(Fault::terminal("wrong_type", "an invoice is an object"));
        };
        let (endpoint, mut element) = match existing {
            Some(id) => (INVOICES_UPDATE, Object::from_iter([("InvoiceID".to_owned(), Value::from(id))])),
            None => {
                marker::place(object, &planning.marker, planning.source_url).map_err(Fault::Terminal)?;
                (INVOICES_CREATE, Object::from_iter([("Type".to_owned(), Value::from("ACCREC"))]))
            }
        };
        element.append(object);
        let shape = directory.short_code(account).await?;
        Ok(Plan::Perform(operation(endpoint, shape, Value::Object(element))))
    }
}

fn operation(endpoint: &'static str, shape: String, element: Value) -> Operation {
    let unique = [("id", "InvoiceID"), ("number", "InvoiceNumber")]
        .into_iter()
        .filter_map(|(prefix, name)| {
            text(&element, name).map(|value| format!("{prefix}:{}", value.to_lowercase()))
        })
        .collect();
    Operation { endpoint, shape, element, unique, sets: None }
}

/// The status to ask for. An invoice that is there is only ever moved onwards.
fn status(options: &Object, existing: Option<&Value>) -> Option<&'static str> {
    let wanted = match options.get("approve").and_then(Value::as_str) {
        Some("approve") => "AUTHORISED",
        Some("submit") => "SUBMITTED",
        _ => "DRAFT",
    };
    match existing.map(|document| text(document, "Status").unwrap_or_default()) {
        None => Some(wanted),
        Some("DRAFT") if wanted != "DRAFT" => Some(wanted),
        Some("SUBMITTED") if wanted == "AUTHORISED" => Some(wanted),
        Some(_) => None,
    }
}

/// JSON null means *empty it there*: a new invoice has nothing to empty, and of one that is there only texts can be.
fn settle_nulls(invoice: &mut Object, is_update: bool) -> Result<(), Failure> {
    for line in invoice.get_mut("LineItems").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(line) = line.as_object_mut() {
            line.retain(|_, value| !value.is_null());
        }
    }
    if !is_update {
        invoice.retain(|_, value| !value.is_null());
    }
    for (name, value) in invoice.iter_mut().filter(|(_, value)| value.is_null()) {
        match name.as_str() {
            "Reference" | "Url" => *value = "".into(),
            _ => {
                return Err(Failure::new(
                    "cannot_clear",
                    format!("`{name}` can't be emptied in Xero: leave it out"),
                ));
            }
        }
    }
    Ok(())
}

/// What needs no knowledge of the organisation. An update may leave out what it doesn't change.
fn check(invoice: &Object, is_update: bool, status: Option<&str>) -> Result<(), Failure> {
    if !is_update && !invoice.contains_key("Contact") {
        return Err(Failure::new(
            "contact_required",
            "`Contact.ContactID` is empty: an invoice needs a contact. Does the step before find or make it?",
        ));
    }
    let lines = invoice.get("LineItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !is_update && lines.is_empty() {
        return Err(Failure::new(
            "no_line_items",
            "`LineItems` is empty: an invoice needs at least one line",
        ));
    }
    for (at, line) in lines.iter().enumerate() {
        if text(line, "Description").is_none() && text(line, "ItemCode").is_none() {
            return Err(Failure::new(
                "line_without_description",
                format!(
                    "`LineItems[{at}]` has an amount but neither Description nor ItemCode: leaving it out would bill too little"
                ),
            ));
        }
        let approved = matches!(status, Some("SUBMITTED" | "AUTHORISED"));
        if approved && text(line, "AccountCode").is_none() && text(line, "ItemCode").is_none() {
            return Err(Failure::new(
                "account_required",
                format!(
                    "`LineItems[{at}]` has no AccountCode, which Xero wants of all but drafts: give it one, or leave the invoice a draft"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::connectors::xero::conformance::{catalog, operation, plan_with};
    use crate::connectors::xero::testing::{TestAccount, TestTable, answer, marker, organisation_account};
    use crate::domain::flow::Matching;
    use crate::ports::connector::{Element, MemberOutcome};
    use crate::ports::http::Response;

    const CONTACT: &str = "bd2270c3-8706-4c11-9cfb-000b551c3f51";

    fn input(lines: Value) -> Value {
        json!({"Contact": {"ContactID": CONTACT}, "Date": "2026-09-14", "LineItems": lines})
    }

    fn line() -> Value {
        json!({"Description": "Work", "Quantity": 2, "UnitAmount": "10.50", "AccountCode": 200})
    }

    async fn planned(input: &Value, options: Value, existing: Option<&Value>) -> Result<Plan, Failure> {
        let account = organisation_account(&Arc::new(TestTable::default()));
        let options = options.as_object().unwrap().clone();
        plan_with(
            &catalog(),
            &account,
            "xero.create_invoice",
            input,
            "i",
            &options,
            &Matching::default(),
            existing,
        )
        .await
    }

    async fn code(input: &Value, options: Value) -> String {
        planned(input, options, None).await.map(|plan| format!("{plan:?}")).unwrap_err().code
    }

    #[tokio::test]
    async fn a_draft_is_put_with_exact_amounts_text_codes_and_the_mark() {
        let operation = operation(
            planned(&input(json!([line(), {"Description": "", "AccountCode": "200"}])), json!({}), None)
                .await
                .unwrap(),
        );
        assert_eq!(
            operation.element.to_string(),
            format!(
                r#"{{"Type":"ACCREC","Contact":{{"ContactID":"{CONTACT}"}},"Date":"2026-09-14","LineItems":[{{"Description":"Work","Quantity":2,"UnitAmount":10.50,"AccountCode":"200"}}],"Status":"DRAFT","Url":"https://acme.my.salesforce.com/006A?cf={}"}}"#,
                marker("i")
            )
        );
        assert_eq!(operation.shape, "!Qj35V");
    }

    #[tokio::test]
    async fn what_can_be_known_to_be_wrong_fails_before_the_call() {
        let with = |name: &str, value: Value| {
            let mut line = line();
            line[name] = value;
            input(json!([line]))
        };
        for (input, expected) in [
            (json!({"LineItems": [line()]}), "contact_required"),
            (input(json!([])), "no_line_items"),
            (input(json!([{"Quantity": 1, "UnitAmount": 5}])), "line_without_description"),
            (with("AccountCode", json!("999")), "unknown_account_code"),
            (with("AccountCode", json!("201")), "account_archived"),
            (with("TaxType", json!("15% GST on Income")), "unknown_tax_type"),
            (with("Tracking", json!([{"Name": "Region", "Option": "South"}])), "unknown_tracking"),
            (
                json!({"Contact": {"ContactID": CONTACT}, "CurrencyCode": "EUR", "LineItems": [line()]}),
                "currency_not_subscribed",
            ),
            (json!({"Contact": {"ContactID": CONTACT, "Name": "X"}, "LineItems": [line()]}), "unknown_field"),
        ] {
            assert_eq!(code(&input, json!({})).await, expected, "{input}");
        }
        let named = planned(&with("TaxType", json!("15% gst on income")), json!({}), None).await.unwrap_err();
        assert!(named.message.contains("did you mean OUTPUT2"), "{named}");
        let mut locked = input(json!([line()]));
        locked["Date"] = "2026-03-31".into();
        assert_eq!(code(&locked, json!({"approve": "approve"})).await, "period_locked");
        let bare = input(json!([{"Description": "x", "UnitAmount": 1}]));
        assert_eq!(code(&bare, json!({"approve": "submit"})).await, "account_required");
    }

    #[tokio::test]
    async fn an_unexpected_total_is_never_sent() {
        let invoice = input(json!([line()]));
        assert_eq!(code(&invoice, json!({"expect_total": "24.14"})).await, "unexpected_total");
        assert!(
            planned(&invoice, json!({"expect_total": "24.15", "approve": "approve"}), None).await.is_ok()
        );
    }

    #[tokio::test]
    async fn a_remembered_invoice_is_changed_and_only_moved_onwards() {
        let existing = json!({"InvoiceID": "0de5e2a5-0000-4000-8000-000000000001", "Status": "AUTHORISED"});
        let input = json!({"Reference": null, "DueDate": "2026-10-01"});
        let operation =
            operation(planned(&input, json!({"approve": "approve"}), Some(&existing)).await.unwrap());
        assert_eq!(operation.endpoint, INVOICES_UPDATE);
        assert_eq!(
            operation.element,
            json!({"InvoiceID": existing["InvoiceID"], "Reference": "", "DueDate": "2026-10-01"})
        );
        // A link that was brought in knows only the id: never a second invoice.
        let brought = json!({"_id": existing["InvoiceID"]});
        let operation = crate::connectors::xero::conformance::operation(
            planned(&input, json!({}), Some(&brought)).await.unwrap(),
        );
        assert_eq!(
            (operation.endpoint, &operation.element["InvoiceID"]),
            (INVOICES_UPDATE, &existing["InvoiceID"])
        );
    }

    #[tokio::test]
    async fn a_thousand_plans_read_each_list_once() {
        let account = organisation_account(&Arc::new(TestTable::default()));
        let (catalog, options, matching) = (catalog(), Object::new(), Matching::default());
        for _ in 0..1_000 {
            let input = input(json!([line()]));
            plan_with(&catalog, &account, "xero.create_invoice", &input, "i", &options, &matching, None)
                .await
                .unwrap();
        }
        assert_eq!(account.reads.lock().unwrap().len(), 2, "the accounts and the organisation");
    }

    #[tokio::test]
    async fn a_lost_invoice_is_found_by_its_mark_in_one_read() {
        let since: Timestamp = "2026-09-14T09:00:00Z".parse().unwrap();
        let account = TestAccount::new(
            &Arc::default(),
            Box::new(|_| {
                Ok(answer(&json!({"pagination": {"pageCount": 1}, "Invoices": [
                    {"InvoiceID": "1", "Reference": format!("PO cf:{}", marker("a"))},
                    {"InvoiceID": "2", "Url": format!("https://x.example/?cf={}", marker("b"))},
                ]})))
            }),
        );
        let endpoint = catalog().endpoint(INVOICES_CREATE).unwrap().clone();
        let elements = ["b", "c", "a"].map(|step| Element { marker: marker(step), value: json!({}) });
        let found = endpoint.look_up("", &elements, since, &account).await.unwrap();
        let ids: Vec<_> =
            found.iter().map(|found| found.as_ref().map(|invoice| invoice["InvoiceID"].clone())).collect();
        assert_eq!(ids, [Some(json!("2")), None, Some(json!("1"))]);
        let reads = account.reads_of("/Invoices");
        assert_eq!(reads.len(), 1);
        assert_eq!(reads[0].headers[0].1, "2026-09-14T08:58:00");
        let unreadable = TestAccount::new(
            &Arc::default(),
            Box::new(|_| Ok(Response { status: 200, ..Response::default() })),
        );
        assert!(endpoint.look_up("", &elements, since - SignedDuration::ZERO, &unreadable).await.is_err());
    }

    #[tokio::test]
    async fn results_are_told_apart_by_mark_by_number_and_by_what_they_echo() {
        let endpoint = catalog().endpoint(INVOICES_CREATE).unwrap().clone();
        let element = |step: &str, extra: Value| {
            let mut value = json!({"Contact": {"ContactID": CONTACT}, "LineItems": [{"UnitAmount": 1.50, "Description": step}]});
            value.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            Element { marker: marker(step), value }
        };
        let elements = [
            element("a", json!({})),
            element("b", json!({"InvoiceNumber": "N-1"})),
            element("c", json!({})),
            element("d", json!({})),
        ];
        let echo = |element: &Element, id: &str| {
            let mut value = element.value.clone();
            value["InvoiceID"] = id.into();
            value
        };
        let mut c = echo(&elements[2], "3");
        c["LineItems"][0]["UnitAmount"] = serde_json::from_str("1.5000").unwrap();
        let mut a = echo(&elements[0], "1");
        a["Reference"] = format!("cf:{}", marker("a")).into();
        // b and a have changed places, c is known by its place, and what stands in d's place says something else.
        let mut other = echo(&elements[3], "4");
        other["LineItems"][0]["Description"] = "other".into();
        let body = json!({"Invoices": [echo(&elements[1], "2"), a, c, other]});
        let outcomes = endpoint.settle("", &elements, &answer(&body));
        let ids: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                MemberOutcome::Done(invoice) => invoice["InvoiceID"].as_str().unwrap(),
                _ => "unclear",
            })
            .collect();
        assert_eq!(ids, ["1", "2", "3", "unclear"]);
    }

    #[tokio::test]
    async fn a_taken_number_is_looked_up_before_it_fails() {
        let endpoint = catalog().endpoint(INVOICES_CREATE).unwrap().clone();
        let element = Element { marker: marker("a"), value: json!({"InvoiceNumber": "N-1"}) };
        let body = json!({"Invoices": [{"InvoiceNumber": "N-1", "StatusAttributeString": "ERROR", "ValidationErrors": [{"Message": "Invoice # must be unique."}]}]});
        let outcomes = endpoint.settle("", std::slice::from_ref(&element), &answer(&body));
        assert!(
            matches!(&outcomes[..], [MemberOutcome::Taken(failure)] if failure.code == "number_taken"),
            "{outcomes:?}"
        );
    }
}
