//! Flows are pushed, paused, resumed and disabled while their records change.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::ids::EventKey;
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowState;
use counterfoil::flow::{keep, lifecycle};
use counterfoil_sandbox::Fault;
use serde_json::{Map, json};

use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

const NAME: &str = "won-opportunity-to-invoice";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_won_during_a_pause_is_invoiced_once_after_it() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let (before, during, after) =
        (opportunity(&world, "Before"), opportunity(&world, "During"), opportunity(&world, "After"));
    win(&world, &before);
    world.settle().await;
    assert_eq!(world.invoices().len(), 1);

    lifecycle::pause(&world.stack, NAME).await.expect("paused");
    world.advance(Duration::from_secs(3_600));
    win(&world, &during);
    world.settle().await;
    assert_eq!(world.invoices().len(), 1, "nothing is noticed");

    world.advance(Duration::from_secs(3_600));
    lifecycle::resume(&world.stack, NAME).await.expect("resumed");
    win(&world, &after);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 3)]));
    assert_eq!(world.invoices().len(), 3);
    let head = world.stack.flows.named(NAME).await.expect("there");
    assert_eq!((head.state, head.catch_up_from), (FlowState::Enabled, None), "it has caught up");

    let last = opportunity(&world, "Last");
    win(&world, &last);
    world.settle().await;
    assert_eq!(world.invoices().len(), 4, "and goes on with the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_pause_reads_on_from_the_second_place() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    for name in ["First", "Second"] {
        lifecycle::pause(&world.stack, NAME).await.expect("paused");
        world.advance(Duration::from_secs(3_600));
        let deal = opportunity(&world, name);
        win(&world, &deal);
        world.settle().await;
        lifecycle::resume(&world.stack, NAME).await.expect("resumed");
        world.settle().await;
    }
    assert_eq!(world.invoices().len(), 2);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_during_a_pause_is_queued_once_also_where_nobody_else_listens() {
    let world = World::new().await;
    let accounts = "  type: salesforce.updated_record\n  object: Account\n  fields: [Id, Name]";
    world.given_flow(&noticing("notice", accounts)).await;
    world.settle().await;
    lifecycle::pause(&world.stack, "notice").await.expect("paused");
    world.advance(Duration::from_hours(1));
    for n in 0..3 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("During {n}")}));
    }
    world.advance(Duration::from_hours(1));
    lifecycle::resume(&world.stack, "notice").await.expect("resumed");
    let mut events = 0;
    for _ in 0..3 {
        world.advance(Duration::from_mins(1));
        events += world.poll().await.iter().map(|report| report.events).sum::<u32>();
    }
    assert_eq!(events, 3);
    world.sandbox.salesforce.insert("Account", json!({"Name": "After"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_catches_up_reads_nothing_twice_though_another_one_that_is_still_paused_shares_its_watch()
{
    let world = World::new().await;
    let accounts = "  type: salesforce.updated_record\n  object: Account\n  fields: [Id, Name]";
    for name in ["first", "second"] {
        world.given_flow(&noticing(name, accounts)).await;
    }
    world.settle().await;
    for name in ["first", "second"] {
        lifecycle::pause(&world.stack, name).await.expect("paused");
    }
    world.advance(Duration::from_hours(1));
    for n in 0..3 {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("During {n}")}));
    }
    world.advance(Duration::from_hours(60 * 24));
    let resumed = async |name: &str| {
        lifecycle::resume(&world.stack, name).await.expect("resumed");
        let mut events = 0;
        for _ in 0..3 {
            world.advance(Duration::from_mins(1));
            events += world.poll().await.iter().map(|report| report.events).sum::<u32>();
        }
        events
    };
    assert_eq!(resumed("first").await, 3);
    assert_eq!(resumed("second").await, 3, "it is told by itself, from where it was paused");
    world.sandbox.salesforce.insert("Account", json!({"Name": "After"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_won_while_a_flow_is_disabled_is_never_seen() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    lifecycle::disable(&world.stack, NAME).await.expect("disabled");
    let missed = opportunity(&world, "Missed");
    win(&world, &missed);
    world.settle().await;
    lifecycle::enable(&world.stack, NAME).await.expect("enabled");
    world.advance(Duration::from_secs(5));
    let seen = opportunity(&world, "Seen");
    win(&world, &seen);
    world.settle().await;
    assert_eq!(world.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_watches_for_something_else_takes_no_old_record_for_news() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let salesforce = &world.sandbox.salesforce;
    let old = opportunity(&world, "Old");
    salesforce.update("Opportunity", &old, json!({"StageName": "Closed Lost"}));
    world.settle().await;
    let lost = FLOW.replace("Closed Won", "Closed Lost");
    let pushed =
        lifecycle::push(&world.stack, NAME, "flow.yaml", &lost, BTreeMap::new()).await.expect("pushed");
    assert!(pushed.live_again.is_some());
    salesforce.update("Opportunity", &old, json!({"Name": "Still lost"}));
    world.settle().await;
    assert_eq!(world.invoices().len(), 0, "it was lost before");
    let new = opportunity(&world, "New");
    salesforce.update("Opportunity", &new, json!({"StageName": "Closed Lost"}));
    world.settle().await;
    assert_eq!(world.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_remembers_a_flow_as_disabled_runs_what_was_sent_after_it_was_enabled() {
    let world = World::new().await;
    let warm = world.another_process();
    let text = "flow: greeting\ntrigger: { type: manual }\nsteps:\n  - id: words\n    set: { text: Hello }\n";
    let flows = &world.stack.flows;
    let head = flows.push("greeting", "flow.yaml", text, BTreeMap::new()).await.expect("pushed");
    assert_eq!(warm.flows.named("greeting").await.expect("there").state, FlowState::Disabled);

    let live = lifecycle::enable(&world.stack, &head.name).await.expect("live");
    let (key, now) = (EventKey::new("1".to_owned()), world.stack.now());
    keep::start(&world.stack, &live, "manual", key, now, json!({})).await.expect("started");
    world.drain_by(&warm).await;

    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
    assert_eq!(world.runs().await[0].row.flow_name, "greeting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_can_not_go_live_leaves_the_one_before_and_the_next_push_is_no_repeat() {
    let world = World::new().await;
    let flow = |object: &str| {
        format!(
            "flow: notice\ntrigger:\n  type: salesforce.updated_record\n  object: {object}\n  fields: [Id, Name]\nsteps:\n  - set: {{ name: '{{{{ record.Name }}}}' }}\n"
        )
    };
    let push = async |text: String| {
        lifecycle::push(&world.stack, "notice", "flow.yaml", &text, BTreeMap::new()).await
    };
    push(flow("Account")).await.expect("pushed");
    lifecycle::enable(&world.stack, "notice").await.expect("enabled");
    world.advance(Duration::from_hours(24));
    world.sandbox.salesforce.insert("Contact", json!({"LastName": "Of yesterday"}));
    world.sandbox.salesforce.insert("Account", json!({"Name": "Noticed"}));
    world.advance(Duration::from_secs(60));

    let unavailable =
        Fault::status(503, json!([{"errorCode": "SERVER_UNAVAILABLE", "message": "Server Unavailable"}]));
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query", unavailable).always());
    push(flow("Contact")).await.expect_err("the org doesn't answer");
    let head = world.stack.flows.named("notice").await.expect("there");
    assert_eq!((head.state, head.live_version), (FlowState::Enabled, 1));

    world.sandbox.salesforce.faults().clear();
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1, "the version before goes on");
    let pushed = push(flow("Contact")).await.expect("pushed");
    assert!(!pushed.unchanged && pushed.live_again.is_some());
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1, "what was there before is no news");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_version_that_this_build_can_not_read_can_be_paused_and_replaced() {
    let world = World::new().await;
    let accounts = "  type: salesforce.updated_record\n  object: Account\n  fields: [Id, Name]";
    let good = noticing("notice", accounts);
    world.given_flow(&good).await;
    let of_another_build = noticing("notice", "  type: salesforce.replaced_record");
    let push = async |text: &str| {
        world.stack.flows.push("notice", "flow.yaml", text, BTreeMap::new()).await.expect("pushed");
    };
    push(&of_another_build).await;
    let pushed = lifecycle::push(&world.stack, "notice", "flow.yaml", &good, BTreeMap::new()).await;
    assert_eq!(pushed.expect("pushed").head.live_version, 3);
    push(&of_another_build).await;
    let back = lifecycle::roll_back(&world.stack, "notice", Some(1)).await.expect("rolled back");
    assert_eq!((back.head.live_version, back.head.state), (1, FlowState::Enabled));
    world.sandbox.salesforce.insert("Account", json!({"Name": "Noticed"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1);
    push(&of_another_build).await;
    let paused = lifecycle::pause(&world.stack, "notice").await.expect("paused");
    assert_eq!((paused.state, paused.catch_up_from), (FlowState::Paused, paused.live_from));
}

/// A flow that does nothing but take notice.
fn noticing(name: &str, trigger: &str) -> String {
    format!("flow: {name}\ntrigger:\n{trigger}\nsteps:\n  - set: {{ seen: yes }}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_flow_knew_before_it_was_disabled_counts_no_more_when_it_is_enabled_again() {
    let world = World::new().await;
    let changed = "  type: salesforce.updated_record\n  object: Account\n  fields: [Id]\n  changed: { Rating: { to: Hot } }";
    world.given_flow(&noticing("hot", changed)).await;
    let salesforce = &world.sandbox.salesforce;
    let id = salesforce.insert("Account", json!({"Name": "Acme", "Rating": "Hot"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1);

    lifecycle::disable(&world.stack, "hot").await.expect("disabled");
    salesforce.update("Account", &id, json!({"Rating": "Cold"}));
    world.settle().await;
    lifecycle::enable(&world.stack, "hot").await.expect("enabled");
    world.settle().await;
    salesforce.update("Account", &id, json!({"Rating": "Hot"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 2, "it was cold meanwhile, which nobody has seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_tells_of_new_records_only_takes_no_old_one_for_new() {
    let world = World::new().await;
    let push = async |options: &str| {
        let text = noticing("invoices", &format!("  type: xero.new_or_updated_invoice{options}"));
        lifecycle::push(&world.stack, "invoices", "flow.yaml", &text, BTreeMap::new()).await.expect("pushed")
    };
    let ledger = world.sandbox.xero.ledger();
    let contact = ledger.add_contact_named("Acme Ltd").expect("a contact").id;
    let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
    let fields = json!({"Type": "ACCREC", "Status": "DRAFT", "Contact": {"ContactID": contact},
        "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
    let old = ledger.add_invoice(fields).expect("an invoice");
    world.advance(Duration::from_secs(60));
    push("").await;
    lifecycle::enable(&world.stack, "invoices").await.expect("enabled");
    world.settle().await;
    assert!(push("\n  only: new").await.live_again.is_some(), "it watches for something else");
    world.settle().await;
    let edit = Map::from_iter([("Reference".to_owned(), json!("Edited"))]);
    ledger.edit_invoice(old.head.id, edit).expect("edited");
    world.settle().await;
    assert_eq!(world.runs().await.len(), 0);
}
