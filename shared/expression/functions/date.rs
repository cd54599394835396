//! `date(x)`: a calendar day or an instant, out of every form that the two providers use.

use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use serde_json::Value;

use super::pattern::{self, Piece, Read};
use super::{Answer, Guide, Refused, is_empty, text_of};
use crate::domain::shape::shape_of;
use crate::domain::time::{Day, Stamp, TimeError, zone};

pub(super) const GUIDE: Guide = Guide {
    name: "date",
    signature: "date(x, pattern) .plus({days, weeks, months, years, hours, minutes}) .minus(…) .format(pattern) .in(zone) \
                .startOfMonth() .endOfMonth() .daysUntil(other) .year .month .day",
    about: "Reads yyyy-MM-dd, RFC 3339, Salesforce's and Xero's forms, and milliseconds since 1970 as a number. Forms \
            that can be read two ways, such as 03/04/2026, need a pattern: date(x, 'dd/MM/yyyy'). A calendar day stays \
            one in every zone; an instant is in UTC until `.in(zone)`. Prints as yyyy-MM-dd. Months are cut to their \
            last day. Empty gives empty. Patterns are made of yyyy yy MMMM MMM MM M dd d EEEE EEE HH H hh h mm ss SSS a \
            XXX, and text in single quotes.",
    examples: &[
        ("date('2026-09-14').plus({ days: 20 })", r#""2026-10-04""#),
        ("date('2026-01-31').plus({ months: 1 })", r#""2026-02-28""#),
        ("date('2024-02-29').plus({ years: 1, weeks: 1 })", r#""2025-03-07""#),
        ("date('2026-03-31').minus({ months: 1 })", r#""2026-02-28""#),
        ("date('/Date(1789344000000+0000)/')", r#""2026-09-14""#),
        ("date('2026-05-06T23:56:44.000+0000').in('Pacific/Auckland')", r#""2026-05-07""#),
        ("date('2026-09-14').in('Pacific/Auckland')", r#""2026-09-14""#),
        ("date(1789378199160).format('yyyy-MM-dd HH:mm')", r#""2026-09-14 09:29""#),
        ("date('03/04/2026', 'dd/MM/yyyy')", r#""2026-04-03""#),
        ("date('2026-09-04').format('EEE d MMM yyyy')", r#""Fri 4 Sep 2026""#),
        ("date('2026-09-14').startOfMonth()", r#""2026-09-01""#),
        ("date('2026-02-14').endOfMonth()", r#""2026-02-28""#),
        ("date('2026-02-14').daysUntil('2026-03-01')", "15"),
        ("date('2026-02-14') < date('2026-03-01')", "true"),
        ("date(null).plus({ days: 3 })", r#""""#),
        ("date('2026-02-14').year + date('2026-02-14').month", "2028"),
    ],
};

/// A date is an object around its text: `2026-09-14`, or an instant and its zone with a bar between them.
pub(super) const JAVASCRIPT: &str = r#"(native) => {
  class FlowDate {
    #text
    constructor(text) { this.#text = text; Object.freeze(this) }
    #made(method, given) { return new FlowDate(native('date.' + method, this.#text, given)) }
    plus(span) { return this.#made('plus', span) }
    minus(span) { return this.#made('minus', span) }
    in(zone) { return this.#made('in', zone) }
    startOfMonth() { return this.#made('startOfMonth') }
    endOfMonth() { return this.#made('endOfMonth') }
    format(pattern) { return native('date.format', this.#text, pattern) }
    daysUntil(other) { return native('date.daysUntil', this.#text, `${date(other).in('UTC').#text}`) }
    get year() { return native('date.year', this.#text) }
    get month() { return native('date.month', this.#text) }
    get day() { return native('date.day', this.#text) }
    toString() { return native('date.day_text', this.#text) }
    toJSON() { return this.toString() }
    [Symbol.toPrimitive](hint) { return hint === 'number' ? native('date.number', this.#text) : this.toString() }
  }
  const date = (x, pattern) => (x instanceof FlowDate ? x : new FlowDate(native('date.read', x, pattern)))
  const put = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
  put('date', date)
  put('today', (zone) => new FlowDate(native('today', zone)))
  return FlowDate
}"#;

/// A date between two calls.
#[derive(Clone, Debug)]
enum Held {
    Nothing,
    Day(Day),
    Moment(Zoned),
}

pub(super) fn call(method: &str, held: &Value, given: &Value) -> Answer {
    if method == "read" {
        return read(held, given).map(|held| held.text().into());
    }
    let held = Held::parse(&text_of(held).unwrap_or_default())?;
    match method {
        "plus" => held.moved(span(given, 1)?).map(|held| held.text().into()),
        "minus" => held.moved(span(given, -1)?).map(|held| held.text().into()),
        "in" => held.in_zone(given).map(|held| held.text().into()),
        "startOfMonth" => Ok(held.on(|day| day.first_of_month()).text().into()),
        "endOfMonth" => Ok(held.on(|day| day.last_of_month()).text().into()),
        "format" => held.format(given),
        "daysUntil" => held.days_until(&Held::parse(&text_of(given).unwrap_or_default())?),
        "year" => Ok(held.day().map_or(Value::Null, |day| day.0.year().into())),
        "month" => Ok(held.day().map_or(Value::Null, |day| day.0.month().into())),
        "day" => Ok(held.day().map_or(Value::Null, |day| day.0.day().into())),
        "day_text" => Ok(held.day().map_or_else(|| "".into(), |day| day.to_string().into())),
        "number" => Ok(held.begins().map_or(Value::Null, |stamp| stamp.milliseconds().into())),
        _ => Err(Refused::new("unknown_function", format!("a date has no `{method}`"))),
    }
}

fn read(given: &Value, form: &Value) -> Result<Held, Refused> {
    if is_empty(given) {
        return Ok(Held::Nothing);
    }
    let text = text_of(given).unwrap_or_default();
    if !is_empty(form) {
        return match pattern::read(&pieces(form)?, &text) {
            Some(Read::Day(day)) => Ok(Held::Day(Day(day))),
            Some(Read::Moment(moment)) => Ok(Held::Moment(moment.to_zoned(TimeZone::UTC))),
            None => Err(not_a_date(&text, "it doesn't have the form that the pattern says")),
        };
    }
    if given.is_number() {
        let stamp = text.parse().ok().and_then(Stamp::from_milliseconds);
        return match stamp {
            Some(stamp) => Ok(Held::Moment(stamp.0.to_zoned(TimeZone::UTC))),
            None => Err(not_a_date(&text, "a number must be whole milliseconds since 1970")),
        };
    }
    if let Ok(day) = Day::parse(&text) {
        return Ok(Held::Day(day));
    }
    match Stamp::parse(&text) {
        Ok(stamp) => Ok(Held::Moment(stamp.0.to_zoned(TimeZone::UTC))),
        Err(_) => Err(not_a_date(
            &text,
            "write yyyy-MM-dd or RFC 3339, or say how to read it: date(x, 'dd/MM/yyyy')",
        )),
    }
}

impl Held {
    fn parse(text: &str) -> Result<Self, Refused> {
        let lost = || not_a_date(text, "a date can't be made from this");
        match text.split_once('|') {
            None if text.is_empty() => Ok(Self::Nothing),
            None => Day::parse(text).map(Self::Day).map_err(|_| lost()),
            Some((instant, name)) => {
                let stamp = Stamp::parse(instant).map_err(|_| lost())?;
                Ok(Self::Moment(stamp.0.to_zoned(zone(name).map_err(|error| in_words(&error))?)))
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Day(day) => day.to_string(),
            Self::Moment(at) => format!("{}|{}", at.timestamp(), at.time_zone().iana_name().unwrap_or("UTC")),
        }
    }

    fn day(&self) -> Option<Day> {
        match self {
            Self::Nothing => None,
            Self::Day(day) => Some(*day),
            Self::Moment(at) => Some(Day(at.date())),
        }
    }

    fn begins(&self) -> Option<Stamp> {
        match self {
            Self::Moment(at) => Some(Stamp(at.timestamp())),
            other => other.day().map(Day::begins_in_utc),
        }
    }

    fn moved(self, span: Span) -> Result<Self, Refused> {
        let beyond = |_| Refused::new("bad_span", "the date would leave the calendar");
        match self {
            Self::Nothing => Ok(self),
            Self::Day(_) if span.get_hours() != 0 || span.get_minutes() != 0 => Err(Refused::new(
                "bad_span",
                "a calendar day has no hours: add days, or start from an instant",
            )),
            Self::Day(day) => day.0.checked_add(span).map(|day| Self::Day(Day(day))).map_err(beyond),
            Self::Moment(at) => at.checked_add(span).map(Self::Moment).map_err(beyond),
        }
    }

    fn in_zone(self, name: &Value) -> Result<Self, Refused> {
        let zone = zone(&text_of(name).unwrap_or_default()).map_err(|error| in_words(&error))?;
        Ok(match self {
            Self::Moment(at) => Self::Moment(at.with_time_zone(zone)),
            other => other,
        })
    }

    fn on(self, change: impl Fn(jiff::civil::Date) -> jiff::civil::Date) -> Self {
        self.day().map_or(Self::Nothing, |day| Self::Day(Day(change(day.0))))
    }

    fn format(&self, form: &Value) -> Answer {
        let pieces = pieces(form)?;
        let zoned = match self {
            Self::Nothing => return Ok("".into()),
            Self::Day(_) if pattern::needs_time(&pieces) => {
                return Err(Refused::new(
                    "bad_pattern",
                    "a calendar day has no time of day to show: leave it out",
                ));
            }
            Self::Day(day) => day.begins_in_utc().0.to_zoned(TimeZone::UTC),
            Self::Moment(at) => at.clone(),
        };
        Ok(pattern::write(&pieces, &zoned).into())
    }

    fn days_until(&self, other: &Self) -> Answer {
        let (Some(from), Some(to)) = (self.day(), other.day()) else { return Ok(Value::Null) };
        let days = from.0.until(to.0).map(|span| span.get_days()).unwrap_or_default();
        Ok(days.into())
    }
}

fn pieces(form: &Value) -> Result<Vec<Piece>, Refused> {
    let form = form.as_str().unwrap_or_default();
    if form.is_empty() {
        return Err(Refused::new("bad_pattern", "a pattern is missing, such as 'dd/MM/yyyy'"));
    }
    pattern::pieces(form).map_err(|run| {
        let message = format!("`{run}` means nothing in a pattern: put text in single quotes, and see yyyy MM dd HH mm ss EEE MMM");
        Refused::new("bad_pattern", message)
    })
}

/// `{ days: 20, months: -1 }`.
fn span(given: &Value, sign: i64) -> Result<Span, Refused> {
    let bad = |message: &str| Refused::new("bad_span", message);
    let Some(parts) = given.as_object() else {
        return Err(bad("say how far, such as { days: 20 } or { months: 1 }"));
    };
    parts.iter().try_fold(Span::new(), |span, (unit, count)| {
        let count = text_of(count).and_then(|count| count.parse::<i64>().ok());
        let count = sign * count.ok_or_else(|| bad("give whole numbers, such as { days: 20 }"))?;
        let span = match unit.trim_end_matches('s') {
            "day" => span.try_days(count),
            "week" => span.try_weeks(count),
            "month" => span.try_months(count),
            "year" => span.try_years(count),
            "hour" => span.try_hours(count),
            "minute" => span.try_minutes(count),
            _ => return Err(bad("the units are years, months, weeks, days, hours and minutes")),
        };
        span.map_err(|_| bad("the date would leave the calendar"))
    })
}

fn not_a_date(text: &str, hint: &str) -> Refused {
    Refused::new("not_a_date", format!("`{}` is not a date: {hint}", shape_of(text)))
}

fn in_words(error: &TimeError) -> Refused {
    Refused::new(error.code(), error.to_string())
}
