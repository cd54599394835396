//! Patterns such as `dd/MM/yyyy`: how a date is written, and how one in that form is read.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The letters that stand for something; others must be quoted.
const LETTERS: &str = "y yyyy yy M MM MMM MMMM d dd EEE EEEE H HH h hh m mm s ss SSS a XXX";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Field(String),
    Literal(String),
}

/// Cuts a pattern into fields and literal text; a run of letters that means nothing is given back.
pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let end = if first == '\'' {
            let inner = &rest[1..];
            let end = inner.find('\'').unwrap_or(inner.len());
            pieces.push(Piece::Literal(if end == 0 { "'".into() } else { inner[..end].into() }));
            (end + 2).min(rest.len())
        } else if first.is_ascii_alphabetic() {
            let end = rest.find(|character| character != first).unwrap_or(rest.len());
            if !LETTERS.split(' ').any(|field| field == &rest[..end]) {
                return Err(rest[..end].into());
            }
            pieces.push(Piece::Field(rest[..end].into()));
            end
        } else {
            let end = rest
                .find(|character: char| character == '\'' || character.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            pieces.push(Piece::Literal(rest[..end].into()));
            end
        };
        rest = &rest[end..];
    }
    Ok(pieces)
}

/// What a date without time may show of itself.
pub(super) fn needs_time(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Field(field) if field.starts_with(['H', 'h', 'm', 's', 'S', 'a', 'X'])))
}

pub(super) fn write(pieces: &[Piece], at: &Zoned) -> String {
    let date = at.date();
    let hour12 = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    let month = MONTHS[usize::from(date.month().unsigned_abs()) - 1];
    let day = DAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())];
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Field(field) => match field.as_str() {
            "yyyy" => format!("{:04}", date.year()),
            "y" => date.year().to_string(),
            "yy" => format!("{:02}", date.year().rem_euclid(100)),
            "MMMM" => month.into(),
            "MMM" => month[..3].into(),
            "MM" => format!("{:02}", date.month()),
            "M" => date.month().to_string(),
            "dd" => format!("{:02}", date.day()),
            "d" => date.day().to_string(),
            "EEEE" => day.into(),
            "EEE" => day[..3].into(),
            "HH" => format!("{:02}", at.hour()),
            "H" => at.hour().to_string(),
            "hh" => format!("{hour12:02}"),
            "h" => hour12.to_string(),
            "mm" => format!("{:02}", at.minute()),
            "m" => at.minute().to_string(),
            "ss" => format!("{:02}", at.second()),
            "s" => at.second().to_string(),
            "SSS" => format!("{:03}", at.millisecond()),
            "a" => if at.hour() < 12 { "AM" } else { "PM" }.into(),
            _ => at.strftime("%:z").to_string(),
        },
    };
    pieces.iter().map(piece).collect()
}

/// What a text in this form says: a day, or a moment in UTC where the pattern has a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Day(Date),
    Moment(Timestamp),
}

pub(super) fn read(pieces: &[Piece], text: &str) -> Option<Read> {
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut milli, mut afternoon) = (0, 0, 0, 0, None);
    let mut rest = text.trim();
    for piece in pieces {
        let field = match piece {
            Piece::Literal(literal) => {
                rest = rest.strip_prefix(literal.as_str())?;
                continue;
            }
            Piece::Field(field) => field.as_str(),
        };
        let value;
        (value, rest) = match field {
            "MMM" | "MMMM" => named(rest, &MONTHS)?,
            "EEE" | "EEEE" => named(rest, &DAYS)?,
            "a" => named(rest, &["AM", "PM"])?,
            "yyyy" => digits(rest, 4, 4)?,
            "SSS" => digits(rest, 3, 3)?,
            "y" => digits(rest, 1, 4)?,
            "XXX" => return None,
            two if two.len() == 2 => digits(rest, 2, 2)?,
            _ => digits(rest, 1, 2)?,
        };
        match field {
            "yyyy" | "y" => year = Some(value),
            "yy" => year = Some(2000 + value),
            "M" | "MM" => month = Some(value),
            "MMM" | "MMMM" => month = Some(value + 1),
            "d" | "dd" => day = Some(value),
            "a" => afternoon = Some(value == 1),
            "H" | "HH" | "h" | "hh" => hour = value,
            "m" | "mm" => minute = value,
            "s" | "ss" => second = value,
            "SSS" => milli = value,
            _ => {}
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let small = |value: i16| i8::try_from(value).ok();
    let date = Date::new(year?, small(month?)?, small(day?)?).ok()?;
    if !needs_time(pieces) {
        return Some(Read::Day(date));
    }
    if let Some(afternoon) = afternoon {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, i32::from(milli) * 1_000_000).ok()?;
    let zoned = DateTime::from_parts(date, time).to_zoned(TimeZone::UTC).ok()?;
    Some(Read::Moment(zoned.timestamp()))
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i16, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

/// The whole name or its first three letters, whatever the case.
fn named<'t>(text: &'t str, names: &[&str]) -> Option<(i16, &'t str)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    names.iter().zip(0..).find_map(|(name, index)| {
        let short = name.get(..3).unwrap_or(name);
        let found = [*name, short].into_iter().find(|name| starts(name))?;
        Some((index, &text[found.len()..]))
    })
}
