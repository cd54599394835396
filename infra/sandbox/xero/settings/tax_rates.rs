//! `/TaxRates`: found by their tax type; `TaxType` is what lines carry.
//!
//! <https://developer.xero.com/documentation/api/accounting/taxrates>. One a request; a rate is deleted by its
//! status, and keeps its name and type.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::head::sent_id;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::Part;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, places, read_number};
use crate::xero::writing::{Refused, given, text_within};

const LONGEST_NAME: usize = 50;
/// What a rate may be reported as in New Zealand.
/// <https://developer.xero.com/documentation/api/accounting/types#report-tax-types>
const REPORT_TYPES: [&str; 4] = ["OUTPUT", "INPUT", "GSTONIMPORTS", "NONE"];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TaxRate {
    /// Never shown: Xero knows rates by their tax type.
    pub id: Uuid,
    pub name: String,
    pub tax_type: String,
    /// In percent, of all components.
    pub rate: Decimal,
    pub components: Vec<TaxComponent>,
    pub report_type: String,
    pub active: bool,
    pub for_revenue: bool,
    pub for_expenses: bool,
    /// For assets and equity; liabilities take every rate.
    pub for_balances: bool,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TaxComponent {
    pub name: String,
    /// In percent.
    pub rate: Decimal,
    /// On top of the other components too.
    pub is_compound: bool,
    pub is_non_recoverable: bool,
}

pub(crate) fn type_key(tax_type: &str) -> String {
    format!("type:{tax_type}")
}

fn name_key(name: &str) -> String {
    format!("name:{}", name.to_lowercase())
}

impl Document for TaxRate {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        vec![type_key(&self.tax_type), name_key(&self.name)]
    }
}

