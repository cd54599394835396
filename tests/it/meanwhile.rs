//! Two processes change one flow at the same time: what each of them meant is there afterwards, between whichever two
//! operations of the one the other comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::{Stack, keep, lifecycle, poll};
use counterfoil::ports::Ports;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::random::SeededRandom;
use counterfoil::ports::table::{Condition, Key, Write};
use counterfoil::runtime::pump;
use counterfoil_sandbox::Sandbox;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::passing;
use crate::plain::Plain;
use crate::trouble::{Life, mortal_ports};
use crate::world::{InProcess, connect, go_live, new_stack};

const UPDATED: &str = "salesforce.updated_record";

/// An org, and what several processes share.
struct Office {
    clock: Arc<ManualClock>,
    sandbox: Arc<Sandbox>,
    ports: Ports,
    stack: Stack,
}

impl Office {
    async fn new() -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::at(start));
        let time = Arc::clone(&clock);
        let mut settings = counterfoil_sandbox::Settings::new(Arc::new(move || time.now()));
        settings.salesforce.page_size = 2;
        let sandbox = Arc::new(Sandbox::new(settings));
        let plain = Plain::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let ports = plain.ports(InProcess::of(&sandbox, &clock), Arc::new(SeededRandom::new(7)));
        let stack = new_stack(&ports);
        connect(&sandbox, &stack).await;
        Self { clock, sandbox, ports, stack }
    }

    async fn given_flow(&self, text: &str) {
        self.flowing(go_live(&self.stack, text)).await;
        self.clock.advance(Duration::from_secs(5));
    }

    fn flowing<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        passing::where_idle(&self.clock, work)
    }

    async fn head(&self) -> FlowHead {
        self.stack.flows.newest("notice").await.expect("there")
    }

    /// One process works, and after so many operations another one does its own work; both remember the flows as they
    /// were. False: the one was done before.
    async fn comes_between(
        &self,
        operations: i64,
        one: impl AsyncFn(&Stack),
        another: impl AsyncFn(&Stack),
    ) -> bool {
        let life = Life::that_stands_after(operations + 1);
        let (first, second) = (new_stack(&mortal_ports(self.ports.clone(), &life)), new_stack(&self.ports));
        for process in [&first, &second] {
            process.flows.heads().await.expect("read");
        }
        let mut work = Box::pin(one(&first));
        let stands = life.stands_within(&mut Box::pin(self.flowing(&mut work))).await;
        if stands {
            // Who waits for the one lets it go on.
            let goes_on = async {
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
                life.go_on();
                work.await;
            };
            self.flowing(async { tokio::join!(another(&second), goes_on) }).await;
        }
        stands
    }

    /// No number is taken twice: the next push is a version of its own.
    async fn can_be_pushed(&self, text: &str, version: u32) {
        let pushed = self.flowing(push(&self.stack, text)).await;
        assert_eq!((pushed.live_version, pushed.newest_version), (version, version), "{pushed:?}");
        let versions = self.stack.flows.versions(pushed.id).await.expect("read");
        assert_eq!(versions.len(), version as usize);
    }
}

async fn push(stack: &Stack, text: &str) -> FlowHead {
    let pushed = lifecycle::push(stack, "notice", "flow.yaml", text, BTreeMap::new()).await;
    pushed.expect("pushed").head
}

/// What the second process does, and how the flow is then.
async fn does(stack: &Stack, deed: &str, text: &str) {
    match deed {
        "disable" => drop(lifecycle::disable(stack, "notice").await.expect("disabled")),
        "pause" => drop(lifecycle::pause(stack, "notice").await.expect("paused")),
        _ => drop(push(stack, text).await),
    }
}

fn state_after(deed: &str) -> FlowState {
    match deed {
        "disable" => FlowState::Disabled,
        "pause" => FlowState::Paused,
        _ => FlowState::Enabled,
    }
}

fn daily(word: &str) -> String {
    format!(
        "flow: notice\ntrigger: {{ type: schedule, cron: '0 7 * * *', zone: Pacific/Auckland }}\nsteps:\n  - set: {{ seen: {word} }}\n"
    )
}

fn noticing(options: &str, word: &str) -> String {
    format!(
        "flow: notice\ntrigger: {{ type: {UPDATED}, object: Account, fields: [Id, Name]{options} }}\nsteps:\n  - set: {{ seen: {word} }}\n"
    )
}

const HOT: &str = ", changed: { Rating: { to: Hot } }";

