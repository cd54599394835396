//! One organisation (tenant): its settings, its contacts and documents, and the demo company they begin as.
//!
//! Accounts, tax rates and tracking follow the recorded demo company of New Zealand.

use jiff::Timestamp;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::contact::Contact;
use super::history::HistoryRecord;
use super::invoice::Invoice;
use super::limits::Tier;
use super::shelf::Shelf;
use super::wire;

/// Ids that follow from the seed.
#[derive(Debug, Clone)]
pub(crate) struct Ids(StdRng);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(crate) fn next(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid()
    }
}

#[derive(Debug, Clone)]
pub struct Account {
    pub id: Uuid,
    pub code: String,
    pub name: String,
    /// `REVENUE`, `EXPENSE`, `BANK`, …
    pub kind: String,
    /// `REVENUE`, `EXPENSE`, `ASSET`, `LIABILITY`, `EQUITY`
    pub class: String,
    pub tax_type: String,
    pub active: bool,
    pub enable_payments: bool,
}

#[derive(Debug, Clone)]
pub struct TaxRate {
    pub name: String,
    pub tax_type: String,
    /// In percent.
    pub rate: Decimal,
    pub active: bool,
    pub for_revenue: bool,
    pub for_expenses: bool,
}

#[derive(Debug, Clone)]
pub struct TrackingCategory {
    pub id: Uuid,
    pub name: String,
    pub active: bool,
    pub options: Vec<(Uuid, String)>,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub description: String,
    pub unit_price: Option<Decimal>,
    pub account_code: Option<String>,
    pub tax_type: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    pub(crate) tenant_id: Uuid,
    pub(crate) name: String,
    pub(crate) base_currency: String,
    pub(crate) currencies: Vec<String>,
    pub(crate) time_zone: &'static str,
    pub(crate) tier: Tier,
    pub(crate) period_lock: Option<Date>,
    pub(crate) year_end_lock: Option<Date>,
    pub(crate) created: Timestamp,
    pub(crate) branding_theme: Uuid,
    pub(crate) accounts: Vec<Account>,
    pub(crate) tax_rates: Vec<TaxRate>,
    pub(crate) tracking: Vec<TrackingCategory>,
    pub(crate) items: Vec<Item>,
    pub(crate) contacts: Shelf<Contact>,
    pub(crate) invoices: Shelf<Invoice>,
    pub(crate) next_invoice: u32,
    pub(crate) history: Vec<HistoryRecord>,
    /// Who is at it now, for the history: an app, or a person.
    pub(crate) actor: String,
    pub(crate) ids: Ids,
}

/// Where the journals stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    contacts: usize,
    invoices: usize,
    history: usize,
    next_invoice: u32,
}

impl Organisation {
    pub(crate) fn demo(name: &str, seed: u64, created: Timestamp) -> Self {
        let mut ids = Ids::new(seed);
        let mut organisation = Self {
            tenant_id: ids.next(),
            name: name.to_owned(),
            base_currency: "NZD".to_owned(),
            currencies: vec!["NZD".to_owned()],
            time_zone: "Pacific/Auckland",
            tier: Tier::default(),
            period_lock: None,
            year_end_lock: None,
            created,
            branding_theme: ids.next(),
            accounts: Vec::new(),
            tax_rates: Vec::new(),
            tracking: Vec::new(),
            items: Vec::new(),
            contacts: Shelf::default(),
            invoices: Shelf::default(),
            next_invoice: 1,
            history: Vec::new(),
            actor: String::new(),
            ids,
        };
        for (code, name, kind, class, tax_type) in ACCOUNTS {
            organisation.add_account(code, name, kind, class, tax_type);
        }
        for (name, tax_type, rate, active, for_revenue, for_expenses) in TAX_RATES {
            organisation.tax_rates.push(TaxRate {
                name: (*name).to_owned(),
                tax_type: (*tax_type).to_owned(),
                rate: Decimal::new(*rate, 1),
                active: *active,
                for_revenue: *for_revenue,
                for_expenses: *for_expenses,
            });
        }
        organisation.add_tracking("Region", &["Eastside", "North", "South", "West Coast"]);
        organisation
    }

    pub(crate) fn add_account(&mut self, code: &str, name: &str, kind: &str, class: &str, tax_type: &str) {
        let account = Account {
            id: self.ids.next(),
            code: code.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            class: class.to_owned(),
            tax_type: tax_type.to_owned(),
            active: true,
            enable_payments: false,
        };
        self.accounts.retain(|other| other.code != code);
        self.accounts.push(account);
    }

    pub(crate) fn add_tracking(&mut self, name: &str, options: &[&str]) {
        let category = TrackingCategory {
            id: self.ids.next(),
            name: name.to_owned(),
            active: true,
            options: options.iter().map(|option| (self.ids.next(), (*option).to_owned())).collect(),
        };
        self.tracking.push(category);
    }

