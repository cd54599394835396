//! What a connection may not do: one right that is missing stops what needs it and nothing else, and an organisation that
//! was disconnected asks for a person.

use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::domain::connection::ConnectionState;
use counterfoil_sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::connecting::connection;
use crate::consents::{forget_calls, kept, mails, state, with_books, xero_fault};
use crate::refused::{an_hour_of_refusals, lacks_scope, noticing, scheduled};
use crate::world::World;

const CONTACT: &str = "xero.new_or_updated_contact";
const INVOICE: &str = "xero.new_or_updated_invoice";

/// As Xero says it of an organisation that isn't connected, and perhaps of a user who may not do this.
fn not_authorised() -> FaultKind {
    Fault::status(403, json!({"title": "Forbidden", "status": 403, "detail": "AuthenticationUnsuccessful"}))
}

fn asked_for_the_list(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.path == "/connections").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_the_user_lacks_stops_the_flow_that_needs_it_and_no_other() {
    // Whether the body says nothing, or what it says of an organisation too.
    for (refusal, code, asks) in
        [(Fault::status(403, Value::Null), "forbidden", 0), (not_authorised(), "tenant_not_authorised", 1)]
    {
        let world = World::new().await;
        with_books(&world).await;
        world.given_flow(&noticing("invoices", INVOICE, "")).await;
        world.given_flow(&noticing("contacts", CONTACT, "")).await;
        xero_fault(&world, Fault::on("GET", "/Invoices", refusal).always());
        forget_calls(&world);
        let refused = scheduled(&world.stack, &world, INVOICE).await.failures;
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(asked_for_the_list(&world), asks);
        assert_eq!(state(&world, "books").await, ConnectionState::Active);
        assert_eq!(mails(&world), [format!("[Counterfoil] books needs you: {code}")]);

        world.sandbox.xero.ledger().add_contact_named("Acme Ltd").expect("a contact");
        world.advance(Duration::from_secs(10));
        assert_eq!(scheduled(&world.stack, &world, CONTACT).await.failures, Vec::new());
        world.drain().await;
        let runs = world.runs().await;
        let flows: Vec<&str> = runs.iter().map(|run| run.row.flow_name.as_str()).collect();
        assert_eq!(flows, ["contacts"], "the other goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_was_disconnected_in_xero_needs_a_person_and_goes_on_when_it_is_connected_again()
{
    let world = World::new().await;
    let books = with_books(&world).await;
    world.given_flow(&noticing("contacts", CONTACT, "")).await;
    world.sandbox.xero.disconnect(books.account.parse().expect("a tenant"));
    let refused = scheduled(&world.stack, &world, CONTACT).await.failures;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(state(&world, "books").await, ConnectionState::NeedsReconnect);
    assert_eq!(mails(&world), ["[Counterfoil] books needs you: tenant_not_authorised"]);

    world.sandbox.xero.ledger().add_contact_named("Acme Ltd").expect("a contact");
    with_books(&world).await;
    world.advance(Duration::from_secs(16));
    assert_eq!(scheduled(&world.stack, &world, CONTACT).await.failures, Vec::new());
    world.drain().await;
    assert_eq!(world.runs().await.len(), 1, "nothing is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_lacks_a_right_has_a_new_token_at_once_and_then_four_times_an_hour() {
    let world = World::new().await;
    world.given_flow(&noticing("contacts", CONTACT, "")).await;
    let books = connection(&world, "books").await.expect("there");
    let generation = async || {
        let kept: Value = serde_json::from_str(&kept(&world, &books).await).expect("JSON");
        kept["generation"].as_u64().expect("a number")
    };
    assert_eq!(generation().await, 1);
    xero_fault(&world, Fault::on("GET", "/Contacts", lacks_scope()).always());
    assert_eq!(scheduled(&world.stack, &world, CONTACT).await.failures.len(), 1);
    assert_eq!(scheduled(&world.stack, &world, CONTACT).await.failures.len(), 1);
    assert_eq!(generation().await, 2, "a right that was given a moment ago is in the next token");

    let (calls, _) = an_hour_of_refusals(&world, CONTACT).await;
    let tokens = world.sandbox.xero.calls().iter().filter(|call| call.path == "/connect/token").count();
    println!("an hour of refusals of a machine: {calls} calls, {tokens} token calls");
    assert!((3..=4).contains(&tokens), "{tokens} token calls");
    assert_eq!(
        generation().await,
        2 + tokens as u64,
        "and no more in the vault, which takes a hundred a day"
    );
}
