//! A run while a worker walks it: its row, its claim, and the writes that must go along with the next one.
//!
//! The claim is lazy: a run has no row until its first effect (or its end). Every write is conditional on the
//! generation, so that a worker that lost its lease writes nothing.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::rows::{OrderRow, RunRow, order_key};
use crate::domain::flow::Order;
use crate::domain::ids::{FlowId, GroupId, RunId};
use crate::domain::record_id::RecordId;
use crate::domain::run::{Status, StepRecord, StepState};
use crate::ports::Ports;
use crate::ports::table::{Condition, Key, TableError, Write};

/// A run in a worker's hands; the walk and the gate share it.
#[derive(Clone)]
pub struct Run {
    pub id: RunId,
    pub flow: FlowId,
    pub order: Option<OrderOf>,
    state: Arc<Mutex<State>>,
    ports: Ports,
    lease: SignedDuration,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({})", self.id)
    }
}

/// The record whose runs go one at a time.
#[derive(Debug, Clone)]
pub struct OrderOf {
    pub record: RecordId,
    pub stamp: Timestamp,
    pub order: Order,
}

struct State {
    row: RunRow,
    /// The generation of the stored row; ours once claimed.
    generation: i64,
    /// A row was there when the run was taken up.
    stored: bool,
    claimed: bool,
    /// Another worker has the run, or a write's fate isn't known: nothing more is written by this one.
    lost: bool,
    order: OrderRow,
    order_stored: bool,
    /// Writes that belong to results that are known but not yet in the row: links made.
    pending: Vec<Write>,
}