#[tokio::test]
async fn a_keeper_that_fires_undoes_nothing_that_was_done_to_the_flow_meanwhile() {
    for deed in ["disable", "pause", "push"] {
        for operations in 0.. {
            let office = Office::new().await;
            office.given_flow(&daily("first")).await;
            office.clock.advance(Duration::from_hours(9));
            let keeps = async |stack: &Stack| {
                let deadline = stack.now() + stack.times.function;
                keep::keep(stack, deadline).await.expect("kept");
            };
            let other = async |stack: &Stack| does(stack, deed, &daily("second")).await;
            if !office.comes_between(operations, keeps, other).await {
                assert!(operations > 3, "it has some operations to come between");
                break;
            }
            let head = office.head().await;
            assert_eq!(head.state, state_after(deed), "{deed} after {operations}");
            let version = if deed == "push" { 2 } else { 1 };
            assert_eq!((head.live_version, head.newest_version), (version, version), "after {operations}");
            office.can_be_pushed(&daily("third"), version + 1).await;
        }
    }
}

#[tokio::test]
async fn what_is_done_to_a_flow_while_another_version_goes_live_stays_done() {
    for deed in ["disable", "pause", "push"] {
        for operations in 0.. {
            let office = Office::new().await;
            for n in 0..3 {
                let account = json!({"Name": format!("Hot {n}"), "Rating": "Hot"});
                office.sandbox.salesforce.insert("Account", account);
            }
            office.clock.advance(Duration::from_secs(5));
            office.given_flow(&noticing("", "first")).await;
            let goes_live = async |stack: &Stack| drop(push(stack, &noticing(HOT, "second")).await);
            let other = async |stack: &Stack| {
                let is_on_its_way = office.head().await.going_live.is_some();
                does(stack, deed, &noticing(HOT, "third")).await;
                if is_on_its_way && deed == "push" {
                    assert_eq!(office.head().await.live_version, 3, "after {operations}");
                }
            };
            if !office.comes_between(operations, goes_live, other).await {
                assert!(operations > 10, "it has some operations to come between");
                break;
            }
            let head = office.head().await;
            assert_eq!((head.state, head.going_live), (state_after(deed), None), "{deed} after {operations}");
            let newest = if deed == "push" { 3 } else { 2 };
            // Who disables a flow gives up what is on its way.
            let is_switched = head.live_version >= 2 || deed == "disable";
            assert!(head.newest_version == newest && is_switched, "after {operations}: {head:?}");
            let versions = office.stack.flows.versions(head.id).await.expect("read");
            assert_eq!(versions.len(), newest as usize);
            if deed == "push" {
                office.can_be_pushed(&noticing(HOT, "fourth"), 4).await;
            }
        }
    }
}

#[tokio::test]
async fn a_flow_that_is_disabled_or_paused_while_it_catches_up_stays_so() {
    for deed in ["disable", "pause"] {
        for operations in 0.. {
            let office = Office::new().await;
            office.given_flow(&noticing("", "first")).await;
            lifecycle::pause(&office.stack, "notice").await.expect("paused");
            office.clock.advance(Duration::from_hours(1));
            lifecycle::resume(&office.stack, "notice").await.expect("resumed");
            poll::wake(&office.stack, UPDATED, "test").await.expect("woken");
            let polls = async |stack: &Stack| drop(pump::wakes(stack, UPDATED).await.expect("polled"));
            let other = async |stack: &Stack| does(stack, deed, "").await;
            if !office.comes_between(operations, polls, other).await {
                assert!(operations > 3, "it has some operations to come between");
                break;
            }
            assert_eq!(office.head().await.state, state_after(deed), "{deed} after {operations}");
        }
    }
}

#[tokio::test]
async fn a_flow_whose_head_has_lost_count_of_its_versions_can_be_pushed() {
    let office = Office::new().await;
    office.given_flow(&noticing("", "first")).await;
    office.can_be_pushed(&noticing("", "second"), 2).await;
    let lost = |head: FlowHead| Some(FlowHead { live_version: 1, newest_version: 1, ..head });
    office.stack.flows.change("notice", lost).await.expect("changed");
    office.can_be_pushed(&noticing("", "third"), 3).await;
}

#[tokio::test]
async fn a_head_that_was_kept_without_a_revision_can_be_changed_by_one_at_a_time() {
    let office = Office::new().await;
    office.given_flow(&noticing("", "first")).await;
    let key = Key::new("flows", "notice");
    let mut item = office.ports.table.get(&[key]).await.expect("the table").remove(0).expect("a head");
    let mut head: Value = serde_json::from_slice(&item.document).expect("JSON");
    head.as_object_mut().expect("an object").remove("revision").expect("it counts");
    item.document = head.to_string().into_bytes();
    item.fields.remove("revision").expect("it counts");
    office.ports.table.write(vec![Write::put(item, Condition::Always)]).await.expect("written");
    office.stack.flows.forget_heads();
    let pauses = async |stack: &Stack| drop(lifecycle::pause(stack, "notice").await.expect("paused"));
    let other = async |stack: &Stack| drop(push(stack, &noticing("", "second")).await);
    office.comes_between(3, pauses, other).await;
    let head = office.head().await;
    assert_eq!((head.state, head.live_version), (FlowState::Paused, 2));
}
