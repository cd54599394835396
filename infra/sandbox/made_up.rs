//! Made-up companies, people and products for the seeds of both stand-ins.
//!
//! A company follows from the seed and its number alone, so that the org's customers and the books' contacts are
//! the same ones. Telephone numbers are of ranges that their countries keep for fiction where there are any, in
//! the styles that people type; mail goes to `.example`. Called by `salesforce/seed.rs` and `xero/seed.rs`.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Company {
    /// Unlike every other company's of the same seed.
    pub(crate) name: String,
    pub(crate) industry: &'static str,
    pub(crate) street: String,
    pub(crate) city: &'static str,
    pub(crate) region: &'static str,
    pub(crate) postal_code: String,
    pub(crate) country: &'static str,
    pub(crate) phone: String,
    pub(crate) domain: String,
    pub(crate) employees: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) title: &'static str,
    pub(crate) email: String,
}

/// A company that buys. The books know every second one of them.
pub(crate) fn customer(seed: u64, number: usize) -> Company {
    company(seed, number as u64 * 2)
}

/// A company that may buy one day.
pub(crate) fn prospect(seed: u64, number: usize) -> Company {
    company(seed, number as u64 * 4 + 1)
}

/// A company that sends bills.
pub(crate) fn supplier(seed: u64, number: usize) -> Company {
    company(seed, number as u64 * 4 + 3)
}

/// Company `number` of this seed.
fn company(seed: u64, number: u64) -> Company {
    // Names are taken in an order that the seed decides, each once; after all of them, a number is added.
    let all = (FIRST.len() * SECOND.len() * TRADES.len()) as u64;
    let place = ((number % all) * STEP + seed % all) % all;
    let (first, rest) = pick(&FIRST, place);
    let (second, rest) = pick(&SECOND, rest);
    let (trade, industry) = TRADES[rest as usize % TRADES.len()];
    let again = number / all;
    let mut random = StdRng::seed_from_u64(seed.rotate_left(32) ^ number);
    let country = one(&mut random, &COUNTRIES);
    let city = one(&mut random, country.cities);
    let form = one(&mut random, country.forms);
    let again_in_name = if again == 0 { String::new() } else { format!(" {}", again + 1) };
    let name = format!("{first}{second} {trade}{again_in_name} {form}");
    let again_in_domain = if again == 0 { String::new() } else { format!("{}", again + 1) };
    let domain = format!("{first}{second}-{trade}{again_in_domain}.example").to_lowercase().replace(' ', "-");
    let street = one(&mut random, country.streets);
    let house = random.random_range(1..180);
    Company {
        name,
        industry,
        street: street.replace('#', &house.to_string()),
        city: city.name,
        region: city.region,
        postal_code: digits(&mut random, city.postal_code),
        country: country.name,
        phone: {
            let style = one(&mut random, city.phones);
            digits(&mut random, style)
        },
        domain,
        employees: *one(&mut random, &[4, 9, 15, 28, 60, 120, 450, 2_300]),
    }
}

/// Somebody who works there. `place` keeps the addresses of one company apart.
pub(crate) fn person(random: &mut StdRng, company: &Company, place: usize) -> Person {
    let (given, family) = (*one(random, &GIVEN), *one(random, &FAMILY));
    let again = if place == 0 { String::new() } else { format!("{}", place + 1) };
    let mailbox = format!("{}.{}{again}", plain(given), plain(family));
    Person {
        given,
        family,
        title: one::<&str>(random, &TITLES),
        email: format!("{mailbox}@{}", company.domain),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) family: &'static str,
    pub(crate) price: &'static str,
}

/// Product `number`: the same in both stand-ins, whatever the seed.
pub(crate) fn product(number: usize) -> Product {
    let (name, code, family, price) = PRODUCTS[number % PRODUCTS.len()];
    let suffix = match number / PRODUCTS.len() {
        0 => String::new(),
        again => format!("-{again}"),
    };
    Product { name: format!("{name}{suffix}"), code: format!("{code}{suffix}"), family, price }
}

pub(crate) fn one<'a, T>(random: &mut StdRng, choices: &'a [T]) -> &'a T {
    choices.choose(random).unwrap_or(&choices[0])
}

fn pick<'a>(list: &[&'a str], place: u64) -> (&'a str, u64) {
    let length = list.len() as u64;
    (list[(place % length) as usize], place / length)
}

/// Each `0` becomes a digit, each `A` a letter.
fn digits(random: &mut StdRng, pattern: &str) -> String {
    let letters = b"ABDEFGHJLNPQRSTUWXYZ";
    let filled = pattern.chars().map(|sign| match sign {
        '0' => char::from(b'0' + random.random_range(0..10_u8)),
        'A' => char::from(*one(random, letters)),
        other => other,
    });
    // A digit that is meant as itself.
    filled.collect::<String>().replace('o', "0")
}

