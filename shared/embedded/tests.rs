//! The contracts of the ports on SQLite, and what only this adapter promises: nothing that was acknowledged is
//! lost, whatever happens to the process.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::ports::chunks::Chunked;
use crate::ports::clock::ManualClock;
use crate::ports::contract::{self, queue::QueueStand, table::TableStand, vault::VaultStand};
use crate::ports::queue::QueueName;
use crate::ports::random::SeededRandom;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-05-06T12:00:00Z".parse::<Timestamp>().expect("an instant")))
}

fn random() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(7))
}

fn temporary(clock: Arc<ManualClock>) -> Embedded {
    let settings = Settings { max_receives: [(QueueName::Runs, 3)].into(), look_again: None };
    Embedded::temporary(clock, random(), settings).expect("opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_keeps_its_contract() {
    contract::run_all(contract::table::cases(), async |name| {
        let clock = clock();
        TableStand { table: temporary(clock.clone()).table(), clock, scope: name.to_owned() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_in_chunks_keeps_its_contract() {
    contract::run_all(contract::table::cases(), async |name| {
        let clock = clock();
        let table = Arc::new(Chunked::new(temporary(clock.clone()).table(), random()));
        TableStand { table, clock, scope: name.to_owned() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_keeps_its_contract() {
    contract::run_all(contract::queue::cases(), async |_| {
        let clock = clock();
        let queue = temporary(clock.clone()).queue();
        let pass = Arc::new(move |time: Duration| -> futures::future::BoxFuture<'static, ()> {
            clock.advance(time);
            Box::pin(std::future::ready(()))
        });
        QueueStand { queue, pass, max_receives: 3 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_keeps_its_contract() {
    contract::run_all(contract::vault::cases(), async |name| VaultStand {
        vault: temporary(clock()).vault(),
        scope: name.to_owned(),
    })
    .await;
}
