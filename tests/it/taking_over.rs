//! Another version takes over from one that is live: what the one before had yet to read isn't lost between the two, and
//! where it is, that is said.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::flow::backfill::{self, Wish};
use counterfoil::flow::lifecycle::{self, Pushed};
use counterfoil::flow::poll;
use counterfoil_sandbox::xero::Invoice;
use counterfoil_sandbox::{Fault, Provider as _};
use serde_json::json;

use crate::passing;
use crate::world::World;

const INVOICES: &str = "type: xero.new_or_updated_invoice";
const ACCOUNTS: &str = "type: salesforce.updated_record, object: Account, fields: [Id, Name]";

/// A flow that does nothing but take notice.
fn noticing(trigger: &str) -> String {
    format!("flow: notice\ntrigger: {{ {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

async fn push(world: &World, trigger: &str) -> Pushed {
    let text = noticing(trigger);
    lifecycle::push(&world.stack, "notice", "flow.yaml", &text, BTreeMap::new()).await.expect("pushed")
}

async fn seen(world: &World, field: &str) -> Vec<Value> {
    let runs = world.runs().await.into_iter();
    runs.map(|run| run.row.message.event.expect("an event").record[field].clone()).collect()
}

fn approved(world: &World) -> Invoice {
    let ledger = world.sandbox.xero.ledger();
    let contact = ledger.add_contact_named("Acme Ltd").expect("a contact").id;
    let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
    let fields = json!({"Type": "ACCREC", "Status": "AUTHORISED", "Contact": {"ContactID": contact},
        "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
    ledger.add_invoice(fields).expect("an invoice")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_was_approved_between_the_last_poll_and_a_push_with_another_status_is_told_of_once() {
    for (before, after) in [
        ("status: AUTHORISED", "status: [AUTHORISED, PAID]"),
        ("only: new, status: AUTHORISED", "only: new"),
        ("only: new", "only: new, status: [AUTHORISED, PAID]"),
    ] {
        let world = World::new().await;
        world.given_flow(&noticing(&format!("{INVOICES}, {before}"))).await;
        world.settle().await;
        world.advance(Duration::from_mins(3));
        let invoice = approved(&world);
        world.advance(Duration::from_mins(1));
        let pushed = push(&world, &format!("{INVOICES}, {after}")).await;
        assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
        for _ in 0..3 {
            world.settle().await;
        }
        assert_eq!(seen(&world, "InvoiceNumber").await, [json!(invoice.head.number)], "{before}, {after}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_flow_has_yet_to_catch_up_with_is_told_of_by_the_version_that_takes_over() {
    let industry = |condition: &str| format!("{ACCOUNTS}, where: \"Industry {condition}\"");
    for is_resumed in [true, false] {
        let world = World::new().await;
        world.given_flow(&noticing(&industry("= 'Energy'"))).await;
        world.settle().await;
        lifecycle::pause(&world.stack, "notice").await.expect("paused");
        world.advance(Duration::from_mins(5));
        world.sandbox.salesforce.insert("Account", json!({"Name": "Volt", "Industry": "Energy"}));
        world.advance(Duration::from_hours(5));
        if is_resumed {
            lifecycle::resume(&world.stack, "notice").await.expect("resumed");
        }
        let pushed = push(&world, &industry("IN ('Energy', 'Media')")).await;
        assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
        lifecycle::resume(&world.stack, "notice").await.expect("resumed");
        for _ in 0..3 {
            world.settle().await;
        }
        assert_eq!(seen(&world, "Name").await, ["Volt"]);
        let head = world.stack.flows.newest("notice").await.expect("there");
        assert_eq!(head.catch_up_from, None, "it has caught up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_neither_version_tells_of_is_said() {
    let world = World::new().await;
    let rated = |rating: &str| format!("{ACCOUNTS}, changed: {{ Rating: {{ to: {rating} }} }}");
    world.given_flow(&noticing(&rated("Hot"))).await;
    world.settle().await;
    let polled = world.clock_now();
    world.advance(Duration::from_mins(3));
    let pushed = push(&world, &rated("[Hot, Warm]")).await;
    let (since, until) = (pushed.passed_over.expect("said"), pushed.live_again.expect("live"));
    assert!(since < polled && polled.duration_since(since) < jiff::SignedDuration::from_secs(5));
    assert!(until.duration_since(polled) > jiff::SignedDuration::from_secs(178));
    let same = noticing(&rated("[Hot, Warm]")).replace("yes", "no");
    let pushed = lifecycle::push(&world.stack, "notice", "flow.yaml", &same, BTreeMap::new()).await;
    assert_eq!(pushed.expect("pushed").passed_over, None, "it goes on as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_done_about_what_neither_tells_of_is_said_and_can_be_done() {
    let changed = |change: &str| format!("{ACCOUNTS}, changed: {{ Rating: {{ {change} }} }}");
    let (won, leaves) = (changed("to: [Hot, Warm]"), changed("from: Hot"));
    let backfill = "`counterfoil flow backfill notice --since 2026-11-22T10:";
    let resume = format!("`counterfoil flow resume notice` and then {backfill}");
    for (after, is_paused, way) in [
        (won.as_str(), false, backfill),
        (won.as_str(), true, resume.as_str()),
        (leaves.as_str(), false, "no backfill finds it: `notice` fires when a value changes"),
        ("type: http.webhook", false, "no backfill finds it: http.webhook has no past"),
    ] {
        let world = World::new().await;
        world.given_flow(&noticing(&changed("to: Hot"))).await;
        world.settle().await;
        if is_paused {
            lifecycle::pause(&world.stack, "notice").await.expect("paused");
        }
        world.advance(Duration::from_mins(3));
        let pushed = push(&world, after).await;
        let since = pushed.passed_over.expect("said");
        let compiled = lifecycle::live(&world.stack, &pushed.head).await.expect("there");
        let said = backfill::way_to(&world.stack, &pushed.head, &compiled, since);
        assert!(said.starts_with(way), "{said}");
        if is_paused {
            lifecycle::resume(&world.stack, "notice").await.expect("resumed");
        }
        let begun = backfill::start(&world.stack, "notice", &Wish { since, until: None, share: 20 }).await;
        assert_eq!(begun.is_ok(), said.contains("flow backfill"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_committed_after_the_last_poll_of_the_version_before_is_told_of_by_the_new_one() {
    let world = World::new().await;
    let industry = |condition: &str| format!("{ACCOUNTS}, where: \"Industry {condition}\"");
    world.given_flow(&noticing(&industry("= 'Energy'"))).await;
    world.settle().await;
    world.advance(Duration::from_mins(30));
    let salesforce = &world.sandbox.salesforce;
    salesforce.insert("Account", json!({"Name": "In time", "Industry": "Energy"}));
    salesforce.insert_late("Account", json!({"Name": "Late", "Industry": "Energy"}), 15).expect("taken");
    world.settle().await;
    assert_eq!(seen(&world, "Name").await, ["In time"]);
    world.advance(Duration::from_secs(20));
    let pushed = push(&world, &industry("IN ('Energy', 'Media')")).await;
    assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
    for _ in 0..3 {
        world.settle().await;
    }
    assert_eq!(seen(&world, "Name").await, ["Late", "In time"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_flow_left_out_within_minutes_of_going_live_is_told_of_by_the_version_that_wants_it() {
    let world = World::new().await;
    let updated = |status: &str| format!("{INVOICES}, only: updated, status: {status}");
    let invoice = approved(&world);
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing(&updated("AUTHORISED"))).await;
    world.sandbox.xero.ledger().pay_invoice(invoice.head.id).expect("paid");
    world.settle().await;
    assert_eq!(seen(&world, "Status").await.len(), 0, "it is paid, which the flow leaves out");
    push(&world, &updated("[AUTHORISED, PAID]")).await;
    for _ in 0..3 {
        world.settle().await;
    }
    assert_eq!(seen(&world, "Status").await, ["PAID"]);
}

/// It has read a part of what it was paused for when the books are not available.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_goes_on_where_a_flow_has_caught_up_to_passes_nothing_over() {
    const QUOTES: usize = 101;
    let world = World::new().await;
    let quotes = |status: &str| format!("type: xero.new_or_updated_quote, only: updated, status: {status}");
    let ledger = world.sandbox.xero.ledger();
    let contact = ledger.add_contact_named("Acme Ltd").expect("a contact").id;
    let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
    let fields = json!({"Contact": {"ContactID": contact}, "Date": "2026-11-20", "LineItems": [line]});
    let ids: Vec<_> = (0..QUOTES).map(|_| ledger.add_quote(fields.clone()).expect("a quote")).collect();
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing(&quotes("DRAFT"))).await;
    world.settle().await;
    lifecycle::pause(&world.stack, "notice").await.expect("paused");
    world.advance(Duration::from_hours(96));
    for id in &ids {
        let fields = json!({"Title": "Desks", "Date": "2026-11-20"}).as_object().cloned().expect("fields");
        world.sandbox.xero.ledger().edit_quote(*id, fields).expect("edited");
        world.advance(Duration::from_secs(1));
    }
    lifecycle::resume(&world.stack, "notice").await.expect("resumed");
    let unavailable = Fault::on("GET", "/Quotes", Fault::status(503, json!({}))).skip(1).always();
    world.sandbox.xero.harness().faults.add(unavailable);
    world.poll().await;
    world.sandbox.xero.harness().faults.clear();
    let head = world.stack.flows.newest("notice").await.expect("there");
    let from = head.catch_up_from.expect("it has not caught up");
    let compiled = lifecycle::live(&world.stack, &head).await.expect("there");
    let standing = poll::standing(&world.stack, &head, &compiled).await.expect("read").expect("is polled");
    let read = standing.read_up_to.expect("in part").duration_since(from);
    assert!(standing.failed.is_some() && read > jiff::SignedDuration::from_hours(90), "{read}");
    world.advance(Duration::from_mins(5));
    // Which of what has changed lately is new, Xero says one by one: that takes more than a minute's calls.
    let (tick, step) = (Duration::from_millis(1), Duration::from_millis(200));
    let after = quotes("[DRAFT, SENT]");
    let pushing = push(&world, &after);
    let pushed = passing::by_ticks(&world.clock, tick, step, pushing).await;
    assert!(pushed.live_again.is_some() && pushed.passed_over.is_none(), "{pushed:?}");
    for _ in 0..4 {
        world.settle().await;
        world.advance(Duration::from_mins(5));
    }
    assert_eq!(seen(&world, "QuoteID").await.len(), QUOTES);
}
