//! The right side of a comparison: an operator with its literals, as the left side would keep them.

use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::joins;
use crate::salesforce::answer::Refused;
use crate::salesforce::ids;
use crate::salesforce::objects::FieldType;
use crate::salesforce::org::Org;
use crate::salesforce::soql::{Days, Literal, Operand, Operator, error_at};
use crate::salesforce::store::EVER;
use crate::salesforce::values::{self, Key};
use crate::salesforce::wildcards::Pattern;

#[derive(Debug, Clone)]
pub(crate) enum Check {
    Compare(Operator, Key<'static>),
    /// A day or more: from (inclusive) until (exclusive).
    Within {
        operator: Operator,
        from: String,
        until: String,
    },
    Like(Pattern),
    In {
        keys: HashSet<Key<'static>>,
        negated: bool,
    },
    /// A multi-select picklist: each entry is a set that must be chosen together.
    Includes {
        sets: Vec<Vec<String>>,
        negated: bool,
    },
}

impl Check {
    pub(crate) fn accepts(&self, found: &Key<'_>) -> bool {
        match self {
            Self::Compare(operator, wanted) => match (found, wanted) {
                (Key::Null, Key::Null) => *operator == Operator::Equal,
                (Key::Null, _) | (_, Key::Null) => *operator == Operator::NotEqual,
                _ => holds(*operator, found.cmp(wanted)),
            },
            Self::Within { operator, from, until } => {
                let Key::Text(found) = found else { return *operator == Operator::NotEqual };
                let place = if **found < **from {
                    Ordering::Less
                } else if **found >= **until {
                    Ordering::Greater
                } else {
                    Ordering::Equal
                };
                holds(*operator, place)
            }
            Self::Like(pattern) => matches!(found, Key::Text(found) if pattern.matches(found)),
            Self::In { keys, negated } => keys.contains(found) != *negated,
            Self::Includes { sets, negated } => {
                let chosen: Vec<&str> = match found {
                    Key::Text(found) => found.split(';').collect(),
                    _ => Vec::new(),
                };
                let any = sets.iter().any(|set| set.iter().all(|value| chosen.contains(&value.as_str())));
                any != *negated
            }
        }
    }

    /// The texts that alone are accepted: what an index is asked for.
    pub(super) fn values(&self) -> Option<Vec<&str>> {
        match self {
            Self::Compare(Operator::Equal, key) => text_of(key).map(|text| vec![text]),
            Self::In { keys, negated: false } => keys.iter().map(text_of).collect(),
            _ => None,
        }
    }

    /// The first and the last text that can be accepted, as far as the check tells.
    pub(super) fn range(&self) -> (&str, &str) {
        let (first, last) = EVER;
        match self {
            Self::Compare(operator, Key::Text(text)) => match operator {
                Operator::Equal => (text, text),
                Operator::Greater | Operator::GreaterOrEqual => (text, last),
                Operator::Less | Operator::LessOrEqual => (first, text),
                _ => EVER,
            },
            Self::Within { operator, from, until } => match operator {
                Operator::Equal => (from, until),
                Operator::Greater => (until, last),
                Operator::GreaterOrEqual => (from, last),
                Operator::Less => (first, from),
                Operator::LessOrEqual => (first, until),
                _ => EVER,
            },
            _ => EVER,
        }
    }
}

fn text_of<'a>(key: &'a Key<'_>) -> Option<&'a str> {
    match key {
        Key::Text(text) => Some(text),
        _ => None,
    }
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::NotEqual => order != Ordering::Equal,
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        Operator::GreaterOrEqual => order != Ordering::Less,
        _ => false,
    }
}

/// The left side of a comparison that is being bound.
pub(crate) struct Left<'a> {
    pub(crate) org: &'a Org,
    pub(crate) text: &'a str,
    pub(crate) at: usize,
    pub(crate) name: &'a str,
    pub(crate) kind: FieldType,
}

