//! What enabling and disabling come to, said before they are done; and how a poll is doing, said while it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil::flow::compile::Compiled;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::preview::{self, Preview};
use counterfoil::flow::{lifecycle, poll};
use counterfoil::ports::connector::Bound;
use counterfoil_sandbox::Fault;
use serde_json::json;

use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

const MAIN: &str = "won-opportunity-to-invoice";

async fn pushed(world: &World, name: &str, trigger: &str) -> (FlowHead, Arc<Compiled>) {
    let text = format!("flow: {name}\ntrigger: {{ type: {trigger} }}\nsteps:\n  - set: {{ seen: yes }}\n");
    let pushed =
        lifecycle::push(&world.stack, name, "flow.yaml", &text, BTreeMap::new()).await.expect("pushed");
    let compiled = lifecycle::live(&world.stack, &pushed.head).await.expect("live");
    (pushed.head, compiled)
}

async fn previewed(world: &World, name: &str, trigger: &str) -> Preview {
    let (head, compiled) = pushed(world, name, trigger).await;
    preview::preview(&world.stack, &head, compiled).await.expect("previewed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enabling_says_what_is_so_already_what_fires_and_what_looking_costs_in_one_call() {
    let world = World::new().await;
    for n in 0..5 {
        let deal = opportunity(&world, &format!("Company {n}"));
        if n < 4 {
            win(&world, &deal);
        }
    }
    let pushed =
        lifecycle::push(&world.stack, MAIN, "flow.yaml", FLOW, BTreeMap::new()).await.expect("pushed");
    let compiled = lifecycle::live(&world.stack, &pushed.head).await.expect("live");
    world.sandbox.salesforce.counters().clear();
    let preview = preview::preview(&world.stack, &pushed.head, compiled).await.expect("previewed");
    let calls = world.sandbox.salesforce.calls();
    assert_eq!(calls.iter().filter(|call| call.path.starts_with("/services/data/")).count(), 1, "{calls:?}");
    assert_eq!(preview.fires, "each Opportunity whose StageName becomes Closed Won");
    let already = preview.already.expect("counted");
    assert_eq!((already.counted.count, already.counted.bound), (4, Bound::Exact));
    assert_eq!(already.counted.names, ["Desks"; 3]);
    let polls = preview.polls.expect("polled");
    assert_eq!((polls.a_day, polls.all_a_day, polls.shared_with.len()), (1_440, 1_440, 0));
    assert_eq!(polls.daily_limit, Some(15_000), "as the answers' headers say");
    assert_eq!(preview.missing, []);
    assert!(
        world.runs().await.is_empty()
            && world.stack.flows.named(MAIN).await.expect("there").live_from.is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_what_another_flow_looks_at_costs_nothing_more() {
    let world = World::new().await;
    let account = "salesforce.updated_record, object: Account, fields: [Id]";
    previewed(&world, "first", account).await;
    lifecycle::enable(&world.stack, "first").await.expect("enabled");
    let same = previewed(&world, "second", &format!("{account}, optional_fields: [Phone]")).await;
    let polls = same.polls.expect("polled");
    assert_eq!((polls.shared_with, polls.all_a_day), (vec!["first".to_owned()], 1_440));
    let other = previewed(&world, "third", &format!("{account}, where: Type = 'Customer'")).await;
    assert_eq!(other.fires, "each Account that is new or changes, where Type = 'Customer'");
    let polls = other.polls.expect("polled");
    assert_eq!((polls.shared_with.len(), polls.all_a_day), (0, 2_880));
    let deleted = previewed(&world, "fourth", "salesforce.deleted_record, object: Account").await;
    assert_eq!(deleted.fires, "each Account that is deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xero_is_counted_by_one_small_page() {
    let world = World::new().await;
    let contact = world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    for status in ["DRAFT", "AUTHORISED", "AUTHORISED", "AUTHORISED", "AUTHORISED"] {
        let line = json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "10", "AccountCode": "200"});
        let fields = json!({"Type": "ACCREC", "Status": status, "Contact": {"ContactID": contact.id},
            "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
        world.sandbox.xero.ledger().add_invoice(fields).expect("an invoice");
    }
    let approved = previewed(&world, "approved", "xero.new_or_updated_invoice, status: AUTHORISED").await;
    assert_eq!(approved.fires, "each Xero invoice that is new or changes, status AUTHORISED");
    let counted = approved.already.expect("counted").counted;
    assert_eq!((counted.count, counted.bound, counted.names.len()), (4, Bound::Exact, 3));
    let asked = world.sandbox.xero.calls_to("GET /Invoices");
    assert_eq!(asked, 1);
    let two = previewed(&world, "two", "xero.new_or_updated_invoice, status: [DRAFT, PAID]").await;
    let counted = two.already.expect("counted").counted;
    assert_eq!((counted.count, counted.bound), (1, Bound::Exact), "both statuses are asked for");
    assert_eq!(two.polls.expect("polled").all_a_day, 288);
    let contacts = previewed(&world, "contacts", "xero.new_or_updated_contact, only: new").await;
    assert_eq!(contacts.already.expect("counted").counted.names, ["Acme"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_connection_does_not_allow_is_named_and_nothing_is_asked() {
    let world = World::new().await;
    let preview = previewed(&world, "payments", "xero.new_payment").await;
    assert_eq!(preview.missing.len(), 1);
    assert!(preview.missing[0].failure().message.contains("counterfoil connection"));
    assert_eq!((preview.already.is_none(), world.sandbox.xero.calls_to("GET /Payments")), (true, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_between_the_place_and_now_is_what_disabling_drops() {
    let world = World::new().await;
    let (head, compiled) =
        pushed(&world, "notice", "salesforce.updated_record, object: Account, fields: [Id]").await;
    let nothing = preview::dropped(&world.stack, &head, compiled.clone()).await.expect("asked");
    assert!(nothing.unseen.is_none() && nothing.read_up_to.is_none(), "it has no place");
    lifecycle::enable(&world.stack, "notice").await.expect("enabled");
    world.sandbox.salesforce.insert("Account", json!({"Name": "Seen"}));
    world.settle_later().await;
    world.advance(std::time::Duration::from_secs(60));
    for name in ["Unseen", "Unseen too"] {
        world.sandbox.salesforce.insert("Account", json!({"Name": name}));
    }
    let head = world.stack.flows.named("notice").await.expect("there");
    let dropped = preview::dropped(&world.stack, &head, compiled).await.expect("asked");
    assert_eq!(dropped.queued_of_all_flows, 1);
    let unseen = dropped.unseen.expect("counted");
    assert_eq!((unseen.count, unseen.names.len()), (2, 2), "{unseen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_fails_is_remembered_until_one_goes_well() {
    let world = World::new().await;
    let (_, compiled) =
        pushed(&world, "notice", "salesforce.updated_record, object: Account, fields: [Id]").await;
    let head = lifecycle::enable(&world.stack, "notice").await.expect("enabled");
    let standing =
        async || poll::standing(&world.stack, &head, &compiled).await.expect("read").expect("polled");
    assert_eq!(standing().await, poll::Standing::default(), "not yet");
    world.sandbox.salesforce.faults().add(Fault::on("GET", "/query", Fault::status(503, json!([]))).times(1));
    world.settle_later().await;
    let failed = standing().await.failed.expect("it failed");
    assert_eq!(failed.since.as_second(), world.clock_now().as_second());
    world.settle_later().await;
    let well = standing().await;
    assert!(
        well.failed.is_none() && well.read_up_to.is_some_and(|at| at > head.live_from.expect("live")),
        "{well:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_persons_own_work_is_left_out_is_said_where_the_connection_acts_as_a_person() {
    let world = World::new().await;
    let person = world.given_salesforce_consent("ada", false).await;
    let of_ada = "salesforce.new_record, connection: ada, object: Account";
    let said = previewed(&world, "hers", of_ada).await.left_out.expect("said");
    assert!(said.contains(&person.own_user) && said.contains("`ada`") && said.contains("ignore_own: false"));
    let all = previewed(&world, "all", &format!("{of_ada}, ignore_own: false")).await;
    let machine =
        previewed(&world, "machine", "salesforce.new_record, connection: crm, object: Account").await;
    let changed = "salesforce.updated_record, connection: ada, object: Account, changed: { any: [Rating] }";
    let changed = previewed(&world, "changed", changed).await;
    assert_eq!([all.left_out, machine.left_out, changed.left_out], [None, None, None]);
}