/// A name as it is written in an address.
fn plain(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase).filter_map(|letter| match letter {
        'á' | 'ā' | 'å' => Some('a'),
        'é' | 'è' | 'ë' | 'ễ' => Some('e'),
        'í' => Some('i'),
        'ó' | 'ø' => Some('o'),
        'ü' => Some('u'),
        other => other.is_ascii_alphanumeric().then_some(other),
    });
    letters.collect()
}

/// Has no divisor in common with the number of names, so that each comes once.
const STEP: u64 = 7_919;

const FIRST: [&str; 40] = [
    "Alder", "Amber", "Birch", "Black", "Blue", "Bright", "Cedar", "Clear", "Copper", "Crown", "East", "Elm",
    "Fair", "Fern", "Glen", "Golden", "Grey", "Harbour", "Hazel", "High", "Iron", "Kings", "Larch", "Long",
    "Maple", "Mill", "North", "Oak", "Old", "Red", "River", "Rose", "Silver", "South", "Stone", "Summer",
    "Swan", "West", "White", "Winter",
];
const SECOND: [&str; 25] = [
    "bank", "bridge", "brook", "bury", "dale", "field", "ford", "gate", "grove", "haven", "hill", "hurst",
    "land", "lea", "mere", "moor", "port", "ridge", "side", "stead", "ton", "vale", "view", "water", "wood",
];
/// What follows the name, and the industry it is of.
const TRADES: [(&str, &str); 24] = [
    ("Foods", "Manufacturing"),
    ("Logistics", "Transportation"),
    ("Partners", "Consulting"),
    ("Systems", "Technology"),
    ("Builders", "Construction"),
    ("Textiles", "Manufacturing"),
    ("Dental", "Healthcare"),
    ("Studios", "Media"),
    ("Energy", "Energy"),
    ("Marine", "Transportation"),
    ("Interiors", "Retail"),
    ("Engineering", "Engineering"),
    ("Coffee", "Hospitality"),
    ("Joinery", "Construction"),
    ("Pharma", "Healthcare"),
    ("Optics", "Electronics"),
    ("Nurseries", "Agriculture"),
    ("Print", "Media"),
    ("Software", "Technology"),
    ("Insurance", "Insurance"),
    ("Training", "Education"),
    ("Motors", "Retail"),
    ("Plumbing", "Construction"),
    ("Hotels", "Hospitality"),
];
const GIVEN: [&str; 32] = [
    "Aisha", "Alan", "Ana", "Ben", "Camille", "Chloe", "Daniel", "Dev", "Elena", "Erin", "Fatima", "George",
    "Grace", "Hana", "Hugo", "Ivan", "Jürgen", "Joy", "Kiri", "Lars", "Leah", "Mateo", "Mei", "Noah", "Nora",
    "Olivia", "Priya", "Ravi", "Sofía", "Tane", "Wiremu", "Zoë",
];
const FAMILY: [&str; 32] = [
    "Archer",
    "Bauer",
    "Bell",
    "Chen",
    "Clarke",
    "Dubois",
    "Edwards",
    "Evans",
    "Fischer",
    "García",
    "Haddad",
    "Hughes",
    "Ito",
    "Jones",
    "Kaur",
    "Khan",
    "Lefèvre",
    "MacDonald",
    "Martin",
    "Müller",
    "Ngata",
    "Nguyễn",
    "O'Brien",
    "Okafor",
    "Parata",
    "Patel",
    "Reid",
    "Rossi",
    "Sørensen",
    "Smith-Jones",
    "Taylor",
    "Walker",
];
const TITLES: [&str; 10] = [
    "Accounts Payable",
    "Buyer",
    "Chief Executive",
    "Finance Director",
    "Head of IT",
    "Office Manager",
    "Operations Manager",
    "Owner",
    "Procurement Lead",
    "Project Manager",
];
/// Name, code, family, price.
const PRODUCTS: [(&str, &str, &str, &str); 24] = [
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
    ("Monitor 27\"", "HW-MONITOR", "Hardware", "284.90"),
    ("Docking station", "HW-DOCK", "Hardware", "169.00"),
    ("Access point", "HW-AP", "Hardware", "214.45"),
    ("Uninterruptible supply", "HW-UPS", "Hardware", "649.00"),
    ("Security review", "SV-REVIEW", "Services", "1950.00"),
    ("Data migration, day", "SV-MIGRATE", "Services", "920.00"),
    ("On-call, week", "SV-ONCALL", "Services", "410.00"),
    ("Disposal, item", "SV-DISPOSE", "Services", "14.50"),
    ("Mail security, seat", "SW-MAIL", "Software", "3.40"),
    ("Reporting, site", "SW-REPORT", "Software", "1150.00"),
    ("Password vault, seat", "SW-VAULT", "Software", "4.10"),
    ("Archive, TB", "SW-ARCHIVE", "Software", "37.50"),
];

struct Country {
    name: &'static str,
    forms: &'static [&'static str],
    streets: &'static [&'static str],
    cities: &'static [City],
}

/// In patterns `0` stands for any digit and `o` for a zero.
struct City {
    name: &'static str,
    region: &'static str,
    postal_code: &'static str,
    phones: &'static [&'static str],
}

