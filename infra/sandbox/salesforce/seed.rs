//! A realistic org from a seed number: products with prices, accounts with people, deals with lines.
//!
//! The same amounts and seed make the same org. Some records are a nuisance on purpose, as in real orgs:
//! phone numbers in every style, product lines with discounts and odd cents, accounts without a country.

use jiff::Span;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Salesforce;
use super::answer::Refused;
use super::org::Org;
use crate::made_up::{self, Product, one};

/// How much of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amounts {
    /// The org's own seed when left out.
    pub seed: Option<u64>,
    pub accounts: usize,
    pub products: usize,
    pub opportunities: usize,
    /// Of them, so many are Closed Won from the start; the others stand in open stages.
    pub won: usize,
    /// After them, so many are Closed Lost.
    pub lost: usize,
    pub leads: usize,
    /// Contacts besides the one that every account has.
    pub colleagues: usize,
}

impl Amounts {
    /// About so many records in all, in the proportions of an org that sells. A deal has three lines on average.
    pub fn about(records: usize) -> Self {
        let accounts = (records / 12).max(1);
        let opportunities = accounts * 2;
        Self {
            seed: None,
            accounts,
            products: (records / 2_000).clamp(12, 2_000),
            opportunities,
            won: opportunities / 4,
            lost: opportunities / 6,
            leads: accounts,
            colleagues: accounts,
        }
    }
}

impl Default for Amounts {
    fn default() -> Self {
        Self {
            seed: None,
            accounts: 20,
            products: 12,
            opportunities: 40,
            won: 5,
            lost: 0,
            leads: 5,
            colleagues: 0,
        }
    }
}

/// The ids of what was made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seeded {
    pub accounts: Vec<String>,
    pub contacts: Vec<String>,
    pub products: Vec<String>,
    pub opportunities: Vec<String>,
    pub leads: Vec<String>,
    pub campaigns: Vec<String>,
}

const OPEN_STAGES: [&str; 5] =
    ["Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review"];
/// What a deal is about, and its type.
const OCCASIONS: [(&str, &str); 6] = [
    ("New business", "New Customer"),
    ("Pilot", "New Customer"),
    ("Renewal", "Existing Customer - Replacement"),
    ("Replacement of servers", "Existing Customer - Replacement"),
    ("More seats", "Existing Customer - Upgrade"),
    ("Second site", "Existing Customer - Upgrade"),
];
const SOURCES: [&str; 4] = ["Web", "Phone Inquiry", "Partner Referral", "Other"];

impl Salesforce {
    /// Fills the org. Can be called again for more.
    pub fn fill(&self, amounts: &Amounts) -> Seeded {
        let mut org = self.org();
        let seed = amounts.seed.unwrap_or(self.settings.seed);
        let random = StdRng::seed_from_u64(seed);
        let mut maker = Maker { org: &mut org, seed, random, made: Seeded::default() };
        maker.make(amounts).unwrap_or_else(|refused| panic!("the seed is refused: {}", refused.message));
        maker.made
    }
}

struct Maker<'a> {
    org: &'a mut Org,
    seed: u64,
    random: StdRng,
    made: Seeded,
}

