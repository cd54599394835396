//! `CALENDAR_YEAR(CloseDate)` and its like: the part of a kept date or stamp.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_date_functions.htm

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::salesforce::soql::DatePart;
use crate::salesforce::values::{Key, instant};

pub(super) fn part(part: DatePart, zone: &TimeZone, value: &Value) -> Key<'static> {
    let Some(text) = value.as_str() else { return Key::Null };
    let (date, hour) = match instant(text) {
        Some(at) => {
            let local = at.to_zoned(zone.clone());
            (local.date(), local.hour())
        }
        None => match text.parse::<Date>() {
            Ok(date) => (date, 0),
            Err(_) => return Key::Null,
        },
    };
    let number = match part {
        DatePart::DayOnly => return Key::Text(date.to_string().into()),
        DatePart::CalendarMonth => i64::from(date.month()),
        DatePart::CalendarQuarter => i64::from((date.month() - 1) / 3 + 1),
        DatePart::CalendarYear => i64::from(date.year()),
        DatePart::DayInMonth => i64::from(date.day()),
        // Sunday is 1.
        DatePart::DayInWeek => i64::from(date.weekday().to_sunday_one_offset()),
        DatePart::DayInYear => i64::from(date.day_of_year()),
        DatePart::HourInDay => i64::from(hour),
        // The first week is the first seven days, wherever they begin.
        DatePart::WeekInMonth => i64::from((date.day() - 1) / 7 + 1),
        DatePart::WeekInYear => i64::from((date.day_of_year() - 1) / 7 + 1),
    };
    number.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_near_midnight_has_other_parts_in_another_zone() {
        let stamp = Value::from("2026-12-31T23:30:00.000+0000");
        let auckland = TimeZone::get("Pacific/Auckland").unwrap();
        let parts = |zone: &TimeZone| {
            let of = |what| part(what, zone, &stamp);
            [
                of(DatePart::CalendarYear),
                of(DatePart::DayInYear),
                of(DatePart::HourInDay),
                of(DatePart::DayInWeek),
                of(DatePart::DayOnly),
            ]
        };
        let day = |text: &'static str| Key::Text(text.into());
        assert_eq!(parts(&TimeZone::UTC), [2026.into(), 365.into(), 23.into(), 5.into(), day("2026-12-31")]);
        assert_eq!(parts(&auckland), [2027.into(), 1.into(), 12.into(), 6.into(), day("2027-01-01")]);
    }

    #[test]
    fn weeks_are_counted_in_sevens_from_the_first_day() {
        let of = |what, date: &str| part(what, &TimeZone::UTC, &Value::from(date));
        assert_eq!(of(DatePart::WeekInMonth, "2026-11-08"), 2.into());
        assert_eq!(of(DatePart::WeekInYear, "2026-12-31"), 53.into());
        assert_eq!(of(DatePart::CalendarQuarter, "2026-09-30"), 3.into());
        assert_eq!(part(DatePart::CalendarYear, &TimeZone::UTC, &Value::Null), Key::Null);
    }
}
