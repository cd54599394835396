//! `/TaxRates`: found by their tax type; `TaxType` is what lines carry.
//!
//! <https://developer.xero.com/documentation/api/accounting/taxrates>

use jiff::Timestamp;
use rust_decimal::Decimal;
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
pub struct TaxRate {
    /// Never shown: Xero knows rates by their tax type.
    pub id: Uuid,
    pub name: String,
    pub tax_type: String,
    /// In percent.
    pub rate: Decimal,
    pub active: bool,
    pub for_revenue: bool,
    pub for_expenses: bool,
    pub updated: Timestamp,
}

pub(crate) fn type_key(tax_type: &str) -> String {
    format!("type:{tax_type}")
}

impl Document for TaxRate {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        vec![type_key(&self.tax_type)]
    }
}

impl TaxRate {
    /// One of a closed list that the official clients check.
    fn report_type(&self) -> &str {
        match self.tax_type.as_str() {
            fixed @ ("NONE" | "GSTONIMPORTS") => fixed,
            _ if self.for_revenue => "OUTPUT",
            _ => "INPUT",
        }
    }
}

impl Organisation {
    pub(crate) fn tax_rate(&self, tax_type: &str) -> Option<&TaxRate> {
        self.shelves.tax_rates.find_all(&type_key(tax_type)).find(|rate| rate.active)
    }
}

pub(crate) struct TaxRates;

impl Resource for TaxRates {
    type Document = TaxRate;
    const KEY: &'static str = "TaxRates";
    const ID: &'static str = "TaxRateID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Name");
    const PARTS: &'static [Part] = &[];

    fn shelf(shelves: &Shelves) -> &Shelf<TaxRate> {
        &shelves.tax_rates
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a TaxRate> {
        organisation.shelves.tax_rates.find(&type_key(key))
    }

    fn show(_: &Organisation, _: &Request, tax: &TaxRate, _: View) -> Map<String, Value> {
        let rate = wire::number(tax.rate);
        let body = json!({
            "Name": tax.name, "TaxType": tax.tax_type, "ReportTaxType": tax.report_type(),
            "CanApplyToAssets": true, "CanApplyToEquity": true, "CanApplyToExpenses": tax.for_expenses,
            "CanApplyToLiabilities": true, "CanApplyToRevenue": tax.for_revenue,
            "DisplayTaxRate": rate, "EffectiveRate": rate,
            "Status": if tax.active { "ACTIVE" } else { "DELETED" },
            "TaxComponents":
                [{ "Name": "GST", "Rate": rate, "IsCompound": false, "IsNonRecoverable": false }],
        });
        wire::fields(body)
    }
}
