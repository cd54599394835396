//! Writing purchase orders: which one is meant, which states follow which. What is left out stays.
//!
//! <https://developer.xero.com/documentation/api/accounting/purchaseorders>. A `POST` with a number that is taken
//! silently updates the order that has it, as recorded, and is refused when that order is deleted.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::purchase_order::{DELIVERY_TEXTS, PurchaseOrder, PurchaseOrderStatus, order_number_key};
use crate::xero::documents::head::{self, LONGEST_TEXT, day};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::documents::tax::{LineAmountTypes, Totals};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::writing::{Refused, given, text_within};

const NUMBER_TAKEN: &str = "Order number must be unique";
const WRONG_STATUS: &str = "PurchaseOrder status change is invalid";
const DELETED: &str = "Deleted PurchaseOrders cannot be updated";

pub(super) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before = find(organisation, sent, request.method == "PUT")?;
    let id = before.as_ref().map(|held| held.id);
    let status = next_status(before.as_ref(), sent).map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut order = before.clone().unwrap_or_else(|| blank(organisation, request));
    order.status = status;
    order.contact_id = contact(organisation, sent, before.as_ref(), &mut messages);
    read_head(organisation, sent, &mut order, before.as_ref(), &mut messages);
    let terms = Terms {
        is_sale: false,
        amounts: order.line_amount_types,
        approved: false,
        discounted: true,
        taxed_by_account: true,
        unit_places: request.unit_places(),
    };
    order.totals = head::amounts(organisation, sent, &mut order.lines, terms, &mut messages);
    lines::check_order(organisation, &order.lines, &mut messages);
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    if order.number.is_empty() {
        order.number = organisation.next_number("PO-", |shelves, number| {
            shelves.purchase_orders.find(&order_number_key(number)).is_none()
        });
    }
    order.updated = request.now;
    let id = order.id;
    let changes = match (before.map(|held| held.status), status) {
        (None, _) => "Created",
        (Some(was), is) if was == is => "Edited",
        (_, PurchaseOrderStatus::Authorised) => "Approved",
        (_, PurchaseOrderStatus::Billed) => "Billed",
        (_, PurchaseOrderStatus::Deleted) => "Deleted",
        _ => "Edited",
    };
    organisation.shelves.purchase_orders.put(order);
    organisation.record(id, changes, request.now);
    Ok(id)
}

/// By id, then by number. A number that a deleted order holds gives no id in the refusal.
fn find(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    creates_only: bool,
) -> Result<Option<PurchaseOrder>, Refused> {
    let orders = &organisation.shelves.purchase_orders;
    let sent_id = head::sent_id(sent, "PurchaseOrderID")?;
    let held = match sent_id {
        Some(id) => Some(orders.get(id).ok_or(Refused::NotFound)?),
        None => given(sent, "PurchaseOrderNumber").and_then(|number| orders.find(&order_number_key(&number))),
    };
    match held {
        Some(_) if creates_only => Err(Refused::because(None, NUMBER_TAKEN)),
        Some(held) if held.status == PurchaseOrderStatus::Deleted => {
            let changes_status = given(sent, "Status").is_some_and(|wanted| wanted != held.status.as_str());
            let messages = changes_status.then_some(WRONG_STATUS).into_iter().chain([DELETED]);
            Err(Refused::Element { id: sent_id, messages: messages.map(str::to_owned).collect() })
        }
        held => Ok(held.cloned()),
    }
}

/// A billed order may be deleted, and one may begin as billed: both as recorded.
/// <https://developer.xero.com/documentation/api/accounting/types#purchase-order-statuses>
fn next_status(
    before: Option<&PurchaseOrder>,
    sent: &Map<String, Value>,
) -> Result<PurchaseOrderStatus, String> {
    use PurchaseOrderStatus::{Authorised, Billed, Deleted, Draft, Submitted};
    let wanted = match given(sent, "Status") {
        None => before.map_or(Draft, |held| held.status),
        Some(text) => {
            PurchaseOrderStatus::read(&text).ok_or_else(|| format!("The Status '{text}' is not valid"))?
        }
    };
    let follows: &[PurchaseOrderStatus] = match before.map(|held| held.status) {
        None => &[Draft, Submitted, Authorised, Billed],
        Some(Draft | Submitted | Authorised) => &[Draft, Submitted, Authorised, Billed, Deleted],
        Some(Billed) => &[Billed, Deleted],
        Some(Deleted) => &[],
    };
    if follows.contains(&wanted) { Ok(wanted) } else { Err(WRONG_STATUS.to_owned()) }
}

