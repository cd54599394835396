//! A realistic org from a seed number: products with prices, accounts with people, deals with lines.
//!
//! The same amounts and seed make the same org. Some records are a nuisance on purpose, as in real orgs:
//! phone numbers in every style, product lines with discounts and odd cents, accounts without a country.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Salesforce;
use super::answer::Refused;
use super::org::Org;

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
    pub leads: usize,
}

impl Default for Amounts {
    fn default() -> Self {
        Self { seed: None, accounts: 20, products: 12, opportunities: 40, won: 5, leads: 5 }
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

const FIRST: [&str; 12] = [
    "Acme", "Boxwood", "Cobalt", "Dunmore", "Ember", "Fairfax", "Granite", "Harbour", "Ivy", "Juniper",
    "Kestrel", "Larch",
];
const SECOND: [&str; 10] = [
    "Foods",
    "Logistics",
    "Partners",
    "Systems",
    "Builders",
    "Textiles",
    "Dental",
    "Studios",
    "Energy",
    "Marine",
];
const FORM: [&str; 5] = ["Ltd", "& Co", "Group", "PLC", "LLC"];
const GIVEN: [&str; 10] = ["Ana", "Ben", "Chloe", "Dev", "Erin", "Fatima", "George", "Hana", "Ivan", "Joy"];
const FAMILY: [&str; 10] =
    ["Archer", "O'Brien", "Chen", "Dubois", "Evans", "Fischer", "García", "Hughes", "Ito", "Jones"];
const OPEN_STAGES: [&str; 5] =
    ["Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review"];
/// Name, code, family, price.
const PRODUCTS: [(&str, &str, &str, &str); 12] = [
    ("Rack server", "HW-SERVER", "Hardware", "2499.00"),
    ("Laptop 14\"", "HW-LAPTOP", "Hardware", "1189.50"),
    ("Network switch", "HW-SWITCH", "Hardware", "329.99"),
    ("Cable, per metre", "HW-CABLE", "Hardware", "0.85"),
    ("Installation, day", "SV-INSTALL", "Services", "780.00"),
    ("Consulting, hour", "SV-CONSULT", "Services", "145.00"),
    ("Training, seat", "SV-TRAIN", "Services", "260.00"),
    ("Support, month", "SV-SUPPORT", "Services", "99.00"),
    ("Licence, seat", "SW-SEAT", "Software", "18.75"),
    ("Licence, site", "SW-SITE", "Software", "4200.00"),
    ("Backup, GB", "SW-BACKUP", "Software", "0.12"),
    ("Shipping", "SHIP", "None", "25.00"),
];
/// Country, city, postal code and phone numbers as people type them.
const PLACES: [(&str, &str, &str, [&str; 3]); 6] = [
    ("United Kingdom", "Leeds", "LS1 4AP", ["0113 496 0", "+44 113 496 0", "(0113) 4960"]),
    ("United States", "Austin", "73301", ["512-555-0", "+1 (512) 555-0", "512.555.0"]),
    ("Germany", "Köln", "50667", ["0221 99 55 ", "+49 221 9955", "0221/9955"]),
    ("New Zealand", "Wellington", "6011", ["04 555 0", "+64 4 555 0", "(04) 5550"]),
    ("Australia", "Perth", "6000", ["08 5550 0", "+61 8 5550 0", "(08) 55500"]),
    ("France", "Lyon", "69001", ["04 99 55 0", "+33 4 99 55 0", "04.99.55.0"]),
];

impl Salesforce {
    /// Fills the org. Can be called again for more.
    pub fn fill(&self, amounts: &Amounts) -> Seeded {
        let mut org = self.org();
        let seed = amounts.seed.unwrap_or(self.settings.seed);
        let mut maker = Maker { org: &mut org, random: StdRng::seed_from_u64(seed), made: Seeded::default() };
        maker.make(amounts).unwrap_or_else(|refused| panic!("the seed is refused: {}", refused.message));
        maker.made
    }
}

struct Maker<'a> {
    org: &'a mut Org,
    random: StdRng,
    made: Seeded,
}

impl Maker<'_> {
    fn make(&mut self, amounts: &Amounts) -> Result<(), Refused> {
        let entries = self.products(amounts.products.max(1))?;
        for number in 0..amounts.accounts.max(usize::from(amounts.opportunities > 0)) {
            self.account(number)?;
        }
        let campaign = self
            .insert("Campaign", json!({ "Name": "Spring fair", "Type": "Trade Show", "IsActive": true }))?;
        self.made.campaigns.push(campaign);
        for number in 0..amounts.leads {
            let company = format!("{} {}", self.one(&FIRST), self.one(&SECOND));
            let fields = json!({ "FirstName": self.one(&GIVEN), "LastName": self.one(&FAMILY), "Company": company,
                "Email": format!("lead{number}@prospect.example"), "LeadSource": "Web" });
            let lead = self.insert("Lead", fields)?;
            self.made.leads.push(lead);
        }
        for number in 0..amounts.opportunities {
            self.opportunity(number, number < amounts.won, &entries)?;
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
            let (name, code, family, price) = PRODUCTS[number % PRODUCTS.len()];
            let again = number / PRODUCTS.len();
            let suffix = if again == 0 { String::new() } else { format!("-{again}") };
            let fields = json!({ "Name": format!("{name}{suffix}"), "ProductCode": format!("{code}{suffix}"),
                "Family": family, "IsActive": true, "Description": format!("{name}, as agreed") });
            let product = self.insert("Product2", fields)?;
            let fields =
                json!({ "Pricebook2Id": book, "Product2Id": product, "UnitPrice": price, "IsActive": true });
            entries.push((self.insert("PricebookEntry", fields)?, price));
            self.made.products.push(product);
        }
        Ok(entries)
    }

