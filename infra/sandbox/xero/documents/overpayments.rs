//! `/Overpayments` over the API: read, allocated and paid back. They are born in bank transactions (`advance.rs`).
//!
//! <https://developer.xero.com/documentation/api/accounting/overpayments>

use serde_json::{Map, Value};

use super::advance::Advance;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, allocations, history};
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;

pub(crate) struct Overpayments;

impl Resource for Overpayments {
    type Document = Advance;
    const KEY: &'static str = "Overpayments";
    const ID: &'static str = "OverpaymentID";
    const PARTS: &'static [Part] = &[history::PART, allocations::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<Advance> {
        &shelves.overpayments
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        advance: &Advance,
        view: View,
    ) -> Map<String, Value> {
        advance.as_json(organisation, view, request.unit_places())
    }
}
