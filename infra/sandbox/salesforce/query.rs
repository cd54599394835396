//! Queries: planned against the schema, run over the indexes, answered in pages.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-query.html

mod columns;
mod explain;
mod grouped;
mod pages;
mod plan;
mod rows;
mod source;

use serde_json::{Value, json};

use super::answer::Refused;
use super::org::Org;
use super::soql;
pub(crate) use explain::explain;
pub(crate) use pages::{Cursors, further};
pub(crate) use plan::{Plan, plan};

/// How rows are written for one request.
#[derive(Debug, Clone)]
pub(crate) struct Writing<'a> {
    /// `v67.0`, as asked for.
    pub(crate) version: &'a str,
    pub(crate) page: usize,
    /// Rows of a page that has long texts.
    pub(crate) long_page: usize,
    pub(crate) child_page: usize,
    pub(crate) deleted: bool,
}

impl<'a> Writing<'a> {
    /// Everything in one page.
    pub(crate) fn in_one(version: &'a str, deleted: bool) -> Self {
        let all = usize::MAX;
        Self { version, page: all, long_page: all, child_page: all, deleted }
    }
}

/// `GET /query?q=…`
pub(crate) fn answer(org: &mut Org, text: &str, writing: &Writing<'_>) -> Result<Value, Refused> {
    let select = soql::parse(text)?;
    if grouped::wanted(&select) {
        return grouped::answer(org, text, &select, writing.deleted);
    }
    let plan = plan(org, text, &select)?;
    let ids = plan.run(org, writing.deleted);
    if plan.count_only {
        return Ok(json!({ "totalSize": ids.len(), "done": true, "records": [] }));
    }
    Ok(pages::first(org, &plan.into(), ids, writing))
}
