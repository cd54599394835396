//! Going live: what a flow must remember of what is there already, and what it must not remember of a life before; how
//! it goes on where it was when that takes longer than a process, or a day's calls, last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::domain::connection::Connection;
use counterfoil::domain::ids::{ConnectionId, EventKey};
use counterfoil::flow::flows::{FlowHead, FlowState};
use counterfoil::flow::lifecycle::Pushed;
use counterfoil::flow::poll::going_live::{self, Progress};
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{Stack, keep, lifecycle};
use counterfoil::ports::http::Method;
use counterfoil_sandbox::xero::{Contact, Invoice};
use counterfoil_sandbox::{Fault, Provider as _};
use serde_json::{Map, json};

use crate::main_job::{opportunity, win};
use crate::trouble::{Fatal, Life, mortal};
use crate::world::World;

const DAY: Duration = Duration::from_hours(24);
const WINS: &str = "type: salesforce.updated_record, object: Opportunity, fields: [Id, Name, Amount], \
                    changed: { StageName: { to: Closed Won } }";
const HOT: &str = "type: salesforce.updated_record, object: Account, fields: [Id, Name], \
                   changed: { Rating: { to: Hot } }";

/// A flow that does nothing but take notice.
fn noticing(name: &str, trigger: &str) -> String {
    format!("flow: {name}\ntrigger: {{ {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

fn invoices(options: &str) -> String {
    format!("type: xero.new_or_updated_invoice, {options}")
}

async fn push(stack: &Stack, name: &str, trigger: &str) -> Pushed {
    let text = noticing(name, trigger);
    lifecycle::push(stack, name, "flow.yaml", &text, BTreeMap::new()).await.expect("pushed")
}

async fn head(world: &World, name: &str) -> FlowHead {
    world.stack.flows.newest(name).await.expect("there")
}

async fn progress(world: &World, name: &str) -> Progress {
    let head = head(world, name).await;
    going_live::progress(&world.stack, &head).await.expect("read").expect("it is going live")
}

async fn runs_of(world: &World, flow: &str) -> Vec<StoredRun> {
    world.runs().await.into_iter().filter(|run| run.row.flow_name == flow).collect()
}

async fn seen(world: &World, flow: &str, field: &str) -> Vec<Value> {
    // The newest first.
    let record = |run: StoredRun| run.row.message.event.expect("an event").record;
    runs_of(world, flow).await.into_iter().map(|run| record(run)[field].clone()).collect()
}

/// Long enough for a second of its own, and for what was written to count as settled.
async fn later(world: &World) {
    world.settle().await;
    world.settle().await;
}

/// The keeper comes each minute.
async fn minutes(world: &World, count: usize) {
    for _ in 0..count {
        world.advance(Duration::from_mins(1));
        world.keep().await;
    }
}

fn contact(world: &World) -> Contact {
    world.sandbox.xero.ledger().add_contact_named("Acme Ltd").expect("a contact")
}

fn invoice(world: &World, contact: &Contact, status: &str, amount: &str) -> Invoice {
    let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200"});
    let fields = json!({"Type": "ACCREC", "Status": status, "Contact": {"ContactID": contact.id},
        "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
    world.sandbox.xero.ledger().add_invoice(fields).expect("an invoice")
}

fn edit(world: &World, invoice: &Invoice, field: &str, value: &str) {
    let fields = Map::from_iter([(field.to_owned(), value.into())]);
    world.sandbox.xero.ledger().edit_invoice(invoice.head.id, fields).expect("edited");
}

fn quote(world: &World, contact: &Contact) -> String {
    let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
    let fields = json!({"Contact": {"ContactID": contact.id}, "Date": "2026-11-20", "LineItems": [line]});
    world.sandbox.xero.ledger().add_quote(fields).expect("a quote").to_string()
}

/// A thousand quotes, ten a second: Xero gives a hundred a call.
fn a_thousand_quotes(world: &World, contact: &Contact) -> Vec<String> {
    let mut quotes = Vec::new();
    for _ in 0..100 {
        quotes.extend((0..10).map(|_| quote(world, contact)));
        world.advance(Duration::from_secs(1));
    }
    // No poll's overlap reads them again.
    world.advance(Duration::from_mins(15));
    quotes
}

/// The books' day has so many calls.
async fn small_books(world: &World, daily_limit: u32) {
    let id = ConnectionId::from("books");
    let books = world.stack.connections.get(&id).await.expect("read").expect("there");
    let small = Connection { daily_limit: Some(daily_limit), ..(*books).clone() };
    world.stack.connections.save(&small).await.expect("saved");
}

fn calls_for_quotes(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.path.ends_with("/Quotes")).count()
}

// ------------------------------------------------------------ what is known

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_invoice_that_becomes_paid_is_an_update_for_a_flow_of_paid_ones_only() {
    let world = World::new().await;
    let acme = contact(&world);
    let old = invoice(&world, &acme, "AUTHORISED", "100");
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("paid", &invoices("only: updated, status: PAID"))).await;
    let new = invoice(&world, &acme, "AUTHORISED", "100");
    later(&world).await;
    for invoice in [&old, &new] {
        world.sandbox.xero.ledger().pay_invoice(invoice.head.id).expect("paid");
        later(&world).await;
    }
    assert_eq!(seen(&world, "paid", "InvoiceNumber").await, [json!(new.head.number), json!(old.head.number)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_is_asked_of_updates_only_and_a_record_that_comes_into_it_is_told_of() {
    let world = World::new().await;
    let acme = contact(&world);
    let (old, other) = (invoice(&world, &acme, "DRAFT", "100"), invoice(&world, &acme, "DRAFT", "100"));
    world.advance(Duration::from_secs(5));
    let large = invoices("only: updated, status: AUTHORISED, where: 'Reference == \"large\"'");
    world.given_flow(&noticing("large", &large)).await;
    world.given_flow(&noticing("all", &invoices("only: updated"))).await;
    world.sandbox.xero.harness().counters.clear();
    edit(&world, &other, "Reference", "small");
    edit(&world, &old, "Reference", "large");
    later(&world).await;
    assert_eq!(seen(&world, "large", "InvoiceNumber").await, Vec::<Value>::new(), "a draft");
    for invoice in [&old, &other] {
        edit(&world, invoice, "Status", "AUTHORISED");
    }
    later(&world).await;
    assert_eq!(seen(&world, "large", "InvoiceNumber").await, [json!(old.head.number)]);
    assert_eq!(runs_of(&world, "all").await.len(), 4);
    let asked = world.sandbox.xero.calls().into_iter().filter(|call| call.path.ends_with("/Invoices"));
    let (with_ids, polls): (Vec<_>, Vec<_>) = asked.partition(|call| call.query.contains("IDs="));
    assert_eq!((with_ids.len(), polls.len()), (1, 4), "they share a poll, and `where` is asked once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_draft_that_is_approved_is_not_new_and_a_new_one_is_when_it_is_approved() {
    let world = World::new().await;
    let acme = contact(&world);
    let old = invoice(&world, &acme, "DRAFT", "100");
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("new", &invoices("only: new, status: AUTHORISED"))).await;
    let new = invoice(&world, &acme, "DRAFT", "100");
    later(&world).await;
    for invoice in [&old, &new] {
        edit(&world, invoice, "Status", "AUTHORISED");
        later(&world).await;
        edit(&world, invoice, "Reference", "as agreed");
        later(&world).await;
    }
    assert_eq!(seen(&world, "new", "InvoiceNumber").await, [json!(new.head.number)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_tells_of_other_events_knows_what_is_there() {
    for (only, told) in [("new", 0), ("updated", 1)] {
        let world = World::new().await;
        let acme = contact(&world);
        let old = invoice(&world, &acme, "AUTHORISED", "100");
        world.advance(Duration::from_secs(5));
        world.given_flow(&noticing("invoices", &invoices("only: both"))).await;
        let pushed = push(&world.stack, "invoices", &invoices(&format!("only: {only}"))).await;
        assert!(pushed.live_again.is_some(), "{only}");
        world.advance(Duration::from_secs(5));
        edit(&world, &old, "Reference", "edited");
        later(&world).await;
        assert_eq!(runs_of(&world, "invoices").await.len(), told, "{only}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_flow_that_is_to_watch_for_something_else_takes_no_old_record_for_news() {
    let world = World::new().await;
    let (old, new) = (opportunity(&world, "Old"), opportunity(&world, "New"));
    let lose =
        |id: &str| world.sandbox.salesforce.update("Opportunity", id, json!({"StageName": "Closed Lost"}));
    lose(&old);
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("deals", WINS)).await;
    lifecycle::pause(&world.stack, "deals").await.expect("paused");
    let losses = WINS.replace("Closed Won", "Closed Lost");
    assert_eq!(push(&world.stack, "deals", &losses).await.head.state, FlowState::Paused);
    world.advance(Duration::from_secs(5));
    world.sandbox.salesforce.update("Opportunity", &old, json!({"Name": "Still lost"}));
    lose(&new);
    later(&world).await;
    assert_eq!(world.runs().await.len(), 0, "it is paused");
    lifecycle::resume(&world.stack, "deals").await.expect("resumed");
    later(&world).await;
    assert_eq!(seen(&world, "deals", "Id").await, [json!(new)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_remembered_before_a_flow_was_disabled_counts_no_more() {
    let world = World::new().await;
    let deal = opportunity(&world, "Desks");
    world.given_flow(&noticing("wins", WINS)).await;
    win(&world, &deal);
    later(&world).await;
    assert_eq!(runs_of(&world, "wins").await.len(), 1);
    lifecycle::disable(&world.stack, "wins").await.expect("disabled");
    let stage = json!({"StageName": "Negotiation/Review"});
    world.sandbox.salesforce.update("Opportunity", &deal, stage);
    later(&world).await;
    lifecycle::enable(&world.stack, "wins").await.expect("enabled");
    world.advance(Duration::from_secs(5));
    win(&world, &deal);
    later(&world).await;
    assert_eq!(runs_of(&world, "wins").await.len(), 2, "won again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_deal_that_comes_into_where_was_won_long_ago() {
    let world = World::new().await;
    let (old, open) = (opportunity(&world, "Old"), opportunity(&world, "Open"));
    let amount = |id: &str, amount: u32| {
        world.sandbox.salesforce.update("Opportunity", id, json!({"NextStep": amount.to_string()}));
    };
    [&old, &open].into_iter().for_each(|id| amount(id, 500));
    win(&world, &old);
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("wins", &format!("{WINS}, where: NextStep = '2000'"))).await;
    [&old, &open].into_iter().for_each(|id| amount(id, 2_000));
    later(&world).await;
    assert_eq!(runs_of(&world, "wins").await.len(), 0);
    win(&world, &open);
    later(&world).await;
    assert_eq!(seen(&world, "wins", "Name").await.len(), 1, "and what is won now is told of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_invoice_that_comes_into_where_was_paid_long_ago() {
    let world = World::new().await;
    let acme = contact(&world);
    let old = invoice(&world, &acme, "AUTHORISED", "100");
    world.sandbox.xero.ledger().pay_invoice(old.head.id).expect("paid");
    world.advance(Duration::from_secs(5));
    let paid = invoices("changed: { Status: { to: PAID } }, where: 'Reference == \"ours\"'");
    world.given_flow(&noticing("paid", &paid)).await;
    edit(&world, &old, "Reference", "ours");
    later(&world).await;
    assert_eq!(runs_of(&world, "paid").await.len(), 0);
}

// ------------------------------------------------------------ where it was

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_has_too_much_to_read_for_a_days_calls_goes_live_the_day_after_and_tells_what_happened_meanwhile()
 {
    let world = World::new().await;
    let acme = contact(&world);
    let old = a_thousand_quotes(&world, &acme);
    small_books(&world, 10).await;
    push(&world.stack, "quotes", "type: xero.new_or_updated_quote, only: new").await;
    let began = lifecycle::enable(&world.stack, "quotes").await.expect("begun");
    assert!(began.going_live.is_some() && began.state == FlowState::Disabled);
    let first = progress(&world, "quotes").await;
    assert!(first.read >= 400 && first.waits.is_some_and(|waits| waits.failure.code == "bulk_share"));

    let refused = lifecycle::pause(&world.stack, "quotes").await.expect_err("is refused").failure();
    assert_eq!(refused.code, "going_live");
    let new = quote(&world, &acme);
    for id in [&old[5], &old[995]] {
        let fields = json!({"Title": "Desks", "Date": "2026-11-20"}).as_object().cloned().expect("fields");
        world.sandbox.xero.ledger().edit_quote(id.parse().expect("an id"), fields).expect("edited");
    }
    let mut days = 0;
    while head(&world, "quotes").await.state != FlowState::Enabled {
        minutes(&world, 2).await;
        assert_eq!(world.runs().await.len(), 0, "nothing is noticed yet");
        world.advance(DAY);
        days += 1;
        assert!(days < 5, "{:?}", progress(&world, "quotes").await);
    }
    // A hundred a call, of which the last second is read again; the provider's time; and where a day ended.
    let calls = calls_for_quotes(&world);
    assert!((12..=17).contains(&calls), "{calls}");
    for _ in 0..3 {
        later(&world).await;
        world.advance(DAY);
    }
    assert_eq!(seen(&world, "quotes", "QuoteID").await, [json!(new)]);
    let head = head(&world, "quotes").await;
    assert_eq!((head.going_live, head.catch_up_from), (None, None), "and shares the poll of the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_takes_days_to_go_live_leaves_the_one_before_at_work_and_can_be_given_up() {
    let world = World::new().await;
    let acme = contact(&world);
    a_thousand_quotes(&world, &acme);
    small_books(&world, 12).await;
    world.given_flow(&noticing("quotes", "type: xero.new_or_updated_quote")).await;
    let only_new = "type: xero.new_or_updated_quote, only: new";
    let pushed = push(&world.stack, "quotes", only_new).await;
    assert_eq!((pushed.live_again, pushed.head.live_version), (None, 1));
    assert_eq!(progress(&world, "quotes").await.version, 2);
    let first = quote(&world, &acme);
    later(&world).await;
    assert_eq!(seen(&world, "quotes", "QuoteID").await, [json!(first)], "the version before tells of it");

    // The same text again, and one that watches for the same, go on where it is.
    let read = progress(&world, "quotes").await.read;
    push(&world.stack, "quotes", only_new).await;
    let text = noticing("quotes", only_new).replace("seen: yes", "seen: no");
    let third = lifecycle::push(&world.stack, "quotes", "flow.yaml", &text, BTreeMap::new()).await;
    assert!(third.expect("pushed").live_again.is_none());
    assert!(progress(&world, "quotes").await.read >= read && progress(&world, "quotes").await.version == 3);

    let back = lifecycle::roll_back(&world.stack, "quotes", None).await.expect("rolled back");
    assert_eq!(
        (back.head.going_live, back.head.live_version, back.head.state),
        (None, 1, FlowState::Enabled)
    );
    world.advance(DAY);
    minutes(&world, 3).await;
    assert_eq!(head(&world, "quotes").await.live_version, 1, "nobody goes on with it");

    // Paused meanwhile, it is live when it is resumed, and tells of what happened since it began.
    push(&world.stack, "quotes", only_new).await;
    lifecycle::pause(&world.stack, "quotes").await.expect("paused");
    let second = quote(&world, &acme);
    for _ in 0..4 {
        world.advance(DAY);
        minutes(&world, 2).await;
    }
    let live = head(&world, "quotes").await;
    assert_eq!((live.state, live.going_live), (FlowState::Paused, None));
    assert_eq!(live.live_from, live.catch_up_from);
    lifecycle::resume(&world.stack, "quotes").await.expect("resumed");
    for _ in 0..2 {
        later(&world).await;
        world.advance(DAY);
    }
    let told: BTreeSet<String> =
        seen(&world, "quotes", "QuoteID").await.iter().map(ToString::to_string).collect();
    assert_eq!(told, [first, second].map(|id| json!(id).to_string()).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_disabled_on_its_way_is_gone_on_with_by_nobody_and_begins_anew() {
    let world = World::new().await;
    let acme = contact(&world);
    a_thousand_quotes(&world, &acme);
    small_books(&world, 10).await;
    push(&world.stack, "quotes", "type: xero.new_or_updated_quote, only: new").await;
    lifecycle::enable(&world.stack, "quotes").await.expect("begun");
    let first = push(&world.stack, "quotes", "type: xero.new_or_updated_quote, only: updated").await.head;
    assert_eq!(
        (first.live_version, first.newest_life),
        (2, 2),
        "what it watches for is to be live, and no other"
    );
    assert_eq!(progress(&world, "quotes").await.version, 2);
    lifecycle::disable(&world.stack, "quotes").await.expect("disabled");
    world.advance(DAY);
    let before = calls_for_quotes(&world);
    minutes(&world, 3).await;
    assert_eq!(calls_for_quotes(&world), before);
    assert_eq!(head(&world, "quotes").await.going_live, None);
    let second = lifecycle::enable(&world.stack, "quotes").await.expect("begun");
    assert_ne!(first.next_life(), second.next_life(), "what was remembered is not believed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_at_any_operation_while_a_flow_goes_live_loses_and_doubles_nothing() {
    let mut operations = 0;
    loop {
        let world = World::with(|settings| settings.salesforce.page_size = 2).await;
        let salesforce = &world.sandbox.salesforce;
        let hot: Vec<String> = (0..5)
            .map(|n| salesforce.insert("Account", json!({"Name": format!("Hot {n}"), "Rating": "Hot"})))
            .collect();
        let cold = salesforce.insert("Account", json!({"Name": "Cold", "Rating": "Cold"}));
        world.advance(Duration::from_secs(5));
        push(&world.stack, "hot", HOT).await;
        let life = Life::of(operations);
        let stack = mortal(&world, &life);
        let lived = world.flowing(life.live(lifecycle::enable(&stack, "hot"))).await.is_some();
        world.advance(Duration::from_secs(5));
        let began = head(&world, "hot").await;
        let is_on = began.going_live.is_some() || began.state == FlowState::Enabled;
        if is_on {
            salesforce.update("Account", &cold, json!({"Rating": "Hot"}));
        }
        minutes(&world, 4).await;
        if !is_on {
            world.flowing(lifecycle::enable(&world.stack, "hot")).await.expect("enabled");
            world.advance(Duration::from_secs(5));
            salesforce.update("Account", &cold, json!({"Rating": "Hot"}));
        }
        assert_eq!(head(&world, "hot").await.state, FlowState::Enabled, "died after {operations}");
        for id in &hot {
            salesforce.update("Account", id, json!({"Phone": "1"}));
        }
        later(&world).await;
        assert_eq!(seen(&world, "hot", "Name").await, ["Cold"], "died after {operations}");
        if lived {
            return;
        }
        operations += 1;
    }
}

/// A process begins to go live with the flow, and dies between two pages.
async fn dies_on_the_way(world: &World, flow: &str) {
    let life = Life::until(Fatal::Before(Method::Get, "/query/"));
    let stack = mortal(world, &life);
    assert!(world.flowing(life.live(lifecycle::enable(&stack, flow))).await.is_none(), "it dies");
    assert!(head(world, flow).await.going_live.is_some());
}

/// The flow `hot` is on its way to become live, beside `first` that listens to the same object; a minute after it began, the
/// account `Meanwhile` was made.
async fn on_its_way_beside_another() -> World {
    let world = World::with(|settings| settings.salesforce.page_size = 2).await;
    let salesforce = &world.sandbox.salesforce;
    for n in 0..5 {
        salesforce.insert("Account", json!({"Name": format!("Hot {n}"), "Rating": "Hot"}));
    }
    world.advance(Duration::from_secs(5));
    let updated = "type: salesforce.updated_record, object: Account, fields: [Id, Name]";
    world.given_flow(&noticing("first", updated)).await;
    push(&world.stack, "hot", HOT).await;
    dies_on_the_way(&world, "hot").await;
    world.advance(Duration::from_mins(1));
    salesforce.insert("Account", json!({"Name": "Meanwhile", "Rating": "Hot"}));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_a_flow_takes_long_to_go_live_is_told_also_where_others_share_the_poll() {
    for minutes_to_go in [25, 300] {
        let world = on_its_way_beside_another().await;
        world.advance(Duration::from_mins(minutes_to_go));
        world.settle().await;
        minutes(&world, 2).await;
        later(&world).await;
        later(&world).await;
        for flow in ["first", "hot"] {
            assert_eq!(seen(&world, flow, "Name").await, ["Meanwhile"], "{flow}, {minutes_to_go} min");
        }
        world.sandbox.salesforce.counters().clear();
        later(&world).await;
        let asked = world.sandbox.salesforce.calls();
        assert_eq!(asked.iter().filter(|call| call.path.ends_with("/query")).count(), 2, "they share it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_paused_before_its_first_poll_keeps_what_happened_while_it_went_live() {
    let world = on_its_way_beside_another().await;
    for _ in 0..5 {
        world.advance(Duration::from_mins(9));
        world.settle().await;
    }
    minutes(&world, 2).await;
    let paused = lifecycle::pause(&world.stack, "hot").await.expect("paused");
    assert_eq!(paused.catch_up_from, paused.live_from, "the poll of the others has told it of nothing");
    world.advance(Duration::from_mins(5));
    lifecycle::resume(&world.stack, "hot").await.expect("resumed");
    later(&world).await;
    assert_eq!(seen(&world, "hot", "Name").await, ["Meanwhile"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_our_own_effects_write_while_a_flow_goes_live_is_no_news_to_it() {
    let world = World::with(|settings| settings.salesforce.page_size = 1).await;
    let closing = world
        .given_flow(
            "flow: closing\ntrigger: { type: http.webhook }\nsteps:\n  - action: salesforce.update_record\n    \
             with: { object: Opportunity, id: '{{ record.id }}', fields: { StageName: Closed Won } }\n",
        )
        .await;
    let deals = ["First", "Second", "Ours"].map(|name| opportunity(&world, name));
    deals[..2].iter().for_each(|id| win(&world, id));
    world.advance(Duration::from_secs(5));
    push(&world.stack, "wins", WINS).await;
    dies_on_the_way(&world, "wins").await;
    world.advance(Duration::from_secs(10));
    let event = json!({"id": deals[2]});
    let (key, now) = (EventKey::new("one"), world.stack.now());
    keep::start(&world.stack, &closing, "http.webhook", key, now, event).await.expect("started");
    world.drain().await;
    assert_eq!(
        world.sandbox.salesforce.get("Opportunity", &deals[2]).expect("there")["StageName"],
        "Closed Won"
    );
    minutes(&world, 4).await;
    assert_eq!(head(&world, "wins").await.state, FlowState::Enabled);
    later(&world).await;
    assert_eq!(runs_of(&world, "wins").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_on_the_way_is_given_up_and_the_version_before_remembers_what_it_did() {
    let world = World::with(|settings| settings.salesforce.page_size = 2).await;
    let deals = ["First", "Second", "Third"].map(|name| opportunity(&world, name));
    deals.iter().for_each(|id| win(&world, id));
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("wins", WINS)).await;
    let before = head(&world, "wins").await;
    let gone =
        json!([{"errorCode": "INVALID_TYPE", "message": "sObject type 'Opportunity' is not supported."}]);
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query/", Fault::status(400, gone)));
    let other = noticing("wins", &WINS.replace("{ to: Closed Won }", "{ from: Negotiation/Review }"));
    let refused = lifecycle::push(&world.stack, "wins", "flow.yaml", &other, BTreeMap::new()).await;
    refused.expect_err("is refused");
    let after = head(&world, "wins").await;
    assert_eq!((after.life(), after.going_live, after.live_version), (before.life(), None, 1));
    deals.iter().for_each(|id| {
        world.sandbox.salesforce.update("Opportunity", id, json!({"NextStep": "Invoice it"}));
    });
    later(&world).await;
    assert_eq!(runs_of(&world, "wins").await.len(), 0, "they were won before");
}
