//! Writing invoices and bills: which one is meant, which states follow which, what must be there.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>. Wordings are recorded or from the
//! documentation where one is known.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::invoice::{Invoice, InvoiceStatus, InvoiceType, invoice_number_key};
use crate::xero::documents::head::{self, LONGEST_TEXT, day};
use crate::xero::documents::lines::{self, Line, PackedLines, Terms};
use crate::xero::documents::stock::{self, Mover};
use crate::xero::documents::tax::{LineAmountTypes, Totals};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::currencies::CurrencyCode;
use crate::xero::wire::{places, read_number};
use crate::xero::writing::{Refused, given, text_of};

const NOUN: &str = "Invoice";
const NUMBER_TAKEN: &str = "Invoice # must be unique.";

pub(crate) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let creates_only = request.method == "PUT";
    let before = find(organisation, sent, creates_only)?;
    let id = before.as_ref().map(|held| held.id);
    let status = before.as_ref().map(|held| held.status);
    let status = next_status(status, before.as_ref().is_some_and(is_used), sent, NOUN)
        .map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut invoice = match before.clone() {
        Some(held) => held,
        None => blank(organisation, request, sent).map_err(|message| Refused::because(id, message))?,
    };
    if let Some(held) = &before {
        messages.extend(organisation.locked(held.date));
    }
    invoice.status = status;
    let held = before.as_ref().map(|held| held.contact_id);
    invoice.contact_id = head::contact_of(organisation, request, sent, held, &mut messages);
    read_head(organisation, sent, &mut invoice, before.as_ref(), &mut messages);
    read_amounts(organisation, request, sent, &mut invoice, &mut messages);
    let settled = before.as_ref().filter(|held| is_settled(held));
    if settled.is_some_and(|held| invoice != relabelled(held, &invoice)) {
        return Err(Refused::because(id, wrong_status(NOUN)));
    }
    if invoice.status.stands() && !before.as_ref().is_some_and(|held| held.status.stands()) {
        messages.extend(organisation.approvals_used_up(invoice.kind, invoice.date));
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    take_number(organisation, &mut invoice);
    head::mark_contact(organisation, invoice.contact_id, invoice.kind == InvoiceType::AccRec);
    if !before.as_ref().is_some_and(|held| keeps_stamp(held, &invoice)) {
        invoice.updated = request.now;
    }
    let id = invoice.id;
    let changes = changes(before.map(|held| held.status), invoice.status);
    organisation.shelves.invoices.put(invoice);
    organisation.record(id, changes, request.now);
    Ok(id)
}

fn is_used(held: &Invoice) -> bool {
    !(held.amount_paid + held.amount_credited).is_zero()
}

/// Also one of nothing, which is paid as soon as it is approved.
fn is_settled(held: &Invoice) -> bool {
    is_used(held) || held.status == InvoiceStatus::Paid
}

/// All that may be different once something was paid or credited; its contact only if nothing was credited.
/// <https://developer.xero.com/documentation/api/accounting/invoices#updating-paid-and-part-paid-invoices>
fn relabelled(held: &Invoice, wanted: &Invoice) -> Invoice {
    let is_bill = held.kind == InvoiceType::AccPay;
    Invoice {
        number: wanted.number.clone(),
        reference: wanted.reference.clone(),
        contact_id: if held.amount_credited.is_zero() { wanted.contact_id } else { held.contact_id },
        due_date: wanted.due_date,
        planned_payment_date: if is_bill { wanted.planned_payment_date } else { held.planned_payment_date },
        url: wanted.url.clone(),
        branding_theme: wanted.branding_theme,
        sent_to_contact: wanted.sent_to_contact,
        lines: PackedLines::of(&lines::relabelled(&held.lines.read(), &wanted.lines.read())),
        ..held.clone()
    }
}

/// Xero leaves the stamp of an invoice that is paid in part when nothing else of it changes.
fn keeps_stamp(held: &Invoice, wanted: &Invoice) -> bool {
    let as_it_was =
        Invoice { due_date: held.due_date, sent_to_contact: held.sent_to_contact, ..wanted.clone() };
    is_used(held) && held.status == InvoiceStatus::Authorised && as_it_was == *held && wanted != held
}

/// By id; sales invoices also by number. Bills' numbers aren't unique and find nothing.
fn find(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    creates_only: bool,
) -> Result<Option<Invoice>, Refused> {
    let taken = || Refused::because(None, NUMBER_TAKEN);
    if let Some(id) = head::sent_id(sent, "InvoiceID")? {
        let held = organisation.shelves.invoices.get(id).ok_or(Refused::NotFound)?;
        return if creates_only { Err(taken()) } else { Ok(Some(held.clone())) };
    }
    let is_bill = sent.get("Type").and_then(Value::as_str) == Some(InvoiceType::AccPay.as_str());
    let number = given(sent, "InvoiceNumber").filter(|_| !is_bill);
    let held = number.and_then(|number| organisation.shelves.invoices.find(&invoice_number_key(&number)));
    match held {
        Some(_) if creates_only => Err(taken()),
        held => Ok(held.cloned()),
    }
}

