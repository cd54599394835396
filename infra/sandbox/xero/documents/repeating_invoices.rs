//! `/RepeatingInvoices`: templates, and the invoices and bills that they become on their days.
//!
//! <https://developer.xero.com/documentation/api/accounting/repeatinginvoices>. A template is made and deleted over
//! the API and never edited. It does nothing to the books; its invoices do. The wordings are not recorded.

mod schedule;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::claims;
use super::head::{self, Head, Headed, LONGEST_TEXT, NO_CONTACT};
use super::invoices::Invoices;
use super::invoices::invoice::TYPES;
use super::lines::{self, Terms};
use crate::xero::body::Put;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given, text_within};
use schedule::Schedule;

const FLAGS: [&str; 4] = ["ApprovedForSending", "SendCopy", "MarkAsSent", "IncludePDF"];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RepeatingInvoice {
    /// Of the day it was made. Its invoices have the day that the schedule says, and that day's rate.
    head: Head,
    is_sale: bool,
    schedule: Schedule,
    /// As they were sent: its invoices' lines are read from them anew.
    sent_lines: Value,
    status: Cow<'static, str>,
    flags: [bool; 4],
}

const DRAFT: &str = "DRAFT";
const AUTHORISED: &str = "AUTHORISED";
const DELETED: &str = "DELETED";

impl Headed for RepeatingInvoice {
    const IS_TOUCHED: bool = false;

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    fn keys(&self) -> Vec<String> {
        self.head.keys().collect()
    }
}

impl RepeatingInvoice {
    fn type_text(&self) -> &'static str {
        TYPES[usize::from(!self.is_sale)]
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
        let head = &template.head;
        let mut body = Map::new();
        body.put("Schedule", template.schedule.as_json());
        body.put("RepeatingInvoiceID", head.id.to_string());
        body.put("Type", template.type_text());
        body.put_text("Reference", &head.reference);
        body.put("HasAttachments", false);
        for (field, flag) in FLAGS.into_iter().zip(template.flags) {
            body.put(field, flag);
        }
        body.put("ID", head.id.to_string());
        head.put_contact(&mut body, organisation, View::Embedded);
        let lines = lines::as_json(&head.lines.read(), View::Paged, request.unit_places());
        head.put_sums(&mut body, &template.status, Some(lines));
        body.put("CurrencyCode", head.currency.as_str());
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
    let is_sale = claims::is_sale(TYPES, sent).map_err(|message| Refused::because(None, message))?;
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
    let mut head = Head::blank(Uuid::nil(), organisation, request.now);
    head.read_contact(organisation, request, sent, NO_CONTACT, &mut messages);
    head.read_line_amount_types(sent, &mut messages);
    head.read_currency(organisation, sent, None, &mut messages);
    let terms = Terms {
        approved: status == AUTHORISED,
        discounted: is_sale,
        ..Terms::of(is_sale, head.line_amount_types, request.unit_places())
    };
    head.read_lines(organisation, sent, terms, &mut messages);
    if head.lines.is_empty() {
        messages.push("One or more line items must be specified".to_owned());
    }
    let reference = text_within(sent, "Reference", LONGEST_TEXT, &mut messages).unwrap_or_default();
    head.reference = reference.into();
    head.branding_theme = organisation.default_theme().filter(|_| is_sale);
    head.read_theme(organisation, sent, &mut messages);
    let Some(schedule) = schedule.filter(|_| messages.is_empty()) else {
        return Err(Refused::Element { id: None, messages });
    };
    let id = organisation.ids.next();
    let template = RepeatingInvoice {
        head: Head { id, ..head },
        is_sale,
        schedule,
        sent_lines: sent.get("LineItems").cloned().unwrap_or_default(),
        status: status.into(),
        flags: FLAGS.map(|flag| sent.get(flag).and_then(Value::as_bool).unwrap_or_default()),
    };
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
    let mut template = held.ok_or(Refused::NotFound)?;
    if template.status == DELETED || given(sent, "Status").as_deref() != Some(DELETED) {
        return Err(Refused::because(Some(id), "A repeating invoice can only be deleted, by its Status"));
    }
    template.status = DELETED.into();
    template.head.updated = request.now;
    organisation.shelves.repeating_invoices.put(template);
    organisation.record(id, "Deleted", request.now);
    Ok(id)
}

/// Makes what is due until now; called before every call, so that nobody sees a day on which one is missing.
/// One that can't be made (its account is archived, say) stays due, with those after it, until it can.
pub(crate) fn make_due(organisation: &mut Organisation, now: Timestamp) {
    let today = organisation.today(now);
    let is_due = |template: &RepeatingInvoice| {
        template.status != DELETED && template.schedule.next().is_some_and(|next| next <= today)
    };
    let due = organisation.shelves.repeating_invoices.since(None).filter(|one| is_due(one)).cloned();
    for mut template in due.collect::<Vec<_>>() {
        while let Some(next) = template.schedule.next().filter(|next| *next <= today) {
            let head = &template.head;
            let sent = wire::fields(json!({
                "Type": template.type_text(), "Contact": { "ContactID": head.contact_id.to_string() },
                "Date": next.to_string(), "DueDate": template.schedule.due_date(next).to_string(),
                "Status": template.status, "LineAmountTypes": head.line_amount_types.as_str(),
                "LineItems": without_ids(&template.sent_lines), "CurrencyCode": head.currency,
                "Reference": schedule::filled_in(&head.reference, next),
            }));
            let request = Request::new("PUT", Invoices::KEY, "unitdp=4", "", now);
            let made = organisation.attempt(|organisation| Invoices::write(organisation, &request, &sent));
            let made = made.ok().and_then(|id| organisation.shelves.invoices.get(id)).cloned();
            let Some(mut invoice) = made else { break };
            invoice.created_by = None;
            invoice.repeating_invoice = Some(head.id);
            invoice.head.branding_theme = head.branding_theme;
            organisation.shelves.invoices.put(invoice);
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
