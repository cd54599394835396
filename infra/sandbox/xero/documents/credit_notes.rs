//! `/CreditNotes` over the API: to customers (`ACCRECCREDIT`) and from suppliers (`ACCPAYCREDIT`).
//!
//! Setting one against an invoice is `parts/allocations.rs`, paying one back is a payment.
//! <https://developer.xero.com/documentation/api/accounting/creditnotes>

pub(crate) mod credit_note;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::documents::claims;
use crate::xero::documents::head::{self, Row, number_key};
use crate::xero::filter::{Fields, Quick};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, allocations, attachments, history, paper};
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::Refused;
use credit_note::{CreditNote, FIELDS};

pub(crate) struct CreditNotes;

impl Resource for CreditNotes {
    type Document = CreditNote;
    const KEY: &'static str = "CreditNotes";
    const ID: &'static str = "CreditNoteID";
    const REFUSED_FLAG: Option<&'static str> = Some("HasErrors");
    const FIELDS: &'static [&'static str] = FIELDS;
    const SHARED_FIELDS: &'static [&'static str] = head::FIELDS;
    const QUICK: Option<Quick> = Some(Quick {
        equal: &["status", "reference", "type", "contact.contactid", "contact.name", "contact.contactnumber"],
        ranges: &["date"],
        either: None,
        order: &["creditnoteid", "updateddateutc", "date"],
    });
    const PARTS: &'static [Part] = &[history::PART, allocations::PART, attachments::PART, paper::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<CreditNote> {
        &shelves.credit_notes
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a CreditNote> {
        organisation.shelves.credit_notes.find(&number_key(key))
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        note: &CreditNote,
        view: View,
    ) -> Map<String, Value> {
        note.as_json(organisation, view, request.unit_places())
    }

    fn row<'a>(organisation: &'a Organisation, _: &Request, note: &'a CreditNote) -> Box<dyn Fields + 'a> {
        Row::boxed(organisation, note)
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        claims::save::<CreditNote>(organisation, request, sent)
    }
}
