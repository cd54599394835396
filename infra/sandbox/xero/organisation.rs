//! One organisation (tenant): who it is, its locks, and the shelves with everything that is in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disputed::Disputed;
use super::parts::history::History;
use super::plan::Plan;
use super::shelves::{Marks, Shelves};

/// The financial year ends with this month's last day.
pub(crate) const FINANCIAL_YEAR_END_MONTH: i8 = 3;

/// <https://developer.xero.com/documentation/api/efficient-data-retrieval>
const HIGH_VOLUME: usize = 100_000;

/// Ids that follow from the seed. Kept as the seed and how many were given out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub(crate) struct Ids {
    seed: u64,
    given: u64,
    random: StdRng,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, given: 0, random: StdRng::seed_from_u64(seed) }
    }

    pub(crate) fn next(&mut self) -> Uuid {
        self.given += 1;
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid()
    }
}

impl From<(u64, u64)> for Ids {
    fn from((seed, given): (u64, u64)) -> Self {
        let mut ids = Self::new(seed);
        for _ in 0..given {
            ids.next();
        }
        ids
    }
}

impl From<Ids> for (u64, u64) {
    fn from(ids: Ids) -> Self {
        (ids.seed, ids.given)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Organisation {
    pub(crate) tenant_id: Uuid,
    pub(crate) name: String,
    pub(crate) base_currency: String,
    pub(crate) time_zone: String,
    pub(crate) plan: Plan,
    pub(crate) period_lock: Option<Date>,
    pub(crate) year_end_lock: Option<Date>,
    /// More documents of a kind are read by what finds them quickly, or not at all.
    pub(crate) high_volume: usize,
    /// As all organisations have it; kept once for all.
    #[serde(skip)]
    pub(crate) disputed: Disputed,
    pub(crate) created: Timestamp,
    pub(crate) shelves: Shelves,
    /// The last number that was given out, by its prefix.
    numbers: BTreeMap<Cow<'static, str>, u32>,
    pub(crate) history: History,
    /// Who is at it now, for the history: an app, or a person.
    pub(crate) actor: String,
    pub(crate) ids: Ids,
}

/// How things stood; `roll_back` returns to it.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    shelves: Marks,
    history: usize,
    numbers: BTreeMap<Cow<'static, str>, u32>,
}

impl Organisation {
    /// Nothing on its shelves: `demo.rs` fills them.
    pub(crate) fn new(name: &str, seed: u64, created: Timestamp) -> Self {
        let mut ids = Ids::new(seed);
        Self {
            tenant_id: ids.next(),
            name: name.to_owned(),
            base_currency: "NZD".to_owned(),
            time_zone: "Pacific/Auckland".to_owned(),
            plan: Plan::default(),
            period_lock: None,
            year_end_lock: None,
            high_volume: HIGH_VOLUME,
            disputed: Disputed::default(),
            created,
            shelves: Shelves::default(),
            numbers: BTreeMap::new(),
            history: History::default(),
            actor: String::new(),
            ids,
        }
    }

    /// Kept as a whole, or as if it had never been tried.
    pub(crate) fn attempt<T, E>(&mut self, change: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let mark =
            Mark { shelves: self.shelves.mark(), history: self.history.len(), numbers: self.numbers.clone() };
        let changed = change(self);
        if changed.is_err() {
            self.shelves.roll_back(mark.shelves);
            self.history.truncate(mark.history);
            self.numbers = mark.numbers;
        }
        changed
    }

    /// `INV-0001` and on, past the numbers that people took.
    pub(crate) fn next_number(
        &mut self,
        prefix: &'static str,
        is_free: impl Fn(&Shelves, &str) -> bool,
    ) -> String {
        let last = self.numbers.entry(prefix.into()).or_default();
        loop {
            *last += 1;
            let number = format!("{prefix}{last:04}");
            if is_free(&self.shelves, &number) {
                return number;
            }
        }
    }

    /// The calendar day where the organisation is.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        now.in_tz(&self.time_zone)
            .map_or_else(|_| now.to_zoned(jiff::tz::TimeZone::UTC).date(), |at| at.date())
    }

    /// Why a document of this day can't be written, in Xero's words.
    pub(crate) fn locked(&self, date: Date) -> Option<String> {
        let sentence = |which: &str, lock: Date| {
            format!(
                "The document date cannot be before the {which} lock date, currently set at {}",
                lock.strftime("%d-%b-%Y")
            )
        };
        let year_end = self.year_end_lock.filter(|lock| date <= *lock);
        let period = self.period_lock.filter(|lock| date <= *lock);
        year_end
            .map(|lock| sentence("end of year", lock))
            .or_else(|| period.map(|lock| sentence("period", lock)))
    }
}
