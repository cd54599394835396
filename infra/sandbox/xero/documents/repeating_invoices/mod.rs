//! `/RepeatingInvoices`: templates, and the invoices and bills that they become on their days.
//!
//! <https://developer.xero.com/documentation/api/accounting/repeatinginvoices>. A template is made and deleted over
//! the API and never edited. It does nothing to the books; its invoices do. The wordings are not recorded.

mod schedule;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::head::{self, LONGEST_TEXT};
use super::invoices::Invoices;
use super::invoices::invoice::InvoiceType;
use super::lines::{self, Line, Terms};
use super::tax::{LineAmountTypes, Totals};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given, text_within};
use schedule::Schedule;

const FLAGS: [&str; 4] = ["ApprovedForSending", "SendCopy", "MarkAsSent", "IncludePDF"];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RepeatingInvoice {
    id: Uuid,
    kind: InvoiceType,
    contact_id: Uuid,
    schedule: Schedule,
    reference: String,
    line_amount_types: LineAmountTypes,
    lines: Vec<Line>,
    /// As they were sent: its invoices' lines are read from them anew.
    sent_lines: Value,
    currency: String,
    branding_theme: Option<Uuid>,
    status: Cow<'static, str>,
    flags: [bool; 4],
    totals: Totals,
    updated: Timestamp,
}

const DRAFT: &str = "DRAFT";
const AUTHORISED: &str = "AUTHORISED";
const DELETED: &str = "DELETED";

impl Document for RepeatingInvoice {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        Vec::new()
    }
}

pub(crate) struct RepeatingInvoices;

impl Resource for RepeatingInvoices {
    type Document = RepeatingInvoice;
    const KEY: &'static str = "RepeatingInvoices";
    const ID: &'static str = "RepeatingInvoiceID";
    const PAGING: Paging = Paging::Never;
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];
    const FIELDS: &'static [&'static str] = &[
        "repeatinginvoiceid",
        "type",
        "reference",
        "status",
        "lineamounttypes",
        "subtotal",
        "totaltax",
        "total",
        "currencycode",
        "contact.contactid",
        "contact.name",
        "schedule.unit",
        "schedule.period",
        "schedule.startdate",
        "schedule.enddate",
        "schedule.nextscheduleddate",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<RepeatingInvoice> {
        &shelves.repeating_invoices
    }

    fn is_archived(template: &RepeatingInvoice) -> bool {
        template.status == DELETED
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        template: &RepeatingInvoice,
        _: View,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("Schedule", template.schedule.as_json());
        put("RepeatingInvoiceID", template.id.to_string().into());
        put("Type", template.kind.as_str().into());
        if !template.reference.is_empty() {
            put("Reference", template.reference.as_str().into());
        }
        put("HasAttachments", false.into());
        for (field, flag) in FLAGS.iter().zip(template.flags) {
            put(field, flag.into());
        }
        put("ID", template.id.to_string().into());
        if let Some(contact) = organisation.shelves.contacts.get(template.contact_id) {
            put("Contact", Value::Object(contact.as_json(View::Embedded)));
        }
        if let Some(theme) = template.branding_theme {
            put("BrandingThemeID", theme.to_string().into());
        }
        put("Status", (*template.status).into());
        put("LineAmountTypes", template.line_amount_types.as_str().into());
        put("LineItems", lines::as_json(&template.lines, View::Paged, request.unit_places()));
        put("SubTotal", wire::money(template.totals.sub_total));
        put("TotalTax", wire::money(template.totals.total_tax));
        put("Total", wire::money(template.totals.total));
        put("CurrencyCode", template.currency.as_str().into());
        body
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        match head::sent_id(sent, Self::ID)? {
            None => create(organisation, request, sent),
            Some(id) => delete(organisation, request, sent, id),
        }
    }
}

