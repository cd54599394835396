//! Deals and conditions on them, answered without the stand-in's code: it reads JSON rows, and a condition is a
//! piece of Rust beside its SOQL.

use std::str::FromStr;

use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Door;

pub(super) const STAGES: [&str; 4] = ["Prospecting", "Negotiation/Review", "Closed Won", "Closed Lost"];
const TODAY: &str = "2026-11-22";
/// Words for days, with the first and the last of them, seen from that Sunday.
const DAYS: [(&str, &str, &str); 16] = [
    ("TODAY", "2026-11-22", "2026-11-22"),
    ("YESTERDAY", "2026-11-21", "2026-11-21"),
    ("TOMORROW", "2026-11-23", "2026-11-23"),
    ("LAST_WEEK", "2026-11-15", "2026-11-21"),
    ("THIS_WEEK", "2026-11-22", "2026-11-28"),
    ("LAST_MONTH", "2026-10-01", "2026-10-31"),
    ("THIS_MONTH", "2026-11-01", "2026-11-30"),
    ("NEXT_MONTH", "2026-12-01", "2026-12-31"),
    ("THIS_QUARTER", "2026-10-01", "2026-12-31"),
    ("NEXT_YEAR", "2027-01-01", "2027-12-31"),
    ("LAST_N_DAYS:0", "2026-11-22", "2026-11-22"),
    ("LAST_N_DAYS:7", "2026-11-15", "2026-11-22"),
    ("NEXT_N_DAYS:30", "2026-11-23", "2026-12-22"),
    ("N_DAYS_AGO:5", "2026-11-17", "2026-11-17"),
    ("LAST_N_WEEKS:2", "2026-11-08", "2026-11-21"),
    ("NEXT_N_MONTHS:1", "2026-12-01", "2026-12-31"),
];
const TAGS: [&str; 3] = ["Hot", "Cold", "New"];
const COMPARISONS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

