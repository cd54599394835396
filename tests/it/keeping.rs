//! The keeper's minute: what stands in its way, or takes all of its time, stops nothing else.

use std::time::Duration;

use counterfoil::domain::run::Status;
use counterfoil::flow::keep;
use counterfoil::flow::rows::{DUE_SHARDS, due_partition, item_of, parked_partition, sortable};
use counterfoil::ports::table::{Condition, Index, Item, Key, Write};
use serde_json::json;

use crate::world::World;

const MINUTELY: &str =
    "flow: minutely\ntrigger: { type: schedule, cron: '* * * * *' }\nsteps:\n  - set: { done: yes }\n";

/// A row that only newer code can read.
fn of_newer_code(name: String, index: Index, partition: String, at: String) -> Item {
    let mut item = item_of(Key::new(name, "run"), &json!({"written": "by newer code"}));
    item.fields.insert("v".to_owned(), 99.into());
    item.indexes.insert(index, (partition, at));
    item
}

async fn given(world: &World, item: Item) {
    world.stack.ports.table.write(vec![Write::put(item, Condition::Always)]).await.expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_can_not_be_read_stops_nothing_else() {
    let world = World::new().await;
    world.given_flow(MINUTELY).await;
    let long_ago = sortable(world.clock_now() - jiff::SignedDuration::from_hours(1));
    for shard in 0..DUE_SHARDS {
        let name = format!("R#of-newer-code-{shard}");
        given(&world, of_newer_code(name, Index::Due, due_partition(shard), long_ago.clone())).await;
    }
    let parked = parked_partition(&"books".into());
    given(&world, of_newer_code("R#parked".into(), Index::Parked, parked, long_ago)).await;
    // A run whose worker has not come back, behind one of those.
    let head = world
        .given_flow("flow: by-hand\ntrigger: { type: manual }\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: Hello }\n")
        .await;
    world.sandbox.salesforce.faults().add(
        counterfoil_sandbox::Fault::on("POST", "/", counterfoil_sandbox::Fault::status(503, json!([])))
            .always(),
    );
    keep::start(&world.stack, &head, "manual", "one".into(), world.clock_now(), json!({}))
        .await
        .expect("started");
    for _ in 0..9 {
        world.drain().await;
        world.advance(Duration::from_mins(20));
    }
    world.sandbox.salesforce.faults().clear();
    let report = world.keep().await;
    assert_eq!(report.failed, u32::from(DUE_SHARDS) + 1, "{report:?}");
    assert_eq!(report.fired, 1, "{report:?}");
    assert_eq!(report.due, 1, "{report:?}");
    world.drain().await;
    assert_eq!(world.statuses().await.get(&Status::Succeeded), Some(&2), "{:#?}", world.statuses().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_fire_in_a_minute_that_is_over_before_what_is_due_is_begun() {
    let world = World::new().await;
    world.given_flow(MINUTELY).await;
    for minute in 0..5 {
        world.advance(Duration::from_mins(1));
        let long_ago = sortable(world.clock_now() - jiff::SignedDuration::from_hours(1));
        let name = format!("R#due-{minute}");
        given(&world, of_newer_code(name, Index::Due, due_partition(0), long_ago)).await;
        let report = keep::keep(&world.stack, world.clock_now()).await.expect("kept");
        assert_eq!((report.fired, report.due), (1, 0));
    }
    world.drain().await;
    assert_eq!(world.statuses().await.get(&Status::Succeeded), Some(&5));
}
