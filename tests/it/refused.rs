//! What is refused again and again: few calls, few words to the owner, and it goes on by itself when it is mended.

use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::domain::run::Status;
use counterfoil::flow::{Stack, poll};
use counterfoil::runtime::pump;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use serde_json::json;

use crate::consents::{SALESFORCE_TOKEN, forget_calls, mails, spent, with_books, with_crm};
use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

const UPDATED: &str = "salesforce.updated_record";
const CONTACT: &str = "xero.new_or_updated_contact";

/// A flow that does nothing but take notice.
pub(crate) fn noticing(name: &str, trigger: &str, options: &str) -> String {
    format!("flow: {name}\ntrigger: {{ type: {trigger}{options} }}\nsteps:\n  - set: {{ seen: yes }}\n")
}

pub(crate) async fn scheduled(stack: &Stack, world: &World, trigger: &str) -> poll::Report {
    poll::wake(stack, trigger, "schedule").await.expect("woken");
    world.flowing(pump::wakes(stack, trigger)).await.expect("polled").expect("woken")
}

/// Calls of both APIs, without those for tokens.
fn calls(world: &World) -> usize {
    let calls = world.sandbox.xero.calls().into_iter().chain(world.sandbox.salesforce.calls());
    let of_api = |path: &str| path.starts_with("/services/data/") || path.starts_with("/api.xro/");
    calls.filter(|call| of_api(&call.path)).count()
}

fn expired() -> FaultKind {
    Fault::status(401, json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]))
}

pub(crate) fn lacks_scope() -> FaultKind {
    let headers = vec![("www-authenticate".to_owned(), "Bearer error=\"insufficent_scope\"".to_owned())];
    FaultKind::Status { code: 401, body: Value::Null, headers }
}

/// By whatever grant.
fn tokens_asked_for(world: &World) -> usize {
    world.sandbox.salesforce.calls().iter().filter(|call| call.path == SALESFORCE_TOKEN).count()
}

