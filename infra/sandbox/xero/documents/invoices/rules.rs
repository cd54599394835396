//! Writing invoices and bills, in what they differ from credit notes. All else is in `claims/rules.rs`.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::invoice::{Invoice, TYPES};
use crate::xero::documents::claims::{Claim, InvoiceStatus, Manner, Written};
use crate::xero::documents::head::{Head, day, url_problem};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::shelf::Shelf;
use crate::xero::shelves::Shelves;
use crate::xero::wire::{places, read_number};
use crate::xero::writing::text_of;

impl Written for Invoice {
    const MANNER: Manner = Manner {
        noun: "Invoice",
        types: TYPES,
        ids: &["InvoiceID"],
        number: "InvoiceNumber",
        number_taken: "Invoice # must be unique.",
        prefix: "INV-",
        is_credit: false,
    };

    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.invoices
    }

    fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self> {
        &mut shelves.invoices
    }

    fn new(head: Head, claim: Claim, request: &Request) -> Self {
        let created_by = Some(request.client.as_str().into());
        Self {
            head,
            claim,
            expected_payment_date: None,
            planned_payment_date: None,
            url: None,
            created_by,
            repeating_invoice: None,
        }
    }

    /// One that is approved is due at once unless it says when.
    fn read_days(&mut self, sent: &Map<String, Value>, messages: &mut Messages) {
        self.expected_payment_date =
            day(sent, "ExpectedPaymentDate", messages).or(self.expected_payment_date);
        self.planned_payment_date = day(sent, "PlannedPaymentDate", messages).or(self.planned_payment_date);
        if self.claim.due_date.is_none() && self.claim.status.is_approved() {
            self.claim.due_date = Some(self.head.date);
        }
    }

    fn read_texts(&mut self, sent: &Map<String, Value>, messages: &mut Messages) {
        if let Some(url) = text_of(sent, "Url") {
            messages.extend(url_problem(&url));
            self.url = (!url.is_empty()).then(|| url.into());
        }
    }

    /// As sent, with the totals that it makes up for; it stays as long as the lines do. The wordings are ours.
    fn rounding(&self, sent: &Map<String, Value>, held: Decimal, messages: &mut Messages) -> Decimal {
        let amount = |field: &str| sent.get(field).and_then(read_number);
        let Some(rounding) = amount("RoundingAmount").map(|rounding| places(rounding, 2)) else {
            let stays = self.claim.is_settled() || !sent.contains_key("LineItems");
            return if stays { held } else { Decimal::ZERO };
        };
        if rounding.is_zero() {
            return rounding;
        }
        if rounding.abs() > Decimal::new(10, 2) {
            messages.push("The RoundingAmount must be between -0.10 and 0.10");
        }
        if !self.claim.status.is_approved() {
            messages.push("A RoundingAmount can only be set on SUBMITTED and AUTHORISED invoices");
        }
        let ours = self.head.totals.total + rounding;
        match ["SubTotal", "TotalTax", "Total"].map(amount) {
            [Some(_), Some(_), Some(total)] if total == ours => {}
            [Some(_), Some(_), Some(total)] => {
                messages.push(format!("The Total {total} does not match the expected Total {ours}"));
            }
            _ => messages.push("SubTotal, TotalTax and Total must be specified with a RoundingAmount"),
        }
        rounding
    }

    /// The contact only if nothing was credited.
    fn relabel(&mut self, wanted: &Self) {
        if self.claim.allocated.is_zero() {
            self.head.contact_id = wanted.head.contact_id;
        }
        if !self.claim.is_sale {
            self.planned_payment_date = wanted.planned_payment_date;
        }
        self.url.clone_from(&wanted.url);
    }

    fn beyond_plan(&self, organisation: &Organisation) -> Option<String> {
        organisation.approvals_used_up(self.claim.is_sale, self.head.date)
    }

    /// Xero leaves the stamp of an invoice that is paid in part when nothing but these changes.
    fn keeps_stamp(&self, held: &Self) -> bool {
        let mut as_it_was = self.clone();
        as_it_was.claim.due_date = held.claim.due_date;
        as_it_was.claim.sent_to_contact = held.claim.sent_to_contact;
        let is_paid_in_part = held.claim.is_used() && held.claim.status == InvoiceStatus::Authorised;
        is_paid_in_part && as_it_was == *held && self != held
    }
}
