//! `/PurchaseOrders` over the API: what they are asked by, and the echo of a refused one. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/purchaseorders>

mod purchase_order;
mod rules;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::documents::head::number_key;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history, paper};
use crate::xero::reading::{Paging, Parameter, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, read_day};
use crate::xero::writing::{Refused, given};
pub(crate) use purchase_order::PurchaseOrder;

pub(crate) struct PurchaseOrders;

impl Resource for PurchaseOrders {
    type Document = PurchaseOrder;
    const KEY: &'static str = "PurchaseOrders";
    const ID: &'static str = "PurchaseOrderID";
    const REFUSED_FLAG: Option<&'static str> = Some("HasErrors");
    const PARTS: &'static [Part] = &[history::PART, attachments::PART, paper::PART];
    const PAGING: Paging = Paging::Always;
    /// They have parameters instead of `where`.
    const FILTERED: bool = false;
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Equal("Status", "status"),
        Parameter::From("DateFrom", "date"),
        Parameter::To("DateTo", "date"),
    ];
    const FIELDS: &'static [&'static str] = &[
        "purchaseorderid",
        "purchaseordernumber",
        "reference",
        "status",
        "date",
        "deliverydate",
        "expectedarrivaldate",
        "subtotal",
        "totaltax",
        "total",
        "currencycode",
        "updateddateutc",
        "contact.contactid",
        "contact.name",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<PurchaseOrder> {
        &shelves.purchase_orders
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a PurchaseOrder> {
        organisation.shelves.purchase_orders.find(&number_key(key))
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        order: &PurchaseOrder,
        view: View,
    ) -> Map<String, Value> {
        order.as_json(organisation, view, request.unit_places())
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request, sent)
    }

    fn warnings(sent: &Map<String, Value>, written: &PurchaseOrder) -> Vec<String> {
        rules::warnings(sent, written)
    }

    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>) {
        body.extend(
            sent.get("PurchaseOrderNumber").map(|one| ("PurchaseOrderNumber".to_owned(), one.clone())),
        );
        if let Some(date) = given(sent, "Date").and_then(|day| read_day(&day)) {
            body.insert("DateString".into(), wire::day_text(date));
            body.insert("Date".into(), wire::day(date));
        }
        body.insert("Type".into(), "PURCHASEORDER".into());
        for (field, value) in sent {
            body.entry(field.clone()).or_insert_with(|| value.clone());
        }
    }
}