fn blank(organisation: &mut Organisation, request: &Request) -> PurchaseOrder {
    PurchaseOrder {
        id: organisation.ids.next(),
        number: String::new(),
        reference: String::new(),
        contact_id: Uuid::nil(),
        date: organisation.today(request.now),
        delivery_date: None,
        expected_arrival: None,
        delivery: BTreeMap::new(),
        status: PurchaseOrderStatus::Draft,
        line_amount_types: LineAmountTypes::default(),
        lines: Vec::new(),
        currency: String::new(),
        currency_rate: Decimal::ONE,
        branding_theme: None,
        sent_to_contact: false,
        totals: Totals::default(),
        updated: request.now,
    }
}

/// Unlike other documents an order neither makes nor edits contacts.
fn contact(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    before: Option<&PurchaseOrder>,
    messages: &mut Messages,
) -> Uuid {
    let block = sent.get("Contact").and_then(Value::as_object).filter(|block| !block.is_empty());
    let found = match block {
        Some(block) => head::known_contact(organisation, block).map(|contact| {
            contact.ok_or_else(|| "The Contact of a purchase order must already exist".to_owned())
        }),
        None => Ok(before.map(|held| held.contact_id).ok_or_else(|| head::NO_CONTACT.to_owned())),
    };
    match found {
        Ok(Ok(contact)) => return contact,
        Ok(Err(message)) => messages.push(message),
        Err(refused) => messages.about(About::Contact, |messages| messages.extend(refused)),
    }
    Uuid::nil()
}

/// Everything but contact and lines.
fn read_head(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    order: &mut PurchaseOrder,
    before: Option<&PurchaseOrder>,
    messages: &mut Messages,
) {
    let mut text = |field: &str, longest: usize| text_within(sent, field, longest, messages);
    let number = text("PurchaseOrderNumber", LONGEST_TEXT).filter(|number| !number.is_empty());
    if let Some(reference) = text("Reference", LONGEST_TEXT) {
        order.reference = reference;
    }
    for (field, longest) in DELIVERY_TEXTS {
        order.delivery.extend(text(field, longest).map(|text| (field.into(), text)));
    }
    if let Some(number) = number {
        let holder = organisation.shelves.purchase_orders.find(&order_number_key(&number));
        if holder.is_some_and(|holder| holder.id != order.id) {
            messages.push(NUMBER_TAKEN.to_owned());
        }
        order.number = number;
    }
    order.date = day(sent, "Date", messages).unwrap_or(order.date);
    order.delivery_date = day(sent, "DeliveryDate", messages).or(order.delivery_date);
    order.expected_arrival = day(sent, "ExpectedArrivalDate", messages).or(order.expected_arrival);
    let held = before.map(|held| (held.currency.as_str(), held.currency_rate));
    (order.currency, order.currency_rate) =
        head::currency(organisation, sent, order.contact_id, order.date, held, messages);
    if let Some(kind) = head::line_amount_types(sent, messages) {
        order.line_amount_types = kind;
    }
    if let Some(theme) = given(sent, "BrandingThemeID").and_then(|id| Uuid::parse_str(&id).ok()) {
        order.branding_theme = Some(theme);
    }
    // Xero warns when it is set on another one, and leaves it.
    let can_be_sent = matches!(order.status, PurchaseOrderStatus::Authorised | PurchaseOrderStatus::Billed);
    if let Some(flag) = sent.get("SentToContact").and_then(Value::as_bool).filter(|_| can_be_sent) {
        order.sent_to_contact = flag;
    }
}
