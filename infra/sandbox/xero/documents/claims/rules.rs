//! Writing invoices, bills and credit notes: which one is meant, which states follow which, what must be there, and
//! what may be different once something was paid. A kind says in `Written` what it does otherwise.
//!
//! Wordings are recorded or from the documentation where one is known.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::claim::{Claim, Claimed, InvoiceStatus};
use crate::xero::documents::head::{self, Head, LONGEST_TEXT, NO_CONTACT, day};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::documents::stock::Moves;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::{Refused, given, text_of};

/// The words of a kind.
pub(crate) struct Manner {
    /// As sentences begin: `Invoice`.
    pub(crate) noun: &'static str,
    /// On the customers' side, and on the suppliers'.
    pub(crate) types: [&'static str; 2],
    /// What names one by id; the first that is there does.
    pub(crate) ids: &'static [&'static str],
    pub(crate) number: &'static str,
    pub(crate) number_taken: &'static str,
    /// Of the numbers that Xero gives.
    pub(crate) prefix: &'static str,
    /// It takes back what was sold or bought.
    pub(crate) is_credit: bool,
}

pub(crate) trait Written: Claimed + PartialEq {
    const MANNER: Manner;

    fn shelf(shelves: &Shelves) -> &Shelf<Self>;

    fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self>;

    fn new(head: Head, claim: Claim, request: &Request) -> Self;

    /// Days that only this kind has.
    fn read_days(&mut self, _sent: &Map<String, Value>, _messages: &mut Messages) {}

    /// Texts that only this kind has.
    fn read_texts(&mut self, _sent: &Map<String, Value>, _messages: &mut Messages) {}

    /// What comes on top of the sum of the lines; `held` came on top before.
    fn rounding(&self, _sent: &Map<String, Value>, _held: Decimal, _messages: &mut Messages) -> Decimal {
        Decimal::ZERO
    }

    /// Takes over what else may be different once something was paid.
    fn relabel(&mut self, _wanted: &Self) {}

    /// Why no more of them can be approved.
    fn beyond_plan(&self, _organisation: &Organisation) -> Option<String> {
        None
    }

    /// What is different from the one before isn't worth a stamp.
    fn keeps_stamp(&self, _held: &Self) -> bool {
        false
    }
}

