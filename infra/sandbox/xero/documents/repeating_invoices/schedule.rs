//! When a repeating invoice becomes one, and when that one is due. Pure.
//!
//! <https://developer.xero.com/documentation/api/accounting/repeatinginvoices>

use std::borrow::Cow;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::xero::documents::head::day;
use crate::xero::messages::Messages;
use crate::xero::wire::{self, read_number};
use crate::xero::writing::given;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Schedule {
    period: i32,
    unit: Cow<'static, str>,
    due_day: i32,
    due_kind: Cow<'static, str>,
    start: Date,
    end: Option<Date>,
    /// How many invoices it became.
    pub(super) made: i32,
}

const WEEKLY: &str = "WEEKLY";
const UNITS: [&str; 2] = [WEEKLY, "MONTHLY"];
const DUE_KINDS: [&str; 6] = [
    "DAYSAFTERBILLDATE",
    "DAYSAFTERBILLMONTH",
    "DAYSAFTERINVOICEDATE",
    "DAYSAFTERINVOICEMONTH",
    "OFCURRENTMONTH",
    "OFFOLLOWINGMONTH",
];

impl Schedule {
    pub(super) fn read(sent: Option<&Map<String, Value>>, messages: &mut Messages) -> Option<Self> {
        let Some(sent) = sent else {
            messages.push("A Schedule must be specified".to_owned());
            return None;
        };
        let number = |field: &str| i32::try_from(read_number(sent.get(field)?)?).ok();
        let word = |field: &str, known: &[&'static str]| {
            let word = given(sent, field)?;
            known.iter().copied().find(|known| *known == word)
        };
        let start = day(sent, "StartDate", messages);
        let end = day(sent, "EndDate", messages);
        let read = (
            number("Period").filter(|period| (1..=99).contains(period)),
            word("Unit", &UNITS),
            number("DueDate").filter(|day| (0..=999).contains(day)),
            word("DueDateType", &DUE_KINDS),
            start,
        );
        let (Some(period), Some(unit), Some(due_day), Some(due_kind), Some(start)) = read else {
            messages.push(
                "The Schedule must have a valid Period, Unit, DueDate, DueDateType and StartDate".to_owned(),
            );
            return None;
        };
        Some(Self { period, unit: unit.into(), due_day, due_kind: due_kind.into(), start, end, made: 0 })
    }

    /// Counted from the start, so that the 31st comes back after a short month. None after the end.
    pub(super) fn next(&self) -> Option<Date> {
        let periods = self.period.checked_mul(self.made)?;
        let span = if self.unit == WEEKLY { periods.weeks() } else { periods.months() };
        let next = self.start.checked_add(span).ok()?;
        Some(next).filter(|next| self.end.is_none_or(|end| *next <= end))
    }

    pub(super) fn due_date(&self, date: Date) -> Date {
        let due = match &*self.due_kind {
            "DAYSAFTERBILLDATE" | "DAYSAFTERINVOICEDATE" => date.checked_add(self.due_day.days()),
            "DAYSAFTERBILLMONTH" | "DAYSAFTERINVOICEMONTH" => {
                date.last_of_month().checked_add(self.due_day.days())
            }
            "OFCURRENTMONTH" => Ok(self.day_of(date)),
            _ => date.first_of_month().checked_add(1.month()).map(|following| self.day_of(following)),
        };
        due.unwrap_or(date)
    }

    /// The due day in this month, or the month's last.
    fn day_of(&self, month: Date) -> Date {
        let last = month.last_of_month();
        let first = month.first_of_month();
        first.checked_add((self.due_day - 1).max(0).days()).map_or(last, |day| day.min(last))
    }

    pub(super) fn as_json(&self) -> Value {
        let mut body = json!({
            "Period": self.period, "Unit": self.unit, "DueDate": self.due_day, "DueDateType": self.due_kind,
            "StartDate": wire::day(self.start),
        });
        for (field, date) in [("EndDate", self.end), ("NextScheduledDate", self.next())] {
            if let Some(date) = date {
                body[field] = wire::day(date);
            }
        }
        body
    }
}

/// What stands in brackets in a reference is that of the invoice's day.
pub(super) fn filled_in(reference: &str, date: Date) -> String {
    let week = date.iso_week_date().week();
    reference
        .replace("[Week]", &week.to_string())
        .replace("[Month]", &date.strftime("%B").to_string())
        .replace("[Year]", &date.year().to_string())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn monthly(due_day: i32, due_kind: &'static str) -> Schedule {
        let (start, end) = (date(2026, 1, 31), Some(date(2026, 3, 31)));
        Schedule {
            period: 1,
            unit: "MONTHLY".into(),
            due_day,
            due_kind: due_kind.into(),
            start,
            end,
            made: 0,
        }
    }

    #[test]
    fn the_last_of_a_month_comes_back_after_a_short_one_until_the_end() {
        let days = [0, 1, 2, 3].map(|made| Schedule { made, ..monthly(0, "OFCURRENTMONTH") }.next());
        let [first, second, third] =
            [(1, 31), (2, 28), (3, 31)].map(|(month, day)| Some(date(2026, month, day)));
        assert_eq!(days, [first, second, third, None]);
        let fortnightly =
            Schedule { unit: WEEKLY.into(), period: 2, made: 2, ..monthly(0, "OFCURRENTMONTH") };
        assert_eq!(fortnightly.next(), Some(date(2026, 2, 28)));
    }

    #[test]
    fn a_due_date_is_counted_by_its_type_and_never_leaves_its_month() {
        for (due_day, kind, expected) in [
            (10, "DAYSAFTERINVOICEDATE", date(2026, 2, 10)),
            (10, "DAYSAFTERBILLMONTH", date(2026, 2, 10)),
            (20, "OFCURRENTMONTH", date(2026, 1, 20)),
            (31, "OFFOLLOWINGMONTH", date(2026, 2, 28)),
        ] {
            assert_eq!(monthly(due_day, kind).due_date(date(2026, 1, 31)), expected, "{kind}");
        }
    }

    #[test]
    fn brackets_in_a_reference_are_filled_in() {
        assert_eq!(
            filled_in("Rent [Month] [Year], week [Week]", date(2026, 1, 31)),
            "Rent January 2026, week 5"
        );
    }
}
