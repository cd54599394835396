//! Days and instants, in every spelling that the two providers use.
//!
//! A calendar **day** (an invoice's due date) has no zone and never moves; an instant, a **stamp** (when a record
//! changed), is a point on the one time line. They are two types, and nothing turns one into the other without
//! naming a zone. Both are read leniently and written exactly. No clock here: time is an argument.

use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::shape::shape_of;

/// A calendar day. Prints as `2026-09-14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub Date);

/// An instant. Prints as RFC 3339 in UTC: `2026-05-06T11:56:44Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub Timestamp);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    #[error("`{shape}` is not a day: write yyyy-MM-dd, such as 2026-09-14")]
    NotADay { shape: String },
    #[error("`{shape}` is a moment within a day, not a whole day: name the zone that makes it one")]
    NotAWholeDay { shape: String },
    #[error("`{shape}` is not an instant: write RFC 3339, such as 2026-09-14T09:30:00Z")]
    NotAnInstant { shape: String },
    #[error("`{name}` is not a time zone: write its IANA name, such as Pacific/Auckland or UTC")]
    UnknownZone { name: String },
}

impl TimeError {
    /// The stable code that people search for.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotADay { .. } => "not_a_day",
            Self::NotAWholeDay { .. } => "not_a_whole_day",
            Self::NotAnInstant { .. } => "not_an_instant",
            Self::UnknownZone { .. } => "unknown_zone",
        }
    }
}

/// Finds a zone by its IANA name in the tables that are built in: the same answer on every machine.
pub fn zone(name: &str) -> Result<TimeZone, TimeError> {
    static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    ZONES.get(name.trim()).map_err(|_| TimeError::UnknownZone { name: shape_unless_plain(name) })
}

impl Day {
    /// Reads `2026-09-14`, and what Xero makes of a day: `/Date(1789344000000+0000)/` at midnight and
    /// `2026-09-14T00:00:00`. A moment within a day is refused, since its day depends on the zone.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if is_day(text) {
            return text.parse().map(Self).map_err(|_| TimeError::NotADay { shape: shape_of(text) });
        }
        let local = match milliseconds(text) {
            Some((timestamp, offset)) => offset.to_datetime(timestamp),
            None => match zoneless(text) {
                Some(local) => local,
                None if Stamp::parse(text).is_ok() => {
                    return Err(TimeError::NotAWholeDay { shape: shape_of(text) });
                }
                None => return Err(TimeError::NotADay { shape: shape_of(text) }),
            },
        };
        if local.time() != Time::midnight() {
            return Err(TimeError::NotAWholeDay { shape: shape_of(text) });
        }
        Ok(Self(local.date()))
    }

    /// The instant at which this day begins in UTC.
    pub fn begins_in_utc(self) -> Stamp {
        self.begins_in(&TimeZone::UTC)
    }

    /// The instant at which this day begins in a zone. Days at the very ends of the calendar are held within it.
    pub fn begins_in(self, zone: &TimeZone) -> Stamp {
        let zoned = self.0.to_zoned(zone.clone());
        Stamp(zoned.map_or_else(
            |_| if self.0.year() < 0 { Timestamp::MIN } else { Timestamp::MAX },
            |zoned| zoned.timestamp(),
        ))
    }

    /// As Xero writes document dates: UTC midnight, `/Date(1789344000000+0000)/`.
    pub fn to_xero(self) -> String {
        self.begins_in_utc().to_xero()
    }

    /// As Xero writes its `DateString` companions: `2026-09-14T00:00:00`.
    pub fn to_xero_string(self) -> String {
        format!("{}T00:00:00", self.0)
    }
}

