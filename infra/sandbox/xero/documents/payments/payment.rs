//! A payment as it is kept, and the shapes it is shown in. Rules are in `rules.rs`.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::body::Put;
use crate::xero::documents::bank_transactions::bank_transaction::account_block;
use crate::xero::documents::contacts::contact::Contact;
use crate::xero::documents::settlement::{Settled, SettledKind, Standing, clear, settles_key};
use crate::xero::filter::{Field, Fields};
use crate::xero::journal::{Basis, Entry, in_base};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::settings::accounts::SystemAccount;
use crate::xero::shelf::Document;
use crate::xero::wire;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: Uuid,
    pub(crate) settles: Settled,
    /// Of the customers' side; payments to suppliers aren't.
    pub(crate) is_sale: bool,
    pub(crate) account: Uuid,
    pub(crate) date: Date,
    /// In the document's currency.
    pub(crate) amount: Decimal,
    pub(crate) currency_rate: Decimal,
    pub(crate) reference: String,
    pub(crate) is_reconciled: bool,
    pub(crate) deleted: bool,
    pub(crate) batch: Option<Uuid>,
    /// `BankAccountNumber`, `Particulars`, `Details`: for the bank's file, kept as sent.
    pub(crate) for_the_bank: Option<Box<Map<String, Value>>>,
    pub(crate) updated: Timestamp,
}

pub(crate) fn batch_key(batch: Uuid) -> String {
    format!("batch:{batch}")
}

impl Document for Payment {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        [settles_key(self.settles.id)].into_iter().chain(self.batch.map(batch_key)).collect()
    }

    /// The money, against what it settles; what the rate made of it meanwhile is a gain.
    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        if self.deleted {
            return Vec::new();
        }
        let comes_in = self.is_sale == (self.settles.kind == SettledKind::Invoice);
        let money = if comes_in { self.amount } else { -self.amount };
        let entry = Entry::on(self.date, self.currency_rate).debit(self.account, money);
        let entry = clear(organisation, entry, self.settles, self.amount, basis);
        vec![entry.close(organisation.system_account(SystemAccount::RealisedCurrencyGain))]
    }
}

