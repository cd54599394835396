//! Reports: listed, described and run at once. What a report shows is arranged as a query.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_analytics.meta/api_analytics/sforce_analytics_rest_api_getreportrundata.htm

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Salesforce;
use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::objects::FieldType;
use super::org::Org;
use super::query::{self, Writing};
use super::values::{label, stamp};

/// A run gives no more rows.
/// https://developer.salesforce.com/docs/atlas.en-us.api_analytics.meta/api_analytics/sforce_analytics_rest_api_limits_limitations.htm
const MOST_ROWS: usize = 2000;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub name: String,
    pub object: String,
    /// Paths, e.g. `Account.Name`.
    pub columns: Vec<String>,
    /// A SOQL condition.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// One of the columns: rows with the same value stand together.
    #[serde(default)]
    pub group_by: Option<String>,
}

/// `/analytics/reports/…`
pub(crate) fn answer(org: &mut Org, asked: &Asked<'_>, rest: &[&str]) -> Result<Answer, Refused> {
    match (asked.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::ok(list(org, asked))),
        ("GET", [id, "describe"]) => {
            let (id, report) = known(org, id)?;
            Ok(Answer::ok(
                json!({ "attributes": attributes(asked, &id, &report), "reportMetadata": metadata(&id, &report),
                "reportExtendedMetadata": extended(org, &report), "reportTypeMetadata": { "categories": [] } }),
            ))
        }
        ("GET" | "POST", [id]) => run(org, asked, id).map(Answer::ok),
        _ => Err(Refused::not_found()),
    }
}

fn known(org: &Org, id: &str) -> Result<(String, Report), Refused> {
    let id = ids::normalise(id).ok_or_else(Refused::not_found)?;
    org.reports.get(&id).cloned().map(|report| (id, report)).ok_or_else(|| {
        let message = "The data you’re trying to access is unavailable.";
        Refused::new(404, "NOT_FOUND", message)
    })
}

fn list(org: &Org, asked: &Asked<'_>) -> Value {
    let base = format!("/services/data/{}/analytics/reports", asked.version);
    let reports = org.reports.iter().map(|(id, report)| {
        json!({ "id": id, "name": report.name, "url": format!("{base}/{id}"), "describeUrl": format!("{base}/{id}/describe"),
            "instancesUrl": format!("{base}/{id}/instances") })
    });
    reports.collect()
}

fn attributes(asked: &Asked<'_>, id: &str, report: &Report) -> Value {
    let base = format!("/services/data/{}/analytics/reports/{id}", asked.version);
    json!({ "describeUrl": format!("{base}/describe"), "instancesUrl": format!("{base}/instances"),
        "reportId": id, "reportName": report.name, "type": "Report" })
}

fn metadata(id: &str, report: &Report) -> Value {
    let groups = report.group_by.iter().map(
        |name| json!({ "dateGranularity": "None", "name": name, "sortAggregate": null, "sortOrder": "Asc" }),
    );
    json!({ "aggregates": ["RowCount"], "currency": null, "detailColumns": report.columns, "groupingsAcross": [],
        "groupingsDown": groups.collect::<Vec<_>>(), "hasDetailRows": true, "id": id, "name": report.name,
        "developerName": report.name.replace(' ', "_"), "reportBooleanFilter": null, "reportFilters": [],
        "reportFormat": if report.group_by.is_some() { "SUMMARY" } else { "TABULAR" },
        "reportType": { "label": report.object, "type": report.object } })
}

fn extended(org: &Org, report: &Report) -> Value {
    let about = |column: &String| {
        let name = column.rsplit('.').next().unwrap_or_default();
        let field = org.schema.object(&report.object).and_then(|object| object.field(column));
        let kind = field.map_or("string", |field| field.kind.name());
        (column.clone(), json!({ "dataType": kind, "label": label(name) }))
    };
    let columns: Map<String, Value> = report.columns.iter().map(about).collect();
    let groups: Map<String, Value> = report
        .group_by
        .iter()
        .map(about)
        .map(|(name, mut info)| {
            info["groupingLevel"] = 0.into();
            (name, info)
        })
        .collect();
    json!({ "aggregateColumnInfo": { "RowCount": { "dataType": "int", "label": "Record Count" } },
        "detailColumnInfo": columns, "groupingColumnInfo": groups })
}

