//! Backfills: what happened before a flow went live, each once, within its share, resumed wherever it was cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::event::RunMessage;
use counterfoil::domain::run::Status;
use counterfoil::flow::backfill::{self, AT_ONCE, Progress, State, Wish};
use counterfoil::flow::{FlowError, Stack, lifecycle};
use counterfoil::ports::queue::{QueueName, Settle};
use counterfoil_sandbox::Fault;
use jiff::Timestamp;
use serde_json::json;

use crate::main_job::{FLOW, opportunity, win};
use crate::trouble::{Life, each_is_invoiced_once, mortal};
use crate::world::World;

const MAIN: &str = "won-opportunity-to-invoice";
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn noticing(trigger: &str) -> String {
    format!("flow: notice\ntrigger: {{ type: {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

const UPDATED: &str = "salesforce.updated_record, object: Account, fields: [Id, Name]";

/// Everything from before the world began.
fn wish(share: u8) -> Wish {
    Wish { since: "2026-01-01T00:00:00Z".parse().expect("an instant"), until: None, share }
}

async fn start(world: &World, flow: &str, wish: &Wish) {
    backfill::start(&world.stack, flow, wish).await.expect("started");
}

async fn progress(world: &World, flow: &str) -> Progress {
    backfill::progress(&world.stack, flow).await.expect("read").expect("there")
}

/// The keeper and the queues, minute by minute, until the backfill has ended.
async fn goes_on(world: &World, stack: &Stack, flow: &str, minutes: u32) -> Progress {
    for _ in 0..minutes {
        world.advance(Duration::from_secs(60));
        let deadline = world.clock_now() + stack.times.function;
        world.flowing(counterfoil::flow::keep::keep(stack, deadline)).await.expect("kept");
        world.drain_by(stack).await;
        let progress = progress(world, flow).await;
        if progress.state != State::Running {
            return progress;
        }
    }
    progress(world, flow).await
}

fn accounts(world: &World, count: usize, name: &str) {
    for n in 0..count {
        world.sandbox.salesforce.insert("Account", json!({"Name": format!("{name} {n:04}")}));
    }
}

async fn names(world: &World) -> Vec<String> {
    let runs = world.runs().await.into_iter();
    let record = runs.map(|run| run.row.message.event.expect("an event").record);
    record.map(|record| record["Name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn code(error: FlowError) -> String {
    error.failure().code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_records_run_once_each_and_what_ran_live_runs_no_second_time() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    accounts(&world, 450, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    accounts(&world, 10, "Live");
    world.settle().await;
    assert_eq!(world.runs().await.len(), 10);
    world.advance(DAY);
    world.settle().await;

    start(&world, "notice", &wish(20)).await;
    let done = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!(done.state, State::Done);
    assert_eq!((done.expected, done.looked_at), (Some(460), 460));
    assert_eq!((done.found, done.ran_before, done.queued, done.remaining), (460, 10, 450, 0));
    assert_eq!(done.ended, BTreeMap::from([(Status::Succeeded, 450)]));
    let names = names(&world).await;
    assert_eq!((names.len(), names.iter().collect::<BTreeSet<_>>().len()), (460, 460));

    start(&world, "notice", &wish(20)).await;
    let again = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!((again.state, again.ran_before, again.queued), (State::Done, 460, 0));
    assert_eq!(world.runs().await.len(), 460);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_changed_between_the_two_days_is_looked_at() {
    let world = World::new().await;
    let mut borders: Vec<Timestamp> = Vec::new();
    for name in ["Before", "Between", "After"] {
        accounts(&world, 3, name);
        world.advance(DAY);
        borders.push(world.clock_now());
    }
    world.given_flow(&noticing(UPDATED)).await;
    let wish = Wish { since: borders[0], until: Some(borders[1]), share: 20 };
    start(&world, "notice", &wish).await;
    assert_eq!(goes_on(&world, &world.stack, "notice", 5).await.state, State::Done);
    let names: BTreeSet<String> = names(&world).await.into_iter().collect();
    assert_eq!(names, ["Between 0000", "Between 0001", "Between 0002"].map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_won_already_is_invoiced_once_and_fires_live_only_after_it_was_lost() {
    let world = World::new().await;
    let (won, open) = (opportunity(&world, "Won"), opportunity(&world, "Open"));
    win(&world, &won);
    world.advance(DAY);
    world.given_flow(FLOW).await;
    let live = opportunity(&world, "Live");
    win(&world, &live);
    world.settle().await;
    assert_eq!(world.invoices().len(), 1);

    start(&world, MAIN, &wish(20)).await;
    let done = goes_on(&world, &world.stack, MAIN, 10).await;
    assert_eq!((done.state, done.found, done.ran_before, done.queued), (State::Done, 2, 1, 1));
    each_is_invoiced_once(&world, &[won.clone(), live]).await;

    // Edited, and still won: nothing new, neither live nor for another backfill.
    world.sandbox.salesforce.update("Opportunity", &won, json!({"Name": "More desks"}));
    world.settle().await;
    start(&world, MAIN, &wish(20)).await;
    let again = goes_on(&world, &world.stack, MAIN, 10).await;
    assert_eq!((again.ran_before, again.queued), (2, 0));
    assert_eq!(world.runs().await.len(), 2);

    world.sandbox.salesforce.update("Opportunity", &won, json!({"StageName": "Closed Lost"}));
    world.settle().await;
    win(&world, &won);
    win(&world, &open);
    world.settle().await;
    assert_eq!(world.runs().await.len(), 4, "won again, and won at last");
    assert_eq!(world.invoices().len(), 3, "one for each Opportunity");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_share_of_a_days_calls_is_used_and_the_next_day_goes_on() {
    let world = World::new().await;
    let books = world.stack.connections.get(&"books".into()).await.expect("read").expect("there");
    let starter = Connection { daily_limit: Some(1_000), ..(*books).clone() };
    world.stack.connections.save(&starter).await.expect("saved");
    let ids: Vec<String> = (0..260).map(|n| opportunity(&world, &format!("Company {n:03}"))).collect();
    for id in &ids {
        win(&world, id);
    }
    world.advance(DAY);
    world.given_flow(FLOW).await;
    let calls = |world: &World| {
        let calls = world.sandbox.xero.calls();
        calls.iter().filter(|call| call.path.starts_with("/api.xro/")).count()
    };
    let before = calls(&world);
    start(&world, MAIN, &wish(1)).await;
    goes_on(&world, &world.stack, MAIN, 5).await;
    let first_day = progress(&world, MAIN).await;
    assert!(calls(&world) - before <= 10, "{} calls of 1 % of 1,000", calls(&world) - before);
    let xero = first_day.calls.iter().find(|calls| calls.connection == "books").expect("an account");
    assert_eq!((xero.used, xero.allowed), (10, Some(10)));
    assert!(first_day.remaining > 0 && world.invoices().len() < 260, "{first_day:?}");

    // The day's last calls are for what happens now.
    let live = opportunity(&world, "Live");
    win(&world, &live);
    world.settle().await;
    assert!(
        world.invoices().iter().any(|invoice| invoice["Contact"]["Name"] == "Live"),
        "it overtakes them all"
    );

    let mut days = 1;
    while progress(&world, MAIN).await.state == State::Running {
        assert!(days < 10, "{:?}", progress(&world, MAIN).await);
        world.advance(DAY);
        let before = calls(&world);
        goes_on(&world, &world.stack, MAIN, 5).await;
        assert!(calls(&world) - before <= 10, "day {days}: {} calls", calls(&world) - before);
        days += 1;
    }
    let all: Vec<String> = ids.into_iter().chain([live]).collect();
    each_is_invoiced_once(&world, &all).await;
    let told = world.embedded.outbox().mails(10).expect("mails");
    assert!(told.is_empty(), "its own share is no limit that the owner must hear of: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_queued_than_a_page_beyond_a_thousand() {
    let world = World::with(|settings| settings.salesforce.page_size = 500).await;
    accounts(&world, 2_300, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    start(&world, "notice", &wish(20)).await;
    for _ in 0..3 {
        world.advance(Duration::from_secs(60));
        world.keep().await;
        let depth = world.ports().queue.depth(QueueName::RunsBulk).await.expect("a depth");
        assert_eq!(depth, AT_ONCE, "two pages, and no more until they have ended");
    }
    let waiting = progress(&world, "notice").await;
    assert_eq!(waiting.waits.map(|waits| waits.failure.code).as_deref(), Some("enough_queued"));
    assert_eq!((waiting.expected, waiting.queued, waiting.remaining), (Some(2_300), 1_000, 1_000));
    let done = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!((done.state, done.ended[&Status::Succeeded]), (State::Done, 2_300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_stopped_begins_nothing_more_and_the_next_one_does_the_rest() {
    let world = World::with(|settings| settings.salesforce.page_size = 100).await;
    accounts(&world, 350, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    start(&world, "notice", &wish(20)).await;
    assert_eq!(
        code(backfill::start(&world.stack, "notice", &wish(20)).await.expect_err("one at a time")),
        "backfill_running"
    );
    world.advance(Duration::from_secs(60));
    world.keep().await;
    // One batch has its turn.
    world
        .flowing(counterfoil::runtime::pump::runs(&world.stack, QueueName::RunsBulk))
        .await
        .expect("dispatched");
    assert_eq!(world.runs().await.len(), 200);
    let stopped = backfill::stop(&world.stack, "notice").await.expect("stopped");
    assert_eq!(stopped.state, State::Stopped);
    world.drain().await;
    assert_eq!(world.runs().await.len(), 200, "what was queued is dropped");
    assert_eq!(
        code(backfill::stop(&world.stack, "notice").await.expect_err("it has ended")),
        "no_backfill_running"
    );

    start(&world, "notice", &wish(20)).await;
    let done = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!((done.state, done.ran_before, done.queued), (State::Done, 200, 150));
    assert_eq!(world.runs().await.len(), 350);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_paused_waits_and_one_that_is_disabled_or_changed_ends_its_backfill() {
    let world = World::new().await;
    accounts(&world, 20, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    start(&world, "notice", &wish(20)).await;
    lifecycle::pause(&world.stack, "notice").await.expect("paused");
    let waiting = goes_on(&world, &world.stack, "notice", 3).await;
    assert_eq!((waiting.state, waiting.queued), (State::Running, 0));
    assert_eq!(waiting.waits.map(|waits| waits.failure.code).as_deref(), Some("flow_paused"));
    lifecycle::resume(&world.stack, "notice").await.expect("resumed");
    assert_eq!(goes_on(&world, &world.stack, "notice", 3).await.state, State::Done);

    start(&world, "notice", &wish(20)).await;
    lifecycle::disable(&world.stack, "notice").await.expect("disabled");
    assert_eq!(goes_on(&world, &world.stack, "notice", 3).await.state, State::Stopped);

    lifecycle::enable(&world.stack, "notice").await.expect("enabled");
    start(&world, "notice", &wish(20)).await;
    let other = noticing("salesforce.updated_record, object: Contact, fields: [Id]");
    lifecycle::push(&world.stack, "notice", "flow.yaml", &other, BTreeMap::new()).await.expect("pushed");
    let ended = goes_on(&world, &world.stack, "notice", 3).await;
    assert_eq!(
        (ended.state, ended.failure.map(|failure| failure.code).as_deref()),
        (State::Failed, Some("flow_changed"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_lost_costs_a_call_and_no_record() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    accounts(&world, 450, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    let lost = json!([{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]);
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query/", Fault::status(400, lost)).times(1));
    start(&world, "notice", &wish(20)).await;
    let done = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!((done.state, done.queued, done.looked_at), (State::Done, 450, 450));
    assert_eq!(world.runs().await.len(), 450);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_and_a_cursor_that_is_lost_after_it_skip_no_record() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    let salesforce = &world.sandbox.salesforce;
    let hot = |n: usize| salesforce.insert("Account", json!({"Name": format!("Hot {n}"), "Rating": "Hot"}));
    let ids: Vec<String> = (0..600).map(hot).collect();
    world.advance(DAY);
    let head = world.given_flow(&noticing(&format!("{UPDATED}, changed: {{ Rating: {{ to: Hot }} }}"))).await;
    start(&world, "notice", &wish(20)).await;
    let page = async || {
        world.flowing(backfill::work(&world.stack, head.id, world.clock_now())).await.expect("a page");
        world.advance(Duration::from_secs(1));
    };
    page().await;
    // It comes with its new stamp where it stood.
    salesforce.update("Account", &ids[200], json!({"Name": "Edited"}));
    world.advance(Duration::from_secs(5));
    page().await;
    let lost = json!([{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]);
    salesforce.faults().add(Fault::on("GET", "/query/", Fault::status(400, lost)));
    let done = goes_on(&world, &world.stack, "notice", 10).await;
    assert_eq!((done.state, done.queued, done.looked_at), (State::Done, 600, 600));
    assert_eq!(world.runs().await.len(), 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_at_any_operation_loses_and_doubles_nothing() {
    let mut operations = 0;
    loop {
        let world = World::with(|settings| settings.salesforce.page_size = 200).await;
        let ids: Vec<String> = (0..5).map(|n| opportunity(&world, &format!("Company {n}"))).collect();
        for id in &ids {
            win(&world, id);
        }
        world.advance(DAY);
        world.given_flow(FLOW).await;
        let life = Life::of(operations);
        let stack = mortal(&world, &life);
        let work = async {
            // What isn't begun is asked for again.
            let _ = backfill::start(&stack, MAIN, &wish(20)).await;
            let deadline = stack.now() + stack.times.function;
            counterfoil::flow::keep::keep(&stack, deadline).await.expect("kept");
        };
        let lived = world.flowing(life.live(work)).await.is_some();
        let next = world.another_process();
        if backfill::progress(&next, MAIN).await.expect("read").is_none() {
            backfill::start(&next, MAIN, &wish(20)).await.expect("started");
        }
        world.advance(Duration::from_secs(155));
        let done = goes_on(&world, &next, MAIN, 30).await;
        assert_eq!(done.state, State::Done, "died after {operations}: {done:?}");
        assert_eq!((done.queued, done.ended[&Status::Succeeded]), (5, 5), "died after {operations}");
        each_is_invoiced_once(&world, &ids).await;
        if lived {
            return;
        }
        operations += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_invoices_of_xero_are_those_of_the_period_and_new_contacts_those_that_were_made_in_it() {
    let world = World::new().await;
    let ledger = || world.sandbox.xero.ledger();
    let old = ledger().add_contact_named("Old").expect("a contact");
    world.advance(DAY);
    let since = world.clock_now();
    world.advance(Duration::from_secs(5));
    let new = ledger().add_contact_named("New").expect("a contact");
    for (contact, date) in [(&old, "2026-11-20"), (&new, "2026-11-23"), (&old, "2026-11-24")] {
        let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "10", "AccountCode": "200"});
        let fields = json!({"Type": "ACCREC", "Status": "AUTHORISED", "Contact": {"ContactID": contact.id},
            "Date": date, "DueDate": "2026-12-20", "LineItems": [line]});
        ledger().add_invoice(fields).expect("an invoice");
    }
    world.advance(DAY);
    for (trigger, found) in
        [("xero.new_or_updated_invoice, only: new", 2), ("xero.new_or_updated_contact, only: new", 1)]
    {
        let name = trigger.split([',', '.']).nth(1).expect("a name").replace('_', "-");
        let text = noticing(trigger).replace("flow: notice", &format!("flow: {name}"));
        world.given_flow(&text).await;
        start(&world, &name, &Wish { since, until: None, share: 20 }).await;
        let done = goes_on(&world, &world.stack, &name, 5).await;
        assert_eq!((done.state, done.queued), (State::Done, found), "{trigger}: {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_account_stands_in_the_backfills_way_and_in_nobody_elses() {
    let world = World::new().await;
    accounts(&world, 5, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    let schedule = "flow: tick\ntrigger: { type: schedule, cron: '* * * * *' }\nsteps:\n  - set: { a: b }\n";
    world.given_flow(schedule).await;
    start(&world, "notice", &wish(20)).await;
    let connections = world.stack.connections.list().await.expect("read");
    let crm = connections.iter().find(|one| one.provider == Provider::Salesforce).expect("there");
    world.stack.connections.save(&Connection { id: "other".into(), ..(**crm).clone() }).await.expect("saved");
    for _ in 0..3 {
        world.advance(Duration::from_secs(60));
        assert_eq!(world.keep().await.fired, 1);
    }
    let stands = progress(&world, "notice").await;
    assert_eq!((stands.state, stands.queued), (State::Running, 0));
    assert_eq!(stands.waits.map(|waits| waits.failure.code).as_deref(), Some("ambiguous_connection"));
    assert!(world.stack.connections.remove(&"other".into()).await.expect("removed"));
    let done = goes_on(&world, &world.stack, "notice", 5).await;
    assert_eq!((done.state, done.queued), (State::Done, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_won_while_a_backfill_runs_is_the_live_flows_even_when_the_backfill_is_stopped() {
    for stops in [false, true] {
        let world = World::new().await;
        let (won, open) = (opportunity(&world, "Won"), opportunity(&world, "Open"));
        win(&world, &won);
        world.advance(DAY);
        world.given_flow(FLOW).await;
        world.settle().await;
        start(&world, MAIN, &wish(20)).await;
        win(&world, &open);
        // What was won before is the backfill's, though it has just been edited.
        world.sandbox.salesforce.update("Opportunity", &won, json!({"Name": "More desks"}));
        world.advance(Duration::from_secs(60));
        world.keep().await;
        assert_eq!(progress(&world, MAIN).await.queued, 1);
        if stops {
            backfill::stop(&world.stack, MAIN).await.expect("stopped");
        }
        world.settle().await;
        world.advance(Duration::from_secs(60));
        world.settle().await;
        let of_backfill: BTreeMap<bool, usize> =
            world.runs().await.iter().fold(BTreeMap::new(), |mut counts, run| {
                *counts.entry(run.row.message.backfill.is_some()).or_default() += 1;
                counts
            });
        let expected = if stops { vec![(false, 1)] } else { vec![(false, 1), (true, 1)] };
        assert_eq!(of_backfill.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(world.invoices().len(), if stops { 1 } else { 2 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_histories_cost_more_than_a_days_share_is_gone_on_with_day_by_day() {
    let world = World::new().await;
    let books = world.stack.connections.get(&"books".into()).await.expect("read").expect("there");
    let starter = Connection { daily_limit: Some(1_000), ..(*books).clone() };
    world.stack.connections.save(&starter).await.expect("saved");
    for n in 0..200 {
        world.sandbox.xero.ledger().add_contact_named(&format!("Contact {n:03}")).expect("a contact");
    }
    world.advance(DAY);
    world.given_flow(&noticing("xero.new_or_updated_contact, only: new")).await;
    start(&world, "notice", &wish(4)).await;
    let histories = || {
        let calls = world.sandbox.xero.calls().into_iter();
        calls.filter(|call| call.path.ends_with("/History")).map(|call| call.path).collect::<Vec<_>>()
    };
    let (mut days, mut before) = (0, histories().len());
    while progress(&world, "notice").await.state == State::Running {
        assert!(days < 10, "{:?}", progress(&world, "notice").await);
        goes_on(&world, &world.stack, "notice", 5).await;
        assert!(histories().len() - before <= 40, "day {days}: {} calls", histories().len() - before);
        before = histories().len();
        world.advance(DAY);
        days += 1;
    }
    let asked = histories();
    assert_eq!((asked.len(), asked.iter().collect::<BTreeSet<_>>().len()), (200, 200), "each once");
    let done = progress(&world, "notice").await;
    assert_eq!((done.state, done.queued, done.looked_at), (State::Done, 200, 200));
    assert_eq!(world.runs().await.len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_ran_as_live_events_meanwhile_are_not_waited_for() {
    let world = World::with(|settings| settings.salesforce.page_size = 500).await;
    accounts(&world, 1_200, "Old");
    world.advance(DAY);
    world.given_flow(&noticing(UPDATED)).await;
    start(&world, "notice", &wish(20)).await;
    world.keep().await;
    // The same runs, claimed by messages that bear no mark of the backfill.
    let queue = &world.ports().queue;
    loop {
        let some = queue.receive(QueueName::RunsBulk, 10, Duration::from_secs(60)).await.expect("received");
        if some.is_empty() {
            break;
        }
        for delivery in some {
            let message: RunMessage = serde_json::from_str(&delivery.body).expect("a message");
            let live = [RunMessage { bulk: false, backfill: None, ..message }];
            counterfoil::flow::settle::send_all(&world.stack, &live).await.expect("queued");
            queue
                .settle(QueueName::RunsBulk, vec![(delivery.receipt, Settle::Delete)])
                .await
                .expect("deleted");
        }
    }
    world.drain().await;
    let waiting = progress(&world, "notice").await;
    assert_eq!((world.runs().await.len(), waiting.remaining), (1_000, 1_000));
    let done = goes_on(&world, &world.stack, "notice", 40).await;
    assert_eq!((done.state, done.queued, done.remaining), (State::Done, 1_200, 0));
    assert_eq!(done.ended, BTreeMap::from([(Status::Succeeded, 200)]));
    assert_eq!(world.runs().await.len(), 1_200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_past_or_none_that_is_known_is_refused_in_words() {
    let world = World::new().await;
    world.given_flow(&noticing("manual")).await;
    let refused =
        async |wish: &Wish| code(backfill::start(&world.stack, "notice", wish).await.expect_err("refused"));
    assert_eq!(refused(&wish(20)).await, "no_backfill");
    let any = "salesforce.updated_record, object: Account, fields: [Id], changed: { any: [Name] }";
    world.given_flow(&noticing(any)).await;
    assert_eq!(refused(&wish(20)).await, "no_backfill");
    world.given_flow(&noticing(UPDATED)).await;
    let future = Wish { since: world.clock_now() + DAY, ..wish(20) };
    assert_eq!(refused(&future).await, "bad_dates");
    assert_eq!(refused(&wish(0)).await, "bad_share");
    lifecycle::pause(&world.stack, "notice").await.expect("paused");
    assert_eq!(refused(&wish(20)).await, "flow_paused");
    lifecycle::disable(&world.stack, "notice").await.expect("disabled");
    assert_eq!(refused(&wish(20)).await, "flow_disabled");
    assert!(backfill::progress(&world.stack, "notice").await.expect("read").is_none());
}
