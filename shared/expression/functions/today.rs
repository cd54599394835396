//! `today(zone)`: the only clock that a flow has, and it stands still.

use serde_json::Value;

use super::{Answer, Guide, Refused, text_of};
use crate::domain::time::{Stamp, zone};

pub(super) const GUIDE: Guide = Guide {
    name: "today",
    signature: "today(zone)",
    about: "The day on which the run's message was first put on a queue, in a time zone: the same after every retry. \
            The zone is an IANA name and UTC where it is left out. Gives a date, with all that `date(x)` can do.",
    examples: &[
        ("today()", r#""2026-09-14""#),
        ("today('Pacific/Auckland')", r#""2026-09-15""#),
        ("today('UTC').plus({ days: 20 })", r#""2026-10-04""#),
    ],
};

pub(super) fn call(name: &Value, enqueued: Stamp) -> Answer {
    let name = text_of(name).unwrap_or_else(|| "UTC".into());
    let zone = zone(&name).map_err(|error| Refused::new(error.code(), error.to_string()))?;
    Ok(enqueued.day_in(&zone).to_string().into())
}
