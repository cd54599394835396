//! Making and deleting payments: what is paid, from or into which account, and how much may be.
//!
//! <https://developer.xero.com/documentation/api/accounting/payments>. Also called for the members of a batch,
//! and for what people do by hand.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::payment::Payment;
use crate::xero::documents::head::{self, day, number_key};
use crate::xero::documents::settlement::{Settled, SettledKind, refresh};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::settings::accounts::Account;
use crate::xero::wire::{places, read_number};
use crate::xero::writing::{Refused, given, text_of};

/// The wordings that are not from the documentation are ours.
const TOO_MUCH: &str = "Payment amount exceeds the amount outstanding on this document";
const NOT_APPROVED: &str = "Payments can only be made against Authorised documents";
const NO_DOCUMENT: &str = "A payment must name an Invoice, CreditNote, Prepayment or Overpayment";
const NOT_EDITABLE: &str = "Payments cannot be edited. Set the Status to DELETED to remove a payment";
const IN_A_BATCH: &str = "This payment is part of a batch payment and cannot be deleted on its own";
const RECONCILED: &str = "This payment is reconciled and cannot be deleted";
const OTHER_CURRENCY: &str =
    "The Account must be in the currency of the document or in that of the organisation";
const NO_BANK: &str =
    "The Account must be of type BANK, or have EnablePaymentsToAccount, to be used for payments";

/// With the id of one that exists it is deleted; anything else makes one.
pub(crate) fn save(
    organisation: &mut Organisation,
    now: Timestamp,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    if let Some(id) = given(sent, "PaymentID") {
        let id = Uuid::parse_str(&id).map_err(|_| Refused::NotFound)?;
        if !id.is_nil() {
            let payment = organisation.shelves.payments.get(id).ok_or(Refused::NotFound)?;
            return match given(sent, "Status").as_deref() {
                Some("DELETED") if payment.batch.is_some() => Err(Refused::because(Some(id), IN_A_BATCH)),
                Some("DELETED") => delete(organisation, id, now),
                _ => Err(Refused::because(Some(id), NOT_EDITABLE)),
            };
        }
    }
    create(organisation, now, sent, None)
}

/// `batch` for its members.
pub(crate) fn create(
    organisation: &mut Organisation,
    now: Timestamp,
    sent: &Map<String, Value>,
    batch: Option<Uuid>,
) -> Result<Uuid, Refused> {
    let mut messages = Messages::default();
    let settles = find_document(organisation, sent)?;
    let standing = organisation.standing(settles).ok_or(Refused::NotFound)?;
    let account = account(organisation, sent).map(|account| account.id).unwrap_or_else(|message| {
        messages.push(message);
        Uuid::nil()
    });
    let date = day(sent, "Date", &mut messages).unwrap_or_else(|| organisation.today(now));
    messages.extend(organisation.locked(date));
    let amount = sent.get("Amount").and_then(read_number).map(|amount| places(amount, 2));
    let amount = amount.filter(|amount| *amount > Decimal::ZERO).unwrap_or_else(|| {
        messages.push("Amount must be greater than zero".to_owned());
        Decimal::ZERO
    });
    if !standing.stands() {
        messages.push(NOT_APPROVED.to_owned());
    } else if amount > standing.open() {
        messages.push(TOO_MUCH.to_owned());
    }
    let (currency, is_sale) = (standing.head.currency, standing.claim.is_sale);
    let held_in = organisation.currency_of_account(account);
    if held_in != organisation.base_currency && held_in != currency.as_str() {
        messages.push(OTHER_CURRENCY);
    }
    let currency_rate = head::rate(organisation, sent, currency.as_str(), date, None, &mut messages);
    if !messages.is_empty() {
        return Err(Refused::Element { id: None, messages });
    }
    let kept = ["BankAccountNumber", "Particulars", "Details"].into_iter();
    let for_the_bank: Map<String, Value> =
        kept.filter_map(|field| Some((field.to_owned(), sent.get(field)?.clone()))).collect();
    let payment = Payment {
        id: organisation.ids.next(),
        settles,
        is_sale,
        account,
        date,
        amount,
        currency_rate,
        reference: text_of(sent, "Reference").unwrap_or_default(),
        is_reconciled: sent.get("IsReconciled").and_then(Value::as_bool).unwrap_or(false),
        deleted: false,
        batch,
        for_the_bank: Some(for_the_bank).filter(|sent| !sent.is_empty()).map(Box::new),
        updated: now,
    };
    let id = payment.id;
    organisation.shelves.payments.put(payment);
    refresh(organisation, settles, now);
    organisation.record(id, "Created", now);
    organisation.record(settles.id, "Paid", now);
    Ok(id)
}

