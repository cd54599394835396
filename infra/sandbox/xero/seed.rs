//! Realistic books from a seed number: customers and suppliers with people and addresses, invoices and bills in
//! every status, most of them paid, some overdue.
//!
//! Entered as a person would (`by_hand.rs`), so that nothing is in the books that they would refuse. The same
//! amounts and seed make the same books; the customers are every second one of the seeded org's Accounts.

use std::sync::Arc;

use jiff::Span;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{InvoiceStatus, Ledger, NotTaken, Xero};
use crate::made_up::{self, Company, one};

/// How much of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amounts {
    /// The sandbox's own seed when left out.
    pub seed: Option<u64>,
    pub customers: usize,
    pub suppliers: usize,
    pub products: usize,
    pub invoices: usize,
    pub bills: usize,
}

impl Amounts {
    /// About so many contacts, invoices and bills in all.
    pub fn about(records: usize) -> Self {
        let customers = (records / 6).max(1);
        Self {
            seed: None,
            customers,
            suppliers: (customers / 4).max(1),
            products: (records / 2_000).clamp(12, 2_000),
            invoices: customers * 4,
            bills: customers * 3 / 4,
        }
    }
}

impl Default for Amounts {
    fn default() -> Self {
        Self::about(120)
    }
}

/// What an invoice has become, and how many of a hundred have.
const FATES: [(InvoiceStatus, u32); 6] = [
    (InvoiceStatus::Paid, 45),
    (InvoiceStatus::Authorised, 30),
    (InvoiceStatus::Draft, 10),
    (InvoiceStatus::Submitted, 6),
    (InvoiceStatus::Voided, 5),
    (InvoiceStatus::Deleted, 4),
];

/// As which an invoice is entered that is to become this; the rest happens to it later.
fn entered(fate: InvoiceStatus) -> InvoiceStatus {
    match fate {
        InvoiceStatus::Draft | InvoiceStatus::Deleted => InvoiceStatus::Draft,
        InvoiceStatus::Submitted => InvoiceStatus::Submitted,
        InvoiceStatus::Authorised | InvoiceStatus::Paid | InvoiceStatus::Voided => InvoiceStatus::Authorised,
    }
}

/// What suppliers are paid for: description and account.
const EXPENSES: [(&str, &str); 6] = [
    ("Advertising, online", "400"),
    ("Bank charges", "404"),
    ("Advice on contracts", "412"),
    ("Electricity", "445"),
    ("Paper and toner", "453"),
    ("Goods for resale", "300"),
];
/// Days that customers have.
const TERMS: [i64; 4] = [7, 14, 20, 30];
/// The oldest documents are so many days old.
const OLDEST: i64 = 180;

impl Xero {
    /// Fills the first organisation's books; what they would refuse is an error.
    pub fn fill(self: &Arc<Self>, amounts: &Amounts) -> Result<(), NotTaken> {
        let seed = amounts.seed.unwrap_or(self.seed);
        // Other draws than the org's: the two may be filled in any order.
        let random = StdRng::seed_from_u64(seed.wrapping_add(1));
        let today = self.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut keeper = Keeper { ledger: self.ledger(), seed, random, today };
        for number in 0..amounts.products {
            let product = made_up::product(number);
            let price = product.price.parse().unwrap_or_default();
            keeper.ledger.add_item(&product.code, &product.name, price, "200");
        }
        let mut customers = Vec::new();
        for number in 0..amounts.customers.max(usize::from(amounts.invoices > 0)) {
            customers.push(keeper.contact(&made_up::customer(seed, number * 2))?);
        }
        let mut suppliers = Vec::new();
        for number in 0..amounts.suppliers.max(usize::from(amounts.bills > 0)) {
            suppliers.push(keeper.contact(&made_up::supplier(seed, number))?);
        }
        for number in 0..amounts.invoices {
            keeper.invoice(customers[number % customers.len()], amounts.products)?;
        }
        for number in 0..amounts.bills {
            keeper.bill(suppliers[number % suppliers.len()], number)?;
        }
        Ok(())
    }
}

struct Keeper {
    ledger: Ledger,
    seed: u64,
    random: StdRng,
    today: Date,
}

impl Keeper {
    fn contact(&mut self, company: &Company) -> Result<Uuid, NotTaken> {
        let person = made_up::person(&mut self.random, company, 0);
        // Bookkeepers don't always ask for an address.
        let email = if self.random.random_range(0..8) > 0 { person.email.as_str() } else { "" };
        let contact = self.ledger.add_contact(json!({
            "Name": company.name, "FirstName": person.given, "LastName": person.family, "EmailAddress": email,
            "Phones": [{ "PhoneType": "DEFAULT", "PhoneNumber": company.phone }],
            "Addresses": [{ "AddressType": "STREET", "AddressLine1": company.street, "City": company.city,
                "Region": company.region, "PostalCode": company.postal_code, "Country": company.country }],
        }))?;
        Ok(contact.id)
    }

