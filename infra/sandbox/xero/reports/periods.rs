//! The periods of a report: the one that is asked for, and those before it that it is compared with.

use jiff::ToSpan;
use jiff::civil::Date;

use super::{day_asked, refused};
use crate::xero::answer::Refusal;
use crate::xero::organisation::{FINANCIAL_YEAR_END_MONTH, Organisation};
use crate::xero::request::Request;

/// <https://developer.xero.com/documentation/api/accounting/reports>
const MOST_PERIODS: i32 = 11;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from: Date,
    pub(super) to: Date,
}

impl Period {
    /// The calendar month of a day.
    pub(super) fn month_of(day: Date) -> Self {
        Self { from: day.first_of_month(), to: day.last_of_month() }
    }

    /// From and to the days that are asked for, or else of this month.
    pub(super) fn asked(organisation: &Organisation, request: &Request) -> Result<Self, Refusal> {
        let month = Self::month_of(organisation.today(request.now));
        Ok(Self {
            from: day_asked(request, "fromDate")?.unwrap_or(month.from),
            to: day_asked(request, "toDate")?.unwrap_or(month.to),
        })
    }

    pub(super) fn has(self, day: Date) -> bool {
        day >= self.from && day <= self.to
    }

    /// Ends of months stay ends of months.
    fn back(self, months: i32) -> Self {
        let shift = |day: Date| {
            let shifted = day.checked_sub(months.months()).unwrap_or(day);
            if day == day.last_of_month() { shifted.last_of_month() } else { shifted }
        };
        Self { from: shift(self.from), to: shift(self.to) }
    }
}

/// `periods` (besides the asked one) of `timeframe`, newest first.
pub(super) fn periods(request: &Request, now: Period) -> Result<Vec<Period>, Refusal> {
    let months = match request.parameter("timeframe").map(str::to_uppercase).as_deref() {
        None | Some("MONTH") => 1,
        Some("QUARTER") => 3,
        Some("YEAR") => 12,
        Some(other) => return Err(refused(format!("The timeframe '{other}' is not valid"))),
    };
    let more = match request.parameter("periods") {
        None => 0,
        Some(text) => {
            text.parse().ok().filter(|periods| (0..=MOST_PERIODS).contains(periods)).ok_or_else(|| {
                refused(format!("The periods '{text}' must be between 1 and {MOST_PERIODS}"))
            })?
        }
    };
    Ok((0..=more).map(|place| now.back(place * months)).collect())
}

/// The first day of the financial year that a day is in.
pub(super) fn year_start(day: Date) -> Date {
    let first = jiff::civil::date(day.year(), FINANCIAL_YEAR_END_MONTH, 1).last_of_month();
    let first = first.tomorrow().unwrap_or(first);
    if day >= first { first } else { first.checked_sub(1.year()).unwrap_or(first) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn months_before_keep_their_ends_and_years_begin_after_march() {
        let november = Period::month_of(date(2026, 11, 22));
        assert_eq!(november.back(9), Period { from: date(2026, 2, 1), to: date(2026, 2, 28) });
        assert_eq!(november.back(1).to, date(2026, 10, 31));
        for (day, start) in [
            (date(2026, 3, 31), date(2025, 4, 1)),
            (date(2026, 4, 1), date(2026, 4, 1)),
            (date(2026, 12, 1), date(2026, 4, 1)),
        ] {
            assert_eq!(year_start(day), start);
        }
    }
}