fn run(org: &mut Org, asked: &Asked<'_>, id: &str) -> Result<Value, Refused> {
    let (id, report) = known(org, id)?;
    let details = asked.parameter("includeDetails") != Some("false");
    let mut soql = format!("SELECT {} FROM {}", report.columns.join(", "), report.object);
    if let Some(condition) = &report.condition {
        soql.push_str(&format!(" WHERE {condition}"));
    }
    if let Some(group) = &report.group_by {
        soql.push_str(&format!(" ORDER BY {group}"));
    }
    let writing = Writing::in_one(&asked.version, false);
    let found = query::answer(org, &soql, &writing)?;
    let rows: Vec<Value> = found["records"].as_array().cloned().unwrap_or_default();
    let all = rows.len() <= MOST_ROWS;
    let fact = |rows: &[Value]| {
        let shown: Vec<Value> = rows.iter().take(MOST_ROWS).map(|row| cells(org, &report, row)).collect();
        let count = json!({ "label": rows.len().to_string(), "value": rows.len() });
        let mut fact = json!({ "aggregates": [count] });
        if details {
            fact["rows"] = shown.into();
        }
        fact
    };
    let mut facts = Map::new();
    let mut groups: Vec<Value> = Vec::new();
    if let Some(group) = &report.group_by {
        let same = |left: &Value, right: &Value| value(left, group) == value(right, group);
        for (place, part) in rows.chunk_by(same).enumerate() {
            let value = part.first().map(|row| value(row, group)).unwrap_or_default();
            groups.push(
                json!({ "groupings": [], "key": place.to_string(), "label": shown(&value), "value": value }),
            );
            facts.insert(format!("{place}!T"), fact(part));
        }
        let count = json!({ "label": rows.len().to_string(), "value": rows.len() });
        facts.insert("T!T".into(), json!({ "aggregates": [count], "rows": [] }));
    } else {
        facts.insert("T!T".into(), fact(&rows));
    }
    let ran = stamp(org.now);
    if let Some(object) = org.schema.object("Report").cloned()
        && let Some(record) = org.store.table("Report").get(&id)
    {
        let mut record = (**record).clone();
        record.fields.insert("LastRunDate".into(), ran.into());
        org.store.put(&object, record);
    }
    Ok(json!({ "allData": all, "attributes": attributes(asked, &id, &report), "factMap": facts,
        "groupingsAcross": { "groupings": [] }, "groupingsDown": { "groupings": groups }, "hasDetailRows": details,
        "reportExtendedMetadata": extended(org, &report), "reportMetadata": metadata(&id, &report) }))
}

fn value(row: &Value, column: &str) -> Value {
    let found = column.split('.').try_fold(row, |here, part| here.get(part));
    found.cloned().unwrap_or_default()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cells(org: &Org, report: &Report, row: &Value) -> Value {
    let cells = report.columns.iter().map(|column| {
        let value = value(row, column);
        let field = org.schema.object(&report.object).and_then(|object| object.field(column));
        let money = field.is_some_and(|field| field.kind == FieldType::Currency) && !value.is_null();
        let label = shown(&value);
        if money {
            json!({ "label": format!("{} {label}", org.options.currency),
                "value": { "amount": value, "currency": org.options.currency } })
        } else {
            json!({ "label": label, "value": value })
        }
    });
    json!({ "dataCells": cells.collect::<Vec<_>>() })
}

impl Salesforce {
    /// A report that shows what its query finds; its id.
    pub fn add_report(&self, report: Report) -> String {
        let mut org = self.org();
        let format = if report.group_by.is_some() { "Summary" } else { "Tabular" };
        let developer = report.name.replace(' ', "_");
        let fields = json!({ "Name": report.name, "DeveloperName": developer, "FolderName": "Public Reports",
            "Format": format });
        let id = org.place("Report", fields);
        org.reports.insert(id.clone(), report);
        id
    }
}