#[derive(Debug, Clone)]
pub(super) struct Deal {
    name: String,
    /// In pence.
    amount: Option<i64>,
    stage: &'static str,
    /// Days after today.
    close: i64,
    account: Option<usize>,
    tags: Vec<&'static str>,
    /// Since the one before.
    seconds: i64,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Any,
    One,
    Letter(char),
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Amount(&'static str, i64),
    NoAmount(bool),
    AmountIn(Vec<i64>, bool),
    Name(&'static str, String),
    NameLike(Vec<Piece>),
    Stage(&'static str, bool),
    Closed(bool),
    Close(&'static str, i64),
    /// A comparison with the days of a word.
    CloseIn(&'static str, usize),
    CloseMonth(i64),
    Account(Vec<usize>, bool),
    AccountName(&'static str, usize),
    AccountNameIn(Vec<usize>, bool),
    /// Any of these sets of tags; or none of them.
    Tags(Vec<Vec<&'static str>>, bool),
    AccountCity(bool),
    ParentDeleted(bool),
    Created(&'static str, i64),
    Stamp(&'static str, i64),
    Deals(Vec<usize>),
}

/// What can be asked of deals, as it is written and as it is answered.
pub(super) struct Books {
    pub(super) accounts: Vec<Value>,
    pub(super) deals: Vec<Value>,
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

fn pounds(pence: i64) -> Decimal {
    Decimal::new(pence, 2)
}

pub(super) fn amount(row: &Value) -> Option<Decimal> {
    row["Amount"].is_number().then(|| Decimal::from_str(&row["Amount"].to_string()).unwrap())
}

fn day(days: i64) -> Date {
    TODAY.parse::<Date>().unwrap() + jiff::Span::new().days(days)
}

fn minute(minutes: i64) -> String {
    format!("2026-11-22T{:02}:{:02}:00", 10 + minutes / 60, minutes % 60)
}

fn compared<T: PartialOrd>(operator: &str, left: Option<T>, right: T) -> bool {
    match (operator, left) {
        ("!=", None) => true,
        (_, None) => false,
        ("=", Some(left)) => left == right,
        ("!=", Some(left)) => left != right,
        ("<", Some(left)) => left < right,
        ("<=", Some(left)) => left <= right,
        (">", Some(left)) => left > right,
        (_, Some(left)) => left >= right,
    }
}

fn like(text: &[char], pieces: &[Piece]) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Any, rest)) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        Some((Piece::One, rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((Piece::Letter(letter), rest)) => {
            text.first().is_some_and(|first| first.to_lowercase().eq(letter.to_lowercase()))
                && like(&text[1..], rest)
        }
    }
}

impl Condition {
    pub(super) fn written(&self, books: &Books) -> String {
        let joined = |all: &[Condition], word: &str| {
            let all: Vec<String> = all.iter().map(|it| format!("({})", it.written(books))).collect();
            all.join(word)
        };
        let list = |values: Vec<String>| values.join(", ");
        let not = |negated: bool| if negated { "NOT IN" } else { "IN" };
        match self {
            Self::And(all) => joined(all, " AND "),
            Self::Or(any) => joined(any, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.written(books)),
            Self::Amount(operator, pence) => format!("Amount {operator} {}", pounds(*pence)),
            Self::NoAmount(null) => format!("Amount {} null", if *null { "=" } else { "!=" }),
            Self::AmountIn(some, negated) => {
                let some = some.iter().map(|pence| pounds(*pence).to_string()).collect();
                format!("Amount {} ({})", not(*negated), list(some))
            }
            Self::Name(operator, name) => format!("Name {operator} '{}'", escaped(name)),
            Self::NameLike(pieces) => {
                let written = pieces.iter().map(|piece| match piece {
                    Piece::Any => "%".to_owned(),
                    Piece::One => "_".to_owned(),
                    Piece::Letter(wild @ ('%' | '_')) => format!("\\{wild}"),
                    Piece::Letter(letter) => escaped(&letter.to_string()),
                });
                format!("Name LIKE '{}'", written.collect::<String>())
            }
            Self::Stage(stage, equal) => {
                format!("stagename {} '{}'", if *equal { "=" } else { "<>" }, stage.to_uppercase())
            }
            Self::Closed(closed) => format!("IsClosed = {closed}"),
            Self::Close(operator, days) => format!("CloseDate {operator} {}", day(*days)),
            Self::CloseIn(operator, place) => format!("CloseDate {operator} {}", DAYS[*place].0),
            Self::CloseMonth(month) => format!("CALENDAR_MONTH(CloseDate) = {month}"),
            Self::Account(some, negated) => {
                let some = some.iter().map(|place| format!("'{}'", &books.account(*place)[..15])).collect();
                format!("AccountId {} ({})", not(*negated), list(some))
            }
            Self::AccountName(operator, place) => format!("Account.Name {operator} 'account {place}'"),
            Self::AccountNameIn(some, negated) => {
                let some = some.iter().map(|place| format!("'ACCOUNT {place}'")).collect();
                format!("Account.Name {} ({})", not(*negated), list(some))
            }
            Self::Tags(sets, excluded) => {
                let sets = sets.iter().map(|set| format!("'{}'", set.join(";"))).collect();
                format!("Tags__c {} ({})", if *excluded { "EXCLUDES" } else { "INCLUDES" }, list(sets))
            }
            Self::AccountCity(null) => format!("Account.BillingCity {} null", if *null { "=" } else { "!=" }),
            Self::ParentDeleted(deleted) => format!("Account.IsDeleted = {deleted}"),
            Self::Created(operator, minutes) => format!("CreatedDate {operator} {}Z", minute(*minutes)),
            Self::Stamp(operator, minutes) => format!("SystemModstamp {operator} {}+00:00", minute(*minutes)),
            Self::Deals(some) => {
                let ids = some.iter().map(|place| books.deals[place % books.deals.len()]["Id"].clone());
                format!("Id IN ({})", list(ids.map(|id| format!("'{}'", id.as_str().unwrap())).collect()))
            }
        }
    }

    pub(super) fn accepts(&self, books: &Books, row: &Value) -> bool {
        let account = books.account_of(row);
        let account_name = account.map(|account| account["Name"].as_str().unwrap().to_lowercase());
        let stamp = |name: &str| row[name].as_str().map(|stamp| stamp[..19].to_owned());
        let name = row["Name"].as_str().unwrap();
        let close: Date = row["CloseDate"].as_str().unwrap().parse().unwrap();
        match self {
            Self::And(all) => all.iter().all(|inner| inner.accepts(books, row)),
            Self::Or(any) => any.iter().any(|inner| inner.accepts(books, row)),
            Self::Not(inner) => !inner.accepts(books, row),
            Self::Amount(operator, pence) => compared(operator, amount(row), pounds(*pence)),
            Self::NoAmount(null) => amount(row).is_none() == *null,
            Self::AmountIn(some, negated) => {
                some.iter().any(|pence| amount(row) == Some(pounds(*pence))) != *negated
            }
            Self::Name(operator, wanted) => {
                compared(operator, Some(name.to_lowercase()), wanted.to_lowercase())
            }
            Self::NameLike(pieces) => like(&name.chars().collect::<Vec<_>>(), pieces),
            Self::Stage(stage, equal) => (row["StageName"] == *stage) == *equal,
            Self::Closed(closed) => row["StageName"].as_str().unwrap().starts_with("Closed") == *closed,
            Self::Close(operator, days) => compared(operator, Some(close), day(*days)),
            Self::CloseIn(operator, place) => {
                let (_, first, last) = DAYS[*place];
                let [first, last]: [Date; 2] = [first, last].map(|day| day.parse().unwrap());
                match *operator {
                    "=" => (first..=last).contains(&close),
                    "!=" => !(first..=last).contains(&close),
                    "<" => close < first,
                    "<=" => close <= last,
                    ">" => close > last,
                    _ => close >= first,
                }
            }
            Self::CloseMonth(month) => i64::from(close.month()) == *month,
            Self::Account(some, negated) => {
                some.iter().any(|place| row["AccountId"] == books.account(*place)) != *negated
            }
            Self::AccountName(operator, place) => {
                compared(operator, account_name, format!("account {place}"))
            }
            Self::AccountNameIn(some, negated) => {
                some.iter().any(|place| account_name == Some(format!("account {place}"))) != *negated
            }
            Self::Tags(sets, excluded) => {
                let has: Vec<&str> = row["Tags__c"].as_str().unwrap_or_default().split(';').collect();
                sets.iter().any(|set| set.iter().all(|tag| has.contains(tag))) != *excluded
            }
            Self::AccountCity(null) => {
                account.is_none_or(|account| account["BillingCity"].is_null()) == *null
            }
            Self::ParentDeleted(deleted) => !deleted,
            Self::Created(operator, minutes) => compared(operator, stamp("CreatedDate"), minute(*minutes)),
            Self::Stamp(operator, minutes) => compared(operator, stamp("SystemModstamp"), minute(*minutes)),
            Self::Deals(some) => {
                some.iter().any(|place| books.deals[place % books.deals.len()]["Id"] == row["Id"])
            }
        }
    }
}

impl Books {
    /// The deals in an org, some of them of an account, and some of those thrown away.
    pub(super) fn keep(door: &Door, deals: &[Deal], deleted: &[usize]) -> Self {
        let org = door.org();
        org.add_field("Opportunity", &format!("Tags__c: multipicklist = {}", TAGS.join(" | "))).unwrap();
        let ids: Vec<String> = (0..4)
            .map(|number| {
                let city = (number % 2 == 0).then_some("Leeds");
                org.insert("Account", json!({ "Name": format!("Account {number}"), "BillingCity": city }))
            })
            .collect();
        for deal in deals {
            door.sandbox.clock.advance_seconds(deal.seconds);
            let amount: Option<Value> = deal.amount.map(|pence| pounds(pence).to_string().into());
            let fields = json!({ "Name": deal.name, "Amount": amount, "StageName": deal.stage,
                "CloseDate": day(deal.close).to_string(), "AccountId": deal.account.map(|place| &ids[place]),
                "Tags__c": deal.tags.join(";") });
            org.insert("Opportunity", fields);
        }
        let made = org.records("Opportunity");
        for place in deleted {
            // The same one may be meant twice.
            let _ = org.delete("Opportunity", made[place % made.len()]["Id"].as_str().unwrap());
        }
        let mut books = Self { accounts: org.records("Account"), deals: org.records("Opportunity") };
        books.accounts.sort_by_key(|row| row["Id"].as_str().unwrap().to_owned());
        books.deals.sort_by_key(|row| row["Id"].as_str().unwrap().to_owned());
        books
    }

    pub(super) fn account_of(&self, row: &Value) -> Option<&Value> {
        self.accounts.iter().find(|account| account["Id"] == row["AccountId"])
    }

    fn account(&self, place: usize) -> &str {
        self.accounts[place]["Id"].as_str().unwrap()
    }

    /// What a deal is sorted by, in a form that sorts; none is null.
    pub(super) fn sorted_by(&self, row: &Value, field: &str) -> Option<(Decimal, String)> {
        let text = |value: &Value| value.as_str().map(|text| (Decimal::ZERO, text.to_lowercase()));
        match field {
            "Amount" => amount(row).map(|amount| (amount, String::new())),
            "StageName" => {
                let place = STAGES.iter().position(|stage| row["StageName"] == *stage).unwrap();
                Some((place.into(), String::new()))
            }
            "Account.Name" => self.account_of(row).and_then(|account| text(&account["Name"])),
            field => text(&row[field]),
        }
    }
}

fn comparison() -> impl Strategy<Value = &'static str> {
    select(&COMPARISONS[..])
}

fn name() -> impl Strategy<Value = String> {
    "n[aAbé%_'\\\\]{0,4}"
}

fn pence() -> impl Strategy<Value = i64> {
    prop_oneof![select(vec![0, 100, 150, 99_999, -250]), -300i64..300]
}

pub(super) fn deal() -> impl Strategy<Value = Deal> {
    let what = (name(), option::of(pence()), select(&STAGES[..]));
    let rest = (-40i64..45, option::of(0usize..4), subsequence(&TAGS[..], 0..=3), 0i64..200);
    (what, rest).prop_map(|((name, amount, stage), (close, account, tags, seconds))| Deal {
        name,
        amount,
        stage,
        close,
        account,
        tags,
        seconds,
    })
}

pub(super) fn condition() -> impl Strategy<Value = Condition> {
    let piece = prop_oneof![
        2 => Just(Piece::Any),
        1 => Just(Piece::One),
        4 => select(vec!['n', 'N', 'a', 'é', 'É', '%', '_', '\'', '\\']).prop_map(Piece::Letter),
    ];
    let leaf = prop_oneof![
        (comparison(), pence()).prop_map(|(operator, pence)| Condition::Amount(operator, pence)),
        any::<bool>().prop_map(Condition::NoAmount),
        (vec(pence(), 1..4), any::<bool>()).prop_map(|(some, negated)| Condition::AmountIn(some, negated)),
        (comparison(), name()).prop_map(|(operator, name)| Condition::Name(operator, name)),
        vec(piece, 1..5).prop_map(Condition::NameLike),
        (select(&STAGES[..]), any::<bool>()).prop_map(|(stage, equal)| Condition::Stage(stage, equal)),
        any::<bool>().prop_map(Condition::Closed),
        (comparison(), -40i64..40).prop_map(|(operator, days)| Condition::Close(operator, days)),
        (comparison(), 0..DAYS.len()).prop_map(|(operator, place)| Condition::CloseIn(operator, place)),
        (vec(subsequence(&TAGS[..], 1..=2), 1..3), any::<bool>())
            .prop_map(|(sets, excluded)| Condition::Tags(sets, excluded)),
        (vec(0usize..5, 1..4), any::<bool>())
            .prop_map(|(some, negated)| Condition::AccountNameIn(some, negated)),
        (10i64..13).prop_map(Condition::CloseMonth),
        (vec(0usize..4, 1..4), any::<bool>()).prop_map(|(some, negated)| Condition::Account(some, negated)),
        (comparison(), 0usize..4).prop_map(|(operator, place)| Condition::AccountName(operator, place)),
        any::<bool>().prop_map(Condition::AccountCity),
        any::<bool>().prop_map(Condition::ParentDeleted),
        (comparison(), 0i64..60).prop_map(|(operator, minutes)| Condition::Created(operator, minutes)),
        (comparison(), 0i64..60).prop_map(|(operator, minutes)| Condition::Stamp(operator, minutes)),
        vec(0usize..100, 1..6).prop_map(Condition::Deals),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Condition::And),
            vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}
