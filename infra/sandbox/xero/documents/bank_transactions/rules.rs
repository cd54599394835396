//! Writing money received and spent: which kinds, on which account, and what can't be changed any more.
//!
//! <https://developer.xero.com/documentation/api/accounting/banktransactions>. Wordings are from the documentation
//! where one is known.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::BankTransactions;
use super::bank_transaction::{BankTransaction, BankTransactionType, Purpose};
use crate::xero::documents::advance;
use crate::xero::documents::contacts::rules::UNIDENTIFIED;
use crate::xero::documents::head::{self, Head, day};
use crate::xero::documents::lines::Terms;
use crate::xero::documents::settlement::{Settled, control_account};
use crate::xero::documents::stock::Moves;
use crate::xero::documents::tax::LineAmountTypes;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::settings::accounts::Account;
use crate::xero::settings::currencies::CurrencyCode;
use crate::xero::writing::{Refused, given, text_of};

pub(crate) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let id = head::sent_id(sent, BankTransactions::ID)?;
    let exists = || Refused::because(id, "The BankTransaction exists already");
    let before = head::find(&organisation.shelves.bank_transactions, request, id, None, exists)?;
    if let Some(message) = before.as_ref().and_then(|held| stays_as_it_is(organisation, held, sent)) {
        return Err(Refused::because(id, message));
    }
    let deletes = match given(sent, "Status").as_deref() {
        None | Some("AUTHORISED") => false,
        Some("DELETED") if before.is_some() => true,
        Some(status) => {
            return Err(Refused::because(id, format!("The Status '{status}' is not valid")));
        }
    };
    let mut messages = Messages::default();
    if let Some(held) = &before {
        messages.extend(head::other_type("Bank Transaction", held.kind.as_str(), sent));
    }
    let mut transaction = match before.clone() {
        Some(held) => held,
        None => blank(organisation, request, sent).map_err(|message| Refused::because(id, message))?,
    };
    if deletes {
        transaction.is_deleted = true;
    } else {
        read(organisation, request, sent, &mut transaction, before.as_ref(), &mut messages);
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    transaction.head.updated = request.now;
    match (transaction.advance, transaction.kind.purpose.advance()) {
        (None, Some(kind)) => {
            let id = advance::open(organisation, kind, transaction.kind.is_received, &transaction.head);
            transaction.advance = Some(Settled { kind, id });
        }
        (Some(settled), _) if deletes => {
            advance::void(organisation, settled, request.now)
                .map_err(|message| Refused::because(id, message))?;
        }
        _ => {}
    }
    let changes = match (&before, deletes) {
        (None, _) => "Created",
        (Some(_), false) => "Edited",
        (Some(_), true) => "Deleted",
    };
    let id = transaction.head.id;
    organisation.shelves.bank_transactions.put(transaction);
    organisation.record(id, changes, request.now);
    Ok(id)
}

/// Why nothing of it can be changed.
fn stays_as_it_is(
    organisation: &Organisation,
    held: &BankTransaction,
    sent: &Map<String, Value>,
) -> Option<String> {
    let deletes = given(sent, "Status").as_deref() == Some("DELETED");
    let reconciles = sent.get("IsReconciled").and_then(Value::as_bool);
    if held.is_deleted {
        return Some("This Bank Transaction cannot be edited as it has been deleted.".to_owned());
    }
    if held.kind.purpose == Purpose::Transfer {
        return Some("This Bank Transaction cannot be edited as it is part of a Bank Transfer.".to_owned());
    }
    if held.kind.purpose != Purpose::Plain && !deletes {
        return Some("Prepayments and overpayments cannot be edited; they can be deleted.".to_owned());
    }
    if held.is_reconciled && reconciles != Some(false) {
        return Some("This Bank Transaction cannot be edited as it is currently reconciled.".to_owned());
    }
    organisation.locked(held.head.date)
}

