//! Credit that is set against an invoice: `PUT /{CreditNotes|Prepayments|Overpayments}/{id}/Allocations` and
//! `DELETE …/Allocations/{AllocationID}`.
//!
//! <https://developer.xero.com/documentation/api/accounting/creditnotes>

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Owner, Part};
use crate::xero::answer::{Answer, Found, Refusal, Reply};
use crate::xero::documents::head::{day, number_key};
use crate::xero::documents::settlement::{Settled, SettledKind, clear, refresh, settles_key};
use crate::xero::journal::{Basis, Entry};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::accounts::SystemAccount;
use crate::xero::shelf::Document;
use crate::xero::wire::{self, places, read_number};
use crate::xero::writing::{given, refused_element};

pub(crate) const PART: Part = Part { name: "Allocations", scopes: &[], serve };

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Allocation {
    pub(crate) id: Uuid,
    pub(crate) credit: Settled,
    pub(crate) invoice: Uuid,
    /// In the currency of both.
    pub(crate) amount: Decimal,
    pub(crate) date: Date,
    pub(crate) made: Timestamp,
}

impl Document for Allocation {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.made
    }

    fn keys(&self) -> Vec<String> {
        vec![settles_key(self.credit.id), settles_key(self.invoice)]
    }

    /// Off the credit and off the invoice; nothing is left unless their rates differ, or it was a prepayment.
    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        let invoice = Settled { kind: SettledKind::Invoice, id: self.invoice };
        let entry = Entry::on(self.date, Decimal::ONE);
        let entry = clear(organisation, entry, self.credit, self.amount, basis);
        let entry = clear(organisation, entry, invoice, self.amount, basis);
        vec![entry.close(organisation.system_account(SystemAccount::RealisedCurrencyGain))]
    }
}

impl Allocation {
    /// Inside the credit.
    pub(crate) fn as_json(&self, organisation: &Organisation) -> Value {
        let number = organisation.shelves.invoices.get(self.invoice).map(|invoice| &*invoice.head.number);
        json!({
            "AllocationID": self.id.to_string(), "Amount": wire::money(self.amount),
            "Date": wire::day(self.date), "IsDeleted": false,
            "Invoice": {
                "InvoiceID": self.invoice.to_string(), "InvoiceNumber": number, "Payments": [],
                "CreditNotes": [], "Prepayments": [], "Overpayments": [], "HasErrors": false,
                "IsDiscounted": false, "LineItems": [], "ValidationErrors": [],
            },
        })
    }
}

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    let kind = SettledKind::of_collection(owner.key).ok_or(Refusal::NotFound)?;
    let credit = Settled { kind, id: owner.id };
    match (request.method.as_str(), request.path.get(3)) {
        ("PUT", None) => add(organisation, request, credit).map(Reply::from),
        ("DELETE", Some(id)) => {
            let id = Uuid::parse_str(id).map_err(|_| Refusal::NotFound)?;
            let removed = remove(organisation, request.now, credit, id)?;
            Ok(Reply::Whole(Answer::json(200, &removed)))
        }
        _ => Err(Refusal::NotImplemented),
    }
}

/// One by one, and as a whole refused or not, as documents are (`writing.rs`).
fn add(organisation: &mut Organisation, request: &Request, credit: Settled) -> Result<Found, Refusal> {
    let summarizes = request.summarizes_errors();
    let (mut elements, mut refused) = (Vec::new(), Vec::new());
    for sent in request.elements(PART.name)? {
        match organisation.attempt(|organisation| allocate(organisation, request.now, credit, &sent)) {
            Ok(allocation) => {
                let mut body = allocation.as_json(organisation);
                let word = credit.kind.word();
                body[word] = json!({ "ID": credit.id.to_string(), "LineItems": [] });
                body[word][format!("{word}ID")] = credit.id.to_string().into();
                if !summarizes {
                    body["StatusAttributeString"] = "OK".into();
                }
                body["ValidationErrors"] = json!([]);
                elements.push(body);
            }
            Err(messages) => {
                let refusal = refused_element(sent, &messages, summarizes);
                if summarizes { refused.push(refusal) } else { elements.push(refusal) }
            }
        }
    }
    if !refused.is_empty() {
        return Err(Refusal::Validation(refused));
    }
    Ok(Found { key: PART.name, elements, pagination: None })
}

