//! The words for days: `TODAY`, `LAST_MONTH`, `NEXT_N_WEEKS:3`. Each is a row of whole units around today.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm

use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// From the start of one unit until the start of another, counted from the one that today is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    unit: Unit,
    from: i32,
    until: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// The org's fiscal year is the calendar year.
const UNITS: [(&str, Unit); 7] = [
    ("DAY", Unit::Day),
    ("WEEK", Unit::Week),
    ("MONTH", Unit::Month),
    ("QUARTER", Unit::Quarter),
    ("YEAR", Unit::Year),
    ("FISCAL_QUARTER", Unit::Quarter),
    ("FISCAL_YEAR", Unit::Year),
];

impl Days {
    /// A word that stands alone, in upper case.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let days = |from, until| Some(Self { unit: Unit::Day, from, until });
        match word {
            "YESTERDAY" => return days(-1, 0),
            "TODAY" => return days(0, 1),
            "TOMORROW" => return days(1, 2),
            "LAST_90_DAYS" => return Self::counted("LAST_N_DAYS", 90),
            "NEXT_90_DAYS" => return Self::counted("NEXT_N_DAYS", 90),
            _ => {}
        }
        let (when, unit) = word.split_once('_')?;
        let from = match when {
            "LAST" => -1,
            "THIS" => 0,
            "NEXT" => 1,
            _ => return None,
        };
        let unit = unit_of(unit).filter(|unit| *unit != Unit::Day)?;
        Some(Self { unit, from, until: from + 1 })
    }

    /// A word that a number follows. Of the last ones only those of days have today in them.
    pub(crate) fn counted(word: &str, count: i32) -> Option<Self> {
        let units = |name: &str| unit_of(name.strip_suffix('S')?);
        if let Some(name) = word.strip_prefix("LAST_N_") {
            let unit = units(name)?;
            return Some(Self { unit, from: -count, until: i32::from(unit == Unit::Day) });
        }
        if let Some(name) = word.strip_prefix("NEXT_N_") {
            return Some(Self { unit: units(name)?, from: 1, until: count.saturating_add(1) });
        }
        let unit = units(word.strip_prefix("N_")?.strip_suffix("_AGO")?)?;
        Some(Self { unit, from: -count, until: 1 - count })
    }

    /// The first day in it and the first after it.
    pub(crate) fn around(self, today: Date) -> (Date, Date) {
        let start = self.unit.start(today);
        let moved = |count: i32| {
            let span = self.unit.times(count);
            let end = if count < 0 { Date::MIN } else { Date::MAX };
            span.and_then(|span| start.checked_add(span).ok()).unwrap_or(end)
        };
        (moved(self.from), moved(self.until))
    }
}

fn unit_of(name: &str) -> Option<Unit> {
    UNITS.iter().find(|(known, _)| *known == name).map(|(_, unit)| *unit)
}

impl Unit {
    /// Weeks begin on Sunday, as in the United States' locale that users have.
    fn start(self, today: Date) -> Date {
        match self {
            Self::Day => today,
            Self::Week => {
                let past = i32::from(today.weekday().to_sunday_zero_offset());
                today.checked_sub(past.days()).unwrap_or(today)
            }
            Self::Month => today.first_of_month(),
            Self::Quarter => {
                let past = i32::from((today.month() - 1) % 3);
                today.first_of_month().checked_sub(past.months()).unwrap_or(today)
            }
            Self::Year => today.first_of_year(),
        }
    }

    fn times(self, count: i32) -> Option<Span> {
        let count = i64::from(count);
        match self {
            Self::Day => Span::new().try_days(count),
            Self::Week => Span::new().try_weeks(count),
            Self::Month => Span::new().try_months(count),
            Self::Quarter => Span::new().try_months(count * 3),
            Self::Year => Span::new().try_years(count),
        }
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The days as `first..last`, seen from Wednesday, 25 November 2026.
    fn days(text: &str) -> String {
        let read = match text.split_once(':') {
            Some((word, count)) => Days::counted(word, count.parse().unwrap()),
            None => Days::named(text),
        };
        let (from, until) = read.unwrap().around("2026-11-25".parse().unwrap());
        format!("{from}..{}", until.checked_sub(1.day()).unwrap())
    }

    #[test]
    fn every_word_has_the_days_that_the_reference_gives_it() {
        for (word, expected) in [
            ("YESTERDAY", "2026-11-24..2026-11-24"),
            ("TODAY", "2026-11-25..2026-11-25"),
            ("TOMORROW", "2026-11-26..2026-11-26"),
            ("LAST_WEEK", "2026-11-15..2026-11-21"),
            ("THIS_WEEK", "2026-11-22..2026-11-28"),
            ("NEXT_MONTH", "2026-12-01..2026-12-31"),
            ("LAST_90_DAYS", "2026-08-27..2026-11-25"),
            ("NEXT_90_DAYS", "2026-11-26..2027-02-23"),
            ("LAST_N_DAYS:1", "2026-11-24..2026-11-25"),
            ("N_DAYS_AGO:25", "2026-10-31..2026-10-31"),
            ("NEXT_N_WEEKS:2", "2026-11-29..2026-12-12"),
            ("LAST_N_MONTHS:12", "2025-11-01..2026-10-31"),
            ("N_MONTHS_AGO:6", "2026-05-01..2026-05-31"),
            ("THIS_QUARTER", "2026-10-01..2026-12-31"),
            ("LAST_FISCAL_QUARTER", "2026-07-01..2026-09-30"),
            ("N_QUARTERS_AGO:3", "2026-01-01..2026-03-31"),
            ("LAST_N_YEARS:5", "2021-01-01..2025-12-31"),
            ("NEXT_N_FISCAL_YEARS:2", "2027-01-01..2028-12-31"),
        ] {
            assert_eq!(days(word), expected, "{word}");
        }
        assert!(Days::named("THIS_DAY").is_none() && Days::counted("LAST_N_DAY", 1).is_none());
    }

    #[test]
    fn counts_beyond_the_calendar_end_with_it() {
        assert!(days("NEXT_N_YEARS:2147483647").ends_with("..9999-12-30"));
    }
}