impl TaxRate {
    /// Of one component, for sales and purchases.
    pub(crate) fn new(id: Uuid, name: &str, tax_type: &str, rate: Decimal, now: Timestamp) -> Self {
        let component =
            TaxComponent { name: "GST".to_owned(), rate, is_compound: false, is_non_recoverable: false };
        let report_type = match tax_type {
            fixed @ ("NONE" | "GSTONIMPORTS") => fixed,
            purchases if purchases.starts_with("INPUT") => "INPUT",
            _ => "OUTPUT",
        };
        Self {
            id,
            name: name.to_owned(),
            tax_type: tax_type.to_owned(),
            rate,
            components: vec![component],
            report_type: report_type.to_owned(),
            active: true,
            for_revenue: true,
            for_expenses: true,
            for_balances: true,
            updated: now,
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
    const MOST_WRITTEN: usize = 1;
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Name");
    const PARTS: &'static [Part] = &[];
    const FIELDS: &'static [&'static str] = &[
        "name",
        "taxtype",
        "reporttaxtype",
        "status",
        "canapplytoassets",
        "canapplytoequity",
        "canapplytoexpenses",
        "canapplytoliabilities",
        "canapplytorevenue",
        "displaytaxrate",
        "effectiverate",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<TaxRate> {
        &shelves.tax_rates
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a TaxRate> {
        organisation.shelves.tax_rates.find(&type_key(key))
    }

    fn show(_: &Organisation, _: &Request, tax: &TaxRate, _: View) -> Map<String, Value> {
        let rate = wire::number(tax.rate);
        let components = tax.components.iter().map(|component| {
            json!({
                "Name": component.name, "Rate": wire::number(component.rate),
                "IsCompound": component.is_compound, "IsNonRecoverable": component.is_non_recoverable,
            })
        });
        wire::fields(json!({
            "Name": tax.name, "TaxType": tax.tax_type, "ReportTaxType": tax.report_type,
            "CanApplyToAssets": tax.for_balances, "CanApplyToEquity": tax.for_balances,
            "CanApplyToExpenses": tax.for_expenses, "CanApplyToLiabilities": true,
            "CanApplyToRevenue": tax.for_revenue, "DisplayTaxRate": rate, "EffectiveRate": rate,
            "Status": if tax.active { "ACTIVE" } else { "DELETED" },
            "TaxComponents": components.collect::<Vec<_>>(),
        }))
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        let before = find(organisation, request, sent)?;
        let mut messages = Messages::default();
        let mut rate = match before {
            Some(held) => held,
            None => blank(organisation, request, sent, &mut messages),
        };
        read(organisation, sent, &mut rate, &mut messages);
        if !messages.is_empty() {
            return Err(Refused::Element { id: None, messages });
        }
        rate.updated = request.now;
        let id = rate.id;
        organisation.shelves.tax_rates.put(rate);
        Ok(id)
    }
}

/// By the id that a path stands for, by tax type, then by name.
fn find(
    organisation: &Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Option<TaxRate>, Refused> {
    let rates = &organisation.shelves.tax_rates;
    let by_path = match sent_id(sent, TaxRates::ID)? {
        Some(id) => Some(rates.get(id).ok_or(Refused::NotFound)?),
        None => None,
    };
    let tax_type = given(sent, "TaxType");
    let held = match (by_path, tax_type) {
        (Some(held), Some(other)) if other != held.tax_type => {
            let message = format!("The TaxType '{other}' is not the one in the path, '{}'", held.tax_type);
            return Err(Refused::because(None, message));
        }
        (Some(held), _) => Some(held),
        (None, Some(tax_type)) => {
            let held = rates.find(&type_key(&tax_type));
            Some(held.ok_or_else(|| {
                Refused::because(None, format!("The TaxType code '{tax_type}' does not exist"))
            })?)
        }
        (None, None) => given(sent, "Name").and_then(|name| rates.find(&name_key(&name))),
    };
    match held {
        Some(_) if request.method == "PUT" => Err(Refused::because(None, "Please enter a unique Name.")),
        held => Ok(held.cloned()),
    }
}

/// Xero gives the type: `TAX001` and on. What it applies to follows from how it is reported.
fn blank(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    messages: &mut Messages,
) -> TaxRate {
    let free = (1..).map(|number| format!("TAX{number:03}"));
    let mut free = free.filter(|code| organisation.shelves.tax_rates.find(&type_key(code)).is_none());
    let tax_type = free.next().unwrap_or_default();
    if sent.get("TaxComponents").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        messages.push("At least one TaxComponent must be specified".to_owned());
    }
    if given(sent, "Name").is_none() {
        messages.push("Name must be specified".to_owned());
    }
    let report_type = given(sent, "ReportTaxType").unwrap_or_else(|| {
        messages.push("ReportTaxType must be specified".to_owned());
        REPORT_TYPES[0].to_owned()
    });
    let id = organisation.ids.next();
    let mut rate = TaxRate::new(id, "", &tax_type, Decimal::ZERO, request.now);
    rate.for_revenue = report_type != "INPUT";
    rate.for_expenses = report_type != "OUTPUT";
    rate.report_type = report_type;
    rate
}

fn read(organisation: &Organisation, sent: &Map<String, Value>, rate: &mut TaxRate, messages: &mut Messages) {
    if let Some(name) = text_within(sent, "Name", LONGEST_NAME, messages).filter(|name| !name.is_empty()) {
        let holder = organisation.shelves.tax_rates.find(&name_key(&name));
        if holder.is_some_and(|holder| holder.id != rate.id) {
            messages.push("Please enter a unique Name.".to_owned());
        }
        rate.name = name;
    }
    if let Some(report_type) = given(sent, "ReportTaxType") {
        if !REPORT_TYPES.contains(&report_type.as_str()) {
            messages.push(format!("The ReportTaxType '{report_type}' is not valid"));
        }
        rate.report_type = report_type;
    }
    match given(sent, "Status").as_deref() {
        None => {}
        Some("ACTIVE") => rate.active = true,
        Some("DELETED") => rate.active = false,
        Some(other) => messages.push(format!("The Status '{other}' is not valid")),
    }
    let components = sent.get("TaxComponents").and_then(Value::as_array).filter(|all| !all.is_empty());
    if let Some(components) = components {
        let components = components.iter().filter_map(Value::as_object);
        rate.components = components.map(|sent| read_component(sent, messages)).collect();
        if rate.components.iter().filter(|component| component.is_compound).count() > 1 {
            messages.push("Only one TaxComponent may be compound".to_owned());
        }
        rate.rate = effective(&rate.components);
    }
}

fn read_component(sent: &Map<String, Value>, messages: &mut Messages) -> TaxComponent {
    let rate = sent.get("Rate").and_then(read_number);
    let rate = rate.filter(|rate| *rate >= Decimal::ZERO && *rate <= Decimal::ONE_HUNDRED);
    if rate.is_none() {
        messages.push("The Rate of a TaxComponent must be between 0 and 100".to_owned());
    }
    let flag = |field: &str| sent.get(field).and_then(Value::as_bool).unwrap_or_default();
    TaxComponent {
        name: given(sent, "Name").unwrap_or_default(),
        rate: places(rate.unwrap_or_default(), 4).normalize(),
        is_compound: flag("IsCompound"),
        is_non_recoverable: flag("IsNonRecoverable"),
    }
}

/// The compound one is taken on the amount with the others' tax.
fn effective(components: &[TaxComponent]) -> Decimal {
    let (compound, plain): (Vec<_>, Vec<_>) = components.iter().partition(|component| component.is_compound);
    let plain: Decimal = plain.iter().map(|component| component.rate).sum();
    let compound: Decimal = compound.iter().map(|component| component.rate).sum();
    let on_top = compound * (Decimal::ONE_HUNDRED + plain) / Decimal::ONE_HUNDRED;
    places(plain + on_top, 4).normalize()
}
