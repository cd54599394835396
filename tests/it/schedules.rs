//! Schedules and starts by hand: a tick fires once, however late, and the same request is one run.

use std::time::Duration;

use counterfoil::domain::ids::EventKey;
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::{keep, lifecycle};
use futures::future::join_all;
use serde_json::json;

use crate::world::World;

const DAILY: &str = "\
flow: daily
trigger: { type: schedule, cron: '0 7 * * *', zone: Pacific/Auckland }
steps:
  - set: { day: '{{ record.at }}', today: '{{ today(\"Pacific/Auckland\") }}' }
";

async fn planned(world: &World) -> Vec<String> {
    world.drain().await;
    let mut at: Vec<String> = world
        .runs()
        .await
        .into_iter()
        .filter_map(|run| Some(run.row.message.event?.record["at"].as_str()?.to_owned()))
        .collect();
    at.sort();
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_fires_once_by_the_clock_of_its_zone_and_missed_ticks_fire_as_one() {
    // 10:00 in London is 23:00 in Auckland; seven in the morning there is 18:00 UTC.
    let world = World::new().await;
    world.given_flow(DAILY).await;
    assert_eq!(world.keep().await.fired, 0, "going live fires nothing");
    world.advance(Duration::from_hours(8) - Duration::from_secs(30));
    assert_eq!(world.keep().await.fired, 0);
    world.advance(Duration::from_secs(30));
    assert_eq!(world.keep().await.fired, 1);
    assert_eq!(world.keep().await.fired, 0, "once");
    assert_eq!(planned(&world).await, ["2026-11-22T18:00:00Z"]);
    // Three days without a keeper.
    world.advance(Duration::from_hours(73));
    assert_eq!(world.keep().await.fired, 1);
    assert_eq!(world.keep().await.fired, 0);
    assert_eq!(planned(&world).await, ["2026-11-22T18:00:00Z", "2026-11-25T18:00:00Z"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_schedule_begins_when_it_is_pushed_or_rolled_back_to_and_other_steps_miss_no_tick() {
    let world = World::new().await;
    let push = async |text: &str| {
        let pushed = lifecycle::push(&world.stack, "daily", "flow.yaml", text, Default::default()).await;
        pushed.expect("pushed").live_again
    };
    world.given_flow(DAILY).await;
    // Half past five in the afternoon, UTC: the tick at five was none of this flow's.
    world.advance(Duration::from_mins(7 * 60 + 30));
    let other = DAILY.replace("0 7 * * *", "0 17 * * *").replace("Pacific/Auckland }", "UTC }");
    assert_eq!(push(&other).await, Some(world.clock_now()));
    assert_eq!(world.keep().await.fired, 0);
    // Nor was the one at six.
    world.advance(Duration::from_hours(1));
    let rolled_back = lifecycle::roll_back(&world.stack, "daily", None).await.expect("rolled back");
    assert_eq!(rolled_back.live_again, Some(world.clock_now()));
    assert_eq!(world.keep().await.fired, 0);
    // The same instants by the clock of another zone are another schedule as well.
    world.advance(Duration::from_hours(23));
    push(&DAILY.replace("0 7 * * *", "0 18 * * *").replace("Pacific/Auckland }", "UTC }")).await;
    assert_eq!(push(DAILY).await, Some(world.clock_now()));

    // A minute before its tick it gets other steps, and half an hour passes without a keeper.
    world.advance(Duration::from_mins(29));
    assert_eq!(push(&DAILY.replace("day:", "on:")).await, None);
    world.advance(Duration::from_mins(31));
    assert_eq!(world.keep().await.fired, 1);
    assert_eq!(planned(&world).await, ["2026-11-23T18:00:00Z"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_keepers_at_once_fire_one_run() {
    let world = World::new().await;
    world.given_flow(DAILY).await;
    world.advance(Duration::from_hours(9));
    let other = world.another_process();
    let deadline = world.stack.now() + world.stack.times.function;
    let keepers = [&world.stack, &other].map(|stack| keep::keep(stack, deadline));
    for kept in world.flowing(join_all(keepers)).await {
        kept.expect("kept");
    }
    assert_eq!(planned(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_schedule_is_silent() {
    let world = World::new().await;
    let head = world.given_flow(DAILY).await;
    let disabled = |head| Some(FlowHead { state: FlowState::Disabled, ..head });
    let disabled = world.stack.flows.change(&head.name, disabled).await.expect("changed").expect("there");
    world.advance(Duration::from_hours(9));
    assert_eq!(world.keep().await.fired, 0);
    let key = EventKey::new("by hand");
    let refused = keep::start(&world.stack, &disabled, "manual", key, world.stack.now(), json!({})).await;
    assert_eq!(refused.expect_err("disabled").failure().code, "flow_disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_start_by_hand_twice_is_one_run() {
    let world = World::new().await;
    let head = world.given_flow("flow: by-hand\ntrigger: { type: manual }\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: 'Close {{ record.month }}' }\n").await;
    let start = async |key: &str| {
        let record = json!({"month": "2026-11"});
        keep::start(&world.stack, &head, "manual", EventKey::new(key), world.stack.now(), record)
            .await
            .expect("started")
    };
    let first = start("7f3c1c0e-1111-4222-8333-944455556666").await;
    let again = start("7f3c1c0e-1111-4222-8333-944455556666").await;
    assert_eq!(first, again);
    world.drain().await;
    assert_eq!(start("7f3c1c0e-1111-4222-8333-944455556666").await, first);
    world.drain().await;
    assert_eq!((world.runs().await.len(), world.tasks().len()), (1, 1));
    start("another").await;
    world.drain().await;
    assert_eq!((world.runs().await.len(), world.tasks().len()), (2, 2));
}
