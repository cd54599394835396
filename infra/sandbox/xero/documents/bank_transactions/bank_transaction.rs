//! Money received or spent as it is kept, what it does to the books, and how it is shown. Rules are in `rules.rs`.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::body::Put;
use crate::xero::documents::head::{Head, Headed};
use crate::xero::documents::lines;
use crate::xero::documents::settlement::{Settled, SettledKind};
use crate::xero::filter::Field;
use crate::xero::journal::{Basis, Entry};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::settings::accounts::Account;
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

/// A transfer has no contact and no lines.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BankTransaction {
    pub(crate) head: Head,
    pub(crate) kind: BankTransactionType,
    pub(crate) bank_account: Uuid,
    pub(crate) url: Option<String>,
    pub(crate) is_reconciled: bool,
    pub(crate) is_deleted: bool,
    /// The prepayment or overpayment that it opened.
    pub(crate) advance: Option<Settled>,
}

impl Headed for BankTransaction {
    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    fn keys(&self) -> Vec<String> {
        self.head.keys().collect()
    }

    /// The bank against what the lines name. A transfer posts by itself, once for both of its ends.
    fn entries(&self, organisation: &Organisation, _: Basis) -> Vec<Entry> {
        if self.is_deleted || self.kind.purpose == Purpose::Transfer {
            return Vec::new();
        }
        let sign = if self.kind.is_received { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        self.head.post(organisation, self.bank_account, sign)
    }

    fn field<'a>(&'a self, organisation: &'a Organisation, path: &str) -> Option<Field<'a>> {
        let account = || organisation.shelves.accounts.get(self.bank_account);
        Some(match path {
            "banktransactionid" => Field::Id(self.head.id),
            "type" => Field::text(self.kind.as_str()),
            "status" => Field::text(self.status()),
            "url" => Field::maybe(self.url.as_deref()),
            "isreconciled" => Field::Flag(self.is_reconciled),
            "prepaymentid" => self.advance_id(SettledKind::Prepayment),
            "overpaymentid" => self.advance_id(SettledKind::Overpayment),
            "bankaccount.accountid" => Field::Id(self.bank_account),
            "bankaccount.code" => Field::maybe(account().map(|account| account.code.as_str())),
            "bankaccount.name" => Field::maybe(account().map(|account| account.name.as_str())),
            _ => return None,
        })
    }
}

impl BankTransaction {
    fn advance_id(&self, kind: SettledKind) -> Field<'static> {
        self.advance
            .filter(|advance| advance.kind == kind)
            .map_or(Field::Null, |advance| Field::Id(advance.id))
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.is_deleted { "DELETED" } else { "AUTHORISED" }
    }

    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let Self { head, .. } = self;
        let mut body = Map::new();
        body.put("BankTransactionID", head.id.to_string());
        body.put_some("BankAccount", organisation.shelves.accounts.get(self.bank_account).map(account_block));
        body.put("Type", self.kind.as_str());
        if self.kind.purpose == Purpose::Plain || !head.reference.is_empty() {
            body.put("Reference", &*head.reference);
        }
        body.put("IsReconciled", self.is_reconciled);
        if let Some(advance) = self.advance {
            body.put(format!("{}ID", advance.kind.word()), advance.id.to_string());
        }
        body.put("HasAttachments", false);
        body.put_some("Url", self.url.as_deref());
        if view == View::Single {
            body.put("Attachments", json!([]));
        }
        head.put_contact(&mut body, organisation, view);
        body.put_day("Date", Some(head.date));
        let lines = lines::as_json(&head.lines.read(), view, unit_places);
        head.put_sums(&mut body, self.status(), Some(lines));
        body.put("UpdatedDateUTC", wire::stamp(head.updated));
        body.put("CurrencyCode", head.currency.as_str());
        if head.currency.as_str() != organisation.base_currency {
            body.put("CurrencyRate", wire::number(head.currency_rate));
        }
        body
    }
}

/// An account inside a document.
pub(crate) fn account_block(account: &Account) -> Value {
    json!({ "AccountID": account.id.to_string(), "Code": account.code, "Name": account.name })
}

pub(crate) const FIELDS: &[&str] = &[
    "banktransactionid",
    "type",
    "status",
    "url",
    "isreconciled",
    "prepaymentid",
    "overpaymentid",
    "bankaccount.accountid",
    "bankaccount.code",
    "bankaccount.name",
];
