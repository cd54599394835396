//! `/Currencies`: those that the organisation is subscribed to.
//!
//! <https://developer.xero.com/documentation/api/accounting/currencies>

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::organisation::Organisation;
use crate::xero::parts::Part;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;

#[derive(Debug, Clone)]
pub(crate) struct Currency {
    /// Never shown: Xero knows currencies by their code.
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) description: String,
    pub(crate) added: Timestamp,
}

fn currency_key(code: &str) -> String {
    format!("code:{code}")
}

impl Document for Currency {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.added
    }

    fn keys(&self) -> Vec<String> {
        vec![currency_key(&self.code)]
    }
}

impl Organisation {
    pub(crate) fn has_currency(&self, code: &str) -> bool {
        self.shelves.currencies.find(&currency_key(code)).is_some()
    }

    pub(crate) fn add_currency(&mut self, code: &str, description: &str, now: Timestamp) {
        if !self.has_currency(code) {
            self.shelves.currencies.put(Currency {
                id: self.ids.next(),
                code: code.to_owned(),
                description: description.to_owned(),
                added: now,
            });
        }
    }
}

pub(crate) struct Currencies;

impl Resource for Currencies {
    type Document = Currency;
    const KEY: &'static str = "Currencies";
    const ID: &'static str = "CurrencyID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Code");
    const PARTS: &'static [Part] = &[];

    fn shelf(shelves: &Shelves) -> &Shelf<Currency> {
        &shelves.currencies
    }

    fn show(_: &Organisation, _: &Request, currency: &Currency, _: View) -> Map<String, Value> {
        wire::fields(json!({ "Code": currency.code, "Description": currency.description }))
    }
}
