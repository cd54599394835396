//! Money received or spent as it is kept, what it does to the books, and how it is shown. Rules are in `rules.rs`.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::lines::{self, Line};
use crate::xero::documents::postings;
use crate::xero::documents::settlement::{Settled, SettledKind, contact_key};
use crate::xero::documents::stock;
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::filter::{Field, Fields};
use crate::xero::journal::Entry;
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::settings::accounts::Account;
use crate::xero::shelf::Document;
use crate::xero::wire;

/// What the money is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Purpose {
    Plain,
    /// Before there is an invoice: taxed, on accounts of its own.
    Prepayment,
    /// Above what an invoice asks: owed back, and never taxed.
    Overpayment,
    /// One end of a bank transfer; made by it and only by it.
    Transfer,
}

/// <https://developer.xero.com/documentation/api/accounting/types#bank-transactions>
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct BankTransactionType {
    pub(crate) is_received: bool,
    pub(crate) purpose: Purpose,
}

impl BankTransactionType {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let purposes = [Purpose::Plain, Purpose::Prepayment, Purpose::Overpayment, Purpose::Transfer];
        let all = purposes
            .into_iter()
            .flat_map(|purpose| [true, false].map(|is_received| Self { is_received, purpose }));
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match (self.is_received, self.purpose) {
            (true, Purpose::Plain) => "RECEIVE",
            (true, Purpose::Prepayment) => "RECEIVE-PREPAYMENT",
            (true, Purpose::Overpayment) => "RECEIVE-OVERPAYMENT",
            (true, Purpose::Transfer) => "RECEIVE-TRANSFER",
            (false, Purpose::Plain) => "SPEND",
            (false, Purpose::Prepayment) => "SPEND-PREPAYMENT",
            (false, Purpose::Overpayment) => "SPEND-OVERPAYMENT",
            (false, Purpose::Transfer) => "SPEND-TRANSFER",
        }
    }
}

impl Purpose {
    /// What it opens besides.
    pub(crate) fn advance(self) -> Option<SettledKind> {
        match self {
            Self::Prepayment => Some(SettledKind::Prepayment),
            Self::Overpayment => Some(SettledKind::Overpayment),
            Self::Plain | Self::Transfer => None,
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BankTransaction {
    pub(crate) id: Uuid,
    pub(crate) kind: BankTransactionType,
    pub(crate) bank_account: Uuid,
    /// A transfer has none.
    pub(crate) contact: Option<Uuid>,
    pub(crate) date: Date,
    pub(crate) reference: String,
    pub(crate) url: Option<String>,
    pub(crate) is_reconciled: bool,
    pub(crate) is_deleted: bool,
    pub(crate) line_amount_types: LineAmountTypes,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) currency_rate: Decimal,
    pub(crate) sub_total: Decimal,
    pub(crate) total_tax: Decimal,
    pub(crate) total: Decimal,
    /// The prepayment or overpayment that it opened.
    pub(crate) advance: Option<Settled>,
    pub(crate) updated: Timestamp,
}

impl BankTransaction {
    pub(crate) fn status(&self) -> &'static str {
        if self.is_deleted { "DELETED" } else { "AUTHORISED" }
    }

    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("BankTransactionID", self.id.to_string().into());
        if let Some(account) = organisation.shelves.accounts.get(self.bank_account) {
            put("BankAccount", account_block(account));
        }
        put("Type", self.kind.as_str().into());
        if self.kind.purpose == Purpose::Plain || !self.reference.is_empty() {
            put("Reference", self.reference.as_str().into());
        }
        put("IsReconciled", self.is_reconciled.into());
        if let Some(advance) = self.advance {
            put(&format!("{}ID", advance.kind.word()), advance.id.to_string().into());
        }
        put("HasAttachments", false.into());
        if let Some(url) = &self.url {
            put("Url", url.as_str().into());
        }
        if view == View::Single {
            put("Attachments", json!([]));
        }
        if let Some(contact) = self.contact.and_then(|id| organisation.shelves.contacts.get(id)) {
            let whole = matches!(view, View::Written | View::Single);
            let inner = if whole { View::Written } else { View::Embedded };
            put("Contact", Value::Object(contact.as_json(inner)));
        }
        put("DateString", wire::day_text(self.date));
        put("Date", wire::day(self.date));
        put("Status", self.status().into());
        put("LineAmountTypes", self.line_amount_types.as_str().into());
        put("LineItems", lines::as_json(&self.lines, view, unit_places));
        put("SubTotal", wire::money(self.sub_total));
        put("TotalTax", wire::money(self.total_tax));
        put("Total", wire::money(self.total));
        put("UpdatedDateUTC", wire::stamp(self.updated));
        put("CurrencyCode", self.currency.as_str().into());
        if self.currency != organisation.base_currency {
            put("CurrencyRate", wire::number(self.currency_rate));
        }
        body
    }
}

/// An account inside a document.
pub(crate) fn account_block(account: &Account) -> Value {
    json!({ "AccountID": account.id.to_string(), "Code": account.code, "Name": account.name })
}

impl Document for BankTransaction {
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
        self.contact.map(contact_key).into_iter().chain(stock::keys(&self.lines)).collect()
    }

    /// The bank against what the lines name. A transfer posts by itself, once for both of its ends.
    fn entries(&self, organisation: &Organisation) -> Vec<Entry> {
        if self.is_deleted || self.kind.purpose == Purpose::Transfer {
            return Vec::new();
        }
        let sign = if self.kind.is_received { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let entry = Entry::on(self.date, self.currency_rate).debit(self.bank_account, sign * self.total);
        vec![postings::post(entry, organisation, &self.lines, self.line_amount_types, -sign)]
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "banktransactionid",
    "type",
    "status",
    "date",
    "reference",
    "url",
    "isreconciled",
    "subtotal",
    "totaltax",
    "total",
    "currencycode",
    "lineamounttypes",
    "updateddateutc",
    "bankaccount.accountid",
    "bankaccount.code",
    "bankaccount.name",
    "contact.contactid",
    "contact.name",
];

/// A transaction beside its contact and account, as a query sees it.
pub(crate) struct Row<'a> {
    pub(crate) transaction: &'a BankTransaction,
    pub(crate) contact: Option<&'a Contact>,
    pub(crate) account: Option<&'a Account>,
}

impl Fields for Row<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let Self { transaction, contact, account } = self;
        Some(match path {
            "banktransactionid" => Field::Id(transaction.id),
            "type" => Field::text(transaction.kind.as_str()),
            "status" => Field::text(transaction.status()),
            "date" => Field::Moment(wire::midnight(transaction.date)),
            "reference" => Field::text(&transaction.reference),
            "url" => Field::maybe(transaction.url.as_deref()),
            "isreconciled" => Field::Flag(transaction.is_reconciled),
            "subtotal" => Field::Number(transaction.sub_total),
            "totaltax" => Field::Number(transaction.total_tax),
            "total" => Field::Number(transaction.total),
            "currencycode" => Field::text(&transaction.currency),
            "lineamounttypes" => Field::text(transaction.line_amount_types.as_str()),
            "updateddateutc" => Field::Moment(transaction.updated),
            "bankaccount.accountid" => Field::Id(transaction.bank_account),
            "bankaccount.code" => Field::maybe(account.map(|account| account.code.as_str())),
            "bankaccount.name" => Field::maybe(account.map(|account| account.name.as_str())),
            "contact.contactid" => transaction.contact.map_or(Field::Null, Field::Id),
            "contact.name" => Field::maybe(contact.map(Contact::name)),
            _ => return None,
        })
    }
}
