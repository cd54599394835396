//! Writing credit notes: which one is meant, what it has, which states follow which (as with invoices).
//!
//! <https://developer.xero.com/documentation/api/accounting/creditnotes>

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::credit_note::{CreditNote, credit_note_key};
use crate::xero::documents::head::{self, LONGEST_TEXT, day};
use crate::xero::documents::invoices::invoice::InvoiceStatus;
use crate::xero::documents::invoices::rules::{changes, is_settled_at_once, next_status, wrong_status};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::documents::stock::{self, Mover};
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::writing::{Refused, given, text_of};

const NOUN: &str = "Credit note";
const NUMBER_TAKEN: &str = "Credit note # must be unique.";

pub(crate) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before = find(organisation, sent, request.method == "PUT")?;
    let id = before.as_ref().map(|held| held.id);
    let is_used = before.as_ref().is_some_and(|held| held.remaining_credit != held.total);
    let status = next_status(before.as_ref().map(|held| held.status), is_used, sent, NOUN)
        .map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut note = match before.clone() {
        Some(held) => held,
        None => blank(organisation, request, sent).map_err(|message| Refused::because(id, message))?,
    };
    if let Some(held) = &before {
        messages.extend(organisation.locked(held.date));
    }
    note.status = status;
    let held = before.as_ref().map(|held| held.contact_id);
    note.contact_id = head::contact_of(organisation, request, sent, held, &mut messages);
    read_head(organisation, sent, &mut note, before.as_ref(), &mut messages);
    read_amounts(organisation, request, sent, &mut note, &mut messages);
    let settled = before.as_ref().filter(|held| is_used || held.status == InvoiceStatus::Paid);
    if settled.is_some_and(|held| note != relabelled(held, &note)) {
        return Err(Refused::because(id, wrong_status(NOUN)));
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    if note.is_sale && note.number.is_empty() {
        note.number = organisation.next_number("CN-", |shelves, number| {
            shelves.credit_notes.find(&credit_note_key(number)).is_none()
        });
    }
    head::mark_contact(organisation, note.contact_id, note.is_sale);
    note.updated = request.now;
    let id = note.id;
    let changes = changes(before.map(|held| held.status), note.status);
    organisation.shelves.credit_notes.put(note);
    organisation.record(id, changes, request.now);
    Ok(id)
}

/// All that may be different once something of it was used, as with invoices.
fn relabelled(held: &CreditNote, wanted: &CreditNote) -> CreditNote {
    CreditNote {
        number: wanted.number.clone(),
        reference: wanted.reference.clone(),
        due_date: wanted.due_date,
        branding_theme: wanted.branding_theme,
        sent_to_contact: wanted.sent_to_contact,
        lines: lines::relabelled(&held.lines, &wanted.lines),
        ..held.clone()
    }
}

/// By either of its ids; those to customers also by number.
fn find(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    creates_only: bool,
) -> Result<Option<CreditNote>, Refused> {
    let taken = || Refused::because(None, NUMBER_TAKEN);
    let field = if given(sent, "CreditNoteID").is_some() { "CreditNoteID" } else { "ID" };
    if let Some(id) = head::sent_id(sent, field)? {
        let held = organisation.shelves.credit_notes.get(id).ok_or(Refused::NotFound)?;
        return if creates_only { Err(taken()) } else { Ok(Some(held.clone())) };
    }
    let from_supplier = sent.get("Type").and_then(Value::as_str) == Some("ACCPAYCREDIT");
    let number = given(sent, "CreditNoteNumber").filter(|_| !from_supplier);
    match number.and_then(|number| organisation.shelves.credit_notes.find(&credit_note_key(&number))) {
        Some(_) if creates_only => Err(taken()),
        held => Ok(held.cloned()),
    }
}

