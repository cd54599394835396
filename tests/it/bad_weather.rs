//! The table throttles, and loses answers of writes that it has done: nothing is lost, and nothing is made twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::domain::run::Status;
use counterfoil::flow::Stack;
use counterfoil::flow::stack::Times;
use counterfoil::ports::Ports;
use counterfoil::ports::contract::stormy::{Stormy, Weather};
use counterfoil::ports::random::SeededRandom;
use counterfoil::ports::table::Table;
use counterfoil::runtime::{catalog, engine};

use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

type Storm = Arc<Stormy<Arc<dyn Table>>>;

fn in_the_storm(world: &World, weather: Weather) -> (Stack, Storm) {
    let ports = world.ports();
    let storm = Arc::new(Stormy::new(Arc::clone(&ports.table), weather, Arc::new(SeededRandom::new(11))));
    let ports = Ports { table: Arc::clone(&storm) as Arc<dyn Table>, ..ports };
    (Stack::new(ports, catalog::catalog(), engine::engine(), 2, Times::default(), "counterfoil"), storm)
}

async fn ten_are_won(weather: Weather) {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let (stormy, storm) = in_the_storm(&world, weather);
    for n in 0..10 {
        let id = opportunity(&world, &format!("Customer {n}"));
        win(&world, &id);
    }
    world.settle_later().await;
    let mut open = 10;
    // A day, in quarters of an hour: what waits is taken up, what stopped is put back.
    for _ in 0..96 {
        world.drain_by(&stormy).await;
        world.keep().await;
        open = 10 - world.runs().await.iter().filter(|run| run.row.status == Status::Succeeded).count();
        if open == 0 {
            break;
        }
        world.advance(Duration::from_mins(15));
    }
    assert!(storm.strikes() > 0, "there was no storm");
    assert_eq!(open, 0, "{:#?}", world.statuses().await);
    let invoices = world.invoices();
    let customers: BTreeSet<String> = invoices.iter().map(|one| one["Contact"]["Name"].to_string()).collect();
    assert_eq!((invoices.len(), customers.len(), world.contacts().len()), (10, 10, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_throttles_every_tenth_request_loses_and_doubles_nothing() {
    ten_are_won(Weather { throttled: 10, lost: 0 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_loses_every_twentieth_answer_loses_and_doubles_nothing() {
    ten_are_won(Weather { throttled: 0, lost: 5 }).await;
}
