//! The places at Salesforce that take many elements in one call. One file each, and one line here.

mod collections;
#[cfg(test)]
pub(crate) mod conformance;
mod create_records;
mod query_matching;
mod query_soql;
mod update_records;

use std::sync::Arc;

pub(super) use collections::element;
pub(super) use create_records::CreateRecords;
pub(super) use query_matching::{Matching, QueryMatching, folded};
pub(super) use query_soql::{QuerySoql, found, is_alone};
pub(super) use update_records::UpdateRecords;

use crate::ports::connector::Endpoint;

pub(super) fn all() -> Vec<Arc<dyn Endpoint>> {
    vec![Arc::new(CreateRecords), Arc::new(UpdateRecords), Arc::new(QueryMatching), Arc::new(QuerySoql)]
}
