//! The accounting API's endpoints: one row each. Adding a kind adds a row.
//!
//! One of a row's scopes is enough; reading is content with its `.read`. The broad scopes of old apps follow from
//! these (`identity/scopes.rs`).
//! <https://developer.xero.com/documentation/guides/oauth2/scopes/>

use super::answer::{Found, Refusal, Reply};
use super::browse::{self, Browse};
use super::documents::bank_transactions::BankTransactions;
use super::documents::bank_transfers::BankTransfers;
use super::documents::batch_payments::BatchPayments;
use super::documents::contacts::Contacts;
use super::documents::credit_notes::CreditNotes;
use super::documents::invoices::Invoices;
use super::documents::manual_journals::ManualJournals;
use super::documents::overpayments::Overpayments;
use super::documents::payments::Payments;
use super::documents::prepayments::Prepayments;
use super::documents::purchase_orders::PurchaseOrders;
use super::documents::quotes::Quotes;
use super::documents::repeating_invoices::RepeatingInvoices;
use super::organisation::Organisation;
use super::parts::Part;
use super::reading;
use super::reports::{aged, balance_sheet, bank_summary, executive_summary, profit_and_loss, trial_balance};
use super::request::Request;
use super::resource::{self, Resource};
use super::settings::accounts::Accounts;
use super::settings::branding_themes::BrandingThemes;
use super::settings::contact_groups::ContactGroups;
use super::settings::currencies::Currencies;
use super::settings::items::Items;
use super::settings::organisation;
use super::settings::tax_rates::TaxRates;
use super::settings::tracking::TrackingCategories;
use super::settings::users::Users;
use super::{door, projects};

type Serve = fn(&mut Organisation, &Request) -> Result<Reply, Refusal>;
type List = fn(&Organisation, &Request) -> Result<Found, Refusal>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    /// As `door::inner` has it; may have several words, e.g. `Reports/BalanceSheet`.
    pub(crate) path: &'static str,
    scopes: &'static [&'static str],
    pub(crate) serve: Serve,
    parts: &'static [Part],
    /// For kinds of documents: the list alone.
    pub(crate) list: Option<List>,
    /// For the same kinds: how people look at them.
    pub(crate) browse: Option<Browse>,
}

const CONTACTS: &[&str] = &["accounting.contacts"];
const INVOICES: &[&str] = &["accounting.invoices"];
const PAYMENTS: &[&str] = &["accounting.payments"];
const BANK: &[&str] = &["accounting.banktransactions"];
const JOURNALS: &[&str] = &["accounting.manualjournals"];
const SETTINGS: &[&str] = &["accounting.settings"];
const ITEMS: &[&str] = &["accounting.settings", "accounting.invoices"];

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    kind::<Contacts>("Contacts", CONTACTS),
    kind::<ContactGroups>("ContactGroups", CONTACTS),
    kind::<Invoices>("Invoices", INVOICES),
    kind::<CreditNotes>("CreditNotes", INVOICES),
    kind::<Payments>("Payments", PAYMENTS),
    kind::<BatchPayments>("BatchPayments", PAYMENTS),
    kind::<Prepayments>("Prepayments", PAYMENTS),
    kind::<Overpayments>("Overpayments", PAYMENTS),
    kind::<BankTransactions>("BankTransactions", BANK),
    kind::<BankTransfers>("BankTransfers", BANK),
    kind::<ManualJournals>("ManualJournals", JOURNALS),
    kind::<PurchaseOrders>("PurchaseOrders", INVOICES),
    kind::<Quotes>("Quotes", INVOICES),
    kind::<RepeatingInvoices>("RepeatingInvoices", INVOICES),
    kind::<Accounts>("Accounts", SETTINGS),
    kind::<BrandingThemes>("BrandingThemes", SETTINGS),
    kind::<Currencies>("Currencies", SETTINGS),
    kind::<Items>("Items", ITEMS),
    single(door::PROJECTS, &["projects"], projects::serve),
    single("Organisation", SETTINGS, organisation::serve),
    single("Organisations", SETTINGS, organisation::serve),
    kind::<TaxRates>("TaxRates", SETTINGS),
    kind::<TrackingCategories>("TrackingCategories", SETTINGS),
    single("Reports/AgedPayablesByContact", &["accounting.reports.aged.read"], aged::payables),
    single("Reports/AgedReceivablesByContact", &["accounting.reports.aged.read"], aged::receivables),
    single("Reports/BalanceSheet", &["accounting.reports.balancesheet.read"], balance_sheet::serve),
    single("Reports/BankSummary", &["accounting.reports.banksummary.read"], bank_summary::serve),
    single(
        "Reports/ExecutiveSummary",
        &["accounting.reports.executivesummary.read"],
        executive_summary::serve,
    ),
    single("Reports/ProfitAndLoss", &["accounting.reports.profitandloss.read"], profit_and_loss::serve),
    single("Reports/TrialBalance", &["accounting.reports.trialbalance.read"], trial_balance::serve),
    kind::<Users>("Users", SETTINGS),
];

const fn kind<R: Resource>(path: &'static str, scopes: &'static [&'static str]) -> Endpoint {
    Endpoint {
        path,
        scopes,
        serve: resource::serve::<R>,
        parts: R::PARTS,
        list: Some(reading::list::<R>),
        browse: Some(browse::newest::<R>),
    }
}

/// Something that is no collection of documents.
const fn single(path: &'static str, scopes: &'static [&'static str], serve: Serve) -> Endpoint {
    Endpoint { path, scopes, serve, parts: &[], list: None, browse: None }
}

/// The row whose words the path begins with; the longest one wins.
pub(crate) fn endpoint(path: &[String]) -> Option<&'static Endpoint> {
    let begins = |endpoint: &&Endpoint| {
        let mut words = path.iter();
        endpoint.path.split('/').all(|word| words.next().is_some_and(|one| one == word))
    };
    ENDPOINTS.iter().filter(begins).max_by_key(|endpoint| endpoint.path.len())
}

impl Endpoint {
    /// A part may ask for scopes of its own.
    pub(crate) fn scopes(&self, request: &Request) -> &'static [&'static str] {
        let part = request.path.get(2).and_then(|name| self.parts.iter().find(|part| part.name == name));
        part.map(|part| part.scopes).filter(|scopes| !scopes.is_empty()).unwrap_or(self.scopes)
    }
}
