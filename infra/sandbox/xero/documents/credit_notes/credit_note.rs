//! A credit note: nothing but a head and a claim. How it is written where invoices are written otherwise, and the
//! shapes it is shown in.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::xero::body::Put;
use crate::xero::documents::claims::{Claim, Claimed, Manner, Written};
use crate::xero::documents::head::{Head, Headed, number_key};
use crate::xero::documents::lines;
use crate::xero::filter::Field;
use crate::xero::journal::{Basis, Entry};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CreditNote {
    pub(crate) head: Head,
    pub(crate) claim: Claim,
}

impl Written for CreditNote {
    const MANNER: Manner = Manner {
        noun: "Credit note",
        types: ["ACCRECCREDIT", "ACCPAYCREDIT"],
        ids: &["CreditNoteID", "ID"],
        number: "CreditNoteNumber",
        number_taken: "Credit note # must be unique.",
        prefix: "CN-",
        is_credit: true,
    };

    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.credit_notes
    }

    fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self> {
        &mut shelves.credit_notes
    }

    fn new(head: Head, claim: Claim, _: &Request) -> Self {
        Self { head, claim }
    }
}

impl Claimed for CreditNote {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn claim_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}

impl Headed for CreditNote {
    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Only those to customers are found by number.
    fn keys(&self) -> Vec<String> {
        let number = self.claim.is_sale.then(|| number_key(&self.head.number));
        self.head.keys().chain(number).collect()
    }

    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        self.claim.post(organisation, &self.head, true, basis)
    }

    fn news(&self, _before: Option<&Self>) -> Option<News> {
        Some(News::with_data(Category::CreditNote, self.type_text(), self.claim.status.as_str()))
    }

    fn field<'a>(&'a self, _: &'a Organisation, path: &str) -> Option<Field<'a>> {
        Some(match path {
            "creditnoteid" => Field::Id(self.head.id),
            "creditnotenumber" => Field::text(&self.head.number),
            "type" => Field::text(self.type_text()),
            "remainingcredit" => Field::Number(self.open()),
            "appliedamount" => Field::Number(self.claim.allocated),
            "senttocontact" => Field::Flag(self.claim.sent_to_contact),
            _ => return self.claim.field(path),
        })
    }
}

impl CreditNote {
    fn type_text(&self) -> &'static str {
        Self::MANNER.types[usize::from(!self.claim.is_sale)]
    }

    /// The id stands there twice, as Xero has it.
    pub(crate) fn as_json(
        &self,
        organisation: &Organisation,
        view: View,
        unit_places: u32,
    ) -> Map<String, Value> {
        let Self { head, claim } = self;
        let mut body = Map::new();
        body.put("CreditNoteID", head.id.to_string());
        body.put("CreditNoteNumber", &*head.number);
        if view != View::Summary {
            let payments = organisation.payments_of(head.id);
            body.put("Payments", payments.map(|payment| payment.inside()).collect::<Value>());
        }
        body.put("ID", head.id.to_string());
        body.put("CurrencyRate", wire::number(head.currency_rate));
        body.put("Type", self.type_text());
        body.put("Reference", &*head.reference);
        body.put("SentToContact", claim.sent_to_contact);
        body.put("RemainingCredit", wire::money(self.open()));
        if view != View::Summary {
            let allocations = organisation.allocations_of(head.id);
            body.put("Allocations", allocations.map(|one| one.as_json(organisation)).collect::<Value>());
        }
        body.put("HasAttachments", false);
        body.put("HasErrors", false);
        head.put_contact(&mut body, organisation, view);
        claim.put_days(&mut body, head);
        let lines = lines::as_json(&head.lines.read(), view, unit_places);
        head.put_sums(&mut body, claim.status.as_str(), Some(lines));
        body.put("UpdatedDateUTC", wire::stamp(head.updated));
        body.put("UpdatedDateUTCString", wire::stamp_text(head.updated));
        body.put("CurrencyCode", head.currency.as_str());
        body.put_some("FullyPaidOnDate", claim.fully_paid_on.map(wire::day));
        body
    }

    /// Inside an invoice that it was allocated to.
    pub(crate) fn inside(&self, applied: Decimal) -> Value {
        let head = &self.head;
        json!({
            "CreditNoteID": head.id.to_string(), "CreditNoteNumber": head.number, "ID": head.id.to_string(),
            "HasErrors": false, "AppliedAmount": wire::money(applied), "DateString": wire::day_text(head.date),
            "Date": wire::day(head.date), "LineItems": [], "Total": wire::money(head.totals.total),
        })
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "creditnoteid",
    "creditnotenumber",
    "type",
    "status",
    "duedate",
    "remainingcredit",
    "appliedamount",
    "senttocontact",
    "brandingthemeid",
    "fullypaidondate",
];
