//! The `where` and `order` parameters: Xero's small query language.
//!
//! Text compares case-insensitively, as recorded; what contacts are quickly found by, without regard to accents too.
//! What can't be read, and fields that don't exist, are a 400 with error 16.
//! <https://developer.xero.com/documentation/api/accounting/requests-and-responses>

use std::borrow::Cow;
use std::cmp::Ordering;

use icu_normalizer::DecomposingNormalizerBorrowed;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::wire;

/// A value of a document, or of the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(Decimal),
    Flag(bool),
    Id(Uuid),
    Moment(Timestamp),
}

impl<'a> Field<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(crate) fn day(date: Option<Date>) -> Self {
        date.map_or(Self::Null, |date| Self::Moment(wire::midnight(date)))
    }
}

/// The fields of a kind by which it is asked for quickly, in lower case.
/// <https://developer.xero.com/documentation/api/efficient-data-retrieval>
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quick {
    pub(crate) equal: &'static [&'static str],
    /// Also by `<` and `>`.
    pub(crate) ranges: &'static [&'static str],
    /// Several values of it with `OR`.
    pub(crate) either: Option<&'static str>,
    pub(crate) order: &'static [&'static str],
}

/// A row that can be filtered and sorted. Paths are lower case: `contact.name`.
pub(crate) trait Fields {
    fn field(&self, path: &str) -> Option<Field<'_>>;

    /// Whether `==` on it finds `Café` by `cafe`.
    fn ignores_accents(&self, _path: &str) -> bool {
        false
    }
}

#[derive(Debug)]
pub(crate) enum Filter {
    Either(Box<Filter>, Box<Filter>),
    Both(Box<Filter>, Box<Filter>),
    Compare { path: String, operator: Operator, value: Field<'static> },
    Part { path: String, place: Place, text: String },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
}

impl Filter {
    /// The error is the sentence for the answer's `Message`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        super::filter_parser::parse(text)
    }

    /// Whether the row is wanted; an error when it has no such field or the types don't compare.
    pub(crate) fn wants(&self, row: &dyn Fields) -> Result<bool, String> {
        match self {
            Self::Either(left, right) => Ok(left.wants(row)? || right.wants(row)?),
            Self::Both(left, right) => Ok(left.wants(row)? && right.wants(row)?),
            Self::Compare { path, operator, value } => {
                let field = row.field(path).ok_or_else(|| no_field(path))?;
                if let (Field::Text(held), Operator::Equal, Field::Text(wanted)) = (&field, operator, value)
                    && row.ignores_accents(path)
                {
                    return Ok(bare(held) == bare(wanted));
                }
                compare(&field, *operator, value)
                    .ok_or_else(|| format!("Operator is incompatible with the operand types of '{path}'"))
            }
            Self::Part { path, place, text } => {
                let field = row.field(path).ok_or_else(|| no_field(path))?;
                let Field::Text(held) = field else { return Ok(false) };
                let held = held.to_lowercase();
                Ok(match place {
                    Place::Anywhere => held.contains(text),
                    Place::Start => held.starts_with(text),
                    Place::End => held.ends_with(text),
                })
            }
        }
    }

    /// Refuses unknown fields also where there are no rows to try it on.
    pub(crate) fn check(&self, known: &dyn Fn(&str) -> bool) -> Result<(), String> {
        match self {
            Self::Either(left, right) | Self::Both(left, right) => {
                left.check(known)?;
                right.check(known)
            }
            Self::Compare { path, .. } | Self::Part { path, .. } if !known(path) => Err(no_field(path)),
            _ => Ok(()),
        }
    }
}

impl Filter {
    /// Whether it narrows down what is looked at.
    pub(crate) fn is_quick(&self, quick: &Quick) -> bool {
        match self {
            Self::Either(left, right) => [left, right].iter().all(|side| side.is_of(quick.either)),
            Self::Both(left, right) => left.is_quick(quick) && right.is_quick(quick),
            Self::Compare { path, operator: Operator::Equal, .. } => {
                quick.equal.contains(&path.as_str()) || quick.ranges.contains(&path.as_str())
            }
            Self::Compare { operator: Operator::NotEqual, .. } | Self::Part { .. } => false,
            Self::Compare { path, .. } => quick.ranges.contains(&path.as_str()),
        }
    }

    /// Nothing but values of this one field.
    fn is_of(&self, field: Option<&str>) -> bool {
        match self {
            Self::Either(left, right) => left.is_of(field) && right.is_of(field),
            Self::Compare { path, operator: Operator::Equal, .. } => field == Some(path),
            _ => false,
        }
    }
}

/// In lower case, and without the marks that stand above or below letters.
fn bare(text: &str) -> String {
    const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
    let letters = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    letters.chars().filter(|letter| !MARKS.contains(letter)).flat_map(char::to_lowercase).collect()
}

fn no_field(path: &str) -> String {
    format!("No property or field '{path}' exists in this type")
}

fn compare(field: &Field<'_>, operator: Operator, value: &Field<'_>) -> Option<bool> {
    if *field == Field::Null || *value == Field::Null {
        let equal =
            field == value || matches!((field, value), (Field::Text(text), Field::Null) if text.is_empty());
        return Some(match operator {
            Operator::Equal => equal,
            Operator::NotEqual => !equal,
            _ => false,
        });
    }
    let order = order(field, value)?;
    Some(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    })
}