/// Also one that is reconciled or in a batch is deleted by this: who calls has asked.
pub(crate) fn delete(organisation: &mut Organisation, id: Uuid, now: Timestamp) -> Result<Uuid, Refused> {
    let mut payment = organisation.shelves.payments.get(id).cloned().ok_or(Refused::NotFound)?;
    let refusal = match payment.deleted {
        true => Some("This payment has already been deleted".to_owned()),
        false if payment.is_reconciled && payment.batch.is_none() => Some(RECONCILED.to_owned()),
        false => organisation.locked(payment.date),
    };
    if let Some(message) = refusal {
        return Err(Refused::because(Some(id), message));
    }
    payment.deleted = true;
    payment.updated = now;
    let settles = payment.settles;
    organisation.shelves.payments.put(payment);
    refresh(organisation, settles, now);
    organisation.record(id, "Deleted", now);
    organisation.record(settles.id, "Payment Deleted", now);
    Ok(id)
}

/// By the block of the document, or by its number beside the payment.
fn find_document(organisation: &Organisation, sent: &Map<String, Value>) -> Result<Settled, Refused> {
    let block = |name: &str| sent.get(name).and_then(Value::as_object);
    let id_in = |block: Option<&Map<String, Value>>, field: &str| {
        block.and_then(|block| given(block, field)).and_then(|id| Uuid::parse_str(&id).ok())
    };
    let shelves = &organisation.shelves;
    let found = |kind: SettledKind, id: Option<Uuid>| {
        let id = id.filter(|id| organisation.standing(Settled { kind, id: *id }).is_some());
        let missing = || {
            let word = kind.word();
            Refused::because(None, format!("The {word} with the specified id or number could not be found"))
        };
        id.map(|id| Settled { kind, id }).ok_or_else(missing)
    };
    let number = |block: Option<&Map<String, Value>>, field: &str| {
        block.and_then(|block| given(block, field)).or_else(|| given(sent, field))
    };
    if block("Invoice").is_some() || sent.contains_key("InvoiceNumber") {
        let by_number = number(block("Invoice"), "InvoiceNumber")
            .and_then(|number| shelves.invoices.find(&number_key(&number)))
            .map(|invoice| invoice.head.id);
        return found(SettledKind::Invoice, id_in(block("Invoice"), "InvoiceID").or(by_number));
    }
    if block("CreditNote").is_some() || sent.contains_key("CreditNoteNumber") {
        let by_number = number(block("CreditNote"), "CreditNoteNumber")
            .and_then(|number| shelves.credit_notes.find(&number_key(&number)))
            .map(|note| note.head.id);
        return found(SettledKind::CreditNote, id_in(block("CreditNote"), "CreditNoteID").or(by_number));
    }
    for kind in [SettledKind::Prepayment, SettledKind::Overpayment] {
        if let Some(block) = block(kind.word()) {
            return found(kind, id_in(Some(block), &format!("{}ID", kind.word())));
        }
    }
    Err(Refused::because(None, NO_DOCUMENT))
}

/// The account that money goes to or comes from: a bank account, or one that people opened for payments.
pub(crate) fn account<'a>(
    organisation: &'a Organisation,
    sent: &Map<String, Value>,
) -> Result<&'a Account, String> {
    let block = sent.get("Account").and_then(Value::as_object);
    let id = block.and_then(|block| given(block, "AccountID")).and_then(|id| Uuid::parse_str(&id).ok());
    let code = block.and_then(|block| given(block, "Code")).or_else(|| given(sent, "Code"));
    let account = match (id, code) {
        (Some(id), _) => organisation.shelves.accounts.get(id),
        (None, Some(code)) => organisation.account(&code),
        (None, None) => return Err("An Account must be specified for a payment".to_owned()),
    };
    let account = account.ok_or("The Account could not be found")?;
    if account.active && (account.kind == "BANK" || account.enable_payments) {
        Ok(account)
    } else {
        Err(NO_BANK.to_owned())
    }
}
