//! How many runs of a backfill have ended: counted from the runs' rows, each once, without reading all of them again
//! and again. What was created more than some minutes ago is counted for good; of it, what has not ended is looked at
//! by its id.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::rows::{StoredRun, flow_partition, run_key, sortable};
use super::super::stack::Stack;
use super::Backfill;
use crate::domain::ids::RunId;
use crate::domain::run::Status;
use crate::ports::table::{Index, Query, all_pages};

/// A row is written at most a lease after its run was created, and an index may lag behind.
const WRITTEN_BY: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Runs that were created before are counted for good, or are in `open`.
    counted_before: Timestamp,
    ended: BTreeMap<Status, u64>,
    open: BTreeSet<RunId>,
    /// Ended among those created since: counted anew at each look.
    recent: BTreeMap<Status, u64>,
    recent_open: u64,
    last_change: Timestamp,
}

/// What a look found.
pub(super) struct Ended {
    pub(super) count: u64,
    /// Begun, and not ended.
    pub(super) open: u64,
    /// When the count last changed.
    pub(super) last_change: Timestamp,
}

impl Tally {
    pub(super) fn since(now: Timestamp) -> Self {
        Self {
            counted_before: now,
            ended: BTreeMap::new(),
            open: BTreeSet::new(),
            recent: BTreeMap::new(),
            recent_open: 0,
            last_change: now,
        }
    }

    pub(super) fn shown(&self) -> BTreeMap<Status, u64> {
        let mut shown = self.ended.clone();
        for (status, count) in &self.recent {
            *shown.entry(*status).or_default() += count;
        }
        shown
    }

    fn count(&self) -> u64 {
        self.ended.values().chain(self.recent.values()).sum()
    }
}

pub(super) async fn bring_up_to_date(stack: &Stack, backfill: &mut Backfill) -> Result<Ended, FlowError> {
    let now = stack.now();
    let before = backfill.tally.count();
    look_at_open(stack, backfill).await?;
    let runs = created_since(stack, backfill).await?;
    let tally = &mut backfill.tally;
    let counted_before = tally.counted_before.max(now - WRITTEN_BY);
    (tally.recent, tally.recent_open) = (BTreeMap::new(), 0);
    for (run, (created_at, status)) in runs {
        match (created_at < counted_before, status.is_final()) {
            (true, true) => *tally.ended.entry(status).or_default() += 1,
            (true, false) => drop(tally.open.insert(run)),
            (false, true) => *tally.recent.entry(status).or_default() += 1,
            (false, false) => tally.recent_open += 1,
        }
    }
    tally.counted_before = counted_before;
    if tally.count() != before {
        tally.last_change = now;
    }
    let open = tally.open.len() as u64 + tally.recent_open;
    Ok(Ended { count: tally.count(), open, last_change: tally.last_change })
}

async fn look_at_open(stack: &Stack, backfill: &mut Backfill) -> Result<(), FlowError> {
    let keys: Vec<_> = backfill.tally.open.iter().map(|run| run_key(*run)).collect();
    for item in stack.ports.table.get(&keys).await?.iter().flatten() {
        let row = StoredRun::read(item)?.row;
        if row.status.is_final() {
            backfill.tally.open.remove(&row.message.run);
            *backfill.tally.ended.entry(row.status).or_default() += 1;
        }
    }
    Ok(())
}

/// The runs of the backfill that aren't counted for good. Those that haven't ended are asked for first: one that ends
/// meanwhile is found twice, and not never.
async fn created_since(
    stack: &Stack,
    backfill: &Backfill,
) -> Result<BTreeMap<RunId, (Timestamp, Status)>, FlowError> {
    let mut statuses = Status::ALL;
    statuses.sort_by_key(|status| status.is_final());
    let mut runs = BTreeMap::new();
    for status in statuses {
        let mut query = Query::on(Index::Flow, flow_partition(backfill.flow, status));
        query.from = sortable(backfill.tally.counted_before);
        query.limit = 1_000;
        for item in all_pages(stack.ports.table.as_ref(), query).await? {
            let row = StoredRun::read(&item)?.row;
            if row.message.backfill.is_some_and(|of| of.id == backfill.id) {
                runs.insert(row.message.run, (row.created_at, row.status));
            }
        }
    }
    Ok(runs)
}