/// Shared with credit notes. `is_settled`: something was paid or allocated.
/// <https://developer.xero.com/documentation/api/accounting/types#invoice-status-codes>
pub(crate) fn next_status(
    before: Option<InvoiceStatus>,
    is_settled: bool,
    sent: &Map<String, Value>,
    noun: &str,
) -> Result<InvoiceStatus, String> {
    use InvoiceStatus::{Authorised, Deleted, Draft, Paid, Submitted, Voided};
    let wanted = match given(sent, "Status") {
        None => before.unwrap_or(Draft),
        Some(text) => {
            InvoiceStatus::read(&text).ok_or_else(|| format!("The Status '{text}' is not valid"))?
        }
    };
    let allowed = match before {
        None => matches!(wanted, Draft | Submitted | Authorised),
        Some(Draft | Submitted) => matches!(wanted, Draft | Submitted | Authorised | Deleted),
        Some(Authorised) => wanted == Authorised || (wanted == Voided && !is_settled),
        Some(Paid) => wanted == Paid || wanted == Authorised,
        Some(Voided | Deleted) => false,
    };
    match (allowed, before) {
        (true, Some(Paid)) => Ok(Paid),
        (true, _) => Ok(wanted),
        (false, Some(_)) => Err(wrong_status(noun)),
        (false, None) => Err(format!("{noun} not of valid status for creation")),
    }
}

pub(crate) fn wrong_status(noun: &str) -> String {
    format!("{noun} not of valid status for modification")
}

/// What the history calls it.
pub(crate) fn changes(before: Option<InvoiceStatus>, after: InvoiceStatus) -> &'static str {
    match (before, after) {
        (None, _) => "Created",
        (Some(was), is) if was == is => "Edited",
        (_, InvoiceStatus::Authorised | InvoiceStatus::Paid) => "Approved",
        (_, InvoiceStatus::Voided) => "Voided",
        (_, InvoiceStatus::Deleted) => "Deleted",
        _ => "Edited",
    }
}

fn blank(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Invoice, String> {
    let kind = given(sent, "Type").unwrap_or_default();
    let kind = InvoiceType::read(&kind)
        .ok_or_else(|| format!("The Type '{kind}' is not valid: ACCREC or ACCPAY"))?;
    let is_sale = kind == InvoiceType::AccRec;
    Ok(Invoice {
        id: organisation.ids.next(),
        kind,
        number: String::new(),
        reference: String::new(),
        contact_id: Uuid::nil(),
        date: organisation.today(request.now),
        due_date: None,
        expected_payment_date: None,
        planned_payment_date: None,
        status: InvoiceStatus::Draft,
        line_amount_types: LineAmountTypes::default(),
        lines: PackedLines::default(),
        currency: CurrencyCode::read(&organisation.base_currency),
        currency_rate: Decimal::ONE,
        url: None,
        branding_theme: organisation.default_theme().filter(|_| is_sale),
        sent_to_contact: false,
        sub_total: Decimal::ZERO,
        total_tax: Decimal::ZERO,
        total: Decimal::ZERO,
        amount_paid: Decimal::ZERO,
        amount_credited: Decimal::ZERO,
        fully_paid_on: None,
        updated: request.now,
        created_by: Some(request.client.as_str().into()),
    })
}

/// Everything but lines and totals.
fn read_head(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    invoice: &mut Invoice,
    before: Option<&Invoice>,
    messages: &mut Messages,
) {
    if let Some(number) = given(sent, "InvoiceNumber") {
        let holder = organisation.shelves.invoices.find(&invoice_number_key(&number));
        if invoice.kind == InvoiceType::AccRec && holder.is_some_and(|holder| holder.id != invoice.id) {
            messages.push(NUMBER_TAKEN.to_owned());
        }
        invoice.number = number;
    }
    if let Some(reference) = text_of(sent, "Reference") {
        invoice.reference = reference;
    }
    for (field, text) in [("InvoiceNumber", &invoice.number), ("Reference", &invoice.reference)] {
        if text.chars().count() > LONGEST_TEXT {
            messages.push(format!("The {field} field must not exceed {LONGEST_TEXT} characters"));
        }
    }
    invoice.date = day(sent, "Date", messages).unwrap_or(invoice.date);
    invoice.due_date = day(sent, "DueDate", messages).or(invoice.due_date);
    invoice.expected_payment_date =
        day(sent, "ExpectedPaymentDate", messages).or(invoice.expected_payment_date);
    invoice.planned_payment_date = day(sent, "PlannedPaymentDate", messages).or(invoice.planned_payment_date);
    if before.is_none_or(|held| held.date != invoice.date) {
        messages.extend(organisation.locked(invoice.date));
    }
    if let Some(url) = text_of(sent, "Url") {
        messages.extend(head::url_problem(&url));
        invoice.url = (!url.is_empty()).then(|| url.into());
    }
    let held = before.map(|held| (held.currency.as_str(), held.currency_rate));
    let (currency, rate) =
        head::currency(organisation, sent, invoice.contact_id, invoice.date, held, messages);
    (invoice.currency, invoice.currency_rate) = (CurrencyCode::read(&currency), rate);
    if let Some(kind) = head::line_amount_types(sent, messages) {
        invoice.line_amount_types = kind;
    }
    if let Some(flag) = sent.get("SentToContact").and_then(Value::as_bool) {
        invoice.sent_to_contact = flag && invoice.status.stands();
    }
    if let Some(theme) = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok()) {
        invoice.branding_theme = Some(theme);
    }
    if invoice.due_date.is_none() && invoice.status.is_approved() {
        invoice.due_date = Some(invoice.date);
    }
}

