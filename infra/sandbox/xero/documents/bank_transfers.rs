//! `/BankTransfers`: money moved between two accounts of one's own, and the two bank transactions that it makes.
//!
//! <https://developer.xero.com/documentation/api/accounting/banktransfers>. A transfer is made and deleted, never
//! edited.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bank_transactions::bank_transaction::{
    BankTransaction, BankTransactionType, Purpose, account_block,
};
use super::bank_transactions::rules::bank_account;
use super::head::{Head, day};
use super::lines::{Tracking, read_tracking};
use super::tax::{LineAmountTypes, Totals};
use crate::xero::body::Put;
use crate::xero::journal::{Basis, Entry, in_base};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::settings::accounts::SystemAccount;
use crate::xero::settings::currencies::{CurrencyCode, day_rate};
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, places, read_number};
use crate::xero::writing::{Refused, given};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BankTransfer {
    pub(crate) id: Uuid,
    from: End,
    to: End,
    /// Units of the foreign currency for one of the organisation's.
    currency_rate: Decimal,
    date: Date,
    reference: String,
    is_deleted: bool,
    created: Timestamp,
    updated: Timestamp,
}

/// One of the two accounts, and what the transfer made there.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct End {
    account: Uuid,
    /// In the account's currency.
    amount: Decimal,
    transaction: Uuid,
    is_reconciled: bool,
    tracking: Vec<Tracking>,
}

impl Document for BankTransfer {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    /// What arrives is what leaves, at the rate of the day.
    fn entries(&self, organisation: &Organisation, _: Basis) -> Vec<Entry> {
        if self.is_deleted {
            return Vec::new();
        }
        let rate = self.rate_of(organisation, &self.from);
        let entry = Entry::on(self.date, rate)
            .debit(self.to.account, self.from.amount)
            .credit(self.from.account, self.from.amount);
        vec![entry.close(organisation.system_account(SystemAccount::Rounding))]
    }
}

impl BankTransfer {
    /// Whether what arrives is in another currency than what left.
    #[cfg(test)]
    pub(crate) fn exchanges(&self) -> bool {
        self.from.amount != self.to.amount
    }

    fn rate_of(&self, organisation: &Organisation, end: &End) -> Decimal {
        let is_own = organisation.currency_of_account(end.account) == organisation.base_currency;
        if is_own { Decimal::new(10, 1) } else { self.currency_rate }
    }
}

pub(crate) struct BankTransfers;

impl Resource for BankTransfers {
    type Document = BankTransfer;
    const KEY: &'static str = "BankTransfers";
    const ID: &'static str = "BankTransferID";
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];
    const PAGING: Paging = Paging::Never;
    const FIELDS: &'static [&'static str] = &[
        "banktransferid",
        "status",
        "date",
        "amount",
        "currencyrate",
        "reference",
        "createddateutc",
        "hasattachments",
        "frombankaccount.accountid",
        "frombankaccount.code",
        "frombankaccount.name",
        "tobankaccount.accountid",
        "tobankaccount.code",
        "tobankaccount.name",
        "frombanktransactionid",
        "tobanktransactionid",
        "fromisreconciled",
        "toisreconciled",
    ];
    const WITH_ARCHIVED: &'static str = "includeDeleted";

    fn shelf(shelves: &Shelves) -> &Shelf<BankTransfer> {
        &shelves.bank_transfers
    }

    fn is_archived(transfer: &BankTransfer) -> bool {
        transfer.is_deleted
    }

    fn show(
        organisation: &Organisation,
        _: &Request,
        transfer: &BankTransfer,
        view: View,
    ) -> Map<String, Value> {
        let mut body = Map::new();
        body.put("BankTransferID", transfer.id.to_string());
        body.put("CreatedDateUTCString", transfer.created.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        body.put("CreatedDateUTC", wire::stamp(transfer.created));
        body.put_day("Date", Some(transfer.date));
        body.put("Status", if transfer.is_deleted { "DELETED" } else { "AUTHORISED" });
        for (side, end) in [("From", &transfer.from), ("To", &transfer.to)] {
            let account = organisation.shelves.accounts.get(end.account).map(account_block);
            body.put(format!("{side}BankAccount"), account.unwrap_or_default());
        }
        body.put("Amount", wire::money(transfer.from.amount));
        for (side, end) in [("From", &transfer.from), ("To", &transfer.to)] {
            body.put(format!("{side}BankTransactionID"), end.transaction.to_string());
            body.put(format!("{side}IsReconciled"), end.is_reconciled);
            body.put(
                format!("{side}Tracking"),
                end.tracking.iter().map(|one| one.as_json(false)).collect::<Value>(),
            );
        }
        body.put("CurrencyRate", wire::number(transfer.currency_rate));
        body.put("Reference", transfer.reference.as_str());
        body.put("HasAttachments", false);
        if view == View::Single {
            body.put("Attachments", json!([]));
        }
        body
    }

    /// `PUT` makes one; `POST` does nothing but delete.
    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        if request.method == "PUT" {
            create(organisation, request, sent)
        } else {
            delete(organisation, request, sent)
        }
    }
}

