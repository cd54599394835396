//! `/Quotes` over the API: what they are asked by. Another stack of Xero's servers answers them, in an envelope
//! of its own. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/quotes>

mod quote;
mod rules;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::answer::{Found, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history, paper};
use crate::xero::reading::{Paging, Parameter, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::Refused;
pub(crate) use quote::Quote;

pub(crate) struct Quotes;

impl Resource for Quotes {
    type Document = Quote;
    const KEY: &'static str = "Quotes";
    const ID: &'static str = "QuoteID";
    const PARTS: &'static [Part] = &[history::PART, attachments::PART, paper::PART];
    const PAGING: Paging = Paging::Always;
    /// They have parameters instead of `where`.
    const FILTERED: bool = false;
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Equal("Status", "status"),
        Parameter::Equal("ContactID", "contact.contactid"),
        Parameter::Contains("QuoteNumber", "quotenumber"),
        Parameter::From("DateFrom", "date"),
        Parameter::To("DateTo", "date"),
        Parameter::From("ExpiryDateFrom", "expirydate"),
        Parameter::To("ExpiryDateTo", "expirydate"),
    ];
    const FIELDS: &'static [&'static str] = &[
        "quoteid",
        "quotenumber",
        "reference",
        "title",
        "status",
        "date",
        "expirydate",
        "subtotal",
        "totaltax",
        "total",
        "currencycode",
        "updateddateutc",
        "contact.contactid",
        "contact.name",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<Quote> {
        &shelves.quotes
    }

    fn show(organisation: &Organisation, request: &Request, quote: &Quote, view: View) -> Map<String, Value> {
        let contact = organisation.shelves.contacts.get(quote.head.contact_id);
        quote.as_json(contact, view, request.unit_places())
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request, sent)
    }

    fn reply(request: &Request, found: Found) -> Reply {
        Reply::Newer { found, summarizes: request.summarizes_errors() }
    }
}
