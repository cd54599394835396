//! What polling costs: calls and writes grow with what changes, not with what is there nor with how many flows watch it.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::flow::poll;
use counterfoil::ports::counted::Counts;
use counterfoil::runtime::pump;
use counterfoil_sandbox::Provider as _;
use serde_json::json;

use crate::world::World;

/// A flow that does nothing but take notice.
fn noticing(name: &str, trigger: &str) -> String {
    format!("flow: {name}\ntrigger: {{ {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

/// Polls every so many minutes, for a day. Returns what was asked of the table.
async fn a_day(world: &World, trigger: &str, minutes: u64) -> Counts {
    polls(world, trigger, minutes, 24 * 60 / minutes).await
}

async fn polls(world: &World, trigger: &str, minutes: u64, count: u64) -> Counts {
    let before = world.counted.counts();
    for _ in 0..count {
        world.advance(Duration::from_mins(minutes));
        poll::wake(&world.stack, trigger, "schedule").await.expect("woken");
        let report = world.flowing(pump::wakes(&world.stack, trigger)).await.expect("polled").expect("woken");
        assert_eq!((report.failures, report.busy, report.events), (Vec::new(), 0, 0));
    }
    world.counted.counts().since(&before)
}

/// Calls that count against the day: of the API, and within a session.
fn calls_to_salesforce(world: &World) -> usize {
    let calls = world.sandbox.salesforce.calls();
    calls.iter().filter(|call| call.path.starts_with("/services/data/") && call.status != 401).count()
}

fn calls_to_xero(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.path.starts_with("/api.xro/")).count()
}

/// Without the tokens that are renewed every now and then, whoever asks for them.
fn without_tokens(counts: &Counts) -> BTreeMap<String, u64> {
    let mut writes = counts.writes_by_kind.clone();
    writes.remove("T");
    writes
}

#[expect(clippy::print_stdout, reason = "the figures are the point of it")]
fn shown(what: &str, calls: usize, counts: &Counts) {
    println!("{what}: {calls} calls, writes {:?}", counts.writes_by_kind);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_flows_on_a_quiet_object_cost_a_call_a_minute_and_write_nothing_but_the_lease() {
    let world = World::new().await;
    let updated = "type: salesforce.updated_record, object: Account, fields: [Id, Name]";
    for n in 0..10 {
        world.given_flow(&noticing(&format!("flow-{n}"), updated)).await;
    }
    world.sandbox.salesforce.counters().clear();
    let counts = a_day(&world, "salesforce.updated_record", 1).await;
    let calls = calls_to_salesforce(&world);
    shown("10 flows, a quiet object, a day of polls each minute", calls, &counts);
    assert!(calls <= 1_440, "{calls}");
    let mut writes = without_tokens(&counts);
    assert_eq!(writes.remove("W"), Some(2 * 1_440), "the lease is taken and given back");
    assert!(writes.remove("B").unwrap_or(0) <= 1, "what is left of a new day is kept once");
    assert_eq!(writes, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_records_that_are_there_already_are_read_once_by_the_page_and_costs_nothing_after()
{
    let world = World::new().await;
    for n in 0..100_000 {
        let rating = if n % 2 == 0 { "Hot" } else { "Cold" };
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n}"), "Rating": rating}));
    }
    // What looks two days back sees none of them.
    world.advance(Duration::from_hours(49));
    world.sandbox.salesforce.counters().clear();
    let before = world.counted.counts();
    let changed = "type: salesforce.updated_record, object: Account, changed: { any: [Rating] }";
    world.given_flow(&noticing("any-change", changed)).await;
    let calls = calls_to_salesforce(&world);
    shown("going live with `changed`, 100,000 records", calls, &world.counted.counts().since(&before));
    assert!(calls <= 60, "{calls}");

    world.sandbox.salesforce.counters().clear();
    let before = world.counted.counts();
    let to_hot = "type: salesforce.updated_record, object: Account, changed: { Rating: { to: Hot } }";
    world.given_flow(&noticing("to-hot", to_hot)).await;
    let calls = calls_to_salesforce(&world);
    shown("the same with `to`, which half of them satisfy", calls, &world.counted.counts().since(&before));
    assert!(calls <= 30, "{calls}");

    let updated = "type: salesforce.updated_record, object: Account, fields: [Id, Name]";
    for n in 0..8 {
        world.given_flow(&noticing(&format!("flow-{n}"), updated)).await;
    }
    world.sandbox.salesforce.counters().clear();
    // A day and some minutes: once, the last two days are read again.
    const POLLS: u64 = 24 * 60 + 5;
    let counts = polls(&world, "salesforce.updated_record", 1, POLLS).await;
    let calls = calls_to_salesforce(&world);
    shown("10 flows, a day of polls each minute after that", calls, &counts);
    assert_eq!(calls as u64, POLLS);
    let mut writes = without_tokens(&counts);
    assert_eq!(writes.remove("W"), Some(2 * POLLS), "the lease is taken and given back");
    assert!(writes.remove("B").unwrap_or(0) <= 1, "what is left of a new day is kept once");
    assert_eq!(writes, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_flows_on_quiet_books_cost_a_call_every_five_minutes_and_write_leases_and_the_minutes_share() {
    let world = World::new().await;
    world.sandbox.xero.ledger().seed_contacts(2_500);
    world.advance(Duration::from_mins(15));
    let mut live_calls = Vec::new();
    for n in 0..10 {
        world.sandbox.xero.harness().counters.clear();
        let only = if n < 2 { "new" } else { "both" };
        let contact = format!("type: xero.new_or_updated_contact, only: {only}");
        world.given_flow(&noticing(&format!("flow-{n}"), &contact)).await;
        live_calls.push(calls_to_xero(&world));
    }
    // Xero's time is asked for; and who tells new from old reads what is there, a thousand a call: to the end and
    // back, since it is all of one second.
    assert!(live_calls.iter().max() <= Some(&8) && live_calls.iter().min() <= Some(&1), "{live_calls:?}");
    world.sandbox.xero.harness().counters.clear();
    let counts = a_day(&world, "xero.new_or_updated_contact", 5).await;
    let calls = calls_to_xero(&world);
    shown("10 flows, quiet books, a day of polls every five minutes", calls, &counts);
    // The two days that are read again once a day have what the books had when they began.
    assert!(calls <= 288 + 4, "{calls}");
    let mut writes = without_tokens(&counts);
    assert_eq!(writes.remove("W"), Some(2 * 288), "the lease of the watch is taken and given back");
    let budget = writes.remove("B").unwrap_or(0);
    assert!(budget <= 2 * calls as u64, "and so is the share of the minute's 60 calls: {budget}");
    writes.remove("D");
    assert_eq!(writes, BTreeMap::new());
}
