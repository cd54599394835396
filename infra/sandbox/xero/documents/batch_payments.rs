//! `/BatchPayments`: payments of several invoices that the bank sees as one. Made and deleted as a whole.
//!
//! <https://developer.xero.com/documentation/api/accounting/batchpayments>

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::head::day;
use super::payments::payment::{Payment, batch_key};
use super::payments::rules;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given};

const LONGEST: [(&str, usize); 5] =
    [("Reference", 255), ("Particulars", 12), ("Code", 12), ("Details", 18), ("Narrative", 18)];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BatchPayment {
    pub(crate) id: Uuid,
    /// Of sales invoices; a batch is all sales or all bills.
    pub(crate) is_sale: bool,
    pub(crate) account: Uuid,
    pub(crate) date: Date,
    pub(crate) total: Decimal,
    pub(crate) deleted: bool,
    /// `Reference`, `Particulars`, `Code`, `Details`, `Narrative`: for the bank, as sent.
    pub(crate) for_the_bank: Map<String, Value>,
    pub(crate) updated: Timestamp,
}

impl Document for BatchPayment {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }
}

impl BatchPayment {
    /// Without its members, as they show it.
    pub(crate) fn head_as_json(&self, organisation: &Organisation) -> Value {
        let mut body = json!({
            "Account": {
                "AccountID": self.account.to_string(),
                "CurrencyCode": organisation.currency_of_account(self.account),
            },
        });
        for (field, value) in &self.for_the_bank {
            body[field] = value.clone();
        }
        body["BatchPaymentID"] = self.id.to_string().into();
        body["DateString"] = wire::day_text(self.date);
        body["Date"] = wire::day(self.date);
        body["Type"] = if self.is_sale { "RECBATCH" } else { "PAYBATCH" }.into();
        body["Status"] = if self.deleted { "DELETED" } else { "AUTHORISED" }.into();
        body["TotalAmount"] = wire::money(self.total);
        body["UpdatedDateUTC"] = wire::stamp(self.updated);
        body["IsReconciled"] = false.into();
        body
    }
}

fn members(organisation: &Organisation, batch: Uuid) -> Vec<&Payment> {
    let payments = organisation.shelves.payments.find_all(&batch_key(batch));
    let mut members: Vec<_> = payments.filter(|payment| !payment.deleted).collect();
    members.sort_by_key(|payment| payment.id);
    members
}

pub(crate) struct BatchPayments;

impl Resource for BatchPayments {
    type Document = BatchPayment;
    const KEY: &'static str = "BatchPayments";
    const ID: &'static str = "BatchPaymentID";
    const PAGING: Paging = Paging::Never;
    const FIELDS: &'static [&'static str] = &[
        "batchpaymentid",
        "type",
        "status",
        "date",
        "totalamount",
        "reference",
        "particulars",
        "code",
        "details",
        "narrative",
        "isreconciled",
        "updateddateutc",
        "account.accountid",
        "account.currencycode",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<BatchPayment> {
        &shelves.batch_payments
    }

    fn show(organisation: &Organisation, _: &Request, batch: &BatchPayment, _: View) -> Map<String, Value> {
        let members = members(organisation, batch.id).into_iter().map(|payment| {
            json!({
                "Invoice": {
                    "InvoiceID": payment.settles.id.to_string(), "Payments": [], "CreditNotes": [],
                    "Prepayments": [], "Overpayments": [], "HasErrors": false, "IsDiscounted": false,
                    "LineItems": [],
                },
                "PaymentID": payment.id.to_string(), "Reference": payment.reference,
                "Amount": wire::money(payment.amount), "BankAmount": wire::money(payment.bank_amount(organisation)),
            })
        });
        let members: Vec<Value> = members.collect();
        let mut body = batch.head_as_json(organisation);
        body["Payments"] = members.into();
        wire::fields(body)
    }

    /// With the id of one that exists it is deleted; anything else makes one.
    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        match given(sent, Self::ID).map(|id| Uuid::parse_str(&id)) {
            None => create(organisation, request.now, sent),
            Some(Ok(id)) if given(sent, "Status").as_deref() == Some("DELETED") => {
                delete(organisation, request.now, id)
            }
            Some(Ok(id)) if organisation.shelves.batch_payments.get(id).is_some() => {
                Err(Refused::because(Some(id), "Batch payments cannot be edited, only deleted"))
            }
            Some(_) => Err(Refused::NotFound),
        }
    }
}

fn create(
    organisation: &mut Organisation,
    now: Timestamp,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let mut messages = Messages::default();
    let account = rules::account(organisation, sent).map(|account| account.id).unwrap_or_else(|message| {
        messages.push(message);
        Uuid::nil()
    });
    let date = day(sent, "Date", &mut messages).unwrap_or_else(|| organisation.today(now));
    let mut for_the_bank = Map::new();
    for (field, longest) in LONGEST {
        if let Some(text) = given(sent, field) {
            if text.chars().count() > longest {
                messages.push(format!("The {field} field must not exceed {longest} characters"));
            }
            for_the_bank.insert(field.to_owned(), text.into());
        }
    }
    let wanted = sent.get("Payments").and_then(Value::as_array).cloned().unwrap_or_default();
    if wanted.is_empty() {
        messages.push("A batch payment must have at least one payment".to_owned());
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id: None, messages });
    }
    let id = organisation.ids.next();
    for member in wanted {
        let mut member = wire::fields(member);
        member.insert("Account".into(), json!({ "AccountID": account.to_string() }));
        member.insert("Date".into(), date.to_string().into());
        rules::create(organisation, now, &member, Some(id))?;
    }
    let members = members(organisation, id);
    let is_sale = members.first().is_some_and(|payment| payment.is_sale);
    if members.iter().any(|payment| payment.is_sale != is_sale) {
        return Err(Refused::because(
            None,
            "A batch payment is for sales invoices or for bills, not for both",
        ));
    }
    let total = members.iter().map(|payment| payment.bank_amount(organisation)).sum();
    organisation.shelves.batch_payments.put(BatchPayment {
        id,
        is_sale,
        account,
        date,
        total,
        deleted: false,
        for_the_bank,
        updated: now,
    });
    organisation.record(id, "Created", now);
    Ok(id)
}

fn delete(organisation: &mut Organisation, now: Timestamp, id: Uuid) -> Result<Uuid, Refused> {
    let mut batch = organisation.shelves.batch_payments.get(id).cloned().ok_or(Refused::NotFound)?;
    if batch.deleted {
        return Err(Refused::because(Some(id), "This batch payment has already been deleted"));
    }
    let members: Vec<Uuid> = members(organisation, id).into_iter().map(|payment| payment.id).collect();
    for member in members {
        rules::delete(organisation, member, now)?;
    }
    batch.deleted = true;
    batch.updated = now;
    organisation.shelves.batch_payments.put(batch);
    organisation.record(id, "Deleted", now);
    Ok(id)
}
