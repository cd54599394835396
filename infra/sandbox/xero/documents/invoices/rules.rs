//! Writing invoices and bills: which one is meant, which states follow which, what must be there.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>. Wordings are recorded or from the
//! documentation where one is known.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::invoice::{Invoice, InvoiceStatus, InvoiceType, invoice_number_key};
use crate::xero::documents::head::{self, LONGEST_TEXT, day};
use crate::xero::documents::lines::{Line, Terms};
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::wire::read_day;
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
    let settled = before.as_ref().map_or(Decimal::ZERO, |held| held.amount_paid + held.amount_credited);
    let status = next_status(before.as_ref().map(|held| held.status), !settled.is_zero(), sent, NOUN)
        .map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut invoice = match before.clone() {
        Some(held) => held,
        None => blank(organisation, request, sent).map_err(|message| Refused::because(id, message))?,
    };
    if let Some(held) = &before {
        if !settled.is_zero() && touches_books(sent, held.date, &held.currency, &held.lines) {
            return Err(Refused::because(id, wrong_status(NOUN)));
        }
        messages.extend(organisation.locked(held.date));
    }
    invoice.status = status;
    let held = before.as_ref().map(|held| held.contact_id);
    invoice.contact_id = head::contact_of(organisation, request, sent, held, &mut messages);
    read_head(organisation, sent, &mut invoice, before.as_ref(), &mut messages);
    read_amounts(organisation, request, sent, &mut invoice, &mut messages);
    if before.as_ref().is_some_and(|held| !settled.is_zero() && held.total != invoice.total) {
        messages.push(wrong_status(NOUN));
    }
    if invoice.status.stands() && !before.as_ref().is_some_and(|held| held.status.stands()) {
        messages.extend(organisation.approvals_used_up(invoice.kind, invoice.date));
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    take_number(organisation, &mut invoice);
    head::mark_contact(organisation, invoice.contact_id, invoice.kind == InvoiceType::AccRec);
    invoice.updated = request.now;
    let id = invoice.id;
    let changes = changes(before.map(|held| held.status), invoice.status);
    organisation.shelves.invoices.put(invoice);
    organisation.record(id, changes, request.now);
    Ok(id)
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

/// After a payment or allocation only what doesn't change the books may be edited: of the lines their texts,
/// accounts and tracking, and none may come or go.
pub(crate) fn touches_books(sent: &Map<String, Value>, date: Date, currency: &str, lines: &[Line]) -> bool {
    const AMOUNTS: [&str; 7] =
        ["Quantity", "UnitAmount", "LineAmount", "TaxType", "TaxAmount", "DiscountRate", "DiscountAmount"];
    let other_date = given(sent, "Date").and_then(|day| read_day(&day)).is_some_and(|sent| sent != date);
    let other_currency = given(sent, "CurrencyCode").is_some_and(|sent| sent != currency);
    let held = |sent: &Value| {
        let id = sent.get("LineItemID").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        id.is_some_and(|id| lines.iter().any(|line| line.id == id))
    };
    let sent = sent.get("LineItems").and_then(Value::as_array);
    let other_lines = sent.is_some_and(|sent| {
        let changes = |line: &Value| !held(line) || AMOUNTS.iter().any(|field| line.get(*field).is_some());
        sent.len() != lines.len() || sent.iter().any(changes)
    });
    other_date || other_currency || other_lines
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
        lines: Vec::new(),
        currency: organisation.base_currency.clone(),
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
        created_by: Some(request.client.clone()),
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
        invoice.url = Some(url).filter(|url| !url.is_empty());
    }
    let held = before.map(|held| (held.currency.as_str(), held.currency_rate));
    (invoice.currency, invoice.currency_rate) =
        head::currency(organisation, sent, invoice.contact_id, held, messages);
    if let Some(kind) = head::line_amount_types(sent, messages) {
        invoice.line_amount_types = kind;
    }
    if let Some(flag) = sent.get("SentToContact").and_then(Value::as_bool) {
        invoice.sent_to_contact = flag && invoice.status == InvoiceStatus::Authorised;
    }
    if let Some(theme) = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok()) {
        invoice.branding_theme = Some(theme);
    }
    if invoice.due_date.is_none() && invoice.status.is_approved() {
        invoice.due_date = Some(invoice.date);
    }
}

/// Totals of nothing are paid at once.
fn read_amounts(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    invoice: &mut Invoice,
    messages: &mut Messages,
) {
    use InvoiceStatus::{Deleted, Paid, Voided};
    if matches!(invoice.status, Voided | Deleted | Paid) {
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
    let totals = head::amounts(organisation, sent, &mut invoice.lines, terms, messages);
    invoice.sub_total = totals.sub_total;
    invoice.total_tax = totals.total_tax;
    invoice.total = totals.total;
    if is_settled_at_once(invoice.status, invoice.total, &invoice.lines) {
        invoice.status = InvoiceStatus::Paid;
        invoice.fully_paid_on = Some(invoice.date);
    }
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
