//! Conditional requests: what a caller says it knows of a thing, against how the thing is now.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm
//! Dates have whole seconds. Only Accounts have an ETag, and DELETE takes no conditions.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::answer::{Answer, Refused};
use super::asked::Asked;
use crate::clock::http_date;

/// How a thing is now.
pub(crate) struct Version {
    pub(crate) modified: Timestamp,
    pub(crate) tag: Option<String>,
}

impl Version {
    /// The headers that tell it, on any answer about the thing.
    pub(crate) fn on(self, answer: Answer) -> Answer {
        let answer = answer.with("last-modified", http_date(self.modified));
        match self.tag {
            Some(tag) => answer.with("etag", tag),
            None => answer,
        }
    }
}

/// For GET: true when the caller has it already. A date that can't be read is as good as none.
pub(crate) fn known_already(asked: &Asked<'_>, version: &Version) -> Result<bool, Refused> {
    if date(asked, "if-unmodified-since").is_some_and(|since| newer(version, since))
        || tag_given(asked, "if-match", version) == Some(false)
    {
        return Err(failed());
    }
    match tag_given(asked, "if-none-match", version) {
        Some(same) => Ok(same),
        None => Ok(date(asked, "if-modified-since").is_some_and(|since| !newer(version, since))),
    }
}

/// For PATCH: refused when somebody was faster, or when the header can't be read.
pub(crate) fn may_write(asked: &Asked<'_>, version: &Version) -> Result<(), Refused> {
    for name in ["if-modified-since", "if-unmodified-since"] {
        if asked.header(name).is_some_and(|text| read(text).is_none()) {
            let message = format!("The value of the header {name} is not a valid HTTP date");
            return Err(Refused::new(400, "INVALID_CONDITIONAL_HEADER", message));
        }
    }
    let older = date(asked, "if-modified-since").is_some_and(|since| !newer(version, since));
    let changed = date(asked, "if-unmodified-since").is_some_and(|since| newer(version, since));
    let other = tag_given(asked, "if-match", version) == Some(false);
    let same = tag_given(asked, "if-none-match", version) == Some(true);
    if older || changed || other || same { Err(failed()) } else { Ok(()) }
}

fn failed() -> Refused {
    Refused::new(412, "PRECONDITION_FAILED", "One or more conditional headers do not match")
}

fn newer(version: &Version, since: Timestamp) -> bool {
    version.modified.as_second() > since.as_second()
}

/// Whether one of the tags of a header is the thing's. None without the header, or where there are no tags.
fn tag_given(asked: &Asked<'_>, header: &str, version: &Version) -> Option<bool> {
    let (given, tag) = (asked.header(header)?, version.tag.as_deref()?);
    Some(given.split(',').map(str::trim).any(|given| given == "*" || given == tag))
}

fn date(asked: &Asked<'_>, header: &str) -> Option<Timestamp> {
    asked.header(header).and_then(read)
}

fn read(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}
