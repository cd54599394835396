//! Polling: every change once, whenever it is committed, however the pages fall and whoever else polls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::domain::connection::Connection;
use counterfoil::domain::run::Status;
use counterfoil::flow::poll;
use counterfoil::flow::rows::StoredRun;
use counterfoil::runtime::pump;
use counterfoil_sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::broken::Broken;
use crate::trouble::{Life, mortal};
use crate::world::World;

const UPDATED: &str = "salesforce.updated_record";
const NEW: &str = "salesforce.new_record";

/// A flow over Accounts that does nothing but take notice.
fn noticing(name: &str, trigger: &str, options: &str) -> String {
    format!(
        "flow: {name}\ntrigger:\n  type: {trigger}\n  object: Account\n{options}\nsteps:\n  - set: {{ name: \"{{{{ record.Name }}}}\" }}\n"
    )
}

fn names(runs: &[StoredRun]) -> Vec<String> {
    let record = |run: &StoredRun| run.row.message.event.as_ref().expect("an event").record.clone();
    runs.iter().map(|run| record(run)["Name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn queries(world: &World) -> usize {
    world.sandbox.salesforce.calls().iter().filter(|call| call.path.contains("/query")).count()
}

async fn runs_of(world: &World, flow: &str) -> Vec<StoredRun> {
    world.runs().await.into_iter().filter(|run| run.row.flow_name == flow).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_rows_of_one_second_are_told_of_once_each() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    for n in 0..500 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n:03}")}));
    }
    world.settle().await;
    world.settle().await;
    let names = names(&world.runs().await);
    assert_eq!((names.len(), names.iter().collect::<BTreeSet<_>>().len()), (500, 500));
    assert_eq!(world.statuses().await[&Status::Succeeded], 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_hours_late_is_found_within_a_day_and_nothing_is_told_twice() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    let salesforce = &world.sandbox.salesforce;
    salesforce.insert("Account", json!({"Name": "In time"}));
    salesforce.insert_late("Account", json!({"Name": "Hours late"}), 5 * 3600).expect("taken");
    for _ in 0..13 {
        world.settle().await;
        world.advance(Duration::from_hours(2));
        // Others go on all the time: the place moves.
        salesforce.insert("Account", json!({"Name": "Another"}));
    }
    world.settle().await;
    let mut names = names(&world.runs().await);
    names.retain(|name| name != "Another");
    names.sort();
    assert_eq!(names, ["Hours late", "In time"]);
    assert_eq!(world.runs().await.len(), 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_nine_minutes_late_is_found() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    let salesforce = &world.sandbox.salesforce;
    let early = salesforce.insert("Account", json!({"Name": "Early"}));
    world.advance(Duration::from_secs(30));
    salesforce.insert_late("Account", json!({"Name": "Late"}), 540).expect("taken");
    salesforce.update_late("Account", &early, json!({"Name": "Early, changed late"}), 540).expect("taken");
    for minute in 0..12 {
        world.settle().await;
        world.advance(Duration::from_secs(50));
        // Others go on all the time: the place moves.
        if minute < 8 {
            salesforce.insert("Account", json!({"Name": format!("Minute {minute}")}));
        }
    }
    let names = names(&world.runs().await);
    assert_eq!(names.iter().filter(|name| name.as_str() == "Late").count(), 1, "{names:?}");
    assert!(names.iter().any(|name| name == "Early, changed late"), "{names:?}");
    assert_eq!(names.len(), 11, "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_the_overlap_again_tells_nothing_and_writes_nothing_but_leases() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    for n in 0..50 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n}")}));
    }
    world.settle().await;
    let before = world.counted.counts();
    world.sandbox.salesforce.counters().clear();
    for _ in 0..10 {
        world.advance(Duration::from_secs(50));
        world.settle().await;
    }
    let counts = world.counted.counts().since(&before);
    // The lease of the watch, taken and given back.
    let leases = BTreeMap::from([("W".to_owned(), 20)]);
    assert_eq!(counts.writes_by_kind, leases, "{counts:?}");
    assert_eq!(queries(&world), 10, "one call each");
    assert_eq!(world.runs().await.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_changed_in_two_polls_fires_twice_as_updated_and_once_as_new() {
    let world = World::new().await;
    world.given_flow(&noticing("updated", UPDATED, "  fields: [Id, Name]")).await;
    world.given_flow(&noticing("new", NEW, "  fields: [Id, Name]")).await;
    let id = world.sandbox.salesforce.insert("Account", json!({"Name": "One"}));
    world.settle().await;
    world.sandbox.salesforce.update("Account", &id, json!({"Name": "Two"}));
    world.settle().await;
    world.sandbox.salesforce.update("Account", &id, json!({"Name": "Three"}));
    world.settle().await;
    assert_eq!(names(&runs_of(&world, "updated").await).into_iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(names(&runs_of(&world, "new").await), ["One"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_background_job_touched_is_an_update_though_nobody_modified_it() {
    let world = World::new().await;
    world.given_flow(&noticing("updated", UPDATED, "  fields: [Id, Name]")).await;
    let id = world.sandbox.salesforce.insert("Account", json!({"Name": "One"}));
    world.settle().await;
    world.sandbox.salesforce.touch("Account", &id).expect("touched");
    world.settle().await;
    world.settle().await;
    assert_eq!(names(&world.runs().await), ["One", "One"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_younger_than_two_seconds_wait_for_the_next_poll() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Young"}));
    let told = |reports: Vec<poll::Report>| reports.iter().map(|report| report.events).sum::<u32>();
    assert_eq!(told(world.poll().await), 0);
    world.advance(Duration::from_secs(3));
    assert_eq!(told(world.poll().await), 1);
    assert_eq!(told(world.poll().await), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_reading_and_queueing_loses_nothing() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    let broken = Broken::process(&world);
    world.sandbox.salesforce.insert("Account", json!({"Name": "Kept"}));
    world.advance(Duration::from_secs(10));
    broken.queue_down.store(true, Ordering::SeqCst);
    let deadline = world.stack.now() + broken.stack.times.function;
    world.flowing(poll::poll(&broken.stack, UPDATED, deadline)).await.expect_err("the queue is down");
    // Its lease has to end first.
    world.advance(Duration::from_secs(200));
    world.settle().await;
    assert_eq!(names(&world.runs().await), ["Kept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_polls_at_once_one_polls_and_then_polls_once_more() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    for n in 0..450 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n:03}")}));
    }
    world.advance(Duration::from_secs(10));
    // The second page is slow, so that the other poll meets the first one.
    world.sandbox.salesforce.counters().clear();
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query/", FaultKind::Delay(300)).times(1));
    let other = world.another_process();
    let deadline = world.stack.now() + world.stack.times.function;
    let polled = world.flowing(async {
        let first = poll::poll(&world.stack, UPDATED, deadline);
        let second = async {
            while queries(&world) == 0 {
                tokio::task::yield_now().await;
            }
            poll::poll(&other, UPDATED, deadline).await
        };
        tokio::join!(first, second)
    });
    let (first, second) = polled.await;
    let (first, second) = (first.expect("polled"), second.expect("polled"));
    assert_eq!((second.busy, second.pages, second.events), (1, 0, 0));
    assert_eq!((first.busy, first.events), (0, 450));
    assert_eq!(first.pages, 6, "three pages, and the three once more");
    world.drain().await;
    assert_eq!(world.runs().await.len(), 450);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_polls_at_once_one_polls() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    world.advance(Duration::from_secs(10));
    world.sandbox.salesforce.counters().clear();
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query", FaultKind::Delay(300)).times(1));
    let processes: Vec<_> = (0..10).map(|_| world.another_process()).collect();
    let deadline = world.stack.now() + world.stack.times.function;
    let polls = processes.iter().map(|process| poll::poll(process, UPDATED, deadline));
    let reports = world.flowing(futures::future::join_all(polls)).await;
    let reports: Vec<_> = reports.into_iter().map(|report| report.expect("polled")).collect();
    assert_eq!(reports.iter().filter(|report| report.busy == 1).count(), 9);
    assert_eq!(reports.iter().map(|report| report.events).sum::<u32>(), 1);
    assert_eq!(queries(&world), 2, "and once more for those who came meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_on_one_object_share_one_poll_and_each_sees_its_own_fields() {
    let world = World::new().await;
    world.given_flow(&noticing("phones", UPDATED, "  fields: [Id, Name, Phone]")).await;
    world.given_flow(&noticing("countries", UPDATED, "  fields: [Id, Name, BillingCountry]")).await;
    world
        .given_flow(&noticing(
            "people",
            UPDATED,
            "  fields: [Id, Name]\n  children: { Contacts: { fields: [Id, LastName] } }",
        ))
        .await;
    let account = world
        .sandbox
        .salesforce
        .insert("Account", json!({"Name": "Acme", "Phone": "1", "BillingCountry": "NZ"}));
    world.sandbox.salesforce.insert("Contact", json!({"LastName": "Ng", "AccountId": account}));
    world.sandbox.salesforce.counters().clear();
    world.settle().await;
    assert_eq!(queries(&world), 1);
    for (flow, has, has_not) in [
        ("phones", "Phone", "BillingCountry"),
        ("countries", "BillingCountry", "Contacts"),
        ("people", "Contacts", "Phone"),
    ] {
        let runs = runs_of(&world, flow).await;
        assert_eq!(runs.len(), 1, "{flow}");
        let record = &runs[0].row.message.event.as_ref().expect("an event").record;
        assert!(record.get(has).is_some() && record.get(has_not).is_none(), "{flow}: {record}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_gone_stops_only_its_own_flow_which_catches_up_when_it_is_mended() {
    let world = World::new().await;
    let good = "  fields: [Id, Name]";
    world.given_flow(&noticing("first", UPDATED, good)).await;
    world.given_flow(&noticing("second", UPDATED, "  fields: [Id, Name, Phone]")).await;
    world.given_flow(&noticing("bad", UPDATED, good)).await;
    // A new version with a field that the org doesn't have.
    let bad = noticing("bad", UPDATED, "  fields: [Id, Name, Fone__c]");
    world.stack.flows.push("bad", "flow.yaml", &bad, Default::default()).await.expect("pushed");
    for n in 0..3 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n}")}));
        world.settle().await;
    }
    assert_eq!(runs_of(&world, "first").await.len(), 3);
    assert_eq!(runs_of(&world, "second").await.len(), 3);
    assert_eq!(runs_of(&world, "bad").await.len(), 0);
    let failures: Vec<_> = world.poll().await.into_iter().flat_map(|report| report.failures).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].1, "unknown_field");

    let mended = noticing("bad", UPDATED, "  fields: [Id, Name, Website]");
    world.stack.flows.push("bad", "flow.yaml", &mended, Default::default()).await.expect("pushed");
    world.settle().await;
    assert_eq!(runs_of(&world, "bad").await.len(), 3, "it has lost nothing");
    world.advance(Duration::from_secs(10));
    world.sandbox.salesforce.counters().clear();
    world.settle().await;
    assert_eq!(queries(&world), 1, "and shares the poll again");
    assert_eq!(world.runs().await.len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_nobody_can_poll_for_a_while_reads_on_from_where_it_was_told() {
    for what_is_wrong in ["its text", "its connection"] {
        let world = World::new().await;
        let flow = |name: &str, connection: &str, fields: &str| {
            noticing(name, UPDATED, &format!("  fields: {fields}{connection}"))
        };
        world.given_flow(&flow("named", "\n  connection: crm", "[Id, Name]")).await;
        world.given_flow(&flow("only", "", "[Id, Name]")).await;
        world.settle().await;
        let push = async |text: &str| {
            world.stack.flows.push("only", "flow.yaml", text, BTreeMap::new()).await.expect("pushed");
        };
        let crm = world.stack.connections.get(&"crm".into()).await.expect("read").expect("there");
        let other = Connection { id: "other".into(), account: "00D2".into(), ..(*crm).clone() };
        match what_is_wrong {
            "its text" => push(&flow("only", "", "[Id, Name]").replace(UPDATED, "salesforce.replaced")).await,
            _ => world.stack.connections.save(&other).await.expect("saved"),
        }
        world.sandbox.salesforce.insert("Account", json!({"Name": "Meanwhile"}));
        for _ in 0..4 {
            world.settle().await;
            world.advance(Duration::from_mins(20));
        }
        assert_eq!((runs_of(&world, "named").await.len(), runs_of(&world, "only").await.len()), (1, 0));
        match what_is_wrong {
            "its text" => push(&flow("only", "", "[Id, Name, Phone]")).await,
            _ => drop(world.stack.connections.remove(&other.id).await.expect("removed")),
        }
        for _ in 0..3 {
            world.settle().await;
        }
        assert_eq!(names(&runs_of(&world, "only").await), ["Meanwhile"], "{what_is_wrong} was wrong");
        let head = world.stack.flows.newest("only").await.expect("there");
        assert_eq!(head.catch_up_from, None, "and shares the poll of the others again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_past_one_page_are_complete() {
    let world = World::with(|settings| settings.salesforce.child_page_size = 20).await;
    let options = "  fields: [Id, Name]\n  children: { Contacts: { fields: [Id, LastName] } }";
    world.given_flow(&noticing("people", UPDATED, options)).await;
    let account = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    for n in 0..50 {
        world
            .sandbox
            .salesforce
            .insert("Contact", json!({"LastName": format!("Person {n}"), "AccountId": account}));
    }
    world.settle().await;
    let runs = world.runs().await;
    let record = &runs[0].row.message.event.as_ref().expect("an event").record;
    assert_eq!(record["Contacts"].as_array().map(Vec::len), Some(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_lost_between_two_pages_costs_nothing_but_time() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    for n in 0..450 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n:03}")}));
    }
    world.advance(Duration::from_secs(10));
    let lost = json!([{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]);
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query/", Fault::status(400, lost)));
    let reports = world.poll().await;
    let told = reports.iter().map(|report| report.events).sum::<u32>();
    assert!(told == 200 && reports.iter().any(|report| report.unfinished == 1), "goes on soon: {reports:?}");
    world.settle().await;
    assert_eq!(world.runs().await.len(), 450);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_writes_are_no_news_to_any_flow() {
    let world = World::new().await;
    let stamping = "\
flow: stamping
trigger: { type: salesforce.updated_record, object: Account, fields: [Id, Name] }
steps:
  - action: salesforce.update_record
    with: { object: Account, id: '{{ record.Id }}', fields: { Description: 'seen {{ record.Name }}' } }
";
    world.given_flow(stamping).await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    world.given_flow(&noticing("curious", UPDATED, "  fields: [Id, Name]\n  ignore_own: false")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    for _ in 0..3 {
        world.settle().await;
    }
    assert_eq!(runs_of(&world, "stamping").await.len(), 1);
    assert_eq!(runs_of(&world, "notice").await.len(), 1);
    assert_eq!(runs_of(&world, "curious").await.len(), 2, "it asked for them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_live_means_from_now_also_for_a_flow_that_joins_a_poll() {
    let world = World::new().await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Before"}));
    world.advance(Duration::from_secs(10));
    world.given_flow(&noticing("first", UPDATED, "  fields: [Id, Name]")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Between"}));
    world.settle().await;
    world.given_flow(&noticing("second", UPDATED, "  fields: [Id, Name]")).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "After"}));
    world.settle().await;
    let first: BTreeSet<_> = names(&runs_of(&world, "first").await).into_iter().collect();
    assert_eq!(first, BTreeSet::from(["Between".to_owned(), "After".to_owned()]));
    assert_eq!(names(&runs_of(&world, "second").await), ["After"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_over_16_kilobytes_goes_through() {
    let world = World::new().await;
    let names: Vec<String> =
        (0..400).map(|n| format!("'A rather long name of a company, number {n}'")).collect();
    let options = format!("  fields: [Id, Name]\n  where: \"Name NOT IN ({})\"", names.join(", "));
    assert!(options.len() > 16_384);
    world.given_flow(&noticing("notice", UPDATED, &options)).await;
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wake_ups_are_one_poll() {
    let world = World::new().await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    world.sandbox.salesforce.counters().clear();
    for _ in 0..20 {
        poll::wake(&world.stack, UPDATED, "notification").await.expect("woken");
    }
    world.flowing(pump::wakes(&world.stack, UPDATED)).await.expect("polled");
    assert_eq!(world.flowing(pump::wakes(&world.stack, UPDATED)).await.expect("nothing left"), None);
    assert_eq!(queries(&world), 1);
}

/// Its lease ends while it stands still; another one polls; then it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_wakes_after_its_lease_writes_nothing() {
    let changed = "  changed: { Rating: { to: Hot } }";
    for operations in 4..24 {
        let world = World::new().await;
        world.given_flow(&noticing("hot", UPDATED, changed)).await;
        let salesforce = &world.sandbox.salesforce;
        let id = salesforce.insert("Account", json!({"Name": "Acme", "Rating": "Hot"}));
        world.advance(Duration::from_secs(10));
        let life = Life::that_stands_after(operations);
        let zombie = mortal(&world, &life);
        poll::wake(&world.stack, UPDATED, "test").await.expect("woken");
        let mut polling = Box::pin(world.flowing(life.live(pump::wakes(&zombie, UPDATED))));
        let stood = life.stands_within(&mut polling).await;
        if stood {
            world.advance(Duration::from_secs(300));
            world.settle().await;
            salesforce.update("Account", &id, json!({"Rating": "Cold"}));
            world.settle().await;
            let before = world.counted.counts();
            life.go_on();
            polling.await;
            let counts = world.counted.counts().since(&before);
            let written: Vec<_> = counts
                .writes_by_kind
                .iter()
                .filter(|(kind, _)| ["W", "M"].contains(&kind.as_str()))
                .collect();
            // Before it had the lease it may well take it now.
            assert!(written.is_empty() || operations < 8, "{operations}: {written:?}");
        } else {
            drop(polling);
            world.settle().await;
            salesforce.update("Account", &id, json!({"Rating": "Cold"}));
        }
        world.settle().await;
        salesforce.update("Account", &id, json!({"Rating": "Hot"}));
        world.settle().await;
        assert_eq!(world.runs().await.len(), 2, "hot, cold and hot again; it stood after {operations}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_moves_on_though_the_filter_takes_nothing() {
    let world = World::new().await;
    world
        .given_flow(&noticing("energetic", UPDATED, "  fields: [Id, Name]\n  where: Industry = 'Energy'"))
        .await;
    let salesforce = &world.sandbox.salesforce;
    let asked = || salesforce.calls().last().map(|call| call.query.clone()).unwrap_or_default();
    let mut queries = BTreeSet::new();
    for n in 0..5 {
        salesforce.insert("Account", json!({"Name": format!("Account {n}"), "Industry": "Media"}));
        world.settle().await;
        queries.insert(asked());
    }
    assert_eq!((queries.len(), world.runs().await.len()), (5, 0), "each asks from a later time on");
    salesforce.insert("Account", json!({"Name": "Volt", "Industry": "Energy"}));
    world.settle().await;
    assert_eq!(names(&world.runs().await), ["Volt"]);
}

/// Where each query of Accounts begins.
fn beginnings(world: &World) -> Vec<String> {
    let calls = world.sandbox.salesforce.calls();
    let queries = calls.iter().filter(|call| call.path.ends_with("/query"));
    let begins = |query: &str| {
        let (_, after) = query.split_once("SystemModstamp%20%3E%3D%20")?;
        Some(after.split("%20").next().unwrap_or_default().to_owned())
    };
    queries.filter_map(|call| begins(&call.query)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_has_to_stop_goes_on_where_it_came_to() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    world.given_flow(&noticing("notice", UPDATED, "  fields: [Id, Name]")).await;
    for n in 0..1_000 {
        if n % 100 == 0 {
            world.advance(Duration::from_secs(60));
        }
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n:03}")}));
    }
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1_000);

    // A day later the last two days are read again, and the third page doesn't come.
    world.advance(Duration::from_hours(25));
    let unavailable =
        Fault::status(503, json!([{"errorCode": "SERVER_UNAVAILABLE", "message": "Server Unavailable"}]));
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query/", unavailable).skip(1));
    let before = beginnings(&world).len();
    world.poll().await;
    world.advance(Duration::from_mins(1));
    world.poll().await;
    world.advance(Duration::from_mins(1));
    world.poll().await;
    let mut begun = beginnings(&world).split_off(before);
    // A session ends within a day: the first query is asked twice.
    begun.dedup();
    assert_eq!(begun.len(), 3, "{begun:?}");
    assert!(begun[0] < begun[1], "it doesn't begin anew: {begun:?}");
    assert!(begun[1] < begun[2], "and then the two days are done: {begun:?}");
    assert_eq!(world.runs().await.len(), 1_000, "nothing is told twice");
}
