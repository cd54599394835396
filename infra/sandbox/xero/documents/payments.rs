//! `/Payments` over the API. They are made and deleted, never edited; writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/payments>

pub(crate) mod payment;
pub(crate) mod rules;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::filter::Fields;
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::Refused;
use payment::{FIELDS, Payment, PaymentRow};

pub(crate) struct Payments;

impl Resource for Payments {
    type Document = Payment;
    const KEY: &'static str = "Payments";
    const ID: &'static str = "PaymentID";
    const REFUSED_FLAG: Option<&'static str> = Some("HasValidationErrors");
    const FIELDS: &'static [&'static str] = FIELDS;

    fn shelf(shelves: &Shelves) -> &Shelf<Payment> {
        &shelves.payments
    }

    fn show(organisation: &Organisation, _: &Request, payment: &Payment, _: View) -> Map<String, Value> {
        payment.as_json(organisation)
    }

    fn row<'a>(organisation: &'a Organisation, _: &Request, payment: &'a Payment) -> Box<dyn Fields + 'a> {
        Box::new(PaymentRow { payment, organisation })
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request.now, sent)
    }
}