fn blank(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<BankTransaction, String> {
    let kind = given(sent, "Type").unwrap_or_default();
    let kind = BankTransactionType::read(&kind)
        .filter(|kind| kind.purpose != Purpose::Transfer)
        .ok_or_else(|| format!("The Type '{kind}' is not valid for a new Bank Transaction"))?;
    let head = Head::blank(organisation.ids.next(), organisation, request.now);
    let line_amount_types = match kind.purpose {
        Purpose::Overpayment => LineAmountTypes::NoTax,
        _ => LineAmountTypes::Inclusive,
    };
    Ok(BankTransaction {
        head: Head { line_amount_types, ..head },
        kind,
        bank_account: Uuid::nil(),
        url: None,
        is_reconciled: false,
        is_deleted: false,
        advance: None,
    })
}

fn read(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    transaction: &mut BankTransaction,
    before: Option<&BankTransaction>,
    messages: &mut Messages,
) {
    let (head, purpose) = (&mut transaction.head, transaction.kind.purpose);
    head.read_contact(organisation, request, sent, UNIDENTIFIED, messages);
    match bank_account(organisation, sent.get("BankAccount"), "BankAccount") {
        Ok(Some(account)) => transaction.bank_account = account.id,
        Ok(None) if before.is_none() => messages.push("A BankAccount must be specified".to_owned()),
        Ok(None) => {}
        Err(message) => messages.push(message),
    }
    head.date = day(sent, "Date", messages).unwrap_or(head.date);
    if before.is_none_or(|held| held.head.date != head.date) {
        messages.extend(organisation.locked(head.date));
    }
    if let Some(reference) = text_of(sent, "Reference") {
        // Prepayments and overpayments have none of their own.
        if purpose == Purpose::Plain {
            head.reference = reference.into();
        }
    }
    if let Some(url) = text_of(sent, "Url") {
        messages.extend(head::url_problem(&url));
        transaction.url = Some(url).filter(|url| !url.is_empty());
    }
    if let Some(flag) = sent.get("IsReconciled").and_then(Value::as_bool) {
        transaction.is_reconciled = flag;
    }
    if let Some(kind) = head::line_amount_types(sent, messages).filter(|_| purpose != Purpose::Overpayment) {
        head.line_amount_types = kind;
    }
    let currency = currency(organisation, sent, transaction, messages);
    let head = &mut transaction.head;
    head.currency_rate =
        head::rate(organisation, sent, &currency, head.date, before.map(|held| &held.head), messages);
    head.currency = CurrencyCode::read(&currency);
    read_amounts(organisation, request, sent, transaction, messages);
}

/// The account's, whatever the contact usually has. What was paid beyond an invoice may be in the invoice's, where the
/// money is in the organisation's own.
fn currency(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    transaction: &BankTransaction,
    messages: &mut Messages,
) -> String {
    let of_account = organisation.currency_of_account(transaction.bank_account);
    let named = given(sent, "CurrencyCode").filter(|named| named != of_account);
    let Some(named) = named else { return of_account.to_owned() };
    let may_differ = transaction.kind.purpose == Purpose::Overpayment;
    if !organisation.has_currency(&named) {
        messages.push(format!("Organisation is not subscribed to currency {named}"));
    } else if !may_differ || of_account != organisation.base_currency {
        messages.push(format!("The CurrencyCode '{named}' is not the currency of the bank account"));
    }
    named
}

fn read_amounts(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    transaction: &mut BankTransaction,
    messages: &mut Messages,
) {
    let BankTransactionType { is_received, purpose } = transaction.kind;
    let terms = Terms {
        approved: true,
        on_control: purpose == Purpose::Overpayment,
        moves: (purpose == Purpose::Plain).then_some(Moves { is_credit: false, allows_backorders: false }),
        ..Terms::of(is_received, transaction.head.line_amount_types, request.unit_places())
    };
    let owed;
    let sent = if purpose == Purpose::Overpayment {
        owed = on_what_is_owed(organisation, sent, is_received, messages);
        &owed
    } else {
        sent
    };
    transaction.head.read_lines(organisation, sent, terms, messages);
    if purpose != Purpose::Plain && transaction.head.totals.total.is_zero() {
        messages.push("The total must be greater than zero".to_owned());
    }
}

/// An overpayment is on no account but the one of what customers owe, or of what suppliers are owed.
fn on_what_is_owed(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    is_received: bool,
    messages: &mut Messages,
) -> Map<String, Value> {
    let control = organisation.shelves.accounts.get(control_account(organisation, is_received));
    let code = control.map(|account| account.code.as_str()).unwrap_or_default();
    let mut sent = sent.clone();
    let lines = sent.get_mut("LineItems").and_then(Value::as_array_mut).into_iter().flatten();
    for line in lines.filter_map(Value::as_object_mut) {
        if given(line, "AccountCode").is_some_and(|other| other != code) {
            messages.push(format!("An overpayment must be on account '{code}'"));
        }
        line.insert("AccountCode".into(), code.into());
    }
    sent
}

/// The bank account of a block with its id or code; `None` where nothing was sent.
pub(crate) fn bank_account<'a>(
    organisation: &'a Organisation,
    sent: Option<&Value>,
    field: &str,
) -> Result<Option<&'a Account>, String> {
    let Some(block) = sent.and_then(Value::as_object).filter(|block| !block.is_empty()) else {
        return Ok(None);
    };
    let accounts = &organisation.shelves.accounts;
    let account = match given(block, "AccountID") {
        Some(id) => Uuid::parse_str(&id).ok().and_then(|id| accounts.get(id)),
        None => given(block, "Code").and_then(|code| organisation.account(&code)),
    };
    match account {
        Some(account) if account.kind == "BANK" && account.active => Ok(Some(account)),
        Some(account) => Err(format!("The {field} '{}' is not an active bank account", account.name)),
        None => Err(format!("The {field} could not be found")),
    }
}