const COUNTRIES: [Country; 6] = [
    Country {
        name: "United Kingdom",
        forms: &["Ltd", "LLP", "plc", "& Co"],
        streets: &["# High Street", "# Station Road", "Unit #, Canal Works", "# Mill Lane"],
        cities: &[
            City {
                name: "Leeds",
                region: "West Yorkshire",
                postal_code: "LS1 4AA",
                phones: &["o113 496 o000", "+44 113 496 o000", "(o113) 496o000"],
            },
            City {
                name: "London",
                region: "",
                postal_code: "EC2A 4AA",
                phones: &["o2o 7946 o000", "+44 (o)2o 7946 o000", "o2o7946o000"],
            },
            City {
                name: "Manchester",
                region: "",
                postal_code: "M1 3AA",
                phones: &["o161 496 o000", "+44161496o000", "o161-496-o000"],
            },
        ],
    },
    Country {
        name: "United States",
        forms: &["Inc.", "LLC", "Corp."],
        streets: &["# Main Street", "# Congress Ave, Suite 12", "# 2nd Street"],
        cities: &[
            City {
                name: "Austin",
                region: "TX",
                postal_code: "78700",
                phones: &["512-555-o100", "+1 (512) 555-o100", "512.555.o100"],
            },
            City {
                name: "Portland",
                region: "OR",
                postal_code: "97200",
                phones: &["(5o3) 555-o100", "+15o3555o100", "5o3 555 o100"],
            },
        ],
    },
    Country {
        name: "Germany",
        forms: &["GmbH", "AG", "GmbH & Co. KG"],
        streets: &["Hauptstraße #", "Am Markt #", "Lindenallee #"],
        cities: &[
            City {
                name: "Köln",
                region: "Nordrhein-Westfalen",
                postal_code: "50600",
                phones: &["o221 471o 000", "+49 221 471o000", "o221/471o000"],
            },
            City {
                name: "Berlin",
                region: "Berlin",
                postal_code: "10100",
                phones: &["o3o 23125 000", "+49 (o)3o 23125 000", "o3o/23125000"],
            },
        ],
    },
    Country {
        name: "New Zealand",
        forms: &["Limited", "Ltd", "& Sons Ltd"],
        streets: &["# Lambton Quay", "# Queen Street", "# Victoria Road"],
        cities: &[
            City {
                name: "Wellington",
                region: "",
                postal_code: "6011",
                phones: &["o4 555 0000", "+64 4 555 0000", "(o4) 555-0000"],
            },
            City {
                name: "Auckland",
                region: "",
                postal_code: "1010",
                phones: &["o9 555 0000", "+64 9 555 0000", "o95550000"],
            },
        ],
    },
    Country {
        name: "Australia",
        forms: &["Pty Ltd", "Pty Limited"],
        streets: &["# Hay Street", "Level 3, # Collins Street"],
        cities: &[
            City {
                name: "Perth",
                region: "WA",
                postal_code: "6000",
                phones: &["o8 555o 0000", "+61 8 555o 0000", "(o8) 555o 0000"],
            },
            City {
                name: "Melbourne",
                region: "VIC",
                postal_code: "3000",
                phones: &["o3 555o 0000", "+61 3 555o 0000", "o3555o0000"],
            },
        ],
    },
    Country {
        name: "France",
        forms: &["SARL", "SAS", "SA"],
        streets: &["# rue de la République", "# avenue Jean Jaurès", "# bis, quai Perrache"],
        cities: &[
            City {
                name: "Lyon",
                region: "Rhône",
                postal_code: "69001",
                phones: &["o4 65 71 00 00", "+33 4 65 71 00 00", "o4.65.71.00.00"],
            },
            City {
                name: "Nantes",
                region: "Loire-Atlantique",
                postal_code: "44000",
                phones: &["o2 61 91 00 00", "+33 2 61 91 00 00", "o261910000"],
            },
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_company_of_a_seed_has_a_name_and_a_domain_of_its_own() {
        let companies: Vec<Company> = (0..60_000).map(|number| company(3, number)).collect();
        let names: HashSet<String> = companies.iter().map(|company| company.name.to_lowercase()).collect();
        let domains: HashSet<&str> = companies.iter().map(|company| company.domain.as_str()).collect();
        assert_eq!((names.len(), domains.len()), (60_000, 60_000));
    }

    #[test]
    fn a_company_follows_from_seed_and_number() {
        assert_eq!(company(7, 20), company(7, 20));
        assert_ne!(company(7, 20).name, company(8, 20).name);
        let company = company(7, 20);
        let mut random = StdRng::seed_from_u64(1);
        let person = person(&mut random, &company, 1);
        let (mailbox, domain) = person.email.split_once('@').unwrap();
        assert!(mailbox.is_ascii() && mailbox.ends_with('2') && domain == company.domain, "{person:?}");
        assert!(company.phone.chars().filter(char::is_ascii_digit).count() >= 8, "{company:?}");
    }
}
