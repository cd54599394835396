//! Scopes: a flow that its connection doesn't allow is told so before it fails for it.

use std::collections::BTreeMap;

use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::{lifecycle, scopes};

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
