//! `/Accounts`: the chart of accounts, and which of them the books themselves lean on. Writing is in `rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/accounts>

mod rules;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::xero::answer::{Refusal, Reply};
use crate::xero::body::Put;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::Refused;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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
    pub description: String,
    pub show_in_expense_claims: bool,
    pub add_to_watchlist: bool,
    /// Bank accounts have one.
    pub bank_account: Option<BankAccount>,
    /// What the books use it for by themselves.
    pub system: Option<SystemAccount>,
    pub updated: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BankAccount {
    pub number: String,
    /// `BANK`, `CREDITCARD` or `PAYPAL`
    pub kind: String,
    pub currency: String,
}

/// Accounts that every organisation has, and that documents post to without naming them.
/// <https://developer.xero.com/documentation/api/accounting/types#system-accounts>
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SystemAccount {
    Debtors,
    Creditors,
    Gst,
    Rounding,
    Historical,
    RetainedEarnings,
    RealisedCurrencyGain,
    UnrealisedCurrencyGain,
    BankCurrencyGain,
    TrackingTransfers,
    UnpaidExpenseClaims,
}

impl SystemAccount {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debtors => "DEBTORS",
            Self::Creditors => "CREDITORS",
            Self::Gst => "GST",
            Self::Rounding => "ROUNDING",
            Self::Historical => "HISTORICAL",
            Self::RetainedEarnings => "RETAINEDEARNINGS",
            Self::RealisedCurrencyGain => "REALISEDCURRENCYGAIN",
            Self::UnrealisedCurrencyGain => "UNREALISEDCURRENCYGAIN",
            Self::BankCurrencyGain => "BANKCURRENCYGAIN",
            Self::TrackingTransfers => "TRACKINGTRANSFERS",
            Self::UnpaidExpenseClaims => "UNPAIDEXPCLM",
        }
    }
}

pub(crate) fn code_key(code: &str) -> String {
    format!("code:{code}")
}

fn name_key(name: &str) -> String {
    format!("name:{}", name.to_lowercase())
}

fn system_key(account: SystemAccount) -> String {
    format!("system:{}", account.as_str())
}

impl Document for Account {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    fn keys(&self) -> Vec<String> {
        let code = Some(code_key(&self.code)).filter(|_| !self.code.is_empty());
        code.into_iter().chain([name_key(&self.name)]).chain(self.system.map(system_key)).collect()
    }
}

impl Account {
    /// Whether it says what is owed: it follows from documents that can be settled, and from nothing else.
    pub(crate) fn is_control(&self) -> bool {
        matches!(self.system, Some(SystemAccount::Debtors | SystemAccount::Creditors))
    }

    /// Whether lines may name it. What is in the bank, and what is owed, follows from documents themselves.
    pub(crate) fn takes_lines(&self) -> bool {
        self.active && self.kind != "BANK" && !self.is_control()
    }
}

impl Organisation {
    pub(crate) fn account(&self, code: &str) -> Option<&Account> {
        self.shelves.accounts.find(&code_key(code))
    }

    /// Whether lines of documents may name it.
    pub(crate) fn is_usable(&self, code: &str) -> bool {
        self.account(code).is_some_and(Account::takes_lines)
    }

    /// What the money on it is in; of an account that is no bank's, the organisation's own.
    pub(crate) fn currency_of_account(&self, account: Uuid) -> &str {
        let bank = self.shelves.accounts.get(account).and_then(|account| account.bank_account.as_ref());
        bank.map_or(&self.base_currency, |bank| &bank.currency)
    }

    /// Every organisation has them all; nobody can archive or delete one.
    pub(crate) fn system_account(&self, account: SystemAccount) -> Uuid {
        self.shelves.accounts.find(&system_key(account)).map(|account| account.id).unwrap_or_default()
    }

    /// An account with the same code keeps its id and its place in the books.
    pub(crate) fn add_account(
        &mut self,
        code: &str,
        name: &str,
        kind: &str,
        class: &str,
        tax_type: &str,
        now: Timestamp,
    ) -> Uuid {
        let held = self.account(code).map(|held| (held.id, held.system));
        let (id, system) = held.unwrap_or_else(|| (self.ids.next(), None));
        let bank_account = (kind == "BANK").then(|| BankAccount {
            number: format!("12010203456{code}"),
            kind: "BANK".to_owned(),
            currency: self.base_currency.clone(),
        });
        self.shelves.accounts.put(Account {
            id,
            code: code.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            class: class.to_owned(),
            tax_type: tax_type.to_owned(),
            active: true,
            enable_payments: false,
            description: String::new(),
            show_in_expense_claims: false,
            add_to_watchlist: false,
            bank_account,
            system,
            updated: now,
        });
        id
    }
}

pub(crate) struct Accounts;

impl Resource for Accounts {
    type Document = Account;
    const KEY: &'static str = "Accounts";
    const ID: &'static str = "AccountID";
    const MOST_WRITTEN: usize = 1;
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Code");
    const FIELDS: &'static [&'static str] = &[
        "accountid",
        "code",
        "name",
        "status",
        "type",
        "taxtype",
        "description",
        "class",
        "systemaccount",
        "enablepaymentstoaccount",
        "showinexpenseclaims",
        "bankaccountnumber",
        "bankaccounttype",
        "currencycode",
        "reportingcode",
        "hasattachments",
        "updateddateutc",
        "addtowatchlist",
    ];
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<Account> {
        &shelves.accounts
    }

    fn show(_: &Organisation, _: &Request, account: &Account, _: View) -> Map<String, Value> {
        let mut body = Map::new();
        body.put("AccountID", account.id.to_string());
        body.put("Code", account.code.as_str());
        body.put("Name", account.name.as_str());
        body.put("Status", if account.active { "ACTIVE" } else { "ARCHIVED" });
        body.put("Type", account.kind.as_str());
        body.put("TaxType", account.tax_type.as_str());
        body.put_text("Description", &account.description);
        body.put("Class", account.class.as_str());
        body.put_some("SystemAccount", account.system.map(SystemAccount::as_str));
        body.put("EnablePaymentsToAccount", account.enable_payments);
        body.put("ShowInExpenseClaims", account.show_in_expense_claims);
        if let Some(bank) = &account.bank_account {
            body.put("BankAccountNumber", bank.number.as_str());
            body.put("BankAccountType", bank.kind.as_str());
            body.put("CurrencyCode", bank.currency.as_str());
        }
        body.put("ReportingCode", account.class.get(..3).unwrap_or_default());
        body.put("HasAttachments", false);
        body.put("UpdatedDateUTC", wire::stamp(account.updated));
        body.put("AddToWatchlist", account.add_to_watchlist);
        body
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        rules::save(organisation, request, sent)
    }

    fn delete(organisation: &mut Organisation, request: &Request, id: Uuid) -> Result<Reply, Refusal> {
        rules::delete(organisation, request, id)
    }
}
