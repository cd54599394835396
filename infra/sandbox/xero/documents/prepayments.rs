//! `/Prepayments` over the API: read, allocated and paid back. They are born in bank transactions (`advance.rs`).
//!
//! <https://developer.xero.com/documentation/api/accounting/prepayments>

use serde_json::{Map, Value};

use super::advance::Advance;
use super::head::{self, Row};
use crate::xero::filter::Fields;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, allocations, history};
use crate::xero::reading::{Parameter, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;

pub(crate) struct Prepayments;

impl Resource for Prepayments {
    type Document = Advance;
    const KEY: &'static str = "Prepayments";
    const ID: &'static str = "PrepaymentID";
    const PARAMETERS: &'static [Parameter] = &[Parameter::AnyOf("InvoiceNumbers", "invoicenumber")];
    const FIELDS: &'static [&'static str] = &[
        "prepaymentid",
        "type",
        "status",
        "invoicenumber",
        "remainingcredit",
        "appliedamount",
        "brandingthemeid",
    ];
    const SHARED_FIELDS: &'static [&'static str] = head::FIELDS;
    const PARTS: &'static [Part] = &[history::PART, allocations::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<Advance> {
        &shelves.prepayments
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        advance: &Advance,
        view: View,
    ) -> Map<String, Value> {
        advance.as_json(organisation, view, request.unit_places())
    }

    fn row<'a>(organisation: &'a Organisation, _: &Request, advance: &'a Advance) -> Box<dyn Fields + 'a> {
        Row::boxed(organisation, advance)
    }
}
