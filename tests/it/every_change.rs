//! An hour of an org or of a set of books, by chance but seeded: edits, bulk loads of one second, late commits, lost
//! and repeated notifications, processes that die between any two writes or stand still and wake too late, two polls
//! at once, a table and a provider in bad weather; and flows that are enabled, paused, resumed, disabled and pushed
//! anew while all that goes on. What the flows were told of is what has changed, each once.
//!
//! What should be told of comes from the stand-ins' own versions and from when somebody looked ([`model`]). A thousand
//! seeds by default; `COUNTERFOIL_SEEDS=20000` for more, `COUNTERFOIL_SEED=17` for one of them again.

mod flows;
mod hour;
mod judge;
mod model;
mod owners;
mod people;
mod polls;
mod process;

use std::collections::BTreeMap;

use hour::Hour;

#[expect(clippy::disallowed_methods, reason = "which seeds are tried is the tester's to say")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Every fourth of the seeds, from this one on: so two cores have something to do all the time.
#[expect(clippy::print_stdout, reason = "says how much was told of")]
fn hours(first: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let one = number("COUNTERFOIL_SEED");
    let seeds = match one {
        Some(seed) => (seed..=seed).filter(|seed| seed % 4 == first).collect(),
        None => (first..number("COUNTERFOIL_SEEDS").unwrap_or(1_000)).step_by(4).collect::<Vec<_>>(),
    };
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in &seeds {
        let hour = async {
            let mut hour = Hour::begins(*seed, one.is_some()).await;
            let outcome = Box::pin(hour.passes()).await;
            for (flow, count) in hour.told() {
                *told.entry(flow).or_default() += count;
            }
            outcome
        };
        if let Err(what) = runtime.block_on(hour) {
            panic!("seed {seed} (again with COUNTERFOIL_SEED={seed}): {what}");
        }
    }
    println!("{} hours; events by flow: {told:?}", seeds.len());
}

#[test]
fn in_an_hour_of_anything_each_change_is_told_of_once() {
    hours(0);
}

#[test]
fn in_another_hour_of_anything_each_change_is_told_of_once() {
    hours(1);
}

#[test]
fn in_a_third_hour_of_anything_each_change_is_told_of_once() {
    hours(2);
}

#[test]
fn in_a_fourth_hour_of_anything_each_change_is_told_of_once() {
    hours(3);
}
