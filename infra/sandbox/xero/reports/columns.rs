//! The columns of a report: a period each, or what is tracked under an option each, with the books' movements.
//!
//! What couldn't be answered is refused, in words of ours. The headings of options are not recorded.
//! <https://developer.xero.com/documentation/api/accounting/reports>

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::periods::{Period, periods};
use super::{flag_asked, refused};
use crate::xero::answer::Refusal;
use crate::xero::journal::{Basis, Tag, Tags};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::tracking::TrackingCategory;
use crate::xero::shelves;

/// What of the books a column is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    period: Period,
    /// All of these; everything where there is none.
    tracked: Vec<Tracked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracked {
    Under(Tag),
    /// Under no option of the category.
    NotUnder(Uuid),
}

impl From<Period> for Column {
    fn from(period: Period) -> Self {
        Self { period, tracked: Vec::new() }
    }
}

impl Column {
    fn has(&self, day: Date, tags: Tags) -> bool {
        let is_tracked = |one: &Tracked| match one {
            Tracked::Under(tag) => tags.contains(&Some(*tag)),
            Tracked::NotUnder(category) => tags.iter().flatten().all(|tag| tag.category != *category),
        };
        self.period.has(day) && self.tracked.iter().all(is_tracked)
    }
}

/// Which option of which category is asked for.
struct Slice<'a> {
    category: &'a TrackingCategory,
    option: Option<Tag>,
}

/// A column for each period, newest first; or for each option of a category, with what is under none, and all. Each
/// with its heading.
pub(super) fn columns(
    organisation: &Organisation,
    request: &Request,
    now: Period,
) -> Result<Vec<(String, Column)>, Refusal> {
    let periods = periods(request, now)?;
    let first = slice(organisation, request, "trackingCategoryID", "trackingOptionID")?;
    let second = slice(organisation, request, "trackingCategoryID2", "trackingOptionID2")?;
    let second = match (&first, second) {
        (_, None) => None,
        (Some(_), Some(Slice { option: Some(tag), .. })) => Some(Tracked::Under(tag)),
        _ => {
            let sentence = "A trackingCategoryID2 can only be reported with a trackingCategoryID and a trackingOptionID2";
            return Err(refused(sentence.to_owned()));
        }
    };
    let column = |period: Period, first: Option<Tracked>| Column {
        period,
        tracked: first.into_iter().chain(second).collect(),
    };
    let Some(Slice { category, option: None }) = first else {
        let tracked = first.and_then(|first| first.option).map(Tracked::Under);
        let heading = |period: Period| period.to.strftime("%-d %b %y").to_string();
        return Ok(periods.into_iter().map(|period| (heading(period), column(period, tracked))).collect());
    };
    if periods.len() > 1 {
        let sentence =
            "Periods can't be compared where every option has a column: specify a trackingOptionID";
        return Err(refused(sentence.to_owned()));
    }
    let options = category.options.iter().map(|option| {
        let tag = Tag { category: category.id, option: option.id };
        (option.name.as_str(), Some(Tracked::Under(tag)))
    });
    let others = [("Unassigned", Some(Tracked::NotUnder(category.id))), ("Total", None)];
    let columns = options.chain(others).map(|(name, tracked)| (name.to_owned(), column(now, tracked)));
    Ok(columns.collect())
}

/// Also archived options are found: lines are still under them.
fn slice<'a>(
    organisation: &'a Organisation,
    request: &Request,
    category_field: &str,
    option_field: &str,
) -> Result<Option<Slice<'a>>, Refusal> {
    let (category, option) = (request.parameter(category_field), request.parameter(option_field));
    let Some(id) = category else {
        let sentence = || refused(format!("The {category_field} of the {option_field} must be specified"));
        return option.map_or(Ok(None), |_| Err(sentence()));
    };
    let category = Uuid::parse_str(id).ok().and_then(|id| organisation.shelves.tracking.get(id));
    let category =
        category.ok_or_else(|| refused(format!("The {category_field} '{id}' could not be found")))?;
    let find = |id: &str| {
        let found = category.options.iter().find(|option| Uuid::parse_str(id) == Ok(option.id));
        let missing = || {
            refused(format!(
                "The {option_field} '{id}' could not be found in the category '{}'",
                category.name
            ))
        };
        found.map(|option| Tag { category: category.id, option: option.id }).ok_or_else(missing)
    };
    Ok(Some(Slice { category, option: option.map(find).transpose()? }))
}

/// Whether what is invoiced counts or what is paid.
pub(super) fn basis_asked(request: &Request) -> Result<Basis, Refusal> {
    Ok(if flag_asked(request, "paymentsOnly")? { Basis::Cash } else { Basis::Accrual })
}

/// What accounts moved by, or stand at, in each of the columns.
#[derive(Debug)]
pub(super) struct Figures(Vec<HashMap<Uuid, Decimal>>);

impl Figures {
    pub(super) fn within(organisation: &Organisation, basis: Basis, columns: &[Column]) -> Self {
        let mut figures = vec![HashMap::new(); columns.len()];
        for entry in shelves::entries(organisation, basis) {
            for posting in entry.postings {
                let place = posting.place;
                let wanted = columns.iter().map(|column| column.has(entry.date, place.tracking));
                for (figures, _) in figures.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted) {
                    *figures.entry(place.account).or_default() += posting.amount;
                }
            }
        }
        Self(figures)
    }

    /// Of everything, period by period.
    pub(super) fn of_periods(organisation: &Organisation, basis: Basis, periods: &[Period]) -> Self {
        let columns: Vec<Column> = periods.iter().map(|period| Column::from(*period)).collect();
        Self::within(organisation, basis, &columns)
    }

    /// Debits positive.
    pub(super) fn of(&self, account: Uuid) -> Vec<Decimal> {
        self.0.iter().map(|figures| figures.get(&account).copied().unwrap_or_default()).collect()
    }
}

pub(super) fn add(sum: &mut [Decimal], amounts: &[Decimal]) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
}
