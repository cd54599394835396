//! A claim as it is kept, and what an answer shows and a query sees of it.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::xero::body::Put;
use crate::xero::documents::head::{Head, Headed};
use crate::xero::documents::settlement::control_account;
use crate::xero::filter::Field;
use crate::xero::journal::{Basis, Entry};
use crate::xero::organisation::Organisation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvoiceStatus {
    Draft,
    Submitted,
    Authorised,
    Paid,
    Voided,
    Deleted,
}

impl InvoiceStatus {
    const ALL: [Self; 6] =
        [Self::Draft, Self::Submitted, Self::Authorised, Self::Paid, Self::Voided, Self::Deleted];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Submitted => "SUBMITTED",
            Self::Authorised => "AUTHORISED",
            Self::Paid => "PAID",
            Self::Voided => "VOIDED",
            Self::Deleted => "DELETED",
        }
    }

    /// Part of the books.
    pub(crate) fn stands(self) -> bool {
        matches!(self, Self::Authorised | Self::Paid)
    }

    /// Complete, or said to be.
    pub(crate) fn is_approved(self) -> bool {
        self.stands() || self == Self::Submitted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// On the customers' side; otherwise on the suppliers'.
    pub is_sale: bool,
    pub status: InvoiceStatus,
    pub due_date: Option<Date>,
    pub sent_to_contact: bool,
    /// By payments, in the document's currency.
    pub paid: Decimal,
    /// By allocations: to an invoice, or from a credit.
    pub allocated: Decimal,
    pub fully_paid_on: Option<Date>,
}

impl Claim {
    pub(crate) fn new(is_sale: bool, status: InvoiceStatus) -> Self {
        Self {
            is_sale,
            status,
            due_date: None,
            sent_to_contact: false,
            paid: Decimal::ZERO,
            allocated: Decimal::ZERO,
            fully_paid_on: None,
        }
    }

    /// Something was paid or allocated.
    pub(crate) fn is_used(&self) -> bool {
        !(self.paid + self.allocated).is_zero()
    }

    /// Also one of nothing, which is paid as soon as it is approved.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_used() || self.status == InvoiceStatus::Paid
    }

    /// Still owed, or still to be used. What is voided keeps it.
    pub(crate) fn open(&self, head: &Head) -> Decimal {
        head.totals.total - self.paid - self.allocated
    }

    /// From the day it is approved: what is owed, against what was sold or bought and its tax. A credit is that turned
    /// round. Where only what is paid counts, nothing does before it is; a total of nothing is paid on its day.
    pub(crate) fn post(
        &self,
        organisation: &Organisation,
        head: &Head,
        is_credit: bool,
        basis: Basis,
    ) -> Vec<Entry> {
        let counts = basis == Basis::Accrual || head.totals.total.is_zero();
        if !self.status.stands() || !counts {
            return Vec::new();
        }
        let sign = if self.is_sale == is_credit { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
        head.post(organisation, control_account(organisation, self.is_sale), sign)
    }

    pub(crate) fn put_days(&self, body: &mut Map<String, Value>, head: &Head) {
        body.put_day("Date", Some(head.date));
        body.put_day("DueDate", self.due_date);
    }

    pub(crate) fn field(&self, path: &str) -> Option<Field<'_>> {
        Some(match path {
            "status" => Field::text(self.status.as_str()),
            "duedate" => Field::day(self.due_date),
            "fullypaidondate" => Field::day(self.fully_paid_on),
            _ => return None,
        })
    }
}

/// A document that is a claim.
pub(crate) trait Claimed: Headed {
    fn claim(&self) -> &Claim;

    fn claim_mut(&mut self) -> &mut Claim;

    /// As `Claim::open`.
    fn open(&self) -> Decimal {
        self.claim().open(self.head())
    }
}