/// `None` when the two are of different kinds. Nothing sorts before something.
fn order(left: &Field<'_>, right: &Field<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (Field::Null, Field::Null) => Ordering::Equal,
        (Field::Null, _) => Ordering::Less,
        (_, Field::Null) => Ordering::Greater,
        (Field::Text(left), Field::Text(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
        (Field::Number(left), Field::Number(right)) => left.cmp(right),
        (Field::Flag(left), Field::Flag(right)) => left.cmp(right),
        (Field::Id(left), Field::Id(right)) => left.cmp(right),
        (Field::Id(id), Field::Text(text)) => id.to_string().cmp(&text.to_lowercase()),
        (Field::Moment(left), Field::Moment(right)) => left.cmp(right),
        _ => return None,
    })
}

#[derive(Debug)]
pub(crate) struct Order(Vec<(String, bool)>);

impl Order {
    /// `UpdatedDateUTC ASC, InvoiceID DESC`.
    pub(crate) fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let mut keys = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let path = words.next().unwrap_or_default().to_lowercase();
            if !known(&path) {
                return Err(no_field(&path));
            }
            let down = match words.next().map(str::to_uppercase).as_deref() {
                None | Some("ASC" | "ASCENDING") => false,
                Some("DESC" | "DESCENDING") => true,
                Some(word) => return Err(format!("Syntax error: unexpected '{word}' in the order clause")),
            };
            keys.push((path, down));
        }
        Ok(Self(keys))
    }

    pub(crate) fn is_quick(&self, quick: &Quick) -> bool {
        self.0.iter().all(|(path, _)| quick.order.contains(&path.as_str()))
    }

    pub(crate) fn compare(&self, left: &dyn Fields, right: &dyn Fields) -> Ordering {
        for (path, down) in &self.0 {
            let (Some(a), Some(b)) = (left.field(path), right.field(path)) else { continue };
            match order(&a, &b).unwrap_or(Ordering::Equal) {
                Ordering::Equal => {}
                other => return if *down { other.reverse() } else { other },
            }
        }
        Ordering::Equal
    }
}

/// ISO 8601 with or without a zone; without one it is UTC.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let at: DateTime = text.parse().ok()?;
        at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row;

    impl Fields for Row {
        fn field(&self, path: &str) -> Option<Field<'_>> {
            Some(match path {
                "name" => Field::text("Acme \"Best\" Ltd"),
                "status" => Field::text("AUTHORISED"),
                "amountdue" => Field::Number("24.15".parse().unwrap()),
                "issupplier" => Field::Flag(true),
                "invoiceid" => Field::Id(Uuid::from_u128(7)),
                "date" => Field::Moment("2026-01-31T00:00:00Z".parse().unwrap()),
                "reference" => Field::Null,
                _ => return None,
            })
        }
    }

    fn wants(text: &str) -> Result<bool, String> {
        Filter::parse(text)?.wants(&Row)
    }

    #[test]
    fn every_form_of_the_grammar_is_understood() {
        for text in [
            r#"Name=="acme \"best\" LTD""#,
            r#"Name="ACME \"Best\" Ltd""#,
            r#"Name.Contains("best")"#,
            r#"Name.StartsWith("acme") AND Name.EndsWith("ltd")"#,
            r#"Name.ToLower()=="acme \"best\" ltd""#,
            r#"Name.ToLower().Contains("acme")"#,
            r#"Status=="DRAFT" OR (Status=="AUTHORISED" && AmountDue >= 24.15)"#,
            "Reference == null && Name != null",
            "IsSupplier",
            "IsSupplier==true",
            r#"InvoiceID==Guid("00000000-0000-0000-0000-000000000007")"#,
            "Date >= DateTime(2026,01,31) AND Date < DateTime(2026, 02, 01)",
            r#"Date == DateTime.Parse("2026-01-31")"#,
        ] {
            assert_eq!(wants(text), Ok(true), "{text}");
        }
        for text in [r#"Name=="other""#, "AmountDue > 24.15", r#"Status!="AUTHORISED""#, "Reference != null"]
        {
            assert_eq!(wants(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "",
            "Name==",
            "Name",
            r#"Name=="open"#,
            "Nope==1",
            "(Name==\"a\"",
            "Name==\"a\" Status==\"b\"",
            "Date >= DateTime(2026,13,01)",
            "Name==Guid(\"x\")",
            "AmountDue==\"x\"",
            "Name=='x'",
        ] {
            assert!(wants(text).is_err(), "{text}");
        }
        let nested = format!("{}Name==\"a\"{}", "(".repeat(99), ")".repeat(99));
        assert!(wants(&nested).is_err());
    }

    #[test]
    fn order_takes_several_keys_and_directions() {
        let known = |path: &str| Row.field(path).is_some();
        assert!(Order::parse("Name ASC, Date DESC", &known).is_ok());
        assert!(Order::parse("Nope", &known).is_err());
        assert!(Order::parse("Name sideways", &known).is_err());
    }
}
