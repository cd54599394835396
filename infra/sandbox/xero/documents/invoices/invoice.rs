//! A sales invoice or bill as it is kept, and the shapes it is shown in. What it has like other documents is in its
//! head and its claim.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::body::Put;
use crate::xero::documents::claims::{Claim, Claimed};
use crate::xero::documents::head::{Head, Headed, number_key};
use crate::xero::documents::lines;
use crate::xero::documents::settlement::SettledKind;
use crate::xero::filter::Field;
use crate::xero::journal::{Basis, Entry};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

/// A sale's, and a bill's.
pub(crate) const TYPES: [&str; 2] = ["ACCREC", "ACCPAY"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    pub head: Head,
    pub claim: Claim,
    pub expected_payment_date: Option<Date>,
    pub planned_payment_date: Option<Date>,
    pub url: Option<Box<str>>,
    /// The app that made it; none for one made by hand.
    pub created_by: Option<Box<str>>,
    /// The one that became it on its day.
    pub repeating_invoice: Option<Uuid>,
}

impl Claimed for Invoice {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}

impl Headed for Invoice {
    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Voided and deleted invoices go on holding their number. A bill's number is a mere reference.
    fn keys(&self) -> Vec<String> {
        let number = number_key(&self.head.number);
        let number = if self.claim.is_sale { number } else { format!("bill {number}") };
        self.head.keys().chain([number]).collect()
    }

    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        self.claim.post(organisation, &self.head, false, basis)
    }

    fn news(&self, before: Option<&Self>) -> Option<News> {
        let settled = |one: &Self| one.claim.paid + one.claim.allocated;
        let is_settlement = before.is_some_and(|before| settled(before) != settled(self));
        Some(News::thin(Category::Invoice).settlement(is_settlement))
    }

    fn field<'a>(&'a self, _: &'a Organisation, path: &str) -> Option<Field<'a>> {
        Some(match path {
            "invoiceid" => Field::Id(self.head.id),
            "invoicenumber" => Field::text(&self.head.number),
            "type" => Field::text(self.type_text()),
            "amountdue" => Field::Number(self.amount_due()),
            "amountpaid" => Field::Number(self.claim.paid),
            "amountcredited" => Field::Number(self.claim.allocated),
            "url" => Field::maybe(self.url.as_deref()),
            "senttocontact" => Field::Flag(self.claim.sent_to_contact),
            "createdby" => Field::maybe(self.created_by.as_deref()),
            "expectedpaymentdate" => Field::day(self.expected_payment_date),
            "plannedpaymentdate" => Field::day(self.planned_payment_date),
            "isdiscounted" => Field::Flag(!lines::discount(&self.head.lines.read()).is_zero()),
            "repeatinginvoiceid" => self.repeating_invoice.map_or(Field::Null, Field::Id),
            _ => return self.claim.field(path),
        })
    }
}

impl Invoice {
    pub(crate) fn type_text(&self) -> &'static str {
        TYPES[usize::from(!self.claim.is_sale)]
    }

    /// A voided invoice keeps it.
    pub fn amount_due(&self) -> Decimal {
        self.open()
    }

    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        use View::{Listed, Paged, Single, Summary, Written};
        let Self { head, claim, .. } = self;
        let mut body = Map::new();
        body.put("Type", self.type_text());
        body.put("InvoiceID", head.id.to_string());
        body.put("InvoiceNumber", &*head.number);
        body.put("Reference", &*head.reference);
        // After a write none of them is shown; alone, payments only if there are any.
        let payments = || organisation.payments_of(head.id).map(|payment| payment.inside());
        if matches!(view, Paged | Listed) || (view == Single && payments().next().is_some()) {
            body.put("Payments", payments().collect::<Value>());
        }
        if matches!(view, Paged | Listed | Single) {
            body.put("CreditNotes", self.credits(organisation, SettledKind::CreditNote));
        }
        if view != Summary {
            body.put("Prepayments", self.credits(organisation, SettledKind::Prepayment));
            body.put("Overpayments", self.credits(organisation, SettledKind::Overpayment));
        }
        body.put("AmountDue", wire::money(self.amount_due()));
        body.put("AmountPaid", wire::money(claim.paid));
        if view != Written {
            body.put("AmountCredited", wire::money(claim.allocated));
        }
        body.put_some("Url", self.url.as_deref());
        if claim.is_sale {
            body.put("SentToContact", claim.sent_to_contact);
        }
        body.put("CurrencyRate", wire::number(head.currency_rate));
        let lines = head.lines.read();
        let discount = lines::discount(&lines);
        body.put("IsDiscounted", !discount.is_zero());
        body.put_some("TotalDiscount", (!discount.is_zero()).then(|| wire::money(discount)));
        if view != Written {
            body.put("HasAttachments", false);
        }
        body.put_some("RepeatingInvoiceID", self.repeating_invoice.map(|id| id.to_string()));
        if matches!(view, Paged | Listed) {
            body.put("InvoiceAddresses", json!([]));
        }
        body.put("HasErrors", false);
        if view == Single {
            body.put("Attachments", json!([]));
        }
        body.put("InvoicePaymentServices", json!([]));
        body.put("UpdatedDateUTCString", wire::stamp_text(head.updated));
        head.put_contact(&mut body, organisation, view);
        claim.put_days(&mut body, head);
        body.put_some("ExpectedPaymentDate", self.expected_payment_date.map(wire::day));
        body.put_some("PlannedPaymentDate", self.planned_payment_date.map(wire::day));
        let lines = (view != Summary).then(|| lines::as_json(&lines, view, unit_places));
        head.put_sums(&mut body, claim.status.as_str(), lines);
        body.put("UpdatedDateUTC", wire::stamp(head.updated));
        body.put("CurrencyCode", head.currency.as_str());
        body.put_some("FullyPaidOnDate", claim.fully_paid_on.map(wire::day));
        body
    }

    /// The credit of one kind that was allocated to it.
    fn credits(&self, organisation: &Organisation, kind: SettledKind) -> Value {
        let shelves = &organisation.shelves;
        let allocations = organisation.allocations_of(self.head.id).filter(|one| one.credit.kind == kind);
        let credits = allocations.filter_map(|allocation| {
            let (id, amount) = (allocation.credit.id, allocation.amount);
            match kind {
                SettledKind::Invoice => None,
                SettledKind::CreditNote => shelves.credit_notes.get(id).map(|note| note.inside(amount)),
                SettledKind::Prepayment => shelves.prepayments.get(id).map(|one| one.inside(amount)),
                SettledKind::Overpayment => shelves.overpayments.get(id).map(|one| one.inside(amount)),
            }
        });
        credits.collect()
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "invoiceid",
    "invoicenumber",
    "type",
    "status",
    "duedate",
    "amountdue",
    "amountpaid",
    "amountcredited",
    "url",
    "senttocontact",
    "isdiscounted",
    "brandingthemeid",
    "repeatinginvoiceid",
    "expectedpaymentdate",
    "plannedpaymentdate",
    "fullypaidondate",
];
