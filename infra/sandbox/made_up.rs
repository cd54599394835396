//! Made-up companies, people and products for the seeds of both stand-ins.
//!
//! A company follows from the seed and its number alone, so that the org's customers and the books' contacts are
//! the same ones. Telephone numbers are of ranges that their countries keep for fiction where there are any, in
//! the styles that people type; mail goes to `.example`. Called by `salesforce/seed.rs` and `xero/seed.rs`.

mod lists;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use lists::{COUNTRIES, FAMILY, FIRST, GIVEN, PRODUCTS, SECOND, TITLES, TRADES};

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
