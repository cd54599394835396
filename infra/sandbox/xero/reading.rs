//! Lists and single documents, for every kind alike: parameters, `where`, `order`, pages.
//!
//! A kind names its fields and the parameters that only it has (`Resource`).
//! <https://developer.xero.com/documentation/api/accounting/requests-and-responses>

use std::borrow::Cow;
use std::num::IntErrorKind;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Found, Refusal};
use super::filter::{Field, Fields, Filter, Order, moment};
use super::organisation::Organisation;
use super::request::Request;
use super::resource::{Resource, find, shown};
use super::shelf::Document;
use super::wire::{self, Pagination};

/// <https://developer.xero.com/documentation/api/accounting/requests-and-responses#paging>
const DEFAULT_PAGE_SIZE: usize = 100;
const LARGEST_PAGE_SIZE: usize = 1_000;

/// How much of a document an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// After a write, and inside a document that is shown alone.
    Written,
    /// Alone.
    Single,
    /// In a page.
    Paged,
    /// In a list without pages: no lines.
    Listed,
    /// With `summaryOnly=true`.
    Summary,
    /// Inside a listed document.
    Embedded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// `page` has no effect.
    Never,
    /// With `page`, or with a parameter that brings pages.
    Asked,
    Always,
}

/// A parameter that only some kinds have: its name, and the field (as `where` names it) that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parameter {
    /// A comma list, any of which the field may be; brings pages.
    AnyOf(&'static str, &'static str),
    Equal(&'static str, &'static str),
    Contains(&'static str, &'static str),
    /// A day, from or to which the field's may be.
    From(&'static str, &'static str),
    To(&'static str, &'static str),
    /// `searchTerm`: one of these contains it.
    Search(&'static [&'static str]),
    /// `…=true`: the field is the app that asks.
    OwnApp(&'static str, &'static str),
}

pub(crate) fn list<R: Resource>(organisation: &Organisation, request: &Request) -> Result<Found, Refusal> {
    let archived = request.flag(R::WITH_ARCHIVED);
    let wanted: Vec<&Parameter> = R::PARAMETERS.iter().filter(|one| one.is_given(request)).collect();
    let filter = match request.parameter("where").filter(|_| R::FILTERED) {
        None => None,
        Some(text) => Some(Filter::parse(text).map_err(Refusal::Query)?),
    };
    check_volume::<R>(organisation, request, filter.as_ref())?;
    let candidates = candidates::<R>(organisation, request).filter(|one| archived || !R::is_archived(one));
    let order = request.parameter("order").or(R::DEFAULT_ORDER);
    let mut documents: Vec<&R::Document> = if wanted.is_empty() && filter.is_none() && order.is_none() {
        candidates.collect()
    } else {
        let mut rows: Vec<_> =
            candidates.map(|document| (document, R::row(organisation, request, document))).collect();
        let known = |path: &str| R::FIELDS.contains(&path) || R::SHARED_FIELDS.contains(&path);
        let order = order.map(|order| Order::parse(order, &known)).transpose().map_err(Refusal::Query)?;
        if let Some(filter) = &filter {
            filter.check(&known).map_err(Refusal::Query)?;
        }
        rows.retain(|(_, row)| wanted.iter().all(|one| one.wants(request, row.as_ref())));
        if let Some(filter) = &filter {
            let mut kept = Vec::new();
            for (document, row) in rows {
                if filter.wants(row.as_ref()).map_err(Refusal::Query)? {
                    kept.push((document, row));
                }
            }
            rows = kept;
        }
        if let Some(order) = order {
            rows.sort_by(|(_, left), (_, right)| order.compare(left.as_ref(), right.as_ref()));
        }
        rows.into_iter().map(|(document, _)| document).collect()
    };
    let summary = R::SUMMARISED && request.flag("summaryOnly");
    let paged = match R::PAGING {
        Paging::Never => false,
        Paging::Always => true,
        Paging::Asked => {
            let brings_pages = wanted.iter().any(|one| matches!(one, Parameter::AnyOf(..)));
            request.parameter("page").is_some() || summary || brings_pages
        }
    };
    let pagination = paged.then(|| cut(request, &mut documents, DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE));
    let view = match (summary, pagination) {
        (true, _) => View::Summary,
        (false, Some(_)) => View::Paged,
        (false, None) => View::Listed,
    };
    let elements = documents
        .into_iter()
        .map(|document| Value::Object(shown::<R>(organisation, request, document, view)))
        .collect();
    Ok(Found { key: R::KEY, elements, pagination })
}

/// Whoever would have very many documents looked at one by one, or sent, is refused.
fn check_volume<R: Resource>(
    organisation: &Organisation,
    request: &Request,
    filter: Option<&Filter>,
) -> Result<(), Refusal> {
    let Some(quick) = R::QUICK.filter(|_| R::shelf(&organisation.shelves).len() > organisation.high_volume)
    else {
        return Ok(());
    };
    let order = request.parameter("order").map(|order| Order::parse(order, &|_| true));
    let is_ordered_quickly = match order {
        None | Some(Err(_)) => true,
        Some(Ok(order)) => order.is_quick(&quick),
    };
    let is_narrow = filter.is_some() || request.parameter("page").is_some() || request.flag("summaryOnly");
    let is_named = R::PARAMETERS.iter().any(|one| one.is_given(request));
    let is_quick =
        is_ordered_quickly && (is_narrow || is_named) && filter.is_none_or(|filter| filter.is_quick(&quick));
    let looked_at = || candidates::<R>(organisation, request).take(organisation.high_volume + 1).count();
    if is_quick || looked_at() <= organisation.high_volume {
        Ok(())
    } else {
        Err(Refusal::HighVolume(R::KEY))
    }
}

