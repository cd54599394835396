//! One aggregate function over one group, record by record.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::salesforce::filter::Access;
use crate::salesforce::objects::FieldType;
use crate::salesforce::org::Org;
use crate::salesforce::soql::Aggregate;
use crate::salesforce::store::Record;
use crate::salesforce::values::{Key, written};

/// As many digits as a float shows, which is what averages are in the real one.
const DIGITS: u32 = 16;

/// Nulls count for nothing.
pub(super) struct Tally {
    aggregate: Aggregate,
    whole: bool,
    count: u64,
    sum: Decimal,
    different: HashSet<Key<'static>>,
    /// The least or greatest so far: as sorted, as compared, as shown.
    extreme: Option<(Key<'static>, Key<'static>, Value)>,
}

impl Tally {
    pub(super) fn new(aggregate: Aggregate, kind: FieldType) -> Self {
        Self {
            aggregate,
            whole: kind == FieldType::Int,
            count: 0,
            sum: Decimal::ZERO,
            different: HashSet::new(),
            extreme: None,
        }
    }

    pub(super) fn count(&mut self, org: &Org, access: &Access, record: &Record) {
        let key = access.key(org, record).into_owned();
        if key == Key::Null {
            return;
        }
        self.count += 1;
        match self.aggregate {
            Aggregate::Count => {}
            Aggregate::CountDistinct => {
                self.different.insert(key);
            }
            Aggregate::Sum | Aggregate::Average => {
                if let Key::Number(amount) = key {
                    self.sum = self.sum.saturating_add(amount);
                }
            }
            Aggregate::Least | Aggregate::Greatest => {
                let sort = access.sort_key(org, record).into_owned();
                let least = self.aggregate == Aggregate::Least;
                let beats = |(there, _, _): &(Key<'_>, Key<'_>, Value)| {
                    if least { sort < *there } else { sort > *there }
                };
                if self.extreme.as_ref().is_none_or(beats) {
                    self.extreme = Some((sort, key, access.shown(org, record)));
                }
            }
        }
    }

    pub(super) fn key(&self) -> Key<'_> {
        match self.aggregate {
            Aggregate::Least | Aggregate::Greatest => {
                self.extreme.as_ref().map_or(Key::Null, |(_, key, _)| key.clone())
            }
            _ => self.number().map_or(Key::Null, Key::Number),
        }
    }

    pub(super) fn shown(&self) -> Value {
        let whole = match self.aggregate {
            Aggregate::Least | Aggregate::Greatest => {
                return self.extreme.as_ref().map_or(Value::Null, |(_, _, shown)| shown.clone());
            }
            Aggregate::Average => false,
            Aggregate::Sum => self.whole,
            Aggregate::Count | Aggregate::CountDistinct => true,
        };
        self.number().map_or(Value::Null, |number| written(number, whole))
    }

    fn number(&self) -> Option<Decimal> {
        match self.aggregate {
            Aggregate::Count => Some(self.count.into()),
            Aggregate::CountDistinct => Some(Decimal::from(self.different.len())),
            _ if self.count == 0 => None,
            Aggregate::Average => (self.sum / Decimal::from(self.count)).round_sf(DIGITS),
            _ => Some(self.sum),
        }
    }
}