impl Left<'_> {
    pub(crate) fn check(&self, operator: Operator, operand: &Operand) -> Result<Check, Refused> {
        self.operator_fits(operator)?;
        match operand {
            Operand::One(Literal::Days(days)) => self.within(operator, *days),
            Operand::One(Literal::Text(text)) if operator == Operator::Like => {
                Ok(Check::Like(text.pattern()))
            }
            Operand::One(literal) => Ok(Check::Compare(operator, self.key(literal)?)),
            Operand::List(literals) if matches!(operator, Operator::Includes | Operator::Excludes) => {
                let texts = literals.iter().filter_map(|literal| match literal {
                    Literal::Text(text) => Some(text.plain().to_lowercase()),
                    _ => None,
                });
                let sets = texts.map(|text| text.split(';').map(str::to_owned).collect()).collect();
                Ok(Check::Includes { sets, negated: operator == Operator::Excludes })
            }
            Operand::List(literals) => {
                let keys = literals.iter().map(|literal| self.key(literal));
                Ok(Check::In { keys: keys.collect::<Result<_, _>>()?, negated: operator == Operator::NotIn })
            }
            Operand::Query(select) => {
                if !self.kind.is_id() {
                    let message = "The left operand of a semi join must be an ID or a reference field";
                    return Err(self.error("MALFORMED_QUERY", message));
                }
                let keys = joins::values(self.org, self.text, self.at, select)?;
                Ok(Check::In { keys: keys.into_iter().collect(), negated: operator == Operator::NotIn })
            }
        }
    }

    fn operator_fits(&self, operator: Operator) -> Result<(), Refused> {
        let kind = self.kind;
        let fits = match operator {
            Operator::Like => kind.is_text() && kind != FieldType::MultiPicklist,
            Operator::Includes | Operator::Excludes => kind == FieldType::MultiPicklist,
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::NotIn => true,
            _ => !matches!(kind, FieldType::Boolean | FieldType::MultiPicklist),
        };
        let kind = if kind.is_id() { "id" } else { kind.name() };
        let message = format!("invalid operator on {kind} field");
        if fits { Ok(()) } else { Err(self.error("INVALID_QUERY_FILTER_OPERATOR", &message)) }
    }

    /// A literal as the field would keep it.
    fn key(&self, literal: &Literal) -> Result<Key<'static>, Refused> {
        let kind = self.kind;
        let text = |text: String| Some(Key::Text(text.into()));
        let taken = match literal {
            // A checkbox is never null.
            Literal::Null if kind == FieldType::Boolean => Some(Key::Bool(false)),
            Literal::Null => Some(Key::Null),
            Literal::Bool(truth) if kind == FieldType::Boolean => Some(Key::Bool(*truth)),
            Literal::Number(text) if kind.is_number() => values::decimal(text).map(Key::Number),
            Literal::Date(date) if kind == FieldType::Date => {
                date.parse::<Date>().ok().and_then(|date| text(date.to_string()))
            }
            Literal::DateTime(at) if kind == FieldType::DateTime => {
                values::instant(at).and_then(|at| text(precise_stamp(at)))
            }
            Literal::Text(quoted) if kind.is_id() => match ids::normalise(&quoted.plain()) {
                Some(id) => text(id),
                // No record has it: `Id = ''` finds nothing, `Id != ''` everything.
                None if quoted.plain().is_empty() => Some(Key::Null),
                None => {
                    let message = format!("invalid ID field: {}", quoted.plain());
                    return Err(self.error("INVALID_QUERY_FILTER_OPERATOR", &message));
                }
            },
            // Empty text is kept as null.
            Literal::Text(quoted) if kind.is_text() && quoted.plain().is_empty() => Some(Key::Null),
            Literal::Text(quoted) if kind.is_text() => text(quoted.plain().to_lowercase()),
            _ => None,
        };
        taken.ok_or_else(|| self.wrong_type(matches!(literal, Literal::Text(_))))
    }

    fn wrong_type(&self, quoted: bool) -> Refused {
        let wanted = match self.kind {
            FieldType::DateTime => "dateTime",
            FieldType::Boolean => "boolean",
            FieldType::Id | FieldType::Reference => "reference",
            FieldType::Date => "date",
            kind if kind.is_number() => "double",
            _ => "string",
        };
        let how = match quoted {
            true => " and should not be enclosed in quotes",
            false if self.kind.is_text() || self.kind.is_id() => " and should be enclosed in quotes",
            false => "",
        };
        let name = self.name;
        let message = format!("value of filter criterion for field '{name}' must be of type {wanted}{how}");
        self.error("INVALID_FIELD", &message)
    }

    /// Days begin at midnight where the asker is.
    fn within(&self, operator: Operator, days: Days) -> Result<Check, Refused> {
        let zone = self.org.zone();
        let (from, until) = days.around(self.org.now.to_zoned(zone.clone()).date());
        let kept = |date| match self.kind {
            FieldType::DateTime => Some(precise_stamp(midnight(date, &zone))),
            FieldType::Date => Some(date.to_string()),
            _ => None,
        };
        match (kept(from), kept(until)) {
            (Some(from), Some(until)) => Ok(Check::Within { operator, from, until }),
            _ => {
                let message =
                    format!("value of filter criterion for field '{}' must not be a date", self.name);
                Err(self.error("INVALID_FIELD", &message))
            }
        }
    }

    fn error(&self, code: &str, message: &str) -> Refused {
        error_at(self.text, self.at, code, message)
    }
}

fn midnight(date: civil::Date, zone: &TimeZone) -> Timestamp {
    let end = if date.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    zone.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(end)
}

/// Sorts among kept stamps like the instant, fractions too.
fn precise_stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
