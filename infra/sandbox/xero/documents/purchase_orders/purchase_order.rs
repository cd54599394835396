//! A purchase order as it is kept, and the shapes it is shown in. It does nothing to the books.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::xero::body::Put;
use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::head::{Head, Headed, number_key};
use crate::xero::documents::lines::{self, Line};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum PurchaseOrderStatus {
    Draft,
    Submitted,
    Authorised,
    Billed,
    Deleted,
}

impl PurchaseOrderStatus {
    const ALL: [Self; 5] = [Self::Draft, Self::Submitted, Self::Authorised, Self::Billed, Self::Deleted];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Submitted => "SUBMITTED",
            Self::Authorised => "AUTHORISED",
            Self::Billed => "BILLED",
            Self::Deleted => "DELETED",
        }
    }
}

/// Where and how it is delivered, with their longest lengths.
/// <https://developer.xero.com/documentation/api/accounting/purchaseorders>
pub(crate) const DELIVERY_TEXTS: [(&str, usize); 4] =
    [("DeliveryAddress", 500), ("AttentionTo", 255), ("Telephone", 50), ("DeliveryInstructions", 500)];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct PurchaseOrder {
    pub(crate) head: Head,
    pub(crate) status: PurchaseOrderStatus,
    pub(crate) delivery_date: Option<Date>,
    pub(crate) expected_arrival: Option<Date>,
    pub(crate) delivery: BTreeMap<Cow<'static, str>, String>,
    pub(crate) sent_to_contact: bool,
}

impl Headed for PurchaseOrder {
    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Deleted orders go on holding their number.
    fn keys(&self) -> Vec<String> {
        self.head.keys().chain([number_key(&self.head.number)]).collect()
    }
}

impl PurchaseOrder {
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let Self { head, .. } = self;
        let mut body = Map::new();
        body.put("PurchaseOrderID", head.id.to_string());
        body.put("PurchaseOrderNumber", &*head.number);
        body.put_day("Date", Some(head.date));
        body.put_day("DeliveryDate", self.delivery_date);
        body.put_day("ExpectedArrivalDate", self.expected_arrival);
        for (field, _) in DELIVERY_TEXTS {
            body.put_text(field, self.delivery.get(field).map_or("", String::as_str));
        }
        body.put("HasErrors", false);
        let lines = head.lines.read();
        let discount = lines::discount(&lines);
        body.put("IsDiscounted", !discount.is_zero());
        let shows_discount = view == View::Written || !discount.is_zero();
        body.put_some("TotalDiscount", shows_discount.then(|| wire::money(discount)));
        if view != View::Paged {
            body.put("SentToContact", self.sent_to_contact);
        }
        body.put_text("Reference", &head.reference);
        body.put("Type", "PURCHASEORDER");
        body.put("CurrencyRate", wire::number(head.currency_rate));
        body.put("CurrencyCode", head.currency.as_str());
        let contact = organisation.shelves.contacts.get(head.contact_id);
        body.put_some("Contact", contact.map(|contact| contact_as_json(organisation, contact, view)));
        let lines = lines.iter().map(|line| line_as_json(line, unit_places)).collect();
        head.put_sums(&mut body, self.status.as_str(), Some(lines));
        body.put("UpdatedDateUTC", wire::stamp(head.updated));
        if view != View::Written {
            body.put("HasAttachments", false);
        }
        if view == View::Single {
            body.put("Attachments", json!([]));
        }
        body
    }
}

/// Never a list of errors, and tracking with the option's id in every view.
fn line_as_json(line: &Line, unit_places: u32) -> Value {
    let mut body = wire::fields(line.as_json(false, unit_places));
    body.shift_remove("ValidationErrors");
    Value::Object(body)
}

/// Only slots that are filled. After a write the contact's stamp is the organisation's wall clock, labelled as if
/// it were UTC: as recorded, half a day ahead in New Zealand.
fn contact_as_json(organisation: &Organisation, contact: &Contact, view: View) -> Value {
    let mut body = contact.as_json(View::Written);
    for (list, kind) in [("Addresses", "AddressType"), ("Phones", "PhoneType")] {
        let is_filled = |slot: &Value| {
            let texts = slot.as_object().into_iter().flatten();
            texts.into_iter().any(|(name, text)| name != kind && text != "")
        };
        if let Some(slots) = body.get_mut(list).and_then(Value::as_array_mut) {
            slots.retain(is_filled);
        }
    }
    if view == View::Written {
        body.insert("UpdatedDateUTC".into(), wire::stamp(wall_clock(organisation, contact.updated)));
    }
    Value::Object(body)
}

fn wall_clock(organisation: &Organisation, at: Timestamp) -> Timestamp {
    let offset = at.in_tz(&organisation.time_zone).map_or(0, |zoned| i64::from(zoned.offset().seconds()));
    at.checked_add(SignedDuration::from_secs(offset)).unwrap_or(at)
}