impl Maker<'_> {
    fn make(&mut self, amounts: &Amounts) -> Result<(), Refused> {
        let entries = self.products(amounts.products.max(1))?;
        let accounts = amounts.accounts.max(usize::from(amounts.opportunities > 0));
        for number in 0..accounts {
            self.account(number)?;
        }
        for number in 0..if accounts > 0 { amounts.colleagues } else { 0 } {
            self.contact(number % accounts, 1 + number / accounts)?;
        }
        let campaign = self
            .insert("Campaign", json!({ "Name": "Spring fair", "Type": "Trade Show", "IsActive": true }))?;
        self.made.campaigns.push(campaign);
        for number in 0..amounts.leads {
            self.lead(number)?;
        }
        for number in 0..amounts.opportunities {
            let stage = match number {
                won if won < amounts.won => "Closed Won",
                lost if lost < amounts.won + amounts.lost => "Closed Lost",
                _ => one(&mut self.random, &OPEN_STAGES),
            };
            self.opportunity(number, stage, &entries)?;
        }
        Ok(())
    }

    /// Entries in the standard price book.
    fn products(&mut self, count: usize) -> Result<Vec<(String, &'static str)>, Refused> {
        let books: Vec<String> =
            self.org.store.table("Pricebook2").all().map(|book| book.id.clone()).collect();
        let book = books.first().cloned().unwrap_or_default();
        let mut entries = Vec::new();
        for number in 0..count {
            let Product { name, code, family, price } = made_up::product(number);
            let fields = json!({ "Name": name, "ProductCode": code, "Family": family, "IsActive": true,
                "Description": format!("{name}, as agreed") });
            let product = self.insert("Product2", fields)?;
            let fields =
                json!({ "Pricebook2Id": book, "Product2Id": product, "UnitPrice": price, "IsActive": true });
            entries.push((self.insert("PricebookEntry", fields)?, price));
            self.made.products.push(product);
        }
        Ok(entries)
    }

    fn account(&mut self, number: usize) -> Result<(), Refused> {
        let company = made_up::customer(self.seed, number);
        let known = self.random.random_range(0..10) > 0;
        let fields = json!({ "Name": company.name, "Phone": company.phone, "BillingStreet": company.street,
            "BillingCity": company.city, "BillingState": some(company.region),
            "BillingPostalCode": company.postal_code, "BillingCountry": known.then_some(company.country),
            "Website": format!("https://www.{}", company.domain), "Industry": company.industry,
            "Type": "Customer - Direct", "NumberOfEmployees": company.employees,
            "AccountNumber": format!("A-{:05}", number + 1) });
        let account = self.insert("Account", fields)?;
        self.made.accounts.push(account);
        self.contact(number, 0)
    }

    fn contact(&mut self, number: usize, place: usize) -> Result<(), Refused> {
        let company = made_up::customer(self.seed, number);
        let person = made_up::person(&mut self.random, &company, place);
        let fields = json!({ "AccountId": self.made.accounts[number], "FirstName": person.given,
            "LastName": person.family, "Email": person.email, "Phone": company.phone, "Title": person.title });
        let contact = self.insert("Contact", fields)?;
        self.made.contacts.push(contact);
        Ok(())
    }

    fn lead(&mut self, number: usize) -> Result<(), Refused> {
        let company = made_up::prospect(self.seed, number);
        let person = made_up::person(&mut self.random, &company, 0);
        let fields = json!({ "FirstName": person.given, "LastName": person.family, "Title": person.title,
            "Company": company.name, "Email": person.email, "Phone": company.phone, "City": company.city,
            "Country": company.country, "LeadSource": one(&mut self.random, &SOURCES) });
        let lead = self.insert("Lead", fields)?;
        self.made.leads.push(lead);
        Ok(())
    }

    fn opportunity(
        &mut self,
        number: usize,
        stage: &str,
        entries: &[(String, &'static str)],
    ) -> Result<(), Refused> {
        let customer = number % self.made.accounts.len();
        let company = made_up::customer(self.seed, customer);
        let (occasion, kind) = one(&mut self.random, &OCCASIONS);
        let days = self.random.random_range(0..60);
        let days = if stage == "Closed Lost" { -days } else { days };
        let today = self.org.now.to_zoned(TimeZone::UTC).date();
        let close = today.checked_add(Span::new().days(days)).unwrap_or(today);
        let fields = json!({ "Name": format!("{} – {occasion} {:04}", company.name, number + 1),
            "AccountId": self.made.accounts[customer], "StageName": stage, "CloseDate": close.to_string(),
            "Type": kind, "LeadSource": one(&mut self.random, &SOURCES) });
        let deal = self.insert("Opportunity", fields)?;
        for place in 0..self.random.random_range(1..=5) {
            let (entry, price) = one(&mut self.random, entries).clone();
            let discount: Value = match self.random.random_range(0..4) {
                0 => json!(10),
                1 => json!("7.5"),
                _ => Value::Null,
            };
            let quantity = self.random.random_range(1..25);
            self.insert(
                "OpportunityLineItem",
                json!({ "OpportunityId": deal, "PricebookEntryId": entry,
                "Quantity": quantity, "UnitPrice": price, "Discount": discount, "SortOrder": place + 1,
                "Description": format!("Line {} as quoted", place + 1) }),
            )?;
        }
        self.made.opportunities.push(deal);
        Ok(())
    }

    fn insert(&mut self, object: &str, fields: Value) -> Result<String, Refused> {
        self.org.store.tidy();
        let (object, writer) = (self.org.object(object)?, self.org.as_person());
        self.org.create(&object, fields.as_object().unwrap_or(&serde_json::Map::new()), &writer)
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
