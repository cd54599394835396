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
        let existing = planning.existing.and_then(|document| text(document, "InvoiceID"));
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
                object.retain(|_, value| !value.is_null());
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
