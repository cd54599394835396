//! The contracts of the ports, on SQLite.

use std::sync::Arc;
use std::time::Duration;

use super::{clock, random, temporary};
use crate::ports::chunks::Chunked;
use crate::ports::contract::{self, queue::QueueStand, table::TableStand, vault::VaultStand};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_fences_who_comes_late() {
    let stand = VaultStand { vault: temporary(clock()).vault(), scope: "fenced".to_owned() };
    contract::vault::a_generation_is_written_once_and_never_over_a_later_one(stand).await;
}