/// Also for what people do by hand. The wordings are ours.
pub(crate) fn allocate(
    organisation: &mut Organisation,
    now: Timestamp,
    credit: Settled,
    sent: &Map<String, Value>,
) -> Result<Allocation, Messages> {
    let block = sent.get("Invoice").and_then(Value::as_object);
    let id = block.and_then(|block| given(block, "InvoiceID")).and_then(|id| Uuid::parse_str(&id).ok());
    let by_number = || {
        let number = block.and_then(|block| given(block, "InvoiceNumber"))?;
        organisation.shelves.invoices.find(&number_key(&number)).map(|invoice| invoice.head.id)
    };
    let id =
        id.or_else(by_number).ok_or_else(|| Messages::from("An Invoice must be specified to allocate to"))?;
    let invoice = Settled { kind: SettledKind::Invoice, id };
    let owed =
        organisation.standing(invoice).ok_or_else(|| Messages::from("The Invoice could not be found"))?;
    let left =
        organisation.standing(credit).ok_or_else(|| Messages::from("The credit could not be found"))?;
    let mut messages = Messages::default();
    let date = day(sent, "Date", &mut messages).unwrap_or_else(|| organisation.today(now));
    messages.extend(organisation.locked(date));
    let amount = sent.get("Amount").or_else(|| sent.get("AppliedAmount")).and_then(read_number);
    let amount = amount.map(|amount| places(amount, 2)).unwrap_or_default();
    let checks = [
        (amount <= Decimal::ZERO, "Amount must be greater than zero"),
        (!left.stands(), "Credit can only be allocated once it is Authorised"),
        (!owed.stands(), "Credit can only be allocated to Authorised invoices"),
        (
            owed.head.contact_id != left.head.contact_id,
            "Credit can only be allocated to invoices of the same contact",
        ),
        (
            owed.claim.is_sale != left.claim.is_sale,
            "Credit can only be allocated to invoices of the same side",
        ),
        (
            owed.head.currency != left.head.currency,
            "Credit can only be allocated to invoices of the same currency",
        ),
        (amount > left.open(), "The amount to allocate exceeds the remaining credit"),
        (amount > owed.open(), "The amount to allocate exceeds the amount outstanding on this document"),
    ];
    messages.extend(checks.iter().filter(|(wrong, _)| *wrong).map(|(_, message)| (*message).to_owned()));
    if !messages.is_empty() {
        return Err(messages);
    }
    let allocation = Allocation { id: organisation.ids.next(), credit, invoice: id, amount, date, made: now };
    organisation.shelves.allocations.put(allocation.clone());
    for settled in [credit, invoice] {
        refresh(organisation, settled, now);
        organisation.record(settled.id, "Credit Applied", now);
    }
    Ok(allocation)
}

fn remove(
    organisation: &mut Organisation,
    now: Timestamp,
    credit: Settled,
    id: Uuid,
) -> Result<Value, Refusal> {
    let held = organisation.shelves.allocations.get(id).filter(|held| held.credit == credit);
    let allocation = held.cloned().ok_or(Refusal::NotFound)?;
    if let Some(message) = organisation.locked(allocation.date) {
        let refused = json!({ "AllocationID": id.to_string(), "ValidationErrors": [{ "Message": message }] });
        return Err(Refusal::Validation(vec![refused]));
    }
    organisation.shelves.allocations.remove(id);
    for settled in [credit, Settled { kind: SettledKind::Invoice, id: allocation.invoice }] {
        refresh(organisation, settled, now);
        organisation.record(settled.id, "Credit Removed", now);
    }
    let mut removed = allocation.as_json(organisation);
    removed["IsDeleted"] = true.into();
    Ok(removed)
}