/// An hour of polls each minute by two processes in turn, all of which are refused.
pub(crate) async fn an_hour_of_refusals(world: &World, trigger: &str) -> (usize, usize) {
    forget_calls(world);
    let other = world.another_process();
    for minute in 0..60 {
        let stack = if minute % 2 == 0 { &world.stack } else { &other };
        assert_eq!(scheduled(stack, world, trigger).await.failures.len(), 1);
        world.advance(Duration::from_mins(1));
    }
    (calls(world), spent(world).len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_persists_costs_a_consent_few_calls_whether_its_refresh_tokens_rotate_or_not() {
    for rotating in [true, false] {
        let world = World::new().await;
        with_crm(&world, rotating).await;
        world.given_flow(&noticing("accounts", UPDATED, ", object: Account")).await;
        let faults = world.sandbox.salesforce.faults();
        faults.add(Fault::on("GET", "/query", expired()).always());
        let (calls, refreshes) = an_hour_of_refusals(&world, UPDATED).await;
        println!("rotating {rotating}: {calls} calls and {refreshes} refreshes in an hour of 401s");
        assert!(calls <= 10 && refreshes <= 4, "{calls} calls, {refreshes} refreshes");
        assert_eq!(mails(&world).len(), 1, "{:?}", mails(&world));

        faults.clear();
        world.advance(Duration::from_mins(15));
        world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
        world.advance(Duration::from_secs(10));
        assert_eq!(scheduled(&world.stack, &world, UPDATED).await.failures, Vec::new());
        world.drain().await;
        assert_eq!(world.runs().await.len(), 1, "nothing is lost");
        world.sandbox.salesforce.faults().add(Fault::on("GET", "/query", expired()).always());
        scheduled(&world.stack, &world, UPDATED).await;
        assert_eq!(mails(&world).len(), 2, "it had come back: {:?}", mails(&world));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_persists_in_xero_costs_a_consent_few_calls_too() {
    let world = World::new().await;
    with_books(&world).await;
    world.given_flow(&noticing("contacts", CONTACT, "")).await;
    let refused = Fault::on("GET", "/Contacts", Fault::status(401, Value::Null)).always();
    world.sandbox.xero.harness().faults.add(refused);
    let (calls, refreshes) = an_hour_of_refusals(&world, CONTACT).await;
    println!("xero: {calls} calls and {refreshes} refreshes in an hour of 401s");
    assert!(calls <= 10 && refreshes <= 5, "{calls} calls, {refreshes} refreshes");
}

/// Two 401s that look like an expired session's, and that no token mends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_only_looks_like_an_expired_session_asks_for_a_token_once_in_a_quarter_of_an_hour_at_most()
{
    for message in
        ["This session is not valid for use with the REST API", "Connected app is not attached to Agent"]
    {
        // A consent's token changes with the consent only.
        for (is_consent, most) in [(true, 0), (false, 4)] {
            let world = World::new().await;
            if is_consent {
                with_crm(&world, false).await;
            }
            world.given_flow(&noticing("accounts", UPDATED, ", object: Account")).await;
            let answer = json!([{"errorCode": "INVALID_SESSION_ID", "message": message}]);
            let faults = world.sandbox.salesforce.faults();
            faults.add(Fault::on("GET", "/query", Fault::status(401, answer)).always());
            let (calls, _) = an_hour_of_refusals(&world, UPDATED).await;
            let tokens = tokens_asked_for(&world);
            println!("{message}, consent {is_consent}: {calls} calls and {tokens} tokens in an hour");
            assert!(calls <= 60, "once a poll: {calls}");
            assert!(tokens <= most, "{tokens} tokens");
            assert_eq!(mails(&world).len(), 1, "{:?}", mails(&world));

            faults.clear();
            assert_eq!(scheduled(&world.stack, &world, UPDATED).await.failures, Vec::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_told_once_a_day_and_again_when_it_had_come_back() {
    let world = World::new().await;
    world.given_flow(&noticing("contacts", CONTACT, "")).await;
    let faults = &world.sandbox.xero.harness().faults;
    faults.add(Fault::on("GET", "/Contacts", lacks_scope()).always());
    for _ in 0..23 {
        world.advance(Duration::from_hours(1));
        scheduled(&world.stack, &world, CONTACT).await;
    }
    assert_eq!(mails(&world).len(), 1, "{:?}", mails(&world));
    for _ in 0..2 {
        world.advance(Duration::from_hours(1));
        scheduled(&world.stack, &world, CONTACT).await;
    }
    assert_eq!(mails(&world).len(), 2, "a day later: {:?}", mails(&world));

    faults.clear();
    scheduled(&world.stack, &world, CONTACT).await;
    faults.add(Fault::on("GET", "/Contacts", lacks_scope()).always());
    scheduled(&world.stack, &world, CONTACT).await;
    assert_eq!(mails(&world).len(), 3, "it had come back: {:?}", mails(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_on_after_it_was_parked_shows_that_its_connection_is_well() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let faults = &world.sandbox.xero.harness().faults;
    for (deal, told) in [("One Ltd", 1), ("Two Ltd", 2)] {
        faults.add(Fault::on("PUT", "/Invoices", lacks_scope()).always());
        let id = opportunity(&world, deal);
        world.settle().await;
        win(&world, &id);
        world.settle().await;
        for _ in 0..3 {
            world.advance(Duration::from_mins(16));
            world.keep().await;
            world.drain().await;
        }
        assert_eq!(world.statuses().await.get(&Status::Parked), Some(&1));
        assert_eq!(mails(&world).len(), told, "{:?}", mails(&world));
        faults.clear();
        world.advance(Duration::from_mins(16));
        world.keep().await;
        world.drain().await;
        assert_eq!(world.invoices().len(), told);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_flows_that_are_refused_for_what_they_share_go_on_sharing_one_poll() {
    let world = World::new().await;
    for n in 0..10 {
        world.given_flow(&noticing(&format!("flow-{n}"), UPDATED, ", object: Account")).await;
    }
    let lost = json!([{"errorCode": "INVALID_TYPE", "message": "sObject type 'Account' is not supported."}]);
    let faults = world.sandbox.salesforce.faults();
    faults.add(Fault::on("GET", "/query", Fault::status(400, lost)).always());
    forget_calls(&world);
    for _ in 0..60 {
        world.advance(Duration::from_mins(1));
        assert_eq!(scheduled(&world.stack, &world, UPDATED).await.failures.len(), 1);
    }
    let refused = calls(&world);
    println!("an hour of refused polls of ten flows: {refused} calls");
    assert!(refused <= 60 + 4 * 10, "{refused} calls");

    faults.clear();
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    world.advance(Duration::from_mins(1));
    forget_calls(&world);
    scheduled(&world.stack, &world, UPDATED).await;
    assert_eq!(calls(&world), 1, "one poll for all of them");
    world.drain().await;
    assert_eq!(world.runs().await.len(), 10, "and none has lost anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_flows_that_are_refused_each_for_its_own_field_one_that_is_mended_goes_on_at_once() {
    let world = World::new().await;
    let fields = |name: &str, field: &str| {
        noticing(name, UPDATED, &format!(", object: Account, fields: [Id, {field}]"))
    };
    for (name, bad) in [("first", "Fone__c"), ("second", "Fax__c")] {
        world.given_flow(&fields(name, "Name")).await;
        let text = fields(name, bad);
        world.stack.flows.push(name, "flow.yaml", &text, Default::default()).await.expect("pushed");
    }
    for _ in 0..3 {
        world.advance(Duration::from_mins(1));
        assert_eq!(scheduled(&world.stack, &world, UPDATED).await.failures.len(), 1);
    }
    world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
    let mended = fields("second", "Name");
    world.stack.flows.push("second", "flow.yaml", &mended, Default::default()).await.expect("pushed");
    world.advance(Duration::from_mins(1));
    scheduled(&world.stack, &world, UPDATED).await;
    world.drain().await;
    let runs = world.runs().await;
    let flows: Vec<&str> = runs.iter().map(|run| run.row.flow_name.as_str()).collect();
    assert_eq!(flows, ["second"]);
}
