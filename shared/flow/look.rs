//! Looking: runs by flow, status, record or document, newest first.

use jiff::Timestamp;

use super::FlowError;
use super::flows::FlowHead;
use super::rows::{RunRow, StoredRun, flow_partition, link_of, record_partition, run_key, sortable};
use super::stack::Stack;
use crate::domain::Value;
use crate::domain::ids::RunId;
use crate::domain::run::Status;
use crate::ports::table::{Index, Query, all_pages};

/// What is looked for; everything that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub flow: Option<String>,
    pub statuses: Vec<Status>,
    /// A record's id at its provider.
    pub record: Option<String>,
    /// A document that a run made: its id or number.
    pub document: Option<String>,
    /// Any text in the record or the results.
    pub text: Option<String>,
    pub since: Option<Timestamp>,
    pub limit: usize,
}

/// The newest first.
pub async fn runs(stack: &Stack, search: &Search) -> Result<Vec<StoredRun>, FlowError> {
    let mut found = match &search.record {
        Some(record) => by_record(stack, record).await?,
        None => by_flow(stack, search).await?,
    };
    found.retain(|run| {
        let row = &run.row;
        let in_text = |text: &String| {
            serde_json::to_string(row).is_ok_and(|all| all.to_lowercase().contains(&text.to_lowercase()))
        };
        search.since.is_none_or(|since| row.created_at >= since)
            && (search.statuses.is_empty() || search.statuses.contains(&row.status))
            && search.flow.as_ref().is_none_or(|flow| row.flow_name == *flow)
            && search.text.as_ref().is_none_or(in_text)
            && search.document.as_ref().is_none_or(|document| makes(run, document))
    });
    found.sort_by_key(|run| std::cmp::Reverse((run.row.created_at, run.row.message.run)));
    found.truncate(search.limit.max(1));
    Ok(found)
}

/// Whether one of the run's results is that document: its id, or any number of it.
fn makes(run: &StoredRun, document: &str) -> bool {
    run.row.steps.values().any(|step| {
        step.output.as_object().is_some_and(|output| {
            output.iter().any(|(name, value)| {
                (name == "_id" || name.ends_with("Number") || name.ends_with("ID"))
                    && value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(document))
            })
        })
    })
}

async fn by_record(stack: &Stack, record: &str) -> Result<Vec<StoredRun>, FlowError> {
    let normal = crate::domain::record_id::RecordId::salesforce(record);
    let record = normal.as_ref().map_or(record, |id| id.as_str());
    let mut runs = Vec::new();
    for connection in stack.connections.list().await? {
        let mut query = Query::on(Index::Record, record_partition(&connection.id, record));
        query.descending = true;
        for item in all_pages(stack.ports.table.as_ref(), query).await? {
            if item.key.partition.starts_with("R#") {
                runs.push(StoredRun::read(&item)?);
            } else if item.key.partition.starts_with("L#")
                && let Some(run) = link_of(&item)?.run
                && let Some(item) = stack.ports.table.get_one(&run_key(run)).await?
            {
                runs.push(StoredRun::read(&item)?);
            }
        }
    }
    runs.sort_by_key(|run| run.row.message.run);
    runs.dedup_by_key(|run| run.row.message.run);
    Ok(runs)
}

async fn by_flow(stack: &Stack, search: &Search) -> Result<Vec<StoredRun>, FlowError> {
    let heads: Vec<FlowHead> = match &search.flow {
        Some(name) => vec![stack.flows.named(name).await?],
        None => stack.flows.heads().await?,
    };
    let statuses = if search.statuses.is_empty() { Status::ALL.to_vec() } else { search.statuses.clone() };
    let filtered = search.text.is_some() || search.document.is_some();
    let mut runs = Vec::new();
    for head in heads {
        for status in &statuses {
            let mut query = Query::on(Index::Flow, flow_partition(head.id, *status));
            query.descending = true;
            if let Some(since) = search.since {
                query.from = sortable(since);
            }
            if !filtered {
                query.limit = search.limit.max(1);
                let page = stack.ports.table.query(query).await?;
                runs.extend(page.items.iter().map(StoredRun::read).collect::<Result<Vec<_>, _>>()?);
                continue;
            }
            for item in all_pages(stack.ports.table.as_ref(), query).await? {
                runs.push(StoredRun::read(&item)?);
            }
        }
    }
    Ok(runs)
}

/// How many runs of a flow have each status.
pub async fn counts(stack: &Stack, head: &FlowHead) -> Result<Vec<(Status, usize)>, FlowError> {
    let mut counts = Vec::new();
    for status in Status::ALL {
        let query = Query { limit: 1_000, ..Query::on(Index::Flow, flow_partition(head.id, status)) };
        let count = all_pages(stack.ports.table.as_ref(), query).await?.len();
        if count > 0 {
            counts.push((status, count));
        }
    }
    Ok(counts)
}

/// A run as people see it.
pub fn shown(run: &StoredRun) -> Value {
    let row = &run.row;
    let id: RunId = row.message.run;
    serde_json::json!({
        "run": id,
        "flow": row.flow_name,
        "flow_version": row.message.flow_version,
        "status": row.status,
        "record": row.record().map(|(_, record)| record),
        "connection": row.record().map(|(connection, _)| connection),
        "event": row.message.event.as_ref().map(|event| &event.key),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "step": row.at_step,
        "code": row.failure.as_ref().map(|failure| &failure.code),
        "message": row.failure.as_ref().map(|failure| &failure.message),
        "waits_until": row.wait.as_ref().map(|wait| wait.until),
        "items": items(row),
        "missing": row.missing,
        "note": row.note,
    })
}

/// How many runs the run of an `each` has started.
pub fn items(row: &RunRow) -> Option<u64> {
    let finds = row.message.event.as_ref().is_some_and(|event| event.finds);
    row.steps.get("each").filter(|_| finds)?.output.get("items")?.as_u64()
}
