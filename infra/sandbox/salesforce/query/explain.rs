//! `GET /query?explain=…`: whether a query would use an index, without running it.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/dome-query-explain.html

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::plan;
use crate::salesforce::answer::Refused;
use crate::salesforce::filter::Filter;
use crate::salesforce::org::Org;
use crate::salesforce::soql;
use crate::salesforce::values::written;

pub(crate) fn explain(org: &Org, text: &str) -> Result<Value, Refused> {
    let plan = plan(org, text, &soql::parse(text)?)?;
    let table = org.store.table(&plan.object.name);
    let filter = plan.filter.as_ref();
    let looked_at = Filter::looked_at(filter, table);
    let fields = filter.map(|filter| filter.indexes(table)).unwrap_or_default();
    let operation = if fields.is_empty() { "TableScan" } else { "Index" };
    let cost = Decimal::from(looked_at) / Decimal::from(table.len().max(1));
    Ok(json!({
        "plans": [{
            "cardinality": looked_at, "fields": fields, "leadingOperationType": operation, "notes": [],
            "relativeCost": written(cost.round_dp(3), false), "sobjectCardinality": table.len(),
            "sobjectType": plan.object.name,
        }],
        "sourceQuery": text,
    }))
}
