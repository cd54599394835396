//! Scopes: a flow that its connection doesn't allow is told so before it fails for it.

use std::collections::BTreeMap;

use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connect::{self, Wanted};
use counterfoil::flow::{lifecycle, scopes};
use secrecy::SecretString;

use crate::world::World;

const FLOW: &str = r#"
flow: paid
trigger: { type: xero.new_or_updated_invoice }
steps:
  - id: any
    branch:
      when: record.Total > 0
      steps:
        - action: xero.upsert_contact
          with: { Name: "{{ record.Contact.Name }}" }
  - action: xero.find_invoice
    connection: "{{ record.Reference }}"
    with: { InvoiceNumber: "{{ record.InvoiceNumber }}" }
connections: [books, more-books]
"#;

const PAYMENTS: &str = "
flow: payments
trigger: { type: xero.new_payment }
steps: [{ set: { amount: '{{ record.Amount }}' } }]
";

async fn pushed(world: &World, given: &[&str]) {
    let name = ConnectionId::from("books");
    let books = world.stack.connections.get(&name).await.expect("read").expect("there");
    let scopes = given.iter().map(|scope| (*scope).to_owned()).collect();
    world.stack.connections.save(&Connection { scopes, ..(*books).clone() }).await.expect("saved");
    lifecycle::push(&world.stack, "paid", "flow.yaml", FLOW, BTreeMap::new()).await.expect("pushed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_whose_steps_need_more_than_the_connection_allows_is_not_enabled() {
    let world = World::new().await;
    pushed(&world, &["accounting.invoices", "accounting.contacts.read"]).await;
    let refused = lifecycle::enable(&world.stack, "paid").await.expect_err("is refused").failure();
    assert_eq!(refused.code, "missing_scope");
    for word in ["accounting.contacts", "xero.upsert_contact", "counterfoil connection", "`books`"] {
        assert!(refused.message.contains(word), "{refused}");
    }
    pushed(&world, &["accounting.invoices.read", "accounting.contacts"]).await;
    lifecycle::enable(&world.stack, "paid").await.expect("reading is enough for what only reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_flows_need_of_a_connection_is_the_sum_of_what_they_do_there() {
    let world = World::new().await;
    pushed(&world, &[]).await;
    let needed = async |name: &str| {
        let name = ConnectionId::from(name);
        let scopes = scopes::needed(&world.stack, Provider::Xero, &name).await.expect("known");
        scopes.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(needed("books").await, ["accounting.contacts", "accounting.invoices.read"]);
    // The trigger and the first step go to the only one there is, the second to one that it names.
    assert_eq!(needed("more-books").await, needed("books").await);
    let salesforce = scopes::needed(&world.stack, Provider::Salesforce, &ConnectionId::from("crm")).await;
    assert!(salesforce.expect("known").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_connected_without_scopes_asks_for_what_the_flows_need_and_the_actions_write_with()
{
    let world = World::new().await;
    lifecycle::push(&world.stack, "payments", "flow.yaml", PAYMENTS, BTreeMap::new()).await.expect("pushed");
    let books = world.stack.connections.named("books").await.expect("there");
    let wanted = Wanted { scopes: Vec::new(), ..Wanted::again(&books) };
    let secret = SecretString::from("sandbox-secret");
    let (connected, _) =
        world.flowing(connect::connect(&world.stack, wanted, secret)).await.expect("connected");
    let asked =
        ["accounting.contacts", "accounting.invoices", "accounting.payments.read", "accounting.settings"];
    assert_eq!(connected.scopes, asked);
    world.flowing(lifecycle::enable(&world.stack, "payments")).await.expect("it may read payments");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_opens_everything_that_there_is_for_xero_asks_for_nothing_twice() {
    let world = World::new().await;
    let all = scopes::of_everything(&world.stack.catalog, Provider::Xero);
    let opened = Connection {
        scopes: all.clone(),
        granted_scopes: Vec::new(),
        ..(*world.stack.connections.named("books").await.expect("there")).clone()
    };
    let connector = world.stack.catalog.connector(Provider::Xero).expect("there");
    for (about, _) in world.stack.catalog.actions() {
        assert!(about.scope.is_none_or(|scope| connector.allows(&opened, scope)), "{}", about.id);
    }
    for about in world.stack.catalog.trigger_descriptions() {
        assert!(about.scope.is_none_or(|scope| connector.allows(&opened, scope)), "{}", about.id);
    }
    assert!(all.iter().all(|scope| !all.contains(&format!("{scope}.read"))), "{all:?}");
}