    fn account(&mut self, number: usize) -> Result<(), Refused> {
        let (country, city, code, phones) = *self.one(&PLACES);
        let name = format!(
            "{} {} {}",
            FIRST[number % FIRST.len()],
            SECOND[number / FIRST.len() % SECOND.len()],
            self.one(&FORM)
        );
        let again = number / (FIRST.len() * SECOND.len());
        let name = if again == 0 { name } else { format!("{name} {again}") };
        let phone = format!("{}{:03}", self.one(&phones), self.random.random_range(100..1000));
        let known = self.random.random_range(0..10) > 0;
        let fields = json!({ "Name": name, "Phone": phone, "BillingCity": city, "BillingPostalCode": code,
            "BillingCountry": known.then_some(country), "BillingStreet": format!("{} High Street", number + 1),
            "Industry": "Technology", "AccountNumber": format!("A-{:05}", number + 1) });
        let account = self.insert("Account", fields)?;
        let fields = json!({ "AccountId": account, "FirstName": self.one(&GIVEN), "LastName": self.one(&FAMILY),
            "Email": format!("accounts{number}@customer.example"), "Phone": phone });
        let contact = self.insert("Contact", fields)?;
        self.made.accounts.push(account);
        self.made.contacts.push(contact);
        Ok(())
    }

    fn opportunity(
        &mut self,
        number: usize,
        won: bool,
        entries: &[(String, &'static str)],
    ) -> Result<(), Refused> {
        let account = self.made.accounts[number % self.made.accounts.len()].clone();
        let stage = if won { "Closed Won" } else { *self.one(&OPEN_STAGES) };
        let days = self.random.random_range(0..60);
        let close = self.org.now.strftime("%Y-%m-%d").to_string();
        let close = close.parse::<jiff::civil::Date>().ok();
        let close = close.and_then(|date| date.checked_add(jiff::Span::new().days(days)).ok());
        let fields = json!({ "Name": format!("Deal {:04} {}", number + 1, self.one(&SECOND)), "AccountId": account,
            "StageName": stage, "CloseDate": close.map(|date| date.to_string()), "LeadSource": "Web" });
        let deal = self.insert("Opportunity", fields)?;
        for place in 0..self.random.random_range(1..=5) {
            let (entry, price) = self.one(entries).clone();
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

    fn one<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        choices.choose(&mut self.random).unwrap_or(&choices[0])
    }

    fn insert(&mut self, object: &str, fields: Value) -> Result<String, Refused> {
        let (object, writer) = (self.org.object(object)?, self.org.as_person());
        self.org.create(&object, fields.as_object().unwrap_or(&serde_json::Map::new()), &writer)
    }
}