    fn invoice(&mut self, customer: Uuid, products: usize) -> Result<(), NotTaken> {
        let lines = self.random.random_range(1..=4);
        let lines: Vec<Value> = (0..lines)
            .map(|_| {
                let product = made_up::product(self.random.random_range(0..products.max(1)));
                let quantity = self.random.random_range(1..25);
                let discount = (self.random.random_range(0..5) == 0).then_some("7.5");
                let account = if product.family == "Services" { "210" } else { "200" };
                json!({ "ItemCode": product.code, "Description": product.name, "Quantity": quantity,
                        "UnitAmount": product.price, "DiscountRate": discount, "AccountCode": account })
            })
            .collect();
        let order = self.random.random_range(1_000..10_000);
        let terms = *one(&mut self.random, &TERMS);
        let fields = json!({ "Type": "ACCREC", "Reference": format!("PO {order}"), "LineItems": lines });
        self.enter(customer, fields, terms)
    }

    fn bill(&mut self, supplier: Uuid, number: usize) -> Result<(), NotTaken> {
        let (what, account) = *one(&mut self.random, &EXPENSES);
        let amount = Decimal::new(self.random.random_range(1_000..250_000), 2);
        let line = json!({ "Description": what, "Quantity": 1, "UnitAmount": amount.to_string(),
            "AccountCode": account });
        let fields = json!({ "Type": "ACCPAY", "InvoiceNumber": format!("B{}-{:05}", self.seed, number + 1),
            "LineItems": [line] });
        self.enter(supplier, fields, 20)
    }

    /// On some day of the last months; then what became of it.
    fn enter(&mut self, contact: Uuid, mut fields: Value, terms: i64) -> Result<(), NotTaken> {
        let fate = self.fate();
        let days = |from: Date, days: i64| from.checked_add(Span::new().days(days)).unwrap_or(from);
        let date = days(self.today, -self.random.random_range(0..OLDEST));
        fields["Contact"] = json!({ "ContactID": contact.to_string() });
        fields["Date"] = date.to_string().into();
        fields["DueDate"] = days(date, terms).to_string().into();
        fields["Status"] = entered(fate).as_str().into();
        let invoice = self.ledger.add_invoice(fields)?.head.id;
        match fate {
            InvoiceStatus::Draft | InvoiceStatus::Submitted | InvoiceStatus::Authorised => {}
            InvoiceStatus::Paid => {
                self.ledger.pay_invoice(invoice)?;
            }
            // A draft is deleted rather than voided.
            InvoiceStatus::Voided | InvoiceStatus::Deleted => {
                self.ledger.void_invoice(invoice)?;
            }
        }
        Ok(())
    }

    fn fate(&mut self) -> InvoiceStatus {
        let mut draw = self.random.random_range(0..100);
        for (fate, share) in FATES {
            match draw < share {
                true => return fate,
                false => draw -= share,
            }
        }
        InvoiceStatus::Draft
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::{Provider, Sandbox, Settings};

    fn filled(seed: u64) -> Sandbox {
        let sandbox = Sandbox::new(Settings { seed, ..Settings::default() });
        sandbox.fill(600).unwrap();
        sandbox
    }

    #[test]
    fn the_same_seed_makes_the_same_org_and_books_byte_for_byte() {
        let text = |seed| {
            let sandbox = filled(seed);
            (sandbox.salesforce.state().to_string(), Provider::state(&*sandbox.xero).to_string())
        };
        let (org, books) = text(7);
        assert_eq!((&org, &books), (&text(7).0, &text(7).1));
        let (other_org, other_books) = text(8);
        assert!(org != other_org && books != other_books);
    }

    #[test]
    fn the_books_know_half_of_the_customers_and_have_documents_in_every_status() {
        let sandbox = filled(1);
        let ledger = sandbox.xero.ledger();
        let known = sandbox
            .salesforce
            .records("Account")
            .iter()
            .filter(|account| ledger.contact_named(account["Name"].as_str().unwrap()).is_some())
            .count();
        assert_eq!((known, sandbox.salesforce.records("Account").len()), (17, 33));
        let mut statuses = HashMap::new();
        for invoice in ledger.invoices_as_json() {
            *statuses.entry(invoice["Status"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        assert_eq!(statuses.len(), 6, "{statuses:?}");
        assert!(statuses["PAID"] > 40, "{statuses:?}");
        assert_eq!((sandbox.xero.invariants(), sandbox.salesforce.invariants()), (vec![], vec![]));
    }
}