fn create(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let mut messages = Messages::default();
    let mut accounts = [Uuid::nil(); 2];
    for (place, field) in accounts.iter_mut().zip(["FromBankAccount", "ToBankAccount"]) {
        match bank_account(organisation, sent.get(field), field) {
            Ok(Some(account)) => *place = account.id,
            Ok(None) => messages.push(format!("A {field} must be specified")),
            Err(message) => messages.push(message),
        }
    }
    let [from, to] = accounts;
    if from == to && !from.is_nil() {
        messages.push("The FromBankAccount and the ToBankAccount must not be the same".to_owned());
    }
    let amount = sent.get("Amount").and_then(read_number).map(|amount| places(amount, 2)).unwrap_or_default();
    if amount <= Decimal::ZERO {
        messages.push("The Amount must be greater than zero".to_owned());
    }
    let date = day(sent, "Date", &mut messages).unwrap_or_else(|| organisation.today(request.now));
    messages.extend(organisation.locked(date));
    let (currency_rate, received) = exchange(organisation, from, to, amount, date, &mut messages);
    let mut end = |account: Uuid, amount: Decimal, side: &str| {
        let tracking = sent.get(&format!("{side}Tracking")).and_then(Value::as_array);
        End {
            account,
            amount,
            transaction: organisation.ids.next(),
            is_reconciled: sent.get(&format!("{side}IsReconciled")).and_then(Value::as_bool).unwrap_or(false),
            tracking: tracking
                .map(|sent| read_tracking(organisation, sent, &mut messages))
                .unwrap_or_default(),
        }
    };
    let (from, to) = (end(from, amount, "From"), end(to, received, "To"));
    if !messages.is_empty() {
        return Err(Refused::Element { id: None, messages });
    }
    let transfer = BankTransfer {
        id: organisation.ids.next(),
        from,
        to,
        currency_rate,
        date,
        reference: given(sent, "Reference").unwrap_or_default(),
        is_deleted: false,
        created: request.now,
        updated: request.now,
    };
    for is_received in [false, true] {
        let transaction = transaction(organisation, &transfer, is_received);
        organisation.shelves.bank_transactions.put(transaction);
    }
    let id = transfer.id;
    organisation.shelves.bank_transfers.put(transfer);
    organisation.record(id, "Created", request.now);
    Ok(id)
}

/// The rate, and what arrives. The rate is the day's: what is sent of one isn't looked at.
fn exchange(
    organisation: &Organisation,
    from: Uuid,
    to: Uuid,
    amount: Decimal,
    date: Date,
    messages: &mut Messages,
) -> (Decimal, Decimal) {
    let base = organisation.base_currency.as_str();
    let [from, to] = [from, to].map(|account| organisation.currency_of_account(account));
    let rate_of = |foreign: &str| day_rate(foreign, base, date);
    match (from == base, to == base) {
        (true, true) => (Decimal::new(10, 1), amount),
        (false, false) if from == to => (rate_of(from), amount),
        (false, true) => (rate_of(from), in_base(amount, rate_of(from))),
        (true, false) => (rate_of(to), places(amount * rate_of(to), 2)),
        (false, false) => {
            messages.push(format!("One of the accounts must be in {base} to move money between currencies"));
            (Decimal::ONE, amount)
        }
    }
}

/// One end as the account's own list shows it.
fn transaction(organisation: &Organisation, transfer: &BankTransfer, is_received: bool) -> BankTransaction {
    let end = if is_received { &transfer.to } else { &transfer.from };
    let totals = Totals { sub_total: end.amount, total_tax: Decimal::ZERO, total: end.amount };
    let currency = CurrencyCode::read(organisation.currency_of_account(end.account));
    BankTransaction {
        head: Head {
            date: transfer.date,
            reference: transfer.reference.as_str().into(),
            line_amount_types: LineAmountTypes::NoTax,
            currency,
            currency_rate: transfer.rate_of(organisation, end),
            totals,
            ..Head::blank(end.transaction, organisation, transfer.updated)
        },
        kind: BankTransactionType { is_received, purpose: Purpose::Transfer },
        bank_account: end.account,
        url: None,
        is_reconciled: end.is_reconciled,
        is_deleted: transfer.is_deleted,
        advance: None,
    }
}

fn delete(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let id = given(sent, "BankTransferID").and_then(|id| Uuid::parse_str(&id).ok());
    let held = id.and_then(|id| organisation.shelves.bank_transfers.get(id));
    let mut transfer = held.cloned().ok_or(Refused::NotFound)?;
    let refuse = |message: String| Err(Refused::because(Some(transfer.id), message));
    if given(sent, "Status").as_deref() != Some("DELETED") {
        return refuse("A BankTransfer cannot be edited; its Status can be set to DELETED".to_owned());
    }
    if transfer.is_deleted {
        return refuse("The BankTransfer has been deleted already".to_owned());
    }
    if let Some(message) = organisation.locked(transfer.date) {
        return refuse(message);
    }
    transfer.is_deleted = true;
    transfer.updated = request.now;
    for is_received in [false, true] {
        let transaction = transaction(organisation, &transfer, is_received);
        organisation.shelves.bank_transactions.put(transaction);
    }
    let id = transfer.id;
    organisation.shelves.bank_transfers.put(transfer);
    organisation.record(id, "Deleted", request.now);
    Ok(id)
}
