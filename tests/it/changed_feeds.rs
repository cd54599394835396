//! Another version of a flow reads another list, or reads it in another way: what the one before had yet to tell of is
//! told, what is there isn't news, and a version that was refused has left nothing behind.

use std::time::Duration;

use counterfoil::domain::outcome::Failure;
use counterfoil::flow::lifecycle::{self, Pushed};
use counterfoil::flow::poll;
use counterfoil::runtime::pump;
use serde_json::json;

use crate::http_poll::{ORDERS, URL, enable, five_minutes, item, keys, live, orders};
use crate::passing;
use crate::trouble::{Life, mortal};
use crate::world::World;

const PAID: &str = "https://shop.example/orders?status=paid";

/// The flow with another list.
fn paid(text: &str) -> String {
    text.replace(&format!("'{URL}'"), &format!("'{PAID}'"))
}

/// By another id, nobody can say which item is which.
fn by_another_id(text: &str) -> String {
    text.replace("id: item.id", "id: '{{ \"o-\" + item.id }}'")
}

async fn push(world: &World, text: &str) -> Result<Pushed, Failure> {
    let pushing = lifecycle::push(&world.stack, "orders", "flow.yaml", text, Default::default());
    let (tick, step) = (Duration::from_millis(1), Duration::from_millis(500));
    passing::by_ticks(&world.clock, tick, step, pushing).await.map_err(|error| error.failure())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_before_a_flow_was_refused_is_not_known_when_it_is_enabled_again() {
    let paged = orders("paging: { page: p }, max_pages: 3");
    for refusal in ["too_many_pages", "unavailable", "item_without_id"] {
        let world = World::new().await;
        world.web.answers(&format!("{URL}?p=1"), &json!([item(51, "unpaid")]));
        let (second, third) = (format!("{URL}?p=2"), format!("{URL}?p=3"));
        world.web.answers(&second, &json!([item(52, "unpaid")]));
        world.web.answers(&third, &json!([]));
        match refusal {
            "too_many_pages" => world.web.answers(&third, &json!([item(53, "unpaid")])),
            "unavailable" => world.web.says(&second, 503, &[], ""),
            _ => world.web.answers(&second, &json!([{"at": "unpaid"}])),
        }
        push(&world, &paged).await.expect("pushed");
        assert_eq!(enable(&world).await.expect_err("is refused").code, refusal);
        world.web.answers(PAID, &json!([]));
        push(&world, &paid(&orders("minutes: 5"))).await.expect("pushed");
        enable(&world).await.expect("goes live");
        world.web.answers(PAID, &json!([item(51, "paid")]));
        five_minutes(&world).await;
        assert_eq!(keys(&world).await, ["51"], "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_said_to_be_as_it_was_to_who_has_not_read_it_is_not_taken_for_an_empty_one() {
    let world = World::new().await;
    world.web.says(URL, 304, &[], "");
    push(&world, ORDERS).await.expect("pushed");
    assert_eq!(enable(&world).await.expect_err("is refused").code, "refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_the_list_could_not_be_read_is_told_of_by_the_version_that_can() {
    for status in [404, 503] {
        let world = World::new().await;
        world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
        live(&world, ORDERS).await;
        world.web.says(URL, status, &[], "");
        five_minutes(&world).await;
        world.web.answers(PAID, &json!([item(1, "a"), item(2, "b"), item(3, "a")]));
        let pushed = push(&world, &paid(ORDERS)).await.expect("pushed");
        assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
        five_minutes(&world).await;
        assert_eq!(keys(&world).await, ["2@b", "3@a"], "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_in_the_new_list_is_no_news_where_the_version_before_has_told_of_all_of_its_own() {
    let world = World::new().await;
    world.web.answers(PAID, &json!([item(1, "a")]));
    live(&world, &paid(ORDERS)).await;
    world.web.answers(PAID, &json!([item(1, "a"), item(2, "a")]));
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a"), item(9, "unpaid")]));
    push(&world, ORDERS).await.expect("pushed");
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2@a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_list_could_not_be_read_and_its_items_are_known_by_something_else_it_is_said_what_is_lost()
{
    let with_version = (ORDERS, by_another_id(ORDERS));
    let by_another_version = (ORDERS, orders("version: item.changed, minutes: 5"));
    for (before, after) in [with_version, by_another_version] {
        let world = World::new().await;
        world.web.answers(URL, &json!([item(1, "a")]));
        live(&world, before).await;
        five_minutes(&world).await;
        let read = world.clock_now();
        world.web.says(URL, 404, &[], "");
        five_minutes(&world).await;
        world.web.answers(PAID, &json!([item(1, "b"), item(2, "a")]));
        let pushed = push(&world, &paid(&after)).await.expect("pushed");
        let since = pushed.passed_over.expect("said");
        assert!(since <= read && read.duration_since(since) < jiff::SignedDuration::from_mins(1), "{since}");
    }
    // One that never told of changes has none to tell of.
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a")]));
    live(&world, &orders("minutes: 5")).await;
    world.web.says(URL, 404, &[], "");
    five_minutes(&world).await;
    world.web.answers(PAID, &json!([item(1, "b"), item(2, "a")]));
    assert_eq!(push(&world, &paid(ORDERS)).await.expect("pushed").passed_over, None);
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2@a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_a_flow_was_paused_is_told_of_by_the_version_that_is_resumed() {
    for after in [ORDERS.to_owned(), orders("version: item.changed, minutes: 5")] {
        let world = World::new().await;
        world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
        live(&world, ORDERS).await;
        lifecycle::pause(&world.stack, "orders").await.expect("paused");
        world.web.answers(URL, &json!([item(1, "a"), item(2, "b"), item(3, "a"), item(4, "a")]));
        five_minutes(&world).await;
        // 4 isn't asked for any more, and 9 was never asked for before.
        world.web.answers(PAID, &json!([item(1, "a"), item(2, "b"), item(3, "a"), item(9, "a")]));
        let pushed = push(&world, &paid(&after)).await.expect("pushed");
        assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
        assert_eq!(five_minutes(&world).await.events, 0, "it is paused");
        lifecycle::resume(&world.stack, "orders").await.expect("resumed");
        five_minutes(&world).await;
        let ids: Vec<String> = keys(&world)
            .await
            .iter()
            .map(|key| key.split('@').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(ids, ["2", "3"], "{after}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_a_flow_was_paused_and_can_not_be_recognised_is_said() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a")]));
    live(&world, ORDERS).await;
    five_minutes(&world).await;
    let read = world.clock_now();
    lifecycle::pause(&world.stack, "orders").await.expect("paused");
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
    five_minutes(&world).await;
    let pushed = push(&world, &by_another_id(ORDERS)).await.expect("pushed");
    assert!(pushed.passed_over.is_some_and(|since| since <= read), "{pushed:?}");
}

/// A poller stands still on its way through the list; it may have told of something, and of something not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_in_the_middle_of_a_poll_waits_for_it_and_what_is_there_is_told_of_once() {
    let mut waited = 0;
    for operations in 0.. {
        let world = World::new().await;
        let paged = orders("version: item.at, paging: { page: p }");
        for number in 1..4 {
            world.web.answers(&format!("{URL}?p={number}"), &json!([]));
        }
        live(&world, &paged).await;
        for number in 1..3 {
            world.web.answers(&format!("{URL}?p={number}"), &json!([item(number, "a")]));
        }
        world.advance(Duration::from_mins(5));
        let life = Life::that_stands_after(operations);
        let poller = mortal(&world, &life);
        poll::wake(&world.stack, "http.poll", "test").await.expect("woken");
        let mut polling = Box::pin(world.flowing(life.live(pump::wakes(&poller, "http.poll"))));
        let stands = life.stands_within(&mut polling).await;
        let began = world.clock_now();
        let pushed = push(&world, &by_another_id(&paged)).await.expect("pushed");
        assert_eq!(pushed.passed_over, None, "it stood after {operations}");
        waited += u32::from(world.clock_now().duration_since(began) > jiff::SignedDuration::from_mins(1));
        drop(polling);
        for _ in 0..3 {
            five_minutes(&world).await;
        }
        assert_eq!(keys(&world).await, ["1@a", "2@a"], "it stood after {operations}");
        if !stands {
            break;
        }
    }
    assert!(waited > 4, "{waited}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_gives_way_to_another_trigger_is_looked_at_once_more_and_what_could_not_be_is_said() {
    let webhook =
        "flow: orders\ntrigger: { type: http.webhook }\nsteps:\n  - set: { id: '{{ record.id }}' }\n";
    for is_there in [true, false] {
        let world = World::new().await;
        world.web.answers(URL, &json!([item(1, "a")]));
        live(&world, ORDERS).await;
        world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
        world.advance(Duration::from_mins(1));
        if !is_there {
            world.web.loses(URL);
        }
        let pushed = push(&world, webhook).await.expect("pushed");
        assert_eq!(pushed.passed_over.is_none(), is_there, "{pushed:?}");
        world.drain().await;
        assert_eq!(keys(&world).await.len(), usize::from(is_there));
    }
}