pub(crate) fn save<D: Written>(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before: Option<D> = find(organisation, request, sent)?;
    let held = before.as_ref();
    let id = held.map(|held| held.head().id);
    let because = |message: String| Refused::because(id, message);
    let status = next_status(held.map(D::claim), sent, D::MANNER.noun).map_err(because)?;
    let mut one = match held {
        Some(held) => held.clone(),
        None => blank(organisation, request, sent).map_err(because)?,
    };
    let mut messages: Messages =
        held.and_then(|held| organisation.locked(held.head().date)).into_iter().collect();
    if let Some(held) = held {
        let Manner { noun, types, .. } = D::MANNER;
        messages.extend(head::other_type(noun, types[usize::from(!held.claim().is_sale)], sent));
    }
    one.claim_mut().status = status;
    one.head_mut().read_contact(organisation, request, sent, NO_CONTACT, &mut messages);
    read_head(organisation, sent, &mut one, held, &mut messages);
    read_amounts(organisation, request, sent, &mut one, &mut messages);
    if held.is_some_and(|held| held.claim().is_settled() && one != relabelled(held, &one)) {
        return Err(because(wrong_status(D::MANNER.noun)));
    }
    if one.claim().status.stands() && !held.is_some_and(|held| held.claim().status.stands()) {
        messages.extend(one.beyond_plan(organisation));
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    if one.claim().is_sale {
        one.head_mut().take_number(organisation, D::MANNER.prefix, D::shelf);
    }
    head::mark_contact(organisation, one.head().contact_id, one.claim().is_sale);
    if !held.is_some_and(|held| one.keeps_stamp(held)) {
        one.head_mut().updated = request.now;
    }
    let id = one.head().id;
    let changes = changes(held.map(|held| held.claim().status), one.claim().status);
    D::shelf_mut(&mut organisation.shelves).put(one);
    organisation.record(id, changes, request.now);
    Ok(id)
}

/// By id; on the customers' side also by number. Suppliers' numbers aren't unique and find nothing.
fn find<D: Written>(
    organisation: &Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Option<D>, Refused> {
    let Manner { ids, types, number, number_taken, .. } = D::MANNER;
    let id = match ids.iter().find(|field| given(sent, field).is_some()) {
        Some(field) => head::sent_id(sent, field)?,
        None => None,
    };
    let from_supplier = sent.get("Type").and_then(Value::as_str) == Some(types[1]);
    let number = given(sent, number).filter(|_| !from_supplier);
    let taken = || Refused::because(None, number_taken);
    head::find(D::shelf(&organisation.shelves), request, id, number, taken)
}

/// <https://developer.xero.com/documentation/api/accounting/types#invoice-status-codes>
fn next_status(
    before: Option<&Claim>,
    sent: &Map<String, Value>,
    noun: &str,
) -> Result<InvoiceStatus, String> {
    use InvoiceStatus::{Authorised, Deleted, Draft, Paid, Submitted, Voided};
    let held = before.map(|held| held.status);
    let wanted = head::wanted(sent, InvoiceStatus::read, held.unwrap_or(Draft))?;
    let allowed = match held {
        None => matches!(wanted, Draft | Submitted | Authorised),
        Some(Draft | Submitted) => matches!(wanted, Draft | Submitted | Authorised | Deleted),
        Some(Authorised) => wanted == Authorised || (wanted == Voided && !before.is_some_and(Claim::is_used)),
        // What is paid has the status that payments give it, and takes none, not even that one.
        Some(Paid) => given(sent, "Status").is_none(),
        Some(Voided | Deleted) => false,
    };
    match (allowed, held) {
        (true, _) => Ok(wanted),
        (false, Some(_)) => Err(wrong_status(noun)),
        (false, None) => Err(format!("{noun} not of valid status for creation")),
    }
}

fn wrong_status(noun: &str) -> String {
    format!("{noun} not of valid status for modification")
}

/// What the history calls it.
fn changes(before: Option<InvoiceStatus>, after: InvoiceStatus) -> &'static str {
    match (before, after) {
        (None, _) => "Created",
        (Some(was), is) if was == is => "Edited",
        (_, InvoiceStatus::Authorised | InvoiceStatus::Paid) => "Approved",
        (_, InvoiceStatus::Voided) => "Voided",
        (_, InvoiceStatus::Deleted) => "Deleted",
        _ => "Edited",
    }
}

fn blank<D: Written>(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<D, String> {
    let is_sale = is_sale(D::MANNER.types, sent)?;
    let mut head = Head::blank(organisation.ids.next(), organisation, request.now);
    head.branding_theme = organisation.default_theme().filter(|_| is_sale);
    Ok(D::new(head, Claim::new(is_sale, InvoiceStatus::Draft), request))
}

/// Whether the `Type` is that of the customers' side; `types` are the two that there are.
pub(crate) fn is_sale(types: [&str; 2], sent: &Map<String, Value>) -> Result<bool, String> {
    let kind = given(sent, "Type").unwrap_or_default();
    let [sale, purchase] = types;
    if kind == sale || kind == purchase {
        Ok(kind == sale)
    } else {
        Err(format!("The Type '{kind}' is not valid: {sale} or {purchase}"))
    }
}

/// Everything but contact, lines and totals.
fn read_head<D: Written>(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    one: &mut D,
    before: Option<&D>,
    messages: &mut Messages,
) {
    let Manner { number: number_field, number_taken, .. } = D::MANNER;
    let is_sale = one.claim().is_sale;
    let head = one.head_mut();
    if let Some(number) = given(sent, number_field) {
        head.number = number.into();
        if is_sale && head.is_number_taken(D::shelf(&organisation.shelves)) {
            messages.push(number_taken);
        }
    }
    if let Some(reference) = text_of(sent, "Reference") {
        head.reference = reference.into();
    }
    for (field, text) in [(number_field, &head.number), ("Reference", &head.reference)] {
        if text.chars().count() > LONGEST_TEXT {
            messages.push(format!("The {field} field must not exceed {LONGEST_TEXT} characters"));
        }
    }
    head.date = day(sent, "Date", messages).unwrap_or(head.date);
    let date = head.date;
    let claim = one.claim_mut();
    claim.due_date = day(sent, "DueDate", messages).or(claim.due_date);
    one.read_days(sent, messages);
    if before.is_none_or(|held| held.head().date != date) {
        messages.extend(organisation.locked(date));
    }
    one.read_texts(sent, messages);
    let head = one.head_mut();
    head.read_currency(organisation, sent, before.map(D::head), messages);
    head.read_line_amount_types(sent, messages);
    head.read_theme(organisation, sent, messages);
    let claim = one.claim_mut();
    if let Some(flag) = sent.get("SentToContact").and_then(Value::as_bool) {
        claim.sent_to_contact = flag && claim.status.stands();
    }
}

/// What is settled is left as it is unless lines are sent; a total of nothing is paid at once.
fn read_amounts<D: Written>(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    one: &mut D,
    messages: &mut Messages,
) {
    use InvoiceStatus::{Authorised, Deleted, Paid, Voided};
    let Claim { is_sale, status, .. } = *one.claim();
    let is_settled = one.claim().is_settled();
    let stays = is_settled && !sent.contains_key("LineItems");
    if matches!(status, Voided | Deleted) || stays {
        return;
    }
    let is_credit = D::MANNER.is_credit;
    let moves = Moves { is_credit, allows_backorders: !is_credit && request.flag("allowBackorders") };
    let terms = Terms {
        approved: status.is_approved(),
        discounted: is_sale && !is_credit,
        moves: (status.stands() && !is_settled).then_some(moves),
        ..Terms::of(is_sale, one.head().line_amount_types, request.unit_places())
    };
    let held = one.head().totals.rounding();
    one.head_mut().read_lines(organisation, sent, terms, messages);
    let rounding = one.rounding(sent, held, messages);
    let head = one.head_mut();
    head.totals.total += rounding;
    let Head { date, ref lines, totals, .. } = *head;
    if status == Authorised && totals.total.is_zero() && !lines.is_empty() {
        let claim = one.claim_mut();
        claim.status = Paid;
        claim.fully_paid_on = Some(date);
    }
}

/// The one that is held, with all that may be different once something was paid or allocated.
/// <https://developer.xero.com/documentation/api/accounting/invoices#updating-paid-and-part-paid-invoices>
fn relabelled<D: Written>(held: &D, wanted: &D) -> D {
    let mut one = held.clone();
    let (head, other) = (one.head_mut(), wanted.head());
    head.number.clone_from(&other.number);
    head.reference.clone_from(&other.reference);
    head.branding_theme = other.branding_theme;
    head.lines = lines::relabelled(&head.lines, &other.lines);
    let (claim, other) = (one.claim_mut(), wanted.claim());
    claim.due_date = other.due_date;
    claim.sent_to_contact = other.sent_to_contact;
    one.relabel(wanted);
    one
}
