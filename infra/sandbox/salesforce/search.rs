//! `GET /search` with SOSL, and `GET|POST /parameterizedSearch`: records found by words in their fields.
//!
//! There is no index of words: every record is looked at. An org can be set to find what was written only
//! after a while, as the real index does.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-search.html

mod parameters;
mod sosl;
mod words;

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::objects::{Field, FieldType, Object};
use super::org::Org;
use super::query;
use super::soql::{self, Select};
use super::store::Record;
use super::values;
use words::Words;

/// A search gives at most so many records.
const MOST: usize = 2000;

/// What is searched for, where, and what is wanted of it.
struct Search {
    words: Words,
    scope: Scope,
    /// Each with the text that it was read from, for errors; none for all objects.
    returning: Vec<(String, Select)>,
    limit: usize,
}

/// Which fields are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Name,
    Email,
    Phone,
    Sidebar,
}

impl Scope {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "ALL" => Some(Self::All),
            "NAME" => Some(Self::Name),
            "EMAIL" => Some(Self::Email),
            "PHONE" => Some(Self::Phone),
            "SIDEBAR" => Some(Self::Sidebar),
            _ => None,
        }
    }

    fn has(self, object: &Object, field: &Field) -> bool {
        let name =
            matches!(field.name.as_str(), "Name" | "FirstName" | "LastName" | "CaseNumber" | "Subject")
                || (object.name == "Note" && field.name == "Title");
        match self {
            Self::All => {
                field.kind.is_text() && !matches!(field.kind, FieldType::Picklist | FieldType::MultiPicklist)
            }
            Self::Name => name,
            Self::Email => field.kind == FieldType::Email,
            Self::Phone => field.kind == FieldType::Phone,
            Self::Sidebar => name || matches!(field.kind, FieldType::Email | FieldType::Phone),
        }
    }
}

/// `GET /search?q=FIND {…}`
pub(crate) fn sosl(org: &mut Org, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let text = asked.parameter("q").unwrap_or_default();
    run(org, asked, sosl::parse(text)?)
}

pub(crate) fn parameterized(org: &mut Org, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let search = parameters::read(asked)?;
    run(org, asked, search)
}

fn run(org: &mut Org, asked: &Asked<'_>, search: Search) -> Result<Answer, Refused> {
    let returning =
        if search.returning.is_empty() { everywhere(org, search.scope)? } else { search.returning };
    let writing = asked.writing(org, false);
    let indexed = values::stamp(org.now - SignedDuration::from_secs(org.options.search_lag_seconds));
    let mut found = Vec::new();
    for (text, select) in returning {
        let plan = query::plan(org, &text, &select)?;
        let fields: Vec<&Field> =
            plan.object.fields.iter().filter(|field| search.scope.has(&plan.object, field)).collect();
        let indexed = |record: &Record| *record.text("SystemModstamp") <= *indexed;
        let ids =
            plan.run_among(org, false, &|record| indexed(record) && matches(&search.words, &fields, record));
        for id in ids.iter().take(search.limit.saturating_sub(found.len())) {
            if let Some(record) = org.store.table(&plan.object.name).get(id).cloned() {
                found.push(plan.row(org, &record, &writing));
            }
        }
    }
    Ok(Answer::ok(json!({ "searchRecords": Value::Array(found) })))
}

fn matches(words: &Words, fields: &[&Field], record: &Record) -> bool {
    let texts = fields.iter().map(|field| (field.kind, record.text(&field.name)));
    let texts: Vec<Vec<String>> =
        texts.filter(|(_, text)| !text.is_empty()).map(|(kind, text)| words::indexed(kind, text)).collect();
    words.found_in(&texts)
}

/// The ids of the records of every object that has something to search.
fn everywhere(org: &Org, scope: Scope) -> Result<Vec<(String, Select)>, Refused> {
    let has_texts = |object: &&Arc<Object>| object.fields.iter().any(|field| scope.has(object, field));
    let objects = org.schema.objects.iter().filter(has_texts);
    let texts = objects.map(|object| format!("SELECT Id FROM {}", object.name));
    texts.map(|text| Ok((text.clone(), soql::parse(&text)?))).collect()
}