/// Why a write of the run did not happen.
#[derive(Debug)]
pub enum NotWritten {
    /// Another worker has claimed the run.
    Fenced,
    /// Another run of the record is active, or a newer one was applied.
    Order,
    /// One of the writes that came along was refused: its place among them.
    Extra(usize),
    Table(TableError),
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "what was read of a run when it is taken up")]
    pub fn take_up(
        ports: Ports,
        lease: SignedDuration,
        row: RunRow,
        generation: i64,
        stored: bool,
        order_of: Option<OrderOf>,
        order: OrderRow,
        order_stored: bool,
    ) -> Self {
        let id = row.message.run;
        let flow = row.message.flow;
        let state = State {
            row,
            generation,
            stored,
            claimed: false,
            lost: false,
            order,
            order_stored,
            pending: Vec::new(),
        };
        Self { id, flow, order: order_of, state: Arc::new(Mutex::new(state)), ports, lease }
    }

    pub async fn row(&self) -> RunRow {
        self.state.lock().await.row.clone()
    }

    pub async fn step(&self, effect_id: &str) -> Option<StepRecord> {
        self.state.lock().await.row.steps.get(effect_id).cloned()
    }

    /// Remembers a step's record; it is written with the next write of the run.
    pub async fn remember(&self, effect_id: &str, record: StepRecord, along: Vec<Write>) {
        let mut state = self.state.lock().await;
        if matches!(record.state, StepState::Done | StepState::Failed) {
            // It got further: workers that ended before this step ended of something else.
            state.row.crashes = 0;
        }
        state.row.steps.insert(effect_id.to_owned(), record);
        state.pending.extend(along);
    }

    /// Changes the row in memory; it is written with the next write of the run.
    pub async fn note(&self, change: impl FnOnce(&mut RunRow)) {
        change(&mut self.state.lock().await.row);
    }

    pub async fn claimed(&self) -> bool {
        self.state.lock().await.claimed
    }

    pub async fn lost(&self) -> bool {
        self.state.lock().await.lost
    }

    /// Claims the run without an effect: for one that may kill its worker.
    pub async fn claim(&self, now: Timestamp) -> Result<(), NotWritten> {
        self.save(now, Claim::Held { effect: false }, Vec::new(), |_| {}).await
    }

    /// Writes what is only remembered yet, where somebody is about to look for it. A rehearsal is never claimed.
    pub async fn flush(&self, now: Timestamp) -> Result<(), NotWritten> {
        let nothing = {
            let state = self.state.lock().await;
            !state.claimed || state.pending.is_empty()
        };
        if nothing {
            return Ok(());
        }
        self.claim(now).await
    }

    /// Writes the pointer to a group into the run, before the group is sent. Claims the run with its first one.
    pub async fn point(
        &self,
        now: Timestamp,
        effect_id: &str,
        group: GroupId,
        input: String,
        extra: Vec<Write>,
    ) -> Result<(), NotWritten> {
        self.save(now, Claim::Held { effect: true }, extra, |row| {
            let attempts = row.steps.get(effect_id).map_or(0, |record| record.attempts);
            let record = StepRecord {
                state: StepState::Pending,
                output: crate::domain::Value::Null,
                input: Some(input),
                group: Some(group),
                attempts,
                failure: None,
                at: now,
            };
            row.steps.insert(effect_id.to_owned(), record);
            row.status = Status::Running;
            row.wait = None;
        })
        .await
    }

    /// Writes the row and lets the claim go; the order row too when the run has ended. `still_held`: other runs
    /// are held under the order row after this.
    pub async fn release(
        &self,
        now: Timestamp,
        extra: Vec<Write>,
        still_held: bool,
    ) -> Result<(), NotWritten> {
        self.save(now, Claim::Released { still_held }, extra, |_| {}).await
    }

    /// The generation that the run's last write will have or has.
    pub async fn generation_at_end(&self) -> i64 {
        let state = self.state.lock().await;
        if state.claimed { state.generation } else { state.generation + 1 }
    }

    /// What is known of the order row.
    pub async fn order_row(&self) -> OrderRow {
        self.state.lock().await.order.clone()
    }

    pub async fn learn_order(&self, order: OrderRow) {
        let mut state = self.state.lock().await;
        state.order_stored = true;
        state.order = order;
    }

    async fn save(
        &self,
        now: Timestamp,
        claim: Claim,
        extra: Vec<Write>,
        change: impl FnOnce(&mut RunRow),
    ) -> Result<(), NotWritten> {
        let mut state = self.state.lock().await;
        if state.lost {
            return Err(NotWritten::Fenced);
        }
        let mut row = state.row.clone();
        change(&mut row);
        row.updated_at = now;
        let generation = if state.claimed { state.generation } else { state.generation + 1 };
        let when = if state.claimed {
            Condition::equals("generation", state.generation)
        } else if state.stored {
            Condition::All(vec![
                Condition::equals("generation", state.generation),
                Condition::Any(vec![
                    Condition::equals("claimed", 0),
                    Condition::below("lease_until", now.as_millisecond() + 1),
                ]),
            ])
        } else {
            Condition::Absent
        };
        let order = self.order_write(&state, &mut row, claim);
        let lease = matches!(claim, Claim::Held { .. }).then(|| now + self.lease);
        let mut writes = vec![Write::put(row.item(generation, lease), when)];
        let extra_from = writes.len() + usize::from(order.is_some());
        let next_order = order.as_ref().map(|(row, _)| row.clone());
        writes.extend(order.map(|(_, write)| write));
        let extra_to = extra_from + extra.len();
        writes.extend(extra);
        writes.extend(state.pending.iter().cloned());

        match write_patiently(&self.ports, writes).await {
            Ok(()) => {
                state.row = row;
                state.generation = generation;
                state.stored = true;
                state.claimed = matches!(claim, Claim::Held { .. });
                state.pending.clear();
                if let Some(order) = next_order {
                    state.order = order;
                    state.order_stored = true;
                }
                Ok(())
            }
            Err(TableError::Refused(0)) => {
                state.lost = true;
                Err(NotWritten::Fenced)
            }
            Err(TableError::Refused(place)) if place < extra_from => Err(NotWritten::Order),
            Err(TableError::Refused(place)) if place < extra_to => Err(NotWritten::Extra(place - extra_from)),
            Err(error) => {
                // It may have been written: another attempt starts from what is stored.
                state.lost |= matches!(error, TableError::Unavailable(_));
                Err(NotWritten::Table(error))
            }
        }
    }

    /// The order row goes along twice: with the first pointer (taken) and with the end (given up). A claim without an
    /// effect takes it too, but counts for nothing yet: an older event may still act when this run comes to nothing.
    fn order_write(&self, state: &State, row: &mut RunRow, claim: Claim) -> Option<(OrderRow, Write)> {
        let of = self.order.as_ref()?;
        let key = order_key(self.flow, &of.record);
        let (known, stamp) = (state.order.applied, of.stamp.as_millisecond());
        let applied = match claim {
            Claim::Held { effect: true } => Some(known.map_or(stamp, |known| known.max(stamp))),
            _ => known,
        };
        let takes = matches!(claim, Claim::Held { .. }) && (!row.holds_order || applied != known);
        let gives_up = row.holds_order && row.status.is_final();
        let next = if takes {
            row.holds_order = true;
            OrderRow { active: Some(self.id), applied, held: state.order.held }
        } else if let (true, Claim::Released { still_held }) = (gives_up, claim) {
            row.holds_order = false;
            OrderRow { active: None, held: still_held, ..state.order.clone() }
        } else {
            return None;
        };
        let when = state.order.unchanged(!state.order_stored, self.id);
        let write = Write::put(next.item(key), when);
        Some((next, write))
    }

    pub fn order_key(&self) -> Option<Key> {
        self.order.as_ref().map(|of| order_key(self.flow, &of.record))
    }
}

#[derive(Debug, Clone, Copy)]
enum Claim {
    Held { effect: bool },
    Released { still_held: bool },
}

/// A busy table (throttled, in conflict) wrote nothing: the same writes again, a few times.
pub async fn write_patiently(ports: &Ports, writes: Vec<Write>) -> Result<(), TableError> {
    for wait in [20, 60, 200, 600] {
        match ports.table.write(writes.clone()).await {
            Err(TableError::Busy(_)) => ports.clock.sleep(std::time::Duration::from_millis(wait)).await,
            other => return other,
        }
    }
    ports.table.write(writes).await
}
