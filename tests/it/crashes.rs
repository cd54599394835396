//! A process that dies at any operation loses nothing, doubles nothing, and is not held against its runs.

use std::time::Duration;

use counterfoil::flow::poll;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;

use crate::trouble::{Life, each_is_invoiced_once, mortal, time_goes_on, won};
use crate::world::World;

/// Polls and works off the queue in a process of so many operations. Returns whether it lived to the end.
async fn a_process_of(world: &World, operations: i64) -> bool {
    let life = Life::of(operations);
    let stack = mortal(world, &life);
    let work = async {
        poll::wake(&stack, "salesforce.updated_record", "test").await.expect("woken");
        pump::wakes(&stack, "salesforce.updated_record").await.expect("polled");
        while pump::runs(&stack, QueueName::Runs).await.expect("dispatched") > 0 {}
    };
    world.flowing(life.live(work)).await.is_some()
}

/// Everything that was under way is taken up by another process when leases and visibility have passed.
async fn the_next_process_takes_over(world: &World) {
    let stack = world.another_process();
    world.advance(Duration::from_secs(155));
    poll::wake(&stack, "salesforce.updated_record", "test").await.expect("woken");
    world.flowing(pump::wakes(&stack, "salesforce.updated_record")).await.expect("polled");
    world.drain_by(&stack).await;
    time_goes_on(world, &stack, 40).await;
}

/// Each shard dies at every fourth operation.
async fn every_fourth_from(first: i64) {
    let mut operations = first;
    loop {
        let world = World::new().await;
        let ids = won(&world, 3).await;
        world.advance(Duration::from_secs(10));
        let lived = a_process_of(&world, operations).await;
        the_next_process_takes_over(&world).await;
        println!("died after {operations}");
        each_is_invoiced_once(&world, &ids).await;
        for run in world.runs().await {
            assert_eq!(run.row.lonely_crashes, 0, "died after {operations}: one crash is none of its own");
        }
        if lived {
            return;
        }
        operations += 4;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_0_4_8_operations_loses_and_doubles_nothing() {
    every_fourth_from(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_1_5_9_operations_loses_and_doubles_nothing() {
    every_fourth_from(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_2_6_10_operations_loses_and_doubles_nothing() {
    every_fourth_from(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_3_7_11_operations_loses_and_doubles_nothing() {
    every_fourth_from(3).await;
}
