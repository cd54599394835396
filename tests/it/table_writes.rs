//! How often the table is written: a promise, for it is what a deployment pays for.

use counterfoil::domain::run::Status;
use counterfoil::ports::counted::Counts;
use serde_json::json;

use crate::main_job::{FLOW, opportunity};
use crate::trouble::{each_is_invoiced_once, won};
use crate::world::World;

/// Rows by kind: `R` runs, `O` order, `L` links, `M` transition memory, `G` groups, `B` budgets, `W` watches.
fn of(counts: &Counts, kinds: &[&str]) -> u64 {
    kinds.iter().filter_map(|kind| counts.writes_by_kind.get(*kind)).sum()
}

#[expect(clippy::print_stdout, reason = "the measure itself")]
fn shown(title: &str, runs: u64, counts: &Counts) {
    println!("{title}: {} writes for {runs} runs: {:?}", counts.writes, counts.writes_by_kind);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_writes_its_effects_and_three_more_and_two_for_a_link_and_two_for_a_transition() {
    for runs in [1_u64, 50] {
        let world = World::new().await;
        let ids = won(&world, usize::try_from(runs).expect("a count")).await;
        let before = world.counted.counts();
        world.settle().await;
        let spent = world.counted.counts().since(&before);
        each_is_invoiced_once(&world, &ids).await;
        shown("main flow", runs, &spent);
        // Three effects: the contact, the invoice, the number that goes back.
        assert!(of(&spent, &["R", "O"]) <= runs * (3 + 3), "{spent:?}");
        assert!(of(&spent, &["L"]) <= runs * 2, "{spent:?}");
        assert!(of(&spent, &["M"]) <= runs * 2, "{spent:?}");
        // Three calls with an effect, shared by fifty.
        assert!(of(&spent, &["G"]) <= 3 * 2, "{spent:?}");
        let calls =
            world.sandbox.xero.calls().iter().filter(|call| call.path.starts_with("/api.xro/")).count();
        let calls = u64::try_from(calls).expect("a count") + 4;
        assert!(of(&spent, &["B"]) <= calls * 2, "a call takes and gives back: {spent:?}");
        assert!(spent.writes <= runs * 10 + 45, "{spent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_filtered_out_writes_its_run_and_what_is_repeated_writes_nothing() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let salesforce = &world.sandbox.salesforce;
    let account = salesforce.insert("Account", json!({"Name": "Acme"}));
    // Without lines: the flow's `when` does not hold.
    for n in 0..20 {
        salesforce.insert(
            "Opportunity",
            json!({"Name": format!("No {n}"), "StageName": "Closed Won", "CloseDate": "2026-11-20", "AccountId": account}),
        );
    }
    world.settle_later().await;
    let before = world.counted.counts();
    world.drain().await;
    let spent = world.counted.counts().since(&before);
    assert_eq!(world.statuses().await.get(&Status::Skipped), Some(&20));
    shown("filtered out", 20, &spent);
    // The run, and that its transition stays open.
    assert_eq!(of(&spent, &["R"]), 20);
    assert!(spent.writes <= 20 * 2, "{spent:?}");

    let before = world.counted.counts();
    world.redeliver_everything().await;
    let spent = world.counted.counts().since(&before);
    shown("repeated", 20, &spent);
    assert_eq!(spent.writes, 0, "{spent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_is_written_by_the_hundred() {
    let world = World::new().await;
    world.sandbox.xero.ledger().seed_contacts(1_000);
    world.given_flow(FLOW).await;
    let id = opportunity(&world, "Somebody new");
    world.settle().await;
    let before = world.counted.counts();
    crate::main_job::win(&world, &id);
    world.settle().await;
    let spent = world.counted.counts().since(&before);
    shown("main flow, 1,000 contacts in the books", 1, &spent);
    assert_eq!(world.statuses().await.get(&Status::Succeeded), Some(&1));
    let known = ["R", "O", "L", "M", "G", "B", "W", "T"];
    let directory = spent.writes - of(&spent, &known);
    assert!(directory <= 1_000 / 100 + 25, "{directory} rows of the directory: {spent:?}");
}