impl Payment {
    /// <https://developer.xero.com/documentation/api/accounting/types#payment-types>
    pub(crate) fn payment_type(&self) -> &'static str {
        match (self.settles.kind, self.is_sale) {
            (SettledKind::Invoice, true) => "ACCRECPAYMENT",
            (SettledKind::Invoice, false) => "ACCPAYPAYMENT",
            (SettledKind::CreditNote, true) => "ARCREDITPAYMENT",
            (SettledKind::CreditNote, false) => "APCREDITPAYMENT",
            (SettledKind::Prepayment, true) => "ARPREPAYMENTPAYMENT",
            (SettledKind::Prepayment, false) => "APPREPAYMENTPAYMENT",
            (SettledKind::Overpayment, true) => "AROVERPAYMENTPAYMENT",
            (SettledKind::Overpayment, false) => "APOVERPAYMENTPAYMENT",
        }
    }

    /// The type of the document, as its block in a payment has it.
    fn document_type(&self) -> &'static str {
        match (self.settles.kind, self.is_sale) {
            (SettledKind::Invoice, true) => "ACCREC",
            (SettledKind::Invoice, false) => "ACCPAY",
            (SettledKind::CreditNote, true) => "ACCRECCREDIT",
            (SettledKind::CreditNote, false) => "ACCPAYCREDIT",
            (SettledKind::Prepayment, true) => "ARPREPAYMENT",
            (SettledKind::Prepayment, false) => "APPREPAYMENT",
            (SettledKind::Overpayment, true) => "AROVERPAYMENT",
            (SettledKind::Overpayment, false) => "APOVERPAYMENT",
        }
    }

    fn status(&self) -> &'static str {
        if self.deleted { "DELETED" } else { "AUTHORISED" }
    }

    /// In the currency of the account: the document's, or else the organisation's.
    pub(crate) fn bank_amount(&self, organisation: &Organisation) -> Decimal {
        if organisation.currency_of_account(self.account) == organisation.base_currency {
            in_base(self.amount, self.currency_rate)
        } else {
            self.amount
        }
    }

    /// Inside the document that it settles.
    pub(crate) fn inside(&self) -> Value {
        let mut body = json!({ "PaymentID": self.id.to_string() });
        if let Some(batch) = self.batch {
            body["BatchPaymentID"] = batch.to_string().into();
        }
        body["Date"] = wire::day(self.date);
        body["Amount"] = wire::money(self.amount);
        body["Reference"] = self.reference.as_str().into();
        body["CurrencyRate"] = wire::number(self.currency_rate);
        body["HasAccount"] = false.into();
        body["HasValidationErrors"] = false.into();
        body
    }

    /// A payment's document is always its `Invoice`, whatever it is.
    pub(crate) fn as_json(&self, organisation: &Organisation) -> Map<String, Value> {
        let mut body = Map::new();
        body.put("PaymentID", self.id.to_string());
        if let Some(id) = self.batch {
            body.put("BatchPaymentID", id.to_string());
            let batch = organisation.shelves.batch_payments.get(id);
            body.put_some("BatchPayment", batch.map(|batch| batch.head_as_json(organisation)));
        }
        body.put("Date", wire::day(self.date));
        body.put("BankAmount", wire::money(self.bank_amount(organisation)));
        body.put("Amount", wire::money(self.amount));
        body.put("Reference", self.reference.as_str());
        body.put("CurrencyRate", wire::number(self.currency_rate));
        body.put("PaymentType", self.payment_type());
        body.put("Status", self.status());
        body.put("UpdatedDateUTC", wire::stamp(self.updated));
        body.put("UpdatedDateUTCString", wire::stamp_text(self.updated));
        body.put("HasAccount", true);
        body.put("IsReconciled", self.is_reconciled);
        for (field, value) in self.for_the_bank.iter().flat_map(|sent| sent.iter()) {
            body.put(field, value.clone());
        }
        let account = organisation.shelves.accounts.get(self.account);
        body.put_some("Account", account.map(account_block));
        let document = organisation.standing(self.settles).map(|Standing { head, .. }| {
            let contact = organisation.shelves.contacts.get(head.contact_id);
            json!({
                "Type": self.document_type(), "InvoiceID": head.id.to_string(), "InvoiceNumber": head.number,
                "Payments": [], "CreditNotes": [], "Prepayments": [], "Overpayments": [],
                "IsDiscounted": false, "HasErrors": false,
                "Contact": contact.map(|contact| contact.as_json(View::Embedded)),
                "LineItems": [], "CurrencyCode": head.currency,
            })
        });
        body.put_some("Invoice", document);
        body.put("HasValidationErrors", false);
        body
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "paymentid",
    "date",
    "amount",
    "bankamount",
    "reference",
    "currencyrate",
    "paymenttype",
    "status",
    "updateddateutc",
    "isreconciled",
    "batchpaymentid",
    "account.accountid",
    "account.code",
    "invoice.invoiceid",
    "invoice.invoicenumber",
    "invoice.type",
    "invoice.contact.contactid",
    "invoice.contact.name",
    "creditnote.creditnoteid",
];

/// A payment as a query sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaymentRow<'a> {
    pub(crate) payment: &'a Payment,
    pub(crate) organisation: &'a Organisation,
}

impl Fields for PaymentRow<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let Self { payment, organisation } = self;
        let standing = || organisation.standing(payment.settles);
        let contact = || organisation.shelves.contacts.get(standing()?.head.contact_id);
        Some(match path {
            "paymentid" => Field::Id(payment.id),
            "date" => Field::Moment(wire::midnight(payment.date)),
            "amount" => Field::Number(payment.amount),
            "bankamount" => Field::Number(payment.bank_amount(organisation)),
            "reference" => Field::text(&payment.reference),
            "currencyrate" => Field::Number(payment.currency_rate),
            "paymenttype" => Field::text(payment.payment_type()),
            "status" => Field::text(payment.status()),
            "updateddateutc" => Field::Moment(payment.updated),
            "isreconciled" => Field::Flag(payment.is_reconciled),
            "batchpaymentid" => payment.batch.map_or(Field::Null, Field::Id),
            "account.accountid" => Field::Id(payment.account),
            "account.code" => {
                let account = organisation.shelves.accounts.get(payment.account);
                Field::maybe(account.map(|account| account.code.as_str()))
            }
            "invoice.invoiceid" => Field::Id(payment.settles.id),
            "invoice.invoicenumber" => {
                standing().map_or(Field::Null, |standing| Field::text(&standing.head.number))
            }
            "invoice.type" => Field::text(payment.document_type()),
            "invoice.contact.name" => Field::maybe(contact().map(Contact::name)),
            "creditnote.creditnoteid" if payment.settles.kind == SettledKind::CreditNote => {
                Field::Id(payment.settles.id)
            }
            "creditnote.creditnoteid" => Field::Null,
            "invoice.contact.contactid" => {
                standing().map_or(Field::Null, |standing| Field::Id(standing.head.contact_id))
            }
            _ => return None,
        })
    }
}