fn create(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let kind = given(sent, "Type").unwrap_or_default();
    let Some(kind) = InvoiceType::read(&kind) else {
        return Err(Refused::because(None, format!("The Type '{kind}' is not valid: ACCREC or ACCPAY")));
    };
    let mut messages = Messages::default();
    let status = match given(sent, "Status").as_deref() {
        None | Some(DRAFT) => DRAFT,
        Some(AUTHORISED) => AUTHORISED,
        Some(other) => {
            messages.push(format!("The Status '{other}' is not valid for a new repeating invoice"));
            DRAFT
        }
    };
    let schedule = Schedule::read(sent.get("Schedule").and_then(Value::as_object), &mut messages);
    let contact_id = head::contact_of(organisation, request, sent, None, &mut messages);
    let line_amount_types = head::line_amount_types(sent, &mut messages).unwrap_or_default();
    let today = organisation.today(request.now);
    let (currency, _) = head::currency(organisation, sent, contact_id, today, None, &mut messages);
    let is_sale = kind == InvoiceType::AccRec;
    let terms = Terms {
        is_sale,
        amounts: line_amount_types,
        approved: status == AUTHORISED,
        discounted: is_sale,
        taxed_by_account: true,
        unit_places: request.unit_places(),
    };
    let mut lines = Vec::new();
    let totals = head::amounts(organisation, sent, &mut lines, terms, &mut messages);
    if lines.is_empty() {
        messages.push("One or more line items must be specified".to_owned());
    }
    let reference = text_within(sent, "Reference", LONGEST_TEXT, &mut messages).unwrap_or_default();
    let theme = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok());
    let Some(schedule) = schedule.filter(|_| messages.is_empty()) else {
        return Err(Refused::Element { id: None, messages });
    };
    let template = RepeatingInvoice {
        id: organisation.ids.next(),
        kind,
        contact_id,
        schedule,
        reference,
        line_amount_types,
        lines,
        sent_lines: sent.get("LineItems").cloned().unwrap_or_default(),
        currency,
        branding_theme: theme.or_else(|| organisation.default_theme().filter(|_| is_sale)),
        status: status.into(),
        flags: FLAGS.map(|flag| sent.get(flag).and_then(Value::as_bool).unwrap_or_default()),
        totals,
        updated: request.now,
    };
    let id = template.id;
    organisation.shelves.repeating_invoices.put(template);
    organisation.record(id, "Created", request.now);
    Ok(id)
}

fn delete(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    id: Uuid,
) -> Result<Uuid, Refused> {
    let held = organisation.shelves.repeating_invoices.get(id).cloned();
    let template = held.ok_or(Refused::NotFound)?;
    if template.status == DELETED || given(sent, "Status").as_deref() != Some(DELETED) {
        return Err(Refused::because(Some(id), "A repeating invoice can only be deleted, by its Status"));
    }
    let deleted = RepeatingInvoice { status: DELETED.into(), updated: request.now, ..template };
    organisation.shelves.repeating_invoices.put(deleted);
    organisation.record(id, "Deleted", request.now);
    Ok(id)
}

/// Makes what is due until now; called before every call, so that nobody sees a day on which one is missing.
/// One that can't be made any more (its account is archived, say) is left out.
pub(crate) fn make_due(organisation: &mut Organisation, now: Timestamp) {
    let today = organisation.today(now);
    let is_due = |template: &RepeatingInvoice| {
        template.status != DELETED && template.schedule.next().is_some_and(|next| next <= today)
    };
    let due = organisation.shelves.repeating_invoices.since(None).filter(|one| is_due(one)).cloned();
    for mut template in due.collect::<Vec<_>>() {
        while let Some(next) = template.schedule.next().filter(|next| *next <= today) {
            let sent = wire::fields(json!({
                "Type": template.kind.as_str(), "Contact": { "ContactID": template.contact_id.to_string() },
                "Date": next.to_string(), "DueDate": template.schedule.due_date(next).to_string(),
                "Status": template.status, "LineAmountTypes": template.line_amount_types.as_str(),
                "LineItems": without_ids(&template.sent_lines), "CurrencyCode": template.currency,
                "Reference": schedule::filled_in(&template.reference, next),
            }));
            let request = Request::new("PUT", Invoices::KEY, "unitdp=4", "", now);
            let made = organisation.attempt(|organisation| Invoices::write(organisation, &request, &sent));
            let made = made.ok().and_then(|id| organisation.shelves.invoices.get(id)).cloned();
            if let Some(mut invoice) = made {
                invoice.created_by = None;
                invoice.branding_theme = template.branding_theme;
                organisation.shelves.invoices.put(invoice);
            }
            template.schedule.made += 1;
        }
        organisation.shelves.repeating_invoices.put(template);
    }
}

fn without_ids(lines: &Value) -> Value {
    let mut lines = lines.clone();
    for line in lines.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        line.remove("LineItemID");
    }
    lines
}