impl Stamp {
    /// Reads every spelling of an instant that the providers use: RFC 3339, Salesforce's
    /// `2026-05-06T11:56:44.000+0000`, Xero's `/Date(1789378199160+0000)/` with and without offset, and its
    /// zoneless `2026-04-20T11:47:10.3365440`, which is UTC. A bare day is refused: it is not an instant.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let wrong = || TimeError::NotAnInstant { shape: shape_of(text) };
        if is_day(text) {
            return Err(wrong());
        }
        if let Some((timestamp, _)) = milliseconds(text) {
            return Ok(Self(timestamp));
        }
        if let Some(local) = zoneless(text) {
            return Offset::UTC.to_timestamp(local).map(Self).map_err(|_| wrong());
        }
        text.parse().map(Self).map_err(|_| wrong())
    }

    pub fn from_milliseconds(milliseconds: i64) -> Option<Self> {
        Timestamp::from_millisecond(milliseconds).ok().map(Self)
    }

    pub fn milliseconds(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The calendar day that it is in a zone at this instant.
    pub fn day_in(self, zone: &TimeZone) -> Day {
        Day(zone.to_datetime(self.0).date())
    }

    /// Moves along the time line; held at the ends of the calendar rather than failing.
    pub fn plus(self, duration: SignedDuration) -> Self {
        let end = if duration.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
        Self(self.0.checked_add(duration).unwrap_or(end))
    }

    pub fn minus(self, duration: SignedDuration) -> Self {
        self.plus(-duration)
    }

    /// How long after `earlier` this is.
    pub fn since(self, earlier: Self) -> SignedDuration {
        self.0.duration_since(earlier.0)
    }

    /// As Xero writes `UpdatedDateUTC`: `/Date(1789378199160+0000)/`.
    pub fn to_xero(self) -> String {
        format!("/Date({}+0000)/", self.milliseconds())
    }

    /// As Xero writes `UpdatedDateUTCString`: `2026-09-14T09:29:59Z`.
    pub fn to_xero_string(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// As Xero writes `DateUTCString` in histories and takes it back in `If-Modified-Since`: `2026-09-14T09:29:59`,
    /// UTC without saying so, cut to the second (earlier, never later, so that no change is missed).
    /// <https://developer.xero.com/documentation/api/accounting/requests-and-responses>
    pub fn to_if_modified_since(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// As Salesforce writes a DateTime field: `2026-05-06T11:56:44.000+0000`.
    pub fn to_salesforce(self) -> String {
        format!("{}+0000", self.with_milliseconds())
    }

    /// As SOQL takes it, unquoted: `2026-05-06T11:56:44.000Z`. The `Z` needs no escaping in a URL, `+0000` would.
    /// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm>
    pub fn to_soql(self) -> String {
        format!("{}Z", self.with_milliseconds())
    }

    /// As HTTP writes its `Date` and takes `If-Modified-Since` elsewhere: `Mon, 14 Sep 2026 09:29:59 GMT`.
    pub fn to_http_date(self) -> String {
        self.0.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads an HTTP `Date` header.
    pub fn parse_http_date(text: &str) -> Result<Self, TimeError> {
        rfc2822::DateTimeParser::new()
            .parse_timestamp(text.trim())
            .map(Self)
            .map_err(|_| TimeError::NotAnInstant { shape: shape_of(text) })
    }

    fn with_milliseconds(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()
    }
}

/// `2026-09-14` by its look: ten characters, two dashes in their places.
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// `/Date(1789344000000+0000)/`: milliseconds since 1970 in UTC, and the offset that the writer lived at. The
/// slashes may still carry the backslashes of raw JSON.
fn milliseconds(text: &str) -> Option<(Timestamp, Offset)> {
    let text = text.strip_prefix('\\').unwrap_or(text).strip_prefix("/Date(")?;
    let text = text.strip_suffix(")/").or_else(|| text.strip_suffix(")\\/"))?;
    let sign = text.char_indices().skip(1).find(|(_, character)| matches!(character, '+' | '-'));
    let (digits, offset) = match sign {
        Some((at, sign)) => (&text[..at], offset_of(sign, &text[at + 1..])?),
        None => (text, Offset::UTC),
    };
    let timestamp = Timestamp::from_millisecond(digits.parse().ok()?).ok()?;
    Some((timestamp, offset))
}

fn offset_of(sign: char, text: &str) -> Option<Offset> {
    if text.len() != 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = text[..2].parse::<i32>().ok()? * 3600 + text[2..].parse::<i32>().ok()? * 60;
    Offset::from_seconds(if sign == '-' { -seconds } else { seconds }).ok()
}

/// `2026-09-14T00:00:00` and its fractions, with nothing behind that names a zone.
fn zoneless(text: &str) -> Option<DateTime> {
    let (_, time) = text.split_once(['T', ' '])?;
    let plain = time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    if plain { text.parse().ok() } else { None }
}

/// A zone's name is no secret unless it isn't one.
fn shape_unless_plain(name: &str) -> String {
    let plain =
        name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"/_-+".contains(&byte));
    if plain { name.into() } else { shape_of(name) }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::parse(text).unwrap()
    }

    #[test]
    fn every_spelling_of_an_instant_is_read_as_the_same_instant() {
        for text in [
            "2026-09-14T09:29:59.160Z",
            "2026-09-14T09:29:59.160+0000",
            "2026-09-14T21:29:59.160+12:00",
            "2026-09-14T09:29:59.1600000",
            "2026-09-14 09:29:59.160",
            "/Date(1789378199160+0000)/",
            "/Date(1789378199160)/",
            "/Date(1789378199160+1200)/",
            r"\/Date(1789378199160+0000)\/",
        ] {
            assert_eq!(stamp(text).to_string(), "2026-09-14T09:29:59.16Z", "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_day_is_read_as_the_same_day() {
        for text in [
            "2026-09-14",
            "/Date(1789344000000+0000)/",
            "/Date(1789344000000)/",
            "2026-09-14T00:00:00",
            "/Date(1789300800000+1200)/",
        ] {
            assert_eq!(Day::parse(text).unwrap().to_string(), "2026-09-14", "{text}");
        }
    }

    #[test]
    fn a_day_is_no_instant_and_an_instant_no_day() {
        assert_eq!(Stamp::parse("2026-09-14").unwrap_err().code(), "not_an_instant");
        for text in ["2026-09-14T09:29:59Z", "/Date(1789378199160+0000)/", "2026-09-14T09:29:59"] {
            assert_eq!(Day::parse(text).unwrap_err().code(), "not_a_whole_day", "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_by_its_shape() {
        for text in
            ["", "14/09/2026", "2026-02-30", "2026-9-14", "/Date()/", "/Date(1+00)/", "/Date(12)", "tomorrow"]
        {
            assert_eq!(Day::parse(text).unwrap_err().code(), "not_a_day", "{text}");
            assert_eq!(Stamp::parse(text).unwrap_err().code(), "not_an_instant", "{text}");
        }
        assert!(Day::parse("tomorrow").unwrap_err().to_string().contains("`aaaaaaaa`"));
    }

    #[test]
    fn each_provider_gets_its_own_spelling() {
        let stamp = stamp("2026-09-04T09:29:59.1603365Z");
        assert_eq!(stamp.to_xero(), "/Date(1788514199160+0000)/");
        assert_eq!(stamp.to_xero_string(), "2026-09-04T09:29:59Z");
        assert_eq!(stamp.to_if_modified_since(), "2026-09-04T09:29:59");
        assert_eq!(stamp.to_salesforce(), "2026-09-04T09:29:59.160+0000");
        assert_eq!(stamp.to_soql(), "2026-09-04T09:29:59.160Z");
        assert_eq!(stamp.to_http_date(), "Fri, 04 Sep 2026 09:29:59 GMT");
        let day = Day::parse("2026-09-14").unwrap();
        assert_eq!(day.to_xero(), "/Date(1789344000000+0000)/");
        assert_eq!(day.to_xero_string(), "2026-09-14T00:00:00");
    }

    #[test]
    fn an_http_date_is_read_back() {
        let stamp = Stamp::parse_http_date("Fri, 04 Sep 2026 09:29:59 GMT").unwrap();
        assert_eq!(stamp.to_string(), "2026-09-04T09:29:59Z");
        assert_eq!(Stamp::parse_http_date("yesterday").unwrap_err().code(), "not_an_instant");
    }

    #[test]
    fn the_day_depends_on_the_zone() {
        let evening = stamp("2026-09-14T20:00:00Z");
        assert_eq!(evening.day_in(&zone("Pacific/Auckland").unwrap()).to_string(), "2026-09-15");
        assert_eq!(evening.day_in(&zone("UTC").unwrap()).to_string(), "2026-09-14");
        assert_eq!(zone("Auckland").unwrap_err().code(), "unknown_zone");
        let begins = Day::parse("2026-09-15").unwrap().begins_in(&zone("Pacific/Auckland").unwrap());
        assert_eq!(begins.to_string(), "2026-09-14T12:00:00Z");
    }

    #[test]
    fn time_moves_and_stops_at_the_end_of_the_calendar() {
        let start = stamp("2026-09-14T09:29:59Z");
        assert_eq!(start.minus(SignedDuration::from_mins(2)).to_string(), "2026-09-14T09:27:59Z");
        assert_eq!(start.plus(SignedDuration::from_hours(24)).since(start), SignedDuration::from_hours(24));
        assert_eq!(start.plus(SignedDuration::MAX).0, Timestamp::MAX);
        assert_eq!(start.minus(SignedDuration::MAX).0, Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn what_a_provider_wrote_is_written_back_to_the_letter(milliseconds in 0i64..4_000_000_000_000) {
            let stamp = Stamp::from_milliseconds(milliseconds).unwrap();
            // So Xero writes some of its stamps, and its identity service others.
            let bare = format!("/Date({milliseconds})/");
            let seven_digits = format!("{}0000", stamp.with_milliseconds());
            for text in [stamp.to_xero(), bare, stamp.to_salesforce(), stamp.to_soql(), seven_digits, stamp.to_string()] {
                prop_assert_eq!(Stamp::parse(&text).unwrap(), stamp);
            }
            let day = stamp.day_in(&TimeZone::UTC);
            prop_assert_eq!(Day::parse(&day.to_xero()).unwrap(), day);
            prop_assert_eq!(Day::parse(&day.to_xero_string()).unwrap(), day);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = (Day::parse(&text), Stamp::parse(&text), Stamp::parse_http_date(&text));
            let _ = Stamp::parse(&format!("/Date({text})/"));
        }
    }
}