    pub(crate) fn account(&self, code: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.code == code)
    }

    pub(crate) fn tax_rate(&self, tax_type: &str) -> Option<&TaxRate> {
        self.tax_rates.iter().find(|rate| rate.tax_type == tax_type && rate.active)
    }

    pub(crate) fn item(&self, code: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.code.eq_ignore_ascii_case(code))
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            contacts: self.contacts.mark(),
            invoices: self.invoices.mark(),
            history: self.history.len(),
            next_invoice: self.next_invoice,
        }
    }

    pub(crate) fn roll_back(&mut self, mark: Mark) {
        self.contacts.roll_back(mark.contacts);
        self.invoices.roll_back(mark.invoices);
        self.history.truncate(mark.history);
        self.next_invoice = mark.next_invoice;
    }

    pub(crate) fn forget_journal(&mut self) {
        self.contacts.forget_journal();
        self.invoices.forget_journal();
    }

    /// The calendar day where the organisation is.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        now.in_tz(self.time_zone)
            .map_or_else(|_| now.to_zoned(jiff::tz::TimeZone::UTC).date(), |at| at.date())
    }

    /// Why a document of this day can't be written, in Xero's words.
    pub(crate) fn locked(&self, date: Date) -> Option<String> {
        let sentence = |which: &str, lock: Date| {
            format!(
                "The document date cannot be before the {which} lock date, currently set at {}",
                lock.strftime("%d-%b-%Y")
            )
        };
        let year_end = self.year_end_lock.filter(|lock| date <= *lock);
        let period = self.period_lock.filter(|lock| date <= *lock);
        year_end
            .map(|lock| sentence("end of year", lock))
            .or_else(|| period.map(|lock| sentence("period", lock)))
    }

    pub(crate) fn as_json(&self) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("Name", self.name.as_str().into());
        put("LegalName", self.name.as_str().into());
        put("PaysTax", true.into());
        put("Version", "NZ".into());
        put("OrganisationType", "COMPANY".into());
        put("BaseCurrency", self.base_currency.as_str().into());
        put("CountryCode", "NZ".into());
        put("IsDemoCompany", true.into());
        put("OrganisationStatus", "ACTIVE".into());
        put("FinancialYearEndDay", 31.into());
        put("FinancialYearEndMonth", 3.into());
        put("SalesTaxBasis", "PAYMENTS".into());
        put("SalesTaxPeriod", "TWOMONTHS".into());
        put("DefaultSalesTax", "Remember previous".into());
        put("DefaultPurchasesTax", "Remember previous".into());
        if let Some(lock) = self.period_lock {
            put("PeriodLockDate", wire::day(lock));
        }
        if let Some(lock) = self.year_end_lock {
            put("EndOfYearLockDate", wire::day(lock));
        }
        put("CreatedDateUTC", wire::bare_stamp(self.created));
        put("OrganisationEntityType", "COMPANY".into());
        put("Timezone", "NEWZEALANDSTANDARDTIME".into());
        put("ShortCode", format!("!{}", &self.tenant_id.simple().to_string()[..5]).into());
        put("OrganisationID", self.tenant_id.to_string().into());
        put("Edition", "BUSINESS".into());
        put("Class", "DEMO".into());
        put("Addresses", json!([]));
        put("Phones", json!([]));
        put("ExternalLinks", json!([]));
        put("PaymentTerms", json!({}));
        Value::Object(body)
    }
}

/// Code, name, type, class, default tax type.
const ACCOUNTS: &[(&str, &str, &str, &str, &str)] = &[
    ("090", "Business Bank Account", "BANK", "ASSET", "NONE"),
    ("091", "Business Savings Account", "BANK", "ASSET", "NONE"),
    ("200", "Sales", "REVENUE", "REVENUE", "OUTPUT2"),
    ("210", "Services", "REVENUE", "REVENUE", "OUTPUT2"),
    ("260", "Other Revenue", "REVENUE", "REVENUE", "OUTPUT2"),
    ("270", "Interest Income", "REVENUE", "REVENUE", "NONE"),
    ("300", "Purchases", "DIRECTCOSTS", "EXPENSE", "INPUT2"),
    ("400", "Advertising", "EXPENSE", "EXPENSE", "INPUT2"),
    ("404", "Bank Fees", "EXPENSE", "EXPENSE", "NONE"),
    ("412", "Consulting & Accounting", "EXPENSE", "EXPENSE", "INPUT2"),
    ("445", "Light, Power, Heating", "EXPENSE", "EXPENSE", "INPUT2"),
    ("453", "Office Expenses", "EXPENSE", "EXPENSE", "INPUT2"),
    ("610", "Accounts Receivable", "CURRENT", "ASSET", "NONE"),
    ("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "NONE"),
    ("820", "GST", "CURRLIAB", "LIABILITY", "NONE"),
];

/// Name, tax type, rate in tenths of a percent, active, for revenue, for expenses.
const TAX_RATES: &[(&str, &str, i64, bool, bool, bool)] = &[
    ("12.5% GST on Expenses", "INPUT", 125, false, false, true),
    ("12.5% GST on Income", "OUTPUT", 125, false, true, false),
    ("15% GST on Expenses", "INPUT2", 150, true, false, true),
    ("15% GST on Income", "OUTPUT2", 150, true, true, false),
    ("GST on Imports", "GSTONIMPORTS", 0, true, false, false),
    ("No GST", "NONE", 0, true, true, true),
    ("Zero Rated", "ZERORATED", 0, true, true, false),
];