/// Totals of nothing are paid at once. What is settled is left as it is unless lines are sent.
fn read_amounts(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    invoice: &mut Invoice,
    messages: &mut Messages,
) {
    use InvoiceStatus::{Deleted, Voided};
    let stays = is_settled(invoice) && !sent.contains_key("LineItems");
    if matches!(invoice.status, Voided | Deleted) || stays {
        return;
    }
    let is_sale = invoice.kind == InvoiceType::AccRec;
    let terms = Terms {
        is_sale,
        amounts: invoice.line_amount_types,
        approved: invoice.status.is_approved(),
        discounted: is_sale,
        taxed_by_account: true,
        unit_places: request.unit_places(),
    };
    let mut lines = invoice.lines.read();
    let totals = head::amounts(organisation, sent, &mut lines, terms, messages);
    if invoice.status.stands() && !is_settled(invoice) {
        let mover = Mover {
            id: invoice.id,
            is_sale,
            is_credit: false,
            amounts: invoice.line_amount_types,
            currency_rate: invoice.currency_rate,
            allows_backorders: request.flag("allowBackorders"),
        };
        stock::take(organisation, &mut lines, mover, messages);
    }
    let rounding = rounding(sent, invoice, totals, messages);
    invoice.lines = PackedLines::of(&lines);
    invoice.sub_total = totals.sub_total;
    invoice.total_tax = totals.total_tax;
    invoice.total = totals.total + rounding;
    if is_settled_at_once(invoice.status, invoice.total, &lines) {
        invoice.status = InvoiceStatus::Paid;
        invoice.fully_paid_on = Some(invoice.date);
    }
}

/// As sent, with the totals that it makes up for; it stays as long as the lines do.
/// <https://developer.xero.com/documentation/api/accounting/invoices>. The wordings are ours.
fn rounding(
    sent: &Map<String, Value>,
    invoice: &Invoice,
    totals: Totals,
    messages: &mut Messages,
) -> Decimal {
    let amount = |field: &str| sent.get(field).and_then(read_number);
    let Some(rounding) = amount("RoundingAmount").map(|rounding| places(rounding, 2)) else {
        let stays = is_settled(invoice) || !sent.contains_key("LineItems");
        return if stays { invoice.rounding() } else { Decimal::ZERO };
    };
    if rounding.is_zero() {
        return rounding;
    }
    if rounding.abs() > Decimal::new(10, 2) {
        messages.push("The RoundingAmount must be between -0.10 and 0.10");
    }
    if !invoice.status.is_approved() {
        messages.push("A RoundingAmount can only be set on SUBMITTED and AUTHORISED invoices");
    }
    match ["SubTotal", "TotalTax", "Total"].map(amount) {
        [Some(_), Some(_), Some(total)] if total == totals.total + rounding => {}
        [Some(_), Some(_), Some(total)] => messages
            .push(format!("The Total {total} does not match the expected Total {}", totals.total + rounding)),
        _ => messages.push("SubTotal, TotalTax and Total must be specified with a RoundingAmount"),
    }
    rounding
}

/// Shared with credit notes: of a total of nothing, nothing is open.
pub(crate) fn is_settled_at_once(status: InvoiceStatus, total: Decimal, lines: &[Line]) -> bool {
    status == InvoiceStatus::Authorised && total.is_zero() && !lines.is_empty()
}

fn take_number(organisation: &mut Organisation, invoice: &mut Invoice) {
    if invoice.kind == InvoiceType::AccRec && invoice.number.is_empty() {
        invoice.number = organisation.next_number("INV-", |shelves, number| {
            shelves.invoices.find(&invoice_number_key(number)).is_none()
        });
    }
}
