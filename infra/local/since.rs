//! How people write times on the command line.

use counterfoil::domain::outcome::Failure;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned, civil};

/// An instant, or so long ago.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Span),
}

/// Friendly durations (`2h`, `3d`), days of this machine's zone, RFC 3339.
/// <https://docs.rs/jiff/latest/jiff/fmt/friendly/>
pub(crate) fn when(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Since::At(at));
    }
    if let Ok(day) = text.parse::<civil::Date>() {
        let began = day.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        return Ok(Since::At(began.timestamp()));
    }
    match text.parse::<Span>() {
        Ok(span) => Ok(Since::Ago(span.abs())),
        Err(_) => Err("write 2h, 3d, 2026-01-15 or 2026-01-15T03:20:11Z".to_owned()),
    }
}

impl Since {
    pub(crate) fn from(self, now: Timestamp) -> Result<Timestamp, Failure> {
        match self {
            Self::At(at) => Ok(at),
            // A day or a month ago depends on the calendar.
            Self::Ago(span) => Zoned::new(now, TimeZone::system())
                .checked_sub(span)
                .map(|ago| ago.timestamp())
                .map_err(|error| Failure::new("not_an_instant", error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_durations_days_and_instants() {
        let now: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let from = |text: &str| when(text).unwrap().from(now).unwrap().to_string();
        assert_eq!(from("2h"), "2026-01-15T10:00:00Z");
        assert_eq!(from("90 minutes"), "2026-01-15T10:30:00Z");
        assert_eq!(from("2026-01-14T03:20:11Z"), "2026-01-14T03:20:11Z");
        assert!(from("2026-01-14").starts_with("2026-01-1"));
        assert!(when("yesterday-ish").is_err());
    }
}
