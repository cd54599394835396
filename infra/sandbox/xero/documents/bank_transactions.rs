//! `/BankTransactions` over the API: money received and spent. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/banktransactions>

pub(crate) mod bank_transaction;
pub(crate) mod rules;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::documents::head::{self, Row};
use crate::xero::filter::{Fields, Quick};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::writing::Refused;
use bank_transaction::{BankTransaction, FIELDS};

pub(crate) struct BankTransactions;

impl Resource for BankTransactions {
    type Document = BankTransaction;
    const KEY: &'static str = "BankTransactions";
    const ID: &'static str = "BankTransactionID";
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];
    const FIELDS: &'static [&'static str] = FIELDS;
    const SHARED_FIELDS: &'static [&'static str] = head::FIELDS;
    const QUICK: Option<Quick> = Some(Quick {
        equal: &["type", "status", "contact.contactid"],
        ranges: &["date"],
        either: None,
        order: &["banktransactionid", "updateddateutc", "date"],
    });

    fn shelf(shelves: &Shelves) -> &Shelf<BankTransaction> {
        &shelves.bank_transactions
    }

    fn show(
        organisation: &Organisation,
        request: &Request,
        transaction: &BankTransaction,
        view: View,
    ) -> Map<String, Value> {
        transaction.as_json(organisation, view, request.unit_places())
    }

    fn row<'a>(
        organisation: &'a Organisation,
        _: &Request,
        transaction: &'a BankTransaction,
    ) -> Box<dyn Fields + 'a> {
        Row::boxed(organisation, transaction)
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request, sent)
    }
}
