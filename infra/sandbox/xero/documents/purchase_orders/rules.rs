//! Writing purchase orders: which one is meant, which states follow which. What is left out stays.
//!
//! <https://developer.xero.com/documentation/api/accounting/purchaseorders>. A `POST` with a number that is taken
//! silently updates the order that has it, as recorded, and is refused when that order is deleted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::PurchaseOrders;
use super::purchase_order::{DELIVERY_TEXTS, PurchaseOrder, PurchaseOrderStatus};
use crate::xero::documents::head::{self, Head, LONGEST_TEXT, day};
use crate::xero::documents::lines::{self, Terms};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::writing::{Refused, given, text_within};

const NUMBER_TAKEN: &str = "Order number must be unique";
const WRONG_STATUS: &str = "PurchaseOrder status change is invalid";
const NOT_SENT: &str = "Only AUTHORISED and BILLED purchase orders may have SentToContact updated.";
const DELETED: &str = "Deleted PurchaseOrders cannot be updated";

pub(super) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before = find(organisation, request, sent)?;
    let id = before.as_ref().map(|held| held.head.id);
    let was = before.as_ref().map(|held| held.status);
    let status = next_status(was, sent).map_err(|message| Refused::because(id, message))?;
    let mut messages = Messages::default();
    let mut order = before.clone().unwrap_or_else(|| blank(organisation, request));
    order.status = status;
    order.head.read_known_contact(organisation, sent, &mut messages);
    read_head(organisation, sent, &mut order, before.as_ref(), &mut messages);
    let terms =
        Terms { discounted: true, ..Terms::of(false, order.head.line_amount_types, request.unit_places()) };
    order.head.read_lines(organisation, sent, terms, &mut messages);
    lines::check_order(organisation, &order.head.lines.read(), &mut messages);
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    order.head.take_number(organisation, "PO-", PurchaseOrders::shelf);
    order.head.updated = request.now;
    let id = order.head.id;
    let changes = match (was, status) {
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
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Option<PurchaseOrder>, Refused> {
    let id = head::sent_id(sent, PurchaseOrders::ID)?;
    let number = given(sent, "PurchaseOrderNumber");
    let taken = || Refused::because(None, NUMBER_TAKEN);
    match head::find(&organisation.shelves.purchase_orders, request, id, number, taken)? {
        Some(held) if held.status == PurchaseOrderStatus::Deleted => {
            let changes_status = given(sent, "Status").is_some_and(|wanted| wanted != held.status.as_str());
            let messages = changes_status.then_some(WRONG_STATUS).into_iter().chain([DELETED]);
            Err(Refused::Element { id, messages: messages.map(str::to_owned).collect() })
        }
        held => Ok(held),
    }
}

/// A billed order may be deleted, and one may begin as billed: both as recorded.
/// <https://developer.xero.com/documentation/api/accounting/types#purchase-order-statuses>
fn next_status(
    before: Option<PurchaseOrderStatus>,
    sent: &Map<String, Value>,
) -> Result<PurchaseOrderStatus, String> {
    use PurchaseOrderStatus::{Authorised, Billed, Deleted, Draft, Submitted};
    let wanted = head::wanted(sent, PurchaseOrderStatus::read, before.unwrap_or(Draft))?;
    let follows: &[PurchaseOrderStatus] = match before {
        None => &[Draft, Submitted, Authorised, Billed],
        Some(Draft | Submitted | Authorised) => &[Draft, Submitted, Authorised, Billed, Deleted],
        Some(Billed) => &[Billed, Deleted],
        Some(Deleted) => &[],
    };
    if follows.contains(&wanted) { Ok(wanted) } else { Err(WRONG_STATUS.to_owned()) }
}

fn blank(organisation: &mut Organisation, request: &Request) -> PurchaseOrder {
    PurchaseOrder {
        head: Head::blank(organisation.ids.next(), organisation, request.now),
        status: PurchaseOrderStatus::Draft,
        delivery_date: None,
        expected_arrival: None,
        delivery: BTreeMap::new(),
        sent_to_contact: false,
    }
}

/// Everything but contact and lines.
fn read_head(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    order: &mut PurchaseOrder,
    before: Option<&PurchaseOrder>,
    messages: &mut Messages,
) {
    let head = &mut order.head;
    let mut text = |field: &str, longest: usize| text_within(sent, field, longest, messages);
    let number = text("PurchaseOrderNumber", LONGEST_TEXT).filter(|number| !number.is_empty());
    if let Some(reference) = text("Reference", LONGEST_TEXT) {
        head.reference = reference.into();
    }
    for (field, longest) in DELIVERY_TEXTS {
        order.delivery.extend(text(field, longest).map(|text| (field.into(), text)));
    }
    if let Some(number) = number {
        head.number = number.into();
        if head.is_number_taken(&organisation.shelves.purchase_orders) {
            messages.push(NUMBER_TAKEN.to_owned());
        }
    }
    head.date = day(sent, "Date", messages).unwrap_or(head.date);
    order.delivery_date = day(sent, "DeliveryDate", messages).or(order.delivery_date);
    order.expected_arrival = day(sent, "ExpectedArrivalDate", messages).or(order.expected_arrival);
    head.read_currency(organisation, sent, before.map(|held| &held.head), messages);
    head.read_line_amount_types(sent, messages);
    head.read_theme(organisation, sent, messages);
    let can_be_sent = matches!(order.status, PurchaseOrderStatus::Authorised | PurchaseOrderStatus::Billed);
    if let Some(flag) = sent_to_contact(sent).filter(|_| can_be_sent) {
        order.sent_to_contact = flag;
    }
}

fn sent_to_contact(sent: &Map<String, Value>) -> Option<bool> {
    sent.get("SentToContact")?.as_bool()
}

/// Where it can't be set it stays, and that is said.
pub(super) fn warnings(sent: &Map<String, Value>, written: &PurchaseOrder) -> Vec<String> {
    let stays = sent_to_contact(sent).is_some_and(|flag| flag != written.sent_to_contact);
    stays.then(|| NOT_SENT.to_owned()).into_iter().collect()
}