fn blank(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<CreditNote, String> {
    let is_sale = match given(sent, "Type").unwrap_or_default().as_str() {
        "ACCRECCREDIT" => true,
        "ACCPAYCREDIT" => false,
        other => return Err(format!("The Type '{other}' is not valid: ACCRECCREDIT or ACCPAYCREDIT")),
    };
    Ok(CreditNote {
        id: organisation.ids.next(),
        is_sale,
        number: String::new(),
        reference: String::new(),
        contact_id: Uuid::nil(),
        date: organisation.today(request.now),
        due_date: None,
        status: InvoiceStatus::Draft,
        line_amount_types: LineAmountTypes::default(),
        lines: Vec::new(),
        currency: organisation.base_currency.clone(),
        currency_rate: Decimal::ONE,
        branding_theme: organisation.default_theme().filter(|_| is_sale),
        sent_to_contact: false,
        sub_total: Decimal::ZERO,
        total_tax: Decimal::ZERO,
        total: Decimal::ZERO,
        remaining_credit: Decimal::ZERO,
        fully_paid_on: None,
        updated: request.now,
    })
}

fn read_head(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    note: &mut CreditNote,
    before: Option<&CreditNote>,
    messages: &mut Messages,
) {
    if let Some(number) = given(sent, "CreditNoteNumber") {
        let holder = organisation.shelves.credit_notes.find(&credit_note_key(&number));
        if note.is_sale && holder.is_some_and(|holder| holder.id != note.id) {
            messages.push(NUMBER_TAKEN.to_owned());
        }
        note.number = number;
    }
    note.reference = text_of(sent, "Reference").unwrap_or_else(|| std::mem::take(&mut note.reference));
    for (field, text) in [("CreditNoteNumber", &note.number), ("Reference", &note.reference)] {
        if text.chars().count() > LONGEST_TEXT {
            messages.push(format!("The {field} field must not exceed {LONGEST_TEXT} characters"));
        }
    }
    note.date = day(sent, "Date", messages).unwrap_or(note.date);
    note.due_date = day(sent, "DueDate", messages).or(note.due_date);
    if before.is_none_or(|held| held.date != note.date) {
        messages.extend(organisation.locked(note.date));
    }
    let held = before.map(|held| (held.currency.as_str(), held.currency_rate));
    (note.currency, note.currency_rate) =
        head::currency(organisation, sent, note.contact_id, note.date, held, messages);
    if let Some(kind) = head::line_amount_types(sent, messages) {
        note.line_amount_types = kind;
    }
    if let Some(flag) = sent.get("SentToContact").and_then(Value::as_bool) {
        note.sent_to_contact = flag && note.status.stands();
    }
    if let Some(theme) = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok()) {
        note.branding_theme = Some(theme);
    }
}

/// What was used already stays used: then amounts can't have changed. A total of nothing is paid at once. What is
/// settled is left as it is unless lines are sent.
fn read_amounts(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    note: &mut CreditNote,
    messages: &mut Messages,
) {
    use InvoiceStatus::{Deleted, Paid, Voided};
    let is_settled = note.status == Paid || note.remaining_credit != note.total;
    let stays = is_settled && !sent.contains_key("LineItems");
    if matches!(note.status, Voided | Deleted) || stays {
        return;
    }
    let terms = Terms {
        is_sale: note.is_sale,
        amounts: note.line_amount_types,
        approved: note.status.is_approved(),
        discounted: false,
        taxed_by_account: true,
        unit_places: request.unit_places(),
    };
    let used = note.total - note.remaining_credit;
    let totals = head::amounts(organisation, sent, &mut note.lines, terms, messages);
    if note.status.stands() && !is_settled {
        let mover = Mover {
            id: note.id,
            is_sale: note.is_sale,
            is_credit: true,
            amounts: note.line_amount_types,
            currency_rate: note.currency_rate,
            allows_backorders: false,
        };
        stock::take(organisation, &mut note.lines, mover, messages);
    }
    note.sub_total = totals.sub_total;
    note.total_tax = totals.total_tax;
    note.total = totals.total;
    note.remaining_credit = totals.total - used;
    if is_settled_at_once(note.status, note.total, &note.lines) {
        note.status = InvoiceStatus::Paid;
        note.fully_paid_on = Some(note.date);
    }
}
