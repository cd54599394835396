//! A search without SOSL: parameters of a GET, or the same as a JSON body.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-search-parameterized.html

use serde::Deserialize;
use serde_json::Value;

use super::words::Words;
use super::{MOST, Scope, Search};
use crate::salesforce::answer::Refused;
use crate::salesforce::asked::Asked;
use crate::salesforce::soql::{self, Select};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Parameters {
    q: String,
    r#in: Option<String>,
    fields: Vec<String>,
    sobjects: Vec<Wanted>,
    overall_limit: Option<usize>,
    default_limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wanted {
    name: String,
    fields: Vec<String>,
    r#where: Option<String>,
    order_by: Option<String>,
    limit: Option<usize>,
}

pub(super) fn read(asked: &Asked<'_>) -> Result<Search, Refused> {
    let parameters = if asked.method == "GET" { of_query(asked)? } else { of_body(asked.json()?)? };
    if parameters.q.trim().is_empty() {
        return Err(Refused::new(400, "MALFORMED_SEARCH", "q: a search string is needed"));
    }
    let scope = parameters.r#in.as_deref().unwrap_or("ALL");
    let scope = Scope::named(scope)
        .ok_or_else(|| Refused::new(400, "INVALID_SEARCH_SCOPE", format!("invalid search scope: {scope}")))?;
    let returning = parameters.sobjects.iter().map(|wanted| parameters.select(wanted));
    Ok(Search {
        words: Words::parse(&parameters.q)?,
        scope,
        returning: returning.collect::<Result<_, _>>()?,
        limit: within(parameters.overall_limit)?,
    })
}

impl Parameters {
    fn select(&self, wanted: &Wanted) -> Result<(String, Select), Refused> {
        let fields = [&wanted.fields, &self.fields].into_iter().find(|fields| !fields.is_empty());
        let fields = fields.map_or_else(|| "Id".to_owned(), |fields| fields.join(", "));
        let mut text = format!("SELECT {fields} FROM {}", wanted.name);
        if let Some(condition) = &wanted.r#where {
            text += &format!(" WHERE {condition}");
        }
        if let Some(order) = &wanted.order_by {
            text += &format!(" ORDER BY {order}");
        }
        text += &format!(" LIMIT {}", within(wanted.limit.or(self.default_limit))?);
        let select = soql::parse(&text)?;
        Ok((text, select))
    }
}

fn within(limit: Option<usize>) -> Result<usize, Refused> {
    match limit.unwrap_or(MOST) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Refused::new(400, "NUMBER_OUTSIDE_VALID_RANGE", format!("limits are between 1 and {MOST}"))),
    }
}

fn of_body(body: Value) -> Result<Parameters, Refused> {
    serde_json::from_value(body).map_err(|error| Refused::new(400, "JSON_PARSER_ERROR", error.to_string()))
}

/// `q=Acme&fields=Id&sobject=Account&Account.fields=Id,Name&Account.limit=5`
fn of_query(asked: &Asked<'_>) -> Result<Parameters, Refused> {
    let list = |text: Option<&str>| -> Vec<String> {
        let fields = text.unwrap_or_default().split(',').map(str::trim).filter(|field| !field.is_empty());
        fields.map(str::to_owned).collect()
    };
    let number = |name: &str| match asked.parameter(name) {
        Some(text) => text.parse().map(Some).map_err(|_| {
            Refused::new(400, "NUMBER_OUTSIDE_VALID_RANGE", format!("{name} is no number: {text}"))
        }),
        None => Ok(None),
    };
    let names = asked.query.iter().filter(|(name, _)| name.eq_ignore_ascii_case("sobject"));
    let mut sobjects = Vec::new();
    for (_, name) in names {
        let of = |what: &str| asked.parameter(&format!("{name}.{what}"));
        sobjects.push(Wanted {
            name: name.clone(),
            fields: list(of("fields")),
            r#where: of("where").map(str::to_owned),
            order_by: of("orderBy").map(str::to_owned),
            limit: number(&format!("{name}.limit"))?,
        });
    }
    Ok(Parameters {
        q: asked.parameter("q").unwrap_or_default().to_owned(),
        r#in: asked.parameter("in").map(str::to_owned),
        fields: list(asked.parameter("fields")),
        sobjects,
        overall_limit: number("overallLimit")?,
        default_limit: number("defaultLimit")?,
    })
}