/// By stamp; those that are named by `IDs` without a walk over the others.
fn candidates<'a, R: Resource>(
    organisation: &'a Organisation,
    request: &Request,
) -> Box<dyn Iterator<Item = &'a R::Document> + 'a> {
    let shelf = R::shelf(&organisation.shelves);
    let since = request.modified_since;
    let Some(ids) = request.ids("IDs") else { return Box::new(shelf.since(since)) };
    let mut named: Vec<&R::Document> = ids.into_iter().filter_map(|id| shelf.get(id)).collect();
    named.sort_by_key(|document| (document.updated(), document.id()));
    named.dedup_by_key(|document| document.id());
    Box::new(named.into_iter().filter(move |one| since.is_none_or(|since| one.updated() >= since)))
}

/// Leaves the page that is asked for. What is too small or too large for a number of pages, or of rows, is the smallest
/// or the largest that there can be; what is no number isn't looked at.
pub(crate) fn cut<T>(request: &Request, rows: &mut Vec<T>, default: usize, largest: usize) -> Pagination {
    let read = |name, default| match request.parameter(name).map(str::parse::<i64>) {
        Some(Ok(number)) => number,
        Some(Err(wrong)) => match wrong.kind() {
            IntErrorKind::PosOverflow => i64::MAX,
            IntErrorKind::NegOverflow => i64::MIN,
            _ => default,
        },
        None => default,
    };
    let within = |number: i64, most: usize| usize::try_from(number.max(1)).unwrap_or(most).min(most);
    let page = within(read("page", 1), usize::MAX);
    let page_size = within(read("pageSize", i64::try_from(default).unwrap_or(i64::MAX)), largest);
    let pagination = Pagination { page, page_size, items: rows.len() };
    rows.drain(..rows.len().min((page - 1).saturating_mul(page_size)));
    rows.truncate(page_size);
    pagination
}

pub(crate) fn one<R: Resource>(
    organisation: &Organisation,
    request: &Request,
    key: &str,
) -> Result<Found, Refusal> {
    let document = find::<R>(organisation, key)?;
    Ok(single(R::KEY, Value::Object(shown::<R>(organisation, request, document, View::Single))))
}

/// One element, as a list of one.
pub(crate) fn single(key: &'static str, element: Value) -> Found {
    Found { key, elements: vec![element], pagination: None }
}

impl Parameter {
    fn is_given(&self, request: &Request) -> bool {
        match self {
            Self::AnyOf(name, _)
            | Self::Equal(name, _)
            | Self::Contains(name, _)
            | Self::From(name, _)
            | Self::To(name, _) => request.parameter(name).is_some(),
            Self::Search(_) => request.parameter("searchTerm").is_some(),
            Self::OwnApp(name, _) => request.flag(name),
        }
    }

    fn wants(&self, request: &Request, row: &dyn Fields) -> bool {
        let text = |path: &str| match row.field(path) {
            Some(Field::Text(text)) => text.to_lowercase(),
            Some(Field::Id(id)) => id.to_string(),
            _ => String::new(),
        };
        let given = |name: &str| request.parameter(name).unwrap_or_default().to_lowercase();
        let day = |name: &str| moment(request.parameter(name).unwrap_or_default());
        let held = |path: &str| match row.field(path) {
            Some(Field::Moment(at)) => Some(at),
            _ => None,
        };
        match self {
            Self::AnyOf(name, path) => {
                request.list(name).is_some_and(|any| any.iter().any(|one| one.to_lowercase() == text(path)))
            }
            Self::Equal(name, path) => given(name) == text(path),
            Self::Contains(name, path) => text(path).contains(&given(name)),
            Self::From(name, path) => {
                day(name).is_none_or(|from| held(path).is_some_and(|held| held >= from))
            }
            Self::To(name, path) => day(name).is_none_or(|to| held(path).is_some_and(|held| held <= to)),
            Self::Search(paths) => paths.iter().any(|path| text(path).contains(&given("searchTerm"))),
            Self::OwnApp(_, path) => text(path) == request.client.to_lowercase(),
        }
    }
}

/// The row of a kind that has none of its own: whatever it shows, inner fields by their path. What it is known to
/// have and doesn't show is nothing, not an unknown field.
pub(crate) struct JsonRow {
    pub(crate) shown: Map<String, Value>,
    pub(crate) known: &'static [&'static str],
}

impl Fields for JsonRow {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        self.shown_field(path).or_else(|| self.known.contains(&path).then_some(Field::Null))
    }
}

impl JsonRow {
    fn shown_field(&self, path: &str) -> Option<Field<'_>> {
        let mut fields = &self.shown;
        let mut steps = path.split('.').peekable();
        loop {
            let step = steps.next()?;
            let (name, value) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(step))?;
            match (steps.peek(), value) {
                (None, value) => return Some(field_of(name, value)),
                (Some(_), Value::Object(inner)) => fields = inner,
                (Some(_), _) => return Some(Field::Null),
            }
        }
    }
}

fn field_of<'a>(name: &str, value: &'a Value) -> Field<'a> {
    match value {
        Value::Bool(flag) => Field::Flag(*flag),
        Value::Number(_) => wire::read_number(value).map_or(Field::Null, Field::Number),
        Value::String(text) => match wire::read_stamp(text) {
            Some(at) => Field::Moment(at),
            None if name.ends_with("ID") => {
                Uuid::parse_str(text).map_or(Field::Text(Cow::Borrowed(text)), Field::Id)
            }
            None => Field::Text(Cow::Borrowed(text)),
        },
        _ => Field::Null,
    }
}
