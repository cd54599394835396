//! `xero.find_invoice`: invoices by number, by id, or by what they say.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::connectors::xero::directory::Directory;
use crate::connectors::xero::endpoints::{INVOICES_FIND, criterion};
use crate::connectors::xero::fields::{Field, Kind, clean, field, schema};
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
    field("Type", Kind::Choice(&["ACCREC", "ACCPAY"]), "ACCREC (sales, the default) or ACCPAY (bills)."),
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
        if input.is_empty() {
            return Ok(Plan::Answer(json!({"found": false, "count": 0, "first": null, "records": []})));
        }
        let kind = kind.unwrap_or_else(|| "ACCREC".to_owned());
        let short_code = self.directory.short_code(planning.account).await?;
        let input = Value::Object(input);
        let (shape, element) = match (only(&input, "InvoiceID"), only(&input, "InvoiceNumber")) {
            (Some(id), _) => criterion(&short_code, &kind, "InvoiceID", id),
            (_, Some(number)) => criterion(&short_code, &kind, "InvoiceNumber", number),
            _ => criterion(&short_code, &kind, "where", &condition(&input, &kind)),
        };
        let unique = vec![format!("find:{}", element.as_str().unwrap_or_default())];
        Ok(Plan::Perform(Operation { endpoint: INVOICES_FIND, shape, element, unique, sets: None }))
    }
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
    let mut terms = vec![format!("Type=={}", quoted(kind))];
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
