//! The demo company that an organisation begins as: its chart of accounts, tax rates, tracking, theme, people.
//!
//! Accounts, tax rates and tracking follow the recorded demo company of New Zealand.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::organisation::Organisation;
use super::settings::accounts::SystemAccount;
use super::settings::branding_themes::BrandingTheme;
use super::settings::tax_rates::TaxRate;
use super::settings::users::User;

impl Organisation {
    pub(crate) fn demo(name: &str, seed: u64, created: Timestamp) -> Self {
        let mut organisation = Self::new(name, seed, created);
        let theme = BrandingTheme {
            id: organisation.ids.next(),
            name: "Standard".to_owned(),
            sort_order: 0,
            created,
        };
        organisation.shelves.branding_themes.put(theme);
        for (code, name, kind, class, tax_type) in ACCOUNTS {
            organisation.add_account(code, name, kind, class, tax_type, created);
        }
        for (code, system) in SYSTEM_ACCOUNTS {
            if let Some(mut account) = organisation.account(code).cloned() {
                account.system = Some(*system);
                organisation.shelves.accounts.put(account);
            }
        }
        for (name, tax_type, rate, active, for_revenue, for_expenses) in TAX_RATES {
            let (id, percent) = (organisation.ids.next(), Decimal::new(*rate, 1));
            let mut rate = TaxRate::new(id, name, tax_type, percent, created);
            (rate.active, rate.for_revenue, rate.for_expenses) = (*active, *for_revenue, *for_expenses);
            rate.for_balances = !matches!(*tax_type, "GSTONIMPORTS" | "ZERORATED");
            organisation.shelves.tax_rates.put(rate);
        }
        organisation.add_currency("NZD", "New Zealand Dollar", created);
        organisation.add_tracking("Region", &["Eastside", "North", "South", "West Coast"], created);
        for (first_name, last_name, email, is_subscriber, role) in USERS {
            let id = organisation.ids.next();
            organisation.shelves.users.put(User {
                id,
                email: email.to_owned(),
                first_name: first_name.to_owned(),
                last_name: last_name.to_owned(),
                is_subscriber,
                role: role.to_owned(),
                updated: created,
            });
        }
        organisation.shelves.forget_journal();
        organisation
    }
}

/// First and last name, e-mail address, subscriber, role.
const USERS: [(&str, &str, &str, bool, &str); 2] = [
    ("Olive", "Owner", "olive.owner@example.com", true, "FINANCIALADVISER"),
    ("Bruno", "Books", "bruno.books@example.com", false, "STANDARD"),
];

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
    ("497", "Bank Revaluations", "EXPENSE", "EXPENSE", "NONE"),
    ("498", "Unrealised Currency Gains", "EXPENSE", "EXPENSE", "NONE"),
    ("499", "Realised Currency Gains", "EXPENSE", "EXPENSE", "NONE"),
    ("610", "Accounts Receivable", "CURRENT", "ASSET", "NONE"),
    ("620", "Prepayments", "CURRENT", "ASSET", "NONE"),
    ("710", "Office Equipment", "FIXED", "ASSET", "INPUT2"),
    ("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "NONE"),
    ("801", "Unpaid Expense Claims", "CURRLIAB", "LIABILITY", "NONE"),
    ("820", "GST", "CURRLIAB", "LIABILITY", "NONE"),
    ("840", "Historical Adjustment", "CURRLIAB", "LIABILITY", "NONE"),
    ("860", "Rounding", "CURRLIAB", "LIABILITY", "NONE"),
    ("877", "Tracking Transfers", "CURRLIAB", "LIABILITY", "NONE"),
    ("880", "Owner A Drawings", "EQUITY", "EQUITY", "NONE"),
    ("900", "Loan", "TERMLIAB", "LIABILITY", "NONE"),
    ("960", "Retained Earnings", "EQUITY", "EQUITY", "NONE"),
    ("970", "Owner A Share Capital", "EQUITY", "EQUITY", "NONE"),
];

const SYSTEM_ACCOUNTS: &[(&str, SystemAccount)] = &[
    ("497", SystemAccount::BankCurrencyGain),
    ("498", SystemAccount::UnrealisedCurrencyGain),
    ("499", SystemAccount::RealisedCurrencyGain),
    ("610", SystemAccount::Debtors),
    ("800", SystemAccount::Creditors),
    ("801", SystemAccount::UnpaidExpenseClaims),
    ("820", SystemAccount::Gst),
    ("840", SystemAccount::Historical),
    ("860", SystemAccount::Rounding),
    ("877", SystemAccount::TrackingTransfers),
    ("960", SystemAccount::RetainedEarnings),
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
